/* Two nodes on one database whose claims remember where they last found something: order is by priority, then by age, whoever
 * made a job ready and wherever that was. On the node that did it at once, on the other as soon as it has heard. */
#include "crowd.h"
#include "store_test.h"

#include "base/clock.h"
#include "pg_rig.h"

static void let_go(void *ctx, struct store_round *r)
{
    (void)ctx;
    store_round_free(r);
}

/* `mine` is the test's; `other` is a second one; both listen. */
struct pair {
    struct store_test *s;
    struct store *mine, *other;
};

static void wait_until_joined(struct store_test *s)
{
    struct pg *c = pg_rig_connect(s->url);
    while (pg_rig_int(c, "SELECT count(*) FROM stint.node") < 2) {
    }
    pg_close(c);
}

static struct pair two_nodes(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    struct pair p = {.s = s};
    s->options.on_round = let_go;
    reopen(s);
    p.mine = s->store;
    OK(store_open(&p.other, s->url, &s->options, e));
    wait_until_joined(s);
    return p;
}

/* Whatever is between is asked of the other node. */
#define ON_OTHER(p)                                                                                          \
    for (int once_ = ((p)->s->store = (p)->other, 1); once_; once_ = 0, (p)->s->store = (p)->mine)

/* Both have claimed in this line, at both priorities, and found nothing more: their heads stand at now. An older job of each
 * priority is held by a worker of the first node. */
static void warm(struct pair *p, struct job *held[2])
{
    struct store_test *s = p->s;
    held[0] = a_processing_job(s);
    held[1] = a_processing_job(s, .priority = 5);
    advance(s, 10 * SECOND);
    for (int i = 0; i < 6; i++) {
        (void)a_queued_job(s, .priority = i % 2 ? 5 : 0);
    }
    CHECK_INT(claim(s, .max = 2, .kind = STR("k")).count, 2);
    ON_OTHER(p)
    {
        CHECK_INT(claim(s, .max = 2, .kind = STR("k")).count, 2);
    }
    CHECK_INT(claim(s, .max = 9, .kind = STR("k")).count, 2);
    advance(s, 10 * SECOND);
    claim_none(s, .kind = STR("k"));
    ON_OTHER(p)
    {
        claim_none(s, .kind = STR("k"));
    }
}

/* Claims one by one until this job comes, which it must within 5 s. */
static struct job *claim_soon(struct store_test *s, struct id id)
{
    int64_t until_us = clock_mono_us() + 5000000;
    for (;;) {
        struct claimed c = claim(s, .kind = STR("k"));
        if (c.count) {
            CHECK_ID(c.jobs[0].id, id);
            return &c.jobs[0];
        }
        CHECK_TRUE(clock_mono_us() < until_us);
    }
}

static void set_priority(struct store_test *s, struct id id, int64_t priority)
{
    AN_OP(s, op, store_patch, STORE_PATCH);
    op.tenant = s->tenant;
    op.job_id = id;
    op.has_priority = true;
    op.priority = priority;
    run_op(s, &op.op);
}

SERVER_STORE_TEST(what_this_node_makes_ready_before_the_head_is_found_at_once)
{
    struct job *held[2];
    struct pair p = two_nodes(s);
    warm(&p, held);
    crowd_line(s->store, s->tenant, STR("default"), STR("k")); /* no claim looks from the beginning */
    struct id late = a_queued_job(s), later = a_queued_job(s, .priority = 5);
    VERDICT(release(s, held[0], 1), RC_OK); /* they go back to where they stood */
    VERDICT(release(s, held[1], 1), RC_OK);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, held[0]->id);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, late);
    struct id first = a_queued_job(s, .priority = -7), between = a_queued_job(s, .priority = 3);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, first);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, between);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, held[1]->id);
    struct id scheduled = a_scheduled_job(s, HOUR);
    VERDICT(promote(s, scheduled), RC_OK);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, scheduled);
    struct id raised = a_queued_job(s, .priority = 9);
    set_priority(s, raised, -8);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, raised);
    CHECK_ID(claim_one(s, .kind = STR("k"))->id, later);
    claim_none(s, .kind = STR("k"));
    claim_none(s);
    store_close(p.other);
}

SERVER_STORE_TEST(what_another_node_makes_ready_before_the_head_is_found_soon)
{
    struct job *held[2];
    struct pair p = two_nodes(s);
    warm(&p, held);
    crowd_line(s->store, s->tenant, STR("default"), STR("k")); /* no claim looks from the beginning */
    ON_OTHER(&p)
    {
        VERDICT(release(s, held[1], 1), RC_OK);
    }
    (void)claim_soon(s, held[1]->id);
    ON_OTHER(&p)
    {
        VERDICT(release(s, held[0], 1), RC_OK);
    }
    (void)claim_soon(s, held[0]->id);
    struct id id = {{0}};
    ON_OTHER(&p)
    {
        id = a_queued_job(s, .priority = -7);
    }
    (void)claim_soon(s, id);
    ON_OTHER(&p)
    {
        id = a_scheduled_job(s, HOUR);
        VERDICT(promote(s, id), RC_OK);
    }
    struct job *job = claim_soon(s, id);
    VERDICT(fail(s, job, 1, ERROR_TRANSIENT, .retry_after_ms = SECOND), RC_OK);
    ON_OTHER(&p)
    {
        (void)pass(s, 2 * SECOND);
    }
    (void)claim_soon(s, id);
    store_close(p.other);
}

SERVER_STORE_TEST(a_job_that_was_made_ready_without_a_word_is_found_soon)
{
    struct job *held[2];
    struct pair p = two_nodes(s);
    warm(&p, held);
    struct pg *c = pg_rig_connect(s->url);
    struct err *none = NULL;
    struct str sql = arena_printf(s->a,
                                  "UPDATE stint.job SET state = 2, lease_until = NULL, timeout_at = NULL, "
                                  "due_at = NULL WHERE id = '%s'",
                                  id_text(held[1]->id).s);
    CHECK_INT(pg_exec(c, sql.p, none), RC_OK);
    (void)claim_soon(s, held[1]->id);
    pg_close(c);
    store_close(p.other);
}

SERVER_STORE_TEST(the_oldest_job_of_a_crowded_queue_is_known)
{
    (void)a_queued_job(s);
    (void)claim_one(s, .kind = STR("k"));
    crowd_line(s->store, s->tenant, STR("default"), STR("k"));
    for (int i = 0; i < 4; i++) {
        advance(s, SECOND);
        (void)a_queued_job(s, .priority = 9 - i, .kind = i == 3 ? STR("other") : STR("k"));
    }
    CHECK_INT(queue_of(s, STR("default"))->oldest_queued_at, TEST_BEGINS + SECOND);
    struct job *job = claim_one(s, .kind = STR("k"));
    CHECK_INT(job->run_at, TEST_BEGINS + 3 * SECOND);
    CHECK_INT(queue_of(s, STR("default"))->oldest_queued_at, TEST_BEGINS + SECOND);
    CHECK_INT(claim(s, .max = 9, .kind = STR("k")).count, 2);
    CHECK_INT(queue_of(s, STR("default"))->oldest_queued_at, TEST_BEGINS + 4 * SECOND);
    VERDICT(release(s, job, 1), RC_OK);
    CHECK_INT(queue_of(s, STR("default"))->oldest_queued_at, TEST_BEGINS + 3 * SECOND);
    CHECK_INT(set_queue(s, STR("default"), settings_with(.lease_ms = 5000))->oldest_queued_at,
              TEST_BEGINS + 3 * SECOND);
}
