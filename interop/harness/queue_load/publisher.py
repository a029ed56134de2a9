"""A client that publishes numbers with confirms, many unconfirmed at a time."""

import time
from collections.abc import Callable
from typing import Any

from pika import spec

from harness.load import Pace
from harness.queue_load.client import Client
from harness.queue_load.history import Copy, Published
from harness.queue_load.wire import Closed, Wire

_BATCH_MAX = 20


class Publisher(Client):
    """Publishes 1, 2, 3 ... What was not confirmed when a connection ends is published again, in order, on the next one, before
    anything new; so the first copy of each number comes after the first copy of the number before."""

    def __init__(
        self,
        *args: Any,
        rate: float,
        unconfirmed_max: int = 100,
        may_publish: Callable[[], bool] = lambda: True,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.published = Published(self.name)
        self.pace = Pace()
        self._unconfirmed_max = unconfirmed_max
        self._rate = rate
        self._may_publish = may_publish
        # Without a confirmed copy so far, ascending.
        self._open: list[int] = []
        self._last = 0

    @property
    def is_done(self) -> bool:
        return not self._open

    def work(self, wire: Wire) -> None:
        wire.send(spec.Confirm.Select())
        wire.expect(spec.Confirm.SelectOk)
        connection = self.connections
        again = list(self._open)
        # By sequence number on this connection, ascending.
        sent: dict[int, Copy] = {}
        sequence = 0
        next_at = time.monotonic()
        while not (self.is_leaving and not sent and not again):
            batch = []
            while len(sent) + len(batch) < self._unconfirmed_max and len(batch) < _BATCH_MAX:
                if again:
                    number = again.pop(0)
                elif self.is_leaving or next_at > time.monotonic() or not self._may_publish():
                    break
                else:
                    self._last += 1
                    number = self._last
                    self._open.append(number)
                    # At most a little is made up for.
                    next_at = max(next_at + 1 / self._rate, time.monotonic() - 0.2)
                batch.append(Copy(self.name, connection, number))
            if batch:
                for copy in batch:
                    sequence += 1
                    sent[sequence] = copy
                self.published.sent += len(batch)
                wire.publish(self.queue, *(copy.encode() for copy in batch))
            self._note(wire, sent)

    def _note(self, wire: Wire, sent: dict[int, Copy]) -> None:
        method = wire.receive(0.01)
        while method is not None:
            if isinstance(method, spec.Basic.Ack):
                for sequence in _meant(method, sent):
                    copy = sent.pop(sequence)
                    self.published.confirmed.add(copy)
                    self._open.remove(copy.number)
                    self.pace.answered()
            elif isinstance(method, spec.Basic.Nack):
                # Nobody knows what came of it, but what was sent behind it counts: it begins anew from there.
                self.published.refused += len(_meant(method, sent))
                raise Closed("not confirmed")
            else:
                raise AssertionError(f"a publisher was sent {method}")
            method = wire.receive(0) if wire.has_more else None


def _meant(method: Any, sent: dict[int, Copy]) -> list[int]:
    if not method.multiple:
        assert method.delivery_tag in sent, f"{method} confirms what is not open"
        return [method.delivery_tag]
    return [sequence for sequence in sent if sequence <= method.delivery_tag]
