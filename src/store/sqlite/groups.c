/* groups.c: see lanes.h: the groups that take turns in a priority of a queue. There are as many turns as priorities, and as many rings in
 * each as kinds: they stay. A group goes when nobody would miss it. */
#include "store/sqlite/lanes_private.h"

#include <string.h>

static struct str text_copy(struct str s)
{
    return s.n ? (struct str){mem_c_str(s), s.n} : STR("");
}

static void text_free(struct str s)
{
    if (s.n) {
        mem_free((char *)s.p);
    }
}

/* ---- turns and rings */

struct turn *turn_get(struct writer *w, struct queue_row *q, int64_t priority)
{
    size_t at = q->turn_count;
    while (at > 0 && q->turns[at - 1]->priority > priority) {
        at--;
    }
    if (at > 0 && q->turns[at - 1]->priority == priority) {
        return q->turns[at - 1];
    }
    struct turn *t = arena_alloc(w->cache_arena, sizeof *t);
    *t = (struct turn){.queue = q, .priority = priority, .none = {.turn = t, .name = STR("")}};
    t->none.weight = group_weight_of(&q->weights, t->none.name);
    q->turns = mem_grow(q->turns, (q->turn_count + 1) * sizeof(struct turn *));
    memmove(&q->turns[at + 1], &q->turns[at], (q->turn_count - at) * sizeof(struct turn *));
    q->turns[at] = t;
    q->turn_count++;
    return t;
}

struct ring *ring_get(struct writer *w, struct turn *t, int64_t kind)
{
    for (size_t i = 0; i < t->ring_count; i++) {
        if (t->rings[i]->kind == kind) {
            return t->rings[i];
        }
    }
    struct ring *r = arena_alloc(w->cache_arena, sizeof *r);
    *r = (struct ring){.turn = t, .kind = kind};
    t->rings = mem_grow(t->rings, (t->ring_count + 1) * sizeof(struct ring *));
    t->rings[t->ring_count++] = r;
    return r;
}

/* ---- groups */

static struct str group_key(struct buf *to, const struct turn *t, struct str name)
{
    buf_append(to, &t, sizeof t);
    buf_append_str(to, name);
    return buf_str(to);
}

struct group *group_get(struct writer *w, struct turn *t, struct str name)
{
    struct buf key = BUF_LIMIT(sizeof t + JOB_KEY_MAX_BYTES);
    if (!name.n) {
        return &t->none;
    }
    struct group *g = map_get(&w->groups, group_key(&key, t, name));
    if (!g) {
        g = mem_alloc(sizeof *g);
        g->turn = t;
        g->name = text_copy(name);
        g->weight = group_weight_of(&t->queue->weights, name);
        g->time = t->time;
        g->key = text_copy(buf_str(&key));
        map_put(&w->groups, g->key, g);
    }
    buf_dispose(&key);
    return g;
}

static void group_free(struct writer *w, struct group *g)
{
    map_remove(&w->groups, g->key);
    text_free(g->key);
    text_free(g->name);
    mem_free(g);
}

static void queue_idle(struct writer *w, struct group *g)
{
    g->is_idle = true;
    g->next_idle = NULL;
    *(w->last_idle_group ? &w->last_idle_group->next_idle : &w->idle_groups) = g;
    w->last_idle_group = g;
}

/* A group is remembered until the others have come to where it is: else whoever always has one job would always be first. */
static bool is_forgettable(const struct group *g)
{
    return g->lanes == 0 && (g->time <= g->turn->time || g->turn->lanes == 0);
}

static void look_at_idle(struct writer *w)
{
    struct group *g = w->idle_groups;
    if (!g) {
        return;
    }
    w->idle_groups = g->next_idle;
    w->last_idle_group = w->idle_groups ? w->last_idle_group : NULL;
    g->is_idle = false;
    if (is_forgettable(g)) {
        group_free(w, g);
    } else if (g->lanes == 0) {
        queue_idle(w, g);
    }
}

void group_leave(struct writer *w, struct group *g)
{
    g->lanes--;
    g->turn->lanes--;
    if (g->lanes == 0 && !g->is_idle && g->name.n) {
        if (is_forgettable(g)) {
            group_free(w, g);
        } else {
            queue_idle(w, g);
        }
    }
}

void group_served(struct writer *w, struct group *g)
{
    struct turn *t = g->turn;
    t->time = turn_start(g->time, t->time);
    g->time = turn_end(t->time, g->weight);
    look_at_idle(w);
    look_at_idle(w);
}

void groups_weigh(struct writer *w, const struct queue_row *q)
{
    for (size_t i = 0; i < q->turn_count; i++) {
        q->turns[i]->none.weight = group_weight_of(&q->weights, STR(""));
    }
    for (size_t i = 0; i < w->groups.room && q->turn_count; i++) {
        struct group *g = w->groups.slots[i].value;
        if (g && g->turn->queue == q) {
            g->weight = group_weight_of(&q->weights, g->name);
        }
    }
}

static void forget_seats(struct group *g)
{
    for (struct seat *s = g->seats, *next; s; s = next) {
        next = s->next;
        heap_dispose(&s->lanes);
        mem_free(s);
    }
}

static void forget_turn(struct turn *t)
{
    forget_seats(&t->none);
    for (size_t i = 0; i < t->ring_count; i++) {
        heap_dispose(&t->rings[i]->seats);
    }
    mem_free(t->rings);
}

void groups_forget(struct writer *w)
{
    for (size_t i = 0; i < w->groups.room; i++) {
        struct group *g = w->groups.slots[i].value;
        if (g) {
            forget_seats(g);
            text_free(g->key);
            text_free(g->name);
            mem_free(g);
        }
    }
    map_clear(&w->groups);
    w->idle_groups = w->last_idle_group = NULL;
    for (size_t i = 0; i < w->queue_room; i++) {
        struct queue_row *q = w->queue_by_id[i];
        for (size_t t = 0; q && t < q->turn_count; t++) {
            forget_turn(q->turns[t]);
        }
        if (q) {
            mem_free(q->turns);
        }
    }
}
