/* differential_world.c: a world of the differential test: two tenants, and what happens to them. See differential.h. */
#include "differential.h"

#include <limits.h>
#include <stdatomic.h>

/* ---- what a step may be */

/* The pages of a list. */
static void walk_list(struct pair *p, int64_t tenant, struct job_filter filter, int64_t limit, int pages)
{
    int64_t cursor = 0;
    for (int page = 0; page < pages && (!page || cursor) && !p->has_differed; page++) {
        WORDED(op, store_list_jobs, STORE_LIST_JOBS);
        op->tenant = tenant;
        op->filter = filter;
        op->limit = limit;
        op->cursor = cursor;
        ask_one(p, &op->op);
        cursor = op->next_cursor;
    }
}

static void step_list(struct pair *p)
{
    struct job_filter filter = word_filter(p);
    walk_list(p, word_tenant(p), filter, 10 + word_below(p, 60), 4);
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

struct chance pair_chance(uint64_t seed, int64_t step, int place)
{
    struct chance c = {seed ^ (uint64_t)step * 0x9e3779b97f4a7c15u ^ (uint64_t)place << 56};
    (void)chance_next(&c);
    return c;
}

static bool may_join(const struct pair *p, struct store_op *const *ops, int count, const struct store_op *op,
                     bool is_late)
{
    bool may = true;
    for (int i = 0; i < count && may; i++) {
        bool is_beside = op->kind == STORE_FILL || ops[i]->kind == STORE_FILL; /* of all committers */
        may = (p->s->options.committers == 1 && !is_beside) || question_may_join(ops[i], op);
        may = may && !(is_late && (op->kind == STORE_CLAIM || ops[i]->kind == STORE_CLAIM));
    }
    return may;
}

/* In one list, so in one round if the engine likes; a claim alone when it may end jobs that nobody names. */
static void step_several(struct pair *p, struct store_op *(*word)(struct pair *), int count, unsigned places)
{
    struct store_op *ops[PLACES_MAX];
    int worded = 0;
    bool is_late = p->m->claims_end && model_has_passed_deadline(p->m);
    for (int i = 0; i < count; i++) {
        if (!(places >> i & 1)) {
            continue;
        }
        p->c = pair_chance(p->seed, p->step, i + 1);
        struct store_op *op = word(p);
        if (!may_join(p, ops, worded, op, is_late)) {
            ask_both(p, ops, worded);
            worded = 0;
        }
        ops[worded++] = op;
    }
    if (worded) {
        ask_both(p, ops, worded);
    }
}

void pair_step(struct pair *p, enum step what, unsigned places)
{
    static struct store_op *(*const words[])(struct pair * p) = {[STEP_WRITES] = word_write,
                                                                 [STEP_WRITES_OF_JOBS] = word_write_of_jobs,
                                                                 [STEP_WRITES_OF_NONE] = word_write_of_none,
                                                                 [STEP_READS] = word_read};
    arena_reset(p->a);
    p->c = pair_chance(p->seed, p->step, 0);
    if (what == STEP_LIST) {
        step_list(p);
    } else if (what == STEP_ACT_BY_FILTER) {
        step_act_by_filter(p);
    } else {
        step_several(p, words[what], 1 + (int)word_below(p, 12), places);
    }
}

void pair_thin(struct pair *p, enum job_action action)
{
    int64_t cursor = 0;
    do {
        WORDED(op, store_act, STORE_ACT);
        op->tenant = p->m->tenants[0];
        op->action = action;
        op->filter.states = action == ACT_CANCEL ? 1u << JOB_QUEUED | 1u << JOB_SCHEDULED : 0;
        op->limit = 500;
        op->cursor = cursor;
        ask_one(p, &op->op);
        cursor = op->next_cursor;
    } while (cursor && !p->has_differed);
}

/* ---- everything there is */

static void dump_job(struct pair *p, const struct model_job *job, struct store_op **ops)
{
    WORDED(get, store_get_job, STORE_GET_JOB);
    WORDED(events, store_read_events, STORE_READ_EVENTS);
    WORDED(artifacts, store_list_artifacts, STORE_LIST_ARTIFACTS);
    get->tenant = events->tenant = artifacts->tenant = job->v.tenant;
    get->id = events->job_id = artifacts->job = job->v.id;
    events->limit = 1000;
    ops[0] = &get->op;
    ops[1] = &events->op;
    ops[2] = &artifacts->op;
}

static void dump_tenant(struct pair *p, int64_t tenant)
{
    WORDED(queues, store_list_queues, STORE_LIST_QUEUES);
    WORDED(stats, store_stats, STORE_STATS);
    WORDED(series, store_list_series, STORE_LIST_SERIES);
    WORDED(keys, store_list_keys, STORE_LIST_KEYS);
    WORDED(schedules, store_list_schedules, STORE_LIST_SCHEDULES);
    queues->tenant = stats->tenant = series->tenant = keys->tenant = schedules->tenant = tenant;
    schedules->limit = 100;
    ask_both(p, (struct store_op *[]){&queues->op, &stats->op, &series->op, &keys->op, &schedules->op}, 5);
    struct store_op *limits[ASKED_MAX];
    int count = 0;
    word_all_limits(p, tenant, limits, &count);
    ask_both(p, limits, count);
    walk_list(p, tenant, (struct job_filter){0}, 300, INT_MAX);
}

static void dump_batches(struct pair *p)
{
    struct store_op *ops[ASKED_MAX];
    for (int i = 0; i < p->m->batch_count && !p->has_differed; i++) {
        int count = 0;
        word_all_of_batch(p, &p->m->batches[i], ops, &count);
        ask_both(p, ops, count);
        arena_reset(p->a);
    }
}

void pair_dump(struct pair *p, bool is_whole)
{
    struct store_op *ops[ASKED_MAX];
    int count = 0;
    p->is_dumping = true;
    if (is_whole) {
        dump_batches(p);
    }
    for (int i = 0; i < p->m->count && !p->has_differed; i++) {
        if (is_whole || (i + p->step) % 10 == 0) {
            dump_job(p, p->m->jobs[i], &ops[count]);
            count += 3;
        }
        if (count == ASKED_MAX || (count && i + 1 == p->m->count)) {
            ask_both(p, ops, count);
            arena_reset(p->a);
            count = 0;
        }
    }
    for (int i = 0; i < 2 && !p->has_differed; i++) {
        dump_tenant(p, p->m->tenants[i]);
    }
    p->is_dumping = false;
}

/* ---- life */

void pair_make_tenants(struct pair *p)
{
    static int made; /* names of this process */
    for (int i = 0; i < 2; i++) {
        WORDED(op, store_create_key, STORE_CREATE_KEY);
        op->key.public_id = arena_printf(p->a, "key%d", made);
        op->key.tenant_name = arena_printf(p->a, "tenant%d", made++);
        ask_one(p, &op->op);
        p->m->tenants[i] = op->key.tenant;
    }
}

void pair_act_on_all(struct pair *p, enum job_action action)
{
    for (int i = 0; i < 2; i++) {
        int64_t cursor = 0;
        do {
            WORDED(op, store_act, STORE_ACT);
            op->tenant = p->m->tenants[i];
            op->action = action;
            op->cursor = cursor;
            ask(p, &(struct store_op *){&op->op}, 1);
            cursor = op->next_cursor;
        } while (cursor);
    }
}

void pair_drop_schedules(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        WORDED(list, store_list_schedules, STORE_LIST_SCHEDULES);
        list->tenant = p->m->tenants[i];
        list->limit = 100;
        ask(p, &(struct store_op *){&list->op}, 1);
        for (size_t j = 0; j < list->count; j++) {
            WORDED(op, store_delete_schedule, STORE_DELETE_SCHEDULE);
            op->tenant = list->tenant;
            op->name = list->schedules[j].name;
            ask(p, &(struct store_op *){&op->op}, 1);
        }
    }
}

void pair_cancel_batches(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        int64_t cursor = 0;
        do {
            WORDED(list, store_list_batches, STORE_LIST_BATCHES);
            WORDED(op, store_act, STORE_ACT);
            list->tenant = op->tenant = p->m->tenants[i];
            list->limit = 50;
            list->cursor = cursor;
            ask(p, &(struct store_op *){&list->op}, 1);
            struct id *ids = arena_array(p->a, struct id, list->count + 1);
            for (size_t k = 0; k < list->count; k++) {
                ids[k] = list->batches[k].id;
            }
            op->action = ACT_CANCEL;
            op->of_batches = true;
            op->ids = ids;
            op->count = list->count;
            cursor = list->next_cursor;
            ask(p, &(struct store_op *){&op->op}, 1);
        } while (cursor);
    }
}

struct pair *pair_new(struct run *r, int which, uint64_t seed, enum model_bug bug)
{
    struct pair *p = mem_alloc(sizeof *p);
    *p = (struct pair){.s = r->s,
                       .run = r,
                       .which = which,
                       .m = model_new(bug),
                       .a = arena_new(),
                       .seed = seed,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .came = PTHREAD_COND_INITIALIZER,
                       .difference = BUF_LIMIT(1 << 20)};
    p->m->now = p->m->latest = atomic_load(&r->s->now);
    p->m->has_nodes = ask_has_nodes();
    p->m->drops_by_day = is_server(r->s);
    p->m->claims_end = !is_server(r->s);
    p->m->gives_fewer = ask_has_nodes();
    p->m->peek = ask_peek;
    p->m->members = ask_members;
    p->m->peek_ctx = p;
    return p;
}

void pair_free(struct pair *p)
{
    model_free(p->m);
    arena_free(p->a);
    for (int i = 0; i < ASKED_MAX; i++) {
        arena_free(p->arenas[i]);
    }
    buf_dispose(&p->difference);
    mem_free(p);
}
