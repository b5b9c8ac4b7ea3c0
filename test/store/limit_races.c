/* Two nodes on one database claim jobs of keys that are nearly always full, and end them, as fast as they can: never more leases of a
 * key are alive than it allows (J8), weighted; nobody is left out, no slot is left behind, and no deadlock reaches a caller.
 * STINT_LIMIT_RACES=n: n times as many jobs. */
#include "store_test.h"

#include "base/clock.h"
#include "pg_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define JOBS  90
#define KEYS  2
#define SLOTS 4 /* of each key */

struct race {
    struct store_test *s;
    atomic_int live[KEYS], left, most;
    int64_t until_us;
};

struct runner {
    struct race *r;
    struct store *store;
    struct arena *a;
    pthread_t thread;
};

/* Jobs in turn: one that names the first key, one with both, one that weighs 3 in the second. */
#define TEXT(s)                                                                                              \
    {                                                                                                        \
        (s), sizeof(s) - 1                                                                                   \
    }
static const struct str kinds_of_limits[] = {TEXT("[\"a\"]"), TEXT("[\"a\",\"b\"]"),
                                             TEXT("[{\"key\":\"b\",\"weight\":3}]")};
static const int weights[][KEYS] = {{1, 0}, {1, 1}, {0, 3}};

static int which(const struct job *j)
{
    int at = 0;
    while (!str_eq(kinds_of_limits[at], j->limit_keys)) {
        at++;
    }
    return at;
}

/* Counted behind the claim's answer and before the report: what is counted is alive. */
static void count(struct race *r, const struct job *j, int sign)
{
    for (int k = 0; k < KEYS; k++) {
        int weight = weights[which(j)][k];
        int live = atomic_fetch_add(&r->live[k], sign * weight) + sign * weight;
        CHECK_TRUE(live <= SLOTS);
        if (live > atomic_load(&r->most)) {
            atomic_store(&r->most, live);
        }
    }
}

static void run_at(struct runner *x, struct store_op *op)
{
    struct err err = {0}, *e = &err;
    OK(store_run(x->store, op, e));
}

static void end_all(struct runner *x, const struct store_claim *c)
{
    struct report *items = arena_array(x->a, struct report, c->count + 1);
    struct store_report op;
    for (size_t i = 0; i < c->count; i++) {
        count(x->r, &c->jobs[i], -1);
        items[i] = a_report(&c->jobs[i], 1, REPORT_COMPLETE);
    }
    store_init(&op.op, sizeof op, STORE_REPORT, x->a);
    op.tenant = x->r->s->tenant;
    op.items = items;
    op.count = c->count;
    run_at(x, &op.op);
    atomic_fetch_sub(&x->r->left, (int)c->count);
}

static void *run(void *runner)
{
    struct runner *x = runner;
    const struct str queue = STR("default"), kind = STR("k");
    while (atomic_load(&x->r->left) > 0) {
        CHECK_TRUE(clock_mono_us() < x->r->until_us);
        struct store_claim op;
        arena_reset(x->a);
        store_init(&op.op, sizeof op, STORE_CLAIM, x->a);
        op.tenant = x->r->s->tenant;
        op.worker = STR("w");
        op.queues = &queue;
        op.kinds = &kind;
        op.queue_count = op.kind_count = 1;
        op.max = 3;
        run_at(x, &op.op);
        for (size_t i = 0; i < op.count; i++) {
            count(x->r, &op.jobs[i], 1);
        }
        if (op.count) {
            end_all(x, &op);
        }
    }
    return NULL;
}

static void set_slots(struct store_test *s, struct str key)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.has_rule = true;
    op.rule.concurrency = SLOTS;
    op.pause_until = -1;
    run_op(s, &op.op);
}

static void let_go(void *ctx, struct store_round *r)
{
    (void)ctx;
    store_round_free(r);
}

SERVER_STORE_TEST(two_nodes_never_have_more_leases_of_a_key_than_it_allows)
{
    const char *times = getenv("STINT_LIMIT_RACES");
    int jobs = JOBS * (times ? (int)strtol(times, NULL, 10) : 1);
    struct race r = {.s = s, .until_us = clock_mono_us() + (times ? 600000000 : 15000000)};
    struct runner runners[2];
    s->options.on_round = let_go;
    reopen(s);
    set_slots(s, STR("a"));
    set_slots(s, STR("b"));
    for (int i = 0; i < jobs; i++) {
        a_queued_job(s, .kind = STR("k"), .limit_keys = kinds_of_limits[i % 3],
                     .group = i % 2 ? STR("g") : STR(""));
    }
    atomic_store(&r.left, jobs);
    for (int i = 0; i < 2; i++) {
        runners[i] = (struct runner){.r = &r, .store = s->store, .a = arena_new()};
        if (i) {
            OK(store_open(&runners[i].store, s->url, &s->options, e));
        }
    }
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(runners[i].thread, NULL);
        arena_free(runners[i].a);
    }
    CHECK_TRUE(atomic_load(&r.most) >= SLOTS - 1); /* there was something to keep apart */
    struct pg *c = pg_rig_connect(s->url);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.slot"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.job"), 0);
    pg_close(c);
    store_close(runners[1].store);
}

SERVER_STORE_TEST(the_row_of_a_key_that_is_not_used_any_more_goes_and_comes_back)
{
    struct pg *c = pg_rig_connect(s->url);
    for (int round = 0; round < 2; round++) {
        struct job *j = a_processing_job(s, .limit_keys = kinds_of_limits[0]);
        AN_OP(s, held, store_prune, STORE_PRUNE);
        run_op(s, &held.op);
        CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.limit_key"), 1);
        VERDICT(complete(s, j, 1), RC_OK);
        AN_OP(s, op, store_prune, STORE_PRUNE);
        run_op(s, &op.op);
        CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.limit_key"), 0);
    }
    set_slots(s, STR("a"));
    AN_OP(s, op, store_prune, STORE_PRUNE);
    run_op(s, &op.op);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.limit_key"), 1);
    pg_close(c);
}
