"""Processes of `quorate rebalance join` that share resources, and what they used when.

Their commands write a line for each start and each stop of a resource. They run on one machine, so their clocks are one.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = "/groups/shared"
RESOURCES = f"{GROUP}/resources"
SESSION_SECONDS = 8.0
_STOP_SECONDS = 2.0
_END_SECONDS = 30.0
# In use until the stop command ends, not until it begins.
_STOP_TAKES_SECONDS = 0.05


@dataclass
class Use:
    """One time of using a resource, in nanoseconds since the epoch."""

    by: str
    resource: str
    token: int
    begin: int
    # None while it is in use.
    end: int | None = None


class Member:
    """One process, with a file to which its commands write."""

    def __init__(self, binary: Path, hosts: str, mode: str, name: str, folder: Path, *flags: str) -> None:
        self.name = name
        self._lines = folder / f"{name}.lines"
        self._lines.touch()
        self._log = folder / f"{name}.log"
        self._died: int | None = None
        start = f'echo "start $QUORATE_RESOURCE $QUORATE_TOKEN $(date +%s%N)" >> {self._lines}'
        stop = f'sleep {_STOP_TAKES_SECONDS}; echo "stop $QUORATE_RESOURCE - $(date +%s%N)" >> {self._lines}'
        command = [
            *(str(binary), "rebalance", "--server", hosts, "join", GROUP, "--mode", mode),
            *("--on-start", start, "--on-stop", stop),
            *("--session-timeout", str(SESSION_SECONDS), "--stop-deadline", str(_STOP_SECONDS)),
            *("--interval-min", "0.5", *flags),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def running(self) -> bool:
        return self._died is None

    def check(self) -> None:
        """Fails if it has ended, unless the test has ended it."""
        code = self._process.poll()
        assert not self.running or code is None, f"{self.name} ended with status {code}\n{self.log_tail()}"

    def kill(self) -> None:
        """kill -9, and waits until the kernel has taken the process away. Its uses end with it."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(_END_SECONDS)
        self._died = time.time_ns()

    def leave(self) -> None:
        """SIGTERM: it stops all, hands it over and ends well."""
        os.kill(self._process.pid, signal.SIGTERM)
        code = self._process.wait(_END_SECONDS)
        self._died = time.time_ns()
        assert code == 0, f"{self.name} ended with status {code}\n{self.log_tail()}"
        left = [use for use in self._told() if use.end is None]
        assert not left, f"{self.name} has left, and uses {left}"

    def close(self) -> None:
        """Ends it, whatever state it is in."""
        if self._process.poll() is None:
            self.kill()

    def uses(self) -> list[Use]:
        """All that it used, and uses."""
        uses = self._told()
        for use in uses:
            if use.end is None and self._died is not None:
                # A command that had begun outlives the member for a moment.
                use.end = max(self._died, use.begin)
        return uses

    def log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def _told(self) -> list[Use]:
        uses: list[Use] = []
        current: dict[str, Use] = {}
        # What is being written is read the next time.
        for line in self._lines.read_text().splitlines(keepends=True):
            if not line.endswith("\n"):
                break
            what, resource, token, at = line.split()
            if what == "start":
                assert resource not in current, f"{self.name} started with {resource} twice"
                current[resource] = Use(self.name, resource, int(token), int(at))
                uses.append(current[resource])
            elif resource in current:
                # Otherwise its start had been given up before it wrote.
                current.pop(resource).end = int(at)
        return uses


class Members:
    """All that there were."""

    def __init__(self, binary: Path, hosts: str, mode: str, folder: Path) -> None:
        self._start = (binary, hosts, mode)
        self._folder = folder
        self._hosts = hosts
        self._binary = binary
        self._members: dict[str, Member] = {}

    def join(self, name: str, *flags: str) -> None:
        assert name not in self._members
        self._members[name] = Member(*self._start, name, self._folder, *flags)

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    def check(self) -> None:
        for member in self._members.values():
            member.check()

    def uses(self) -> list[Use]:
        return [use for member in self._members.values() for use in member.uses()]

    def shares(self) -> tuple[Counter[str], set[str]]:
        """How many resources each running member uses now, and which are used."""
        open_uses = [use for use in self.uses() if use.end is None]
        counts = Counter({member.name: 0 for member in self._members.values() if member.running})
        counts.update(use.by for use in open_uses)
        return counts, {use.resource for use in open_uses}

    def status(self) -> dict[str, Any]:
        """What `quorate rebalance status` says."""
        command = [str(self._binary), "rebalance", "--server", self._hosts, "status", GROUP, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_END_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def close(self) -> None:
        for member in self._members.values():
            member.close()


@contextmanager
def members(binary: Path, hosts: str, mode: str, folder: Path) -> Iterator[Members]:
    """Members, none yet; all are ended whatever happens."""
    made = Members(binary, hosts, mode, folder)
    try:
        yield made
    finally:
        made.close()


def violations(uses: list[Use]) -> list[str]:
    """Uses of one resource at the same time, and tokens that do not tell a later owner from an earlier one."""
    wrong = []
    for resource in sorted({use.resource for use in uses}):
        in_order = sorted((use for use in uses if use.resource == resource), key=lambda use: use.begin)
        for earlier, later in zip(in_order, in_order[1:]):
            if earlier.end is None or earlier.end > later.begin:
                wrong.append(f"{later} began during {earlier}")
            # Who was cut off and finds its session alive goes on with the number that it had.
            if later.token < earlier.token or (later.token == earlier.token and later.by != earlier.by):
                wrong.append(f"the token of {later} is not larger than that of {earlier}")
    return wrong
