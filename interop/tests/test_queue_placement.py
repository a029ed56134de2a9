"""Shards live as long as the cluster does: leaders that are spread again, survivors of a lost majority, backups."""

import json
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from harness import Cluster, wait_for
from harness.quorate import QuorateNode
from harness.queues import Brokers

pytestmark = pytest.mark.quorate_only

_QUEUES = [f"q{number}" for number in range(8)]
# Five seconds of calm before each move.
_SPREAD_SECONDS = 60.0
# What a loaded machine may take to move a leader, as a client sees it; some milliseconds on one of its own.
_PAUSE_SECONDS = 1.0
_SUPER = "super:test"
_SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


@pytest.fixture
def three(binary: Path) -> Iterator[Cluster]:
    """Three voters with queues, which know a superuser."""
    cluster = Cluster.with_queues(3, binary)
    for node in cluster.nodes:
        node.super_digest = _SUPER_DIGEST
    with cluster:
        brokers_of(cluster).wait_ready()
        yield cluster


def brokers_of(cluster: Cluster) -> Brokers:
    return Brokers([("127.0.0.1", node.amqp_port) for node in cluster.nodes], cluster.nodes)


def quorate(cluster: Cluster, at: int = 0) -> QuorateNode:
    node = cluster.nodes[at]
    assert isinstance(node, QuorateNode)
    return node


def shards_of(node: QuorateNode) -> list[dict[str, Any]]:
    """What a node says of the groups of shards."""
    return node.status().get("groups", [])[1:]


def led(node: QuorateNode) -> Counter[int]:
    """How many shards each node leads, as one sees it."""
    return Counter(group["leader"] for group in shards_of(node) if group["leader"] is not None)


def is_spread(node: QuorateNode) -> bool:
    leaders = node.status().get("shard_leaders")
    return bool(leaders) and leaders["next"] is None and sum(load["shards"] for load in leaders["nodes"]) == 4


def declare_and_fill(brokers: Brokers, count: int) -> None:
    """Durable queues with so many messages each, confirmed."""
    with brokers.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for queue in _QUEUES:
            channel.queue_declare(queue, durable=True)
            for number in range(count):
                channel.basic_publish("", queue, f"{queue} {number}".encode() * 20, pika.BasicProperties(delivery_mode=2))


def take_all(brokers: Brokers, node: int = 0) -> dict[str, list[bytes]]:
    """All messages of all queues, in their order, acknowledged."""
    taken: dict[str, list[bytes]] = {}
    with brokers.connect(node) as connection:
        channel = connection.channel()
        for queue in _QUEUES:
            taken[queue] = []
            while (got := channel.basic_get(queue, auto_ack=False))[0] is not None:
                channel.basic_ack(got[0].delivery_tag)
                taken[queue].append(got[2])
    return taken


def filled(count: int) -> dict[str, list[bytes]]:
    return {queue: [f"{queue} {number}".encode() * 20 for number in range(count)] for queue in _QUEUES}


class Steady:
    """Publishes to one queue through one node, one confirmed message after another, and notes how long each took."""

    def __init__(self, brokers: Brokers, node: int, queue: str) -> None:
        # When each was confirmed, and after how long.
        self.took: list[tuple[float, float]] = []
        self.failure: BaseException | None = None
        self._stop = threading.Event()
        self._connection = brokers.connect(node)
        self._queue = queue
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            channel = self._connection.channel()
            channel.confirm_delivery()
            while not self._stop.is_set():
                begun = time.monotonic()
                channel.basic_publish("", self._queue, b"x" * 100, pika.BasicProperties(delivery_mode=2))
                now = time.monotonic()
                self.took.append((now, now - begun))
                time.sleep(0.002)
            self._connection.close()
        except BaseException as error:  # noqa: BLE001 (raised where it is seen)
            self.failure = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30.0)
        if self.failure is not None:
            raise self.failure


def test_after_restarts_leaders_are_spread_again_and_no_publish_fails(three: Cluster) -> None:
    brokers = brokers_of(three)
    declare_and_fill(brokers, 1)
    # Whoever comes back leads nothing.
    for at in (0, 1):
        quorate(three, at).kill()
        quorate(three, at).start()
        quorate(three, at).wait_ready()
    brokers.wait_ready()
    before = led(quorate(three))
    steady = [Steady(brokers, number % 3, queue) for number, queue in enumerate(_QUEUES)]
    moved: list[float] = []

    def all_spread() -> bool:
        now = led(quorate(three))
        if sum(now.values()) == 4 and now != known[-1]:
            known.append(now)
            moved.append(time.monotonic())
        return all(is_spread(quorate(three, at)) for at in range(3))

    known = [before]
    wait_for("leaders to be spread", all_spread, _SPREAD_SECONDS)
    after = led(quorate(three))
    for each in steady:
        each.stop()
    assert sorted(after.values()) == [1, 1, 2], (before, after)
    took = [(at, seconds) for each in steady for at, seconds in each.took]
    near = [seconds for at, seconds in took if any(abs(at - move) < 0.5 for move in moved)]
    calm = [seconds for at, seconds in took if all(abs(at - move) >= 0.5 for move in moved)]
    print(
        f"leaders {dict(before)} became {dict(after)}; of {len(took)} publishes the longest took {max(calm) * 1000:.0f} ms, "
        f"and {max(near, default=0.0) * 1000:.0f} ms while a leader was moved"
    )
    assert max(near, default=0.0) < _PAUSE_SECONDS


def test_a_survivor_goes_on_with_the_messages_that_it_has(three: Cluster, binary: Path) -> None:
    declare_and_fill(brokers_of(three), 50)
    first, survivor, third = (quorate(three, at) for at in range(3))
    first.kill()
    third.kill()
    shutil.rmtree(first.folder / "data")
    shutil.rmtree(third.folder / "data")
    survivor.kill()
    shown = json.loads(survivor.recover("--json").stdout)
    assert [shard["shard"] for shard in shown["shards"]] == [1, 2, 3, 4]
    assert all(shard["last"]["index"] > 0 for shard in shown["shards"])
    done = survivor.recover("--yes")
    assert done.returncode == 0, done.stderr
    survivor.start()
    survivor.wait_ready()
    alone = Brokers([("127.0.0.1", survivor.amqp_port)], [survivor])
    alone.wait_ready()
    newcomer = three.joining(binary, 7, "voter")
    newcomer.join(survivor, "voter")
    newcomer.start()
    newcomer.wait_ready()
    both = Brokers([("127.0.0.1", survivor.amqp_port), ("127.0.0.1", newcomer.amqp_port)], [survivor, newcomer])
    both.wait_ready()
    # The newcomer serves from replicas of its own, and votes in all shards.
    assert take_all(both, 1) == filled(50)
    votes = {"voter": [2, 7]}
    wait_for("the newcomer to vote", lambda: all(roles(shard) == votes for shard in shards_of(survivor)), 30.0)


def roles(shard: dict[str, Any]) -> dict[str, list[int]]:
    """The nodes of a shard by what they are to it."""
    found: dict[str, list[int]] = {}
    for member in shard["members"]:
        found.setdefault(member["role"], []).append(member["node"])
    return {role: sorted(nodes) for role, nodes in found.items()}


@pytest.fixture
def five(binary: Path) -> Iterator[Cluster]:
    """Five voters with queues."""
    with Cluster.with_queues(5, binary) as cluster:
        brokers_of(cluster).wait_ready()
        yield cluster


def votes(node: QuorateNode) -> Counter[int]:
    """In how many shards each node votes."""
    return Counter(voter for shard in shards_of(node) for voter in roles(shard)["voter"])


def test_of_five_nodes_three_vote_in_each_shard_and_all_serve(five: Cluster) -> None:
    brokers, node = brokers_of(five), quorate(five)
    everybody = lambda: all(len(shard["members"]) == 5 for shard in shards_of(node))  # noqa: E731
    wait_for("all nodes to follow all shards", everybody, 30.0)
    declare_and_fill(brokers, 20)
    assert all([len(roles(shard)["voter"]), len(roles(shard)["observer"])] == [3, 2] for shard in shards_of(node))
    assert sorted(votes(node).values()) == [2, 2, 2, 3, 3]
    listed = node.shard("ls")
    assert listed.returncode == 0, listed.stderr
    assert "Of each, 3 nodes are to vote." in listed.stdout
    # Each node has all of it, also where it does not vote.
    for at in range(5):
        with brokers.connect(at) as connection:
            counts = [connection.channel().queue_declare(queue, passive=True).method.message_count for queue in _QUEUES]
        assert counts == [20] * len(_QUEUES)

    # One that leads a shard, and is not told that it is removed.
    leads = [shard["leader"] for shard in shards_of(node)]
    victim = next(leader for leader in leads if leader != 1)
    assert node.member("remove", str(victim)).returncode == 0
    is_handed_over = lambda: all(  # noqa: E731
        len(roles(shard)["voter"]) == 3 and len(shard["members"]) == 4 for shard in shards_of(node)
    )
    wait_for("its votes to be others'", is_handed_over, 90.0)
    quorate(five, victim - 1).kill()
    assert sorted(votes(node).values()) == [3, 3, 3, 3]
    stayed = [at for at in range(5) if at != victim - 1]
    left = Brokers([brokers.addresses[at] for at in stayed], [brokers.nodes[at] for at in stayed])
    assert take_all(left, 3) == filled(20)
    refused = node.shard("replicate", "0")
    assert refused.returncode == 1
    assert "give 1 to 9" in refused.stderr
    assert node.shard("replicate", "4").returncode == 0
    wait_for("four votes", lambda: all(len(roles(shard)["voter"]) == 4 for shard in shards_of(node)), 30.0)
    declare_and_fill(left, 1)
    assert take_all(left, 1) == filled(1)


@pytest.fixture
def fresh(binary: Path) -> Iterator[Cluster]:
    """A node without data that would serve queues, not started."""
    cluster = Cluster.with_queues(1, binary)
    yield cluster
    cluster.close()


def test_a_backup_brings_the_messages_along(three: Cluster, fresh: Cluster, binary: Path, tmp_path: Path) -> None:
    brokers = brokers_of(three)
    declare_and_fill(brokers, 100)
    # Some in the hands of somebody, some gone.
    holder = brokers.connect(1)
    channel = holder.channel()
    for _ in range(10):
        channel.basic_get(_QUEUES[0], auto_ack=False)
    gone = channel.basic_get(_QUEUES[1], auto_ack=False)
    channel.basic_ack(gone[0].delivery_tag)
    wait_for("the acknowledgement", lambda: ready(brokers, _QUEUES[1]) == 99)
    saved = quorate(three, 2).backup(tmp_path / "file", "--auth", _SUPER, "--json")
    assert saved.returncode == 0, saved.stderr
    assert [shard["shard"] for shard in json.loads(saved.stdout)["shards"]] == [1, 2, 3, 4]
    holder.close()
    seen = verify(binary, tmp_path / "file")
    assert (seen["queues"], seen["messages"]) == (len(_QUEUES), len(_QUEUES) * 100 - 1)
    damaged = bytearray((tmp_path / "file").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    node = quorate(fresh)
    refused = node.restore(tmp_path / "damaged")
    assert refused.returncode == 1
    assert "checksum" in refused.stderr

    restored = node.restore(tmp_path / "file")
    assert restored.returncode == 0, restored.stderr
    node.start()
    node.wait_ready()
    second = fresh.joining(binary, 2, "voter")
    second.start()
    second.wait_ready()
    found = brokers_of(fresh)
    found.wait_ready()
    # What was held goes back to its place when the holder's session is known to be over.
    wait_for("what was held", lambda: ready(found, _QUEUES[0]) == 100, 20.0)
    expected = filled(100)
    del expected[_QUEUES[1]][0]
    assert take_all(found, 1) == expected
    declare_and_fill(found, 1)
    assert take_all(found, 0) == filled(1)


def ready(brokers: Brokers, queue: str) -> int:
    with brokers.connect() as connection:
        return connection.channel().queue_declare(queue, passive=True).method.message_count


def verify(binary: Path, file: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(binary), "backup", "verify", "--json", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
