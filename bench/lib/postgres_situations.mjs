// postgres_situations.mjs: what only a store on PostgreSQL has: statements of an idle node, WAL and dead rows of a job, and a
// history of ten million rows beside which nothing may become slower.
import { setTimeout as sleep } from 'node:timers/promises';

import { isSmoke, record, size } from './machine.mjs';
import { bareDrain, cluster } from './postgres.mjs';
import { columns, figure, heading, number, say } from './report.mjs';
import { Server } from './server.mjs';

/** Statements that a node sends while nobody asks it anything, counted in PostgreSQL's log. */
export async function idleStatements() {
    const seconds = size(60, 1);
    const pg = await cluster();
    const server = await Server.start('idle');
    await server.load('enqueue', { jobs: 10 });
    await server.load('drain', { batch: 10 });
    await sleep(size(90000, 100)); // what follows the last job: counts are folded and what is past its time is looked for, within a minute
    pg.query('postgres', "ALTER SYSTEM SET log_statement = 'all'");
    pg.query('postgres', 'SELECT pg_reload_conf()');
    await sleep(size(500, 100));
    const before = pg.logText().length;
    await sleep(seconds * 1000);
    const text = pg.logText().slice(before);
    pg.query('postgres', 'ALTER SYSTEM RESET log_statement');
    pg.query('postgres', 'SELECT pg_reload_conf()');
    await server.stopAndForget();
    const statements = [...text.matchAll(/LOG: +(?:statement|execute [^:]*): *(.{1,40})/g)].map((m) => m[1].trim());
    const count = (statements.length * 60) / seconds;
    record({ idle_statements: statements, seconds });
    if (isSmoke) return;
    heading(`A node with nothing to do for ${seconds} s`);
    columns('', 'a minute', '', '', 'floor');
    figure({ name: 'statements', shown: number(count), value: count, floor: 4, most: true });
    for (const text of new Set(statements)) say(`    ${statements.filter((s) => s === text).length} × ${text}`);
}

/** WAL of one job's whole life, and what it leaves behind; beside the bare program of bench/limits. */
export async function writeAhead(jobs) {
    const pg = await cluster();
    const lsn = () => Number(pg.query('postgres', "SELECT pg_current_wal_insert_lsn() - '0/0'"));
    const bareFrom = lsn();
    await bareDrain();
    const bare = (lsn() - bareFrom) / size(100000, 3000);
    const step = Math.min(jobs, 100000);
    const server = await Server.start('wal');
    const from = lsn();
    let done = 0;
    while (done < jobs) {
        const enqueued = await server.load('enqueue', { jobs: step, batch: size(1000, 100), 'in-flight': 2, seconds: 120 });
        const drained = await server.load('drain', { batch: size(1000, 100), 'in-flight': 3, seconds: 120 });
        if (drained.jobs !== enqueued.jobs) throw new Error(`${drained.jobs} of ${enqueued.jobs} jobs were drained`);
        done += drained.jobs;
    }
    const each = (lsn() - from) / done;
    await sleep(size(1500, 1200)); // backends tell what they did once a second
    const tables = pg
        .query(
            'wal',
            `SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid) FROM pg_stat_user_tables
             WHERE n_live_tup + n_dead_tup > 0 ORDER BY n_dead_tup DESC, n_live_tup DESC LIMIT 8`,
        )
        .split('\n')
        .map((line) => line.split('\t'));
    await server.stopAndForget();
    record({ wal_bytes_a_job: each, bare_wal_bytes_a_job: bare, jobs: done, tables });
    if (isSmoke) return;
    heading(`What ${number(done)} jobs leave behind: enqueued, claimed, completed`);
    columns('', 'stint', 'bare', 'times');
    figure({ name: 'WAL bytes a job', shown: number(each), limit: number(bare), ratio: each / bare });
    columns('table', 'live rows', 'dead rows', 'MiB');
    for (const [name, live, dead, bytes] of tables) columns(name, number(+live), number(+dead), number(bytes / 2 ** 20));
}

/** Copies of the finished jobs under older ids, until the history holds `rows` more; as SQL, because only their number counts. */
function fillHistory(pg, name, rows) {
    const list = pg.query(name, "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns WHERE table_schema = 'stint' AND table_name = 'history' AND column_name <> 'id'");
    const sources = Number(pg.query(name, 'SELECT count(*) FROM stint.history'));
    const yesterday = Date.now() - 86400000;
    const copies = Math.ceil(rows / sources);
    const step = Math.max(1, Math.round(1000000 / sources));
    for (let done = 0; done < copies; done += step) {
        const last = Math.min(copies, done + step);
        // A version 7 id: the time, then random bits.
        const id = `(lpad(to_hex(${yesterday} + g * 100), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid`;
        pg.query(
            name,
            `INSERT INTO stint.history(id, ${list}) SELECT ${id}, ${list}
             FROM (SELECT * FROM stint.history ORDER BY id DESC LIMIT ${sources}) AS h,
             generate_series(${done + 1}, ${last}) AS g`,
        );
    }
    pg.query(name, 'VACUUM (ANALYZE) stint.history');
    pg.query(name, 'CHECKPOINT');
}

async function ask(server, method, path, body) {
    const start = performance.now();
    const json = await server.ask(method, path, body);
    return { ms: performance.now() - start, json };
}

async function claimTime(server, max) {
    const { ms, json } = await ask(server, 'POST', '/v1/claims', { worker: 'w', queues: ['late'], kinds: ['bench'], max, wait_s: 0 });
    if (json.jobs.length !== max) throw new Error(`${json.jobs.length} of ${max} jobs claimed`);
    await ask(server, 'POST', '/v1/reports', json.jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete', result: { ok: true } })));
    return ms;
}

const LISTS = { 'list, newest 100': '/v1/jobs?limit=100', 'list, newest 100 completed': '/v1/jobs?limit=100&state=completed', 'list, 100 of a queue': '/v1/jobs?limit=100&queue=bench' };

/** A quarter of the calls were faster: what else the machine does only adds. */
const quick = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 4)];

/** Claims and lists with ten million rows in the history against ten thousand: call by call in turn, on one PostgreSQL. */
export async function longHistory() {
    const rows = size(10000000, 2000);
    const calls = size(300, 3);
    const pg = await cluster();
    const servers = { old: await Server.start('old'), fresh: await Server.start('fresh') };
    for (const server of Object.values(servers)) {
        await server.load('enqueue', { jobs: size(40000, 2000), batch: size(1000, 100), seconds: 60, queue: 'late' }); // for the claims
        await server.load('enqueue', { jobs: size(10000, 100), batch: size(1000, 100), seconds: 60 });
        await server.load('drain', { batch: size(1000, 100), seconds: 60 });
    }
    say(`  filling the history with ${number(rows)} rows …`);
    fillHistory(pg, 'old', rows);
    await sleep(100); // the servers have closed connections meanwhile: hear of it
    const kinds = { 'claim of 1': (s) => claimTime(s, 1), 'claim of 100': (s) => claimTime(s, 100) };
    for (const [name, path] of Object.entries(LISTS)) kinds[name] = async (s) => (await ask(s, 'GET', path)).ms;
    const times = {};
    for (const [name, run] of Object.entries(kinds)) {
        times[name] = { old: [], fresh: [] };
        for (let i = -10; i < calls; i++) {
            for (const which of i % 2 ? ['old', 'fresh'] : ['fresh', 'old']) {
                const ms = await run(servers[which]);
                if (i >= 0) times[name][which].push(ms); // the first ones warm the caches
            }
        }
    }
    for (const server of Object.values(servers)) await server.stopAndForget();
    record({ long_history: times, rows });
    if (isSmoke) return;
    heading(`With ${number(rows)} rows in the history: the quickest quarter of ${calls} calls ends at`);
    columns('', 'with', 'without', 'ratio', 'floor');
    for (const [name, { old, fresh }] of Object.entries(times)) {
        const [a, b] = [quick(old), quick(fresh)];
        figure({ name, shown: `${a.toFixed(2)} ms`, limit: `${b.toFixed(2)} ms`, ratio: a / b, floor: 1.1, most: true });
    }
}
