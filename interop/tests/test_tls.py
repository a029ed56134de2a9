"""TLS: clients and their certificates, nodes among themselves, and what is refused."""

import re
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import InvalidACLError, KazooException, NoAuthError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, make_acl

from harness import Authority, Certificate, Cluster, Node, PeerTls, Tls, connected, kazoo_client, wait_for
from harness.java import java_command
from harness.ports import free_ports

ALICE = "CN=alice,OU=Some\\, One,O=Interop"
REFUSED_SECONDS = 4.0


class Site:
    """A cluster over TLS and the authorities that its clients and its nodes have certificates of."""

    def __init__(self, folder: Path, cluster: Cluster, need: bool = False) -> None:
        self.cluster = cluster
        self.clients = Authority(folder, "clients")
        self.peers = Authority(folder, "peers")
        self.strangers = Authority(folder, "strangers")
        self.servers = self.clients.issue("server")
        self.alice = self.clients.issue("alice", "/O=Interop/OU=Some, One/CN=alice")
        self.bob = self.clients.issue("bob", "/O=Interop/CN=bob")
        self.mallory = self.strangers.issue("mallory", "/O=Interop/OU=Some, One/CN=alice")
        for node, port in zip(cluster.nodes, free_ports(len(cluster.nodes)), strict=True):
            own = self.peers.issue(f"node-{node.node_id}")
            node.tls = Tls(port, self.servers, self.clients.path, need, PeerTls(own, self.peers.path))

    def options(self, shows: Certificate | None) -> dict[str, Any]:
        """What kazoo must be told to connect as somebody."""
        options: dict[str, Any] = {"use_ssl": True, "ca": str(self.clients.path)}
        if shows:
            options |= {"certfile": str(shows.certificate), "keyfile": str(shows.key)}
        return options

    def connected(self, shows: Certificate | None, hosts: str | None = None) -> Any:
        """A client with this certificate."""
        return connected(hosts or self.cluster.secure_hosts, **self.options(shows))

    def is_refused(self, shows: Certificate | None, **options: Any) -> bool:
        """Whether a client with this certificate gets no session."""
        client = kazoo_client(self.cluster.secure_hosts, **(self.options(shows) | options))
        try:
            client.start(timeout=REFUSED_SECONDS)
        except (KazooTimeoutError, KazooException):
            return True
        finally:
            client.stop()
            client.close()
        return False


@pytest.fixture(scope="module")
def site(new_cluster: Callable[[int], Cluster], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One node, whose clients may show a certificate."""
    cluster = new_cluster(1)
    site = Site(tmp_path_factory.mktemp("tls"), cluster)
    with cluster:
        yield site


@pytest.fixture
def path() -> str:
    return f"/tls-{uuid.uuid4().hex}"


def test_operations_and_watches(site: Site, path: str) -> None:
    data = bytes(range(256)) * 2000
    with site.connected(None) as secure, connected(site.cluster.hosts) as plain:
        seen: list[str] = []
        plain.create(path, b"one")
        assert secure.get(path, watch=lambda event: seen.append(event.type))[0] == b"one"
        plain.set(path, data)
        wait_for("the event", lambda: seen == ["CHANGED"])
        assert secure.get(path)[0] == data
        secure.create(f"{path}/e", b"", ephemeral=True)
        assert plain.get_children(path) == ["e"]
        many = [secure.create_async(f"{path}/s-", b"x" * 1000, sequence=True) for _ in range(300)]
        assert len({each.get(10) for each in many}) == 300
        assert len(secure.get_children(path)) == 301


def test_a_certificate_is_an_identity(site: Site, path: str) -> None:
    acl = [make_acl("x509", ALICE, all=True)]
    with (
        site.connected(site.alice) as alice,
        site.connected(site.bob) as bob,
        site.connected(None) as nobody,
        connected(site.cluster.hosts) as plain,
    ):
        alice.create(path, b"hers", acl=acl)
        assert alice.get(path)[0] == b"hers"
        assert alice.get_acls(path)[0] == acl
        for other in (bob, nobody, plain):
            other.sync(path)
            with pytest.raises(NoAuthError):
                other.get(path)
            with pytest.raises(NoAuthError):
                other.set(path, b"mine")
            with pytest.raises(NoAuthError):
                other.set_acls(path, OPEN_ACL_UNSAFE)
        alice.create(f"{path}/auth", acl=CREATOR_ALL_ACL)
        assert alice.get_acls(f"{path}/auth")[0] == acl
        with pytest.raises(InvalidACLError):
            nobody.create(f"{path}-auth", acl=CREATOR_ALL_ACL)


def test_strangers_are_refused(site: Site) -> None:
    assert site.is_refused(site.mallory)
    assert site.is_refused(None, ca=str(site.strangers.path)), "the client does not trust the server"
    assert not site.is_refused(None)


def test_a_certificate_can_be_needed(new_cluster: Callable[[int], Cluster], tmp_path: Path) -> None:
    cluster = new_cluster(1)
    site = Site(tmp_path, cluster, need=True)
    with cluster:
        assert site.is_refused(None)
        assert site.is_refused(site.mallory)
        assert not site.is_refused(site.alice)


def says(address: str, sent: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as connection:
        connection.sendall(sent)
        answer = b""
        try:
            while received := connection.recv(65_536):
                answer += received
        except ConnectionResetError:
            pass
        return answer


def test_whoever_speaks_in_the_clear_is_turned_away(site: Site) -> None:
    node = site.cluster.nodes[0]
    for sent in (b"ruok\n", bytes.fromhex("0000002d") + bytes(45)):
        answer = says(node.secure_address, sent)
        # An alert of TLS at most.
        assert b"imok" not in answer and len(answer) < 16
    assert says(node.address, b"ruok") == b"imok"
    assert not site.is_refused(None)


@pytest.mark.quorate_only
def test_monitoring_tells_of_handshakes(site: Site) -> None:
    node = site.cluster.nodes[0]
    says(node.secure_address, b"ruok\n")
    lines = dict(line.split("\t") for line in node.four_letter_word("mntr").splitlines())
    assert int(lines["zk_unsuccessful_handshake"]) >= 1
    assert lines["zk_outstanding_tls_handshake"] == "0"
    expiry = re.findall(r'expires_at_seconds\{shown_to="(\w+)"\} (\S+)', node.metrics())
    assert sorted(name for name, _ in expiry) == ["clients", "peers"]
    assert all(0 < float(at) - time.time() < 4 * 86_400 for _, at in expiry)
    assert f"secureClientPort={node.secure_address.split(':')[1]}\n" in node.four_letter_word("conf")


def test_javas_own_client(site: Site, java: Path, path: str) -> None:
    tls = [
        "-Dzookeeper.client.secure=true",
        "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty",
        f"-Dzookeeper.ssl.keyStore.location={site.alice.both}",
        f"-Dzookeeper.ssl.trustStore.location={site.clients.path}",
    ]
    scenarios = ["operations", "watches", "multi", "pipeline"]
    driven = run(java_command(java, *tls, "quorate.interop.Driver", site.cluster.secure_hosts, *scenarios))
    assert [line for line in driven.splitlines() if line.endswith(" ok")] == [f"{each} ok" for each in scenarios]

    with site.connected(site.alice) as alice:
        alice.create(path, b"hers", acl=[make_acl("x509", ALICE, all=True)])
    shell = ("org.apache.zookeeper.ZooKeeperMain", "-server", site.cluster.secure_hosts, "-waitforconnection")
    said = run(java_command(java, *tls, *shell), f"whoami\nget {path}\nquit\n")
    assert f"x509: {ALICE}" in said
    assert "hers" in said


def run(command: list[str], typed: str = "") -> str:
    done = subprocess.run(
        command, input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def three(new_cluster: Callable[[int], Cluster], tmp_path: Path) -> Iterator[Site]:
    """Three nodes that show each other certificates, not started."""
    cluster = new_cluster(3)
    site = Site(tmp_path, cluster)
    yield site
    cluster.close()


def holds(client: KazooClient, path: str) -> Callable[[], bool]:
    def write() -> bool:
        try:
            client.set(path, b"again")
        except KazooException:
            return False
        return True

    return write


def test_three_nodes_lose_their_leader(three: Site, path: str, measured: Callable[[str], None]) -> None:
    cluster = three.cluster.start()
    leader = cluster.leader()
    others = [node for node in cluster.nodes if node is not leader]
    # First the leader, so that its client has to move.
    hosts = ",".join(node.secure_address for node in [leader, *others])
    with three.connected(three.alice, hosts) as moving, three.connected(three.bob, others[0].secure_address) as staying:
        moving.create(path, b"before")
        moving.create(f"{path}/e", b"", ephemeral=True)
        staying.sync(path)
        before = time.monotonic()
        leader.kill()
        wait_for("writes to go on", holds(staying, path), 15.0)
        measured(f"writes went on after {(time.monotonic() - before) * 1000:.0f} ms")
        wait_for("the other client to move", holds(moving, path), 15.0)
        assert moving.exists(f"{path}/e")
        leader.start()
        leader.wait_ready()
        with three.connected(three.bob, leader.secure_address) as back:
            back.sync(path)
            assert back.get(path)[0] == b"again"


def test_a_node_of_another_authority_is_left_out(three: Site, path: str) -> None:
    first, second, third = three.cluster.nodes
    assert third.tls and third.tls.peers
    foreign = PeerTls(three.strangers.issue("node-3"), three.peers.path)
    third.tls = Tls(third.tls.port, third.tls.own, third.tls.clients, peers=foreign)
    for node in three.cluster.nodes:
        node.start()
    for node in (first, second):
        node.wait_ready()
    with three.connected(three.alice, first.secure_address) as client:
        client.create(path, b"")
    time.sleep(2.0)
    assert third.running and not third.ready()


@pytest.mark.quorate_only
def test_a_refused_node_is_told_and_logged(three: Site) -> None:
    first, second, third = three.cluster.nodes
    assert third.tls and third.tls.peers
    third.tls = Tls(third.tls.port, third.tls.own, third.tls.clients)
    for node in three.cluster.nodes:
        node.start()
    for node in (first, second):
        node.wait_ready()
    wait_for("a line in the log", lambda: "what arrived is not TLS" in first.log_file.read_text(), 10.0)
    assert "a peer was refused by TLS" in first.log_file.read_text()


@pytest.mark.quorate_only
def test_a_node_joins_and_catches_up(
    new_cluster: Callable[[int], Cluster], request: pytest.FixtureRequest, tmp_path: Path, path: str
) -> None:
    cluster = new_cluster(1)
    site = Site(tmp_path, cluster)
    with cluster:
        with site.connected(site.alice) as client:
            client.create(path, b"x" * 1000)
        late = cluster.joining(request.config.getoption("--binary"), 2, "observer")
        own = PeerTls(site.peers.issue("node-2"), site.peers.path)
        late.tls = Tls(*free_ports(1), site.servers, site.clients.path, peers=own)
        late.start()
        late.wait_ready()
        with site.connected(site.bob, late.secure_address) as client:
            client.sync(path)
            assert client.get(path)[0] == b"x" * 1000
            client.set(path, b"from the observer")


def shown(node: Node, authority: Path) -> bool:
    """Whether the node shows a certificate of this authority."""
    command = ["openssl", "s_client", "-connect", node.secure_address, "-CAfile", str(authority)]
    done = subprocess.run(
        [*command, "-verify_return_error"], input=b"", capture_output=True, timeout=20, check=False
    )
    return done.returncode == 0


@pytest.mark.quorate_only
def test_certificates_change_without_a_restart(
    new_cluster: Callable[[int], Cluster], tmp_path: Path, path: str
) -> None:
    cluster = new_cluster(1)
    site = Site(tmp_path, cluster)
    successor = Authority(tmp_path, "successor").issue("server")
    with cluster:
        node = cluster.nodes[0]
        with site.connected(site.alice) as lasting:
            lasting.create(path, b"")
            key = site.servers.key.read_bytes()
            site.servers.key.write_text("nonsense")
            wait_for("an error", lambda: "can't be used" in node.log_file.read_text(), 10.0)
            assert "nonsense" not in node.log_file.read_text()
            assert shown(node, site.clients.path)
            site.servers.key.write_bytes(key)

            site.servers.certificate.write_bytes(successor.certificate.read_bytes())
            site.servers.key.write_bytes(successor.key.read_bytes())
            authority = tmp_path / "authority-successor" / "authority.pem"
            wait_for("the new certificate", lambda: shown(node, authority), 10.0)
            assert not shown(node, site.clients.path)
            assert "certificates have changed" in node.log_file.read_text()
            lasting.set(path, b"goes on")
            assert node.running
