/* powercut_vfs.c: see powercut_vfs.h: the disk as a VFS of SQLite; the one test file that includes sqlite3.h. As in
 * SQLite's own unix VFS, only the first flush of a journal or WAL flushes the folder too, and xDelete does when asked. */
#include "powercut_disk.h"

#include "base/arena.h"

#include <assert.h>
#include <sqlite3.h>
#include <string.h>

#define LOCK_HOLDS_ALL (-1)

struct file {
    sqlite3_file base;
    struct inode *inode;
    int lock;
    bool flushes_folder; /* on its next xSync */
    unsigned shm_shared, shm_exclusive;
};

static int code_of(enum disk_outcome o, int when_failed)
{
    return o == DISK_DONE ? SQLITE_OK : o == DISK_FAILED ? when_failed : SQLITE_FULL;
}

/* ---- a file */

static struct file *file_of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

static int file_close(sqlite3_file *f)
{
    disk_lock();
    disk_close(file_of(f)->inode);
    disk_unlock();
    return SQLITE_OK;
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    int rc = SQLITE_IOERR_READ;
    disk_lock();
    if (!disk_is_dark()) {
        rc = inode_read(file_of(f)->inode, at, to, n) == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }
    disk_unlock();
    return rc;
}

static int file_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    disk_lock();
    int rc = code_of(inode_write(file_of(f)->inode, at, data, n), SQLITE_IOERR_WRITE);
    disk_unlock();
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    disk_lock();
    int rc = code_of(inode_truncate(file_of(f)->inode, n), SQLITE_IOERR_TRUNCATE);
    disk_unlock();
    return rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
    struct file *me = file_of(f);
    (void)flags;
    disk_lock();
    enum disk_outcome o = inode_flush(me->inode, me->flushes_folder);
    int rc = o == DISK_DONE ? SQLITE_OK : SQLITE_IOERR_FSYNC; /* the unix VFS knows no other */
    me->flushes_folder = me->flushes_folder && rc != SQLITE_OK;
    disk_unlock();
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    disk_lock();
    *out = file_of(f)->inode->live.n;
    disk_unlock();
    return SQLITE_OK;
}

static int try_lock(struct file *me, int wanted)
{
    struct inode *i = me->inode;
    if (me->lock == SQLITE_LOCK_NONE) {
        if (i->pending_lock) {
            return SQLITE_BUSY;
        }
        i->shared++;
        me->lock = SQLITE_LOCK_SHARED;
    }
    if (wanted >= SQLITE_LOCK_RESERVED) {
        if ((i->reserved && i->reserved != me) || (i->pending_lock && i->pending_lock != me)) {
            return SQLITE_BUSY;
        }
        i->reserved = me;
        me->lock = SQLITE_LOCK_RESERVED;
    }
    if (wanted == SQLITE_LOCK_EXCLUSIVE) {
        i->pending_lock = me;
        if (i->shared > 1) {
            me->lock = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
        me->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *f, int wanted)
{
    struct file *me = file_of(f);
    disk_lock();
    int rc = me->lock >= wanted ? SQLITE_OK : try_lock(me, wanted);
    disk_unlock();
    return rc;
}

static int file_unlock(sqlite3_file *f, int wanted)
{
    struct file *me = file_of(f);
    struct inode *i = me->inode;
    disk_lock();
    if (me->lock > wanted) {
        i->reserved = i->reserved == me ? NULL : i->reserved;
        i->pending_lock = i->pending_lock == me ? NULL : i->pending_lock;
        i->shared -= wanted == SQLITE_LOCK_NONE ? 1 : 0;
        me->lock = wanted;
    }
    disk_unlock();
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *f, int *out)
{
    disk_lock();
    *out = file_of(f)->inode->reserved != NULL;
    disk_unlock();
    return SQLITE_OK;
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    (void)f;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *f)
{
    (void)f;
    return DISK_SECTOR_BYTES;
}

static int file_characteristics(sqlite3_file *f)
{
    (void)f;
    disk_lock();
    int promises = disk_overwrite_is_safe() ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
    disk_unlock();
    return promises;
}

static int file_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    struct inode *i = file_of(f)->inode;
    assert(region < DISK_SHM_REGIONS);
    disk_lock();
    if (!i->shm[region] && extend) {
        i->shm[region] = mem_alloc((size_t)size);
    }
    *out = i->shm[region];
    disk_unlock();
    return SQLITE_OK;
}

static void shm_release(struct file *me, int slot)
{
    unsigned bit = 1u << slot;
    if (me->shm_exclusive & bit) {
        me->inode->shm_locks[slot] = 0;
    } else if (me->shm_shared & bit) {
        me->inode->shm_locks[slot]--;
    }
    me->shm_exclusive &= ~bit;
    me->shm_shared &= ~bit;
}

static bool shm_can_take(const struct file *me, int slot, bool is_exclusive)
{
    int held = me->inode->shm_locks[slot];
    int mine = me->shm_shared & (1u << slot) ? 1 : 0;
    return is_exclusive ? held == mine : held != LOCK_HOLDS_ALL || (me->shm_exclusive & (1u << slot));
}

static void shm_take(struct file *me, int slot, bool is_exclusive)
{
    unsigned bit = 1u << slot;
    if (is_exclusive) {
        me->inode->shm_locks[slot] = LOCK_HOLDS_ALL;
        me->shm_exclusive |= bit;
    } else if (!(me->shm_shared & bit)) {
        me->inode->shm_locks[slot]++;
        me->shm_shared |= bit;
    }
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    struct file *me = file_of(f);
    bool is_exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    int rc = SQLITE_OK;
    disk_lock();
    for (int slot = offset; slot < offset + n; slot++) {
        if ((flags & SQLITE_SHM_LOCK) && !shm_can_take(me, slot, is_exclusive)) {
            rc = SQLITE_BUSY;
        }
    }
    for (int slot = offset; slot < offset + n && rc == SQLITE_OK; slot++) {
        if (flags & SQLITE_SHM_UNLOCK) {
            shm_release(me, slot);
        } else {
            shm_take(me, slot, is_exclusive);
        }
    }
    disk_unlock();
    return rc;
}

static void file_shm_barrier(sqlite3_file *f)
{
    (void)f;
    disk_lock();
    disk_unlock();
}

/* The wal-index is memory of the processes that use it: gone with the last of them. */
static int file_shm_unmap(sqlite3_file *f, int is_delete)
{
    struct file *me = file_of(f);
    disk_lock();
    for (int slot = 0; slot < DISK_SHM_LOCKS; slot++) {
        shm_release(me, slot);
    }
    for (int r = 0; r < DISK_SHM_REGIONS && (is_delete || me->inode->opened == 1); r++) {
        mem_free(me->inode->shm[r]);
        me->inode->shm[r] = NULL;
    }
    disk_unlock();
    return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the file system */

static sqlite3_vfs *system_vfs;

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    static const int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    struct file *me = file_of(f);
    (void)v;
    memset(me, 0, sizeof *me);
    disk_lock();
    int rc = code_of(disk_count(DISK_OPEN), SQLITE_CANTOPEN);
    if (rc == SQLITE_OK) {
        me->inode = disk_open(path, flags & SQLITE_OPEN_CREATE);
        rc = me->inode ? SQLITE_OK : SQLITE_CANTOPEN;
    }
    if (rc == SQLITE_OK) {
        me->base.pMethods = &file_methods;
        me->flushes_folder = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
    }
    disk_unlock();
    if (out_flags) {
        *out_flags = flags;
    }
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int flush_folder)
{
    (void)v;
    disk_lock();
    int rc = code_of(disk_count(DISK_DELETE), SQLITE_IOERR_DELETE);
    if (rc == SQLITE_OK && !disk_delete(path, flush_folder)) {
        rc = SQLITE_IOERR_DELETE_NOENT;
    }
    disk_unlock();
    return rc;
}

static int vfs_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
    (void)v;
    disk_lock();
    const struct inode *i = disk_find(path);
    *out = i && (flags != SQLITE_ACCESS_EXISTS || i->live.n > 0); /* as the unix VFS: empty is absent */
    int rc = disk_is_dark() ? SQLITE_IOERR_ACCESS : SQLITE_OK;
    disk_unlock();
    return rc;
}

static int vfs_full_path(sqlite3_vfs *v, const char *path, int n, char *out)
{
    (void)v;
    if (strlen(path) >= (size_t)n) {
        return SQLITE_CANTOPEN;
    }
    str_copy(out, (size_t)n, str_from(path));
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    return system_vfs->xRandomness(system_vfs, n, out);
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void)v;
    return system_vfs->xSleep(system_vfs, us);
}

static int vfs_time(sqlite3_vfs *v, double *out)
{
    (void)v;
    return system_vfs->xCurrentTime(system_vfs, out);
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    (void)n;
    (void)out;
    return 0;
}

void powercut_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(struct file),
        .mxPathname = DISK_NAME_BYTES - 1,
        .zName = POWERCUT_VFS,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (!system_vfs) {
        system_vfs = sqlite3_vfs_find(NULL);
        int rc = sqlite3_vfs_register(&vfs, 0);
        assert(rc == SQLITE_OK);
    }
}
