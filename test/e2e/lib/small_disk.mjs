// small_disk.mjs: a file system of a few MiB, mounted for one test and taken away again.
import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { makeDir } from './server.mjs';

const isRequired = (process.env.REQUIRE ?? '').split(/[ ,]+/).includes('tmpfs');

/**
 * A folder on a tmpfs of its own, or undefined after t.skip() where mounting is not allowed (a failure with REQUIRE=tmpfs).
 * freeBytes() tells what is left.
 */
export function mountSmallDisk(t, mib) {
    const dir = makeDir('stint-disk-');
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'tmpfs', dir.path], { encoding: 'utf8' });
    if (mount.status !== 0) {
        dir.remove();
        const why = `no tmpfs of our own: ${(mount.stderr ?? String(mount.error)).trim()}`;
        if (isRequired) throw new Error(why);
        t.skip(why);
        return undefined;
    }
    t.after(() => {
        spawnSync('umount', ['-l', dir.path]);
        dir.remove();
    });
    dir.freeBytes = () => {
        const s = statfsSync(dir.path);
        return s.bavail * s.bsize;
    };
    return dir;
}
