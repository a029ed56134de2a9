"""A program that does what it is told, a JSON array a line, and answers each with a JSON object a line."""

import json
from typing import Any

from harness.program import Program


class Commanded(Program):
    """The program, running. `with` ends it whatever happens."""

    def __call__(self, *command: Any) -> Any:
        """Its answer; an error is the test's."""
        self.input.write(json.dumps(command) + "\n")
        self.input.flush()
        line = self.output.readline()
        assert line, f"{self.name} ended at {command}\n{self.error_tail()}"
        answer = json.loads(line)
        assert "ok" in answer, f"{self.name}: {command}: {answer}\n{self.error_tail()}"
        return answer["ok"]
