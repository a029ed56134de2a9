"""Sessions: how long they live, how they are re-attached, and how they end."""

import dataclasses
import time
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

from harness import Cluster, connected, wait_for
from harness.wire import CLOSE_SESSION, EPHEMERAL, SET_DATA, Closed, Wire, buffer

Connect = Callable[..., KazooClient]

# A server may take up to a tick and the leader's own rounding longer than the timeout to expire a session.
EXPIRY_SLACK_SECONDS = 4.5
LARGEST_ZXID = 2**63 - 1


@pytest.mark.parametrize(("asked_ms", "given_ms"), [(1, 4_000), (10_000, 10_000), (600_000, 40_000)])
def test_the_timeout_is_kept_within_limits(cluster: Cluster, asked_ms: int, given_ms: int) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        session = wire.handshake(timeout_ms=asked_ms)
        assert session.timeout_ms == given_ms
        assert session.session_id not in (0, -(2**63))


def test_an_unattended_session_ends_with_its_ephemerals(cluster: Cluster, zk: KazooClient, base: str) -> None:
    with Wire(cluster.nodes[-1].client_port) as wire:
        session = wire.handshake(timeout_ms=4_000)
        assert wire.create(f"{base}/e", flags=EPHEMERAL).error == 0
        created = time.monotonic()
    zk.sync(base)
    assert zk.exists(f"{base}/e").ephemeralOwner == session.session_id

    wait_for("the session to expire", lambda: zk.exists(f"{base}/e") is None, 4 + EXPIRY_SLACK_SECONDS)

    # Not before its time: the last request was the create.
    assert time.monotonic() - created >= 4.0
    with Wire(cluster.nodes[0].client_port) as wire:
        assert wire.handshake(session).timeout_ms == 0
        assert wire.closed_by_server()


def test_a_session_attached_again_in_time_keeps_its_ephemerals(cluster: Cluster, zk: KazooClient, base: str) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        session = wire.handshake(timeout_ms=4_000)
        wire.create(f"{base}/e", flags=EPHEMERAL)
    # Together longer than the timeout, each pause shorter.
    for node in (cluster.nodes[-1], cluster.nodes[0]):
        time.sleep(2.5)
        with Wire(node.client_port) as wire:
            assert wire.handshake(session) == session
    assert zk.exists(f"{base}/e").ephemeralOwner == session.session_id


def test_close_ends_the_session_and_then_the_connection(cluster: Cluster, zk: KazooClient, base: str) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        session = wire.handshake()
        wire.create(f"{base}/e", flags=EPHEMERAL)
        assert wire.request(CLOSE_SESSION).error == 0
        assert wire.closed_by_server()
    zk.sync(base)
    assert zk.exists(f"{base}/e") is None
    with Wire(cluster.nodes[-1].client_port) as wire:
        assert wire.handshake(session).timeout_ms == 0


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        session = wire.handshake()
        forged = dataclasses.replace(session, password=b"0123456789abcdef")
        with Wire(cluster.nodes[0].client_port) as other:
            refused = other.handshake(forged)
            assert (refused.timeout_ms, refused.session_id) == (0, 0)
            assert other.closed_by_server()


def test_an_unknown_session_is_refused(cluster: Cluster) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        session = wire.handshake()
        unknown = dataclasses.replace(session, session_id=session.session_id ^ 0x5A5A)
        with Wire(cluster.nodes[0].client_port) as other:
            assert other.handshake(unknown).timeout_ms == 0


def test_a_moved_session_writes_only_from_its_new_connection(cluster: Cluster, base: str) -> None:
    with Wire(cluster.nodes[0].client_port) as old, Wire(cluster.nodes[-1].client_port) as new:
        session = old.handshake()
        assert old.create(f"{base}/before").error == 0
        assert new.handshake(session) == session
        assert new.create(f"{base}/after").error == 0
        with pytest.raises(Closed):
            old.request(SET_DATA, buffer(f"{base}/before".encode()) + buffer(b"late") + b"\xff" * 4)
        assert new.create(f"{base}/still").error == 0


def test_a_client_that_has_seen_the_future_is_turned_away_without_a_word(cluster: Cluster) -> None:
    with Wire(cluster.nodes[0].client_port) as wire:
        with pytest.raises(Closed):
            wire.handshake(last_zxid=LARGEST_ZXID)


def test_requests_sent_with_the_handshake_are_answered_after_it(cluster: Cluster, base: str) -> None:
    from harness.wire import CREATE, connect_request, create_record, frame

    with Wire(cluster.nodes[0].client_port) as wire:
        requests = b"".join(
            frame(xid.to_bytes(4, "big") + CREATE.to_bytes(4, "big") + create_record(f"{base}/{xid}", b"", 0))
            for xid in range(1, 21)
        )
        wire.send(connect_request(0, bytes(16), 10_000, 0) + requests)
        assert len(wire.receive()) == 37
        assert [int.from_bytes(wire.receive()[:4], "big") for _ in range(20)] == list(range(1, 21))


def test_a_session_survives_the_end_of_its_server(new_cluster: Callable[[int], Cluster]) -> None:
    with new_cluster(3) as cluster:
        home = cluster.followers()[0]
        with connected(cluster.hosts_from(home)) as client, connected(cluster.leader().address) as other:
            states: list[str] = []
            client.add_listener(states.append)
            identity = client.client_id
            client.create("/e", b"kept", ephemeral=True)
            values: list[bytes] = []
            client.DataWatch("/e")(lambda data, _stat: values.append(data))
            lock = client.Lock("/lock")
            assert lock.acquire(timeout=10)

            home.kill()

            wait_for("the client to be connected elsewhere", lambda: states[-1:] == [KazooState.CONNECTED])
            assert states == [KazooState.SUSPENDED, KazooState.CONNECTED]
            assert client.client_id == identity
            other.sync("/e")
            assert other.exists("/e").ephemeralOwner == identity[0]
            assert not other.Lock("/lock").acquire(blocking=False)
            other.set("/e", b"changed")
            wait_for("the watch, armed again", lambda: values[-1:] == [b"changed"])
            lock.release()
