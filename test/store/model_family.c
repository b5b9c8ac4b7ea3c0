/* model_family.c: jobs of the model that hang under another. No notes: what has to be seen to is looked for in all jobs. See
 * model.h. */
#include "model.h"

static void count_in(struct job_children *c, enum job_state state, int64_t n)
{
    int64_t *count = state == JOB_COMPLETED   ? &c->completed
                     : state == JOB_FAILED    ? &c->failed
                     : state == JOB_CANCELLED ? &c->cancelled
                     : state == JOB_SKIPPED   ? &c->skipped
                                              : &c->open;
    *count += n;
}

void model_tally(struct model *m, const struct model_job *job, enum job_state state, int64_t n)
{
    struct model_job *parent = id_is_zero(job->v.parent) ? NULL : model_find(m, job->v.tenant, job->v.parent);
    struct model_batch *batch =
        id_is_zero(job->v.batch) ? NULL : model_batch_find(m, job->v.tenant, job->v.batch);
    if (parent) {
        count_in(&parent->tally, state, n);
        parent->is_parent = true;
    }
    if (batch) {
        count_in(&batch->is.counts, state, n);
    }
}

void model_cancel(struct model *m, struct model_job *job)
{
    struct job *v = &job->v;
    bool is_running = v->state == JOB_PROCESSING;
    if (is_running ? v->cancel_requested : v->cancelling) {
        return;
    }
    job->must_stop_children = job->is_parent;
    job->is_stopped = true;
    if (is_running) {
        v->cancel_requested = true;
        job->cancel_at = m->now + JOB_CANCEL_GRACE_MS;
    } else if (job->waits && v->on_cancel == JOB_ON_CANCEL_RUN) {
        v->cancelling = true;
    } else {
        model_finish(m, job, JOB_CANCELLED, JOB_REASON_CANCELLED);
    }
}

static bool is_child_of(const struct model_job *job, const struct model_job *parent)
{
    return id_eq(job->v.parent, parent->v.id);
}

static bool stop_children(struct model *m, struct model_job *parent)
{
    bool has_changed = parent->must_stop_children;
    parent->must_stop_children = false;
    for (int i = 0; i < m->count && has_changed; i++) {
        struct model_job *job = m->jobs[i];
        if (is_child_of(job, parent) && !job_state_is_final(job->v.state) && !job->v.cancel_requested &&
            !job->v.cancelling) {
            model_cancel(m, job);
        }
    }
    return has_changed;
}

static bool unblock(struct model *m, struct model_job *job)
{
    bool may_go = job->v.state == JOB_BLOCKED && job->waits;
    for (int i = 0; i < m->count && may_go; i++) {
        may_go = !is_child_of(m->jobs[i], job) || job_state_is_final(m->jobs[i]->v.state);
    }
    if (may_go) {
        job->waits = false;
        job->v.state = job->v.run_at > m->now ? JOB_SCHEDULED : JOB_QUEUED;
    }
    return may_go;
}

void model_see_to_families(struct model *m)
{
    bool has_changed = true;
    while (has_changed) {
        has_changed = false;
        for (int i = 0; i < m->count; i++) {
            has_changed |= stop_children(m, m->jobs[i]);
        }
        has_changed |= model_stop_batches(m);
    }
    while (model_see_to_links(m) || model_finish_batches(m) || model_see_to_finalisers(m)) {
    }
    for (int i = 0; i < m->count; i++) {
        (void)unblock(m, m->jobs[i]);
    }
}

struct job_children *model_children(struct model *m, const struct model_job *job)
{
    if (!job->is_parent) {
        return NULL;
    }
    struct job_children *c = arena_alloc(m->a, sizeof *c);
    *c = job->tally;
    c->failures = arena_array(m->a, struct job_failure, JOB_FAILURES_MAX);
    for (int i = 0; i < m->count && c->failure_count < JOB_FAILURES_MAX; i++) {
        const struct job *v = &m->jobs[i]->v;
        if (is_child_of(m->jobs[i], job) && v->state == JOB_FAILED) {
            c->failures[c->failure_count++] =
                (struct job_failure){v->id, v->kind, v->error.code, v->error.message};
        }
    }
    return c;
}

/* Does it wait for one of them, or one of them for it? */
static bool is_apart(const struct report *in, size_t child)
{
    const struct job_spec *s = &in->children[child];
    bool is = !s->depends_count;
    for (size_t i = 0; i < in->child_count; i++) {
        for (size_t k = 0; k < in->children[i].depends_count; k++) {
            is = is && !str_eq(in->children[i].depends_on[k], s->ref);
        }
    }
    return is;
}

/* … to the root, which was cancelled: whoever reports may not know it yet. */
static bool attaches_to_stopped(struct model *m, const struct model_job *job, const struct report *in)
{
    const struct model_job *root = id_is_zero(job->v.root) ? NULL : model_find(m, job->v.tenant, job->v.root);
    bool attaches = false;
    for (size_t i = 0; i < in->child_count; i++) {
        attaches |= in->children[i].at_root;
    }
    return attaches && root && root->is_stopped;
}

void model_add_children(struct model *m, struct model_job *job, const struct report *in,
                        struct report_verdict *v, const struct report_verdict *got)
{
    bool is_ending = job->v.cancel_requested || job->v.cancelling;
    bool is_stopped = attaches_to_stopped(m, job, in);
    int64_t room = model_batch_room(m, job->v.tenant, job->v.batch);
    bool is_short = is_stopped || room < (int64_t)in->child_count;
    v->children = arena_array(m->a, struct enqueue_verdict, in->child_count);
    v->child_count = in->child_count;
    for (size_t i = 0; i < in->child_count; i++) {
        struct id id = got->child_count == in->child_count ? got->children[i].job : (struct id){0};
        bool is_late = is_stopped && in->children[i].at_root;
        room = model_batch_room(m, job->v.tenant, job->v.batch);
        v->children[i].dropped = is_ending || is_late || room <= 0 || (is_short && !is_apart(in, i));
        if (!v->children[i].dropped) {
            job->is_parent |= !in->children[i].at_root || id_is_zero(job->v.root);
            model_enqueue_one(m, &in->children[i], job, job->v.tenant, &v->children[i], id);
        }
    }
    const struct store_enqueue brought = {
        .tenant = job->v.tenant, .specs = in->children, .count = in->child_count, .verdicts = v->children};
    model_link(m, &brought);
}

void model_list_children(struct model *m, struct store_list_children *op)
{
    const struct model_job *parent = model_find(m, op->tenant, op->job_id);
    if (!parent) {
        op->op.rc = err_set(&op->op.e, RC_NOT_FOUND, "none");
        return;
    }
    op->counts = parent->tally;
    op->jobs = arena_array(op->op.a, struct job, (size_t)m->count + 1);
    for (int i = 0; i < m->count; i++) {
        if (!is_child_of(m->jobs[i], parent)) {
            continue;
        }
        struct job *v = &op->jobs[op->count++];
        *v = model_view(m, m->jobs[i], NULL);
        v->args = v->result = v->checkpoint = v->error.stack = STR_NONE;
        v->lease = 0; /* one that nobody was told is the engine's choice */
    }
    size_t end = model_page_end(&op->jobs->id, sizeof op->jobs[0], op->count, op->limit);
    op->next_cursor = end < op->count;
    op->count = end;
}

void model_tell_root(struct model *m, const struct model_job *job, const struct report *in)
{
    struct model_job *root = id_is_zero(job->v.root) ? NULL : model_find(m, job->v.tenant, job->v.root);
    for (size_t i = 0; root && i < in->event_count; i++) {
        if (in->events[i].at_root && !job_state_is_final(root->v.state)) {
            model_add_event(m, root, in->events[i].type, in->events[i].data);
        }
    }
}
