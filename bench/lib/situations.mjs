// situations.mjs: what is not a rate: many streams, nothing to do, a start with a full store, schedules that are all due at once,
// and a long history.
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { isSmoke, median, record, size } from './machine.mjs';
import { columns, figure, heading, number, say } from './report.mjs';
import { Server } from './server.mjs';

/** One load of `stint bench fanout` on a fresh server: its line, and the most memory a stream took. */
async function fanout(options) {
    const server = await Server.start('streams', { args: ['--max-connections', '20000'] });
    await server.load('fanout', { streams: 1, seconds: 1 }); // what the first stream costs, every one shares
    const before = server.memory();
    let most = before;
    let over = false;
    const run = server.load('fanout', options).finally(() => (over = true));
    while (!over) {
        most = Math.max(most, server.memory());
        await sleep(100);
    }
    const line = await run;
    await server.stopAndForget();
    return { ...line, kib: (most - before) / 1024 / options.streams };
}

function showStreams(title, line) {
    heading(title);
    columns('', 'stint', '', '', 'floor');
    figure({ name: 'deliveries', shown: `${number(line.rate)}/s` });
    figure({ name: 'RSS a stream', shown: `${number(line.kib)} KiB`, value: line.kib, floor: 24, most: true, unit: ' KiB' });
    figure({ name: 'report to reader, p50', shown: `${number(line.p50_ms)} ms` });
    figure({ name: 'report to reader, p99', shown: `${number(line.p99_ms)} ms`, value: line.p99_ms, floor: 250, most: true, unit: ' ms' });
}

/** Events to 10,000 open streams: of one job, with slow readers among them, and of a thousand jobs. */
export async function streams() {
    const slow = size(100, 2);
    const one = await fanout({ streams: size(10000, 20) - slow, slow, events: 5, seconds: size(90, 1) });
    const many = await fanout({ streams: size(10000, 20), watched: size(1000, 10), events: size(1000, 50), seconds: size(20, 1) });
    if (isSmoke) return;
    showStreams(`5 events a second to ${number(one.streams + slow)} streams of one job, ${slow} of which read a byte a second`, one);
    figure({ name: 'slow readers cut', shown: `${one.cut} of ${slow}`, value: one.cut / slow, floor: 1 });
    figure({ name: 'came back, and had not all', shown: String(one.behind), value: one.behind, floor: 0, most: true });
    showStreams(`1,000 stored events a second of ${number(many.watched)} jobs to ${number(many.streams)} streams`, many);
}

/** A server that nobody asks anything: its system calls, counted by strace. */
export async function idle() {
    const seconds = size(20, 1);
    if (spawnSync('strace', ['-V']).error) {
        say('\n  idle wake-ups: not counted, strace is not installed');
        return;
    }
    const server = await Server.start('idle');
    await server.load('enqueue', { jobs: 10 });
    await sleep(size(1500, 100)); // the bench's own connections close
    const strace = spawn('strace', ['-c', '-f', '-p', String(server.process.pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    strace.stderr.on('data', (piece) => (text += piece));
    await sleep(seconds * 1000);
    strace.kill('SIGINT');
    await new Promise((resolve) => strace.once('close', resolve));
    await server.stopAndForget();
    if (/not permitted|Could not attach/i.test(text)) {
        say('\n  idle wake-ups: not counted, this user may not trace processes');
        return;
    }
    const calls = [...text.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$/gm)].filter((m) => m[2] !== 'total');
    const count = calls.reduce((sum, m) => sum + Number(m[1]), 0);
    record({ idle_calls: Object.fromEntries(calls.map((m) => [m[2], Number(m[1])])), seconds });
    if (isSmoke) return;
    heading(`Nothing to do for ${seconds} s`);
    columns('', 'calls', '', '', 'floor');
    // A thread that slept when strace came is counted once as it falls asleep again.
    figure({ name: `system calls (${calls.map((m) => `${m[2]} ${m[1]}`).join(', ') || 'none'})`, shown: String(count), value: count, floor: 10, most: true });
}

/** From the start of the process to the first ready answer, with 100,000 live jobs in the store. */
export async function readiness() {
    const jobs = size(100000, 1000);
    const server = await Server.start('ready');
    await server.load('enqueue', { jobs, batch: size(1000, 100), seconds: 60 });
    const times = { 'after a stop': [], 'after a kill -9': [] };
    for (let i = 0; i < size(3, 1); i++) {
        for (const [how, list] of Object.entries(times)) {
            await server.load('enqueue', { jobs: 100, 'in-flight': 8, queue: 'ready' });
            await server.stop(how.includes('kill') ? 'SIGKILL' : 'SIGTERM');
            await server.run();
            list.push(server.ready_ms);
        }
    }
    await server.stopAndForget();
    if (isSmoke) return;
    heading(`Ready with ${number(jobs)} live jobs: medians of 3`);
    columns('', 'stint', '', '', 'floor');
    for (const [how, list] of Object.entries(times)) {
        figure({ name: how, shown: `${number(median(list))} ms`, value: median(list), floor: 1000, most: true, unit: ' ms' });
    }
}

/** Cron schedules that are all due in the same second: from then until each has its job, with a worker that takes jobs beside them. */
export async function schedules() {
    const count = size(10000, 50);
    const server = await Server.start('schedules');
    const make = async (first, last, cron) => {
        const names = Array.from({ length: last - first }, (_, i) => `s${first + i}`);
        const each = async () => {
            for (let name = names.pop(); name; name = names.pop()) {
                await server.ask('PUT', `/v1/schedules/${name}`, { cron, overlap: 'skip', job: { kind: 'bench', queue: 'ticks', args: { name } } });
            }
        };
        await Promise.all(Array.from({ length: 64 }, each));
    };
    const began = Date.now();
    await make(0, count / 10, '@yearly'); // how long it takes here to make a tenth of them
    const due = new Date(Math.ceil((Date.now() + 15 * (Date.now() - began)) / 1000 + size(10, 3)) * 1000);
    await make(0, count, `${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *`);
    const spare = due - Date.now();
    if (spare < 0) throw new Error(`${count} schedules took ${-spare} ms too long to make`);
    await sleep(spare);
    const beside = server.load('latency', { jobs: 100000, seconds: size(10, 1) });
    const fired = async () => (await server.metrics()).stint_schedule_ticks_fired_total;
    while ((await fired()) < count) {
        if (Date.now() - due > 120000) throw new Error(`${await fired()} of ${count} schedules have their job after two minutes`);
        await sleep(10);
    }
    const took = Date.now() - due;
    const line = await beside;
    const queued = (await server.stats()).counts.queued;
    if (queued !== count) throw new Error(`${queued} jobs of ${count} schedules`);
    await server.stopAndForget();
    record({ schedules: count, took_ms: took, beside: line });
    if (isSmoke) return;
    heading(`${number(count)} schedules that are due in the same second`);
    columns('', 'stint', '', '', 'floor');
    figure({ name: 'until each has its job', shown: `${number(took)} ms`, value: took, floor: 10000, most: true, unit: ' ms' });
    figure({ name: 'enqueue to start of others meanwhile, p99', shown: `${number(line.p99_ms)} ms` });
}

/** A matrix of 100,000 coordinates, from the call that begins its batch until all jobs are there, with a worker that takes jobs beside it. */
export async function matrix() {
    const count = size(100000, 2000);
    const server = await Server.start('matrix');
    const numbers = (n) => Array.from({ length: n }, (_, i) => i);
    const began = Date.now();
    const beside = server.load('latency', { jobs: 100000, seconds: size(10, 1) });
    await sleep(size(2000, 100));
    const due = Math.floor(Date.now() / 1000) * 1000 + size(2000, 1000);
    const plan = { every_s: 86400, start: new Date(due).toISOString(), job: { kind: 'bench', queue: 'cells', args: { pad: 'x'.repeat(100) } }, matrix: { prompt: numbers(count / 100), run: numbers(100) } };
    await server.ask('PUT', '/v1/schedules/matrix', plan);
    await sleep(due - Date.now());
    const queued = async () => (await server.ask('GET', '/v1/queues')).queues?.find((q) => q.name === 'cells')?.counts.queued ?? 0;
    let seen = 0;
    while ((seen = await queued()) === 0) {
        if (Date.now() - due > 120000) throw new Error('the batch is not there after two minutes');
        await sleep(10);
    }
    const took = Date.now() - due;
    if (seen !== count) throw new Error(`${seen} of ${count} jobs are there`);
    const line = await beside;
    await server.stopAndForget();
    record({ matrix: count, took_ms: took, beside: line, began });
    if (isSmoke) return;
    heading(`A tick with a matrix of ${number(count)} jobs`);
    columns('', 'stint', '', '', 'floor');
    figure({ name: 'until all are there, at once', shown: `${number(took)} ms`, value: took, floor: 10000, most: true, unit: ' ms' });
    figure({ name: 'enqueue to start of others meanwhile, p99 and longest', shown: `${number(line.p99_ms)} and ${number(line.max_ms)} ms` });
}

const PAIRS = 9;

async function four(server) {
    await server.load('enqueue', { jobs: size(300, 10), 'in-flight': 8, queue: 'bench' }); // both caches are cold after a start
    const w1 = await server.load('enqueue', { jobs: size(1000, 20), seconds: 10, queue: 'bench' });
    const w2 = await server.load('enqueue', { jobs: size(15000, 100), 'in-flight': 64, seconds: 10 });
    const w3 = await server.load('enqueue', { jobs: size(30000, 200), batch: size(1000, 100), seconds: 10 });
    const w4 = await server.load('drain', { batch: size(1000, 100), 'in-flight': 2, seconds: 60 });
    return { W1: w1.rate, W2: w2.rate, W3: w3.rate, W4: w4.rate };
}

/** W1 to W4 with a million finished jobs in the store, against a fresh store: pairs in turn, so that drift hits both. */
export async function history() {
    const jobs = size(1000000, 500);
    const step = size(100000, 500);
    const old = await Server.start('history');
    for (let done = 0; done < jobs; done += step) {
        await old.load('enqueue', { jobs: step, batch: size(1000, 100), 'in-flight': 2, seconds: 120 });
        await old.load('drain', { batch: size(1000, 100), 'in-flight': 3, seconds: 120 });
    }
    await old.stop();
    const ratios = { W1: [], W2: [], W3: [], W4: [] };
    const aged = async () => {
        await old.run();
        const rates = await four(old);
        await old.stop();
        return rates;
    };
    const fresh = async () => {
        const server = await Server.start('fresh');
        const rates = await four(server);
        await server.stopAndForget();
        return rates;
    };
    for (let i = 0; i < size(PAIRS, 1); i++) {
        let a, f;
        if (i % 2) [a, f] = [await aged(), await fresh()];
        else [f, a] = [await fresh(), await aged()];
        for (const w of Object.keys(ratios)) ratios[w].push(a[w] / f[w]);
    }
    await old.run();
    await old.stopAndForget();
    record({ history: ratios });
    if (isSmoke) return;
    heading(`With ${number(jobs)} finished jobs in the history: ${PAIRS} pairs, median ratio to a fresh store`);
    columns('', 'with / without', '', '', 'floor');
    for (const [w, list] of Object.entries(ratios)) {
        figure({ name: `${w} with a long history`, shown: median(list).toFixed(2), value: median(list), floor: 0.9 });
    }
}
