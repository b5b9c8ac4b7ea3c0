// pg_fleet.mjs: several nodes on one PostgreSQL under load (load.mjs), while a test takes away now a node, now the database.
import assert from 'node:assert/strict';
import { History } from './history.mjs';
import { cancelSome, checkEvents, expectLoad, listAll, produce, random, retrySome, work } from './load.mjs';
import { psqlAt } from './postgres.mjs';
import { startServer } from './server.mjs';

const SLACK_MS = 1500 * Number(process.env.STINT_PATIENCE ?? 1); // of a busy machine
const BACK_MS = 15_000; // after an outage, on a busy machine
const REFUSALS = ['store_unavailable', 'outcome_unknown'];
// A row: what is counted differs from what is there. Both sides of one snapshot.
const RECOUNT = `
WITH counted AS (
  SELECT tenant, queue, kind, what, drop_at, sum(n) AS n FROM (
    SELECT tenant, queue, kind, what, drop_at, n FROM stint.count UNION ALL
    SELECT tenant, queue, kind, what, drop_at, n FROM stint.count_delta) AS c
  WHERE what < 8 GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0),
found AS (
  SELECT tenant, queue, CASE state WHEN 2 THEN kind ELSE '' END AS kind, state AS what, drop_at, count(*) AS n FROM (
    SELECT tenant, queue, kind, state, 0::bigint AS drop_at FROM stint.job UNION ALL
    SELECT tenant, queue, kind, state, drop_at FROM stint.history) AS j GROUP BY 1, 2, 3, 4, 5)
SELECT queue, kind, what, drop_at, counted.n, found.n FROM counted FULL JOIN found USING (tenant, queue, kind, what, drop_at)
WHERE counted.n IS DISTINCT FROM found.n`;

export class PgFleet {
    history = expectLoad(new History(), 200);
    isOver = false;
    /** The longest that a write took since it was last set to 0, in ms; claims that wait aside. */
    slowest = 0;
    refused = new Map();
    #waiting = [];
    #watching = [];

    /** dsns: one for each node, to the same database. */
    constructor(direct, dsns, args = []) {
        this.database = psqlAt(direct);
        this.nodes = dsns.map((dsn) => ({ dsn, server: undefined }));
        this.args = args;
    }

    async start() {
        for (const node of this.nodes) await this.startNode(node);
    }
    async startNode(node) {
        node.server = await startServer({ store: node.dsn, key: this.key, args: this.args });
        this.key = node.server.key;
        for (const resolve of this.#waiting.splice(0)) resolve();
    }
    async kill(node) {
        const { server } = node;
        node.server = undefined;
        await server.kill();
    }
    async #someNode() {
        for (;;) {
            const up = this.nodes.filter((n) => n.server);
            if (up.length > 0) return up[random(up.length)].server;
            await new Promise((resolve) => this.#waiting.push(resolve));
        }
    }

    /** The answer, or undefined when nobody knows what happened to the request, or it was refused for an outage. */
    async write(method, path, body, options) {
        const server = await this.#someNode();
        const began = performance.now();
        try {
            const answer = await server.call(method, path, body, options);
            if (answer.status < 500) return answer;
            assert.equal(answer.status, 503, `${method} ${path}: ${answer.status} ${answer.text}`);
            assert.ok(REFUSALS.includes(answer.json.code), `${method} ${path}: ${answer.text}`);
            this.refused.set(answer.json.code, (this.refused.get(answer.json.code) ?? 0) + 1);
            return undefined;
        } catch (e) {
            if (e instanceof assert.AssertionError) throw e;
            assert.ok(server.proc.killed, `${method} ${path}: ${e.cause ?? e}`);
            await server.exit;
            return undefined;
        } finally {
            for (const resolve of this.#watching.splice(0)) resolve();
            if (path !== '/v1/claims') this.slowest = Math.max(this.slowest, performance.now() - began);
        }
    }

    run(clients) {
        const { history } = this;
        const other = async () => {
            while (!this.isOver) {
                await (random(3) ? cancelSome(this, history) : retrySome(this, history));
                await this.write('PATCH', '/v1/queues/c', { max_attempts: 1 + random(5) });
            }
        };
        this.#producers = [other()];
        const workers = [];
        for (let i = 0; i < clients; i++) {
            this.#producers.push(produce(this, history, `p${i}`));
            workers.push(work(this, history, `w${i}`));
        }
        this.load = Promise.all([...this.#producers, ...workers]);
        this.load.catch(() => {}); // told by whoever waits for it
    }
    #producers = [];

    /** A test's own job: the clients leave it alone. */
    spare(id) {
        Object.assign(this.history.job(id), { enqueued: true, isSpared: true });
    }

    /** Resolves with what `promise` does, unless a client has met what may not be. */
    among(promise) {
        return Promise.race([promise, this.load.then(() => undefined)]);
    }

    /** n more jobs were acknowledged as ended, so that all verbs are at work again. */
    async progress(n) {
        const ended = () => this.history.verbs.get('complete') ?? 0;
        const wanted = ended() + n;
        while (ended() < wanted) await this.among(new Promise((resolve) => this.#watching.push(resolve)));
    }

    /** What happens, while clients go on; then all is as it should be, and no call took longer than that. */
    async through(t, happen, limit_ms) {
        this.slowest = 0;
        const had = new Map(this.refused);
        const note = await this.among(happen());
        await this.progress(50);
        await this.recount();
        const refused = [...this.refused].map(([code, n]) => `${n - (had.get(code) ?? 0)} ${code}`);
        t.diagnostic(`${note ?? ''} slowest ${Math.round(this.slowest)} ms; ${refused.join(', ')}`);
        assert.ok(this.slowest < limit_ms + SLACK_MS, `a call took ${this.slowest} ms`);
    }

    /** A write by itself: the same job again and again. */
    ping(node) {
        return node.server.call('POST', '/v1/jobs', { kind: 'ping', queue: 'ping', unique_key: 'ping' });
    }

    /** Until each node takes a job again, asked without a pause; the longest, in ms. */
    async comeBack(nodes = this.nodes) {
        let longest = 0;
        for (const node of nodes) {
            const began = performance.now();
            let answer;
            do answer = await this.ping(node);
            while (answer.status >= 300);
            this.#ping = answer.json.id ?? answer.json.jobs[0].id;
            this.spare(this.#ping);
            longest = Math.max(longest, Math.round(performance.now() - began));
        }
        assert.ok(longest < BACK_MS, `a node was back after ${longest} ms`);
        return longest;
    }
    #ping;

    async #endPing(server) {
        const [job] = (await server.call('POST', '/v1/claims', { worker: 'ping', queues: ['ping'], wait_s: 5 })).json.jobs;
        assert.equal(job.id, this.#ping);
        const answer = await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' });
        assert.equal(answer.status, 200, answer.text);
    }

    /** Counts equal a recount, and no job is in two tables: at any time. */
    async recount() {
        assert.deepEqual(await this.database.psql(RECOUNT), []);
        assert.deepEqual(await this.database.psql('SELECT id FROM stint.job JOIN stint.history USING (id) LIMIT 5'), []);
        assert.deepEqual(await this.database.psql('SELECT id, count(*) FROM stint.history GROUP BY 1 HAVING count(*) > 1 LIMIT 5'), []);
    }

    /** Lets the work end, and holds what clients were told against what is stored. */
    async finish() {
        this.isOver = true;
        await this.among(Promise.all(this.#producers));
        const { server } = this.nodes.find((n) => n.server);
        if (this.#ping) await this.#endPing(server);
        for (;;) {
            const { counts } = (await server.call('GET', '/v1/stats')).json;
            if (!counts.queued && !counts.processing && !counts.scheduled) break;
            await this.among(server.call('POST', '/v1/claims', { worker: 'last', queues: ['nothing'], wait_s: 0.2 })); // the server's clock
        }
        this.history.isFinished = true;
        await this.load;
        await this.recount();
        const stored = await listAll(server);
        this.history.compare(stored);
        const some = [...stored.values()].filter((_, i) => i % Math.ceil(stored.size / 200) === 0);
        for (const job of some) await checkEvents(server, job);
        assert.deepEqual(this.history.problems.slice(0, 20), []);
        return { jobs: stored.size, unknown: this.history.unknown, ...Object.fromEntries(this.refused), ...Object.fromEntries(this.history.verbs) };
    }

    async stop() {
        this.isOver = this.history.isFinished = true;
        await Promise.all(this.nodes.filter((n) => n.server).map((n) => this.kill(n))); // who waits for a node waits on
    }
}
