#include "queue_rig.h"

#include <string.h>

static int done_count; /* of claims, for their order; each test is a process of its own */

static int64_t rig_clock(void *ctx)
{
    struct rig *r = ctx;

    return r->wall_at_zero + loop_now_ms(r->loop);
}

int64_t rig_now(struct rig *r)
{
    return rig_clock(r);
}

struct rig *rig_open_with(struct queue_options options)
{
    struct err err = {0}, *e = &err;
    struct rig *r = mem_alloc(sizeof *r);

    r->loop = loop_new();
    r->a = arena_new();
    r->wall_at_zero = INT64_C(1700000000000) - loop_now_ms(r->loop);
    options.loop = r->loop;
    options.store_url = options.store_url ? options.store_url : "memory:";
    options.now = rig_clock;
    options.now_ctx = r;
    OK(queue_open(&r->q, &options, e));
    struct store_create_key key;

    store_init(&key.op, sizeof key, STORE_CREATE_KEY, rig_op_arena(r));
    key.key.public_id = STR("rigrigri");
    key.key.tenant_name = STR("rig");
    key.key.scopes = SCOPE_ADMIN;
    rig_do(r, &key.op);
    CHECK_INT(key.op.rc, RC_OK);
    CHECK_INT(key.key.tenant, RIG_TENANT);
    return r;
}

struct rig *rig_open(void)
{
    return rig_open_with((struct queue_options){0});
}

void rig_close(struct rig *r)
{
    queue_close(r->q);
    loop_free(r->loop);
    for (size_t i = 0; i < r->op_arena_count; i++) {
        arena_free(r->op_arenas[i]);
    }
    arena_free(r->a);
    mem_free(r);
}

struct arena *rig_op_arena(struct rig *r)
{
    CHECK_TRUE(r->op_arena_count < sizeof r->op_arenas / sizeof r->op_arenas[0]);
    return r->op_arenas[r->op_arena_count++] = arena_new();
}

static void on_done(struct store_op *op)
{
    struct rig *r = op->owner;

    if (r && --r->awaited == 0) {
        loop_stop(r->loop);
    }
}

void rig_start(struct rig *r, struct store_op *op)
{
    op->done = on_done;
    op->owner = NULL;
    queue_submit(r->q, op);
}

void rig_do(struct rig *r, struct store_op *op)
{
    op->done = on_done;
    op->owner = r;
    r->awaited++;
    queue_submit(r->q, op);
    while (r->awaited > 0) {
        loop_run(r->loop);
    }
}

/* Rounds come back in order: behind the round of this one, everything before it was seen. */
static void rig_barrier(struct rig *r)
{
    struct store_set_queue *s = arena_alloc(r->a, sizeof *s);

    store_init(&s->op, sizeof *s, STORE_SET_QUEUE, rig_op_arena(r));
    s->tenant = RIG_TENANT;
    s->name = STR("barrier");
    s->pause = -1;
    rig_do(r, &s->op);
    CHECK_INT(s->op.rc, RC_OK);
}

void rig_settle(struct rig *r)
{
    for (int k = 0; k < 6; k++) { /* a tick, the claim it wakes, the one that claim passes its token to, … */
        rig_barrier(r);
    }
}

void rig_skip_ms(struct rig *r, int64_t ms)
{
    loop_skip_ms(r->loop, ms);
    rig_settle(r);
}

/* ------------------------------------------------------------------ jobs */

struct store_enqueue *rig_enqueue_op(struct rig *r, const char *queue, const char *kind, size_t count)
{
    struct store_enqueue *n = arena_alloc(r->a, sizeof *n);
    struct job_spec *specs = arena_array(r->a, struct job_spec, count);

    store_init(&n->op, sizeof *n, STORE_ENQUEUE, rig_op_arena(r));
    for (size_t i = 0; i < count; i++) {
        specs[i].queue = str_from(queue);
        specs[i].kind = str_from(kind);
        specs[i].args = STR("{}");
    }
    n->tenant = RIG_TENANT;
    n->specs = specs;
    n->count = count;
    return n;
}

struct id rig_enqueue(struct rig *r, const char *queue, const char *kind)
{
    struct store_enqueue *n = rig_enqueue_op(r, queue, kind, 1);

    rig_do(r, &n->op);
    CHECK_INT(n->op.rc, RC_OK);
    return n->verdicts[0].job;
}

static void on_claim_done(struct queue_claim *c)
{
    struct rig_claim *rc = c->owner;

    rc->done++;
    rc->order = ++done_count;
}

struct rig_claim *rig_claim_prepare(struct rig *r, const char *worker, const char *queue, const char *kinds,
                                    int64_t wait_ms)
{
    struct rig_claim *k = arena_alloc(r->a, sizeof *k);
    struct str rest = str_from(kinds);
    struct store_claim *c = &k->c.claim;

    store_init(&c->op, sizeof *c, STORE_CLAIM, rig_op_arena(r));
    k->rig = r;
    k->queue = str_from(queue);
    while (rest.n > 0) {
        k->kinds[c->kind_count++] = str_cut(rest, ' ', &rest);
    }
    c->tenant = RIG_TENANT;
    c->worker = str_from(worker);
    c->queues = &k->queue;
    c->queue_count = 1;
    c->kinds = k->kinds;
    c->max = 1;
    k->c.wait_ms = wait_ms;
    k->c.owner = k;
    k->c.done = on_claim_done;
    return k;
}

struct rig_claim *rig_claim(struct rig *r, const char *worker, const char *queue, const char *kinds,
                            int64_t wait_ms)
{
    struct rig_claim *k = rig_claim_prepare(r, worker, queue, kinds, wait_ms);

    queue_claim(r->q, &k->c);
    return k;
}

struct job *rig_take(struct rig *r, const char *worker, const char *queue)
{
    struct rig_claim *k = rig_claim(r, worker, queue, NULL, 0);

    rig_settle(r);
    CHECK_INT(k->done, 1);
    CHECK_INT(k->c.claim.count, 1);
    return &k->c.claim.jobs[0];
}

struct report_verdict rig_report_with(struct rig *r, struct report report)
{
    struct store_report *op = arena_alloc(r->a, sizeof *op);
    struct report *item = arena_alloc(r->a, sizeof *item);

    store_init(&op->op, sizeof *op, STORE_REPORT, rig_op_arena(r));
    *item = report;
    item->hash = report.n;
    op->tenant = RIG_TENANT;
    op->items = item;
    op->count = 1;
    rig_do(r, &op->op);
    CHECK_INT(op->op.rc, RC_OK);
    return op->verdicts[0];
}

struct report_verdict rig_report(struct rig *r, const struct job *j, int64_t n, enum report_op op)
{
    return rig_report_with(r, (struct report){.job = j->id,
                                              .lease = j->lease,
                                              .n = n,
                                              .op = op,
                                              .progress_permille = -1,
                                              .retry_after_ms = -1,
                                              .error.message = STR("no")});
}

struct job *rig_job(struct rig *r, struct id id)
{
    struct store_get_job *g = arena_alloc(r->a, sizeof *g);

    store_init(&g->op, sizeof *g, STORE_GET_JOB, rig_op_arena(r));
    g->tenant = RIG_TENANT;
    g->id = id;
    rig_do(r, &g->op);
    CHECK_INT(g->op.rc, RC_OK);
    return g->job;
}

enum rc rig_act(struct rig *r, enum job_action action, struct id id)
{
    struct store_act *act = arena_alloc(r->a, sizeof *act);

    store_init(&act->op, sizeof *act, STORE_ACT, rig_op_arena(r));
    act->tenant = RIG_TENANT;
    act->action = action;
    act->ids = &id;
    act->count = 1;
    rig_do(r, &act->op);
    CHECK_INT(act->op.rc, RC_OK);
    return act->verdicts[0].rc;
}
