#!/usr/bin/env node
// check-bans.mjs [ROOT]: what we do not write, beyond what the compiler refuses (src/base/banned.h).
// A row: what it is called, which files, what is looked for, and what to do instead. C rows see code without comments.
import { filesUnder, finish, lineOf, read, report, stripC, trackedFiles } from './lib/source.mjs';

const isC = (f) => /\.[ch]$/.test(f);
const isScript = (f) => /\.m?js$/.test(f);
const isSelf = (f) => f === 'tools/check-bans.mjs';
const isClockUser = (f) => /^src\/(cmd|loop)\//.test(f) || /^src\/base\/(clock|log|id)\.c$/.test(f) || /^bench\//.test(f);

const ROWS = [
    { where: (f) => /\.(c|h|mjs|js|sh|md|sql|json|html|css)$/.test(f), what: /\b(TODO|FIXME|XXX|HACK)\b/g, instead: 'do it, or write an issue' },
    { where: isC, code: true, what: /\btypedef\s+(struct|union|enum)\b/g, instead: 'say `struct x`' },
    { where: (f) => isC(f) && /^test\//.test(f), code: true, what: /\b(sleep|usleep|nanosleep|uv_sleep)\s*\(/g, instead: 'move the clock or wait for a signal' },
    {
        where: (f) => isScript(f) && /^test\//.test(f),
        what: /timers\/promises|setTimeout\(\s*(resolve|r|ok|done|res)\b/g,
        instead: 'wait for what you wait for, not for time',
    },
    {
        where: (f) => isC(f) && /^src\//.test(f) && !isClockUser(f),
        code: true,
        what: /\b(clock_gettime|gettimeofday|time)\s*\(/g,
        instead: '`now` is an argument; clock.h is the one reader of clocks',
    },
    {
        where: (f) => isC(f) && /^src\/(core|wire|queue|api|push)\//.test(f),
        code: true,
        what: /\bclock_(wall_ms|boot_ms)\s*\(/g,
        instead: '`now` is an argument here',
    },
    { where: (f) => /package-lock\.json$/.test(f), what: /"resolved":/g, instead: 'strip download addresses from lock files' },
    { where: (f) => /\.test\.mjs$/.test(f), what: /\b(test|it|describe)\.(only|todo)\b/g, instead: 'run every test' },
];

const files = trackedFiles().filter((f) => !isSelf(f) && !/(^|\/)corpus\//.test(f));
for (const file of files) {
    const rows = ROWS.filter((r) => r.where(file));
    if (rows.length === 0) continue;
    const raw = read(file);
    const code = rows.some((r) => r.code) ? stripC(raw) : '';
    for (const row of rows) {
        const text = row.code ? code : raw;
        for (const m of text.matchAll(row.what)) report(file, lineOf(text, m.index), `"${m[0]}": ${row.instead}`);
    }
}

// A test that checks nothing passes for ever. Checks may stand in helpers, of the same file or another.
const CHECKS = /\b(CHECK_\w+|OK|FAILS|VERDICT\w*|claim_(one|none)|ck_\w+)\s*\(/;
const bodies = []; // of all functions of the tests
for (const file of filesUnder(['test'], ['.c', '.h'])) {
    const text = stripC(read(file));
    for (const m of text.matchAll(/^(?!#)(\w[^;{}\n]*\([^;{}]*)\n\{\n([\s\S]*?)\n\}/gm)) {
        const [, name, first] = /(\w+)\s*\(\s*(\w*)/.exec(m[1]);
        const isTest = /^([A-Z]+_)*TEST/.test(name);
        bodies.push({ file, line: lineOf(text, m.index), name: isTest ? first : name, isTest, body: m[2], checks: CHECKS.test(m[2]) });
    }
}
for (let grew = true; grew; ) {
    grew = false;
    const checking = new Set(bodies.filter((b) => b.checks).map((b) => b.name));
    for (const b of bodies.filter((x) => !x.checks)) {
        if ([...b.body.matchAll(/\b(\w+)\s*\(/g)].some((m) => checking.has(m[1]))) grew = b.checks = true;
    }
}
for (const b of bodies) {
    if (b.isTest && !b.checks) report(b.file, b.line, `test ${b.name} checks nothing`);
}
finish('bans', `${files.length} files`);
