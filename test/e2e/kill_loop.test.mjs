// J1, J3, J4, J12: the server is killed with -9 under load, again and again, at random times and at named fault points.
// Whatever it acknowledged must be there at the end, with one outcome a job and growing leases.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './lib/history.mjs';
import { cancelSome, checkEvents, expectLoad, listAll, produce, random, retrySome, seed, work } from './lib/load.mjs';
import { makeDir, startServer } from './lib/server.mjs';

const SMALL = process.env.STINT_SMALL === '1';
const KILLS = Number(process.env.KILLS ?? (SMALL ? 10 : 20)); // `make chaos` has 1,000
const MIN_JOBS = KILLS * (SMALL ? 20 : 17);
const IN_FLIGHT = 32; // writes, at every kill
// Where the store touches the disk or the round is between two truths; the process dies there as by kill -9.
const FAULTS = [
    'store.round.begin',
    'store.round.middle',
    'store.round.commit',
    'store.round.answer',
];

/** The server as its clients know it: up or not, and where. */
class Fleet {
    server;
    writes = 0;
    #up;
    #setUp;
    isOver = false;
    constructor(dir) {
        this.dir = dir;
        this.down();
    }
    down() {
        this.#up = new Promise((resolve) => (this.#setUp = resolve));
    }
    async start(env) {
        this.server = await startServer({ dir: this.dir, key: this.key, env });
        this.key = this.server.key;
        this.#setUp();
    }
    /** The answer, or undefined when nobody knows what happened to the request. */
    async write(method, path, body, options) {
        await this.#up;
        this.writes++;
        try {
            const answer = await this.server.call(method, path, body, options);
            assert.ok(answer.status < 500 || answer.status === 503, `${method} ${path}: ${answer.status} ${answer.text}`);
            return answer;
        } catch (e) {
            if (e instanceof assert.AssertionError) throw e;
            await this.server.exit; // it can only be the kill: wait for the next life
            return undefined;
        } finally {
            this.writes--;
        }
    }
}

/** Kills when enough writes are in flight, or lets the armed fault point do it. */
async function oneLife(fleet, k) {
    const isFault = k % 5 < 2;
    const env = isFault ? { STINT_FAULT: `${FAULTS[random(FAULTS.length)]}:kill:${5 + random(120)}` } : {};
    await fleet.start(env);
    const until = performance.now() + 150 + random(500);
    const timer = setInterval(() => {
        if (performance.now() < until || fleet.writes < IN_FLIGHT) return;
        if (isFault && performance.now() < until + 1500) return;
        fleet.atKill = fleet.writes;
        fleet.server.proc.kill('SIGKILL');
    }, 5);
    fleet.atKill = 0;
    fleet.server.proc.once('exit', () => fleet.down());
    const inFlight = setInterval(() => (fleet.seen = fleet.writes), 1);
    const { signal } = await fleet.server.exit;
    clearInterval(timer);
    clearInterval(inFlight);
    assert.equal(signal, 'SIGKILL', fleet.server.log.slice(-5).join('\n'));
    return { isFault: fleet.atKill === 0, inFlight: fleet.atKill || fleet.seen };
}

test('nothing acknowledged is lost and nothing ends twice when the server is killed again and again', { timeout: 240_000 + KILLS * 5000 }, async (t) => {
    const dir = makeDir('stint-kill-');
    const fleet = new Fleet(dir);
    const history = expectLoad(new History());
    t.after(() => {
        fleet.isOver = history.isFinished = true;
        fleet.server?.proc.kill('SIGKILL');
        dir.remove();
    });
    t.diagnostic(`SEED=${seed}`);
    const loops = [];
    for (let i = 0; i < 24; i++) loops.push(produce(fleet, history, `p${i}`));
    const workers = [];
    for (let i = 0; i < 24; i++) workers.push(work(fleet, history, `w${i}`));
    const other = async () => {
        while (!fleet.isOver) {
            await (random(3) ? cancelSome(fleet, history) : retrySome(fleet, history));
            await fleet.write('PATCH', '/v1/queues/c', { max_attempts: 1 + random(5) });
        }
    };
    for (let i = 0; i < 4; i++) loops.push(other());
    const failure = Promise.all([...loops, ...workers]);
    failure.catch(() => fleet.server?.proc.kill('SIGKILL'));

    let least = Infinity;
    let atFault = 0;
    for (let k = 0; k < KILLS; k++) {
        const life = await Promise.race([oneLife(fleet, k), failure.then(() => undefined)]);
        least = Math.min(least, life.inFlight);
        atFault += life.isFault;
    }
    await fleet.start({});
    fleet.isOver = true;
    await Promise.all(loops);
    for (;;) {
        const { counts } = (await fleet.server.call('GET', '/v1/stats')).json;
        if (!counts.queued && !counts.processing && !counts.scheduled) break;
        await fleet.write('POST', '/v1/claims', { worker: 'last', queues: ['nothing'], wait_s: 0.2 }); // the server's clock, not ours
    }
    history.isFinished = true;
    await failure;

    const stored = await listAll(fleet.server);
    history.compare(stored);
    let events = 0;
    const some = [...stored.values()].filter((_, i) => i % Math.ceil(stored.size / 1000) === 0);
    for (const job of some) events += await checkEvents(fleet.server, job);
    const verbs = Object.fromEntries(history.verbs);
    t.diagnostic(`${KILLS} kills (${atFault} at fault points), at least ${least} writes in flight, ${history.unknown} unknown outcomes, ${stored.size} jobs, ${events} events; ${JSON.stringify(verbs)}`);
    assert.equal((await fleet.server.stop()).code, 0);
    assert.deepEqual(history.problems.slice(0, 20), []);
    assert.ok(least >= IN_FLIGHT, `only ${least} writes in flight at a kill`);
    assert.ok(verbs.enqueue >= MIN_JOBS, `only ${verbs.enqueue} acknowledged jobs: nothing was tested`);
    for (const verb of ['enqueue', 'claim', 'heartbeat', 'progress', 'complete', 'fail', 'release', 'snooze', 'cancel', 'retry']) {
        assert.ok(verbs[verb] > 0, `no ${verb} was acknowledged: nothing was tested`);
    }
});
