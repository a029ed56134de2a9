"""Curator's recipes, used by several clients at once, while nodes are killed."""

from collections.abc import Callable
from pathlib import Path

from harness import Cluster
from harness.driver import Driver, run_through_kills
from harness.java import java_command

RECIPES = [
    "mutex",
    "read-write-lock",
    "semaphore",
    "leader-latch",
    "leader-selector",
    "barrier",
    "atomic-long",
    "shared-count",
    "caches",
    "persistent-node",
    "transactions",
    "node-kinds",
    "discovery",
]


def test_recipes_go_on_while_nodes_die(
    new_cluster: Callable[[int], Cluster], java: Path, measured: Callable[[str], None]
) -> None:
    with new_cluster(3) as cluster:
        # Each lost connection is a warning of several stack traces.
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        command = java_command(java, quiet, "quorate.interop.curator.Curator", cluster.hosts)
        with Driver(command, RECIPES) as driver:
            run_through_kills(cluster, driver, measured)
