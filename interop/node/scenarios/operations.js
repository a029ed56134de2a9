// Every request but transactions and ACLs, with what they say in their Stat and the errors that they end with.
'use strict';

const assert = require('node:assert');
const { CreateMode } = require('node-zookeeper-client');

async function data(trial, path) {
    const { client } = trial;
    assert.strictEqual(await client.create(path, Buffer.from('one')), path);
    const [value, created] = await client.getData(path);
    assert.strictEqual(value.toString(), 'one');
    assert.deepStrictEqual([created.version, created.cversion, created.aversion, created.numChildren], [0, 0, 0, 0]);
    assert.strictEqual(created.dataLength, 3);
    assert.deepStrictEqual(created.czxid, created.mzxid);
    assert.deepStrictEqual(created.czxid, created.pzxid);
    assert.deepStrictEqual(created.ephemeralOwner, Buffer.alloc(8));

    const written = await client.setData(path, Buffer.from('other'), 0);
    assert.deepStrictEqual([written.version, written.dataLength], [1, 5]);
    assert.strictEqual(Buffer.compare(written.mzxid, created.mzxid), 1);
    await trial.refused(client.setData(path, Buffer.alloc(0), 0), 'BAD_VERSION');
    await trial.refused(client.remove(path, 7), 'BAD_VERSION');
    await trial.refused(client.create(path), 'NODE_EXISTS');
    await trial.refused(client.getData(`${path}/missing`), 'NO_NODE');
    await trial.refused(client.create(`${path}/missing/child`), 'NO_NODE');
    assert.ok(!(await client.exists(`${path}/missing`)));
}

async function children(trial, path) {
    const { client } = trial;
    const numbered = await client.create(`${path}/s-`, CreateMode.PERSISTENT_SEQUENTIAL);
    assert.strictEqual(numbered, `${path}/s-0000000000`);
    const mine = await client.create(`${path}/e-`, Buffer.from('mine'), CreateMode.EPHEMERAL_SEQUENTIAL);
    assert.strictEqual(mine, `${path}/e-0000000001`);
    await trial.refused(client.create(`${mine}/child`), 'NO_CHILDREN_FOR_EPHEMERALS');
    const { ephemeralOwner } = await client.exists(mine);
    assert.deepStrictEqual(ephemeralOwner, client.raw.getSessionId());

    const [names, stat] = await client.getChildren(path);
    assert.deepStrictEqual(names.sort(), ['e-0000000001', 's-0000000000']);
    assert.deepStrictEqual([stat.numChildren, stat.cversion, stat.version], [2, 2, 1]);
    await trial.refused(client.remove(path), 'NOT_EMPTY');
}

async function subtree(trial, path) {
    const { client } = trial;
    assert.strictEqual(await client.mkdirp(`${path}/a/b`), `${path}/a/b`);
    await remove(client, path);
    assert.ok(!(await client.exists(path)));
}

// The library's own removeRecursive overlooks what is deeper than two levels.
async function remove(client, path) {
    const [names] = await client.getChildren(path);
    for (const name of names) {
        await remove(client, `${path}/${name}`);
    }
    await client.remove(path);
}

async function round(trial) {
    const path = trial.path();
    await data(trial, path);
    await children(trial, path);
    await subtree(trial, path);
}

module.exports = { contenders: 2, round };
