"""Processes of `quorate rebalance join` share resources, while members and nodes are killed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from harness import Cluster, Node, connected, wait_for
from harness.sharing import GROUP, RESOURCES, Members, Use, members, violations

# ZooKeeper rounds a session's timeout up, and loaded machines take their time.
_SECONDS = 90.0
_READY_SECONDS = 90.0
_RESOURCES = 24


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    """The quorate program."""
    path: Path = request.config.getoption("--binary")
    assert path.exists(), f"no {path}: cargo build --release -p quorate"
    return path


def shared_out(group: Members, client: KazooClient, when: str) -> None:
    """Waits until each resource is used by one member, and no member uses two more than another."""
    last: list[object] = [None]

    def is_so() -> bool:
        group.check()
        counts, used = group.shares()
        missing = set(client.retry(client.get_children, RESOURCES)) ^ used
        last[0] = (dict(counts), sorted(missing))
        return not missing and max(counts.values()) - min(counts.values()) <= 1

    try:
        wait_for(f"resources to be shared out {when}", is_so, _SECONDS, pause=0.1)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last[0]}") from None


def remove(client: KazooClient, path: str) -> None:
    """Whether or not an attempt before has."""
    if client.exists(path):
        client.delete(path)


def restart(node: Node) -> None:
    node.start()
    node.wait_ready(_READY_SECONDS)


def steps(cluster: Cluster, group: Members, client: KazooClient) -> Iterator[str]:
    """What happens, each with what it is called."""
    for name in ("a", "b", "c"):
        group.join(name)
    yield "among three"
    leader = cluster.leader()
    leader.kill()
    group.join("d")
    yield "when one has joined while the leading node is away"
    restart(leader)
    # The first coordinates.
    group["a"].kill()
    yield "when the coordinator was killed"
    follower = next(node for node in cluster.followers() if node is not leader)
    follower.kill()
    for resource in ("x", "y", "z"):
        client.retry(client.ensure_path, f"{RESOURCES}/{resource}")
    client.retry(remove, client, f"{RESOURCES}/r00")
    yield "when some came and one went while a node is away"
    restart(follower)
    group["c"].leave()
    group.join("e")
    yield "when one has left and one has come"
    for node in cluster.nodes:
        node.kill()
    # Who is cut off stops.
    wait_for("all to stop without servers", lambda: not group.shares()[1], _SECONDS)
    group["d"].kill()
    cluster.start()
    yield "when all nodes were away and one died meanwhile"


@pytest.mark.parametrize("mode", ["resource", "global"])
def test_resources_are_shared_out_while_members_and_nodes_die(
    new_cluster: Callable[[int], Cluster], binary: Path, mode: str, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    patient = {"max_tries": -1, "max_delay": 1}
    with new_cluster(3) as cluster, connected(cluster.hosts, command_retry=patient) as client:
        for number in range(_RESOURCES):
            client.create(f"{RESOURCES}/r{number:02}", makepath=True)
        with members(binary, cluster.hosts, mode, tmp_path) as group:
            for when in steps(cluster, group, client):
                shared_out(group, client, when)
            status = group.status()
            assert status["mode"] == mode and len(status["members"]) == 2, status
            for name in ("b", "e"):
                group[name].leave()
            uses = group.uses()
        assert not (wrong := violations(uses)), "\n".join(wrong[:5])
        measured(f"{len(uses)} uses of {len({use.resource for use in uses})} resources by five members")
        client.retry(client.sync, GROUP)
        assert client.get_children(f"{GROUP}/clients") == []
        if mode == "resource":
            assert client.get_children(f"{GROUP}/barriers") == []


def test_violations_are_seen() -> None:
    first = Use("a", "r", token=5, begin=10, end=20)
    assert violations([first, Use("b", "r", token=6, begin=20, end=30)]) == []
    assert violations([first, Use("a", "r", token=5, begin=25)]) == [], "its session was alive"
    assert violations([first, Use("b", "s", token=1, begin=15)]) == [], "of another resource"
    assert violations([first, Use("b", "r", token=6, begin=19, end=30)])
    assert violations([Use("a", "r", token=5, begin=10), Use("b", "r", token=6, begin=19)])
    assert violations([first, Use("b", "r", token=5, begin=21)])
    assert violations([first, Use("a", "r", token=4, begin=21)])
