// pg_cluster.mjs: a PostgreSQL of a test's own, which may be stopped, killed and started as it likes.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ours } from './server.mjs';

const SCRIPT = fileURLToPath(new URL('../../pg/cluster.sh', import.meta.url));
const AS_OWNER = fileURLToPath(new URL('../../pg/as_owner.sh', import.meta.url));
const BIN = process.env.STINT_PG_BIN ?? '/usr/lib/postgresql/15/bin';
const run = promisify(execFile);

/** Runs a program of PostgreSQL, as the owner of the tests' clusters. */
export const asOwner = (program, args) => run(AS_OWNER, [`${BIN}/${program}`, ...args]);

/**
 * { dsn, socket, folder, data, ctl(...) of pg_ctl, postmaster(), stop() }: a new cluster; gone with stop(), or with the test's
 * process. files: the folder for its files, if they are not to lie in /tmp.
 */
export async function startCluster({ files } = {}) {
    const env = { ...process.env, ...(files ? { STINT_PG_FILES: files } : {}) };
    delete env.STINT_TEST_PG;
    const proc = ours(spawn(SCRIPT, ['sh', '-c', 'echo "$STINT_TEST_PG"; cat >/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], env }));
    const exit = once(proc, 'exit');
    const [dsn] = await once(createInterface({ input: proc.stdout }), 'line');
    const dir = /host=([^&]*)/.exec(dsn)[1];
    const data = files ? `${files}/${readdirSync(files).find((name) => name.startsWith('pg.'))}/data` : `${dir}/data`;
    return {
        dsn,
        folder: dir,
        data,
        socket: `${dir}/.s.PGSQL.5432`,
        ctl: (...args) => asOwner('pg_ctl', ['-D', data, '-l', `${dir}/log`, '-s', '-w', ...args]),
        isUp: () => existsSync(`${data}/postmaster.pid`),
        postmaster: () => Number(readFileSync(`${data}/postmaster.pid`, 'utf8').split('\n')[0]),
        /** Its exit code: 1 when it crashed of its own accord. */
        stop: async () => {
            proc.stdin.end();
            return (await exit)[0];
        },
    };
}
