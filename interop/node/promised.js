// The library's calls as promises. What they give back is unchanged.
'use strict';

const NAMES = [
    'create',
    'remove',
    'setData',
    'getData',
    'setACL',
    'getACL',
    'exists',
    'getChildren',
    'mkdirp',
];

// `raw` is the client itself. Calls with one result resolve to it, those with several to an array.
function promised(raw) {
    const client = { raw };
    for (const name of NAMES) {
        client[name] = (...given) => call((callback) => raw[name](...given, callback));
    }
    client.commit = (transaction) => call((callback) => transaction.commit(callback));
    return client;
}

function call(send) {
    return new Promise((resolve, reject) => {
        send((error, ...results) => {
            if (error) {
                reject(error);
            } else {
                resolve(results.length > 1 ? results : results[0]);
            }
        });
    });
}

module.exports = { promised };
