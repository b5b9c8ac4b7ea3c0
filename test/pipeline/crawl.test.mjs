// The kind crawl-docs on small sites of our own: what it asks for, what it leaves out, what becomes of bad pages.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:https';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { BIN, makeDir } from '../e2e/lib/server.mjs';
import { makeCertificate } from './lib/certificate.mjs';
import { startCrawling } from './lib/crawling.mjs';
import { page, startSite } from './lib/site.mjs';

let stint;
before(async () => { stint = await startCrawling(); });
after(() => stint.stop());

/** Crawls a site that is there for the while. */
async function crawl(pages, args = {}, more = {}) {
    const site = await startSite(pages);
    const job = await stint.crawl({ url: site.url + (args.path ?? '/'), ...args, path: undefined }, more).finally(() => site.close());
    return { ...job, site };
}

test('a site is followed to its depth, each page asked for once, and becomes one document', async () => {
    const pages = {
        '/': page('Start', ['/b.html', '/a.html#x', '/a.html', '/missing.html', 'https://elsewhere.example/', '/logo.png']),
        '/a.html': page('Page A', ['/', '/deep/1.html?utm_source=x'], '<pre class="language-python">x = 1\n</pre>'),
        '/b.html': page('Page B', ['a.html']),
        '/deep/1.html': page('Deep 1', ['2.html']),
        '/deep/2.html': page('Deep 2', ['3.html']),
        '/deep/3.html': page('Deep 3', []),
    };
    const job = await crawl(pages, { depth: 3 });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual(job.urls.sort(), ['/', '/a.html', '/b.html', '/deep/1.html', '/deep/2.html']);
    assert.deepEqual([job.result.pages, job.result.failed, job.result.partial], [5, 1, true]);
    const asked = job.site.asked();
    assert.equal(new Set(asked).size, asked.length, `asked twice: ${asked}`);
    assert.ok(!asked.includes('/logo.png') && !asked.includes('/deep/3.html'));
    assert.equal(job.site.seen.at(-1).headers['user-agent'].split('/')[0], 'stint');
    assert.deepEqual([...job.document.matchAll(/^## (.*)$/gm)].map((m) => m[1]), ['Start', 'Page B', 'Page A', 'Deep 1', 'Deep 2']);
    assert.match(job.document, /```python\nx = 1\n```/);
    assert.match(await stint.artifact(job.id, 'llms.txt'), /^# Start\n/);
});

test('the same site is the same bytes, in whichever order its pages are answered', async () => {
    const links = Array.from({ length: 30 }, (_, i) => `/p${i}.html`);
    const pages = { '/': page('Start', links) };
    const held = [];
    let asked = 0;
    let next = 'shift'; // of two that are open: the one that was asked for first
    links.forEach((l, i) => { pages[l] = (request, response) => {
        held.push(() => response.writeHead(200, { 'content-type': 'text/html' }).end(page(`P${i}`, [links[(i * 7) % 30], `/q${i % 5}.html`])));
        if (++asked % links.length === 0 || held.length === 2) while (held.length > 0) held[next]()();
    }; });
    for (let i = 0; i < 5; i++) pages[`/q${i}.html`] = page(`Q${i}`);
    const site = await startSite(pages);
    const first = await stint.crawl({ url: `${site.url}/` });
    next = 'pop'; // the one that was asked for last
    const second = await stint.crawl({ url: `${site.url}/` });
    site.close();
    assert.equal(asked, 2 * links.length);
    assert.equal(first.result.pages, 36);
    assert.equal(first.document, second.document);
    assert.deepEqual(first.crawl, second.crawl);
    assert.ok(site.most <= 4, `${site.most} requests at once`);
});

test('max_pages is never exceeded, and takes the nearest pages first', async () => {
    const pages = { '/': page('Start', Array.from({ length: 20 }, (_, i) => `/${i}.html`)) };
    for (let i = 0; i < 20; i++) pages[`/${i}.html`] = page(`P${i}`, [`/${i}/deep.html`]);
    const job = await crawl(pages, { max_pages: 7 });
    assert.equal(job.result.pages, 7);
    assert.deepEqual(job.urls.sort(), ['/', '/0.html', '/1.html', '/2.html', '/3.html', '/4.html', '/5.html']);
    assert.ok(job.result.skipped.max_pages > 0);
});

test('args as large as they may be go with each page, and larger ones are refused', async () => {
    const links = Array.from({ length: 200 }, (_, i) => `/p${i}.html`);
    const pages = { '/': page('Start', links), ...Object.fromEntries(links.map((l) => [l, page(l)])) };
    const blanks = ' '.repeat(255 << 10); // 200 times over what the server reads of a report
    const site = await startSite(pages);
    const begin = async (more) => (await stint.call('POST', '/v1/jobs', `{"kind":"crawl-docs","args":{${more}"url":"${site.url}/","depth":1}}`)).json.id;
    const job = await stint.end(await begin(blanks));
    assert.deepEqual([job.state, job.result?.pages], ['completed', 201], JSON.stringify(job.error));
    const refused = await stint.end(await begin(blanks + blanks));
    assert.deepEqual([refused.state, refused.error?.code], ['failed', 'invalid_input']);
    site.close();
});

test('robots.txt is kept to, and its sitemap is read', async () => {
    const pages = {
        '/robots.txt': { headers: { 'content-type': 'text/plain' }, body: 'User-agent: stint\nDisallow: /private\nAllow: /private/but\n' },
        '/': page('Start', ['/private/x.html', '/private/but.html', '/open.html']),
        '/private/but.html': page('But'), '/open.html': page('Open'), '/private/x.html': page('Secret'),
    };
    const job = await crawl(pages);
    assert.deepEqual(job.urls.sort(), ['/', '/open.html', '/private/but.html']);
    assert.equal(job.result.skipped.robots, 1);
    assert.equal(job.site.asked()[0], '/robots.txt');
    assert.ok(!job.site.asked().includes('/private/x.html'));
    const closed = await crawl({ '/robots.txt': 'User-agent: *\nDisallow: /', '/': page('Start') });
    assert.deepEqual([closed.state, closed.error?.code], ['failed', 'robots']);
});

test('sitemaps, packed and nested, and llms.txt name pages of depth 1', async () => {
    const site = await startSite({});
    const loc = (path) => `<loc> ${site.url}${path} </loc>`;
    Object.assign(site.pages, {
        '/robots.txt': `Sitemap: ${site.url}/maps/index.xml\n`,
        '/maps/index.xml': `<sitemapindex><sitemap>${loc('/maps/one.xml.gz')}</sitemap><sitemap>${loc('/maps/gone.xml')}</sitemap></sitemapindex>`,
        '/maps/one.xml.gz': { headers: { 'content-type': 'application/gzip' }, body: gzipSync(`<urlset><url>${loc('/from-map.html')}</url><url><loc>http://elsewhere.example/</loc></url></urlset>`) },
        '/llms.txt': { headers: { 'content-type': 'text/plain' }, body: '# Docs\n- [One](/from-llms.html): x\n' },
        '/': page('Start', ['/linked.html']), '/linked.html': page('Linked'), '/from-map.html': page('Map', ['/deeper.html']), '/from-llms.html': page('Llms'), '/deeper.html': page('Deeper'),
    });
    const include = await stint.crawl({ url: `${site.url}/`, depth: 1 });
    const skip = await stint.crawl({ url: `${site.url}/`, depth: 1, sitemap: 'skip' });
    const only = await stint.crawl({ url: `${site.url}/`, depth: 1, sitemap: 'only' });
    site.close();
    assert.deepEqual(include.urls.sort(), ['/', '/from-llms.html', '/from-map.html', '/linked.html']);
    assert.deepEqual(skip.urls.sort(), ['/', '/from-llms.html', '/linked.html']);
    assert.deepEqual(only.urls.sort(), ['/', '/from-llms.html', '/from-map.html']);
});

test('a sitemap that cannot be had at first is tried again, and one that never can is told', async () => {
    let asked = 0;
    const site = await startSite({});
    Object.assign(site.pages, {
        '/robots.txt': ['late', 'never', 'bomb', 'gone'].map((s) => `Sitemap: ${site.url}/${s}.xml\n`).join(''),
        '/late.xml': (request, response) => (asked++ ? response.end(`<urlset><url><loc>${site.url}/late.html</loc></url></urlset>`) : response.writeHead(503).end()),
        '/never.xml': { status: 500 },
        '/bomb.xml': gzipSync(Buffer.alloc(60 << 20)),
        '/': page('Start'), '/late.html': page('Late'),
    });
    const job = await stint.crawl({ url: `${site.url}/` });
    site.close();
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual(job.urls.sort(), ['/', '/late.html']);
    assert.deepEqual([job.result.failed, job.result.failed_lists], [0, 2]);
    assert.deepEqual(job.crawl.failed_lists.map((l) => [new URL(l.url).pathname, l.error]), [['/never.xml', 'http_500'], ['/bomb.xml', 'too_large']]);
    assert.equal(site.asked().filter((u) => u === '/never.xml').length, 3);
    const { events } = (await stint.call('GET', `/v1/jobs/${job.id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json;
    assert.deepEqual(events.filter((e) => e.type === 'url_failed' && !e.data.will_retry).map((e) => e.data.code).sort(), ['http_500', 'too_large']);
});

test('a robots.txt without end is read to its 500 KiB, and what a sitemap has too many of is counted', async () => {
    const site = await startSite({});
    const urls = Array.from({ length: 20_000 }, (_, i) => `${site.url}/section/a-rather-long-name-of-a-page-${i}/index.html`);
    Object.assign(site.pages, {
        '/robots.txt': `User-agent: *\nDisallow: /no\n${'# more\n'.repeat(2 << 20)}`,
        '/sitemap.xml': `<urlset>${urls.map((u) => `<url><loc>${u}</loc></url>`).join('')}</urlset>`,
        '/': page('Start', ['/no.html', '/yes.html']), '/yes.html': page('Yes'),
    });
    const job = await stint.crawl({ url: `${site.url}/`, max_pages: 2 });
    site.close();
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual(job.urls.sort(), ['/', '/yes.html']);
    const { robots, max_pages: pages, too_many_links: links } = job.result.skipped;
    assert.equal(robots, 1);
    assert.ok(links > 0 && pages > 12_000, JSON.stringify(job.result.skipped));
    assert.equal(pages + links, urls.length);
});

test('redirects: the target becomes the page, loops end, and none leads out', async () => {
    const to = (location, status = 302) => ({ status, headers: { location } });
    const pages = {
        '/': to('/docs/'), '/docs/': page('Docs', ['/docs/old.html', '/docs/new.html', '/docs/out.html', '/docs/loop.html', '/docs/file.html']),
        '/docs/old.html': to('new.html', 301), '/docs/new.html': page('New'), '/docs/out.html': to('http://127.0.0.2/'), '/docs/loop.html': to('/docs/loop.html'), '/docs/file.html': to('file:///etc/passwd'),
    };
    const job = await crawl(pages);
    assert.deepEqual(job.urls.sort(), ['/docs/', '/docs/new.html']);
    const old = job.crawl.urls.find((u) => u.url.endsWith('/old.html'));
    assert.match(old.alias_of, /\/docs\/new\.html$/);
    assert.equal(job.site.asked().filter((u) => u === '/docs/new.html').length, 1);
    assert.equal(job.crawl.urls.find((u) => u.url.endsWith('/file.html')).error, 'bad_redirect');
    const loop = await crawl({ '/': to('/a'), '/a': to('/') });
    assert.deepEqual([loop.state, loop.error.code], ['failed', 'redirect_loop']);
    const endless = {};
    for (let i = 0; i < 20; i++) endless[`/${i || ''}`] = to(`/${i + 1}`);
    const far = await crawl(endless);
    assert.deepEqual([far.state, far.error.code], ['failed', 'redirect_loop']);
});

test('a host that says later is left alone, by all its pages', async () => {
    let refused = 0;
    const pages = {
        '/': page('Start', ['/a.html', '/b.html']), '/b.html': page('B'),
        '/a.html': (request, response) => (refused++ ? response.writeHead(200, { 'content-type': 'text/html' }).end(page('A')) : response.writeHead(429, { 'retry-after': '1' }).end()),
    };
    const job = await crawl(pages);
    assert.deepEqual(job.urls.sort(), ['/', '/a.html', '/b.html']);
    assert.equal(refused, 2);
});

test('a host that says later for ever is asked five times more, and no more', async () => {
    const never = (request, response) => response.writeHead(429, { 'retry-after': '1' }).end();
    const [page429, robots429] = await Promise.all([
        crawl({ '/': page('Start', ['/a.html', '/b.html']), '/a.html': never, '/b.html': page('B') }),
        crawl({ '/robots.txt': never, '/': page('Start') }),
    ]);
    const asked = (job, path) => job.site.asked().filter((u) => u === path).length;
    assert.deepEqual([page429.state, page429.result?.failed, page429.urls?.sort()], ['completed', 1, ['/', '/b.html']], JSON.stringify(page429.error));
    assert.equal(page429.crawl.urls.find((u) => u.url.endsWith('/a.html')).error, 'http_429');
    assert.equal(asked(page429, '/a.html'), 6);
    assert.deepEqual([robots429.state, robots429.error?.code], ['failed', 'robots_unreachable']);
    assert.equal(asked(robots429, '/robots.txt'), 8, 'five pauses, and the attempts of a failure');
    const { events } = (await stint.call('GET', `/v1/jobs/${robots429.id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json;
    assert.equal(events.filter((e) => e.type === 'host_paused').length, 5);
});

test('X-Robots-Tag is kept to, whatever its case, where it is meant for us', async () => {
    const tagged = (tag, title, link) => ({ headers: { 'x-robots-tag': tag }, body: page(title, [link]) });
    const pages = {
        '/': page('Start', ['/follow.html', '/none.html', '/index.html', '/other.html', '/ours.html', '/two.html']),
        '/follow.html': tagged('NoFollow', 'Follow', '/1'), '/none.html': tagged('none', 'None', '/2'), '/index.html': tagged('noindex', 'Index', '/3'),
        '/other.html': tagged('googlebot: none', 'Other', '/4'), '/ours.html': tagged('googlebot: nofollow, stint: noindex', 'Ours', '/5'), '/two.html': tagged(['noarchive', 'noindex'], 'Two', '/6'),
    };
    const job = await crawl(pages);
    assert.deepEqual([...job.document.matchAll(/^## (.*)$/gm)].map((m) => m[1]), ['Start', 'Follow', 'Other']);
    assert.deepEqual(job.site.asked().filter((u) => /^\/\d$/.test(u)).sort(), ['/3', '/4', '/5', '/6']);
});

test('bad pages end in the stated error, and the crawl goes on', async () => {
    const bomb = gzipSync(Buffer.alloc(20 << 20));
    const pages = {
        '/': page('Start', ['/pdf', '/bomb', '/twice', '/nul', '/deep', '/script', '/latin', '/charset', '/big', '/cut', '/empty', '/drip', '/good']),
        '/pdf': { headers: { 'content-type': 'application/pdf' }, body: '%PDF-1.4' },
        '/bomb': { headers: { 'content-encoding': 'gzip' }, body: bomb },
        '/twice': { headers: { 'content-encoding': 'gzip, gzip' }, body: gzipSync(gzipSync(page('Twice'))) },
        '/nul': { body: Buffer.alloc(50_000) },
        '/deep': '<div>'.repeat(100_000) + 'deep inside'.repeat(50),
        '/script': '<html><body><div id="root"></div><script>start()</script></body></html>',
        '/latin': { headers: { 'content-type': 'text/html; charset=iso-8859-1' }, body: Buffer.from(page('Gr\xfcn'), 'latin1') },
        '/charset': { headers: { 'content-type': 'text/html; charset=no-such' }, body: page('Charset') },
        '/big': { body: page('Big', [], 'x'.repeat(2 << 20)) },
        '/cut': (request, response) => { response.writeHead(200, { 'content-type': 'text/html', 'content-length': '100000' }); response.write('<p>half'); response.destroy(); },
        '/empty': '',
        '/drip': (request, response) => { // a byte a second, for an hour
            response.writeHead(200, { 'content-type': 'text/html' });
            const timer = setInterval(() => response.write('x'), 1000);
            response.on('close', () => clearInterval(timer));
        },
        '/good': page('Good'),
    };
    const job = await crawl(pages, { max_page_bytes: 1 << 20, timeout_s: 1 });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const error = (path) => job.crawl.urls.find((u) => new URL(u.url).pathname === path)?.error;
    assert.deepEqual(['/pdf', '/bomb', '/twice', '/script', '/big', '/cut', '/drip'].map(error), ['not_html', 'too_large', 'bad_encoding', 'needs_js', 'too_large', 'early_eof', 'timeout']);
    assert.equal(error('/nul'), 'not_html');
    assert.equal(error('/good'), undefined);
    assert.match(job.document, /^## Grün$/m);
    assert.ok(job.site.asked().filter((u) => u === '/cut').length >= 3);
    assert.equal((await stint.call('GET', '/livez')).status, 200);
});

test('a title as long as its page is cut', async () => {
    const heading = `# ${'ä'.repeat(2500000)}`;
    const job = await crawl({ '/': page('Start', ['/long.md']), '/long.md': (_, response) => response.writeHead(200, { 'content-type': 'text/markdown' }).end(heading) });
    assert.deepEqual([job.state, job.result?.pages, job.result?.failed], ['completed', 2, 0], JSON.stringify(job.error));
    assert.ok(job.document.includes(heading.slice(2, 1000)));
});

test('a seed that cannot be had fails the crawl, and says why', async () => {
    const rows = [
        [{ '/': { headers: { 'content-type': 'application/pdf' }, body: '%PDF' } }, 'not_html'],
        [{}, 'http_404'],
        [{ '/': '<html><script>x()</script></html>' }, 'needs_js'],
    ];
    for (const [pages, code] of rows) {
        const job = await crawl(pages);
        assert.deepEqual([job.state, job.error.class], ['failed', 'permanent']);
        assert.ok(job.error.message.includes(code), job.error.message);
    }
    const wrong = await crawl({ '/': page('Start') }, { selector: 'div[' });
    assert.match(wrong.error.message, /^the first page failed: bad_selector: not a selector/);
    for (const url of ['http://127.0.0.2/', 'http://10.0.0.1/', 'http://localhost.example@127.0.0.1/', 'ftp://127.0.0.1/', stint.server.url, 'x']) {
        const job = await stint.crawl({ url });
        assert.ok(['blocked_address', 'invalid_input'].includes(job.error?.code), `${url}: ${JSON.stringify(job.error)}`);
    }
});

test('a calendar without end ends at its depth', async () => {
    const job = await crawl({ '*': (request, response) => {
        const n = Number(/d=(\d+)/.exec(request.url)?.[1] ?? 0);
        if (request.url === '/robots.txt') return response.writeHead(404).end();
        return response.writeHead(200, { 'content-type': 'text/html' }).end(page(`Day ${n}`, [`/?d=${n + 1}`, `/${'x'.repeat(3000)}`]));
    } }, { depth: 10 });
    assert.equal(job.result.pages, 11);
    assert.ok(job.result.skipped.url_too_long > 0);
});

test('a cancelled crawl offers what it has collected', async () => {
    const waiting = [];
    const pages = { '/': page('Start', ['/a.html', '/slow.html']), '/a.html': page('A'), '/slow.html': (request, response) => { waiting.push(response); } };
    const site = await startSite(pages);
    const id = await stint.begin({ url: `${site.url}/` });
    for (let events = []; !events.some((e) => e.type === 'url_crawled' && e.data.url.endsWith('/a.html'));) {
        events = (await stint.call('GET', `/v1/jobs/${id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json.events;
    }
    await stint.call('POST', `/v1/jobs/${id}/cancel`);
    const job = await stint.end(id);
    site.close();
    assert.equal(job.state, 'cancelled');
    const document = await stint.artifact(id, 'document.md');
    assert.match(document, /## Start/);
    assert.match(document, /## A\n/);
});

test('a document is split where max_tokens says, between pages', async () => {
    const pages = { '/': page('Start', ['/a.html', '/b.html', '/c.html']) };
    for (const n of 'abc') pages[`/${n}.html`] = page(n.toUpperCase(), [], `<p>${`word${n} `.repeat(1500)}</p>`);
    const site = await startSite(pages);
    const id = await stint.begin({ url: `${site.url}/`, max_tokens: 3000 });
    const job = await stint.end(id);
    site.close();
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const names = (await stint.call('GET', `/v1/jobs/${id}/artifacts`)).json.artifacts.map((a) => a.name).sort();
    assert.ok(names.includes('document-01.md') && names.includes('document-02.md'), `${names}`);
});

test('what all pages say is no content of the document', async () => {
    const notice = '<p>Subscribe to our newsletter today and never miss a release of this wonderful software.</p>';
    const pages = { '/': page('Start', Array.from({ length: 8 }, (_, i) => `/${i}.html`), notice) };
    for (let i = 0; i < 8; i++) pages[`/${i}.html`] = page(`P${i}`, [], `<h2>See also</h2><p>only here ${i}</p>${notice}`);
    const job = await crawl(pages);
    assert.equal(job.result.pages, 9);
    assert.ok(!job.document.includes('newsletter'));
    assert.equal([...job.document.matchAll(/^### See also$/gm)].length, 8);
    assert.ok(job.result.boilerplate >= 9);
});

test('a recrawl asks only whether pages have changed, and says what has', async () => {
    const texts = { '/': page('Start', ['/a.html', '/b.html', '/old.html']), '/a.html': page('A', ['/deep.html']), '/b.html': page('B'), '/old.html': page('Old'), '/deep.html': page('Deep') };
    const full = [];
    const site = await startSite({ '*': (request, response) => {
        const body = texts[request.url];
        if (body === undefined) return response.writeHead(404).end();
        const etag = `"${createHash('md5').update(body).digest('hex')}"`;
        if (request.headers['if-none-match'] === etag) return response.writeHead(304, { etag }).end();
        full.push(request.url);
        return response.writeHead(200, { 'content-type': 'text/html', etag }).end(body);
    } });
    const first = await stint.crawl({ url: `${site.url}/` });
    assert.equal(first.result.changes, undefined);
    full.length = 0;
    const same = await stint.crawl({ url: `${site.url}/` });
    assert.deepEqual(same.result.changes, { added: 0, changed: 0, removed: 0, unchanged: 5 }, JSON.stringify(same.error));
    assert.deepEqual(full, []);
    assert.equal(same.document, first.document);
    assert.deepEqual(same.crawl, first.crawl);
    texts['/'] = page('Start', ['/a.html', '/b.html', '/new.html']);
    texts['/b.html'] = page('B', [], '<p>something new</p>');
    texts['/new.html'] = page('New');
    delete texts['/old.html'];
    const next = await stint.crawl({ url: `${site.url}/` });
    const changes = JSON.parse(await stint.artifact(next.id, 'changes.json'));
    const paths = (urls) => urls.map((u) => new URL(u).pathname);
    assert.deepEqual([paths(changes.added), paths(changes.changed), paths(changes.removed), changes.unchanged], [['/new.html'], ['/b.html'], ['/old.html'], 3]);
    const fresh = await stint.crawl({ url: `${site.url}/`, recrawl: 'full' });
    assert.equal(fresh.document, next.document);
    assert.equal(fresh.result.changes, undefined);
    site.close();
});

test('a page whose scope is too narrow says where to begin instead', async () => {
    const job = await crawl({ '/docs/leaf/only.html': page('Only', ['/docs/other.html']), '/docs/other.html': page('Other') }, { path: '/docs/leaf/only.html' });
    assert.equal(job.result.pages, 1);
    const events = (await stint.call('GET', `/v1/jobs/${job.id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json.events;
    assert.ok(events.find((e) => e.type === 'scope_hint')?.data.url.endsWith('/docs/'));
    for (const type of ['crawl_started', 'robots_loaded', 'urls_discovered', 'url_crawled', 'crawl_completed']) assert.ok(events.some((e) => e.type === type), type);
});

test('of a host no more is asked at once than its limit, of a crawl no more than it says, whatever crawls there are', async () => {
    const wide = await startCrawling({ slots: 8, server: stint.server });
    const links = Array.from({ length: 16 }, (_, i) => `${i}.html`);
    const open = { a: 0, b: 0 };
    const most = { a: 0, b: 0, both: 0 };
    let isHeld = false;
    const held = [];
    const site = await startSite({ '*': (request, response) => {
        const which = request.url[1];
        if (!open[which] && open[which] !== 0) return response.writeHead(404).end();
        most[which] = Math.max(most[which], ++open[which]);
        most.both = Math.max(most.both, open.a + open.b);
        const end = () => {
            open[which]--;
            response.writeHead(200, { 'content-type': 'text/html' }).end(page(request.url, links));
        };
        if (isHeld && which === 'a' && request.url.endsWith('.html') && most.a <= 4) return held.push(end);
        if (most.a > 4) for (const other of held.splice(0)) other();
        return setTimeout(end, 25); // a slow host: as many requests as are allowed, and whichever are not, meet here
    } });
    const both = async () => {
        const ids = [await stint.begin({ url: `${site.url}/a/`, recrawl: 'full' }), await stint.begin({ url: `${site.url}/b/`, recrawl: 'full', concurrency: 2 })];
        const jobs = await Promise.all(ids.map((id) => stint.end(id)));
        assert.deepEqual(jobs.map((j) => j.result?.pages), [17, 17], JSON.stringify(jobs.map((j) => j.error)));
    };
    await both();
    assert.ok(most.both <= 4 && most.b <= 2, JSON.stringify(most));
    await stint.call('PUT', '/v1/limits/host%3A127.0.0.1', { concurrency: 16 });
    Object.assign(most, { a: 0, b: 0, both: 0 });
    isHeld = true; // until five are open: that takes as long as the worker needs to start its processes
    await both();
    await stint.call('DELETE', '/v1/limits/host%3A127.0.0.1');
    assert.ok(most.a > 4 && most.b <= 2, JSON.stringify(most));
    site.close();
    await wide.stopWorker();
});

test('Crawl-delay lies between all requests to a host, of a crawl its own delay, and meanwhile there is no other', async () => {
    const open = { now: 0, most: 0, asked: 0, at: 0 };
    const site = await startSite({
        '/robots.txt': { headers: { 'content-type': 'text/plain' }, body: 'User-agent: *\nCrawl-delay: 0.4' },
        '*': (request, response) => {
            open.most = Math.max(open.most, ++open.now);
            open.asked++;
            open.at = performance.now();
            setTimeout(() => { // a slow host: a second request would come while the first is open
                open.now--;
                response.writeHead(200, { 'content-type': 'text/html' }).end(page(request.url, ['1.html', '2.html']));
            }, 50);
        },
    });
    const crawls = async (...all) => {
        Object.assign(open, { most: 0, asked: 0 });
        const from = performance.now();
        const ids = await Promise.all(all.map((args) => stint.begin({ sitemap: 'skip', recrawl: 'full', ...args })));
        const jobs = await Promise.all(ids.map((id) => stint.end(id)));
        assert.deepEqual(jobs.map((j) => j.result?.pages), all.map(() => 3), JSON.stringify(jobs.map((j) => j.error)));
        return open.at - from + 20; // of two clocks
    };
    const shared = await crawls({ url: `${site.url}/a/` }, { url: `${site.url}/b/` });
    assert.equal(open.asked, 8, 'three pages each, and llms.txt');
    assert.ok(shared >= 7 * 400 && open.most === 1, `${shared} ms, ${open.most} at once`);
    const own = await crawls({ url: `${site.url}/c/`, delay_ms: 600 });
    assert.ok(own >= 4 * 600 && open.most === 1, `${own} ms, ${open.most} at once`); // robots.txt, too
    site.close();
});

test('only a worker that is told so lets a crawl do without robots.txt', async () => {
    const pages = { '/robots.txt': { headers: { 'content-type': 'text/plain' }, body: 'User-agent: *\nDisallow: /' }, '/': page('Start') };
    const refused = await crawl(pages, { robots: false });
    assert.deepEqual([refused.state, refused.error?.code, refused.site.asked()], ['failed', 'robots_required', []]);
    const bold = await startCrawling({ args: ['--allow-no-robots', '--queue', 'bold'], server: stint.server });
    const job = await crawl(pages, { robots: false }, { queue: 'bold' });
    assert.deepEqual(job.urls, ['/'], JSON.stringify(job.error));
    assert.ok(!job.site.asked().includes('/robots.txt'));
    await bold.stopWorker();
});

test('a certificate that nobody vouches for ends the crawl at once', async () => {
    for (const days of [[-2, 2], [-4, -2]]) {
        const asked = [];
        const { key, cert } = makeCertificate('127.0.0.1', ...days);
        const server = createServer({ key, cert }, (request, response) => { asked.push(request.url); response.end(page('Start')); }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const job = await stint.crawl({ url: `https://127.0.0.1:${server.address().port}/` });
        server.close();
        assert.deepEqual([job.state, job.error?.code, asked], ['failed', 'tls_failed', []], JSON.stringify(job.error));
    }
});

test('a certificate of another name and a TLS that is too old are refused, and nothing is asked', async () => {
    const rows = [
        [makeCertificate('127.0.0.2', -2, 2), {}, /certificate|peer/i],
        [makeCertificate('127.0.0.1', -2, 2), { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, /SSL connect error/],
    ];
    for (const [certificate, options, why] of rows) {
        const asked = [];
        const server = createServer({ ...certificate, ...options }, (request, response) => { asked.push(request.url); response.end(page('Start')); }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const job = await stint.crawl({ url: `https://127.0.0.1:${server.address().port}/` });
        server.close();
        assert.deepEqual([job.state, job.error?.code, asked], ['failed', 'tls_failed', []], JSON.stringify(job.error));
        assert.match(job.error.message, why);
    }
});

const hasIpv6 = Object.values(networkInterfaces()).flat().some((i) => i.address === '::1');
test('a host may be an address of IPv6', { skip: !hasIpv6 && 'this machine has no ::1' }, async () => {
    const six = await startCrawling({ net: ['::1'], args: ['--queue', 'six'], server: stint.server });
    const site = await startSite({ '/': page('Start', ['/a.html']), '/a.html': page('A') }, { host: '::1' });
    const job = await six.crawl({ url: `${site.url.replace('::1', '[::1]')}/` }, { queue: 'six' });
    site.close();
    await six.stopWorker();
    assert.deepEqual([job.state, job.urls?.sort()], ['completed', ['/', '/a.html']], JSON.stringify(job.error));
});

/** What `stint crawl` prints, and how it ends. */
async function command(...args) {
    const child = spawn(BIN, ['crawl', ...args], { env: { ...process.env, STINT_URL: stint.server.url, STINT_KEY: stint.server.key, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (d) => { said.out += d; });
    child.stderr.on('data', (d) => { said.err += d; });
    const [code] = await once(child, 'close');
    return { code, ...said };
}

test('stint crawl keeps the document, and says before it begins what cannot be done', async () => {
    const dir = makeDir('stint-crawl-');
    const site = await startSite({ '/': page('Start', ['/a.html']), '/a.html': page('A') });
    const good = await command(`${site.url}/`, '-o', dir.file('docs.md'));
    assert.equal(good.code, 0, good.err);
    assert.match(readFileSync(dir.file('docs.md'), 'utf8'), /^## A$/m);
    assert.doesNotMatch(good.out + good.err, /0 of 0/);
    assert.match(good.out, /crawled 2 pages/);
    assert.match(good.out, /^job [0-9a-f-]{36}; .*stint cancel/);
    const word = await command(`${site.url}/`, '--scope', 'all');
    assert.deepEqual([word.code, /invalid_input: scope: one of prefix, host, subdomains/.test(word.err)], [5, true], word.err);
    site.seen.length = 0;
    const nowhere = await command(`${site.url}/`, '-o', dir.file('no/such/docs.md'));
    assert.deepEqual([nowhere.code, site.asked()], [1, []]);
    assert.match(nowhere.err, /no\/such\/docs\.md.*No such file/);
    const folder = await command(`${site.url}/`, '-o', dir.path);
    assert.equal(folder.code, 2);
    assert.match(folder.err, /is a folder/);
    const nothing = await command(`${site.url}/`, '-o', '');
    assert.deepEqual([nothing.code, site.asked()], [2, []], nothing.err);
    execFileSync('mkfifo', [dir.file('pipe')]);
    const reader = execFile('cat', [dir.file('pipe')]);
    const read = reader.stdout.toArray();
    const piped = await command(`${site.url}/`, '-o', dir.file('pipe'));
    assert.deepEqual([piped.code, statSync(dir.file('pipe')).isFIFO()], [0, true], 'what is no file is written to, and not replaced');
    assert.match((await read).join(''), /^## A$/m);
    rmSync(dir.file('pipe'));
    symlinkSync('/dev/full', dir.file('full'));
    const full = await command(`${site.url}/`, '-o', dir.file('full'));
    assert.deepEqual([full.code, /full: .*No space left on device/.test(full.err)], [1, true], full.err);
    rmSync(dir.file('full'));
    site.close();
    const bad = await command('docs.example.org/guide');
    assert.equal(bad.code, 2);
    assert.match(bad.err, /"docs\.example\.org\/guide" .*https:\/\//);
    const blocked = await command('http://10.0.0.1/');
    assert.equal(blocked.code, 5);
    assert.match(blocked.err, /blocked_address: .*10\.0\.0\.1.*--allow-net/);
    assert.deepEqual(readdirSync(dir.path), ['docs.md']);
    dir.remove();
    const { out } = await command('--help');
    assert.doesNotMatch(out, /--depth.*\[1\]/);
});

test('the stream of a crawl tells of each page, when it is begun and what came of it, and what was left out', async () => {
    const job = await crawl({ '/': page('Start', ['/a.html', '/gone.html', '/deep.html']), '/a.html': page('A', ['/b.html', '/c.html']) }, { depth: 1 });
    const { events } = (await stint.call('GET', `/v1/jobs/${job.id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json;
    const paths = (type) => events.filter((e) => e.type === type).map((e) => new URL(e.data.url).pathname).sort();
    assert.deepEqual(paths('url_started'), ['/', '/a.html', '/deep.html', '/gone.html']);
    assert.deepEqual(paths('url_crawled'), ['/', '/a.html']);
    assert.deepEqual(paths('url_failed'), ['/deep.html', '/gone.html']);
    const failed = events.find((e) => e.type === 'url_failed').data;
    assert.deepEqual([failed.code, failed.class, failed.http_status, failed.will_retry], ['http_404', 'permanent', 404, false]);
    const skipped = events.filter((e) => e.type === 'url_skipped').map((e) => e.data);
    assert.deepEqual(skipped.map((s) => [s.reason, s.count, s.urls.length]), [['depth', 2, 2]]);
});
