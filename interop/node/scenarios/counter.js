// Of those who write over the same version one succeeds, and what was acknowledged stays.
'use strict';

const assert = require('node:assert');

const made = new Set();
let unknown = 0;

async function prepare(trial) {
    await trial.client.create(path(trial), Buffer.from('0'));
}

async function round(trial, contender) {
    const [value, stat] = await trial.client.getData(path(trial));
    const next = Number(value) + 1;
    assert.strictEqual(stat.version, next - 1);
    try {
        const written = await trial.client.setData(path(trial), Buffer.from(String(next)), stat.version);
        assert.strictEqual(written.version, next);
    } catch (error) {
        if (error.name === 'BAD_VERSION') {
            return;
        }
        if (error.name === 'CONNECTION_LOSS') {
            unknown += 1;
        }
        throw error;
    }
    if (made.has(next)) {
        trial.finding(`contender ${contender} was told that it made ${next}, and so was another`);
    }
    made.add(next);
}

async function finish(trial) {
    await trial.catchUp();
    const [value, { version }] = await trial.client.getData(path(trial));
    if (version < made.size || version > made.size + unknown) {
        trial.finding(`version ${version} after ${made.size} increments, ${unknown} more are unknown`);
    }
    trial.hold(path(trial), value);
}

function path(trial) {
    return `${trial.folder}/number`;
}

module.exports = { contenders: 3, prepare, round, finish };
