"""A program that drives servers with a client of some language until it is told to stop, and then says what it found.

It writes JSON, an object a line: `{"rounds": {scenario: count}}` again and again, and once its standard input has ended
`{"scenario": ..., "rounds": ..., "wrong": [...], "held": {path: data}}` for each scenario.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.clients import connected
from harness.cluster import Cluster
from harness.node import Node
from harness.program import Program
from harness.waiting import wait_for

# Rounds that were nearly done when a node died say nothing about life without it.
_ROUNDS_AFTER_A_FAULT = 3
_GO_ON_SECONDS = 30.0
# ZooKeeper under load takes its time.
_READY_SECONDS = 90.0
_CALM_SECONDS = 0.5


@dataclass(frozen=True)
class Verdict:
    """What a scenario came to."""

    rounds: int
    wrong: list[str]
    # Rounds that failed as they may when a connection is lost.
    disturbed: int = 0
    # What every node must hold in the end, by path.
    held: dict[str, str] = field(default_factory=dict)


class Driver(Program):
    """The program, running. `with` ends it whatever happens."""

    def __init__(
        self, command: list[str], scenarios: list[str], environment: dict[str, str] | None = None
    ) -> None:
        super().__init__("the program", [*command, *scenarios], environment)
        self._scenarios = scenarios
        self._rounds: dict[str, int] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_rounds(self, what: str) -> float:
        """Waits until every scenario has done some more rounds from now on; the seconds that this took."""
        began = time.monotonic()
        before = dict(self._rounds)

        def missing() -> list[str]:
            return [each for each in self._scenarios if self._rounds.get(each, 0) < before.get(each, 0) + _ROUNDS_AFTER_A_FAULT]

        def gone_on() -> bool:
            self.check(what)
            return not missing()

        try:
            wait_for(f"rounds {what}", gone_on, _GO_ON_SECONDS)
        except AssertionError as error:
            stuck = missing()
            found = {scenario: self.finish()[scenario].wrong for scenario in stuck}
            raise AssertionError(f"{error}\ntoo few rounds of {found}\n{self.error_tail()}") from None
        return time.monotonic() - began

    def finish(self) -> dict[str, Verdict]:
        """Tells the program to stop; the verdicts."""
        try:
            self.end()
        except AssertionError as error:
            raise AssertionError(f"{error}\nverdicts of {sorted(self._verdicts)}") from None
        self._reader.join(5)
        assert sorted(self._verdicts) == sorted(self._scenarios), self.error_tail()
        return self._verdicts

    def _read(self) -> None:
        for line in self.output:
            said: dict[str, Any] = json.loads(line)
            if "rounds" in said and "scenario" not in said:
                self._rounds = said["rounds"]
            else:
                scenario = said.pop("scenario")
                self._verdicts[scenario] = Verdict(**said)


def run_once(command: list[str], scenarios: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs the program without a fault, for a few rounds of each scenario, and checks its verdicts."""
    with Driver(command, scenarios, environment) as driver:
        driver.wait_rounds("at the beginning")
        _expect_right(driver.finish())


def run_through_kills(cluster: Cluster, driver: Driver, measured: Callable[[str], None]) -> None:
    """kill -9 of the leader, then of a follower, each with rounds before, while it is away and after it is back; then
    the verdicts, and what every node holds."""
    driver.wait_rounds("at the beginning")
    leader = cluster.leader()
    _kill_and_restart("leader", leader, driver, measured)
    # One that has clients: those of the leader of before have stayed where they went.
    follower = next(node for node in cluster.followers() if node is not leader)
    _kill_and_restart("follower", follower, driver, measured)
    verdicts = driver.finish()
    rounds = {scenario: verdict.rounds for scenario, verdict in verdicts.items()}
    measured(f"{sum(rounds.values())} rounds, {sum(each.disturbed for each in verdicts.values())} disturbed: {rounds}")
    _expect_right(verdicts)
    for node in cluster.nodes:
        _check_held(node, verdicts)


def _kill_and_restart(what: str, node: Node, driver: Driver, measured: Callable[[str], None]) -> None:
    node.kill()
    seconds = driver.wait_rounds(f"without the {what}")
    measured(f"{what} killed: all scenarios had gone on after {seconds:.1f} s")
    node.start()
    node.wait_ready(_READY_SECONDS)
    time.sleep(_CALM_SECONDS)
    driver.wait_rounds(f"with the {what} of before back")


def _expect_right(verdicts: dict[str, Verdict]) -> None:
    wrong = [f"{scenario}: {what}" for scenario, verdict in verdicts.items() for what in verdict.wrong]
    assert not wrong, "\n".join(wrong)


def _check_held(node: Node, verdicts: dict[str, Verdict]) -> None:
    with connected(node.address) as client:
        client.sync("/")
        for scenario, verdict in verdicts.items():
            held = {path: client.get(path)[0].decode() for path in verdict.held}
            assert held == verdict.held, f"{scenario}: node {node.node_id} holds something else"
