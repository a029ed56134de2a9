"""Access control: world, digest, and what needs which permission."""

from collections.abc import Callable, Iterator

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, InvalidACLError, NoAuthError
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Permissions, make_acl, make_digest_acl

from harness import Cluster, connected

Connect = Callable[..., KazooClient]

# The example of ZooKeeper's own documentation: the password is `test`.
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
DIGEST = make_digest_acl("alice", "secret", all=True)


def test_the_default_is_open(zk: KazooClient, base: str) -> None:
    acl, stat = zk.get_acls(base)
    assert acl == OPEN_ACL_UNSAFE
    assert stat.aversion == 0


def test_digest_lets_only_its_owner_in(connect: Connect, zk: KazooClient, base: str) -> None:
    alice = connect(auth_data=[("digest", "alice:secret")])
    mallory = connect(auth_data=[("digest", "alice:guess")])
    alice.sync(base)
    alice.create(f"{base}/a", b"hers", acl=[DIGEST])

    assert alice.get(f"{base}/a")[0] == b"hers"
    for other in (zk, mallory):
        other.sync(base)
        for denied in (
            lambda: other.get(f"{base}/a"),
            lambda: other.get_children(f"{base}/a"),
            lambda: other.set(f"{base}/a", b"mine"),
            lambda: other.create(f"{base}/a/b"),
            lambda: other.set_acls(f"{base}/a", OPEN_ACL_UNSAFE),
        ):
            with pytest.raises(NoAuthError):
                denied()
    # The permission to delete is the parent's to give.
    zk.delete(f"{base}/a")


def test_auth_means_whoever_creates(connect: Connect, base: str) -> None:
    alice = connect(auth_data=[("digest", "alice:secret")])
    alice.sync(base)
    alice.create(f"{base}/a", acl=CREATOR_ALL_ACL)
    assert alice.get_acls(f"{base}/a")[0] == [DIGEST]
    alice.delete(f"{base}/a")


def test_auth_of_nobody_is_refused(zk: KazooClient, base: str) -> None:
    with pytest.raises(InvalidACLError):
        zk.create(f"{base}/a", acl=CREATOR_ALL_ACL)


def test_set_acl_moves_only_the_acl_version(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    before = zk.exists(f"{base}/a")
    after = zk.set_acls(f"{base}/a", READ_ACL_UNSAFE, version=0)
    assert after == before._replace(aversion=1)
    assert zk.get_acls(f"{base}/a")[0] == READ_ACL_UNSAFE
    with pytest.raises(NoAuthError):
        zk.set(f"{base}/a", b"")


def test_the_acl_version_guards(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    with pytest.raises(BadVersionError):
        zk.set_acls(f"{base}/a", OPEN_ACL_UNSAFE, version=3)


def test_create_and_delete_are_the_parents(zk: KazooClient, base: str) -> None:
    without = Permissions.ALL & ~Permissions.CREATE & ~Permissions.DELETE
    zk.create(f"{base}/p")
    zk.create(f"{base}/p/child")
    zk.set_acls(f"{base}/p", [make_acl("world", "anyone", read=True, write=True, admin=True)])
    assert zk.get_acls(f"{base}/p")[0][0].perms == without
    with pytest.raises(NoAuthError):
        zk.create(f"{base}/p/another")
    with pytest.raises(NoAuthError):
        zk.delete(f"{base}/p/child")
    zk.set_acls(f"{base}/p", OPEN_ACL_UNSAFE)


def test_ip(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/here", b"x", acl=[make_acl("ip", "127.0.0.1", all=True)])
    zk.create(f"{base}/net", b"y", acl=[make_acl("ip", "127.0.0.0/8", all=True)])
    zk.create(f"{base}/there", b"z", acl=[make_acl("ip", "10.1.2.3", all=True)])
    assert zk.get(f"{base}/here")[0] == b"x"
    assert zk.get(f"{base}/net")[0] == b"y"
    with pytest.raises(NoAuthError):
        zk.get(f"{base}/there")
    zk.delete(f"{base}/there")


def test_an_unknown_scheme_is_refused(zk: KazooClient, base: str) -> None:
    with pytest.raises(InvalidACLError):
        zk.create(f"{base}/a", acl=[make_acl("nobody", "knows", all=True)])


@pytest.fixture(params=[1, 3])
def with_superuser(request: pytest.FixtureRequest, new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    cluster = new_cluster(request.param)
    for node in cluster.nodes:
        node.super_digest = SUPER_DIGEST
    with cluster:
        yield cluster


def test_the_superuser_passes_every_check(with_superuser: Cluster) -> None:
    hosts = with_superuser.hosts
    with connected(hosts, auth_data=[("digest", "alice:secret")]) as alice:
        alice.create("/hers", b"1", acl=[DIGEST])
    with connected(hosts, auth_data=[("digest", "super:guess")]) as pretender:
        pretender.sync("/hers")
        with pytest.raises(NoAuthError):
            pretender.get("/hers")
    with connected(hosts, auth_data=[("digest", "super:test")]) as root:
        root.sync("/hers")
        assert root.get("/hers")[0] == b"1"
        assert root.get_acls("/hers")[0] == [DIGEST]
        root.set("/hers", b"2")
        root.create("/hers/below")
        root.delete("/hers/below")
        # Made by `auth`, a list has the digest in it and not the superuser, who needs none.
        root.create("/mine", acl=CREATOR_ALL_ACL)
        assert root.get_acls("/mine")[0] == [make_digest_acl("super", "test", all=True)]
        root.set_acls("/zookeeper/config", OPEN_ACL_UNSAFE)
        root.set_acls("/hers", OPEN_ACL_UNSAFE)
    with connected(hosts) as anyone:
        anyone.sync("/hers")
        assert anyone.get("/hers")[0] == b"2"
