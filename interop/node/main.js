// Drives servers with node-zookeeper-client: all scenarios at once, each with several clients, for as long as standard
// input stays open. Whoever started this program kills servers meanwhile. Writes JSON, an object a line: again and again
// how many rounds each scenario has done, and at the end a verdict for each.
//
// Usage: node main.js HOSTS SCENARIO...
'use strict';

const { Runner } = require('./runner');
const { Site } = require('./site');

const REPORT_MS = 50;

async function main([hosts, ...names]) {
    const site = await Site.open(hosts);
    const runners = [];
    for (const name of names) {
        runners.push(await Runner.start(site, require(`./scenarios/${name}`), name));
    }
    const reports = setInterval(() => {
        print({ rounds: Object.fromEntries(runners.map((runner) => [runner.name, runner.rounds])) });
    }, REPORT_MS);
    await endOfInput();
    site.stopped = true;
    for (const runner of runners) {
        print(await runner.verdict());
    }
    clearInterval(reports);
    await site.close();
}

function print(line) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}

function endOfInput() {
    return new Promise((resolve) => process.stdin.resume().on('end', resolve));
}

main(process.argv.slice(2)).then(
    // A scenario that failed may have left clients open.
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
