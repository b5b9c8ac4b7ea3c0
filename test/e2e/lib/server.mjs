// server.mjs: the real binary on port 0, for end-to-end tests. STINT_BIN is the program.
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { checkAnswer } from './openapi.mjs';
import { dsn, makeDatabase } from './postgres.mjs';

export const BIN = resolve(process.env.STINT_BIN ?? 'build/test/stint');

/* A test that failed leaves its servers behind, and a living child keeps the runner waiting for ever. */
const running = new Set();
after(() => running.forEach((proc) => proc.kill('SIGKILL')));

/** Counts as this file's: killed after its last test, if it still runs then. */
export function ours(proc) {
    running.add(proc);
    proc.once('exit', () => running.delete(proc));
    return proc;
}

/** A folder of its own, removed by remove(). */
export function makeDir(prefix = 'stint-') {
    const path = mkdtempSync(join(tmpdir(), prefix));
    return { path, file: (name) => join(path, name), remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs the program to its end; throws when it fails, with what it said. */
export function stint(args, options = {}) {
    return execFileSync(BIN, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

/** A new key of the store, which no server may hold now. */
export function createKey(store, args = []) {
    return stint(['keys', 'create', '--store', store, ...args]).trim();
}

/**
 * Makes the schema in a database, and a role for nodes (docs/postgresql.md, Roles), gone with the database; resolves with its DSN:
 * servers that own nothing are the usual ones.
 */
export function allowNode(db) {
    const role = `node_${db.name}`;
    stint(['migrate', '--store', db.dsn]);
    db.run(`CREATE ROLE ${role} LOGIN; SELECT stint.allow_node('${role}')`);
    return dsn(db.name, role);
}

/* Servers that are started one after the other on one folder share a store, as they do with a file. */
const databases = new Map();
after(() => [...databases.values()].forEach((db) => db.drop()));
function databaseOf(dir) {
    if (!databases.has(dir.path)) {
        const db = makeDatabase();
        databases.set(dir.path, { ...db, dsn: allowNode(db) });
    }
    return databases.get(dir.path);
}

/**
 * Starts `stint serve` and waits for its ready line. Options: dir (makeDir; made and removed with the server when absent),
 * store (default: a file in dir; with STINT_TEST_ENGINE=pg a database of its own), key (created when absent), listen, args, env. What the server logs is in `log`.
 */
export async function startServer(options = {}) {
    const dir = options.dir ?? makeDir();
    const database = options.store || process.env.STINT_TEST_ENGINE !== 'pg' ? undefined : databaseOf(dir);
    const store = options.store ?? database?.dsn ?? `sqlite:${dir.file('stint.db')}`;
    const key = options.key ?? (existsSync(store.replace(/^sqlite:/, '')) ? undefined : createKey(store));
    const server = { dir, store, key, log: [], url: undefined, proc: undefined, exit: undefined };
    server.proc = spawn(BIN, ['serve', '--store', store, '--listen', options.listen ?? '127.0.0.1:0', ...(options.args ?? [])], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, ...(database ? { TMPDIR: dir.path } : {}), ...options.env },
    });
    ours(server.proc);
    server.exit = once(server.proc, 'exit').then(([code, signal]) => ({ code, signal }));
    const lines = createInterface({ input: server.proc.stderr });
    const waiting = [];
    lines.on('line', (line) => {
        server.log.push(line);
        for (const w of [...waiting]) if (w.pattern.test(line)) w.resolve(line);
    });
    /** The first log line, past or to come, that matches; fails when the process ends without it. */
    server.logged = (pattern) =>
        server.log.find((l) => pattern.test(l)) ??
        new Promise((resolve, reject) => {
            waiting.push({ pattern, resolve });
            server.exit.then((x) => reject(new Error(`ended (${x.code ?? x.signal}) without ${pattern}:\n${server.log.join('\n')}`)));
        });
    server.kill = async (signal = 'SIGKILL') => {
        server.proc.kill(signal);
        return server.exit;
    };
    /** SIGTERM, and what came of it. */
    server.stop = async () => {
        const result = await server.kill('SIGTERM');
        if (!options.dir) dir.remove();
        return result;
    };
    const ready = await server.logged(/ server\.ready /);
    server.url = /url=(\S+)/.exec(ready)[1];
    server.call = (method, path, body, more = {}) => call(server, method, path, body, more);
    if (database) server.dump = database.dump;
    return server;
}

/**
 * One request. A body that is no string is sent as JSON; the answer's JSON is in `json`. Every answer is held against the
 * OpenAPI document: what is not in there fails the test.
 */
export async function call(server, method, path, body, { key = server.key, headers = {}, signal } = {}) {
    const answer = await fetch(server.url + path, {
        method,
        signal,
        headers: {
            ...(key ? { authorization: `Bearer ${key}` } : {}),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
        },
        body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    const type = answer.headers.get('content-type') ?? '';
    const result = { status: answer.status, headers: answer.headers, text, json: /[/+]json/.test(type) && text ? JSON.parse(text) : undefined };
    checkAnswer(method, path, result);
    return result;
}
