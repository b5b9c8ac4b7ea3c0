// The checker of the kill loop is tested first: each rule sees the violation that it is for, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './lib/history.mjs';

function history(change = () => {}) {
    const h = new History();
    const stored = new Map();
    for (const id of ['a', 'b']) {
        h.job(id).enqueued = true;
        stored.set(id, { id, state: 'completed' });
    }
    h.claimed('a', 1);
    h.ended('a', 1, 'completed', false);
    h.ended('a', 1, 'completed', true);
    change(h, stored);
    h.compare(stored);
    return h.problems;
}

const VIOLATIONS = {
    'acknowledged and lost': (h, stored) => stored.delete('b'),
    'enqueued twice': (h, stored) => stored.set('c', { id: 'c', state: 'queued' }),
    'ended more than once': (h) => h.ended('a', 1, 'completed', false),
    'two outcomes': (h) => h.ended('a', 1, 'failed', true),
    'was told completed, is queued': (h, stored) => (stored.get('a').state = 'queued'),
    'its cancel was acknowledged, it is completed': (h) => (h.job('b').cancelled = true),
    'lease 1 after 1': (h) => h.claimed('a', 1),
    'lease 3 after 4': (h) => [4, 3].forEach((lease) => h.claimed('a', lease)),
    'handed out after its cancel': (h, stored) => {
        h.job('b').cancelled = true;
        stored.get('b').state = 'cancelled';
        h.claimed('b', 2);
    },
};

test('a history without a violation is believed', () => {
    assert.deepEqual(history(), []);
});

for (const [what, change] of Object.entries(VIOLATIONS)) {
    test(`a history is not believed: ${what}`, () => {
        const problems = history(change);
        assert.equal(problems.length, 1, problems.join('\n'));
        assert.ok(problems[0].includes(what), problems[0]);
    });
}
