// door.mjs: stands between a worker and the server, passes everything on, and shows what was reported and what the server said of it.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { bodyOf } from './body.mjs';

/** `seen(report, verdict)` is awaited before the worker gets the server's answer. */
export async function openDoor(to, seen) {
    const server = createServer(async (request, response) => {
        const body = await bodyOf(request);
        if (!body) return;
        const { connection, host, 'content-length': length, ...headers } = request.headers;
        const said = await fetch(to + request.url, { method: request.method, headers, body: body.length ? body : undefined }).catch(() => null);
        const text = await said?.arrayBuffer().then(Buffer.from, () => null);
        if (!text) return void response.destroy();
        if (request.url === '/v1/reports' && said.status === 200) {
            const { verdicts } = JSON.parse(text);
            const reports = JSON.parse(body);
            for (let i = 0; i < reports.length; i++) await seen(reports[i], verdicts[i]);
        }
        response.writeHead(said.status, { 'content-type': said.headers.get('content-type') ?? 'application/json' });
        response.end(text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${server.address().port}`, stop() { server.closeAllConnections(); server.close(); } };
}
