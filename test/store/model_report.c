/* model_report.c: what workers say to the model. See model.h. */
#include "model.h"

#include <string.h>

static bool is_final_say(const struct report *in)
{
    return in->op == REPORT_COMPLETE || (in->op == REPORT_FAIL && in->error.class == ERROR_PERMANENT);
}

static bool lease_lost(struct report_verdict *v)
{
    v->rc = err_set_code(&v->e, RC_LEASE_LOST, "lease_lost", NULL, "lost");
    return false;
}

static bool may_apply(const struct model *m, const struct model_job *job, const struct report *in,
                      struct report_verdict *v)
{
    bool is_any_lease = m->bug == BUG_OLD_LEASE_COMPLETES && in->op == REPORT_COMPLETE;
    v->state = job->v.state;
    if ((in->lease != job->v.lease || job->is_raised || in->lease <= 0) && !is_any_lease) {
        return lease_lost(v);
    }
    if (job->n && in->n == job->n && in->hash == job->hash) {
        *v = job->said;
        v->replayed = true;
        bool is_running = job->v.state == JOB_PROCESSING && v->state == JOB_PROCESSING;
        int64_t end = model_lease_end(m, job);
        v->lease_left_ms = is_running && end > m->now ? end - m->now : 0;
        return false;
    }
    if (job->n && in->n <= job->n && m->bug != BUG_STALE_IS_NEW) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "stale_report", "n", "stale");
        return false;
    }
    bool is_over = job->v.state == JOB_PROCESSING && model_lease_end(m, job) <= m->now;
    if (job->v.state == JOB_PROCESSING && !is_over) {
        return true;
    }
    bool is_late = job->v.state == JOB_QUEUED && job->is_lost && m->bug != BUG_LATE_IS_REFUSED;
    return (is_late || is_over) && is_final_say(in) ? true : lease_lost(v);
}

static bool invalid(struct report_verdict *v, const char *field)
{
    v->rc = err_set_code(&v->e, RC_INVALID, "invalid_field", field, "invalid");
    return true;
}

static bool brings(const struct report *in, struct str name)
{
    bool has = false;
    for (size_t i = 0; i < in->artifact_count; i++) {
        has |= str_eq(in->artifacts[i].name, name);
    }
    return has;
}

static void in_child(struct err *e, size_t at)
{
    char field[sizeof e->field];
    str_copy(field, sizeof field, str_from(e->field));
    str_print(e->field, sizeof e->field, "/children/%zu%s%s", at, *field ? "/" : "", field);
}

static bool is_bad(const struct store_report *op, const struct model_job *job, const struct report *in,
                   struct report_verdict *v)
{
    if (in->n < 1) {
        return invalid(v, "n");
    }
    for (size_t i = 0; i < in->event_count; i++) {
        if (!str_is_name(in->events[i].type)) {
            return invalid(v, "events");
        }
    }
    for (size_t i = 0; i < in->artifact_count; i++) {
        if (!str_is_name(in->artifacts[i].name)) {
            return invalid(v, "artifacts");
        }
    }
    if (in->lease_ms < 0 || in->lease_ms > JOB_LEASE_MAX_MS) {
        return invalid(v, "lease_s");
    }
    if (in->op == REPORT_SNOOZE && (in->delay_ms < 0 || in->delay_ms > RETRY_DELAY_MAX_MS)) {
        return invalid(v, "delay_s");
    }
    if (in->checkpoint.n > JOB_CHECKPOINT_MAX_BYTES) {
        v->rc = err_set_code(&v->e, RC_TOO_BIG, NULL, "checkpoint", "too big");
        return true;
    }
    for (size_t i = 0; i < in->publish_count; i++) {
        const struct report_publish *p = &in->publish[i];
        bool has = brings(in, p->artifact) || model_artifact_find(job, p->artifact, job->v.lease) ||
                   model_artifact_find(job, p->artifact, 0); /* of a last turn, before a retry */
        if (in->op != REPORT_COMPLETE || !p->series.n || p->keep < 1 || !has) {
            return invalid(v, "publish");
        }
    }
    if (in->child_count && in->op != REPORT_PROGRESS && in->op != REPORT_COMPLETE && in->op != REPORT_WAIT) {
        return invalid(v, "children");
    }
    for (size_t i = 0; i < in->child_count && !v->rc; i++) {
        const struct job_spec *s = &in->children[i];
        v->rc = job_spec_check(s, &v->e);
        if (!v->rc && !store_queue_allowed(op->only_queues, s->queue.n ? s->queue : job->v.queue)) {
            v->rc = err_set(&v->e, RC_DENIED, "denied");
        }
        if (v->rc) {
            in_child(&v->e, i);
        }
    }
    const char *bad = v->rc ? NULL : model_bad_limits(job, in);
    return bad ? invalid(v, bad) : v->rc != RC_OK;
}

static void carry(struct model *m, struct model_job *job, const struct report *in)
{
    for (size_t i = 0; i < in->event_count; i++) {
        model_add_event(m, job, in->events[i].type, in->events[i].data);
    }
    model_tell_root(m, job, in);
    if (in->checkpoint.p) {
        job->v.checkpoint = arena_str(m->a, in->checkpoint);
        job->v.last_seq += m->bug == BUG_SEQ_GAP;
    }
    for (size_t i = 0; i < in->artifact_count; i++) {
        struct artifact a = {.name = in->artifacts[i].name,
                             .media_type = in->artifacts[i].media_type,
                             .bytes = in->artifacts[i].bytes};
        memcpy(a.sha256, in->artifacts[i].sha256, sizeof a.sha256);
        model_stage(m, job, a);
    }
    if (in->progress_permille >= 0 && (in->store_progress || in->op != REPORT_PROGRESS)) {
        job->v.progress_permille = in->progress_permille > 1000 ? 1000 : in->progress_permille;
        if (in->progress_message.p) {
            job->v.progress_message = arena_str(m->a, in->progress_message);
        }
    }
}

static void publish(struct model *m, struct model_job *job, const struct report_publish *p, struct str result)
{
    struct model_entry *last = &m->entries[m->entry_count++];
    *last = (struct model_entry){job->v.tenant,
                                 arena_str(m->a, p->series),
                                 {.result = arena_str(m->a, result), .published_at = m->now}};
    last->is.artifact = model_artifact_find(job, p->artifact, 0)->is;
    int64_t newer = 0;
    int kept = 0;
    for (int i = m->entry_count - 1; i >= 0; i--) { /* a mark on those that are too many */
        bool is_same = m->entries[i].tenant == job->v.tenant && str_eq(m->entries[i].name, last->name);
        if (is_same && newer++ >= p->keep) {
            m->entries[i].tenant = 0;
        }
    }
    for (int i = 0; i < m->entry_count; i++) {
        if (m->entries[i].tenant) {
            m->entries[kept++] = m->entries[i];
        }
    }
    m->entry_count = kept;
}

static void complete(struct model *m, struct model_job *job, const struct report *in)
{
    bool is_last = job->v.cancelling;
    if (job->v.state == JOB_PROCESSING && !is_last) {
        model_mend_limits(m, job);
    }
    job->is_last_word = is_last;
    model_finish(m, job, is_last ? JOB_CANCELLED : JOB_COMPLETED,
                 is_last ? JOB_REASON_CANCELLED : JOB_REASON_NONE);
    job->is_last_word = false;
    job->v.result = arena_str(m->a, in->result);
    for (size_t i = 0; i < in->publish_count; i++) {
        publish(m, job, &in->publish[i], in->result);
    }
}

/* The engine's jitter, when the policy allows it. */
static struct job_outcome failed(const struct model *m, struct model_job *job, const struct report *in,
                                 const struct report_verdict *got)
{
    struct job_counters c = model_counters(job);
    uint64_t jitter = got->run_at > m->now ? (uint64_t)(got->run_at - m->now) : 0;
    job->v.has_error = true;
    job->v.error = (struct job_error){in->error.class, arena_str(m->a, in->error.code),
                                      arena_str(m->a, in->error.message), arena_str(m->a, in->error.stack)};
    if (job->v.state == JOB_PROCESSING) {
        return job_decide_fail(&c, &job->v.retry, in->error.class, in->retry_after_ms, m->now, jitter);
    }
    return (struct job_outcome){.event = JOB_EV_FAIL_LATE,
                                .to = JOB_FAILED,
                                .reason = JOB_REASON_ERROR,
                                .run_at = c.run_at,
                                .attempt = c.attempt,
                                .lost = c.lost,
                                .snoozes = c.snoozes,
                                .waits = c.waits};
}

static void park(struct model *m, struct model_job *job)
{
    bool is_cancelled =
        job->v.cancel_requested && job->v.on_cancel == JOB_ON_CANCEL_RUN && !job->v.cancelling;
    if (is_cancelled) {
        job->v.cancel_requested = false;
    }
    struct job_counters c = model_counters(job);
    struct job_outcome o = job_decide_wait(&c);
    if (o.event == JOB_EV_FAIL_FINAL) {
        job->v.has_error = true;
        job->v.error = (struct job_error){ERROR_PERMANENT, STR("too_many_waits"),
                                          STR("the job waited too often"), STR_NONE};
    }
    if (o.to == JOB_BLOCKED) {
        job->waits = true;
        job->v.cancelling = job->v.cancelling || is_cancelled;
    }
    model_apply(m, job, &o);
}

static void report_one(struct model *m, const struct store_report *op, size_t i, struct report_verdict *v,
                       const struct report_verdict *got)
{
    const struct report *in = &op->items[i];
    struct model_job *job = model_find(m, op->tenant, in->job);
    if (!job) {
        v->rc = err_set(&v->e, RC_NOT_FOUND, "none");
        return;
    }
    if (!store_queue_allowed(op->only_queues, job->v.queue)) {
        v->rc = err_set(&v->e, RC_DENIED, "denied");
        return;
    }
    if (!may_apply(m, job, in, v) || is_bad(op, job, in, v)) {
        return;
    }
    carry(m, job, in);
    if (in->child_count) {
        model_add_children(m, job, in, v, got);
    }
    model_use_limits(m, job, in, v);
    struct job_counters c = model_counters(job);
    struct job_outcome o = {0};
    if (in->op == REPORT_COMPLETE) {
        complete(m, job, in);
    } else if (in->op == REPORT_HEARTBEAT || in->op == REPORT_PROGRESS) {
        model_add_grace(m, job);
        job->v.lease_ms = in->lease_ms ? in->lease_ms : job->v.lease_ms;
        job->v.lease_until = m->now + job->v.lease_ms;
        v->cancel = job->v.cancel_requested;
        v->lease_left_ms = job->v.lease_ms;
    } else if (in->op == REPORT_WAIT) {
        park(m, job);
    } else {
        o = in->op == REPORT_FAIL     ? failed(m, job, in, got)
            : in->op == REPORT_SNOOZE ? job_decide_snooze(&c, in->delay_ms, m->now)
                                      : job_decide_release(&c, m->now);
        model_apply(m, job, &o);
        v->run_at = o.event == JOB_EV_FAIL_RETRY || o.event == JOB_EV_SNOOZE ? o.run_at : 0;
    }
    v->state = job->v.state;
    job->n = in->n;
    job->hash = in->hash;
    job->has_taken = in->take_count > 0;
    job->said = *v;
    job->said.children = NULL; /* not kept */
    job->said.child_count = 0;
}

void model_run_report(struct model *m, struct store_report *op, const struct store_report *got)
{
    op->verdicts = arena_array(op->op.a, struct report_verdict, op->count + 1);
    m->only_queues = op->only_queues;
    for (size_t i = 0; i < op->count; i++) {
        report_one(m, op, i, &op->verdicts[i], &got->verdicts[i]);
    }
    m->only_queues = STR_NONE;
}

void model_run_stage(struct model *m, struct store_stage_artifact *op)
{
    struct model_job *job = model_find(m, op->tenant, op->job);
    struct err *e = &op->op.e;
    if (!job) {
        op->op.rc = err_set(e, RC_NOT_FOUND, "none");
    } else if (!store_queue_allowed(op->only_queues, job->v.queue)) {
        op->op.rc = err_set(e, RC_DENIED, "denied");
    } else if (job->v.state != JOB_PROCESSING || op->lease != job->v.lease ||
               model_lease_end(m, job) <= m->now) {
        op->op.rc = err_set_code(e, RC_LEASE_LOST, "lease_lost", NULL, "lost");
    } else if (!str_is_name(op->artifact.name)) {
        op->op.rc = err_set_code(e, RC_INVALID, "invalid_field", NULL, "invalid");
    } else {
        model_stage(m, job, op->artifact);
    }
}
