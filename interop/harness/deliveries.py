"""What publishers and consumers of one queue have seen, and whether it can be so."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Deliveries:
    """Messages are known by their bodies, of which no two are published alike."""

    # What a publisher was told is safe. What else was published may have come or not.
    confirmed: set[str] = field(default_factory=set)
    first: Counter[str] = field(default_factory=Counter)
    # With the redelivered flag.
    again: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, confirmed: Iterable[str], delivered: Iterable[tuple[str, bool]]) -> "Deliveries":
        """From lists that a program has made; each delivery with its redelivered flag."""
        deliveries = cls(set(confirmed))
        for body, redelivered in delivered:
            deliveries.note(body, redelivered)
        return deliveries

    def note(self, body: str, redelivered: bool) -> None:
        """One delivery."""
        (self.again if redelivered else self.first)[body] += 1

    @property
    def missing(self) -> set[str]:
        """What is safe and has not come."""
        return self.confirmed - self.first.keys() - self.again.keys()

    def wrong(self) -> list[str]:
        """What must not be, in words: nothing when all is well."""
        unflagged = [body for body, count in self.first.items() if count > 1]
        found = []
        if self.missing:
            found.append(f"{len(self.missing)} of {len(self.confirmed)} confirmed messages are lost: {sorted(self.missing)[:5]}")
        if unflagged:
            found.append(f"{len(unflagged)} messages came again without the redelivered flag: {sorted(unflagged)[:5]}")
        return found

    def __str__(self) -> str:
        return f"{len(self.confirmed)} confirmed, {self.first.total()} delivered once, {self.again.total()} again"
