"""kazoo's own recipes, several clients each."""

import datetime
import threading
import time
from collections.abc import Callable

from kazoo.client import KazooClient

from harness import wait_for

Connect = Callable[..., KazooClient]

JOIN_SECONDS = 30


def in_threads(*works: Callable[[], None]) -> None:
    """Runs `works` at once; the first error is the test's."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a recipe did not come to its end"
    if errors:
        raise errors[0]


def test_lock_lets_one_in_at_a_time(connect: Connect, base: str) -> None:
    inside, most, entries = 0, 0, 0

    def contend(client: KazooClient) -> None:
        nonlocal inside, most, entries
        lock = client.Lock(f"{base}/lock", "contender")
        for _ in range(10):
            with lock:
                inside += 1
                most = max(most, inside)
                entries += 1
                time.sleep(0.002)
                inside -= 1

    in_threads(*(lambda client=connect(): contend(client) for _ in range(4)))
    assert (most, entries) == (1, 40)


def test_lock_of_a_client_that_went_away_is_free(connect: Connect, zk: KazooClient, base: str) -> None:
    holder = connect()
    assert holder.Lock(f"{base}/lock").acquire(timeout=10)
    waiter = zk.Lock(f"{base}/lock")
    assert not waiter.acquire(blocking=False)
    holder.stop()
    assert waiter.acquire(timeout=10)
    waiter.release()


def test_read_and_write_lock(connect: Connect, base: str) -> None:
    first, second, third = connect(), connect(), connect()
    readers = [first.ReadLock(f"{base}/lock"), second.ReadLock(f"{base}/lock")]
    assert all(reader.acquire(timeout=10) for reader in readers)
    writer = third.WriteLock(f"{base}/lock")
    assert not writer.acquire(blocking=False)
    for reader in readers:
        reader.release()
    assert writer.acquire(timeout=10)
    assert not readers[0].acquire(blocking=False)
    writer.release()


def test_semaphore(connect: Connect, base: str) -> None:
    leases = [connect().Semaphore(f"{base}/semaphore", max_leases=2) for _ in range(3)]
    assert leases[0].acquire(timeout=10) and leases[1].acquire(timeout=10)
    assert not leases[2].acquire(blocking=False)
    leases[0].release()
    assert leases[2].acquire(timeout=10)


def test_election_elects_everybody_once_and_one_at_a_time(connect: Connect, base: str) -> None:
    leading, most, led = 0, 0, []

    def lead(name: str) -> None:
        nonlocal leading, most
        leading += 1
        most = max(most, leading)
        led.append(name)
        time.sleep(0.01)
        leading -= 1

    def run(client: KazooClient, name: str) -> None:
        client.Election(f"{base}/election", name).run(lead, name)

    names = ["a", "b", "c", "d"]
    in_threads(*(lambda client=connect(), name=name: run(client, name) for name in names))
    assert (most, sorted(led)) == (1, names)


def test_barrier(connect: Connect, zk: KazooClient, base: str) -> None:
    barrier = zk.Barrier(f"{base}/barrier")
    barrier.create()
    clients = [connect() for _ in range(3)]
    for client in clients:
        client.sync(base)
    passed: list[bool] = []
    assert not clients[0].Barrier(f"{base}/barrier").wait(timeout=0.1)

    def wait(client: KazooClient) -> None:
        passed.append(client.Barrier(f"{base}/barrier").wait(timeout=20))

    in_threads(*(lambda client=client: wait(client) for client in clients), barrier.remove)
    assert passed == [True] * 3


def test_double_barrier(connect: Connect, base: str) -> None:
    entered, left = [], []
    count = 3

    def meet(client: KazooClient, name: str) -> None:
        barrier = client.DoubleBarrier(f"{base}/barrier", count, name)
        barrier.enter()
        entered.append(name)
        wait_for("all to enter", lambda: len(entered) == count)
        barrier.leave()
        left.append(name)

    names = [f"p{index}" for index in range(count)]
    in_threads(*(lambda client=connect(), name=name: meet(client, name) for name in names))
    assert sorted(entered) == sorted(left) == names


def test_counter(connect: Connect, zk: KazooClient, base: str) -> None:
    def count(client: KazooClient) -> None:
        counter = client.Counter(f"{base}/counter")
        for _ in range(20):
            counter += 1

    in_threads(*(lambda client=connect(): count(client) for _ in range(4)))
    zk.sync(base)
    assert zk.Counter(f"{base}/counter").value == 80


def test_queue_gives_each_item_to_one(connect: Connect, zk: KazooClient, base: str) -> None:
    items = [str(number).encode() for number in range(60)]
    source = zk.Queue(f"{base}/queue")
    for item in items:
        source.put(item)
    taken: list[bytes] = []

    def drain(client: KazooClient) -> None:
        client.sync(base)
        queue = client.Queue(f"{base}/queue")
        while (item := queue.get()) is not None:
            taken.append(item)

    in_threads(*(lambda client=connect(): drain(client) for _ in range(3)))
    assert sorted(taken, key=int) == items


def test_queue_orders_by_priority(zk: KazooClient, base: str) -> None:
    queue = zk.Queue(f"{base}/queue")
    queue.put(b"late", priority=200)
    queue.put(b"early", priority=10)
    assert [queue.get(), queue.get(), queue.get()] == [b"early", b"late", None]


def test_locking_queue_returns_what_was_not_consumed(connect: Connect, zk: KazooClient, base: str) -> None:
    zk.LockingQueue(f"{base}/queue").put_all([b"a", b"b"])
    holder = connect()
    holder.sync(base)
    assert holder.LockingQueue(f"{base}/queue").get(timeout=10) == b"a"
    second = zk.LockingQueue(f"{base}/queue")
    assert second.get(timeout=10) == b"b" and second.consume()
    holder.stop()
    assert second.get(timeout=10) == b"a" and second.consume()


def test_party(connect: Connect, zk: KazooClient, base: str) -> None:
    members = [connect() for _ in range(3)]
    for index, client in enumerate(members):
        client.Party(f"{base}/party", f"m{index}").join()
    zk.sync(base)
    assert sorted(zk.Party(f"{base}/party")) == ["m0", "m1", "m2"]
    members[1].stop()
    zk.sync(base)
    assert sorted(zk.Party(f"{base}/party")) == ["m0", "m2"]


def test_shallow_party(connect: Connect, zk: KazooClient, base: str) -> None:
    connect().ShallowParty(f"{base}/party", "m0").join()
    zk.sync(base)
    assert [name.split("-")[-1] for name in zk.get_children(f"{base}/party")] == ["m0"]


def test_set_partitioner(connect: Connect, base: str) -> None:
    whole = tuple(range(9))
    owned: list[list[int]] = []

    def take(client: KazooClient, name: str) -> None:
        partitioner = client.SetPartitioner(f"{base}/set", set=whole, identifier=name, time_boundary=0.3)
        wait_for("a share", lambda: _acquired(partitioner), 20)
        owned.append(list(partitioner))
        wait_for("all to own", lambda: len(owned) == 3, 20)
        partitioner.finish()

    in_threads(*(lambda client=connect(), name=name: take(client, name) for name in ("a", "b", "c")))
    assert sorted(item for share in owned for item in share) == list(whole)
    assert [len(share) for share in owned] == [3, 3, 3]


def _acquired(partitioner: object) -> bool:
    if partitioner.release:
        partitioner.release_set()
    elif partitioner.allocating:
        partitioner.wait_for_acquire(1)
    return partitioner.acquired


def test_lease(connect: Connect, base: str) -> None:
    first, second = connect(), connect()
    hour = datetime.timedelta(hours=1)
    assert first.NonBlockingLease(f"{base}/lease", hour, identifier="first")
    second.sync(base)
    assert not second.NonBlockingLease(f"{base}/lease", hour, identifier="second")
