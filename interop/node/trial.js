// What a round has at hand: a client, paths that nobody has used, and checks that end the round.
'use strict';

const assert = require('node:assert');
const { Event } = require('node-zookeeper-client');

const EVENT_MS = 20_000;

class Trial {
    constructor(runner, contender) {
        this.runner = runner;
        this.site = runner.site;
        this.folder = runner.folder;
        this.client = runner.site.client(contender);
    }

    path() {
        this.runner.fresh += 1;
        return `${this.folder}/${this.runner.fresh}`;
    }

    // Brings a client's server to what others have written before. The library has no sync; a write does it too.
    async catchUp(client = this.client) {
        await client.setData(this.folder, Buffer.alloc(0));
    }

    finding(what) {
        this.runner.finding(what);
    }

    // Says what every server must hold in the end.
    hold(path, data) {
        this.runner.held[path] = data.toString();
    }

    async refused(request, name) {
        const error = await request.then(
            () => assert.fail(`went through instead of failing with ${name}`),
            (failure) => failure,
        );
        if (error.name !== name) {
            throw error;
        }
    }
}

// A watcher for the library, which counts its events.
class Watch {
    constructor() {
        this.events = [];
        this.arrived = new Promise((resolve) => {
            this.watcher = (event) => {
                this.events.push(event);
                resolve();
            };
        });
    }

    async expect(type, path) {
        const late = new Promise((resolve) => {
            this.timer = setTimeout(resolve, EVENT_MS);
        });
        await Promise.race([this.arrived, late]);
        clearTimeout(this.timer);
        const got = this.events.map((event) => `${event.name} ${event.path}`);
        const [name] = Object.entries(Event).find(([, value]) => value === type);
        assert.deepStrictEqual(got, [`${name} ${path}`]);
    }
}

module.exports = { Trial, Watch };
