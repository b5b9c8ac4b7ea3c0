#!/usr/bin/env node
// run.mjs: what `make bench` does: the machine's limits, then stint over HTTP on loopback, as docs/performance.md says.
//   SMOKE=1   tiny counts, no judgement: does every workload work? (ten seconds)
//   STORE=postgres   on a PostgreSQL of its own, beside a bare libpq program
//   PEERS=1   the other job servers beside it (bench/peers; installs them first); with STORE=postgres those on PostgreSQL
//   ONLY=w,streams,idle,ready,schedules,matrix,keys,prompts,history,wal,limits   some parts; wal is PostgreSQL's
// Ends with 1 when something did not work. A missed floor is printed, and is no failure: machines differ.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

import { describe, isSmoke, limitAppend, limitDrain, limitInsert, limitProgram, limitRecycle, prepareData, program, record, size, start } from './lib/machine.mjs';
import { keys } from './lib/keys.mjs';
import { bareCopy, bareDrain, bareInsert, isPostgres, stopCluster } from './lib/postgres.mjs';
import { idleStatements, longHistory, writeAhead } from './lib/postgres_situations.mjs';
import { prompts } from './lib/prompts.mjs';
import { closing, columns, heading, number, say } from './lib/report.mjs';
import { history, idle, matrix, readiness, schedules, streams } from './lib/situations.mjs';
import { workloads } from './lib/workloads.mjs';

const only = process.env.ONLY?.split(',');
const wants = (part) => !only || only.includes(part);
const wantsPeers = process.env.PEERS === '1';

/** An empty reply of our own server, asked by our own load generator. */
async function emptyReplies(inFlight) {
    const server = start(limitProgram('http_empty'), ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = await once(server.stdout, 'data');
    const env = { ...process.env, STINT_URL: `http://127.0.0.1:${String(text).trim()}`, STINT_KEY: 'none' };
    const args = ['bench', 'post', '--in-flight', inFlight, '--jobs', size(inFlight > 1 ? 80000 : 20000, 200), '--seconds', 10].map(String);
    const { stdout } = await promisify(execFile)(program, args, { env, timeout: 60000 });
    server.kill('SIGTERM');
    await once(server, 'exit');
    return JSON.parse(stdout);
}

async function limits() {
    heading('What this machine can do');
    columns('', 'a second', 'p50 ms', 'p99 ms');
    const tell = (name, line) => {
        record({ limit: name, ...line });
        columns(name, number(line.rate), line.p50_ms?.toFixed(2) ?? '', line.p99_ms?.toFixed(2) ?? '');
    };
    tell('fdatasync of 4 KiB appended', await limitAppend());
    tell('fdatasync of 4 KiB over old blocks', await limitRecycle());
    if (isPostgres) {
        for (const rows of [1, 10, 100, 1000]) tell(`PostgreSQL, unnest, ${rows} rows a commit`, await bareInsert(rows));
        tell('PostgreSQL, claim, delete, history, 1,000', await bareDrain());
        tell(`PostgreSQL, COPY of ${number(size(100000, 3000))} rows`, await bareCopy());
    } else {
        for (const rows of [1, 10, 100, 1000]) tell(`SQLite FULL, ${rows} rows a commit`, await limitInsert(rows));
        tell('SQLite FULL, claim + complete, 1,000', await limitDrain());
    }
    tell('empty reply of our HTTP server, 1 in flight', await emptyReplies(1));
    tell('empty reply of our HTTP server, 64 in flight', await emptyReplies(64));
}

const started = performance.now();
const machine = describe();
prepareData();
record({ machine });
say(`stint ${machine.commit} on ${machine.cores} cores (${machine.cpu}), ${machine.memory_gib} GiB${isSmoke ? ': smoke' : ''}`);
await limits();
if (isPostgres) {
    const peers = wantsPeers && (await import('./peers/run.mjs'));
    if (wants('w')) await (await workloads(peers && peers.eachOnce)).stopAndForget();
    if (peers) await peers.peers();
    if (wants('schedules')) await schedules();
    if (wants('matrix')) await matrix();
    if (wants('keys')) await keys();
    if (wants('prompts')) await prompts();
    if (wants('idle')) await idleStatements();
    if (wants('wal')) await writeAhead(size(only ? 1000000 : 100000, 2000));
    if (only?.includes('streams')) await streams();
    if (only?.includes('ready')) await readiness();
    if (only?.includes('history')) await longHistory();
    await stopCluster();
} else {
    if (wants('w')) await (await workloads()).stopAndForget();
    if (wants('streams')) await streams();
    if (wants('schedules')) await schedules();
    if (wants('matrix')) await matrix();
    if (wants('keys')) await keys();
    if (wants('prompts')) await prompts();
    if (wants('idle')) await idle();
    if (wants('ready')) await readiness();
    if (wants('history')) await history();
    if (wantsPeers) await (await import('./peers/run.mjs')).peers();
}
closing((performance.now() - started) / 1000);
