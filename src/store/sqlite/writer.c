/* writer.c: the committer's state: made at start, on the opener's thread, from the tables. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/insert.h"

#include "base/log.h"

static enum rc pragmas(struct writer *w, struct err *e)
{
    const struct store_options *o = &w->engine->base.options;
    char text[320];
    str_print(text, sizeof text,
              "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA cache_size = -%d; PRAGMA "
              "temp_store = MEMORY;"
              "PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = OFF",
              o->synchronous ? o->synchronous : "FULL", WRITER_CACHE_KIB);
    return db_exec(w->db, text, e);
}

static enum rc meta_int(struct writer *w, const char *name, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_META_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_c(q, 1, name);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *out = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

static enum rc secret(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    unsigned char *to = w->engine->base.secret;
    size_t size = sizeof w->engine->base.secret;
    enum rc rc = stmt(w->db, SQL_META_GET, &q, e);
    if (!rc) {
        db_bind_c(q, 1, "secret");
        rc = db_step(q, &has_row, e);
    }
    if (rc) {
        return rc;
    }
    if (has_row && db_blob(q, 0).n == size) {
        memcpy(to, db_blob(q, 0).p, size);
        db_reset(q);
        return RC_OK;
    }
    db_reset(q);
    random_bytes(to, size);
    rc = stmt(w->db, SQL_META_PUT, &q, e);
    if (!rc) {
        db_bind_c(q, 1, "secret");
        db_bind_blob(q, 2, (struct str){(const char *)to, size});
        rc = db_run(q, e);
    }
    return rc;
}

/* The upper part of lease numbers is raised, and the lower begins anew, when the store becomes another one (store/copy.h). */
static enum rc first_lease(struct writer *w, struct err *e)
{
    int64_t epoch = 0, start = 0;
    enum rc rc = meta_int(w, "epoch", &epoch, e);
    if (!rc) {
        rc = meta_int(w, "lease_start", &start, e);
    }
    w->first_lease = (epoch << 32) + start;
    return rc;
}

/* Ids grow also when the newest jobs are pruned and the clock steps back: prune.c remembers the greatest it removed. */
static enum rc seed_ids(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    int64_t pruned = 0;
    enum rc rc = meta_int(w, "last_ordinal", &pruned, e);
    if (!rc) {
        rc = stmt(w->db, SQL_JOB_LAST_ID, &q, e);
    }
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc) {
        w->ids.last_ordinal = db_int(q, 0) > pruned ? db_int(q, 0) : pruned;
        db_reset(q);
    }
    return rc;
}

static enum rc load(struct writer *w, struct err *e)
{
    bool is_new = false;
    enum rc rc = migrate_check(w->db, &is_new, e);
    w->engine->is_new = is_new;
    if (!rc) {
        rc = pragmas(w, e);
    }
    /* What a crash left in the log goes into the database before anything is appended: SQLite protects a commit from torn
     * neighbours by a frame of padding, and recovery may have cut just that off. The next append would then share a
     * sector with an acknowledged commit (found by the power-cut tests: two cuts in a row). */
    if (!rc) {
        rc = db_checkpoint(w->db, true, e);
    }
    if (!rc) {
        rc = migrate_apply(w->db, store_now(&w->engine->base), e);
    }
    if (!rc && !w->engine->is_alone) {
        rc = migrate_refuse_copy(w->db, e);
    }
    if (!rc) {
        rc = secret(w, e);
    }
    if (!rc) {
        rc = first_lease(w, e);
    }
    if (!rc) {
        rc = seed_ids(w, e);
    }
    if (!rc) {
        rc = schedule_release(w, e);
    }
    return rc ? rc : caches_load(w, e);
}

enum rc writer_open(struct engine *s, struct writer **out, struct err *e)
{
    struct writer *w = mem_alloc(sizeof *w);
    w->engine = s;
    w->keeper.engine = &sqlite_keeper;
    w->keeper.store = &s->base;
    w->keeper.scratch = arena_new();
    w->fresh = mem_alloc(sizeof *w->fresh);
    w->cache_arena = arena_new();
    w->claim_turn = random_u64() >> 1;
    enum rc rc = engine_open_db(s, true, &w->db, e);
    if (!rc) {
        db_own_wal(w->db);
        rc = insert_open(w, e);
    }
    if (!rc) {
        rc = load(w, e);
    }
    if (rc) {
        writer_close(w);
        return rc;
    }
    *out = w;
    return RC_OK;
}

void writer_close(struct writer *w)
{
    if (!w) {
        return;
    }
    caches_dispose(w);
    arena_free(w->keeper.scratch);
    mem_free(w->fresh);
    db_close(w->db);
    insert_close(w);
    mem_free(w);
}
