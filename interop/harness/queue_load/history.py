"""What clients of a queue note. Everything carries a name of its own, so that each copy of a message can be followed."""

from dataclasses import dataclass, field
from typing import NamedTuple

DELIVERED = "delivered"
ACK = "ack"
NACK = "nack"


class Copy(NamedTuple):
    """One publish of a message. A message that was not confirmed on one connection is published again on the next, and may
    be in the queue twice: as two copies."""

    publisher: str
    connection: int
    number: int

    @property
    def line(self) -> tuple[str, int]:
        """Copies of one line are in the queue in the order of their numbers."""
        return self.publisher, self.connection

    def encode(self) -> bytes:
        """The message's body."""
        return f"{self.publisher} {self.connection} {self.number}".encode()

    @classmethod
    def decode(cls, body: bytes) -> "Copy":
        """Of a body."""
        publisher, connection, number = body.decode().split(" ")
        return cls(publisher, int(connection), int(number))


@dataclass(slots=True, frozen=True)
class Delivery:
    """A copy that came to a consumer."""

    copy: Copy
    redelivered: bool = False
    # How often it had been given out before, as the server says.
    acquired: int = 0
    # The fencing token of a single active consumer.
    epoch: int = 0


@dataclass(slots=True, frozen=True)
class Event:
    """What a consumer was given, or said, and when."""

    kind: str
    delivery: Delivery
    at: float = 0.0


@dataclass(slots=True)
class Session:
    """What one attachment of a consumer saw and said, in order. A delivery is noted before anything is said of it."""

    consumer: str
    node: int
    prefetch: int
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Published:
    """What one publisher was told."""

    publisher: str
    # How many copies it sent.
    sent: int = 0
    # What was confirmed: copies, not only messages.
    confirmed: set[Copy] = field(default_factory=set)
    # Copies that the server would not answer for.
    refused: int = 0
