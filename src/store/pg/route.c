/* route.c: which thread runs an operation. Operations that name jobs go to the committer of their first job, so that those on
 * one job keep their order. All else goes to the first, in order, so that claims of this node never compete; but for enqueues
 * that came without any of it: those go to whoever is idle. */
#include "store/pg/collect.h"

#include "base/clock.h"

#include <string.h>

static const struct id *job_of(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_REPORT: {
        const struct store_report *r = (const struct store_report *)op;
        return r->count ? &r->items[0].job : NULL;
    }
    case STORE_ACT: {
        const struct store_act *a = (const struct store_act *)op;
        return a->ids && a->count ? &a->ids[0] : NULL;
    }
    case STORE_PATCH:
        return &((const struct store_patch *)op)->job_id;
    case STORE_STAGE_ARTIFACT:
        return &((const struct store_stage_artifact *)op)->job;
    default:
        return NULL;
    }
}

static int committer_of(const struct pg_engine *s, const struct id *job)
{
    uint32_t random = 0; /* the end of an id is random */
    memcpy(&random, job->b + sizeof job->b - sizeof random, sizeof random);
    return (int)(random % (uint32_t)s->committer_count);
}

/* Whoever waits for work, else in turn. */
static int pick_idle(struct pg_engine *s)
{
    uint32_t first = atomic_fetch_add(&s->turn, 1);
    for (int i = 0; i < s->committer_count; i++) {
        struct committer *w = &s->committers[i];
        if (!atomic_load(&w->is_busy)) {
            return i;
        }
    }
    return (int)(first % (uint32_t)s->committer_count);
}

/* Of what names no job. */
static int home_of(struct pg_engine *s, const struct store_op *first)
{
    bool has_enqueue = false;
    for (const struct store_op *op = first; op; op = op->next) {
        if (store_op_is_write(op->kind) && op->kind != STORE_ENQUEUE && !job_of(op)) {
            return 0;
        }
        has_enqueue |= op->kind == STORE_ENQUEUE;
    }
    return has_enqueue ? pick_idle(s) : 0;
}

struct lists {
    struct store_op *first, **last;
};

static void add(struct lists *l, struct store_op *op, int64_t now_us)
{
    op->next = NULL;
    op->submitted_us = now_us;
    op->items_done = op->items_run = 0;
    op->until_us = 0;
    if (!l->first) {
        l->last = &l->first;
    }
    *l->last = op;
    l->last = &op->next;
}

void route_submit(struct pg_engine *s, struct store_op *first)
{
    struct lists by_committer[COMMITTERS_MAX] = {0}, reads = {0}, fills = {0};
    int home = home_of(s, first);
    int64_t now_us = clock_mono_us();
    for (struct store_op *op = first, *next = NULL; op; op = next) {
        const struct id *job = job_of(op);
        next = op->next;
        add(!store_op_is_write(op->kind) ? &reads
            : op->kind == STORE_FILL     ? &fills
                                         : &by_committer[job ? committer_of(s, job) : home],
            op, now_us);
    }
    for (int i = 0; i < s->committer_count; i++) {
        if (by_committer[i].first) {
            op_queue_push(&s->committers[i].ops, by_committer[i].first);
        }
    }
    if (fills.first) {
        op_queue_push(&FILLER(s)->ops, fills.first);
    }
    if (reads.first) {
        op_queue_push(&s->reads, reads.first);
    }
}
