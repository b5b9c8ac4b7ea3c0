/* reads.c: see reads.h. */
#include "store/pg/reads.h"

#define BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

struct pg_query *read_add(struct reader *r, struct read_batch *b, enum pg_sql_query sql)
{
    b->queries[b->count].sql = sql;
    b->queries[b->count].params = PG_QUERY(r->scratch);
    return &b->queries[b->count++].params;
}

void read_free(struct read_batch *b)
{
    for (int i = 0; i < b->count; i++) {
        pg_rows_free(b->queries[i].rows);
    }
    *b = (struct read_batch){0};
}

/* A statement alone is its own snapshot, unless settings that a pooler forgets must stand before it. */
static enum rc send_all(struct pg *c, const struct read_batch *b, const char *setup, bool is_wrapped,
                        struct err *e)
{
    enum rc rc = is_wrapped ? pg_send(c, BEGIN, NULL, e) : RC_OK;
    if (!rc && setup) {
        rc = pg_send(c, setup, NULL, e);
    }
    for (int i = 0; i < b->count && !rc; i++) {
        rc = pg_send(c, pg_sql(b->queries[i].sql), &b->queries[i].params, e);
    }
    if (!rc && is_wrapped) {
        rc = pg_send(c, "COMMIT", NULL, e);
    }
    return rc ? rc : pg_sync(c, e);
}

static enum rc take_all(struct pg *c, struct read_batch *b, bool has_setup, bool is_wrapped, struct err *e)
{
    enum rc rc = RC_OK;
    for (int i = 0; i < is_wrapped + has_setup && !rc; i++) {
        rc = pg_next(c, NULL, e);
    }
    for (int i = 0; i < b->count && !rc; i++) {
        rc = pg_next(c, &b->queries[i].rows, e);
    }
    return !rc && is_wrapped ? pg_next(c, NULL, e) : rc;
}

enum rc read_run(struct reader *r, struct read_batch *b, struct err *e)
{
    bool is_inside = pg_in_transaction(r->link.c);
    const char *setup = is_inside ? NULL : link_transaction_setup(&r->link);
    bool is_wrapped = !is_inside && (setup || b->count > 1);
    enum rc rc = send_all(r->link.c, b, setup, is_wrapped, e);
    if (!rc) {
        rc = take_all(r->link.c, b, setup != NULL, is_wrapped, e);
    }
    if (rc) {
        read_free(b);
    }
    return rc;
}

size_t read_page_end(const struct pg_rows *rows, size_t limit, int64_t *next_cursor)
{
    size_t n = pg_count(rows), end = limit;
    *next_cursor = 0;
    if (n <= limit) {
        return n;
    }
    while (end && view_ordinal(rows, end - 1) == view_ordinal(rows, limit)) {
        end--;
    }
    for (bool is_one = !end; is_one && end < n && view_ordinal(rows, end) == view_ordinal(rows, 0);) {
        end++;
    }
    *next_cursor = view_ordinal(rows, end - 1);
    return end;
}

void read_view(const struct reader *r, const struct pg_rows *rows, bool is_history, struct arena *a,
               struct view *out)
{
    out->found = pg_count(rows) > 0;
    if (!out->found) {
        return;
    }
    pg_view_read(&r->engine->base, rows, 0, a, out->job, &out->flags);
    view_read_long(rows, 0, VIEW_COLUMNS, a, out->job);
    out->drop_at = 0;
    if (is_history) {
        view_read_end(rows, 0, VIEW_COLUMNS + VIEW_LONG_COLUMNS, a, out->job);
        out->drop_at = pg_int(rows, 0, VIEW_COLUMNS + VIEW_LONG_COLUMNS + VIEW_END_COLUMNS);
    }
}
