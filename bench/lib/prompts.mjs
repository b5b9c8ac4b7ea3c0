// prompts.mjs: a batch of prompts, 100 × 2 models × 3 runs at 64 slots, without limits, against a provider that answers at once: cold, which starts 64 children
// and 64 parsers, and once more with these warm. The time is from the worker's start, or the command, to the published report.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { isSmoke, program, record, size, start } from './machine.mjs';
import { columns, figure, heading } from './report.mjs';
import { Server } from './server.mjs';

const runFile = promisify(execFile);
const SCHEMA = { type: 'object', properties: { pick: { type: 'string' } }, required: ['pick'], additionalProperties: false };
const ANSWER = JSON.stringify({ id: 'c', model: 'm', choices: [{ message: { role: 'assistant', content: '{"pick":"Acme"}' }, finish_reason: 'stop' }], usage: { prompt_tokens: 10, completion_tokens: 5 } });

async function startProvider() {
    const provider = createServer((request, response) => {
        request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER));
    });
    provider.listen(0, '127.0.0.1');
    await once(provider, 'listening');
    return provider;
}

export async function prompts() {
    const count = size(100, 4);
    const slots = size(64, 4);
    const server = await Server.start('prompts');
    const provider = await startProvider();
    const env = { ...process.env, STINT_URL: server.url, STINT_KEY: server.key };
    const file = (name) => join(server.folder, name);
    const batch = async (...args) => (await runFile(program, ['batch', ...args], { env, maxBuffer: 1 << 26 })).stdout;
    const define = (name) => {
        const list = Array.from({ length: count }, (_, i) => ({ id: `p${i}`, text: `Which one? (${i})` }));
        writeFileSync(file(name), JSON.stringify({ name, runs: 3, schema: SCHEMA, entities: ['Acme'], models: ['one', 'two'].map((id) => ({ id, provider: 'local' })), prompts: list }));
        return file(name);
    };
    const whole = async (name) => {
        const report = JSON.parse(await batch('run', define(name), '--wait', '--json'));
        if (report.outcomes.succeeded !== count * 6) throw new Error(`${name}: ${JSON.stringify(report.outcomes)}`);
    };
    writeFileSync(file('providers.json'), JSON.stringify({ local: { base_url: `http://127.0.0.1:${provider.address().port}/v1` } }));
    await batch('run', define('cold'));
    const took = {};
    const began = performance.now();
    const worker = start(program, ['work', '--slots', String(slots), '--kind', 'run-prompt', '--kind', 'prompt-report', '--providers', file('providers.json')], { env, stdio: 'ignore' });
    await whole('cold');
    took.cold = performance.now() - began;
    for (const name of ['warm', 'again']) {
        const from = performance.now();
        await whole(name);
        took[name] = performance.now() - from;
    }
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    provider.closeAllConnections();
    provider.close();
    await server.stopAndForget();
    record({ prompts: count * 6, slots, took });
    if (isSmoke) return;
    heading(`${count * 6} prompts, ${slots} at once, to the report`);
    columns('', 'stint', '', '', 'floor');
    const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
    figure({ name: 'cold: with the start of the worker and its processes', shown: seconds(took.cold), value: took.cold, floor: 3000, most: true, unit: ' ms' });
    figure({ name: 'warm', shown: seconds(Math.min(took.warm, took.again)), value: Math.min(took.warm, took.again), floor: 3000, most: true, unit: ' ms' });
}
