"""A client that takes messages, notes them, and acknowledges them or gives them back."""

import time
from typing import Any

from pika import spec

from harness.load import Pace
from harness.queue_load.client import Client
from harness.queue_load.history import ACK, DELIVERED, NACK, Copy, Delivery, Event, Session
from harness.queue_load.resource import Resource
from harness.queue_load.wire import Closed, Content, Wire


class Consumer(Client):
    """Works on messages one after another, and gives some back. With a resource it works in order, however many messages it is
    given at a time: see `_Turn`."""

    def __init__(
        self, *args: Any, prefetch: int = 10, failing: float = 0.0, resource: Resource | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.sessions: list[Session] = []
        self.pace = Pace()
        self.acknowledged = 0
        self.prefetch = prefetch
        self.failing = failing
        self.resource = resource

    @property
    def is_done(self) -> bool:
        return True

    def work(self, wire: Wire) -> None:
        session = Session(f"{self.name}.{self.connections}", self.node, self.prefetch)
        self.sessions.append(session)
        wire.send(spec.Basic.Qos(prefetch_count=self.prefetch))
        wire.expect(spec.Basic.QosOk)
        wire.send(spec.Basic.Consume(queue=self.queue, consumer_tag="c"))
        wire.expect(spec.Basic.ConsumeOk)
        turn = _Turn(self, wire, session)
        while not self.is_leaving:
            content = wire.receive(0.05)
            if content is None:
                turn.acknowledge()
                continue
            if isinstance(content, spec.Basic.Cancel):
                raise Closed("cancelled")
            assert isinstance(content, Content), content
            delivery = _read(content)
            session.events.append(Event(DELIVERED, delivery, time.monotonic()))
            self.pace.answered()
            turn.take(content.method.delivery_tag, delivery)
        turn.acknowledge()


class _Turn:
    """What a consumer has in its hands.

    Where order counts, nothing is worked on while something from before it has been given back and did not come again: it waits in the consumer's
    hands, or is given back, too.
    """

    def __init__(self, consumer: Consumer, wire: Wire, session: Session) -> None:
        self._consumer = consumer
        self._wire = wire
        self._session = session
        self._random = consumer.random
        # Where copies are in the queue: they come for the first time in this order.
        self._places: dict[Copy, int] = {}
        # The places of what was given back.
        self._away: set[int] = set()
        # What waits in its hands, by place.
        self._waiting: dict[int, tuple[int, Delivery]] = {}
        # Worked on, and not said so yet.
        self._done: list[tuple[int, Delivery]] = []

    def take(self, tag: int, delivery: Delivery) -> None:
        """Does something with a delivery."""
        place = self._places.setdefault(delivery.copy, len(self._places))
        self._away.discard(place)
        self._waiting[place] = (tag, delivery)
        in_order = self._consumer.resource is not None
        if in_order and any(away < place for away in self._away):
            if self._random.random() < 0.5:
                self._give_back(place)
            return
        while self._waiting:
            first = min(self._waiting)
            if in_order and any(away < first for away in self._away):
                return
            if self._random.random() < self._consumer.failing:
                self._give_back(first)
            else:
                self._work(first)

    def _work(self, place: int) -> None:
        tag, delivery = self._waiting.pop(place)
        resource = self._consumer.resource
        if resource is not None and not resource.work(delivery):
            raise Closed("fenced off")
        self._done.append((tag, delivery))
        if len(self._done) >= self._random.randint(1, self._consumer.prefetch):
            self.acknowledge()

    def _give_back(self, place: int) -> None:
        self.acknowledge()
        tag, delivery = self._waiting.pop(place)
        self._away.add(place)
        self._session.events.append(Event(NACK, delivery, time.monotonic()))
        self._wire.send(spec.Basic.Nack(delivery_tag=tag, requeue=True))

    def acknowledge(self) -> None:
        """Says what was worked on: all at once where nothing else is in its hands."""
        if not self._done:
            return
        now = time.monotonic()
        self._session.events.extend(Event(ACK, delivery, now) for _, delivery in self._done)
        self._consumer.acknowledged += len(self._done)
        tags = sorted(tag for tag, _ in self._done)
        self._done.clear()
        if any(tag < tags[-1] for tag, _ in self._waiting.values()):
            self._wire.send(*(spec.Basic.Ack(delivery_tag=tag) for tag in tags))
        else:
            self._wire.send(spec.Basic.Ack(delivery_tag=tags[-1], multiple=True))


def _read(content: Content) -> Delivery:
    headers = content.properties.headers or {}
    return Delivery(
        Copy.decode(content.body),
        redelivered=content.method.redelivered,
        acquired=headers.get("x-acquired-count", 0),
        epoch=headers.get("x-consumer-epoch", 0),
    )
