// machine.mjs: where the bench keeps its files, how it runs programs, and what this machine can do at best.
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

export const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
export const data = join(root, 'bench/data');
export const program = process.env.STINT_BIN ?? join(root, 'build/release/stint');
const limits = join(root, 'build/release/bench');

export const isSmoke = process.env.SMOKE === '1';
/** The full number, or the tiny one of a smoke run. */
export const size = (full, smoke) => (isSmoke ? smoke : full);

const running = new Set();

// Whatever happens, no program that the bench started outlives it.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** Starts a program that the bench ends at the latest with itself. */
export function start(file, args, options) {
    const child = spawn(file, args, options);
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
}

/** Runs a program to its end; its output, or an Error with what it said. */
export function must([file, ...args], options = {}) {
    const done = spawnSync(file, args, { encoding: 'utf8', ...options });
    if (done.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.error?.message ?? done.stderr.slice(-500)}`);
    return done.stdout;
}

export function prepareData() {
    mkdirSync(data, { recursive: true });
    for (const name of ['store', 'limits', 'work']) rmSync(join(data, name), { recursive: true, force: true });
    mkdirSync(join(data, 'limits'));
    mkdirSync(join(data, 'work'));
}

/** One line of the results file, for later comparison. */
export function record(line) {
    appendFileSync(join(data, 'results.jsonl'), JSON.stringify({ at: new Date().toISOString(), ...line }) + '\n');
}

export function describe() {
    const git = (...args) => {
        try {
            return execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
        } catch {
            return '';
        }
    };
    return {
        commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : ''),
        cores: cpus().length,
        cpu: cpus()[0]?.model ?? 'unknown',
        memory_gib: Math.round(totalmem() / 2 ** 30),
    };
}

export const median = (list) => {
    const sorted = [...list].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export async function limit(name, args) {
    const { stdout } = await runFile(join(limits, name), args.map(String));
    return JSON.parse(stdout);
}

export const ms = () => size(1200, 60);
/** 4 KiB appended and flushed, one after the other: {rate, p50_ms, p99_ms}. */
export const limitAppend = () => limit('disk', [join(data, 'limits/file'), 'append', ms()]);
/** The same over blocks that were written before. */
export const limitRecycle = () => limit('disk', [join(data, 'limits/file'), 'recycle', ms()]);
export const limitInsert = (rows) => limit('sqlite', [join(data, 'limits'), 'insert', rows, ms()]);
export const limitDrain = () => limit('sqlite', [join(data, 'limits'), 'drain', 1000, size(100000, 3000)]);
export const limitProgram = (name) => join(limits, name);
