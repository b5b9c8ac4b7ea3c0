#!/usr/bin/env node
// check-docs.mjs [ROOT]: whatever a user can name stands in the documentation, and every link in it leads somewhere.
// To have one more thing checked, add a row: where its names are in the source, and the page that must hold each.
import { dirname, join, normalize } from 'node:path';
import { exists, filesUnder, finish, lineOf, read, report, stripC, trackedFiles } from './lib/source.mjs';

const ROWS = [
    {
        thing: 'option',
        source: /^src\/cmd\/.*\.c$/,
        names: /^\s*\{\s*"([a-z][a-z0-9-]+)",\s*OPT_/gm,
        page: 'docs/config.md',
        as: (n) => `--${n}`,
    },
    {
        thing: 'sub-command',
        source: /^src\/cmd\/(main|commands)\.c$/,
        names: /^\s*\{\s*"([a-z][a-z-]+)",\s*cmd_/gm,
        page: 'docs/cli.md',
        as: (n) => `stint ${n}`,
    },
    {
        thing: 'route',
        source: /^src\/api\/routes\.c$/,
        names: /\{\s*(?:HTTP_)?"?(?:GET|POST|PUT|PATCH|DELETE)"?,\s*"(\/[^"]*)"/g,
        page: 'docs/api.md',
        as: (n) => n.replace(/:(\w+)/g, '{$1}'),
    },
    { thing: 'log event', source: /^src\/.*\.c$/, names: /\blog_(?:debug|info|warn|error)\(\s*"([a-z_.0-9]+)"/g, page: 'docs/events.md' },
    { thing: 'metric', source: /^src\/(api|queue)\/.*\.c$/, names: /"(stint_[a-z0-9_]+_(?:total|seconds|bytes|jobs|info|ratio|count))[ {"\\]/g, page: 'docs/events.md' },
    { thing: 'fault point', source: /^src\/.*\.c$/, names: /\bFAULT\(\s*"([a-z_.0-9]+)"/g, page: 'docs/testing.md' },
];

const sources = filesUnder(['src'], ['.c']);
let names = 0;
for (const row of ROWS) {
    const page = exists(row.page) ? read(row.page) : '';
    for (const file of sources.filter((f) => row.source.test(f))) {
        const text = stripC(read(file), { keepStrings: true });
        for (const m of text.matchAll(row.names)) {
            const want = row.as ? row.as(m[1]) : m[1];
            names++;
            if (!mentions(page, want)) report(file, lineOf(text, m.index), `${row.thing} ${want} is not in ${row.page}`);
        }
    }
}

/** True when the page holds the name as a whole, not as a part of a longer one. */
function mentions(page, name) {
    const escaped = name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    return new RegExp(`(?<![\\w.-])${escaped}(?![\\w-])`).test(page);
}

const pages = trackedFiles().filter((f) => f.endsWith('.md'));
let links = 0;
for (const page of pages) {
    const text = read(page).replace(/```[\s\S]*?```/g, (m) => m.replace(/[^\n]/g, ' '));
    for (const m of text.matchAll(/\]\(([^)\s#]+)(#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(m[1])) continue;
        links++;
        const target = normalize(join(dirname(page), m[1]));
        if (target.startsWith('..') || !exists(target)) report(page, lineOf(text, m.index), `link to ${m[1]} leads nowhere`);
    }
}
finish('docs', `${names} names, ${links} links in ${pages.length} pages`);
