#!/usr/bin/env node
// crawl.mjs: `make bench-crawl`: documentation that Debian has, served by an nginx of its own, to one Markdown document, and beside it, in the same rounds, what
// wget --mirror needs to do no more than store the pages. Ends with 1 when a crawl did not have all pages. STORE=postgres: on a PostgreSQL of its own.
//   ROUNDS=3  SLOTS=8  ONLY=python3-doc  SMOKE=1 (one small round)
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { data, describe, isSmoke, median, prepareData, program, record, root, size, start } from './lib/machine.mjs';
import { stopCluster } from './lib/postgres.mjs';
import { closing, columns, figure, heading, number, say } from './lib/report.mjs';
import { Server } from './lib/server.mjs';

const SITES = [
    { name: 'python3-doc', root: '/usr/share/doc/python3-doc/html', unlinked: 4, floor: 200 }, // nothing leads to four of its files
    { name: 'postgresql-doc-15', root: '/usr/share/doc/postgresql-doc-15/html', unlinked: 0, floor: 500 },
];
const rounds = Number(process.env.ROUNDS ?? size(3, 1));
const slots = Number(process.env.SLOTS ?? 8);

async function serveSite(site) {
    const nginx = start(join(root, 'tools/serve-folder.sh'), [site.root, join(data, 'work/nginx')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(nginx.stdout, 'data');
    const url = `${String(line).trim()}/index.html`;
    while (!(await fetch(url).then((a) => a.ok, () => false)));
    return { url, stop: () => nginx.kill('SIGKILL') };
}

const countHtml = (folder) => readdirSync(realpathSync(folder), { recursive: true }).filter((name) => name.endsWith('.html')).length;

/** All pages into files, and nothing else done with them. */
async function mirror(url) {
    const folder = join(data, 'work/mirror');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const from = performance.now();
    const wget = spawn('wget', ['--quiet', '--mirror', '--accept=html', '--directory-prefix', folder, url], { stdio: 'inherit' });
    await once(wget, 'exit');
    const took = performance.now() - from;
    return { took, pages: countHtml(folder) };
}

/** Seconds of the processor that a process and its dead and living children have used. */
function cpuOf(pid) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    return children.reduce((sum, child) => sum + cpuOf(child), own);
}

async function crawl(server, site, url) {
    const from = performance.now();
    const args = { url, max_pages: size(2000, 50), recrawl: 'full', concurrency: 16 };
    let job = await server.ask('POST', '/v1/jobs', { kind: 'crawl-docs', args });
    while (!['completed', 'failed'].includes(job.state)) job = await server.ask('GET', `/v1/jobs/${job.id}?wait=20`);
    const took = performance.now() - from;
    if (job.result?.pages !== size(site.pages, 50)) throw new Error(`${site.name}: ${JSON.stringify(job.error ?? job.result)}`);
    return { took, pages: job.result.pages };
}

async function measure(site) {
    site.pages = countHtml(site.root) - site.unlinked;
    const web = await serveSite(site);
    const server = await Server.start(`crawl-${site.name}`);
    await server.ask('PUT', '/v1/limits/host%3A127.0.0.1', { concurrency: 16 });
    const worker = start(program, ['work', '--slots', String(slots), '--allow-net', '127.0.0.1', '--scratch', join(data, 'work/scratch')], {
        env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key }, stdio: ['ignore', 'ignore', process.env.LOG ? 'inherit' : 'ignore'],
    });
    const rates = { wget: [], stint: [] };
    const cpu = {};
    for (let round = 0; round < rounds; round++) {
        const stored = await mirror(web.url);
        rates.wget.push((stored.pages * 1000) / stored.took);
        const before = [cpuOf(server.process.pid), cpuOf(worker.pid)];
        const done = await crawl(server, site, web.url);
        rates.stint.push((done.pages * 1000) / done.took);
        cpu.server = ((cpuOf(server.process.pid) - before[0]) * 1000) / done.pages;
        cpu.worker = ((cpuOf(worker.pid) - before[1]) * 1000) / done.pages;
        record({ crawl: site.name, wget: stored, stint: done, cpu_ms: cpu });
    }
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    await server.stopAndForget();
    web.stop();
    if (isSmoke) return;
    const [wget, stint] = [median(rates.wget), median(rates.stint)];
    heading(`${site.name}, ${site.pages} pages, ${rounds} rounds; processor a page: server ${cpu.server.toFixed(2)} ms, worker ${cpu.worker.toFixed(2)} ms`);
    columns('pages a second', 'stint', 'wget', 'ratio', 'floor');
    figure({ name: 'durable pages', shown: number(stint), limit: number(wget), value: stint, floor: site.floor });
    figure({ name: 'beside wget --mirror, which stores files', shown: number(stint), limit: number(wget), ratio: stint / wget, floor: 0.8 });
}

const began = performance.now();
const machine = describe();
mkdirSync(data, { recursive: true });
prepareData();
record({ machine });
say(`stint ${machine.commit} on ${machine.cores} cores (${machine.cpu}): crawls at ${slots} slots`);
for (const site of SITES) if (!process.env.ONLY || process.env.ONLY === site.name) await measure(site);
await stopCluster();
closing((performance.now() - began) / 1000);
