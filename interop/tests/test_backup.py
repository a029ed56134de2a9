"""A cluster is saved while it is written to, and founded again from the file."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState, ZnodeStat

from harness import Cluster, connected, wait_for
from harness.quorate import QuorateNode

pytestmark = pytest.mark.quorate_only

_SUPER = "super:test"
_SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
_HTTP_SECONDS = 30.0


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


def with_superuser(cluster: Cluster) -> Cluster:
    for node in cluster.nodes:
        node.super_digest = _SUPER_DIGEST
    return cluster


@pytest.fixture
def three(binary: Path) -> Iterator[Cluster]:
    """Three voters that know a superuser."""
    with with_superuser(Cluster.quorate(3, binary)) as cluster:
        yield cluster


@pytest.fixture
def fresh(binary: Path) -> Iterator[Cluster]:
    """A node without data, not started."""
    cluster = with_superuser(Cluster.quorate(1, binary))
    yield cluster
    cluster.close()


def quorate(cluster: Cluster, at: int = 0) -> QuorateNode:
    node = cluster.nodes[at]
    assert isinstance(node, QuorateNode)
    return node


class Busy:
    """Creates and changes znodes of its own, and notes the stat of each that was acknowledged."""

    def __init__(self, hosts: str, home: str) -> None:
        self.home = home
        self._client = KazooClient(hosts)
        self._client.start()
        self._client.ensure_path(home)
        self._lock = threading.Lock()
        self._known: dict[str, ZnodeStat] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        number = 0
        while not self._stop.is_set():
            path, stat = self._client.create(f"{self.home}/{number}", b"v0", include_data=True)
            if number % 3 == 0:
                stat = self._client.set(path, b"v1 and longer")
            with self._lock:
                self._known[path] = stat
            number += 1

    def known(self) -> dict[str, ZnodeStat]:
        with self._lock:
            return dict(self._known)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._client.stop()
        self._client.close()


def stats_of(client: KazooClient, home: str) -> dict[str, ZnodeStat]:
    names = client.get_children(home)
    asked = {f"{home}/{name}": client.exists_async(f"{home}/{name}") for name in names}
    return {path: answer.get(timeout=10.0) for path, answer in asked.items()}


def test_all_that_was_acknowledged_before_is_there_and_nothing_from_after(
    three: Cluster, fresh: Cluster, binary: Path, tmp_path: Path
) -> None:
    busy = [Busy(three.hosts_from(node), f"/busy-{node.node_id}") for node in three.nodes]
    wait_for("some writes", lambda: all(len(each.known()) > 300 for each in busy), 30.0)
    follower = three.followers()[0]
    assert isinstance(follower, QuorateNode)
    before = {path: stat for each in busy for path, stat in each.known().items()}
    saved = follower.backup(tmp_path / "file", "--auth", _SUPER, "--json")
    assert saved.returncode == 0, saved.stderr
    with connected(three.hosts) as zk:
        zk.create("/after")
    wait_for("more writes", lambda: sum(len(each.known()) for each in busy) > len(before) + 300, 30.0)
    for each in busy:
        each.close()
    # What was under way may be there or not; what began after the end must not.
    zxid = int(json.loads(saved.stdout)["zxid"], 16)
    assert zxid >= max(stat.mzxid for stat in before.values())

    node = quorate(fresh)
    restored = node.restore(tmp_path / "file")
    assert restored.returncode == 0, restored.stderr
    node.start()
    node.wait_ready()
    with connected(node.address) as zk:
        assert zk.exists("/after") is None
        for each in busy:
            there = stats_of(zk, each.home)
            for path, stat in there.items():
                assert stat.czxid <= zxid and stat.mzxid <= zxid, path
            for path, stat in before.items():
                if path.startswith(each.home):
                    assert there[path] == stat, path
            # And all up to that transaction, not only what was acknowledged by then.
            known = {path for path, stat in each.known().items() if stat.mzxid <= zxid}
            assert known <= there.keys()
        assert zk.create("/new", include_data=True)[1].czxid > zxid + (65_536 << 32)
    for number in (2, 3):
        joined = fresh.joining(binary, number, "voter")
        joined.start()
        joined.wait_ready()
    wait_for("three voters", lambda: node.members() == {1: "voter", 2: "voter", 3: "voter"}, 15.0)
    with connected(fresh.nodes[2].address) as zk:
        assert stats_of(zk, busy[0].home).keys() >= {path for path in before if path.startswith(busy[0].home)}


def test_clients_of_the_lost_cluster_come_back_with_new_sessions(
    three: Cluster, binary: Path, tmp_path: Path
) -> None:
    states: list[KazooState] = []
    client = KazooClient(three.hosts, timeout=10.0)
    client.add_listener(states.append)
    client.start()
    client.create("/held", b"", ephemeral=True)
    epoch = client.create("/kept", b"1", include_data=True)[1].mzxid >> 32
    saved = quorate(three).backup(tmp_path / "file", "--auth", _SUPER)
    assert saved.returncode == 0, saved.stderr
    # It goes on, with another leader even, and sees zxids that no backup has.
    three.leader().kill()
    wait_for("another leader", lambda: client.retry(client.set, "/kept", b"2").mzxid >> 32 > epoch, 15.0)
    session = client.client_id[0]
    for node in three.nodes:
        node.kill()
    survivor = quorate(three)
    (survivor.folder / "data").rename(survivor.folder / "lost")
    restored = survivor.restore(tmp_path / "file")
    assert restored.returncode == 0, restored.stderr
    survivor.start()
    survivor.wait_ready()
    wait_for("a session", lambda: client.connected and client.client_id[0] != session, 30.0)
    assert KazooState.LOST in states, "it learns that its session is over"
    assert client.get("/kept")[0] == b"1"
    assert client.exists("/held") is None
    client.stop()
    client.close()


def ask(node: QuorateNode, path: str, authorization: str | None, method: str = "GET") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{node.admin_port}{path}", method=method)
    if authorization is not None:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_the_commands_of_the_admin_server(three: Cluster, fresh: Cluster, tmp_path: Path) -> None:
    node = quorate(three, 1)
    with connected(three.hosts) as zk:
        zk.create("/a", b"1")
    for authorization, expected in [(None, 401), ("Basic abc", 401), ("digest super:guess", 403), ("digest u:p", 403)]:
        for path in ("/commands/snapshot?streaming=true", "/backup"):
            status, _, body = ask(node, path, authorization)
            assert (status, "error" in json.loads(body)) == (expected, True), (path, authorization)
    status, headers, body = ask(node, "/commands/snapshot?streaming=true", f"digest {_SUPER}")
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert int(headers["snapshot_size"]) == len(body)
    assert int(headers["last_zxid"], 16) > 0
    file = tmp_path / "file"
    file.write_bytes(body)
    assert quorate(fresh).restore(file).returncode == 0
    status, headers, body = ask(node, "/commands/snap?streaming=false", f"digest {_SUPER}")
    told: dict[str, Any] = json.loads(body)
    assert (status, told) == (200, {"command": "snapshot", "error": None})
    assert int(headers["last_zxid"], 16) > 0
    status, _, body = ask(node, "/commands/restore", f"digest {_SUPER}", "POST")
    assert status == 503
    assert "quorate restore" in json.loads(body)["error"]


def test_without_a_superuser_nobody_gets_one(binary: Path) -> None:
    with Cluster.quorate(1, binary) as cluster:
        status, _, body = ask(quorate(cluster), "/backup", "digest super:test")
        assert status == 403
        assert "--super-digest" in json.loads(body)["error"]
