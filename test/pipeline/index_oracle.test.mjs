// The index of real sources against other readers of them: TypeScript against the compiler itself, Python against `ast`.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Repo, startIndexing } from './lib/indexing.mjs';
import { Oracle } from './lib/ts_oracle.mjs';

const modules = resolve('test/node_modules');
const FLOORS = { recall: 0.95, precision: 0.97 };
const KINDS = ['function', 'method', 'class', 'interface', 'type', 'enum', 'enum_member', 'namespace', 'property'];
let stint;
before(async () => { stint = await startIndexing(); });
after(() => stint.stop());

/** Sources of several packages as one workspace that is nobody's: what the packages ship, with a tsconfig of its own. */
function realSources(name) {
    const repo = new Repo(stint.dir, name);
    for (const p of ['rxjs', 'zod', '@reduxjs/toolkit', '@tanstack/query-core']) {
        const to = `packages/${p.replace('@', '').replace('/', '-')}`;
        repo.copy(join(modules, p, 'src'), `${to}/src`);
        repo.write({ [`${to}/package.json`]: readFileSync(join(modules, p, 'package.json'), 'utf8') });
        if (existsSync(join(modules, p, 'tsconfig.json'))) repo.write({ [`${to}/tsconfig.json`]: readFileSync(join(modules, p, 'tsconfig.json'), 'utf8') });
    }
    repo.write({ 'package.json': '{"name": "all", "private": true, "workspaces": ["packages/*"]}' });
    repo.commit();
    return repo;
}

const key = (d) => `${d.name}\0${d.line}`;
const byKind = (list, kind) => list.filter((d) => d.kind === kind);

/** Counts per kind: what is there, what of it was found, what was told, what of that is right. */
function score(table, truth, found) {
    for (const kind of KINDS) {
        const t = (table[kind] ??= { there: 0, found: 0, told: 0, right: 0, examples: [] });
        const told = new Set(byKind(found, kind).map(key));
        const real = new Set(byKind(truth, kind).map(key));
        for (const d of byKind(truth, kind)) {
            if (d.local) continue;
            t.there++;
            if (told.has(key(d))) t.found++;
            else t.examples.push(`missed ${d.name}:${d.line}`);
        }
        for (const d of byKind(found, kind)) {
            t.told++;
            if (real.has(key(d))) t.right++;
            else t.examples.push(`wrong ${d.name}:${d.line}`);
        }
    }
}

/** Prints recall and precision per kind; fails below the floors. */
function judge(table) {
    for (const [kind, t] of Object.entries(table)) {
        if (t.there === 0) continue;
        const recall = t.found / t.there;
        const precision = t.told ? t.right / t.told : 1;
        console.log(`  ${kind.padEnd(12)} recall ${recall.toFixed(4)} (${t.found}/${t.there})  precision ${precision.toFixed(4)} (${t.right}/${t.told})`);
        assert.ok(recall >= FLOORS.recall, `${kind}: recall ${recall}: ${t.examples.slice(0, 10).join(', ')}`);
        assert.ok(precision >= FLOORS.precision, `${kind}: precision ${precision}: ${t.examples.slice(0, 10).join(', ')}`);
    }
}

function groupByPath(symbols) {
    const groups = new Map();
    for (const s of symbols) {
        if (!groups.has(s.path)) groups.set(s.path, []);
        groups.get(s.path).push({ name: s.name, line: s.line, kind: s.kind === 'constant' ? 'variable' : s.kind });
    }
    return groups;
}

test('TypeScript sources are read as the compiler reads them', async () => {
    const repo = realSources('real');
    const job = await stint.index({ repo: repo.path });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const files = (await stint.all(repo.path, 'files', { path: 'packages/' })).filter((f) => ['ok', 'partial'].includes(f.status) && f.lang !== 'c');
    assert.ok(files.length > 600, `${files.length} files`);
    const found = groupByPath(await stint.all(repo.path, 'symbols', { locals: 'true' }));
    const oracle = new Oracle(repo.path, repo.git('ls-files', '-z').split('\0'));
    const table = {};
    const truth = new Map();
    for (const f of files) {
        truth.set(f.path, oracle.read(f.path));
        score(table, truth.get(f.path).declarations, found.get(f.path) ?? []);
    }
    console.log(`  ${files.length} files, ${job.result.symbol_count} symbols in ${job.result.ms.total} ms`);
    judge(table);
    await checkEdges(repo, files, truth);
});

/** The imports of many files, a few questions at a time: path → specifier → import. */
async function importsOf(repo, paths) {
    const all = new Map();
    const rest = [...paths];
    const ask = async () => {
        for (let path = rest.pop(); path; path = rest.pop()) {
            const { imports } = await stint.query(repo.path, 'deps', { file: path });
            all.set(path, new Map(imports.map((i) => [i.specifier, i])));
        }
    };
    await Promise.all([ask(), ask(), ask(), ask()]);
    return all;
}

/** Every internal edge of the compiler is there, and none that it would deny. */
async function checkEdges(repo, files, truth) {
    let edges = 0;
    const missing = [];
    const wrong = [];
    const told = await importsOf(repo, files.map((f) => f.path).filter((p) => truth.get(p).edges.length > 0));
    for (const [path, imports] of told) {
        for (const r of truth.get(path).edges) {
            const t = imports.get(r.specifier);
            const target = t?.class === 'internal' ? t.target : null;
            edges += r.target !== null;
            if (r.target !== null && target === null) missing.push(`${path}: ${r.specifier} is ${r.target}`);
            // A sister package is not installed here, so that only we can follow its name.
            const isSister = r.target === null && !r.specifier.startsWith('.');
            if (target !== null && target !== r.target && !isSister) wrong.push(`${path}: ${r.specifier} is ${r.target}, not ${target}`);
        }
    }
    console.log(`  ${edges} internal edges, ${missing.length} missing, ${wrong.length} wrong`);
    assert.ok(edges > 1500, `${edges} edges`);
    assert.deepEqual(wrong, []);
    assert.deepEqual(missing, []);
}

const PYTHON_ORACLE = `
import ast, json, sys
out = {}
for path in sys.stdin.read().split('\\0'):
    if not path: continue
    try: tree = ast.parse(open(path, 'rb').read())
    except (SyntaxError, ValueError): continue
    rows = []
    def walk(node, parent_is_class):
        for c in ast.iter_child_nodes(node):
            if isinstance(c, (ast.FunctionDef, ast.AsyncFunctionDef)):
                rows.append({'name': c.name, 'line': c.lineno, 'kind': 'method' if parent_is_class else 'function', 'local': False})
                walk(c, False)
            elif isinstance(c, ast.ClassDef):
                rows.append({'name': c.name, 'line': c.lineno, 'kind': 'class', 'local': False})
                walk(c, True)
            elif isinstance(c, ast.expr): pass
            else: walk(c, parent_is_class)
    walk(tree, False)
    out[path] = rows
print(json.dumps(out))
`;

/** The folder of Python's own library, "" without Python. */
function pythonLibrary() {
    const found = spawnSync('python3', ['-c', 'import ast, os; print(os.path.dirname(ast.__file__))'], { encoding: 'utf8' });
    return found.status === 0 ? found.stdout.trim() : '';
}

test('Python sources are read as ast reads them', { skip: pythonLibrary() ? false : 'python3 is not installed' }, async () => {
    const library = pythonLibrary();
    const repo = new Repo(stint.dir, 'python');
    for (const part of ['asyncio', 'json', 'email', 'http', 'unittest', 'logging', 'concurrent']) repo.copy(join(library, part), part);
    repo.commit();
    const job = await stint.index({ repo: repo.path, languages: ['python'] });
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const found = groupByPath(await stint.all(repo.path, 'symbols', { locals: 'true' }));
    const paths = repo.git('ls-files', '-z', '*.py').split('\0').filter(Boolean);
    const oracle = spawnSync('python3', ['-c', PYTHON_ORACLE], { cwd: repo.path, input: paths.join('\0'), encoding: 'utf8', maxBuffer: 1 << 28 });
    const truth = JSON.parse(oracle.stdout);
    const table = {};
    for (const [path, rows] of Object.entries(truth)) {
        score(table, rows, (found.get(path) ?? []).filter((s) => ['function', 'method', 'class'].includes(s.kind)));
    }
    assert.ok(table.function.there > 100 && table.method.there > 1000);
    judge(table);
});
