"""JavaScript's node-zookeeper-client."""

import os
from collections.abc import Callable
from pathlib import Path

from harness import Cluster
from harness.driver import Driver, run_once, run_through_kills

MAIN = Path(__file__).parent.parent / "node" / "main.js"
SCENARIOS = ["operations", "multi", "watches", "access", "lock", "counter", "attached"]


def command(cluster: Cluster) -> list[str]:
    return ["node", str(MAIN), cluster.hosts]


def environment(node_modules: Path) -> dict[str, str]:
    return {**os.environ, "NODE_PATH": str(node_modules)}


def test_the_library(cluster: Cluster, node_modules: Path) -> None:
    run_once(command(cluster), SCENARIOS, environment(node_modules))


def test_scenarios_go_on_while_nodes_die(
    new_cluster: Callable[[int], Cluster], node_modules: Path, measured: Callable[[str], None]
) -> None:
    with new_cluster(3) as cluster, Driver(command(cluster), SCENARIOS, environment(node_modules)) as driver:
        run_through_kills(cluster, driver, measured)
