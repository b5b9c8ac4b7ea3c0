// proxy.mjs: a TCP proxy that fails as networks do. Tests put it between a node and its database (or any two).
//
//   const proxy = await startProxy({ path: `${dir}/.s.PGSQL.5432` });   // or { host, port }
//   … connect to 127.0.0.1:proxy.port …
//   proxy.cut();                                     // every connection is reset; new ones work
//   proxy.onChunk = (direction, chunk) => chunk.includes('COMMIT') && direction === 'up' ? 'cut' : 'pass';
//   await proxy.close();
//
// Directions: `up` is from the client to the server, `down` the way back.
import { once } from 'node:events';
import net from 'node:net';

/** A reset and nothing before it: resetAndDestroy() would say an orderly end first. A socket of a path has no reset, nor has
 * one that says its end just now: node would never close it, and turn round for ever when the process ends. */
function reset(socket) {
    socket.resetAndClosing = socket.remoteFamily !== undefined && (!socket.writableEnded || socket.writableFinished);
    socket.destroy();
}

/** One direction of a connection: keeps the order, whatever is done to the chunks. */
class Stream {
    constructor(link, from, to, direction) {
        Object.assign(this, { link, from, to, direction, held: [], isOver: false, timer: undefined });
        from.on('data', (chunk) => this.take(chunk));
        from.on('end', () => this.take(null));
    }

    /** null is the end. */
    take(chunk) {
        const { proxy } = this.link;
        const word = chunk && proxy.onChunk ? proxy.onChunk(this.direction, chunk) : 'pass';
        if (word === 'cut') return this.link.cut();
        if (word === 'drop') return undefined;
        this.held.push({ chunk, due: Date.now() + proxy.delayMs });
        this.flush();
        if (word === 'pass-and-cut') this.link.cutBehind(this.to);
        return undefined;
    }

    flush() {
        clearTimeout(this.timer);
        if (this.link.proxy.isBlackHole) return;
        while (this.held.length > 0 && this.held[0].due <= Date.now()) {
            const { chunk } = this.held.shift();
            if (this.isOver) continue;
            if (chunk) this.pass(chunk);
            else this.end();
        }
        if (this.held.length > 0) this.timer = setTimeout(() => this.flush(), this.held[0].due - Date.now());
    }

    /** Reads no faster than the other side takes it. */
    pass(chunk) {
        if (this.to.write(chunk)) return;
        this.from.pause();
        this.to.once('drain', () => this.link.proxy.isBlackHole || this.from.resume());
    }

    end() {
        this.isOver = true;
        this.to.end();
    }
}

/** One connection: the client's socket and the one to the server. */
class Link {
    constructor(proxy, client) {
        this.proxy = proxy;
        this.client = client;
        this.server = net.connect({ ...proxy.target, allowHalfOpen: true });
        for (const socket of [this.client, this.server]) {
            socket.setNoDelay(true);
            socket.on('error', () => this.cut());
            socket.on('close', () => this.closed());
        }
        this.up = new Stream(this, this.client, this.server, 'up');
        this.down = new Stream(this, this.server, this.client, 'down');
        this.setReading();
    }

    setReading() {
        for (const socket of [this.client, this.server]) {
            if (this.proxy.isBlackHole) socket.pause();
            else socket.resume();
        }
        if (!this.proxy.isBlackHole) for (const stream of [this.up, this.down]) stream.flush();
    }

    /** Both sides see a reset, and nothing that was held back. */
    cut() {
        for (const stream of [this.up, this.down]) clearTimeout(stream.timer);
        for (const socket of [this.client, this.server]) {
            reset(socket);
        }
        this.proxy.links.delete(this);
    }

    /** Cuts when what was written to `socket` has left this process. */
    cutBehind(socket) {
        socket.write('', () => this.cut());
    }

    /** A side that is gone takes the other with it, once that one has all that was on its way. */
    closed() {
        if (this.client.destroyed && this.server.destroyed) this.proxy.links.delete(this);
        else if (this.client.destroyed) this.server.destroy();
        else this.client.end();
    }
}

class Proxy {
    constructor(target) {
        this.target = target;
        this.links = new Set();
        this.delayMs = 0;
        this.isBlackHole = false;
        this.isRefusing = false;
        /** (direction, chunk) => 'pass' | 'drop' | 'cut' (before it is passed on) | 'pass-and-cut'. */
        this.onChunk = undefined;
        this.accepted = 0;
        this.listener = net.createServer({ allowHalfOpen: true }, (client) => this.accept(client));
    }

    accept(client) {
        this.accepted++;
        if (this.isRefusing) reset(client);
        else this.links.add(new Link(this, client));
    }

    get port() {
        return this.listener.address().port;
    }

    /** Connections that live now. */
    get count() {
        return this.links.size;
    }

    /** Resets every connection. New ones work. */
    cut() {
        for (const link of [...this.links]) link.cut();
    }

    /** From now on new connections are reset at once; living ones go on. */
    refuse(isRefusing = true) {
        this.isRefusing = isRefusing;
    }

    /** From now on each chunk arrives that much later, in order. */
    delay(ms) {
        this.delayMs = ms;
    }

    /** Says the end in one direction of every connection; the other one goes on. */
    halfClose(direction) {
        for (const link of this.links) link[direction].end();
    }

    /** From now on nothing passes and nobody is told; connections are still taken. Off again, what was held back passes. */
    blackHole(isBlackHole = true) {
        this.isBlackHole = isBlackHole;
        for (const link of this.links) link.setReading();
    }

    async close() {
        this.cut();
        this.listener.close();
        await once(this.listener, 'close');
    }
}

/** target: { host, port } or { path } of a socket in the file system. Listens on a free port of 127.0.0.1. */
export async function startProxy(target) {
    const proxy = new Proxy(target);
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    return proxy;
}
