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
    out->found = out->found && (!tenant || out->job->tenant == tenant) && !(out->flags & FLAG_BATCH);
    return rc;
}

/* Those of another moment than the job: what it was told of meanwhile is missing. */
static enum rc read_links(struct reader *r, struct job *j, struct arena *a, struct err *e)
{
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_LINK_LIST);
    pg_bind_uuid(q, &j->id);
    pg_bind_int(q, JOB_DEPENDS_SHOWN);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    j->depends_count = pg_count(b.queries[0].rows);
    j->depends_on = arena_array(a, struct id, j->depends_count + 1);
    for (size_t i = 0; i < j->depends_count; i++) {
        j->depends_on[i] = pg_uuid(b.queries[0].rows, i, 0);
    }
    read_free(&b);
    return RC_OK;
}

enum rc pg_job_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_job *op = (struct store_get_job *)base;
    struct view view = {.job = arena_alloc(base->a, sizeof *view.job)};
    enum rc rc = pg_view_get(r, op->tenant, op->id, base->a, &view, e);
    op->job = !rc && view.found ? view.job : NULL;
    if (!rc && !op->job) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    return rc || op->job->state != JOB_BLOCKED ? rc : read_links(r, op->job, base->a, e);
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
