/* Draining, idempotency in flight, keys, workers, and what time brings. */
#include "queue/parts.h"
#include "queue_rig.h"

static int idle_calls;

static void on_idle(void *ctx)
{
    (void)ctx;
    idle_calls++;
}

TEST(draining_ends_waiting_claims_refuses_enqueues_and_accepts_reports)
{
    struct rig *r = rig_open();

    rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w1", "mail");
    struct rig_claim *waiting = rig_claim(r, "w1", "mail", NULL, 30000);

    rig_settle(r);
    queue_drain(r->q, on_idle, NULL);
    CHECK_TRUE(queue_is_draining(r->q));
    CHECK_INT(waiting->done, 1);
    CHECK_TRUE(waiting->c.draining);
    struct rig_claim *late = rig_claim(r, "w1", "mail", NULL, 30000);
    struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 1);

    rig_do(r, &n->op);
    CHECK_INT(n->op.rc, RC_BUSY);
    CHECK_STR(str_from(n->op.e.code), STR("draining"));
    CHECK_INT(late->done, 1);
    CHECK_TRUE(late->c.draining);
    CHECK_INT(rig_report(r, j, 1, REPORT_COMPLETE).rc, RC_OK);
    rig_settle(r);
    CHECK_INT(idle_calls, 1);
    rig_close(r);
}

TEST(a_claim_in_the_store_when_the_drain_begins_still_ends)
{
    struct rig *r = rig_open();
    struct rig_claim *k = rig_claim(r, "w1", "mail", NULL, 30000);

    queue_drain(r->q, on_idle, NULL);
    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_TRUE(k->c.draining);
    CHECK_INT(idle_calls, 1);
    rig_close(r);
}

TEST(the_same_idempotency_key_in_flight_is_a_conflict_and_afterwards_a_replay)
{
    struct rig *r = rig_open();
    struct store_enqueue *n[3];

    for (int i = 0; i < 3; i++) {
        n[i] = rig_enqueue_op(r, "mail", "send", 1);
        n[i]->idempotency_key = STR("k1");
    }
    rig_start(r, &n[0]->op);
    rig_do(r, &n[1]->op);
    CHECK_INT(n[1]->op.rc, RC_CONFLICT);
    CHECK_STR(str_from(n[1]->op.e.code), STR("idempotency_in_flight"));
    rig_settle(r);
    CHECK_INT(n[0]->op.rc, RC_OK);
    rig_do(r, &n[2]->op);
    CHECK_INT(n[2]->op.rc, RC_OK);
    CHECK_TRUE(n[2]->replayed);
    CHECK_TRUE(id_eq(n[2]->verdicts[0].job, n[0]->verdicts[0].job));
    CHECK_INT(queue_metrics(r->q).enqueued, 1);
    rig_close(r);
}

TEST(keys_are_known_as_soon_as_they_exist_and_forgotten_when_revoked)
{
    struct rig *r = rig_open();
    struct store_create_key c;
    struct store_revoke_key v;

    CHECK_TRUE(queue_find_key(r->q, STR("rigrigri")) != NULL);
    CHECK_TRUE(queue_find_key(r->q, STR("unknown8")) == NULL);
    store_init(&c.op, sizeof c, STORE_CREATE_KEY, rig_op_arena(r));
    c.key.public_id = STR("abcdefgh");
    c.key.tenant_name = STR("other");
    c.key.scopes = SCOPE_READ;
    rig_do(r, &c.op);
    const struct api_key *k = queue_find_key(r->q, STR("abcdefgh"));

    CHECK_TRUE(k != NULL);
    CHECK_INT(k->scopes, SCOPE_READ);
    CHECK_TRUE(k->tenant != RIG_TENANT);
    CHECK_STR(k->tenant_name, STR("other"));
    store_init(&v.op, sizeof v, STORE_REVOKE_KEY, rig_op_arena(r));
    v.public_id = STR("abcdefgh");
    rig_do(r, &v.op);
    CHECK_INT(v.op.rc, RC_OK);
    CHECK_TRUE(queue_find_key(r->q, STR("abcdefgh")) == NULL);
    rig_close(r);
}

static void (*held_done)(struct store_op *op);
static struct store_op *held;

static void hold(struct store_op *op)
{
    held = op;
}

/* The list of keys was read before the revocation, and its reader was slow. */
TEST(a_revoked_key_does_not_come_back_with_a_list_from_before)
{
    struct rig *r = rig_open();
    struct store_op *reading = &r->q->keys_reading.list.op;
    struct store_revoke_key v;

    CHECK_TRUE(queue_find_key(r->q, STR("unknown8")) == NULL); /* so the keys are read */
    held_done = reading->done;
    reading->done = hold;
    while (!held) {
        rig_settle(r);
    }
    store_init(&v.op, sizeof v, STORE_REVOKE_KEY, rig_op_arena(r));
    v.public_id = STR("rigrigri");
    rig_do(r, &v.op);
    CHECK_INT(v.op.rc, RC_OK);
    reading->done = held_done;
    held_done(held);
    CHECK_TRUE(queue_find_key(r->q, STR("rigrigri")) == NULL);
    rig_settle(r);
    CHECK_TRUE(queue_find_key(r->q, STR("rigrigri")) == NULL);
    rig_close(r);
}

TEST(a_key_that_another_process_made_is_known_once_somebody_comes_with_it)
{
    struct rig *r = rig_open();
    struct store_create_key c;

    CHECK_TRUE(queue_find_key(r->q, STR("abcdefgh")) == NULL);
    store_init(&c.op, sizeof c, STORE_CREATE_KEY, rig_op_arena(r));
    c.key.public_id = STR("abcdefgh");
    c.key.tenant_name = STR("other");
    OK(store_run(queue_store(r->q), &c.op, e));
    rig_settle(r);
    rig_skip_ms(r, 1000); /* once a second is asked enough */
    while (!queue_find_key(r->q, STR("abcdefgh"))) {
        rig_settle(r);
    }
    rig_close(r);
}

TEST(keys_are_known_again_after_a_restart)
{
    const struct queue_options o = {.store_url = test_path("s.db")};
    struct rig *r = rig_open_with(o);

    queue_close(r->q);
    struct queue_options again = o;

    again.loop = r->loop;
    OK(queue_open(&r->q, &again, e));
    CHECK_TRUE(queue_find_key(r->q, STR("rigrigri")) != NULL);
    rig_close(r);
}

TEST(workers_are_listed_newest_first_with_what_they_do)
{
    struct rig *r = rig_open();
    struct queue_worker *w = NULL;

    rig_enqueue(r, "mail", "send");
    rig_take(r, "w1", "mail");
    rig_skip_ms(r, 10);
    rig_claim(r, "w2", "mail", "send receive", 30000);
    rig_settle(r);
    CHECK_INT(queue_workers(r->q, RIG_TENANT, r->a, &w), 2);
    CHECK_STR(w[0].name, STR("w2"));
    CHECK_TRUE(w[0].is_waiting);
    CHECK_STR(w[0].kinds, STR("[\"send\",\"receive\"]"));
    CHECK_STR(w[1].name, STR("w1"));
    CHECK_INT(w[1].claimed, 1);
    CHECK_FALSE(w[1].is_waiting);
    CHECK_INT(queue_workers(r->q, RIG_TENANT + 1, r->a, &w), 0);
    rig_close(r);
}

TEST(a_kind_has_a_worker_while_one_that_does_it_is_heard_of)
{
    struct rig *r = rig_open();

    CHECK_FALSE(queue_kind_has_worker(r->q, RIG_TENANT, STR("send")));
    rig_claim(r, "w1", "mail", "send", 0);
    rig_settle(r);
    CHECK_TRUE(queue_kind_has_worker(r->q, RIG_TENANT, STR("send")));
    CHECK_FALSE(queue_kind_has_worker(r->q, RIG_TENANT, STR("receive")));
    CHECK_FALSE(queue_kind_has_worker(r->q, RIG_TENANT + 1, STR("send")));
    rig_skip_ms(r, 601000);
    CHECK_FALSE(queue_kind_has_worker(r->q, RIG_TENANT, STR("send")));
    rig_close(r);
}

TEST(silent_workers_are_forgotten_when_new_ones_come)
{
    struct rig *r = rig_open();
    struct queue_worker *w = NULL;

    rig_claim(r, "old", "mail", NULL, 0);
    rig_settle(r);
    rig_skip_ms(r, 601000);
    rig_claim(r, "new", "mail", NULL, 0);
    rig_settle(r);
    CHECK_INT(queue_workers(r->q, RIG_TENANT, r->a, &w), 1);
    CHECK_STR(w[0].name, STR("new"));
    rig_close(r);
}

/* ------------------------------------------------------------------ time */

TEST(a_scheduled_job_goes_to_a_waiting_claim_when_its_time_comes_and_not_before)
{
    struct rig *r = rig_open();
    struct store_enqueue *n = rig_enqueue_op(r, "mail", "send", 1);
    struct rig_claim *k = rig_claim(r, "w", "mail", NULL, 60000);

    ((struct job_spec *)n->specs)->delay_ms = 5000;
    rig_do(r, &n->op);
    rig_skip_ms(r, 4500);
    CHECK_INT(k->done, 0); /* J9 */
    rig_skip_ms(r, 600);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    rig_close(r);
}

TEST(an_abandoned_job_goes_to_a_waiting_claim_when_its_lease_ends)
{
    struct rig *r = rig_open();

    rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w1", "mail");
    struct rig_claim *k = rig_claim(r, "w2", "mail", NULL, 60000);

    rig_skip_ms(r, JOB_LEASE_DEFAULT_MS - 1000);
    CHECK_INT(k->done, 0); /* J5: never early */
    rig_skip_ms(r, 1500);
    CHECK_INT(k->done, 1);
    CHECK_TRUE(k->c.claim.jobs[0].lease > j->lease);
    CHECK_INT(rig_report(r, j, 1, REPORT_COMPLETE).rc, RC_LEASE_LOST);
    CHECK_INT(queue_metrics(r->q).lost, 1);
    rig_close(r);
}

/* J6: the process did not run for longer than the lease; nor could the worker report. */
TEST(a_stall_of_the_process_costs_no_lease)
{
    struct rig *r = rig_open();

    rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w1", "mail");
    struct rig_claim *k = rig_claim(r, "w2", "mail", NULL, 60000);

    rig_settle(r);
    rig_skip_ms(r, JOB_LEASE_DEFAULT_MS + 10000);
    CHECK_INT(k->done, 0);
    CHECK_INT(rig_report(r, j, 1, REPORT_HEARTBEAT).rc, RC_OK);
    CHECK_INT(rig_report(r, j, 2, REPORT_COMPLETE).rc, RC_OK);
    rig_close(r);
}
