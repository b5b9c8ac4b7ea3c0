// server.mjs: `stint serve` on a store of its own, the load generator against it, and what can be read from outside.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { data, program, record, start } from './machine.mjs';
import { cluster, isPostgres } from './postgres.mjs';

const runFile = promisify(execFile);

export class Server {
    /** A server on the store of that name: a file under bench/data/store, or a database; `fresh` throws an earlier one away. */
    static async start(name, { fresh = true, args = [] } = {}) {
        const server = new Server();
        server.name = name;
        server.folder = join(data, 'store', name);
        if (fresh) rmSync(server.folder, { recursive: true, force: true });
        mkdirSync(server.folder, { recursive: true });
        server.store = isPostgres ? await (await cluster()).database(name, { fresh }) : `sqlite:${join(server.folder, 'stint.db')}`;
        server.args = args;
        server.key = fresh ? server.#makeKey() : readFileSync(join(server.folder, 'key'), 'utf8');
        await server.run();
        return server;
    }

    #makeKey() {
        const text = execFileSync(program, ['keys', 'create', '--store', this.store, '--json'], { encoding: 'utf8' });
        const key = /stint_k_\w+/.exec(text)[0];
        writeFileSync(join(this.folder, 'key'), key, { mode: 0o600 });
        return key;
    }

    /** Starts the process; ready_ms is the time from there to the first ready answer. */
    async run() {
        const portFile = join(this.folder, 'url');
        rmSync(portFile, { force: true });
        const started = performance.now();
        this.process = start(
            program,
            ['serve', '--store', this.store, '--listen', '127.0.0.1:0', '--port-file', portFile, '--log-level', 'warn', '--max-streams', '100000', ...this.args],
            { stdio: ['ignore', 'inherit', 'inherit'] },
        );
        this.ended = new Promise((resolve) => this.process.once('exit', resolve));
        while (!existsSync(portFile) || !(this.url = readFileSync(portFile, 'utf8').trim()) || !(await this.isReady())) {
            if (this.process.exitCode !== null) throw new Error(`stint serve ended with ${this.process.exitCode}`);
            if (performance.now() - started > 60000) throw new Error('stint serve was not ready within a minute');
            await sleep(2);
        }
        this.ready_ms = performance.now() - started;
    }

    async isReady() {
        return fetch(`${this.url}/readyz`).then(
            (a) => a.ok,
            () => false,
        );
    }

    async stop(signal = 'SIGTERM') {
        this.process.kill(signal);
        await this.ended;
    }

    async stopAndForget() {
        await this.stop();
        if (isPostgres) (await cluster()).drop(this.name);
        rmSync(this.folder, { recursive: true, force: true });
    }

    /** Runs one workload of `stint bench`; fails when one request failed. Its line of figures. */
    async load(workload, options = {}) {
        const args = ['bench', workload];
        for (const [name, value] of Object.entries(options)) args.push(`--${name}`, String(value));
        const { stdout } = await runFile(program, args, { timeout: 180000, env: { ...process.env, STINT_URL: this.url, STINT_KEY: this.key } });
        const line = JSON.parse(stdout);
        record({ load: line });
        return line;
    }

    /** Resident memory in bytes; `Pss` counts shared pages in part. */
    memory(field = 'Rss') {
        const text = readFileSync(`/proc/${this.process.pid}/smaps_rollup`, 'utf8');
        return Number(new RegExp(`^${field}: +(\\d+)`, 'm').exec(text)[1]) * 1024;
    }

    /** Counters and gauges without labels, by name. */
    async metrics() {
        const text = await (await fetch(`${this.url}/metrics`)).text();
        return Object.fromEntries([...text.matchAll(/^(stint_\w+) ([0-9.e+-]+)$/gm)].map((m) => [m[1], Number(m[2])]));
    }

    /** One request; the JSON of its answer. */
    async ask(method, path, body) {
        const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' };
        const answer = await fetch(this.url + path, { method, body: body && JSON.stringify(body), headers });
        const json = await answer.json();
        if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json).slice(0, 200)}`);
        return json;
    }

    async stats() {
        return this.ask('GET', '/v1/stats');
    }
}
