"""A program that does what it is told, a JSON array a line, and answers each with a JSON object a line."""

import json
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Self


class Commanded:
    """The program, running. `with` ends it whatever happens."""

    def __init__(self, name: str, command: list[str]) -> None:
        self._name = name
        self._errors = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def __call__(self, *command: Any) -> Any:
        """Its answer; an error is the test's."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{self._name} ended at {command}\n{self._error_tail()}"
        answer = json.loads(line)
        assert "ok" in answer, f"{self._name}: {command}: {answer}\n{self._error_tail()}"
        return answer["ok"]

    def _error_tail(self) -> str:
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-40:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()
