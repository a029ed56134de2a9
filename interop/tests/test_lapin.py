"""Rust's lapin, unchanged: what its users rely on, and its connections that recover while nodes are killed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.crowd import Crowd, kill_each_in_turn
from harness.queues import Brokers

SECONDS = 60
SCENARIOS = ["roundtrip", "confirms", "returns", "consuming", "exchanges", "errors"]


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Path:
    """The program that uses lapin."""
    return request.config.getoption("--lapin")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_library(brokers: Brokers, program: Path, scenario: str) -> None:
    done = subprocess.run(
        [program, ",".join(brokers.urls), scenario],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (0, f"{scenario} ok\n"), done.stdout


def test_nothing_confirmed_is_lost_while_nodes_are_killed(
    mortal_brokers: Brokers, program: Path, measured: Callable[[str], None]
) -> None:
    with Crowd([str(program), ",".join(mortal_brokers.urls), "recovery"]) as crowd:
        kill_each_in_turn(mortal_brokers, crowd, measured)
