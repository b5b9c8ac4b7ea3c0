/* claims_all.c: claims of all tenants. The store knows claims of one: so such a claim is shared out among the tenants whose turn it
 * is (tenants.h), a part each, which run together; what is left over when they come back is shared out again, until it is full or
 * nobody has anything. What nobody here knows of is looked up first. To the rest of the folder it is one claim in the store. */
#include <string.h>

#include "queue/claims_private.h"
#include "queue/tenants.h"

#define PARTS_MAX 16 /* at a time, and jobs in all: of the biggest args that is STORE_CLAIM_BYTES */

struct part {
    struct store_claim op;
    struct claim_wait *w;
    struct tenant_share share;
};

struct claim_all {
    struct part parts[PARTS_MAX];
    size_t pending;
    size_t room; /* of the claim's jobs */
    bool has_looked;
    struct store_look look;
    struct store_list_tenants list;
};

static void go_on(struct claim_wait *w);

/* It is answered later, as everything that comes from the store. */
static void end(struct claim_wait *w)
{
    refuse(w->q, &w->c->claim.op);
}

/* ------------------------------------------------------------------ names */

static void on_listed(struct store_op *op)
{
    struct claim_wait *w = op->owner;

    tenants_learn(w->q, &w->all->list);
    arena_free(op->a);
    op->a = NULL;
    end(w);
}

static void end_with_names(struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;
    bool is_known = true;

    for (size_t i = 0; i < c->count; i++) {
        is_known = is_known && tenants_name(w->q, c->jobs[i].tenant).p;
    }
    if (is_known) {
        end(w);
        return;
    }
    store_init(&w->all->list.op, sizeof w->all->list, STORE_LIST_TENANTS, arena_new());
    w->all->list.op.done = on_listed;
    w->all->list.op.owner = w;
    submit(w->q, &w->all->list.op);
}

/* ------------------------------------------------------------------ looking */

static void on_looked(struct store_op *op)
{
    struct claim_wait *w = op->owner;
    const struct store_look *look = &w->all->look;

    for (size_t i = 0; i < look->count && !op->rc; i++) {
        tenants_note(w->q, &look->lines[i]);
    }
    if (op->rc) {
        w->c->claim.op.rc = op->rc;
        w->c->claim.op.e = op->e;
    } else {
        tenants_looked(w->q, look->wanted, look->wanted_count);
    }
    arena_free(op->a);
    op->a = NULL;
    go_on(w);
}

/* False: there is nothing to be looked at. */
static bool begin_look(struct claim_wait *w)
{
    struct store_line *wanted = NULL;
    struct arena *a = arena_new();
    const size_t count = tenants_unknown(w->q, &w->c->claim, a, &wanted);

    if (count == 0) {
        arena_free(a);
        return false;
    }
    store_init(&w->all->look.op, sizeof w->all->look, STORE_LOOK, a);
    w->all->look.wanted = wanted;
    w->all->look.wanted_count = count;
    w->all->look.op.done = on_looked;
    w->all->look.op.owner = w;
    w->all->has_looked = true;
    submit(w->q, &w->all->look.op);
    return true;
}

/* Other nodes write to the store, and have not told yet. */
static bool look_again(struct claim_wait *w)
{
    if (w->c->claim.count > 0 || w->all->has_looked || store_look_ms(w->q->store) == 0) {
        return false;
    }
    tenants_doubt(w->q);
    return begin_look(w);
}

/* ------------------------------------------------------------------ parts */

static void take_jobs(struct claim_wait *w, struct part *p)
{
    struct store_claim *c = &w->c->claim;

    if (c->count + p->op.count > w->all->room) {
        const size_t room = 2 * w->all->room + p->op.count;
        struct job *grown = arena_array(c->op.a, struct job, room);

        if (c->count > 0) {
            memcpy(grown, c->jobs, c->count * sizeof *grown);
        }
        c->jobs = grown;
        w->all->room = room;
    }
    if (p->op.count > 0) {
        memcpy(&c->jobs[c->count], p->op.jobs, p->op.count * sizeof *c->jobs);
        c->count += p->op.count;
    }
    arena_join(c->op.a, p->op.op.a);
    p->op.op.a = NULL;
}

static void on_part_done(struct store_op *op)
{
    struct part *p = LOOP_OWNER(op, struct part, op.op);
    struct claim_wait *w = p->w;
    struct store_claim *c = &w->c->claim;

    tenants_gave(w->q, c, &p->share, op->rc ? -1 : (int64_t)p->op.count);
    if (op->rc && !c->op.rc) {
        c->op.rc = op->rc;
        c->op.e = op->e;
    }
    take_jobs(w, p);
    if (--w->all->pending == 0) {
        go_on(w);
    }
}

static void send_part(struct claim_wait *w, struct part *p)
{
    const struct store_claim *c = &w->c->claim;

    store_init(&p->op.op, sizeof p->op, STORE_CLAIM, arena_new());
    p->w = w;
    p->op.op.done = on_part_done;
    p->op.tenant = p->share.tenant;
    p->op.worker = c->worker;
    p->op.queues = &c->queues[p->share.queue];
    p->op.queue_count = 1;
    p->op.kinds = c->kinds;
    p->op.kind_count = c->kind_count;
    p->op.max = p->share.want;
    p->op.lease_ms = c->lease_ms;
    submit(w->q, &p->op.op);
}

/* What some gave counts, although others failed: they hear of it only when there is nothing else to say. */
static void finish(struct claim_wait *w)
{
    struct store_claim *c = &w->c->claim;

    if (c->count > 0 && c->op.rc) {
        c->op.rc = RC_OK;
        err_clear(&c->op.e);
    }
    end_with_names(w);
}

static void go_on(struct claim_wait *w)
{
    struct store_claim *c = &w->c->claim;
    struct tenant_share shares[PARTS_MAX];
    int64_t want = c->max - (int64_t)c->count;
    size_t count = 0;

    if (!c->op.rc && !w->is_abandoned && arena_bytes(c->op.a) <= STORE_CLAIM_BYTES && want > 0) {
        if (!w->all->has_looked &&
            begin_look(w)) { /* once: where too many queues are named, they push each other out */
            return;
        }
        count = tenants_choose(w->q, c, want < PARTS_MAX ? want : PARTS_MAX, shares, PARTS_MAX);
        if (count == 0 && look_again(w)) {
            return;
        }
    }
    w->all->pending = count;
    for (size_t i = 0; i < count; i++) {
        w->all->parts[i].share = shares[i];
        send_part(w, &w->all->parts[i]);
    }
    if (count == 0) {
        finish(w);
    }
}

void claims_send_all(struct claim_wait *w)
{
    if (!w->all) {
        w->all = mem_alloc(sizeof *w->all);
    }
    w->all->has_looked = false;
    w->all->room = 0;
    go_on(w);
}

/* The queue is being closed, or all of it is back. */
void claims_forget_all(struct claim_wait *w)
{
    if (!w->all) {
        return;
    }
    for (size_t i = 0; i < PARTS_MAX; i++) {
        arena_free(w->all->parts[i].op.op.a);
    }
    arena_free(w->all->look.op.a);
    arena_free(w->all->list.op.a);
    mem_free(w->all);
}
