/* Rounds: what the store tells whoever drives it: done operations, changes for wake-ups, the next instant of interest. */
#include "store_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Keeps the last round that held a write, copied out; the store's threads call it. */
struct listener {
    pthread_mutex_t lock;
    int64_t rounds, flushes, next_due_at;
    size_t changes;
    struct store_change change; /* the last one; its texts are gone */
    char queue[64], kind[64];
};

static void hear(void *ctx, struct store_round *r)
{
    struct listener *l = ctx;
    pthread_mutex_lock(&l->lock);
    if (r->flushes) { /* not a read, nor news of other nodes */
        l->rounds++;
        l->flushes += r->flushes;
        l->next_due_at = r->next_due_at;
        l->changes = r->change_count;
        if (r->change_count) {
            l->change = r->changes[r->change_count - 1];
            str_copy(l->queue, sizeof l->queue, l->change.queue);
            str_copy(l->kind, sizeof l->kind, l->change.kind);
        }
    }
    pthread_mutex_unlock(&l->lock);
    store_round_free(r);
}

/* The same store, but somebody listens. */
static struct listener *listen_to(struct store_test *s)
{
    struct listener *l = arena_array(s->a, struct listener, 1);
    pthread_mutex_init(&l->lock, NULL);
    s->options.on_round = hear;
    s->options.on_round_ctx = l;
    s->options.committers = 1; /* one after another, so that the last round is that of the last operation */
    reopen(s);
    return l;
}

DURABLE_STORE_TEST(the_round_of_an_enqueue_wakes_the_claimers)
{
    struct listener *l = listen_to(s);
    struct id id = a_queued_job(s, .queue = STR("mail"), .kind = STR("send"));
    CHECK_INT(l->changes, 1);
    CHECK_ID(l->change.job, id);
    CHECK_INT(l->change.tenant, s->tenant);
    CHECK_TRUE(l->change.became_queued);
    CHECK_INT(l->change.state, JOB_QUEUED);
    CHECK_STR(str_from(l->queue), STR("mail"));
    CHECK_STR(str_from(l->kind), STR("send"));
}

DURABLE_STORE_TEST(a_scheduled_job_wakes_nobody_but_moves_the_timer)
{
    struct listener *l = listen_to(s);
    (void)a_scheduled_job(s, HOUR);
    CHECK_FALSE(l->changes && l->change.became_queued);
    CHECK_INT(l->next_due_at, TEST_BEGINS + HOUR);
    (void)a_scheduled_job(s, MINUTE);
    CHECK_INT(l->next_due_at, TEST_BEGINS + MINUTE);
    (void)pass(s, MINUTE);
    CHECK_INT(l->next_due_at, TEST_BEGINS + HOUR);
}

DURABLE_STORE_TEST(a_claim_moves_the_timer_to_the_end_of_the_lease)
{
    struct listener *l = listen_to(s);
    (void)a_queued_job(s);
    CHECK_INT(l->next_due_at, 0);
    struct job *job = claim_one(s, .lease_ms = 5000);
    CHECK_INT(l->next_due_at, TEST_BEGINS + 5000);
    VERDICT(heartbeat(s, job, 1, .lease_ms = 9000), RC_OK);
    CHECK_INT(l->next_due_at, TEST_BEGINS + 9000);
    VERDICT(complete(s, job, 2), RC_OK);
    CHECK_INT(l->next_due_at, 0);
}

DURABLE_STORE_TEST(the_timer_comes_soon_enough_for_whatever_is_first)
{
    struct listener *l = listen_to(s);
    (void)a_queued_job(s, .timeout_ms = 20 * SECOND, .deadline_ms = MINUTE);
    CHECK_INT(l->next_due_at, TEST_BEGINS + MINUTE);
    struct job *job = claim_one(s);
    CHECK_INT(l->next_due_at, TEST_BEGINS + 20 * SECOND);
    VERDICT(cancel(s, job->id), RC_OK);
    CHECK_INT(l->next_due_at, TEST_BEGINS + JOB_CANCEL_GRACE_MS);
}

DURABLE_STORE_TEST(events_are_told_with_the_number_of_the_last)
{
    struct listener *l = listen_to(s);
    struct job *job = a_processing_job(s);
    VERDICT(say(s, job, 1, STR("x")), RC_OK);
    CHECK_INT(l->changes, 1);
    CHECK_ID(l->change.job, job->id);
    CHECK_INT(l->change.last_seq, job_of(s, job->id)->last_seq);
    CHECK_FALSE(l->change.state_changed);
    VERDICT(complete(s, job, 2), RC_OK);
    CHECK_TRUE(l->change.state_changed);
    CHECK_INT(l->change.state, JOB_COMPLETED);
    CHECK_INT(l->change.last_seq, job_of(s, job->id)->last_seq);
}

DURABLE_STORE_TEST(a_cancel_of_a_running_job_is_told)
{
    struct listener *l = listen_to(s);
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    CHECK_INT(l->changes, 1);
    CHECK_TRUE(l->change.cancel_asked);
    CHECK_ID(l->change.job, job->id);
}

DURABLE_STORE_TEST(a_lost_lease_wakes_the_claimers)
{
    struct listener *l = listen_to(s);
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STATE(s, job->id, JOB_QUEUED);
    CHECK_TRUE(l->change.became_queued);
    CHECK_ID(l->change.job, job->id);
}

DURABLE_STORE_TEST(each_round_of_writes_flushes_once)
{
    struct listener *l = listen_to(s);
    int64_t rounds = l->rounds, flushes = l->flushes;
    for (int i = 0; i < 10; i++) {
        (void)a_queued_job(s);
    }
    CHECK_INT(l->rounds - rounds, 10);
    CHECK_INT(l->flushes - flushes, 10);
}

static struct store_enqueue two_jobs(struct store_test *s)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, 2);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    for (int i = 0; i < 2; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}")};
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 2;
    return op;
}

/* New jobs gather in memory within a round; nobody may notice. */
DURABLE_STORE_TEST(a_claim_gets_the_jobs_that_were_enqueued_before_it_in_the_same_round)
{
    (void)listen_to(s);
    struct store_enqueue first = two_jobs(s), second = two_jobs(s), last = two_jobs(s);
    AN_OP(s, claim, store_claim, STORE_CLAIM);
    claim.tenant = s->tenant;
    claim.worker = STR("w");
    claim.max = 10;
    first.op.next = &second.op;
    second.op.next = &claim.op;
    store_submit_list(s->store, &first.op);
    run_op(s, &last.op); /* behind them: they are done, too */
    CHECK_INT(claim.op.rc, RC_OK);
    CHECK_INT(claim.count, 4);
    CHECK_ID(claim.jobs[0].id, first.verdicts[0].job);
    CHECK_ID(claim.jobs[3].id, second.verdicts[1].job);
    CHECK_STATE(s, second.verdicts[1].job, JOB_PROCESSING);
    CHECK_STATE(s, last.verdicts[1].job, JOB_QUEUED);
}

/* ---- a claim behind what makes jobs of groups and keys ready, in one list: at a store that has just come back, and again */

static struct store_claim a_claim(struct store_test *s)
{
    static const struct str queue = {"default", 7}, kind = {"k", 1};
    AN_OP(s, claim, store_claim, STORE_CLAIM);
    claim.tenant = s->tenant;
    claim.worker = STR("w");
    claim.queues = &queue;
    claim.kinds = &kind;
    claim.queue_count = claim.kind_count = 1;
    claim.max = 10;
    return claim;
}

/* Behind it come two claims and an enqueue: the first claim has what it has made ready, the second nothing. */
static struct claimed claim_behind(struct store_test *s, struct store_op *op)
{
    struct store_claim first = a_claim(s), second = a_claim(s);
    struct store_enqueue behind = two_jobs(s), last = two_jobs(s);
    op->next = &first.op;
    first.op.next = &second.op;
    second.op.next = &behind.op;
    store_submit_list(s->store, op);
    run_op(s, &last.op); /* behind them: they are done, too */
    CHECK_INT(op->rc, RC_OK);
    CHECK_INT(first.op.rc, RC_OK);
    CHECK_INT(second.op.rc, RC_OK);
    CHECK_INT(second.count, 0);
    CHECK_INT(claim(s, .max = 10).count, 4);
    return (struct claimed){first.jobs, first.count};
}

static struct claimed claim_behind_report(struct store_test *s, struct report r)
{
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = &r;
    op.count = 1;
    return claim_behind(s, &op.op);
}

DURABLE_STORE_TEST(a_claim_gets_the_children_with_a_group_that_were_reported_before_it_in_the_same_round)
{
    const struct job_spec child = {.kind = STR("k"), .args = STR("{}"), .group = STR("g")};
    const struct job *parent = a_processing_job(s);
    (void)listen_to(s);
    for (int n = 1; n <= 2; n++) {
        struct claimed got = claim_behind_report(
            s, a_report(parent, n, REPORT_PROGRESS, .children = &child, .child_count = 1));
        CHECK_INT(got.count, 1);
        CHECK_STR(got.jobs[0].group, STR("g"));
    }
}

DURABLE_STORE_TEST(a_claim_gets_the_job_with_a_key_that_was_given_back_before_it_in_the_same_round)
{
    const struct job *job = a_processing_job(s, .limit_keys = STR("[\"k\"]"));
    (void)listen_to(s);
    claim_none(s); /* now it has looked, and there was nothing */
    for (int n = 1; n <= 2; n++) {
        struct claimed got = claim_behind_report(s, a_report(job, 1, REPORT_RELEASE));
        CHECK_INT(got.count, 1);
        CHECK_ID(got.jobs[0].id, job->id);
        job = &got.jobs[0];
    }
}

DURABLE_STORE_TEST(a_claim_gets_the_job_with_a_group_that_was_retried_before_it_in_the_same_round)
{
    const struct id id = a_final_job(s, JOB_FAILED, .group = STR("g"));
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = ACT_RETRY;
    op.ids = &id;
    op.count = 1;
    (void)listen_to(s);
    struct claimed got = claim_behind(s, &op.op);
    CHECK_INT(got.count, 1);
    CHECK_ID(got.jobs[0].id, id);
}

DURABLE_STORE_TEST(a_claim_gets_the_job_whose_key_was_freed_before_it_in_the_same_round)
{
    AN_OP(s, set, store_set_limit, STORE_SET_LIMIT);
    set.tenant = s->tenant;
    set.key = STR("k");
    set.has_rule = true;
    set.rule.concurrency = 1;
    set.pause_until = -1;
    run_op(s, &set.op);
    const struct job *job = a_processing_job(s, .limit_keys = STR("[\"k\"]"));
    for (int n = 1; n <= 2; n++) {
        const struct id next = a_queued_job(s, .limit_keys = STR("[\"k\"]"));
        if (n == 1) {
            (void)listen_to(s);
        }
        struct claimed got = claim_behind_report(s, a_report(job, 1, REPORT_COMPLETE));
        CHECK_INT(got.count, 1);
        CHECK_ID(got.jobs[0].id, next);
        job = &got.jobs[0];
    }
}

DURABLE_STORE_TEST(a_queue_is_shown_as_the_same_round_has_left_it)
{
    (void)listen_to(s);
    struct store_enqueue jobs = two_jobs(s), last = two_jobs(s);
    AN_OP(s, set, store_set_queue, STORE_SET_QUEUE);
    set.tenant = s->tenant;
    set.name = STR("default");
    set.pause = -1;
    jobs.op.next = &set.op;
    store_submit_list(s->store, &jobs.op);
    run_op(s, &last.op);
    CHECK_INT(set.op.rc, RC_OK);
    CHECK_INT(set.queue->counts[JOB_QUEUED], 2);
    CHECK_INT(set.queue->oldest_queued_at, TEST_BEGINS);
}

DURABLE_STORE_TEST(a_read_leaves_the_timer_alone)
{
    struct listener *l = listen_to(s);
    struct id id = a_scheduled_job(s, HOUR);
    int64_t rounds = l->rounds;
    CHECK_STATE(s, id, JOB_SCHEDULED);
    CHECK_INT(l->rounds, rounds);
    CHECK_INT(l->next_due_at, TEST_BEGINS + HOUR);
}

STORE_TEST(every_operation_has_a_name_and_knows_whether_it_writes)
{
    for (int i = 0; i < STORE_OP_KINDS; i++) {
        CHECK_TRUE(strlen(store_op_name((enum store_op_kind)i)) > 2);
        CHECK_INT(store_op_is_write((enum store_op_kind)i), i < STORE_GET_JOB);
    }
}

STORE_TEST(a_healthy_store_says_so)
{
    CHECK_INT(store_health(s->store), RC_OK);
    CHECK_INT(store_now(s->store), TEST_BEGINS);
}

DURABLE_STORE_TEST(what_is_left_to_a_tick_is_told_until_there_is_one)
{
    struct listener *l = listen_to(s);
    struct job_spec spec = {.kind = STR("child"), .args = STR("{}")};
    struct job *parent = a_processing_job(s);
    VERDICT(report_one(s, a_report(parent, 1, REPORT_WAIT, .children = &spec, .child_count = 1)), RC_OK);
    (void)tick(s);
    VERDICT(complete(s, claim_one(s, .kind = STR("child")), 1), RC_OK);
    CHECK_INT(l->next_due_at, TEST_BEGINS);
    claim_none(s); /* it has looked for what is due, and there is nothing */
    CHECK_INT(l->next_due_at, TEST_BEGINS);
    (void)tick(s);
    CHECK_INT(l->next_due_at, 0);
    CHECK_STATE(s, parent->id, JOB_QUEUED);
}
