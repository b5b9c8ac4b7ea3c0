#!/usr/bin/env node
// make_cron_table.mjs >cron.tsv: expectations for test/unit/core_cron.c, none of which comes from our own code.
// Two implementations in wide use are asked (croner, cron-parser). Where they say the same, that is expected, unless the
// rule of src/core/cron.h differs; where they disagree or cannot read an expression, the rule decides (test/lib/cron_rule.mjs).
// The last column says which of the three the row rests on: `both`, `croner`, `cron-parser`, or `rule` alone.
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';

import { ticksByRule } from '../lib/cron_rule.mjs';

const COUNT = 3;

function byCroner(expression, zone, from) {
    return new Cron(expression, { timezone: zone }).nextRuns(COUNT, new Date(from)).map(d => d.getTime());
}

function byCronParser(expression, zone, from) {
    const it = CronExpressionParser.parse(expression, { tz: zone, currentDate: new Date(from) });
    return Array.from({ length: COUNT }, () => it.next().getTime());
}

function attempt(f, ...args) {
    try {
        return f(...args).join(' ');
    } catch {
        return '';
    }
}

const rows = [];
function add(expressions, zones, froms) {
    for (const zone of zones) {
        for (const from of froms) {
            for (const expression of expressions) rows.push([expression, zone, from]);
        }
    }
}

// Syntax, in UTC.
add(['* * * * *', '*/5 * * * *', '7 * * * *', '0 0 * * *', '30 9 * * MON-FRI', '0,30 8-18/2 * * *', '5/15 * * * *', '0 22 * * 1-5', '23 0-20/2 * * *',
    '@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly', '15 10 ? * *', '0 12 1/5 * ?', '*/13 */7 * * *', '0 0 1,15 * *', '0 9 * JAN,jul *',
    '0 0 1 jan-mar *', '59 23 31 12 *', '0 4 8-14 * *', '0 0 * * 7', '0 0 * * 0', '0 0 * * sun', '0 0 * * 5-7', '0 0 * * 0-7', '10-20/5 3 * * *'],
['UTC'], ['2025-01-01T00:00:00Z', '2026-06-15T12:34:56.789Z', '2027-12-31T23:59:59.999Z']);
// Seconds.
add(['* * * * * *', '*/10 * * * * *', '30 * * * * *', '15,45 30 * * * *', '0 0 0 * * *', '59 59 23 31 12 *', '1-5/2 0 12 * * *'],
    ['UTC'], ['2025-01-01T00:00:00Z', '2025-02-28T23:59:58.001Z']);
// Ends of months, weekdays of months, leap years.
add(['0 0 L * *', '0 12 L 2 *', '0 0 15,L * *', '0 0 L-3 * *', '0 0 L-30 * *', '0 0 * * 5L', '0 0 * * FRIL', '0 0 * * 2#1', '0 0 * * TUE#5', '0 0 * * 1#1,1#3',
    '0 0 * * 7#2', '0 0 29 2 *', '0 0 31 * *', '0 0 30 4,6 *', '0 6 * 2 7L', '0 0 29,30,31 1-3 *'],
['UTC', 'Asia/Tokyo'], ['2025-01-30T23:00:00Z', '2026-02-27T00:00:00Z', '2027-12-30T15:00:00Z']);
// Both fields of days.
add(['0 0 13 * 5', '0 0 1 * MON', '0 0 */10 * 1', '0 0 1-7 * */2', '0 0 ? * 3', '0 0 15 * ?', '0 0 L * 1', '0 0 15 * 2#1', '0 0 * * *', '0 0 1,15 6 SUN', '0 0 */2 * 1-5'],
    ['UTC', 'America/New_York'], ['2025-06-01T00:00:00Z', '2026-11-12T23:59:00Z']);
// Clocks that go forward and back.
const daily = ['30 2 * * *', '0 2 * * *', '15 1 * * *', '59 2 * * *', '*/15 * * * *', '30 * * * *', '0 */2 * * *', '*/20 1-3 * * *', '0 3 * * *'];
add(daily, ['Europe/Berlin'], ['2025-03-29T23:30:00Z', '2025-10-25T22:00:00Z', '2026-10-25T00:30:00Z', '2026-03-29T00:59:59Z']);
add(daily, ['Europe/London'], ['2025-03-29T23:30:00Z', '2025-10-25T22:00:00Z', '2026-03-29T00:59:59Z', '2026-10-25T00:30:00Z']);
add(daily, ['America/New_York'], ['2025-03-09T05:30:00Z', '2025-11-02T04:30:00Z', '2025-11-02T05:40:00Z', '2026-03-08T06:59:00Z']);
add(daily, ['Australia/Lord_Howe'], ['2025-10-04T14:00:00Z', '2026-04-04T13:30:00Z', '2026-04-04T14:50:00Z']);
add(['0 0 * * *', '30 0 * * *', '15 23 * * *', '*/30 * * * *'], ['America/Santiago', 'America/Havana', 'Asia/Beirut', 'Africa/Cairo'],
    ['2025-03-28T12:00:00Z', '2025-09-06T20:00:00Z', '2025-10-30T12:00:00Z', '2025-04-05T20:00:00Z']);
// No changes, old changes, odd offsets, changes by decree.
add(['0 9 * * *', '45 23 L * *', '30 4 * * 1'], ['America/Sao_Paulo', 'Asia/Kathmandu', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Pacific/Chatham', 'Africa/Casablanca',
    'Europe/Dublin', 'America/St_Johns', 'Australia/Adelaide', 'Etc/GMT+12', 'Asia/Pyongyang'], ['2025-02-01T00:00:00Z', '2025-10-03T00:00:00Z']);
add(['0 0 * * *', '30 0 * * *'], ['America/Sao_Paulo'], ['2018-11-03T12:00:00Z', '2018-02-17T12:00:00Z']);
add(['0 12 * * *', '0 0 * * 5', '*/30 * * * *'], ['Pacific/Apia'], ['2011-12-29T20:00:00Z']);
// Far years: the rule at the end of the zone's file.
add(['30 2 * * *', '0 12 * * SUN#5', '*/30 1-2 * * *'], ['Europe/Berlin', 'America/New_York', 'Australia/Sydney'], ['2051-03-25T12:00:00Z', '2060-10-30T12:00:00Z', '2080-04-05T12:00:00Z']);

const counts = {};
const seen = new Set();
console.log('# expression\tzone\tfrom\tthe next three ticks\twhat the row rests on; made by make_cron_table.mjs');
for (const [expression, zone, from] of rows) {
    const id = [expression, zone, from].join('\t');
    if (seen.has(id)) continue;
    seen.add(id);
    const a = attempt(byCroner, expression, zone, from);
    const b = attempt(byCronParser, expression, zone, from);
    const near = ticksByRule(expression, zone, Date.parse(from), COUNT);
    const rule = (near.length === COUNT ? near : ticksByRule(expression, zone, Date.parse(from), COUNT, 4500)).join(' ');
    const source = rule === a && rule === b ? 'both' : rule === a ? 'croner' : rule === b ? 'cron-parser' : 'rule';
    counts[source] = (counts[source] ?? 0) + 1;
    if (source === 'rule' && process.env.SHOW) console.error(id, '\n  rule ', iso(rule), '\n  crnr ', iso(a), '\n  pars ', iso(b));
    console.log([id, iso(rule), source].join('\t'));
}
console.error(counts);

function iso(list) {
    return list.split(' ').map(t => t && new Date(Number(t)).toISOString().replace('.000', '')).join(' ');
}
