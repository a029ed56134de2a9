"""From ZooKeeper to Quorate and back with `quorate tree export` and `import`; kazoo compares what each holds."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.security import ACL, make_acl, make_digest_acl

from harness import Cluster, connected

pytestmark = pytest.mark.quorate_only

_SUPER = ("digest", "super:test")
_SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
_ALICE = ("digest", "alice:wonder")
_SECONDS = 120

Tree = dict[str, tuple[bytes | None, list[ACL]]]


@dataclass
class Tool:
    """`quorate tree` with a server and an identity."""

    binary: Path
    secrets: Path
    hosts: str

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(self.binary), "tree", "--server", self.hosts, "--auth-file", str(self.secrets), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert done.returncode == code, f"{arguments}: {done.stderr}"
        return done


@pytest.fixture
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Cluster], Tool]:
    """Makes the tool for a cluster, with the superuser's password in a file."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{_SUPER[1]}\n")
    return lambda cluster: Tool(request.config.getoption("--binary"), secrets, cluster.hosts)


@pytest.fixture
def new_zookeeper(java: Path) -> Iterator[Callable[[], Cluster]]:
    """Makes and starts a ZooKeeper server of its own."""
    made = []

    def make() -> Cluster:
        cluster = Cluster.zookeeper(1, java / "lib")
        made.append(cluster)
        cluster.nodes[0].super_digest = _SUPER_DIGEST
        return cluster.start()

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def quorate(new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """Three Quorate nodes with a superuser."""
    cluster = new_cluster(3)
    for node in cluster.nodes:
        node.super_digest = _SUPER_DIGEST
    with cluster:
        yield cluster


def superuser(cluster: Cluster) -> Iterator[KazooClient]:
    return connected(cluster.hosts, auth_data=[_SUPER])


def plant(zk: KazooClient) -> None:
    """What applications leave in a tree."""
    zk.ensure_path("/kafka/brokers/ids")
    zk.create("/kafka/controller_epoch", b"17")
    zk.set("/kafka/controller_epoch", b"18")
    zk.create("/blob", bytes(range(256)) * 16)
    zk.create("/large", b"\xfe" * 1_040_000)
    zk.create("/null", None)
    zk.create("/empty", b"")
    zk.create("/ünïcode", "naïve \u0000 \"quotes\" \\ \n line".encode())
    zk.create("/readable", b"all may read", acl=[make_acl("world", "anyone", read=True)])
    zk.add_auth(*_ALICE)
    alice = make_digest_acl(*_ALICE[1].split(":"), all=True)
    zk.create("/alice", b"hers", acl=[alice, make_acl("ip", "10.0.0.0/8", read=True)])
    zk.create("/alice/deep", b"hers, too", acl=[alice])
    for number in range(300):
        zk.create_async(f"/kafka/brokers/topic-{number:04}", b"x" * (number % 90))
    for _ in range(20):
        zk.create("/queue/item-", b"work", sequence=True, makepath=True)
    for number in range(12):
        zk.delete(f"/queue/item-{number:010}")


def tree(zk: KazooClient, path: str = "/") -> Tree:
    """Data and access lists from `path` down, without what is the server's own."""
    zk.sync(path)
    return _below(zk, path)


def _below(zk: KazooClient, path: str) -> Tree:
    found: Tree = {path: (zk.get(path)[0], sorted(zk.get_acls(path)[0]))}
    for name in zk.get_children(path):
        below = f"{path.rstrip('/')}/{name}"
        if below != "/zookeeper":
            found |= _below(zk, below)
    return found


def test_from_zookeeper_to_quorate_and_back(
    new_zookeeper: Callable[[], Cluster],
    quorate: Cluster,
    tool: Callable[[Cluster], Tool],
    tmp_path: Path,
    measured: Callable[[str], None],
) -> None:
    source, there, back = new_zookeeper(), tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    with superuser(source) as zk, superuser(quorate) as qu:
        plant(zk)
        zk.create("/kafka/brokers/ids/1", b"up", ephemeral=True)
        exported = json.loads(tool(source).run("--json", "export", "/", "--output", str(there)).stdout)
        assert exported["ephemerals_left_out"] == 1
        zk.delete("/kafka/brokers/ids/1")
        dry = tool(quorate).run("import", str(there), "--dry-run").stdout
        assert "create   /kafka/brokers/topic-0299" in dry
        assert tree(qu) == {"/": tree(qu)["/"]}, "a dry run changes nothing"
        imported = json.loads(tool(quorate).run("--json", "import", str(there), "--keep-sequences").stdout)
        measured(f"{imported['created']} znodes exported in {exported['seconds']:.2f} s, imported in {imported['seconds']:.2f} s")
        assert tree(qu) == tree(zk)
        assert imported["created"] == len(tree(zk)) - 1, "all but the root"
        assert qu.create("/queue/item-", b"next", sequence=True) == "/queue/item-0000000020"
        assert zk.create("/queue/item-", b"next", sequence=True) == "/queue/item-0000000020"
        # The old passwords are good for the same, and no others.
        with connected(quorate.hosts, auth_data=[_ALICE]) as alice:
            assert alice.get("/alice/deep")[0] == b"hers, too"
        # Life goes on, and back again.
        qu.set("/kafka/controller_epoch", b"19")
        qu.delete("/blob")
        tool(quorate).run("export", "/", "--output", str(back))
        target = new_zookeeper()
        tool(target).run("import", str(back), "--keep-sequences")
        with superuser(target) as again:
            assert tree(again) == tree(qu)
            assert again.create("/queue/item-", b"next", sequence=True) == "/queue/item-0000000021"


def test_a_subtree_that_changed_is_brought_up_to_date(
    new_zookeeper: Callable[[], Cluster], quorate: Cluster, tool: Callable[[Cluster], Tool], tmp_path: Path
) -> None:
    """A first copy while all run, and a second with the clients stopped, which has little left to do."""
    source, file = new_zookeeper(), tmp_path / "app.jsonl"
    with superuser(source) as zk, superuser(quorate) as qu:
        zk.create("/app", b"1")
        zk.create("/app/gone", b"")
        zk.create("/app/stays", b"")
        tool(source).run("export", "/app", "--output", str(file))
        tool(quorate).run("import", str(file), "--to", "/moved/app")
        zk.set("/app", b"2")
        zk.create("/app/new", b"n")
        tool(source).run("export", "/app", "--output", str(file))
        refused = tool(quorate).run("import", str(file), "--to", "/moved/app", code=1).stderr
        assert "conflict: /moved/app is there with other data" in refused
        tool(quorate).run("import", str(file), "--to", "/moved/app", "--overwrite", "different")
        assert {path.removeprefix("/moved"): held for path, held in tree(qu, "/moved/app").items()} == tree(zk, "/app")


def test_containers_and_times_to_live_become_persistent(
    new_zookeeper: Callable[[], Cluster], quorate: Cluster, tool: Callable[[Cluster], Tool], tmp_path: Path
) -> None:
    """No server shows which they are, so an export says what there is to see; a line that is edited makes them anew."""
    source, file = new_zookeeper(), tmp_path / "kinds.jsonl"
    tool(source).run("create", "--parents", "--container", "/kinds/container")
    tool(source).run("create", "--ttl", "3600", "/kinds/ttl", "soon")
    tool(source).run("export", "/kinds", "--output", str(file), "--without-stat")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["kind"] for line in lines[1:-1]] == ["persistent"] * 3
    lines[3] |= {"kind": "ttl", "ttl_ms": 1000}
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "--edited" in tool(quorate).run("import", str(file), code=1).stderr
    tool(quorate).run("import", str(file), "--edited")
    with superuser(quorate) as qu:
        assert qu.exists("/kinds/ttl") and qu.exists("/kinds/container")
