"""A client that writes numbered requests, several outstanding, and remembers what was acknowledged."""

import threading
from dataclasses import dataclass, field

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.interfaces import IAsyncResult
from kazoo.protocol.states import KazooState, ZnodeStat

from harness.clients import kazoo_client
from harness.load.pace import Pace

_OUTSTANDING = 8
_ANSWER_SECONDS = 60.0
# Between two attempts while there is no connection: kazoo fails such requests at once.
_PAUSE_SECONDS = 0.01


@dataclass
class History:
    """What one client has sent and what it was told. A request that is in neither list of answers has an unknown fate."""

    # The number of the last request of either kind.
    sent: int = 0
    # Request number -> the name that a sequential create was given.
    created: dict[int, str] = field(default_factory=dict)
    # Request number -> the version that a set was answered with.
    written: dict[int, int] = field(default_factory=dict)
    # The numbers of the sets that got an error: each may have taken effect or not.
    sets_unknown: int = 0


class Writer:
    """Odd requests create sequential znodes under `PATH/queue`, even ones set `PATH/register`; each carries its number."""

    def __init__(self, hosts: str, path: str) -> None:
        self.path = path
        self.queue, self.register = f"{path}/queue", f"{path}/register"
        self.history = History()
        self.pace = Pace()
        self.states: list[str] = []
        self._client = kazoo_client(hosts, timeout=15.0)
        self._window = threading.Semaphore(_OUTSTANDING)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer {path}", daemon=True)

    def start(self) -> None:
        """Connects, makes the client's own znodes and begins to write."""
        self._client.start(timeout=15)
        self._client.create(self.path, makepath=True)
        self._client.create(self.queue)
        self._client.create(self.register)
        # From here on: what the client lives through under load.
        self._client.add_listener(self.states.append)
        self._thread.start()

    def stop(self) -> History:
        """Stops, waits for every answer that is still to come, and hands over the history."""
        self._stop.set()
        self._thread.join(_ANSWER_SECONDS)
        for _ in range(_OUTSTANDING):
            assert self._window.acquire(timeout=_ANSWER_SECONDS), f"{self.path}: requests were never answered"
        self.close()
        return self.history

    def close(self) -> None:
        """Ends the writing and the session, whatever is still outstanding."""
        self._stop.set()
        self._client.stop()
        self._client.close()

    @property
    def undisturbed(self) -> bool:
        """Whether the connection has lasted since the start."""
        return self.states == []

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._client.state != KazooState.CONNECTED:
                self._stop.wait(_PAUSE_SECONDS)
            elif self._window.acquire(timeout=_PAUSE_SECONDS):
                self._send()

    def _send(self) -> None:
        self.history.sent += 1
        number = self.history.sent
        data = str(number).encode()
        if number % 2:
            reply = self._client.create_async(f"{self.queue}/", data, sequence=True)
            reply.rawlink(lambda result: self._created(number, result))
        else:
            reply = self._client.set_async(self.register, data)
            reply.rawlink(lambda result: self._written(number, result))

    def _created(self, number: int, result: IAsyncResult) -> None:
        name = self._value(result)
        if name is not None:
            with self._lock:
                self.history.created[number] = name
        self._window.release()

    def _written(self, number: int, result: IAsyncResult) -> None:
        stat: ZnodeStat | None = self._value(result)
        with self._lock:
            if stat is None:
                self.history.sets_unknown += 1
            else:
                self.history.written[number] = stat.version
        self._window.release()

    def _value(self, result: IAsyncResult):
        try:
            value = result.get_nowait()
        except (KazooException, KazooTimeoutError):
            return None
        self.pace.answered()
        return value
