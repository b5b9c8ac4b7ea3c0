// postgres.mjs: databases of the suite's own cluster (test/pg/cluster.sh), one for each store, and psql beside the server.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

export const CLUSTER = process.env.STINT_TEST_PG;
let count = 0;
const PSQL = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'];

/** The cluster's DSN (postgresql://ROLE@/DATABASE?…: no host, so no URL for the URL class) with another database, or role. */
export function dsn(database, role) {
    const [, owner, rest] = /^postgresql:\/\/([^@]*)@\/[^?]*(.*)$/.exec(CLUSTER);
    return `postgresql://${role ?? owner}@/${database}${rest}`;
}

/** psql on a database: psql(sql) → rows as arrays of texts. */
export function psqlAt(url) {
    return {
        dsn: url,
        /** Fails with an Error whose message is what PostgreSQL said. */
        psql: async (sql) => {
            const { stdout } = await promisify(execFile)('psql', [...PSQL, '-F', '\t', url, '-c', sql]);
            return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'));
        },
        /** A session that stays: say(sql) resolves with its last line of output. */
        session: () => openSession(url),
    };
}

/** A new database: psqlAt, and { name, psql(sql, role), run(sql), dump(), drop() }. */
export function makeDatabase() {
    const name = `e2e_${process.pid}_${++count}`;
    execFileSync('psql', [...PSQL, CLUSTER, '-c', `CREATE DATABASE ${name}`]);
    const url = dsn(name);
    return {
        ...psqlAt(url),
        name,
        psql: (sql, role) => psqlAt(role ? dsn(name, role) : url).psql(sql),
        /** All that is in it, as SQL; the same as long as nobody writes. */
        dump: () => execFileSync('pg_dump', ['--inserts', url], { encoding: 'utf8', maxBuffer: 1 << 28 }).replace(/^\\(un)?restrict .*$/gm, ''),
        /** Statements of which nothing is wanted. */
        run: (sql) => execFileSync('psql', [...PSQL, url, '-c', sql]),
        drop: () => execFileSync('psql', [...PSQL, CLUSTER, '-c', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, '-c', `DROP ROLE IF EXISTS node_${name}`]),
    };
}

function openSession(url) {
    const proc = spawn('psql', [...PSQL, '-F', '\t', url], { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    let wake = () => {};
    proc.stdout.on('data', (chunk) => {
        text += chunk;
        wake();
    });
    return {
        say: async (sql) => {
            text = '';
            proc.stdin.write(`${sql};\n\\echo said\n`);
            while (!text.includes('said\n')) await new Promise((resolve) => (wake = resolve));
            return text.slice(0, text.indexOf('said\n')).trim();
        },
        close: async () => {
            const exit = once(proc, 'exit');
            proc.stdin.end();
            await exit;
        },
    };
}
