// Random robots.txt beside npm's robots-parser. Where the two are known to differ, RFC 9309 decides, and the reason stands below;
// what is generated keeps away from those places. SEED= repeats a run, CASES= makes it longer.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import test from 'node:test';

import robotsParser from 'robots-parser';

const CASES = Number(process.env.CASES ?? (process.env.STINT_SMALL ? 200 : 600));
const seed = Number(process.env.SEED ?? Date.now() % 1000000);
const ORIGIN = 'http://docs.example.org';

function random(state) {
    return n => {
        state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
        return (state >>> 8) % n;
    };
}
const r = random(seed);
const pick = list => list[r(list.length)];
const many = (most, make) => Array.from({ length: r(most + 1) }, make);

function ask(questions) {
    const driver = spawnSync(`${process.env.STINT_BUILD}/test/robots`, { input: questions.map(q => JSON.stringify(q)).join('\n') + '\n', maxBuffer: 1 << 28 });
    assert.equal(driver.status, 0, String(driver.stderr));
    return String(driver.stdout).trim().split('\n').map(line => JSON.parse(line));
}

const segment = () => pick(['a', 'b', 'ab', 'a.html', 'b.php', '~a', '%C3%BC', '%c3%bc', 'ü', 'x-y_z', '']);
const path = () => '/' + Array.from({ length: r(4) }, segment).join('/') + pick(['', '', '?a=1', '?b', '/']);
const pattern = () => pick([path, path, () => path() + '*', () => '/*' + segment(), () => '/*' + segment() + '$', () => path() + '$', () => '*' + segment(), () => `/${segment()}*${segment()}*`, () => ''])();
const blank = () => pick(['', ' ', '\t']);
const field = (name, value) => `${blank()}${pick([name, name.toLowerCase(), name.toUpperCase()])}${blank()}:${blank()}${value}${pick(['', '', ' # note'])}`;
const agents = () => many(2, () => field('User-agent', pick(['*', 'stint', 'Stint', 'other', 'stint/2.0', 'stintbot'])));
const rules = () => many(4, () => field(pick(['Allow', 'Disallow']), pattern()));
// robots-parser ends the list of agents at any other record; RFC 9309, 2.2.4: they do not interfere. So ours stand behind a rule.
const others = () => many(1, () => pick([field('Sitemap', `${ORIGIN}/s.xml`), '']));
// A group without rules is a group all the same, but not for robots-parser.
const group = () => [...agents(), field('Disallow', pattern()), ...rules()];

test(`random files beside robots-parser (SEED=${seed})`, () => {
    const questions = Array.from({ length: CASES }, () => {
        const lines = [...many(4, group).flat(), ...others()];
        return { robots: lines.join(pick(['\n', '\r\n', '\r'])), agent: 'stint', urls: Array.from({ length: 8 }, () => ORIGIN + path()) };
    });
    const answers = ask(questions);
    questions.forEach((q, i) => {
        const oracle = robotsParser(`${ORIGIN}/robots.txt`, q.robots);
        q.urls.forEach((url, k) => {
            assert.equal(answers[i].allowed[k], oracle.isAllowed(url, 'stint'), `${url} under\n${q.robots}`);
        });
        assert.deepEqual(answers[i].sitemaps, oracle.getSitemaps(), q.robots);
    });
});

test('where robots-parser differs, the RFC decides', () => {
    const differences = [
        // [robots.txt, path, allowed by the RFC, allowed by robots-parser, why]
        ['User-agent: *\nDisallow: /%7ejoe', '/~joe', false, true, '2.2.2: unreserved escapes are decoded before comparison'],
        ['User-agent: *\nDisallow: /file-%2A.html', '/file-*.html', false, true, '2.2.3: an escaped star is a literal one'],
        ['User-agent: *\nDisallow: /\n\nUser-agent: stint\n', '/a', true, false, '2.1: a group may have no rules'],
        ['User-agent: other\nCrawl-delay: 3\nUser-agent: stint\nDisallow: /', '/a', false, false, '2.2.4: other records do not interfere'],
        ['User-agent: stint\nCrawl-delay: 3\nUser-agent: other\nDisallow: /', '/a', false, true, '2.2.4: other records do not interfere'],
        ['User-agent: *\nDisallow: /', '/robots.txt', true, false, '2.2.2: /robots.txt is implicitly allowed'],
        ['User-agent: stint 2.0\nDisallow: /', '/a', false, true, '2.2.1: what is behind the product token does not count'],
    ];
    const answers = ask(differences.map(([robots, at]) => ({ robots, agent: 'stint', urls: [ORIGIN + at] })));
    differences.forEach(([robots, at, ours, theirs, why], i) => {
        assert.equal(answers[i].allowed[0], ours, why);
        assert.equal(robotsParser(`${ORIGIN}/robots.txt`, robots).isAllowed(ORIGIN + at, 'stint'), theirs, why);
    });
});
