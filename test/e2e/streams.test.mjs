// Event streams over HTTP, with the npm client `eventsource` and with plain reads: order, resuming (J12), the end, resets,
// tokens, limits, revocation, heartbeats, injection.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { BIN, makeDir, ours, startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer({ args: ['--event-heartbeat', '50ms', '--max-streams', '20', '--progress-every', '1h'] });
    call = server.call;
});
after(() => server.stop());

const auth = () => ({ authorization: `Bearer ${server.key}` });
const claimNew = async (queue) => {
    await call('POST', '/v1/jobs', { kind: 'k', queue });
    return (await call('POST', '/v1/claims', { worker: 'w', queues: [queue], lease_s: 60 })).json.jobs[0];
};
const counters = new Map();
const report = (job, op, more = {}) => {
    counters.set(job.id, (counters.get(job.id) ?? 0) + 1);
    return call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: counters.get(job.id), op, ...more });
};
const note = (job, ...numbers) => report(job, 'progress', { events: numbers.map((n) => ({ type: 'note', data: { n } })) });

/** Reads a stream as text. next(pattern) waits for the first event, behind those given already, whose text matches. */
async function open(path, headers = {}) {
    const controller = new AbortController();
    const answer = await fetch(server.url + path, { headers: { ...auth(), accept: 'text/event-stream', ...headers }, signal: controller.signal });
    const events = [];
    const waiting = [];
    let rest = '';
    let at = 0;
    const pump = () => {
        while (waiting.length) {
            const index = events.findIndex((e, i) => i >= at && waiting[0].pattern.test(e));
            if (index < 0) return;
            at = index + 1;
            waiting.shift().resolve(events[index]);
        }
    };
    const done = (async () => {
        const decoder = new TextDecoder();
        try {
            for await (const piece of answer.body ?? []) {
                rest += decoder.decode(piece, { stream: true });
                const parts = rest.split('\n\n');
                rest = parts.pop();
                events.push(...parts);
                pump();
            }
        } catch (error) {
            if (error.name !== 'AbortError') throw error;
        }
        for (const w of waiting) w.reject(new Error(`the stream ended without ${w.pattern}: ${JSON.stringify(events)}`));
        return events;
    })();
    return {
        answer,
        events,
        done,
        close: () => controller.abort(),
        next: (pattern) => new Promise((resolve, reject) => (waiting.push({ pattern, resolve, reject }), pump())),
    };
}

const stored = (events) => events.filter((e) => /^id: \d+\nevent: note/.test(e)).map((e) => Number(/"n":(\d+)/.exec(e)[1]));

test('an EventSource sees each stored event once, resumes by itself, and stops after the end', async () => {
    const job = await claimNew('source');
    await note(job, 1, 2);
    const { token } = (await call('POST', `/v1/jobs/${job.id}/stream-token`)).json;
    const requests = [];
    const source = new EventSource(`${server.url}/v1/jobs/${job.id}/events?token=${token}`, {
        fetch: async (url, init) => {
            const answer = await fetch(url, init);
            requests.push({ status: answer.status, lastId: init.headers['Last-Event-ID'] });
            return answer;
        },
    });
    const seen = [];
    const ended = new Promise((resolve) => {
        source.addEventListener('note', (e) => {
            seen.push([e.lastEventId, JSON.parse(e.data).n]);
            if (seen.length === 2) void note(job, 3).then(() => report(job, 'complete', { result: 1 }));
        });
        source.addEventListener('end', (e) => seen.push([e.lastEventId, JSON.parse(e.data).state]));
        // The server closed behind the end; it comes back, gets 204, and gives up.
        source.addEventListener('error', (e) => e.code === 204 && resolve());
    });
    await ended;
    assert.equal(source.readyState, EventSource.CLOSED);
    assert.deepEqual(seen, [['1', 1], ['2', 2], ['3', 3], ['4', 'completed']]);
    assert.deepEqual(requests.map((r) => r.status), [200, 204]);
    assert.equal(requests[1].lastId, '4');
});

test('a reader that comes back gets what is behind its last event, however it says so', async () => {
    const job = await claimNew('resume');
    await note(job, 1, 2, 3, 4, 5);
    await report(job, 'complete');
    for (const [path, headers, want] of [
        ['', {}, [1, 2, 3, 4, 5]],
        ['?last_event_id=3', {}, [4, 5]],
        ['', { 'last-event-id': '4' }, [5]],
        ['?last_event_id=1', { 'last-event-id': '5' }, []],
    ]) {
        const stream = await open(`/v1/jobs/${job.id}/events${path}`, headers);
        assert.equal(stream.answer.status, 200);
        assert.equal(stream.answer.headers.get('content-type'), 'text/event-stream');
        const events = await stream.done;
        assert.deepEqual(stored(events), want);
        assert.match(events.at(-1), /^id: 6\nevent: end\ndata: \{"state":"completed"/);
    }
    assert.equal((await call('GET', `/v1/jobs/${job.id}/events?last_event_id=6`, undefined, { headers: { accept: 'text/event-stream' } })).status, 204);
});

test('the same events come as pages of JSON', async () => {
    const job = await claimNew('pages');
    await note(job, 1, 2, 3);
    const json = { headers: { accept: 'application/json' } };
    const first = (await call('GET', `/v1/jobs/${job.id}/events?limit=2`, undefined, json)).json;
    assert.deepEqual(first.events.map((e) => [e.seq, e.type, e.data.n]), [[1, 'note', 1], [2, 'note', 2]]);
    assert.deepEqual([first.first_seq, first.last_seq, first.state], [1, 3, 'processing']);
    await report(job, 'complete');
    const rest = (await call('GET', `/v1/jobs/${job.id}/events?last_event_id=2`, undefined, json)).json;
    assert.deepEqual(rest.events.map((e) => e.type), ['note', 'end']);
});

test('a last event id from before a restored backup gets a reset, and the record from its start', async () => {
    const job = await claimNew('reset');
    await note(job, 1, 2);
    const stream = await open(`/v1/jobs/${job.id}/events`, { 'last-event-id': '40' });
    const reset = await stream.next(/event: reset/);
    assert.match(reset, /^retry: 1000|^id: 0\nevent: reset/);
    assert.match(reset, /"reason":"ahead"/);
    assert.match(reset, new RegExp(job.id));
    await stream.next(/"n":1\}/);
    await stream.next(/"n":2\}/);
    await note(job, 3);
    await stream.next(/^id: 3\n.*"n":3\}/s);
    stream.close();
    for (const bad of ['abc', '-1', '18446744073709551616', '1.5', '+1']) {
        const answer = await call('GET', `/v1/jobs/${job.id}/events`, undefined, { headers: { 'last-event-id': bad } });
        assert.deepEqual([answer.status, answer.json.code], [400, 'invalid_event_id'], bad);
    }
    await report(job, 'complete');
});

test('stint watch follows a job into a backup that was restored meanwhile, and ends with it', async () => {
    const dir = makeDir();
    const backup = makeDir();
    const store = `sqlite:${dir.file('stint.db')}`;
    let own = await startServer({ dir, store });
    const { key, url } = own;
    const start = () => startServer({ dir, store, key, listen: new URL(url).host });
    await own.call('POST', '/v1/jobs', { kind: 'k', queue: 'q' });
    const job = (await own.call('POST', '/v1/claims', { worker: 'w', queues: ['q'], lease_s: 300 })).json.jobs[0];
    const tell = (n, op, more) => own.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
    await tell(1, 'progress', { events: [{ type: 'note', data: 1 }] });
    await own.stop();
    cpSync(dir.path, backup.path, { recursive: true });
    own = await start();
    await tell(2, 'progress', { events: [2, 3, 4].map((data) => ({ type: 'note', data })) });
    const watch = ours(spawn(BIN, ['watch', job.id, '--json'], { env: { ...process.env, STINT_URL: url, STINT_KEY: key }, stdio: ['ignore', 'pipe', 'inherit'] }));
    const exit = once(watch, 'exit');
    const seen = [];
    for await (const line of createInterface({ input: watch.stdout })) {
        const { seq, type } = JSON.parse(line);
        if (seq || type === 'reset') seen.push([seq, type]);
        if (seq === 4) {
            await own.kill();
            for (const name of readdirSync(dir.path)) rmSync(dir.file(name), { recursive: true });
            cpSync(backup.path, dir.path, { recursive: true });
            own = await start();
            await tell(2, 'complete');
        }
    }
    assert.deepEqual(seen, [[1, 'note'], [2, 'note'], [3, 'note'], [4, 'note'], [0, 'reset'], [1, 'note'], [2, 'end']]);
    assert.deepEqual(await exit, [0, null]);
    await own.stop();
    dir.remove();
    backup.remove();
});

test('a page of history longer than one read comes whole and in order, also while more is written', async () => {
    const job = await claimNew('long');
    const total = 1500;
    for (let n = 1; n <= total / 2; n += 50) await note(job, ...Array.from({ length: 50 }, (_, i) => n + i));
    const streams = await Promise.all([0, 100, 255, 256, 700].map((from) => open(`/v1/jobs/${job.id}/events?last_event_id=${from}`)));
    for (let n = total / 2 + 1; n <= total; n += 50) await note(job, ...Array.from({ length: 50 }, (_, i) => n + i));
    await report(job, 'complete');
    for (const [i, from] of [0, 100, 255, 256, 700].entries()) {
        const got = stored(await streams[i].done);
        assert.deepEqual(got, Array.from({ length: total - from }, (_, k) => from + k + 1));
    }
});

test('state and progress that is not stored come without an id; a comment keeps the line open', async () => {
    await call('POST', '/v1/jobs', { kind: 'k', queue: 'live' });
    const waiting = (await call('GET', '/v1/jobs?queue=live')).json.jobs[0];
    const stream = await open(`/v1/jobs/${waiting.id}/events`);
    await stream.next(/^event: state\ndata: \{"state":"queued"\}$/);
    const job = (await call('POST', '/v1/claims', { worker: 'w', queues: ['live'] })).json.jobs[0];
    await stream.next(/^event: state\ndata: \{"state":"processing"\}$/);
    await report(job, 'progress', { percent: 10, message: 'a' });
    await stream.next(/^event: progress\ndata: \{"percent":10,"message":"a"\}$/);
    await report(job, 'progress', { percent: 20.5, message: 'b' });
    await stream.next(/^event: progress\ndata: \{"percent":20.5,"message":"b"\}$/);
    await stream.next(/^: $/);
    const late = await open(`/v1/jobs/${job.id}/events`);
    await late.next(/event: progress\ndata: \{"percent":(10|20.5)/);
    await report(job, 'complete');
    const events = await stream.done;
    assert.match(events.at(-1), /^id: \d+\nevent: end/);
    await late.done;
});

test('an event cannot break out of its frame', async () => {
    const job = await claimNew('frame');
    const body = `{"job":"${job.id}","lease":${job.lease},"n":1,"op":"progress","events":[{"type":"x","data":[\n\n"a",\r\n\r"b\\n\\ndata: fake"\n]}]}`;
    counters.set(job.id, 1);
    assert.equal((await call('POST', '/v1/reports', body)).status, 200);
    await report(job, 'complete');
    const { token } = (await call('POST', `/v1/jobs/${job.id}/stream-token`, { expires_s: 5 })).json;
    const source = new EventSource(`${server.url}/v1/jobs/${job.id}/events?token=${token}`);
    const data = await new Promise((resolve) => source.addEventListener('x', (e) => resolve(e.data)));
    source.close();
    assert.deepEqual(JSON.parse(data), ['a', 'b\n\ndata: fake']);
});

test('a retry goes on in the same stream', async () => {
    const job = await claimNew('rounds');
    await note(job, 1);
    await report(job, 'fail', { error: { class: 'permanent', message: 'no' } });
    await call('POST', `/v1/jobs/${job.id}/retry`);
    const stream = await open(`/v1/jobs/${job.id}/events?last_event_id=1`);
    await stream.next(/^id: 2\nevent: end\n/);
    const again = (await call('POST', '/v1/claims', { worker: 'w', queues: ['rounds'] })).json.jobs[0];
    counters.set(job.id, 0);
    await note(again, 2);
    await stream.next(/^id: 3\nevent: note/);
    await report(again, 'complete');
    assert.match((await stream.done).at(-1), /^id: 4\nevent: end\n/);
});

test('a stream token opens one stream of one job, and nothing else', async () => {
    const job = await claimNew('token');
    const other = await claimNew('token');
    const { token } = (await call('POST', `/v1/jobs/${job.id}/stream-token`)).json;
    const anonymous = { key: null, headers: { accept: 'application/json' } };
    assert.equal((await call('GET', `/v1/jobs/${job.id}/events?token=${token}`, undefined, anonymous)).status, 200);
    assert.equal((await call('GET', `/v1/jobs/${other.id}/events?token=${token}`, undefined, anonymous)).status, 404);
    assert.equal((await call('GET', `/v1/jobs/${job.id}/events?token=${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, undefined, anonymous)).status, 401);
    assert.equal((await call('GET', `/v1/jobs/${job.id}/events?token=`, undefined, anonymous)).status, 401);
    assert.equal((await call('POST', `/v1/jobs/${job.id}/cancel?token=${token}`, undefined, anonymous)).status, 401);
    assert.equal((await call('GET', `/v1/jobs/${job.id}?token=${token}`, undefined, anonymous)).status, 401);
    assert.equal((await call('POST', `/v1/jobs/${job.id}/stream-token`, { expires_s: 301 })).status, 422);
});

test('a key has a limited number of streams, and loses them when it is revoked', async () => {
    const job = await claimNew('revoke');
    const made = (await call('POST', '/v1/keys', { name: 'streams', scopes: ['read'] })).json;
    const headers = { authorization: `Bearer ${made.key}` };
    const streams = [];
    for (let i = 0; i < 20; i++) streams.push(await open(`/v1/jobs/${job.id}/events`, headers));
    const more = await call('GET', `/v1/jobs/${job.id}/events`, undefined, { key: made.key, headers: { accept: 'text/event-stream' } });
    assert.deepEqual([more.status, more.json.code], [429, 'too_many_streams']);
    const mine = await open(`/v1/jobs/${job.id}/events`);
    const from = performance.now();
    assert.equal((await call('DELETE', `/v1/keys/${made.id}`)).status, 204);
    await Promise.all(streams.map((s) => s.done));
    assert.ok(performance.now() - from < 5000);
    await note(job, 1);
    await mine.next(/"n":1\}/);
    mine.close();
    assert.equal((await call('GET', `/v1/jobs/${job.id}/events`, undefined, { key: made.key })).status, 401);
});

test('a key that expires loses its streams too', async () => {
    const job = await claimNew('expire');
    const made = (await call('POST', '/v1/keys', { name: 'short', scopes: ['read'], expires_s: 1 })).json;
    const stream = await open(`/v1/jobs/${job.id}/events`, { authorization: `Bearer ${made.key}` });
    assert.equal(stream.answer.status, 200);
    await stream.done;
});

test('the feed tells every change of the tenant', async () => {
    const feed = await open('/v1/events');
    const job = await claimNew('feed');
    await feed.next(new RegExp(`^event: job\\ndata: \\{"id":"${job.id}","queue":"feed","kind":"k","state":"queued"`));
    await feed.next(new RegExp(`^event: job\\ndata: \\{"id":"${job.id}".*"state":"processing"`));
    await report(job, 'complete');
    await feed.next(new RegExp(`"id":"${job.id}".*"state":"completed"`));
    feed.close();
});

test('hundreds of streams of one job all see all of it', async (t) => {
    const many = Number(process.env.STINT_SMALL ? 100 : 400);
    const crowd = await startServer({ args: ['--max-streams', '2000'] });
    t.after(() => crowd.stop());
    const id = (await crowd.call('POST', '/v1/jobs', { kind: 'k' })).json.id;
    const job = (await crowd.call('POST', '/v1/claims', { worker: 'w' })).json.jobs[0];
    const headers = { authorization: `Bearer ${crowd.key}`, accept: 'text/event-stream' };
    const answers = await Promise.all(Array.from({ length: many }, () => fetch(`${crowd.url}/v1/jobs/${id}/events`, { headers })));
    for (let n = 1; n <= 20; n++) {
        await crowd.call('POST', '/v1/reports', { job: id, lease: job.lease, n, op: 'progress', events: [{ type: 'note', data: { n } }] });
    }
    await crowd.call('POST', '/v1/reports', { job: id, lease: job.lease, n: 21, op: 'complete' });
    const want = Array.from({ length: 20 }, (_, i) => i + 1);
    for (const answer of answers) assert.deepEqual(stored((await answer.text()).split('\n\n')), want);
});
