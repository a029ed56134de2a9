"""Queues that end with somebody: with a connection that is cut, with the last consumer, with a node that is killed."""

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from harness.cluster import Cluster
from harness.queues import Brokers, next_message
from harness.waiting import wait_for

SECONDS = 30.0


class Nodes:
    """Three nodes that serve queues, and connections to them."""

    def __init__(self, cluster: Cluster, stack: ExitStack) -> None:
        self.cluster = cluster
        self._stack = stack
        self.brokers = Brokers([("127.0.0.1", node.amqp_port) for node in cluster.nodes])
        self.brokers.wait_ready()

    def connect(self, node: int) -> BlockingConnection:
        connection = self.brokers.connect(node)

        def close() -> None:
            # The node may be gone.
            try:
                connection.close()
            except (pika.exceptions.AMQPError, OSError):
                pass

        self._stack.callback(close)
        return connection

    def exists(self, node: int, queue: str) -> bool:
        """Whether a node knows a queue, or it is somebody's alone."""
        connection = self.brokers.connect(node)
        try:
            connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker as closed:
            return closed.reply_code != 404
        finally:
            if connection.is_open:
                connection.close()
        return True


@pytest.fixture
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    """A cluster of its own: nodes are killed."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster.with_queues(3, request.config.getoption("--binary")))
        yield Nodes(cluster, stack)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def consume(channel: BlockingChannel, queue: str) -> None:
    channel.basic_consume(queue, lambda *_: None)


def cut(connection: BlockingConnection) -> None:
    """The client is gone without a word."""
    connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("killed", [0, 1, 2])
def test_what_belongs_to_a_killed_node_goes_and_nothing_else(nodes: Nodes, killed: int) -> None:
    staying = (killed + 1) % 3
    channel = nodes.connect(killed).channel()
    other = nodes.connect(staying).channel()
    exclusive = [channel.queue_declare("", exclusive=True).method.queue for _ in range(8)]
    lost, shared, fresh = ([unique(kind) for _ in range(8)] for kind in ("lost", "shared", "fresh"))
    for queue in lost + shared + fresh:
        channel.queue_declare(queue, durable=True, auto_delete=True)
    plain = unique("plain")
    channel.queue_declare(plain, durable=True)
    channel.confirm_delivery()
    for queue in [*exclusive, *lost, *shared, plain]:
        channel.basic_publish("", queue, b"m")
        consume(channel, queue)
    for queue in shared:
        consume(other, queue)

    nodes.cluster.nodes[killed].kill()

    for queue in exclusive + lost:
        wait_for(f"{queue} to go", lambda queue=queue: not nodes.exists(staying, queue), SECONDS)
    for queue in [*shared, *fresh, plain]:
        assert nodes.exists(staying, queue), f"{queue} belongs to nobody who is gone"
    # Those that were lost come again, and empty.
    for queue in lost:
        assert other.queue_declare(queue, durable=True, auto_delete=True).method.message_count == 0
    # What the lost consumer held is there again.
    method, _, body = next_message(other, plain, seconds=SECONDS)
    assert (method.redelivered, body) == (True, b"m")
    other.close()
    for queue in shared:
        wait_for(f"{queue} to go", lambda queue=queue: not nodes.exists(staying, queue), SECONDS)

    nodes.cluster.nodes[killed].start()
    nodes.brokers.wait_ready()
    assert not any(nodes.exists(killed, queue) for queue in exclusive + shared)
    assert nodes.exists(killed, plain)


def test_what_belongs_to_a_cut_connection_goes(nodes: Nodes) -> None:
    connection = nodes.connect(1)
    channel = connection.channel()
    exclusive = channel.queue_declare("", exclusive=True).method.queue
    lost, fresh = unique("lost"), unique("fresh")
    for queue in (lost, fresh):
        channel.queue_declare(queue, durable=True, auto_delete=True)
    consume(channel, exclusive)
    consume(channel, lost)
    cut(connection)
    for queue in (exclusive, lost):
        wait_for(f"{queue} to go", lambda queue=queue: not nodes.exists(0, queue), SECONDS)
    assert nodes.exists(0, fresh)


def test_nothing_goes_when_all_nodes_are_killed_but_what_was_somebodys(nodes: Nodes) -> None:
    channel = nodes.connect(0).channel()
    exclusive = channel.queue_declare("", exclusive=True).method.queue
    lost, plain = unique("lost"), [unique("plain") for _ in range(20)]
    channel.queue_declare(lost, durable=True, auto_delete=True)
    consume(channel, lost)
    channel.confirm_delivery()
    for queue in plain:
        channel.queue_declare(queue, durable=True)
        channel.basic_publish("", queue, b"m")
    for node in nodes.cluster.nodes:
        node.kill()
    for node in nodes.cluster.nodes:
        node.start()
    nodes.brokers.wait_ready(60.0)
    for queue in (exclusive, lost):
        wait_for(f"{queue} to go", lambda queue=queue: not nodes.exists(1, queue), SECONDS)
    time.sleep(3.0)
    other = nodes.connect(2).channel()
    for queue in plain:
        assert other.queue_declare(queue, durable=True).method.message_count == 1
