// postgres.mjs: STORE=postgres: a cluster of the bench's own on loopback, thrown away at the end. Settings are PostgreSQL's
// defaults (fsync, synchronous_commit on) but for the port. Every store of the bench, every limit and every peer on
// PostgreSQL has a database of its own in it.
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { data, limit, ms, must, size, start } from './machine.mjs';

if (!['sqlite', 'postgres', undefined].includes(process.env.STORE)) throw new Error(`STORE=${process.env.STORE}: sqlite or postgres`);
export const isPostgres = process.env.STORE === 'postgres';
const bin = '/usr/lib/postgresql/15/bin';
export const postgresProgram = `${bin}/postgres`;

/** PostgreSQL does not run as root. */
const asPostgres = (command) => (process.getuid() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', ...command] : command);

async function freePort() {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    await once(probe, 'close');
    return port;
}

export class Cluster {
    static async start(name) {
        if (!existsSync(postgresProgram)) throw new Error('PostgreSQL 15 is not installed: apt-get install postgresql-15');
        const c = new Cluster();
        c.folder = join(data, 'work', name);
        c.log = `${c.folder}.log`;
        rmSync(c.folder, { recursive: true, force: true });
        mkdirSync(c.folder);
        if (process.getuid() === 0) must(['chown', 'postgres', c.folder]);
        must(asPostgres([`${bin}/initdb`, '-D', join(c.folder, 'pg'), '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8']));
        c.port = await freePort();
        const settings = ['listen_addresses=127.0.0.1', `port=${c.port}`, 'unix_socket_directories='].flatMap((s) => ['-c', s]);
        const [file, ...args] = asPostgres([postgresProgram, '-D', join(c.folder, 'pg'), ...settings]);
        const log = openSync(c.log, 'w');
        c.process = start(file, args, { stdio: ['ignore', log, log] });
        for (let i = 0; !c.isReady(); i++) {
            if (i > 200 || c.process.exitCode !== null) throw new Error(`PostgreSQL did not start: ${c.logText().slice(-500)}`);
            await sleep(50);
        }
        return c;
    }

    isReady() {
        try {
            return this.query('postgres', 'SELECT 1') === '1';
        } catch {
            return false;
        }
    }

    url(database) {
        return `postgres://bench@127.0.0.1:${this.port}/${database}`;
    }

    /** The database of that name; its URL. */
    database(name, { fresh = true } = {}) {
        if (fresh) {
            this.drop(name);
            this.query('postgres', `CREATE DATABASE "${name}"`);
        }
        return this.url(name);
    }

    drop(name) {
        this.query('postgres', `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    }

    /** Runs SQL; rows as lines, columns between tabs. */
    query(database, sql) {
        const psql = [`${bin}/psql`, '-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', this.url(database)];
        return must([...psql, '-c', sql], { env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' } }).trimEnd();
    }

    logText() {
        return readFileSync(this.log, 'utf8');
    }

    async stop() {
        const ended = this.process.exitCode === null ? once(this.process, 'exit') : null;
        this.process.kill('SIGINT'); // its fast shutdown
        await ended;
        rmSync(this.folder, { recursive: true, force: true });
        rmSync(this.log, { force: true });
    }
}

let shared;
/** The cluster of this run; started when somebody asks for it first. */
export const cluster = () => (shared ??= Cluster.start('pg'));
export const stopCluster = async () => void (shared && (await (await shared).stop()));

async function bare(...args) {
    return limit('postgres', [(await cluster()).database('limits'), ...args]);
}

/** A bare libpq program, one connection: `rows` jobs in each commit by one statement over `unnest`. */
export const bareInsert = (rows) => bare('insert', rows, ms());
/** Claim (skip locked), then delete + insert into the history, in batches of 1,000. */
export const bareDrain = () => bare('drain', 1000, size(100000, 3000));
/** COPY of that many rows in one commit. */
export const bareCopy = () => bare('copy', size(100000, 3000));
