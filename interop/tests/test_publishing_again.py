"""A publisher that numbers its messages publishes again what was not confirmed, while nodes are killed: each message is in the queue once, in order."""

import random
import time
import uuid
from collections.abc import Callable

import pika
import pytest
from pika.exceptions import AMQPError

from harness.queues import Brokers, drain

pytestmark = pytest.mark.quorate_only

ROUNDS = 20
# So many are published before any is known to be safe: one connection after another is given up in the middle of that.
AT_ONCE = 20


def publish(brokers: Brokers, node: int, queue: str, numbers: range, waits: bool) -> None:
    """Publishes numbers over a connection of its own, and waits until they are safe, or leaves at once."""
    connection = brokers.connect(node)
    channel = connection.channel()
    if waits:
        channel.confirm_delivery()
    for number in numbers:
        headers = {"x-producer-id": queue, "x-producer-sequence": number}
        channel.basic_publish("", queue, b"%d" % number, pika.BasicProperties(delivery_mode=2, headers=headers))
    connection.close()


def test_each_message_is_stored_once(mortal_brokers: Brokers, measured: Callable[[str], None]) -> None:
    queue = f"once-{uuid.uuid4().hex}"
    with mortal_brokers.connect() as connection:
        connection.channel().queue_declare(queue, durable=True)
    alive = [0, 1, 2]
    sent = 0
    for round_ in range(ROUNDS):
        if round_ == ROUNDS // 2:
            dead = mortal_brokers.leader()
            mortal_brokers.nodes[dead].kill()
            alive.remove(dead)
        numbers = range(round_ * AT_ONCE + 1, (round_ + 1) * AT_ONCE + 1)
        # Some of it, over connections that nobody waits for.
        for _ in range(random.randrange(3)):
            part = range(numbers.start, random.randrange(numbers.start, numbers.stop))
            publish(mortal_brokers, random.choice(alive), queue, part, waits=False)
            sent += len(part)
        until = time.monotonic() + 20
        while True:
            try:
                publish(mortal_brokers, random.choice(alive), queue, numbers, waits=True)
                sent += len(numbers)
                break
            except (AMQPError, OSError):
                assert time.monotonic() < until
    with mortal_brokers.connect(alive[0]) as connection:
        bodies = drain(connection.channel(), queue)
    assert [int(body) for body in bodies] == list(range(1, ROUNDS * AT_ONCE + 1))
    measured(f"{sent} publishes of {len(bodies)} messages")
