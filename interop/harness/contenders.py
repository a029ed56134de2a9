"""Programs in several languages that contend for the same things, and what they held when.

Each writes an object a line: `{"recipe": ..., "how": "alone" | "shared" | "lease" | "nothing" | "entering" | "leaving", "begin": ms, "end": ms, "counted":
true | false | null}`, until its standard input ends. They run on one machine, so their clocks are one.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, KazooException
from kazoo.recipe.lock import Lock

from harness.program import Program

_FINISH_SECONDS = 60.0
_HOLD_SECONDS = 0.003
_CONTENDERS = 2
LEASES = 2
# Those of two languages together, at a double barrier.
PARTIES = 2 * _CONTENDERS


@dataclass(frozen=True)
class Holding:
    """One time of holding something, in milliseconds since the epoch."""

    by: str
    recipe: str
    how: str
    begin: int
    end: int
    # Whether it has added one to the counter; None if that is unknown.
    counted: bool | None


class Programs(Program):
    """A program of one language, running. `with` ends it whatever happens."""

    def __init__(self, by: str, command: list[str], note: Callable[[Holding], None]) -> None:
        super().__init__(by, command)
        self._note = note
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def finish(self) -> None:
        """Tells the program to stop, and waits until it has."""
        self.end()
        self._reader.join(5)

    def _read(self) -> None:
        for line in self.output:
            said: dict[str, Any] = json.loads(line)
            self._note(Holding(by=self.name, **said))


class CuratorLock(Lock):
    """kazoo's lock with the names of Curator's, which Curator needs to put it in its place."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


class Kazoo:
    """Threads with kazoo. `with` ends them whatever happens."""

    def __init__(
        self, connect: Callable[[], KazooClient], folder: str, recipes: list[str], note: Callable[[Holding], None]
    ) -> None:
        self._connect = connect
        self._folder = folder
        self._note = note
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        turns = [(recipe, number) for recipe in recipes for number in range(_CONTENDERS)]
        self._threads = [threading.Thread(target=self._run, args=turn, daemon=True) for turn in turns]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Fails if a thread has failed."""
        if self._failed:
            raise self._failed[0]

    def finish(self) -> None:
        """Waits until all threads have ended."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_FINISH_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "kazoo's recipes did not come to their end"
        self.check()

    def _run(self, recipe: str, number: int) -> None:
        client = self._connect()
        try:
            while not self._stopped.is_set():
                try:
                    self._play(client, recipe, number)
                except ConnectionLoss:
                    # kazoo leaves it to its user; what was held goes with the session at the latest.
                    pass
                number += 1
        except BaseException as error:
            self._failed.append(error)
        finally:
            try:
                client.stop()
                client.close()
            except KazooException:
                pass

    def _play(self, client: KazooClient, recipe: str, number: int) -> None:
        path = f"{self._folder}/{recipe}"
        if recipe == "lock":
            self._locked(client, recipe, CuratorLock(client, path), "alone")
        elif recipe == "kazoo-lock":
            self._locked(client, recipe, client.Lock(path, "kazoo", extra_lock_patterns=["-lock-"]), "alone")
        elif recipe == "kazoo-read-write-lock" and number % 3 == 0:
            self._locked(client, recipe, client.WriteLock(path, "kazoo"), "alone")
        elif recipe == "kazoo-read-write-lock":
            self._locked(client, recipe, client.ReadLock(path, "kazoo"), "shared")
        elif recipe == "kazoo-semaphore":
            self._locked(client, recipe, client.Semaphore(path, "kazoo", max_leases=LEASES), "lease")
        elif recipe == "double-barrier":
            self._meet(client, recipe, path)
        elif recipe == "kazoo-election":
            client.Election(path, "kazoo").run(self._hold, client, recipe, "alone")
        else:
            raise ValueError(recipe)

    def _meet(self, client: KazooClient, recipe: str, path: str) -> None:
        """Enters and leaves once."""
        barrier = client.DoubleBarrier(path, PARTIES, "kazoo")
        for how, step in (("entering", barrier.enter), ("leaving", barrier.leave)):
            begin = time.time_ns() // 1_000_000
            step()
            self._note(Holding("kazoo", recipe, how, begin, time.time_ns() // 1_000_000, False))
        self._stopped.wait()

    def _locked(self, client: KazooClient, recipe: str, lock: Any, how: str) -> None:
        if not lock.acquire():
            return
        try:
            self._hold(client, recipe, how)
        finally:
            lock.release()

    def _hold(self, client: KazooClient, recipe: str, how: str) -> None:
        begin = time.time_ns() // 1_000_000
        counted = self._count(client, recipe) if how == "alone" and recipe.endswith("lock") else False
        time.sleep(_HOLD_SECONDS)
        end = time.time_ns() // 1_000_000
        self._note(Holding("kazoo", recipe, how, begin, end, counted))

    def _count(self, client: KazooClient, recipe: str) -> bool | None:
        counter = f"{self._folder}/{recipe}-counter"
        data, _ = client.retry(client.get, counter)
        try:
            client.set(counter, str(int(data) + 1).encode())
        except ConnectionLoss:
            return None
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()


def overlaps(holdings: list[Holding]) -> list[str]:
    """Those that were held together and must not be. Clocks tell milliseconds, so what ends in the one in which another begins is fine."""
    wrong = []
    for at, later in enumerate(in_order := sorted(holdings, key=lambda each: (each.begin, each.end))):
        together = [each for each in in_order[:at] if each.end > later.begin]
        if later.how == "lease":
            is_wrong = len(together) >= LEASES
        else:
            is_wrong = any("alone" in (each.how, later.how) for each in together)
        if is_wrong:
            wrong.append(f"{later} was held together with {together}")
    return wrong
