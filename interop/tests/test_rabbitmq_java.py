"""RabbitMQ's Java client, unchanged: what its users rely on, and its recovery while nodes are killed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.crowd import Crowd, kill_each_in_turn
from harness.java import java_command
from harness.queues import Brokers

SECONDS = 120
SCENARIOS = [
    "roundtrip",
    "confirms",
    "returns",
    "consuming",
    "exclusive",
    "errors",
    "connection-errors",
    "transactions",
    "calls",
    "dead-letters",
]


def command(java: Path, brokers: Brokers, *scenarios: str) -> list[str]:
    # What the library logs are lost connections.
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    return java_command(java, quiet, "quorate.interop.amqp.Amqp", ",".join(brokers.urls), *scenarios)


def test_the_library(brokers: Brokers, java: Path) -> None:
    drive(java, brokers, SCENARIOS)


def test_calls_between_nodes(brokers: Brokers, java: Path) -> None:
    drive(java, brokers, ["calls-between-nodes"])


def drive(java: Path, brokers: Brokers, scenarios: list[str]) -> None:
    done = subprocess.run(
        command(java, brokers, *scenarios),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    passed = [line for line in done.stdout.splitlines() if line.endswith(" ok")]
    assert (done.returncode, passed) == (0, [f"{scenario} ok" for scenario in scenarios]), done.stdout


def test_nothing_confirmed_is_lost_while_nodes_are_killed(
    mortal_brokers: Brokers, java: Path, measured: Callable[[str], None]
) -> None:
    with Crowd(command(java, mortal_brokers, "recovery")) as crowd:
        kill_each_in_turn(mortal_brokers, crowd, measured, moves=True)
