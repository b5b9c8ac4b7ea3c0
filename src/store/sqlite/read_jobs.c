/* read_jobs.c: one job, and lists of jobs by filter. */
#include "store/sqlite/filter.h"
#include "store/sqlite/views.h"

#define LIST_MAX 1000

enum rc job_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_job *op = (struct store_get_job *)base;
    int64_t flags = 0;
    bool found = false;
    op->job = arena_alloc(base->a, sizeof *op->job);
    enum rc rc = view_get(r->engine, r->db, op->tenant, op->id, base->a, op->job, &flags, &found, e);
    if (!rc && !found) {
        op->job = NULL;
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    return rc;
}

/* The row's columns that a filter asks for come first; the rest is read of those that pass. */
enum rc job_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_jobs *op = (struct store_list_jobs *)base;
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    struct filter_scan scan;
    bool has_row = false;
    op->count = 0;
    op->next_cursor = 0;
    op->jobs = arena_array(base->a, struct job, (size_t)limit);
    enum rc rc = filter_begin(&scan, r->engine, r->db, op->tenant, &op->filter, op->cursor, e);
    while (!rc && (int64_t)op->count < limit && !(rc = filter_next(&scan, &has_row, e)) && has_row) {
        int64_t flags = 0;
        view_read(r->engine, scan.q, false, base->a, &op->jobs[op->count++], &flags);
    }
    if (!rc) {
        rc = filter_end(&scan, (int64_t)op->count == limit, &op->next_cursor, e);
    }
    return rc;
}
