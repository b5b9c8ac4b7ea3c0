/* log_file.c: the log check (log_check.h) on the files of a store, before SQLite opens them. */
#include "store/sqlite/log_check.h"

#include "base/str.h"
#include "db/db_file.h"

#include <limits.h>

static enum rc read_file(void *ctx, int64_t at, void *to, size_t bytes, struct err *e)
{
    return db_file_read(ctx, at, to, bytes, e);
}

enum rc log_check_file(const char *path, const char *vfs, struct err *e)
{
    struct db_file *database = NULL, *log = NULL;
    char log_path[PATH_MAX + 8];
    int64_t keep_bytes = -1;
    struct err found = {0};
    str_print(log_path, sizeof log_path, "%s-wal", path);
    enum rc rc = db_file_open(path, vfs, &database, e);
    if (!rc && database) { /* beside an empty database SQLite removes a log */
        rc = db_file_open(log_path, vfs, &log, e);
    }
    if (!rc && log) {
        struct log_bytes l = {log, db_file_bytes(log), read_file};
        struct log_bytes d = {database, db_file_bytes(database), read_file};
        rc = log_check(&l, &d, &keep_bytes, &found);
        if (rc && keep_bytes >= 0) {
            err_set(e, rc,
                    "the store is damaged: %s; put back a copy, or give those transactions up: "
                    "truncate -s %lld %s",
                    found.text, (long long)keep_bytes, log_path);
        } else if (rc) {
            err_set(e, rc, "%s", found.text);
        }
    }
    db_file_close(log);
    db_file_close(database);
    return rc;
}
