// harness.mjs PEER PORT|FOLDER: W1 to W5 of docs/performance.md for one peer, in one process, a line of JSON each.
// The work is that of `stint bench`: the same 186 bytes, the same numbers in flight, the same batches.
import { setTimeout as sleep } from 'node:timers/promises';

import { size } from '../lib/machine.mjs';
import { open } from './adapters.mjs';

const [, , name, where] = process.argv; // a port of loopback, or the folder of PostgreSQL's socket
const CAP_MS = 10000; // of each workload; the rate is then that of what was done
const note = '0123456789'.repeat(9).slice(0, 84); // makes 186 bytes of it
const job = (i, at = 0) => ({ user: i, email: `user${i}@example.org`, template: 'welcome', locale: 'en-GB', note, t: at });

const now = () => performance.now();
const percentile = (list, p) => Float64Array.from(list).sort()[Math.min(list.length - 1, Math.floor(list.length * p))];
const line = (w, count, ms, late = []) =>
    console.log(
        JSON.stringify({
            peer: name,
            w,
            jobs: count,
            rate: Math.round((count / ms) * 1000),
            p50_ms: late.length ? percentile(late, 0.5) : null,
            p99_ms: late.length ? percentile(late, 0.99) : null,
        }),
    );

/** `inFlight` loops that each await one call after the other, `count` calls in all. */
async function produce(peer, count, inFlight) {
    const late = [];
    let next = 0;
    const start = now();
    const loop = async () => {
        while (next < count && now() - start < CAP_MS) {
            const at = now();
            await peer.add('single', job(100000 + next++));
            late.push(now() - at);
        }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return [late.length, now() - start, late];
}

async function bulk(peer, count) {
    const start = now();
    let done = 0;
    for (; done < count && now() - start < CAP_MS; done += 1000) {
        await peer.bulk('bulk', Array.from({ length: 1000 }, (_, i) => job(100000 + done + i)));
    }
    return [done, now() - start];
}

/** Ends when the completions are in the store, not when the last handler ran. */
async function drain(peer, count) {
    const start = now();
    let done = 0;
    const stop = await peer.work('bulk', () => done++, true);
    while (now() - start < 2 * CAP_MS && (done < count || (await peer.left('bulk')) > 0)) await sleep(3);
    const left = await peer.left('bulk');
    const ms = now() - start;
    await stop();
    return [count - left, ms];
}

async function latency(peer, count) {
    const late = [];
    const stop = await peer.work('late', (data) => late.push(now() - data.t), false);
    await sleep(500);
    const start = now();
    for (let i = 0; i < count; i++) {
        await sleep(Math.max(0, start + i * 20 - now()));
        await peer.add('late', job(100000 + i, now()));
    }
    const end = now();
    while (late.length < count && now() - end < 5000) await sleep(5);
    await stop();
    return [late.length, now() - start, late];
}

const peer = await open(name, Number(where) || where);
line('W5', ...(await latency(peer, size(200, 10))));
const [queued, ms] = await bulk(peer, size(100000, 2000));
line('W3', queued, ms);
await peer.settle?.();
line('W4', ...(await drain(peer, queued)));
await produce(peer, 100, 1); // to warm up
line('W1', ...(await produce(peer, size(2000, 20), 1)));
line('W2', ...(await produce(peer, size(30000, 200), 64)));
await Promise.race([peer.close(), sleep(2000)]);
process.exit(0);
