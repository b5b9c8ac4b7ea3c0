#!/usr/bin/env node
// check-layers.mjs [ROOT]: who may include whom, and each outside header from one room only.
// The table is the one of docs/architecture.md; change both, with the reason in docs/decisions/.
import { filesUnder, finish, lineOf, read, report, stripC } from './lib/source.mjs';

const MAY_INCLUDE = {
    base: [],
    loop: ['base'],
    crypto: ['base'],
    db: ['base'],
    core: ['base'],
    net: ['base', 'loop', 'crypto'],
    wire: ['base', 'core'],
    codeindex: ['base', 'db'],
    markdown: ['base'],
    client: ['base', 'core', 'loop', 'net', 'wire'],
    worker: ['base', 'core', 'loop', 'net', 'wire', 'client'],
    store: ['base', 'core'],
    'store/rules': ['base', 'core', 'store'],
    'store/sqlite': ['base', 'core', 'db', 'store', 'store/rules'],
    'store/pg': ['base', 'core', 'db', 'store', 'store/rules'],
    queue: ['base', 'core', 'store', 'loop'],
    push: ['base', 'core', 'loop', 'crypto', 'net', 'wire', 'queue'],
    api: ['base', 'core', 'loop', 'crypto', 'net', 'wire', 'queue', 'push', 'codeindex'],
    kinds: ['base', 'codeindex', 'crypto/crypto.h', 'markdown/markdown.h', 'worker/handler.h', 'net/address.h', 'net/fetch.h', 'net/gunzip.h', 'net/http_types.h', 'net/url.h'],
    cmd: ['base', 'loop', 'crypto', 'db', 'core', 'net', 'wire', 'codeindex', 'markdown', 'client', 'worker', 'queue', 'push', 'api', 'kinds'],
};

// Commands that work on a store file without a server; nobody else in cmd/ calls the store.
const STORE_COMMANDS = ['cmd/cmd_migrate.c', 'cmd/cmd_copy.c', 'cmd/cmd_backup.c', 'cmd/cmd_keys.c'];

// Outside headers: the one room that may include each; utf8proc has two (docs/decisions/0014).
const OWNER = {
    'uv.h': 'loop',
    'sodium.h': 'crypto',
    'openssl/': 'crypto',
    'sqlite3.h': 'db',
    'llhttp.h': 'net',
    'curl/': 'net',
    'idn2.h': 'net',
    'zlib.h': 'net',
    'libpq-fe.h': 'db',
    'tree_sitter/': 'kinds',
    'libxml/': 'markdown',
    'pcre2.h': 'kinds',
    'utf8proc.h': ['kinds', 'markdown'],
    'seccomp.h': 'worker',
    'uthash.h': 'base',
};

// The C library, POSIX and Linux: free for all.
const SYSTEM = new RegExp(
    '^(sys|linux|netinet|arpa|net|asm)/|^(' +
        'assert|ctype|dirent|dlfcn|elf|endian|errno|fcntl|fnmatch|ftw|getopt|glob|grp|iconv|ifaddrs|inttypes|langinfo|limits|link|locale|malloc|math|netdb|poll|pthread|' +
        'pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|' +
        'string|strings|syslog|termios|time|unistd|wchar|wctype)\\.h$',
);

const files = filesUnder(['src'], ['.c', '.h']);

function roomOf(path) {
    const parts = path.split('/');
    const sub = parts.slice(0, 2).join('/');
    return MAY_INCLUDE[sub] ? sub : parts[0];
}

function mayInclude(file, target) {
    const room = roomOf(file);
    const other = roomOf(target);
    const allowed = MAY_INCLUDE[room];
    if (!allowed) return false;
    if (target.split('/').length > 2 && target.split('/')[0] !== file.split('/')[0]) return false; // a sub-folder is private
    if (room === other) return true;
    if (other === 'store' && STORE_COMMANDS.includes(file)) return true;
    return allowed.includes(other) || allowed.includes(target);
}

for (const file of files) {
    const inside = file.slice('src/'.length);
    const text = stripC(read(file), { keepStrings: true });
    for (const m of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]/gm)) {
        const [, mark, target] = m;
        const line = lineOf(text, m.index);
        if (mark === '"') {
            if (!target.includes('/')) report(file, line, `write the include from src/ on: "${target}" names no room`);
            else if (!mayInclude(inside, target)) report(file, line, `${roomOf(inside)} may not include ${target}`);
        } else if (!SYSTEM.test(target)) {
            const owner = Object.keys(OWNER).find((o) => (o.endsWith('/') ? target.startsWith(o) : target === o));
            if (!owner) report(file, line, `<${target}> is in no list of tools/check-layers.mjs: give it an owner`);
            else if (![OWNER[owner]].flat().includes(roomOf(inside).split('/')[0])) report(file, line, `<${target}> is for ${[OWNER[owner]].flat().join('/ and ')}/ only`);
        }
    }
}
finish('layers', `${files.length} files`);
