// keys.mjs: what limit keys cost a claim: servers without any, with a thousand, with a hundred of those full, and with 100,000 jobs of a
// paused key beside them are asked call by call in turn, so that whatever else the machine does meets all of them.
import { isSmoke, record, size } from './machine.mjs';
import { columns, figure, heading, number, say } from './report.mjs';
import { Server } from './server.mjs';

const KEYS = size(1000, 20);
const FULL = KEYS / 10;
const PAUSED = size(100000, 500);
const CALLS = size(2000, 5);
const EACH = 3; // queued jobs of a key

const job = (more) => ({ kind: 'bench', queue: 'keys', args: { pad: 'x'.repeat(150) }, ...more });
const ofKey = (i) => job({ limits: [`host:${i}`] });

async function enqueue(server, jobs) {
    for (let i = 0; i < jobs.length; i += 1000) await server.ask('POST', '/v1/jobs', jobs.slice(i, i + 1000));
}

async function claim(server, max, more = {}) {
    const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ worker: 'w', queues: ['keys'], kinds: ['bench'], max, ...more });
    const began = performance.now();
    const answer = await fetch(`${server.url}/v1/claims`, { method: 'POST', body, headers });
    const text = await answer.text();
    const ms = performance.now() - began;
    return { ms, jobs: answer.status === 200 ? JSON.parse(text).jobs : [] };
}

const many = (count, make) => Array.from({ length: count * EACH }, (_, i) => make(i % count));

async function withKeys(server) {
    await server.ask('PUT', `/v1/limits/${encodeURIComponent('host:*')}`, { concurrency: 5 });
    await enqueue(server, many(KEYS, ofKey));
}

async function withFull(server) {
    await server.ask('PUT', `/v1/limits/${encodeURIComponent('host:*')}`, { concurrency: 5 });
    for (let i = 0; i < FULL; i++) await server.ask('PUT', `/v1/limits/host:${i}`, { concurrency: 1 });
    await enqueue(server, many(FULL, ofKey));
    const { jobs } = await claim(server, 1000, { lease_s: 40000 });
    if (jobs.length !== FULL) throw new Error(`${jobs.length} of ${FULL} keys are full`);
    await enqueue(server, many(KEYS - FULL, (i) => ofKey(FULL + i)));
}

async function withPaused(server) {
    await server.ask('POST', '/v1/limits/paused/pause', {});
    await enqueue(server, Array.from({ length: PAUSED }, () => job({ limits: ['paused'] })));
    await withFull(server);
}

const SITUATIONS = {
    'without limits': (server) => enqueue(server, many(KEYS, () => job())),
    [`${number(KEYS)} keys`]: withKeys,
    [`… ${number(FULL)} of them full`]: withFull,
    [`… and ${number(PAUSED)} jobs of a paused key`]: withPaused,
};

/** A claim; what it took is done, and as much of the same comes behind it. */
async function once(server, max) {
    const { ms, jobs } = await claim(server, max);
    if (jobs.length !== max) throw new Error(`${jobs.length} of ${max} jobs claimed from ${server.name}`);
    await server.ask('POST', '/v1/reports', jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete' })));
    await enqueue(server, jobs.map((j) => job({ limits: j.limits })));
    return ms;
}

const at = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(list.length * share)];

async function compare(servers, max, calls) {
    const times = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
    const names = Object.keys(servers);
    for (let i = -20; i < calls; i++) {
        for (let k = 0; k < names.length; k++) {
            const name = names[(k + i + names.length * 20) % names.length];
            const ms = await once(servers[name], max);
            if (i >= 0) times[name].push(ms); // the first ones warm the caches
        }
    }
    record({ keys: Object.fromEntries(names.map((n) => [n, [at(times[n], 0.5), at(times[n], 0.99)]])), max, calls });
    if (isSmoke) return;
    heading(`Claims of ${max}, ${number(calls)} of each in turn, one at a time`);
    columns('', 'p50', 'p99', 'p99 ratio', 'floor');
    const base = at(times[names[0]], 0.99);
    for (const name of names) {
        const p99 = at(times[name], 0.99);
        const judged = name === names[0] ? {} : { ratio: p99 / base, floor: 2, most: true };
        figure({ name, shown: `${at(times[name], 0.5).toFixed(2)} ms`, limit: `${p99.toFixed(2)} ms`, ...judged });
    }
}

export async function keys() {
    const servers = {};
    say('  filling four stores …');
    for (const [i, [name, fill]] of Object.entries(SITUATIONS).entries()) {
        servers[name] = await Server.start(`keys${i}`);
        await fill(servers[name]);
    }
    await compare(servers, 1, CALLS);
    await compare(servers, 10, CALLS / 4);
    for (const server of Object.values(servers)) await server.stopAndForget();
}
