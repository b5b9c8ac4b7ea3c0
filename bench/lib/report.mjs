// report.mjs: what a person reads: one row a figure, its limit, its ratio, the floor and the goal; and what was missed.
import { record } from './machine.mjs';

const missed = [];
const rows = [];

export const say = (text) => console.log(text);
export const heading = (text) => say(`\n${text}`);

/** 12345.6 -> "12,346"; small numbers keep what matters. */
export function number(n) {
    if (Math.abs(n) >= 100) return Math.round(n).toLocaleString('en-US');
    return n.toFixed(Math.abs(n) >= 10 ? 1 : 2);
}

const line = (cells) => say(`  ${cells[0].padEnd(44)} ${cells.slice(1).map((c) => c.padStart(13)).join(' ')}`);
export const columns = (...names) => line(names);

/**
 * One figure. `value` is what is judged, `at` how ('least' or 'most'), against `floor`; `shown` stands in the second column.
 * A missed floor is said once here and once at the end; it is no failure of the bench.
 */
export function figure({ name, shown, limit = '', ratio, value, floor, most = false, goal = '', unit = '' }) {
    const judged = value ?? ratio;
    const holds = floor === undefined || (most ? judged <= floor : judged >= floor);
    const bound = floor === undefined ? '' : `${most ? '<=' : '>='} ${number(floor)}${unit}`;
    line([name, shown, limit, ratio === undefined ? '' : number(ratio), bound, goal]);
    rows.push({ name, shown, limit, ratio, judged, floor, most, holds });
    record({ figure: name, shown, limit, ratio, value: judged, floor, most, holds });
    if (!holds) {
        const text = `FLOOR MISSED: ${name}: ${number(judged)}${unit}, floor ${bound}`;
        missed.push(text);
        say(`  ${text}`);
    }
}

/** Repeats what was missed; true when nothing was. */
export function closing(seconds) {
    heading(`${rows.length} figures in ${Math.round(seconds)} s; ${missed.length} floors missed`);
    missed.forEach(say);
    return missed.length === 0;
}
