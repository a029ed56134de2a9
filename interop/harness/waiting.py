"""Waiting with a deadline, the only kind of waiting that the tests do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, condition: Callable[[], T], seconds: float = 10.0, pause: float = 0.02) -> T:
    """The first truthy result of `condition`; an `AssertionError` that names `what` once `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}; last result: {result!r}")
        time.sleep(pause)
