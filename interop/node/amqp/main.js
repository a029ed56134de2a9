// Drives a broker with amqplib. Each scenario prints its name and "ok"; the first thing that is not as it should be
// ends the program with a stack trace and exit status 1.
//
// Usage: node main.js URL[,URL...] SCENARIO...
//        node main.js URL[,URL...] recovery    (until standard input ends; see recovery.js)
'use strict';

const { scenarios } = require('./scenarios');
const { recovery } = require('./recovery');

async function main([urls, ...names]) {
    for (const name of names) {
        if (name === 'recovery') {
            await recovery(urls.split(','));
        } else {
            await scenarios[name](urls.split(','));
            console.log(`${name} ok`);
        }
    }
}

main(process.argv.slice(2)).then(
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
