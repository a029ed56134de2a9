// Connections for a scenario, and what it can wait for.
'use strict';

const { once } = require('node:events');
const { randomUUID } = require('node:crypto');
const assert = require('node:assert');
const amqp = require('amqplib');

const WAIT_MS = 15_000;

// Runs `scenario(connect)`; `connect(n)` connects to the n-th broker, counted round. All are closed at the end.
async function withConnections(urls, scenario) {
    const connections = [];
    const connect = async (node = 0) => {
        const connection = await amqp.connect(urls[node % urls.length]);
        connections.push(connection);
        // Errors of channels and connections are told by their promises and by `failure`.
        connection.on('error', () => {});
        return connection;
    };
    await scenario(connect);
    await Promise.all(connections.map((connection) => connection.close().catch(() => {})));
}

function fresh(prefix) {
    return `${prefix}-${randomUUID()}`;
}

// A channel whose errors end nothing but itself.
async function openChannel(connection, confirms = false) {
    const channel = await (confirms ? connection.createConfirmChannel() : connection.createChannel());
    channel.on('error', () => {});
    return channel;
}

// The error that a channel or connection closes with.
async function failure(emitter) {
    const [error] = await once(emitter, 'error', { signal: AbortSignal.timeout(WAIT_MS) });
    return error;
}

// Consumes, and gives out what comes in order: `next()` waits, `idle(ms)` is how many came beyond what was asked for.
class Inbox {
    constructor(channel, queue) {
        this.channel = channel;
        this.queue = queue;
        this.waiting = [];
        this.messages = [];
    }

    static async open(channel, queue, options) {
        const inbox = new Inbox(channel, queue);
        inbox.tag = (await channel.consume(queue, (message) => inbox.put(message), options)).consumerTag;
        return inbox;
    }

    // `null` is how amqplib says that the broker has cancelled the consumer.
    put(message) {
        const waiter = this.waiting.shift();
        if (waiter) {
            waiter(message);
        } else {
            this.messages.push(message);
        }
    }

    async next() {
        if (this.messages.length > 0) {
            return this.messages.shift();
        }
        return within(`a message of ${this.queue}`, new Promise((resolve) => this.waiting.push(resolve)));
    }

    async idle(ms) {
        await sleep(ms);
        return this.messages.length;
    }
}

async function within(what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new assert.AssertionError({ message: `waited in vain for ${what}` })), WAIT_MS);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

module.exports = { Inbox, failure, fresh, openChannel, sleep, withConnections, within };
