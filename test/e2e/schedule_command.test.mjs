// stint schedule: what people type, what they see, and with which code it ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BIN, startServer } from './lib/server.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

function schedule(args, input = '') {
    const env = { PATH: process.env.PATH, STINT_URL: server.url, STINT_KEY: server.key, NO_COLOR: '1' };
    const { status, stdout, stderr } = spawnSync(BIN, ['schedule', ...args], { input, encoding: 'utf8', env });
    return { status, stdout, stderr };
}
const ok = (...args) => {
    const { status, stdout, stderr } = schedule(args);
    assert.deepEqual([status, stderr], [0, '']);
    return stdout;
};
const show = (name) => JSON.parse(ok('show', name, '--json'));

test('a schedule is put from options, shown, listed, paused, resumed, run and deleted', async () => {
    const options = '--tz|Europe/Berlin|--jitter|30s|--overlap|skip|--catch-up|run_all|--catch-up-window|2h|--start|2026-01-01T00:00:00Z|--end|2999-01-01T00:00:00Z';
    const job = '--queue|mail|--tag|t|--priority|5|--delay|1m|--max-attempts|3|--timeout|90s';
    assert.equal(ok('put', 'nightly', 'report', '{"full":true}', '--cron', '30 2 * * MON-FRI', ...options.split('|'), ...job.split('|')), 'nightly is kept\n');
    const { cron, tz, jitter_s, overlap, catch_up, catch_up_window_s, start, end, job: kept } = show('nightly');
    assert.deepEqual([cron, tz, jitter_s, overlap, catch_up, catch_up_window_s], ['30 2 * * MON-FRI', 'Europe/Berlin', 30, 'skip', 'run_all', 7200]);
    assert.deepEqual([start, end], ['2026-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z']);
    assert.deepEqual(kept, { kind: 'report', args: { full: true }, queue: 'mail', tags: ['t'], priority: 5, delay_s: 60, max_attempts: 3, timeout_s: 90 });
    const shown = ok('show', 'nightly');
    assert.match(shown, /^name +nightly\nticks +30 2 \* \* MON-FRI \(Europe\/Berlin\)\n/);
    assert.equal(shown.match(/^next +\S+Z$/gm).length, 5);
    assert.match(ok('list'), /^nightly +30 2 \* \* MON-FRI \(Europe\/Berlin\) +20\S+Z +- +0 +0/m);
    const next = ok('next', 'nightly', '--limit', '7').trimEnd().split('\n');
    assert.equal(next.length, 7);
    assert.ok(next.every((t, i) => t.endsWith('Z') && (i === 0 || t > next[i - 1])));
    assert.equal(ok('pause', 'nightly'), 'nightly paused\n');
    assert.match(ok(), /^nightly +paused /m);
    assert.equal(ok('next', 'nightly'), '');
    assert.equal(ok('resume', 'nightly'), 'nightly resumed\n');
    const id = ok('run', 'nightly').trim();
    const { kind, args } = (await server.call('GET', `/v1/jobs/${id}`)).json;
    assert.deepEqual([kind, args], ['report', { full: true }]);
    assert.equal(ok('delete', 'nightly'), 'nightly deleted\n');
    assert.equal(schedule(['show', 'nightly']).status, 4);
});

test('a definition is taken as it is, also from standard input', () => {
    const text = '{"every_s": 3600, "job": {"kind": "k"}}';
    assert.equal(ok('put', 'whole', text), 'whole is kept\n');
    assert.equal(show('whole').every_s, 3600);
    assert.equal(schedule(['put', 'whole', '-'], text.replace('3600', '7200')).status, 0);
    assert.equal(show('whole').every_s, 7200);
    assert.match(ok('list'), /^whole +every 2 h 0 min /m);
    assert.equal(schedule(['put', 'piped', 'k', '-', '--every', '90m'], '[1]').status, 0);
    assert.equal(schedule(['put', 'tried', '-'], '{"cron": "@daily", "job": {"kind": "k", "queue": "tried"}, "matrix": {"n": [1, 2]}}').status, 0);
    assert.match(ok('show', 'tried'), /^matrix +\{"n": \[1, 2\]\}$/m);
    assert.match(ok('run', 'tried'), /^[0-9a-f-]{36}\n$/);
    assert.deepEqual(show('piped').job, { kind: 'k', args: [1] });
    const { status, stdout, stderr } = schedule(['list', '--limit', '2']);
    assert.deepEqual([status, stdout.split('\n').length, stderr], [0, 4, 'stint schedule: there are more: --limit\n']);
    assert.equal(show('piped').every_s, 5400);
});

test('what is wrong is said, with the code that scripts go by', () => {
    const wrong = [
        [['put', 'x'], 2, /it is: stint schedule list, put/],
        [['rub', 'x'], 2, /it is:/],
        [['list', 'x'], 2, /it is:/],
        [['put', 'x', '{'], 2, /the definition: not JSON: .* at byte 1/],
        [['put', 'x', '{"every_s":60,"job":{"kind":"k"}}', '--cron', '@daily'], 2, /says everything itself/],
        [['put', 'x', 'k', '{', '--cron', '@daily'], 2, /the args: not JSON/],
        [['put', 'x', 'k', '--every', '-5m'], 2, /--every/],
        [['put', 'x', 'k', '--every', '1s', '--jitter', '2d'], 2, /--jitter: '2d' is outside 0 ms … 24 h 0 min/],
        [['put', 'x', '{"every_s":60,"job":{"kind":"k","prio":1}}'], 2, /unknown field, at \/job\/prio\n/],
        [['put', 'x', '{"every_s":60}'], 2, /: job is missing\n/],
        [['put', 'x', 'k'], 2, /either cron or every_s/],
        [['put', 'x', 'k', '--cron', '0 0 30 2 *'], 2, /no such date/],
        [['put', 'x', 'k', '--cron', '61 * * * *'], 2, /minute: 61 is not from 0 to 59/],
        [['put', 'x', 'k', '--cron', '@daily', '--tz', 'Mars/Olympus'], 2, /there is no time zone "Mars\/Olympus"/],
        [['put', '../x', 'k', '--cron', '@daily'], 2, /name/],
        [['pause', 'x'], 4, /./],
        [['delete', 'x'], 4, /./],
    ];
    for (const [args, code, says] of wrong) {
        const { status, stderr } = schedule(args);
        assert.deepEqual([args, status], [args, code], stderr);
        assert.match(stderr, says);
    }
    assert.equal(schedule(['show', 'x']).status, 4, 'nothing was kept');
    const help = ok('--help');
    for (const word of ['delete', '--cron EXPRESSION', '--catch-up-window TIME', '--overlap RULE']) assert.ok(help.includes(word), word);
});
