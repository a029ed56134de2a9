// Where the scenarios run: a long-lived client at each server, and clients of a scenario's own.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const zookeeper = require('node-zookeeper-client');

const { promised } = require('./promised');

const SESSION_TIMEOUT_MS = 10_000;
const CONNECT_MS = 20_000;
// The library shuffles the servers.
const TRIES_FOR_A_SERVER_MAX = 100;

class Site {
    constructor(hosts) {
        this.hosts = hosts;
        this.base = `/node-${Date.now()}-${process.pid}`;
        this.clients = [];
        this.broken = 0;
        this.expired = 0;
        this.stopped = false;
    }

    static async open(hosts) {
        const site = new Site(hosts);
        const servers = hosts.split(',');
        for (let number = 0; number < 3; number += 1) {
            site.clients.push(await site.connectTo(servers[number % servers.length]));
        }
        return site;
    }

    client(number) {
        return this.clients[number % this.clients.length];
    }

    // A client with a session of its own.
    async connect() {
        const client = zookeeper.createClient(this.hosts, {
            sessionTimeout: SESSION_TIMEOUT_MS,
            spinDelay: 200,
            retries: 0,
        });
        client.on('disconnected', () => {
            this.broken += 1;
        });
        client.on('expired', () => {
            this.expired += 1;
        });
        client.connect();
        await once(client, 'connected', { signal: AbortSignal.timeout(CONNECT_MS) });
        return promised(client);
    }

    async connectTo(server) {
        for (let tries = 0; tries < TRIES_FOR_A_SERVER_MAX; tries += 1) {
            const client = await this.connect();
            if (client.raw.connectionManager.socket.remotePort === Number(server.split(':')[1])) {
                return client;
            }
            await this.end(client);
        }
        throw new assert.AssertionError({ message: `no client came to ${server}` });
    }

    // Ends a client's session, which takes a connection.
    async end(client) {
        if (client.raw.getState() !== zookeeper.State.SYNC_CONNECTED) {
            await once(client.raw, 'connected', { signal: AbortSignal.timeout(CONNECT_MS) });
        }
        const broken = this.broken;
        const ended = once(client.raw, 'disconnected');
        client.raw.close();
        await ended;
        this.broken = broken;
    }

    async close() {
        for (const client of this.clients) {
            await this.end(client);
        }
    }
}

module.exports = { Site };
