/* db_file.c: see db_file.h. */
#include "db/db_file.h"

#include "base/arena.h"

#include <sqlite3.h>

struct db_file {
    int64_t bytes;
    char *path;
    sqlite3_file *handle; /* as big as its VFS wants it */
};

static enum rc fail(const char *path, int code, struct err *e)
{
    return err_set(e, RC_FATAL, "%s: %s (%d)", path, sqlite3_errstr(code), code);
}

static enum rc open_there(sqlite3_vfs *vfs, const char *path, struct db_file **out, struct err *e)
{
    struct db_file *f = mem_alloc(sizeof *f);
    sqlite3_int64 bytes = 0;
    f->path = mem_c_str(str_from(path));
    f->handle = mem_alloc((size_t)vfs->szOsFile);
    /* As a log: SQLite's unix VFS takes no locks for one. */
    int code = vfs->xOpen(vfs, f->path, f->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_WAL, NULL);
    if (code == SQLITE_OK) {
        code = f->handle->pMethods->xFileSize(f->handle, &bytes);
    }
    if (code != SQLITE_OK) {
        db_file_close(f);
        return fail(path, code, e);
    }
    f->bytes = bytes;
    *out = f;
    return RC_OK;
}

enum rc db_file_open(const char *path, const char *vfs, struct db_file **out, struct err *e)
{
    sqlite3_vfs *found = sqlite3_vfs_find(vfs);
    int exists = 0;
    if (!found) {
        return err_set(e, RC_FATAL, "sqlite: no VFS %s", vfs ? vfs : "at all");
    }
    int code = found->xAccess(found, path, SQLITE_ACCESS_EXISTS, &exists); /* empty is absent, too */
    if (code != SQLITE_OK) {
        return fail(path, code, e);
    }
    if (!exists) {
        *out = NULL;
        return RC_OK;
    }
    return open_there(found, path, out, e);
}

enum rc db_file_read(struct db_file *f, int64_t at, void *to, size_t n, struct err *e)
{
    int code = f->handle->pMethods->xRead(f->handle, to, (int)n, at);
    if (code == SQLITE_IOERR_SHORT_READ) {
        return err_set(e, RC_NOT_FOUND, "%s ends before byte %lld", f->path, (long long)at + (long long)n);
    }
    return code == SQLITE_OK ? RC_OK : fail(f->path, code, e);
}

int64_t db_file_bytes(const struct db_file *f)
{
    return f ? f->bytes : 0;
}

void db_file_close(struct db_file *f)
{
    if (!f) {
        return;
    }
    if (f->handle->pMethods) {
        (void)f->handle->pMethods->xClose(f->handle);
    }
    mem_free(f->handle);
    mem_free(f->path);
    mem_free(f);
}
