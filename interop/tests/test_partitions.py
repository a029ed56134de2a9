"""Queues with partitions: consumers come, go and are killed, and so is a node; each partition has one of them at a time, and each key is in order."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pika
import pytest

from harness.partitions import Ledger, Publisher, Worker, finish, go_on
from harness.queues import Brokers
from harness.waiting import wait_for

pytestmark = pytest.mark.quorate_only

PARTITIONS = 8
KEYS = 20


class Scene:
    """A queue, an exchange that leads to it by any key, two publishers with keys of their own, and workers."""

    def __init__(self, brokers: Brokers, stack: ExitStack) -> None:
        self.brokers = brokers
        self.queue = f"partitions-{uuid.uuid4().hex}"
        self.ledger = Ledger()
        self._stack = stack
        with brokers.connect() as connection:
            channel = connection.channel()
            channel.exchange_declare(self.queue, "topic", durable=True)
            channel.queue_declare(self.queue, durable=True, arguments={"x-partitions": PARTITIONS})
            channel.queue_bind(self.queue, self.queue, "#")

    def publishers(self, nodes: list[int]) -> list[Publisher]:
        """Publishers at these nodes, started."""
        keys = [[f"{n}-{key}" for key in range(KEYS)] for n, _ in enumerate(nodes)]
        made = [Publisher(self.brokers, node, self.queue, keys[n]) for n, node in enumerate(nodes)]
        return [self._stack.enter_context(publisher) for publisher in made]

    def worker(self, name: str, node: int) -> Worker:
        """A worker that begins at a node."""
        addresses = self.brokers.addresses
        at = node % len(addresses)
        return self._stack.enter_context(Worker(name, self.queue, addresses[at:] + addresses[:at], self.ledger))

    def check(self, workers: list[Worker]) -> None:
        """All is done, and the partitions are shared out evenly among those who are left."""
        with self.brokers.connect(len(self.brokers.addresses) - 1) as connection:
            channel = connection.channel()
            # Its last acknowledgements may be under way.
            wait_for("an empty queue", lambda: self._ready(channel) == 0)
            channel.queue_delete(self.queue)
            channel.exchange_delete(self.queue)
        assert self.is_even(workers), self.ledger.shares()
        assert not self.ledger.wrong

    def is_even(self, workers: list[Worker]) -> bool:
        """Whether the partitions are shared out evenly among these, as far as deliveries have shown."""
        shares = self.ledger.shares()
        sessions = {worker.session for worker in workers}
        return set(shares) == sessions and max(shares.values()) - min(shares.values()) <= 1

    def _ready(self, channel: pika.adapters.blocking_connection.BlockingChannel) -> int:
        return channel.queue_declare(self.queue, passive=True).method.message_count


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_each_partition_has_one_consumer_at_a_time_and_each_key_is_in_order(
    brokers: Brokers, stack: ExitStack, measured: Callable[[str], None]
) -> None:
    scene = Scene(brokers, stack)
    ledger = scene.ledger
    first, second = scene.worker("first", 0), scene.worker("second", 1)
    publishers = scene.publishers([0, 1])
    go_on(ledger, "at the beginning")
    third = scene.worker("third", 2)
    go_on(ledger, "with a third consumer")
    first.kill()
    go_on(ledger, "after one was killed")
    fourth = scene.worker("fourth", 0)
    second.end()
    go_on(ledger, "after one has left")
    wait_for("new ones to have their shares", lambda: scene.is_even([third, fourth]))
    finish(ledger, publishers)
    scene.check([third, fourth])
    measured(f"{ledger.worked} deliveries, {ledger.rejected} kept out by the fencing token")


def test_a_node_is_killed_with_its_consumers_connections(
    mortal_brokers: Brokers, stack: ExitStack, measured: Callable[[str], None]
) -> None:
    scene = Scene(mortal_brokers, stack)
    ledger = scene.ledger
    dead = mortal_brokers.leader()
    others = [node for node in range(3) if node != dead]
    workers = [scene.worker(f"at-{node}", node) for node in range(3)]
    publishers = scene.publishers(others)
    go_on(ledger, "at the beginning")
    wait_for("all to have a share", lambda: {worker.session for worker in workers} == set(ledger.shares()))
    mortal_brokers.nodes[dead].kill()
    wait_for("the worker of the dead node to be elsewhere", lambda: workers[dead].session.endswith(".0") is False, 20)
    go_on(ledger, "after a node was killed")
    wait_for("all to have their shares again", lambda: scene.is_even(workers), 20)
    finish(ledger, publishers)
    scene.brokers = Brokers([mortal_brokers.addresses[node] for node in others])
    scene.check(workers)
    measured(f"{ledger.worked} deliveries, {ledger.rejected} kept out by the fencing token")
