/* filter.c: see filter.h. */
#include "store/sqlite/filter.h"

#include "store/sqlite/rows.h"

#define ALL_STATES ((1u << JOB_STATES) - 1)

enum rc filter_begin(struct filter_scan *f, struct db *db, struct err *e)
{
    const struct job_filter *filter = f->filter;
    f->db = db;
    int64_t cursor = f->cursor;
    f->states = filter->states ? filter->states : ALL_STATES;
    bool has_batch = !id_is_zero(filter->batch), is_dead = !has_batch && f->states == 1u << JOB_FAILED;
    enum rc rc = stmt(db,
                      has_batch ? SQL_JOB_LIST_BATCH
                      : is_dead ? SQL_JOB_LIST_DEAD
                                : SQL_JOB_LIST,
                      &f->q, e);
    if (rc) {
        return rc;
    }
    int64_t before = filter->until > 0 && filter->until < INT64_MAX >> 21 ? filter->until << 21 : INT64_MAX;
    db_bind_int(f->q, 1, cursor > 0 && cursor < before ? cursor : before);
    db_bind_int(f->q, 2, filter->since > 0 ? filter->since << 21 : 0);
    if (has_batch || is_dead) {
        db_bind_int(f->q, 3, has_batch ? id_ordinal(filter->batch) : f->tenant);
    }
    if (has_batch) {
        db_bind_int(f->q, 4, id_random_bits(filter->batch));
    }
    return RC_OK;
}

static bool passes(struct filter_scan *f)
{
    const struct job_filter *w = f->filter;
    struct db_stmt *q = f->q;
    if (db_int(q, 2) != f->tenant || !(f->states & 1u << db_int(q, 3)) || db_int(q, 8) & FLAG_BATCH) {
        return false;
    }
    if (w->queue.n && !str_eq(names_get(&f->engine->queue_names, db_int(q, 4)), w->queue)) {
        return false;
    }
    if (w->kind.n && !str_eq(names_get(&f->engine->words, db_int(q, 5)), w->kind)) {
        return false;
    }
    return !w->tag.n || tags_have(db_str(q, 30), w->tag);
}

enum rc filter_next(struct filter_scan *f, bool *has_row, struct err *e)
{
    enum rc rc = RC_OK;
    *has_row = false;
    while (!f->is_at_end && f->looked_at < SCANNED_ROWS_MAX) {
        bool is_row = false;
        rc = db_step(f->q, &is_row, e);
        if (rc || !is_row) {
            f->is_at_end = true;
            return rc;
        }
        f->looked_at++;
        f->last = db_int(f->q, 0);
        bool is_hidden = false;
        if (passes(f)) {
            rc = batch_hides(f->db, f->last, db_int(f->q, 8), &is_hidden, e);
            *has_row = !rc && !is_hidden;
        }
        if (rc || *has_row) {
            return rc;
        }
    }
    return rc;
}

enum rc filter_end(struct filter_scan *f, bool is_full, int64_t *next_cursor, struct err *e)
{
    enum rc rc = RC_OK;
    bool is_more = false;
    if (!f->is_at_end && is_full) { /* a page that is exactly full: is there another row at all? */
        rc = db_step(f->q, &is_more, e);
    } else {
        is_more = !f->is_at_end;
    }
    *next_cursor = is_more ? f->last : 0;
    db_reset(f->q);
    return rc;
}
