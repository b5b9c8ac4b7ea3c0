// SOAK_MINUTES (60) of steady mixed load at about half of what the server can do: memory must not grow, descriptors and threads
// stay as they are, the log is bounded, and with a short retention the database keeps its size.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { startServer } from '../e2e/lib/server.mjs';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 60);
const SAMPLE_MS = 5000;
const LOOPS = 12;
const RETAIN_S = 10;
const WAL_MAX_BYTES = 2 * 8000 * 4096; // twice the size at which the log is moved
const PAD = 'x'.repeat(700);

/** One lap: ten jobs in, ten out, each verb of a worker among them. */
async function lap(server, queue, count) {
    const ask = async (method, path, body) => {
        const answer = await server.call(method, path, body);
        assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
        return answer;
    };
    const jobs = (await ask('POST', '/v1/jobs', Array.from({ length: 10 }, (_, i) => ({ kind: 'k', queue, args: { i, pad: PAD }, unique_key: `${queue}-${count}-${i}`, max_attempts: 1 })))).json.jobs;
    await ask('POST', `/v1/jobs/${jobs[9].id}/cancel`);
    const claimed = (await ask('POST', '/v1/claims', { worker: queue, queues: [queue], max: 10, lease_s: 60 })).json?.jobs ?? [];
    const say = (n, item) => claimed.map((job, i) => ({ job: job.id, lease: job.lease, n, ...item(i) }));
    await ask('POST', '/v1/reports', say(1, (i) => (i % 2 ? { op: 'heartbeat' } : { op: 'progress', percent: 50, events: [{ type: 'step', data: PAD }] })));
    await ask('POST', '/v1/reports', say(2, (i) => (i === 0 ? { op: 'fail', error: { class: 'permanent', message: 'no' } } : { op: 'complete', result: PAD, artifacts: [{ name: 'a', text: PAD }] })));
    await ask('GET', `/v1/jobs/${jobs[0].id}`);
    await ask('GET', `/v1/jobs?queue=${queue}&limit=20`);
    const events = await fetch(`${server.url}/v1/jobs/${jobs[1].id}/events`, { headers: { authorization: `Bearer ${server.key}`, accept: 'text/event-stream' } });
    assert.match(await events.text(), /event: end/);
}

/** The laps of all loops; `pace` holds back so that no more than so many a second begin. */
function startLoad(server) {
    const load = { laps: 0, pace: Infinity, isOver: false };
    const begun = performance.now();
    let count = 0;
    const queue = [];
    let allowed = 0;
    const timer = setInterval(() => {
        const since = (performance.now() - (load.pacedAt ?? begun)) / 1000;
        while (queue.length && (load.isOver || load.pace === Infinity || allowed < since * load.pace)) {
            allowed++;
            queue.shift()();
        }
    }, 5);
    const one = async (i) => {
        while (!load.isOver) {
            if (load.pace !== Infinity) await new Promise((go) => queue.push(go));
            await lap(server, `q${i}`, count++);
            load.laps++;
        }
    };
    load.done = Promise.all(Array.from({ length: LOOPS }, (_, i) => one(i))).finally(() => clearInterval(timer));
    return load;
}

function sample(server, begun) {
    const proc = `/proc/${server.proc.pid}`;
    const status = readFileSync(`${proc}/status`, 'utf8');
    const db = server.dir.file('stint.db');
    const size = (path) => (existsSync(path) ? statSync(path).size : 0);
    return {
        minute: (performance.now() - begun) / 60_000,
        rss: Number(/^VmRSS:\s*(\d+)/m.exec(status)[1]) * 1024,
        threads: Number(/^Threads:\s*(\d+)/m.exec(status)[1]),
        fds: readdirSync(`${proc}/fd`).length,
        wal: size(`${db}-wal`),
        db: size(db),
    };
}

/** Bytes an hour, by least squares. */
function slope(samples, of) {
    const mean = (f) => samples.reduce((sum, s) => sum + f(s), 0) / samples.length;
    const x = mean((s) => s.minute);
    const y = mean(of);
    const above = samples.reduce((sum, s) => sum + (s.minute - x) * (of(s) - y), 0);
    const below = samples.reduce((sum, s) => sum + (s.minute - x) ** 2, 0);
    return (above / below) * 60;
}

const max = (samples, of) => Math.max(...samples.map(of));
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

test(`nothing grows in ${MINUTES} minutes of steady load`, { timeout: (MINUTES + 5) * 60_000 }, async (t) => {
    const server = await startServer({ args: ['--prune-every', '1s'] });
    for (let i = 0; i < LOOPS; i++) {
        const keep = { retain_completed_s: RETAIN_S, retain_failed_s: RETAIN_S, retain_cancelled_s: RETAIN_S };
        assert.equal((await server.call('PATCH', `/v1/queues/q${i}`, keep)).status, 200);
    }
    const begun = performance.now();
    const load = startLoad(server);
    const samples = [];
    const ticks = new EventTarget();
    const timer = setInterval(() => ticks.dispatchEvent(new Event('tick')), SAMPLE_MS);
    t.after(() => {
        load.isOver = true;
        clearInterval(timer);
    });
    const tick = () => Promise.race([once(ticks, 'tick'), load.done]);

    await tick();
    await tick();
    const laps = load.laps / ((performance.now() - begun) / 1000);
    load.pacedAt = performance.now();
    load.pace = laps / 2;
    t.diagnostic(`full speed: ${laps.toFixed(1)} laps a second, ten jobs each; from now on half`);
    while (performance.now() - begun < MINUTES * 60_000) {
        await tick();
        samples.push(sample(server, begun));
    }
    load.isOver = true;
    await load.done;

    const steady = samples.slice(Math.floor(samples.length / 3)); // what comes before fills caches and the retention's window
    const half = Math.floor(steady.length / 2);
    const grown = max(steady.slice(half), (s) => s.db) / max(steady.slice(0, half), (s) => s.db);
    const perHour = slope(steady, (s) => s.rss);
    const span = steady.at(-1).minute - steady[0].minute;
    t.diagnostic(
        `${load.laps * 10} jobs; RSS ${mib(steady[0].rss)} → ${mib(steady.at(-1).rss)}, ${mib(perHour)} an hour over ${span.toFixed(1)} minutes; ` +
            `threads ${max(steady, (s) => s.threads)}, descriptors ${max(steady, (s) => s.fds)}; log at most ${mib(max(steady, (s) => s.wal))}, ` +
            `database ${mib(max(steady, (s) => s.db))}, second half / first half ${grown.toFixed(3)}`,
    );
    assert.equal(new Set(steady.map((s) => s.threads)).size, 1, 'threads come and go');
    assert.ok(max(steady.slice(half), (s) => s.fds) <= max(steady.slice(0, half), (s) => s.fds) + LOOPS, 'descriptors grow');
    assert.ok(max(steady, (s) => s.wal) <= WAL_MAX_BYTES, 'the log grows');
    assert.ok(grown <= 1.1, 'the database grows');
    // A slope over minutes is noise an hour: what counts there is what was gained at all.
    assert.ok(perHour <= 2 ** 20 || (perHour * span) / 60 <= 2 ** 20, `RSS grows by ${mib(perHour)} an hour`);
    assert.equal((await server.stop()).code, 0);
});
