/* lane_choice.c: see lanes.h: which lanes a claim looks at, and whose turn it is. */
#include "store/pg/lanes_private.h"

#include "base/clock.h"
#include "core/turns.h"
#include "store/ops.h"
#include "store/pg/postgres.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CHOSEN_MAX   1024 /* lanes of a claim */
#define CHOSEN_LEAST 4    /* of a queue */
#define AWAITED_MAX  64   /* keys; what is beyond is not waited for */

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
    return turn_start(l->turns->next, l->turns->queue->next);
}

/* A lane that may be chosen, or one that is waited for. */
struct option {
    const struct lane *lane;
    bool is_awaited;
};

static int by_turn(const void *x, const void *y)
{
    const struct lane *a = ((const struct option *)x)->lane, *b = ((const struct option *)y)->lane;
    int64_t at = start_of(a), bt = start_of(b);
    if (a->turns->queue != b->turns->queue) {
        return a->turns->queue < b->turns->queue ? -1 : 1;
    }
    if (a->aged != b->aged) {
        return a->aged < b->aged ? -1 : 1;
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

/* ---- what is waited for: keys that those behind it may not use */

struct awaited {
    const struct lane_key *keys[AWAITED_MAX];
    size_t count;
};

static void await(struct awaited *w, const struct lane *l)
{
    for (size_t i = 0; i < l->use_count && w->count < AWAITED_MAX; i++) {
        if (l->keys[i]->kept_for == l) {
            w->keys[w->count++] = l->keys[i];
        }
    }
}

static bool is_kept(const struct awaited *w, const struct lane *l)
{
    for (size_t i = 0; i < w->count; i++) {
        for (size_t k = 0; k < l->use_count; k++) {
            if (l->keys[k] == w->keys[i]) {
                return true;
            }
        }
    }
    return false;
}

/* ---- choosing */

/* From each queue alike: which of them the claim serves is not known yet. */
static void choose(struct option *all, size_t count, size_t wanted, struct arena *a, struct lane_choice *out)
{
    struct awaited awaited = {.count = 0};
    size_t queues = count > 0, in_queue = 0;
    qsort(all, count, sizeof *all, by_turn);
    for (size_t i = 1; i < count; i++) {
        queues += all[i].lane->turns->queue != all[i - 1].lane->turns->queue;
    }
    size_t most = queues ? CHOSEN_MAX / queues : 0;
    most = most < wanted ? most : wanted;
    most = most < CHOSEN_LEAST ? CHOSEN_LEAST : most;
    out->lanes = arena_array(a, struct lane_chosen, (most < count ? queues * most : count) + 1);
    for (size_t i = 0; i < count; i++) {
        const struct lane *l = all[i].lane;
        if (i && l->turns->queue != all[i - 1].lane->turns->queue) {
            in_queue = awaited.count = 0;
        }
        if (all[i].is_awaited) {
            await(&awaited, l);
        } else if (is_kept(&awaited, l)) {
            continue;
        } else if (in_queue++ < most) {
            copy_lane(l, a, &out->lanes[out->count++]);
        } else {
            out->has_more = true;
        }
    }
}

/* When the key has room for so much. A heavy one may be overtaken until it has waited while there was room for nobody; then the key is
 * kept for it. */
static int64_t wait_for(struct lane *l, size_t use, const struct lane_eyes *eyes, int64_t now, bool *is_shut)
{
    struct lane_key *k = l->keys[use];
    const struct limit *seen = eyes ? eyes->see(eyes->ctx, k->tenant, k->key) : NULL;
    const struct limit_rule *rule = seen ? &seen->rule : &k->rule;
    const struct limit_state *state = seen ? &seen->state : &k->state;
    if (!seen && !k->is_known) {
        return 0;
    }
    int64_t weight = l->uses[use].weight, wait = limit_wait(rule, state, weight, now);
    bool is_full = wait && limit_wait(rule, state, 1, now);
    if (!wait && k->kept_for == l) {
        k->kept_for = NULL;
    } else if (is_full && weight > 1 && (!k->kept_for || !k->kept_for->may_hold)) {
        k->kept_for = l;
    }
    *is_shut |= is_full;
    return wait;
}

/* *is_awaited: it has no room only because it is heavy. */
static int64_t wait_of(struct lane *l, const struct lane_eyes *eyes, int64_t now, bool *is_awaited)
{
    int64_t wait = 0;
    bool is_shut = false;
    for (size_t i = 0; i < l->use_count; i++) {
        int64_t until = wait_for(l, i, eyes, now, &is_shut);
        wait = until > wait ? until : wait;
    }
    *is_awaited = wait && !is_shut;
    return wait;
}

static int64_t aged_of(const struct lane *l, const struct lane_filter *f, int64_t now)
{
    if (!f->settings) {
        return l->head.priority;
    }
    int64_t step_ms = settings_of(f->settings, f->tenant, l->name.queue)->age_step_ms;
    return priority_aged(l->head.priority, l->head.run_at, step_ms, now);
}

/* Where waiting betters priorities the head does not tell which job of the lane is the first: then all of them, if there is room. */
void lanes_choose(struct lanes *m, const struct lane_filter *f, const struct lane_eyes *eyes, int64_t now,
                  struct arena *a, struct lane_choice *out)
{
    pthread_mutex_lock(&m->lock);
    size_t count = 0, room = (size_t)atomic_load(&m->lane_count);
    struct option *all = arena_array(a, struct option, room + 1);
    *out = (struct lane_choice){.clock = m->clock};
    for (struct lane *l = lanes_tenant_of(m, f->tenant)->lanes; l; l = l->next) {
        bool is_awaited = false;
        if (!is_wanted(l, f) || l->is_paused) {
            continue;
        }
        int64_t wait = wait_of(l, eyes, now, &is_awaited);
        if (wait) {
            lanes_expect(m, wait);
        }
        if (!wait || is_awaited) {
            l->aged = aged_of(l, f, now);
            all[count++] = (struct option){l, is_awaited};
        }
    }
    choose(all, count, f->settings ? CHOSEN_MAX : f->wanted, a, out);
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
        const struct lane_filter f = {w->tenant, &w->queue, &w->kind, 1, w->kind.n > 0, 0};
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
