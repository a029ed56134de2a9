"""How many connections an address may have, how much memory the tree may take, how large a request may be."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError, QuotaExceededError
from prometheus_client.parser import text_string_to_metric_families

from harness import Cluster, Node, connected, wait_for
from harness.quorate import QuorateNode

LIMIT = 3
TREE_BYTES = 4_000_000
MIB = 1 << 20


@pytest.fixture
def limited(new_cluster: Callable[[int], Cluster]) -> Iterator[Node]:
    """A node that takes three connections from an address."""
    cluster = new_cluster(1)
    cluster.nodes[0].connections_per_address_max = LIMIT
    with cluster:
        yield cluster.nodes[0]


def is_closed_at_once(node: Node) -> bool:
    with socket.create_connection(("127.0.0.1", node.client_port), timeout=2.0) as connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def test_those_beyond_the_limit_are_closed(limited: Node) -> None:
    assert f"maxClientCnxns={LIMIT}\n" in limited.four_letter_word("conf")
    with ExitStack() as stack:
        clients: list[KazooClient] = [stack.enter_context(connected(limited.address)) for _ in range(LIMIT)]
        assert is_closed_at_once(limited)
        clients[0].create("/limits", b"")
        assert all(client.exists("/limits") for client in clients)
        clients.pop().stop()
        wait_for("room for another", lambda: not is_closed_at_once(limited))
        assert stack.enter_context(connected(limited.address)).exists("/limits")
    lines = dict(line.split("\t") for line in limited.four_letter_word("mntr").splitlines())
    assert int(lines["zk_connection_rejected"]) >= 1


@pytest.fixture(params=[1, 3])
def small(request: pytest.FixtureRequest, new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """Nodes whose tree may take a few megabytes."""
    cluster = new_cluster(request.param)
    for node in cluster.nodes:
        node.tree_bytes_max = TREE_BYTES
    with cluster:
        yield cluster


def fill(zk: KazooClient) -> int:
    """Creates znodes of 10 kB until that is refused, first many at a time, and returns how many there are."""
    for start in range(0, 2000, 100):
        answers = [zk.create_async(f"/full/n{number}", b"x" * 10_000) for number in range(start, start + 100)]
        for answer in answers:
            answer.wait(30.0)
        if failed := [answer.exception for answer in answers if answer.exception is not None]:
            assert all(isinstance(each, QuotaExceededError) for each in failed), failed
            break
    # What was under way counted for a little more than it took in the end.
    for number in range(100):
        try:
            zk.create(f"/full/last{number}", b"x" * 10_000)
        except QuotaExceededError:
            return len(zk.get_children("/full"))
    raise AssertionError("nothing was refused")


def metric(node: Node, name: str) -> float:
    assert isinstance(node, QuorateNode)
    families = text_string_to_metric_families(node.metrics())
    return next(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.mark.quorate_only
def test_a_full_tree_refuses_writes_and_serves_on(small: Cluster) -> None:
    with connected(small.hosts_from(small.leader())) as zk, connected(small.hosts_from(small.nodes[-1])) as other:
        zk.create("/full")
        count = fill(zk)
        assert 300 <= count <= 400, "about 4 MB of 10 kB each"
        other.sync("/full")
        for client in (zk, other):
            with pytest.raises(QuotaExceededError):
                client.create("/full/more", b"x" * 10_000)
            with pytest.raises(QuotaExceededError):
                client.create("/full/e-", b"x" * 10_000, ephemeral=True, sequence=True)
        transaction = zk.transaction()
        transaction.check("/full", -1)
        transaction.create("/full/more", b"x" * 10_000)
        failed, refused = transaction.commit()
        assert isinstance(failed, KazooException)
        assert isinstance(refused, QuotaExceededError)
        zk.set("/full/n0", b"shorter")
        assert zk.get("/full/n1")[0] == b"x" * 10_000
        with connected(small.hosts) as newcomer:
            for number in range(20):
                newcomer.delete(f"/full/n{number}")
        zk.sync("/full")
        zk.create("/full/more", b"x" * 10_000)
    for node in small.nodes:
        assert metric(node, "quorate_tree_bytes_max") == TREE_BYTES
        assert 0 < metric(node, "quorate_tree_bytes") <= TREE_BYTES
    assert metric(small.leader(), "quorate_tree_full_total") >= 3
    assert "the tree is full" in small.leader().log_file.read_text()


@pytest.mark.quorate_only
@pytest.mark.parametrize("mebibytes", [1, 5, 16])
def test_requests_may_be_as_large_as_the_setting_says(new_cluster: Callable[[int], Cluster], mebibytes: int) -> None:
    cluster, limit = new_cluster(3), mebibytes * MIB
    for node in cluster.nodes:
        node.request_bytes_max = limit
    with cluster:
        data = b"x" * (limit - 200)
        with connected(cluster.hosts_from(cluster.followers()[0])) as zk:
            zk.create("/large", data)
            transaction = zk.transaction()
            transaction.set_data("/large", data[1:])
            transaction.check("/large", 1)
            assert not [each for each in transaction.commit() if isinstance(each, Exception)]
            assert zk.get("/large")[0] == data[1:]
        with connected(cluster.hosts) as zk, pytest.raises(KazooException):
            zk.create("/larger", b"x" * (limit + 1))
        # From the journal, and, of one node, from the others.
        for node in cluster.nodes:
            node.kill()
        cluster.start()
        for node in cluster.nodes:
            with connected(node.address) as zk:
                zk.sync("/large")
                assert zk.get("/large")[0] == data[1:]
                with pytest.raises(NoNodeError):
                    zk.get("/larger")


@pytest.mark.quorate_only
def test_a_size_that_can_not_be_is_refused_at_the_start(new_cluster: Callable[[int], Cluster]) -> None:
    cluster = new_cluster(1)
    cluster.nodes[0].request_bytes_max = 64 * MIB
    try:
        with pytest.raises(AssertionError, match="request-bytes-max.*give 1024 to 33554432"):
            cluster.start()
    finally:
        cluster.close()
