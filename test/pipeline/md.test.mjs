// stint md: a file, standard input, a URL under the connect policy, and what it says of a page with --json.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { BIN, makeDir } from '../e2e/lib/server.mjs';

const dir = makeDir('stint-md-');
let web;

before(async () => {
    web = createServer((request, answer) => {
        const pages = {
            '/old': [302, { Location: '/docs/new.html' }, ''],
            '/docs/new.html': [200, { 'Content-Type': 'text/html; charset=iso-8859-1' }, Buffer.from('<h1>Caf\xe9</h1><a href="x">x</a>', 'latin1')],
            '/notes.md': [200, { 'Content-Type': 'text/markdown; charset=utf-8' }, '\uFEFF# A *title*\r\n\r\n```c\nint x;\n```\r\n\x1b[31m[l](y.html)'],
        };
        const [status, head, body] = pages[request.url] ?? [404, {}, 'no'];
        answer.writeHead(status, head).end(body);
    }).listen(0, '127.0.0.1');
    await once(web, 'listening');
});
after(() => web.close());

/** Runs stint md: its exit code and what it wrote. */
function md(args, input = '') {
    return new Promise((resolve) => {
        const child = execFile(BIN, ['md', ...args], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
        child.stdin.on('error', () => {}); // who is given a file or a URL may have ended before it is given this
        child.stdin.end(input);
    });
}
const url = (path) => `http://127.0.0.1:${web.address().port}${path}`;

test('a file and standard input become Markdown, with links against --base', async () => {
    writeFileSync(dir.file('page.html'), '<p>a <a href="b">b</a></p><p class=ad>ad</p>');
    assert.deepEqual(await md([dir.file('page.html')]), { code: 0, stdout: 'a [b](b)\n\nad\n', stderr: '' });
    const read = await md(['-', '--base', 'https://e.org/d/', '--remove', '.ad'], '<p>a <a href="b">b</a></p><p class=ad>ad</p>');
    assert.equal(read.stdout, 'a [b](https://e.org/d/b)\n');
    assert.equal((await md(['-', '--selector', '.ad'], '<p>a</p><p class=ad>ad</p>')).stdout, 'ad\n');
});

test('a URL is fetched under the connect policy, and its last address is the base', async () => {
    const refused = await md([url('/old')]);
    assert.equal(refused.code, 6);
    const read = await md([url('/old'), '--allow-net', '127.0.0.1']);
    assert.deepEqual(read, { code: 0, stdout: `# Café\n\n[x](${url('/docs/x')})\n`, stderr: '' });
    assert.equal((await md([url('/none'), '--allow-net', '127.0.0.1'])).code, 4);
});

test('what a host has as Markdown stays what it is', async () => {
    const text = '# A *title*\n\n```c\nint x;\n```\n[31m[l](y.html)\n';
    assert.deepEqual(await md([url('/notes.md'), '--allow-net', '127.0.0.1']), { code: 0, stdout: text, stderr: '' });
    const page = JSON.parse((await md([url('/notes.md'), '--allow-net', '127.0.0.1', '--json'])).stdout);
    assert.deepEqual([page.title, page.markdown, page.charset], ['A *title*', text, 'utf-8']);
});

test('with --json it tells what is known of the page', async () => {
    const page = JSON.parse((await md([url('/docs/new.html'), '--allow-net', '127.0.0.1', '--json'])).stdout);
    assert.equal(page.title, 'Café');
    assert.equal(page.charset, 'windows-1252');
    assert.equal(page.markdown, `# Café\n\n[x](${url('/docs/x')})\n`);
    assert.deepEqual(page.links, [{ url: url('/docs/x'), text: 'x', rel: '', nofollow: false, place: 'content' }]);
});

test('what cannot be read says why', async () => {
    assert.match((await md(['-', '--selector', 'p:hover'], '<p>x')).stderr, /not a selector/);
    assert.match((await md(['-'], '\x01\x02\x03\x04\x05\x06\x07\x08')).stderr, /no text/);
    assert.equal((await md([dir.file('absent.html')])).code, 4);
    const relative = await md(['-', '--base', 'docs/guide.html'], '<a href=b>b</a>');
    assert.deepEqual([relative.code, /--base: .*docs\/guide\.html/.test(relative.stderr)], [2, true], relative.stderr);
    assert.match((await md(['-'], '<div id=root></div><script src=a.js></script>')).stderr, /scripts/);
});

const ORACLE = `
import html.entities, json, unicodedata
print(json.dumps({name: unicodedata.normalize('NFC', text) for name, text in html.entities.html5.items()}))
`;
const oracle = spawnSync('python3', ['-c', ORACLE], { encoding: 'utf8' });

test('every character reference of HTML5 is what Python says', { skip: oracle.status === 0 ? false : 'python3 is not installed' }, async () => {
    const names = Object.entries(JSON.parse(oracle.stdout));
    assert.equal(names.length, 2231);
    const page = `<pre>\n${names.map(([name]) => `${name.replace(';', '')}=&${name}|\n`).join('')}</pre>`;
    const shown = (text) => text.replace(/[\u00ad\u200b\u2060]/g, '').replace(/[\u00a0\u2007]/g, ' ');
    const want = names.map(([name, text]) => `${name.replace(';', '')}=${shown(text)}|\n`).join('');
    assert.equal((await md(['-'], page)).stdout, `\`\`\`\n${want}\`\`\`\n`);
});
