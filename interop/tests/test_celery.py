"""Celery over amqp://, unchanged: several workers on a queue, late acknowledgements, prefetch 1, some of them killed.

Results come back over `rpc://`, which has no chords; for these the workers share a folder (`file://`).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery import chain, chord, group
from celery.exceptions import TaskRevokedError
from kombu.exceptions import OperationalError

from harness.queues import Brokers
from harness.waiting import wait_for
from harness.workers import Workers

SECONDS = 30.0


@pytest.fixture(scope="module")
def workers(brokers: Brokers) -> Iterator[Workers]:
    """Workers that prefer different nodes where there are several. The tests that end some come last, and leave one."""
    with Workers(brokers, 4) as workers:
        yield workers


@pytest.fixture(scope="module")
def alone(brokers: Brokers) -> Iterator[Workers]:
    """One worker, which keeps its results in files."""
    with Workers(brokers, 1, results="file") as workers:
        yield workers


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def scheduled(workers: Workers) -> dict[str, str]:
    """Which worker holds each task that waits for its time."""
    found = workers.app.control.inspect(timeout=1.0, limit=len(workers.names)).scheduled() or {}
    return {task["request"]["id"]: name for name, tasks in found.items() for task in tasks}


def test_tasks_are_shared_out(workers: Workers) -> None:
    ran = group(workers.task("who").s(0.1) for _ in range(32))().get(timeout=SECONDS)
    counts = Counter(ran)
    assert sorted(counts) == workers.names
    assert min(counts.values()) >= 3, counts


def test_results_and_errors_come_back(workers: Workers) -> None:
    add, divide = workers.task("add"), workers.task("divide")
    assert add.delay(2, 3).get(timeout=SECONDS) == 5
    with pytest.raises(ZeroDivisionError):
        divide.delay(1, 0).get(timeout=SECONDS)
    assert chain(add.s(1, 2), add.s(10), divide.s(2))().get(timeout=SECONDS) == 6.5
    assert divide.apply_async((1, 0), link_error=add.s()).get(timeout=SECONDS, propagate=False).args == ("division by zero",)


def test_countdowns_do_not_hold_up_others(workers: Workers) -> None:
    began = time.time()
    # More than all workers may have at once, so that the prefetch must grow while they wait.
    later = [workers.task("now").apply_async(countdown=3) for _ in range(8)]
    at_once = [workers.task("now").delay() for _ in range(8)]
    for result in at_once:
        assert result.get(timeout=SECONDS) < began + 3
    for result in later:
        assert began + 3 <= result.get(timeout=SECONDS) < began + 3 + SECONDS / 2


def test_retries(workers: Workers) -> None:
    began = time.time()
    retries, ended = workers.task("fail_twice").delay(0.5).get(timeout=SECONDS)
    assert retries == 2
    assert ended >= began + 1.0


def test_what_expired_or_was_revoked_does_not_run(workers: Workers) -> None:
    file = workers.file()
    expired = workers.task("note").apply_async((str(file), "expired"), countdown=1.5, expires=0.5)
    revoked = workers.task("note").apply_async((str(file), "revoked"), countdown=1.5)
    workers.app.control.revoke(revoked.id)
    for result in (expired, revoked):
        with pytest.raises(TaskRevokedError):
            result.get(timeout=SECONDS)
    time.sleep(0.5)
    assert lines(file) == []


def test_workers_answer_to_their_names(workers: Workers) -> None:
    names = workers.names
    inspect = workers.app.control.inspect(timeout=5.0, limit=len(names))
    assert inspect.ping() == {name: {"ok": "pong"} for name in names}
    queues = inspect.active_queues()
    assert {name: [queue["name"] for queue in queues[name]] for name in queues} == {name: [workers.queue] for name in names}
    assert workers.app.control.ping(destination=[names[1]], timeout=5.0, limit=1) == [{names[1]: {"ok": "pong"}}]


def test_consumers_are_added_and_cancelled(workers: Workers) -> None:
    name, queue = workers.names[0], f"{workers.queue}-more"
    control = workers.app.control
    added = control.add_consumer(queue, destination=[name], reply=True, timeout=5.0, limit=1)
    assert added == [{name: {"ok": f"add consumer {queue}"}}]
    ran = [workers.task("who").apply_async(queue=queue) for _ in range(5)]
    assert {result.get(timeout=SECONDS) for result in ran} == {name}
    control.cancel_consumer(queue, destination=[name], reply=True, timeout=5.0, limit=1)
    waiting = workers.task("who").apply_async(queue=queue)
    time.sleep(0.5)
    with workers.app.connection_for_read() as connection:
        assert connection.default_channel.queue_purge(queue) == 1
        connection.default_channel.queue_delete(queue)
    assert not waiting.ready()


def test_events(workers: Workers) -> None:
    seen: list[tuple[str, str]] = []
    with workers.app.connection_for_read() as connection:
        receiver = workers.app.events.Receiver(
            connection, handlers={"*": lambda event: seen.append((event["type"], event.get("uuid", "")))}
        )
        # The receiver makes a connection of its own. Its queue is there before the task is sent.
        with receiver.consumer_context(wakeup=False) as (receiving, _, _):
            result = workers.task("add").delay(1, 1)
            expected = {(kind, result.id) for kind in ("task-sent", "task-received", "task-started", "task-succeeded")}

            def all_seen() -> bool:
                with suppress(TimeoutError):
                    receiving.drain_events(timeout=0.2)
                return expected <= set(seen)

            wait_for("the events", all_seen, SECONDS)


def test_tasks_of_a_killed_worker_run_elsewhere(workers: Workers, brokers: Brokers) -> None:
    started, until = workers.file(), workers.file()
    result = workers.task("hold").delay(str(started), str(until))
    wait_for("the task to start", lambda: lines(started), SECONDS)
    victim = lines(started)[0]
    workers.kill(victim)
    until.touch()
    answer = result.get(timeout=SECONDS)
    assert lines(started) == [victim, answer["worker"]]
    assert answer["worker"] != victim
    assert answer["redelivered"] is True


def test_a_worker_that_is_asked_to_end_finishes_its_task(workers: Workers) -> None:
    started, until = workers.file(), workers.file()
    result = workers.task("hold").delay(str(started), str(until))
    wait_for("the task to start", lambda: lines(started), SECONDS)
    holder = lines(started)[0]
    workers.ask_to_end(holder)
    time.sleep(0.5)
    until.touch()
    assert result.get(timeout=SECONDS) == {"worker": holder, "redelivered": False}
    workers.wait_ended(holder)


def test_countdowns_of_a_killed_worker_are_not_lost(workers: Workers) -> None:
    began = time.time()
    later = [workers.task("now").apply_async(countdown=4) for _ in range(6)]
    wait_for("the workers to hold them", lambda: len(scheduled(workers)) == 6, SECONDS)
    victim = next(name for name in workers.names if name in scheduled(workers).values())
    workers.kill(victim)
    for result in later:
        assert result.get(timeout=SECONDS) >= began + 4


def test_countdowns_in_the_broker(brokers: Brokers) -> None:
    if brokers.nodes and len(brokers.nodes) < 3:
        pytest.skip("dozens of queues take their time: three nodes are enough")
    # With quorum queues a worker can not have more than its prefetch: Celery lets what is late wait in a chain of 28
    # queues, each of which holds messages for twice as long as the next and then gives them to it as dead letters.
    with Workers(brokers, 1, queue_type="quorum") as workers:
        began = time.time()
        later = [workers.task("now").apply_async(countdown=seconds) for seconds in (5, 2, 3)]
        assert scheduled(workers) == {}
        times = [result.get(timeout=SECONDS) - began for result in later]
        assert [seconds <= late < seconds + 5 for seconds, late in zip((5, 2, 3), times, strict=True)] == [True] * 3, times


def test_tasks_go_on_while_nodes_are_killed(mortal_brokers: Brokers, measured: Callable[[str], None]) -> None:
    with Workers(mortal_brokers, 3) as workers:
        file, disturbed = workers.file(), 0
        sent: list[str] = []

        def send(count: int) -> None:
            nonlocal disturbed
            for _ in range(count):
                line = f"{len(sent) + disturbed}"
                try:
                    workers.task("note").apply_async((str(file), line), ignore_result=True)
                    sent.append(line)
                except OperationalError:
                    disturbed += 1

        def all_done(when: str) -> None:
            began = time.monotonic()
            wait_for(f"all tasks {when}", lambda: set(sent) <= set(lines(file)), 2 * SECONDS)
            measured(f"all tasks were done {when} after {time.monotonic() - began:.1f} s")

        send(20)
        # First the one that takes our tasks, then one that has a worker.
        for victim in (0, 1):
            send(10)
            mortal_brokers.nodes[victim].kill()
            send(20)
            all_done("while a node is away")
            mortal_brokers.restart(victim)
        send(20)
        all_done("in the end")
        more = len(lines(file)) - len(set(lines(file)))
        measured(f"{len(sent)} tasks accepted, {disturbed} not, {more} ran once more")
        busy = group(workers.task("who").s(0.2) for _ in range(30))()
        assert set(busy.get(timeout=SECONDS)) == set(workers.names)


def test_chords(alone: Workers) -> None:
    add, total = alone.task("add"), alone.task("total")
    result = chord([add.s(n, n) for n in range(10)], total.s())()
    assert result.get(timeout=SECONDS) == 90
    grouped = group(add.s(n, 1) for n in range(5))()
    assert grouped.get(timeout=SECONDS) == [1, 2, 3, 4, 5]


def test_priorities(alone: Workers) -> None:
    started, until, order = alone.file(), alone.file(), alone.file()
    holding = alone.task("hold").delay(str(started), str(until))
    wait_for("the worker to be busy", lambda: lines(started), SECONDS)
    priorities = [0, 5, 2, 5, 1, 4]
    results = [alone.task("note").apply_async((str(order), f"{p}-{n}"), priority=p) for n, p in enumerate(priorities)]
    until.touch()
    holding.get(timeout=SECONDS)
    for result in results:
        result.get(timeout=SECONDS)
    assert lines(order) == ["5-1", "5-3", "4-5", "2-2", "1-4", "0-0"]
