"""`/zookeeper/config`: who belongs to the cluster, as its clients see it."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, ReconfigDisabledError
from kazoo.protocol.states import EventType

from harness import Cluster, connected, wait_for
from harness.java import java_command
from harness.quorate import QuorateNode

CONFIG = "/zookeeper/config"
SERVER = re.compile(r"server\.(\d+)=([^:]+):(\d+):(\d+):(participant|observer)(?:;(.+))?")
SECONDS = 60


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


@pytest.fixture
def grown(binary: Path) -> Iterator[Cluster]:
    """A cluster that began with one node."""
    with Cluster.quorate(1, binary) as cluster:
        yield cluster


def parse(data: bytes) -> tuple[dict[int, tuple[str, str | None]], int]:
    """Role and client address by number, and the version."""
    *servers, version = data.decode().split("\n")
    found = [SERVER.fullmatch(line) for line in servers]
    assert all(found), data
    assert version.startswith("version="), data
    members = {int(line[1]): (line[5], line[6]) for line in found if line}
    assert list(members) == sorted(members)
    return members, int(version.removeprefix("version="), 16)


def config(zk: KazooClient) -> dict[int, tuple[str, str | None]]:
    zk.sync(CONFIG)
    return parse(zk.get(CONFIG)[0])[0]


def test_three_nodes_are_three_participants(triple: Cluster) -> None:
    for node in triple.nodes:
        with connected(node.address) as zk:
            assert {number: role for number, (role, _) in config(zk).items()} == {
                n.node_id: "participant" for n in triple.nodes
            }
            stat = zk.exists(CONFIG)
            assert (stat.version, stat.aversion) == (-1, -1)
            assert zk.get_acls(CONFIG)[0][0].acl_list == ["READ"]


def test_only_a_superuser_writes_it_and_reconfig_is_off(triple: Cluster) -> None:
    with connected(triple.hosts) as zk:
        with pytest.raises(NoAuthError):
            zk.set(CONFIG, b"mine")
        with pytest.raises(ReconfigDisabledError):
            zk.reconfig(joining=None, leaving="3", new_members=None)


@pytest.mark.quorate_only
def test_it_says_where_clients_reach_the_nodes(triple: Cluster, java: Path) -> None:
    with connected(triple.hosts) as zk:
        wanted = {node.node_id: ("participant", node.address) for node in triple.nodes}
        wait_for("all addresses", lambda: config(zk) == wanted)
        version = parse(zk.get(CONFIG)[0])[1]
        assert version == zk.exists(CONFIG).mzxid
    # What the Java client makes of it: `-c` is the connection string.
    server = ("-server", triple.nodes[0].address, "-waitforconnection")
    done = subprocess.run(
        java_command(java, "org.apache.zookeeper.ZooKeeperMain", *server, "config", "-c"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith(f"{version:x} "))
    assert set(line.split(" ")[1].split(",")) == {node.address for node in triple.nodes}


@pytest.mark.quorate_only
def test_it_follows_the_members_and_watches_fire(grown: Cluster, binary: Path) -> None:
    first = grown.nodes[0]
    assert isinstance(first, QuorateNode)
    with connected(first.address) as zk:
        wait_for("the founder's address", lambda: config(zk) == {1: ("participant", first.address)})
        events: list[str] = []
        before, stat = zk.get(CONFIG, watch=lambda event: events.append(event.type))

        observer = grown.joining(binary, 5, "observer")
        observer.start()
        observer.wait_ready()
        wait_for("the watch", lambda: events == [EventType.CHANGED])
        wait_for("the observer", lambda: config(zk).get(5) == ("observer", observer.address))
        data, changed = zk.get(CONFIG)
        assert parse(data)[1] == changed.mzxid > stat.mzxid
        assert parse(before)[1] < parse(data)[1]
        assert (changed.version, changed.czxid) == (-1, 0)

        assert first.member("promote", "5").returncode == 0
        wait_for("the promotion", lambda: config(zk)[5] == ("participant", observer.address))
        with connected(observer.address) as other:
            assert config(other) == config(zk)
        assert first.member("demote", "5").returncode == 0
        assert first.member("remove", "5").returncode == 0
        wait_for("the removal", lambda: list(config(zk)) == [1])
        members = zk.get(CONFIG)[0]
    first.kill()
    first.start()
    first.wait_ready()
    with connected(first.address) as zk:
        assert zk.get(CONFIG)[0] == members
