"""A program beside the tests that is told things on its standard input and answers a JSON object a line."""

import subprocess
import tempfile
from types import TracebackType
from typing import IO, Self

_FINISH_SECONDS = 60.0
_SHOWN_LINES = 40


class Program:
    """The program, running. `with` ends it whatever happens."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )

    @property
    def input(self) -> IO[str]:
        """What it reads."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def output(self) -> IO[str]:
        """What it writes, but for errors."""
        assert self._process.stdout is not None
        return self._process.stdout

    def check(self, when: str = "") -> None:
        """Fails if it has ended."""
        assert self._process.poll() is None, f"{self.name} ended {when}\n{self.error_tail()}"

    def end(self) -> None:
        """Closes its input, and waits until it has ended well."""
        self.input.close()
        try:
            code = self._process.wait(_FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end\n{self.error_tail()}") from None
        assert code == 0, f"{self.name} ended with status {code}\n{self.error_tail()}"

    def error_tail(self) -> str:
        """The last lines of its standard error."""
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-_SHOWN_LINES:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()
