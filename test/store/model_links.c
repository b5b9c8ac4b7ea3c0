/* model_links.c: jobs of the model that depend on others. No notes: what has ended is written where it is waited for. See
 * model.h. */
#include "model.h"

static size_t item_of(const struct store_enqueue *op, struct str ref)
{
    size_t i = 0;
    while (i < op->count && !(op->specs[i].ref.n && str_eq(op->specs[i].ref, ref))) {
        i++;
    }
    return i;
}

static bool refuse(struct enqueue_verdict *v, const char *code)
{
    v->rc = err_set_code(&v->e, RC_INVALID, code, "depends_on", "refused");
    return false;
}

/* A finaliser that waits for the batch which this job would join. */
static bool is_circle(const struct job_spec *s, const struct model_job *on)
{
    bool waits = on->v.state == JOB_BLOCKED && on->links;
    return waits && !id_is_zero(s->batch) && id_eq(on->v.finally_of, s->batch);
}

/* What the test asks has refs that differ, names that somebody has, and no circles among them: jobs depend on those before them. */
bool model_check_links(struct model *m, struct store_enqueue *op)
{
    bool is_good = true;
    for (size_t i = 0; i < op->count; i++) {
        for (size_t k = 0; k < op->specs[i].depends_count && !op->verdicts[i].rc; k++) {
            struct id id;
            bool is_id = id_parse(op->specs[i].depends_on[k], &id);
            const struct model_job *on = is_id ? model_find(m, op->tenant, id) : NULL;
            if (is_id && !on) {
                is_good = refuse(&op->verdicts[i], "unknown_dependency");
            } else if (on && is_circle(&op->specs[i], on)) {
                is_good = refuse(&op->verdicts[i], "dependency_cycle");
            }
        }
    }
    return is_good;
}

static void add(struct model *m, struct model_job *job, struct id on)
{
    struct model_job *parent = model_find(m, job->v.tenant, on);
    struct model_link *l = arena_alloc(m->a, sizeof *l);
    l->on = on;
    bool is_there = parent || model_batch_find(m, job->v.tenant, on); /* one that this call makes */
    l->has_ended = !is_there || (parent && job_state_is_final(parent->v.state));
    l->is_bad = parent && l->has_ended && parent->v.state != JOB_COMPLETED;
    l->next = job->links;
    job->links = l;
}

void model_link(struct model *m, const struct store_enqueue *op)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct job_spec *s = &op->specs[i];
        const struct enqueue_verdict *v = &op->verdicts[i];
        struct model_job *job =
            v->rc || v->duplicate || v->dropped ? NULL : model_find(m, op->tenant, v->job);
        for (size_t k = 0; k < s->depends_count && job; k++) {
            size_t item = item_of(op, s->depends_on[k]);
            struct id on = {0};
            if (item < op->count) {
                on = op->verdicts[item].job;
            } else if (!id_parse(s->depends_on[k], &on)) {
                continue;
            }
            add(m, job, on);
        }
    }
}

void model_tell_end_of(struct model *m, struct id id, bool is_good)
{
    for (int i = 0; i < m->count; i++) {
        for (struct model_link *l = m->jobs[i]->links; l; l = l->next) {
            if (!l->has_ended && id_eq(l->on, id)) {
                l->has_ended = true;
                l->is_bad = !is_good;
            }
        }
    }
}

void model_tell_end(struct model *m, const struct model_job *job)
{
    model_tell_end_of(m, job->v.id, job->v.state == JOB_COMPLETED);
}

/* What time has done goes before. */
static bool see_to(struct model *m, struct model_job *job)
{
    struct job *v = &job->v;
    bool is_open = false, is_bad = false;
    if (!job->links || (v->deadline_at && v->deadline_at <= m->now)) {
        return false;
    }
    for (const struct model_link *l = job->links; l; l = l->next) {
        is_open = is_open || (!l->has_ended && !(m->bug == BUG_FIRST_PARENT_FREES && l->next));
        is_bad = is_bad || l->is_bad;
    }
    is_bad = is_bad && v->on_parent_failure != JOB_ON_PARENT_CONTINUE;
    if (is_open && !is_bad) {
        return false;
    }
    job->links = NULL;
    if (!is_bad) {
        v->state = v->run_at > m->now ? JOB_SCHEDULED : JOB_QUEUED;
    } else if (v->on_parent_failure == JOB_ON_PARENT_SKIP) {
        model_finish(m, job, JOB_SKIPPED, JOB_REASON_PARENT_FAILED);
    } else {
        v->has_error = true;
        v->error = (struct job_error){.class = ERROR_PERMANENT,
                                      .code = STR("parent_failed"),
                                      .message = STR("job " MODEL_SOME_ID " was not completed")};
        model_finish(m, job, JOB_FAILED, JOB_REASON_PARENT_FAILED);
    }
    return true;
}

bool model_see_to_links(struct model *m)
{
    bool has_changed = false;
    for (int i = 0; i < m->count; i++) {
        has_changed |= see_to(m, m->jobs[i]);
    }
    return has_changed;
}
