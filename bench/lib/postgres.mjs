// postgres.mjs: STORE=postgres: a cluster of the bench's own, thrown away at the end (test/pg/cluster.sh starts it). Settings
// are PostgreSQL's defaults (fsync, synchronous_commit on) but for the socket. Every store of the bench, every limit and every
// peer on PostgreSQL has a database of its own in it.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { data, limit, ms, must, root, size, start } from './machine.mjs';

if (!['sqlite', 'postgres', undefined].includes(process.env.STORE)) throw new Error(`STORE=${process.env.STORE}: sqlite or postgres`);
export const isPostgres = process.env.STORE === 'postgres';
const bin = process.env.STINT_PG_BIN ?? '/usr/lib/postgresql/15/bin';
export const postgresProgram = `${bin}/postgres`;

export class Cluster {
    static async start() {
        if (!existsSync(postgresProgram)) throw new Error(`PostgreSQL is not installed: no ${postgresProgram} (tools/deps.sh test installs it)`);
        const c = new Cluster();
        const env = { ...process.env, STINT_TEST_PG: '', STINT_PG_FILES: join(data, 'work'), STINT_PG_SETTINGS: 'default' };
        // The cluster lives as long as the command, and that until we close its input, or are no more.
        const command = ['sh', '-c', 'echo "$STINT_TEST_PG"; exec cat'];
        c.process = start(join(root, 'test/pg/cluster.sh'), command, { stdio: ['pipe', 'pipe', 'inherit'], env });
        c.ended = once(c.process, 'exit');
        const [text] = await Promise.race([once(c.process.stdout, 'data'), c.ended]);
        c.folder = /host=(.*)/.exec(text)?.[1];
        if (!c.folder) throw new Error('PostgreSQL did not start');
        return c;
    }

    url(database) {
        return `postgres://stint@/${database}?host=${this.folder}&port=5432`;
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
        return readFileSync(join(this.folder, 'log'), 'utf8');
    }

    async stop() {
        this.process.stdin.end();
        await this.ended;
    }
}

let shared;
/** The cluster of this run; started when somebody asks for it first. */
export const cluster = () => (shared ??= Cluster.start());
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
