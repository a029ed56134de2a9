"""How many connections an address may have."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from kazoo.client import KazooClient

from harness import Cluster, Node, connected, wait_for

LIMIT = 3


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
