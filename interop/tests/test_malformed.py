"""Bytes that are no requests: each costs its own connection and nothing else."""

import random
import struct
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient

from harness import Cluster, wait_for
from harness.wire import GET_DATA, Wire, connect_request, frame

CONNECTIONS = 1_000
HANDSHAKE = connect_request(0, bytes(16), 10_000, 0)

BEFORE_THE_SESSION = {
    "negative length": struct.pack(">i", -1),
    "oversized length": struct.pack(">i", 0x7FFF_FFFF),
    "just too long": struct.pack(">i", 0x10_0000),
    "truncated": HANDSHAKE[:20],
    "empty frame": frame(b""),
    "noise": random.Random(1).randbytes(64),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
WITHIN_THE_SESSION = {
    "negative length": struct.pack(">i", -2),
    "oversized length": struct.pack(">i", 0x0FFF_FFFF),
    "unknown operation": frame(struct.pack(">ii", 1, 9_999)),
    "no header": frame(b"\0\0"),
    "truncated": struct.pack(">iii", 100, 1, GET_DATA),
    "an event from a client": frame(struct.pack(">ii", 1, 0)),
}


def closes_before_the_session(node_port: int, data: bytes) -> Wire:
    wire = Wire(node_port)
    wire.send(data)
    wire.end_of_input()
    assert wire.closed_by_server()
    return wire


def closes_within_the_session(node_port: int, data: bytes) -> Wire:
    wire = Wire(node_port)
    assert wire.handshake().timeout_ms > 0
    wire.send(data)
    wire.end_of_input()
    assert wire.closed_by_server()
    return wire


@pytest.mark.parametrize("data", BEFORE_THE_SESSION.values(), ids=BEFORE_THE_SESSION.keys())
def test_before_the_session(single: Cluster, data: bytes) -> None:
    closes_before_the_session(single.nodes[0].client_port, data).close()


@pytest.mark.parametrize("data", WITHIN_THE_SESSION.values(), ids=WITHIN_THE_SESSION.keys())
def test_within_the_session(single: Cluster, data: bytes) -> None:
    closes_within_the_session(single.nodes[0].client_port, data).close()


@pytest.mark.parametrize(
    "record",
    [b"", struct.pack(">i", 1_000_000) + b"/short", struct.pack(">i", 4) + b"/\xff\xfe!" + b"\0"],
    ids=["empty", "string longer than its frame", "not UTF-8"],
)
def test_a_record_that_does_not_parse_is_answered_and_the_connection_stays(single: Cluster, record: bytes) -> None:
    with Wire(single.nodes[0].client_port) as wire:
        wire.handshake()
        assert wire.request(GET_DATA, record).error in (-5, -101)
        assert wire.request(GET_DATA, struct.pack(">i", 1) + b"/" + b"\0").error == 0


@pytest.mark.quorate_only
@pytest.mark.parametrize("name", ["negative length", "oversized length", "truncated"])
def test_one_line_in_the_log_says_why(single: Cluster, name: str) -> None:
    node = single.nodes[0]
    wires = [
        closes_before_the_session(node.client_port, BEFORE_THE_SESSION[name]),
        closes_within_the_session(node.client_port, WITHIN_THE_SESSION[name]),
    ]
    for wire in wires:
        address = wire.local_address
        lines = wait_for("a line", lambda: [line for line in _log(node.log_file) if address in line], 5)
        assert len(lines) == 1, lines
        wire.close()


def test_a_thousand_of_them_leave_the_others_undisturbed(
    single: Cluster, connect: Callable[..., KazooClient], base: str
) -> None:
    client, states = connect(), []
    client.add_listener(states.append)
    client.create(f"{base}/counter", b"")
    port = single.nodes[0].client_port
    kinds = [(closes_before_the_session, data) for data in BEFORE_THE_SESSION.values()]
    kinds += [(closes_within_the_session, data) for data in WITHIN_THE_SESSION.values()]

    for number in range(CONNECTIONS):
        close, data = kinds[number % len(kinds)]
        close(port, data).close()
        assert client.set(f"{base}/counter", str(number).encode()).version == number + 1

    assert states == []


def _log(path) -> list[str]:
    return path.read_text(errors="replace").splitlines()


@pytest.fixture
def cluster(single: Cluster) -> Cluster:
    """These tests need one node only."""
    return single
