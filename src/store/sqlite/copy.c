/* copy.c: see copy.h: opening, closing, what a store is known by, and the commit. */
#include "store/sqlite/copy.h"

#include "base/clock.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_PAGES_MAX 4000

static struct sqlite_end *of(struct copy_end *c)
{
    return (struct sqlite_end *)c;
}

static struct sqlite_end *end_new(struct engine *s)
{
    struct sqlite_end *c = mem_alloc(sizeof *c);
    c->base.engine = &sqlite_copy;
    c->s = s;
    c->fd = -1;
    c->a = arena_new();
    c->last_file = &c->files;
    return c;
}

static void close_end(struct copy_end *base)
{
    struct sqlite_end *c = of(base);
    if (!c->s->writer) {
        db_close(c->db);
    } else if (db_in_transaction(c->db)) {
        (void)!db_exec(c->db, "ROLLBACK", NULL);
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    engine_close_alone(c->s);
    arena_free(c->a);
    mem_free(c);
}

/* Their rows do not say that they are hidden. */
static enum rc refuse_hidden(struct sqlite_end *c, struct err *e)
{
    int64_t count = 0;
    enum rc rc = db_query_int(c->db, sql_text(SQL_SCHEDULE_HALF_FILLED), &count, e);
    return rc || !count
               ? rc
               : err_set(e, RC_BUSY,
                         "a batch of the source is half filled: let its server run until that is done");
}

static enum rc open_source(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e)
{
    const struct store_options options = {.read_only = true};
    struct engine *s = NULL;
    (void)o;
    enum rc rc = engine_open_alone(&s, location, &options, e);
    if (rc == RC_BUSY) {
        err_wrap(e, rc, "stop the server first");
    }
    if (rc) {
        return rc;
    }
    struct sqlite_end *c = end_new(s);
    rc = engine_open_db(s, false, &c->db, e);
    if (!rc) {
        rc = migrate_expect_newest(c->db, e);
    }
    if (!rc) {
        rc = refuse_hidden(c, e);
    }
    if (rc) {
        close_end(&c->base);
        return rc;
    }
    *out = &c->base;
    return RC_OK;
}

static enum rc open_target(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e)
{
    const struct store_options options = {0};
    struct engine *s = NULL;
    (void)o;
    enum rc rc = engine_open_alone(&s, location, &options, e);
    if (rc == RC_BUSY) {
        err_wrap(e, rc, "is it the source itself? Else stop the server first");
    }
    if (rc) {
        return rc;
    }
    struct sqlite_end *c = end_new(s);
    c->db = s->writer->db;
    s->writer->keeper.now = clock_wall_ms();
    *out = &c->base;
    return RC_OK;
}

/* ---- what it is known by */

static enum rc meta(struct sqlite_end *c, const char *name, struct db_stmt **q, bool *has_row, struct err *e)
{
    enum rc rc = stmt(c->db, SQL_META_GET, q, e);
    if (!rc) {
        db_bind_c(*q, 1, name);
        rc = db_step(*q, has_row, e);
    }
    return rc;
}

static enum rc meta_number(struct sqlite_end *c, const char *name, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = meta(c, name, &q, &has_row, e);
    *out = !rc && has_row ? db_int(q, 0) : 0;
    db_reset(q);
    return rc;
}

/* p NULL: there is none. */
static enum rc meta_bytes(struct sqlite_end *c, const char *name, struct arena *a, struct str *out,
                          struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = meta(c, name, &q, &has_row, e);
    *out = !rc && has_row ? arena_str(a, db_blob(q, 0)) : STR_NONE;
    db_reset(q);
    return rc;
}

static enum rc read_last_ordinal(struct sqlite_end *c, struct copy_identity *out, struct err *e)
{
    int64_t greatest = 0;
    enum rc rc = meta_number(c, "last_ordinal", &out->last_ordinal, e);
    if (!rc) {
        rc = db_query_int(c->db, sql_text(SQL_JOB_LAST_ID), &greatest, e);
    }
    out->last_ordinal = greatest > out->last_ordinal ? greatest : out->last_ordinal;
    return rc;
}

static enum rc read_is_empty(struct sqlite_end *c, bool *is_empty, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(c->db, SQL_COPY_IS_EMPTY, &q, e);
    if (!rc) {
        rc = db_step(q, is_empty, e);
        db_reset(q);
    }
    return rc;
}

/* A write of whatever kind changes one of the two files. */
static struct str fingerprint(const struct engine *s, struct arena *a)
{
    struct stat file = {0}, log = {0};
    (void)!stat(s->path, &file);
    if (stat(arena_printf(a, "%s-wal", s->path).p, &log) != 0 || log.st_size == 0) {
        memset(&log, 0, sizeof log); /* an empty one says nothing, and comes and goes */
    }
    return arena_printf(a, "%lld %lld %lld.%09ld %lld %lld.%09ld", (long long)file.st_ino,
                        (long long)file.st_size, (long long)file.st_mtim.tv_sec, file.st_mtim.tv_nsec,
                        (long long)log.st_size, (long long)log.st_mtim.tv_sec, log.st_mtim.tv_nsec);
}

static enum rc identify(struct copy_end *base, struct arena *a, struct copy_identity *out, struct err *e)
{
    struct sqlite_end *c = of(base);
    struct str secret = STR_NONE;
    *out = (struct copy_identity){.fingerprint = fingerprint(c->s, a)};
    enum rc rc = meta_bytes(c, "secret", a, &secret, e);
    if (!rc && secret.n != sizeof out->secret) {
        rc = err_set(e, RC_FATAL, "the store has no secret: it is damaged");
    }
    if (rc) {
        return rc;
    }
    memcpy(out->secret, secret.p, secret.n);
    rc = meta_bytes(c, COPY_MARK, a, &out->mark, e);
    if (!rc) {
        rc = meta_number(c, "epoch", &out->epoch, e);
    }
    if (!rc) {
        rc = meta_number(c, "lease_start", &out->lease_start, e);
    }
    if (!rc) {
        rc = read_last_ordinal(c, out, e);
    }
    return rc ? rc : read_is_empty(c, &out->is_empty, e);
}

/* ---- transactions of a target */

static enum rc put_meta(struct copy_end *base, const char *name, struct str bytes, int64_t number,
                        struct err *e)
{
    struct sqlite_end *c = of(base);
    struct db_stmt *q = NULL;
    enum rc rc = stmt(c->db, SQL_META_PUT, &q, e);
    if (!rc) {
        db_bind_c(q, 1, name);
        if (bytes.p) {
            db_bind_blob(q, 2, bytes);
        } else {
            db_bind_int(q, 2, number);
        }
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc begin(struct copy_end *base, struct err *e)
{
    struct sqlite_end *c = of(base);
    arena_reset(c->a);
    c->files = NULL;
    c->last_file = &c->files;
    return db_exec(c->db, "BEGIN IMMEDIATE", e);
}

static enum rc put_mark(struct sqlite_end *c, struct str mark, struct err *e)
{
    struct db_stmt *q = NULL;
    if (mark.p) {
        return put_meta(&c->base, COPY_MARK, mark, 0, e);
    }
    enum rc rc = stmt(c->db, SQL_META_DELETE, &q, e);
    if (!rc) {
        db_bind_c(q, 1, COPY_MARK);
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc commit(struct copy_end *base, struct str mark, struct err *e)
{
    struct sqlite_end *c = of(base);
    enum rc rc = caches_flush(c->s->writer, e);
    if (!rc) {
        rc = put_mark(c, mark, e);
    }
    if (!rc) {
        rc = db_exec(c->db, "COMMIT", e);
    }
    if (!rc && db_wal_pages(c->db) > LOG_PAGES_MAX) {
        rc = db_checkpoint(c->db, true, e);
    }
    return rc;
}

const struct copy_engine sqlite_copy = {
    .open_source = open_source,
    .open_target = open_target,
    .close = close_end,
    .identify = identify,
    .read = sqlite_copy_read,
    .read_part = sqlite_copy_read_part,
    .begin = begin,
    .put_meta = put_meta,
    .write = sqlite_copy_write,
    .write_part = sqlite_copy_write_part,
    .commit = commit,
};
