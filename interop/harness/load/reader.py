"""A client of one node that reads without a break."""

import threading

from kazoo.exceptions import KazooException

from harness.clients import kazoo_client
from harness.load.pace import Pace

_READ_SECONDS = 30.0
_BETWEEN_SECONDS = 0.002


class Reader:
    """Reads one znode again and again, and checks that its zxid never goes back."""

    def __init__(self, hosts: str, path: str) -> None:
        self.pace = Pace()
        self.states: list[str] = []
        self.went_back: list[tuple[int, int]] = []
        self._path = path
        self._client = kazoo_client(hosts, timeout=15.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader {hosts}", daemon=True)

    def start(self) -> None:
        """Connects and begins to read."""
        self._client.start(timeout=15)
        self._client.add_listener(self.states.append)
        self._thread.start()

    def stop(self) -> None:
        """Ends the reading, waits for the last answer and ends the session."""
        self._stop.set()
        self._thread.join(_READ_SECONDS)
        self.close()

    def close(self) -> None:
        """Ends the reading and the session at once."""
        self._stop.set()
        self._client.stop()
        self._client.close()

    def _run(self) -> None:
        newest = 0
        while not self._stop.wait(_BETWEEN_SECONDS):
            try:
                _, stat = self._client.get_async(self._path).get(timeout=_READ_SECONDS)
            except KazooException:
                continue
            if stat.mzxid < newest:
                self.went_back.append((newest, stat.mzxid))
            newest = max(newest, stat.mzxid)
            self.pace.answered()
