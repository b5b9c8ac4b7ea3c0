// adapters.mjs: five peers behind one face: add(queue, job), bulk(queue, jobs), work(queue, onJob, many) -> stop,
// left(queue), settle(), close(). Settings are the fastest of those that their makers document.
import { connect } from 'node:net';

// The claims of both peers on PostgreSQL stand still when the last ANALYZE, autovacuum's too, met an empty table. So
// each gets one when its queue is full: what is compared is their speed, not our luck.
/** By the socket in that folder, as stint. */
const postgres = (folder, database) => ({ host: folder, port: 5432, user: 'stint', database });

async function bullmq(port) {
    const { Queue, Worker } = await import('bullmq');
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
    const queues = new Map();
    const queue = (name) => {
        if (!queues.has(name)) queues.set(name, new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true } }));
        return queues.get(name);
    };
    return {
        add: (q, data) => queue(q).add('job', data),
        bulk: (q, list) => queue(q).addBulk(list.map((data) => ({ name: 'job', data }))),
        async work(q, onJob, many) {
            const worker = new Worker(q, async (j) => void onJob(j.data), { connection, concurrency: many ? 64 : 1, removeOnComplete: { count: 0 } });
            worker.on('error', (e) => console.error(e.message));
            await worker.waitUntilReady();
            return () => worker.close();
        },
        async left(q) {
            const counts = await queue(q).getJobCounts('wait', 'active', 'delayed', 'prioritized');
            return Object.values(counts).reduce((a, b) => a + b, 0);
        },
        close: () => Promise.all([...queues.values()].map((q) => q.close())),
    };
}

async function pgBoss(folder) {
    const { PgBoss } = await import('pg-boss');
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ ...postgres(folder, 'pg-boss'), max: 1 });
    const boss = new PgBoss({ ...postgres(folder, 'pg-boss'), max: 32, useListenNotify: true, supervise: false, schedule: false });
    boss.on('error', (e) => console.error(e.message));
    await boss.start();
    for (const q of ['single', 'bulk', 'late']) await boss.createQueue(q, { notify: true });
    return {
        add: (q, data) => boss.send(q, data),
        bulk: (q, list) => boss.insert(q, list.map((data) => ({ data }))),
        async work(q, onJob, many) {
            const options = many ? { batchSize: 1000, localConcurrency: 4, burstWhenBatchFull: true } : { batchSize: 1 };
            await boss.work(q, { pollingIntervalSeconds: 0.5, ...options }, async (jobs) => jobs.forEach((j) => onJob(j.data)));
            return () => boss.offWork(q, { wait: false });
        },
        settle: () => pool.query('ANALYZE'),
        left: async (q) => Number((await pool.query("SELECT count(*) c FROM pgboss.job WHERE name = $1 AND state < 'completed'", [q])).rows[0].c),
        close: () => boss.stop({ graceful: false }),
    };
}

async function graphile(folder) {
    const { run, makeWorkerUtils, Logger } = await import('graphile-worker');
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ ...postgres(folder, 'graphile-worker'), max: 32 });
    for (const on of ['error', 'connect']) pool.on(on, (x) => x.on?.('error', () => {}));
    const logger = new Logger(() => () => {});
    const utils = await makeWorkerUtils({ pgPool: pool, logger });
    await utils.migrate();
    return {
        add: (q, data) => utils.addJob(q, data),
        bulk: (q, list) => utils.addJobs(list.map((payload) => ({ identifier: q, payload }))),
        async work(q, onJob, many) {
            const worker = many
                ? { concurrentJobs: 64, pollInterval: 2000, localQueue: { size: 1000 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
                : { concurrentJobs: 1, pollInterval: 2000 };
            const runner = await run({ pgPool: pool, logger, noHandleSignals: true, taskList: { [q]: async (data) => onJob(data) }, preset: { worker } });
            return () => runner.stop();
        },
        settle: () => pool.query('ANALYZE'),
        left: async (q) =>
            Number(
                (
                    await pool.query('SELECT count(*) c FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id WHERE t.identifier = $1', [q])
                ).rows[0].c,
            ),
        close: () => utils.release(),
    };
}

/** beanstalkd's text protocol: answers come in the order of the commands. */
class Tube {
    constructor(port) {
        this.waiting = [];
        this.unsent = [];
        this.rest = Buffer.alloc(0);
        this.socket = connect(port, '127.0.0.1');
        this.socket.setNoDelay(true);
        this.socket.on('data', (piece) => this.take(piece));
        this.socket.on('error', () => {});
    }

    ask(command) {
        if (this.unsent.push(command) === 1) {
            queueMicrotask(() => {
                this.socket.write(this.unsent.join(''));
                this.unsent = [];
            });
        }
        return new Promise((resolve) => this.waiting.push(resolve));
    }

    take(piece) {
        const bytes = this.rest.length ? Buffer.concat([this.rest, piece]) : piece;
        let at = 0;
        for (let end = bytes.indexOf('\r\n', at); end >= 0; end = bytes.indexOf('\r\n', at)) {
            const words = bytes.latin1Slice(at, end).split(' ');
            const size = words[0] === 'RESERVED' || words[0] === 'OK' ? Number(words.at(-1)) + 2 : 0;
            if (bytes.length < end + 2 + size) break;
            this.waiting.shift()({ words, body: size ? bytes.latin1Slice(end + 2, end + size) : '' });
            at = end + 2 + size;
        }
        this.rest = bytes.subarray(at);
    }
}

async function beanstalkd(port) {
    const tubes = new Map();
    const tube = async (name) => {
        if (!tubes.has(name)) {
            tubes.set(name, new Tube(port));
            await tubes.get(name).ask(`use ${name}\r\n`);
        }
        return tubes.get(name);
    };
    const put = async (q, data) => {
        const text = JSON.stringify(data);
        const { words } = await (await tube(q)).ask(`put 1024 0 120 ${text.length}\r\n${text}\r\n`);
        if (words[0] !== 'INSERTED') throw new Error(words.join(' '));
    };
    return {
        add: put,
        bulk: (q, list) => Promise.all(list.map((data) => put(q, data))), // it knows no bulk: they are pipelined
        async work(q, onJob, many) {
            let isOver = false;
            const loop = async () => {
                const t = new Tube(port);
                await t.ask(`watch ${q}\r\n`);
                await t.ask('ignore default\r\n');
                while (!isOver) {
                    const asked = Array.from({ length: many ? 64 : 1 }, (_, i) => t.ask(i || many ? 'reserve-with-timeout 0\r\n' : 'reserve\r\n'));
                    const jobs = (await Promise.all(asked)).filter((a) => a.words[0] === 'RESERVED');
                    jobs.forEach((a) => onJob(JSON.parse(a.body)));
                    await Promise.all(jobs.map((a) => t.ask(`delete ${a.words[1]}\r\n`)));
                }
                t.socket.destroy();
            };
            for (let i = 0; i < (many ? 4 : 1); i++) void loop();
            return async () => void (isOver = true);
        },
        async left(q) {
            const { body } = await (await tube(q)).ask(`stats-tube ${q}\r\n`);
            return ['ready', 'reserved', 'delayed'].reduce((sum, s) => sum + Number(new RegExp(`current-jobs-${s}: (\\d+)`).exec(body)?.[1] ?? 0), 0);
        },
        close: async () => tubes.forEach((t) => t.socket.destroy()),
    };
}

const peers = { bullmq, 'pg-boss': pgBoss, 'graphile-worker': graphile, beanstalkd };

/** "bullmq always" -> the adapter of bullmq. */
export const open = (name, where) => peers[name.split(' ')[0]](where);
