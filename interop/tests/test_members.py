"""Nodes join, change their role and leave while a client works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Cluster, connected, wait_for
from harness.load import Writer
from harness.quorate import QuorateNode

pytestmark = pytest.mark.quorate_only


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


@pytest.fixture
def grown(binary: Path) -> Iterator[tuple[Cluster, QuorateNode, Writer]]:
    """A node that began alone, and a client that writes to it all the time."""
    with Cluster.quorate(1, binary) as cluster:
        first = cluster.nodes[0]
        assert isinstance(first, QuorateNode)
        writer = Writer(first.address, "/grown")
        writer.start()
        yield cluster, first, writer
        writer.close()


def started(node: QuorateNode) -> QuorateNode:
    node.start()
    node.wait_ready()
    return node


def test_one_node_grows_to_three_and_loses_its_founder(
    grown: tuple[Cluster, QuorateNode, Writer], binary: Path
) -> None:
    cluster, first, writer = grown
    voters = [started(cluster.joining(binary, node_id, "voter")) for node_id in (2, 3)]
    wait_for("three voters", lambda: first.members() == {1: "voter", 2: "voter", 3: "voter"}, 15.0)
    assert writer.undisturbed, writer.states
    history = writer.stop()
    removed = voters[0].member("remove", "1")
    assert removed.returncode == 0, removed.stderr
    first.terminate()
    wait_for("two voters", lambda: voters[0].members() == {2: "voter", 3: "voter"}, 15.0)
    with connected(",".join(node.address for node in voters)) as client:
        client.sync("/")
        there = set(client.get_children(writer.queue))
        assert there >= {name.rsplit("/", 1)[1] for name in history.created.values()}
        assert int(client.get(writer.register)[0]) >= max(history.written)
        client.set(writer.register, b"after")


def test_an_observer_serves_changes_its_role_and_comes_back(
    grown: tuple[Cluster, QuorateNode, Writer], binary: Path
) -> None:
    cluster, first, writer = grown
    observer = started(cluster.joining(binary, 9, "observer"))
    assert first.members() == {1: "voter", 9: "observer"}
    with connected(observer.address) as client:
        client.create("/from-the-observer", b"1")
        client.sync("/")
        assert client.exists(writer.register)
    # It has no vote: the other one goes on without it.
    observer.kill()
    writer.states.clear()
    before = len(writer.pace)
    wait_for("writes to go on", lambda: len(writer.pace) > before + 20, 10.0)
    started(observer)
    promoted = first.member("promote", "9")
    assert promoted.returncode == 0, promoted.stderr
    assert observer.members() == {1: "voter", 9: "voter"}
    assert first.member("demote", "9").returncode == 0
    assert first.members() == {1: "voter", 9: "observer"}
    assert writer.undisturbed, writer.states


def test_what_makes_no_sense_is_refused_and_explained(
    grown: tuple[Cluster, QuorateNode, Writer], binary: Path
) -> None:
    cluster, first, _writer = grown
    last = first.member("remove", "1")
    assert last.returncode == 1
    assert "only voter" in last.stderr
    stranger = first.member("promote", "44")
    assert stranger.returncode == 1
    assert "no member" in stranger.stderr
    twin = cluster.joining(binary, 1, "voter")
    twin.folder = twin.folder.with_name("twin")
    twin.start()
    wait_for("the twin to give up", lambda: not twin.running, 15.0)
    assert "is or was another node's" in twin.log_tail()
