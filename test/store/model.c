/* model.c: see model.h: jobs, their ends, what time does to them. */
#include "model.h"

#include <string.h>

#define DAY_MS 86400000LL

struct model *model_new(enum model_bug bug)
{
    struct model *m = mem_alloc(sizeof *m);
    m->a = arena_new();
    m->bug = bug;
    return m;
}

void model_free(struct model *m)
{
    arena_free(m->a);
    mem_free(m);
}

int model_place(const struct model *m, struct id id)
{
    int from = 0, until = m->count;
    while (from < until) {
        int middle = (from + until) / 2;
        if (memcmp(m->jobs[middle]->v.id.b, id.b, sizeof id.b) < 0) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from;
}

static int64_t nth_ordinal(const struct id *first, size_t step, size_t n)
{
    return id_ordinal(*(const struct id *)((const char *)first + n * step));
}

size_t model_page_end(const struct id *first, size_t step, size_t count, int64_t limit)
{
    size_t end = count;
    bool is_page = false;
    for (size_t i = 1; i < count; i++) {
        bool is_between = nth_ordinal(first, step, i) != nth_ordinal(first, step, i - 1);
        if (is_between && (!is_page || (int64_t)i <= limit)) {
            end = i;
            is_page = true;
        }
    }
    return (int64_t)count <= limit ? count : end;
}

bool model_is_beside(const struct model_job *job, const struct job *last)
{
    return id_ordinal(job->v.id) == id_ordinal(last->id);
}

struct model_job *model_find(const struct model *m, int64_t tenant, struct id id)
{
    int at = model_place(m, id);
    struct model_job *job = at < m->count ? m->jobs[at] : NULL;
    bool is_seen = job && (job->v.tenant == tenant || m->bug == BUG_TENANT_IGNORED);
    return is_seen && id_eq(job->v.id, id) ? job : NULL;
}

bool model_has_passed_deadline(const struct model *m)
{
    for (int i = 0; i < m->count; i++) {
        const struct job *v = &m->jobs[i]->v;
        if (!job_state_is_final(v->state) && v->deadline_at && v->deadline_at <= m->now) {
            return true;
        }
    }
    return false;
}

/* ---- queues and unique keys */

struct model_queue *model_queue_find(struct model *m, int64_t tenant, struct str name)
{
    for (int i = 0; i < m->queue_count; i++) {
        if (m->queues[i].tenant == tenant && str_eq(m->queues[i].name, name)) {
            return &m->queues[i];
        }
    }
    return NULL;
}

struct model_queue *model_queue_get(struct model *m, int64_t tenant, struct str name)
{
    struct model_queue *q = model_queue_find(m, tenant, name);
    if (!q) {
        q = &m->queues[m->queue_count++];
        *q = (struct model_queue){
            tenant, arena_str(m->a, name), false, {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, STR("")}};
    }
    return q;
}

struct model_key *model_key_find(struct model *m, int64_t tenant, struct str key)
{
    for (int i = 0; i < m->key_count; i++) {
        if (m->keys[i].tenant == tenant && str_eq(m->keys[i].key, key)) {
            return &m->keys[i];
        }
    }
    return NULL;
}

void model_key_put(struct model *m, const struct model_job *job, int64_t held_until)
{
    struct model_key *k = model_key_find(m, job->v.tenant, job->v.unique_key);
    k = k ? k : &m->keys[m->key_count++];
    *k = (struct model_key){job->v.tenant, job->v.unique_key, job->v.id, held_until};
}

void model_key_free(struct model *m, const struct model_job *job)
{
    struct model_key *k = job->holds_key ? model_key_find(m, job->v.tenant, job->v.unique_key) : NULL;
    if (k && id_eq(k->job, job->v.id) && !k->held_until) {
        *k = m->keys[--m->key_count];
    }
}

void model_sum(struct model *m, const struct model_job *job, enum model_total total)
{
    m->sums[job->v.tenant == m->tenants[1]][total]++;
}

/* ---- events and artifacts */

void model_add_event(struct model *m, struct model_job *job, struct str type, struct str data)
{
    struct model_event *event = arena_alloc(m->a, sizeof *event);
    struct model_event **last = &job->events;
    while (*last) {
        last = &(*last)->next;
    }
    *last = event;
    event->row = (struct job_event_row){++job->v.last_seq, m->now, arena_str(m->a, type),
                                        data.p ? arena_str(m->a, data) : STR("null")};
}

struct job_event_row model_end_event(struct model *m, const struct model_job *job)
{
    const struct job *v = &job->v;
    const char *reason = job_reason_name(v->reason);
    struct str error = STR("");
    if (v->has_error && v->state != JOB_COMPLETED) {
        error =
            arena_printf(m->a, ",\"error\":{\"class\":\"%s\",\"code\":\"%.*s\",\"message\":\"%.*s\"}",
                         error_class_name(v->error.class), STR_ARG(v->error.code), STR_ARG(v->error.message));
    }
    struct str quoted = *reason ? arena_printf(m->a, "\"%s\"", reason) : STR("null");
    return (struct job_event_row){
        v->last_seq, v->finished_at, STR("end"),
        arena_printf(m->a, "{\"state\":\"%s\",\"reason\":%.*s,\"attempt\":%lld%.*s}",
                     job_state_name(v->state), STR_ARG(quoted), (long long)v->attempt, STR_ARG(error))};
}

struct model_artifact *model_artifact_find(const struct model_job *job, struct str name, int64_t lease)
{
    struct model_artifact *a = job->artifacts;
    while (a && !(a->lease == lease && str_eq(a->is.name, name))) {
        a = a->next;
    }
    return a;
}

void model_stage(struct model *m, struct model_job *job, struct artifact artifact)
{
    struct model_artifact *a = model_artifact_find(job, artifact.name, job->v.lease);
    if (!a) {
        a = arena_alloc(m->a, sizeof *a);
        a->next = job->artifacts;
        a->lease = job->v.lease;
        job->artifacts = a;
    }
    a->is = artifact;
    a->is.job = job->v.id;
    a->is.created_at = m->now;
    a->is.size = (int64_t)artifact.bytes.n;
    a->is.name = arena_str(m->a, artifact.name);
    a->is.media_type = arena_str(m->a, artifact.media_type);
    a->is.bytes = arena_str(m->a, artifact.bytes);
}

void model_drop_staged(struct model_job *job)
{
    struct model_artifact **at = &job->artifacts;
    while (*at) {
        if ((*at)->lease) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

/* What a job has published before, in a last turn, goes when it publishes that name again. */
static void publish_staged(struct model_job *job)
{
    for (struct model_artifact *a = job->artifacts; a; a = a->next) {
        struct model_artifact *old =
            a->lease == job->v.lease ? model_artifact_find(job, a->is.name, 0) : NULL;
        if (old) {
            old->lease = -1;
        }
        a->lease = a->lease == job->v.lease ? 0 : a->lease;
    }
}

/* ---- transitions */

struct job_counters model_counters(const struct model_job *job)
{
    const struct job *v = &job->v;
    bool is_running = v->state == JOB_PROCESSING;
    return (struct job_counters){.state = v->state,
                                 .attempt = v->attempt,
                                 .lost = v->lost,
                                 .snoozes = v->snoozes,
                                 .waits = v->waits,
                                 .lost_max = v->lost_max,
                                 .on_lost = v->on_lost,
                                 .cancel_requested = v->cancel_requested || (is_running && v->cancelling),
                                 .lease_until = is_running ? v->lease_until : 0,
                                 .lease_ms = v->lease_ms,
                                 .timeout_at = is_running ? job->timeout_at : 0,
                                 .cancel_at = is_running ? job->cancel_at : 0,
                                 .deadline_at = v->deadline_at,
                                 .run_at = v->run_at};
}

static int64_t retention_ms(struct model *m, const struct model_job *job)
{
    const struct model_queue *q = model_queue_get(m, job->v.tenant, job->v.queue);
    int64_t told = job->v.state == JOB_COMPLETED ? q->settings.retain_completed_ms
                   : job->v.state == JOB_FAILED  ? q->settings.retain_failed_ms
                                                 : q->settings.retain_cancelled_ms;
    return told >= 0 ? told : job->v.state == JOB_FAILED ? 14 * DAY_MS : 7 * DAY_MS;
}

void model_finish(struct model *m, struct model_job *job, enum job_state to, enum job_reason reason)
{
    struct job *v = &job->v;
    enum job_state from = v->state;
    v->state = to;
    v->reason = reason;
    v->finished_at = m->now;
    int64_t kept_ms = retention_ms(m, job);
    v->expires_at = kept_ms == JOB_FOREVER_MS ? 0 : m->now + kept_ms;
    v->last_seq++; /* `end` */
    model_tally(m, job, from, -1);
    model_tally(m, job, to, 1);
    model_tell_end(m, job);
    model_note_final(m, job);
    job->links = NULL;
    bool has_published = to == JOB_COMPLETED || job->is_last_word;
    v->cancel_requested = v->cancelling = job->waits = false;
    v->lease_until = 0;
    job->is_lost = false;
    model_key_free(m, job);
    if (has_published) {
        publish_staged(job);
    }
    if (m->bug != BUG_STAGED_SURVIVES) {
        model_drop_staged(job);
    }
    if (to != JOB_SKIPPED) {
        model_sum(m, job,
                  to == JOB_COMPLETED ? SUM_COMPLETED
                  : to == JOB_FAILED  ? SUM_FAILED
                                      : SUM_CANCELLED);
    }
}

void model_apply(struct model *m, struct model_job *job, const struct job_outcome *o)
{
    struct job *v = &job->v;
    if (o->lost > v->lost && m->bug != BUG_COUNT_OFF) {
        model_sum(m, job, SUM_LOST);
    }
    if (o->event == JOB_EV_FAIL_RETRY) {
        model_sum(m, job, SUM_RETRIED);
    }
    v->attempt = o->attempt;
    v->lost = o->lost;
    v->snoozes = o->snoozes;
    v->waits = o->waits;
    v->run_at = o->run_at;
    job->is_raised |= o->raise_lease;
    if (job_state_is_final(o->to)) {
        model_finish(m, job, o->to, o->reason);
        return;
    }
    v->state = o->to;
    v->lease_until = 0;
    job->is_lost |= o->event == JOB_EV_LOST;
}

/* ---- time */

static struct str error_text(enum job_event event)
{
    return event == JOB_EV_EXPIRE   ? STR("the deadline passed")
           : event == JOB_EV_POISON ? STR("the lease was lost too often")
           : event == JOB_EV_LOST   ? STR("the lease was lost: nothing was heard from the worker")
                                    : STR("the job ran longer than its timeout");
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the worker spoke last, if the store was away since; 0: it was not. */
static int64_t word_before_grace(const struct model *m, const struct model_job *job)
{
    int64_t word_at = job->v.lease_until - job->v.lease_ms;
    bool is_running = job->v.state == JOB_PROCESSING && m->bug != BUG_NO_GRACE;
    return is_running && word_at < m->grace_at ? word_at : 0;
}

int64_t model_lease_end(const struct model *m, const struct model_job *job)
{
    const struct job *v = &job->v;
    int64_t grace = word_before_grace(m, job) ? m->grace_at + earlier(v->lease_ms, JOB_RESTART_GRACE_MS) : 0;
    return v->lease_until > grace ? v->lease_until : grace;
}

/* A timeout and the time for a cancel stand still from the last word on, or since the cancel was asked. */
void model_add_grace(const struct model *m, struct model_job *job)
{
    int64_t word_at = word_before_grace(m, job), asked_at = job->cancel_at - JOB_CANCEL_GRACE_MS;
    if (!word_at) {
        return;
    }
    if (job->cancel_at && asked_at < m->grace_at) {
        job->cancel_at += m->grace_at - (asked_at > word_at ? asked_at : word_at);
    }
    job->timeout_at += m->grace_at - word_at;
    job->v.lease_until = model_lease_end(m, job);
}

bool model_pass_time(struct model *m, struct model_job *job)
{
    struct job_outcome o;
    struct model_job graced = *job;
    model_add_grace(m, &graced);
    struct job_counters c = model_counters(&graced);
    if (!job_decide_due(&c, &job->v.retry, m->now, 0, &o)) {
        return false;
    }
    bool has_jitter = o.event == JOB_EV_FAIL_RETRY && job->v.retry.backoff == BACKOFF_EXPONENTIAL &&
                      !job->v.retry.no_jitter;
    if (has_jitter) { /* whatever it was: the decision takes no more of it than the policy allows */
        const struct job *seen = m->peek(m->peek_ctx, job->v.tenant, job->v.id);
        uint64_t jitter = seen && seen->run_at > m->now ? (uint64_t)(seen->run_at - m->now) : 0;
        (void)!job_decide_due(&c, &job->v.retry, m->now, jitter, &o);
    }
    if (o.event == JOB_EV_EXPIRE || o.event == JOB_EV_POISON || o.event == JOB_EV_LOST ||
        o.event == JOB_EV_FAIL_RETRY || o.event == JOB_EV_FAIL_FINAL) {
        job->v.has_error = true;
        job->v.error = (struct job_error){.class = o.class, .message = error_text(o.event)};
    }
    model_apply(m, job, &o);
    return true;
}

void model_run_tick(struct model *m, struct store_tick *op)
{
    op->applied = 0;
    model_see_to_families(m);
    for (int i = 0; i < m->count; i++) {
        op->applied += model_pass_time(m, m->jobs[i]);
    }
    model_see_to_families(m);
    op->schedule_count = model_give_schedules(m);
}

/* ---- the door */

void model_run(struct model *m, struct store_op *op, const struct store_op *got)
{
    op->rc = RC_OK;
    switch (op->kind) {
    case STORE_ENQUEUE:
        model_run_enqueue(m, (struct store_enqueue *)op, (const struct store_enqueue *)got);
        break;
    case STORE_CLAIM:
        model_run_claim(m, (struct store_claim *)op, (const struct store_claim *)got);
        break;
    case STORE_REPORT:
        model_run_report(m, (struct store_report *)op, (const struct store_report *)got);
        break;
    case STORE_ACT:
        model_run_act(m, (struct store_act *)op, (const struct store_act *)got);
        break;
    case STORE_PATCH:
        model_run_patch(m, (struct store_patch *)op, (const struct store_patch *)got);
        break;
    case STORE_STAGE_ARTIFACT:
        model_run_stage(m, (struct store_stage_artifact *)op);
        break;
    case STORE_TICK:
        model_run_tick(m, (struct store_tick *)op);
        break;
    case STORE_PRUNE:
        model_run_prune(m, (struct store_prune *)op);
        break;
    case STORE_SET_QUEUE:
    case STORE_DELETE_QUEUE:
    case STORE_LIST_QUEUES:
        model_run_queue(m, op);
        break;
    case STORE_SET_SCHEDULE:
    case STORE_DELETE_SCHEDULE:
    case STORE_LIST_SCHEDULES:
        model_run_schedule(m, op);
        break;
    case STORE_SET_LIMIT:
    case STORE_DELETE_LIMIT:
    case STORE_LIST_LIMITS:
        model_run_limit(m, op);
        break;
    case STORE_FILL:
        model_run_fill(m, (struct store_fill *)op);
        break;
    case STORE_LIST_BATCHES:
    case STORE_LIST_RESULTS:
        model_run_batch(m, op);
        break;
    case STORE_CREATE_KEY:
    case STORE_REVOKE_KEY:
    case STORE_LIST_KEYS:
        model_run_key(m, op, got);
        break;
    case STORE_LIST_ARTIFACTS:
    case STORE_GET_ARTIFACT:
    case STORE_GET_SERIES:
    case STORE_LIST_SERIES:
        model_run_series(m, op);
        break;
    default:
        model_run_read(m, op, got);
    }
}
