// What users of amqplib rely on.
'use strict';

const assert = require('node:assert');
const amqp = require('amqplib');

const { Inbox, failure, fresh, openChannel, sleep, withConnections, within } = require('./site');

const scenarios = {
    async roundtrip(urls) {
        await withConnections(urls, async (connect) => {
            const [there, here] = [await openChannel(await connect(0), true), await openChannel(await connect(1))];
            const queue = fresh('amqplib');
            const declared = await here.assertQueue(queue, { durable: true });
            assert.deepStrictEqual(declared, { queue, messageCount: 0, consumerCount: 0 });
            const body = Buffer.alloc(400_000, 'body');
            const sent = {
                headers: { text: 'ü', n: -7, large: 2 ** 40, half: 0.5, yes: true, none: null, list: [1, 'two'], table: { a: 1 } },
                contentType: 'text/plain', contentEncoding: 'utf-8', persistent: true, priority: 3, correlationId: 'c',
                replyTo: 'r', expiration: '60000', messageId: 'm', timestamp: 1_700_000_000, type: 't', userId: 'guest', appId: 'a',
            };
            there.sendToQueue(queue, body, sent);
            await there.waitForConfirms();
            const got = await here.get(queue);
            assert.ok(got.content.equals(body));
            const { headers, ...properties } = sent;
            assert.deepStrictEqual({ ...got.properties.headers }, headers);
            delete properties.persistent;
            for (const [name, value] of Object.entries({ ...properties, deliveryMode: 2 })) {
                assert.strictEqual(got.properties[name], value, name);
            }
            assert.deepStrictEqual(
                { ...got.fields },
                { deliveryTag: 1, redelivered: false, exchange: '', routingKey: queue, messageCount: 0 },
            );
            here.ack(got);
            assert.strictEqual(await here.get(queue), false);
            assert.deepStrictEqual(await here.deleteQueue(queue), { messageCount: 0 });
        });
    },

    async confirms(urls) {
        await withConnections(urls, async (connect) => {
            const channel = await openChannel(await connect(), true);
            const { queue } = await channel.assertQueue(fresh('amqplib'), { durable: true });
            const limits = { arguments: { 'x-overflow': 'reject-publish' }, maxLength: 1, durable: true };
            const { queue: full } = await channel.assertQueue(fresh('amqplib'), limits);
            let confirmed = 0;
            for (let n = 0; n < 500; n += 1) {
                channel.sendToQueue(queue, Buffer.from(`${n}`), {}, (error) => {
                    assert.ifError(error);
                    confirmed += 1;
                });
            }
            await within('confirms', channel.waitForConfirms());
            assert.strictEqual(confirmed, 500);
            assert.strictEqual((await channel.checkQueue(queue)).messageCount, 500);
            const outcome = (to) => new Promise((resolve) => channel.sendToQueue(to, Buffer.from('x'), {}, resolve));
            assert.strictEqual(await outcome(full), null);
            assert.match((await within('the nack', outcome(full))).message, /nacked/);
            assert.deepStrictEqual(await channel.purgeQueue(queue), { messageCount: 500 });
            for (const each of [queue, full]) {
                await channel.deleteQueue(each);
            }
        });
    },

    async returns(urls) {
        await withConnections(urls, async (connect) => {
            const channel = await openChannel(await connect(), true);
            const order = [];
            channel.on('return', (message) => order.push(message));
            const nowhere = fresh('nowhere');
            channel.publish('amq.direct', nowhere, Buffer.from('lost'), { mandatory: true }, () => order.push('confirmed'));
            await within('the confirm', channel.waitForConfirms());
            assert.strictEqual(order.length, 2);
            assert.strictEqual(order[1], 'confirmed');
            const { content, fields } = order[0];
            assert.strictEqual(`${content}`, 'lost');
            const { replyCode, replyText, exchange, routingKey } = fields;
            assert.deepStrictEqual([replyCode, replyText, exchange, routingKey], [312, 'NO_ROUTE', 'amq.direct', nowhere]);
        });
    },

    async consuming(urls) {
        await withConnections(urls, async (connect) => {
            const channel = await openChannel(await connect(0));
            const publisher = await openChannel(await connect(1), true);
            const { queue } = await channel.assertQueue(fresh('amqplib'), { durable: true });
            for (let n = 0; n < 8; n += 1) {
                publisher.sendToQueue(queue, Buffer.from(`${n}`));
            }
            await publisher.waitForConfirms();
            await channel.prefetch(3);
            const inbox = await Inbox.open(channel, queue);
            const held = [await inbox.next(), await inbox.next(), await inbox.next()];
            assert.strictEqual(await inbox.idle(300), 0);
            assert.deepStrictEqual(held.map((message) => `${message.content}`), ['0', '1', '2']);
            channel.nack(held[1], false, true);
            const again = await inbox.next();
            assert.deepStrictEqual([`${again.content}`, again.fields.redelivered], ['1', true]);
            channel.reject(again, false);
            channel.ack(held[2], true);
            const rest = [await inbox.next(), await inbox.next(), await inbox.next()];
            assert.deepStrictEqual(rest.map((message) => `${message.content}`), ['3', '4', '5']);
            await channel.cancel(inbox.tag);
            channel.nackAll(true);
            // Nobody answers to a nack.
            await within('all to be ready', ready(publisher, queue, 5));
            const drained = [];
            for (let message; (message = await publisher.get(queue, { noAck: true })) !== false; ) {
                drained.push([`${message.content}`, message.fields.redelivered]);
            }
            assert.deepStrictEqual(drained, [['3', true], ['4', true], ['5', true], ['6', false], ['7', false]]);
            await channel.deleteQueue(queue);
        });
    },

    async exchanges(urls) {
        await withConnections(urls, async (connect) => {
            const channel = await openChannel(await connect(), true);
            const [topic, fanout] = [fresh('topic'), fresh('fanout')];
            await channel.assertExchange(topic, 'topic', { autoDelete: true });
            await channel.assertExchange(fanout, 'fanout', { autoDelete: true });
            const queues = [];
            for (let n = 0; n < 2; n += 1) {
                queues.push((await channel.assertQueue('', { exclusive: true })).queue);
            }
            assert.match(queues[0], /^amq\.gen-/);
            await channel.bindQueue(queues[0], topic, '*.error');
            await channel.bindExchange(fanout, topic, 'app.#');
            await channel.bindQueue(queues[1], fanout, '');
            for (const key of ['app.error', 'db.error', 'app.x.y', 'other']) {
                channel.publish(topic, key, Buffer.from(key));
            }
            await channel.waitForConfirms();
            const counts = await Promise.all(queues.map(async (queue) => (await channel.checkQueue(queue)).messageCount));
            assert.deepStrictEqual(counts, [2, 2]);
            const keys = [(await channel.get(queues[1])).fields, (await channel.get(queues[1])).fields];
            assert.deepStrictEqual(keys.map((fields) => [fields.exchange, fields.routingKey]), [[topic, 'app.error'], [topic, 'app.x.y']]);
            await channel.unbindQueue(queues[0], topic, '*.error');
            await channel.deleteExchange(fanout);
            await channel.checkExchange('amq.topic');
        });
    },

    async exclusive(urls) {
        await withConnections(urls, async (connect) => {
            const [owner, other] = [await connect(0), await connect(1)];
            const channel = await openChannel(owner);
            const { queue } = await channel.assertQueue('', { exclusive: true });
            const intruder = await openChannel(other);
            const refused = failure(intruder);
            await assert.rejects(intruder.checkQueue(queue), /405 \(RESOURCE-LOCKED\)/);
            assert.strictEqual((await refused).code, 405);
            const shared = fresh('amqplib');
            await channel.assertQueue(shared, { durable: true });
            await channel.consume(shared, () => {}, { exclusive: true });
            const second = await openChannel(other);
            await assert.rejects(second.consume(shared, () => {}), /403 \(ACCESS-REFUSED\)/);
            // A consumer whose queue goes away hears of it: amqplib calls it with null.
            const watching = await openChannel(other);
            const gone = fresh('amqplib');
            await watching.assertQueue(gone, { durable: true });
            const inbox = await Inbox.open(watching, gone);
            await channel.deleteQueue(gone);
            assert.strictEqual(await inbox.next(), null);
            await channel.deleteQueue(shared);
            await owner.close();
            const after = await openChannel(other);
            await assert.rejects(after.checkQueue(queue), /404 \(NOT-FOUND\)/);
        });
    },

    async errors(urls) {
        await withConnections(urls, async (connect) => {
            const connection = await connect();
            const { queue } = await (await openChannel(connection)).assertQueue(fresh('amqplib'), { durable: true });
            const cases = [
                [404, `NOT_FOUND - no queue 'nothing' in vhost '/'`, (c) => c.checkQueue('nothing')],
                [404, `NOT_FOUND - no exchange 'nothing' in vhost '/'`, (c) => c.checkExchange('nothing')],
                [404, `NOT_FOUND - no exchange 'nothing' in vhost '/'`, (c) => c.publish('nothing', '', Buffer.from(''))],
                [403, `ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'`, (c) => c.assertQueue('amq.x')],
                [406, 'PRECONDITION_FAILED - unknown delivery tag 9', (c) => c.ack({ fields: { deliveryTag: 9 } })],
                [
                    406,
                    `PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`,
                    (c) => c.assertQueue(queue, { durable: false }),
                ],
                [
                    406,
                    `PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': received 'fanout' but current is 'topic'`,
                    (c) => c.assertExchange('amq.topic', 'fanout'),
                ],
            ];
            for (const [code, text, act] of cases) {
                const channel = await openChannel(connection);
                const failed = failure(channel);
                await Promise.resolve(act(channel)).catch(() => {});
                const error = await failed;
                assert.strictEqual(error.code, code, error.message);
                assert.ok(error.message.includes(text), error.message);
            }
            await (await openChannel(connection)).deleteQueue(queue);
            const url = new URL(urls[0]);
            url.password = 'wrong';
            await assert.rejects(amqp.connect(`${url}`), /403 \(ACCESS.REFUSED\)/);
            // amqplib does not say which error it was.
            await assert.rejects(amqp.connect(`${urls[0]}/nowhere`), /ConnectionClose/);
        });
    },

    async heartbeats(urls) {
        const connection = await amqp.connect(`${urls[0]}?heartbeat=1`);
        let closed = false;
        connection.on('error', () => {});
        connection.on('close', () => {
            closed = true;
        });
        await sleep(3500);
        assert.strictEqual(closed, false);
        // amqplib with many channels, beyond the one that the handshake is on.
        const channels = await Promise.all(Array.from({ length: 100 }, () => connection.createChannel()));
        await Promise.all(channels.map((channel) => channel.close()));
        await connection.close();
    },
};

async function ready(channel, queue, count) {
    while ((await channel.checkQueue(queue)).messageCount !== count) {
        await sleep(20);
    }
}

module.exports = { scenarios };
