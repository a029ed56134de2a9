"""ZooKeeper's client protocol by hand, for what a well-behaved client would never do.

Only what the tests need: a handshake, a few requests, and bytes that are no request at all.
"""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_REPLY_SECONDS = 15.0
_PASSWORD_BYTES = 16

CREATE, GET_DATA, SET_DATA, PING, CLOSE_SESSION = 1, 4, 5, 11, -11
PERSISTENT, EPHEMERAL = 0, 1


def buffer(data: bytes) -> bytes:
    """A jute buffer or string."""
    return struct.pack(">i", len(data)) + data


def frame(payload: bytes) -> bytes:
    """A payload behind its length."""
    return struct.pack(">i", len(payload)) + payload


def connect_request(session_id: int, password: bytes, timeout_ms: int, last_zxid: int) -> bytes:
    """The first frame of a connection."""
    fields = struct.pack(">iqiq", 0, last_zxid, timeout_ms, session_id)
    return frame(fields + buffer(password) + b"\0")


def create_record(path: str, data: bytes, flags: int) -> bytes:
    """The record of a create with an open ACL."""
    acl = struct.pack(">ii", 1, 31) + buffer(b"world") + buffer(b"anyone")
    return buffer(path.encode()) + buffer(data) + acl + struct.pack(">i", flags)


@dataclass(frozen=True)
class Session:
    """What a server answers to a connect request; refused when `timeout_ms` is 0."""

    session_id: int
    password: bytes
    timeout_ms: int


@dataclass(frozen=True)
class Reply:
    """The header of a reply and what follows it."""

    xid: int
    zxid: int
    error: int
    body: bytes


class Closed(Exception):
    """The server has closed the connection."""


class Wire:
    """A connection to a server's client port. It sends no pings: a session on it lives as long as its timeout."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_REPLY_SECONDS)
        self._xid = 0

    def handshake(
        self, session: Session | None = None, *, timeout_ms: int = 10_000, last_zxid: int = 0
    ) -> Session:
        """Opens a session, or re-attaches to `session`."""
        asked = session or Session(0, bytes(_PASSWORD_BYTES), timeout_ms)
        self.send(connect_request(asked.session_id, asked.password, asked.timeout_ms, last_zxid))
        payload = self.receive()
        _, timeout_ms, session_id = struct.unpack_from(">iiq", payload)
        return Session(session_id, payload[20 : 20 + _PASSWORD_BYTES], timeout_ms)

    def request(self, operation: int, record: bytes = b"") -> Reply:
        """Sends one request and waits for its reply."""
        self._xid += 1
        self.send(frame(struct.pack(">ii", self._xid, operation) + record))
        payload = self.receive()
        xid, zxid, error = struct.unpack_from(">iqi", payload)
        return Reply(xid, zxid, error, payload[16:])

    def create(self, path: str, data: bytes = b"", flags: int = PERSISTENT) -> Reply:
        """Creates a znode that everybody may do anything with."""
        return self.request(CREATE, create_record(path, data, flags))

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        try:
            self._socket.sendall(data)
        except ConnectionError as error:
            raise Closed from error

    def receive(self) -> bytes:
        """The payload of the next frame."""
        return self._read(struct.unpack(">i", self._read(4))[0])

    def end_of_input(self) -> None:
        """Tells the server that nothing more will come, unless it has closed the connection already."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def closed_by_server(self) -> bool:
        """Whether the server closes the connection, whatever it sends before."""
        try:
            while self._socket.recv(65_536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    @property
    def local_address(self) -> str:
        """This end, as a server would write it."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """Drops the connection without closing the session."""
        self._socket.close()

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                part = self._socket.recv(size - len(data))
            except ConnectionError as error:
                raise Closed from error
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
