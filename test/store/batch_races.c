/* Two nodes on one database: jobs of a batch end, bring children, are retried and added, and the batch is closed, all at once, while
 * both nodes tick. Whoever comes first, the batch has what it takes and no more, its counts are those of its jobs, and it has finished once
 * for each round; no deadlock reaches a caller. STINT_BATCH_RACES=n: so many. */
#include "store_test.h"

#include "chance.h"
#include "pg_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define HALF        5
#define UNKNOWN_MAX 5
#define MOST        17 /* jobs of the batch: 10, and not all of those that want to come */

struct race {
    struct store_test *s;
    struct store *nodes[2];
    struct id batch, failed[HALF];
    struct job *jobs;
    int first; /* that has not ended */
    atomic_int under_way;
    pthread_barrier_t begin;
};

struct runner {
    struct race *r;
    struct store *store;
    struct arena *a;
    void (*run)(struct runner *);
    pthread_t thread;
    struct err e;
};

/* On a machine that stands still for seconds the answer to a COMMIT may be missing. All that is asked here may be asked twice. */
static bool is_unknown(const struct store_op *op)
{
    return op->rc == RC_BUSY && op->e.code && str_eq(str_from(op->e.code), STR("outcome_unknown"));
}

static void run_at(struct runner *x, struct store_op *op)
{
    enum rc rc = store_run(x->store, op, &x->e);
    for (int i = 0; i < UNKNOWN_MAX && is_unknown(op); i++) {
        rc = store_run(x->store, op, &x->e);
    }
    if (rc && rc != RC_CONFLICT) { /* the batch may be closed */
        ck_abort_msg("%s: %s", store_op_name(op->kind), x->e.text);
    }
}

static void end_first(struct runner *x)
{
    const struct job_spec child = {.kind = STR("child"), .args = STR("{}")};
    struct report items[HALF];
    struct store_report op;
    if (x->r->first > HALF) {
        return;
    }
    for (int i = 0; i < HALF; i++) {
        items[i] = a_report(&x->r->jobs[i], 1, REPORT_COMPLETE, .children = &child, .child_count = 1);
    }
    store_init(&op.op, sizeof op, STORE_REPORT, x->a);
    op.tenant = x->r->s->tenant;
    op.items = items;
    op.count = HALF;
    run_at(x, &op.op);
}

static void end_last(struct runner *x)
{
    for (int i = x->r->first; i < 2 * HALF; i++) {
        struct report item = a_report(&x->r->jobs[i], 1, REPORT_COMPLETE);
        struct store_report op;
        store_init(&op.op, sizeof op, STORE_REPORT, x->a);
        op.tenant = x->r->s->tenant;
        op.items = &item;
        op.count = 1;
        run_at(x, &op.op);
    }
}

static void act(struct runner *x, enum job_action action, const struct id *ids, size_t count)
{
    struct store_act op;
    store_init(&op.op, sizeof op, STORE_ACT, x->a);
    op.tenant = x->r->s->tenant;
    op.action = action;
    op.of_batches = action == ACT_CLOSE;
    op.ids = ids;
    op.count = count;
    run_at(x, &op.op);
}

static void retry_some(struct runner *x)
{
    for (int i = 0; i < HALF; i++) {
        act(x, ACT_RETRY, &x->r->failed[i], 1);
    }
}

static void add_and_close(struct runner *x)
{
    for (int i = 0; i < HALF; i++) {
        const struct job_spec spec = {.kind = STR("more"), .args = STR("{}"), .batch = x->r->batch};
        struct store_enqueue op;
        store_init(&op.op, sizeof op, STORE_ENQUEUE, x->a);
        op.tenant = x->r->s->tenant;
        op.specs = &spec;
        op.count = 1;
        run_at(x, &op.op);
    }
    act(x, ACT_CLOSE, &x->r->batch, 1);
}

static bool tick_once(struct runner *x)
{
    struct store_tick op;
    store_init(&op.op, sizeof op, STORE_TICK, x->a);
    op.limit = 100;
    run_at(x, &op.op);
    return op.more;
}

static void tick_meanwhile(struct runner *x)
{
    while (atomic_load(&x->r->under_way) > 0 || tick_once(x)) {
        (void)tick_once(x);
    }
}

static void *runner_main(void *arg)
{
    struct runner *x = arg;
    pthread_barrier_wait(&x->r->begin);
    x->run(x);
    if (x->run != tick_meanwhile) {
        atomic_fetch_sub(&x->r->under_way, 1);
    }
    return NULL;
}

static void run_race(struct race *r)
{
    struct runner runners[] = {
        {.run = end_first, .store = r->nodes[0]},      {.run = end_last, .store = r->nodes[1]},
        {.run = retry_some, .store = r->nodes[0]},     {.run = add_and_close, .store = r->nodes[1]},
        {.run = tick_meanwhile, .store = r->nodes[0]}, {.run = tick_meanwhile, .store = r->nodes[1]}};
    const size_t count = sizeof runners / sizeof runners[0];
    atomic_store(&r->under_way, 4);
    pthread_barrier_init(&r->begin, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        runners[i].r = r;
        runners[i].a = arena_new();
        CHECK_INT(pthread_create(&runners[i].thread, NULL, runner_main, &runners[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(runners[i].thread, NULL);
        arena_free(runners[i].a);
    }
    pthread_barrier_destroy(&r->begin);
}

static void begin_trip(struct store_test *s, struct race *r, bool is_late)
{
    const struct batch_plan plan = {.max_jobs = MOST, .is_closed = is_late};
    struct job_spec specs[1 + 3 * HALF] = {{.plan = &plan, .ref = STR(" batch")}};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    for (int i = 1; i <= 3 * HALF; i++) {
        specs[i] = (struct job_spec){
            .kind = i > 2 * HALF ? STR("failed") : STR("job"), .args = STR("{}"), .joins_first = true};
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 1 + 3 * HALF;
    run_op(s, &op.op);
    r->batch = op.verdicts[0].job;
    for (int i = 0; i < HALF; i++) {
        struct job *job = claim_one(s, .kind = STR("failed"));
        r->failed[i] = job->id;
        VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
    }
    r->jobs = claim(s, .kind = STR("job"), .max = 2 * HALF).jobs;
    r->first = is_late ? 2 * HALF - 1 : HALF;
    for (int i = 0; is_late && i < r->first; i++) {
        VERDICT(complete(s, &r->jobs[i], 1), RC_OK);
    }
}

/* What is left of it ends; then all of it is as its jobs say. Returns its rounds. */
static int64_t end_trip(struct store_test *s, const struct race *r)
{
    for (struct claimed c; (c = claim(s)).count;) {
        VERDICT(complete(s, c.jobs, 1), RC_OK);
    }
    (void)tick(s);
    AN_OP(s, list, store_list_batches, STORE_LIST_BATCHES);
    list.tenant = s->tenant;
    list.id = r->batch;
    run_op(s, &list.op);
    const struct batch *b = list.batches;
    CHECK_INT(b->state, BATCH_FINISHED);
    CHECK_INT(b->counts.open, 0);
    CHECK_INT(b->counts.completed, r->first > HALF ? 3 * HALF : MOST);
    CHECK_INT(count_of(s, (struct job_filter){.batch = r->batch}), b->counts.completed);
    AN_OP(s, events, store_read_events, STORE_READ_EVENTS);
    events.tenant = s->tenant;
    events.job_id = r->batch;
    events.of_batch = true;
    events.limit = 100;
    run_op(s, &events.op);
    int64_t finished = 0;
    for (size_t i = 0; i < events.count; i++) {
        finished += str_eq(events.events[i].type, STR("finished"));
    }
    CHECK_INT(finished, b->round);
    return b->round;
}

SERVER_STORE_TEST(a_batch_at_two_nodes_finishes_once_per_round_and_takes_no_more_than_it_may)
{
    struct race r = {.s = s, .nodes = {s->store}};
    int64_t trips = repeat("STINT_BATCH_RACES", 20, 6), rounds = 0;
    OK(store_open(&r.nodes[1], s->url, &s->options, e));
    for (int64_t i = 0; i < trips; i++) {
        begin_trip(s, &r, i % 2);
        run_race(&r);
        rounds += end_trip(s, &r);
    }
    store_close(r.nodes[1]);
    check_counts(s);
    struct pg *c = pg_rig_connect(s->url);
    CHECK_INT(pg_rig_int(c, "SELECT (SELECT count(*) FROM stint.note) + (SELECT count(*) FROM stint.link)"),
              0);
    printf("batch races: %lld batches, %lld rounds, %lld deadlocks resolved by PostgreSQL\n",
           (long long)trips, (long long)rounds,
           (long long)pg_rig_int(
               c, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
    pg_close(c);
}
