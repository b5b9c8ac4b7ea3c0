// A web site as a test wants it: paths to answers, and what it was asked.
import { createServer } from 'node:http';

/**
 * `pages`: { '/path': 'html' | { status, headers, body } | (request, response) => … }; a body may be a Buffer. What is not there is 404.
 * `seen` are the requests in their order; `most` is how many were answered at once at most.
 */
export async function startSite(pages = {}, { host = '127.0.0.1' } = {}) {
    const site = { pages, seen: [], most: 0 };
    let open = 0;
    const server = createServer((request, response) => {
        site.seen.push({ method: request.method, url: request.url, headers: request.headers });
        site.most = Math.max(site.most, ++open);
        response.on('close', () => { open--; });
        const page = site.pages[request.url] ?? site.pages['*'];
        if (typeof page === 'function') return page(request, response);
        if (page === undefined) return response.writeHead(404).end();
        const { status = 200, headers = {}, body = page } = typeof page === 'string' || Buffer.isBuffer(page) ? {} : page;
        response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(typeof body === 'object' && !Buffer.isBuffer(body) ? '' : body);
    });
    server.keepAliveTimeout = 60_000;
    server.unref(); // a test that fails does not close it
    await new Promise((resolve) => server.listen(0, host, resolve));
    site.url = `http://${host}:${server.address().port}`;
    site.asked = () => site.seen.map((r) => r.url);
    site.close = () => { server.closeAllConnections(); server.close(); };
    return site;
}

/** A page with a heading, a text of its own that is long enough to be content, and links. */
export function page(title, links = [], more = '') {
    const text = `This page is about ${title}. `.repeat(8);
    const list = links.map((l) => `<li><a href="${l}">to ${l}</a></li>`).join('');
    return `<!DOCTYPE html><html><head><title>${title}</title></head><body><nav><ul>${list}</ul></nav><main><h1>${title}</h1><p>${text}</p>${more}</main></body></html>`;
}
