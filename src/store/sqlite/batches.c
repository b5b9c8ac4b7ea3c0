/* batches.c: what stands beside batches and their jobs: tables batch, member. What it means is in store/rules/batch.c. */
#include "store/sqlite/rows.h"
#include "store/sqlite/views.h"

#define LIST_MAX  1000
#define LOOKED_AT 5000 /* jobs of a batch, for those that are final */

/* ---- jobs of a batch */

enum rc batch_read_id(struct db *db, int64_t ordinal, struct id *out, struct err *e)
{
    return read_ids(db, SQL_MEMBER_GET, ordinal, out, 1, e);
}

enum rc batch_hides(struct db *db, int64_t ordinal, int64_t flags, bool *out, struct err *e)
{
    struct db_stmt *q = NULL;
    *out = false;
    if (!(flags & FLAG_FILLED)) {
        return RC_OK;
    }
    enum rc rc = stmt(db, SQL_MEMBER_HIDDEN, &q, e);
    if (!rc) {
        db_bind_int(q, 1, ordinal);
        db_bind_int(q, 2, FLAG_FILLING);
        rc = db_step(q, out, e);
        db_reset(q);
    }
    return rc;
}

enum rc batch_add_member(struct writer *w, const struct sqlite_row *s, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_MEMBER_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, s->ordinal);
        db_bind_int(q, 2, id_ordinal(s->row.batch));
        db_bind_int(q, 3, id_random_bits(s->row.batch));
        rc = db_run(q, e);
    }
    return rc;
}

/* ---- batches */

static enum rc ask(struct writer *w, enum sql_query query, const struct sqlite_row *s, struct db_stmt **q,
                   struct err *e)
{
    enum rc rc = stmt(w->db, query, q, e);
    if (!rc) {
        db_bind_int(*q, 1, s->row.tenant);
        db_bind_int(*q, 2, s->ordinal);
    }
    return rc;
}

enum rc batch_remove(struct writer *w, const struct sqlite_row *s, struct err *e)
{
    struct db_stmt *q = NULL;
    if (!(s->row.flags & FLAG_BATCH)) {
        return run_with_id(w->db, SQL_MEMBER_DELETE, s->ordinal, e);
    }
    enum rc rc = ask(w, SQL_BATCH_DELETE, s, &q, e);
    return rc ? rc : db_run(q, e);
}

enum rc batch_max(struct keeper *k, struct row *r, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = ask(writer_of(k), SQL_BATCH_MAX, sqlite_row_of(r), &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc && has_row) {
        *out = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

enum rc batch_put(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = ask(writer_of(k), SQL_BATCH_INSERT, sqlite_row_of(r), &q, e);
    if (!rc) {
        db_bind_int(q, 3, sqlite_row_of(r)->random);
        db_bind_int(q, 4, p->max_jobs);
        db_bind_str(q, 5, p->name.n ? p->name : STR(""));
        db_bind_str(q, 6, p->labels.n ? p->labels : STR("{}"));
        rc = db_run(q, e);
    }
    return rc;
}

enum rc batch_find_flags(struct keeper *k, struct id batch, int64_t *out, struct err *e)
{
    struct row *r = NULL;
    enum rc rc = rows_load(k, 0, batch, &r, e);
    *out = !rc && r && !job_state_is_final(r->state) ? r->flags : 0;
    return rc;
}

enum rc batch_put_finalisers(struct keeper *k, int64_t tenant, struct id batch, struct str ids, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_BATCH_SET_FINALLY, &q, e);
    if (!rc) {
        db_bind_int(q, 1, tenant);
        db_bind_int(q, 2, id_ordinal(batch));
        db_bind_str(q, 3, ids);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc batch_find_finalisers(struct keeper *k, struct row *r, struct str *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = ask(writer_of(k), SQL_BATCH_FINALLY, sqlite_row_of(r), &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc && has_row) {
        *out = arena_str(k->scratch, db_str(q, 0));
        db_reset(q);
    }
    return rc;
}

/* ---- lists */

static void read_batch(struct db_stmt *q, struct arena *a, struct batch *b)
{
    enum job_state state = (enum job_state)db_int(q, 5);
    int64_t flags = db_int(q, 6);
    *b = (struct batch){.id = id_from_parts(db_int(q, 0), db_int(q, 1)),
                        .max_jobs = db_int(q, 2),
                        .name = arena_str(a, db_str(q, 3)),
                        .labels = arena_str(a, db_str(q, 4)),
                        .round = db_int(q, 7),
                        .finished_at = job_state_is_final(state) ? db_int(q, 8) : 0,
                        .error = arena_str(a, db_str(q, 14)),
                        .counts = {.open = db_int(q, 9),
                                   .completed = db_int(q, 10),
                                   .failed = db_int(q, 11),
                                   .cancelled = db_int(q, 12),
                                   .skipped = db_int(q, 13)}};
    rules_show_batch(b, state, flags);
}

/* So many batches are looked at for a page; with two things wanted one of them is looked for. */
static int64_t rows_of(const struct store_list_batches *op, int64_t limit)
{
    return op->name.n && op->label.n ? LIST_MAX : limit + 1; /* is there one behind the page? */
}

static enum rc begin_list(struct db *db, const struct store_list_batches *op, int64_t rows,
                          struct db_stmt **q, struct err *e)
{
    bool is_one = !id_is_zero(op->id), has_label = op->label.n, has_name = op->name.n && !has_label;
    enum rc rc = stmt(db,
                      has_label  ? SQL_BATCH_LIST_LABELLED
                      : has_name ? SQL_BATCH_LIST_NAMED
                                 : SQL_BATCH_LIST,
                      q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(*q, 1, op->tenant);
    db_bind_int(*q, 2, is_one ? id_ordinal(op->id) + 1 : op->cursor > 0 ? op->cursor : INT64_MAX);
    db_bind_int(*q, 3, is_one ? id_ordinal(op->id) : 0);
    db_bind_int(*q, 4, rows);
    if (has_label || has_name) {
        db_bind_str(*q, 5, has_label ? op->label : op->name);
    }
    return RC_OK;
}

static enum rc read_fill_at(struct db *db, const struct store_list_batches *op, struct batch *b,
                            struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = b->state == BATCH_FILLING ? stmt(db, SQL_BATCH_FILL_AT, &q, e) : RC_OK;
    if (rc || !q) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, rules_filling_name(op->op.a, b->id));
    rc = db_step(q, &has_row, e);
    b->fill_at = !rc && has_row ? db_int(q, 0) : 0;
    db_reset(q);
    return rc;
}

enum rc batch_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_batches *op = (struct store_list_batches *)base;
    bool is_one = !id_is_zero(op->id), has_row = false;
    int64_t limit = is_one ? 1 : op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    int64_t rows = rows_of(op, limit), seen = 0, last = 0;
    struct db_stmt *q = NULL;
    op->count = 0;
    op->next_cursor = 0;
    op->batches = arena_array(base->a, struct batch, (size_t)limit + 1);
    enum rc rc = begin_list(r->db, op, rows, &q, e);
    if (rc) {
        return rc;
    }
    while ((int64_t)op->count <= limit && !rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        struct batch *b = &op->batches[op->count];
        read_batch(q, base->a, b);
        rc = read_fill_at(r->db, op, b, e);
        last = id_ordinal(b->id);
        op->count += !op->name.n || str_eq(op->name, b->name);
        seen++;
    }
    db_reset(q);
    if ((int64_t)op->count > limit) {
        op->count = (size_t)limit;
        op->next_cursor = id_ordinal(op->batches[limit - 1].id);
    } else if (seen == rows) {
        op->next_cursor = last;
    }
    bool is_missing = is_one && (!op->count || !id_eq(op->batches[0].id, op->id));
    return !rc && is_missing ? store_answer(base, RC_NOT_FOUND, NULL, "no such batch") : rc;
}

static enum rc read_results(struct reader *r, struct store_list_results *op, const int64_t *ids, size_t count,
                            struct err *e)
{
    struct viewer viewer = {r->engine, r->db, op->op.a, false};
    size_t bytes = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        struct job *j = &op->jobs[op->count];
        struct view view = {.job = j};
        if (bytes > STORE_RESULTS_BYTES) {
            op->next_cursor = ids[i - 1];
            return RC_OK;
        }
        rc = view_get_ordinal(&viewer, ids[i], &view, e);
        if (!rc && view.found && j->tenant == op->tenant) {
            bytes += j->result.n;
            j->args = j->checkpoint = STR_NONE;
            op->count++;
        }
    }
    return rc;
}

enum rc result_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_results *op = (struct store_list_results *)base;
    size_t limit = op->limit > 0 && op->limit < LIST_MAX ? (size_t)op->limit : LIST_MAX, count = 0;
    int64_t *ids = arena_array(base->a, int64_t, limit), looked_at = 0, last = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->count = 0;
    op->next_cursor = 0;
    op->jobs = arena_array(base->a, struct job, limit);
    enum rc rc = stmt(r->db, SQL_MEMBER_FINAL, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(op->batch));
    db_bind_int(q, 2, id_random_bits(op->batch));
    db_bind_int(q, 3, op->cursor);
    db_bind_int(q, 4, LOOKED_AT);
    while (count < limit && !(rc = db_step(q, &has_row, e)) && has_row) {
        last = db_int(q, 0);
        looked_at++;
        if (db_int(q, 1)) {
            ids[count++] = last;
        }
    }
    db_reset(q);
    op->next_cursor = count == limit || looked_at == LOOKED_AT ? last : 0;
    return rc ? rc : read_results(r, op, ids, count, e);
}
