/* rows.c: loading the rows of a round: see rows.h. */
#include "store/pg/rows.h"

#include "store/pg/batch.h"

#define LOOKS_MAX 3 /* a job may move between its two tables while we look from one to the other */

static struct str key_of(const struct id *id)
{
    return (struct str){(const char *)id->b, sizeof id->b};
}

struct pg_row *rows_find(const struct committer *w, struct id id)
{
    return map_get(&w->work.row_by_id, key_of(&id));
}

static struct str text_of(struct committer *w, const struct pg_rows *r, size_t at, int column)
{
    struct str s = pg_str(r, at, column);
    return s.p ? arena_str(w->keeper.scratch, s) : STR_NONE;
}

static void read_row(struct committer *w, const struct pg_rows *r, size_t at, struct row *out)
{
    int c = 0;
    out->id = pg_uuid(r, at, c++);
    out->tenant = pg_int(r, at, c++);
    out->state = (enum job_state)pg_int(r, at, c++);
    out->queue = arena_str(store_round_arena(w->keeper.round), pg_str(r, at, c++));
    out->kind = arena_str(store_round_arena(w->keeper.round), pg_str(r, at, c++));
    int64_t *const numbers[] = {&out->priority,   &out->run_at,    &out->due_at,      &out->flags,
                                &out->lease,      &out->lease_ms,  &out->lease_until, &out->timeout_ms,
                                &out->timeout_at, &out->cancel_at, &out->deadline_at, &out->attempt,
                                &out->lost,       &out->lost_max,  &out->snoozes,     &out->waits,
                                &out->round};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = pg_int(r, at, c++);
    }
    out->reason = (enum job_reason)pg_int(r, at, c++);
    int64_t *const more[] = {&out->report_n, &out->report_hash, &out->report_verdict,
                             &out->last_seq, &out->progress,    &out->started_at};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        *more[i] = pg_int(r, at, c++);
    }
    out->retry = text_of(w, r, at, c++);
    out->unique_key = text_of(w, r, at, c++);
    out->parent = pg_uuid(r, at, c++);
    out->root = pg_uuid(r, at, c++);
    out->batch = pg_uuid(r, at, c++);
    if (out->flags & FLAG_LANED) {
        out->group = text_of(w, r, at, c++);
        out->limits = text_of(w, r, at, c++);
    }
    out->settings = settings_of(&w->settings, out->tenant, out->queue);
}

#define ROW_COLUMNS 36

int64_t rows_more(const struct pg_rows *r, size_t at, int n)
{
    return pg_int(r, at, ROW_COLUMNS + n);
}

struct pg_row *rows_add(struct committer *w, const struct pg_rows *r, size_t at, bool is_history)
{
    struct id id = pg_uuid(r, at, 0);
    struct pg_row *row = rows_find(w, id);
    if (row) {
        return row;
    }
    row = arena_alloc(w->keeper.scratch, sizeof *row);
    read_row(w, r, at, &row->row);
    if (is_history) {
        row->row.finished_at = rows_more(r, at, 0);
        row->row.expires_at = rows_more(r, at, 1);
        row->drop_at = row->counted = rows_more(r, at, 2);
    }
    row->was = row->row;
    row->had_events = row->row.flags & FLAG_EVENTS;
    FIFO_ADD(&w->work.rows, row);
    map_put(&w->work.row_by_id, key_of(&row->row.id), row);
    return row;
}

void rows_add_known(struct committer *w, const struct row *r, const struct row_place *place)
{
    struct pg_row *row = arena_alloc(w->keeper.scratch, sizeof *row);
    row->row = *r;
    row->row.queue = arena_str(store_round_arena(w->keeper.round), r->queue);
    row->row.kind = arena_str(store_round_arena(w->keeper.round), r->kind);
    row->row.settings = settings_of(&w->settings, r->tenant, row->row.queue);
    row->was = row->row;
    row->is_known = true;
    if (!w->engine->base.options.now && w->keeper.now < r->started_at) {
        w->keeper.now = r->started_at; /* by the database's clock, which this round does not ask */
    }
    row->place = *place;
    FIFO_ADD(&w->work.rows, row);
    map_put(&w->work.row_by_id, key_of(&row->row.id), row);
}

static enum rc take_live(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        rows_add(w, rows, i, false);
    }
    return RC_OK;
}

enum rc rows_send_lock(struct committer *w, const struct id *ids, size_t count, unsigned kin, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_uuids(&q, ids, count);
    if (kin) {
        pg_bind_int(&q, kin);
    }
    return batch_send(w, kin ? PG_SQL_JOB_LOCK_KIN : PG_SQL_JOB_LOCK, &q, take_live, NULL, e);
}

size_t rows_missing(struct committer *w, struct id *ids, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (!rows_find(w, ids[i])) {
            ids[left++] = ids[i];
        }
    }
    return left;
}

static enum rc look(struct committer *w, const struct id *ids, size_t count, bool is_history, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuids(&q, ids, count);
    enum rc rc = round_ask(w, is_history ? PG_SQL_HISTORY_LOCK : PG_SQL_JOB_LOCK, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        rows_add(w, rows, i, is_history);
    }
    pg_rows_free(rows);
    return rc;
}

/* A job that was not in the one table is looked for in the other, and then once more in the first: somebody may have
 * moved it meanwhile. What is in neither for so often is nowhere. */
enum rc rows_load_missing(struct committer *w, const struct id *ids, size_t count, struct err *e)
{
    struct id *missing = arena_array(w->keeper.scratch, struct id, count + 1);
    memcpy(missing, ids, count * sizeof *ids);
    enum rc rc = RC_OK;
    size_t left = rows_missing(w, missing, count);
    for (int i = 0; i < LOOKS_MAX && left && !rc; i++) {
        rc = look(w, missing, left, i % 2 == 0, e);
        left = rows_missing(w, missing, left);
    }
    return rc;
}

enum rc pg_rows_load(struct committer *w, const struct id *ids, size_t count, struct err *e)
{
    struct id *missing = arena_array(w->keeper.scratch, struct id, count + 1);
    memcpy(missing, ids, count * sizeof *ids);
    size_t left = rows_missing(w, missing, count);
    enum rc rc = left ? look(w, missing, left, false, e) : RC_OK;
    return rc ? rc : rows_load_missing(w, missing, left, e);
}
