// Each watch fires once, also when the connection is lost between the watch and the change.
'use strict';

const { Event } = require('node-zookeeper-client');

const { Watch } = require('../trial');

async function round(trial, contender) {
    const { client } = trial;
    const watcher = trial.site.client(contender + 1);
    const path = trial.path();

    const created = new Watch();
    await watcher.exists(path, created.watcher);
    await client.create(path, Buffer.from('0'));
    await created.expect(Event.NODE_CREATED, path);

    await trial.catchUp(watcher);
    const changed = new Watch();
    await watcher.getData(path, changed.watcher);
    await client.setData(path, Buffer.from('1'), 0);
    await client.setData(path, Buffer.from('2'), 1);
    await changed.expect(Event.NODE_DATA_CHANGED, path);

    await trial.catchUp(watcher);
    const children = new Watch();
    await watcher.getChildren(path, children.watcher);
    await client.create(`${path}/child`);
    await children.expect(Event.NODE_CHILDREN_CHANGED, path);

    await client.remove(`${path}/child`);
    await trial.catchUp(watcher);
    const gone = new Watch();
    const childless = new Watch();
    await watcher.getData(path, gone.watcher);
    await watcher.getChildren(path, childless.watcher);
    await client.remove(path, 2);
    await gone.expect(Event.NODE_DELETED, path);
    await childless.expect(Event.NODE_DELETED, path);
    await changed.expect(Event.NODE_DATA_CHANGED, path);
}

module.exports = { contenders: 2, round };
