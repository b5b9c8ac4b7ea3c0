// provider.mjs: a provider of language models that says what a script tells it, in the shape of OpenAI or Anthropic.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { bodyOf } from './body.mjs';

/** A text as an answer of chat completions. */
export const completion = (content, more = {}) => ({
    id: 'chatcmpl-1', model: 'model-returned', choices: [{ index: 0, message: { role: 'assistant', content, ...more.message }, finish_reason: more.finish ?? 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: more.tokens ?? 5 },
});

/** `answer(request, n)` gives {status, headers, body} or a body for status 200; n counts the calls. All requests are kept. */
export async function startProvider(answer) {
    const calls = [];
    const server = createServer(async (request, response) => {
        const text = await bodyOf(request);
        if (!text) return;
        const call = { path: request.url, headers: request.headers, body: JSON.parse(text), at: Date.now() };
        calls.push(call);
        const said = await self.answer(call, calls.length);
        const { status = 200, headers = {}, body = said } = said && 'status' in said ? said : { body: said };
        if (status === 0) return void response.destroy();
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const self = {
        answer, calls, url: `http://127.0.0.1:${server.address().port}`,
        async stop() { server.closeAllConnections(); server.close(); await once(server, 'close'); },
    };
    return self;
}
