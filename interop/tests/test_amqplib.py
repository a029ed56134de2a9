"""JavaScript's amqplib, unchanged: what its users rely on, and its connections that recover while nodes are killed."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.crowd import Crowd, kill_each_in_turn
from harness.queues import Brokers

MAIN = Path(__file__).parent.parent / "node" / "amqp" / "main.js"
SECONDS = 60
SCENARIOS = ["roundtrip", "confirms", "returns", "consuming", "exchanges", "exclusive", "errors", "heartbeats"]


def command(brokers: Brokers, *scenarios: str) -> list[str]:
    return ["node", str(MAIN), ",".join(brokers.urls), *scenarios]


def environment(node_modules: Path) -> dict[str, str]:
    return {**os.environ, "NODE_PATH": str(node_modules)}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_library(brokers: Brokers, node_modules: Path, scenario: str) -> None:
    done = subprocess.run(
        command(brokers, scenario),
        env=environment(node_modules),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (0, f"{scenario} ok\n"), done.stdout


def test_nothing_confirmed_is_lost_while_nodes_are_killed(
    mortal_brokers: Brokers, node_modules: Path, measured: Callable[[str], None]
) -> None:
    with Crowd(command(mortal_brokers, "recovery"), environment(node_modules)) as crowd:
        kill_each_in_turn(mortal_brokers, crowd, measured)
