"""Quotas: what they show, what they refuse, and that they outlive every process."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoAuthError, QuotaExceededError
from kazoo.security import make_acl

from harness import Cluster, connected, wait_for
from harness.java import java_command

HOME = "/zookeeper/quota"
SECONDS = 120


@pytest.fixture(params=[1, 3])
def enforcing(request: pytest.FixtureRequest, new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """Nodes that refuse what is beyond a hard limit."""
    cluster = new_cluster(request.param)
    for node in cluster.nodes:
        node.enforce_quotas = True
    with cluster:
        yield cluster


def set_quota(zk: KazooClient, path: str, limits: bytes) -> None:
    zk.ensure_path(f"{HOME}{path}")
    zk.create(f"{HOME}{path}/zookeeper_limits", limits)
    zk.create(f"{HOME}{path}/zookeeper_stats", b"count=0,bytes=0")


def usage(zk: KazooClient, path: str) -> bytes:
    zk.sync(HOME)
    return zk.get(f"{HOME}{path}/zookeeper_stats")[0]


def test_usage_follows_every_change(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a", b"12345")
    set_quota(zk, base, b"count=-1,bytes=-1")
    assert usage(zk, base) == b"count=2,bytes=5"
    stat = zk.exists(f"{HOME}{base}/zookeeper_stats")
    zk.create(f"{base}/a/b", b"123")
    zk.set(f"{base}/a", b"1")
    assert usage(zk, base) == b"count=3,bytes=4"
    transaction = zk.transaction()
    transaction.create(f"{base}/c", b"12")
    transaction.delete(f"{base}/a/b")
    transaction.commit()
    assert usage(zk, base) == b"count=3,bytes=3"
    assert zk.exists(f"{HOME}{base}/zookeeper_stats") == stat
    zk.delete(f"{HOME}{base}", recursive=True)


def test_usage_goes_with_the_nodes_of_a_session(zk: KazooClient, base: str, connect: Callable[..., KazooClient]) -> None:
    set_quota(zk, base, b"count=-1,bytes=-1")
    other = connect()
    other.create(f"{base}/e", b"12", ephemeral=True)
    assert usage(zk, base) == b"count=2,bytes=2"
    other.stop()
    wait_for("the node to go", lambda: usage(zk, base) == b"count=1,bytes=0")
    zk.delete(f"{HOME}{base}", recursive=True)


def test_hard_limits_are_not_enforced_unless_asked_for(zk: KazooClient, base: str) -> None:
    set_quota(zk, base, b"count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=1")
    zk.create(f"{base}/a", b"12345")
    assert usage(zk, base) == b"count=2,bytes=5"
    zk.delete(f"{HOME}{base}", recursive=True)


def test_hard_limits(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.create("/q")
        set_quota(zk, "/q", b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3")
        zk.create("/q/a", b"12345")
        with pytest.raises(QuotaExceededError):
            zk.create("/q/b", b"123456")
        zk.create("/q/b", b"12345")
        with pytest.raises(QuotaExceededError):
            zk.create("/q/c")
        with pytest.raises(QuotaExceededError):
            zk.set("/q", b"1")
        zk.set("/q/a", b"54321")
        # Growth is judged, not size: what is beyond the limit already may shrink only to below it.
        zk.set(f"{HOME}/q/zookeeper_limits", b"byteHardLimit=5")
        with pytest.raises(QuotaExceededError):
            zk.set("/q/a", b"1234")
        zk.set("/q/a", b"")
        zk.create("/qq", b"1234567890")
        assert usage(zk, "/q") == b"count=3,bytes=5"


def test_what_is_asked_before_the_quota_and_after_it(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.create("/q", b"1")
        set_quota(zk, "/q", b"byteHardLimit=1")
        with pytest.raises(QuotaExceededError):
            zk.set("/q", b"12", version=7)
        zk.set_acls("/q", [make_acl("world", "anyone", read=True)])
        with pytest.raises(NoAuthError):
            zk.set("/q", b"12", version=7)


def test_soft_limits_refuse_nothing(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.create("/q")
        set_quota(zk, "/q", b"count=1,bytes=1")
        zk.create("/q/a", b"12345")
        assert usage(zk, "/q") == b"count=2,bytes=5"


def test_a_transaction_beyond_the_limit_changes_nothing(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.create("/q")
        set_quota(zk, "/q", b"countHardLimit=1")
        transaction = zk.transaction()
        transaction.create("/other")
        transaction.create("/q/a")
        results = transaction.commit()
        assert isinstance(results[1], QuotaExceededError)
        assert all(isinstance(result, KazooException) for result in results)
        assert zk.exists("/other") is None
        assert usage(zk, "/q") == b"count=1,bytes=0"


def test_only_the_longest_prefix_counts(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.ensure_path("/q/inner")
        set_quota(zk, "/q", b"countHardLimit=2")
        set_quota(zk, "/q/inner", b"countHardLimit=2")
        zk.create("/q/inner/a", b"12")
        with pytest.raises(QuotaExceededError):
            zk.create("/q/inner/b")
        assert (usage(zk, "/q"), usage(zk, "/q/inner")) == (b"count=2,bytes=0", b"count=2,bytes=2")
        zk.delete(f"{HOME}/q/inner/zookeeper_limits")
        with pytest.raises(QuotaExceededError):
            zk.create("/q/inner/b")


def test_quotas_outlive_the_processes(enforcing: Cluster) -> None:
    with connected(enforcing.hosts) as zk:
        zk.create("/q", b"123")
        set_quota(zk, "/q", b"countHardLimit=2")
        zk.create("/q/a", b"45")
    for node in enforcing.nodes:
        node.kill()
    enforcing.start()
    with connected(enforcing.hosts) as zk:
        assert usage(zk, "/q") == b"count=2,bytes=5"
        with pytest.raises(QuotaExceededError):
            zk.create("/q/b")
        zk.delete("/q/a")
        assert usage(zk, "/q") == b"count=1,bytes=3"


# What is typed, and what the answer must contain.
CONVERSATION = [
    ("create /cli 12345", "Created /cli"),
    ("setquota -N 2 /cli", ""),
    ("setquota -B 10 /cli", ""),
    ("listquota /cli", "Output quota for /cli count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2"),
    ("", "Output stat for /cli count=1,bytes=5"),
    ("create /cli/a 12345", "Created /cli/a"),
    ("create /cli/b", "Quota has exceeded : /cli"),
    ("set /cli/a 123456", "Quota has exceeded : /cli/a"),
    ("setquota -n 7 /cli", ""),
    ("listquota /cli", "Output quota for /cli count=7,bytes=-1=;byteHardLimit=10;countHardLimit=2"),
    ("", "Output stat for /cli count=2,bytes=10"),
    ("setquota -n 7 /cli/a", "/cli/a has a parent /cli which has a quota"),
    ("delquota -N /cli", ""),
    ("create /cli/b", "Created /cli/b"),
    ("delquota /cli", ""),
    ("listquota /cli", "quota for /cli does not exist."),
    ("create /cli/c 12345", "Created /cli/c"),
]


def test_the_command_line(enforcing: Cluster, java: Path) -> None:
    server = ("-server", enforcing.nodes[0].address, "-waitforconnection")
    done = subprocess.run(
        java_command(java, "org.apache.zookeeper.ZooKeeperMain", *server),
        input="".join(f"{line}\n" for line, _ in CONVERSATION if line) + "quit\n",
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    at = 0
    for line, wanted in CONVERSATION:
        found = done.stdout.find(wanted, at)
        assert found >= 0, f"{line!r} was not answered with {wanted!r}:\n{done.stdout[at:]}\n(of)\n{done.stdout}"
        at = found + len(wanted)
