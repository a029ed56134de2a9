"""Changes that are watched one by one: each must be seen exactly once."""

import threading
from collections import Counter

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.protocol.states import EventType, WatchedEvent

from harness.clients import kazoo_client

_BETWEEN_SECONDS = 0.05
_RETRY_SECONDS = 0.01


class Flags:
    """Znodes that are created one after another while watchers on several nodes wait for each of them."""

    def __init__(self, path: str, count: int) -> None:
        self._paths = [f"{path}/{number:04}" for number in range(count)]
        self._seen: dict[str, Counter[str]] = {}
        self._others: list[WatchedEvent] = []
        self._clients: list[KazooClient] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, hosts: str) -> None:
        """Connects a client that watches for the creation of every flag."""
        client, seen = kazoo_client(hosts, timeout=15.0), Counter()
        client.start(timeout=15)
        self._clients.append(client)
        self._seen[hosts] = seen

        def note(event: WatchedEvent) -> None:
            if event.type == EventType.CREATED:
                seen[event.path] += 1
            else:
                self._others.append(event)

        for reply in [client.exists_async(path, watch=note) for path in self._paths]:
            assert reply.get(timeout=30) is None

    def start_raising(self, hosts: str) -> None:
        """Begins to create the flags, one at a time."""
        client = kazoo_client(hosts, timeout=15.0)
        client.start(timeout=15)
        self._clients.append(client)
        self._thread = threading.Thread(target=self._raise_all, args=(client,), name="flags", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Waits until every flag is up."""
        assert self._thread is not None
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "not every flag could be created"

    def settle(self, hosts: str) -> None:
        """Returns once the watcher of `hosts` has got every event of what was created before."""
        client = self._clients[list(self._seen).index(hosts)]
        client.sync("/")
        client.exists("/")

    def wrong(self) -> dict[str, dict[str, int]]:
        """Watcher -> flag -> how often it was seen, for every flag that was not seen exactly once."""
        wrong = {
            hosts: {path: seen[path] for path in self._paths if seen[path] != 1} for hosts, seen in self._seen.items()
        }
        return {hosts: paths for hosts, paths in wrong.items() if paths}

    @property
    def others(self) -> list[WatchedEvent]:
        """Events that are not the creation of a flag."""
        return list(self._others)

    def close(self) -> None:
        """Ends all clients."""
        self._stop.set()
        for client in self._clients:
            client.stop()
            client.close()

    def _raise_all(self, client: KazooClient) -> None:
        for path in self._paths:
            while not self._stop.wait(_BETWEEN_SECONDS) and not self._raise(client, path):
                pass

    @staticmethod
    def _raise(client: KazooClient, path: str) -> bool:
        try:
            client.ensure_path(path)
        except KazooException:
            return False
        return True
