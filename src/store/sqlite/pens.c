/* pens.c: see lanes.h: lanes that are open, in their groups' seats, and lanes that a key holds up, in its pens. */
#include "store/sqlite/lanes_private.h"

#include "store/sqlite/limits.h"

/* Among equals those without a group come first, as the plain jobs do that are of it; then who came first. */
void seat_rank(struct seat *s)
{
    struct turn *t = s->ring->turn;
    s->node.rank[0] = s->group->time;
    s->node.rank[1] = s->group == &t->none ? 0 : ++t->arrivals;
}

static struct seat *seat_get(struct ring *r, struct group *g)
{
    for (struct seat *s = g->seats; s; s = s->next) {
        if (s->ring == r) {
            return s;
        }
    }
    struct turn *t = r->turn;
    struct seat *s = mem_alloc(sizeof *s);
    g->time = turn_start(g->time, t->time); /* it saved nothing up while it had nothing open */
    *s = (struct seat){.ring = r, .group = g, .next = g->seats};
    seat_rank(s);
    g->seats = s;
    heap_put(&r->seats, &s->node);
    return s;
}

static void seat_free(struct seat *s)
{
    struct seat **at = &s->group->seats;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    heap_take(&s->ring->seats, &s->node);
    heap_dispose(&s->lanes);
    mem_free(s);
}

void lane_open(struct lane *l)
{
    l->seat = seat_get(l->ring, l->group);
    l->node.rank[0] = l->head_at;
    l->node.rank[1] = l->head_id;
    heap_put(&l->seat->lanes, &l->node);
    l->line->queue->open_lanes++;
}

void seat_moved(struct lane *l)
{
    l->node.rank[0] = l->head_at;
    l->node.rank[1] = l->head_id;
    heap_moved(&l->seat->lanes, &l->node);
}

static void lane_close(struct lane *l)
{
    heap_take(&l->seat->lanes, &l->node);
    if (!l->seat->lanes.count) {
        seat_free(l->seat);
    }
    l->seat = NULL;
    l->line->queue->open_lanes--;
}

static void pen_rank(struct lane *l)
{
    l->node.rank[0] = l->group->time;
    l->node.rank[1] = l->head_at;
    l->node.rank[2] = l->head_id;
}

void pen_moved(struct lane *l)
{
    pen_rank(l);
    heap_moved(&l->pen->lanes, &l->node);
}

static struct pen *pen_get(struct limit_key *key, struct ring *r)
{
    for (struct pen *p = key->pens; p; p = p->next) {
        if (p->ring == r) {
            return p;
        }
    }
    struct pen *p = mem_alloc(sizeof *p);
    *p = (struct pen){.key = key, .ring = r, .next = key->pens};
    key->pens = p;
    return p;
}

static void pen_free_if_done(struct pen *p)
{
    struct pen **at = &p->key->pens;
    if (p->lanes.count || p->scouts) {
        return;
    }
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    heap_dispose(&p->lanes);
    mem_free(p);
}

static void lane_leave_pen(struct lane *l)
{
    struct pen *p = l->pen;
    heap_take(&p->lanes, &l->node);
    l->node.rank[2] = 0;
    l->pen = NULL;
}

static struct lane *pen_first(struct pen *p)
{
    for (;;) {
        struct lane *l = (struct lane *)heap_first(&p->lanes);
        if (!l || l->node.rank[0] == l->group->time) {
            return l;
        }
        pen_moved(l);
    }
}

static void announce(struct writer *w, const struct ring *r)
{
    struct store_round *round = w->keeper.round;
    const struct queue_row *q = r->turn->queue;
    struct str kind = names_get(&w->engine->words, r->kind);
    const struct store_line *last = round->line_count ? &round->lines[round->line_count - 1] : NULL;
    if (last && last->tenant == q->tenant && str_eq(last->queue, q->name) && str_eq(last->kind, kind)) {
        return;
    }
    struct store_line *line = store_round_add_line(round);
    line->tenant = q->tenant;
    line->queue = q->name;
    line->kind = kind;
}

/* Lets one out, if nobody of this pen is out and the key has room for it. The pen may be gone then. */
static void pen_look(struct writer *w, struct pen *p)
{
    struct lane *l = p->scouts ? NULL : pen_first(p);
    if (l) {
        int64_t weight = limit_set_weight(l->set, p->key);
        int64_t until = limit_wait(&p->key->rule, &p->key->state, weight, w->keeper.now);
        if (!until) {
            lane_leave_pen(l);
            l->scout_of = p;
            p->scouts++;
            lane_open(l);
            announce(w, p->ring);
        } else if (until != LIMIT_WAIT_FOREVER) {
            limit_key_wake_at(w, p->key, until);
        }
    }
    pen_free_if_done(p);
}

void pens_look(struct writer *w, struct limit_key *key)
{
    for (struct pen *p = key->pens, *next; p; p = next) {
        next = p->next;
        pen_look(w, p);
    }
}

/* It is no scout any more; unless its key holds it up again, another may be. */
static void scout_done(struct writer *w, struct lane *l, const struct limit_key *held_by)
{
    struct pen *p = l->scout_of;
    if (!p) {
        return;
    }
    l->scout_of = NULL;
    p->scouts--;
    if (p->key != held_by) {
        pen_look(w, p);
    }
}

void lane_hold(struct writer *w, struct lane *l, struct limit_key *key, int64_t until)
{
    lane_close(l);
    l->pen = pen_get(key, l->ring);
    pen_rank(l);
    heap_put(&l->pen->lanes, &l->node);
    if (until != LIMIT_WAIT_FOREVER) {
        limit_key_wake_at(w, key, until);
    }
    scout_done(w, l, key);
}

void lane_put_away(struct writer *w, struct lane *l)
{
    struct pen *p = l->pen;
    if (l->seat) {
        lane_close(l);
    } else if (p) {
        lane_leave_pen(l);
        pen_look(w, p);
    }
    scout_done(w, l, NULL);
}

struct pen *lane_begin(struct lane *l)
{
    struct pen *p = l->scout_of; /* it counts as one still, so that nobody follows too early */
    l->scout_of = NULL;
    return p;
}

void lane_end(struct writer *w, struct lane *l, struct pen *was_scout_of)
{
    limit_set_spend(w, l->set);
    if (was_scout_of) {
        was_scout_of->scouts--;
        pen_look(w, was_scout_of);
    }
}

void lanes_announce(struct writer *w, const struct queue_row *q)
{
    for (size_t i = 0; i < q->turn_count; i++) {
        for (size_t k = 0; k < q->turns[i]->ring_count; k++) {
            if (q->turns[i]->rings[k]->seats.count) {
                announce(w, q->turns[i]->rings[k]);
            }
        }
    }
}
