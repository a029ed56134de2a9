// A session goes on at another server with its ephemeral znode, and others see both all the time.
'use strict';

const assert = require('node:assert');
const { CreateMode } = require('node-zookeeper-client');

const owners = [];

async function prepare(trial) {
    const servers = trial.site.hosts.split(',');
    for (let contender = 0; contender < 3; contender += 1) {
        const client = await trial.site.connectTo(servers[contender % servers.length]);
        await client.create(path(trial, contender), CreateMode.EPHEMERAL);
        owners.push({ client, id: client.raw.getSessionId() });
    }
}

async function round(trial, contender) {
    const { client, id } = owners[contender];
    assert.deepStrictEqual(client.raw.getSessionId(), id);
    for (const seenBy of [client, trial.site.client(contender + 1)]) {
        const stat = await seenBy.exists(path(trial, contender));
        if (!stat || !stat.ephemeralOwner.equals(id)) {
            trial.finding('an ephemeral znode has lost its session');
        }
    }
}

async function finish(trial) {
    for (const [contender, { client }] of owners.entries()) {
        await trial.site.end(client);
        await trial.catchUp();
        assert.ok(!(await trial.client.exists(path(trial, contender))));
    }
}

function path(trial, contender) {
    return `${trial.folder}/${contender}`;
}

module.exports = { contenders: 3, prepare, round, finish };
