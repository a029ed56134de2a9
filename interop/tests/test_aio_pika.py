"""aio-pika and its robust connections, unchanged: on one node, on three, and while nodes are killed."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection, AbstractRobustQueue
from aio_pika.exceptions import (
    AMQPError,
    ChannelInvalidStateError,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
    QueueEmpty,
)

from harness.deliveries import Deliveries
from harness.queues import Brokers

SECONDS = 20.0
# What may become of an operation when its connection is lost.
LOST = (AMQPError, ChannelInvalidStateError, OSError, asyncio.TimeoutError, asyncio.CancelledError)


async def eventually(what: str, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    until = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < until, f"waited {seconds} s in vain for {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def connected(brokers: Brokers, node: int = 0) -> AsyncIterator[AbstractRobustConnection]:
    url = brokers.urls[node % len(brokers.urls)]
    async with await aio_pika.connect_robust(f"{url}/", reconnect_interval=0.3, heartbeat=10) as connection:
        yield connection


@asynccontextmanager
async def durable_queue(
    connection: AbstractRobustConnection, **arguments: object
) -> AsyncIterator[AbstractRobustQueue]:
    channel = await connection.channel()
    queue = await channel.declare_queue(f"aio-{uuid.uuid4().hex}", durable=True, arguments=arguments)
    yield queue
    await queue.delete(if_unused=False, if_empty=False)


def run(test: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test, 4 * SECONDS)

    asyncio.run(bounded())


def test_messages_go_through_exchanges_and_come_back_whole(brokers: Brokers) -> None:
    async def test() -> None:
        async with connected(brokers) as there, connected(brokers, 1) as here, durable_queue(here) as queue:
            channel = await there.channel()
            exchange = await channel.declare_exchange(f"e-{uuid.uuid4().hex}", aio_pika.ExchangeType.TOPIC, auto_delete=True)
            await queue.bind(exchange.name, "a.*")
            sent = aio_pika.Message(
                b"body" * 50_000, headers={"n": 1, "list": ["x", 2]}, priority=2, expiration=60, message_id="m",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT, content_type="text/plain", correlation_id="c",
            )
            await exchange.publish(sent, "a.b")
            await exchange.publish(aio_pika.Message(b"not for us"), "b.a", mandatory=False)
            got = await queue.get(timeout=SECONDS)
            assert (got.body, got.routing_key, got.exchange, got.redelivered) == (sent.body, "a.b", exchange.name, False)
            kept = ("headers", "priority", "expiration", "message_id", "delivery_mode", "content_type", "correlation_id")
            assert {name: getattr(got, name) for name in kept} == {name: getattr(sent, name) for name in kept}
            await got.ack()
            with pytest.raises(QueueEmpty):
                await queue.get()

    run(test())


def test_many_confirms_at_once(brokers: Brokers) -> None:
    async def test() -> None:
        async with connected(brokers) as connection, durable_queue(connection) as queue:
            channel = await connection.channel(on_return_raises=True)
            messages = [aio_pika.Message(b"%d" % n) for n in range(300)]
            await asyncio.gather(*(channel.default_exchange.publish(message, queue.name) for message in messages))
            declared = await channel.declare_queue(queue.name, passive=True)
            assert declared.declaration_result.message_count == 300
            with pytest.raises(PublishError) as returned:
                await channel.default_exchange.publish(messages[0], f"nowhere-{uuid.uuid4().hex}")
            assert returned.value.message.delivery.reply_code == 312
            got = []
            async with queue.iterator(timeout=SECONDS) as deliveries:
                async for message in deliveries:
                    async with message.process():
                        got.append(int(message.body))
                    if len(got) == 300:
                        break
            assert got == list(range(300))

    run(test())


def test_a_full_queue_refuses(brokers: Brokers) -> None:
    async def test() -> None:
        limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
        async with connected(brokers) as connection, durable_queue(connection, **limits) as queue:
            channel = await connection.channel()
            await channel.default_exchange.publish(aio_pika.Message(b"0"), queue.name)
            with pytest.raises(DeliveryError):
                await channel.default_exchange.publish(aio_pika.Message(b"1"), queue.name)
            assert (await queue.get()).body == b"0"

    run(test())


def test_prefetch_reject_and_nack(brokers: Brokers) -> None:
    async def test() -> None:
        async with connected(brokers) as connection, durable_queue(connection) as queue:
            channel = await connection.channel()
            for n in range(6):
                await channel.default_exchange.publish(aio_pika.Message(b"%d" % n), queue.name)
            await channel.set_qos(prefetch_count=3)
            got: list[AbstractIncomingMessage] = []

            async def keep(message: AbstractIncomingMessage) -> None:
                got.append(message)

            tag = await (await channel.get_queue(queue.name)).consume(keep)
            await eventually("three messages", lambda: len(got) == 3)
            await asyncio.sleep(0.3)
            assert [message.body for message in got] == [b"0", b"1", b"2"]
            await got[0].reject(requeue=False)
            await got[2].nack(requeue=True)
            await eventually("two more", lambda: len(got) == 5)
            assert sorted((message.body, message.redelivered) for message in got[3:]) == [(b"2", True), (b"3", False)]
            await (await channel.get_queue(queue.name)).cancel(tag)
            # With multiple: everything that is held so far.
            await got[4].ack(multiple=True)
            await channel.close()
            left = [await queue.get(no_ack=True), await queue.get(no_ack=True)]
            assert [(message.body, message.redelivered) for message in left] == [(b"4", False), (b"5", False)]

    run(test())


def test_a_channel_that_made_a_mistake_is_closed_and_others_go_on(brokers: Brokers) -> None:
    async def test() -> None:
        async with connected(brokers) as connection, durable_queue(connection) as queue:
            channel = await connection.channel()
            with pytest.raises(ChannelPreconditionFailed) as refused:
                await channel.declare_queue(queue.name, durable=False)
            text = f"inequivalent arg 'durable' for queue '{queue.name}' in vhost '/': received 'false' but current is 'true'"
            assert text in str(refused.value)
            other = await connection.channel()
            await other.default_exchange.publish(aio_pika.Message(b"still here"), queue.name)
            assert (await queue.get(no_ack=True)).body == b"still here"

    run(test())


def test_calls_and_answers(brokers: Brokers) -> None:
    async def test() -> None:
        async with connected(brokers) as serving, connected(brokers, 1) as asking:
            channel = await serving.channel()
            server = await aio_pika.patterns.RPC.create(channel)
            method = f"double-{uuid.uuid4().hex}"

            async def double(*, x: int) -> int:
                return 2 * x

            await server.register(method, double, auto_delete=True)
            client = await aio_pika.patterns.RPC.create(await asking.channel())
            answers = await asyncio.gather(*(client.call(method, {"x": x}) for x in range(20)))
            assert answers == [2 * x for x in range(20)]
            await client.close()
            await server.unregister(double)
            await server.close()

    run(test())


@dataclass
class Crowd:
    """Publishers and consumers of one queue, one of each on every node."""

    brokers: Brokers
    queue: str = field(default_factory=lambda: f"aio-{uuid.uuid4().hex}")
    seen: Deliveries = field(default_factory=Deliveries)
    published: list[int] = field(default_factory=lambda: [0, 0, 0])
    consumed: list[int] = field(default_factory=lambda: [0, 0, 0])
    disturbed: int = 0
    stopped: bool = False

    async def publish(self, node: int, connection: AbstractRobustConnection) -> None:
        channel = await connection.channel()
        for n in itertools.count():
            if self.stopped:
                return
            # Never sent twice, so that whatever comes twice was delivered twice.
            body = f"{node}-{n}"
            try:
                await channel.default_exchange.publish(aio_pika.Message(body.encode()), self.queue, timeout=5)
            except LOST:
                self.disturbed += 1
                await asyncio.sleep(0.1)
                continue
            self.seen.confirmed.add(body)
            self.published[node] += 1

    async def consume(self, node: int, connection: AbstractRobustConnection) -> None:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)

        async def settle(message: AbstractIncomingMessage) -> None:
            self.seen.note(message.body.decode(), bool(message.redelivered))
            self.consumed[node] += 1
            try:
                await message.ack()
            except LOST:
                self.disturbed += 1

        await (await channel.declare_queue(self.queue, durable=True)).consume(settle)

    async def go_on(self, when: str, nodes: list[int]) -> None:
        """Waits until everybody on some nodes has published and consumed more from now on."""
        published, consumed = list(self.published), list(self.consumed)
        await eventually(
            f"publishers and consumers on nodes {nodes} to go on {when}",
            lambda: all(self.published[n] >= published[n] + 30 and self.consumed[n] >= consumed[n] + 30 for n in nodes),
        )


def test_nothing_confirmed_is_lost_while_nodes_are_killed(
    mortal_brokers: Brokers, measured: Callable[[str], None]
) -> None:
    crowd, everybody = Crowd(mortal_brokers), [0, 1, 2]

    async def kill_and_restart(victim: int) -> None:
        await asyncio.to_thread(mortal_brokers.nodes[victim].kill)
        began = asyncio.get_running_loop().time()
        await crowd.go_on(f"while node {victim} is away", [n for n in everybody if n != victim])
        measured(f"a node killed: the others had gone on after {asyncio.get_running_loop().time() - began:.1f} s")
        await asyncio.to_thread(mortal_brokers.restart, victim)
        await crowd.go_on(f"with node {victim} back", everybody)

    async def test() -> None:
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(connected(mortal_brokers, node)) for node in everybody]
            for node, connection in enumerate(connections):
                await crowd.consume(node, connection)
            publishing = [asyncio.create_task(crowd.publish(n, connection)) for n, connection in enumerate(connections)]
            await crowd.go_on("at the beginning", everybody)
            leader = mortal_brokers.leader()
            # Each leads some of the shards.
            for victim in (leader, (leader + 1) % 3, (leader + 2) % 3):
                await kill_and_restart(victim)
            crowd.stopped = True
            await asyncio.gather(*publishing)
            await eventually("all that was confirmed", lambda: not crowd.seen.missing, 2 * SECONDS)

    try:
        run(test())
    finally:
        measured(f"{crowd.seen}, {crowd.disturbed} operations disturbed")
    assert not crowd.seen.wrong()
