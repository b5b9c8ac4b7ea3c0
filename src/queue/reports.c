/* reports.c: the jobs that are being worked on, as far as this process handed them out or heard of them: who works on
 * what, and when its progress was last stored. Progress that comes faster than once a second is told to watches at once
 * but not stored; what was told last rides on the next report under the same lease, whatever that is, so that the
 * stored progress of a job that stands still or ends is the last one that was told. All of this may be forgotten. */
#include <string.h>

#include "base/log.h"
#include "queue/parts.h"

#define MESSAGE_MAX_BYTES                                                                                    \
    512 /* of a progress message that waits to be stored; longer ones are stored at once */

struct running {
    struct table_node node;
    struct id job;
    int64_t tenant;
    struct worker *worker; /* NULL: not known */
    int64_t stored_at_ms;  /* on the loop's clock; 0 = no progress yet */
    int64_t lease;         /* of the progress below */
    int64_t permille;
    char *message;
    bool is_untold; /* the progress below is not in the store */
};

static struct running *running_find(const struct queue *q, int64_t tenant, struct id job)
{
    struct table_node *n = table_first(&q->running, table_hash_id(job));

    for (; n; n = table_next(n)) {
        struct running *r = LOOP_OWNER(n, struct running, node);

        if (r->tenant == tenant && id_eq(r->job, job)) {
            return r;
        }
    }
    return NULL;
}

static struct running *running_get(struct queue *q, int64_t tenant, struct id job)
{
    struct running *r = running_find(q, tenant, job);

    if (!r) {
        r = mem_alloc(sizeof *r);
        r->job = job;
        r->tenant = tenant;
        r->permille = -1;
        table_add(&q->running, &r->node, table_hash_id(job));
    }
    return r;
}

static void set_worker(struct running *r, struct worker *w)
{
    if (r->worker) {
        r->worker->job_count--;
    }
    r->worker = w;
    if (w) {
        w->job_count++;
    }
}

static void running_free(struct queue *q, struct running *r)
{
    set_worker(r, NULL);
    table_remove(&q->running, &r->node);
    mem_free(r->message);
    mem_free(r);
}

void reports_claimed(struct queue *q, const struct store_claim *c, struct worker *w)
{
    if (w && c->count > 0) {
        w->view.claimed += (int64_t)c->count;
        workers_seen(q, w);
    }
    for (size_t i = 0; i < c->count; i++) {
        struct running *r = running_get(q, c->jobs[i].tenant, c->jobs[i].id);

        r->is_untold = false; /* of the lease before */
        set_worker(r, w);
    }
}

struct worker *reports_worker_of(struct queue *q, int64_t tenant, struct id job)
{
    struct running *r = running_find(q, tenant, job);

    return r ? r->worker : NULL;
}

/* ------------------------------------------------------------------ before the store */

static bool has_progress(const struct report *r)
{
    return r->progress_permille >= 0;
}

static void take_untold_along(struct arena *a, struct report *r, struct running *run)
{
    if (!run->is_untold || run->lease != r->lease || has_progress(r)) {
        return;
    }
    r->progress_permille = run->permille;
    r->progress_message = arena_str(a, str_from(run->message));
    r->store_progress = true;
    if (r->op == REPORT_HEARTBEAT) {
        r->op = REPORT_PROGRESS; /* a heartbeat carries nothing */
    }
}

static void prepare_one(struct queue *q, struct store_report *op, struct report *r)
{
    struct running *run = running_find(q, op->tenant, r->job);
    const int64_t now = loop_now_ms(q->loop);
    const bool is_due =
        !run || run->stored_at_ms == 0 || now - run->stored_at_ms >= q->options.progress_every_ms;

    r->store_progress =
        has_progress(r) && (r->op != REPORT_PROGRESS || is_due || r->progress_permille == 1000 ||
                            r->progress_message.n > MESSAGE_MAX_BYTES);
    if (run && (is_due || (r->op != REPORT_PROGRESS && r->op != REPORT_HEARTBEAT))) {
        take_untold_along(op->op.a, r, run);
    }
}

void reports_prepare(struct queue *q, struct store_report *op)
{
    struct report *items = (struct report *)op->items; /* the submitter's own memory: see queue_submit */

    for (size_t i = 0; i < op->count; i++) {
        prepare_one(q, op, &items[i]);
    }
}

/* ------------------------------------------------------------------ after the store */

static bool is_news(const struct running *run, const struct report *r)
{
    return run->permille != r->progress_permille || !run->message ||
           !str_eq(str_from(run->message), r->progress_message);
}

static void note_progress(struct queue *q, struct running *run, const struct report *r, enum job_state state)
{
    if (is_news(run, r)) {
        watches_tell_progress(q, run->tenant, r, state);
        mem_free(run->message);
        run->message = mem_c_str(str_sub(r->progress_message, 0, MESSAGE_MAX_BYTES));
    }
    run->permille = r->progress_permille;
    run->lease = r->lease;
    run->is_untold = !r->store_progress;
    if (r->store_progress) {
        run->stored_at_ms = loop_now_ms(q->loop);
    }
}

/* It stands still for everybody who names it: nobody must have to guess why. */
static void tell_pause(struct queue *q, const struct report *r, const struct report_verdict *v)
{
    if (v->paused_until == JOB_FOREVER_MS) {
        log_warn("limit.paused", L_STR("key", r->pause_key), L_ID("job", r->job),
                 L_C("until", "somebody resumes it"));
    } else if (v->paused_until) {
        log_info("limit.paused", L_STR("key", r->pause_key), L_ID("job", r->job),
                 L_INT("for_ms", v->paused_until - store_now(q->store)));
    }
}

static void note_report(struct queue *q, int64_t tenant, const struct report *r,
                        const struct report_verdict *v)
{
    struct running *run = running_find(q, tenant, r->job);

    if (run && run->worker) {
        run->worker->view.reported++;
        workers_seen(q, run->worker);
    }
    if (v->replayed) {
        return;
    }
    tell_pause(q, r, v);
    if (has_progress(r)) {
        run = run ? run : running_get(q, tenant, r->job);
        note_progress(q, run, r, v->state);
    }
    if (run && v->state != JOB_PROCESSING) {
        running_free(q, run);
    }
}

void reports_done(struct queue *q, const struct store_report *op)
{
    for (size_t i = 0; i < op->count; i++) {
        if (op->verdicts[i].rc == RC_OK) {
            note_report(q, op->tenant, &op->items[i], &op->verdicts[i]);
        }
    }
}

void reports_see_change(struct queue *q, const struct store_change *c)
{
    struct running *run = c->state == JOB_PROCESSING ? NULL : running_find(q, c->tenant, c->job);

    if (run) {
        /* Not by a report, which would have removed it: the server took it away. */
        q->metrics.lost += c->state_changed && (c->state == JOB_QUEUED || c->state == JOB_FAILED);
        running_free(q, run);
    }
}

void reports_dispose(struct queue *q)
{
    for (struct table_node *n; (n = table_any(&q->running));) {
        running_free(q, LOOP_OWNER(n, struct running, node));
    }
    table_dispose(&q->running);
}
