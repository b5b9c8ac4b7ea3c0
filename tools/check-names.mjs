#!/usr/bin/env node
// check-names.mjs [ROOT]: a function that is not static has a name that no other file of src gives to one of its own, and none of the
// tests. The linker takes the first that it finds in an archive, and says nothing.
// Relies on the format that clang-format gives: a function's braces stand alone in the first column.
import { filesUnder, finish, lineOf, read, report, stripC } from './lib/source.mjs';

/** Functions of the file that others can call: their names and lines. */
function functionsOf(file) {
    const text = stripC(read(file));
    const found = [];
    for (const m of text.matchAll(/^(?!#)(\w[^;{}]*?\([^;{}]*\))\s*\n\{$/gm)) {
        if (/^(static|TEST|STORE_TEST)\b/.test(m[1])) continue;
        const name = /\b(?!__attribute__\b)(\w+)\s*\(/.exec(m[1])?.[1];
        if (name && !/^[A-Z_0-9]+$/.test(name)) found.push({ name, line: lineOf(text, m.index) });
    }
    return found;
}

const homes = new Map();
const sources = filesUnder(['src'], ['.c']);
for (const file of sources) {
    for (const { name, line } of functionsOf(file)) {
        const home = homes.get(name);
        if (home && home !== file) report(file, line, `${name} is a function of ${home}, too`);
        else homes.set(name, file);
    }
}
for (const file of filesUnder(['test'], ['.c'])) {
    for (const { name, line } of functionsOf(file)) {
        if (homes.has(name) && name !== 'main') report(file, line, `${name} is a function of ${homes.get(name)}, too`);
    }
}
finish('names', `${homes.size} functions in ${sources.length} files`);
