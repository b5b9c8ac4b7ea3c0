/* read_jobs.c: one job, and lists of jobs by filter. */
#include "store/sqlite/filter.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/views.h"

#define LIST_MAX 1000

enum rc job_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_job *op = (struct store_get_job *)base;
    struct viewer viewer = {r->engine, r->db, base->a, false};
    op->job = arena_alloc(base->a, sizeof *op->job);
    struct view view = {.job = op->job};
    enum rc rc = view_get(&viewer, op->tenant, op->id, &view, e);
    bool is_hidden = false;
    if (!rc && view.found) {
        rc = batch_hides(r->db, id_ordinal(op->id), view.flags, &is_hidden, e);
    }
    if (!rc && (!view.found || is_hidden)) {
        op->job = NULL;
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    return rc || !(view.flags & FLAG_DEPENDS) ? rc : links_read(r->db, base->a, op->job, e);
}

/* The row's columns that a filter asks for come first; the rest is read of those that pass. */
enum rc job_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_jobs *op = (struct store_list_jobs *)base;
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    struct viewer viewer = {r->engine, r->db, base->a, false};
    struct filter_scan scan = {
        .engine = r->engine, .tenant = op->tenant, .filter = &op->filter, .cursor = op->cursor};
    bool has_row = false;
    op->count = 0;
    op->next_cursor = 0;
    op->jobs = arena_array(base->a, struct job, (size_t)limit);
    enum rc rc = filter_begin(&scan, r->db, e);
    while (!rc && (int64_t)op->count < limit && !(rc = filter_next(&scan, &has_row, e)) && has_row) {
        struct job *j = &op->jobs[op->count++];
        struct view view = {.job = j};
        view_read(&viewer, scan.q, false, &view);
        rc = view_read_kin(&viewer, &view, e);
    }
    if (!rc) {
        rc = filter_end(&scan, (int64_t)op->count == limit, &op->next_cursor, e);
    }
    return rc;
}
