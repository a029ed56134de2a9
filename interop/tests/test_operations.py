"""The operations one by one, with the fields of `Stat` that clients read."""

import time
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)

Connect = Callable[..., KazooClient]


def test_create_then_read(zk: KazooClient, base: str) -> None:
    before_ms = int(time.time() * 1000)
    assert zk.create(f"{base}/a", b"one") == f"{base}/a"

    data, stat = zk.get(f"{base}/a")

    assert data == b"one"
    assert (stat.version, stat.cversion, stat.aversion) == (0, 0, 0)
    assert (stat.ephemeralOwner, stat.dataLength, stat.numChildren) == (0, 3, 0)
    assert stat.czxid == stat.mzxid == stat.pzxid > 0
    assert stat.ctime == stat.mtime
    assert abs(stat.ctime - before_ms) < 5_000


def test_create_answers_with_the_stat_when_asked(zk: KazooClient, base: str) -> None:
    path, stat = zk.create(f"{base}/a", b"x", include_data=True)
    assert path == f"{base}/a"
    assert stat == zk.exists(path)


def test_set_moves_version_and_modification_only(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a", b"one")
    created = zk.exists(f"{base}/a")

    written = zk.set(f"{base}/a", b"three")

    assert (written.version, written.dataLength) == (1, 5)
    assert written.czxid == created.czxid and written.pzxid == created.pzxid and written.ctime == created.ctime
    assert written.mzxid > created.mzxid
    assert zk.get(f"{base}/a") == (b"three", written)


def test_version_guards_set_and_delete(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    zk.set(f"{base}/a", b"", version=0)
    with pytest.raises(BadVersionError):
        zk.set(f"{base}/a", b"", version=0)
    with pytest.raises(BadVersionError):
        zk.delete(f"{base}/a", version=0)
    zk.delete(f"{base}/a", version=1)
    assert zk.exists(f"{base}/a") is None


def test_children_and_the_stat_of_their_parent(zk: KazooClient, base: str) -> None:
    for name in ("x", "y", "z"):
        zk.create(f"{base}/{name}")
    zk.delete(f"{base}/y")

    names, stat = zk.get_children(base, include_data=True)

    assert sorted(names) == ["x", "z"] == sorted(zk.get_children(base))
    # Each create and each delete moves the child version; the last of them is the parent's pzxid.
    assert (stat.numChildren, stat.cversion, stat.version) == (2, 4, 0)
    assert stat.pzxid > zk.exists(f"{base}/z").czxid
    assert stat.mzxid == stat.czxid


def test_a_grandchild_leaves_the_grandparent_alone(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    before = zk.exists(base)
    zk.create(f"{base}/a/b")
    assert zk.exists(base) == before


def test_errors_of_the_tree(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    zk.create(f"{base}/a/b")
    zk.create(f"{base}/e", ephemeral=True)
    with pytest.raises(NodeExistsError):
        zk.create(f"{base}/a")
    with pytest.raises(NoNodeError):
        zk.create(f"{base}/missing/a")
    with pytest.raises(NotEmptyError):
        zk.delete(f"{base}/a")
    with pytest.raises(NoNodeError):
        zk.delete(f"{base}/missing")
    with pytest.raises(NoNodeError):
        zk.get(f"{base}/missing")
    with pytest.raises(NoNodeError):
        zk.get_children(f"{base}/missing")
    with pytest.raises(NoNodeError):
        zk.set(f"{base}/missing", b"")
    with pytest.raises(NoChildrenForEphemeralsError):
        zk.create(f"{base}/e/child")
    with pytest.raises(BadArgumentsError):
        zk.delete("/zookeeper")
    assert zk.exists(f"{base}/missing") is None


@pytest.mark.parametrize("name", ["tab\tname", "unit\x1fname", "bmp\ue000name"])
def test_characters_that_a_path_must_not_have(zk: KazooClient, base: str, name: str) -> None:
    with pytest.raises(BadArgumentsError):
        zk.create(f"{base}/{name}")


@pytest.mark.parametrize("name", ["ünï-code", "snow☃man", "space and %", "a:b,c;d=e"])
def test_characters_that_a_path_may_have(zk: KazooClient, base: str, name: str) -> None:
    zk.create(f"{base}/{name}", name.encode())
    assert zk.get_children(base) == [name]
    assert zk.get(f"{base}/{name}")[0] == name.encode()


def test_sequential_names_count_creations(zk: KazooClient, base: str) -> None:
    def create(name: str, **how: bool) -> str:
        return zk.create(f"{base}/{name}", **how).removeprefix(f"{base}/")

    assert create("a-", sequence=True) == "a-0000000000"
    assert create("b-", sequence=True) == "b-0000000001"
    zk.delete(f"{base}/a-0000000000")
    assert create("a-", sequence=True) == "a-0000000002"
    create("plain")
    assert create("e-", sequence=True, ephemeral=True) == "e-0000000004"
    assert create("", sequence=True) == "0000000005"


def test_an_ephemeral_belongs_to_its_session_and_ends_with_it(connect: Connect, zk: KazooClient, base: str) -> None:
    owner = connect()
    owner.create(f"{base}/e", b"", ephemeral=True)
    assert zk.exists(f"{base}/e").ephemeralOwner == owner.client_id[0]
    owner.stop()
    zk.sync(base)
    assert zk.exists(f"{base}/e") is None


@pytest.mark.parametrize("size", [0, 1, 100, 65_536, 1_000_000])
def test_data_of_every_size_comes_back(zk: KazooClient, base: str, size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    zk.create(f"{base}/a", data)
    got, stat = zk.get(f"{base}/a")
    assert got == data and stat.dataLength == size


def test_many_children(zk: KazooClient, base: str) -> None:
    names = [f"child-{index:05}" for index in range(2_000)]
    for reply in [zk.create_async(f"{base}/{name}") for name in names]:
        reply.get(timeout=30)
    assert sorted(zk.get_children(base)) == names
    assert zk.exists(base).numChildren == len(names)


def test_requests_take_effect_in_the_order_sent(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a", b"0")
    replies = []
    for number in range(1, 201):
        replies.append((zk.set_async(f"{base}/a", str(number).encode()), zk.get_async(f"{base}/a"), number))
    for written, read, number in replies:
        assert written.get(timeout=30).version == number
        assert read.get(timeout=30)[0] == str(number).encode()


def test_another_client_reads_after_sync_what_was_answered(cluster, connect: Connect, base: str) -> None:
    writer, readers = connect(cluster.nodes[0]), [connect(node) for node in cluster.nodes]
    writer.create(f"{base}/a", b"")
    for number in range(30):
        writer.set(f"{base}/a", str(number).encode())
        for reader in readers:
            reader.sync(f"{base}/a")
            assert reader.get(f"{base}/a")[0] == str(number).encode()


def test_zxids_of_one_client_only_grow(zk: KazooClient, base: str) -> None:
    zxids = [zk.exists(base).czxid]
    for number in range(50):
        zk.create(f"{base}/{number}")
        zxids.append(zk.exists(f"{base}/{number}").czxid)
    assert zxids == sorted(set(zxids))


def test_the_tree_of_a_fresh_server_has_zookeeper_in_it(zk: KazooClient) -> None:
    assert "zookeeper" in zk.get_children("/")
    assert sorted(zk.get_children("/zookeeper")) == ["config", "quota"]


def test_the_server_names_its_version(zk: KazooClient) -> None:
    assert zk.server_version() >= (3, 4)
