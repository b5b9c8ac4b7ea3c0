/* save.c: what has become of the round's rows, written by one statement for each way of becoming. A column in which no row of
 * a statement has changed is an empty array; a number that all its rows share travels once, because each array costs time for
 * each row (sql/pg/queries/job.sql, @changes@). */
#include "store/pg/rows.h"

#include "store/pg/batch.h"

#define NUMBERS 23 /* in the order of @changes@ behind id; queue, a text, stands behind the first */

struct rows_list {
    struct pg_row **items;
    size_t count;
};

static void numbers_of(const struct row *r, int64_t out[NUMBERS])
{
    const int64_t all[NUMBERS] = {
        r->state,       r->priority,       r->run_at,     r->due_at,    r->flags,       r->lease,
        r->lease_ms,    r->lease_until,    r->timeout_at, r->cancel_at, r->deadline_at, r->attempt,
        r->lost,        r->snoozes,        r->waits,      r->round,     r->reason,      r->report_n,
        r->report_hash, r->report_verdict, r->last_seq,   r->progress,  r->started_at};
    memcpy(out, all, sizeof all);
}

/* ---- binding: id, state, queue, then the other numbers, then texts */

struct numbers {
    int64_t *values;
    bool is_changed, differ;
};

struct columns {
    struct numbers numbers[NUMBERS];
    struct id *ids;
    struct str *queues;
    bool is_moved;
};

static void read_columns(const struct rows_list *l, struct arena *a, struct columns *c)
{
    *c = (struct columns){.ids = arena_array(a, struct id, l->count),
                          .queues = arena_array(a, struct str, l->count)};
    for (int n = 0; n < NUMBERS; n++) {
        c->numbers[n].values = arena_array(a, int64_t, l->count);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct pg_row *r = l->items[i];
        int64_t now[NUMBERS], was[NUMBERS];
        numbers_of(&r->row, now);
        numbers_of(&r->was, was);
        c->ids[i] = r->row.id;
        c->queues[i] = r->row.queue;
        c->is_moved |= !str_eq(r->row.queue, r->was.queue);
        for (int n = 0; n < NUMBERS; n++) {
            struct numbers *column = &c->numbers[n];
            column->values[i] = now[n];
            column->is_changed |= now[n] != was[n];
            column->differ |= now[n] != column->values[0];
        }
    }
}

static void bind_texts(struct pg_query *q, const struct rows_list *l, struct arena *a, int all)
{
    const struct {
        int bit;
        size_t offset;
    } texts[] = {{TEXT_ARGS, offsetof(struct pg_row, args)},
                 {TEXT_CHECKPOINT, offsetof(struct pg_row, checkpoint)},
                 {TEXT_PROGRESS, offsetof(struct pg_row, progress_message)},
                 {TEXT_ERROR, 0},
                 {TEXT_ERROR, offsetof(struct pg_row, error.code)},
                 {TEXT_ERROR, offsetof(struct pg_row, error.message)},
                 {TEXT_ERROR, offsetof(struct pg_row, error.stack)}};
    struct str *values = arena_array(a, struct str, l->count);
    int64_t *numbers = arena_array(a, int64_t, l->count);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        bool is_class = texts[t].bit == TEXT_ERROR && texts[t].offset == 0;
        size_t count = all & texts[t].bit ? l->count : 0;
        for (size_t i = 0; i < count; i++) {
            values[i] = *(const struct str *)((const char *)l->items[i] + texts[t].offset);
            numbers[i] = l->items[i]->error.class;
        }
        if (is_class) {
            pg_bind_ints(q, numbers, count);
        } else {
            pg_bind_strs(q, values, count);
        }
    }
}

static void bind_column(struct pg_query *q, const struct numbers *n, size_t count)
{
    pg_bind_ints(q, n->values, n->is_changed && n->differ ? count : 0);
    pg_bind_int_or_null(q, n->is_changed && !n->differ, n->values[0]);
}

static void bind_changes(struct pg_query *q, const struct rows_list *l)
{
    struct arena *a = q->a;
    struct columns c;
    int texts = 0;
    int64_t *masks = arena_array(a, int64_t, l->count);
    read_columns(l, a, &c);
    pg_bind_uuids(q, c.ids, l->count);
    for (int n = 0; n < NUMBERS; n++) {
        bind_column(q, &c.numbers[n], l->count);
        if (n == 0) {
            pg_bind_strs(q, c.queues, c.is_moved ? l->count : 0);
        }
    }
    for (size_t i = 0; i < l->count; i++) {
        masks[i] = l->items[i]->texts;
        texts |= l->items[i]->texts;
    }
    pg_bind_ints(q, masks, texts ? l->count : 0);
    bind_texts(q, l, a, texts);
}

/* Every row is there and locked: another number would be a bug. */
static enum rc expect_all(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)w;
    const size_t *count = arg;
    if (pg_affected(rows) != (int64_t)*count) {
        return err_set(e, RC_FATAL, "postgresql: %lld of %zu jobs of a round were written",
                       (long long)pg_affected(rows), *count);
    }
    return RC_OK;
}

static enum rc send_list(struct committer *w, enum pg_sql_query query, const struct rows_list *l,
                         struct pg_query *q, struct err *e)
{
    size_t *count = arena_alloc(w->keeper.scratch, sizeof *count);
    *count = l->count;
    return batch_send(w, query, q, expect_all, count, e);
}

static enum rc send_save(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_changes(&q, l);
    return send_list(w, PG_SQL_JOB_SAVE, l, &q, e);
}

static struct numbers numbers_at(struct arena *a, const struct rows_list *l, size_t offset)
{
    struct numbers n = {.values = arena_array(a, int64_t, l->count), .is_changed = true};
    for (size_t i = 0; i < l->count; i++) {
        n.values[i] = *(const int64_t *)((const char *)l->items[i] + offset);
        n.differ |= n.values[i] != n.values[0];
    }
    return n;
}

static void bind_numbers(struct pg_query *q, const struct rows_list *l, size_t offset)
{
    pg_bind_ints(q, numbers_at(q->a, l, offset).values, l->count);
}

static enum rc send_restore(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_changes(&q, l);
    struct numbers drop_at = numbers_at(q.a, l, offsetof(struct pg_row, drop_at));
    bind_column(&q, &drop_at, l->count);
    return send_list(w, PG_SQL_JOB_RESTORE, l, &q, e);
}

static void bind_ids(struct pg_query *q, const struct rows_list *l)
{
    struct id *ids = arena_array(q->a, struct id, l->count);
    for (size_t i = 0; i < l->count; i++) {
        ids[i] = l->items[i]->row.id;
    }
    pg_bind_uuids(q, ids, l->count);
}

static enum rc send_delete(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_ids(&q, l);
    return send_list(w, PG_SQL_JOB_DELETE, l, &q, e);
}

static void bind_finish(struct pg_query *q, const struct rows_list *l)
{
    struct str *results = arena_array(q->a, struct str, l->count);
    const struct numbers ends[] = {numbers_at(q->a, l, offsetof(struct pg_row, row.finished_at)),
                                   numbers_at(q->a, l, offsetof(struct pg_row, row.expires_at)),
                                   numbers_at(q->a, l, offsetof(struct pg_row, counted))};
    bool has_result = false;
    bind_changes(q, l);
    for (size_t n = 0; n < sizeof ends / sizeof ends[0]; n++) {
        bind_column(q, &ends[n], l->count);
    }
    for (size_t i = 0; i < l->count; i++) {
        results[i] = l->items[i]->result;
        has_result |= results[i].p != NULL;
    }
    pg_bind_strs(q, results, has_result ? l->count : 0);
}

static enum rc send_finish(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_finish(&q, l);
    enum rc rc = send_list(w, PG_SQL_JOB_FINISH, l, &q, e);
    return rc ? rc : send_delete(w, l, e);
}

/* ---- of rows that were not read: in the order in which others lock them */

static int by_id(const void *a, const void *b)
{
    return memcmp((*(struct pg_row *const *)a)->row.id.b, (*(struct pg_row *const *)b)->row.id.b,
                  sizeof(struct id));
}

static void bind_places(struct pg_query *q, const struct rows_list *l)
{
    struct str *places = arena_array(q->a, struct str, l->count);
    for (size_t i = 0; i < l->count; i++) {
        places[i] = (struct str){l->items[i]->place.at, sizeof l->items[i]->place.at};
    }
    pg_bind_tids(q, places, l->count);
}

static enum rc send_finish_known(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query copy = PG_QUERY(w->keeper.scratch), delete = PG_QUERY(w->keeper.scratch);
    qsort(l->items, l->count, sizeof *l->items, by_id);
    bind_finish(&copy, l);
    bind_places(&copy, l);
    enum rc rc = batch_send(w, PG_SQL_JOB_FINISH_KNOWN, &copy, NULL, NULL, e);
    bind_ids(&delete, l);
    bind_places(&delete, l);
    bind_numbers(&delete, l, offsetof(struct pg_row, place.version));
    bind_numbers(&delete, l, offsetof(struct pg_row, was.lease));
    pg_bind_int(&delete, (int64_t)l->count);
    return rc ? rc : batch_send(w, PG_SQL_JOB_DELETE_KNOWN, &delete, NULL, NULL, e);
}

static enum rc send_history_delete(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_ids(&q, l);
    bind_numbers(&q, l, offsetof(struct pg_row, drop_at));
    return send_list(w, PG_SQL_HISTORY_DELETE, l, &q, e);
}

static enum rc send_history_erase(struct committer *w, const struct rows_list *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_ids(&q, l);
    bind_numbers(&q, l, offsetof(struct pg_row, counted));
    bind_numbers(&q, l, offsetof(struct pg_row, row.flags));
    return send_list(w, PG_SQL_HISTORY_ERASE, l, &q, e);
}

/* ---- which way a row goes; restored ones may be finished again in the same round */

static bool is_saved(const struct pg_row *r)
{
    return !r->drop_at && !r->is_gone && r->is_dirty && !job_state_is_final(r->row.state);
}

static bool is_restored(const struct pg_row *r)
{
    return r->drop_at && !r->is_gone && r->is_dirty &&
           (!job_state_is_final(r->row.state) || r->row.round != r->was.round);
}

static bool is_any_finished(const struct pg_row *r)
{
    return !r->is_gone && r->is_dirty && job_state_is_final(r->row.state) && (!r->drop_at || is_restored(r));
}

static bool is_finished(const struct pg_row *r)
{
    return !r->is_known && is_any_finished(r);
}

static bool is_known_finished(const struct pg_row *r)
{
    return r->is_known && is_any_finished(r);
}

static bool is_deleted(const struct pg_row *r)
{
    return r->is_gone && !r->drop_at;
}

static bool is_history_deleted(const struct pg_row *r)
{
    return r->is_gone && r->drop_at;
}

/* Also one that was finished and erased in the same round: it is in history by then. */
static bool is_history_erased(const struct pg_row *r)
{
    return r->is_erased && !r->is_gone;
}

static const struct {
    bool (*is_of)(const struct pg_row *r);
    enum rc (*send)(struct committer *w, const struct rows_list *l, struct err *e);
} ways[] = {{is_restored, send_restore},
            {is_saved, send_save},
            {is_finished, send_finish},
            {is_known_finished, send_finish_known},
            {is_deleted, send_delete},
            {is_history_deleted, send_history_delete},
            {is_history_erased, send_history_erase}};

/* What was not read may only end: the statement that ends it finds out whether it was as known. */
static enum rc check_known(struct committer *w, struct err *e)
{
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (r->is_known && r->is_asked && !is_known_finished(r)) {
            return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL, "a job is decided about once it is read");
        }
    }
    return RC_OK;
}

enum rc rows_send(struct committer *w, struct err *e)
{
    struct rows_list l = {.items = arena_array(w->keeper.scratch, struct pg_row *, w->work.rows.count + 1)};
    enum rc rc = check_known(w, e);
    for (size_t way = 0; way < sizeof ways / sizeof ways[0] && !rc; way++) {
        l.count = 0;
        for (struct pg_row *r = w->work.rows.first; r; r = r->next) {
            if (ways[way].is_of(r)) {
                l.items[l.count++] = r;
            }
        }
        rc = l.count ? ways[way].send(w, &l, e) : RC_OK;
    }
    return rc;
}
