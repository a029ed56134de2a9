"""A majority of the voters is lost for ever, and a survivor goes on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Cluster, connected, wait_for
from harness.quorate import QuorateNode

pytestmark = pytest.mark.quorate_only


@pytest.fixture
def binary(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--binary")


@pytest.fixture
def three(binary: Path) -> Iterator[Cluster]:
    """Three voters."""
    with Cluster.quorate(3, binary) as cluster:
        yield cluster


def test_a_survivor_goes_on_with_everything_and_others_join_it(three: Cluster, binary: Path) -> None:
    with connected(three.hosts) as zk:
        zk.create("/kept", b"")
        for number in range(300):
            zk.create(f"/kept/{number}", b"x" * 100)
    first, survivor, third = three.nodes
    assert isinstance(survivor, QuorateNode)
    refused = survivor.recover("--yes")
    assert refused.returncode == 1, "a node runs on the directory"
    assert "data-dir" in refused.stderr
    first.kill()
    third.kill()
    shutil.rmtree(third.folder / "data")
    survivor.kill()

    shown = json.loads(survivor.recover("--json").stdout)
    assert (shown["node"], shown["recovered"]) == (2, False)
    assert shown["last"]["index"] > 300
    assert json.loads(survivor.recover("--json").stdout) == shown, "looking changes nothing"
    done = survivor.recover("--yes")
    assert done.returncode == 0, done.stderr
    assert "--peer" in done.stdout

    survivor.start()
    survivor.wait_ready()
    with connected(survivor.address) as zk:
        assert len(zk.get_children("/kept")) == 300
        zk.create("/after", b"the loss")
    assert survivor.members() == {2: "voter"}

    newcomer = three.joining(binary, 7, "voter")
    newcomer.join(survivor, "voter")
    newcomer.start()
    newcomer.wait_ready()
    with connected(newcomer.address) as zk:
        assert len(zk.get_children("/kept")) == 300
        assert zk.get("/after")[0] == b"the loss"
    wait_for("the newcomer to vote", lambda: survivor.members() == {2: "voter", 7: "voter"})

    # One of the lost comes back, and is a stranger: it finds nobody, and serves nothing.
    first.start()
    with connected(survivor.address) as zk:
        zk.set("/after", b"its return")
    assert isinstance(first, QuorateNode)
    assert not first.ready()


def test_what_is_no_data_directory_is_refused(three: Cluster) -> None:
    node = three.nodes[0]
    assert isinstance(node, QuorateNode)
    node.kill()
    shutil.rmtree(node.folder / "data")
    refused = node.recover()
    assert refused.returncode == 1
    assert "data-dir" in refused.stderr
    assert not (node.folder / "data").exists(), "looking makes nothing"
