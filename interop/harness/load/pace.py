"""When answers came, and how long none did."""

import threading
import time


class Pace:
    """The times of successful answers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Notes an answer that came now."""
        with self._lock:
            self._times.append(time.monotonic())

    def __len__(self) -> int:
        with self._lock:
            return len(self._times)

    def answered_since(self, moment: float) -> bool:
        """Whether an answer came after `moment`."""
        with self._lock:
            return bool(self._times) and self._times[-1] > moment

    def between(self, since: float, until: float) -> list[float]:
        """When answers came between two moments."""
        with self._lock:
            return [moment for moment in self._times if since <= moment <= until]

    def longest_pause(self, since: float, until: float) -> float:
        """The longest time, in seconds, without an answer between two moments; all of it when there was none."""
        moments = [since, *self.between(since, until), until]
        return max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False))
