/* read_jobs.c: one job, and lists of jobs by filter. */
#include "store/pg/filter.h"
#include "store/pg/reads.h"

#define LIST_MAX 1000

enum rc pg_view_get(struct reader *r, int64_t tenant, struct id id, struct arena *a, struct view *out,
                    struct err *e)
{
    enum rc rc = RC_OK;
    out->found = false;
    for (int i = 0; i < READ_LOOKS_MAX && !out->found && !rc; i++) {
        struct read_batch b = {0};
        bool is_history = i % 2;
        pg_bind_uuid(read_add(r, &b, is_history ? PG_SQL_HISTORY_VIEW : PG_SQL_JOB_VIEW), &id);
        rc = read_run(r, &b, e);
        if (!rc) {
            read_view(r, b.queries[0].rows, is_history, a, out);
        }
        read_free(&b);
    }
    out->found = out->found && (!tenant || out->job->tenant == tenant);
    return rc;
}

enum rc pg_job_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_job *op = (struct store_get_job *)base;
    struct view view = {.job = arena_alloc(base->a, sizeof *view.job)};
    enum rc rc = pg_view_get(r, op->tenant, op->id, base->a, &view, e);
    op->job = !rc && view.found ? view.job : NULL;
    return rc || op->job ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such job");
}

enum rc pg_job_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_jobs *op = (struct store_list_jobs *)base;
    struct filter_scan scan = {.tenant = op->tenant,
                               .filter = &op->filter,
                               .cursor = op->cursor,
                               .limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX};
    struct read_batch b = {0};
    struct pg_query q = PG_QUERY(r->scratch);
    enum pg_sql_query sql = filter_bind(&scan, &q);
    *read_add(r, &b, sql) = q;
    op->count = 0;
    op->next_cursor = 0;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    struct filter_page page = filter_page(&scan, b.queries[0].rows);
    op->jobs = arena_array(base->a, struct job, page.count + 1);
    for (size_t i = 0; i < page.count; i++) {
        pg_view_read(&r->engine->base, b.queries[0].rows, i, base->a, &op->jobs[i], NULL);
        view_read_end(b.queries[0].rows, i, VIEW_COLUMNS, base->a, &op->jobs[i]);
    }
    op->count = page.count;
    op->next_cursor = page.next_cursor;
    read_free(&b);
    return rc;
}
