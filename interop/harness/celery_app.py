"""Tasks for Celery, and workers that run them.

`celery -A harness.celery_app worker` finds `app`, which takes what it must know from the environment.
"""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task, shared_task
from kombu import Exchange, Queue

PRIORITY_MAX = 5
_WAIT_SECONDS = 60.0


def application(brokers: str, results: str, queue: str, queue_type: str) -> Celery:
    """An application with the tasks below, all in one queue. `brokers`: addresses with `;` between them."""
    made = Celery("interop", broker=brokers, backend=results, set_as_current=False)
    if queue_type == "quorum":
        # Celery's delays in the broker lead back to the queue through a topic exchange.
        declared = Queue(queue, Exchange(queue, type="topic"), queue, queue_arguments={"x-queue-type": queue_type})
    else:
        declared = Queue(queue, routing_key=queue, queue_arguments={"x-max-priority": PRIORITY_MAX})
    made.conf.update(
        task_queues=[declared],
        task_default_queue=queue,
        task_default_exchange=declared.exchange.name,
        task_default_exchange_type=declared.exchange.type,
        task_default_routing_key=queue,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"confirm_publish": True},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_send_sent_event=True,
        worker_send_task_events=True,
    )
    return made


@shared_task
def add(*numbers: float) -> float:
    return sum(numbers)


@shared_task
def total(numbers: list[float]) -> float:
    return sum(numbers)


@shared_task(bind=True)
def who(task: Task, seconds: float = 0.0) -> str:
    """The name of the worker."""
    time.sleep(seconds)
    return str(task.request.hostname)


@shared_task
def now() -> float:
    """When it ran."""
    return time.time()


@shared_task
def note(file: str, line: str) -> None:
    """Adds a line to a file: one write, so that lines of several processes stay whole."""
    with Path(file).open("a") as notes:
        notes.write(f"{line}\n")


@shared_task(bind=True)
def hold(task: Task, started: str, until: str) -> dict[str, Any]:
    """Notes who has started it, and ends once a file is there."""
    note(started, task.request.hostname)
    deadline = time.monotonic() + _WAIT_SECONDS
    while not Path(until).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(until)
        time.sleep(0.02)
    return {"worker": task.request.hostname, "redelivered": task.request.delivery_info["redelivered"]}


@shared_task(bind=True, max_retries=3)
def fail_twice(task: Task, countdown: float) -> list[float]:
    """Succeeds at the third try; when that was and how many tries were before."""
    if task.request.retries < 2:
        raise task.retry(countdown=countdown)
    return [task.request.retries, time.time()]


@shared_task
def divide(a: float, b: float) -> float:
    return a / b


if "CELERY_INTEROP_BROKERS" in os.environ:
    app = application(
        *(os.environ[f"CELERY_INTEROP_{what}"] for what in ("BROKERS", "RESULTS", "QUEUE", "QUEUE_TYPE"))
    )
