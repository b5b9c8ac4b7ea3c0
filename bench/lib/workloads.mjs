// workloads.mjs: W1 to W6 of docs/performance.md, each beside the limit of the machine measured a moment before it.
// A repetition has a fresh store; the ratio is the median of the repetitions' own ratios, because a shared machine's speed
// drifts from one minute to the next, and a ratio within one minute drifts less.
import { isSmoke, limitAppend, limitDrain, limitInsert, limitRecycle, median, record, size } from './machine.mjs';
import { bareCopy, bareDrain, bareInsert, isPostgres } from './postgres.mjs';
import { columns, figure, heading, number, say } from './report.mjs';
import { Server } from './server.mjs';

const MIB = 2 ** 20;
const QUEUED = size(100000, 2000);

/** What stands beside the workloads: the engine itself in a bare program, and the floors that follow from it. */
const ENGINE = isPostgres
    ? {
          insert: bareInsert,
          drain: bareDrain,
          rates: [
              { w: 'w1', name: 'W1 one at a time / bare, 1 row a commit', limit: 'insert1', goal: '0.7 x' },
              { w: 'w2', name: 'W2 64 in flight / bare, 1 row a commit', limit: 'insert1', goal: '15,000/s' },
              { w: 'w3', name: 'W3 1,000 a request / bare unnest of 1,000', limit: 'insert1000', floor: 0.5, goal: '50,000/s' },
              { w: 'import', name: 'NDJSON import / COPY', limit: 'copy', floor: 0.35 },
              { w: 'w4', name: 'W4 drain / bare claim, delete, history', limit: 'drain', floor: 0.45, goal: '20,000/s' },
          ],
          start: { goal: '2.5 ms' },
      }
    : {
          insert: limitInsert,
          drain: limitDrain,
          rates: [
              { w: 'w1', name: 'W1 one at a time / SQLite, 1 row a commit', limit: 'insert1', floor: 0.6 },
              { w: 'w2', name: 'W2 64 in flight / fdatasync of an append', limit: 'append', floor: 10, goal: '40,000/s' },
              { w: 'w3', name: 'W3 1,000 a request / SQLite, 1,000 a commit', limit: 'insert1000', floor: 0.4, goal: '120,000/s' },
              { w: 'w4', name: 'W4 drain / SQLite claim + complete, 1,000', limit: 'drain', floor: 0.35, goal: '40,000/s' },
          ],
          start: { p50: 1.2, p99: 8, goal: '0.8 ms' },
          flushes: 1,
          memory: { floor: 30, idle: 16, goal: '16 MiB' },
      };

/** What the counters of the server say happened between two readings. */
function rounds(before, after) {
    const d = (name) => (after[name] ?? 0) - (before[name] ?? 0);
    const n = d('stint_rounds_total') || 1;
    return {
        rounds: d('stint_rounds_total'),
        flushes: d('stint_flushes_total') / n,
        operations: d('stint_round_operations_total') / n,
        jobs: d('stint_round_jobs_total') / n,
        ms: (d('stint_round_seconds_total') * 1000) / n,
        flush_ms: (d('stint_flush_seconds_total') * 1000) / n,
    };
}

async function counted(server, run) {
    const before = await server.metrics();
    const line = await run();
    return { ...line, rounds: rounds(before, await server.metrics()) };
}

async function repetition() {
    const r = {};
    const server = await Server.start('main');
    r.idle_rss = server.memory();
    await server.load('enqueue', { jobs: size(200, 20), queue: 'warm' });
    r.w5 = await server.load('latency', { jobs: size(500, 15), seconds: 60 });
    r.insert1000 = await ENGINE.insert(1000);
    r.w3 = await counted(server, () => server.load('enqueue', { jobs: QUEUED, batch: size(1000, 100), seconds: 60 }));
    r.rss = server.memory();
    r.drain = await ENGINE.drain();
    r.w4 = await counted(server, () => server.load('drain', { batch: size(1000, 100), 'in-flight': 2, seconds: 60 }));
    if (r.w4.jobs !== r.w3.jobs) throw new Error(`W4 drained ${r.w4.jobs} of ${r.w3.jobs} jobs`);
    r.insert1 = await ENGINE.insert(1);
    r.w1 = await counted(server, () => server.load('enqueue', { jobs: size(5000, 50), seconds: 10, queue: 'w1' }));
    r.append = await limitAppend();
    r.recycle = await limitRecycle();
    r.w2 = await counted(server, () => server.load('enqueue', { jobs: size(50000, 500), 'in-flight': 64, seconds: 10, queue: 'w2' }));
    if (isPostgres) {
        r.copy = await bareCopy();
        r.import = await server.load('import', { jobs: QUEUED, batch: size(10000, 100), 'in-flight': 2, seconds: 60, queue: 'import' });
    }
    return { server, r };
}

/** What was measured in this run, for the comparison with the peers. */
export const repetitions = [];

const rate = (line) => `${number(line.rate)}/s`;

function tell(all) {
    const of = (pick) => median(all.map(pick));
    const ratio = (name, limit) => of((r) => r[name].rate / r[limit].rate);
    const shown = (name) => `${number(of((r) => r[name].rate))}/s`;
    const late = (name) => `p50 ${of((r) => r[name].p50_ms).toFixed(2)} p99 ${of((r) => r[name].p99_ms).toFixed(1)}`;
    // The floors are for a disk that flushes in 0.3 ms; a slower one may take as much longer as it is slower.
    const slower = Math.max(1, of((r) => r.append.p50_ms) / 0.3);

    heading(`Speed over HTTP on loopback, durable before acknowledged: medians of ${all.length}`);
    columns('', 'stint', 'limit', 'ratio', 'floor', 'goal');
    for (const { w, name, limit, floor, goal } of ENGINE.rates) figure({ name, shown: shown(w), limit: shown(limit), ratio: ratio(w, limit), floor, goal });
    for (const p of ['p50', 'p99']) {
        const value = of((r) => r.w5[`${p}_ms`]);
        const floor = ENGINE.start[p] && ENGINE.start[p] * slower;
        figure({ name: `W5 enqueue to start, ${p}`, shown: `${value.toFixed(2)} ms`, value, floor, most: true, unit: ' ms', goal: p === 'p50' ? ENGINE.start.goal : '' });
    }
    say(`  W1 ${late('w1')} ms · W2 ${late('w2')} ms · W3 ${late('w3')} ms a request · W4 ${late('w4')} ms a claim`);

    heading('Rounds of the committer');
    columns('', 'rounds', 'operations', 'jobs', 'ms a round', 'of it flush', 'flushes');
    for (const w of ['w1', 'w2', 'w3', 'w4']) {
        const each = (name) => number(of((r) => r[w].rounds[name]));
        columns(w.toUpperCase(), each('rounds'), each('operations'), each('jobs'), each('ms'), each('flush_ms'), each('flushes'));
    }
    figure({ name: 'flushes a round, W2', shown: number(of((r) => r.w2.rounds.flushes)), value: of((r) => r.w2.rounds.flushes), floor: ENGINE.flushes, most: true });
}

/** W6: memory with 100,000 jobs queued, and with ten times as many in a server that did nothing else. */
async function tellMemory(all) {
    const server = await Server.start('memory');
    await server.load('enqueue', { jobs: QUEUED, batch: 1000, seconds: 60 });
    const few = server.memory() / MIB;
    await server.load('enqueue', { jobs: 9 * QUEUED, batch: 1000, seconds: 60 });
    const many = server.memory() / MIB;
    await server.stopAndForget();
    const rss = median(all.map((r) => r.rss));
    heading('Memory of the server');
    columns('', 'RSS', '', '', 'floor', 'goal');
    const idle = median(all.map((r) => r.idle_rss));
    figure({ name: 'idle', shown: `${number(idle / MIB)} MiB`, value: idle / 1e6, floor: ENGINE.memory?.idle, most: true, unit: ' MB' });
    figure({ name: `W6 ${number(QUEUED)} queued`, shown: `${number(rss / MIB)} MiB`, value: rss / MIB, floor: ENGINE.memory?.floor, most: true, unit: ' MiB', goal: ENGINE.memory?.goal });
    // Flat: a tenth more and a MiB are what the allocator may differ by between two runs.
    figure({ name: `W6 ${number(10 * QUEUED)} queued`, shown: `${number(many)} MiB`, value: many, floor: ENGINE.memory && Math.round(11 * few + 10) / 10, most: true, unit: ' MiB' });
}

/** `beside` is measured before each repetition, in the same minutes: the peers on the same PostgreSQL. */
export async function workloads(beside) {
    const all = repetitions;
    let server;
    for (let i = 0; i < size(3, 1); i++) {
        if (server) await server.stopAndForget();
        const theirs = beside && (await beside());
        const done = await repetition();
        server = done.server;
        done.r.beside = theirs;
        all.push(done.r);
        record({ repetition: i + 1, ...done.r });
        say(`  run ${i + 1}: W1 ${rate(done.r.w1)} · W2 ${rate(done.r.w2)} · W3 ${rate(done.r.w3)} · W4 ${rate(done.r.w4)} · W5 p50 ${done.r.w5.p50_ms.toFixed(2)} ms`);
    }
    if (isSmoke) {
        say('  a smoke run: everything works; its speed is not judged');
        return server;
    }
    tell(all);
    await tellMemory(all);
    return server;
}
