// The lock of ZooKeeper's documentation, written with the library, which has no recipes. Its holders never overlap, and a
// counter that only they write, without looking at its version, loses no increment.
//
// A contender whose round was disturbed does not know whether its znode is there. It ends its session, and with it the
// znode.
'use strict';

const { CreateMode, Event } = require('node-zookeeper-client');

const { Watch } = require('../trial');

const CONTENDERS = 4;

const clients = [];
let inside = 0;
let counted = 0;
let unknown = 0;

async function prepare(trial) {
    await trial.client.create(`${trial.folder}/lock`);
    await trial.client.create(counter(trial), Buffer.from('0'));
    for (let contender = 0; contender < CONTENDERS; contender += 1) {
        clients.push(await trial.site.connect());
    }
}

async function round(trial, contender) {
    const client = clients[contender];
    try {
        const mine = await acquire(client, `${trial.folder}/lock`);
        inside += 1;
        if (inside !== 1) {
            trial.finding(`${inside} held the lock`);
        }
        try {
            await count(client, counter(trial));
        } finally {
            inside -= 1;
        }
        await client.remove(mine);
    } catch (error) {
        await trial.site.end(client);
        clients[contender] = await trial.site.connect();
        throw error;
    }
}

async function acquire(client, folder) {
    const mine = await client.create(`${folder}/lock-`, CreateMode.EPHEMERAL_SEQUENTIAL);
    for (;;) {
        const [names] = await client.getChildren(folder);
        const place = names.sort().indexOf(mine.slice(folder.length + 1));
        if (place === 0) {
            return mine;
        }
        const before = `${folder}/${names[place - 1]}`;
        const gone = new Watch();
        try {
            await client.getData(before, gone.watcher);
            await gone.expect(Event.NODE_DELETED, before);
        } catch (error) {
            if (error.name !== 'NO_NODE') {
                throw error;
            }
        }
    }
}

async function count(client, path) {
    const [value] = await client.getData(path);
    try {
        await client.setData(path, Buffer.from(String(Number(value) + 1)));
        counted += 1;
    } catch (error) {
        if (error.name === 'CONNECTION_LOSS') {
            unknown += 1;
        }
        throw error;
    }
}

async function finish(trial) {
    for (const client of clients) {
        await trial.site.end(client);
    }
    await trial.catchUp();
    const [value] = await trial.client.getData(counter(trial));
    if (Number(value) < counted || Number(value) > counted + unknown) {
        trial.finding(`the counter is ${value} after ${counted} increments, ${unknown} more are unknown`);
    }
    trial.hold(counter(trial), value);
}

function counter(trial) {
    return `${trial.folder}/counter`;
}

module.exports = { contenders: CONTENDERS, prepare, round, finish };
