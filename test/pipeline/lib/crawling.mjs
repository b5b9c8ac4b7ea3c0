// A server and a worker that crawls sites of this machine.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { BIN, makeDir, ours, startServer } from '../../e2e/lib/server.mjs';

export async function startCrawling({ args = [], slots = 2, net = ['127.0.0.1'], env = {}, server: given } = {}) {
    const server = given ?? await startServer();
    const scratch = makeDir('stint-scratch-');
    const self = { server, log: [] };
    self.use = (other) => { self.server = other; self.call = other.call; };
    self.use(server);
    self.startWorker = () => {
        const worker = spawn(BIN, ['work', '--slots', String(slots), '--scratch', scratch.path, ...net.flatMap((n) => ['--allow-net', n]), ...args], {
            stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key, ...env },
        });
        ours(worker);
        createInterface({ input: worker.stderr }).on('line', (line) => self.log.push(line));
        self.worker = worker;
        self.exit = once(worker, 'exit');
    };
    self.startWorker();
    self.killWorker = async () => {
        self.worker.kill('SIGKILL');
        await self.exit;
        self.startWorker();
    };
    self.begin = async (args, more = {}) => {
        const answer = await self.call('POST', '/v1/jobs', { kind: 'crawl-docs', args, on_cancel: 'run', ...more });
        if (!answer.json.id) throw new Error(answer.text);
        return answer.json.id;
    };
    self.end = async (id) => {
        for (let i = 0; i < 12; i++) {
            const job = (await self.call('GET', `/v1/jobs/${id}?wait=20`)).json;
            if (['completed', 'failed', 'cancelled'].includes(job.state)) return job;
        }
        throw new Error(`the crawl ${id} does not end\n${self.log.slice(-20).join('\n')}`);
    };
    self.artifact = async (id, name) => (await self.call('GET', `/v1/jobs/${id}/artifacts/${name}`)).text;
    /** Crawls, and gives the job with its crawl.json and document. */
    self.crawl = async (args, more) => {
        const id = await self.begin(args, more);
        return self.collect(await self.end(id));
    };
    self.collect = async (job) => {
        const { id } = job;
        if (job.state === 'completed') {
            job.crawlText = await self.artifact(id, 'crawl.json');
            job.crawl = JSON.parse(job.crawlText);
            job.document = await self.artifact(id, 'document.md');
            job.urls = job.crawl.urls.filter((u) => u.title !== undefined).map((u) => new URL(u.url).pathname + new URL(u.url).search);
        }
        return job;
    };
    self.stopWorker = async () => {
        self.worker.kill('SIGTERM');
        await self.exit;
        scratch.remove();
    };
    self.stop = async () => {
        await self.stopWorker();
        await self.server.stop();
    };
    return self;
}

/** Reads the stream behind the last id of `seen` until it ends (true), breaks, or `onEvent` wants it cut (false); notes each id. */
async function follow(server, id, seen, onEvent) {
    const answer = await fetch(`${server.url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${server.key}`, 'last-event-id': String(seen.at(-1) ?? 0) } });
    if (answer.status === 204) return true;
    let text = '';
    for await (const piece of answer.body) {
        text += Buffer.from(piece).toString();
        const blocks = text.split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
            const n = /^id: ?(\d+)$/m.exec(block)?.[1];
            const type = /^event: ?(\w+)$/m.exec(block)?.[1];
            if (n) seen.push(Number(n));
            if (type === 'end') return true;
            if (onEvent(type)) return false;
        }
    }
    return false;
}

/**
 * Crawls while the server (whose store is in `dir`) and the worker are killed with -9 in turns, and a reader of the stream hangs up, both
 * evenly over the pages of the crawl. All ids that the reader has seen must be there once, in order.
 */
export async function disturb(stint, dir, args, { pages, kills, cuts }) {
    const listen = new URL(stint.server.url).host;
    let revived = Promise.resolve();
    const kill = async (what) => {
        if (what === 'worker') return stint.killWorker();
        await stint.server.kill();
        return stint.use(await startServer({ dir, store: stint.server.store, key: stint.server.key, listen }));
    };
    const done = { crawled: 0, kills: 0, cuts: 0 };
    const isDue = (what, all) => done[what] < all && done.crawled > ((done[what] + 1) * pages) / (all + 1);
    const onEvent = (type) => {
        done.crawled += type === 'url_crawled';
        if (isDue('kills', kills)) {
            const what = done.kills++ % 2 ? 'worker' : 'server';
            revived = revived.then(() => kill(what));
        }
        return isDue('cuts', cuts) && ++done.cuts;
    };
    const id = await stint.begin(args);
    const seen = [];
    for (let ended = false; !ended;) {
        await revived;
        ended = await follow(stint.server, id, seen, onEvent).catch(() => false);
    }
    await revived;
    const job = await stint.end(id);
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual([done.kills, done.cuts], [kills, cuts]);
    assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => i + 1), 'each event once, in order');
    return stint.collect(job);
}

/** The unique keys of all jobs of a crawl that ask for a page. */
export async function keysOfPages(stint, id) {
    const keys = [];
    let cursor = '';
    do {
        const list = (await stint.call('GET', `/v1/jobs/${id}/children?limit=1000${cursor && `&cursor=${cursor}`}`)).json;
        for (const j of list.jobs) if (j.unique_key.includes(':page:')) keys.push(j.unique_key);
        cursor = list.next_cursor;
    } while (cursor);
    return keys;
}
