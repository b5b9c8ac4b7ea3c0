/* Waiting claims: no wake-up is lost, none is wasted, first come first served. */
#include "queue_rig.h"

#define WAIT_MS 30000

TEST(an_enqueue_takes_a_waiting_claim_along_in_one_flush)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    rig_settle(r);
    CHECK_INT(k->done, 0);
    CHECK_INT(queue_metrics(r->q).waiting_claims, 1);
    const int64_t flushes = queue_metrics(r->q).flushes;

    rig_enqueue(r, "mail", "send");
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    CHECK_INT(queue_metrics(r->q).flushes - flushes, 1);
    rig_close(r);
}

TEST(as_many_claims_as_jobs_are_woken_in_order_of_arrival)
{
    struct rig *r = rig_open();
    struct rig_claim *k[4];

    for (int i = 0; i < 4; i++) {
        k[i] = rig_claim(r, "w", "mail", NULL, WAIT_MS);
        rig_settle(r);
    }
    struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 2);

    rig_do(r, &n->op);
    rig_settle(r);
    CHECK_INT(k[0]->order, 1);
    CHECK_INT(k[1]->order, 2);
    CHECK_INT(k[2]->done + k[3]->done, 0);
    CHECK_INT(queue_metrics(r->q).waiting_claims, 2);
    rig_enqueue(r, "mail", "send");
    rig_settle(r);
    CHECK_INT(k[2]->order, 3);
    CHECK_INT(k[3]->done, 0);
    rig_close(r);
}

TEST(a_claim_that_was_woken_for_nothing_keeps_its_place_in_the_line)
{
    struct rig *r = rig_open();
    struct rig_claim *first = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    rig_settle(r);
    struct rig_claim *second = rig_claim(r, "w2", "mail", NULL, WAIT_MS);
    struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 1);

    rig_settle(r);
    ((struct job_spec *)n->specs)->unique_key = STR("once");
    ((struct job_spec *)n->specs)->priority = 1;
    rig_do(r, &n->op); /* taken by the first claim */
    CHECK_INT(first->done, 1);
    struct rig_claim *third = rig_claim(r, "w3", "mail", NULL, WAIT_MS);

    rig_settle(r);
    n = rig_enqueue_op(r, "mail", "send", 1);
    ((struct job_spec *)n->specs)->unique_key = STR("once");
    rig_do(r, &n->op); /* a duplicate: the second claim rides along in vain */
    rig_settle(r);
    CHECK_TRUE(n->verdicts[0].duplicate);
    CHECK_INT(second->done + third->done, 0);
    rig_enqueue(r, "mail", "send");
    rig_settle(r);
    CHECK_INT(second->done, 1);
    CHECK_INT(third->done, 0);
    rig_close(r);
}

TEST(a_claim_hears_only_of_its_own_queues_and_kinds)
{
    struct rig *r = rig_open();
    struct rig_claim *other_queue = rig_claim(r, "w1", "reports", NULL, WAIT_MS);
    struct rig_claim *other_kind = rig_claim(r, "w2", "mail", "receive", WAIT_MS);
    struct rig_claim *right = rig_claim(r, "w3", "mail", "receive2 send", WAIT_MS);

    rig_settle(r);
    const int64_t operations = queue_metrics(r->q).operations;

    rig_enqueue(r, "mail", "send");
    CHECK_INT(queue_metrics(r->q).operations - operations,
              2); /* the enqueue and one claim: nobody else is woken */
    rig_settle(r);
    CHECK_INT(right->done, 1);
    CHECK_INT(other_queue->done + other_kind->done, 0);
    rig_close(r);
}

static struct id enqueue_later(struct rig *r, const char *kind, int64_t priority, int64_t delay_ms)
{
    struct store_enqueue *n = rig_enqueue_op(r, "mail", kind, 1);

    ((struct job_spec *)n->specs)->delay_ms = delay_ms;
    ((struct job_spec *)n->specs)->priority = priority;
    rig_do(r, &n->op);
    CHECK_INT(n->op.rc, RC_OK);
    return n->verdicts[0].job;
}

/* The first claim is woken for `a` but takes the more urgent `b`, which the second was woken for and now does not find:
 * the third must hear of `a`. */
TEST(a_woken_claim_that_takes_another_job_passes_the_wake_up_on)
{
    struct rig *r = rig_open();

    enqueue_later(r, "a", 10, 1000);
    enqueue_later(r, "b", 1, 1000);
    struct rig_claim *both = rig_claim(r, "w1", "mail", "a b", WAIT_MS);

    rig_settle(r);
    struct rig_claim *only_b = rig_claim(r, "w2", "mail", "b", WAIT_MS);

    rig_settle(r);
    struct rig_claim *only_a = rig_claim(r, "w3", "mail", "a", WAIT_MS);

    rig_settle(r);
    CHECK_INT(queue_metrics(r->q).waiting_claims, 3);
    rig_skip_ms(r, 1001);
    CHECK_INT(both->done, 1);
    CHECK_STR(both->c.claim.jobs[0].kind, STR("b"));
    CHECK_INT(only_b->done, 0);
    CHECK_INT(only_a->done, 1);
    CHECK_STR(only_a->c.claim.jobs[0].kind, STR("a"));
    rig_close(r);
}

TEST(as_many_claims_are_woken_as_jobs_become_due_at_once)
{
    struct rig *r = rig_open();
    struct rig_claim *k[3];

    for (int i = 0; i < 3; i++) {
        enqueue_later(r, "a", 0, 1000);
        k[i] = rig_claim(r, "w", "mail", NULL, WAIT_MS);
    }
    rig_settle(r);
    rig_skip_ms(r, 1001);
    CHECK_INT(k[0]->done + k[1]->done + k[2]->done, 3);
    rig_close(r);
}

/* One round: the claim finds nothing, then the job comes; no later change would wake it. */
TEST(a_job_that_comes_behind_a_claim_in_its_own_round_is_not_missed)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w", "mail", NULL, WAIT_MS);
    struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 1);

    rig_start(r, &n->op);
    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    rig_close(r);
}

TEST(a_claim_that_is_woken_in_vain_a_thousand_times_does_not_grow)
{
    struct rig *r = rig_open();
    struct rig_claim *first = rig_claim(r, "w1", "mail", NULL, WAIT_MS);
    struct rig_claim *k = rig_claim(r, "w2", "mail", NULL, WAIT_MS);
    size_t bytes = 0;

    rig_settle(r);
    for (int i = 0; i < 1000; i++) {
        struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 1);

        ((struct job_spec *)n->specs)->unique_key = STR("once");
        rig_do(r, &n->op);
        bytes = i == 10 ? arena_bytes(k->c.claim.op.a) : bytes;
    }
    CHECK_INT(first->done, 1);
    CHECK_INT(k->done, 0);
    CHECK_INT(arena_bytes(k->c.claim.op.a), bytes);
    rig_close(r);
}

TEST(a_released_job_wakes_a_waiting_claim)
{
    struct rig *r = rig_open();

    rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w1", "mail");
    struct rig_claim *k = rig_claim(r, "w2", "mail", NULL, WAIT_MS);

    rig_settle(r);
    CHECK_INT(k->done, 0);
    CHECK_INT(rig_report(r, j, 1, REPORT_RELEASE).rc, RC_OK);
    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_TRUE(k->c.claim.jobs[0].lease > j->lease);
    rig_close(r);
}

static void set_pause(struct rig *r, const char *queue, int pause)
{
    struct store_set_queue *s = arena_alloc(r->a, sizeof *s);

    store_init(&s->op, sizeof *s, STORE_SET_QUEUE, rig_op_arena(r));
    s->tenant = RIG_TENANT;
    s->name = str_from(queue);
    s->pause = pause;
    rig_do(r, &s->op);
    CHECK_INT(s->op.rc, RC_OK);
}

TEST(resuming_a_queue_wakes_the_claims_that_wait_for_it)
{
    struct rig *r = rig_open();

    set_pause(r, "mail", 1);
    rig_enqueue(r, "mail", "send");
    struct rig_claim *k = rig_claim(r, "w", "mail", NULL, WAIT_MS);

    rig_settle(r);
    CHECK_INT(k->done, 0);
    set_pause(r, "mail", 0);
    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    rig_close(r);
}

TEST(a_claim_gives_up_empty_when_its_wait_is_over)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w", "mail", NULL, 20000);
    struct rig_claim *too_long = rig_claim(r, "w", "mail", NULL, 3600000);

    rig_skip_ms(r, 19000);
    CHECK_INT(k->done, 0);
    rig_skip_ms(r, 1500);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.op.rc, RC_OK);
    CHECK_INT(k->c.claim.count, 0);
    CHECK_INT(too_long->done, 0);
    rig_skip_ms(r, 41000); /* the limit of claim_wait_max_ms */
    CHECK_INT(too_long->done, 1);
    CHECK_INT(queue_metrics(r->q).waiting_claims, 0);
    rig_close(r);
}

TEST(a_claim_without_a_wait_answers_at_once)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w", "mail", NULL, 0);

    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 0);
    rig_close(r);
}

TEST(a_waiting_claim_whose_client_left_is_gone_and_takes_no_job)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    rig_settle(r);
    CHECK_TRUE(queue_claim_cancel(r->q, &k->c));
    struct id id = rig_enqueue(r, "mail", "send");

    CHECK_INT(rig_job(r, id)->state, JOB_QUEUED);
    CHECK_INT(k->done, 0);
    CHECK_FALSE(queue_claim_cancel(r->q, &k->c));
    rig_close(r);
}

TEST(a_claim_in_the_store_whose_client_left_still_tells_what_it_got)
{
    struct rig *r = rig_open();

    rig_enqueue(r, "mail", "send");
    struct rig_claim *k = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    CHECK_FALSE(queue_claim_cancel(r->q, &k->c));
    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    struct rig_claim *empty = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    CHECK_FALSE(queue_claim_cancel(r->q, &empty->c));
    rig_settle(r);
    CHECK_INT(empty->done, 1); /* it does not go on waiting for nobody */
    CHECK_INT(empty->c.claim.count, 0);
    rig_close(r);
}

TEST(too_many_waiting_claims_are_refused)
{
    struct rig *r = rig_open_with((struct queue_options){.max_waiting_claims = 2});
    struct rig_claim *k[3];

    for (int i = 0; i < 3; i++) {
        k[i] = rig_claim(r, "w", "mail", NULL, WAIT_MS);
    }
    rig_settle(r);
    CHECK_INT(k[0]->done + k[1]->done, 0);
    CHECK_INT(k[2]->done, 1);
    CHECK_INT(k[2]->c.claim.op.rc, RC_BUSY);
    CHECK_STR(str_from(k[2]->c.claim.op.e.code), STR("too_many_waiting"));
    rig_close(r);
}

TEST(a_cancel_reaches_the_worker_on_its_waiting_claim)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");

    rig_take(r, "w1", "mail");
    struct rig_claim *other = rig_claim(r, "w2", "mail", NULL, WAIT_MS);
    struct rig_claim *mine = rig_claim(r, "w1", "mail", NULL, WAIT_MS);

    rig_settle(r);
    CHECK_INT(rig_act(r, ACT_CANCEL, id), RC_OK);
    rig_settle(r);
    CHECK_INT(mine->done, 1);
    CHECK_INT(mine->c.cancel_count, 1);
    CHECK_TRUE(id_eq(mine->c.cancels[0], id));
    CHECK_INT(other->done, 0);
    rig_close(r);
}

/* Claims and enqueues of several queues and kinds in random order, several at a time: whatever happens, no job may be
 * left queued while a claim waits that would take it. */
TEST(no_job_stays_queued_while_a_claim_waits_for_its_kind)
{
    static const char *const kinds[] = {"a", "b", "c"};
    static const char *const wishes[] = {"a", "b", "c", "a b", "b c", "a b c", NULL};
    struct rig *r = rig_open();
    struct rig_claim *claims[400];
    size_t claim_count = 0;
    uint64_t x = 88172645463325252U;

    for (int step = 0; step < 300; step++) {
        for (int k = 0; k < 3; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            if (x % 2 == 0 && claim_count < 400) {
                claims[claim_count++] =
                    rig_claim(r, "w", x % 3 ? "mail" : "reports", wishes[(x >> 8) % 7], WAIT_MS);
            } else {
                struct store_enqueue *n =
                    rig_enqueue_op(r, x % 3 ? "mail" : "reports", kinds[(x >> 8) % 3], 1 + (x >> 16) % 2);

                rig_start(r, &n->op);
            }
        }
        if (x % 5 == 0) {
            rig_settle(r);
        }
    }
    rig_settle(r);
    int64_t waiting_for[2][3] = {{0}};

    for (size_t i = 0; i < claim_count; i++) {
        const struct store_claim *c = &claims[i]->c.claim;

        for (size_t k = 0; k < 3 && claims[i]->done == 0; k++) {
            bool takes = c->kind_count == 0;

            for (size_t m = 0; m < c->kind_count; m++) {
                takes = takes || str_eq(c->kinds[m], str_from(kinds[k]));
            }
            waiting_for[str_eq(c->queues[0], STR("mail"))][k] += takes;
        }
    }
    struct store_stats stats;

    store_init(&stats.op, sizeof stats, STORE_STATS, rig_op_arena(r));
    stats.tenant = RIG_TENANT;
    rig_do(r, &stats.op);
    CHECK_INT(stats.op.rc, RC_OK);
    for (size_t i = 0; i < stats.kind_count; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (stats.kinds[i].queued > 0 && str_eq(stats.kinds[i].kind, str_from(kinds[k]))) {
                CHECK_INT(waiting_for[str_eq(stats.kinds[i].queue, STR("mail"))][k], 0);
            }
        }
    }
    CHECK_TRUE(queue_metrics(r->q).claimed > 50);
    rig_close(r);
}
