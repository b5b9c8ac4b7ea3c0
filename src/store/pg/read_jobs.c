/* read_jobs.c: one job. */
#include "store/pg/views.h"

/* Looked for among the live ones, then in history, of one snapshot, in which no job moves. */
enum rc pg_view_get(struct reader *r, int64_t tenant, struct id id, struct arena *a, struct view *out,
                    struct err *e)
{
    static const enum pg_sql_query queries[] = {PG_SQL_JOB_VIEW, PG_SQL_HISTORY_VIEW};
    enum rc rc = RC_OK;
    out->found = false;
    for (int i = 0; i < 2 && !out->found && !rc; i++) {
        struct pg_query q = PG_QUERY(r->scratch);
        struct pg_rows *rows = NULL;
        pg_bind_uuid(&q, &id);
        rc = pg_run(r->link.c, pg_sql(queries[i]), &q, &rows, e);
        if (!rc && pg_count(rows)) {
            pg_view_read(&r->engine->base, rows, 0, a, out->job, &out->flags);
            view_read_long(rows, 0, VIEW_COLUMNS, a, out->job);
            out->found = true;
        }
        if (out->found && i == 1) {
            view_read_end(rows, 0, VIEW_COLUMNS + VIEW_LONG_COLUMNS, a, out->job);
            out->drop_at = pg_int(rows, 0, VIEW_COLUMNS + VIEW_LONG_COLUMNS + 3);
        }
        pg_rows_free(rows);
    }
    out->found = out->found && (!tenant || out->job->tenant == tenant);
    return rc;
}

enum rc pg_job_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_job *op = (struct store_get_job *)base;
    op->job = arena_alloc(base->a, sizeof *op->job);
    struct view view = {.job = op->job};
    enum rc rc = pg_view_get(r, op->tenant, op->id, base->a, &view, e);
    if (!rc && !view.found) {
        op->job = NULL;
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    return rc;
}
