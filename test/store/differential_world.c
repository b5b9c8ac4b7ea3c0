/* differential_world.c: a world of the differential test: two tenants, and what happens to them. See differential.h. */
#include "differential.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define STEPS_A_DUMP 400
#define JOBS_KEPT    1200
#define ASKED_MAX    120 /* operations at once; a multiple of 3 */

/* ---- asking the engine: a few operations at once */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static int arrived;

static void count_done(void *ctx, struct store_round *r)
{
    (void)ctx;
    pthread_mutex_lock(&lock);
    for (const struct store_op *op = r->done; op; op = op->next) {
        arrived++;
    }
    pthread_cond_signal(&came);
    pthread_mutex_unlock(&lock);
    store_round_free(r);
}

/* Each has an arena of its own until the next asking: the store's threads write into several at once. */
static void ask(struct pair *p, struct store_op *const *ops, int count)
{
    static struct arena *arenas[ASKED_MAX];
    for (int i = 0; i < count; i++) {
        if (arenas[i]) {
            arena_reset(arenas[i]);
        } else {
            arenas[i] = arena_new();
        }
        ops[i]->a = arenas[i];
        ops[i]->next = i + 1 < count ? ops[i + 1] : NULL;
    }
    pthread_mutex_lock(&lock);
    arrived = 0;
    pthread_mutex_unlock(&lock);
    store_submit_list(p->s->store, ops[0]);
    pthread_mutex_lock(&lock);
    while (arrived < count) {
        pthread_cond_wait(&came, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static struct job *peek(void *ctx, int64_t tenant, struct id id)
{
    struct pair *p = ctx;
    struct store_get_job *op = arena_alloc(p->a, sizeof *op);
    store_init(&op->op, sizeof *op, STORE_GET_JOB, p->a);
    op->tenant = tenant;
    op->id = id;
    return store_run(p->s->store, &op->op, NULL) ? NULL : op->job;
}

/* ---- comparing */

static void compare(struct pair *p, const struct store_op *got, struct store_op *want)
{
    struct buf a = BUF_LIMIT(1 << 22), b = BUF_LIMIT(1 << 22), *out = &p->difference;
    if (p->has_differed) {
        return; /* the first one counts */
    }
    if (p->is_loud) {
        struct buf question = BUF_LIMIT(1 << 16);
        question_print(p->m, want, &question);
        printf("  step %lld, now=%lld: %s", (long long)p->step, (long long)(p->m->now - TEST_BEGINS),
               buf_c_str(&question));
        buf_dispose(&question);
    }
    p->operations++;
    p->items += question_items(want);
    model_run(p->m, want, got);
    answer_print(p->m, got, &a);
    answer_print(p->m, want, &b);
    if (!str_eq(buf_str(&a), buf_str(&b))) {
        p->has_differed = true;
        p->differs_in = got->kind;
        buf_printf(out, "seed %lld, step %lld, now=%lld: ", (long long)p->seed, (long long)p->step,
                   (long long)(p->m->now - TEST_BEGINS));
        question_print(p->m, want, out);
        buf_printf(out, "the engine:%s\nthe model:%s\n", buf_c_str(&a), buf_c_str(&b));
    }
    buf_dispose(&a);
    buf_dispose(&b);
}

/* A refused file is ours still. */
static void remove_refused(const struct store_op *op)
{
    const struct store_stage_artifact *x = (const struct store_stage_artifact *)op;
    if (op->kind == STORE_STAGE_ARTIFACT && op->rc && x->artifact.path.n) {
        (void)unlink(x->artifact.path.p);
    }
}

static void ask_both(struct pair *p, struct store_op **ops, int count)
{
    struct store_op *want[ASKED_MAX];
    for (int i = 0; i < count; i++) {
        want[i] = question_copy(ops[i], p->a);
    }
    ask(p, ops, count);
    for (int i = 0; i < count; i++) {
        remove_refused(ops[i]);
        compare(p, ops[i], want[i]);
    }
}

static void ask_one(struct pair *p, struct store_op *op)
{
    ask_both(p, &op, 1);
}

#define PAIR_OP(var, type, op_kind)                                                                          \
    struct type *var = arena_alloc(p->a, sizeof *var);                                                       \
    store_init(&var->op, sizeof *var, op_kind, p->a)

/* ---- what a step may be */

static void pass_time(struct pair *p, int64_t ms)
{
    p->m->now += ms;
    atomic_store(&p->s->now, p->m->now);
}

/* More may have run out by then. */
static void pass_time_to_drop(struct pair *p)
{
    for (int64_t until = 0; (until = model_dropped_at(p->m)) > p->m->now;) {
        pass_time(p, until - p->m->now);
    }
}

static void step_clock(struct pair *p)
{
    int64_t dice = chance_below(&p->c, 100);
    int64_t most = dice < 70 ? 12 * SECOND : dice < 92 ? 2 * MINUTE : dice < 98 ? HOUR : 3 * DAY;
    pass_time(p, chance_below(&p->c, most / 1000) * 1000);
}

static void step_tick(struct pair *p)
{
    int64_t applied = 0;
    bool is_more = true;
    PAIR_OP(op, store_tick, STORE_TICK);
    struct store_op *want = question_copy(&op->op, p->a);
    while (is_more) {
        ask(p, &(struct store_op *){&op->op}, 1);
        applied += op->applied;
        is_more = op->more && !op->op.rc;
    }
    op->applied = applied;
    compare(p, &op->op, want);
}

static void step_prune(struct pair *p)
{
    int64_t removed = 0;
    bool is_more = true;
    pass_time_to_drop(p);
    PAIR_OP(op, store_prune, STORE_PRUNE);
    struct store_op *want = question_copy(&op->op, p->a);
    while (is_more) {
        ask(p, &(struct store_op *){&op->op}, 1);
        removed += op->removed;
        is_more = op->more && !op->op.rc;
    }
    op->removed = removed;
    compare(p, &op->op, want);
}

/* The pages of a list, to the end. */
static void walk_list(struct pair *p, int64_t tenant, struct job_filter filter, int64_t limit)
{
    int64_t cursor = 0;
    do {
        PAIR_OP(op, store_list_jobs, STORE_LIST_JOBS);
        op->tenant = tenant;
        op->filter = filter;
        op->limit = limit;
        op->cursor = cursor;
        ask_one(p, &op->op);
        cursor = op->next_cursor;
    } while (cursor && !p->has_differed);
}

static void step_list(struct pair *p)
{
    struct job_filter filter = word_filter(p);
    walk_list(p, word_tenant(p), filter, 1 + chance_below(&p->c, 60));
}

static void step_act_by_filter(struct pair *p)
{
    const struct store_act *first = word_act_by_filter(p);
    int64_t cursor = 0;
    for (int page = 0; page < 3 && (!page || cursor) && !p->has_differed; page++) {
        struct store_act *op = (struct store_act *)question_copy(&first->op, p->a);
        op->cursor = cursor;
        ask_one(p, &op->op);
        cursor = op->next_cursor;
    }
}

static struct chance chance_of(const struct pair *p, int place)
{
    struct chance c = {p->seed ^ (uint64_t)p->step * 0x9e3779b97f4a7c15u ^ (uint64_t)place << 56};
    (void)chance_next(&c);
    return c;
}

/* In one list, so in one round if the engine likes; alone when a claim may end jobs that nobody names. */
static void step_several(struct pair *p, struct store_op *(*word)(struct pair *), int count, unsigned places)
{
    struct store_op *ops[PLACES_MAX];
    int worded = 0;
    bool is_alone = model_has_passed_deadline(p->m);
    for (int i = 0; i < count; i++) {
        p->c = chance_of(p, i + 1);
        if (places >> i & 1) {
            ops[worded++] = word(p);
        }
        if (worded && (is_alone || i + 1 == count)) {
            ask_both(p, ops, worded);
            worded = 0;
        }
    }
    if (worded) {
        ask_both(p, ops, worded);
    }
}

/* ---- everything there is */

static void dump_job(struct pair *p, const struct model_job *job, struct store_op **ops)
{
    PAIR_OP(get, store_get_job, STORE_GET_JOB);
    PAIR_OP(events, store_read_events, STORE_READ_EVENTS);
    PAIR_OP(artifacts, store_list_artifacts, STORE_LIST_ARTIFACTS);
    get->tenant = events->tenant = artifacts->tenant = job->v.tenant;
    get->id = events->job_id = artifacts->job = job->v.id;
    events->limit = 1000;
    ops[0] = &get->op;
    ops[1] = &events->op;
    ops[2] = &artifacts->op;
}

static void dump_tenant(struct pair *p, int64_t tenant)
{
    PAIR_OP(queues, store_list_queues, STORE_LIST_QUEUES);
    PAIR_OP(stats, store_stats, STORE_STATS);
    PAIR_OP(series, store_list_series, STORE_LIST_SERIES);
    PAIR_OP(keys, store_list_keys, STORE_LIST_KEYS);
    queues->tenant = stats->tenant = series->tenant = keys->tenant = tenant;
    ask_both(p, (struct store_op *[]){&queues->op, &stats->op, &series->op, &keys->op}, 4);
    walk_list(p, tenant, (struct job_filter){0}, 200);
}

static void dump(struct pair *p)
{
    struct store_op *ops[ASKED_MAX];
    int count = 0;
    for (int i = 0; i < p->m->count && !p->has_differed; i++) {
        dump_job(p, p->m->jobs[i], &ops[count]);
        count += 3;
        if (count == ASKED_MAX || i + 1 == p->m->count) {
            ask_both(p, ops, count);
            arena_reset(p->a);
            count = 0;
        }
    }
    dump_tenant(p, p->m->tenants[0]);
    dump_tenant(p, p->m->tenants[1]);
}

/* ---- a world: two tenants, and what happens to them */

static void make_tenant(struct pair *p, int which)
{
    static int made; /* names of this process */
    PAIR_OP(op, store_create_key, STORE_CREATE_KEY);
    op->key.public_id = arena_printf(p->a, "key%d", made);
    op->key.tenant_name = arena_printf(p->a, "tenant%d", made++);
    ask_one(p, &op->op);
    p->m->tenants[which] = op->key.tenant;
}

static void step_kind(struct pair *p, unsigned places)
{
    int64_t dice = chance_below(&p->c, 100);
    if (p->m->count > JOBS_KEPT) {
        pass_time(p, 16 * DAY);
        step_tick(p);
        step_prune(p);
    } else if (dice < 52) {
        step_several(p, word_write, 1 + (int)chance_below(&p->c, 12), places);
    } else if (dice < 70) {
        step_several(p, word_read, 1 + (int)chance_below(&p->c, 12), places);
    } else if (dice < 82) {
        step_clock(p);
    } else if (dice < 93) {
        step_tick(p);
    } else if (dice < 95) {
        step_prune(p);
    } else if (dice < 98) {
        step_list(p);
    } else {
        step_act_by_filter(p);
    }
}

void world_run(struct pair *p, const uint16_t *places, int64_t steps)
{
    make_tenant(p, 0);
    make_tenant(p, 1);
    for (p->step = 0; p->step < steps && !p->has_differed; p->step++) {
        arena_reset(p->a);
        p->c = chance_of(p, 0);
        if (!places || places[p->step]) {
            step_kind(p, places ? places[p->step] : UINT16_MAX);
        }
        if (!places && p->step % STEPS_A_DUMP == STEPS_A_DUMP - 1) {
            dump(p);
        }
    }
    if (!p->has_differed) {
        dump(p);
    }
}

void world_clean(struct pair *p)
{
    static const enum job_action actions[] = {ACT_CANCEL, ACT_PURGE};
    for (int i = 0; i < 4; i++) {
        int64_t cursor = 0;
        do {
            PAIR_OP(op, store_act, STORE_ACT);
            op->tenant = p->m->tenants[i % 2];
            op->action = actions[i / 2];
            op->cursor = cursor;
            ask(p, &(struct store_op *){&op->op}, 1);
            cursor = op->next_cursor;
        } while (cursor);
        if (i == 1) {
            pass_time(p, 2 * DAY);
        }
        bool is_more = i == 1 || i == 3;
        while (is_more) {
            PAIR_OP(tick, store_tick, STORE_TICK);
            PAIR_OP(prune, store_prune, STORE_PRUNE);
            ask(p, (struct store_op *[]){&tick->op, &prune->op}, 2);
            is_more = tick->more || prune->more;
        }
    }
}

void world_begin(struct pair *p, struct store_test *s, uint64_t seed, enum model_bug bug)
{
    *p = (struct pair){
        .s = s, .m = model_new(bug), .a = arena_new(), .seed = seed, .difference = BUF_LIMIT(1 << 20)};
    p->m->now = atomic_load(&s->now);
    p->m->drops_by_day = is_server(s);
    p->m->peek = peek;
    p->m->peek_ctx = p;
}

void world_end(struct pair *p)
{
    world_clean(p);
    model_free(p->m);
    arena_free(p->a);
    buf_dispose(&p->difference);
}

void world_listen(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    store_close(s->store);
    s->options.on_round = count_done;
    s->options.committers = 1; /* the model runs the operations of a step one after another */
    OK(store_open(&s->store, s->url, &s->options, e));
}
