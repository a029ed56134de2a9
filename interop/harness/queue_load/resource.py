"""What consumers work on: it keeps out those whose time is over."""

import threading

from harness.queue_load.history import Delivery


class Resource:
    """Accepts work that comes with a fencing token as high as the highest that it has seen."""

    def __init__(self) -> None:
        self.accepted: list[Delivery] = []
        self.rejected = 0
        self._highest = 0
        self._lock = threading.Lock()

    def work(self, delivery: Delivery) -> bool:
        """Whether the work was accepted."""
        with self._lock:
            if delivery.epoch < self._highest:
                self.rejected += 1
                return False
            self._highest = delivery.epoch
            self.accepted.append(delivery)
            return True
