// stint serve and stint keys as programs: starting, refusing to start, draining (J16), idling.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { BIN, createKey, makeDir, ours, startServer, stint } from './lib/server.mjs';

const run = (args) => spawnSync(BIN, args, { encoding: 'utf8' });

test('SIGTERM ends waiting claims with Stint-Draining and streams with a last event, and exits 0 (J16)', async () => {
    const server = await startServer();
    const job = (await server.call('POST', '/v1/jobs', { kind: 'work', args: { n: 1 } })).json;
    const mine = (await server.call('POST', '/v1/claims', { worker: 'w', lease_s: 30 })).json.jobs[0];
    assert.equal(mine.id, job.id);
    const stream = await fetch(`${server.url}/v1/jobs/${job.id}/events`, { headers: { authorization: `Bearer ${server.key}`, accept: 'text/event-stream' } });
    assert.equal(stream.status, 200);
    const waiting = server.call('POST', '/v1/claims', { worker: 'w2', wait_s: 60 });
    while (!/^stint_claims_waiting 1$/m.test((await server.call('GET', '/metrics')).text));
    const from = performance.now();
    const exit = server.kill('SIGTERM');
    const claimed = await waiting;
    assert.equal(claimed.status, 204);
    assert.equal(claimed.headers.get('stint-draining'), '1');
    assert.match(await stream.text(), /event: draining/);
    assert.deepEqual(await exit, { code: 0, signal: null });
    assert.ok(performance.now() - from < 10_000);
    assert.ok(server.log.some((l) => / server\.stopped /.test(l)));

    const again = await startServer({ dir: server.dir, store: server.store, key: server.key });
    const now = (await again.call('GET', `/v1/jobs/${job.id}`)).json;
    assert.equal(now.state, 'processing');
    assert.equal(now.attempt, 1);
    const done = await again.call('POST', '/v1/reports', { job: mine.id, lease: mine.lease, n: 1, op: 'complete' });
    assert.equal(done.status, 200, done.text);
    assert.equal((await again.stop()).code, 0);
    server.dir.remove();
});

test('a second signal ends the server at once', async () => {
    const server = await startServer({ args: ['--drain', '1h'] });
    // A request whose body never ends keeps the drain waiting.
    const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{"kind":')) });
    const hanging = fetch(`${server.url}/v1/jobs`, { method: 'POST', duplex: 'half', body, headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' } }).catch(() => 'cut');
    assert.equal((await server.call('GET', '/livez')).status, 200);
    server.proc.kill('SIGTERM');
    await server.logged(/ server\.draining /);
    server.proc.kill('SIGINT');
    assert.equal((await server.exit).code, 1);
    assert.equal(await hanging, 'cut');
    server.dir.remove();
});

test('what does not end by itself is cut at the end of --drain, and the exit is still 0', async () => {
    const server = await startServer({ args: ['--drain', '200ms'] });
    const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{"kind":')) });
    const hanging = fetch(`${server.url}/v1/jobs`, { method: 'POST', duplex: 'half', body, headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' } }).catch(() => 'cut');
    assert.equal((await server.call('GET', '/livez')).status, 200);
    assert.equal((await server.kill('SIGTERM')).code, 0);
    assert.equal(await hanging, 'cut');
    server.dir.remove();
});

test('a second server on the same store exits 1 and says why; the first goes on', async () => {
    const server = await startServer();
    const second = run(['serve', '--store', server.store, '--listen', '127.0.0.1:0']);
    assert.equal(second.status, 1);
    assert.match(second.stderr, /another|in use|holds/);
    const keys = run(['keys', 'create', '--store', server.store]);
    assert.equal(keys.status, 1);
    assert.match(keys.stderr, /another|in use|holds/);
    assert.equal((await server.call('GET', '/livez')).status, 200);
    await server.stop();
});

test('a taken port, a wrong address and a wrong option are told apart', async () => {
    const server = await startServer();
    const dir = makeDir();
    const store = dir.file('other.db');
    const taken = run(['serve', '--store', store, '--listen', server.url.replace('http://', '')]);
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, /in use|taken/);
    const wrong = run(['serve', '--store', store, '--listen', 'nowhere']);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /--listen: 'nowhere' is not HOST:PORT/);
    for (const origin of ['*', 'https://', 'https://app.example.org/', 'HTTPS://app.example.org', 'app.example.org']) {
        const refused = run(['serve', '--store', `sqlite:${dir.file('b.db')}`, '--listen', '127.0.0.1:0', '--allow-origin', origin]);
        assert.equal(refused.status, 2, origin);
        assert.match(refused.stderr, /--allow-origin: '.*' is not SCHEME:/);
    }
    const none = dir.file('none.db');
    for (const url of [none, `sqlite:${none}`, 'memory:']) {
        const listen = run(['serve', '--store', url, '--store-listen', 'postgresql://me:hunter2@localhost/db']);
        assert.equal(listen.status, 2);
        assert.match(listen.stderr, /--store-listen is for PostgreSQL, and --store names none: leave it out/);
        assert.doesNotMatch(listen.stderr, /hunter2/);
    }
    assert.equal(existsSync(none), false);
    const option = run(['serve', '--lisen', 'x']);
    assert.equal(option.status, 2);
    assert.match(option.stderr, /did you mean --listen\?/);
    const command = run(['srve']);
    assert.equal(command.status, 2);
    assert.match(command.stderr, /did you mean 'serve'\?/);
    await server.stop();
    dir.remove();
});

test('a reader that has enough of the output is no failure', async () => {
    const server = await startServer();
    const dir = makeDir();
    execFileSync('mkfifo', [dir.file('go')]);
    // The reader leaves before the program begins, so that nothing depends on which of the two is faster.
    const script = '{ read -r _ <"$1"; "$0" stats; echo "code $?" >&2; } | { exec 0<&-; echo >"$1"; }';
    const env = { ...process.env, STINT_URL: server.url, STINT_KEY: server.key };
    const piped = spawnSync('sh', ['-c', script, BIN, dir.file('go')], { encoding: 'utf8', env });
    assert.equal(piped.stderr, 'code 0\n');
    await server.stop();
    dir.remove();
});

test('--port-file tells the address', async () => {
    const dir = makeDir();
    const server = await startServer({ dir, args: ['--port-file', dir.file('url')] });
    assert.equal(readFileSync(dir.file('url'), 'utf8'), server.url);
    await server.stop();
    dir.remove();
});

test('--dev-file leaves a private file with an address and a key, and keeps the key over a restart', async () => {
    const dir = makeDir();
    const file = dir.file('var/dev.json');
    const options = { dir, key: 'none', args: ['--dev-file', file] };
    const first = await startServer(options);
    const one = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(one.url, first.url);
    assert.equal((await first.call('POST', '/v1/jobs', { kind: 'k', args: 1 }, { key: one.key })).status, 201);
    assert.ok(!first.log.join().includes(one.key));
    await first.stop();
    const second = await startServer(options);
    const two = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(two.key, one.key);
    assert.equal(two.url, second.url);
    assert.equal((await second.call('GET', '/v1/keys', undefined, { key: two.key })).json.keys.length, 1);
    await second.stop();
    dir.remove();
});

test('keys are made, listed and revoked while no server holds the store', async () => {
    const dir = makeDir();
    const store = dir.file('s.db');
    const key = createKey(store, ['--tenant', 'acme', '--name', 'ci', '--scopes', 'enqueue,read']);
    assert.match(key, /^stint_k_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/);
    const id = key.slice(8, 16);
    const [listed] = JSON.parse(stint(['keys', 'ls', '--json', '--store', store])).keys;
    assert.equal(listed.id, id);
    assert.equal(listed.tenant, 'acme');
    assert.deepEqual(listed.scopes, ['enqueue', 'read']);
    assert.ok(!JSON.stringify(listed).includes(key.slice(17, 50)));
    const server = await startServer({ dir, store, key });
    assert.equal((await server.call('POST', '/v1/jobs', { kind: 'k', args: 1 })).status, 201);
    assert.equal((await server.call('POST', '/v1/claims', { worker: 'w' })).status, 403);
    await server.stop();
    stint(['keys', 'revoke', id, '--store', store]);
    const again = await startServer({ dir, store, key });
    assert.equal((await again.call('GET', '/v1/jobs')).status, 401);
    await again.stop();
    assert.equal(run(['keys', 'revoke', 'unknown8', '--store', store]).status, 4);
    assert.equal(run(['keys', 'create', '--scopes', 'all', '--store', store]).status, 2);
    assert.equal(run(['keys', 'paint', '--store', store]).status, 2);
    dir.remove();
});

test('keys are made, listed and revoked through a server by a key of scope admin', async () => {
    const server = await startServer();
    const env = { ...process.env, STINT_URL: server.url, STINT_KEY: server.key };
    const key = stint(['keys', 'create', '--scopes', 'read', '--name', 'viewer', '--expires', '1h'], { env }).trim();
    assert.equal((await server.call('GET', '/v1/jobs', undefined, { key })).status, 200);
    assert.equal((await server.call('POST', '/v1/jobs', { kind: 'k', args: 1 }, { key })).status, 403);
    assert.match(stint(['keys', 'ls'], { env }), new RegExp(`${key.slice(8, 16)} .*read .*viewer`));
    assert.equal(JSON.parse(stint(['keys', 'ls', '--json'], { env })).keys.length, 2);
    stint(['keys', 'revoke', key.slice(8, 16)], { env });
    assert.equal((await server.call('GET', '/v1/jobs', undefined, { key })).status, 401);
    const runs = (args) => spawnSync(BIN, ['keys', ...args], { encoding: 'utf8', env }).status;
    assert.equal(runs(['revoke', 'unknown8']), 4);
    assert.equal(runs(['create', '--tenant', 'other']), 2);
    await server.stop();
    assert.equal(runs(['ls']), 3);
});

test('an idle server sleeps: waiting claims, streams and jobs in the future cost no wake-up', { timeout: 240_000 }, async () => {
    const server = await startServer({ args: ['--event-heartbeat', '1h'] });
    const clock = await startServer();
    const job = (await server.call('POST', '/v1/jobs', { kind: 'work', args: 1, delay_s: 3600 })).json;
    const stop = new AbortController();
    const waiting = server.call('POST', '/v1/claims', { worker: 'w', wait_s: 60 }, { signal: stop.signal }).catch(() => 'left');
    const stream = await fetch(`${server.url}/v1/jobs/${job.id}/events`, { signal: stop.signal, headers: { authorization: `Bearer ${server.key}` } });
    assert.equal(stream.status, 200);
    const pass = (seconds) => clock.call('POST', '/v1/claims', { worker: 'clock', queues: ['nothing'], wait_s: seconds });
    const switches = () => {
        const tasks = `/proc/${server.proc.pid}/task`;
        const count = (tid) => Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`${tasks}/${tid}/status`, 'utf8'))[1]);
        return readdirSync(tasks).reduce((sum, tid) => sum + count(tid), 0);
    };
    let before;
    do { // what the requests left to do takes a busy machine longer
        before = switches();
        await pass(1);
    } while (switches() - before > 1);
    before = switches();
    await pass(5);
    assert.ok(switches() - before <= 2, `${switches() - before} wake-ups in 5 idle seconds`);
    stop.abort();
    assert.equal(await waiting, 'left');
    await clock.stop();
    await server.stop();
});

test('a closed terminal ends stint dev with its server and workers, which are in no group of the terminal', { timeout: 240_000 }, async () => {
    const dir = makeDir();
    const dev = ours(spawn(BIN, ['dev', '--listen', '127.0.0.1:0'], { cwd: dir.path, stdio: ['ignore', 'pipe', 'ignore'] }));
    const exit = once(dev, 'exit');
    await once(dev.stdout, 'data');
    dev.kill('SIGHUP');
    assert.deepEqual(await exit, [0, null]);
    assert.match(stint(['keys', 'ls', '--store', dir.file('var/stint.db')]), /development/); // nobody holds the store
    dir.remove();
});

test('stint dev that is killed leaves neither server nor workers behind', { timeout: 240_000 }, async () => {
    const dir = makeDir();
    const dev = ours(spawn(BIN, ['dev', '--listen', '127.0.0.1:0'], { cwd: dir.path, stdio: ['ignore', 'pipe', 'pipe'] }));
    const over = once(dev, 'close'); // when nobody holds its pipes any more: the children have them too
    await once(dev.stdout, 'data');
    dev.stderr.resume();
    dev.kill('SIGKILL');
    await over;
    assert.match(stint(['keys', 'ls', '--store', dir.file('var/stint.db')]), /development/);
    dir.remove();
});
