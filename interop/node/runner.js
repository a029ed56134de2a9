// Runs a scenario: its contenders do rounds until the site stops.
//
// A scenario exports `contenders` and `round(trial, contender)`, and may export `prepare(trial)`, `finish(trial)` and
// `mayFail`: names of errors that a round may end with, beside CONNECTION_LOSS, when some connection was lost since it
// began. Every other failure is wrong.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { Trial } = require('./trial');

const FINDINGS_MAX = 5;
const PAUSE_AFTER_DISTURBED_MS = 20;

class Runner {
    constructor(site, scenario, name) {
        this.site = site;
        this.scenario = scenario;
        this.name = name;
        this.folder = `${site.base}-${name}`;
        this.fresh = 0;
        this.rounds = 0;
        this.disturbed = 0;
        this.wrong = [];
        this.held = {};
    }

    static async start(site, scenario, name) {
        const runner = new Runner(site, scenario, name);
        await site.client(0).create(runner.folder);
        await scenario.prepare?.(new Trial(runner, 0));
        const contenders = Array.from({ length: scenario.contenders }, (_, contender) => contender);
        runner.contending = Promise.all(contenders.map((contender) => runner.contend(contender)));
        return runner;
    }

    async contend(contender) {
        const trial = new Trial(this, contender);
        // What was prepared is there for this client once its server has a write of its own.
        await trial.catchUp();
        while (!this.site.stopped) {
            const { broken } = this.site;
            try {
                await this.scenario.round(trial, contender);
                this.rounds += 1;
            } catch (error) {
                const mayFail = ['CONNECTION_LOSS', ...(this.scenario.mayFail ?? [])];
                if (this.site.broken === broken || !mayFail.includes(error.name)) {
                    this.finding(`contender ${contender}: ${error.stack}`);
                    return;
                }
                this.disturbed += 1;
                await sleep(PAUSE_AFTER_DISTURBED_MS);
            }
        }
    }

    finding(what) {
        if (this.wrong.length < FINDINGS_MAX) {
            this.wrong.push(what);
        }
    }

    // What is to be said about the scenario, once the site has stopped.
    async verdict() {
        await this.contending;
        try {
            await this.scenario.finish?.(new Trial(this, 0));
        } catch (error) {
            this.finding(`at the end: ${error.stack}`);
        }
        if (this.site.expired > 0) {
            this.finding(`${this.site.expired} sessions have expired`);
        }
        const { rounds, disturbed, wrong, held } = this;
        return { scenario: this.name, rounds, disturbed, wrong, held };
    }
}

module.exports = { Runner };
