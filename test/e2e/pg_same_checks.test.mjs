// One table of cases through both doors: POST /v1/jobs, and stint.enqueue and stint.enqueue_many in a transaction of the
// application (sql/pg/migrations/0007_same_checks.sql). What one refuses the other refuses too, and names the member.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { makeDatabase } from './lib/postgres.mjs';
import { startServer } from './lib/server.mjs';

let db;
let server;
let app;
before(async () => {
    if (SKIP) return;
    db = makeDatabase();
    server = await startServer({ store: db.dsn });
    await db.psql(`CREATE FUNCTION public.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE id uuid; detail text;
      BEGIN
        EXECUTE call INTO id;
        RETURN id;
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RETURN format('refused %s %s %s', SQLSTATE, detail, SQLERRM);
      END $$`);
    app = await db.session();
});
after(async () => {
    await app?.close();
    await server?.stop();
    db?.drop();
});

const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const attempt = (call) => app.say(`SELECT public.attempt(${quote(call)})`);
const hasArgs = (id, args) => app.say(`SELECT args = ${quote(args)} FROM stint.job WHERE id::text = ${quote(id)}`);
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
const isRefusal = (text, member) => text.startsWith(`refused 22023 /${member} stint: ${member} `);

// args as they are written, and whether they are good.
const ARGS = [
    ['{"n": 1.0,  "b":9007199254740993, "e": 1e999, "f": -0}', true],
    ['"plain"', true],
    [nested(63), true],
    [nested(64), false],
    [`{"a":${nested(63)}}`, false],
    [`[${'{"a":[]},'.repeat(200)}1]`, true],
    [`"${'[{'.repeat(100)}"`, true],
    [`"\\"${'[{'.repeat(100)}"`, true],
    ['{"a":1,"a":2}', false],
    ['{"a":1,"b":{"c":[{"d":1,"d":2}]}}', false],
    ['{"a":1,"\\u0061":2}', false],
    ['{"a":1,"b":{"a":1}}', true],
    ['{"a:b":"c:d","a":"\\"x\\":1"}', true],
    ['{"a\\\\":1,"a":2,"a\\"":3}', true],
    ['{"a":1e5,"b":1e100000,"c":1E-99999,"d":"1e5"}', true],
    ['{"a":1e5,"b":1e100000,"a":1e5}', false],
    ['{"a\\u0000":1,"a":2,"b":"\\u0000"}', true],
    ['{"a\\u0000":1,"a\\u0000":2}', false],
    ['{"a":"\\\\u0000","b":"\\\\\\u0000\\u0000"}', true],
    ['"\\ud83d\\ude00"', true],
    ['"\\ud83d"', false],
    ['"\\uDE00"', false],
    ['"\\ud83d\\ud83d\\ude00"', false],
    ['"\\ud83d\\\\\\ude00"', false],
    ['"\\\\ud83d"', true],
    ['{"\\ud83d":1}', false],
    ['{"\\ud83d\\ude00":1,"\\ud83d\\ude01":1}', true],
    ['{"\\ud83d\\ude00":1,"😀":1}', false],
    [`[${'1'.repeat(1024)}]`, true],
    [`[${'1'.repeat(1025)}]`, false],
    [`"${'1'.repeat(1025)}"`, true],
    [`"${'x'.repeat(1048574)}"`, true],
    [`"${'x'.repeat(1048575)}"`, false],
    [`[${'{"name":"an item","n":1},'.repeat(40000)}1]`, true],
    [`[${'{"name":"an item","n":1},'.repeat(40000)}{"n":1,"n":1}]`, false],
    [' [ 1 ,\t2 ] ', true],
    ['null', true],
];

test('args that one door refuses are refused by the other, and keep their bytes', { skip: SKIP }, async () => {
    for (const [args, isGood] of ARGS) {
        const shown = args.slice(0, 80);
        const body = `{"queue":"q","kind":"k","args":${args}}`;
        const answer = await server.call('POST', '/v1/jobs', body);
        const one = await attempt(`SELECT stint.enqueue('q', 'k', ${quote(args)})`);
        const inMany = await attempt(`SELECT id FROM stint.enqueue_many(${quote(`[{"kind":"k"},${body}]`)}) OFFSET 1`);
        // The array around it is one level more, as in HTTP.
        const fits = args !== nested(63);
        if (isGood) {
            assert.equal(answer.status, 201, `${shown}: ${answer.text}`);
            assert.equal(await hasArgs(one, args), 't', `${shown}: ${one}`);
            if (fits) assert.equal(await hasArgs(inMany, args.trim()), 't', `${shown}: ${inMany}`);
        } else {
            assert.equal([400, 413, 422].includes(answer.status), true, shown);
            assert.equal(isRefusal(one, 'args'), true, `${shown}: ${one}`);
        }
        if (!isGood || !fits) {
            assert.equal(isRefusal(inMany, 'args'), true, `${shown}: ${inMany}`);
        }
        if (!fits) assert.equal((await server.call('POST', '/v1/jobs', `[${body}]`)).status, 400);
    }
});

// Members as they are written, and the one that is bad; null: none is.
const MEMBERS = [
    ['', null],
    ['"priority":5', null],
    ['"priority":-32768', null],
    ['"priority":1.0', 'priority'],
    ['"priority":1e0', 'priority'],
    ['"priority":-0', 'priority'],
    ['"priority":32768', 'priority'],
    ['"priority":99999999999999999999999', 'priority'],
    ['"priority":1e999999', 'priority'],
    ['"priority":null', 'priority'],
    ['"priority":1,"priority":2', 'priority'],
    ['"priority":1,"\\u0070riority":1', 'priority'],
    ['"max_attempts":2.0', 'max_attempts'],
    ['"lost_max":3e0', 'lost_max'],
    ['"delay_s":1e0', null],
    ['"delay_s":0.0004', null],
    ['"delay_s":1e-400', null],
    ['"delay_s":1e-99999', null],
    ['"delay_s":0e99999', null],
    ['"delay_s":1e400', 'delay_s'],
    ['"delay_s":1e99999', 'delay_s'],
    ['"delay_s":-1e-99999', null],
    ['"delay_s":"1"', 'delay_s'],
    ['"delay_s":null', 'delay_s'],
    ['"delay_s":315360001', 'delay_s'],
    ['"timeout_s":0.0001', 'timeout_s'],
    ['"timeout_s":1e999999', 'timeout_s'],
    ['"deadline_s":31536001', 'deadline_s'],
    ['"run_at":"2031-05-06T07:08:09Z"', null],
    ['"run_at":"2031-05-06t07:08:09.1239999z"', null],
    ['"run_at":"2031-05-06T07:08:09+23:59"', null],
    ['"run_at":"2031-05-06T07:08:09-23:59"', null],
    ['"run_at":"2032-02-29T00:00:00Z"', null],
    ['"run_at":"1970-01-01T00:00:00Z"', null],
    ['"run_at":"9999-12-31T23:59:59.999Z"', null],
    ['"run_at":"9999-12-31T23:59:59-00:01"', 'run_at'],
    ['"run_at":"1970-01-01T00:00:00+00:01"', 'run_at'],
    ['"run_at":"1969-12-31T23:59:59Z"', 'run_at'],
    ['"run_at":"0001-01-01T00:00:00Z"', 'run_at'],
    ['"run_at":"2031-02-29T00:00:00Z"', 'run_at'],
    ['"run_at":"2031-04-31T00:00:00Z"', 'run_at'],
    ['"run_at":"2031-05-06 07:08:09Z"', 'run_at'],
    ['"run_at":"2031-05-06T24:00:00Z"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:60Z"', 'run_at'],
    ['"run_at":"2031-05-06T07:60:00Z"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09"', 'run_at'],
    ['"run_at":"2031-05-06T07:08Z"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09.Z"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09+0200"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09+24:00"', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09Z\\n"', 'run_at'],
    ['"run_at":"２031-05-06T07:08:09Z"', 'run_at'],
    ['"run_at":"now"', 'run_at'],
    ['"run_at":5', 'run_at'],
    ['"run_at":null', 'run_at'],
    ['"run_at":"2031-05-06T07:08:09Z","delay_s":1', 'delay_s'],
    ['"on_cancel":"run"', null],
    ['"on_cancel":"stop"', null],
    ['"on_cancel":"never"', 'on_cancel'],
    ['"on_cancel":null', 'on_cancel'],
    ['"on_lost":1', 'on_lost'],
    ['"tags":[]', null],
    ['"tags":["a"]', null],
    ['"tags":["a\\u0000"]', 'tags'],
    ['"tags":["\\ud83d"]', 'tags'],
    ['"tags":[["a"]]', 'tags'],
    ['"tags":null', 'tags'],
    ['"unique_key":5', 'unique_key'],
    ['"unique_key":null', 'unique_key'],
    ['"unique_key":"a\\u0000"', 'unique_key'],
    ['"unique_key":"\\u0000"', 'unique_key'],
    ['"unique_key":"\\ud83d"', 'unique_key'],
    ['"unique_key":"a","unique_key":"b"', 'unique_key'],
    ['"unique_key":"x","unique_for_s":null', 'unique_for_s'],
    ['"unique_for_s":"forever"', 'unique_for_s'],
    ['"retry":null', 'retry'],
    ['"retry":{}', null],
    ['"retry":{"base_s":1e999999}', 'base_s'],
    ['"retry":{"base_s":1,"base_s":2}', 'retry'],
    ['"retry":{"backoff":null}', 'backoff'],
    ['"retry":{"backoff":"list","delays_s":[1e999999]}', 'delays_s'],
    ['"retry":{"backoff":"list","delays_s":[1e0,1e-99999]}', null],
    ['"retry":{"backoff":"list","delays_s":null}', 'delays_s'],
    ['"group":"g"', null],
    ['"group":5', 'group'],
    ['"group":null', 'group'],
    [`"group":"${'g'.repeat(257)}"`, 'group'],
    ['"limits":[]', null],
    ['"limits":["b/ä \\"c\\\\",{"key":"a","weight":3}]', null],
    ['"limits":[{"key":"a","weight":1},{"key":"b"}],"group":"g"', null],
    ['"limits":["a","b","c","d","e","f","g","h","i"]', 'limits'],
    ['"limits":["a",{"key":"a","weight":2}]', 'limits'],
    ['"limits":["a*"]', 'limits'],
    ['"limits":[""]', 'limits'],
    ['"limits":["a\\n"]', 'limits'],
    [`"limits":["${'k'.repeat(201)}"]`, 'limits'],
    ['"limits":[{"key":"a","weight":0}]', 'limits'],
    ['"limits":[{"key":"a","weight":1000001}]', 'limits'],
    ['"limits":[{"key":"a","weight":1.5}]', 'limits'],
    ['"limits":[{"weight":1}]', 'limits'],
    ['"limits":[{"key":"a","n":1}]', 'limits'],
    ['"limits":[["a"]]', 'limits'],
    ['"limits":{}', 'limits'],
    ['"limits":null', 'limits'],
    ['"unique_key":"schedule:nightly:2026-11-23T02:30:00.000Z"', 'unique_key'],
    ['"unique_key":"schedules"', null],
    ['"batch":"b"', 'batch'],
    ['"secrets":[]', 'secrets'],
    ['"attach":"root"', 'attach'],
    ['"nonsense":1', 'nonsense'],
    [`"tags":${nested(70)}`, 'tags'],
];
// What HTTP takes, and a transaction of one's own does not.
const HTTP_ONLY = [
    ['"ref":"a"', 'ref', /is not supported here/],
    ['"on_parent_failure":"skip"', 'on_parent_failure', /is not supported here/],
    ['"depends_on":["a"]', 'depends_on', /is not supported here/],
    ['"unique_key":"d","on_duplicate":"keep"', 'on_duplicate', /is not for a transaction of your own/],
];

/** Both ways into SQL for one job with these members. */
async function bothWays(members) {
    const rest = members ? `,${members}` : '';
    return [
        await attempt(`SELECT stint.enqueue('m', 'k', '1', ${quote(`{${members}}`)})`),
        await attempt(`SELECT id FROM stint.enqueue_many(${quote(`[{"queue":"m","kind":"k","args":"\\u0000"${rest}}]`)})`),
    ];
}

test('members that one door refuses are refused by the other, and named', { skip: SKIP }, async () => {
    for (const [members, bad] of MEMBERS) {
        const answer = await server.call('POST', '/v1/jobs', `{"queue":"m","kind":"k","args":1${members ? `,${members}` : ''}}`);
        assert.equal(answer.status === 201, bad === null, `${members}: ${answer.text}`);
        for (const got of await bothWays(members)) {
            if (bad === null) {
                assert.match(got, /^[0-9a-f-]{36}$/, members);
                const row = `SELECT run_at - CASE WHEN run_at < 1900000000000 THEN ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint ELSE 0 END, state, priority, flags, timeout_ms, deadline_at, lost_max, retry, unique_key, tags, fair_group, limit_keys, lane FROM stint.job WHERE id = `;
                assert.equal(await app.say(row + quote(got)), await app.say(row + quote(answer.json.id)), members);
            } else {
                assert.equal(isRefusal(got, bad), true, `${members}: ${got}`);
            }
        }
    }
    for (const [members, bad, why] of HTTP_ONLY) {
        for (const got of await bothWays(members)) {
            assert.equal(isRefusal(got, bad), true, `${members}: ${got}`);
            assert.match(got, why);
        }
    }
});

// Whole jobs, of HTTP and of enqueue_many.
const JOBS = [
    ['{"kind":"k"}', null],
    ['{}', 'kind'],
    ['{"kind":5}', 'kind'],
    ['{"kind":null}', 'kind'],
    ['{"kind":""}', 'kind'],
    ['{"kind":"a\\u0000"}', 'kind'],
    ['{"kind":"\\ud83d"}', 'kind'],
    ['{"kind":"k\\n"}', 'kind'],
    ['{"kind":"k","kind":"k"}', 'kind'],
    ['{"kind":"k","queue":null}', 'queue'],
    ['{"kind":"k","queue":5}', 'queue'],
    ['{"kind":"k","queue":""}', 'queue'],
    ['{"kind":"k","queue":".."}', 'queue'],
    ['{"kind":"k","args":1,"args":1}', 'args'],
    ['{"kind":"k","":1}', ''],
    ['5', 'jobs'],
    ['[]', 'jobs'],
    ['null', 'jobs'],
];

test('whole jobs that one door refuses are refused by the other', { skip: SKIP }, async () => {
    for (const [job, bad] of JOBS) {
        const answer = await server.call('POST', '/v1/jobs', `[${job}]`);
        assert.equal(answer.status === 201 || answer.status === 200, bad === null, `${job}: ${answer.text}`);
        const got = await attempt(`SELECT id FROM stint.enqueue_many(${quote(`[${job}]`)})`);
        if (bad === null) assert.match(got, /^[0-9a-f-]{36}$/, job);
        else assert.equal(isRefusal(got, bad), true, `${job}: ${got}`);
    }
    for (const member of ['queue', 'kind', 'args']) {
        const got = await attempt(`SELECT stint.enqueue('m', 'k', '1', '{"${member}":"x"}')`);
        assert.match(got, new RegExp(`^refused 22023 /${member} stint: ${member} is an argument of its own`));
    }
    for (const options of ['5', '[]', 'null']) {
        assert.match(await attempt(`SELECT stint.enqueue('m', 'k', '1', '${options}')`), /^refused 22023 .*the options must be an object/);
    }
    assert.equal(isRefusal(await attempt(`SELECT stint.enqueue(NULL, 'k')`), 'queue'), true);
    assert.equal(isRefusal(await attempt(`SELECT stint.enqueue('m', NULL)`), 'kind'), true);
});

test('a full queue is full within one call, too', { skip: SKIP }, async () => {
    for (const queue of ['three', 'third']) assert.equal((await server.call('PATCH', `/v1/queues/${queue}`, { max_queued: 3 })).status, 200);
    const jobs = (n, queue) => [...Array(n).keys()].map(() => ({ kind: 'k', queue }));
    const many = (list) => attempt(`SELECT id FROM stint.enqueue_many(${quote(JSON.stringify(list))})`);
    assert.equal((await server.call('POST', '/v1/jobs', jobs(4, 'three'))).status, 429);
    assert.match(await many(jobs(4, 'three')), /^refused 53400 \/queue stint: the queue "three" is full/);
    assert.match(await many([...jobs(3, 'three'), ...jobs(3, 'third'), ...jobs(9, 'free')]), /^[0-9a-f-]{36}$/);
    assert.match(await many(jobs(1, 'third')), /^refused 53400/);
    assert.equal((await server.call('GET', '/v1/queues/three')).json.counts.queued, 3);
});
