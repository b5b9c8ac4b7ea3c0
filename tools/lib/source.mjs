// source.mjs: what our checks share: finding files, reading C as text without comments and strings, telling what is wrong.
// The checks run on any folder that looks like this repository, so that test/checks can show them a planted violation.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The folder to check: the first argument, or the repository. */
export const root = process.argv[2] ?? new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

const IGNORED = new Set(['.git', 'build', 'third_party', 'node_modules', 'var', 'data', 'planted']);

/** Paths, relative to root, of all files under the folders whose name ends with one of the endings; sorted. */
export function filesUnder(folders, endings) {
    const found = [];
    const walk = (path) => {
        for (const name of readdirSync(path)) {
            if (IGNORED.has(name)) continue;
            const full = join(path, name);
            if (statSync(full).isDirectory()) walk(full);
            else if (endings.some((e) => name.endsWith(e))) found.push(relative(root, full));
        }
    };
    for (const folder of folders) {
        const path = join(root, folder);
        if (existsSync(path)) statSync(path).isDirectory() ? walk(path) : found.push(folder);
    }
    return found.sort();
}

/** Every file that git knows or would add; all files where root is no repository of its own. */
export function trackedFiles() {
    if (!existsSync(join(root, '.git'))) return filesUnder(['.'], ['']);
    const out = execFileSync('git', ['-C', root, 'ls-files', '-co', '--exclude-standard', '-z'], { encoding: 'utf8', maxBuffer: 1 << 26 });
    return [...new Set(out.split('\0'))]
        .filter((f) => f && existsSync(join(root, f)) && statSync(join(root, f)).isFile() && !f.split('/').some((p) => IGNORED.has(p)))
        .sort();
}

export const read = (file) => readFileSync(join(root, file), 'utf8');
export const exists = (file) => existsSync(join(root, file));

/** C text with comments blanked, and with the insides of strings and characters blanked too unless told; lines stay lines. */
export function stripC(text, { keepStrings = false } = {}) {
    return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'/g, (m) => {
        if (m[0] === '/') return m.replace(/[^\n]/g, ' ');
        if (keepStrings) return m;
        return m[0] + m.slice(1, -1).replace(/[^\n]/g, '_') + m[0];
    });
}

export const lineOf = (text, index) => text.slice(0, index).split('\n').length;

const problems = [];

/** Notes a violation; said in one line each by finish(). */
export function report(file, line, message) {
    problems.push(`${file}:${line}: ${message}`);
}

/** Ends the check: prints what was found, and a closing line; exit code 1 when there was anything. */
export function finish(name, looked) {
    for (const p of problems) console.error(p);
    if (problems.length > 0) {
        console.error(`${name}: ${problems.length} problems`);
        process.exit(1);
    }
    console.log(`${name}: ok (${looked})`);
}
