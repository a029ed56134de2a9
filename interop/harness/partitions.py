"""What works on the messages of a queue with partitions, and the clients that bring and take them."""

import json
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Self

import pika

from harness.program import Program
from harness.queues import Brokers
from harness.waiting import wait_for

_GO_ON_SECONDS = 20.0


class Ledger:
    """What consumers work on: numbers of keys, each key in order. It keeps out those who come with a token that is too old, and notes what a queue
    with partitions must not let happen."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.rejected = 0
        self.worked = 0
        # The highest token of each partition, and who came with it.
        self.holders: dict[int, tuple[int, str]] = {}
        self._places: dict[str, int] = {}
        self._last: Counter[str] = Counter()
        self._lock = threading.Lock()

    def work(self, who: str, partition: int, epoch: int, body: str) -> bool:
        """Whether the work was taken."""
        with self._lock:
            highest, holder = self.holders.get(partition, (0, who))
            if epoch < highest:
                self.rejected += 1
                return False
            if epoch == highest and holder != who:
                self.wrong.append(f"partition {partition} with token {epoch} is in the hands of {holder} and of {who}")
            self.holders[partition] = (epoch, who)
            key, number = body.split(" ")
            if self._places.setdefault(key, partition) != partition:
                self.wrong.append(f"{body} is in partition {partition}, others of its key in {self._places[key]}")
            if int(number) > self._last[key] + 1:
                self.wrong.append(f"{body} came right behind {self._last[key]}")
            # What comes again has been worked on.
            self._last[key] = max(self._last[key], int(number))
            self.worked += 1
            return True

    def has(self, key: str, number: int) -> bool:
        """Whether a key has come that far."""
        return self._last[key] >= number

    def shares(self) -> Counter[str]:
        """How many partitions each has."""
        return Counter(holder for _, holder in self.holders.values())


class Worker(Program):
    """A consumer in a process of its own."""

    def __init__(self, name: str, queue: str, addresses: list[tuple[str, int]], ledger: Ledger) -> None:
        self.ledger = ledger
        self.session = f"{name}.0"
        hosts = ",".join(f"{host}:{port}" for host, port in addresses)
        super().__init__(name, [sys.executable, "-m", "harness.partition_worker", queue, hosts])
        threading.Thread(target=self._serve, daemon=True).start()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def _serve(self) -> None:
        for line in self.output:
            asked = json.loads(line)
            self.session = f"{self.name}.{asked['session']}"
            may = self.ledger.work(self.session, asked["partition"], asked["epoch"], asked["body"])
            try:
                self.input.write("yes\n" if may else "no\n")
                self.input.flush()
            except (BrokenPipeError, ValueError):
                # It was killed, or is to leave.
                return


class Publisher:
    """Publishes numbers of keys, one message at a time, each confirmed before the next."""

    def __init__(self, brokers: Brokers, node: int, exchange: str, keys: list[str]) -> None:
        self.sent: dict[str, int] = defaultdict(int)
        self.failure: BaseException | None = None
        self._brokers, self._node, self._exchange, self._keys = brokers, node, exchange, keys
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more."""
        self._stopping.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            with self._brokers.connect(self._node) as connection:
                channel = connection.channel()
                channel.confirm_delivery()
                while not self._stopping.wait(0.002):
                    self._publish_one_of_each(channel)
        except BaseException as error:  # noqa: BLE001 (it is raised where it is seen, in `stop`)
            self.failure = error

    def _publish_one_of_each(self, channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        for key in self._keys:
            body = f"{key} {self.sent[key] + 1}"
            channel.basic_publish(self._exchange, key, body.encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
            self.sent[key] += 1


def go_on(ledger: Ledger, when: str, count: int = 100) -> None:
    """Waits until more was worked on."""
    enough = ledger.worked + count
    _wait(ledger, f"{count} messages more {when}", lambda: ledger.worked >= enough)


def finish(ledger: Ledger, publishers: list[Publisher]) -> None:
    """No more publishes; and all that was published is worked on."""
    for publisher in publishers:
        publisher.stop()
    sent = {key: number for publisher in publishers for key, number in publisher.sent.items()}
    _wait(ledger, "all to be worked on", lambda: all(ledger.has(key, number) for key, number in sent.items()))


def _wait(ledger: Ledger, what: str, holds: Callable[[], bool]) -> None:
    wait_for(what, lambda: bool(ledger.wrong) or holds(), _GO_ON_SECONDS)
    assert not ledger.wrong, ledger.wrong[:5]
