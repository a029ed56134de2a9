"""AMQP over TLS: who is let in by a certificate and who by a password, and what is refused."""

import json
import socket
import ssl
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingConnection
from pika.credentials import ExternalCredentials, PlainCredentials
from pika.exceptions import AMQPConnectionError, AuthenticationError, ProbableAuthenticationError

from harness import Authority, Certificate, Cluster, Tls, wait_for
from harness.ports import free_ports
from harness.quorate import QuorateNode

# As RabbitMQ writes it. Java, and so ZooKeeper, would escape the sign as well.
ALICE = "CN=alice=a,OU=Some\\, One,O=Interop"
REFUSED = (AuthenticationError, ProbableAuthenticationError)


@dataclass
class Site:
    """A node, and the authorities that its clients have certificates of."""

    node: QuorateNode
    authority: Authority
    alice: Certificate
    nobody: Certificate
    mallory: Certificate

    def open(self, shows: Certificate | None, credentials: PlainCredentials | ExternalCredentials) -> BlockingConnection:
        """A connection of whoever has this certificate."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if shows:
            context.load_cert_chain(shows.certificate, shows.key)
        options = pika.SSLOptions(context, "localhost")
        where = ("127.0.0.1", self.node.amqp_tls_port)
        return BlockingConnection(
            pika.ConnectionParameters(*where, credentials=credentials, ssl_options=options, connection_attempts=1)
        )

    def external(self, shows: Certificate | None) -> BlockingConnection:
        """One that says who it is by its certificate alone."""
        return self.open(shows, ExternalCredentials())

    def api(self, method: str, path: str, body: object = None) -> object:
        """What the management API answers an administrator."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.node.admin_port}/api/{path}", method=method)
        request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=10) as response:
            return json.loads(response.read() or b"null")

    def add_user(self, name: str) -> None:
        """A user without a password, who may do all."""
        self.api("PUT", f"users/{urllib.parse.quote(name)}", {"password_hash": "", "tags": ""})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.api("PUT", f"permissions/%2F/{urllib.parse.quote(name)}", everything)


def started(request: pytest.FixtureRequest, folder: Path, login_from: str | None = None) -> Iterator[Site]:
    cluster = Cluster.with_queues(1, request.config.getoption("--binary"))
    node = cluster.nodes[0]
    assert isinstance(node, QuorateNode)
    authority, strangers = Authority(folder, "clients"), Authority(folder, "strangers")
    name = "/O=Interop/OU=Some, One/CN=alice=a"
    secure, node.amqp_tls_port = free_ports(2)
    node.tls = Tls(secure, authority.issue("server"), authority.path)
    node.amqp_cert_login_from = login_from
    site = Site(
        node, authority, authority.issue("alice", name), authority.issue("nobody"), strangers.issue("mallory", name)
    )

    def serves() -> bool:
        try:
            site.open(None, PlainCredentials("guest", "guest")).close()
        except (AMQPConnectionError, OSError):
            return False
        return True

    with cluster:
        wait_for("queues over TLS", serves)
        yield site


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A node where the whole subject is a user's name."""
    yield from started(request, tmp_path_factory.mktemp("amqp-tls"))


def test_messages_go_over_tls(site: Site) -> None:
    body = bytes(range(256)) * 4000
    connection = site.open(None, PlainCredentials("guest", "guest"))
    channel = connection.channel()
    channel.queue_declare("secure")
    channel.confirm_delivery()
    for _ in range(5):
        channel.basic_publish("", "secure", body)
    for _ in range(5):
        assert channel.basic_get("secure", auto_ack=True)[2] == body
    (seen,) = [each for each in site.api("GET", "connections") if each["ssl"]]
    assert (seen["auth_mechanism"], seen["peer_cert_subject"]) == ("PLAIN", None)
    connection.close()


def test_a_certificate_is_a_login(site: Site) -> None:
    with pytest.raises(REFUSED):
        site.external(site.alice)
    site.add_user(ALICE)
    connection = site.external(site.alice)
    connection.channel().queue_declare("hers", exclusive=True)
    # Whoever was refused waits for the end.
    (seen,) = [each for each in site.api("GET", "connections") if each["user"]]
    assert (seen["user"], seen["peer_cert_subject"], seen["auth_mechanism"]) == (ALICE, ALICE, "EXTERNAL")
    assert seen["ssl"]
    connection.close()
    with pytest.raises(REFUSED):
        site.external(site.nobody)


def test_a_certificate_is_nobodys_password(site: Site) -> None:
    site.add_user(ALICE)
    for password in ("", "guest"):
        with pytest.raises(REFUSED):
            site.open(site.alice, PlainCredentials(ALICE, password))


def test_without_a_certificate_there_is_no_login_by_one(site: Site) -> None:
    with pytest.raises(AMQPConnectionError):
        site.external(None)


def test_strangers_are_refused(site: Site) -> None:
    with pytest.raises(AMQPConnectionError):
        site.open(site.mallory, PlainCredentials("guest", "guest"))


def test_whoever_speaks_in_the_clear_is_turned_away(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.node.amqp_tls_port), timeout=10) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        # An alert of TLS at most.
        assert len(connection.recv(1000)) < 16


def test_a_common_name_is_a_login_where_it_is_set(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for site in started(request, tmp_path, "common_name"):
        site.add_user("alice=a")
        site.external(site.alice).close()
        site.add_user(ALICE)
        connection = site.external(site.alice)
        assert [each["user"] for each in site.api("GET", "connections")] == ["alice=a"]
        connection.close()


def test_new_certificates_are_taken_up(site: Site) -> None:
    assert site.node.tls
    lasting = site.open(None, PlainCredentials("guest", "guest"))
    own = site.node.tls.own
    other = site.authority.issue("successor", "/CN=successor")
    own.certificate.write_bytes(other.certificate.read_bytes())
    own.key.write_bytes(other.key.read_bytes())

    def shown() -> bool:
        context = ssl.create_default_context(cafile=str(site.authority.path))
        with (
            socket.create_connection(("127.0.0.1", site.node.amqp_tls_port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return ("commonName", "successor") in secure.getpeercert()["subject"][0]

    wait_for("the new certificate", shown, 15)
    lasting.channel().queue_declare("still", exclusive=True)
    lasting.close()
