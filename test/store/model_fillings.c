/* model_fillings.c: the model's batches that are filled from a matrix. Few jobs at once: none of them is ever half there
 * (fillings.c tests those that are hidden meanwhile). See model.h. */
#include "model.h"

void model_begin_filling(struct model *m, struct model_batch *b, const struct batch_plan *p)
{
    const struct job_spec *job = &p->filling->job;
    int64_t at = p->fill_at ? p->fill_at : job->run_at ? job->run_at : m->now + job->delay_ms;
    b->filling = p->filling;
    b->is.state = BATCH_FILLING;
    b->is.fill_at = b->fill_due_at = at > m->now ? at : m->now;
}

void model_end_filling(struct model_batch *b)
{
    b->filling = NULL;
    b->is.fill_at = b->fill_due_at = 0;
    b->is.state = BATCH_CLOSED;
}

static struct model_batch *named(struct model *m, const struct store_fill *op)
{
    struct id id;
    bool is_good = id_parse(str_sub(op->name, 1, op->name.n), &id);
    struct model_batch *b = is_good ? model_batch_find(m, op->tenant, id) : NULL;
    return b && b->filling ? b : NULL;
}

static void fail(struct model *m, struct model_batch *b, struct str why)
{
    struct str data = arena_printf(m->a, "{\"message\":\"%.*s\"}", STR_ARG(why));
    b->is.error = arena_str(m->a, why);
    b->is.is_cancelled = b->must_stop = true;
    model_add_batch_event(m, b, STR("failed"), data);
}

static int64_t make_jobs(struct model *m, const struct model_batch *b, struct arena *a)
{
    size_t count = 0;
    int64_t made = 0;
    struct err e;
    const struct id *ids = m->members(m->peek_ctx, b->tenant, b->is.id, &count);
    m->is_filling = true;
    for (int64_t i = 0; i < b->filling->matrix.count; i++) {
        struct job_spec spec;
        struct enqueue_verdict v = {0};
        bool is_told = i < (int64_t)count && m->bug != BUG_MATRIX_SHORT;
        if (is_told && !batch_filling_job(b->filling, i, a, &spec, &e)) {
            spec.batch = b->is.id;
            model_enqueue_one(m, &spec, NULL, b->tenant, &v, ids[i]);
            made += !v.duplicate;
        }
    }
    m->is_filling = false;
    return made;
}

void model_run_fill(struct model *m, struct store_fill *op)
{
    struct model_batch *b = named(m, op);
    op->jobs = 0;
    op->more = false;
    if (!b) {
        op->op.rc = err_set_code(&op->op.e, RC_CONFLICT, "batch_filled", NULL, "filled");
        return;
    }
    if (op->filling) {
        op->jobs = make_jobs(m, b, op->op.a);
    } else {
        fail(m, b, op->failure);
    }
    model_end_filling(b);
    model_add_batch_event(m, b, STR("closed"), STR_NONE);
}

size_t model_give_fillings(struct model *m)
{
    size_t given = 0;
    for (int i = 0; i < m->batch_count; i++) {
        struct model_batch *b = &m->batches[i];
        if (b->filling && b->fill_due_at <= m->now) {
            b->fill_due_at = m->now + STORE_SCHEDULE_HOLD_MS;
            given++;
        }
    }
    return given;
}

/* What was given out goes on at once, also when the clock has stepped back meanwhile. */
void model_release_fillings(struct model *m)
{
    for (int i = 0; i < m->batch_count; i++) {
        struct model_batch *b = &m->batches[i];
        b->fill_due_at = b->fill_due_at != b->is.fill_at ? 1 : b->fill_due_at;
    }
}
