// A transaction is all or nothing, and says what came of each part.
'use strict';

const assert = require('node:assert');
const { CreateMode } = require('node-zookeeper-client');

async function round(trial) {
    const { client } = trial;
    const path = trial.path();
    const results = await client.commit(
        client.raw
            .transaction()
            .create(path, Buffer.from('1'))
            .create(`${path}/s-`, CreateMode.EPHEMERAL_SEQUENTIAL)
            .setData(path, Buffer.from('2'))
            .check(path, 1)
            .remove(`${path}/s-0000000000`),
    );
    assert.strictEqual(results.length, 5);
    assert.deepStrictEqual([results[0].path, results[1].path], [path, `${path}/s-0000000000`]);
    assert.strictEqual(results[2].stat.version, 1);

    const failing = client.raw.transaction().setData(path, Buffer.from('3')).check(path, 7).remove(path);
    await trial.refused(client.commit(failing), 'BAD_VERSION');
    const [value, stat] = await client.getData(path);
    assert.strictEqual(value.toString(), '2');
    assert.deepStrictEqual([stat.version, stat.numChildren, stat.cversion], [1, 0, 2]);
    await client.remove(path, 1);
}

module.exports = { contenders: 1, round };
