"""Celery's workers, each a process with a child that runs the tasks."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from celery import Celery, Task

from harness.celery_app import application
from harness.queues import Brokers
from harness.waiting import wait_for

_INTEROP = Path(__file__).resolve().parent.parent
_START_SECONDS = 40.0
_END_SECONDS = 20.0
_SHOWN_LINES = 30


class Workers:
    """Several workers on a queue of their own, and the application that gives them tasks. `with` starts and ends them."""

    def __init__(self, brokers: Brokers, count: int, results: str = "rpc://", queue_type: str = "classic") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quorate-celery-"))
        if results == "file":
            (self.folder / "results").mkdir()
            results = f"file://{self.folder / 'results'}"
        self.queue = f"celery-{uuid.uuid4().hex}"
        self._brokers = brokers
        self._results = results
        self._queue_type = queue_type
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._count = count
        self.app: Celery = application(self._urls(0), results, self.queue, queue_type)

    @property
    def names(self) -> list[str]:
        """The workers that run."""
        return sorted(name for name, process in self._processes.items() if process.poll() is None)

    def task(self, name: str) -> Task:
        """A task of `celery_app` that goes to these workers."""
        return self.app.tasks[f"harness.celery_app.{name}"]

    def file(self) -> Path:
        """A fresh file that does not exist."""
        return self.folder / uuid.uuid4().hex

    def start(self, node: int) -> str:
        """One more worker, not waited for, that prefers a node. Its name."""
        name = f"w{len(self._processes)}-{uuid.uuid4().hex[:8]}@interop"
        environment = os.environ | {
            "CELERY_INTEROP_BROKERS": self._urls(node),
            "CELERY_INTEROP_RESULTS": self._results,
            "CELERY_INTEROP_QUEUE": self.queue,
            "CELERY_INTEROP_QUEUE_TYPE": self._queue_type,
        }
        command = [sys.executable, "-m", "celery", "-A", "harness.celery_app", "worker", "-n", name, "-c", "1", "-l", "INFO"]
        with self._log(name).open("ab") as log:
            # A session of its own: the children of a killed worker are killed with it.
            self._processes[name] = subprocess.Popen(
                command, cwd=_INTEROP, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return name

    def wait_ready(self) -> None:
        """Waits until all workers that run take tasks."""

        def ready(name: str) -> bool:
            assert self._processes[name].poll() is None, f"{name} has ended\n{self.log_tail(name)}"
            return f"{name} ready." in self._text(name)

        for name in self.names:
            try:
                wait_for(f"{name} to be ready", lambda name=name: ready(name), _START_SECONDS)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log_tail(name)}") from None

    def kill(self, name: str) -> None:
        """kill -9 of a worker and its children."""
        process = self._processes[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def ask_to_end(self, name: str) -> None:
        """SIGTERM: the worker finishes what it does."""
        self._processes[name].terminate()

    def wait_ended(self, name: str) -> None:
        """Waits for a worker that was asked to end."""
        assert self._processes[name].wait(_END_SECONDS) == 0, self.log_tail(name)

    def log_tail(self, name: str) -> str:
        """The last lines that a worker wrote."""
        return "\n".join(self._text(name).splitlines()[-_SHOWN_LINES:])

    def __enter__(self) -> Self:
        for node in range(self._count):
            self.start(node)
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self.names:
            self.kill(name)
        self.app.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _urls(self, first: int) -> str:
        urls = self._brokers.urls
        return ";".join(f"{urls[(first + n) % len(urls)]}//" for n in range(len(urls)))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _text(self, name: str) -> str:
        return self._log(name).read_text(errors="replace")
