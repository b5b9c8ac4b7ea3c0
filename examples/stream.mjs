// stream.mjs: the part of a web application that stream.html needs: it keeps the key, enqueues jobs, and hands out addresses of
// streams that are good for five minutes. Browsers then read from stint itself, and this process has nothing to do with it.
//
//     build/release/stint dev --allow-origin http://127.0.0.1:3000 --exec \
//         'count=for i in $(seq 1 60); do echo "{\"progress\": ${i}e-2}"; echo "{\"event\": \"step\", \"data\": $i}"; sleep 1; done >&3'
//     node examples/stream.mjs        # then open http://127.0.0.1:3000, press the button, and kill and restart stint
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * The application. `stint()` tells {url, key} of the server; `job` is what the button enqueues; `types` are the events that its
 * worker sends.
 */
export function application({ stint, job, types }) {
    const call = async (path, body) => {
        const { url, key } = stint();
        const answer = await fetch(url + path, {
            method: 'POST',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
            body: JSON.stringify(body),
        });
        if (!answer.ok) throw new Error((await answer.json()).detail);
        return answer.json();
    };
    const routes = {
        /* Here an application asks who its visitor is … */
        'POST /jobs': async () => ({ id: (await call('/v1/jobs', job)).id, types }),
        /* … and here whether this job is that visitor's. */
        'POST /jobs/:id/stream': async (id) => {
            const { token } = await call(`/v1/jobs/${id}/stream-token`, {});
            return { url: `${stint().url}/v1/jobs/${id}/events?token=${token}` };
        },
    };
    return createServer(async (request, response) => {
        if (request.method === 'GET' && request.url === '/') {
            response.setHeader('content-type', 'text/html; charset=utf-8');
            response.end(await readFile(new URL('stream.html', import.meta.url)));
            return;
        }
        const [, id = ''] = /^\/jobs\/([0-9a-f-]{36})\/stream$/.exec(request.url) ?? [];
        const route = routes[`${request.method} ${id ? '/jobs/:id/stream' : request.url}`];
        try {
            response.statusCode = route ? 200 : 404;
            response.setHeader('content-type', 'application/json');
            response.end(JSON.stringify(route ? await route(id) : { error: 'there is no such page' }));
        } catch (error) {
            response.statusCode = 502;
            response.end(JSON.stringify({ error: error.message }));
        }
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const dev = JSON.parse(await readFile('var/dev.json', 'utf8'));
    const app = application({ stint: () => dev, job: { kind: 'count' }, types: ['step'] });
    app.listen(3000, '127.0.0.1', () => console.log('open http://127.0.0.1:3000'));
}
