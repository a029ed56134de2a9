// ACLs of digests. Who has shown a password stays known when the client connects to another server.
'use strict';

const assert = require('node:assert');
const { ACL } = require('node-zookeeper-client');

let owner;

async function prepare(trial) {
    owner = await trial.site.connect();
    owner.raw.addAuthInfo('digest', Buffer.from('alice:secret'));
}

async function round(trial) {
    const { client } = trial;
    const path = trial.path();
    await owner.create(path, Buffer.from('hers'), ACL.CREATOR_ALL_ACL);
    await trial.catchUp();
    await trial.refused(client.getData(path), 'NO_AUTH');
    await trial.refused(client.setData(path, Buffer.alloc(0)), 'NO_AUTH');
    await trial.refused(client.create(`${path}/child`), 'NO_AUTH');
    await trial.refused(client.create(`${path}-other`, ACL.CREATOR_ALL_ACL), 'INVALID_ACL');

    const [value] = await owner.getData(path);
    assert.strictEqual(value.toString(), 'hers');
    const [acls, before] = await owner.getACL(path);
    assert.deepStrictEqual(
        acls.map((acl) => [acl.permission, acl.id.scheme, acl.id.id.split(':')[0]]),
        [[31, 'digest', 'alice']],
    );
    const after = await owner.setACL(path, ACL.READ_ACL_UNSAFE, before.aversion);
    assert.strictEqual(after.aversion, 1);
    await trial.catchUp();
    await client.getData(path);
    await trial.refused(owner.setData(path, Buffer.alloc(0)), 'NO_AUTH');
    await owner.remove(path);
}

async function finish(trial) {
    await trial.site.end(owner);
}

// After a lost connection the library sends what waited before it shows the password again.
module.exports = { contenders: 1, mayFail: ['NO_AUTH', 'INVALID_ACL'], prepare, round, finish };
