// pg_pair.mjs: a primary with one synchronous standby, which a test may kill, promote and put back.
import { execFile } from 'node:child_process';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { asOwner, startCluster } from './pg_cluster.mjs';
import { psqlAt } from './postgres.mjs';

const run = promisify(execFile);

/** One of the two: on a port of its own in the cluster's folder of sockets. */
class Member {
    constructor(cluster, name, port) {
        Object.assign(this, { cluster, name, port });
        this.data = name === 'a' ? cluster.data : `${cluster.data}.${name}`;
        this.dsn = `${cluster.dsn}&port=${port}`;
        this.psql = psqlAt(this.dsn).psql;
    }
    ctl(...args) {
        return asOwner('pg_ctl', ['-D', this.data, '-l', `${this.cluster.folder}/log.${this.name}`, '-s', '-w', ...args]);
    }
    async set(settings) {
        await appendFile(`${this.data}/postgresql.conf`, Object.entries(settings).map(([k, v]) => `${k} = '${v}'\n`).join(''));
    }
    async postmaster() {
        return Number((await readFile(`${this.data}/postmaster.pid`, 'utf8')).split('\n')[0]);
    }
    /** The postmaster and all that it has started. */
    async processes() {
        const postmaster = await this.postmaster();
        const { stdout } = await run('pgrep', ['-P', String(postmaster)]);
        return [postmaster, ...stdout.trim().split('\n').map(Number)];
    }
    /** kill -9 of all of it; the postmaster stands still first, so that none is new meanwhile. */
    async kill() {
        process.kill(await this.postmaster(), 'SIGSTOP');
        for (const pid of await this.processes()) process.kill(pid, 'SIGKILL');
    }
    /** Starts what was killed: not before its memory is free, which takes the last process of it a moment. */
    async startAgain() {
        for (let began = performance.now(); ; ) {
            try {
                return await this.ctl('start');
            } catch (e) {
                if (performance.now() - began > 10_000) throw e;
            }
        }
    }
    /** Makes a new copy of `primary`, started as its standby; the primary waits for it with every COMMIT from then on. */
    async follow(primary) {
        await rm(this.data, { recursive: true, force: true });
        const source = `host=${this.cluster.folder} port=${primary.port} user=stint application_name=${this.name}`;
        await asOwner('pg_basebackup', ['-D', this.data, '-d', source, '-R', '-c', 'fast', '-X', 'stream', '--no-sync']);
        await this.set({ port: this.port, synchronous_standby_names: '' });
        await this.ctl('start');
        await primary.set({ synchronous_standby_names: this.name });
        await primary.ctl('reload');
        while ((await primary.psql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")).length === 0);
    }
    promote() {
        return this.ctl('promote');
    }
}

/** { cluster, primary, standby, dsn: of both, swap() }. */
export async function startPair() {
    const cluster = await startCluster();
    const pair = {
        cluster,
        primary: new Member(cluster, 'a', 5432),
        standby: new Member(cluster, 'b', 5433),
        dsn: `postgresql://stint@/postgres?host=${cluster.folder},${cluster.folder}&port=5432,5433&target_session_attrs=read-write`,
        swap() {
            [pair.primary, pair.standby] = [pair.standby, pair.primary];
        },
    };
    await pair.standby.follow(pair.primary);
    return pair;
}
