// Publishes with confirms and consumes with acknowledgements over connections that recover, one of each at every broker,
// until standard input ends. Whoever started this program kills brokers meanwhile. Writes JSON, an object a line: again
// and again how much each broker has taken and given, `{"published": [...], "consumed": [...]}`, and once input has ended
// and all that was confirmed has come, `{"confirmed": [...], "delivered": [[body, redelivered], ...], "disturbed": n}`.
'use strict';

const amqp = require('amqplib');

const { fresh, sleep, within } = require('./site');

const REPORT_MS = 50;
const PAUSE_MS = 50;
const LAST_MS = 40_000;

class Crowd {
    constructor(urls) {
        this.urls = urls;
        this.queue = fresh('amqplib');
        this.published = urls.map(() => 0);
        this.consumed = urls.map(() => 0);
        this.confirmed = [];
        this.delivered = [];
        this.bodies = new Set();
        this.disturbed = 0;
        this.stopped = false;
    }

    async connect(node, setup) {
        const recovery = { initialDelay: 100, maxDelay: 500, setup };
        const connection = await amqp.connect(`${this.urls[node]}?heartbeat=5`, { recovery });
        connection.on('error', () => {});
        return connection;
    }

    async consume(node) {
        return this.connect(node, async (model) => {
            const channel = await model.createChannel();
            channel.on('error', () => {});
            await channel.assertQueue(this.queue, { durable: true });
            await channel.prefetch(10);
            await channel.consume(this.queue, (message) => {
                const body = `${message.content}`;
                this.delivered.push([body, message.fields.redelivered]);
                this.bodies.add(body);
                this.consumed[node] += 1;
                try {
                    channel.ack(message);
                } catch {
                    // The channel is gone: the message comes again.
                    this.disturbed += 1;
                }
            });
        });
    }

    async publish(node) {
        const connection = await this.connect(node);
        let channel = null;
        for (let n = 0; !this.stopped; n += 1) {
            // Never sent twice, so that whatever comes twice was delivered twice.
            const body = `${node}-${n}`;
            try {
                channel ??= await connection.createConfirmChannel();
                channel.on('error', () => {});
                await within('a confirm', confirmed(channel, this.queue, body));
                this.confirmed.push(body);
                this.published[node] += 1;
            } catch {
                channel = null;
                this.disturbed += 1;
                await sleep(PAUSE_MS);
            }
        }
        return connection;
    }

    missing() {
        return this.confirmed.some((body) => !this.bodies.has(body));
    }
}

function confirmed(channel, queue, body) {
    return new Promise((resolve, reject) => {
        channel.sendToQueue(queue, Buffer.from(body), { persistent: true }, (error) => (error ? reject(error) : resolve()));
    });
}

async function recovery(urls) {
    const crowd = new Crowd(urls);
    const nodes = urls.map((_, node) => node);
    for (const node of nodes) {
        await crowd.consume(node);
    }
    const publishing = nodes.map((node) => crowd.publish(node));
    const reports = setInterval(() => print({ published: crowd.published, consumed: crowd.consumed }), REPORT_MS);
    await new Promise((resolve) => process.stdin.resume().on('end', resolve));
    crowd.stopped = true;
    await Promise.all(publishing);
    const until = Date.now() + LAST_MS;
    while (crowd.missing() && Date.now() < until) {
        await sleep(PAUSE_MS);
    }
    clearInterval(reports);
    const { confirmed: safe, delivered, disturbed } = crowd;
    print({ confirmed: safe, delivered, disturbed });
}

function print(line) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}

module.exports = { recovery };
