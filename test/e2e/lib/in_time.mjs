// in_time.mjs: for tests whose subject is time. A machine with other work is late now and then, a program that is late is late always.
import assert from 'node:assert/strict';

/** Runs `once` until one of the runs takes less than `ms`: it resolves with what is to be measured, in milliseconds. */
export async function inTime(ms, once, why) {
    const took = [];
    for (let i = 0; i < 5; i++) {
        took.push(await once());
        if (took.at(-1) < ms) return;
    }
    assert.fail(`${why}: took ${took.map(Math.round).join(', ')} ms, and not once less than ${ms}`);
}
