/* lane_choice.c: see lanes.h: which lanes a claim looks at, and whose turn it is. */
#include "store/pg/lanes_private.h"

#include "base/clock.h"
#include "store/ops.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CHOSEN_MAX   256 /* lanes of a claim */
#define CHOSEN_LEAST 4   /* of a queue */

bool lanes_known(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_tenant *t = lanes_tenant_of(m, tenant);
    bool known = t->lanes || t->has_late;
    pthread_mutex_unlock(&m->lock);
    return known;
}

bool lanes_any(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_tenant *t = lanes_tenant_of(m, tenant);
    bool any = t->lanes || t->is_wanted;
    pthread_mutex_unlock(&m->lock);
    return any;
}

static bool is_among(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return count == 0;
}

static bool is_wanted(const struct lane *l, const struct lane_filter *f)
{
    return l->may_hold && is_among(l->name.queue, f->queues, f->queue_count) &&
           is_among(l->name.kind, f->kinds, f->kind_count);
}

static int64_t start_of(const struct lane *l)
{
    return l->turns->next > l->turns->queue->next ? l->turns->next : l->turns->queue->next;
}

static int by_turn(const void *x, const void *y)
{
    const struct lane *a = *(struct lane *const *)x, *b = *(struct lane *const *)y;
    int64_t at = start_of(a), bt = start_of(b);
    if (a->turns->queue != b->turns->queue) {
        return a->turns->queue < b->turns->queue ? -1 : 1;
    }
    if (a->head.priority != b->head.priority) {
        return a->head.priority < b->head.priority ? -1 : 1;
    }
    if (at != bt) {
        return at < bt ? -1 : 1;
    }
    return lanes_compare_heads(&a->head, &b->head);
}

static void copy_lane(const struct lane *l, struct arena *a, struct lane_chosen *out)
{
    const struct lane_name *n = &l->name;
    out->name = (struct lane_name){n->tenant, arena_str(a, n->queue), arena_str(a, n->kind),
                                   arena_str(a, n->group), arena_str(a, n->limits)};
    out->use_count = l->use_count;
    for (size_t i = 0; i < l->use_count; i++) {
        out->uses[i] = (struct limit_use){arena_str(a, l->uses[i].key), l->uses[i].weight};
    }
}

/* From each queue alike: which of them the claim serves is not known yet. */
static void choose(struct lane **open, size_t count, size_t wanted, struct arena *a, struct lane_choice *out)
{
    size_t queues = count > 0, in_queue = 0;
    qsort(open, count, sizeof(struct lane *), by_turn);
    for (size_t i = 1; i < count; i++) {
        queues += open[i]->turns->queue != open[i - 1]->turns->queue;
    }
    size_t most = queues ? CHOSEN_MAX / queues : 0;
    most = most < wanted ? most : wanted;
    most = most < CHOSEN_LEAST ? CHOSEN_LEAST : most;
    out->lanes = arena_array(a, struct lane_chosen, queues * most + 1);
    for (size_t i = 0; i < count; i++) {
        bool is_new = i && open[i]->turns->queue != open[i - 1]->turns->queue;
        in_queue = is_new ? 1 : in_queue + 1;
        if (in_queue <= most) {
            copy_lane(open[i], a, &out->lanes[out->count++]);
        }
    }
    out->has_more = out->count < count;
}

void lanes_choose(struct lanes *m, const struct lane_filter *f, size_t wanted, int64_t now, struct arena *a,
                  struct lane_choice *out)
{
    pthread_mutex_lock(&m->lock);
    size_t count = 0, room = (size_t)atomic_load(&m->lane_count);
    struct lane **open = arena_array(a, struct lane *, room + 1);
    *out = (struct lane_choice){.clock = m->clock};
    for (struct lane *l = lanes_tenant_of(m, f->tenant)->lanes; l; l = l->next) {
        if (!is_wanted(l, f) || l->is_paused) {
            continue;
        }
        int64_t wait = lanes_wait_of(l, now);
        if (!wait) {
            open[count++] = l;
        } else {
            lanes_expect(m, wait);
        }
    }
    choose(open, count, wanted, a, out);
    pthread_mutex_unlock(&m->lock);
}

void lanes_left(struct lanes *m, const struct lane_name *name, struct lane_head at)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lanes_find(m, name, false);
    if (l) {
        l->may_hold = true;
        l->head = at;
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_emptied(struct lanes *m, const struct lane_name *name, uint64_t clock)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lanes_find(m, name, false);
    if (l && l->noted_at <= clock) {
        l->may_hold = false;
    }
    pthread_mutex_unlock(&m->lock);
}

static bool is_told(const struct store_look *op, const struct lane_name *n)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct store_line *l = &op->lines[i];
        if (l->tenant == n->tenant && str_eq(l->queue, n->queue) && str_eq(l->kind, n->kind)) {
            return true;
        }
    }
    return false;
}

void lanes_look(struct lanes *m, struct store_look *op, int64_t now)
{
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < op->wanted_count; i++) {
        const struct store_line *w = &op->wanted[i];
        const struct lane_filter f = {w->tenant, &w->queue, &w->kind, 1, w->kind.n > 0};
        for (const struct lane *l = lanes_tenant_of(m, w->tenant)->lanes; l; l = l->next) {
            if (is_wanted(l, &f) && !l->is_paused && !lanes_wait_of(l, now) && !is_told(op, &l->name)) {
                ops_add_line(op, &(struct store_line){w->tenant, arena_str(op->op.a, l->name.queue),
                                                      arena_str(op->op.a, l->name.kind)});
            }
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- turns */

void lanes_read_turn(struct lanes *m, int64_t tenant, struct lane_turn *t)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_turns *g = lanes_turns_of(m, tenant, t->queue, t->group.p ? t->group : STR(""));
    t->next = g->next;
    t->now = g->queue->next;
    pthread_mutex_unlock(&m->lock);
}

void lanes_keep_turn(struct lanes *m, int64_t tenant, const struct lane_turn *t)
{
    pthread_mutex_lock(&m->lock);
    struct lane_turns *g = lanes_turns_of(m, tenant, t->queue, t->group.p ? t->group : STR(""));
    g->next = t->next > g->next ? t->next : g->next;
    g->queue->next = t->now > g->queue->next ? t->now : g->queue->next;
    pthread_mutex_unlock(&m->lock);
}
