"""A process that consumes from a queue with partitions: `python -m harness.partition_worker QUEUE HOST:PORT[,HOST:PORT...]`.

It asks its standard input about each delivery before it acknowledges it, a JSON object a line: `{"session": n, "partition": n, "epoch": n, "body": text}`.
The answer is `yes`, or `no` to one that comes too late. When its input ends it takes its leave of the broker. When a connection breaks it goes to the
next address.
"""

import itertools
import json
import queue
import sys
import threading
import time
from typing import Any

import pika
from pika.exceptions import AMQPError

_PREFETCH = 20


def _read(answers: "queue.SimpleQueue[str | None]") -> None:
    for line in sys.stdin:
        answers.put(line.strip())
    answers.put(None)


class _Left(Exception):
    """There is no more input."""


class _Worker:
    def __init__(self, name: str) -> None:
        self.name = name
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=[self._answers], daemon=True).start()

    def work(self, address: str, session: int) -> None:
        host, port = address.rsplit(":", 1)
        connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port), heartbeat=4))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=_PREFETCH)
        for method, properties, body in channel.consume(self.name, inactivity_timeout=0.1):
            if method is None:
                self._check_input()
            elif self._may(session, properties, body):
                channel.basic_ack(method.delivery_tag)
            else:
                connection.close()
                return

    def _may(self, session: int, properties: Any, body: bytes) -> bool:
        headers = properties.headers
        asked = {"session": session, "partition": headers["x-partition"], "epoch": headers["x-consumer-epoch"]}
        print(json.dumps({**asked, "body": body.decode()}), flush=True)
        answer = self._answers.get()
        if answer is None:
            raise _Left
        return answer == "yes"

    def _check_input(self) -> None:
        if not self._answers.empty() and self._answers.get() is None:
            raise _Left


def _main(name: str, addresses: list[str]) -> None:
    worker = _Worker(name)
    for session in itertools.count():
        try:
            worker.work(addresses[session % len(addresses)], session)
        except (AMQPError, OSError) as error:
            print(f"session {session}: {error!r}", file=sys.stderr)
            time.sleep(0.1)
        except _Left:
            return


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2].split(","))
