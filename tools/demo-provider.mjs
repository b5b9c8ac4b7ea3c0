#!/usr/bin/env node
// demo-provider.mjs FOLDER: a provider of language models for `make run DEMO=prompts`, in the shape of OpenAI's chat completions. What it
// says is drawn by lot, the same in every run; now and then it says "later", fences its JSON, or refuses. After the first day's answers it
// has changed its mind. Writes FOLDER/providers.json and FOLDER/prompts.json and prints its address.
import { mkdirSync, writeFileSync } from 'node:fs';
import { completion, startProvider } from '../test/pipeline/lib/provider.mjs';

const folder = process.argv[2];
const MODELS = ['fast-1', 'careful-2'];
const TOPICS = ['small shops', 'law firms', 'a school', 'farmers', 'startups', 'hospitals', 'a choir', 'game studios'];
const RUNS = 5;
// How likely a model names each, on the first day and after it.
const LIKES = { 'fast-1': [{ Acme: 0.8, Beta: 0.5, Gamma: 0.1 }, { Acme: 0.3, Beta: 0.5, Gamma: 0.5 }], 'careful-2': [{ Acme: 0.5, Beta: 0.6, Gamma: 0.3 }, { Acme: 0.4, Beta: 0.7, Gamma: 0.3 }] };
const PAGES = { Acme: 'https://acme.example/crm', Beta: 'https://reviews.example/beta', Gamma: 'https://gamma.example/' };
const FIRST_DAY = TOPICS.length * MODELS.length * RUNS;

let seed = 7;
const chance = () => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return seed / 2 ** 31; };
const answered = new Set();

function answer({ body, headers }) {
    const job = headers['idempotency-key'].slice(0, 36);
    const draw = chance();
    if (draw < 0.05 && !answered.has(job)) return { status: 429, headers: { 'retry-after-ms': '300' }, body: { error: { message: 'slow down' } } };
    answered.add(job);
    if (draw > 0.98) return completion(null, { message: { refusal: 'I would rather not say.' } });
    const likes = LIKES[body.model][answered.size > FIRST_DAY ? 1 : 0];
    const named = Object.keys(likes).filter((name) => chance() < likes[name]);
    const text = JSON.stringify({ answer: named.length ? `I would look at ${named.map((n) => `${n} (${PAGES[n]})`).join(', then ')}.` : 'It depends on what you need.', confidence: Math.round(chance() * 100) / 100 });
    return completion(draw > 0.9 ? `\`\`\`json\n${text}\n\`\`\`` : text, { tokens: 40 + Math.round(chance() * 40) });
}

const provider = await startProvider(async (call) => {
    await new Promise((resolve) => { setTimeout(resolve, 100 + 300 * chance()); });
    return answer(call);
});
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/providers.json`, JSON.stringify({ demo: { base_url: `${provider.url}/v1`, secret: 'DEMO', prices: { 'careful-2': { input: 3, output: 15 }, 'fast-1': { input: 0.2, output: 0.8 } } } }));
writeFileSync(`${folder}/prompts.json`, JSON.stringify({
    name: 'visibility', runs: RUNS,
    prompts: TOPICS.map((topic, i) => ({ id: `crm-${i + 1}`, text: 'Which CRM would you recommend for {{whom}}?', vars: { whom: topic } })),
    models: MODELS.map((id) => ({ id, provider: 'demo' })),
    schema: { type: 'object', properties: { answer: { type: 'string' }, confidence: { type: 'number', minimum: 0, maximum: 1 } }, required: ['answer'] },
    entities: [{ name: 'Acme', domains: ['acme.example'] }, 'Beta', { name: 'Gamma', domains: ['gamma.example'] }],
}, null, 2));
console.log(provider.url);
