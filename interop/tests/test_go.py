"""Go's go-zookeeper/zk."""

from collections.abc import Callable
from pathlib import Path

from harness import Cluster
from harness.driver import Driver, run_once, run_through_kills

SCENARIOS = ["operations", "multi", "watches", "access", "lock", "counter", "attached"]
# Asks every server.
WORDS = ["words"]


def command(go: Path, cluster: Cluster) -> list[str]:
    return [str(go / "interop"), cluster.hosts]


def test_the_library(cluster: Cluster, go: Path) -> None:
    run_once(command(go, cluster), SCENARIOS + WORDS)


def test_scenarios_go_on_while_nodes_die(
    new_cluster: Callable[[int], Cluster], go: Path, measured: Callable[[str], None]
) -> None:
    with new_cluster(3) as cluster, Driver(command(go, cluster), SCENARIOS) as driver:
        run_through_kills(cluster, driver, measured)
