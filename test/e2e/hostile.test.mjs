// Requests of somebody with a key who means no good: short texts that grow, and many large bodies at once.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startServer } from './lib/server.mjs';

const MIB = 2 ** 20;
const peak = (server) => Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${server.proc.pid}/status`, 'utf8'))[1]) * 1024;
const isPlain = !/asan/.test(process.env.STINT_BIN ?? ''); // what a sanitizer takes says nothing

test('a body of millions of values is refused before it takes memory or time', { timeout: 60_000 }, async () => {
    const server = await startServer();
    const many = `[${'1,'.repeat(14 * MIB)}1]`;
    for (const [path, body, headers] of [
        ['/v1/reports', many, {}],
        ['/v1/jobs', many, {}],
        ['/v1/jobs', `{"kind":"k","args":${many}}`, {}],
        ['/v1/jobs?partial=true', `[${'1,'.repeat(400_000)}1]\n`.repeat(30), { 'content-type': 'application/x-ndjson' }],
    ]) {
        const answer = await server.call('POST', path, body, { headers });
        assert.equal(answer.status, 413, `${path}: ${answer.text}`);
    }
    assert.ok(!isPlain || peak(server) < 300 * MIB, `${peak(server) / MIB} MiB`);
    assert.equal((await server.call('GET', '/livez')).status, 200);
    await server.stop();
});

test('what many clients send at once is bounded in all: over it 503, and afterwards everything goes on', { timeout: 60_000 }, async () => {
    const server = await startServer();
    const port = Number(new URL(server.url).port);
    const piece = Buffer.alloc(MIB, ' ');
    const sent = Array.from({ length: 12 }, () => {
        const socket = connect(port, '127.0.0.1');
        socket.write(`POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\nContent-Type: application/json\r\nContent-Length: ${32 * MIB}\r\n\r\n`);
        for (let i = 0; i < 31; i++) socket.write(piece);
        socket.on('error', () => {});
        return socket;
    });
    // Nobody is ever done: eight of them fit, and each of the others is told so.
    const first = (socket) => new Promise((resolve) => socket.once('data', (data) => resolve(String(data))));
    const answers = [];
    await new Promise((resolve) => sent.forEach((socket) => first(socket).then((text) => answers.push(text) === 4 && resolve())));
    for (const text of answers) assert.match(text, /^HTTP\/1\.1 503 [^]*Retry-After: 5[^]*too_many_bodies/);
    sent.forEach((socket) => socket.destroy());
    let answer;
    do answer = await server.call('POST', '/v1/jobs', { kind: 'k', args: 'x'.repeat(200_000) });
    while (answer.status === 503); // until the server has seen them leave
    assert.equal(answer.status, 201, answer.text);
    assert.ok(!isPlain || peak(server) < 700 * MIB, `${peak(server) / MIB} MiB`);
    await server.stop();
});

test('a client that leaves in the middle of its body leaves nothing behind', { timeout: 60_000 }, async () => {
    const server = await startServer();
    const port = Number(new URL(server.url).port);
    const head = (path, length) => `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;
    const leave = (bytes) =>
        new Promise((resolve) => {
            const socket = connect(port, '127.0.0.1');
            socket.on('error', () => {}).on('close', resolve);
            socket.on('data', () => socket.destroy()); // refused
            socket.write(bytes, () => socket.end());
        });
    for (let i = 0; i < 50; i++) {
        await leave(`${head('/v1/jobs', 'Content-Length: 1000000')}[${' '.repeat(100_000)}`);
        await leave(`${head('/v1/reports', 'Transfer-Encoding: chunked')}5\r\n[    \r\nnot a size`);
        await leave(head('/v1/claims', 'Content-Length: 100'));
    }
    const metrics = async () => (await server.call('GET', '/metrics')).text;
    let left;
    do left = /^stint_http_exchanges (\d+)$/m.exec(await metrics())[1];
    while (left !== '1' && /^stint_http_connections ([2-9]|\d\d)/m.test(await metrics())); // until the last of them is seen to be gone
    assert.equal(left, '1', 'exchanges that nobody will end');
    await server.stop();
});
