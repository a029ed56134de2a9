"""Brokers of AMQP 0-9-1: Quorate's nodes, or others that somebody has started."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from harness.cluster import Cluster
from harness.node import Node
from harness.waiting import wait_for


class Brokers:
    """Where the nodes of one cluster take AMQP clients."""

    def __init__(self, addresses: list[tuple[str, int]], nodes: list[Node] | None = None) -> None:
        self.addresses = addresses
        # None for brokers that somebody else has started.
        self.nodes = nodes or []

    @classmethod
    @contextmanager
    def started(cls, size: int, binary: Path) -> Iterator[Self]:
        """`size` Quorate nodes, for as long as the `with` lasts."""
        with Cluster.with_queues(size, binary) as cluster:
            brokers = cls([("127.0.0.1", node.amqp_port) for node in cluster.nodes], cluster.nodes)
            brokers.wait_ready()
            yield brokers

    @property
    def urls(self) -> list[str]:
        """An address for each node, with the user that every broker has."""
        return [f"amqp://guest:guest@{host}:{port}" for host, port in self.addresses]

    def leader(self) -> int:
        """The node that leads the control plane, and may lead more."""
        return wait_for("a leader", lambda: [n for n, node in enumerate(self.nodes) if node.running and node.leads()])[0]

    def connect(self, node: int = 0, **options: Any) -> BlockingConnection:
        """A connection to one of the nodes; `node` counts round if there are fewer."""
        host, port = self.addresses[node % len(self.addresses)]
        parameters = pika.ConnectionParameters(host, port, heartbeat=0, blocked_connection_timeout=30, **options)
        return pika.BlockingConnection(parameters)

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Waits until every node serves queues."""

        def serves(node: int) -> bool:
            try:
                self.connect(node).close()
            except (pika.exceptions.AMQPError, OSError):
                return False
            return True

        for node in range(len(self.addresses)):
            wait_for(f"node {node + 1} to serve queues", lambda node=node: serves(node), seconds)

    def restart(self, node: int) -> None:
        """Starts a node that was killed, and waits until it serves queues."""
        self.nodes[node].start()
        self.nodes[node].wait_ready()
        self.wait_ready()


def next_message(channel: BlockingChannel, queue: str, ack: bool = True, seconds: float = 10.0) -> Any:
    """The next message of a queue: method, properties and body."""
    until = time.monotonic() + seconds
    while True:
        method, properties, body = channel.basic_get(queue)
        if method is not None:
            if ack:
                channel.basic_ack(method.delivery_tag)
            return method, properties, body
        assert time.monotonic() < until, f"nothing came to {queue}"
        time.sleep(0.02)


def drain(channel: BlockingChannel, queue: str) -> list[bytes]:
    """The bodies of all messages that are ready, which are gone then."""
    bodies = []
    while (message := channel.basic_get(queue, auto_ack=True))[0] is not None:
        bodies.append(message[2])
    return bodies
