"""AMQP 0-9-1 over a blocking socket, with pika's codec: who does not hide when connections break, and pipelines."""

import socket
import struct
import time
from collections import deque
from typing import Any, NamedTuple, Self

from pika import frame, spec

_CONNECT_SECONDS = 1.0
_HANDSHAKE_SECONDS = 5.0
_RECEIVE_BYTES = 1 << 16


class Closed(Exception):
    """The server closed the connection or the channel."""


class Silent(Exception):
    """Nothing came for longer than heartbeats allow."""


class Content(NamedTuple):
    """A method with a message."""

    method: Any
    properties: spec.BasicProperties
    body: bytes


class Wire:
    """One connection with one channel."""

    def __init__(self, address: tuple[str, int], heartbeat: int) -> None:
        self._heartbeat = heartbeat
        self._read = b""
        self._frames: deque[Any] = deque()
        self._sent_at = self._received_at = time.monotonic()
        self._content: list[Any] = []
        self._socket = socket.create_connection(address, timeout=_CONNECT_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A node that is stopped does not read: to write must not take for ever either.
            seconds = struct.pack("ll", int(_HANDSHAKE_SECONDS), 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
            self._open()
        except BaseException:
            self._socket.close()
            raise

    def _open(self) -> None:
        self._write(b"AMQP\x00\x00\x09\x01")
        self.expect(spec.Connection.Start)
        capabilities = {"basic.nack": True, "consumer_cancel_notify": True}
        start = spec.Connection.StartOk({"capabilities": capabilities}, "PLAIN", b"\0guest\0guest".decode(), "en_US")
        self.send(start, channel=0)
        tune = self.expect(spec.Connection.Tune)
        self.send(spec.Connection.TuneOk(tune.channel_max, tune.frame_max, self._heartbeat), channel=0)
        self.send(spec.Connection.Open("/"), channel=0)
        self.expect(spec.Connection.OpenOk)
        self.send(spec.Channel.Open())
        self.expect(spec.Channel.OpenOk)

    def send(self, *methods: Any, channel: int = 1) -> None:
        """Sends methods in one go."""
        self._write(b"".join(frame.Method(channel, method).marshal() for method in methods))

    def publish(self, queue: str, *bodies: bytes) -> None:
        """Publishes durable messages to a queue in one go."""
        method = frame.Method(1, spec.Basic.Publish(exchange="", routing_key=queue)).marshal()
        properties = spec.BasicProperties(delivery_mode=2)
        parts = [
            method + frame.Header(1, len(body), properties).marshal() + frame.Body(1, body).marshal() for body in bodies
        ]
        self._write(b"".join(parts))

    def expect(self, kind: Any) -> Any:
        """The next method, which has to be of this kind, but for deliveries on their way, which are dropped."""
        until = time.monotonic() + _HANDSHAKE_SECONDS
        while True:
            method = self.receive(until - time.monotonic())
            if isinstance(method, kind):
                return method
            if method is None and time.monotonic() >= until:
                raise Silent(f"no {kind.__name__}")
            if method is not None and not isinstance(method, Content):
                raise Closed(f"{method} instead of {kind.__name__}")

    def receive(self, seconds: float) -> Any:
        """The next method, or `Content`; `None` when none came."""
        until = time.monotonic() + seconds
        while True:
            while (method := self._next_method()) is not None:
                return method
            now = time.monotonic()
            self._keep_alive(now)
            if now >= until:
                return None
            self._socket.settimeout(max(min(until - now, 0.25), 0.001))
            try:
                received = self._socket.recv(_RECEIVE_BYTES)
            except (TimeoutError, BlockingIOError):
                continue
            if not received:
                raise Closed("end of stream")
            self._received_at = time.monotonic()
            self._split(received)

    @property
    def has_more(self) -> bool:
        """Whether more has come already."""
        return bool(self._frames)

    def _split(self, received: bytes) -> None:
        data = self._read + received
        at = 0
        while True:
            taken, decoded = frame.decode_frame(data[at : at + 7 + _frame_bytes(data, at) + 1])
            if not taken:
                break
            at += taken
            self._frames.append(decoded)
        self._read = data[at:]

    def _next_method(self) -> Any:
        while self._frames:
            next_frame = self._frames.popleft()
            if isinstance(next_frame, frame.Heartbeat):
                continue
            if isinstance(next_frame, frame.Method):
                method = next_frame.method
                if isinstance(method, (spec.Connection.Close, spec.Channel.Close)):
                    raise Closed(f"{method.reply_code} {method.reply_text}")
                if not spec.has_content(method.INDEX):
                    return method
                self._content = [method, None, b""]
                continue
            if isinstance(next_frame, frame.Header):
                self._content[1] = (next_frame.properties, next_frame.body_size)
            else:
                self._content[2] += next_frame.fragment
            method, (properties, size), body = self._content
            if len(body) == size:
                return Content(method, properties, body)
        return None

    def _keep_alive(self, now: float) -> None:
        if not self._heartbeat:
            return
        if now - self._sent_at > self._heartbeat / 2:
            self._write(frame.Heartbeat().marshal())
        if now - self._received_at > 2 * self._heartbeat:
            raise Silent("no heartbeat")

    def _write(self, data: bytes) -> None:
        self._socket.settimeout(_HANDSHAKE_SECONDS)
        self._socket.sendall(data)
        self._sent_at = time.monotonic()

    def finish(self) -> None:
        """Takes leave properly, so that all that was said before has been heard."""
        self.send(spec.Connection.Close(200, "", 0, 0), channel=0)
        self.expect(spec.Connection.CloseOk)

    def close(self) -> None:
        """Lets go of the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _frame_bytes(data: bytes, at: int) -> int:
    """The size in a frame's head; 0 if it is not there yet."""
    return int.from_bytes(data[at + 3 : at + 7], "big") if len(data) >= at + 7 else 0
