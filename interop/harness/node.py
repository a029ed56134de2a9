"""A server process: start, kill, terminate, and what every kind of server can be asked."""

import abc
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness.certificates import Tls
from harness.waiting import wait_for

_START_SECONDS = 30.0
_TERMINATE_SECONDS = 15.0
_HTTP_SECONDS = 5.0
_LOG_TAIL_LINES = 40


class Node(abc.ABC):
    """One server of a cluster. Its folder, ports and identity outlive its process, so it can be started again."""

    def __init__(self, node_id: int, folder: Path, client_port: int, admin_port: int) -> None:
        self.node_id = node_id
        self.folder = folder
        self.client_port = client_port
        self.admin_port = admin_port
        self.log_file = folder / "log"
        self.tls: Tls | None = None
        self.connections_per_address_max = 0
        self.enforce_quotas = False
        self.tree_bytes_max: int | None = None
        self.request_bytes_max: int | None = None
        self.super_digest: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command_line(self) -> list[str]:
        """The command line of the server."""

    @abc.abstractmethod
    def ready(self) -> bool:
        """Whether the server answers requests now."""

    @abc.abstractmethod
    def leads(self) -> bool:
        """Whether the server says of itself that it is the leader now."""

    @property
    def address(self) -> str:
        """HOST:PORT for clients."""
        return f"127.0.0.1:{self.client_port}"

    @property
    def secure_address(self) -> str:
        """HOST:PORT for clients with TLS."""
        assert self.tls is not None, f"node {self.node_id} has no TLS"
        return f"127.0.0.1:{self.tls.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, f"node {self.node_id} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process without waiting until it is ready."""
        assert not self.running, f"node {self.node_id} is running already"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            # A session of its own, so that an interrupt typed at the tests reaches the server only through `close`.
            self._process = subprocess.Popen(
                self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        """Waits until the server answers; fails at once, with the end of its log, when it has exited."""

        def ready_or_gone() -> bool:
            if not self.running:
                raise AssertionError(f"node {self.node_id} exited: {self._exit_code()}\n{self.log_tail()}")
            return self.ready()

        try:
            wait_for(f"node {self.node_id} to be ready", ready_or_gone, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from None

    def kill(self) -> None:
        """kill -9, and waits until the kernel has taken the process away."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def terminate(self) -> int:
        """SIGTERM; the exit code once the process has ended."""
        os.kill(self.pid, signal.SIGTERM)
        self._reap(_TERMINATE_SECONDS)
        return self._exit_code()

    def close(self) -> None:
        """Ends the process, whatever state it is in."""
        self.kill()

    def four_letter_word(self, word: str, seconds: float = 2.0) -> str:
        """What the client port answers to a four-letter word; empty when nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.client_port), timeout=seconds) as connection:
                connection.sendall(word.encode())
                answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:
            return ""
        return answer.decode(errors="replace")

    def http(self, path: str, method: str = "GET") -> tuple[int, str, bytes]:
        """What the admin listener answers: status, content type, body. Fails when nobody listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as response:
                return response.status, response.headers.get("Content-Type", ""), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    def command(self, name: str) -> dict[str, Any]:
        """What a command of the admin listener answers with status 200."""
        status, kind, body = self.http(f"/commands/{name}")
        assert (status, kind.partition(";")[0]) == (200, "application/json"), (status, kind, body)
        return json.loads(body)

    def log_tail(self) -> str:
        """The last lines that the server wrote."""
        if not self.log_file.exists():
            return f"node {self.node_id} wrote no log"
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def _exit_code(self) -> int:
        assert self._process is not None and self._process.returncode is not None
        return self._process.returncode

    def _reap(self, seconds: float = 5.0) -> None:
        if self._process is None:
            return
        started = time.monotonic()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            waited = time.monotonic() - started
            raise AssertionError(f"node {self.node_id} did not end within {waited:.1f} s\n{self.log_tail()}") from None
