// Keys: who is let in, what a scope opens, what a limit to queues closes, how keys are made and revoked (A01 to A11).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { operations } from './lib/openapi.mjs';
import { startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer();
    call = server.call;
});
after(() => server.stop());

const make = async (body) => (await call('POST', '/v1/keys', body)).json;
const raw = (headers) =>
    new Promise((resolve, reject) => {
        request(`${server.url}/v1/jobs`, { headers }, (answer) => {
            let text = '';
            answer.on('data', (d) => (text += d)).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
        })
            .on('error', reject)
            .end();
    });

test('a missing, wrong or mistyped key is 401, and nothing tells which', async () => {
    const { key } = server;
    const swap = (at) => key.slice(0, at) + (key[at] === 'A' ? 'B' : 'A') + key.slice(at + 1);
    const bad = [undefined, 'Bearer', 'Bearer ', 'Bearer x', `Basic ${btoa(`x:${key}`)}`, `Bearer ${key}x`, `Bearer ${key.slice(0, -1)}`, `Bearer ${swap(9)}`,
        `Bearer ${swap(18)}`, `Bearer ${swap(60)}`, `Bearer ${swap(key.length - 1)}`, key, `Bearer ${key} ${key}`];
    for (const authorization of bad) {
        const answer = await raw(authorization === undefined ? {} : { authorization });
        assert.equal(answer.status, 401, authorization);
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="stint"');
        assert.equal(JSON.parse(answer.text).code, 'unauthorized');
        assert.ok(!answer.text.includes(key.slice(9, 17)));
    }
    assert.equal((await raw({ authorization: `bearer   ${key}` })).status, 200, 'the scheme is not case-sensitive');
    assert.equal((await raw({ authorization: [`Bearer ${key}`, `Bearer ${key}`] })).status, 400);
    assert.equal((await fetch(`${server.url}/v1/jobs?api_key=${key}`)).status, 401);
    assert.ok(!server.log.join('\n').includes(key));
});

test('every operation wants its scope', async () => {
    const keys = {};
    for (const scope of ['enqueue', 'read', 'work', 'admin']) keys[scope] = (await make({ name: scope, scopes: [scope] })).key;
    for (const { method, path, operation } of operations) {
        if (!operation['x-scope'] || path === '/metrics') continue;
        const allowed = operation['x-scope'].split(' or ');
        const url = path.replace(/\{id\}/, '0199f3c8-7a10-7000-8000-000000000001').replace(/\{[^}]+\}/g, 'x');
        for (const [scope, key] of Object.entries(keys)) {
            if (allowed.includes(scope)) continue;
            const answer = await call(method, url, undefined, { key });
            assert.deepEqual([answer.status, answer.json?.code], [403, 'forbidden'], `${method} ${path} with ${scope}`);
        }
    }
    assert.equal((await call('POST', '/v1/jobs', { kind: 'k', queue: 'scopes' }, { key: keys.enqueue })).status, 201);
    assert.equal((await call('POST', '/v1/claims', { worker: 'w', queues: ['scopes'] }, { key: keys.work })).status, 200);
});

test('a key that is limited to queues does nothing outside of them', async () => {
    const { key } = await make({ name: 'mail only', scopes: ['enqueue', 'read', 'work', 'admin'], queues: ['mail'] });
    const mine = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'mail' }, { key })).json.id;
    const other = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'other' })).json.id;
    for (const [method, path, body] of [
        ['POST', '/v1/jobs', { kind: 'k', queue: 'other' }],
        ['POST', '/v1/jobs', { kind: 'k' }],
        ['POST', '/v1/jobs', [{ kind: 'k', queue: 'mail' }, { kind: 'k', queue: 'mai' }]],
        ['POST', '/v1/claims', { worker: 'w', queues: ['mail', 'other'] }],
        ['GET', `/v1/jobs/${other}`],
        ['GET', `/v1/jobs/${other}/events`],
        ['POST', `/v1/jobs/${other}/cancel`],
        ['PATCH', `/v1/jobs/${other}`, { priority: 1 }],
        ['PATCH', `/v1/jobs/${mine}`, { queue: 'other' }],
        ['GET', '/v1/jobs'],
        ['GET', '/v1/jobs?queue=other'],
        ['POST', '/v1/jobs/cancel', { all: true }],
        ['POST', '/v1/jobs/cancel', { ids: [other] }],
        ['POST', '/v1/dead/purge', { filter: { queue: 'other' } }],
        ['GET', '/v1/queues/other'],
        ['POST', '/v1/queues/other/pause'],
        ['GET', '/v1/stats'],
        ['GET', '/v1/events'],
        ['GET', '/v1/series'],
        ['POST', '/v1/keys', { scopes: ['read'] }],
    ]) {
        assert.equal((await call(method, path, body, { key })).status, 403, `${method} ${path} ${JSON.stringify(body)}`);
    }
    const holder = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'keys', unique_key: 'held', args: 1, delay_s: 60 })).json.id;
    const dup = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'mail', unique_key: 'held', args: 2, on_duplicate: 'replace' }, { key })).json;
    assert.deepEqual(dup, { id: holder, state: 'scheduled', duplicate: true });
    assert.equal((await call('GET', `/v1/jobs/${holder}`)).json.args, 1);
    const held = (await call('POST', '/v1/claims', { worker: 'w', queues: ['other'] })).json.jobs[0];
    const said = { job: held.id, lease: held.lease, n: 1, op: 'complete' };
    const own = (await call('POST', '/v1/claims', { worker: 'w', queues: ['mail'] }, { key })).json.jobs[0];
    assert.equal((await call('POST', '/v1/reports', said, { key })).status, 403);
    const verdicts = (await call('POST', '/v1/reports', [said, { job: own.id, lease: own.lease, n: 1, op: 'release' }], { key })).json.verdicts;
    assert.deepEqual(verdicts.map((v) => v.status), [403, 200]);
    assert.equal((await call('PUT', `/v1/jobs/${held.id}/artifacts/a?lease=${held.lease}`, 'text', { key, headers: { 'content-type': 'text/plain' } })).status, 403);
    assert.equal((await call('POST', '/v1/reports', said)).status, 200);
    assert.equal((await call('GET', `/v1/jobs/${mine}`, undefined, { key })).status, 200);
    assert.deepEqual((await call('GET', '/v1/jobs?queue=mail', undefined, { key })).json.jobs.map((j) => j.id), [mine]);
    assert.deepEqual((await call('GET', '/v1/queues', undefined, { key })).json.queues.map((q) => q.name), ['mail']);
    assert.equal((await call('POST', '/v1/jobs/cancel', { filter: { queue: 'mail' } }, { key })).json.jobs.length, 1);
});

test('a key gives no scope that it does not have, and shows its secret once', async () => {
    const admin = await call('POST', '/v1/keys', { name: 'small admin', scopes: ['admin', 'read'] });
    assert.equal(admin.headers.get('cache-control'), 'no-store');
    assert.equal((await call('POST', '/v1/keys', { scopes: ['enqueue'] }, { key: admin.json.key })).status, 403);
    const child = await call('POST', '/v1/keys', { scopes: ['read'] }, { key: admin.json.key });
    assert.equal(child.status, 201);
    const list = await call('GET', '/v1/keys');
    assert.equal(list.json.keys.find((k) => k.id === child.json.id).last4, child.json.key.slice(-4));
    assert.ok(!list.text.includes(child.json.key));
    const files = process.env.STINT_TEST_ENGINE === 'pg' ? [Buffer.from(server.dump())] : readdirSync(server.dir.path, { withFileTypes: true }).filter((f) => f.isFile()).map((f) => readFileSync(server.dir.file(f.name)));
    assert.ok(files.length > 0);
    for (const bytes of files) assert.equal(bytes.includes(Buffer.from(child.json.key.slice(18, 50))), false);
    for (const bad of [{}, { scopes: [] }, { scopes: ['root'] }, { scopes: ['read'], tenant: 'x' }, { scopes: ['read'], expires_s: 0 }]) {
        assert.equal((await call('POST', '/v1/keys', bad)).status, 422, JSON.stringify(bad));
    }
});

test('revoked and expired keys are 401 at once, and others go on', async () => {
    const [a, b] = [await make({ scopes: ['read'] }), await make({ scopes: ['read'] })];
    assert.equal((await call('DELETE', `/v1/keys/${a.id}`)).status, 204);
    assert.equal((await call('DELETE', `/v1/keys/${a.id}`)).status, 204);
    assert.equal((await call('GET', '/v1/jobs', undefined, { key: a.key })).status, 401);
    assert.equal((await call('GET', '/v1/jobs', undefined, { key: b.key })).status, 200);
    assert.equal((await call('DELETE', '/v1/keys/nobodyXX')).status, 404);
    assert.notEqual((await call('GET', '/v1/keys')).json.keys.find((k) => k.id === a.id).revoked_at, null);
});

const metric = async (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await call('GET', '/metrics')).text)[1]);
/** Starts a request that waits, and comes back when it does. */
const startWaiting = async (name, start) => {
    const before = await metric(name);
    const answer = start();
    while ((await metric(name)) === before);
    return { answer }; // in an object, or it would be awaited
};

test('what waited while its key was revoked gets 401, and no job (J13)', async () => {
    const { id, key } = await make({ scopes: ['read', 'work'] });
    const watched = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'watched' })).json.id;
    const claim = await startWaiting('stint_claims_waiting', () => call('POST', '/v1/claims', { worker: 'w', queues: ['revoked'], wait_s: 30 }, { key }));
    const get = await startWaiting('stint_watches', () => call('GET', `/v1/jobs/${watched}?wait=30`, undefined, { key }));
    assert.equal((await call('DELETE', `/v1/keys/${id}`)).status, 204);
    const job = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'revoked', args: 'secret' })).json.id;
    assert.equal((await call('POST', `/v1/jobs/${watched}/cancel`)).status, 200);
    for (const { answer } of [claim, get]) {
        assert.equal((await answer).status, 401);
        assert.ok(!(await answer).text.includes('secret') && !(await answer).text.includes(watched));
    }
    const given = (await call('POST', '/v1/claims', { worker: 'other', queues: ['revoked'] })).json.jobs;
    assert.deepEqual(given.map((j) => [j.id, j.attempt]), [[job, 1]]);
});

test('a limited key that waits hears of no job of other queues', async () => {
    const { key } = await make({ scopes: ['enqueue', 'read', 'work'], queues: ['lobby'] });
    const held = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'vault' })).json.id;
    await call('POST', '/v1/claims', { worker: 'same', queues: ['vault'] });
    const limited = await startWaiting('stint_claims_waiting', () => call('POST', '/v1/claims', { worker: 'same', queues: ['lobby'], wait_s: 30 }, { key }));
    await call('POST', `/v1/jobs/${held}/cancel`);
    const own = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'lobby' })).json.id;
    assert.deepEqual((await limited.answer).json, { jobs: (await limited.answer).json.jobs });
    assert.deepEqual((await limited.answer).json.jobs.map((j) => j.id), [own]);
    const moved = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'lobby', delay_s: 600 })).json.id;
    const get = await startWaiting('stint_watches', () => call('GET', `/v1/jobs/${moved}?wait=30`, undefined, { key }));
    assert.equal((await call('PATCH', `/v1/jobs/${moved}`, { queue: 'vault' })).status, 200);
    await call('POST', `/v1/jobs/${moved}/cancel`);
    assert.equal((await get.answer).status, 403);
});
