// Batches over HTTP: made with jobs and finalisers, growing, capped, closed, cancelled; their list, events and results.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BIN, startServer, stint } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(() => server.stop());

async function call(method, path, body, status = 200, more = {}) {
    const answer = await server.call(method, path, body, more);
    assert.equal(answer.status, status, answer.text);
    return answer.json;
}

const make = (body) => call('POST', '/v1/batches', body, 201);
const get = (id) => call('GET', `/v1/batches/${id}`);

async function claim(queue, kind) {
    const answer = await server.call('POST', '/v1/claims', { worker: 'w', queues: [queue], kinds: [kind], wait_s: 20 });
    return answer.json?.jobs?.[0];
}

const report = (job, op, more = {}) => call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op, ...more });

/** The events behind `last`, until the stream ends. */
async function stream(id, last) {
    const answer = await server.call('GET', `/v1/batches/${id}/events`, undefined, { headers: { accept: 'text/event-stream', 'last-event-id': String(last) } });
    return [...answer.text.matchAll(/^id: (\d+)\nevent: (\S+)\ndata: (.*)$/gm)].map(([, seq, type, data]) => ({ seq: Number(seq), type, data: JSON.parse(data) }));
}

test('a batch with a finaliser runs, finishes once, and tells of it', async () => {
    const made = await make({ name: 'nightly', labels: { day: '2026-11-22' }, closed: true,
        jobs: [{ kind: 'k', queue: 'a', args: 1 }, { kind: 'k', queue: 'a', args: 2 }], finally: [{ kind: 'report', queue: 'a' }] });
    assert.equal(made.jobs.length, 2);
    assert.deepEqual(made.finally.map((v) => v.state), ['blocked']);
    const events = stream(made.id, 0); // a stream that is open from the beginning
    const last = claim('a', 'report'); // waits for the server's own tick
    const first = await claim('a', 'k');
    assert.equal(first.batch, made.id);
    await report(first, 'complete', { result: { n: 1 }, children: [{ kind: 'k', args: 3 }] });
    await report(await claim('a', 'k'), 'fail', { error: { class: 'permanent', code: 'bad', message: 'no' } });
    await report(await claim('a', 'k'), 'complete');
    assert.deepEqual([(await last).id, (await last).finally_of], [made.finally[0].id, made.id]);
    assert.equal((await call('GET', `/v1/jobs/${made.finally[0].id}`)).finally_of, made.id);
    await report(await last, 'complete');
    const batch = await get(made.id);
    assert.equal(batch.state, 'finished');
    assert.deepEqual(batch.counts, { open: 0, completed: 2, failed: 1, cancelled: 0, skipped: 0 });
    assert.deepEqual([batch.name, batch.labels, batch.max_jobs, batch.round], ['nightly', { day: '2026-11-22' }, null, 1]);
    assert.deepEqual((await events).map((e) => e.type), ['finished', 'end']);
    assert.deepEqual(await stream(made.id, 1).then((e) => e.map((x) => x.type)), ['end']);
    assert.equal((await server.call('GET', `/v1/batches/${made.id}/events`, undefined, { headers: { 'last-event-id': '2' } })).status, 204);
    const page = await call('GET', `/v1/batches/${made.id}/events`, undefined, 200, { headers: { accept: 'application/json' } });
    assert.deepEqual(page.events[0].data, { round: 1, completed: 2, failed: 1, cancelled: 0, skipped: 0 });
    const { jobs } = await call('GET', `/v1/batches/${made.id}/jobs?state=failed`);
    assert.deepEqual(jobs.map((j) => [j.state, j.batch]), [['failed', made.id]]);
    await call('POST', `/v1/jobs/${jobs[0].id}/retry`, {});
    assert.deepEqual([(await get(made.id)).state, (await get(made.id)).round], ['closed', 2]);
    await report(await claim('a', 'k'), 'complete');
    assert.deepEqual((await stream(made.id, 2)).map((e) => e.type), ['finished', 'end']);
    assert.deepEqual((({ id, round, finally_of }) => [id, round, finally_of])(await claim('a', 'report')), [made.finally[0].id, 2, made.id]);
});

test('results come as NDJSON, by pages', async () => {
    const { id } = await make({ jobs: Array.from({ length: 5 }, (_, i) => ({ kind: 'k', queue: 'b', args: i })) });
    for (let i = 0; i < 5; i++) {
        const job = await claim('b', 'k');
        await report(job, 'complete', { result: { args: job.args, text: 'a\nb' } });
    }
    const lines = [];
    for (let cursor = ''; cursor !== null;) {
        const answer = await server.call('GET', `/v1/batches/${id}/results?limit=2${cursor && `&cursor=${cursor}`}`);
        assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
        lines.push(...answer.text.trim().split('\n').map((l) => JSON.parse(l)));
        cursor = answer.headers.get('stint-next-cursor');
    }
    assert.deepEqual(lines.map((l) => l.result.args), [0, 1, 2, 3, 4]);
    assert.deepEqual(Object.keys(lines[0]), ['job', 'kind', 'unique_key', 'tags', 'state', 'result', 'error', 'finished_at']);
    const pretty = await make({ jobs: [{ kind: 'k', queue: 'b' }] });
    const job = await claim('b', 'k');
    await call('POST', '/v1/reports', `{"job":"${job.id}","lease":${job.lease},"n":1,"op":"complete","result":{\n "a":\r\n 1}}`, 200, { headers: { 'content-type': 'application/json' } });
    const answer = await server.call('GET', `/v1/batches/${pretty.id}/results`);
    assert.equal(answer.text.split('\n').length, 2);
    assert.deepEqual(JSON.parse(answer.text).result, { a: 1 });
});

test('it takes no more than max_jobs, and nothing when it is closed', async () => {
    const { id, jobs } = await make({ max_jobs: 2, jobs: [{ kind: 'k', queue: 'c' }, { kind: 'k', queue: 'c' }, { kind: 'k', queue: 'c' }] });
    assert.deepEqual(jobs.map((j) => j.dropped ?? false), [false, false, true]);
    assert.deepEqual(await call('POST', '/v1/jobs', { kind: 'k', queue: 'c', batch: id }), { dropped: true });
    assert.equal((await get(id)).counts.open, 2);
    assert.equal((await call('POST', `/v1/batches/${id}/close`)).state, 'closed');
    assert.equal((await call('POST', '/v1/jobs', { kind: 'k', batch: id }, 409)).code, 'batch_closed');
    const cancelled = await call('POST', `/v1/batches/${id}/cancel`);
    assert.equal(cancelled.cancelled, true);
    const events = await stream(id, 0);
    assert.deepEqual(events.map((e) => e.type), ['closed', 'cancelled', 'finished', 'end']);
    assert.equal(events[2].data.cancelled, 2);
    assert.equal((await call('GET', `/v1/jobs?batch=${id}&state=cancelled`)).jobs.length, 2);
});

test('what is wrong is refused, with the way to it, and nothing is made', async () => {
    const before = (await call('GET', '/v1/batches?limit=1')).batches[0].id;
    const rows = [
        [{ jobs: [{ kind: 'k' }, { kind: '' }] }, 422, '/jobs/1/kind'],
        [{ jobs: [{ kind: 'k', batch: before }] }, 422, '/jobs/0/batch'],
        [{ finally: [{ kind: 'k', depends_on: ['a'] }] }, 422, '/finally/0/depends_on'],
        [{ finally: [{ kind: 'k', priority: 'x' }] }, 422, '/finally/0/priority'],
        [{ jobs: [{ kind: 'k', depends_on: ['nobody'] }] }, 422, '/jobs/0/depends_on/0'],
        [{ max_jobs: 0 }, 422, '/max_jobs'],
        [{ max_jobs: 1, jobs: [{ kind: 'k', ref: 'a' }, { kind: 'k', depends_on: ['a'] }] }, 409, '/jobs/0/batch'],
        [{ labels: { a: 1 } }, 422, '/labels'],
        [{ labels: { a: 'x'.repeat(5000) } }, 422, '/labels'],
        [{ nonsense: 1 }, 422, '/nonsense'],
        [[], 422, undefined],
    ];
    for (const [body, status, field] of rows) {
        const answer = await server.call('POST', '/v1/batches', body);
        assert.deepEqual([answer.status, answer.json.field], [status, field], `${JSON.stringify(body).slice(0, 99)} ${answer.text}`);
    }
    assert.equal((await call('GET', '/v1/batches?limit=1')).batches[0].id, before);
    const unknown = '0199f3c8-7a10-7000-8000-00000000abcd';
    assert.equal((await call('POST', '/v1/jobs', { kind: 'k', batch: unknown }, 422)).code, 'unknown_batch');
    await call('GET', `/v1/batches/${unknown}/results`, undefined, 404);
    await call('GET', `/v1/jobs/${before}`, undefined, 404);
    await call('GET', `/v1/jobs/${before}/events`, undefined, 404);
    await call('POST', `/v1/jobs/${before}/cancel`, undefined, 404);
    const { id } = await call('POST', '/v1/jobs', { kind: 'k', queue: 'd' }, 201);
    await call('GET', `/v1/batches/${id}`, undefined, 404);
    await call('POST', `/v1/batches/${id}/close`, undefined, 404);
    assert.equal((await call('PUT', '/v1/schedules/s', { every_s: 60, job: { kind: 'k', batch: before } }, 422)).field, '/job/batch');
});

test('the same Idempotency-Key makes one batch; batches are listed newest first', async () => {
    const headers = { 'idempotency-key': 'once' };
    const [one, two] = [await call('POST', '/v1/batches', { name: 'i' }, 201, { headers }), await call('POST', '/v1/batches', { name: 'i' }, 201, { headers })];
    assert.equal(one.id, two.id);
    const { id } = await make({ name: 'newest' });
    const page = await call('GET', '/v1/batches?limit=1');
    assert.deepEqual(page.batches.map((b) => b.id), [id]);
    assert.equal((await call('GET', `/v1/batches?limit=1&cursor=${page.next_cursor}`)).batches[0].id, one.id);
});

test('they are found by name and by label, over HTTP and by the command', async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await make({ name: i % 2 ? 'odd one' : 'even', labels: { day: i < 3 ? 'a&b' : 'c' } })).id);
    const list = async (query) => (await call('GET', `/v1/batches?${query}`)).batches.map((b) => ids.indexOf(b.id));
    assert.deepEqual(await list('label=day:a%26b'), [2, 1, 0]);
    assert.deepEqual(await list('name=odd+one'), [3, 1]);
    assert.deepEqual(await list('name=even&label=day:c'), [4]);
    const page = await call('GET', '/v1/batches?label=day:a%26b&limit=2');
    assert.deepEqual(await list(`label=day:a%26b&limit=2&cursor=${page.next_cursor}`), [0]);
    await call('GET', `/v1/batches?label=day:c&cursor=${page.next_cursor}`, undefined, 400);
    for (const label of ['day', `day:${'x'.repeat(300)}`]) assert.equal((await call('GET', `/v1/batches?label=${label}`, undefined, 422)).field, '?label');
    const told = JSON.parse(stint(['batch', 'list', '--label', 'day:a&b', '--name', 'even', '--url', server.url, '--key', server.key, '--json']));
    assert.deepEqual(told.batches.map((b) => ids.indexOf(b.id)), [2, 0]);
    const typed = (...words) => spawnSync(BIN, ['batch', 'list', '--url', server.url, '--key', server.key, ...words], { encoding: 'utf8', env: { PATH: process.env.PATH, NO_COLOR: '1' } });
    const rows = ({ status, stdout, stderr }) => [status, stdout.trimEnd().split('\n').slice(1).map((row) => ids.indexOf(row.split(' ')[0])), stderr];
    assert.deepEqual(rows(typed('--label', 'day:a&b')), [0, [2, 1, 0], '']);
    assert.deepEqual(rows(typed('--label', 'day:a&b', '--limit', '3')), [0, [2, 1, 0], '']);
    assert.deepEqual(rows(typed('--label', 'day:a&b', '--limit', '2')), [0, [2, 1], 'stint batch: there are more: --limit, --name or --label\n']);
    for (const n of ['0', '1001', 'x']) assert.deepEqual([typed('--limit', n).status, typed('--limit', n).stdout], [2, '']);
    for (const n of ['0', '1001', 'x']) await call('GET', `/v1/batches?limit=${n}`, undefined, 422);
    assert.equal(typed('--limit', '1000').status, 0);
});

test('whoever watches a batch sees how far it is, and whoever waits for its end gets it', async () => {
    const { id, jobs } = await make({ closed: true, jobs: Array.from({ length: 4 }, () => ({ kind: 'k', queue: 'far' })) });
    assert.deepEqual((({ pct, eta_s }) => [pct, eta_s])(await get(id)), [0, null]);
    assert.deepEqual((({ pct, eta_s }) => [pct, eta_s])(await get((await make({})).id)), [null, null]);
    const over = call('GET', `/v1/batches/${id}?wait=60`);
    assert.equal((await call('GET', `/v1/batches/${id}?wait=1`)).state, 'closed');
    const controller = new AbortController();
    const stream = await fetch(`${server.url}/v1/batches/${id}/events`, { headers: { authorization: `Bearer ${server.key}` }, signal: controller.signal });
    const told = [];
    let text = '';
    for await (const part of stream.body.pipeThrough(new TextDecoderStream())) {
        text += part;
        const now = [...text.matchAll(/^event: progress\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data));
        if (now.length > told.length && told.push(...now.slice(told.length)) < 3) await report(await claim('far', 'k'), 'complete');
        if (told.length === 3 && told[2].open) { // the end comes as the record has it
            for (let i = 0; i < 2; i++) await report(await claim('far', 'k'), 'complete');
            told[2].open = 0;
        }
    }
    assert.deepEqual(told.map((p) => [p.state, p.round, p.completed, p.pct]), [['closed', 1, 0, 0], ['closed', 1, 1, 25], ['closed', 1, 2, 50]]);
    assert.ok(told[0].eta_s === null && told[1].eta_s >= 1, JSON.stringify(told));
    assert.doesNotMatch(text, /event: state/);
    assert.match(text, /event: end/);
    assert.deepEqual((({ state, pct, eta_s }) => [state, pct, eta_s])(await over), ['finished', 100, null]);
    assert.equal((await call('GET', `/v1/batches/${id}?wait=30`)).id, id);
    assert.equal(jobs.length, 4);
});

test('a batch that is to be filled later tells when', async () => {
    const run_at = '2999-01-01T00:00:00.000Z';
    const { id } = await make({ job: { kind: 'k', queue: 'later', run_at }, matrix: { a: [1, 2] } });
    assert.deepEqual((({ state, run_at }) => [state, run_at])(await get(id)), ['filling', run_at]);
    await call('POST', `/v1/batches/${id}/cancel`);
    assert.equal((await get(id)).run_at, null);
});
