"""RabbitMQ's Python client, unchanged: what its users rely on, on one node and on three."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from harness.queues import Brokers, drain, next_message

SECONDS = 10.0


@pytest.fixture
def connect(brokers: Brokers) -> Iterator[Callable[..., BlockingConnection]]:
    """Makes connections; `connect(1)` one to the second node, where there is one."""
    with ExitStack() as stack:

        def make(node: int = 0, **options: Any) -> BlockingConnection:
            connection = brokers.connect(node, **options)
            stack.callback(lambda: connection.is_open and connection.close())
            return connection

        yield make


@pytest.fixture
def channel(connect: Callable[..., BlockingConnection]) -> BlockingChannel:
    """A channel on the first node."""
    return connect().channel()


@pytest.fixture
def queue(channel: BlockingChannel, connect: Callable[..., BlockingConnection]) -> Iterator[str]:
    """A durable queue."""
    name = f"q-{uuid.uuid4().hex}"
    channel.queue_declare(name, durable=True)
    yield name
    connect().channel().queue_delete(name)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def put(channel: BlockingChannel, queue: str, *bodies: bytes, **properties: Any) -> None:
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(**properties))


def receive(got: list[Any], count: int, *connections: BlockingConnection) -> None:
    """Waits until `got` has `count` items, and then for what should not come."""
    until = time.monotonic() + SECONDS
    while len(got) < count and time.monotonic() < until:
        for connection in connections:
            connection.process_data_events(0.05)
    settled = time.monotonic() + 0.2
    while time.monotonic() < settled:
        for connection in connections:
            connection.process_data_events(0.05)


def refused(code: int, text: str, act: Callable[[], Any]) -> None:
    with pytest.raises(ChannelClosedByBroker) as closed:
        act()
    assert (closed.value.reply_code, closed.value.reply_text) == (code, text)


def test_a_message_comes_back_as_it_was_sent(channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    headers = {"text": "ü", "number": -7, "long": 1 << 40, "flag": True, "nothing": None, "list": [1, "two"], "table": {"a": 15}}
    properties = pika.BasicProperties(
        content_type="text/plain", content_encoding="utf-8", headers=headers, delivery_mode=2, priority=3,
        correlation_id="c", reply_to="r", message_id="m", timestamp=1_700_000_000, type="t", user_id="guest", app_id="a",
    )
    channel.basic_publish("", queue, b"\x00body\xff" * 50_000, properties)
    method, received, body = next_message(channel, queue)
    assert body == b"\x00body\xff" * 50_000
    assert (method.exchange, method.routing_key, method.redelivered, method.message_count) == ("", queue, False, 0)
    assert vars(received) == vars(properties)


def test_an_empty_body(channel: BlockingChannel, queue: str) -> None:
    put(channel, queue, b"")
    assert next_message(channel, queue)[2] == b""


def test_messages_published_on_one_node_are_consumed_on_another_in_order(
    connect: Callable[..., BlockingConnection], queue: str
) -> None:
    publisher = connect(0).channel()
    publisher.confirm_delivery()
    put(publisher, queue, *(b"%d" % n for n in range(200)))
    consumer = connect(1).channel()
    consumer.basic_qos(prefetch_count=10)
    seen = []
    for method, _, body in consumer.consume(queue, inactivity_timeout=SECONDS):
        assert method is not None, f"nothing after {len(seen)}"
        assert not method.redelivered
        seen.append(int(body))
        consumer.basic_ack(method.delivery_tag)
        if len(seen) == 200:
            break
    assert seen == list(range(200))
    consumer.cancel()
    assert consumer.queue_declare(queue, passive=True).method.message_count == 0


def test_no_more_is_delivered_than_the_prefetch(connect: Callable[..., BlockingConnection], queue: str) -> None:
    connection = connect()
    channel = connection.channel()
    put(channel, queue, *(b"%d" % n for n in range(10)))
    channel.basic_qos(prefetch_count=3)
    got: list[tuple[int, bytes]] = []
    channel.basic_consume(queue, lambda _c, method, _p, body: got.append((method.delivery_tag, body)))
    receive(got, 3, connection)
    assert [body for _, body in got] == [b"0", b"1", b"2"]
    channel.basic_ack(got[1][0], multiple=True)
    receive(got, 5, connection)
    assert [body for _, body in got] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_is_given_back_comes_back_in_its_place(channel: BlockingChannel, queue: str) -> None:
    put(channel, queue, *(b"%d" % n for n in range(5)))
    taken = [next_message(channel, queue, ack=False) for _ in range(3)]
    channel.basic_nack(taken[1][0].delivery_tag, requeue=True)
    channel.basic_reject(taken[0][0].delivery_tag, requeue=True)
    again = [next_message(channel, queue, ack=False) for _ in range(3)]
    assert [(body, method.redelivered) for method, _, body in again] == [(b"0", True), (b"1", True), (b"3", False)]


def test_what_a_closed_channel_held_comes_back(connect: Callable[..., BlockingConnection], queue: str) -> None:
    connection = connect()
    first, second = connection.channel(), connection.channel()
    put(first, queue, b"a", b"b")
    next_message(first, queue, ack=False)
    first.close()
    method, _, body = next_message(second, queue)
    assert (body, method.redelivered) == (b"a", True)
    method, _, body = next_message(second, queue)
    assert (body, method.redelivered) == (b"b", False)


def test_recover(channel: BlockingChannel, queue: str) -> None:
    put(channel, queue, b"a")
    next_message(channel, queue, ack=False)
    channel.basic_recover(requeue=True)
    assert next_message(channel, queue)[0].redelivered


def test_consumers_share_in_turns(connect: Callable[..., BlockingConnection], queue: str) -> None:
    connections = [connect(n) for n in range(3)]
    counts = [0, 0, 0]

    def count(n: int) -> Callable[..., None]:
        def on_message(channel: BlockingChannel, method: Any, _p: Any, _b: bytes) -> None:
            counts[n] += 1
            channel.basic_ack(method.delivery_tag)

        return on_message

    for n, connection in enumerate(connections):
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, count(n))
    put(connect().channel(), queue, *(b"%d" % n for n in range(60)))
    until = time.monotonic() + SECONDS
    while sum(counts) < 60 and time.monotonic() < until:
        for connection in connections:
            connection.process_data_events(0.01)
    assert sum(counts) == 60
    assert min(counts) >= 5, counts


def test_unroutable_messages_come_back(channel: BlockingChannel) -> None:
    channel.confirm_delivery()
    with pytest.raises(UnroutableError) as returned:
        channel.basic_publish("", unique("nowhere"), b"body", mandatory=True)
    message = returned.value.messages[0]
    assert (message.method.reply_code, message.method.reply_text, message.body) == (312, "NO_ROUTE", b"body")
    channel.basic_publish("", unique("nowhere"), b"body")


@pytest.mark.parametrize(
    ("kind", "key", "arguments", "matching", "others"),
    [
        ("direct", "k", {}, [("k", {})], [("kk", {}), ("", {})]),
        ("fanout", "", {}, [("x", {}), ("", {})], []),
        ("topic", "a.*.#", {}, [("a.b", {}), ("a.b.c.d", {})], [("a", {}), ("b.a", {})]),
        ("headers", "", {"x-match": "all", "a": 1, "b": "x"}, [("", {"a": 1, "b": "x", "c": 0})], [("", {"a": 1})]),
        ("headers", "", {"x-match": "any", "a": 1, "b": "x"}, [("", {"b": "x"})], [("", {"c": 1})]),
    ],
)
def test_exchanges(
    channel: BlockingChannel, queue: str, kind: str, key: str, arguments: dict[str, Any], matching: Any, others: Any
) -> None:
    exchange = unique("e")
    channel.confirm_delivery()
    channel.exchange_declare(exchange, kind, durable=True)
    channel.queue_bind(queue, exchange, key, arguments)
    for routing_key, headers in matching + others:
        body = repr((routing_key, headers)).encode()
        channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(headers=headers))
    assert drain(channel, queue) == [repr(it).encode() for it in matching]
    channel.queue_unbind(queue, exchange, key, arguments)
    with pytest.raises(UnroutableError):
        routing_key, headers = matching[0]
        channel.basic_publish(exchange, routing_key, b"", pika.BasicProperties(headers=headers), mandatory=True)
    channel.exchange_delete(exchange)


def test_exchanges_bound_to_exchanges_and_alternates(channel: BlockingChannel, queue: str) -> None:
    first, second, other = unique("first"), unique("second"), unique("other")
    channel.confirm_delivery()
    channel.exchange_declare(other, "fanout")
    channel.exchange_declare(first, "direct", arguments={"alternate-exchange": other})
    channel.exchange_declare(second, "fanout")
    channel.exchange_bind(second, first, "k")
    channel.queue_bind(queue, second)
    channel.basic_publish(first, "k", b"through two", mandatory=True)
    channel.queue_bind(queue, other)
    channel.basic_publish(first, "unknown", b"the other way", mandatory=True)
    assert drain(channel, queue) == [b"through two", b"the other way"]
    for exchange in (first, second, other):
        channel.exchange_delete(exchange)


def test_dead_letters(channel: BlockingChannel, queue: str) -> None:
    source = unique("source")
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue, "x-message-ttl": 300}
    channel.queue_declare(source, durable=True, arguments=arguments)
    put(channel, source, b"rejected")
    channel.basic_reject(next_message(channel, source, ack=False)[0].delivery_tag, requeue=False)
    _, properties, body = next_message(channel, queue)
    assert body == b"rejected"
    death = properties.headers["x-death"][0]
    expected = {"count": 1, "reason": "rejected", "queue": source, "exchange": "", "routing-keys": [source]}
    assert {key: death[key] for key in expected} == expected
    first = {key: properties.headers[f"x-first-death-{key}"] for key in ("reason", "queue", "exchange")}
    assert first == {"reason": "rejected", "queue": source, "exchange": ""}
    put(channel, source, b"expired", expiration="100")
    method, properties, body = next_message(channel, queue)
    death = properties.headers["x-death"][0]
    assert (body, death["reason"], death["original-expiration"]) == (b"expired", "expired", "100")
    assert properties.expiration is None
    channel.queue_delete(source)


def test_messages_expire(channel: BlockingChannel, queue: str) -> None:
    put(channel, queue, b"short", expiration="100")
    put(channel, queue, b"long", expiration="60000")
    time.sleep(0.4)
    assert drain(channel, queue) == [b"long"]


def test_lengths_are_limited(channel: BlockingChannel) -> None:
    drops, refuses = unique("drops"), unique("refuses")
    channel.queue_declare(drops, durable=True, arguments={"x-max-length": 2})
    put(channel, drops, b"0", b"1", b"2")
    assert drain(channel, drops) == [b"1", b"2"]
    channel.queue_declare(refuses, durable=True, arguments={"x-max-length": 2, "x-overflow": "reject-publish"})
    channel.confirm_delivery()
    put(channel, refuses, b"0", b"1")
    with pytest.raises(NackError):
        channel.basic_publish("", refuses, b"2")
    assert drain(channel, refuses) == [b"0", b"1"]
    for name in (drops, refuses):
        channel.queue_delete(name)


def test_priorities(channel: BlockingChannel) -> None:
    name = unique("priorities")
    channel.queue_declare(name, durable=True, arguments={"x-max-priority": 5})
    for n, priority in enumerate([1, 5, 3, 5, 9, 0]):
        put(channel, name, b"%d" % n, priority=priority)
    assert drain(channel, name) == [b"1", b"3", b"4", b"2", b"0", b"5"]
    channel.queue_delete(name)


def test_one_consumer_at_a_time(connect: Callable[..., BlockingConnection]) -> None:
    name = unique("single")
    arguments = {"x-single-active-consumer": True}
    setup = connect().channel()
    setup.queue_declare(name, durable=True, arguments=arguments)
    connections = [connect(n) for n in range(2)]
    seen: list[tuple[int, bytes, bool]] = []

    def note(n: int, ack: bool) -> Callable[..., None]:
        def on_message(channel: BlockingChannel, method: Any, _p: Any, body: bytes) -> None:
            seen.append((n, body, method.redelivered))
            if ack:
                channel.basic_ack(method.delivery_tag)

        return on_message

    for n, connection in enumerate(connections):
        channel = connection.channel()
        channel.basic_qos(prefetch_count=2)
        channel.basic_consume(name, note(n, ack=n == 1))
        connection.process_data_events(0.2)
    put(setup, name, *(b"%d" % n for n in range(5)))
    receive(seen, 2, *connections)
    assert seen == [(0, b"0", False), (0, b"1", False)]
    connections[0].close()
    receive(seen, 7, connections[1])
    assert [(body, redelivered) for n, body, redelivered in seen[2:] if n == 1] == [
        (b"0", True), (b"1", True), (b"2", False), (b"3", False), (b"4", False),
    ]
    setup.queue_delete(name)


def test_exclusive_queues_end_with_their_connection(connect: Callable[..., BlockingConnection]) -> None:
    owner, other = connect(), connect()
    channel = owner.channel()
    name = channel.queue_declare("", exclusive=True).method.queue
    assert name.startswith("amq.gen-")
    put(channel, name, b"a")
    assert next_message(channel, name)[2] == b"a"
    text = (
        f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be originally "
        "declared on another connection or the exclusive property value does not match that of the original declaration."
    )
    refused(405, text, lambda: other.channel().queue_declare(name, passive=True))
    owner.close()
    refused(404, f"NOT_FOUND - no queue '{name}' in vhost '/'", lambda: other.channel().queue_declare(name, passive=True))


def test_auto_deleted_queues_end_with_their_last_consumer(connect: Callable[..., BlockingConnection]) -> None:
    connection = connect()
    channel, name = connection.channel(), unique("auto")
    channel.queue_declare(name, auto_delete=True)
    tag = channel.basic_consume(name, lambda *_: None)
    channel.basic_cancel(tag)
    time.sleep(0.3)
    refused(404, f"NOT_FOUND - no queue '{name}' in vhost '/'", lambda: connection.channel().queue_declare(name, passive=True))


def test_consumers_hear_that_their_queue_is_gone(connect: Callable[..., BlockingConnection]) -> None:
    connection, name = connect(), unique("gone")
    channel = connection.channel()
    channel.queue_declare(name, durable=True)
    cancelled: list[str] = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(name, lambda *_: None)
    connect(1).channel().queue_delete(name)
    until = time.monotonic() + SECONDS
    while not cancelled and time.monotonic() < until:
        connection.process_data_events(0.1)
    assert cancelled == [tag]


def test_transactions(channel: BlockingChannel, connect: Callable[..., BlockingConnection], queue: str) -> None:
    channel.tx_select()
    put(channel, queue, b"never")
    channel.tx_rollback()
    put(channel, queue, b"a", b"b")
    other = connect().channel()
    assert other.basic_get(queue) == (None, None, None)
    channel.tx_commit()
    assert drain(other, queue) == [b"a", b"b"]


def test_replies_without_a_queue(connect: Callable[..., BlockingConnection], queue: str) -> None:
    asking, answering = connect(), connect()
    channel, replies = asking.channel(), []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda _c, _m, _p, body: replies.append(body), auto_ack=True)
    put(channel, queue, b"question", reply_to="amq.rabbitmq.reply-to")
    _, properties, _ = next_message(answering.channel(), queue)
    answering.channel().basic_publish("", properties.reply_to, b"answer")
    until = time.monotonic() + SECONDS
    while not replies and time.monotonic() < until:
        asking.process_data_events(0.1)
    assert replies == [b"answer"]


def test_purge_and_delete(channel: BlockingChannel) -> None:
    name = unique("purged")
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    put(channel, name, b"a", b"b", b"c")
    next_message(channel, name, ack=False)
    assert channel.queue_purge(name).method.message_count == 2
    put(channel, name, b"d")
    assert channel.queue_delete(name).method.message_count == 1
    assert channel.queue_delete(name).method.message_count == 0


@pytest.mark.parametrize(
    ("code", "text", "act"),
    [
        (404, "NOT_FOUND - no queue 'nothing' in vhost '/'", lambda c: c.queue_declare("nothing", passive=True)),
        (404, "NOT_FOUND - no exchange 'nothing' in vhost '/'", lambda c: c.exchange_declare("nothing", passive=True)),
        (404, "NOT_FOUND - no queue 'nothing' in vhost '/'", lambda c: c.basic_consume("nothing", lambda *_: None)),
        (403, "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'", lambda c: c.queue_declare("amq.x")),
        (
            403,
            "ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix 'amq.*'",
            lambda c: c.exchange_declare("amq.x"),
        ),
        (406, "PRECONDITION_FAILED - unknown delivery tag 77", lambda c: (c.basic_ack(77), c.queue_declare("", exclusive=True))),
    ],
)
def test_what_can_not_be_done_is_said_in_rabbitmqs_words(
    channel: BlockingChannel, code: int, text: str, act: Callable[[BlockingChannel], Any]
) -> None:
    refused(code, text, lambda: act(channel))


def test_queues_are_not_declared_again_otherwise(connect: Callable[..., BlockingConnection], queue: str) -> None:
    connection = connect()
    text = f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' in vhost '/': received 'false' but current is 'true'"
    refused(406, text, lambda: connection.channel().queue_declare(queue, durable=False))
    text = (
        f"PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '{queue}' in vhost '/': "
        "received the value '5' of type 'signedint' but current is none"
    )
    refused(406, text, lambda: connection.channel().queue_declare(queue, durable=True, arguments={"x-max-length": 5}))
    connection.channel().queue_declare(queue, durable=True)


def test_wrong_passwords_are_refused(brokers: Brokers) -> None:
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        brokers.connect(credentials=pika.PlainCredentials("guest", "wrong"))


def test_many_channels_and_queues_on_one_connection(connect: Callable[..., BlockingConnection]) -> None:
    connection = connect()
    channels = [connection.channel() for _ in range(50)]
    names = [channel.queue_declare("", exclusive=True).method.queue for channel in channels]
    for channel, name in zip(channels, reversed(names), strict=True):
        put(channel, name, name.encode())
    for channel, name in zip(channels, names, strict=True):
        assert next_message(channel, name)[2] == name.encode()
