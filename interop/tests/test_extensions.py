"""Quorate's extensions through `quorate tree`, on one node and on three, and against a ZooKeeper that has none."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from harness import Cluster, connected, wait_for

pytestmark = pytest.mark.quorate_only

_SECONDS = 120
_DIRECTORY = 25_000


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


def tree(binary: Path, hosts: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [str(binary), "tree", "--server", hosts, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == code, f"{arguments}: {done.stderr}"
    return done


def fill(zk: KazooClient, path: str, count: int) -> None:
    zk.ensure_path(path)
    for start in range(0, count, 1000):
        transaction = zk.transaction()
        for number in range(start, min(start + 1000, count)):
            transaction.create(f"{path}/{number:06}", b"x")
        assert all(isinstance(created, str) for created in transaction.commit())


def test_a_subtree_goes_at_once_on_every_node(binary: Path, cluster: Cluster, zk: KazooClient, base: str) -> None:
    zk.ensure_path(f"{base}/app/config/limit")
    zk.create(f"{base}/app/here", ephemeral=True)
    deleted = tree(binary, cluster.hosts, "--json", "delete", "-R", f"{base}/app")
    assert (json.loads(deleted.stdout), deleted.stderr) == ({"deleted": 4}, "")
    for node in cluster.nodes:
        with connected(node.address) as other:
            other.sync("/")
            assert other.exists(f"{base}/app") is None


def test_plain_clients_watch_a_subtree_go(binary: Path, cluster: Cluster, zk: KazooClient, base: str) -> None:
    zk.ensure_path(f"{base}/app/config")
    events: list[tuple[str, str]] = []
    note = lambda event: events.append((event.type, event.path.removeprefix(base)))  # noqa: E731
    zk.get(f"{base}/app/config", watch=note)
    zk.get_children(f"{base}/app", watch=note)
    zk.exists(f"{base}/app", watch=note)
    tree(binary, cluster.hosts, "delete", "-R", f"{base}/app")
    # One event a change and path, for all watches of a client on it; of the parent, its list of children comes first.
    expected = [("DELETED", "/app/config"), ("CHILD", "/app"), ("DELETED", "/app")]
    wait_for("the events", lambda: events == expected, 10.0)


def test_one_of_many_creates(binary: Path, cluster: Cluster, zk: KazooClient, base: str) -> None:
    path = f"{base}/config/shared/limit"

    def ensure(number: int) -> bool:
        asked = ("--json", "create", "--parents", "--if-missing", path, str(number))
        host = cluster.nodes[number % len(cluster.nodes)].address
        return json.loads(tree(binary, host, *asked).stdout)["created"]

    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(ensure, range(6)))
    assert created.count(True) == 1
    data, stat = zk.get(path)
    assert (int(data), stat.version) == (created.index(True), 0)


def test_a_large_directory_is_listed_in_pages(
    binary: Path, cluster: Cluster, zk: KazooClient, base: str
) -> None:
    fill(zk, f"{base}/large", _DIRECTORY)
    names = tree(binary, cluster.hosts, "ls", f"{base}/large").stdout.split()
    assert names == [f"{number:06}" for number in range(_DIRECTORY)]
    stats = tree(binary, cluster.hosts, "--json", "ls", f"{base}/large").stdout.splitlines()
    assert len(stats) == _DIRECTORY
    assert json.loads(stats[-1])["stat"]["data_bytes"] == 1
    deleted = tree(binary, cluster.hosts, "delete", "-R", f"{base}/large")
    assert "one by one" in deleted.stderr, "that many are more than one operation may delete"
    assert zk.get_children(base) == []


@pytest.fixture
def zookeeper(java: Path) -> Iterator[Cluster]:
    with Cluster.zookeeper(1, java / "lib") as cluster:
        yield cluster


def test_a_server_without_them_is_done_without_them(binary: Path, zookeeper: Cluster) -> None:
    hosts = zookeeper.hosts
    asked = ("create", "--parents", "--if-missing", "/app/config", "1")
    made = tree(binary, hosts, *asked)
    assert (made.stdout, "one by one" in made.stderr) == ("/app/config\n", True)
    assert "there already" in tree(binary, hosts, *asked).stderr
    listed = tree(binary, hosts, "ls", "/app")
    assert (listed.stdout, listed.stderr) == ("config\n", "")
    refused = tree(binary, hosts, "delete", "-R", "--version", "0", "/app", code=1)
    assert "nothing was deleted" in refused.stderr
    deleted = tree(binary, hosts, "--json", "delete", "-R", "/app")
    assert json.loads(deleted.stdout) == {"deleted": 2}
    assert "one by one" in deleted.stderr
