// Documentation that Debian has, served by nginx: every page of it, and no other; once undisturbed, and once while servers and workers are
// killed with -9 in turns and a reader of the stream is cut twenty times: the same bytes, each address one job, each event read once.
// Without nginx or the documentation it is skipped; REQUIRE=sites makes that a failure. tools/deps.sh sites installs them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SKIP } from '../e2e/lib/need_postgres.mjs';
import { makeDatabase } from '../e2e/lib/postgres.mjs';
import { createKey, makeDir, startServer } from '../e2e/lib/server.mjs';
import { disturb, keysOfPages, startCrawling } from '../pipeline/lib/crawling.mjs';
import { mostAtOnce, pagesOf, serveFolder, SITES, skipSite } from '../pipeline/lib/nginx.mjs';

for (const site of SITES) {
    test(`${site.name}: exactly its pages, also when everything is killed five times`, { skip: skipSite(site), timeout: 600_000 }, async (t) => {
        const pages = pagesOf(site);
        const web = await serveFolder(site.root);
        const dir = makeDir('stint-crawl-sites-');
        const stint = await startCrawling({ slots: 4, server: await startServer({ dir }), env: { STINT_LEASE: '2s' } });
        const args = { url: `${web.url}/index.html`, max_pages: 2000 };
        const calm = await stint.crawl(args);
        assert.equal(calm.state, 'completed', JSON.stringify(calm.error));
        assert.equal(calm.result.pages, pages);
        assert.equal(new Set(calm.urls).size, pages);
        assert.equal(calm.result.turns, site.turns); // also when a turn makes more jobs than one report takes
        assert.ok(!/\u00b6/.test(calm.document.slice(0, 2_000_000)), 'no permalinks');

        const job = await disturb(stint, dir, { ...args, recrawl: 'full' }, { pages, kills: 5, cuts: 20 });
        assert.equal(job.document, calm.document);
        assert.equal(job.crawlText, calm.crawlText);
        const keys = await keysOfPages(stint, job.id);
        assert.equal(new Set(keys).size, keys.length);
        assert.equal(keys.length, job.crawl.urls.length);
        await stint.stop();
        dir.remove();
        await web.close();
        t.diagnostic(`${pages} pages`);
    });
}

test('two crawls at two nodes together ask a host no more than four things at once, by its own log', { skip: SKIP || skipSite(SITES[0]), timeout: 300_000 }, async () => {
    const web = await serveFolder(SITES[0].root, 'limit_rate 400k;');
    const database = makeDatabase();
    const key = createKey(database.dsn);
    const nodes = [];
    for (let i = 0; i < 2; i++) nodes.push(await startCrawling({ slots: 8, server: await startServer({ store: database.dsn, key }) }));
    const ids = [];
    for (const [i, node] of nodes.entries()) ids.push(await node.begin({ url: `${web.url}/${['library', 'c-api'][i]}/index.html`, scope: 'prefix', max_pages: 60 }));
    const jobs = await Promise.all(nodes.map((node, i) => node.end(ids[i])));
    for (const job of jobs) assert.ok(job.result?.pages >= 50, JSON.stringify(job.error ?? job.result));
    const requests = web.requests();
    assert.ok(requests.length > 100, `${requests.length} requests`);
    assert.equal(mostAtOnce(requests), 4);
    await Promise.all(nodes.map((node) => node.stop()));
    database.drop();
    await web.close();
});
