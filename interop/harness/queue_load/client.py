"""What publishers and consumers have in common: a thread that connects again and again, to one node after another."""

import random
import threading
import time
from abc import ABC, abstractmethod

from harness.queue_load.wire import Closed, Silent, Wire

_PAUSE_SECONDS = 0.05
_STOP_SECONDS = 45.0


class Client(ABC):
    """One client of a queue. It prefers one node, and goes to the next one whenever it can't go on."""

    def __init__(self, name: str, addresses: list[tuple[str, int]], queue: str, node: int, heartbeat: int, seed: str) -> None:
        self.name = name
        self.queue = queue
        self.node = self.home = node % len(addresses)
        # Why each connection ended.
        self.ends: list[str] = []
        self.failure: BaseException | None = None
        self.random = random.Random(f"{seed} {name}")
        self.connections = 0
        self._addresses = addresses
        self._heartbeat = heartbeat
        self._stopping = threading.Event()
        self._going_home = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def begin_stop(self) -> None:
        """No new work from now on."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end."""
        return self._stopping.is_set()

    def go_home(self) -> None:
        """Leaves the node that it is at for the one that it prefers."""
        if self.node != self.home:
            self._going_home.set()

    @property
    def is_leaving(self) -> bool:
        """Whether it is to finish what it has begun on this connection, and begin nothing new."""
        return self.is_stopping or self._going_home.is_set()

    def stop(self) -> None:
        """Waits until it has finished what it began."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)
        assert not self._thread.is_alive(), f"{self.name} can't come to an end: {self.ends[-5:]}"
        if self.failure is not None:
            raise self.failure

    @property
    @abstractmethod
    def is_done(self) -> bool:
        """Whether nothing is left to do, once it is to end."""

    @abstractmethod
    def work(self, wire: Wire) -> None:
        """Uses a connection until it is done."""

    def _run(self) -> None:
        try:
            while not (self.is_stopping and self.is_done):
                self._connect_and_work()
        except BaseException as error:  # noqa: BLE001 (it is raised where it is seen, in `stop`)
            self.failure = error

    def _connect_and_work(self) -> None:
        if self._going_home.is_set():
            self.node = self.home
            self._going_home.clear()
        at = self.node
        try:
            with Wire(self._addresses[at], self._heartbeat) as wire:
                self.connections += 1
                self.work(wire)
                wire.finish()
        except (OSError, Closed, Silent) as error:
            self.ends.append(f"{time.monotonic():.3f} node {at + 1}: {type(error).__name__} {error}")
            self.node = (self.node + 1) % len(self._addresses)
            time.sleep(_PAUSE_SECONDS)
