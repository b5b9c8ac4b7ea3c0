// prompts.mjs: what tests of batches of prompts share: a worker, the command, and the interval that they expect.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { BIN, ours } from '../../e2e/lib/server.mjs';

/** Starts `stint work` for prompts and reports. What it logs is in `log`. */
export function startWorker(stint, dir, providers, { slots = 8, key, env = {} } = {}) {
    writeFileSync(dir.file('providers.json'), JSON.stringify(providers));
    const proc = spawn(BIN, ['work', '--slots', String(slots), '--kind', 'run-prompt', '--kind', 'prompt-report', '--scratch', dir.file('scratch'), '--providers', dir.file('providers.json')], {
        stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: stint.url, STINT_KEY: key ?? stint.key, ...env },
    });
    const worker = { proc: ours(proc), log: '', exit: once(proc, 'exit') };
    proc.stderr.on('data', (d) => { worker.log += d; });
    worker.stop = async (signal = 'SIGTERM') => {
        proc.kill(signal);
        await worker.exit;
    };
    return worker;
}

/** Runs `stint …`: {code, out, err}. */
export const command = (stint, ...args) => new Promise((resolve) => {
    execFile(BIN, args, { env: { ...process.env, STINT_URL: stint.url, STINT_KEY: stint.key }, maxBuffer: 1 << 26 }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
});

export const batch = (stint, ...args) => command(stint, 'batch', ...args);

/** A cron that has one tick a year: the next second but one. */
export function soon() {
    const at = new Date(Date.now() + 2000);
    return `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} ${at.getUTCDate()} ${at.getUTCMonth() + 1} *`;
}

/** The Wilson score interval at 95 %, to four digits. */
export function wilson(k, n) {
    const z = 1.959963984540054;
    const middle = (k + (z * z) / 2) / (n + z * z);
    const half = (z * Math.sqrt((k * (n - k)) / n + (z * z) / 4)) / (n + z * z);
    return [middle - half, middle + half].map((x) => Math.round(Math.min(1, Math.max(0, x)) * 1e4) / 1e4);
}
