"""multi: all or nothing, one zxid, each step seeing those before it."""

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError, RolledBackError, RuntimeInconsistency


def test_all_steps_take_effect_in_one_transaction(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/old", b"x")
    transaction = zk.transaction()
    transaction.create(f"{base}/a", b"1")
    transaction.create(f"{base}/a/b", b"2")
    transaction.set_data(f"{base}/a", b"3")
    transaction.check(f"{base}/a", 1)
    transaction.delete(f"{base}/old", 0)

    results = transaction.commit()

    assert results[0] == f"{base}/a" and results[1] == f"{base}/a/b"
    assert results[2].version == 1
    assert results[3] is True and results[4] is True
    a, b = zk.exists(f"{base}/a"), zk.exists(f"{base}/a/b")
    assert a.czxid == a.mzxid == a.pzxid == b.czxid
    assert zk.get(f"{base}/a")[0] == b"3"
    assert zk.exists(f"{base}/old") is None


def test_one_bad_step_undoes_all(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a", b"")
    before = zk.exists(base)
    transaction = zk.transaction()
    transaction.create(f"{base}/b", b"")
    transaction.create(f"{base}/s-", b"", sequence=True)
    transaction.check(f"{base}/a", 7)
    transaction.delete(f"{base}/a")

    results = transaction.commit()

    assert [type(result) for result in results] == [
        RolledBackError,
        RolledBackError,
        BadVersionError,
        RuntimeInconsistency,
    ]
    assert zk.get_children(base) == ["a"]
    assert zk.exists(base) == before
    # The counter of sequential names is undone too: only "a" has counted.
    assert zk.create(f"{base}/s-", sequence=True).endswith("s-0000000001")


def test_each_kind_of_failure_is_named(zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    for step, error in (
        (lambda t: t.create(f"{base}/a"), NodeExistsError),
        (lambda t: t.delete(f"{base}/missing"), NoNodeError),
        (lambda t: t.set_data(f"{base}/missing", b""), NoNodeError),
        (lambda t: t.check(f"{base}/missing", 0), NoNodeError),
    ):
        transaction = zk.transaction()
        step(transaction)
        assert [type(result) for result in transaction.commit()] == [error]


def test_sequential_and_ephemeral_steps(zk: KazooClient, base: str) -> None:
    transaction = zk.transaction()
    transaction.create(f"{base}/s-", b"", sequence=True)
    transaction.create(f"{base}/s-", b"", sequence=True, ephemeral=True)
    assert transaction.commit() == [f"{base}/s-0000000000", f"{base}/s-0000000001"]
    assert zk.exists(f"{base}/s-0000000001").ephemeralOwner == zk.client_id[0]


def test_an_empty_transaction(zk: KazooClient) -> None:
    assert zk.transaction().commit() == []
