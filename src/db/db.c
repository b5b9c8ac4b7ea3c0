/* db.c: see db.h. Statements are kept in a small table keyed by the address of their SQL, so that the hot path of a
 * query is one comparison of pointers and no allocation. */
#include "db/db_int.h"

#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CACHE_SLOTS               1024 /* a power of two; programs have a few hundred statements */
#define STEPS_BETWEEN_ASK         4000
#define LOG_HEADER_BYTES          32 /* section 4.1 of sqlite.org/fileformat2.html */
#define LOG_FRAME_BYTES           24
#define PAGE_BYTES                4096
#define UNTRUSTED_MAX_VALUE_BYTES (16 << 20)

struct db_stmt {
    const char *sql;
    sqlite3_stmt *handle;
    struct db *db;
    int bind_failure; /* first failed bind since db_prepare, told by the next step */
};

struct db {
    sqlite3 *handle;
    struct db_stmt *cache[CACHE_SLOTS];
    size_t cached;
    bool (*should_stop)(void *arg);
    void *stop_arg;
    int64_t wal_pages, wal_commits;
};

/* One row per class that some caller treats in its own way; what is not here is RC_FATAL. */
static const struct {
    int sqlite;
    enum rc rc;
} rc_of_sqlite[] = {
    {SQLITE_FULL, RC_FULL},           {SQLITE_BUSY, RC_BUSY},   {SQLITE_LOCKED, RC_BUSY},
    {SQLITE_INTERRUPT, RC_BUSY},      {SQLITE_PERM, RC_DENIED}, {SQLITE_READONLY, RC_DENIED},
    {SQLITE_CONSTRAINT, RC_CONFLICT}, {SQLITE_AUTH, RC_DENIED}, {SQLITE_TOOBIG, RC_TOO_BIG},
};

static enum rc rc_from_sqlite(int extended)
{
    int primary = extended & 0xff;
    for (size_t i = 0; i < sizeof rc_of_sqlite / sizeof rc_of_sqlite[0]; i++) {
        if (rc_of_sqlite[i].sqlite == primary) {
            return rc_of_sqlite[i].rc;
        }
    }
    return RC_FATAL;
}

static enum rc fail(struct db *db, int code, struct err *e)
{
    int extended = sqlite3_extended_errcode(db->handle);
    if ((extended & 0xff) != (code & 0xff)) {
        return err_set(e, rc_from_sqlite(code), "sqlite: %s (%d)", sqlite3_errstr(code), code);
    }
    return err_set(e, rc_from_sqlite(extended), "sqlite: %s (%d)", sqlite3_errmsg(db->handle), extended);
}

/* An open that failed: the errno below tells a missing file from a forbidden one. */
static enum rc fail_open(struct db *db, const char *path, int code, struct err *e)
{
    enum rc rc = RC_FATAL;
    if (!db->handle) {
        return err_set(e, RC_FATAL, "%s: no memory", path);
    }
    if ((code & 0xff) == SQLITE_CANTOPEN) {
        int os_errno = sqlite3_system_errno(db->handle);
        rc = os_errno ? err_from_errno(NULL, os_errno, path) : RC_FATAL;
        return err_set(e, rc, "%s: %s", path,
                       rc == RC_NOT_FOUND ? "no such file" : sqlite3_errmsg(db->handle));
    }
    rc = fail(db, code, e);
    return err_wrap(e, rc, "%s", path);
}

/* ---- open and close */

static int harden(sqlite3 *h)
{
    static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                              SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION};
    int rc = sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; i < sizeof off / sizeof off[0] && rc == SQLITE_OK; i++) {
        rc = sqlite3_db_config(h, off[i], 0, NULL);
    }
    sqlite3_limit(h, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(h, SQLITE_LIMIT_LENGTH, UNTRUSTED_MAX_VALUE_BYTES);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(h, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL, NULL, NULL);
    }
    return rc;
}

enum rc db_open(const char *path, const struct db_options *o, struct db **out, struct err *e)
{
    if (sqlite3_libversion_number() < DB_MIN_SQLITE_VERSION) {
        return err_set(e, RC_FATAL, "SQLite %s can lose data; 3.51.3 or newer is needed",
                       sqlite3_libversion());
    }
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= o->create && !o->read_only ? SQLITE_OPEN_CREATE : 0;

    struct db *db = mem_alloc(sizeof *db);
    int code = sqlite3_open_v2(path, &db->handle, flags, o->vfs);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(db->handle, o->busy_wait_ms);
    }
    if (code == SQLITE_OK) { /* else each bind of a LIMIT has its statement planned anew */
        code = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    }
    if (code == SQLITE_OK && o->untrusted) {
        code = harden(db->handle);
    }
    if (code != SQLITE_OK) {
        enum rc rc = fail_open(db, path, code, e);
        db_close(db);
        return rc;
    }
    *out = db;
    return RC_OK;
}

void db_close(struct db *db)
{
    if (!db) {
        return;
    }
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        if (db->cache[i]) {
            (void)sqlite3_finalize(db->cache[i]->handle);
            mem_free(db->cache[i]);
        }
    }
    int code = sqlite3_close(db->handle);
    assert(code == SQLITE_OK); /* every statement is ours, and finalized */
    mem_free(db);
}

/* ---- statements */

enum rc db_exec(struct db *db, const char *sql, struct err *e)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : fail(db, code, e);
}

static size_t slot_of(const struct db *db, const char *sql)
{
    uint64_t h = (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(h >> 32) & (CACHE_SLOTS - 1);
    while (db->cache[slot] && db->cache[slot]->sql != sql) {
        slot = (slot + 1) & (CACHE_SLOTS - 1);
    }
    return slot;
}

static enum rc prepare_new(struct db *db, const char *sql, size_t slot, struct err *e)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
    if (code != SQLITE_OK) {
        return fail(db, code, e);
    }
    assert(handle && tail[strspn(tail, " \t\r\n;")] == '\0'); /* one statement per text */
    assert(db->cached < CACHE_SLOTS / 2);                     /* else sql is not constant */
    struct db_stmt *q = mem_alloc(sizeof *q);
    *q = (struct db_stmt){.sql = sql, .handle = handle, .db = db};
    db->cache[slot] = q;
    db->cached++;
    return RC_OK;
}

enum rc db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *e)
{
    size_t slot = slot_of(db, sql);
    if (!db->cache[slot]) {
        enum rc rc = prepare_new(db, sql, slot, e);
        if (rc) {
            return rc;
        }
    }
    struct db_stmt *q = db->cache[slot];
    (void)sqlite3_reset(q->handle); /* repeats the failure of the last step, which its caller knows */
    (void)sqlite3_clear_bindings(q->handle);
    q->bind_failure = SQLITE_OK;
    *out = q;
    return RC_OK;
}

static void note_bind(struct db_stmt *q, int code)
{
    if (code != SQLITE_OK && q->bind_failure == SQLITE_OK) {
        q->bind_failure = code;
    }
}

void db_bind_int(struct db_stmt *q, int parameter, int64_t v)
{
    note_bind(q, sqlite3_bind_int64(q->handle, parameter, v));
}

void db_bind_str(struct db_stmt *q, int parameter, struct str v)
{
    note_bind(q, sqlite3_bind_text64(q->handle, parameter, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_c(struct db_stmt *q, int parameter, const char *v)
{
    db_bind_str(q, parameter, str_from(v));
}

void db_bind_blob(struct db_stmt *q, int parameter, struct str v)
{
    note_bind(q, sqlite3_bind_blob64(q->handle, parameter, v.p, v.n, SQLITE_STATIC));
}

void db_bind_null(struct db_stmt *q, int parameter)
{
    note_bind(q, sqlite3_bind_null(q->handle, parameter));
}

enum rc db_step(struct db_stmt *q, bool *has_row, struct err *e)
{
    if (q->bind_failure != SQLITE_OK) {
        enum rc rc = rc_from_sqlite(q->bind_failure);
        return err_set(e, rc, "sqlite: bind: %s (%d)", sqlite3_errstr(q->bind_failure), q->bind_failure);
    }
    int code = sqlite3_step(q->handle);
    if (code == SQLITE_ROW) {
        *has_row = true;
        return RC_OK;
    }
    enum rc rc = code == SQLITE_DONE ? RC_OK : fail(q->db, code, e);
    (void)sqlite3_reset(q->handle);
    *has_row = false;
    return rc;
}

enum rc db_run(struct db_stmt *q, struct err *e)
{
    bool has_row = true;
    enum rc rc = RC_OK;
    while (!rc && has_row) {
        rc = db_step(q, &has_row, e);
    }
    return rc;
}

void db_reset(struct db_stmt *q)
{
    (void)sqlite3_reset(q->handle);
}

enum rc db_query_int(struct db *db, const char *sql, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(db, sql, &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (rc) {
        return rc;
    }
    if (!has_row) {
        return err_set(e, RC_NOT_FOUND, "sqlite: no row");
    }
    *out = db_int(q, 0);
    db_reset(q);
    return RC_OK;
}

enum rc db_add_feed(struct db *db, const char *name, const struct db_feed *feed, struct err *e)
{
    int code = db_feed_register(db->handle, name, feed);
    return code == SQLITE_OK ? RC_OK : fail(db, code, e);
}

/* ---- columns */

int64_t db_int(struct db_stmt *q, int column)
{
    return sqlite3_column_int64(q->handle, column);
}

struct str db_str(struct db_stmt *q, int column)
{
    const char *p = (const char *)sqlite3_column_text(q->handle, column); /* before bytes: it may convert */
    return p ? (struct str){p, (size_t)sqlite3_column_bytes(q->handle, column)} : STR_NONE;
}

struct str db_blob(struct db_stmt *q, int column)
{
    if (db_is_null(q, column)) {
        return STR_NONE;
    }
    const char *p = sqlite3_column_blob(q->handle, column); /* NULL for an empty blob */
    return (struct str){p ? p : "", (size_t)sqlite3_column_bytes(q->handle, column)};
}

bool db_is_null(struct db_stmt *q, int column)
{
    return sqlite3_column_type(q->handle, column) == SQLITE_NULL;
}

/* ---- the connection */

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

int64_t db_last_row_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

bool db_in_transaction(struct db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

static int note_commit(void *arg, sqlite3 *h, const char *name, int pages)
{
    struct db *db = arg;
    (void)h;
    (void)name;
    db->wal_pages = pages;
    db->wal_commits++;
    return SQLITE_OK;
}

void db_own_wal(struct db *db)
{
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_wal_hook(db->handle, note_commit, db); /* takes the place of the automatic checkpoint */
}

int64_t db_wal_pages(struct db *db)
{
    return db->wal_pages;
}

int64_t db_wal_commits(struct db *db)
{
    return db->wal_commits;
}

enum rc db_checkpoint(struct db *db, bool truncate, struct err *e)
{
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int in_log = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, &in_log, &moved);
    if (code != SQLITE_OK && !(code == SQLITE_BUSY && !truncate)) {
        return fail(db, code, e);
    }
    if (in_log == moved) {
        db->wal_pages = 0; /* the next commit begins the log anew, unless a reader still looks into it */
    }
    return RC_OK;
}

static int append_zeros(sqlite3_file *f, sqlite3_int64 from, sqlite3_int64 until)
{
    static const char zeros[64 << 10]; /* SQLite's own file system writes no more at once */
    int code = SQLITE_OK;
    while (code == SQLITE_OK && from < until) {
        sqlite3_int64 left = until - from;
        int n = left < (sqlite3_int64)sizeof zeros ? (int)left : (int)sizeof zeros;
        code = f->pMethods->xWrite(f, zeros, n, from);
        from += n;
    }
    return code == SQLITE_OK ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : code;
}

/* Zeros are no frames: SQLite writes over them, and a reader of the log ends before them. */
enum rc db_lengthen_log(struct db *db, int64_t pages, bool *is_long, struct err *e)
{
    sqlite3_int64 until = LOG_HEADER_BYTES + pages * (LOG_FRAME_BYTES + PAGE_BYTES), size = 0;
    sqlite3_file *log = NULL;
    int code = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
    if (code == SQLITE_OK && log && log->pMethods) {
        code = log->pMethods->xFileSize(log, &size);
    }
    *is_long = !log || !log->pMethods || size >= until;
    if (code == SQLITE_OK && !*is_long) {
        code = append_zeros(log, size, size + DB_LOG_STEP_BYTES < until ? size + DB_LOG_STEP_BYTES : until);
    }
    return code == SQLITE_OK ? RC_OK : fail(db, code, e);
}

static int ask_to_stop(void *arg)
{
    struct db *db = arg;
    return db->should_stop(db->stop_arg) ? 1 : 0;
}

void db_set_stop(struct db *db, bool (*should_stop)(void *arg), void *arg)
{
    db->should_stop = should_stop;
    db->stop_arg = arg;
    sqlite3_progress_handler(db->handle, should_stop ? STEPS_BETWEEN_ASK : 0,
                             should_stop ? ask_to_stop : NULL, db);
}
