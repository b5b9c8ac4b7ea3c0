/* lane_choice.c: see lanes.h: which lanes a claim looks at, and whose turn it is. */
#include "store/pg/lanes_private.h"

#include "base/clock.h"
#include "core/turns.h"
#include "store/ops.h"
#include "store/pg/postgres.h"

#include <stdatomic.h>
#include <stdlib.h>

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
    bool any = t->lanes || t->is_wanted || t->is_begun;
    pthread_mutex_unlock(&m->lock);
    return any;
}

static bool is_wanted(const struct lane *l, const struct lane_filter *f)
{
    return l->may_hold && ops_wants(l->name.queue, f->queues, f->queue_count) &&
           ops_wants(l->name.kind, f->kinds, f->kind_count);
}

/* When the key has room for so much. A heavy one may be overtaken until it has waited while there was room for nobody; then the key is
 * kept for it. */
static int64_t wait_for(struct lane *l, size_t use, int64_t now, bool *is_shut)
{
    struct lane_key *k = l->keys[use];
    const struct limit_rule *rule = k->held ? &k->held->rule : &k->rule;
    const struct limit_state *state = k->held ? &k->held->state : &k->state;
    if (!k->held && !k->is_known) {
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
static int64_t wait_of(struct lane *l, int64_t now, bool *is_awaited)
{
    int64_t wait = 0;
    bool is_shut = false;
    for (size_t i = 0; i < l->use_count; i++) {
        int64_t until = wait_for(l, i, now, &is_shut);
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

static void open_eyes(struct lanes *m, const struct lane_eyes *eyes, bool is_open)
{
    for (size_t i = 0; eyes && i < eyes->count; i++) {
        struct lane_key *k = lanes_key_of(m, eyes->held[i]->tenant, eyes->held[i]->key);
        if (k) {
            k->held = is_open ? eyes->held[i] : NULL;
        }
    }
}

/* Those that may be chosen, or are waited for: how many. */
static size_t find_options(struct lanes *m, const struct lane_filter *f, int64_t now)
{
    size_t count = 0;
    for (struct lane *l = lanes_tenant_of(m, f->tenant)->lanes; l; l = l->next) {
        bool is_awaited = false;
        if (!is_wanted(l, f) || l->turns->queue->is_paused) {
            continue;
        }
        int64_t wait = wait_of(l, now, &is_awaited);
        if (wait) {
            lanes_expect(m, wait);
        }
        if (!wait || is_awaited) {
            m->options[count++] =
                (struct lane_option){.lane = l,
                                     .is_awaited = is_awaited,
                                     .aged = aged_of(l, f, now),
                                     .start = turn_start(l->turns->next, l->turns->queue->next)};
        }
    }
    return count;
}

/* Where waiting betters priorities the head does not tell which job of the lane is the first: then all of them, if there is room. */
void lanes_choose(struct lanes *m, const struct lane_filter *f, const struct lane_eyes *eyes, int64_t now,
                  struct arena *a, struct lane_choice *out)
{
    pthread_mutex_lock(&m->lock);
    size_t room = (size_t)atomic_load(&m->lane_count);
    if (m->option_room < room) {
        m->option_room = 2 * room;
        m->options = mem_grow(m->options, m->option_room * sizeof *m->options);
    }
    *out = (struct lane_choice){.clock = m->clock};
    open_eyes(m, eyes, true);
    size_t count = find_options(m, f, now);
    open_eyes(m, eyes, false);
    lanes_order(m, count, f->settings ? LANES_CHOSEN_MAX : f->wanted, a, out);
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
            if (is_wanted(l, &f) && !l->turns->queue->is_paused && !lanes_wait_of(l, now) &&
                !is_told(op, &l->name)) {
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
