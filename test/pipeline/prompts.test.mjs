// Batches of prompts by the command line, against a provider that plays a script: what is made and what is not, and what the reports
// say, held against figures that are computed here.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { batch, command, soon, startWorker, wilson } from './lib/prompts.mjs';
import { completion, startProvider } from './lib/provider.mjs';

const KEY = 'sk-test-0123456789abcdef';
const dir = makeDir('stint-prompts-');
const ENTITIES = [{ name: 'Acme', aliases: ['Acme CRM'], domains: ['acme.example'] }, 'Beta', 'Gamma'];
const SCHEMA = { type: 'object', properties: { pick: { type: 'string' } }, required: ['pick'], additionalProperties: false };
const DEFINITION = {
    name: 'daily', runs: 3, schema: SCHEMA, entities: ENTITIES, budget: { calls: 1000, usd: 5 },
    prompts: ['crm', 'erp', 'no', 'bad', 'cut', 'broken'].map((id) => ({ id, text: `Which {{what}}? (${id})`, vars: { what: id } })),
    models: [{ id: 'm/one:8b', provider: 'acme' }, { id: 'two', provider: 'acme', params: { temperature: 0 } }],
};
const file = (name, value) => { writeFileSync(dir.file(name), typeof value === 'string' ? value : JSON.stringify(value)); return dir.file(name); };
let stint, provider, worker;
/** The n-th call of a coordinate, so that a script can tell runs apart. */
const seen = new Map();

/** What the provider says on the first day: each prompt has its own fate. */
function firstDay({ body }) {
    const prompt = /\((\w+)\)/.exec(JSON.stringify(body.messages))[1];
    const place = `${prompt} ${body.model}`;
    seen.set(place, (seen.get(place) ?? 0) + 1);
    const say = (pick, more) => completion(JSON.stringify({ pick }), more);
    switch (prompt) {
    case 'crm': return say('Acme, then Beta. See https://www.acme.example/x and https://news.example/a.');
    case 'erp': return body.model === 'two' ? say('Beta, Acme CRM and Beta') : say('nobody');
    case 'no': return completion(null, { message: { refusal: 'I will not.' } });
    case 'bad': return completion('{"pick": 7}');
    case 'cut': return completion('{"pick": "Acm', { finish: 'length' });
    default: return { status: 400, body: { error: { message: `nonsense\u009b31m [x](javascript:1), said ${KEY}` } } };
    }
}

before(async () => {
    stint = await startServer();
    provider = await startProvider(firstDay);
    worker = startWorker(stint, dir, { acme: { base_url: `${provider.url}/v1`, secret: 'ACME', prices: { two: { input: 1, output: 10 } } }, second: { base_url: `${provider.url}/v1`, secret: 'ACME' }, odd: { base_url: provider.url, dialect: 'klingon' } }, { env: { STINT_SECRET_ACME: KEY } });
    file('def.json', DEFINITION);
});
after(async () => {
    await worker.stop();
    await stint.stop();
    await provider.stop();
    dir.remove();
});

const ok = async (...args) => {
    const { code, out, err } = await batch(stint, ...args);
    assert.equal(code, 0, err);
    return out;
};

test('a worker without a file of providers leaves prompts to others, and who waits for one is told', async () => {
    const other = await startServer();
    const { code, err } = await command(other, 'work', '--kind', 'run-prompt');
    assert.deepEqual([code, err.split('\n').at(-2)], [2, 'stint work: the kind run-prompt needs --providers']);
    assert.equal((await batch(other, 'run', dir.file('def.json'))).code, 0);
    assert.match((await batch(other, 'status', 'daily')).out, /waiting +for a worker: stint work --kind run-prompt .*\n/);
    assert.match((await command(other, 'stats')).out, /36 queued in default of kind run-prompt: no worker asks for it\n/);
    await other.stop();
});

test('a dry run says what would come, and makes nothing', async () => {
    const plan = JSON.parse(await ok('run', dir.file('def.json'), '--date', '2026-11-21', '--dry-run', '--json'));
    assert.deepEqual(plan, { name: 'daily', date: '2026-11-21', jobs: 36, prompts: 6, models: 2, runs: 3, max_calls: 108, input_tokens: plan.input_tokens, strict: true, rule: null, place: null });
    assert.ok(plan.input_tokens > 100);
    const odd = file('odd.json', { ...DEFINITION, schema: { type: 'object', properties: { x: { type: 'object', patternProperties: { a: {} } } } } });
    assert.match(await ok('run', odd, '--dry-run'), /36 jobs \(6 prompts × 2 models × 3 runs\)[^]*at least 36 calls, at most 108[^]*cannot be strict: .*at \/properties\/x/);
    assert.deepEqual((await stint.call('GET', '/v1/batches')).json.batches, []);
});

test('a definition that is wrong is refused before anything is made', async () => {
    const cases = [
        [{ ...DEFINITION, prompts: [] }, /prompts: there is none/],
        [{ ...DEFINITION, runs: 1000, prompts: Array.from({ length: 51 }, (_, i) => ({ id: `p${i}`, text: '?' })) }, /51 prompts × 2 models × 1000 runs are 102000 jobs; a batch has at most 100000/],
        [{ ...DEFINITION, schema: { type: 'object', properties: { x: { $ref: '#/nowhere' } } } }, /names no schema/],
        [{ ...DEFINITION, budget: { calls: 35 } }, /36 jobs need more than 35 calls/],
        [{ ...DEFINITION, models: [{ id: 'm', provider: 'acme' }, { id: 'm', provider: 'nobody' }] }, /wrong.json: \/models\/1: provider: there is no nobody in .*providers.json\n/],
        [{ ...DEFINITION, models: [{ id: 'm', provider: 'odd' }] }, /odd: the dialect is openai or anthropic/],
        [{ ...DEFINITION, models: [{ id: 'm', provider: 'acme', params: { stream: true } }] }, /\/models\/0: params: stream is not done/],
        ['{"name": ', /def.json|wrong.json/],
    ];
    for (const [definition, why] of cases) {
        const { code, err } = await batch(stint, 'run', file('wrong.json', definition), '--providers', dir.file('providers.json'));
        assert.equal(code, 2);
        assert.match(err, why);
    }
    assert.match(await ok('run', dir.file('def.json'), '--dry-run', '--providers', dir.file('providers.json')), /36 jobs/);
    assert.match((await batch(stint, 'run', dir.file('none.json'))).err, /^[^/]*\/[^:]*none.json: No such file or directory\n$/);
    assert.equal((await batch(stint, 'run', dir.file('def.json'), '--date', '2026-02-30')).code, 2);
    assert.equal((await batch(stint, 'run', dir.file('none.json'))).code, 2);
    assert.equal((await batch(stint, 'report', 'daily')).code, 4);
    assert.deepEqual((await stint.call('GET', '/v1/batches')).json.batches, []);
});

let first; // the report of the first day
test('a batch runs once for a date, however often it is asked for, and is reported on', async () => {
    const said = await Promise.all([1, 2, 3].map(() => ok('run', dir.file('def.json'), '--date', '2026-11-21', '--wait', '--json')));
    first = JSON.parse(said[0]);
    assert.deepEqual(said.map((s) => JSON.parse(s)), [first, first, first]);
    assert.match(await ok('run', dir.file('def.json'), '--date', '2026-11-21'), /36 jobs, 0 made now \(they were there already\)/);
    assert.equal((await stint.call('GET', '/v1/batches')).json.batches.length, 1);
    assert.equal((await stint.call('GET', '/v1/jobs?kind=run-prompt&limit=1000')).json.jobs.length, 36);
    assert.deepEqual(first.outcomes, { succeeded: 12, refused: 6, invalid: 6, truncated: 6, failed: 6, cancelled: 0 });
    assert.deepEqual([first.jobs, first.expected, first.name, first.date, first.outcome], [36, 36, 'daily', '2026-11-21', 'completed_with_errors']);
    // Each answer once, bad ones and cut ones once more: by the provider's own count.
    for (const model of ['m/one:8b', 'two']) {
        assert.deepEqual(['crm', 'erp', 'no', 'bad', 'cut', 'broken'].map((p) => seen.get(`${p} ${model}`)), [3, 3, 3, 6, 6, 3]);
    }
});

test('the report counts names with their intervals, citations, tokens and cost', async () => {
    const [acme, beta, gamma] = first.entities;
    const rate = (mentioned, answers, more) => ({ answers, mentioned, rate: mentioned / answers, low: wilson(mentioned, answers)[0], high: wilson(mentioned, answers)[1], ...more });
    const figures = ({ name, models, provider, model, ...rest }) => rest;
    // crm: Acme three times (two texts count once each, and its own address), Beta once; erp of "two": Beta twice, Acme once.
    assert.deepEqual(figures(acme), rate(9, 12, { mean_position: 1.3333, share_of_voice: 0.5556, mentions: 15 }));
    assert.deepEqual(figures(beta), rate(9, 12, { mean_position: 1.6667, share_of_voice: 0.4444, mentions: 12 }));
    assert.deepEqual(figures(gamma), rate(0, 12, { mean_position: null, share_of_voice: 0, mentions: 0 }));
    assert.deepEqual(acme.models.map((m) => [m.provider, m.model, m.mentioned, m.answers]), [['acme', 'm/one:8b', 3, 6], ['acme', 'two', 6, 6]]);
    assert.deepEqual(first.citations, [{ domain: 'acme.example', entity: 'Acme', count: 6, answers: 6 }, { domain: 'news.example', entity: '', count: 6, answers: 6 }]);
    const two = first.models.find((m) => m.model === 'two');
    assert.deepEqual([two.tokens, two.cost_usd, two.outcomes.succeeded, first.cost_usd], [{ input: 90, output: 45 }, 0.00054, 6, 0.00054]);
    assert.equal(first.models.find((m) => m.model === 'm/one:8b').cost_usd, null);
    assert.deepEqual([first.budget.exceeded, first.budget.without_price], [false, 9]);
    assert.match(await ok('report', 'daily:2026-11-21'), /The budget was kept, as far as prices are known: 9 answers have none\./);
    assert.deepEqual(first.failures.map((f) => [f.code, f.count]).sort(), [['bad_request', 6], ['invalid_output', 6], ['truncated', 6]]);
    assert.deepEqual(first.prompts.find((p) => p.prompt === 'erp'), { prompt: 'erp', jobs: 6, answers: 6, mentioned: [3, 3, 0] });
});

test('a report is there as JSON, Markdown, CSV, and with every answer', async () => {
    const { id } = (await stint.call('GET', '/v1/jobs?kind=prompt-report&tag=batch:daily')).json.jobs[0];
    const { artifacts } = (await stint.call('GET', `/v1/jobs/${id}/artifacts`)).json;
    assert.deepEqual(artifacts.map((a) => a.name).sort(), ['report.csv', 'report.json', 'report.md', 'responses.jsonl']);
    const get = async (name) => (await stint.call('GET', `/v1/jobs/${id}/artifacts/${name}`)).text;
    assert.deepEqual(JSON.parse(await get('report.json')), first);
    assert.equal(await get('report.md'), await ok('report', 'daily:2026-11-21'));
    assert.equal(await get('report.csv'), await ok('report', first.batch, '--format', 'csv'));
    const lines = (await get('responses.jsonl')).trim().split('\n').map((l) => JSON.parse(l));
    assert.equal(new Set(lines.map((l) => `${l.prompt} ${l.provider} ${l.model} ${l.run}`)).size, 36);
    assert.equal(lines.filter((l) => l.outcome === 'succeeded' && l.raw && l.parsed.pick && l.mentions.length === 3).length, 12);
    assert.equal(lines.filter((l) => l.outcome === 'failed' && l.error.code === 'bad_request' && l.raw === null).length, 6);
    const csv = (await ok('report', 'daily', '--entity', 'Beta', '--format', 'csv')).trim().split('\r\n').map((l) => l.split(','));
    assert.deepEqual(csv.map((l) => l.slice(0, 5)), [['entity', 'provider', 'model', 'answers', 'mentioned'], ['Beta', '', '', '12', '9'], ['Beta', 'acme', 'm/one:8b', '6', '3'], ['Beta', 'acme', 'two', '6', '6']]);
    assert.match(await ok('report', 'daily'), /\| Acme \| {2}\| {2}\| 9 of 12 \| 75.0 % \| 46.8 % to 91.1 % \| 1.33 \| 55.6 % \|/);
    assert.match(await ok('report', 'daily'), /\| bad_request \| 6 \| status 400: nonsense 31m \\\[x\\\]\(javascript:1\), said \*\*\* \|/);
    assert.equal((await batch(stint, 'report', 'daily', '--entity', 'Nobody')).code, 4);
    assert.equal((await batch(stint, 'report', 'daily', '--format', 'pdf')).code, 2);
});

test('answers and the names in them are there one by one', async () => {
    const lines = (await ok('responses', 'daily')).trim().split('\n').map((l) => JSON.parse(l));
    assert.deepEqual([lines.length, lines.filter((l) => l.outcome === 'succeeded').length], [36, 12]);
    assert.equal((await ok('responses', first.batch, '--entity', 'Beta')).trim().split('\n').length, 9);
    const named = (await ok('mentions', 'daily', '--format', 'jsonl')).trim().split('\n').map((l) => JSON.parse(l));
    assert.equal(named.length, 18, JSON.stringify(named.map((m) => [m.prompt, m.name])));
    for (const { name } of ENTITIES.slice(0, 1)) assert.equal(named.filter((m) => m.name === name).reduce((n, m) => n + m.count, 0), first.entities[0].mentions);
    const [head, ...rows] = (await ok('mentions', 'daily', '--entity', 'Acme')).trim().split('\r\n');
    assert.equal(head, 'prompt,provider,model,run,name,count,order,list_rank,offset,form,source,snippet,job');
    assert.ok(rows.length === 9 && rows.every((r) => /^(crm|erp),acme,(m\/one:8b|two),[123],Acme,\d,/.test(r)), rows[0]);
    const table = (await ok('responses', 'daily', '--format', 'csv')).split('\r\n');
    assert.match(table[0], /^prompt,provider,model,run,outcome,mode,.*,text,job$/);
    assert.equal(table.filter((l) => l.startsWith('broken,')).every((l) => /,failed,,,,,,,,,,bad_request,,/.test(l)), true);
    assert.equal((await batch(stint, 'responses', 'nobody-else')).code, 4);
    assert.equal((await batch(stint, 'mentions', 'daily', '--format', 'md')).code, 2);
    assert.match((await batch(stint, 'report', 'daily', '--entity', 'acme')).err, /nothing about acme; it has Acme, Beta, Gamma/);
});

test('two days are compared, and what may be chance is told apart', async () => {
    provider.answer = ({ body }) => completion(JSON.stringify({ pick: /crm|erp/.test(JSON.stringify(body.messages)) ? 'Gamma' : 'Gamma and Beta' }));
    const second = JSON.parse(await ok('run', dir.file('def.json'), '--date', '2026-11-22', '--wait', '--format', 'json'));
    assert.equal(second.outcomes.succeeded, 36);
    assert.deepEqual(JSON.parse(await ok('report', 'daily:2026-11-21', '--json')), first);
    const comparison = JSON.parse(await ok('compare', 'daily:2026-11-21', 'daily', '--json'));
    assert.deepEqual([comparison.a.date, comparison.b.date], ['2026-11-21', '2026-11-22']);
    const all = comparison.entities.filter((e) => !e.model);
    assert.deepEqual(all.map((e) => [e.name, e.a.rate, e.b.rate, e.change, e.changed]), [
        ['Acme', 0.75, 0, -0.75, true], ['Beta', 0.75, 0.6667, -0.0833, false], ['Gamma', 0, 1, 1, true],
    ]);
    assert.equal(comparison.entities.length, 9);
    const same = await batch(stint, 'compare', 'daily:2026-11-22', 'daily');
    assert.deepEqual([same.code, /both are the same report, on daily of 2026-11-22/.test(same.err)], [2, true]);
    const table = await ok('compare', 'daily:2026-11-21', 'daily:2026-11-22', '--entity', 'Gamma');
    assert.match(table, /\| Gamma \| {2}\| {2}\| 0\.0 % .*\| 100\.0 % .*\| \+100\.0 \(\+\d+\.\d to \+100\.0\) \| \*\*changed\*\* \|/);
    assert.ok(!table.includes('Acme'));
});

test('other names are looked for in the answers that are kept, without a call', async () => {
    const calls = provider.calls.length;
    const names = file('names.json', [{ name: 'ERP or CRM', aliases: ['nobody'] }, 'Gamma']);
    assert.match(await ok('reextract', 'daily:2026-11-21', '--entities', names), /looked for anew/);
    const anew = JSON.parse(await ok('report', 'daily:2026-11-21', '--json'));
    assert.equal(anew.reextracted, true);
    assert.deepEqual(anew.outcomes, first.outcomes);
    assert.deepEqual(anew.entities.map((e) => [e.name, e.mentioned]), [['ERP or CRM', 3], ['Gamma', 0]]);
    assert.deepEqual(anew.citations.map((c) => [c.domain, c.entity]), [['acme.example', ''], ['news.example', '']]);
    assert.equal(provider.calls.length, calls);
    assert.equal((await batch(stint, 'reextract', 'daily', '--entities', file('names.json', '{}'))).code, 2);
    assert.equal((await batch(stint, 'reextract', 'nothing')).code, 4);
    assert.deepEqual(JSON.parse(await ok('reextract', first.batch, '--json')), anew);
});

test('of another definition of the same name and date only what is new is made', async () => {
    const fewer = file('fewer.json', { ...DEFINITION, prompts: DEFINITION.prompts.slice(0, 2) });
    const { code, err } = await batch(stint, 'run', fewer, '--date', '2026-11-22');
    assert.equal(code, 1);
    assert.match(err, /all of this was asked for 2026-11-22 before/);
    const more = file('more.json', { ...DEFINITION, prompts: [DEFINITION.prompts[0], { id: 'new', text: 'And?' }] });
    const report = JSON.parse(await ok('run', more, '--date', '2026-11-22', '--wait', '--json'));
    assert.deepEqual(report.prompts.map((p) => [p.prompt, p.jobs]), [['new', 6]]);
    assert.equal((await stint.call('GET', '/v1/jobs?kind=run-prompt&limit=1000')).json.jobs.length, 36 + 36 + 6);
});

test('a definition becomes a schedule, whose ticks are batches with a report', async () => {
    provider.answer = firstDay;
    for (const [wrong, why] of [[{ cron: undefined }, /cron: is missing/], [{ cron: '0 6 * * *', prompts: [] }, /prompts: there is none/], [{ cron: '61 * * * *' }, /61 \* \* \* \*|minute/], [{ cron: '0 6 * * *', tz: 'Mars/Olympus' }, /Mars/]]) {
        const { code, err } = await batch(stint, 'schedule', file('wrong.json', { ...DEFINITION, ...wrong }));
        assert.notEqual(code, 0, JSON.stringify(wrong));
        assert.match(err, why);
    }
    for (const [wrong, why] of [[{ cron: '0 6 30 2 *' }, /cron: there is no such date/], [{ cron: '61 * * * *' }, /cron: minute/], [{ cron: '0 6 * * *', catch_up: 'soon' }, /catch_up must be/]]) {
        const { code, err } = await batch(stint, 'schedule', file('wrong.json', { ...DEFINITION, ...wrong }), '--dry-run');
        assert.equal(code, 2, JSON.stringify(wrong));
        assert.match(err, why);
    }
    const many = { ...DEFINITION, cron: '0 6 * * *', runs: 1000, models: [{ id: 'a', provider: 'acme' }, { id: 'b', provider: 'other' }] };
    assert.match((await batch(stint, 'schedule', file('many.json', { ...many, budget: undefined }))).err, /of several providers a schedule asks at most 1000 jobs/);
    assert.deepEqual((await stint.call('GET', '/v1/schedules')).json.schedules, []);
    const own = { ...DEFINITION, name: 'ticks', tz: 'Europe/Berlin', cron: '0 6 * * *' };
    assert.match(await ok('schedule', file('ticks.json', own), '--dry-run'), /36 jobs/);
    assert.match(await ok('schedule', dir.file('ticks.json')), /^ticks is kept: 36 jobs at each tick, next at 20/);
    // Changed, it is another schedule; and it is run.
    const models = [...DEFINITION.models.slice(0, 1), { id: 'two', provider: 'second' }];
    for (let kept; !kept?.fired && !(Date.parse(kept?.next[0]) < Date.now() + 60_000);) { // by a command that is slow the tick may be over
        await ok('schedule', file('ticks.json', { ...own, tz: undefined, cron: soon(), catch_up: 'skip', models }));
        kept = (await stint.call('GET', '/v1/schedules/ticks')).json;
    }
    let report;
    while (!report) report = (await stint.call('GET', '/v1/jobs?kind=prompt-report&tag=batch:ticks&state=completed')).json.jobs[0];
    const { fired, last_tick: tick, last_job: id } = (await stint.call('GET', '/v1/schedules/ticks')).json;
    assert.deepEqual([fired, report.finally_of], [1, id]);
    const told = JSON.parse(await ok('report', 'ticks', '--json'));
    assert.deepEqual([told.date, told.jobs, told.expected, told.batch], [tick, 36, 36, id]);
    assert.deepEqual(told.outcomes, { succeeded: 12, refused: 6, invalid: 6, truncated: 6, failed: 6, cancelled: 0 });
    assert.deepEqual(told.prompts.map((p) => [p.prompt, p.jobs]).sort(), DEFINITION.prompts.map((p) => [p.id, 6]).sort());
    assert.deepEqual(told.models.map((m) => [m.provider, m.model]), [['acme', 'm/one:8b'], ['second', 'two']]);
    assert.deepEqual(JSON.parse(await ok('report', `ticks:${tick.slice(0, 10)}`, '--json')), told);
    assert.match(await ok('status', 'ticks'), new RegExp(`${id}[^]*36 of 36[^]*second +two +6 +3 +3 +3 +3`));
    const { jobs } = (await stint.call('GET', `/v1/batches/${id}/jobs?limit=100`)).json;
    assert.deepEqual([...new Set(jobs.map((j) => j.limits.filter((l) => typeof l === 'string').join()))].sort(), ['acme', 'second'].map((p) => `budget:calls:ticks:${id},budget:usd:ticks:${id},provider:${p}`));
    assert.equal(new Set(jobs.map((j) => j.unique_key)).size, 36);
    assert.ok(jobs.every((j) => j.unique_key.startsWith(`schedule:ticks:${tick}:`)));
    const calls = provider.calls.length;
    assert.deepEqual(JSON.parse(await ok('reextract', 'ticks', '--json')).outcomes, told.outcomes);
    assert.equal(provider.calls.length, calls);
});

test('of a batch that is cancelled what there is is reported', async () => {
    await ok('run', file('other.json', { ...DEFINITION, name: 'cancelled', queue: 'nobody-works-here' }));
    await ok('cancel', 'cancelled');
    const { id } = (await stint.call('GET', '/v1/jobs?kind=prompt-report&tag=batch:cancelled')).json.jobs[0];
    assert.equal((await stint.call('POST', '/v1/claims', { worker: 'w', queues: ['nobody-works-here'], kinds: ['prompt-report'], wait_s: 20 })).json.jobs[0].id, id); // once all are cancelled
    assert.match(await ok('status', 'cancelled'), /jobs +36 of 36 \(100 %\), 0 active/);
    assert.match((await batch(stint, 'report', 'cancelled')).err, /is not finished yet/);
});

test('whoever waits for a batch of which nothing came is told', async () => {
    const lost = file('lost.json', { name: 'lost', prompts: [{ id: 'a', text: '?' }], models: [{ id: 'm', provider: 'nobody' }] });
    const { code, out, err } = await batch(stint, 'run', lost, '--wait', '--json');
    assert.equal(code, 5, err);
    assert.match(err, /no job of lost for 20.* completed, of 1/);
    assert.deepEqual(JSON.parse(out).failures.map((f) => f.code), ['unknown_provider']);
});

test('the key of the provider is in no job, event, report or log', async () => {
    const { jobs } = (await stint.call('GET', '/v1/jobs?state=failed&limit=1000')).json;
    assert.ok(jobs.length > 0 && provider.calls.every((c) => c.headers.authorization === `Bearer ${KEY}`));
    for (const { id, kind } of jobs) {
        for (const path of ['', '/events']) {
            const { text } = await stint.call('GET', `/v1/jobs/${id}${path}`, undefined, { headers: { accept: 'application/json' } });
            assert.ok(!text.includes(KEY), `${kind} ${id}${path}`);
        }
    }
    const { text } = await stint.call('GET', `/v1/batches/${first.batch}/results?limit=1000`);
    assert.ok(!(text + worker.log + stint.log.join('\n')).includes(KEY));
});

test('a batch is found behind many jobs that came later', async () => {
    const numbers = Array.from({ length: 150 }, (_, i) => i);
    const { json: noise } = await stint.call('POST', '/v1/batches', { job: { kind: 'noise', queue: 'noise' }, matrix: { a: numbers, b: numbers } });
    let filled;
    while (filled !== 'closed') filled = (await stint.call('GET', `/v1/batches/${noise.id}`)).json.state;
    assert.deepEqual((await stint.call('GET', '/v1/jobs?kind=prompt-report')).json.jobs, [], 'a page looks at fewer jobs');
    const before = (await stint.call('GET', '/v1/batches?name=daily')).json.batches.length;
    const kept = JSON.parse(await ok('report', 'daily:2026-11-21', '--json'));
    assert.deepEqual(JSON.parse(await ok('run', dir.file('def.json'), '--date', '2026-11-21', '--wait', '--json')), kept);
    assert.match(await ok('status', 'daily:2026-11-21'), new RegExp(`${kept.batch}[^]*36 of 36`));
    assert.match(await ok('status', kept.batch), /36 of 36/);
    assert.deepEqual(JSON.parse(await ok('reextract', 'daily:2026-11-21', '--json')).outcomes, kept.outcomes);
    assert.match((await batch(stint, 'report', 'cancelled')).err, /is not finished yet/);
    assert.equal((await stint.call('GET', '/v1/batches?name=daily')).json.batches.length, before);
});
