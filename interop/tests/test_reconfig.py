"""ZooKeeper's `reconfig`: its clients change who belongs to the cluster."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NewConfigNoQuorumError,
    NoAuthError,
    NodeExistsError,
)
from kazoo.retry import KazooRetry

from harness import Cluster, connected, wait_for
from harness.java import java_command
from harness.quorate import QuorateNode

pytestmark = pytest.mark.quorate_only

CONFIG = "/zookeeper/config"
# The digest of the user `super` with the password `test`, as ZooKeeper's documentation has it.
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
SECONDS = 60


@pytest.fixture
def open_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Three voters that let themselves be reconfigured, not started."""
    with_reconfig = Cluster.quorate(3, request.config.getoption("--binary"))
    for node in with_reconfig.nodes:
        allow(node)
    with with_reconfig as cluster:
        yield cluster


def allow(node: object) -> QuorateNode:
    assert isinstance(node, QuorateNode)
    node.reconfig = True
    node.super_digest = SUPER_DIGEST
    return node


def observer(cluster: Cluster, binary: Path, number: int) -> QuorateNode:
    """One more, that runs."""
    node = allow(cluster.joining(binary, number, "observer"))
    node.start()
    node.wait_ready()
    return node


def entry(node: QuorateNode, role: str) -> str:
    return f"server.{node.node_id}={node.peer_address}:0:{role};{node.address}"


def roles(data: bytes) -> dict[int, str]:
    return {int(n): role for n, role in re.findall(r"server\.(\d+)=[^\n]*:(participant|observer)", data.decode())}


def version(data: bytes) -> int:
    return int(data.decode().rpartition("version=")[2], 16)


def test_voters_change_places_in_one_step(open_cluster: Cluster, request: pytest.FixtureRequest) -> None:
    binary = request.config.getoption("--binary")
    fourth = observer(open_cluster, binary, 4)
    leaver = open_cluster.leader()
    with connected(fourth.address) as zk:
        zk.add_auth("digest", "super:test")
        before = zk.get(CONFIG)[0]
        events: list[str] = []
        zk.get(CONFIG, watch=lambda event: events.append(event.type))
        data, stat = zk.reconfig(
            joining=entry(fourth, "participant"), leaving=str(leaver.node_id), new_members=None, from_config=version(before)
        )
        expected = {n: "participant" for n in (1, 2, 3, 4) if n != leaver.node_id}
        assert roles(data) == expected
        assert version(data) == stat.mzxid > version(before)
        assert zk.get(CONFIG)[0] == data
        wait_for("the watch", lambda: events != [])
        zk.create("/after", b"reconfig")
    leaver.kill()
    with connected(fourth.address) as zk:
        assert zk.get("/after")[0] == b"reconfig"
        zk.set("/after", b"still writes")


def test_all_members_can_be_named(open_cluster: Cluster, java: Path) -> None:
    first, second, third = (allow(node) for node in open_cluster.nodes)
    with connected(first.address) as zk:
        zk.add_auth("digest", "super:test")
        members = ",".join([entry(first, "participant"), entry(second, "participant"), entry(third, "observer")])
        data, _ = zk.reconfig(joining=None, leaving=None, new_members=members)
        assert roles(data) == {1: "participant", 2: "participant", 3: "observer"}
    # And as an operator does it, with ZooKeeper's own shell.
    commands = f"addauth digest super:test\nreconfig -add {entry(third, 'participant')}\nquit\n"
    shell = subprocess.run(
        java_command(java, "org.apache.zookeeper.ZooKeeperMain", "-server", second.address, "-waitforconnection"),
        input=commands,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert "Committed new configuration" in shell.stdout, shell.stdout
    with connected(first.address) as zk:
        zk.sync("/")
        assert roles(zk.get(CONFIG)[0]) == {1: "participant", 2: "participant", 3: "participant"}


def test_what_can_not_be_is_refused(open_cluster: Cluster, request: pytest.FixtureRequest) -> None:
    first, second, third = (allow(node) for node in open_cluster.nodes)
    with connected(first.address) as zk:
        before = zk.get(CONFIG)[0]

        def ask(joining: str | None = None, leaving: str | None = None, from_config: int = -1) -> None:
            zk.reconfig(joining=joining, leaving=leaving, new_members=None, from_config=from_config)

        with pytest.raises(NoAuthError):
            ask(leaving="3")
        zk.add_auth("digest", "super:test")
        with pytest.raises(BadVersionError):
            ask(leaving="3", from_config=version(before) + 1)
        for joining in ("server.9", "server.9=nowhere", entry(third, "leader"), f"server.3={first.peer_address}"):
            with pytest.raises(BadArgumentsError):
                ask(joining=joining)
        with pytest.raises(BadArgumentsError):
            ask(leaving="1,2,3")
        with pytest.raises(NewConfigNoQuorumError):
            ask(joining="server.9=127.0.0.1:9:0:participant;127.0.0.1:9")
        second.kill()

        # Until the leader misses it.
        time.sleep(3)
        with pytest.raises(NewConfigNoQuorumError):
            ask(leaving="3")
        second.start()
        second.wait_ready()
        assert zk.get(CONFIG)[0] == before


def test_clients_work_on_while_the_cluster_grows_and_shrinks(
    open_cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    """Three voters to five and back to three others, the leader among those who go."""
    binary = request.config.getoption("--binary")
    written: list[int] = []
    stop = threading.Event()

    def write(hosts: str) -> None:
        retry = KazooRetry(max_tries=20, delay=0.05, backoff=1.2)
        zk = KazooClient(hosts=hosts, timeout=10, connection_retry=KazooRetry(max_tries=-1, delay=0.05, backoff=1))
        zk.start(timeout=20)
        number = 0
        while not stop.is_set():
            try:
                retry(zk.create, f"/load/n-{number}", b"", makepath=False)
            except NodeExistsError:
                # It was made, and its answer lost with the connection.
                pass
            written.append(number)
            number += 1
        zk.stop()
        zk.close()

    newcomers = [observer(open_cluster, binary, number) for number in (4, 5)]
    with connected(open_cluster.hosts) as zk:
        zk.create("/load")
    writer = threading.Thread(target=write, args=(open_cluster.hosts,))
    writer.start()
    try:
        with connected(newcomers[0].address) as zk:
            zk.add_auth("digest", "super:test")
            wait_for("some writes", lambda: len(written) > 50)
            joining = ",".join(entry(node, "participant") for node in newcomers)
            assert len(roles(zk.reconfig(joining=joining, leaving=None, new_members=None)[0])) == 5
            at = len(written)
            wait_for("writes of five", lambda: len(written) > at + 50)
            leader = open_cluster.leader()
            others = [node for node in open_cluster.nodes[:3] if node is not leader]
            leaving = f"{leader.node_id},{others[0].node_id}" if leader in open_cluster.nodes[:3] else "1,2"
            data, _ = zk.reconfig(joining=None, leaving=leaving, new_members=None)
            assert len(roles(data)) == 3
            at = len(written)
            wait_for("writes of three others", lambda: len(written) > at + 50, 20)
    finally:
        stop.set()
        writer.join(60)
    assert not writer.is_alive()
    with connected(newcomers[1].address) as zk:
        zk.sync("/load")
        assert set(zk.get_children("/load")) == {f"n-{number}" for number in written}
