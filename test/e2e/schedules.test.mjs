// Schedules over the API: what is kept and shown, what is refused, and that each tick has one job, whatever dies (J10).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer({ args: ['--log-level', 'debug'] });
    call = server.call;
});
after(() => server.stop());

const put = (name, plan) => call('PUT', `/v1/schedules/${name}`, { job: { kind: 'k', queue: name }, ...plan });
const get = async (name, query = '') => (await call('GET', `/v1/schedules/${name}${query}`)).json;
const jobsOf = async (name, from = server) => (await from.call('GET', `/v1/jobs?tag=schedule:${name}&limit=1000`)).json.jobs;
const fired = (name, n, more = '') => server.logged(new RegExp(`schedule\\.fired schedule=${name} ticks=${n}${more}`));

test('a schedule is kept, shown with its next ticks, paused, resumed and deleted', async () => {
    const plan = { cron: '30 2 * * MON-FRI', tz: 'Europe/Berlin', jitter_s: 30, overlap: 'skip', catch_up: 'skip' };
    const made = await put('nightly', plan);
    assert.equal(made.status, 201);
    assert.equal(made.json.cron, plan.cron);
    assert.deepEqual(made.json.job, { kind: 'k', queue: 'nightly' });
    const again = await put('nightly', plan);
    assert.equal(again.status, 200);
    assert.equal(again.json.updated_at, made.json.updated_at, 'the same again changes nothing');
    const { next } = await get('nightly', '?next=20');
    assert.equal(next.length, 20);
    for (const [i, at] of next.entries()) {
        const shown = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', weekday: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date(at));
        assert.match(shown, /^(Mon|Tue|Wed|Thu|Fri) (02:30|03:00)$/);
        assert.ok(i === 0 || at > next[i - 1]);
    }
    assert.deepEqual((await call('POST', '/v1/schedules/nightly/pause')).json.next, []);
    assert.equal((await get('nightly')).paused, true);
    assert.deepEqual((await call('POST', '/v1/schedules/nightly/resume')).json.next, next.slice(0, 5));
    const changed = await put('nightly', { ...plan, tz: 'Asia/Kathmandu' });
    assert.equal(changed.status, 200);
    assert.notDeepEqual(changed.json.next, next.slice(0, 5));
    const { id } = (await call('POST', '/v1/schedules/nightly/run')).json;
    assert.deepEqual((await jobsOf('nightly')).map((j) => [j.id, j.unique_key]), [[id, null]]);
    assert.equal((await call('DELETE', '/v1/schedules/nightly')).status, 204);
    for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/run'], ['POST', '/pause'], ['POST', '/resume']]) {
        assert.equal((await call(method, `/v1/schedules/nightly${path}`)).status, 404);
    }
});

test('members of a schedule are changed one by one, and the rest stays', async () => {
    const patch = (members) => call('PATCH', '/v1/schedules/altered', members);
    const was = (await put('altered', { cron: '30 2 * * *', tz: 'Europe/Berlin', jitter_s: 30, catch_up: 'skip' })).json;
    const late = (await patch({ jitter_s: 60, overlap: 'skip' })).json;
    assert.deepEqual(late, { ...was, jitter_s: 60, overlap: 'skip', updated_at: late.updated_at });
    assert.equal((await patch({ overlap: 'skip' })).json.updated_at, late.updated_at, 'the same again changes nothing');
    const moved = (await patch({ tz: null, job: { kind: 'other' } })).json;
    assert.deepEqual([moved.tz, moved.cron, moved.job], ['UTC', '30 2 * * *', { kind: 'other' }]);
    assert.match(moved.next[0], /T02:30:00.000Z$/);
    await call('POST', '/v1/schedules/altered/pause');
    const every = (await patch({ cron: null, every_s: 3600, end: '2999-01-01T00:00:00Z' })).json;
    assert.deepEqual([every.cron, every.every_s, every.end, every.paused, every.next], [undefined, 3600, '2999-01-01T00:00:00.000Z', true, []]);
    const kept = await get('altered');
    const cases = [
        [{ overlap: 'sometimes' }, 'invalid_field', '/overlap'],
        [{ cron: '@daily' }, 'invalid_field', '/cron'],
        [{ every_s: null }, 'invalid_field', '/cron'],
        [{ every_s: -1 }, 'invalid_field', '/every_s'],
        [{ every_s: null, cron: '0 0 31 4 *' }, 'never_fires', '/cron'],
        [{ job: null }, 'invalid_field', '/job'],
        [{ job: { kind: 'k', unique_key: 'u' } }, 'invalid_field', '/job/unique_key'],
        [{ surprise: null }, 'unknown_field', '/surprise'],
        [{ matrix: {} }, 'invalid_field', '/matrix'],
        [[], 'invalid_field', undefined],
    ];
    for (const [members, code, field] of cases) {
        const answer = await patch(members);
        assert.deepEqual([answer.status, answer.json.code, answer.json.field], [422, code, field], JSON.stringify(members));
    }
    assert.deepEqual(await get('altered'), kept);
    const three = await Promise.all([patch({ jitter_s: 1 }), patch({ overlap: 'allow' }), patch({ catch_up: 'run_all' })]);
    assert.deepEqual(three.map((a) => a.status), [200, 200, 200]);
    const all = await get('altered');
    assert.deepEqual([all.jitter_s, all.overlap, all.catch_up], [1, 'allow', 'run_all'], 'none overwrote another');
    assert.equal((await call('PATCH', '/v1/schedules/unknown', {})).status, 404);
});

test('schedules are listed by name in pages', async () => {
    for (const name of ['page-b', 'page-a', 'page-c']) await put(name, { cron: '@yearly' });
    const first = (await call('GET', '/v1/schedules?limit=2&after=page-')).json;
    assert.deepEqual(first.schedules.map((s) => s.name), ['page-a', 'page-b']);
    const second = (await call('GET', `/v1/schedules?limit=2&after=${first.next_after}`)).json;
    assert.deepEqual(second.schedules.map((s) => s.name), ['page-c']);
    assert.equal(second.next_after, null);
});

const FOREIGN_ZONES = ['Mars/Olympus', '../../etc/passwd', '/etc/passwd', '/usr/share/zoneinfo/UTC', 'Europe/../Europe/Berlin', 'Europe/./Berlin', 'Europe//Berlin', 'Europe/Berlin/',
    'Europe', '.', '..', '~/x', 'europe/berlin\\', 'Europe\\Berlin', 'tzdata.zi', 'zone.tab', 'leapseconds', 'CET-1CEST', ' UTC', 'UTC ', 'Europe/Berl%69n', 'Zürich'];

test('what is no schedule is refused by name, and nothing of it is kept', async () => {
    const cases = [
        [{ cron: '* * * *' }, 'invalid_field', '/cron'],
        [{ cron: '60 * * * *' }, 'invalid_field', '/cron'],
        [{ cron: '*/0 * * * *' }, 'invalid_field', '/cron'],
        [{ cron: '1-0 * * * *' }, 'invalid_field', '/cron'],
        [{ cron: '-5 * * * *' }, 'invalid_field', '/cron'],
        [{ cron: '@reboot' }, 'invalid_field', '/cron'],
        [{ cron: 5 }, 'invalid_field', '/cron'],
        [{ cron: ','.repeat(10240) }, 'invalid_field', '/cron'],
        [{ cron: '0 0 30 2 *' }, 'never_fires', '/cron'],
        [{ cron: '0 0 31 4,6,9,11 *' }, 'never_fires', '/cron'],
        [{ cron: '0 0 L-30 2 *', tz: 'Asia/Tokyo' }, 'never_fires', '/cron'],
        ...FOREIGN_ZONES.map((tz) => [{ cron: '@daily', tz }, 'unknown_zone', '/tz']),
        [{ cron: '@daily', tz: '' }, 'invalid_field', '/tz'],
        [{ cron: '@daily', tz: 'Europe/Berlin\0' }, 'invalid_field', '/tz'],
        [{ cron: '@daily', tz: 'A'.repeat(65) }, 'invalid_field', '/tz'],
        [{ cron: '@daily', tz: 1 }, 'invalid_field', '/tz'],
        [{ cron: '@daily', every_s: 5 }, 'invalid_field', '/cron'],
        [{}, 'invalid_field', '/cron'],
        ...[0.5, 0, -60, 1e300, '60'].map((every_s) => [{ every_s }, 'invalid_field', '/every_s']),
        [{ every_s: 60, tz: 'UTC' }, 'invalid_field', '/tz'],
        [{ every_s: 60, start: '2030-01-01T00:00:00Z', end: '2029-01-01T00:00:00Z' }, 'invalid_field', '/end'],
        [{ every_s: 60, end: '1970-01-01T00:00:00Z' }, 'invalid_field', '/end'],
        [{ every_s: 60, end: '2020-01-01T00:00:00Z' }, 'never_fires', '/end'],
        [{ every_s: 60, start: 'tomorrow' }, 'invalid_field', '/start'],
        [{ cron: '0 0 1 1 *', start: '2030-02-01T00:00:00Z', end: '2030-03-01T00:00:00Z' }, 'never_fires', '/end'],
        [{ every_s: 60, overlap: 'sometimes' }, 'invalid_field', '/overlap'],
        [{ every_s: 60, catch_up: 'all' }, 'invalid_field', '/catch_up'],
        ...[1, -3600, 1e9].map((catch_up_window_s) => [{ every_s: 60, catch_up_window_s }, 'invalid_field', '/catch_up_window_s']),
        ...[-1, 86401].map((jitter_s) => [{ every_s: 60, jitter_s }, 'invalid_field', '/jitter_s']),
        [{ every_s: 60, tz: null }, 'invalid_field', '/tz'],
        [{ every_s: 60, job: {} }, 'invalid_field', '/job/kind'],
        [{ every_s: 60, job: { kind: 'k', unique_key: 'u' } }, 'invalid_field', '/job/unique_key'],
        [{ every_s: 60, job: { kind: 'k', run_at: '2030-01-01T00:00:00Z' } }, 'invalid_field', '/job/run_at'],
        [{ every_s: 60, job: { kind: 'k', ref: 'a' } }, 'invalid_field', '/job/ref'],
        [{ every_s: 60, job: { kind: 'k', depends_on: ['0199c0de-0000-7000-8000-000000000000'] } }, 'invalid_field', '/job/depends_on'],
        [{ every_s: 60, job: { kind: 'k', on_parent_failure: 'skip' } }, 'invalid_field', '/job/on_parent_failure'],
        [{ every_s: 60, job: { kind: 'k', more: 1 } }, 'unknown_field', '/job/more'],
        [{ every_s: 60, surprise: 1 }, 'unknown_field', '/surprise'],
    ];
    for (const [plan, code, field] of cases) {
        const answer = await put('bad', plan);
        assert.deepEqual([answer.status, answer.json.code, answer.json.field], [422, code, field], JSON.stringify(plan).slice(0, 200));
    }
    assert.equal((await call('GET', '/v1/schedules/bad')).status, 404);
    for (const path of ['..', '.', 'a%2Fb', '%00', 'a%20b', '%2e%2e%2fjobs']) assert.ok([400, 404, 422].includes((await call('PUT', `/v1/schedules/${path}`, { every_s: 60, job: { kind: 'k' } })).status), path);
    assert.equal((await put('x'.repeat(101), { cron: '@daily' })).status, 422);
});

test('a tick brings a job that names it, and a waiting worker gets it at once', async () => {
    await put('each', { every_s: 1 });
    const ticks = [];
    const late = [];
    while (ticks.length - late.length < 3) { // one that comes while nobody waits, or the machine is busy, says nothing
        const { jobs } = (await call('POST', '/v1/claims', { worker: 'w', queues: ['each'], wait_s: 10 })).json;
        for (const job of jobs) {
            const shown = (await call('GET', `/v1/jobs/${job.id}`)).json;
            const tick = shown.unique_key.replace('schedule:each:', '');
            assert.equal(Date.parse(tick) % 1000, 0);
            assert.equal(shown.run_at, tick);
            if (Date.parse(shown.started_at) - Date.parse(tick) >= 900) late.push(`${shown.started_at} for ${tick}`);
            assert.ok(late.length < 10, late.join());
            ticks.push(tick);
        }
    }
    await call('DELETE', '/v1/schedules/each');
    assert.equal(new Set(ticks).size, ticks.length);
});

test('a paused schedule brings nothing more, and what was missed then stays so', async () => {
    await put('rest', { every_s: 1, catch_up: 'run_all' });
    await fired('rest', 1);
    await call('POST', '/v1/schedules/rest/pause');
    const before = (await jobsOf('rest')).length;
    await put('clock', { every_s: 1 });
    await fired('clock', 1);
    await call('DELETE', '/v1/schedules/clock');
    assert.equal((await jobsOf('rest')).length, before);
    await call('POST', '/v1/schedules/rest/resume');
    const { next, last_tick: last } = await get('rest', '?next=1');
    assert.ok(Date.parse(next[0]) > Date.parse(last));
    await call('DELETE', '/v1/schedules/rest');
});

test('a tick over open work is dropped, or cancels it, as the schedule says', async () => {
    await put('over-skip', { every_s: 1, overlap: 'skip' });
    await put('over-cancel', { every_s: 1, overlap: 'cancel_previous' });
    await fired('over-skip', 0, ' dropped=1');
    await call('POST', '/v1/schedules/over-skip/pause');
    assert.equal((await jobsOf('over-skip')).length, 1);
    assert.ok((await get('over-skip')).dropped >= 1);
    while ((await jobsOf('over-cancel')).length < 2) await call('POST', '/v1/claims', { worker: 'w', queues: ['none'], wait_s: 1 });
    await call('POST', '/v1/schedules/over-cancel/pause');
    const states = (await jobsOf('over-cancel')).map((j) => j.state);
    assert.deepEqual(states, ['queued', ...states.slice(1).map(() => 'cancelled')]);
});

test('a key that is limited to queues sees no schedules', async () => {
    const { key } = (await call('POST', '/v1/keys', { scopes: ['admin', 'read', 'enqueue'], queues: ['q'] })).json;
    assert.equal((await call('GET', '/v1/schedules', undefined, { key })).status, 403);
    assert.equal((await call('PUT', '/v1/schedules/s', { cron: '@daily', job: { kind: 'k' } }, { key })).status, 403);
    assert.equal((await call('PATCH', '/v1/schedules/s', {}, { key })).status, 403);
});
