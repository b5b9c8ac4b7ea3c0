// proxy.test.mjs: the proxy of other tests does what it says. Its server answers each line in capitals.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { after, afterEach, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { startProxy } from '../lib/proxy.mjs';

const ended = []; // sockets of the server whose client said the end
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.setEncoding('utf8').on('data', (text) => socket.write(text.toUpperCase()));
    socket.on('end', () => {
        ended.push(socket);
        server.emit('one-ended');
        socket.end('bye\n');
    });
    socket.on('error', () => {});
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
let proxy;

beforeEach(async () => {
    proxy = await startProxy({ host: '127.0.0.1', port: server.address().port });
});
afterEach(() => proxy.close());
after(() => server.close());

/** A client with what it got so far, and a promise of how it ended. */
async function connect() {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    const client = { socket, text: '', error: undefined };
    socket.setEncoding('utf8').on('data', (text) => (client.text += text));
    socket.on('error', (error) => (client.error = error.code));
    client.over = new Promise((done) => socket.on('end', () => done('end')).on('close', () => done('close')));
    await once(socket, 'connect');
    return client;
}

async function ask(client, line) {
    const had = client.text.length;
    client.socket.write(`${line}\n`);
    while (client.text.length < had + line.length + 1) await once(client.socket, 'data');
    return client.text.slice(had);
}

test('bytes pass in both directions', async () => {
    const client = await connect();
    assert.equal(await ask(client, 'hello'), 'HELLO\n');
    const big = 'x'.repeat(5 << 20);
    assert.equal((await ask(client, big)).length, big.length + 1);
    assert.equal(proxy.count, 1);
    client.socket.end();
    assert.equal(await client.over, 'end');
});

test('a cut resets what lives and nothing else', async () => {
    const client = await connect();
    await ask(client, 'hello');
    proxy.cut();
    assert.equal(await client.over, 'close');
    assert.equal(client.error, 'ECONNRESET');
    const next = await connect();
    assert.equal(await ask(next, 'again'), 'AGAIN\n');
});

test('a request can be cut before it arrives, and its answer before it comes back', async () => {
    const seen = [];
    proxy.onChunk = (direction, chunk) => {
        seen.push(`${direction} ${chunk}`.trim());
        if (direction === 'up' && chunk.includes('lost')) return 'cut';
        return direction === 'down' && chunk.includes('DONE') ? 'cut' : 'pass';
    };
    const first = await connect();
    first.socket.write('lost\n');
    assert.equal(await first.over, 'close');
    const second = await connect();
    second.socket.write('done\n');
    assert.equal(await second.over, 'close');
    assert.deepEqual(seen, ['up lost', 'up done', 'down DONE']);
    assert.equal(second.text, '');
});

test('a chunk can pass and be the last', async () => {
    proxy.onChunk = (direction) => (direction === 'down' ? 'pass-and-cut' : 'pass');
    const client = await connect();
    assert.equal(await ask(client, 'one'), 'ONE\n');
    await client.over; // libuv calls a reset right behind data an end
    assert.equal(client.text, 'ONE\n');
});

test('a delay keeps the order', async () => {
    const client = await connect();
    proxy.delay(30);
    const start = Date.now();
    client.socket.write('one\n');
    client.socket.write('two\n');
    while (client.text.length < 8) await once(client.socket, 'data');
    assert.equal(client.text, 'ONE\nTWO\n');
    assert.ok(Date.now() - start >= 55, 'both ways are late');
});

test('half a close leaves the other direction open', async () => {
    const client = await connect();
    await ask(client, 'hello');
    const told = once(server, 'one-ended');
    proxy.halfClose('up');
    await told;
    assert.equal(await client.over, 'end');
    assert.equal(client.text, 'HELLO\nbye\n');
});

test('a black hole takes everything and says nothing, until it is none', async () => {
    const client = await connect();
    await ask(client, 'hello');
    proxy.blackHole();
    client.socket.write('lost?\n');
    const late = await connect(); // is taken, and hears nothing either
    late.socket.write('me too\n');
    const other = await startProxy({ host: '127.0.0.1', port: server.address().port });
    await other.close(); // some turns of the loop, in which bytes would have passed
    assert.equal(client.text, 'HELLO\n');
    assert.equal(late.text, '');
    proxy.blackHole(false);
    while (!client.text.includes('LOST?')) await once(client.socket, 'data');
    while (!late.text.includes('ME TOO')) await once(late.socket, 'data');
});

test('refused connections end at once while others go on', async () => {
    const client = await connect();
    await ask(client, 'hello');
    proxy.refuse();
    const refused = net.connect({ port: proxy.port, host: '127.0.0.1' });
    const [error] = await once(refused, 'error');
    assert.equal(error.code, 'ECONNRESET');
    assert.equal(await ask(client, 'still'), 'STILL\n');
    proxy.refuse(false);
    assert.equal(await ask(await connect(), 'new'), 'NEW\n');
});

test('a process that cuts what it has just half closed ends', async () => {
    const program = `
        import net from 'node:net';
        import { startProxy } from './test/lib/proxy.mjs';
        const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
        server.on('listening', async () => {
            const proxy = await startProxy({ host: '127.0.0.1', port: server.address().port });
            const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
            client.write('hello');
            proxy.onChunk = () => {
                proxy.halfClose('down');
                process.nextTick(async () => { // the end is on its way to the kernel
                    await proxy.close();
                    server.close();
                });
                return 'pass';
            };
        });`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 120_000, killSignal: 'SIGKILL' });
});
