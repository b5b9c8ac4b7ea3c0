// A crawl by force: while pages are asked for, the server and the worker are killed with -9 in turns, and a reader of the stream hangs up. Afterwards
// the document has the same bytes as that of an undisturbed crawl, and each address has exactly one job. CHAOS=1: more of all.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { disturb, keysOfPages, startCrawling } from './lib/crawling.mjs';
import { page, startSite } from './lib/site.mjs';

const SIZES = process.env.CHAOS ? { pages: 600, kills: 10, cuts: 40 } : { pages: 60, kills: 3, cuts: 20 };

function makePages(n) {
    const at = (i) => `/p${i}.html`;
    const pages = { '/': page('Start', Array.from({ length: 8 }, (_, i) => at(i))) };
    for (let i = 0; i < n - 1; i++) {
        const body = page(`Page ${i}`, [at((3 * i + 8) % (n - 1)), at((3 * i + 9) % (n - 1)), at((3 * i + 10) % (n - 1))], `<p>${'what it says '.repeat(i % 50)}</p>`);
        // A slow host: what is killed is in the midst of a request, and pages end in another order than they were asked for.
        pages[at(i)] = (request, response) => setTimeout(() => response.writeHead(200, { 'content-type': 'text/html' }).end(body), (i * 7) % 23);
    }
    return pages;
}

test('a crawl whose server and worker are killed, and whose reader is cut, makes the same document', async () => {
    const dir = makeDir('stint-crawl-kills-');
    const site = await startSite(makePages(SIZES.pages));
    const stint = await startCrawling({ slots: 4, server: await startServer({ dir }), env: { STINT_LEASE: '2s' } });
    const args = { url: `${site.url}/`, depth: 20 };
    const calm = await stint.crawl(args);
    assert.equal(calm.result.pages, SIZES.pages, JSON.stringify(calm.result));
    const job = await disturb(stint, dir, { ...args, recrawl: 'full' }, SIZES);
    assert.equal(job.document, calm.document);
    assert.equal(job.crawlText, calm.crawlText);
    const keys = await keysOfPages(stint, job.id);
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(keys.length, SIZES.pages);
    await stint.stop();
    site.close();
    dir.remove();
});
