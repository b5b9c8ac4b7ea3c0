// cron_rule.mjs: the rules of src/core/cron.h written down once more, as slowly and plainly as can be: every minute of
// the time zone's clock is looked at, with the offsets of this runtime's own time zone data. It judges where other
// implementations of cron disagree.

const WORDS = {
    month: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
    weekday: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
};
const MINUTE = 60000;
const DAY = 86400000;

/** Is `n` in the field `text` of plain lists, ranges and steps? */
function plainHas(text, n, min, max, value = Number) {
    return text.split(',').some(part => {
        if (/L|#/.test(part.replace(/JUL/, ''))) return false;
        const [range, step] = part.split('/');
        if (range === '*' || range === '?') return (n - min) % Number(step ?? 1) === 0;
        const ends = range.split('-');
        const from = value(ends[0]);
        const to = ends[1] !== undefined ? value(ends[1]) : step ? max : from;
        return n >= from && n <= to && (n - from) % Number(step ?? 1) === 0;
    });
}

const monthValue = t => (WORDS.month.indexOf(t) >= 0 ? WORDS.month.indexOf(t) + 1 : Number(t));
const weekdayValue = t => (WORDS.weekday.indexOf(t) >= 0 ? WORDS.weekday.indexOf(t) : Number(t));

/** Does the local time in `d` (the UTC fields of a Date) match? */
export function matcher(expression) {
    const macro = {
        '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
        '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
    }[expression];
    const fields = (macro ?? expression).toUpperCase().trim().split(/\s+/);
    if (fields.length === 5) fields.unshift('0');
    const [seconds, minutes, hours, days, months, weekdays] = fields;
    const isOpen = text => /^[*?]/.test(text);

    function dayMatches(d) {
        const last = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate();
        const day = d.getUTCDate();
        const weekday = d.getUTCDay();
        const byDay = plainHas(days, day, 1, 31) ||
            days.split(',').some(p => p.startsWith('L') && day === last - Number(p.slice(2) || 0));
        const byWeekday =
            [weekday, weekday === 0 ? 7 : weekday].some(w => plainHas(weekdays, w, 0, 6 + (w === 7), weekdayValue)) ||
            weekdays.split(',').some(p => {
                if (p.endsWith('L')) return weekdayValue(p.slice(0, -1)) % 7 === weekday && day > last - 7;
                const [which, nth] = p.split('#');
                return nth !== undefined && weekdayValue(which) % 7 === weekday && Math.ceil(day / 7) === Number(nth);
            });
        return isOpen(days) || isOpen(weekdays) ? byDay && byWeekday : byDay || byWeekday;
    }

    const memo = new Map();
    const dateMatches = local => {
        const day = Math.floor(local / DAY);
        if (!memo.has(day)) {
            const d = new Date(day * DAY);
            memo.set(day, plainHas(months, d.getUTCMonth() + 1, 1, 12, monthValue) && dayMatches(d));
        }
        return memo.get(day);
    };
    const all = (text, n) => Array.from({ length: n }, (_, i) => plainHas(text, i, 0, n - 1));
    const [s, m, h] = [all(seconds, 60), all(minutes, 60), all(hours, 24)];
    return {
        isInterval: h.every(x => x),
        dateMatches,
        /** The matching seconds of the minute that begins at the local time `local`. */
        secondsOf(local) {
            const d = new Date(local);
            if (!m[d.getUTCMinutes()] || !h[d.getUTCHours()] || !dateMatches(local)) return [];
            return s.flatMap((x, i) => (x ? [i] : []));
        },
    };
}

const formats = new Map();

/** Local minus UTC at an instant, in ms. */
export function offsetAt(zone, at) {
    if (!formats.has(zone)) {
        formats.set(zone, new Intl.DateTimeFormat('en-US', {
            timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
        }));
    }
    const p = Object.fromEntries(formats.get(zone).formatToParts(new Date(at)).map(x => [x.type, Number(x.value)]));
    return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - at;
}

/** The next `count` ticks after `after`, by looking at every minute; it gives up after `days`. */
export function ticksByRule(expression, zone, after, count, days = 800) {
    const rule = matcher(expression);
    const found = [];
    const start = Math.floor(after / MINUTE) * MINUTE;
    let offset = offsetAt(zone, start - 3 * DAY);
    let furthest = -Infinity; // all local times before it have been shown
    const push = at => {
        if (at > after && at !== found.at(-1)) found.push(at);
    };
    for (let hour = Math.floor(start / 3600000) * 3600000 - 3 * DAY; hour < start + days * DAY && found.length < count; hour += 3600000) {
        const isSteady = offsetAt(zone, hour + 3600000) === offset && offsetAt(zone, hour) === offset;
        const local = hour + offset;
        if (isSteady && furthest <= local && !rule.dateMatches(local) && !rule.dateMatches(local + 3599999)) {
            furthest = Math.max(furthest, local + 3600000);
            continue;
        }
        for (let at = hour; at < hour + 3600000; at += MINUTE) {
            const now = isSteady ? offset : offsetAt(zone, at);
            const shown = at + now;
            if (now > offset && !rule.isInterval) { // the clock jumps: what it skips fires here
                for (let t = at + offset; t < shown; t += MINUTE) {
                    if (t >= furthest && rule.secondsOf(t).length) push(at);
                }
            }
            if (rule.isInterval || shown >= furthest) {
                for (const s of rule.secondsOf(shown)) push(at + s * 1000);
            }
            furthest = Math.max(furthest, shown + MINUTE);
            offset = now;
        }
    }
    return found.slice(0, count);
}
