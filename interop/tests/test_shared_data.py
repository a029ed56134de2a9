"""Rust's discovery, caches, members, counters and queues, and Curator's and kazoo's on the same paths, while nodes are killed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

from harness import Cluster, wait_for
from harness.commanded import Commanded
from harness.java import java_command

_SECONDS = 60.0
_READY_SECONDS = 90.0


@pytest.fixture
def data_driver(request: pytest.FixtureRequest) -> Path:
    """The program that does what it is told with quorate-recipes."""
    path: Path = request.config.getoption("--data-driver")
    assert path.exists(), f"no {path}: cargo build --release -p quorate-recipes --example data_driver"
    return path


@contextmanager
def programs(cluster: Cluster, java: Path, data_driver: Path) -> Iterator[tuple[Commanded, Commanded]]:
    """Rust's and Curator's."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    curator = java_command(java, quiet, "quorate.interop.curator.DataDriver", cluster.hosts)
    with Commanded("rust", [str(data_driver), cluster.hosts]) as rust, Commanded("curator", curator) as other:
        yield rust, other


def killed(cluster: Cluster) -> Iterator[str]:
    """With all nodes, without the leader, and with it back."""
    yield "at the beginning"
    leader = cluster.leader()
    leader.kill()
    yield "without the leader"
    leader.start()
    leader.wait_ready(_READY_SECONDS)
    yield "with the leader of before back"


def eventually(what: str, expected: Any, asked: Callable[[], Any]) -> None:
    """Waits until the answer is as expected."""
    last: list[Any] = [None]

    def is_it() -> bool:
        last[0] = asked()
        return bool(last[0] == expected)

    try:
        wait_for(what, is_it, _SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last[0]}, not {expected}") from None


def test_curator_and_rust_share_a_registry_and_all_else(
    new_cluster: Callable[[int], Cluster], java: Path, data_driver: Path
) -> None:
    with new_cluster(3) as cluster, programs(cluster, java, data_driver) as (rust, curator):
        both = {"rust": rust, "curator": curator}
        for port, (name, program) in enumerate(both.items(), start=1):
            program("register", "/services", "shop", name, port)
            program("join", "group", "/members", name)
            program("keep", f"/tree/kept-by-{name}", name)
            program("follow", "/tree")
        services = [["curator", 2, "payload of curator"], ["rust", 1, "payload of rust"]]
        tree = {"/tree": "", "/tree/kept-by-curator": "curator", "/tree/kept-by-rust": "rust"}
        sums = {"int": 0, "long": 0}
        for when in killed(cluster):
            for name, program in both.items():
                eventually(f"instances {when} by {name}", services, lambda: program("instances", "/services", "shop"))
                eventually(f"members {when} by {name}", ["curator", "rust"], lambda: program("members", "/members"))
                eventually(f"the tree {when} by {name}", tree, lambda: program("followed", "/tree"))
                for kind in sums:
                    sums[kind] += 3
                    assert program("add", kind, f"/count/{kind}", 3) == sums[kind]
            for giver, taker in ((rust, curator), (curator, rust)):
                pass_on(giver, taker, when)
        for program in both.values():
            # Past the lives of sessions: what is there is kept there.
            program("keep", "/tree/last", "both")
        rust("unregister", "rust")
        for name, program in both.items():
            eventually(f"what is left by {name}", services[:1], lambda: program("instances", "/services", "shop"))


def pass_on(giver: Commanded, taker: Commanded, when: str) -> None:
    """One item through each kind of queue."""
    for kind in ("simple", "queue"):
        giver("put", kind, f"/queues/{kind}", f"{kind} {when}")
        assert taker("take", kind, f"/queues/{kind}") == f"{kind} {when}"
    giver("put", "priority", "/queues/priority", "negative", -7)
    assert taker("take", "priority", "/queues/priority") == "negative"
    due = time.time_ns() // 1_000_000 + 1000
    giver("put", "delay", "/queues/delay", "later", due)
    assert taker("take", "delay", "/queues/delay") == "later"
    # By the same clock: everything runs on one machine.
    assert time.time_ns() // 1_000_000 >= due
    giver("put", "queue", "/queues/held", "held")
    assert taker("take-held", "queue", "/queues/held", "/queues/held-locks") == "held"


def test_kazoo_and_rust_share_parties_counters_queues_and_partitions(
    new_cluster: Callable[[int], Cluster], data_driver: Path
) -> None:
    with new_cluster(3) as cluster, Commanded("rust", [str(data_driver), cluster.hosts]) as rust:
        with patient(cluster) as kazoo:
            parties = {
                "party": kazoo.Party("/party", "kazoo"),
                "shallow": kazoo.ShallowParty("/shallow", "kazoo"),
            }
            for kind, party in parties.items():
                party.join()
                rust("join", kind, f"/{kind}", "rust")
            counter = kazoo.Counter("/counter")
            curators = kazoo.Counter("/curators", support_curator=True)
            queue, locking = kazoo.Queue("/queue"), kazoo.LockingQueue("/locking")
            total = 0
            for when in killed(cluster):
                for kind, party in parties.items():
                    both = ["kazoo", "rust"]
                    eventually(f"{kind} {when} by kazoo", both, lambda: sorted(map(str, kazoo.retry(lambda: list(party)))))
                    eventually(f"{kind} {when} by rust", both, lambda: rust("members", f"/{kind}"))
                counter += 2
                curators += 2
                total += 5
                assert rust("add", "decimal", "/counter", 3) == total
                assert rust("add", "int", "/curators", 3) == total
                kazoo.retry(kazoo.sync, "/counter")
                assert (counter.value, curators.value) == (total, total)
                pass_through_kazoo(kazoo, queue, locking, rust)
            shares = share_out(kazoo, rust)
            assert len(shares) == 10 and len(set(shares)) == 10


def pass_through_kazoo(kazoo: KazooClient, queue: Any, locking: Any, rust: Commanded) -> None:
    queue.put(b"low", 500)
    rust("put", "kazoo", "/queue", "high", 1)
    assert rust("take", "kazoo", "/queue") == "high"
    rust("put", "kazoo", "/queue", "usual")
    assert (queue.get(), queue.get()) == (b"usual", b"low")
    locking.put(b"of kazoo")
    assert rust("take-held", "kazoo", "/locking") == "of kazoo"
    rust("put", "kazoo", "/locking/entries", "of rust")
    assert locking.get(timeout=_SECONDS) == b"of rust"
    assert locking.consume()


def share_out(kazoo: KazooClient, rust: Commanded) -> list[str]:
    """What each of two workers gets."""
    names = [f"p{number:02}" for number in range(10)]
    partitioner = kazoo.SetPartitioner("/work", names, identifier="kazoo", time_boundary=2)
    try:
        # kazoo settles in its own threads, and takes all until the other joins.
        theirs = rust_share_while(partitioner, rust)
        eventually("kazoo's share", True, lambda: settle(partitioner))
        return [*theirs, *partitioner]
    finally:
        partitioner.finish()


def rust_share_while(partitioner: Any, rust: Commanded) -> list[str]:
    import threading

    done = threading.Event()

    def keep_releasing() -> None:
        while not done.is_set():
            settle(partitioner)
            time.sleep(0.1)

    thread = threading.Thread(target=keep_releasing, daemon=True)
    thread.start()
    try:
        shares: list[str] = rust("partition", "/work", "rust", 10)
        return shares
    finally:
        done.set()
        thread.join()


def settle(partitioner: Any) -> bool:
    """Lets go what is to be let go. Whether it has its share of the two."""
    assert not partitioner.failed
    if partitioner.release:
        partitioner.release_set()
    return bool(partitioner.acquired and len(list(partitioner)) == 5)


@contextmanager
def patient(cluster: Cluster) -> Iterator[KazooClient]:
    """A client that tries again what a lost connection has interrupted."""
    retry = KazooRetry(max_tries=-1, max_delay=1)
    client = KazooClient(hosts=cluster.hosts, timeout=20, connection_retry=retry.copy(), command_retry=retry.copy())
    client.start(_SECONDS)
    try:
        yield client
    finally:
        client.stop()
        client.close()
