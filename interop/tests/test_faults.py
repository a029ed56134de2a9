"""Three nodes lose their leader, then a follower, then all three at once, under load from several clients.

What must hold is checked from outside, by what clients were told and what each node holds in the end.
"""

import time
from collections.abc import Callable, Iterator

import pytest

from harness import Cluster, Node, connected, wait_for
from harness.audit import check_history, images
from harness.load import Flags, Reader, Writer
from harness.wire import EPHEMERAL, Wire

# A promise of the project: how long a killed leader keeps clients of the other nodes from writing.
WRITES_RESUME_SECONDS = 1.0
# Reads go on through a change of leader; this is what a loaded machine and Python's threads may hide.
READS_PAUSE_SECONDS = 0.3
CALM_SECONDS = 1.5
RECOVERY_SECONDS = 20.0
FLAGS = 100


class Scene:
    """Three nodes, two writers and a reader on each, and a holder of an ephemeral znode on each."""

    def __init__(self, cluster: Cluster, is_quorate: bool, measured: Callable[[str], None]) -> None:
        self.cluster = cluster
        self.is_quorate = is_quorate
        self.measured = measured
        self.writers = {
            node.node_id: [Writer(cluster.hosts_from(node), f"/load/{node.node_id}-{i}") for i in range(2)]
            for node in cluster.nodes
        }
        self.readers = {
            node.node_id: Reader(cluster.hosts_from(node), self.writers[node.node_id][0].register)
            for node in cluster.nodes
        }
        self.holders = {node.node_id: connected(cluster.hosts_from(node), timeout=15.0) for node in cluster.nodes}
        self.held = {node_id: holder.__enter__() for node_id, holder in self.holders.items()}

    def start(self) -> None:
        for writer in self.all_writers():
            writer.start()
        for reader in self.readers.values():
            reader.start()
        for node_id, holder in self.held.items():
            holder.create(f"/held/{node_id}", b"", ephemeral=True, makepath=True)
        time.sleep(CALM_SECONDS)

    def all_writers(self) -> list[Writer]:
        return [writer for writers in self.writers.values() for writer in writers]

    def kill(self, node: Node, what: str) -> None:
        """kill -9 of one node under load; the clients of the other two must hardly notice."""
        others = [each for each in self.cluster.nodes if each is not node]
        watched = [writer for each in others for writer in self.writers[each.node_id]]
        for writer in watched:
            writer.states.clear()
        for reader in self.readers.values():
            reader.states.clear()
        killed = time.monotonic()
        node.kill()
        for writer in watched:
            # Answers of the first moments may have been on their way already.
            wait_for("writes to go on", lambda: writer.pace.answered_since(killed + 0.02), RECOVERY_SECONDS)
        time.sleep(CALM_SECONDS)
        until = time.monotonic()

        writes = max(writer.pace.longest_pause(killed, until) for writer in watched)
        reads = max(self.readers[each.node_id].pace.longest_pause(killed, until) for each in others)
        self.measured(f"{what} killed: longest pause of writes {writes * 1e3:.0f} ms, of reads {reads * 1e3:.0f} ms")
        if self.is_quorate:
            assert all(writer.undisturbed for writer in watched), [writer.states for writer in watched]
            assert all(self.readers[each.node_id].states == [] for each in others)
            assert writes <= WRITES_RESUME_SECONDS
            assert reads <= READS_PAUSE_SECONDS
        self._wait_all_writing()

    def restart(self, node: Node) -> None:
        began = time.monotonic()
        node.start()
        node.wait_ready()
        self.measured(f"node {node.node_id} ready again after {(time.monotonic() - began) * 1e3:.0f} ms")
        time.sleep(CALM_SECONDS)

    def kill_all(self) -> None:
        for node in self.cluster.nodes:
            node.kill()
        began = time.monotonic()
        self.cluster.start()
        self.measured(f"three nodes ready again after {(time.monotonic() - began) * 1e3:.0f} ms")
        self._wait_all_writing()
        time.sleep(CALM_SECONDS)

    def check_ephemerals(self) -> None:
        """Every holder was re-attached in time: its session and its znode are those from the beginning."""
        for node in self.cluster.nodes:
            with connected(node.address) as client:
                client.sync("/held")
                owners = {n: client.exists(f"/held/{n}").ephemeralOwner for n in self.held}
            assert owners == {n: holder.client_id[0] for n, holder in self.held.items()}

    def check_histories(self) -> None:
        """Stops the load and compares what was acknowledged with what each node holds."""
        histories = [(writer, writer.stop()) for writer in self.all_writers()]
        for reader in self.readers.values():
            reader.stop()
            assert reader.went_back == []
        held = images(self.cluster, "/load")
        for node_id, image in held.items():
            for writer, history in histories:
                check_history(writer, history, image)
            assert image == held[1], f"nodes 1 and {node_id} differ"
        acknowledged = sum(len(h.created) + len(h.written) for _, h in histories)
        unknown = sum(h.sent for _, h in histories) - acknowledged
        self.measured(f"{acknowledged} acknowledged writes are on every node, {unknown} have an unknown fate")
        assert acknowledged > 1_000, "too little load to show anything"

    def close(self) -> None:
        for client in [*self.all_writers(), *self.readers.values()]:
            client.close()
        for holder in self.holders.values():
            holder.__exit__(None, None, None)

    def _wait_all_writing(self) -> None:
        counts = {writer: len(writer.pace) for writer in self.all_writers()}
        for writer, count in counts.items():
            wait_for(f"{writer.path} to be answered", lambda: len(writer.pace) > count, RECOVERY_SECONDS)


@pytest.fixture
def cluster(new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    with new_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def scene(cluster: Cluster, is_quorate: bool, measured: Callable[[str], None]) -> Iterator[Scene]:
    scene = Scene(cluster, is_quorate, measured)
    yield scene
    scene.close()


def test_leader_follower_and_all(cluster: Cluster, scene: Scene) -> None:
    scene.start()
    leader = cluster.leader()
    scene.kill(leader, "leader")
    scene.restart(leader)
    follower = cluster.followers()[0]
    scene.kill(follower, "follower")
    scene.restart(follower)
    scene.kill_all()
    scene.check_ephemerals()
    scene.check_histories()


@pytest.mark.quorate_only
def test_watchers_see_each_change_once_through_a_change_of_leader(cluster: Cluster) -> None:
    leader, followers = cluster.leader(), cluster.followers()
    with connected(cluster.hosts) as client:
        client.create("/flags")
    flags = Flags("/flags", FLAGS)
    try:
        for follower in followers:
            flags.watch(follower.address)
        flags.start_raising(followers[0].address)
        time.sleep(FLAGS / 3 * 0.05)
        leader.kill()
        flags.wait(60)
        for follower in followers:
            flags.settle(follower.address)
        wait_for("all watches", lambda: flags.wrong() == {}, 5)
        assert flags.others == []
    finally:
        flags.close()


def test_a_session_that_nobody_attaches_again_ends_although_its_leader_died(cluster: Cluster) -> None:
    leader, survivor = cluster.leader(), cluster.followers()[0]
    with Wire(survivor.client_port) as wire:
        session = wire.handshake(timeout_ms=4_000)
        assert wire.create("/left", flags=EPHEMERAL).error == 0
        left = time.monotonic()
        time.sleep(2)
        leader.kill()
    with connected(survivor.address, timeout=15.0) as client:
        client.sync("/left")
        assert client.exists("/left").ephemeralOwner == session.session_id
        wait_for("the session to expire", lambda: client.exists("/left") is None, 15)
    # A new leader gives every session its full timeout again.
    assert time.monotonic() - left >= 6.0
