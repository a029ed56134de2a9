"""Some servers that belong together."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.node import Node
from harness.ports import free_ports
from harness.quorate import QuorateNode
from harness.waiting import wait_for
from harness.zookeeper import ZooKeeperNode


class Cluster:
    """One node or several, with a folder of their own that goes away with them."""

    def __init__(self, nodes: list[Node], folder: Path) -> None:
        self.nodes = nodes
        self._folder = folder

    @classmethod
    def quorate(cls, size: int, binary: Path) -> Self:
        """`size` Quorate nodes, not started."""
        folder, ids = _new_folder(), range(1, size + 1)
        ports = iter(free_ports(3 * size))
        peers = {node: next(ports) for node in ids}
        nodes = [QuorateNode(binary, n, folder / str(n), next(ports), peers, next(ports)) for n in ids]
        return cls(list(nodes), folder)

    @classmethod
    def with_queues(cls, size: int, binary: Path) -> Self:
        """`size` Quorate nodes that take AMQP clients, not started."""
        cluster = cls.quorate(size, binary)
        for node, port in zip(cluster.nodes, free_ports(size), strict=True):
            assert isinstance(node, QuorateNode)
            node.amqp_port = port
        return cluster

    @classmethod
    def zookeeper(cls, size: int, jars: Path) -> Self:
        """`size` ZooKeeper servers, not started."""
        folder, ids = _new_folder(), range(1, size + 1)
        ports = iter(free_ports(4 * size))
        quorum = {node: next(ports) for node in ids}
        election = {node: next(ports) for node in ids}
        nodes = [ZooKeeperNode(jars, n, folder / str(n), next(ports), next(ports), quorum, election) for n in ids]
        return cls(list(nodes), folder)

    def joining(self, binary: Path, node_id: int, role: str) -> QuorateNode:
        """One more node, not started, that joins through the first."""
        contact = self.nodes[0]
        assert isinstance(contact, QuorateNode)
        peer, client, admin = free_ports(3)
        node = QuorateNode(binary, node_id, self._folder / str(node_id), client, {node_id: peer}, admin)
        node.join(contact, role)
        if contact.amqp_port is not None:
            node.amqp_port = free_ports(1)[0]
        self.nodes.append(node)
        return node

    @property
    def hosts(self) -> str:
        """The connection string with all nodes."""
        return ",".join(node.address for node in self.nodes)

    @property
    def secure_hosts(self) -> str:
        """The connection string with all nodes, for clients with TLS."""
        return ",".join(node.secure_address for node in self.nodes)

    def hosts_from(self, node: Node) -> str:
        """The connection string with all nodes, `node` first."""
        at = self.nodes.index(node)
        return ",".join(each.address for each in self.nodes[at:] + self.nodes[:at])

    def start(self) -> Self:
        """Starts every node that is not running and waits until all are ready."""
        for node in self.nodes:
            if not node.running:
                node.start()
        for node in self.nodes:
            node.wait_ready()
        return self

    def leader(self, seconds: float = 10.0) -> Node:
        """The node that leads now, waited for."""
        return wait_for("a leader", lambda: next((n for n in self.nodes if n.running and n.leads()), None), seconds)

    def followers(self) -> list[Node]:
        """The running nodes that do not lead."""
        leader = self.leader()
        return [node for node in self.nodes if node.running and node is not leader]

    def close(self) -> None:
        """Ends every process and removes the folder."""
        for node in self.nodes:
            node.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="quorate-interop-"))
