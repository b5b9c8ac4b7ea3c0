// Bad input gets a clear answer, and nothing is lost: rows B055 to B133 of the bad-input table that concern routes (those on
// streams are in streams.test.mjs, on framing in net/). Each row: what is sent, the status, the code, and the member at fault.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
let call;
let job; // a claimed one
before(async () => {
    server = await startServer();
    call = server.call;
    await call('POST', '/v1/jobs', { kind: 'k', queue: 'held' });
    job = (await call('POST', '/v1/claims', { worker: 'w', queues: ['held'], lease_s: 600 })).json.jobs[0];
});
after(() => server.stop());

const ID = '0199f3c8-7a10-7000-8000-000000000001';
const big = (n) => 'x'.repeat(n);
const nested = (n) => '['.repeat(n) + ']'.repeat(n);

async function check(rows) {
    for (const [label, method, path, body, status, code, field, headers] of rows) {
        const answer = await call(method, path, body, { headers: headers ?? {} });
        assert.equal(answer.status, status, `${label}: ${answer.text.slice(0, 300)}`);
        if (code) assert.equal(answer.json.code, code, `${label}: ${answer.text}`);
        if (field !== undefined) assert.equal(answer.json.field, field ?? undefined, `${label}: ${answer.text}`);
        if (answer.text) assert.ok(answer.text.length < 2000, `${label}: echoes too much`);
        if (answer.text) assert.equal(answer.headers.get('cache-control'), 'no-store', label);
        if (answer.text) assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', label);
    }
    assert.equal((await call('GET', '/livez')).status, 200);
}

const jobs = (label, body, status, code, field, headers) => [label, 'POST', '/v1/jobs', body, status, code, field, headers];
const type = (t) => ({ 'content-type': t });

test('bytes in a path that are no text name nothing', () =>
    check(
        ['%ff', 'caf%e9', '%ed%a0%80'].flatMap((bytes) => [
            ['key', 'DELETE', `/v1/keys/${bytes}`, undefined, 404, 'not_found'],
            ['series', 'GET', `/v1/series/${bytes}`, undefined, 404, 'not_found'],
            ['newest of a series', 'GET', `/v1/series/${bytes}/content`, undefined, 404, 'not_found'],
            ['artifact', 'GET', `/v1/jobs/${job.id}/artifacts/${bytes}`, undefined, 404, 'not_found'],
            ['index', 'GET', `/v1/index/${bytes}/files`, undefined, 404, 'not_found'],
            ['queue', 'GET', `/v1/queues/${bytes}`, undefined, 404, 'not_found'],
            ['schedule', 'GET', `/v1/schedules/${bytes}`, undefined, 404, 'not_found'],
            ['name in a query', 'GET', `/v1/jobs?kind=${bytes}`, undefined, 422, 'invalid_field'],
        ])
    ));

test('media types and encodings that are not JSON in UTF-8 are 415', () =>
    check([
        jobs('text', '{}', 415, 'unsupported_media_type', undefined, type('text/plain')),
        jobs('form', 'a=b', 415, 'unsupported_media_type', undefined, type('application/x-www-form-urlencoded')),
        jobs('utf-16', '{}', 415, 'unsupported_media_type', undefined, type('application/json; charset=utf-16')),
        jobs('gzip', '{}', 415, 'unsupported_media_type', undefined, { 'content-encoding': 'gzip' }),
        ['ndjson elsewhere', 'POST', '/v1/claims', '{}', 415, 'unsupported_media_type', undefined, type('application/x-ndjson')],
        jobs('charset utf-8 is fine', '{"kind":"k","queue":"ok"}', 201, undefined, undefined, type('application/json; charset=UTF-8')),
        ['an odd Accept gets JSON', 'GET', '/v1/jobs', undefined, 200, undefined, undefined, { accept: 'application/xml' }],
    ]));

test('what is not JSON is 400, and tells where', async () => {
    const bad = ['{', '[1,]', '{"a":1,}', "{'a':1}", '{"a":1} // c', 'NaN', 'Infinity', '01', '1.', '.5', '+1', '"\x01"', '\ufeff{}', '"\\ud800"', '{} {}',
        '{}x', '{"kind":"k"}\0', nested(65), '['.repeat(100_000), '{"queue":"a","queue":"b"}', big(2000).replaceAll('x', '9'), '', ' '];
    await check(bad.map((text) => jobs(JSON.stringify(text.slice(0, 40)), text, 400, 'malformed_json', undefined, type('application/json'))));
    for (const bytes of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xe2, 0x82]]) {
        const body = Buffer.concat([Buffer.from('{"kind":"'), Buffer.from(bytes), Buffer.from('"}')]);
        const answer = await fetch(`${server.url}/v1/jobs`, { method: 'POST', body, headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' } });
        assert.equal(answer.status, 400, bytes.join());
    }
    const told = await call('POST', '/v1/jobs', '{"kind": "k", "args": [1,}', { headers: type('application/json') });
    assert.match(told.json.detail, /byte 25/);
});

test('sizes over a limit with a name are 413', () =>
    check([
        jobs('body', `{"kind":"k","args":"${big(33 << 20)}"}`, 413),
        jobs('args', { kind: 'k', args: big(1 << 20) }, 413, 'too_big', '/args'),
        jobs('too many jobs', Array.from({ length: 10_001 }, () => ({ kind: 'k' })), 413, 'too_big'),
        ['an ordinary body', 'POST', '/v1/claims', JSON.stringify({ worker: big(1 << 20) }), 413],
        ['result', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'complete', result: big(1 << 20) }, 413, 'too_big', '/result'],
        ['checkpoint', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'progress', checkpoint: big(64 << 10) }, 413, 'too_big', '/checkpoint'],
        ['event', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'progress', events: [{ type: 'a', data: big(64 << 10) }] }, 413, 'too_big', '/events/0/data'],
        ['artifact in a report', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'progress', artifacts: [{ name: 'a', text: big((256 << 10) + 1) }] }, 413, 'too_big', '/artifacts/0'],
    ]));

test('what is JSON but wrong is 422 and named', () =>
    check([
        jobs('no object', '5', 422, 'invalid_field'),
        jobs('no jobs', [], 422, 'invalid_field'),
        jobs('no kind', {}, 422, 'invalid_field', '/kind'),
        jobs('unknown member', { kind: 'k', prio: 1 }, 422, 'unknown_field', '/prio'),
        jobs('a tenant of its own', { kind: 'k', tenant_id: 7 }, 422, 'unknown_field', '/tenant_id'),
        jobs('a state of its own', { kind: 'k', state: 'completed' }, 422, 'unknown_field', '/state'),
        ...['', big(129), 'a/b', 'ä', '\u0000', 'a\nb', '\u202e'].map((q) => jobs(`queue ${JSON.stringify(q.slice(0, 9))}`, { kind: 'k', queue: q }, 422, 'invalid_field', '/queue')),
        ...[-1, 1e12, '5', null].map((v) => jobs(`delay_s ${v}`, { kind: 'k', delay_s: v }, 422, 'invalid_field', '/delay_s')),
        ...['2026-02-30T00:00:00Z', '2026-02-03T00:00:00', '10000-01-01T00:00:00Z', 5].map((v) => jobs(`run_at ${v}`, { kind: 'k', run_at: v }, 422, 'invalid_field', '/run_at')),
        jobs('run_at in the past is at once', { kind: 'k', queue: 'past', run_at: '2001-01-01T00:00:00+02:00' }, 201),
        jobs('delay_s and run_at', { kind: 'k', delay_s: 1, run_at: '2030-01-01T00:00:00Z' }, 422, 'invalid_field', '/delay_s'),
        ...['2147483648', '1.5', 'null', '9007199254740993', '-0', '1e400'].map((v) => jobs(`priority ${v}`, `{"kind":"k","priority":${v}}`, 422, 'invalid_field', '/priority', type('application/json'))),
        ...[0, 1001].map((v) => jobs(`max_attempts ${v}`, { kind: 'k', max_attempts: v }, 422, 'invalid_field', '/max_attempts')),
        jobs('a long key', { kind: 'k', unique_key: big(257) }, 422, 'invalid_field', '/unique_key'),
        jobs('too many tags', { kind: 'k', tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }, 422, 'invalid_field', '/tags'),
        ...['secrets'].map((m) => jobs(m, { kind: 'k', [m]: 1 }, 422, 'not_supported', `/${m}`)),
        jobs('depends_on what is not there', { kind: 'k', depends_on: ['0199f3c8-7a10-7000-8000-000000000001'] }, 422, 'unknown_dependency', '/depends_on'),
        jobs('depends_on a name of nobody', { kind: 'k', ref: 'a', depends_on: ['b'] }, 422, 'unknown_dependency', '/depends_on/0'),
        jobs('depends_on itself', { kind: 'k', ref: 'a', depends_on: ['a'] }, 422, 'dependency_cycle', '/depends_on'),
        jobs('on_parent_failure', { kind: 'k', on_parent_failure: 'maybe' }, 422, 'invalid_field', '/on_parent_failure'),
        jobs('on_cancel', { kind: 'k', on_cancel: 'maybe' }, 422, 'invalid_field', '/on_cancel'),
        jobs('strange numbers and NUL in args are fine', '{"kind":"k","queue":"odd","args":["\\u0000",1e400,-0,9007199254740993]}', 201, undefined, undefined, type('application/json')),
        jobs('one bad of many', [{ kind: 'k' }, { kind: 'k', prio: 1 }, { kind: '' }], 422, 'invalid'),
        ['partial maybe', 'POST', '/v1/jobs?partial=maybe', { kind: 'k' }, 422, 'invalid_field', '?partial'],
        ['unknown parameter', 'GET', '/v1/jobs?stat=queued', undefined, 422, 'unknown_field', '?stat'],
        ['a parameter twice', 'GET', '/v1/jobs?limit=1&limit=2', undefined, 422, 'invalid_field', '?limit'],
    ]));

test('claims and reports are as strict', () =>
    check([
        ['max 0 listens for cancels and takes nothing', 'POST', '/v1/claims', { worker: 'w', max: 0 }, 204],
        ...[-1, 1001, '1'].map((v) => ['max', 'POST', '/v1/claims', { worker: 'w', max: v }, 422, 'invalid_field', '/max']),
        ...[61, -1].map((v) => ['wait_s', 'POST', '/v1/claims', { worker: 'w', wait_s: v }, 422, 'invalid_field', '/wait_s']),
        ...[0, 0.5, 43201].map((v) => ['lease_s', 'POST', '/v1/claims', { worker: 'w', lease_s: v }, 422, 'invalid_field', '/lease_s']),
        ['no worker', 'POST', '/v1/claims', {}, 422, 'invalid_field', '/worker'],
        ['no queues', 'POST', '/v1/claims', { worker: 'w', queues: [] }, 422, 'invalid_field', '/queues'],
        ['a queue that does not exist', 'POST', '/v1/claims', { worker: 'w', queues: ['nowhere'] }, 204],
        ['no lease', 'POST', '/v1/reports', { job: ID, n: 1, op: 'complete' }, 422, 'invalid_field', '/lease'],
        ...['x', 0, null].map((v) => ['lease', 'POST', '/v1/reports', { job: ID, lease: v, n: 1, op: 'complete' }, 422, 'invalid_field', '/lease']),
        ['unknown job', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'complete' }, 404, 'not_found'],
        ...[101, -1].map((v) => ['percent', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'progress', percent: v }, 422, 'invalid_field', '/percent']),
        ['a long message', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'progress', message: big(1025) }, 422, 'invalid_field', '/message'],
        ['children of a release', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'release', children: [] }, 422, 'invalid_field', '/children'],
        ['a bad child', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'complete', children: [{ kind: 'k' }, { kind: 'k', prio: 1 }] }, 422, 'unknown_field', '/children/1/prio'],
        ['too many children', 'POST', '/v1/reports', { job: ID, lease: 1, n: 1, op: 'wait', children: Array.from({ length: 1001 }, () => ({ kind: 'k' })) }, 422, 'invalid_field', '/children'],
        ['no reports', 'POST', '/v1/reports', [], 422, 'invalid_field'],
    ]));

test('a lease that is not the current one is 409, whatever is reported under it', () =>
    check([
        ...['heartbeat', 'progress', 'complete', 'release'].map((op) => [op, 'POST', '/v1/reports', { job: job.id, lease: job.lease + 1, n: 1, op }, 409, 'lease_lost']),
        ['fail', 'POST', '/v1/reports', { job: job.id, lease: job.lease + 1, n: 1, op: 'fail', error: { message: 'x' } }, 409, 'lease_lost'],
        ['snooze', 'POST', '/v1/reports', { job: job.id, lease: job.lease + 1, n: 1, op: 'snooze', delay_s: 1 }, 409, 'lease_lost'],
        ['a child that depends on nothing', 'POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'progress', children: [{ kind: 'k' }, { kind: 'k', depends_on: ['none'] }] }, 422, 'unknown_dependency', '/children/1/depends_on/0'],
        ['retry of a running job', 'POST', `/v1/jobs/${job.id}/retry`, undefined, 409, 'wrong_state'],
        ['erase of a running job', 'DELETE', `/v1/jobs/${job.id}`, undefined, 409, 'wrong_state'],
    ]));

test('what takes nothing refuses what it is given: a pause without an end is not what a time was written for', () =>
    check([
        ...[`jobs/${job.id}/cancel`, 'queues/q/pause', 'queues/q/resume', 'limits/k/resume', 'schedules/s/run', 'schedules/s/pause', 'schedules/s/resume', `batches/${ID}/close`]
            .flatMap((path) => [{ for_s: 600 }, []].map((body) => [path, 'POST', `/v1/${path}`, body, 422, 'invalid_field'])),
        ['an object of nothing', 'POST', '/v1/queues/q/resume', {}, 200],
    ]));

test('lists refuse limits, states and times that are none', () =>
    check([
        ...['0', '-1', 'abc', '10001', ''].map((v) => [`limit ${v}`, 'GET', `/v1/jobs?limit=${v}`, undefined, 422, 'invalid_field', '?limit']),
        ['state', 'GET', '/v1/jobs?state=bogus', undefined, 422, 'invalid_field', '?state'],
        ['since', 'GET', '/v1/jobs?since=zzz', undefined, 422, 'invalid_field', '?since'],
        ['wait', 'GET', `/v1/jobs/${ID}?wait=61`, undefined, 422, 'invalid_field', '?wait'],
        ...['cancel', 'retry', 'promote'].map((verb) => [`${verb} of everything by accident`, 'POST', `/v1/jobs/${verb}`, {}, 400, 'filter_required']),
        ['purge of everything by accident', 'POST', '/v1/dead/purge', {}, 400, 'filter_required'],
        ['two ways at once', 'POST', '/v1/dead/retry', { all: true, ids: [ID] }, 400, 'filter_required'],
        ['a state in the dead', 'POST', '/v1/dead/retry', { filter: { state: ['queued'] } }, 422, 'invalid_field'],
        ['an unknown filter', 'POST', '/v1/jobs/cancel', { filter: { queu: 'q' } }, 422, 'unknown_field', '/filter/queu'],
        ['a purge that is meant', 'POST', '/v1/dead/purge', { all: true }, 200],
    ]));

test('paths and methods that are not there are told apart', async () => {
    await check([
        ...['/v1/nothing', '/v1/jobs/', '/v1//jobs', '/v1/%6aobs', '/'].map((p) => [p, 'GET', p, undefined, 404, 'not_found']),
        ...['x', '00000000-0000-0000-0000-000000000000', ID, `${ID}x`].map((id) => [`id ${id}`, 'GET', `/v1/jobs/${id}`, undefined, 404, 'not_found']),
        ['DELETE on a collection', 'DELETE', '/v1/jobs', undefined, 405, 'method_not_allowed'],
        ['PATCH unsupported', 'PATCH', '/v1/claims', {}, 405, 'method_not_allowed'],
        ['a request that goes in a circle', 'GET', '/v1/jobs', undefined, 403, 'request_loop', undefined, { 'stint-hop': '4' }],
        ['a hop that is no number', 'GET', '/v1/jobs', undefined, 403, 'request_loop', undefined, { 'stint-hop': 'x' }],
        ['a request of somebody who was asked by us', 'GET', '/v1/limits', undefined, 200, undefined, undefined, { 'stint-hop': '3' }],
        ['a queue that is no name', 'GET', '/v1/queues/a%2Fb', undefined, 404, 'not_found'],
        ['pausing what is no name', 'POST', '/v1/queues/a%2Fb/pause', undefined, 422, 'invalid_field', '/name'],
    ]);
    assert.equal((await call('DELETE', '/v1/jobs')).headers.get('allow'), 'POST, GET, HEAD, OPTIONS');
    const options = await call('OPTIONS', '/v1/jobs', undefined, { headers: { origin: 'https://evil.example' } });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get('access-control-allow-origin'), null);
    for (const path of ['/livez', '/v1/jobs', '/openapi.json', `/v1/jobs/${job.id}`]) {
        const [head, get] = [await call('HEAD', path), await call('GET', path)];
        assert.equal(head.status, get.status);
        assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
    }
});

test('a waiter that leaves is forgotten, and its claim takes no job with it', async () => {
    const waiting = async () => Number(/^stint_claims_waiting (\d+)/m.exec((await call('GET', '/metrics')).text)[1]);
    const controller = new AbortController();
    const left = [
        call('POST', '/v1/claims', { worker: 'gone', queues: ['leave'], wait_s: 60 }, { signal: controller.signal }),
        call('GET', `/v1/jobs/${job.id}?wait=60`, undefined, { signal: controller.signal }),
    ];
    while ((await waiting()) === 0);
    controller.abort();
    await Promise.allSettled(left);
    while ((await waiting()) > 0);
    const { id } = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'leave' })).json;
    assert.equal((await call('GET', `/v1/jobs/${id}`)).json.state, 'queued');
});
