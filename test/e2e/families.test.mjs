// Jobs that hang under another, over HTTP: children in reports, a parent that waits without a worker, cancel of a tree, and the
// list of children. The parent is woken by the server itself: nobody polls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(() => server.stop());

async function enqueue(queue, more = {}) {
    const answer = await server.call('POST', '/v1/jobs', { kind: 'parent', queue, ...more });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
}

async function claim(queue, kind, wait_s = 20) {
    const answer = await server.call('POST', '/v1/claims', { worker: 'w', queues: [queue], kinds: [kind], wait_s });
    return answer.status === 200 ? answer.json.jobs?.[0] : undefined;
}

async function report(job, n, op, more = {}) {
    const answer = await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

async function get(path) {
    const answer = await server.call('GET', path);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

test('a parent waits for its children without a worker, and hears what became of them', async () => {
    const id = await enqueue('a');
    const parent = await claim('a', 'parent');
    const verdict = await report(parent, 1, 'wait', { checkpoint: { page: 1 }, children: [{ kind: 'child', args: 1 }, { kind: 'child', args: 2 }, { kind: 'child', args: 3, unique_key: 'a3' }] });
    assert.equal(verdict.state, 'blocked');
    assert.equal(verdict.children.length, 3);
    const woken = claim('a', 'parent'); // a long poll: it ends when the last child has
    for (const end of ['complete', 'fail', 'complete']) {
        const child = await claim('a', 'child');
        assert.equal(child.parent, id);
        await report(child, 1, end, end === 'fail' ? { error: { class: 'permanent', code: 'gone', message: 'no page' } } : {});
    }
    const again = await woken;
    assert.equal(again.id, id);
    assert.equal(again.attempt, 1);
    assert.deepEqual(again.checkpoint, { page: 1 });
    assert.equal(again.cancelling, undefined);
    const { failures, ...counts } = again.children;
    assert.deepEqual(counts, { open: 0, completed: 2, failed: 1, cancelled: 0, skipped: 0 });
    assert.deepEqual(failures.map((f) => [f.kind, f.code, f.message]), [['child', 'gone', 'no page']]);
    await report(again, 1, 'complete', { result: 'done' });
    assert.equal((await get(`/v1/jobs/${id}`)).waits, 1);
});

test('children are listed in pages, with counts', async () => {
    const id = await enqueue('b');
    const parent = await claim('b', 'parent');
    const { children } = await report(parent, 1, 'progress', { children: Array.from({ length: 5 }, (_, i) => ({ kind: 'child', args: i })) });
    const first = await get(`/v1/jobs/${id}/children?limit=3`);
    assert.deepEqual(first.jobs.map((j) => j.id), children.slice(0, 3).map((c) => c.id));
    assert.deepEqual(first.counts, { open: 5, completed: 0, failed: 0, cancelled: 0, skipped: 0 });
    const second = await get(`/v1/jobs/${id}/children?limit=3&cursor=${encodeURIComponent(first.next_cursor)}`);
    assert.deepEqual(second.jobs.map((j) => j.id), children.slice(3).map((c) => c.id));
    assert.equal(second.next_cursor, null);
    for (const job of second.jobs) assert.deepEqual([job.parent, job.root], [id, id]);
    const other = await enqueue('b');
    const foreign = await server.call('GET', `/v1/jobs/${other}/children?cursor=${encodeURIComponent(first.next_cursor)}`);
    assert.equal(foreign.json.code, 'invalid_cursor');
});

test('whole children are what each is by itself, and a page of them ends when it is big', async () => {
    const id = await enqueue('whole');
    const parent = await claim('whole', 'parent');
    const big = Array.from({ length: 20 }, (_, i) => ({ kind: 'child', args: { i } }));
    const { children } = await report(parent, 1, 'progress', { children: big });
    for (let i = 0; i < 20; i++) await report(await claim('whole', 'child'), 1, 'complete', { result: `${i} ${'x'.repeat(900_000)}` });
    const found = [];
    let pages = 0;
    for (let cursor = ''; cursor !== null; pages++) {
        const page = await get(`/v1/jobs/${id}/children?limit=1000&full=true${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
        found.push(...page.jobs);
        cursor = page.next_cursor;
    }
    assert.equal(pages, 2);
    assert.deepEqual(found.map((j) => j.id), children.map((c) => c.id));
    for (const i of [0, 19]) assert.deepEqual(found[i], await get(`/v1/jobs/${found[i].id}`));
    assert.equal((await server.call('GET', `/v1/jobs/${id}/children?full=perhaps`)).json.code, 'invalid_field');
});

test('whole children come as lines, too: those that are final', async () => {
    const id = await enqueue('lines');
    const parent = await claim('lines', 'parent');
    const { children } = await report(parent, 1, 'progress', { children: Array.from({ length: 4 }, (_, i) => ({ kind: 'child', args: { i } })) });
    const body = (job) => `{"job":"${job.id}","lease":${job.lease},"n":1,"op":"complete","result":{\n"a":\r\n[1]}}`;
    for (let i = 0; i < 3; i++) {
        const job = await claim('lines', 'child');
        const done = await fetch(`${server.url}/v1/reports`, { method: 'POST', body: body(job), headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' } });
        assert.equal(done.status, 200);
    }
    const found = [];
    const counts = [];
    let cursor = '';
    do {
        const answer = await server.call('GET', `/v1/jobs/${id}/children?limit=2&full=true${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, undefined, { headers: { accept: 'application/x-ndjson' } });
        assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
        const lines = answer.text.split('\n');
        assert.equal(lines.pop(), '');
        counts.push(lines.length);
        found.push(...lines.map((line) => JSON.parse(line)));
        cursor = answer.headers.get('stint-next-cursor') ?? '';
    } while (cursor);
    assert.deepEqual(counts, [2, 1]);
    assert.deepEqual(found.map((j) => j.id), children.slice(0, 3).map((c) => c.id));
    assert.deepEqual(found[0], await get(`/v1/jobs/${found[0].id}`));
    assert.deepEqual(found[0].result, { a: [1] });
});

test('one artifact of each child comes in one answer, a big one by itself', async () => {
    const id = await enqueue('texts');
    const parent = await claim('texts', 'parent');
    const { children } = await report(parent, 1, 'progress', { children: Array.from({ length: 6 }, (_, i) => ({ kind: 'child', args: { i } })) });
    const texts = ['eins\n', '', 'zwei\nzwei', null, 'x'.repeat(300 << 10), 'drei'];
    for (const text of texts.slice(0, 5)) {
        const job = await claim('texts', 'child');
        if (text?.length > 1000) {
            const put = await fetch(`${server.url}/v1/jobs/${job.id}/artifacts/t?lease=${job.lease}`, { method: 'PUT', body: text, headers: { authorization: `Bearer ${server.key}` } });
            assert.equal(put.status, 201);
        }
        await report(job, 1, 'complete', { artifacts: text === null || text.length > 1000 ? [] : [{ name: 't', text }] });
    }
    await report(await claim('texts', 'child'), 1, 'progress', {}); /* one that goes on has published nothing */
    const ids = children.map((c) => c.id);
    const whole = [`${ids[0]} 5\neins\n`, `${ids[1]} 0\n`, `${ids[2]} 9\nzwei\nzwei`, '', `${ids[4]} ${300 << 10} alone\n`, ''];
    for (const limit of [1000, 4, 1]) {
        let cursor = '';
        for (let i = 0; i < 6; i += limit) {
            const answer = await server.call('GET', `/v1/jobs/${id}/children/artifacts/t?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.text, whole.slice(i, i + limit).join(''));
            cursor = answer.headers.get('stint-next-cursor') ?? '';
            assert.equal(cursor !== '', i + limit < 6);
        }
    }
    const { next_cursor } = await get(`/v1/jobs/${id}/children?limit=1`);
    const foreign = await server.call('GET', `/v1/jobs/${id}/children/artifacts/t?cursor=${encodeURIComponent(next_cursor)}`);
    assert.equal(foreign.json.code, 'invalid_cursor');
    assert.equal((await server.call('GET', `/v1/jobs/${id}/children/artifacts/none`)).text, '');
});

test('what is attached to the root hangs under it, and the root waits for it too', async () => {
    const id = await enqueue('c');
    await report(await claim('c', 'parent'), 1, 'wait', { children: [{ kind: 'child' }] });
    const child = await claim('c', 'child');
    await report(child, 1, 'progress', { events: [{ type: 'page', data: { n: 1 }, root: true }] });
    const { events } = (await server.call('GET', `/v1/jobs/${id}/events`, undefined, { headers: { accept: 'application/json' } })).json;
    assert.deepEqual(events.map((e) => [e.seq, e.type, e.data]), [[1, 'page', { n: 1 }]]);
    const { children } = await report(child, 2, 'complete', { children: [{ kind: 'leaf', attach: 'root' }] });
    const leaf = await claim('c', 'leaf');
    assert.equal(leaf.id, children[0].id);
    assert.equal(leaf.parent, id);
    assert.equal((await get(`/v1/jobs/${id}`)).state, 'blocked');
    await report(leaf, 1, 'complete');
    assert.equal((await claim('c', 'parent')).children.completed, 2);
});

test('cancel of a tree stops what hangs under it, and a parent may publish what was collected', async () => {
    const id = await enqueue('d', { on_cancel: 'run' });
    const { children } = await report(await claim('d', 'parent'), 1, 'wait', { children: [{ kind: 'child' }, { kind: 'child' }] });
    const busy = await claim('d', 'child');
    const told = server.call('POST', '/v1/claims', { worker: 'w', queues: ['d'], kinds: ['child'], max: 0, wait_s: 20 });
    while (!/^stint_claims_waiting 1$/m.test((await server.call('GET', '/metrics')).text)); // who comes behind the cancel is told by its next report
    assert.equal((await server.call('POST', `/v1/jobs/${id}/cancel`)).status, 200);
    assert.deepEqual((await told).json.cancel, [busy.id]);
    const dropped = await report(busy, 1, 'progress', { children: [{ kind: 'more' }] });
    assert.deepEqual(dropped.children, [{ dropped: true }]);
    assert.equal(dropped.cancel, true);
    await report(busy, 2, 'fail', { error: { class: 'permanent', message: 'told to stop' } });
    const last = await claim('d', 'parent');
    assert.equal(last.cancelling, true);
    assert.equal(last.children.cancelled, 2);
    const end = await report(last, 1, 'complete', { result: 'half', artifacts: [{ name: 'half.md', text: '# half' }] });
    assert.equal(end.state, 'cancelled');
    const job = await get(`/v1/jobs/${id}`);
    assert.deepEqual([job.state, job.result, job.cancelling], ['cancelled', 'half', false]);
    assert.equal((await server.call('GET', `/v1/jobs/${id}/artifacts/half.md`)).text, '# half');
    for (const { id: child } of children) assert.equal((await get(`/v1/jobs/${child}`)).state, 'cancelled');
});

test('a repeated report has its children once, and one bad child refuses all', async () => {
    const id = await enqueue('e');
    const parent = await claim('e', 'parent');
    await report(parent, 1, 'progress', { children: [{ kind: 'child' }] });
    const again = await report(parent, 1, 'progress', { children: [{ kind: 'child' }] });
    assert.equal(again.replayed, true);
    const bad = await server.call('POST', '/v1/reports', { job: id, lease: parent.lease, n: 2, op: 'complete', children: [{ kind: 'child' }, { kind: 'a b' }] });
    assert.equal(bad.status, 422);
    assert.equal(bad.json.field, '/children/1/kind');
    const list = await get(`/v1/jobs/${id}/children`);
    assert.equal(list.jobs.length, 1);
    assert.equal((await get(`/v1/jobs/${id}`)).state, 'processing');
});

test('children of a job that is not there are not found', async () => {
    const answer = await server.call('GET', '/v1/jobs/0199f3c8-7a10-7000-8000-000000000001/children');
    assert.equal(answer.status, 404);
});
