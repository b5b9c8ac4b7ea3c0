/* filter.c: see filter.h. */
#include "store/pg/filter.h"

#include "store/pg/views.h"

#define ALL_STATES   ((1u << JOB_STATES) - 1)
#define FINAL_STATES (1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED)
#define DEAD_STATES  (1u << JOB_FAILED)
#define SHARED_MAX   8 /* nodes that make an id of one ordinal */

enum column { /* behind @list_columns@ */
              C_PASSES = VIEW_COLUMNS + VIEW_END_COLUMNS,
              C_IS_LAST,
};

static struct id first_id(int64_t ordinal)
{
    return id_from_parts(ordinal, 0);
}

static void bind_name(struct pg_query *q, struct str name)
{
    pg_bind_str(q, name.n ? name : STR_NONE);
}

enum pg_sql_query filter_bind(const struct filter_scan *f, struct pg_query *q)
{
    const struct job_filter *w = f->filter;
    uint32_t states = w->states ? w->states & ALL_STATES : ALL_STATES;
    int64_t before = w->until > 0 && w->until < INT64_MAX >> 21 ? w->until << 21 : INT64_MAX;
    struct id below = first_id(f->cursor > 0 && f->cursor < before ? f->cursor : before);
    struct id from = first_id(w->since > 0 ? w->since << 21 : 0);
    pg_bind_int(q, states);
    pg_bind_int(q, f->tenant);
    pg_bind_uuid(q, &below);
    pg_bind_uuid(q, &from);
    bind_name(q, w->queue);
    bind_name(q, w->kind);
    bind_name(q, w->tag);
    pg_bind_int(q, SCANNED_ROWS_MAX);
    pg_bind_int(q, f->limit + SHARED_MAX);
    if (!id_is_zero(w->batch)) {
        pg_bind_uuid(q, &w->batch);
        return PG_SQL_JOB_LIST_BATCH;
    }
    return states == DEAD_STATES   ? PG_SQL_JOB_LIST_DEAD
           : states & FINAL_STATES ? PG_SQL_JOB_LIST
                                   : PG_SQL_JOB_LIST_LIVE;
}

/* The row at which the page stops belongs to the next one, and so do those of its ordinal. */
static struct filter_page stop_at(const struct filter_scan *f, const struct pg_rows *rows, size_t stop)
{
    int64_t ordinal = view_ordinal(rows, stop);
    size_t count = stop;
    while (count && view_ordinal(rows, count - 1) == ordinal) {
        count--;
    }
    if (count || (int64_t)stop < f->limit) {
        return (struct filter_page){count, ordinal + 1};
    }
    while (stop < pg_count(rows) && view_ordinal(rows, stop) == ordinal) {
        stop++;
    }
    return (struct filter_page){stop, ordinal};
}

struct filter_page filter_page(const struct filter_scan *f, const struct pg_rows *rows)
{
    size_t n = pg_count(rows);
    if ((int64_t)n > f->limit) {
        return stop_at(f, rows, (size_t)f->limit);
    }
    if (n && pg_bool(rows, n - 1, C_IS_LAST)) {
        return stop_at(f, rows, n - 1);
    }
    return (struct filter_page){n, 0};
}
