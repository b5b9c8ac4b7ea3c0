/* The same random operations to the store and to the model: every answer is compared, and every job now and then and at
 * the end. The seed is printed; STINT_SEED=n runs it again, STINT_OPS=n makes it longer. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_MS 20000

struct pair {
    struct store_test *s;
    struct model *m;
    struct chance c;
    int64_t step;
};

#define AGREE(p, what, job, got, want)                                                                       \
    ck_assert_msg((int64_t)(got) == (int64_t)(want),                                                         \
                  "step %lld, %s: job %d: %s is %lld, the model says %lld", (long long)(p)->step, (what),    \
                  (int)((job) - (p)->m->jobs), #got, (long long)(got), (long long)(want))

static void compare_job(struct pair *p, struct model_job *job)
{
    struct job *seen = job_of(p->s, job->id);
    AGREE(p, "look", job, seen->state, job->c.state);
    AGREE(p, "look", job, seen->reason, job->reason);
    AGREE(p, "look", job, seen->attempt, job->c.attempt);
    AGREE(p, "look", job, seen->lost, job->c.lost);
    AGREE(p, "look", job, seen->snoozes, job->c.snoozes);
    AGREE(p, "look", job, seen->round, job->round);
    AGREE(p, "look", job, seen->priority, job->priority);
    AGREE(p, "look", job, seen->lease_until, job->c.lease_until);
    AGREE(p, "look", job, seen->deadline_at, job->c.deadline_at);
    if (!job_state_is_final(job->c.state)) {
        AGREE(p, "look", job, seen->cancel_requested, job->c.cancel_requested);
    }
    if (job->c.state == JOB_SCHEDULED) {
        AGREE(p, "look", job, seen->run_at, job->c.run_at);
    }
    if (job->is_lease_raised) {
        CHECK_TRUE(seen->lease > job->lease || job->lease == 0);
    } else {
        AGREE(p, "look", job, seen->lease, job->lease);
    }
}

static void compare_all(struct pair *p)
{
    for (int i = 0; i < p->m->count; i++) {
        compare_job(p, &p->m->jobs[i]);
    }
    check_counts(p->s);
}

static struct model_job *any_job(struct pair *p)
{
    if (!p->m->count) {
        return NULL;
    }
    int window = p->m->count < 60 ? p->m->count : 60; /* mostly young ones: the old are final */
    int64_t at = chance_percent(&p->c, 90) ? p->m->count - 1 - chance_below(&p->c, window)
                                           : chance_below(&p->c, p->m->count);
    return &p->m->jobs[at];
}

/* ---- operations */

static void try_enqueue(struct pair *p)
{
    if (p->m->count >= MODEL_JOBS_MAX - 1) {
        return;
    }
    struct model_job as = {
        .queue = (int)chance_below(&p->c, MODEL_QUEUES),
        .kind = (int)chance_below(&p->c, MODEL_KINDS),
        .key = chance_percent(&p->c, 30) ? (int)chance_below(&p->c, MODEL_KEYS) : -1,
        .priority = chance_percent(&p->c, 30) ? chance_below(&p->c, 5) - 2 : 0,
        .timeout_ms = chance_percent(&p->c, 20) ? 30 * SECOND : JOB_TIMEOUT_DEFAULT_MS,
        .retry = {.max_attempts = 1 + chance_below(&p->c, 3),
                  .backoff = BACKOFF_FIXED,
                  .base_ms = chance_below(&p->c, 3) * 4 * SECOND},
        .c = {.lost_max = 1 + chance_below(&p->c, 3),
              .on_lost = chance_percent(&p->c, 10) ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY}};
    struct job_spec spec = {.queue = model_queues[as.queue],
                            .kind = model_kinds[as.kind],
                            .unique_key = as.key < 0 ? STR_NONE : model_keys[as.key],
                            .priority = as.priority,
                            .timeout_ms = as.timeout_ms,
                            .retry = as.retry,
                            .lost_max = as.c.lost_max,
                            .on_lost = as.c.on_lost,
                            .delay_ms = chance_percent(&p->c, 25) ? chance_below(&p->c, 30) * SECOND : 0,
                            .deadline_ms =
                                chance_percent(&p->c, 15) ? (1 + chance_below(&p->c, 60)) * SECOND : 0};
    struct enqueue_verdict got = enqueue_spec(p->s, spec);
    as.id = got.job;
    struct enqueue_verdict want = model_enqueue(p->m, &spec, as, p->s->now);
    struct model_job *job = &p->m->jobs[p->m->count - 1];
    AGREE(p, "enqueue", job, got.rc, want.rc);
    AGREE(p, "enqueue", job, got.duplicate, want.duplicate);
    AGREE(p, "enqueue", job, got.state, want.state);
    if (want.duplicate) {
        CHECK_ID(got.job, want.job);
    }
}

static void try_claim(struct pair *p)
{
    int queue = (int)chance_below(&p->c, MODEL_QUEUES);
    int kind = chance_percent(&p->c, 50) ? -1 : (int)chance_below(&p->c, MODEL_KINDS);
    int64_t max = 1 + chance_below(&p->c, 4);
    struct claimed got =
        claim(p->s, .queue = model_queues[queue], .kind = kind < 0 ? STR_NONE : model_kinds[kind], .max = max,
              .lease_ms = LEASE_MS);
    size_t i = 0;
    for (; i < (size_t)max; i++) {
        struct model_job *job = model_next(p->m, queue, kind);
        if (!job) {
            break;
        }
        AGREE(p, "claim, how many", job, got.count > i, true);
        CHECK_ID(got.jobs[i].id, job->id);
        ck_assert_msg(got.jobs[i].lease > job->lease, "step %lld: lease %lld after %lld (J4)",
                      (long long)p->step, (long long)got.jobs[i].lease, (long long)job->lease);
        model_claimed(job, got.jobs[i].lease, LEASE_MS, p->s->now);
        AGREE(p, "claim", job, got.jobs[i].attempt, job->c.attempt);
    }
    CHECK_INT(got.count, i);
}

static void try_report(struct pair *p)
{
    struct model_job *job = any_job(p);
    if (!job) {
        return;
    }
    struct report r = {.job = job->id,
                       .lease = job->lease + (chance_percent(&p->c, 5) ? chance_below(&p->c, 3) - 1 : 0),
                       .n = job->n + 1 - (chance_percent(&p->c, 20) ? chance_below(&p->c, 3) : 0),
                       .op = (enum report_op)chance_below(&p->c, REPORT_OPS),
                       .progress_permille = -1,
                       .retry_after_ms = chance_percent(&p->c, 20) ? chance_below(&p->c, 9) * SECOND : -1,
                       .delay_ms = chance_below(&p->c, 4) * SECOND,
                       .error = {.class = (enum error_class)chance_below(&p->c, 3), .message = STR("m")}};
    bool repeats = job->n && r.n == job->n && chance_percent(&p->c, 70);
    r.hash = repeats ? job->hash : (int64_t)(chance_next(&p->c) >> 1);
    if (r.n < 1) {
        return;
    }
    struct report_verdict got = report_one(p->s, r), want = model_report(p->m, job, &r, p->s->now);
    AGREE(p, "report", job, got.rc, want.rc);
    AGREE(p, "report", job, got.replayed, want.replayed);
    if (!want.rc) {
        AGREE(p, "report", job, got.state, want.state);
        if (want.state == JOB_SCHEDULED) {
            AGREE(p, "report", job, got.run_at, want.run_at);
        }
        if (!want.replayed) {
            AGREE(p, "report", job, got.cancel, want.cancel);
        }
    }
}

static void try_act(struct pair *p)
{
    static const enum job_action actions[] = {ACT_CANCEL, ACT_RETRY, ACT_RETRY, ACT_PROMOTE, ACT_ERASE};
    struct model_job *job = any_job(p);
    enum job_action action = actions[chance_below(&p->c, 5)];
    if (!job) {
        return;
    }
    static const char *const names[] = {"cancel", "retry", "promote", "erase"};
    struct act_verdict got = act_on(p->s, action, job->id), want = model_act(p->m, job, action, p->s->now);
    ck_assert_msg(got.rc == want.rc, "step %lld, %s of job %d: %s (%s), the model says %s",
                  (long long)p->step, names[action], (int)(job - p->m->jobs), rc_name(got.rc), got.e.text,
                  rc_name(want.rc));
    AGREE(p, names[action], job, got.state, want.state);
}

static void try_pause(struct pair *p)
{
    int queue = (int)chance_below(&p->c, MODEL_QUEUES);
    bool to = chance_percent(&p->c, 30);
    p->m->is_paused[queue] = to;
    (to ? pause_queue : resume_queue)(p->s, model_queues[queue]);
}

static void try_time(struct pair *p)
{
    int64_t got = pass(p->s, chance_below(&p->c, 12) * SECOND), want = model_tick(p->m, p->s->now);
    CHECK_INT(got, want);
}

static void one_step(struct pair *p)
{
    static void (*const tries[])(struct pair *) = {try_enqueue, try_enqueue, try_claim, try_claim, try_report,
                                                   try_report,  try_report,  try_act,   try_time};
    p->step++;
    if (chance_percent(&p->c, 2)) {
        try_pause(p);
    } else {
        tries[chance_below(&p->c, 9)](p);
    }
}

static void run_pair(struct store_test *s, const char *what, int64_t steps)
{
    struct pair p = {.s = s, .m = mem_alloc(sizeof(struct model)), .c = chance_begin(what)};
    struct arena *whole = s->a;
    s->a = arena_new();
    model_begin(p.m);
    for (int64_t i = 0; i < steps; i++) {
        one_step(&p);
        if (i % 2000 == 1999) {
            compare_all(&p);
        }
        if (i % 100 == 99) {
            arena_reset(s->a);
        }
    }
    compare_all(&p);
    CHECK_INT(p.step, steps);
    arena_free(s->a);
    s->a = whole;
    mem_free(p.m);
}

STORE_TEST_WITHIN(the_store_answers_like_the_model_to_any_sequence_of_operations, 60)
{
    run_pair(s, "differential",
             is_durable(s) ? repeat("STINT_OPS", 2000, 500) : repeat("STINT_OPS", 18000, 3000));
}
