#!/usr/bin/env node
// check-sizes.mjs [ROOT]: functions of at most 80 lines, 6 parameters and 4 levels; files of at most 800 lines.
// Relies on the format that clang-format gives: a function's braces stand alone in the first column.
import { filesUnder, finish, read, report, stripC } from './lib/source.mjs';

const MAX_FILE_LINES = 800;
const MAX_LINES = 80;
const MAX_PARAMS = 6;
const MAX_LEVELS = 4;

/** Parameters in the text before a function's body. */
function countParams(signature) {
    const start = signature.search(/\b(?!__attribute__\b)\w+\s*\(/);
    if (start < 0) return 0;
    let depth = 0;
    let commas = 0;
    let inside = '';
    for (const c of signature.slice(signature.indexOf('(', start))) {
        if (c === ')' && --depth === 0) break;
        if (depth === 1 && c === ',') commas++;
        if (depth >= 1) inside += c;
        if (c === '(') depth++;
    }
    return /^\s*(void)?\s*$/.test(inside) ? 0 : commas + 1;
}

/** How deep the control structures of a body nest; braces of initializers do not count. */
function countLevels(body) {
    const stack = [];
    let deepest = 0;
    let before = '';
    for (const c of body) {
        if (c === '{') {
            stack.push(/(\)|\belse|\bdo|:)\s*$/.test(before) && !/\(\s*(const\s+)?struct \w+(\s*\[\w*\])?\s*\)\s*$/.test(before));
            deepest = Math.max(deepest, stack.filter(Boolean).length);
        } else if (c === '}') {
            stack.pop();
        }
        before = (before + c).slice(-80);
    }
    return deepest;
}

const files = filesUnder(['src', 'test', 'bench', 'tools'], ['.c', '.h']);
let functions = 0;

for (const file of files) {
    const raw = read(file);
    const lines = stripC(raw).split('\n');
    const count = raw.split('\n').length - 1;
    if (count > MAX_FILE_LINES) report(file, 1, `${count} lines, at most ${MAX_FILE_LINES} in a file`);

    for (let i = 0; i < lines.length; i++) {
        if (lines[i] !== '{') continue;
        let top = i - 1;
        while (top > 0 && !/^\s*$|^\s*#|[;}]\s*$/.test(lines[top - 1])) top--;
        let end = i + 1;
        while (end < lines.length && lines[end] !== '}') end++;
        const signature = lines.slice(top, i).join(' ');
        const name = /\b(?!__attribute__\b)(\w+)\s*\(\s*(\w*)/.exec(signature);
        const label = /^[A-Z_]+$/.test(name?.[1] ?? '') ? name[2] : (name?.[1] ?? '?');
        functions++;

        const length = end - i + (i - top) + 1;
        if (length > MAX_LINES) report(file, top + 1, `${label} has ${length} lines, at most ${MAX_LINES}`);
        const params = countParams(signature);
        if (params > MAX_PARAMS) report(file, top + 1, `${label} has ${params} parameters, at most ${MAX_PARAMS}`);
        const levels = countLevels(lines.slice(i + 1, end).join('\n'));
        if (levels > MAX_LEVELS) report(file, top + 1, `${label} is ${levels} levels deep, at most ${MAX_LEVELS}`);
        i = end;
    }
}
finish('sizes', `${files.length} files, ${functions} functions`);
