"""One-shot watches: which event, how often, and before which answer."""

import threading
from collections.abc import Callable

from kazoo.client import KazooClient
from kazoo.protocol.states import Callback, EventType, WatchedEvent

from harness import wait_for

Connect = Callable[..., KazooClient]


class Seen:
    """The events that a watch got."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self._changed = threading.Event()

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append((event.type, event.path))
        self._changed.set()

    def once(self) -> tuple[str, str]:
        """The only event, waited for."""
        assert self._changed.wait(10), "no event came"
        assert len(self.events) == 1, self.events
        return self.events[0]


def settled(*clients: KazooClient) -> None:
    """Returns when every event of the writes before has been delivered: events come before later answers."""
    for client in clients:
        client.sync("/")
        client.exists("/")
        # kazoo hands events to their callbacks in another thread, one after another.
        done = threading.Event()
        client.handler.dispatch_callback(Callback("watch", done.set, ()))
        assert done.wait(10)


def test_data_watch(connect: Connect, zk: KazooClient, base: str) -> None:
    watcher, seen = connect(), Seen()
    zk.create(f"{base}/a")
    watcher.sync(base)
    watcher.get(f"{base}/a", watch=seen)
    zk.set(f"{base}/a", b"1")
    zk.set(f"{base}/a", b"2")
    settled(watcher)
    assert seen.once() == (EventType.CHANGED, f"{base}/a")


def test_exists_watch_on_a_missing_znode(connect: Connect, zk: KazooClient, base: str) -> None:
    watcher, seen = connect(), Seen()
    assert watcher.exists(f"{base}/a", watch=seen) is None
    zk.create(f"{base}/a")
    zk.set(f"{base}/a", b"1")
    settled(watcher)
    assert seen.once() == (EventType.CREATED, f"{base}/a")


def test_child_watch(connect: Connect, zk: KazooClient, base: str) -> None:
    watcher, seen = connect(), Seen()
    watcher.sync(base)
    assert watcher.get_children(base, watch=seen) == []
    zk.set(base, b"does not concern the children")
    zk.create(f"{base}/a")
    zk.create(f"{base}/b")
    settled(watcher)
    assert seen.once() == (EventType.CHILD, base)


def test_delete_fires_data_child_and_exists_watch(connect: Connect, zk: KazooClient, base: str) -> None:
    watcher, data, child, parent = connect(), Seen(), Seen(), Seen()
    zk.create(f"{base}/a")
    watcher.sync(base)
    watcher.get(f"{base}/a", watch=data)
    watcher.get_children(f"{base}/a", watch=child)
    watcher.get_children(base, watch=parent)
    zk.delete(f"{base}/a")
    settled(watcher)
    assert data.once() == child.once() == (EventType.DELETED, f"{base}/a")
    assert parent.once() == (EventType.CHILD, base)


def test_get_of_a_missing_znode_leaves_no_watch(zk: KazooClient, base: str) -> None:
    seen = Seen()
    try:
        zk.get(f"{base}/a", watch=seen)
    except Exception:  # the watch is what this test is about
        pass
    zk.create(f"{base}/a")
    settled(zk)
    assert seen.events == []


def test_the_end_of_a_session_is_seen(connect: Connect, base: str) -> None:
    owner, watcher, seen, parent = connect(), connect(), Seen(), Seen()
    owner.create(f"{base}/e", ephemeral=True)
    watcher.sync(base)
    assert watcher.exists(f"{base}/e", watch=seen)
    watcher.get_children(base, watch=parent)
    owner.stop()
    assert seen.once() == (EventType.DELETED, f"{base}/e")
    settled(watcher)
    assert parent.once() == (EventType.CHILD, base)


def test_watchers_on_every_node_see_a_change_once(cluster, connect: Connect, zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a")
    watches = []
    for node in cluster.nodes:
        for _ in range(3):
            watcher, seen = connect(node), Seen()
            watcher.sync(base)
            watcher.get(f"{base}/a", watch=seen)
            watches.append((watcher, seen))
    zk.set(f"{base}/a", b"new")
    settled(*(watcher for watcher, _ in watches))
    assert [seen.once() for _, seen in watches] == [(EventType.CHANGED, f"{base}/a")] * len(watches)


def test_a_watcher_that_arms_again_misses_no_last_value(connect: Connect, zk: KazooClient, base: str) -> None:
    zk.create(f"{base}/a", b"0")
    values: list[bytes] = []
    watcher = connect()
    watcher.sync(base)

    @watcher.DataWatch(f"{base}/a")
    def _(data: bytes | None, _stat: object) -> bool:
        if data is None:
            return False
        values.append(data)
        return True

    for number in range(1, 101):
        zk.set(f"{base}/a", str(number).encode())
    wait_for("the last value", lambda: values[-1:] == [b"100"])
    numbers = [int(value) for value in values]
    assert numbers == sorted(set(numbers))
