/* differential_run.c: worlds of the differential test side by side in one store, and what happens to all of them. See
 * differential.h. */
#include "differential.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define STEPS_A_DUMP 400
#define JOBS_KEPT    1200 /* of a world */
#define LEAP_MS      (16 * DAY)

/* ---- time, of all at once */

static void pass_time(struct run *r, int64_t ms)
{
    for (int i = 0; i < r->count; i++) {
        struct model *m = r->pairs[i]->m;
        m->now += ms;
        m->latest = m->now > m->latest ? m->now : m->latest;
    }
    atomic_store(&r->s->now, r->pairs[0]->m->now);
}

static void step_clock(struct run *r, struct chance *c)
{
    int64_t dice = chance_below(c, 100);
    int64_t most = dice < 70 ? 12 * SECOND : dice < 92 ? 2 * MINUTE : dice < 99 ? HOUR : 2 * DAY;
    pass_time(r, chance_below(c, most / 1000) * 1000);
}

/* Now and then the clock steps back: not over midnight, when days are dropped, not before the store was back, and not into
 * what a limit key has behind it. */
static void step_back(struct run *r, struct chance *c)
{
    const struct model *m = r->pairs[0]->m;
    int64_t to = m->now - chance_below(c, 20) * SECOND;
    bool may_step = to / DAY == m->now / DAY && to > m->grace_at;
    for (int i = 0; i < r->count; i++) {
        may_step = may_step && to > model_last_limit_end(r->pairs[i]->m);
    }
    if (may_step) {
        pass_time(r, to - m->now);
    }
}

static void give_grace(struct run *r)
{
    for (int i = 0; i < r->count; i++) {
        r->pairs[i]->m->grace_at = r->pairs[i]->m->now;
    }
}

static void step_stall(struct run *r, struct chance *c)
{
    (void)c;
    if (!ask_has_nodes()) { /* another one that did not stall ends leases */
        store_grace(r->s->store);
        give_grace(r);
    }
}

/* Does the engine show a lease that only a grace explains? It need not give one when a node of several comes back. */
static bool shows_grace(struct run *r)
{
    for (int i = 0; i < r->count; i++) {
        struct model *m = r->pairs[i]->m;
        int64_t before = m->grace_at;
        for (int j = 0; j < m->count; j++) {
            const struct job *v = &m->jobs[j]->v;
            int64_t end = model_lease_end(m, m->jobs[j]);
            m->grace_at = m->now;
            bool is_telling = v->state == JOB_PROCESSING && model_lease_end(m, m->jobs[j]) != end;
            m->grace_at = before;
            if (is_telling) {
                const struct job *seen = m->peek(m->peek_ctx, v->tenant, v->id);
                return seen && seen->lease_until != end;
            }
        }
    }
    return false;
}

static void step_reopen(struct run *r, struct chance *c)
{
    if (!is_durable(r->s)) {
        step_stall(r, c);
        return;
    }
    if (ask_reopen(r->s) || shows_grace(r)) {
        give_grace(r);
    }
    for (int i = 0; !is_server(r->s) && i < r->count; i++) {
        model_release_schedules(r->pairs[i]->m);
    }
}

/* ---- services: one question about all worlds */

/* Whose it is, is seen by what they hold. */
static void judge(struct run *r, const struct store_op *got, const struct store_op *want)
{
    struct pair *first = r->pairs[0];
    enum store_op_kind kind = got->kind; /* a dump takes the step's arena */
    first->operations++;
    first->items++;
    compare_answers(first, got, want);
    if (!first->has_differed || r->count == 1) {
        return;
    }
    first->has_differed = false;
    for (int i = 0; i < r->count && !run_difference(r); i++) {
        struct pair *p = r->pairs[i];
        pair_dump(p, true);
        p->differs_in = kind;
    }
    first->has_differed |= !run_difference(r);
}

static int64_t any_limit(struct chance *c)
{
    return chance_percent(c, 80) ? 0 : 1 + chance_below(c, 100);
}

static void step_tick(struct run *r, struct chance *c)
{
    struct pair *p = r->pairs[0];
    int64_t applied = 0;
    size_t given = 0;
    bool is_more = true;
    WORDED(op, store_tick, STORE_TICK);
    op->limit = any_limit(c);
    struct store_tick *want = (struct store_tick *)question_copy(&op->op, p->a), one = *want;
    while (is_more) {
        ask(p, &(struct store_op *){&op->op}, 1);
        applied += op->applied;
        given += op->schedule_count;
        is_more = op->more && !op->op.rc;
    }
    op->applied = applied;
    op->schedule_count = given;
    for (int i = 0; i < r->count; i++) {
        model_run(r->pairs[i]->m, &one.op, &op->op);
        want->applied += one.applied;
        want->schedule_count += one.schedule_count;
    }
    judge(r, &op->op, &want->op);
}

static void step_prune(struct run *r, struct chance *c)
{
    struct pair *p = r->pairs[0];
    int64_t removed = 0, quiet = 0;
    bool is_more = true;
    WORDED(op, store_prune, STORE_PRUNE);
    op->limit = any_limit(c);
    struct store_prune *want = (struct store_prune *)question_copy(&op->op, p->a), one = *want;
    while (is_more) {
        ask(p, &(struct store_op *){&op->op}, 1);
        removed += op->removed;
        quiet = op->more ? 0 : quiet + 1;
        is_more =
            quiet < 4 && !op->op.rc; /* only one of the nodes does it, and leaves what is in use for later */
    }
    op->removed = removed;
    for (int i = 0; i < r->count; i++) {
        model_run(r->pairs[i]->m, &one.op, &op->op);
        want->removed += one.removed;
        bool is_earlier = one.next_at && (!want->next_at || one.next_at < want->next_at);
        want->next_at = is_earlier ? one.next_at : want->next_at;
    }
    if (p->m->drops_by_day) {
        want->next_at = op->next_at; /* and it may count artifacts, too */
        want->removed = op->removed > want->removed ? op->removed : want->removed;
    }
    judge(r, &op->op, &want->op);
}

/* ---- the steps */

static bool is_leap(struct run *r)
{
    bool *is = &r->leaps[r->step];
    for (int i = 0; i < r->count && !r->is_again; i++) {
        *is = *is || r->pairs[i]->m->count > JOBS_KEPT;
    }
    return *is;
}

/* There are too many jobs: they go one way or the other. */
static void leap(struct run *r, struct chance *c)
{
    bool is_by_time = chance_percent(c, 20);
    for (int i = 0; i < r->count; i++) {
        pair_thin(r->pairs[i], ACT_CANCEL);
        if (!is_by_time) {
            pair_thin(r->pairs[i], ACT_PURGE);
        }
    }
    if (is_by_time) {
        pass_time(r, LEAP_MS);
        step_tick(r, c);
        step_prune(r, c);
    }
}

static void step_of_all(struct run *r, enum step what, struct chance *c)
{
    static void (*const steps[])(struct run * r, struct chance * c) = {
        [STEP_CLOCK - STEP_OF_ALL] = step_clock, [STEP_TICK - STEP_OF_ALL] = step_tick,
        [STEP_PRUNE - STEP_OF_ALL] = step_prune, [STEP_BACK - STEP_OF_ALL] = step_back,
        [STEP_STALL - STEP_OF_ALL] = step_stall, [STEP_REOPEN - STEP_OF_ALL] = step_reopen};
    for (int i = 0; i < r->count; i++) {
        arena_reset(r->pairs[i]->a);
    }
    if (is_leap(r)) {
        leap(r, c);
    } else {
        steps[what - STEP_OF_ALL](r, c);
    }
}

static enum step any_step(struct chance *c)
{
    static const int64_t below[] = {
        [STEP_WRITES] = 300, [STEP_WRITES_OF_JOBS] = 430, [STEP_WRITES_OF_NONE] = 560, [STEP_READS] = 680,
        [STEP_LIST] = 705,   [STEP_ACT_BY_FILTER] = 730,  [STEP_CLOCK] = 850,          [STEP_TICK] = 955,
        [STEP_PRUNE] = 975,  [STEP_BACK] = 985,           [STEP_STALL] = 993,          [STEP_REOPEN] = 1000};
    int64_t dice = chance_below(c, 1000);
    enum step what = STEP_WRITES;
    while (dice >= below[what]) {
        what++;
    }
    return what;
}

static void take_step(struct pair *p, unsigned places)
{
    struct run *r = p->run;
    struct chance c = pair_chance(r->seed, p->step, 0);
    enum step what = any_step(&c);
    if (what < STEP_OF_ALL) {
        if (places && !p->has_differed) {
            pair_step(p, what, places);
        }
        return;
    }
    (void)pthread_barrier_wait(&r->meeting);
    if (p->which == r->pairs[0]->which) {
        r->is_over = run_difference(r) != NULL;
        r->step = p->step;
        if (places && !r->is_over) {
            step_of_all(r, what, &c);
        }
    }
    (void)pthread_barrier_wait(&r->meeting);
}

static void *live(void *arg)
{
    struct pair *p = arg;
    struct run *r = p->run;
    for (p->step = 0; p->step < r->steps && !r->is_over; p->step++) {
        take_step(p, r->places ? r->places[p->step] : UINT16_MAX);
        if (!r->places && p->step % STEPS_A_DUMP == STEPS_A_DUMP - 1) {
            pair_dump(p, false);
        }
    }
    pair_dump(p, true);
    return NULL;
}

void run_go(struct run *r, const uint16_t *places, int64_t steps)
{
    pthread_t threads[WORLDS_MAX];
    r->places = places;
    r->steps = steps;
    for (int i = 0; i < r->count; i++) {
        pair_make_tenants(r->pairs[i]);
    }
    ck_assert_int_eq(pthread_barrier_init(&r->meeting, NULL, (unsigned)r->count), 0);
    for (int i = 1; i < r->count; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, live, r->pairs[i]), 0);
    }
    (void)live(r->pairs[0]);
    for (int i = 1; i < r->count; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&r->meeting);
}

struct pair *run_difference(const struct run *r)
{
    for (int i = 0; i < r->count; i++) {
        if (r->pairs[i]->has_differed) {
            return r->pairs[i];
        }
    }
    return NULL;
}

/* ---- life */

/* At the same time of the day and of the 30 days as any other: a run again meets the same midnights. */
static void begin(struct run *r, struct store_test *s, uint64_t seed)
{
    int64_t month_ms = 30 * DAY, now = atomic_load(&s->now);
    atomic_store(&s->now, (now / month_ms + 1) * month_ms + HOUR);
    *r = (struct run){.s = s, .seed = seed};
}

void run_begin(struct run *r, struct store_test *s, uint64_t seed, int worlds, enum model_bug bug)
{
    begin(r, s, seed);
    for (int i = 0; i < worlds; i++) { /* a planted mistake is in the last one */
        r->pairs[r->count++] = pair_new(r, i, seed + ((uint64_t)i << 40), i + 1 == worlds ? bug : BUG_NONE);
    }
}

void run_begin_again(struct run *r, const struct run *of, const struct pair *world)
{
    begin(r, of->s, of->seed);
    memcpy(r->leaps, of->leaps, sizeof r->leaps);
    r->is_again = true;
    r->pairs[r->count++] = pair_new(r, world->which, world->seed, world->m->bug);
}

static void serve_all(struct run *r)
{
    struct pair *p = r->pairs[0];
    int quiet = 0;
    bool is_more = true;
    while (is_more) {
        WORDED(tick, store_tick, STORE_TICK);
        WORDED(prune, store_prune, STORE_PRUNE);
        ask(p, (struct store_op *[]){&tick->op, &prune->op}, 2);
        quiet = tick->more || prune->more ? 0 : quiet + 1;
        is_more = quiet < (ask_has_nodes() ? 2 : 1);
    }
}

void run_clean(struct run *r)
{
    static const enum job_action actions[] = {ACT_CANCEL, ACT_PURGE};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < r->count; j++) {
            pair_act_on_all(r->pairs[j], actions[i]);
            pair_drop_schedules(r->pairs[j]);
            pair_cancel_batches(r->pairs[j]);
        }
        if (i == 0) {
            pass_time(r, 2 * DAY);
        }
        serve_all(r);
        pass_time(r, MODEL_BATCH_KEPT_MS + 2 * DAY);
        serve_all(r);
    }
}

void run_free(struct run *r)
{
    for (int i = 0; i < r->count; i++) {
        pair_free(r->pairs[i]);
    }
}

void run_end(struct run *r)
{
    run_clean(r);
    run_free(r);
}
