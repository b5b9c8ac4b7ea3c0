// stint work, the exec kind, and libstint as programs: what becomes of jobs, processes and scratch folders.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { dirname, join, relative, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { createInterface } from 'node:readline';
import { BIN, makeDir, startServer } from './lib/server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server.stop(); });

/** Starts `stint work` on a queue of its own; `logged` waits for a line of its log. */
function startWorker(queue, execs, args = [], env = {}) {
    const scratch = makeDir('stint-scratch-');
    const w = { scratch, log: [] };
    w.proc = spawn(BIN, ['work', '--queue', queue, '--scratch', scratch.path, ...Object.entries(execs).flatMap(([k, c]) => ['--exec', `${k}=${c}`]), ...args], {
        stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key, ...env },
    });
    w.exit = once(w.proc, 'exit').then(([code, signal]) => ({ code, signal }));
    const waiting = [];
    createInterface({ input: w.proc.stderr }).on('line', (line) => {
        w.log.push(line);
        for (const x of waiting) if (x.pattern.test(line)) x.resolve(line);
    });
    w.logged = (pattern) => w.log.find((l) => pattern.test(l)) ?? new Promise((resolve) => waiting.push({ pattern, resolve }));
    w.stop = async (signal = 'SIGTERM') => { w.proc.kill(signal); const x = await w.exit; return x; };
    return w;
}

const enqueue = async (queue, kind, args, more = {}) => (await server.call('POST', '/v1/jobs', { queue, kind, args, ...more })).json.id;
/** The process is no more, or nothing but an entry that nobody has read. It may go between two looks. */
function isGone(pid) {
    try {
        return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
        return true;
    }
}
/** Who was killed is gone when the machine has got round to it. */
async function goes(pid) {
    const until = performance.now() + 10000;
    while (!isGone(pid) && performance.now() < until) await new Promise(setImmediate);
    return isGone(pid);
}
/** The job when it has left `processing`, or is final: long polls, no sleeping. */
async function final(id) {
    for (let i = 0; i < 10; i++) {
        const j = (await server.call('GET', `/v1/jobs/${id}?wait=10`)).json;
        if (['completed', 'failed', 'cancelled'].includes(j.state)) return j;
    }
    assert.fail(`job ${id} did not end`);
}
/** An address at which the server is reached once `look` has let a request pass. */
async function startBetween(look) {
    const between = createServer(async (request, response) => {
        const body = Buffer.concat(await request.toArray());
        const left = new AbortController();
        response.on('close', () => left.abort());
        await look(request, body);
        const { authorization, 'content-type': type } = request.headers;
        const options = { method: request.method, headers: { authorization, ...(type && { 'content-type': type }) }, signal: left.signal, ...(body.length && { body }) };
        const answer = await fetch(server.url + request.url, options).catch(() => null);
        if (answer) response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' }).end(Buffer.from(await answer.arrayBuffer()));
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    return { url: `http://127.0.0.1:${between.address().port}`, close: () => between.close() };
}
/** The stored events of a job until the one of that type. */
async function eventOf(id, type) {
    const answer = await fetch(`${server.url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${server.key}`, accept: 'text/event-stream' } });
    let text = '';
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        text += piece;
        if (new RegExp(`event: ?${type}\\n`).test(text)) return text;
    }
    assert.fail(`no event ${type}: ${text}`);
}

test('a command gets the args on standard input and its last line becomes the result', async () => {
    const w = startWorker('exec-1', { double: `node -e 'let s="";process.stdin.on("data",d=>s+=d).on("end",()=>{console.log("noise");console.log(JSON.stringify({n:JSON.parse(s).n*2}))})'` });
    const job = await final(await enqueue('exec-1', 'double', { n: 21 }));
    assert.equal(job.state, 'completed');
    assert.deepEqual(job.result, { n: 42 });
    assert.equal((await w.stop()).code, 0);
    assert.deepEqual(readdirSync(w.scratch.path), [], 'nothing is left in the scratch folder');
});

test('a result file wins over the output, and a text that is not JSON becomes a string', async () => {
    const w = startWorker('exec-2', { file: 'echo ignored; echo "[1,2]" > "$STINT_RESULT"', text: 'echo plain words' });
    assert.deepEqual((await final(await enqueue('exec-2', 'file', {}))).result, [1, 2]);
    assert.equal((await final(await enqueue('exec-2', 'text', {}))).result, 'plain words');
    await w.stop();
});

test('JSON with line breaks gets through, in args and in results', async () => {
    const w = startWorker('exec-lines', { lines: 'tee "$STINT_RESULT" >/dev/null' });
    const { json } = await server.call('POST', '/v1/jobs', '{"queue": "exec-lines", "kind": "lines", "args": {\n  "a": [\r\n1,\n\n2]\n}}');
    assert.deepEqual((await final(json.id)).result, { a: [1, 2] });
    const pretty = startWorker('exec-pretty', { pretty: 'printf \'{\\n "b": "x\\\\n"\\n}\' >"$STINT_RESULT"' });
    assert.deepEqual((await final(await enqueue('exec-pretty', 'pretty', {}))).result, { b: 'x\n' });
    assert.equal((await w.stop()).code, 0);
    assert.equal((await pretty.stop()).code, 0);
});

test('progress, events, checkpoints and artifacts travel over descriptor 3', async () => {
    const w = startWorker('exec-3', {
        tell: `echo hello > out.txt; printf '%s\\n' '{"progress":0.5,"message":"half"}' '{"event":"page","data":{"url":"x"}}' '{"checkpoint":{"page":4}}' '{"artifact":"out.txt","path":"out.txt","media_type":"text/plain"}' >&3; echo '{"ok":true}'`,
    });
    const id = await enqueue('exec-3', 'tell', {});
    const job = await final(id);
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.match(await eventOf(id, 'page'), /"url":"x"/);
    const artifact = await server.call('GET', `/v1/jobs/${id}/artifacts/out.txt`);
    assert.equal(artifact.status, 200);
    assert.equal(artifact.text, 'hello\n');
    await w.stop();
});

test('a command has ended when it ends, whatever it leaves behind in the background, and knows SIGPIPE', async () => {
    const w = startWorker('exec-left', { left: 'sleep 600 & echo \'{"event":"last","data":1}\' >&3; echo \'"done"\'', ignored: "awk '/SigIgn/ {print \"mask \" $2}' /proc/self/status" });
    const left = await final(await enqueue('exec-left', 'left', {}));
    assert.deepEqual([left.state, left.result, left.last_seq], ['completed', 'done', 2]);
    const mask = (await final(await enqueue('exec-left', 'ignored', {}))).result;
    assert.equal(BigInt(mask.replace('mask ', '0x')) >> 12n & 1n, 0n, `SIGPIPE (13) is ignored: ${mask}`);
    await w.stop();
});

test('exit 65 fails for good, another code is tried again, a signal is a crash', async () => {
    const w = startWorker('exec-4', { bad: 'echo broken input >&2; exit 65', once: 'exit 1', killed: 'kill -9 $$' });
    const bad = await final(await enqueue('exec-4', 'bad', {}));
    assert.equal(bad.state, 'failed');
    assert.equal(bad.error.class, 'permanent');
    assert.match(bad.error.message, /code 65: broken input/);
    const once = await final(await enqueue('exec-4', 'once', {}, { max_attempts: 1 }));
    assert.equal(once.error.class, 'transient');
    const killed = await final(await enqueue('exec-4', 'killed', {}, { max_attempts: 1 }));
    assert.equal(killed.error.class, 'crash');
    await w.stop();
});

test('a command says how it fails: it gives a rate limit back, and pauses the key for all', async () => {
    const fail = (member) => `echo '${JSON.stringify({ fail: member })}' >&3`;
    const w = startWorker('exec-fail', {
        told: fail({ class: 'permanent', code: 'no_such_page', message: 'it is gone' }),
        odd: fail({ class: 'oops' }),
        later: fail({ class: 'rate_limited', code: 'http_429', message: 'wait', retry_after_s: 600, pause_key: 'host:x' }),
    });
    const told = await final(await enqueue('exec-fail', 'told', {}));
    assert.deepEqual([told.state, told.error.class, told.error.code, told.error.message], ['failed', 'permanent', 'no_such_page', 'it is gone']);
    assert.equal((await final(await enqueue('exec-fail', 'odd', {}))).error.code, 'invalid_outcome');
    const id = await enqueue('exec-fail', 'later', {}, { limits: ['host:x'] });
    await w.logged(new RegExp(`job_ended .*${id}`));
    // A key that is none of the job's is left out; that it failed so is told all the same.
    const other = await enqueue('exec-fail', 'later', {});
    await w.logged(new RegExp(`job_ended .*${other}`));
    await w.stop();
    const spared = (await server.call('GET', `/v1/jobs/${other}`)).json;
    assert.deepEqual([spared.state, spared.attempt, spared.error.code], ['scheduled', 0, 'http_429']);
    const job = (await server.call('GET', `/v1/jobs/${id}`)).json;
    assert.deepEqual([job.state, job.attempt], ['scheduled', 0]);
    assert.ok((await server.call('GET', '/v1/limits/host:x')).json.paused_until);
});

test('a job over its timeout is killed with everything it has started', async () => {
    const dir = makeDir();
    const w = startWorker('exec-5', { hang: `sleep 1000 & echo $! > ${dir.file('pid')}; wait` });
    const job = await final(await enqueue('exec-5', 'hang', {}, { timeout_s: 1, max_attempts: 1 }));
    assert.equal(job.state, 'failed');
    assert.equal(job.error.class, 'timeout');
    const pid = readFileSync(dir.file('pid'), 'utf8').trim();
    await w.stop();
    assert.ok(await goes(pid), 'the grandchild is gone');
    dir.remove();
});

test('a cancel kills a running command within seconds, although all slots are busy', async () => {
    const w = startWorker('exec-6', { hang: `echo '{"event":"begun","data":1}' >&3; sleep 1000` }, ['--slots', '1']);
    const id = await enqueue('exec-6', 'hang', {});
    await eventOf(id, 'begun');
    const from = performance.now();
    assert.equal((await server.call('POST', `/v1/jobs/${id}/cancel`)).status, 200);
    assert.equal((await final(id)).state, 'cancelled');
    assert.ok(performance.now() - from < 5000, 'it took too long');
    await w.stop();
});

test('SIGTERM lets a running job finish; what outlives the drain is released, and burns no attempt', async () => {
    const dir = makeDir();
    const w = startWorker('exec-7', { wait: `echo '{"event":"begun","data":1}' >&3; cat ${dir.file('fifo')}; echo 1`, hang: `echo '{"event":"begun","data":1}' >&3; sleep 1000` }, ['--slots', '2', '--drain', '1s']);
    execFileSync('mkfifo', [dir.file('fifo')]);
    const [quick, slow] = [await enqueue('exec-7', 'wait', {}), await enqueue('exec-7', 'hang', {})];
    await Promise.all([eventOf(quick, 'begun'), eventOf(slow, 'begun')]);
    w.proc.kill('SIGTERM');
    await w.logged(/worker\.draining/);
    writeFileSync(dir.file('fifo'), 'go');
    assert.equal((await w.exit).code, 0);
    assert.equal((await final(quick)).state, 'completed');
    const back = (await server.call('GET', `/v1/jobs/${slow}`)).json;
    assert.equal(back.state, 'queued');
    assert.equal(back.attempt, 0);
    assert.deepEqual(readdirSync(w.scratch.path), []);
    dir.remove();
});

test('a job that is on its way to the worker when SIGTERM comes is still done', async () => {
    let isHeld, isHalfClosed = 0;
    const held = new Promise((resolve) => { isHeld = resolve; });
    const between = createTcpServer({ allowHalfOpen: true }, (worker) => {
        const up = connect({ port: new URL(server.url).port, host: '127.0.0.1', allowHalfOpen: true });
        let late = null; // what the worker gets when it says that it waits no longer
        worker.on('data', (bytes) => up.write(bytes)).on('end', () => {
            isHalfClosed += late !== null;
            if (late) worker.write(late);
            up.end();
        }).on('close', () => up.destroy()).on('error', () => {});
        up.on('data', (bytes) => {
            if (!bytes.includes('"jobs":[{')) return worker.write(bytes);
            late = bytes;
            return isHeld();
        }).on('end', () => worker.end()).on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    const w = startWorker('on-its-way', { seven: 'echo 7' }, ['--slots', '1', '--url', `http://127.0.0.1:${between.address().port}`]);
    const id = await enqueue('on-its-way', 'seven', {});
    await held;
    assert.equal((await w.stop()).code, 0);
    assert.equal(isHalfClosed, 1);
    const { state, attempt, result } = (await server.call('GET', `/v1/jobs/${id}`)).json;
    assert.deepEqual({ state, attempt, result }, { state: 'completed', attempt: 1, result: 7 });
    between.close();
});

test('--once does one job and ends; without a job it says so', async () => {
    const args = ['work', '--queue', 'exec-8', '--once', '--exec', 'echo=echo 1'];
    const env = { ...process.env, STINT_URL: server.url, STINT_KEY: server.key };
    assert.equal(spawnSync(BIN, args, { env }).status, 4);
    const id = await enqueue('exec-8', 'echo', {});
    assert.equal(spawnSync(BIN, args, { env }).status, 0);
    assert.equal((await final(id)).state, 'completed');
});

test('what the server refuses of a command is dropped, and the job ends as the command did', async () => {
    const dir = makeDir();
    execFileSync('mkfifo', [dir.file('fifo')]);
    const says = `for i in $(seq 1 70); do echo '{"event":"end","data":1}'; done >&3`;
    const w = startWorker('exec-11', { fails: `${says}; echo why >&2; exit 1`, ends: `${says}; echo 7`, waits: `${says}; cat ${dir.file('fifo')}` });
    const run = (kind) => enqueue('exec-11', kind, {}, { max_attempts: 1 });
    const [fails, ends] = [await final(await run('fails')), await final(await run('ends'))];
    assert.match(fails.error.message, /code 1: why/);
    assert.deepEqual([fails.state, fails.lost, ends.state, ends.result], ['failed', 0, 'completed', 7]);
    const waits = await run('waits');
    await w.logged(new RegExp(`report_refused job=${waits}`));
    writeFileSync(dir.file('fifo'), '8\n');
    assert.equal((await final(waits)).result, 8);
    await w.stop();
    dir.remove();
});

test('a command may say more than a report holds, as fast as it can', async () => {
    const w = startWorker('exec-15', { many: `echo x > a; for i in $(seq 1 400); do echo '{"event":"line","data":1}'; done >&3; echo '{"artifact":"a","path":"a"}' >&3; echo 9` });
    const job = await final(await enqueue('exec-15', 'many', {}, { max_attempts: 1 }));
    assert.deepEqual([job.state, job.result, job.last_seq], ['completed', 9, 401], JSON.stringify(job.error));
    assert.equal((await w.stop()).code, 0);
});

test('an artifact is a file of the folder: no pipe holds the worker up, and no path leads out', async () => {
    const publish = (path) => `echo '{"artifact":"a","path":"${path}"}' >&3; echo 1`;
    const w = startWorker('exec-12', {
        pipe: `mkfifo p; ${publish('p')}`,
        up: publish('../'.repeat(20) + 'etc/hostname'),
        root: publish('/etc/hostname'),
        link: `ln -s /etc/hostname l; ${publish('l')}`,
        folder: `ln -s /etc d; ${publish('d/hostname')}`,
        below: `mkdir d; echo x > d/f; ${publish('d/f')}`,
        whole: `echo x > f; ${publish(`'"$STINT_SCRATCH_DIR"'/f`)}`,
    });
    for (const kind of ['pipe', 'up', 'root', 'link', 'folder']) {
        const job = await final(await enqueue('exec-12', kind, {}, { max_attempts: 1 }));
        assert.equal(job.error?.code, 'artifact_missing', kind);
    }
    for (const kind of ['below', 'whole']) assert.equal((await final(await enqueue('exec-12', kind, {}, { max_attempts: 1 }))).state, 'completed', kind);
    await w.stop();
});

test('a scratch folder may be named from where the worker stands', async () => {
    const dir = makeDir();
    const w = startWorker('exec-13', { one: 'pwd' }, ['--slots', '1', '--scratch', relative(process.cwd(), dir.path)]);
    for (let i = 0; i < 2; i++) assert.equal((await final(await enqueue('exec-13', 'one', {}, { max_attempts: 1 }))).state, 'completed');
    await w.stop();
    dir.remove();
});

test('when the supervisor is killed, its commands go with all that they have started', async () => {
    const dir = makeDir();
    const w = startWorker('exec-14', { hang: `sleep 1000 & echo $! > ${dir.file('pid')}; echo '{"event":"begun","data":1}' >&3; sleep 1000; true` });
    const id = await enqueue('exec-14', 'hang', {});
    await eventOf(id, 'begun');
    const pid = readFileSync(dir.file('pid'), 'utf8').trim();
    await w.stop('SIGKILL');
    assert.ok(await goes(pid), 'the grandchild is gone');
    await server.call('POST', `/v1/jobs/${id}/cancel`);
    dir.remove();
});

test('scratch folders of a killed supervisor are swept by the next one', async () => {
    const w = startWorker('exec-9', { hang: `echo '{"event":"begun","data":1}' >&3; sleep 1000` });
    const id = await enqueue('exec-9', 'hang', {});
    await eventOf(id, 'begun');
    await w.stop('SIGKILL');
    assert.ok(readdirSync(w.scratch.path).length > 0);
    const next = spawnSync(BIN, ['work', '--queue', 'nothing', '--once', '--scratch', w.scratch.path, '--exec', 'x=true'], { env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } });
    assert.equal(next.status, 4);
    assert.deepEqual(readdirSync(w.scratch.path), []);
    await server.call('POST', `/v1/jobs/${id}/cancel`);
});

test('neither the key of the worker nor the way to the store is in the environment of its commands', async () => {
    const w = startWorker('exec-10', { env: 'env | grep -cE "^(STINT_(KEY|STORE|STORE_LISTEN)|PGPASSWORD)=" || true' }, [], { STINT_STORE: 'x', STINT_STORE_LISTEN: 'x', PGPASSWORD: 'x' });
    assert.equal((await final(await enqueue('exec-10', 'env', {}))).result, 0);
    await w.stop();
});

test('the example of docs/writing-workers.md builds against libstint and works', async () => {
    const dir = makeDir();
    const root = resolve(dirname(new URL(import.meta.url).pathname), '../..');
    const text = readFileSync(join(root, 'docs/writing-workers.md'), 'utf8');
    writeFileSync(dir.file('worker.c'), /```c\n([\s\S]*?)```/.exec(text)[1]);
    const lib = dirname(BIN);
    execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-I', join(root, 'src/client'), '-o', dir.file('worker'), dir.file('worker.c'), join(lib, 'libstint.a'), '-luv', '-lpthread', '-lsodium', '-lm', ...(process.env.STINT_LIB_FLAGS ?? '').split(' ').filter(Boolean)], { stdio: 'inherit' });
    const run = spawnSync(dir.file('worker'), { encoding: 'utf8', env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } });
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /^job [0-9a-f-]{36}, attempt 1: \{"image": 7\}$/m);
    dir.remove();
});

test('a worker goes on after answers that are none, and ends when it is not wanted', async () => {
    const answers = [[200, '{"jobs":[{"id":'], [302, ''], [404, '{"code":"not_found"}']];
    const asked = [];
    const scripted = createServer((request, response) => {
        const [status, body] = answers[Math.min(asked.push(request.url), answers.length) - 1];
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    }).listen(0, '127.0.0.1');
    await once(scripted, 'listening');
    const w = startWorker('odd', { x: 'true' }, ['--kind', 'x', '--url', `http://127.0.0.1:${scripted.address().port}`]);
    const exit = await w.exit;
    scripted.close();
    assert.deepEqual(asked, Array(3).fill('/v1/claims'));
    assert.notEqual(exit.code, 0);
    assert.equal(w.log.filter((l) => /worker\.claim_refused/.test(l)).length, 2, w.log.join('\n'));
    assert.match(w.log.find((l) => /worker\.claim_failed/.test(l)), /not JSON/);
});

test('a slot that becomes free asks for a job beside the claim that waits for the others', async () => {
    const waiting = new Set();
    let both;
    const areBoth = new Promise((resolve) => { both = resolve; });
    const between = await startBetween((request, body) => {
        if (request.url !== '/v1/claims') return;
        waiting.add(request);
        request.socket.once('close', () => waiting.delete(request));
        if (JSON.parse(body).max === 1 && [...waiting].filter((r) => r.max === 1).length) both();
        request.max = JSON.parse(body).max;
    });
    const w = startWorker('beside', { one: 'echo 1' }, ['--slots', '2', '--url', between.url]);
    assert.equal((await final(await enqueue('beside', 'one', {}))).result, 1);
    await areBoth;
    assert.equal((await w.stop()).code, 0);
    between.close();
});

test('the next job begins while the end of the last one is on its way, and no more than one', async () => {
    const waiting = new Set();
    let asked = 0, areTwo, release;
    const isReleased = new Promise((resolve) => { release = resolve; });
    const two = new Promise((resolve) => { areTwo = resolve; });
    const between = await startBetween(async (request, body) => {
        const said = JSON.parse(body.length ? body : "null");
        if (request.url === '/v1/claims') asked += said.max > 0;
        if (request.url !== '/v1/reports' || said[0].op !== 'complete') return;
        waiting.add(said[0].job);
        if (waiting.size === 2) areTwo();
        await isReleased;
    });
    const w = startWorker('exec-next', { next: 'true' }, ['--slots', '1'], { STINT_URL: between.url });
    const ids = [await enqueue('exec-next', 'next', 1), await enqueue('exec-next', 'next', 2), await enqueue('exec-next', 'next', 3)];
    await two;
    assert.equal((await server.call('GET', `/v1/jobs/${ids[0]}`)).json.state, 'processing', 'the server has not heard of its end');
    assert.equal(asked, 2, 'the third is not asked for while two have no verdict');
    release();
    for (const id of ids) assert.equal((await final(id)).state, 'completed');
    await w.stop();
    between.close();
});

test('what the server says of jobs that are over is nothing to the next ones in their slots', async () => {
    let isLater, begin, since;
    const later = new Promise((resolve) => { isLater = resolve; });
    const hasBegun = new Promise((resolve) => { begin = resolve; });
    const counts = new Map(); // of the reports of jobs whose lease is lost; of the others: under undefined
    const between = await startBetween(async (request, body) => {
        if (request.url !== '/v1/reports') return;
        const { job } = JSON.parse(body)[0];
        const who = counts.has(job) ? job : undefined;
        const count = (counts.get(who) ?? 0) + 1;
        counts.set(who, count);
        if (!who && count > since + 2) isLater(); // reports are apart: there is news of the lost ones by now, for one more
        if (!who || count < 2) return;
        since ??= counts.get(undefined) ?? 0;
        body.write('9', body.indexOf('"lease":') + '"lease":'.length); // one that it never had
        await (count === 2 ? later : hasBegun);
    });
    const folder = makeDir();
    const commands = { flood: 'while [ ! -e "$STOP" ]; do echo \'{"progress":0.5}\' >&3; done', next: 'echo 7' };
    const w = startWorker('slots', commands, ['--slots', '5'], { STINT_URL: between.url, STOP: folder.file('stop') });
    const lost = [];
    for (let i = 0; i < 4; i++) lost.push(await enqueue('slots', 'flood', null));
    for (const id of lost) counts.set(id, 0);
    const other = await enqueue('slots', 'flood', null);
    for (const id of lost) await w.logged(new RegExp(`lease_lost job=${id}`));
    const next = [];
    for (let i = 0; i < 4; i++) next.push(await enqueue('slots', 'next', null));
    for (const id of next) await w.logged(new RegExp(`job_started job=${id}`));
    begin();
    for (const id of next) assert.deepEqual(await final(id).then((j) => [j.state, j.lease, j.result]), ['completed', 1, 7]);
    writeFileSync(folder.file('stop'), '');
    await final(other);
    await w.stop();
    between.close();
    folder.remove();
});

test('the files of a job go to the server side by side, and the last of a name counts', async () => {
    let second;
    const isSecond = new Promise((resolve) => { second = resolve; });
    const between = await startBetween((request) => {
        if (/artifacts\/b\?/.test(request.url)) second();
        if (/artifacts\/a\?/.test(request.url)) return isSecond;
    });
    const w = startWorker('files', { two: 'echo A > a; echo B > b; echo C > c; for f in a b; do echo "{\\"artifact\\":\\"$f\\",\\"path\\":\\"$f\\"}"; done >&3; echo \'{"artifact":"a","path":"c"}\' >&3; echo 1' }, ['--url', between.url]);
    const id = await enqueue('files', 'two', {}, { max_attempts: 1 });
    const job = await final(id);
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const text = async (name) => (await fetch(`${server.url}/v1/jobs/${id}/artifacts/${name}`, { headers: { authorization: `Bearer ${server.key}` } })).text();
    assert.deepEqual([await text('a'), await text('b')], ['C\n', 'B\n']);
    await w.stop();
    between.close();
});

test('args as deep as they may be reach the worker', async () => {
    const w = startWorker('deep', { count: 'wc -c' });
    const args = `${'['.repeat(63)}${']'.repeat(63)}`;
    const { json } = await server.call('POST', '/v1/jobs', `{"queue":"deep","kind":"count","args":${args},"max_attempts":1}`);
    const job = await final(json.id);
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.equal(job.result >= args.length, true);
    await w.stop();
});
