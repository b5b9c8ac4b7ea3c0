/* Claims of all tenants: they take turns, whoever has a job is found, and no wake-up is lost. */
#include "queue_rig.h"

#define WAIT_MS 30000

static int64_t a_tenant(struct rig *r, const char *name)
{
    struct store_create_key key;

    store_init(&key.op, sizeof key, STORE_CREATE_KEY, rig_op_arena(r));
    key.key.public_id = str_from(name);
    key.key.tenant_name = str_from(name);
    key.key.scopes = SCOPE_ENQUEUE;
    rig_do(r, &key.op);
    CHECK_INT(key.op.rc, RC_OK);
    return key.key.tenant;
}

static struct id enqueue_for(struct rig *r, int64_t tenant, const char *queue, const char *kind, size_t count)
{
    struct store_enqueue *n = rig_enqueue_op(r, queue, kind, count);

    n->tenant = tenant;
    rig_do(r, &n->op);
    CHECK_INT(n->op.rc, RC_OK);
    return n->verdicts[0].job;
}

/* Such a claim is several operations one after the other: until none is under way. */
static void settle(struct rig *r)
{
    rig_settle(r);
    for (int i = 0; i < 1000 && queue_metrics(r->q).ops_in_flight > 0; i++) {
        rig_settle(r);
    }
    rig_settle(r);
}

static struct rig_claim *claim_for(struct rig *r, int64_t tenant, const char *kinds, int64_t max,
                                   int64_t wait_ms)
{
    struct rig_claim *k = arena_alloc(r->a, sizeof *k);
    struct str rest = str_from(kinds);
    struct store_claim *c = &k->c.claim;

    *k = *rig_claim_prepare(r, "w", "q", NULL, wait_ms);
    c->queues = &k->queue;
    c->kinds = k->kinds;
    k->c.owner = k;
    while (rest.n > 0) {
        k->kinds[c->kind_count++] = str_cut(rest, ' ', &rest);
    }
    c->tenant = tenant;
    c->max = max;
    queue_claim(r->q, &k->c);
    settle(r);
    return k;
}

static struct rig_claim *claim_all(struct rig *r, const char *kinds, int64_t max)
{
    struct rig_claim *k = claim_for(r, 0, kinds, max, 0);

    for (int i = 0; i < 100 && !k->done; i++) {
        rig_settle(r);
    }
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.op.rc, RC_OK);
    return k;
}

/* Whose job one claim after the other gives: a letter each. */
static struct str turns(struct rig *r, int count, const char *kinds)
{
    struct str text = STR("");

    for (int i = 0; i < count; i++) {
        struct rig_claim *k = claim_all(r, kinds, 1);
        struct str name = k->c.claim.count ? queue_tenant_name(r->q, k->c.claim.jobs[0].tenant) : STR("-");

        text = arena_printf(r->a, "%.*s%.*s", STR_ARG(text), STR_ARG(name));
    }
    return text;
}

static int64_t count_of(const struct rig_claim *k, int64_t tenant)
{
    int64_t n = 0;

    for (size_t i = 0; i < k->c.claim.count; i++) {
        n += k->c.claim.jobs[i].tenant == tenant;
    }
    return n;
}

static void set_pause(struct rig *r, int64_t tenant, const char *queue, int pause)
{
    struct store_set_queue *s = arena_alloc(r->a, sizeof *s);

    store_init(&s->op, sizeof *s, STORE_SET_QUEUE, rig_op_arena(r));
    s->tenant = tenant;
    s->name = str_from(queue);
    s->pause = pause;
    rig_do(r, &s->op);
    CHECK_INT(s->op.rc, RC_OK);
}

TEST(tenants_take_turns_at_the_queue_of_one_name)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B"), c = a_tenant(r, "C");

    enqueue_for(r, a, "q", "k", 5);
    enqueue_for(r, a, "other", "k", 1);
    enqueue_for(r, b, "q", "k", 2);
    enqueue_for(r, c, "q", "k", 1);
    struct str order = turns(r, 9, NULL);

    CHECK_INT(order.n, 9);
    CHECK_STR(str_sub(order, 3, 9), STR("ABAAA-"));
    CHECK_TRUE(str_find_char(order, 'B', 0) < 3 && str_find_char(order, 'C', 0) < 3);
    rig_close(r);
}

TEST(a_long_backlog_delays_the_first_job_of_another_by_one_turn)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B");

    for (int i = 0; i < 20; i++) {
        enqueue_for(r, a, "q", "k", 5000);
    }
    CHECK_STR(turns(r, 5, NULL), STR("AAAAA"));
    enqueue_for(r, b, "q", "k", 3);
    CHECK_STR(turns(r, 8, NULL), STR("BABABAAA")); /* what it got before is no debt, and no credit */
    rig_close(r);
}

TEST(a_claim_of_many_is_shared_out)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B"), c = a_tenant(r, "C");

    enqueue_for(r, a, "q", "k", 100);
    enqueue_for(r, b, "q", "k", 100);
    enqueue_for(r, c, "q", "k", 2);
    struct rig_claim *k = claim_all(r, NULL, 12);

    CHECK_INT(k->c.claim.count, 12);
    CHECK_INT(count_of(k, c), 2);
    CHECK_INT(count_of(k, a), 5); /* what one left goes to the others */
    CHECK_INT(count_of(k, b), 5);
    k = claim_all(r, NULL, 1000);
    CHECK_INT(k->c.claim.count, 190);
    CHECK_INT(claim_all(r, NULL, 10)->c.claim.count, 0);
    rig_close(r);
}

TEST(a_tenant_whose_jobs_are_of_other_kinds_is_not_in_the_way)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B");

    enqueue_for(r, a, "q", "other", 10);
    enqueue_for(r, b, "q", "k", 2);
    CHECK_STR(turns(r, 3, "k j"), STR("BB-"));
    CHECK_STR(turns(r, 1, "other"), STR("A"));
    enqueue_for(r, a, "q", "j", 1);
    CHECK_STR(turns(r, 2, "k j"), STR("A-"));
    CHECK_STR(turns(r, 1, NULL), STR("A"));
    rig_close(r);
}

TEST(a_job_of_any_tenant_takes_a_waiting_claim_of_all_along_in_one_flush)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B");
    struct rig_claim *first = claim_for(r, 0, NULL, 1, WAIT_MS), *second = claim_for(r, 0, "k", 1, WAIT_MS);

    CHECK_INT(first->done + second->done, 0);
    CHECK_INT(queue_metrics(r->q).waiting_claims, 2);
    const int64_t flushes = queue_metrics(r->q).flushes;

    enqueue_for(r, b, "q", "k", 1);
    CHECK_INT(queue_metrics(r->q).flushes - flushes, 1);
    settle(r);
    CHECK_INT(first->done, 1);
    CHECK_INT(count_of(first, b), 1);
    CHECK_INT(second->done, 0);
    enqueue_for(r, a, "q", "other", 1);
    settle(r);
    CHECK_INT(second->done, 0);
    enqueue_for(r, a, "q", "k", 1);
    settle(r);
    CHECK_INT(count_of(second, a), 1);
    rig_close(r);
}

TEST(a_job_that_comes_back_wakes_a_claim_of_all)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A");
    struct store_enqueue *n = rig_enqueue_op(r, "q", "k", 1);

    ((struct job_spec *)n->specs)->delay_ms = 5000;
    n->tenant = a;
    struct rig_claim *k = claim_for(r, 0, NULL, 1, WAIT_MS);

    rig_do(r, &n->op);
    settle(r);
    CHECK_INT(k->done, 0);
    rig_skip_ms(r, 5001);
    settle(r);
    CHECK_INT(count_of(k, a), 1);
    k = claim_for(r, 0, NULL, 1, WAIT_MS + JOB_LEASE_DEFAULT_MS);
    CHECK_INT(k->done, 0);
    rig_skip_ms(r, JOB_LEASE_DEFAULT_MS + 1); /* its lease ends */
    rig_skip_ms(r, 3600000);
    settle(r);
    CHECK_INT(k->done, 1);
    rig_close(r);
}

TEST(a_tenants_own_worker_goes_first_and_what_is_left_goes_to_those_of_all)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A");
    struct rig_claim *all = claim_for(r, 0, NULL, 1, WAIT_MS), *own = claim_for(r, a, NULL, 1, WAIT_MS);

    enqueue_for(r, a, "q", "k", 1);
    settle(r);
    CHECK_INT(own->done, 1);
    CHECK_INT(all->done, 0);
    own = claim_for(r, a, NULL, 1, WAIT_MS);
    enqueue_for(r, a, "q", "k", 2);
    settle(r);
    CHECK_INT(own->done + all->done, 2);
    rig_close(r);
}

TEST(a_queue_that_is_resumed_gives_to_claims_of_all)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B");

    set_pause(r, a, "q", 1);
    enqueue_for(r, a, "q", "k", 1);
    enqueue_for(r, a, "q", "j", 1);
    CHECK_STR(turns(r, 1, NULL), STR("-"));
    struct rig_claim *k = claim_for(r, 0, "j", 1, WAIT_MS), *other = claim_for(r, 0, "k", 1, WAIT_MS);

    set_pause(r, a, "q", 0);
    settle(r);
    CHECK_INT(count_of(k, a), 1);
    CHECK_INT(count_of(other, a), 1);
    enqueue_for(r, b, "q", "k", 1);
    CHECK_STR(turns(r, 2, NULL), STR("B-"));
    rig_close(r);
}

TEST(a_limit_that_has_room_again_wakes_a_claim_of_all)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A");
    struct store_set_limit *s = arena_alloc(r->a, sizeof *s);
    struct store_enqueue *n = rig_enqueue_op(r, "q", "k", 1);

    store_init(&s->op, sizeof *s, STORE_SET_LIMIT, rig_op_arena(r));
    s->tenant = a;
    s->key = STR("host");
    s->pause_until = JOB_FOREVER_MS;
    rig_do(r, &s->op);
    CHECK_INT(s->op.rc, RC_OK);
    ((struct job_spec *)n->specs)->limit_keys = STR("[\"host\"]");
    n->tenant = a;
    rig_do(r, &n->op);
    CHECK_INT(n->verdicts[0].rc, RC_OK);
    struct rig_claim *k = claim_for(r, 0, NULL, 1, WAIT_MS);

    CHECK_INT(k->done, 0);
    s->op.a = rig_op_arena(r);
    s->pause_until = 0;
    rig_do(r, &s->op);
    settle(r);
    CHECK_INT(count_of(k, a), 1);
    rig_close(r);
}

TEST(who_cancels_his_backlog_is_not_punished_for_it)
{
    struct rig *r = rig_open();
    int64_t a = a_tenant(r, "A"), b = a_tenant(r, "B");

    enqueue_for(r, a, "q", "k", 4);
    CHECK_INT(claim_all(r, NULL, 4)->c.claim.count, 4);
    enqueue_for(r, b, "q", "k", 4);
    enqueue_for(r, a, "q", "k", 1);
    CHECK_STR(turns(r, 1, NULL), STR("B"));
    CHECK_STR(turns(r, 5, NULL), STR("ABBB-"));
    rig_close(r);
}

TEST(a_worker_of_all_hears_on_its_claim_which_job_to_stop)
{
    struct rig *r = rig_open();
    struct id id = enqueue_for(r, RIG_TENANT, "q", "k", 1);
    struct rig_claim *k = claim_all(r, NULL, 1);

    CHECK_INT(k->c.claim.count, 1);
    CHECK_STR(k->c.claim.jobs[0].worker, STR(QUEUE_OF_ALL "w"));
    k = claim_for(r, 0, NULL, 1, WAIT_MS);
    CHECK_INT(k->done, 0);
    CHECK_INT(rig_act(r, ACT_CANCEL, id), RC_OK);
    settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.cancel_count, 1);
    CHECK_TRUE(id_eq(k->c.cancels[0], id));
    rig_close(r);
}

TEST(a_worker_of_one_tenant_cannot_be_called_as_one_of_all)
{
    struct rig *r = rig_open();

    enqueue_for(r, RIG_TENANT, "q", "k", 1);
    struct rig_claim *k = rig_claim(r, QUEUE_OF_ALL "w", "q", NULL, 0);

    settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.op.rc, RC_INVALID);
    CHECK_INT(k->c.claim.count, 0);
    struct queue_worker *list = NULL;

    CHECK_INT(queue_workers(r->q, RIG_TENANT, r->a, &list), 0);
    CHECK_INT(claim_all(r, NULL, 1)->c.claim.count, 1);
    CHECK_INT(queue_workers(r->q, RIG_TENANT, r->a, &list), 0);
    CHECK_INT(queue_workers(r->q, 0, r->a, &list), 1);
    CHECK_TRUE(queue_kind_has_worker(r->q, RIG_TENANT, STR("k")));
    rig_close(r);
}

TEST(claims_of_all_for_ever_new_queues_are_found_again_when_they_are_forgotten)
{
    struct rig *r = rig_open();
    char name[16];

    enqueue_for(r, RIG_TENANT, "q", "k", 2);
    CHECK_INT(claim_all(r, NULL, 1)->c.claim.count, 1);
    for (int i = 0; i < 1010; i++) {
        struct rig_claim *k = NULL;

        str_print(name, sizeof name, "n%d", i);
        k = rig_claim_prepare(r, "w", arena_str(r->a, str_from(name)).p, NULL, 0);
        k->c.claim.tenant = 0;
        queue_claim(r->q, &k->c);
    }
    settle(r);
    CHECK_INT(claim_all(r, NULL, 2)->c.claim.count, 1);
    rig_close(r);
}
