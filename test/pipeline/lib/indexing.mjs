// indexing.mjs: temporary git repositories, and a server with a worker that indexes them.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { BIN, makeDir, startServer } from '../../e2e/lib/server.mjs';

/* Nothing of the machine's own git settings. */
const gitEnv = {
    PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C',
    GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@example.org', GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
    GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@example.org', GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

/** A repository in a new folder below `parent` (makeDir). */
export class Repo {
    constructor(parent, name) {
        this.path = parent.file(name);
        mkdirSync(this.path, { recursive: true });
        this.git('init', '-q', '-b', 'main');
    }

    git(...args) {
        return execFileSync('git', ['-C', this.path, ...args], { env: gitEnv, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
    }

    /** Writes { path: text }; null removes the file. */
    write(files) {
        for (const [path, text] of Object.entries(files)) {
            const to = join(this.path, path);
            mkdirSync(dirname(to), { recursive: true });
            if (text === null) rmSync(to);
            else writeFileSync(to, text);
        }
        return this;
    }

    copy(from, to) {
        cpSync(from, join(this.path, to), { recursive: true, filter: (path) => !path.slice(from.length).includes('/node_modules') });
        return this;
    }

    /** Commits everything; returns the commit's id. */
    commit(message = 'change') {
        this.git('add', '-A', '-f');
        this.git('commit', '-q', '--allow-empty', '-m', message);
        return this.git('rev-parse', 'HEAD').trim();
    }
}

/** A server and a worker that may read what lies below `dir`. */
export async function startIndexing({ env = {}, args = [] } = {}) {
    const dir = makeDir('stint-index-');
    const scratch = makeDir('stint-scratch-');
    const server = await startServer();
    const worker = spawn(BIN, ['work', '--slots', '1', '--scratch', scratch.path, '--allow-path', dir.path, '--allow-net', '127.0.0.1', ...args], {
        stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key, ...env },
    });
    process.once('exit', () => worker.kill('SIGKILL')); // when a test ends this process without stop()
    const exit = once(worker, 'exit');
    const log = [];
    const waiting = [];
    createInterface({ input: worker.stderr }).on('line', (line) => {
        log.push(line);
        for (const w of waiting) if (w.pattern.test(line)) w.resolve(line);
    });
    const self = { dir, scratch, server, worker, log, call: server.call };
    self.logged = (pattern) => log.find((l) => pattern.test(l)) ?? new Promise((resolve) => waiting.push({ pattern, resolve }));

    /** Enqueues and waits for the end of its first attempt: the job as it then is. */
    self.index = async (args, more = {}) => {
        const id = (await self.call('POST', '/v1/jobs', { kind: 'index-repo', args, max_attempts: 1, timeout_s: 120, ...more })).json.id;
        for (let i = 0; i < 12; i++) {
            const job = (await self.call('GET', `/v1/jobs/${id}?wait=10`)).json;
            if (['completed', 'failed', 'cancelled'].includes(job.state)) return job;
        }
        assert.fail(`job ${id} did not end:\n${log.join('\n')}`);
    };
    /** One question to the index of a repository: query('/x', 'symbols', { q: 'a' }). */
    self.query = async (repo, name, params = {}) => {
        const answer = await self.call('GET', `/v1/index/${encodeURIComponent(repo)}/${name}?${new URLSearchParams(params)}`);
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    };
    /** All pages of a list. */
    self.all = async (repo, name, params = {}) => {
        const items = [];
        let cursor;
        do {
            const page = await self.query(repo, name, { limit: 1000, ...params, ...(cursor ? { cursor } : {}) });
            items.push(...page[name]);
            cursor = page.next_cursor;
        } while (cursor);
        return items;
    };
    self.events = async (id) => (await self.call('GET', `/v1/jobs/${id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json.events;
    self.artifact = async (id) => Buffer.from(await (await fetch(`${server.url}/v1/jobs/${id}/artifacts/index.db`, { headers: { authorization: `Bearer ${server.key}` } })).arrayBuffer());
    self.stop = async () => {
        worker.kill('SIGTERM');
        await exit;
        assert.deepEqual(readdirSync(scratch.path), [], 'nothing is left in the scratch folder');
        await server.stop();
        dir.remove();
        scratch.remove();
    };
    return self;
}
