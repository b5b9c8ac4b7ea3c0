// The kind index-repo on small repositories of our own: what it says, what it skips, what it refuses, what it leaves behind.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeDir } from '../e2e/lib/server.mjs';
import { Repo, startIndexing } from './lib/indexing.mjs';

const TOKEN = 'gh0_Sup3rS3cret/Token';
let stint;
before(async () => { stint = await startIndexing({ env: { STINT_SECRET_GITHUB: TOKEN } }); });
after(() => stint.stop());

const SMALL = {
    'src/a.ts': "import { b } from './b';\nexport class Store { run() { return b; } }\n",
    'src/b.ts': "import './a';\nexport const b = 1;\n",
    'lib/x.py': 'from . import y\ndef go(): pass\n',
    'lib/y.py': '',
    'c/main.c': '#include "util.h"\nint main(void) { return 0; }\n',
    'c/util.h': '#define LIMIT 1\n',
    'README.md': '# x\n',
};

function small(name, more = {}) {
    const repo = new Repo(stint.dir, name).write({ ...SMALL, ...more });
    repo.commit();
    return repo;
}

/** Everything the index holds, in the words of the API; ids and all. */
async function contentOf(path) {
    const [symbols, files, cycles, summary] = await Promise.all([
        stint.all(path, 'symbols', { locals: 'true' }), stint.all(path, 'files'), stint.query(path, 'cycles'), stint.query(path, 'summary'),
    ]);
    const deps = {};
    for (const f of files) deps[f.path] = (await stint.query(path, 'deps', { file: f.path })).imports;
    return { symbols, files, cycles: cycles.cycles, summary, deps };
}

test('a small repository is indexed, told on the way, and answers questions', async () => {
    const repo = small('small');
    const job = await stint.index({ repo: repo.path });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const { result } = job;
    assert.equal(result.commit, repo.git('rev-parse', 'HEAD').trim());
    assert.deepEqual([result.unchanged, result.dirty, result.cycles], [false, false, 1]);
    assert.deepEqual(result.files, { ok: 6, partial: 0, skipped: 1, failed: 0 });
    assert.deepEqual(result.skipped, { unsupported: 1 });
    assert.deepEqual(result.symbols, { function: 2, method: 1, class: 1, constant: 1, macro: 1 });
    assert.deepEqual(result.imports, { internal: 4 });
    const types = (await stint.events(job.id)).map((e) => e.type);
    for (const type of ['index_started', 'ref_resolved', 'files_discovered', 'index_progress', 'graph_resolved', 'end']) assert.ok(types.includes(type), `${type} in ${types}`);
    const content = await contentOf(repo.path);
    assert.deepEqual(content.symbols.map((s) => `${s.path}:${s.line} ${s.kind} ${s.qualified_name}`), [
        'c/main.c:2 function main', 'c/util.h:1 macro LIMIT', 'lib/x.py:2 function go', 'src/a.ts:2 class Store', 'src/a.ts:2 method Store.run', 'src/b.ts:2 constant b',
    ]);
    assert.deepEqual(content.cycles, [['src/a.ts', 'src/b.ts']]);
    assert.equal(content.deps['lib/x.py'][0].target, 'lib/y.py');
    assert.equal(content.deps['c/main.c'][0].target, 'c/util.h');
});

test('the same commit is unchanged, and force makes the same index again', async () => {
    const repo = small('again');
    assert.equal((await stint.index({ repo: repo.path })).result.unchanged, false);
    const before = await contentOf(repo.path);
    const same = await stint.index({ repo: `file://${repo.path}` });
    assert.equal(same.result.unchanged, true);
    assert.deepEqual(same.result.files, { ok: 6, partial: 0, skipped: 1, failed: 0 });
    const forced = await stint.index({ repo: repo.path, force: true });
    assert.deepEqual([forced.result.unchanged, forced.result.reused], [false, 0]);
    assert.deepEqual(await contentOf(repo.path), before);
});

test('after a change only the changed blobs are parsed, and the rows are those of a fresh index', async () => {
    const repo = small('steps');
    await stint.index({ repo: repo.path });
    repo.write({ 'src/b.ts': 'export const b = 2;\nexport function added() {}\n', 'lib/y.py': null, 'src/moved.ts': SMALL['src/a.ts'] });
    const commit = repo.commit();
    const job = await stint.index({ repo: repo.path });
    assert.deepEqual([job.result.commit, job.result.reused], [commit, 5]);
    const stepped = await contentOf(repo.path);
    await stint.index({ repo: repo.path, force: true });
    assert.deepEqual(await contentOf(repo.path), stepped);
    assert.deepEqual(stepped.cycles, []);
});

test('branches, tags, commits and uncommitted changes are told apart', async () => {
    const repo = small('refs');
    const first = repo.git('rev-parse', 'HEAD').trim();
    repo.git('tag', '-a', 'v1', '-m', 'one');
    repo.git('checkout', '-q', '-b', 'feature/x');
    repo.write({ 'src/new.ts': 'export const fresh = 1;\n' });
    const second = repo.commit();
    repo.git('checkout', '-q', 'main');
    for (const [ref, commit] of [['v1', first], ['feature/x', second], ['refs/heads/main', first], [second, second], ['HEAD', first]]) {
        const job = await stint.index({ repo: repo.path, ref });
        assert.equal(job.result?.commit, commit, `${ref}: ${JSON.stringify(job.error)}`);
    }
    assert.equal((await stint.query(repo.path, 'symbols', { q: 'fresh', ref: 'feature/x' })).symbols.length, 1);
    assert.equal((await stint.query(repo.path, 'symbols', { q: 'fresh' })).symbols.length, 0);
    repo.write({ 'src/a.ts': 'changed\n' });
    const dirty = await stint.index({ repo: repo.path, force: true });
    assert.deepEqual([dirty.result.dirty, dirty.result.commit], [true, first]);
    assert.equal((await stint.query(repo.path, 'symbols', { q: 'Store' })).symbols[0].name, 'Store', 'the commit was indexed, not the change');
});

test('every file that is not parsed has a reason, and broken ones are partial', async () => {
    const repo = new Repo(stint.dir, 'odd').write({
        'good.ts': 'export const a = 1;\n',
        'broken.ts': `export function before() {}\nexport type X = <<<{ (((\n${'\nexport function after() {\n}\n'.repeat(15)}`,
        'binary.js': 'a\0b',
        'min.js': `${'x'.repeat(60_000)}\n`,
        'big.ts': `// ${'y\n'.repeat(600_000)}`,
        'latin.py': Buffer.from('def caf\xe9(): pass\n', 'latin1'),
        'lfs.ts': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
        'node_modules/x/index.js': 'module.exports = 1;\n',
        'gen/a.ts': 'export const g = 1;\n',
        '.gitattributes': 'gen/** linguist-generated\n',
        'notes.txt': 'x\n',
    });
    symlinkSync('/etc/passwd', join(repo.path, 'link.ts'));
    repo.git('add', '-A', '-f');
    repo.git('update-index', '--add', '--cacheinfo', '160000,0123456789012345678901234567890123456789,sub');
    repo.git('commit', '-q', '-m', 'odd');
    const job = await stint.index({ repo: repo.path });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const files = Object.fromEntries((await stint.all(repo.path, 'files')).map((f) => [f.path, f.reason ?? f.status]));
    assert.deepEqual(files, {
        '.gitattributes': 'unsupported', 'big.ts': 'too_large', 'binary.js': 'binary', 'broken.ts': 'partial', 'gen/a.ts': 'generated', 'good.ts': 'ok', 'latin.py': 'ok',
        'lfs.ts': 'lfs_pointer', 'link.ts': 'symlink', 'min.js': 'minified', 'node_modules/x/index.js': 'ignored_dir', 'notes.txt': 'unsupported', sub: 'submodule',
    });
    assert.equal((await stint.query(repo.path, 'symbols', { q: 'café' })).symbols.length, 1);
    const outline = await stint.query(repo.path, 'outline', { file: 'broken.ts' });
    assert.equal(outline.symbols.filter((s) => s.name === 'after').length, 15);
    assert.ok(outline.file.error_count > 0);
});

test('hostile files do not keep the others from being indexed', async () => {
    const repo = small('hostile', {
        'deep.js': '('.repeat(200_000), 'deep.ts': '{a:['.repeat(60_000), 'deep.py': '['.repeat(200_000), 'deep.c': '{'.repeat(200_000), 'arrows.ts': 'a=>'.repeat(100_000),
    });
    const job = await stint.index({ repo: repo.path, max_file_bytes: 1 << 20 });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const files = await stint.all(repo.path, 'files');
    assert.equal(files.filter((f) => f.path.startsWith('src/')).every((f) => f.status === 'ok'), true);
});

/** A git host that answers every request with this status, and says what it was asked. */
async function fakeHost(status, body = '<html>\na page\n</html>\n') {
    const seen = [];
    const host = createServer((request, response) => {
        seen.push(request);
        response.writeHead(status, { 'content-type': 'text/plain', ...(status === 401 ? { 'www-authenticate': 'Basic realm="x"' } : {}) }).end(body);
    });
    await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${host.address().port}/us/repo.git`, seen, close: () => new Promise((resolve) => host.close(resolve)) };
}

test('what a host answers becomes a code and a class', async () => {
    for (const [status, code, kind] of [[401, 'auth_failed', 'permanent'], [403, 'auth_failed', 'permanent'], [404, 'repo_not_found', 'permanent'], [200, 'not_a_repository', 'permanent'], [429, 'http_429', 'transient'], [503, 'http_5xx', 'transient']]) {
        const host = await fakeHost(status);
        const job = await stint.index({ repo: host.url });
        await host.close();
        assert.deepEqual([job.state, job.error.code, job.error.class], ['failed', code, kind], `${status}: ${job.error.message}`);
    }
    const gone = await fakeHost(200);
    await gone.close();
    for (const [repo, code] of [[gone.url, 'connect'], ['https://nowhere.invalid/x.git', 'dns']]) {
        const job = await stint.index({ repo });
        assert.deepEqual([job.error.code, job.error.class], [code, 'transient'], job.error.message);
    }
});

/** A git host that serves the repositories below `root`, but first answers paths that begin with a key of `moved` by a redirect. */
async function gitHost(root, moved = {}) {
    const seen = [];
    const host = createServer((request, response) => {
        seen.push(`${request.method} ${request.url}`);
        const from = Object.keys(moved).find((path) => request.url.startsWith(`${path}/`));
        if (from) return response.writeHead(301, { location: moved[from] + request.url.slice(from.length) }).end();
        const { pathname, search } = new URL(request.url, 'http://x');
        const backend = spawn('git', ['http-backend'], {
            env: {
                PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*', GIT_PROJECT_ROOT: root,
                GIT_HTTP_EXPORT_ALL: '1', REQUEST_METHOD: request.method, PATH_INFO: pathname, QUERY_STRING: search.slice(1), GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
                CONTENT_TYPE: request.headers['content-type'] ?? '', HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '', REMOTE_ADDR: '127.0.0.1',
            },
            stdio: ['pipe', 'pipe', 'ignore'],
        });
        request.pipe(backend.stdin);
        const parts = [];
        backend.stdout.on('data', (part) => parts.push(part)).on('end', () => {
            const all = Buffer.concat(parts);
            const end = all.indexOf('\r\n\r\n');
            const head = String(all.subarray(0, end)).split('\r\n').map((line) => line.split(/: */));
            const status = Number(head.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
            response.writeHead(status, Object.fromEntries(head.filter(([name]) => name !== 'Status'))).end(all.subarray(end + 4));
        });
    });
    await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${host.address().port}`, seen, close: () => { host.closeAllConnections(); host.close(); } };
}

test('a repository that has moved is followed to where it may be, and nowhere else', async () => {
    small('moved');
    const host = await gitHost(stint.dir.path, {
        '/old': '/moved', '/inside': 'http://127.0.0.2:9', '/metadata': 'http://169.254.169.254/x', '/page': '/elsewhere#', '/round': '/round',
    });
    const rows = [
        ['/moved', 'completed', undefined],
        ['/old', 'completed', undefined],
        ['/inside', 'failed', 'blocked_address'],
        ['/metadata', 'failed', 'blocked_address'],
        ['/page', 'failed', 'redirected'],
        ['/round', 'failed', 'redirected'],
    ];
    for (const [path, state, code] of rows) {
        const job = await stint.index({ repo: host.url + path });
        assert.deepEqual([job.state, job.error?.code], [state, code], `${path}: ${job.error?.message}`);
        if (code) assert.equal(job.error.class, 'permanent');
    }
    host.close();
    const blocked = ['http://127.0.0.2/x', 'http://[::1]/x', 'http://2130706434/x', 'http://10.0.0.1/x', 'ssh://git@10.0.0.1/x', 'git@192.168.0.1:x', 'ssh://git@8.8.8.8:25/x', `http://127.0.0.1:${new URL(stint.server.url).port}/x`];
    for (const url of blocked) {
        const job = await stint.index({ repo: url });
        assert.deepEqual([job.error?.code, job.error?.class], ['blocked_address', 'permanent'], `${url}: ${job.error?.message}`);
    }
});

test('repositories that cannot be read say why, for good', async () => {
    const empty = new Repo(stint.dir, 'empty');
    const full = small('full');
    const plain = stint.dir.file('plain');
    execFileSync('mkdir', [plain]);
    const outside = makeDir('stint-outside-');
    const rows = [
        [{ repo: stint.dir.file('absent') }, 'repo_not_found'],
        [{ repo: plain }, 'not_a_repository'],
        [{ repo: empty.path }, 'empty_repository'],
        [{ repo: full.path, ref: 'no-such-branch' }, 'ref_not_found'],
        [{ repo: full.path, ref: '0123456789012345678901234567890123456789' }, 'ref_not_found'],
        [{ repo: full.path, ref: '--upload-pack=touch /tmp/x' }, 'invalid_input'],
        [{ repo: full.path, max_files: 2 }, 'too_large'],
        [{ repo: outside.path }, 'unsupported_protocol'],
        [{ repo: '/etc' }, 'unsupported_protocol'],
        [{ repo: 'git://127.0.0.1/x' }, 'unsupported_protocol'],
        [{ repo: 'ext::sh -c touch% /tmp/x' }, 'invalid_input'],
        [{ repo: 'https://me:pass@127.0.0.1/x' }, 'invalid_input'],
        [{ repo: 'http://127.0.0.1:1/x', secret: 'GITHUB' }, 'invalid_input'],
        [{ repo: 'https://127.0.0.1:1/x', secret: 'NOPE' }, 'invalid_input'],
        [{ repo: full.path, unknown: 1 }, 'invalid_input'],
    ];
    for (const [args, code] of rows) {
        const job = await stint.index(args);
        assert.deepEqual([job.state, job.error.code, job.error.class], ['failed', code, 'permanent'], `${JSON.stringify(args)}: ${job.error.message}`);
        assert.ok(!/pass@|me:pass/.test(JSON.stringify(job.error)), 'no password in the error');
    }
    outside.remove();
});

test('a secret is shown to nobody', async () => {
    const job = await stint.index({ repo: 'https://127.0.0.1:1/x', secret: 'GITHUB' });
    assert.equal(job.error.code, 'connect');
    const everything = JSON.stringify([job, await stint.events(job.id), stint.log]);
    for (const form of [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64'), encodeURIComponent(TOKEN)]) assert.ok(!everything.includes(form));
});
