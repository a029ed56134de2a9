"""Three nodes of queues are killed and stopped under load: nothing that was confirmed is lost, nothing comes twice without saying so, and where
one consumer at a time is promised, order holds.

Publishers keep up to 100 messages unconfirmed and publish again what was not confirmed when a connection breaks; consumers note what they are given
before they say anything of it, and give some back. What they noted is compared in `harness.queue_audit`.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness import Cluster, Node, connected, wait_for
from harness.queue_audit import check_ordered, check_queue, unsettled
from harness.queue_load import Consumer, Publisher, Resource, Session
from harness.queues import Brokers

pytestmark = pytest.mark.quorate_only

# A promise of the project: any one node lost, publishers on the others go on.
CONFIRMS_RESUME_SECONDS = 2.0
CALM_SECONDS = 1.5
RECOVERY_SECONDS = 30.0
# Beyond what one fault keeps consumers from working.
BACKLOG_SECONDS = 10.0
FAILING = 0.02
HEARTBEAT_SECONDS = 2


class Line:
    """A queue with its publishers and its consumers."""

    def __init__(self, scene: "Scene", name: str, ordered: bool, prefetches: list[int], rates: list[float]) -> None:
        self.name = name
        self.ordered = ordered
        self.resource = Resource() if ordered else None
        self.waiting_max = BACKLOG_SECONDS * sum(rates)
        common = {"addresses": scene.addresses, "queue": name, "seed": scene.seed}
        self.publishers = [
            Publisher(f"{name}-p{n}", node=n, heartbeat=HEARTBEAT_SECONDS, rate=rate, may_publish=self.has_room, **common)
            for n, rate in enumerate(rates)
        ]
        # Half of them never leave a node that only says nothing.
        self.consumers = [
            Consumer(
                f"{name}-c{n}", node=n, heartbeat=HEARTBEAT_SECONDS * (n % 2),
                prefetch=prefetch, failing=FAILING, resource=self.resource, **common,
            )
            for n, prefetch in enumerate(prefetches)
        ]  # fmt: skip
        arguments = {"x-single-active-consumer": True} if ordered else {}
        with scene.brokers.connect() as connection:
            # Messages that fail often must not end as dead letters.
            connection.channel().queue_declare(name, durable=True, arguments=arguments | {"x-delivery-limit": -1})

    def start(self) -> None:
        for client in [*self.consumers, *self.publishers]:
            client.start()

    def has_room(self) -> bool:
        """Whether consumers keep up, more or less: what waits has to be worked off in the end."""
        confirmed = sum(len(publisher.published.confirmed) for publisher in self.publishers)
        return confirmed - sum(consumer.acknowledged for consumer in self.consumers) < self.waiting_max

    def settle(self) -> None:
        """No more publishes; consumers work until all that was confirmed is acknowledged, and leave."""
        for publisher in self.publishers:
            publisher.begin_stop()
        for publisher in self.publishers:
            publisher.stop()
        published = [publisher.published for publisher in self.publishers]
        settled = lambda: self.failed() or not unsettled(published, self.sessions())  # noqa: E731
        wait_for(f"all of {self.name} to be settled", settled, RECOVERY_SECONDS, 0.2)
        # Copies that nobody confirmed come, too.
        time.sleep(0.5)
        for consumer in self.consumers:
            consumer.begin_stop()
        for consumer in self.consumers:
            consumer.stop()

    def failed(self) -> bool:
        return any(client.failure for client in [*self.consumers, *self.publishers])

    def sessions(self) -> list[Session]:
        return [session for consumer in self.consumers for session in consumer.sessions]

    def check(self, scene: "Scene") -> None:
        counts = check_queue([publisher.published for publisher in self.publishers], self.sessions())
        if self.resource is not None:
            check_ordered(self.sessions(), self.resource.accepted)
        with scene.brokers.connect() as connection:
            left = connection.channel().queue_declare(self.name, passive=True).method.message_count
        assert left == 0, f"{left} messages are left in {self.name}"
        refused = sum(publisher.published.refused for publisher in self.publishers)
        rejected = f", {self.resource.rejected} kept out by the fencing token" if self.resource else ""
        scene.measured(f"{self.name}: {counts}, {refused} refused, {len(self.sessions())} attachments{rejected}")
        assert counts.confirmed > 50, "too little load to show anything"


class Scene:
    """Three nodes, and lines on them."""

    def __init__(self, cluster: Cluster, measured: Callable[[str], None], seed: str) -> None:
        self.cluster = cluster
        self.measured = measured
        self.seed = seed
        self.random = random.Random(seed)
        self.addresses = [("127.0.0.1", node.amqp_port) for node in cluster.nodes]
        self.brokers = Brokers(self.addresses)
        self.brokers.wait_ready()
        self.lines: list[Line] = []

    def add(self, name: str, ordered: bool, prefetches: list[int], rates: list[float]) -> Line:
        """A queue, with a publisher for each rate, messages a second, and a consumer for each prefetch."""
        line = Line(self, name, ordered, prefetches, rates)
        self.lines.append(line)
        return line

    def start(self) -> None:
        for line in self.lines:
            line.start()
        self._spread()

    def shard_leader(self, line: Line) -> Node:
        """Who leads the shard of a queue; somebody, when nobody says."""
        with connected(self.cluster.hosts) as client:
            shard = _shard_of(client.get(f"/quorate/vhosts/%2F/queues/{line.name}")[0])

        def leader() -> Node | None:
            for node in self.cluster.nodes:
                groups = node.status().get("groups", [])
                if len(groups) < 2:
                    return self.random.choice(self.cluster.nodes)
                said = {group["group"]: group["leader"] for group in groups}.get(shard)
                if said is not None:
                    return self.cluster.nodes[said - 1]
            return None

        return wait_for(f"a leader of shard {shard}", leader)

    def active_node(self, line: Line) -> Node:
        """The node of the consumer that was active last."""
        session = max(line.sessions(), key=lambda session: max((e.delivery.epoch for e in session.events), default=0))
        return self.cluster.nodes[session.node]

    def kill(self, node: Node, what: str) -> None:
        """kill -9 of one node under load; publishers on the others must hardly notice."""
        elsewhere, since = self._publishers_elsewhere(node), time.monotonic()
        node.kill()
        pause = self._watch(since, f"{what} (node {node.node_id}) killed", elsewhere)
        node.start()
        node.wait_ready()
        self._spread()
        assert pause <= CONFIRMS_RESUME_SECONDS

    def pause(self, node: Node, seconds: float, what: str) -> None:
        """SIGSTOP of one node under load, and SIGCONT; publishers on the others must hardly notice."""
        elsewhere, since = self._publishers_elsewhere(node), time.monotonic()
        os.kill(node.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(node.pid, signal.SIGCONT)
        pause = self._watch(since, f"{what} (node {node.node_id}) stopped for {seconds:.1f} s", elsewhere)
        self._spread()
        assert pause <= CONFIRMS_RESUME_SECONDS

    def kill_all(self) -> None:
        since = time.monotonic()
        for node in self.cluster.nodes:
            node.kill()
        self.cluster.start()
        self._watch(since, "all nodes killed", [publisher for line in self.lines for publisher in line.publishers])
        self._spread()

    def finish(self) -> None:
        for line in self.lines:
            line.settle()
        for line in self.lines:
            line.check(self)

    def close(self) -> None:
        for line in self.lines:
            for client in [*line.publishers, *line.consumers]:
                client.begin_stop()

    def _publishers_elsewhere(self, node: Node) -> list[Publisher]:
        """Those whom it does not concern that a node is lost."""
        at = self.cluster.nodes.index(node)
        publishers = [publisher for line in self.lines for publisher in line.publishers]
        return [publisher for publisher in publishers if publisher.node != at]

    def _watch(self, since: float, what: str, publishers: list[Publisher]) -> float:
        """Waits until these publishers, and consumers anywhere, go on."""
        for publisher in publishers:
            self._wait(f"{publisher.name} to go on", lambda: publisher.pace.answered_since(since + 0.02))
        for line in self.lines:
            self._wait(
                f"consumers of {line.name} to go on",
                lambda: any(consumer.pace.answered_since(since + 0.02) for consumer in line.consumers),
            )
        time.sleep(CALM_SECONDS)
        until = time.monotonic()
        confirms = max((publisher.pace.longest_pause(since, until) for publisher in publishers), default=0.0)
        deliveries = {line.name: _pause_of_all(line, since, until) for line in self.lines}
        told = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in deliveries.items())
        self.measured(f"{what}: longest pause of confirms {confirms * 1e3:.0f} ms; of deliveries of {told}")
        return confirms

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        clients = [client for line in self.lines for client in [*line.publishers, *line.consumers]]

        def holds() -> bool:
            failures = [client.failure for client in clients if client.failure]
            if failures:
                raise failures[0]
            return condition()

        try:
            wait_for(what, holds, RECOVERY_SECONDS)
        except AssertionError as error:
            ends = "\n".join(f"{client.name}: {end}" for client in clients for end in client.ends[-2:])
            raise AssertionError(f"{error}\nlast ends of connections:\n{ends}") from None

    def _spread(self) -> None:
        """Everybody back to where it began, and a moment of calm."""
        for line in self.lines:
            for client in [*line.publishers, *line.consumers]:
                client.go_home()
        self._wait_all_going()
        time.sleep(CALM_SECONDS)

    def _wait_all_going(self) -> None:
        since = time.monotonic()
        for line in self.lines:
            for publisher in line.publishers:
                self._wait(f"{publisher.name} to be confirmed", lambda: publisher.pace.answered_since(since))
            self._wait(
                f"{line.name} to be consumed",
                lambda: any(consumer.pace.answered_since(since) for consumer in line.consumers),
            )


def _shard_of(znode: bytes) -> int:
    return json.loads(znode)["shard"]


def _pause_of_all(line: Line, since: float, until: float) -> float:
    """How long none of a queue's consumers was given anything."""
    times = [time_ for consumer in line.consumers for time_ in consumer.pace.between(since, until)]
    moments = [since, *sorted(times), until]
    return max(later - earlier for earlier, later in zip(moments, moments[1:]))


@pytest.fixture
def seed(measured: Callable[[str], None]) -> str:
    seed = os.environ.get("QUEUE_FAULTS_SEED") or str(random.SystemRandom().randrange(1 << 32))
    measured(f"QUEUE_FAULTS_SEED={seed}")
    return seed


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with Cluster.with_queues(3, request.config.getoption("--binary")) as cluster:
        yield cluster


@pytest.fixture
def scene(cluster: Cluster, measured: Callable[[str], None], seed: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        scene = Scene(cluster, measured, seed)
        stack.callback(scene.close)
        yield scene


def test_nothing_is_lost_doubled_or_out_of_order(cluster: Cluster, scene: Scene) -> None:
    shared = scene.add("shared", ordered=False, prefetches=[1, 10, 50, 100], rates=[100, 100, 100])
    ordered = scene.add("ordered", ordered=True, prefetches=[20, 10, 100], rates=[40, 40, 40])
    # One message at a time: each waits for the acknowledgement of the one before to be safe.
    scene.add("single", ordered=True, prefetches=[1, 1, 1], rates=[2, 2, 2])
    scene.start()
    scene.kill(cluster.leader(), "leader of the control plane")
    scene.kill(scene.shard_leader(ordered), "leader of the ordered queue")
    scene.pause(scene.active_node(ordered), scene.random.uniform(5, 10), "node of the active consumer")
    scene.pause(scene.shard_leader(shared), scene.random.uniform(1, 4), "leader of the shared queue")
    scene.kill_all()
    scene.finish()


def test_one_of_three_nodes_with_an_ordered_consumer_is_lost(cluster: Cluster, scene: Scene) -> None:
    ordered = scene.add("ordered", ordered=True, prefetches=[10, 10, 10], rates=[50, 50, 50])
    scene.start()
    scene.kill(scene.active_node(ordered), "node of the active consumer")
    scene.kill(scene.shard_leader(ordered), "leader of the queue")
    scene.kill(cluster.leader(), "leader of the control plane")
    scene.finish()
