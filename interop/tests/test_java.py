"""ZooKeeper's own Java client: its command line, and a program that uses the client class."""

import subprocess
import uuid
from pathlib import Path

import pytest

from harness import Cluster
from harness.java import java_command

SECONDS = 120

# What a session of the command line types, and the line that the answer must contain.
CONVERSATION = [
    ("create {base}", "Created {base}"),
    ("create {base}/a first", "Created {base}/a"),
    ("create -e {base}/e mine", "Created {base}/e"),
    ("create -s {base}/s- numbered", "Created {base}/s-0000000002"),
    ("ls {base}", "[a, e, s-0000000002]"),
    ("get -w {base}/a", "first"),
    ("set {base}/a second", ""),
    ("get {base}/a", "second"),
    ("stat {base}/a", "dataVersion = 1"),
    ("stat {base}", "numChildren = 3"),
    ("sync {base}", "Sync is OK"),
    ("getAcl {base}", "'world,'anyone"),
    ("setAcl {base}/s-0000000002 world:anyone:r", ""),
    ("getAcl {base}/s-0000000002", ": r"),
    ("addauth digest alice:secret", ""),
    ("create {base}/hers x auth::cdrwa", "Created {base}/hers"),
    ("getAcl {base}/hers", "'digest,'alice:"),
    ("get {base}/missing", "Node does not exist: {base}/missing"),
    ("create {base}/a again", "Node already exists: {base}/a"),
    ("delete {base}", "Node not empty: {base}"),
    ("delete -v 7 {base}/a", "version No is not valid : {base}/a"),
    ("delete -v 1 {base}/a", ""),
    ("get {base}/a", "Node does not exist: {base}/a"),
    ("close", "state:Closed"),
]


def test_the_command_line(cluster: Cluster, java: Path) -> None:
    base = f"/cli-{uuid.uuid4().hex}"
    typed = "".join(f"{line.format(base=base)}\n" for line, _ in CONVERSATION)

    server = ("-server", cluster.nodes[0].address, "-waitforconnection")
    done = subprocess.run(
        java_command(java, "org.apache.zookeeper.ZooKeeperMain", *server),
        input=typed + "quit\n",
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )

    at = 0
    for line, answer in CONVERSATION:
        wanted = answer.format(base=base)
        found = done.stdout.find(wanted, at)
        assert found >= 0, f"{line.format(base=base)!r} was not answered with {wanted!r}:\n{done.stdout[at:]}"
        at = found + len(wanted)
    # The watch of `get -w` is printed by another thread, at any place after the `set`.
    assert done.stdout.count(f"type:NodeDataChanged path:{base}/a") == 1


SCENARIOS = ["operations", "watches", "multi", "queries", "pipeline", "sessions"]


def drive(cluster: Cluster, java: Path, scenarios: list[str]) -> None:
    done = subprocess.run(
        java_command(java, "quorate.interop.Driver", cluster.hosts, *scenarios),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout
    passed = [line for line in done.stdout.splitlines() if line.endswith(" ok")]
    assert passed == [f"{scenario} ok" for scenario in scenarios], done.stdout


def test_the_client_class(cluster: Cluster, java: Path) -> None:
    drive(cluster, java, SCENARIOS)


def test_containers_and_times_to_live(cluster: Cluster, java: Path) -> None:
    drive(cluster, java, ["node-kinds"])


def test_persistent_watches(cluster: Cluster, java: Path) -> None:
    drive(cluster, java, ["persistent-watches"])
