// series.mjs: the names under which code indexes are published.

/** The series of a repository and ref: src/codeindex/codeindex_name.c. */
export function seriesOf(repo, ref = 'HEAD') {
    const fnv = (text) => {
        let h = 0xcbf29ce484222325n;
        for (const byte of Buffer.from(text)) h = ((h ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
        return h.toString(16).padStart(16, '0');
    };
    return `code-index:${fnv(`${repo}\n${ref}`)}${fnv(`series\n${repo}\n${ref}`)}`;
}
