"""A program that publishes and consumes at every broker until it is told to stop, while brokers are killed."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from harness.deliveries import Deliveries
from harness.program import Program
from harness.queues import Brokers
from harness.waiting import wait_for

# What was on its way when a node died says nothing about life without it.
_MORE = 30
_GO_ON_SECONDS = 30.0


class Crowd(Program):
    """The program, running. It writes `{"published": [...], "consumed": [...]}`, counts by node, again and again, and
    `{"confirmed": [...], "delivered": [[body, redelivered], ...], "disturbed": n}` once its standard input has ended."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        super().__init__("the program", command, environment)
        self._counts: dict[str, list[int]] = {}
        self._verdict: dict[str, Any] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def go_on(self, when: str, nodes: list[int]) -> float:
        """Waits until more was published and consumed at some nodes from now on; the seconds that this took."""
        began = time.monotonic()
        before = self._counts

        def gone_on() -> bool:
            self.check(when)
            now = self._counts
            return bool(now) and all(
                now[what][node] >= (before[what][node] if before else 0) + _MORE
                for what in ("published", "consumed")
                for node in nodes
            )

        try:
            wait_for(f"nodes {nodes} to take and give messages {when}", gone_on, _GO_ON_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{before} became {self._counts}\n{self.error_tail()}") from None
        return time.monotonic() - began

    def finish(self) -> tuple[Deliveries, int]:
        """Tells the program to stop; what was delivered, and how many operations a lost connection has disturbed."""
        self.end()
        self._reader.join(5)
        assert self._verdict, self.error_tail()
        seen = Deliveries.of(
            self._verdict["confirmed"], ((body, redelivered) for body, redelivered in self._verdict["delivered"])
        )
        return seen, self._verdict["disturbed"]

    def _read(self) -> None:
        for line in self.output:
            said = json.loads(line)
            if "confirmed" in said:
                self._verdict = said
            else:
                self._counts = said


def kill_each_in_turn(
    brokers: Brokers, crowd: Crowd, measured: Callable[[str], None], moves: bool = False
) -> None:
    """kill -9 of every node, the leader first, each with messages before, while it is away and after it is back; then
    what was delivered is judged. `moves`: whether those of a dead node go on at another."""
    everybody = list(range(len(brokers.nodes)))
    crowd.go_on("at the beginning", everybody)
    leader = brokers.leader()
    for victim in ((leader + n) % len(everybody) for n in everybody):
        brokers.nodes[victim].kill()
        others = [node for node in everybody if node != victim]
        seconds = crowd.go_on(f"while node {victim} is away", everybody if moves else others)
        measured(f"a node killed: the others had gone on after {seconds:.1f} s")
        brokers.restart(victim)
        crowd.go_on(f"with node {victim} back", everybody)
    seen, disturbed = crowd.finish()
    measured(f"{seen}, {disturbed} operations disturbed")
    assert not seen.wrong()
