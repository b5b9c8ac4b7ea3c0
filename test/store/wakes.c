/* Two nodes on one database: parents wait while the last of their children ends at the other node, and jobs are enqueued that depend
 * on those children, while both nodes tick. Whoever comes first, each parent and each of those jobs runs again, once; no deadlock
 * reaches a caller. STINT_WAKES=n: so many of each. */
#include "store_test.h"

#include "chance.h"
#include "pg_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define AT_ONCE 10

struct race { /* of one trip */
    struct store_test *s;
    struct store *nodes[2];
    struct job *parents, *children;
    atomic_int under_way;
    pthread_barrier_t begin;
};

struct runner {
    struct race *r;
    struct store *store;
    struct arena *a;
    void (*run)(struct runner *);
    pthread_t thread;
    int64_t failed;
    char why[400]; /* of the first failure */
};

static bool run_at(struct runner *x, struct store_op *op)
{
    struct err e = {0};
    if (store_run(x->store, op, &e) == RC_OK) {
        return true;
    }
    if (!x->failed++) {
        str_print(x->why, sizeof x->why, "%s: %s", store_op_name(op->kind), e.text);
    }
    return false;
}

static void report_all(struct runner *x, const struct report *items, size_t count)
{
    struct store_report op;
    store_init(&op.op, sizeof op, STORE_REPORT, x->a);
    op.tenant = x->r->s->tenant;
    op.items = items;
    op.count = count;
    bool is_done = run_at(x, &op.op);
    for (size_t i = 0; is_done && i < count; i++) {
        if (op.verdicts[i].rc && !x->failed++) {
            str_print(x->why, sizeof x->why, "report: %s", op.verdicts[i].e.text);
        }
    }
}

static void wait_for_them(struct runner *x)
{
    struct report items[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        items[i] = a_report(&x->r->parents[i], 2, REPORT_WAIT);
    }
    report_all(x, items, AT_ONCE);
}

static void end_them(struct runner *x)
{
    struct report items[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) { /* in the opposite order */
        items[i] = a_report(&x->r->children[AT_ONCE - 1 - i], 1, REPORT_COMPLETE);
    }
    report_all(x, items, AT_ONCE);
}

static void depend_on_them(struct runner *x)
{
    struct job_spec specs[AT_ONCE];
    struct str on[AT_ONCE];
    struct store_enqueue op;
    for (int i = 0; i < AT_ONCE; i++) {
        on[i] = arena_str(x->a, str_from(id_text(x->r->children[(i * 7) % AT_ONCE].id).s));
        specs[i] = (struct job_spec){
            .kind = STR("then"), .args = STR("{}"), .depends_on = &on[i], .depends_count = 1};
    }
    store_init(&op.op, sizeof op, STORE_ENQUEUE, x->a);
    op.tenant = x->r->s->tenant;
    op.specs = specs;
    op.count = AT_ONCE;
    (void)run_at(x, &op.op);
}

static bool tick_once(struct runner *x)
{
    struct store_tick op;
    store_init(&op.op, sizeof op, STORE_TICK, x->a);
    op.limit = 100;
    return run_at(x, &op.op) && op.more;
}

static void tick_meanwhile(struct runner *x)
{
    while (!x->failed && (atomic_load(&x->r->under_way) > 0 || tick_once(x))) {
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

/* The race itself. */
static void run_race(struct race *r)
{
    struct runner runners[] = {{.run = wait_for_them, .store = r->nodes[0]},
                               {.run = end_them, .store = r->nodes[1]},
                               {.run = depend_on_them, .store = r->nodes[0]},
                               {.run = tick_meanwhile, .store = r->nodes[0]},
                               {.run = tick_meanwhile, .store = r->nodes[1]}};
    const size_t count = sizeof runners / sizeof runners[0];
    atomic_store(&r->under_way, 3);
    pthread_barrier_init(&r->begin, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        runners[i].r = r;
        runners[i].a = arena_new();
        CHECK_INT(pthread_create(&runners[i].thread, NULL, runner_main, &runners[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(runners[i].thread, NULL);
        ck_assert_msg(!runners[i].failed, "runner %zu: %s", i, runners[i].why);
        arena_free(runners[i].a);
    }
    pthread_barrier_destroy(&r->begin);
}

static struct job *claim_all(struct store_test *s, struct str kind)
{
    struct claimed c = claim(s, .kind = kind, .max = AT_ONCE);
    CHECK_INT(c.count, AT_ONCE);
    return c.jobs;
}

static void a_trip(struct store_test *s, struct race *r)
{
    struct report items[AT_ONCE];
    struct job_spec spec = {.kind = STR("child"), .args = STR("{}")};
    struct runner main_thread = {.r = r, .store = s->store, .a = s->a};
    for (int i = 0; i < AT_ONCE; i++) {
        (void)a_queued_job(s, .kind = STR("parent"));
    }
    r->parents = claim_all(s, STR("parent"));
    for (int i = 0; i < AT_ONCE; i++) {
        items[i] = a_report(&r->parents[i], 1, REPORT_PROGRESS, .children = &spec, .child_count = 1);
    }
    report_all(&main_thread, items, AT_ONCE);
    r->children = claim_all(s, STR("child"));
    run_race(r);
    for (int k = 0; k < 2; k++) {
        struct job *jobs = claim_all(s, k ? STR("then") : STR("parent"));
        for (int i = 0; i < AT_ONCE; i++) {
            CHECK_INT(jobs[i].attempt, 1);
            CHECK_TRUE(k || (jobs[i].children->open == 0 && jobs[i].children->completed == 1));
            items[i] = a_report(&jobs[i], 1, REPORT_COMPLETE);
        }
        report_all(&main_thread, items, AT_ONCE);
    }
    ck_assert_msg(!main_thread.failed, "%s", main_thread.why);
}

SERVER_STORE_TEST(a_wait_and_the_end_of_the_last_child_at_two_nodes_never_miss_each_other)
{
    struct race r = {.s = s, .nodes = {s->store}};
    int64_t trips = repeat("STINT_WAKES", 300, 100) / AT_ONCE;
    OK(store_open(&r.nodes[1], s->url, &s->options, e));
    for (int64_t i = 0; i < trips; i++) {
        a_trip(s, &r);
    }
    store_close(r.nodes[1]);
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_COMPLETED}), 3 * trips * AT_ONCE);
    CHECK_INT(count_of(s, (struct job_filter){0}), 3 * trips * AT_ONCE);
    check_counts(s);
    struct pg *c = pg_rig_connect(s->url);
    CHECK_INT(pg_rig_int(c, "SELECT (SELECT count(*) FROM stint.note) + (SELECT count(*) FROM stint.link)"),
              0);
    printf(
        "wakes: %lld waits against the end of the last child, %lld jobs that depend on one that ends, %lld "
        "deadlocks resolved by PostgreSQL\n",
        (long long)(trips * AT_ONCE), (long long)(trips * AT_ONCE),
        (long long)pg_rig_int(c,
                              "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
    pg_close(c);
}
