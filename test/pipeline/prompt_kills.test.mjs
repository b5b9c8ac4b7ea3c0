// A batch of prompts by force: while two commands make it, or a tick of a schedule, and a worker asks a provider that is slow, refuses, cuts
// off, says later and breaks its JSON, servers and workers are killed with -9. Afterwards every coordinate has exactly one job and one result, the report says
// so, the provider was asked by no job but these, and its key is in nothing that was kept or told.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { CLUSTER, makeDatabase } from '../e2e/lib/postgres.mjs';
import { createKey, makeDir, startServer } from '../e2e/lib/server.mjs';
import { batch, soon, startWorker } from './lib/prompts.mjs';
import { completion, startProvider } from './lib/provider.mjs';

const KEY = 'sk-test-fedcba9876543210';
const FATES = ['plain', 'plain', 'later', 'slow', 'broken', 'refused', 'cut', 'plain'];
const SCHEMA = { type: 'object', properties: { pick: { type: 'string' } }, required: ['pick'], additionalProperties: false };
const SIZES = process.env.CHAOS ? { prompts: 100, slots: 64, kills: 5 } : { prompts: 8, slots: 8, kills: 3 };

/** Each milestone acts when the provider has been asked so many times. A slow answer comes with the next call, while `mayWait` says that there will be one. */
function script(milestones, mayWait) {
    let n = 0, wake = () => {};
    const calls = new Map(); // of each job
    const slow = async (mine) => {
        if (!await mayWait() || n > mine) return;
        await new Promise((resolve) => { wake = resolve; });
    };
    const answer = async ({ body, headers }) => {
        while (milestones.length && n >= milestones[0].at) milestones.shift().act();
        const mine = ++n;
        wake();
        const job = headers['idempotency-key'].slice(0, 36);
        calls.set(job, (calls.get(job) ?? 0) + 1);
        const fate = /\((\w+) /.exec(JSON.stringify(body.messages))[1];
        const say = (text, more) => completion(text, more);
        if (fate === 'slow') await slow(mine);
        switch (fate) {
        case 'later': return calls.get(job) > 1 ? say('{"pick":"Acme"}') : { status: 429, headers: { 'retry-after-ms': '50' }, body: { error: { message: `slow down, ${KEY}` } } };
        case 'broken': return body.messages.length > 1 ? say('{"pick":"Acme",}') : say('{"pick":7}');
        case 'refused': return say(null, { message: { refusal: 'No.' } });
        case 'cut': return say('{"pick":"Ac', { finish: 'length' });
        default: return say('{"pick":"Acme"}');
        }
    };
    return { answer, calls };
}

/** All files below a folder, as bytes. */
const bytesBelow = (path) => readdirSync(path, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => readFileSync(`${f.parentPath ?? f.path}/${f.name}`));

/** Two commands at once; a server that dies takes their connections along, and then the command is given again. */
async function byCommand(run) {
    const doubled = await Promise.all([run('--wait', '--json'), run('--wait', '--json')]);
    for (let last = doubled.find((d) => d.code === 0) ?? doubled[0]; ; last = await run('--wait', '--json')) {
        if (last.code === 0) return JSON.parse(last.out);
    }
}

/** The report on the tick, when it is there. */
async function byTick(server) {
    for (;;) {
        const { code, out } = await batch(server(), 'report', 'kills', '--json');
        if (code === 0) return JSON.parse(out);
        await server().call('GET', '/v1/jobs?kind=prompt-report').catch(() => {});
    }
}

async function killThrough(t, options) {
    const { prompts, slots, kills } = SIZES;
    const jobs = prompts * 2 * 3;
    const definition = {
        name: 'kills', runs: 3, cron: options.isScheduled ? soon() : undefined, schema: SCHEMA, entities: ['Acme'], models: [{ id: 'one', provider: 'acme' }, { id: 'two', provider: 'acme' }],
        prompts: Array.from({ length: prompts }, (_, i) => ({ id: `p${i}`, text: `Which? (${FATES[i % FATES.length]} ${i})` })),
    };
    const dir = makeDir('stint-prompt-kills-');
    writeFileSync(dir.file('def.json'), JSON.stringify(definition));
    const run = (...more) => batch(server, 'run', dir.file('def.json'), '--date', '2026-11-22', ...more);
    const started = [];
    let stop = false;
    const start = async (more = {}) => {
        server = await startServer({ ...options, dir, key: server?.key ?? options.key, listen: server?.url.replace('http://', ''), ...more });
        started.push(server);
        return server;
    };
    // Its first life ends while the batch is being made.
    let server = undefined;
    await start({ env: { STINT_FAULT: options.isScheduled ? 'store.fill.chunk:kill:1' : 'store.round.commit:kill:4' } });
    const made = await (options.isScheduled ? batch(server, 'schedule', dir.file('def.json')) : run());
    assert.equal(made.code === 0, options.isScheduled ?? false, made.err);
    assert.equal((await server.exit).signal, 'SIGKILL');
    await start();
    // On a database there is a second one that looks for ticks.
    const twin = options.isScheduled && options.store ? await startServer({ store: options.store, key: options.key }) : undefined;

    let worker, revived = Promise.resolve();
    const work = () => startWorker(server, dir, { acme: { base_url: `${provider.url}/v1`, secret: 'ACME' } }, { slots, env: { STINT_SECRET_ACME: KEY, STINT_LEASE: '2s' } });
    const kill = async (what) => {
        if (stop) return;
        await (what === 'server' ? server.kill() : worker.stop('SIGKILL'));
        if (what === 'server') await start();
        else { logs.push(worker.log); worker = work(); }
    };
    const logs = [];
    const milestones = Array.from({ length: kills - 1 }, (_, i) => ({ at: ((i + 1) * jobs) / (kills + 1), act: () => { revived = revived.then(() => kill(i % 2 ? 'server' : 'worker')); } }));
    const { answer, calls } = script(milestones, async () => {
        const said = await server.call('GET', '/v1/jobs?kind=run-prompt&state=queued,scheduled&limit=1').catch(() => null);
        return said?.json?.jobs?.length > 0;
    });
    const provider = await startProvider(answer);
    worker = work();
    const report = await (options.isScheduled ? byTick(() => server) : byCommand(run));
    await revived;
    stop = true;
    assert.equal(milestones.length, 0, 'not all kills were done');

    // Every coordinate once, with the end that its script has for it.
    const of = (fates) => definition.prompts.filter((_, i) => fates.includes(FATES[i % FATES.length])).length * 6;
    assert.deepEqual(report.outcomes, { succeeded: of(['plain', 'later', 'slow', 'broken']), refused: of(['refused']), invalid: 0, truncated: of(['cut']), failed: 0, cancelled: 0 }, JSON.stringify(report.failures));
    assert.deepEqual([report.jobs, report.entities[0].mentioned], [jobs, of(['plain', 'later', 'slow', 'broken'])]);
    const { batches } = (await server.call('GET', '/v1/batches')).json;
    const full = batches.filter((b) => b.counts.completed + b.counts.failed > 0);
    assert.deepEqual(full.map((b) => [b.id, b.state, b.round, b.counts.completed + b.counts.failed]), [[report.batch, 'finished', 1, jobs]]);
    const keys = new Set();
    const told = [];
    for (let cursor = ''; cursor !== null;) {
        const page = (await server.call('GET', `/v1/jobs?limit=1000${cursor && `&cursor=${cursor}`}`)).json;
        for (const j of page.jobs) if (j.kind === 'run-prompt') keys.add(j.unique_key);
        told.push(JSON.stringify(page));
        assert.equal(page.jobs.filter((j) => j.kind === 'prompt-report' && j.state === 'completed').length, told.length === 1 ? 1 : 0);
        cursor = page.next_cursor;
    }
    assert.equal(keys.size, jobs);
    assert.equal(calls.size, jobs);
    if (options.isScheduled) assert.deepEqual([...keys].map((k) => Number(/^schedule:kills:.*:(\d+)$/.exec(k)[1])).sort((a, b) => a - b), [...Array(jobs).keys()]);
    else assert.equal((await run()).out.match(/(\d+) made now/)[1], '0');
    await twin?.stop();

    await worker.stop();
    logs.push(worker.log, ...started.flatMap((s) => s.log), ...told, options.dump?.() ?? '');
    assert.equal((await server.stop()).code, 0);
    await provider.stop();
    assert.ok(!logs.join('\n').includes(KEY), 'the key was told');
    assert.ok(bytesBelow(dir.path).every((b) => !b.includes(KEY)), 'the key was stored');
    t.diagnostic(`${jobs} jobs, ${provider.calls.length} calls, ${started.length} servers, ${kills} kills`);
    dir.remove();
}

async function onPostgres(t, more) {
    const database = makeDatabase();
    await killThrough(t, { store: database.dsn, key: createKey(database.dsn), dump: database.dump, ...more });
    database.drop();
}
const whenPostgres = { timeout: 300000, skip: CLUSTER && process.env.CHAOS ? false : 'make chaos does it' };

test('a batch of prompts is whole and nothing in it is double, whoever is killed', { timeout: 300000 }, async (t) => {
    await killThrough(t, {});
});

test('so it is on PostgreSQL', whenPostgres, (t) => onPostgres(t, {}));

test('a tick of its schedule is, too', { timeout: 300000, skip: process.env.CHAOS ? false : 'make chaos does it' }, async (t) => {
    await killThrough(t, { isScheduled: true });
});

test('and so it is with two servers on PostgreSQL', whenPostgres, (t) => onPostgres(t, { isScheduled: true }));
