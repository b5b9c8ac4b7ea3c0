// Random cron expressions in random time zones: our ticks beside those of other implementations (croner, cron-parser). Where
// they are known to keep other rules than src/core/cron.h, test/lib/cron_rule.mjs judges, which looks at every minute.
// SEED= repeats a run, CASES= makes it longer.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import test from 'node:test';

import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';

import { matcher, offsetAt, ticksByRule } from '../lib/cron_rule.mjs';

const COUNT = 5;
const CASES = Number(process.env.CASES ?? (process.env.STINT_SMALL ? 50 : 250));
const ZONES = ['UTC', 'Europe/Berlin', 'Europe/London', 'America/New_York', 'America/Sao_Paulo', 'America/St_Johns', 'Asia/Kathmandu', 'Asia/Tokyo',
    'Australia/Lord_Howe', 'Australia/Sydney', 'Pacific/Auckland', 'Pacific/Chatham', 'Africa/Cairo', 'America/Havana', 'Asia/Kolkata', 'America/Santiago'];

function random(seed) {
    return n => {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
        return (seed >>> 8) % n;
    };
}

const seed = Number(process.env.SEED ?? Date.now() % 1000000);
const r = random(seed);
const pick = list => list[r(list.length)];

function part(min, max) {
    const a = min + r(max - min + 1);
    const b = a + r(max - a + 1);
    const step = 1 + r(Math.max(1, Math.floor((max - min) / 2)));
    return pick([`${a}`, `${a}`, `${a}-${b}`, `${a}-${b}/${step}`, `${a}/${step}`]);
}

const list = (min, max) => Array.from({ length: 1 + (r(3) === 0 ? 1 + r(2) : 0) }, () => part(min, max)).join(',');
const weekday = () => pick([`${r(7)}`, 'MON-FRI', 'SUN', `${r(7)}L`, `${r(7)}#${1 + r(4)}`, '1,3,5', '5-7']);
const field = (open, f) => (r(100) < open ? '*' : f());

function expression() {
    const days = r(3);
    const fields = [
        field(15, () => pick([`*/${pick([2, 5, 7, 15, 20])}`, list(0, 59)])),
        field(25, () => (r(2) ? `${r(4)}` : list(0, 23))),
        days === 1 ? pick([list(1, 31), 'L', '1-7', '29', '31']) : '*',
        field(70, () => pick([list(1, 12), 'MAR', 'OCT', 'JAN-APR'])),
        days === 2 || (days === 1 && r(4) === 0) ? weekday() : '*',
    ];
    if (r(6) === 0) fields.unshift(pick(['0', '30', '*/20', '5,55', '1-50/7']));
    return fields.join(' ');
}

/** A moment between 2024 and 2030, mostly one around a change of the zone's clock. */
function moment(zone) {
    const at = Date.UTC(2024, 0, 1) + r(6 * 365) * 86400000;
    for (let day = 0; r(4) > 0 && day < 220; day++) {
        const t = at + day * 86400000;
        if (offsetAt(zone, t) !== offsetAt(zone, t + 86400000)) return t - 43200000 + r(86400) * 1000 + r(1000);
    }
    return at + r(86400) * 1000;
}

/** What the two others say; cron-parser refuses a value that is in a list twice, and gives up early. */
function others(c) {
    const croner = new Cron(c.expression, { timezone: c.zone, sloppyRanges: true }).nextRuns(COUNT, new Date(c.after)).map(d => d.getTime());
    try {
        const it = CronExpressionParser.parse(c.expression, { tz: c.zone, currentDate: new Date(c.after) });
        return [croner, Array.from({ length: COUNT }, () => it.next().getTime())].map(x => x.join(' '));
    } catch (e) {
        assert.match(e.message, /duplicate values|loop limit/);
        return [croner.join(' '), ''];
    }
}

function ours(cases) {
    const input = cases.map(c => [c.expression, c.zone, c.after, COUNT].join('\t')).join('\n');
    const run = spawnSync(`${process.env.STINT_BUILD}/test/cron_next`, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout.trimEnd().split('\n');
}

test('random expressions have the ticks that other implementations find', { timeout: 240_000 + 100 * CASES }, t => {
    const cases = [];
    while (cases.length < CASES) {
        const zone = pick(ZONES);
        cases.push({ expression: expression(), zone, after: moment(zone) });
    }
    const found = ours(cases);
    const counts = { 'as both': 0, 'as one of them': 0, 'by the rule': 0, 'without any date': 0 };
    for (const [i, c] of cases.entries()) {
        const what = `SEED=${seed}: ${c.expression} in ${c.zone} after ${new Date(c.after).toISOString()}`;
        if (found[i].startsWith('! there is no such date')) {
            // a month of a list without the day: nothing to be found in years, either
            assert.ok(!Array.from({ length: 4 * 366 }, (_, d) => Date.UTC(2024, 0, 1 + d)).some(d => matcher(c.expression).dateMatches(d)), what);
            counts['without any date']++;
            continue;
        }
        assert.match(found[i], /^\d+( \d+){4}$/, what);
        const [croner, parser] = others(c);
        if (found[i] === croner && found[i] === parser) {
            counts['as both']++;
        } else {
            const rule = ticksByRule(c.expression, c.zone, c.after, COUNT, 8000).join(' ');
            assert.equal(found[i], rule, what);
            counts[found[i] === croner || found[i] === parser ? 'as one of them' : 'by the rule']++;
        }
    }
    t.diagnostic(`SEED=${seed} ${JSON.stringify(counts)}`);
    assert.ok(counts['as both'] > 0.6 * cases.length, JSON.stringify(counts)); // four of five are usual; few cases vary
});
