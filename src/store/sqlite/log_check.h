/* log_check.h: is SQLite's write-ahead log damaged in a way that SQLite would take for its end (J17)? */
#ifndef STINT_STORE_SQLITE_LOG_CHECK_H
#define STINT_STORE_SQLITE_LOG_CHECK_H

#include "base/err.h"

/* Bytes to look at: a file, or in tests memory. */
struct log_bytes {
    void *ctx;
    int64_t n;
    /* All of `bytes` from `at` on, which lie within n. */
    enum rc (*read)(void *ctx, int64_t at, void *to, size_t bytes, struct err *e);
};

/* RC_FATAL: the log holds the proof that a transaction which was committed before another one is damaged; SQLite would
 * forget both. Everything that kill -9, a failed write or a power cut can leave is RC_OK, and so is damage that looks
 * the same: in the last transaction of the log. `database` is what the log belongs to. The text tells the byte.
 * *keep_bytes, only with RC_FATAL for damage: how much of the log is whole. Changes nothing. */
MUST_CHECK enum rc log_check(const struct log_bytes *log, const struct log_bytes *database,
                             int64_t *keep_bytes, struct err *e);
/* The same for the log beside the database at `path`; the text also tells what can be done. */
MUST_CHECK enum rc log_check_file(const char *path, const char *vfs, struct err *e);

#endif
