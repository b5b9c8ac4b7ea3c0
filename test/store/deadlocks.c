/* Two nodes on one database that want the same unique keys at once, in opposite order, and let go of them in any: what PostgreSQL
 * would call a deadlock reaches no caller, and nothing is lost by it. STINT_BATCHES=n: so many of each node. */
#include "store_test.h"

#include "chance.h"
#include "pg_rig.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NODES 2
#define LANES 3  /* threads of a node, so that it has several rounds under way */
#define KEYS  12 /* that all want some of */
#define BATCH 8

struct lane {
    struct store_test *s;
    struct store *store;
    struct arena *a;
    int number;
    int64_t batches, added, completed, failed;
    char why[400]; /* of the first failure */
};

static bool run_in(struct lane *l, struct store_op *op)
{
    struct err e = {0};
    if (store_run(l->store, op, &e) == RC_OK) {
        return true;
    }
    if (!l->failed++) {
        str_print(l->why, sizeof l->why, "%s: %s", store_op_name(op->kind), e.text);
    }
    return false;
}

/* Half of the lanes upwards, half downwards; each batch begins elsewhere. */
static void enqueue_batch(struct lane *l, int64_t batch)
{
    struct job_spec specs[BATCH];
    struct store_enqueue op;
    for (int i = 0; i < BATCH; i++) {
        int64_t at = l->number % 2 ? i : BATCH - 1 - i;
        specs[i] =
            (struct job_spec){.kind = STR("k"),
                              .args = STR("{}"),
                              .unique_key = arena_printf(l->a, "k%lld", (long long)((batch + at) % KEYS))};
    }
    store_init(&op.op, sizeof op, STORE_ENQUEUE, l->a);
    op.tenant = l->s->tenant;
    op.specs = specs;
    op.count = BATCH;
    bool is_done = run_in(l, &op.op);
    for (size_t i = 0; is_done && i < op.count; i++) {
        l->added += !op.verdicts[i].rc && !op.verdicts[i].duplicate;
        l->failed += op.verdicts[i].rc != RC_OK;
    }
}

/* Completes what it gets, in an order of its own. False: there was nothing. */
static bool finish_some(struct lane *l)
{
    static const struct str queue = {"default", 7};
    struct store_claim c;
    store_init(&c.op, sizeof c, STORE_CLAIM, l->a);
    c.tenant = l->s->tenant;
    c.worker = STR("w");
    c.queues = &queue;
    c.queue_count = 1;
    c.max = BATCH;
    if (!run_in(l, &c.op) || !c.count) {
        return false;
    }
    struct report *items = arena_array(l->a, struct report, c.count);
    for (size_t i = 0; i < c.count; i++) {
        items[i] = a_report(&c.jobs[l->number % 2 ? i : c.count - 1 - i], 1, REPORT_COMPLETE);
    }
    struct store_report r;
    store_init(&r.op, sizeof r, STORE_REPORT, l->a);
    r.tenant = l->s->tenant;
    r.items = items;
    r.count = c.count;
    if (run_in(l, &r.op)) {
        for (size_t i = 0; i < r.count; i++) {
            l->completed += r.verdicts[i].rc == RC_OK;
            l->failed += r.verdicts[i].rc != RC_OK;
        }
    }
    return true;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    for (int64_t i = 0; i < l->batches && !l->failed; i++) {
        enqueue_batch(l, i);
        (void)finish_some(l);
        arena_reset(l->a);
    }
    return NULL;
}

static int64_t deadlocks_of(struct store_test *s)
{
    struct pg *c = pg_rig_connect(s->url);
    int64_t n = pg_rig_int(c, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    pg_close(c);
    return n;
}

SERVER_STORE_TEST(batches_of_keys_in_opposite_order_from_two_nodes_meet_no_deadlock)
{
    struct lane lanes[NODES * LANES];
    pthread_t threads[NODES * LANES];
    struct store *stores[NODES] = {s->store};
    int64_t added = 0, completed = 0, batches = (repeat("STINT_BATCHES", 150, 60) + LANES - 1) / LANES;
    OK(store_open(&stores[1], s->url, &s->options, e));
    for (int i = 0; i < NODES * LANES; i++) {
        lanes[i] = (struct lane){
            .s = s, .store = stores[i % NODES], .a = arena_new(), .number = i, .batches = batches};
        CHECK_INT(pthread_create(&threads[i], NULL, lane_main, &lanes[i]), 0);
    }
    for (int i = 0; i < NODES * LANES; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(!lanes[i].failed, "lane %d: %s", i, lanes[i].why);
    }
    while (finish_some(&lanes[0])) {
    }
    for (int i = 0; i < NODES * LANES; i++) {
        added += lanes[i].added;
        completed += lanes[i].completed;
        arena_free(lanes[i].a);
    }
    store_close(stores[1]);
    CHECK_INT(completed, added);
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_COMPLETED}), added);
    CHECK_INT(count_of(s, (struct job_filter){0}), added);
    check_counts(s);
    struct pg *c = pg_rig_connect(s->url);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.unique_key"), 0);
    pg_close(c);
    printf("opposite order: %lld batches of %d keys from each of %d nodes, %lld jobs, %lld deadlocks "
           "resolved by PostgreSQL\n",
           (long long)(batches * LANES), BATCH, NODES, (long long)added, (long long)deadlocks_of(s));
}
