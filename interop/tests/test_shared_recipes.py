"""Rust's recipes, Curator's and kazoo's contend for the same locks, leases and leaderships, while nodes are killed."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from harness import Cluster, connected, wait_for
from harness.contenders import PARTIES, Holding, Kazoo, Programs, overlaps
from harness.java import java_command

# Who contends for what. Where Curator does, all use its names, since it puts others in the wrong place.
RECIPES = {
    "lock": {"rust", "curator", "kazoo"},
    "kazoo-lock": {"rust", "kazoo"},
    "read-write-lock": {"rust", "curator"},
    "kazoo-read-write-lock": {"rust", "kazoo"},
    "semaphore": {"rust", "curator"},
    "kazoo-semaphore": {"rust", "kazoo"},
    "leader-latch": {"rust", "curator"},
    "leader-selector": {"rust", "curator"},
    "kazoo-election": {"rust", "kazoo"},
}

_TURNS = 3
_GO_ON_SECONDS = 60.0
_READY_SECONDS = 90.0


class Record:
    """What was held so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holdings: list[Holding] = []

    def note(self, holding: Holding) -> None:
        with self._lock:
            self._holdings.append(holding)

    def all(self) -> list[Holding]:
        with self._lock:
            return list(self._holdings)

    def turns(self) -> Counter[tuple[str, str]]:
        return Counter((each.recipe, each.by) for each in self.all())


@pytest.fixture
def contender(request: pytest.FixtureRequest) -> Path:
    """The program that contends with quorate-recipes."""
    path: Path = request.config.getoption("--contender")
    assert path.exists(), f"no {path}: cargo build --release -p quorate-recipes --example contender"
    return path


def test_languages_share_recipes_while_nodes_die(
    new_cluster: Callable[[int], Cluster], java: Path, contender: Path, measured: Callable[[str], None]
) -> None:
    record, folder = Record(), "/shared"
    with new_cluster(3) as cluster, ExitStack() as stack:
        with connected(cluster.hosts) as client:
            for recipe in RECIPES:
                client.create(f"{folder}/{recipe}-counter", b"0", makepath=True)

        def of(language: str) -> list[str]:
            return [recipe for recipe, languages in RECIPES.items() if language in languages]

        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
        curator = java_command(java, quiet, "quorate.interop.curator.Contender", cluster.hosts, folder, *of("curator"))
        programs: list[Programs | Kazoo] = [
            stack.enter_context(Programs("rust", [str(contender), cluster.hosts, folder, *of("rust")], record.note)),
            stack.enter_context(Programs("curator", curator, record.note)),
            stack.enter_context(Kazoo(partial(_connect, cluster.hosts), folder, of("kazoo"), record.note)),
        ]

        def go_on(when: str) -> None:
            before = record.turns()

            def all_had_turns() -> bool:
                for program in programs:
                    program.check()
                return not _waiting(before, record.turns())

            try:
                wait_for(f"turns {when}", all_had_turns, _GO_ON_SECONDS)
            except AssertionError as error:
                raise AssertionError(f"{error}: no turns of {_waiting(before, record.turns())}") from None

        go_on("at the beginning")
        for what, node in _kills(cluster):
            node.kill()
            go_on(f"without the {what}")
            node.start()
            node.wait_ready(_READY_SECONDS)
            go_on(f"with the {what} of before back")
        for program in programs:
            program.finish()
        measured(f"{len(record.all())} holdings: {dict(Counter(each.recipe for each in record.all()))}")
        for recipe in RECIPES:
            holdings = [each for each in record.all() if each.recipe == recipe and each.how != "nothing"]
            assert not (wrong := overlaps(holdings)), "\n".join(wrong[:5])
        with connected(cluster.hosts) as client:
            client.sync(folder)
            for recipe in (recipe for recipe in RECIPES if recipe.endswith("lock")):
                value = int(client.get(f"{folder}/{recipe}-counter")[0])
                counted = Counter(each.counted for each in record.all() if each.recipe == recipe)
                assert counted[True] <= value <= counted[True] + counted[None], f"{recipe}: {value}, {counted}"


def test_parties_of_two_languages_enter_and_leave_together(triple: Cluster, contender: Path) -> None:
    """Without kills: kazoo's parties miss what happens while they have no connection."""
    record, base, recipe = Record(), f"/shared-{uuid.uuid4().hex}", "double-barrier"
    with ExitStack() as stack:
        command = [str(contender), triple.hosts, base, recipe]
        rust = stack.enter_context(Programs("rust", command, record.note))
        # Were the last to come always the same, the others' way of waiting would not be tried.
        wait_for("a party", lambda: _parties(triple, f"{base}/{recipe}") > 0)
        kazoo = stack.enter_context(Kazoo(partial(_connect, triple.hosts), base, [recipe], record.note))
        wait_for("all to leave", lambda: len(record.all()) == 2 * PARTIES, _GO_ON_SECONDS)
        rust.finish()
        kazoo.finish()
    for how in ("entering", "leaving"):
        steps = [each for each in record.all() if each.how == how]
        assert len(steps) == PARTIES and {each.by for each in steps} == {"rust", "kazoo"}
        assert min(each.end for each in steps) >= max(each.begin for each in steps), steps
    assert _parties(triple, f"{base}/{recipe}") == 0


def _parties(cluster: Cluster, path: str) -> int:
    with connected(cluster.hosts) as client:
        client.sync(path)
        return len(client.get_children(path)) if client.exists(path) else 0


def _waiting(before: Counter[tuple[str, str]], now: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """Who has not had enough turns since `before`."""
    turns = ((recipe, by) for recipe, languages in RECIPES.items() for by in sorted(languages))
    return [turn for turn in turns if now[turn] < before[turn] + _TURNS]


def _kills(cluster: Cluster) -> Iterator[tuple[str, object]]:
    """The leader; then one that follows, other than that."""
    leader = cluster.leader()
    yield "leader", leader
    yield "follower", next(node for node in cluster.followers() if node is not leader)


def _connect(hosts: str) -> KazooClient:
    """One that tries again for ever: otherwise kazoo's locks give up letting go when a connection is lost."""
    retry = {"max_tries": -1, "max_delay": 1}
    client = KazooClient(hosts=hosts, timeout=20, connection_retry=retry, command_retry=retry)
    client.start(60)
    return client
