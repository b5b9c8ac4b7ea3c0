/* Races: several threads at one store. Run under TSan too. The threads only collect; the test judges when they ended. */
#include "store_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define JOBS    600
#define KEYS    60

struct crew;

struct member { /* one thread */
    struct crew *crew;
    int number;
    struct arena *a;
    int64_t done, failed; /* operations; failed = any rc that nobody expects */
};

struct crew {
    struct store_test *s;
    struct member members[THREADS];
    struct id claimed[THREADS][JOBS];
    size_t claimed_count[THREADS];
    struct id by_key[THREADS][KEYS];
    bool is_first[THREADS][KEYS];
    _Atomic int64_t enqueued, completed;
    _Atomic bool producers_done;
};

static bool run(struct member *m, struct store_op *op)
{
    struct err err = {0};
    bool is_ok = store_run(m->crew->s->store, op, &err) == RC_OK;
    m->done++;
    m->failed += is_ok ? 0 : 1;
    return is_ok;
}

static struct crew *crew_new(struct store_test *s)
{
    struct crew *crew = arena_array(s->a, struct crew, 1);
    crew->s = s;
    for (int i = 0; i < THREADS; i++) {
        crew->members[i] = (struct member){.crew = crew, .number = i, .a = arena_new()};
    }
    return crew;
}

static void crew_work(struct crew *crew, void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, body, &crew->members[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(crew->members[i].failed, 0);
    }
}

static void crew_free(struct crew *crew)
{
    for (int i = 0; i < THREADS; i++) {
        arena_free(crew->members[i].a);
    }
}

static struct store_claim claim_as(struct member *m, int64_t max)
{
    static const struct str queue = {"default", 7};
    struct store_claim op;
    store_init(&op.op, sizeof op, STORE_CLAIM, m->a);
    op.tenant = m->crew->s->tenant;
    op.worker = STR("w");
    op.queues = &queue;
    op.queue_count = 1;
    op.max = max;
    (void)run(m, &op.op);
    return op;
}

static struct enqueue_verdict enqueue_as(struct member *m, struct str key)
{
    struct job_spec spec = {.kind = STR("k"), .args = STR("{}"), .unique_key = key};
    struct store_enqueue op;
    store_init(&op.op, sizeof op, STORE_ENQUEUE, m->a);
    op.tenant = m->crew->s->tenant;
    op.specs = &spec;
    op.count = 1;
    return run(m, &op.op) ? op.verdicts[0] : (struct enqueue_verdict){.rc = RC_FATAL};
}

static void enqueue_all(struct store_test *s, size_t count)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, count);
    for (size_t i = 0; i < count; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}")};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = count;
    run_op(s, &op.op);
}

/* ---- nobody gets a job that another has */

static void *claim_until_empty(void *arg)
{
    struct member *m = arg;
    struct crew *crew = m->crew;
    for (;;) {
        struct store_claim op = claim_as(m, 1 + m->number);
        if (!op.count) {
            return NULL;
        }
        for (size_t i = 0; i < op.count && crew->claimed_count[m->number] < JOBS; i++) {
            crew->claimed[m->number][crew->claimed_count[m->number]++] = op.jobs[i].id;
        }
        arena_reset(m->a);
    }
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

STORE_TEST(threads_that_claim_at_once_never_get_the_same_job)
{
    struct crew *crew = crew_new(s);
    struct id *all = arena_array(s->a, struct id, THREADS * JOBS);
    size_t n = 0;

    enqueue_all(s, JOBS);
    crew_work(crew, claim_until_empty);
    for (int t = 0; t < THREADS; t++) {
        memcpy(all + n, crew->claimed[t], crew->claimed_count[t] * sizeof *all);
        n += crew->claimed_count[t];
    }
    CHECK_INT(n, JOBS);
    qsort(all, n, sizeof *all, compare_ids);
    for (size_t i = 1; i < n; i++) {
        CHECK_FALSE(id_eq(all[i], all[i - 1]));
    }
    check_counts(s);
    crew_free(crew);
}

/* ---- a race for a unique key has one winner (J7) */

static void *enqueue_every_key(void *arg)
{
    struct member *m = arg;
    for (int k = 0; k < KEYS; k++) {
        struct enqueue_verdict v = enqueue_as(m, arena_printf(m->a, "key-%d", k));
        m->crew->by_key[m->number][k] = v.job;
        m->crew->is_first[m->number][k] = !v.duplicate;
    }
    return NULL;
}

STORE_TEST(a_race_for_a_unique_key_makes_one_job)
{
    struct crew *crew = crew_new(s);
    crew_work(crew, enqueue_every_key);
    for (int k = 0; k < KEYS; k++) {
        int firsts = 0;
        for (int t = 0; t < THREADS; t++) {
            firsts += crew->is_first[t][k] ? 1 : 0;
            CHECK_ID(crew->by_key[t][k], crew->by_key[0][k]);
        }
        CHECK_INT(firsts, 1);
    }
    CHECK_INT(count_of(s, (struct job_filter){0}), KEYS);
    crew_free(crew);
}

/* ---- everything at once */

static void complete_as(struct member *m, const struct job *job)
{
    struct report_event event = {STR("note"), STR("{}")};
    struct report items[2] = {a_report(job, 1, REPORT_PROGRESS, .events = &event, .event_count = 1),
                              a_report(job, 2, REPORT_COMPLETE, .result = STR("1"))};
    struct store_report op;
    store_init(&op.op, sizeof op, STORE_REPORT, m->a);
    op.tenant = m->crew->s->tenant;
    op.items = items;
    op.count = 2;
    if (run(m, &op.op) && !op.verdicts[0].rc && !op.verdicts[1].rc) {
        m->crew->completed++;
    }
}

static void look_as(struct member *m, struct id id)
{
    struct store_get_job op;
    store_init(&op.op, sizeof op, STORE_GET_JOB, m->a);
    op.tenant = m->crew->s->tenant;
    op.id = id;
    if (!run(m, &op.op) || !op.job || !id_eq(op.job->id, id)) {
        m->failed++; /* a read sees every write that was done */
    }
}

/* Two threads enqueue, two claim and complete, until all that came is done. */
static void *produce_or_consume(void *arg)
{
    struct member *m = arg;
    struct crew *crew = m->crew;
    if (m->number < 2) {
        for (int i = 0; i < 150; i++) {
            look_as(m, enqueue_as(m, STR_NONE).job);
            crew->enqueued++;
            arena_reset(m->a);
        }
        crew->producers_done = crew->enqueued == 300;
        return NULL;
    }
    for (;;) {
        bool is_last = crew->producers_done;
        struct store_claim op = claim_as(m, 5);
        for (size_t i = 0; i < op.count; i++) {
            complete_as(m, &op.jobs[i]);
        }
        if (is_last && !op.count) {
            return NULL;
        }
        arena_reset(m->a);
    }
}

STORE_TEST(a_storm_of_enqueue_claim_and_complete_loses_and_doubles_nothing)
{
    struct crew *crew = crew_new(s);
    crew_work(crew, produce_or_consume);
    CHECK_INT(crew->enqueued, 300);
    CHECK_INT(crew->completed, 300);
    CHECK_INT(stats_of(s).counts[JOB_COMPLETED], 300);
    CHECK_INT(stats_of(s).completed_total, 300);
    check_counts(s);
    crew_free(crew);
}

DURABLE_STORE_TEST(what_a_storm_left_is_there_after_a_restart)
{
    for (int round = 1; round <= 3; round++) {
        struct crew *crew = crew_new(s);
        crew_work(crew, produce_or_consume);
        reopen(s);
        CHECK_INT(stats_of(s).counts[JOB_COMPLETED], 300 * round);
        check_counts(s);
        crew_free(crew);
    }
}

/* ---- one submitter's operations take effect in the order of submission */

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int64_t done;
};

static void count_done(void *ctx, struct store_round *r)
{
    struct inbox *in = ctx;
    pthread_mutex_lock(&in->lock);
    for (struct store_op *op = r->done; op; op = op->next) {
        in->done++;
    }
    pthread_cond_signal(&in->came);
    pthread_mutex_unlock(&in->lock);
    store_round_free(r);
}

static struct inbox *inbox_new(struct store_test *s)
{
    struct inbox *in = arena_array(s->a, struct inbox, 1);
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->came, NULL);
    s->options.on_round = count_done;
    s->options.on_round_ctx = in;
    reopen(s);
    in->done = 0;
    return in;
}

static void wait_for(struct inbox *in, int64_t count)
{
    pthread_mutex_lock(&in->lock);
    while (in->done < count) {
        pthread_cond_wait(&in->came, &in->lock);
    }
    pthread_mutex_unlock(&in->lock);
}

DURABLE_STORE_TEST(operations_of_one_submitter_take_effect_in_order)
{
    enum { PAIRS = 40 };
    struct str queue = STR("default");
    enqueue_all(s, PAIRS);
    struct inbox *in = inbox_new(s);
    struct store_set_queue *pauses = arena_array(s->a, struct store_set_queue, 2 * PAIRS);
    struct store_claim *claims = arena_array(s->a, struct store_claim, 2 * PAIRS);

    for (int i = 0; i < 2 * PAIRS; i++) {
        store_init(&pauses[i].op, sizeof pauses[i], STORE_SET_QUEUE, arena_new());
        pauses[i].tenant = s->tenant;
        pauses[i].name = queue;
        pauses[i].pause = i % 2;
        store_submit(s->store, &pauses[i].op);
        store_init(&claims[i].op, sizeof claims[i], STORE_CLAIM, arena_new());
        claims[i].tenant = s->tenant;
        claims[i].worker = STR("w");
        claims[i].queues = &queue;
        claims[i].queue_count = 1;
        claims[i].max = 1;
        store_submit(s->store, &claims[i].op);
    }
    wait_for(in, 4 * PAIRS);
    for (int i = 0; i < 2 * PAIRS; i++) {
        CHECK_INT(pauses[i].op.rc, RC_OK);
        CHECK_INT(claims[i].op.rc, RC_OK);
        CHECK_INT(claims[i].count, i % 2 ? 0 : 1);
        arena_free(pauses[i].op.a);
        arena_free(claims[i].op.a);
    }
}

/* So many claims of one job each, in one list; theirs is the memory of what they got. */
static void claim_together(struct store_test *s, struct store_claim *claims, int count)
{
    static const struct str queue = {"default", 7};
    struct inbox *in = inbox_new(s);
    for (int i = 0; i < count; i++) {
        store_init(&claims[i].op, sizeof claims[i], STORE_CLAIM, arena_new());
        claims[i].tenant = s->tenant;
        claims[i].worker = STR("w");
        claims[i].queues = &queue;
        claims[i].queue_count = 1;
        claims[i].max = 1;
        claims[i].op.next = i + 1 < count ? &claims[i + 1].op : NULL;
    }
    store_submit_list(s->store, &claims[0].op);
    wait_for(in, count);
}

/* They all know the same lanes, and each takes one away from those behind it. */
DURABLE_STORE_TEST(claims_that_come_together_find_a_lane_each)
{
    enum { CLAIMS = 40 };
    AN_OP(s, set, store_set_limit, STORE_SET_LIMIT);
    set.tenant = s->tenant;
    set.key = STR("host:*");
    set.has_rule = true;
    set.rule.concurrency = 1;
    set.pause_until = -1;
    run_op(s, &set.op);
    for (int i = 0; i < 2 * CLAIMS; i++) {
        char keys[40];
        str_print(keys, sizeof keys, "[\"host:%d\"]", i % CLAIMS);
        a_queued_job(s, .limit_keys = str_from(keys));
    }
    struct store_claim *claims = arena_array(s->a, struct store_claim, CLAIMS);
    claim_together(s, claims, CLAIMS);
    for (int i = 0; i < CLAIMS; i++) {
        CHECK_INT(claims[i].op.rc, RC_OK);
        CHECK_INT(claims[i].count, 1);
        arena_free(claims[i].op.a);
    }
}

/* Turns count at once: not only when the round has ended. */
DURABLE_STORE_TEST(claims_that_come_together_take_turns_of_groups)
{
    enum { CLAIMS = 12 };
    for (int i = 0; i < 3 * CLAIMS; i++) {
        a_queued_job(s, .group = i < 2 * CLAIMS ? STR("a") : STR("b"));
    }
    struct store_claim *claims = arena_array(s->a, struct store_claim, CLAIMS);
    int of_b = 0;
    claim_together(s, claims, CLAIMS);
    for (int i = 0; i < CLAIMS; i++) {
        CHECK_INT(claims[i].count, 1);
        of_b += str_eq(claims[i].jobs[0].group, STR("b"));
        arena_free(claims[i].op.a);
    }
    CHECK_TRUE(of_b >= CLAIMS / 2 - 1 && of_b <= CLAIMS / 2 + 1);
}

DURABLE_STORE_TEST(a_close_finishes_what_was_submitted)
{
    enum { OPS = 200 };
    struct inbox *in = inbox_new(s);
    struct store_enqueue *ops = arena_array(s->a, struct store_enqueue, OPS);
    struct job_spec spec = {.kind = STR("k"), .args = STR("{}")};

    for (int i = 0; i < OPS; i++) {
        store_init(&ops[i].op, sizeof ops[i], STORE_ENQUEUE, arena_new());
        ops[i].tenant = s->tenant;
        ops[i].specs = &spec;
        ops[i].count = 1;
        store_submit(s->store, &ops[i].op);
    }
    reopen(s);
    wait_for(in, OPS);
    for (int i = 0; i < OPS; i++) {
        CHECK_INT(ops[i].op.rc, RC_OK);
        CHECK_TRUE(has_job(s, ops[i].verdicts[0].job));
        arena_free(ops[i].op.a);
    }
}
