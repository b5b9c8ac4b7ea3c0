// An nginx of its own that serves a folder of documentation, and what its log says.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';

import { makeDir, ours } from '../../e2e/lib/server.mjs';

export const NGINX = '/usr/sbin/nginx';
const SERVE = new URL('../../../tools/serve-folder.sh', import.meta.url).pathname;
const isRequired = /(^|[ ,])sites($|[ ,])/.test(process.env.REQUIRE ?? '');

// Of Debian 12: 526 and, as of PostgreSQL 15.20, 1,169 pages; each release of PostgreSQL brings one more with its notes.
export const SITES = [
    { name: 'python3-doc', root: '/usr/share/doc/python3-doc/html', unlinked: 4, turns: 5 }, // nothing leads to four of its files
    { name: 'postgresql-doc-15', root: '/usr/share/doc/postgresql-doc-15/html', unlinked: 0, turns: 4 },
];

/** Why a test of this site cannot run here, or false. REQUIRE=sites makes that a failure. */
export function skipSite(site) {
    if (isRequired || (existsSync(NGINX) && existsSync(site.root))) return false;
    return `no ${NGINX} or no ${site.root}`;
}

/** How many pages a crawl of it finds, by its files. */
export const pagesOf = (site) => readdirSync(realpathSync(site.root), { recursive: true }).filter((name) => name.endsWith('.html')).length - site.unlinked;

/** Serves a folder; `directives` are nginx's, of its server. */
export async function serveFolder(root, directives = '') {
    const dir = makeDir('stint-nginx-');
    const nginx = spawn(SERVE, [root, dir.path, directives], { stdio: ['ignore', 'pipe', 'inherit'] });
    ours(nginx);
    const [line] = await once(nginx.stdout, 'data');
    const url = String(line).trim();
    const isThere = () => fetch(`${url}/`).then(() => true, () => false);
    while (!(await isThere())) if (nginx.exitCode !== null) throw new Error(readFileSync(dir.file('error.log'), 'utf8'));
    return {
        url,
        /** [{ from, to, status, path }], in ms, of all requests that ended. */
        requests: () =>
            readFileSync(dir.file('access.log'), 'utf8').trim().split('\n').map((l) => {
                const [ended, took, status, path] = l.split(' ');
                const to = Math.round(Number(ended) * 1000);
                return { from: to - Math.round(Number(took) * 1000), to, status: Number(status), path };
            }),
        close: async () => {
            nginx.kill('SIGTERM');
            await once(nginx, 'exit');
            dir.remove();
        },
    };
}

/** How many requests were answered at once at most. Times are whole milliseconds: an end and a beginning in the same one are no overlap. */
export function mostAtOnce(requests) {
    const moments = requests.flatMap((r) => (r.to - r.from > 1 ? [[r.from + 1, 1], [r.to - 1, -1]] : []));
    moments.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let open = 0;
    let most = 0;
    for (const [, change] of moments) most = Math.max(most, (open += change));
    return most;
}
