/* lanes.c: see lanes.h. */
#include "store/sqlite/lanes.h"

#include <assert.h>
#include <string.h>

#include "store/sqlite/limits.h"

static struct str bytes_of(const void *p, size_t n)
{
    return (struct str){p, n};
}

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

/* ---- turns and rings: as many as there are priorities, and kinds in each; they stay */

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
    q->turns = mem_grow(q->turns, (q->turn_count + 1) * sizeof(struct turn *));
    memmove(&q->turns[at + 1], &q->turns[at], (q->turn_count - at) * sizeof(struct turn *));
    q->turns[at] = t;
    q->turn_count++;
    return t;
}

static struct ring *ring_get(struct writer *w, struct turn *t, int64_t kind)
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

static struct group *group_get(struct writer *w, struct turn *t, struct str name)
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

static void group_leave(struct writer *w, struct group *g)
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
    t->time = g->time > t->time ? g->time : t->time;
    g->time = t->time + TURN_TIME;
    look_at_idle(w);
    look_at_idle(w);
}

/* ---- open and held up */

/* Among equals those without a group come first, as the plain jobs do that are of it; then who came first. */
static void seat_rank(struct seat *s)
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
    g->time = g->time > t->time ? g->time : t->time; /* it saved nothing up while it had nothing open */
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

static void lane_open(struct lane *l)
{
    l->seat = seat_get(l->ring, l->group);
    l->node.rank[0] = l->head_at;
    l->node.rank[1] = l->head_id;
    heap_put(&l->seat->lanes, &l->node);
    l->line->queue->open_lanes++;
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
        pen_rank(l);
        heap_moved(&p->lanes, &l->node);
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

static void lane_hold(struct writer *w, struct lane *l, struct limit_key *key, int64_t until)
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

/* ---- lanes */

enum rc lane_get(struct writer *w, struct queue_row *q, const struct lane_place *p, struct line **out,
                 struct err *e)
{
    struct turn *t = turn_get(w, q, p->priority);
    struct limit_set *set = NULL;
    enum rc rc = limit_set_get(w, q->tenant, p->limits, &set, e);
    if (rc) {
        return rc;
    }
    struct group *g = group_get(w, t, p->group);
    const int64_t key[6] = {q->id,   p->kind, p->priority, (int64_t)(intptr_t)g, (int64_t)(intptr_t)set,
                            p->apart};
    *out = map_get(&w->lines, bytes_of(key, sizeof key));
    if (*out) {
        limit_set_release(w, set);
        return RC_OK;
    }
    struct lane *l = mem_alloc(sizeof *l);
    *l = (struct lane){.ring = ring_get(w, t, p->kind), .group = g, .set = set};
    memcpy(l->key, key, sizeof key);
    l->line = line_new_lane(w, p->id, l);
    map_put(&w->lines, bytes_of(l->key, sizeof l->key), l->line);
    g->lanes++;
    t->lanes++;
    *out = l->line;
    return RC_OK;
}

int64_t lane_apart(const struct lane *l)
{
    return l->key[5];
}

enum rc lane_get_apart(struct writer *w, struct queue_row *q, struct lane_place p, struct line **out,
                       struct err *e)
{
    bool has_job = true;
    enum rc rc = RC_OK;
    for (p.apart = 1; has_job && !rc; p.apart++) {
        rc = lane_get(w, q, &p, out, e);
        has_job = !rc && (*out)->queued > 0;
        if (!rc && !has_job) { /* hidden ones? */
            rc = line_look_into(w, *out, &has_job, e);
        }
    }
    if (!rc) {
        line_add(w, *out, 0); /* it is stored */
    }
    return rc;
}

void lane_reveal(struct lane *l)
{
    l->head_at = l->head_id = 0;
    l->is_head_known = false;
    if (!l->seat && !l->pen) {
        lane_open(l);
    }
}

enum rc lane_load(struct writer *w, struct queue_row *q, struct db_stmt *row, struct err *e)
{
    int64_t priority = line_priority(db_int(row, 3));
    const struct lane_place p = {.id = db_int(row, 0),
                                 .apart = line_apart(db_int(row, 3)),
                                 .kind = db_int(row, 2),
                                 .priority = priority,
                                 .group = db_str(row, 5),
                                 .limits = db_str(row, 6)};
    struct line *line = NULL;
    enum rc rc = lane_get(w, q, &p, &line, e);
    if (!rc) {
        line->queued = db_int(row, 4);
        line->lane->is_stored = true;
        line->queued > 0 ? lane_open(line->lane) : line_add(w, line, 0); /* an empty one goes */
    }
    return rc;
}

void lane_joined(struct writer *w, struct lane *l, int64_t run_at, int64_t ordinal)
{
    (void)w;
    bool is_first = l->line->queued == 1;
    if (!is_first && (run_at > l->head_at || (run_at == l->head_at && ordinal > l->head_id))) {
        return;
    }
    l->head_at = run_at;
    l->head_id = ordinal;
    l->is_head_known = true;
    if (!l->seat && !l->pen) {
        lane_open(l);
    } else if (l->pen) {
        pen_rank(l);
        heap_moved(&l->pen->lanes, &l->node);
    } else {
        l->node.rank[0] = run_at;
        l->node.rank[1] = ordinal;
        heap_moved(&l->seat->lanes, &l->node);
    }
}

void lane_left(struct writer *w, struct lane *l, int64_t ordinal)
{
    l->is_head_known = l->is_head_known && ordinal != l->head_id;
    if (l->line->queued > 0) {
        return;
    }
    struct pen *p = l->pen;
    if (l->seat) {
        lane_close(l);
    } else if (p) {
        lane_leave_pen(l);
        pen_look(w, p);
    }
    scout_done(w, l, NULL);
}

struct str lane_limits(const struct lane *l)
{
    return l->set ? str_sub(l->set->map_key, sizeof(int64_t), l->set->map_key.n) : STR("");
}

void lane_free(struct writer *w, struct lane *l)
{
    assert(!l->seat && !l->pen && !l->scout_of);
    map_remove(&w->lines, bytes_of(l->key, sizeof l->key));
    group_leave(w, l->group);
    limit_set_release(w, l->set);
    mem_free(l);
}

/* ---- for claims */

static enum rc find_head(struct writer *w, struct lane *l, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_JOB_HEADS, &q, e);
    if (!rc) {
        db_bind_int(q, 1, l->line->id);
        db_bind_int(q, 2, 1);
        rc = db_step(q, &has_row, e);
    }
    if (rc || !has_row) {
        return rc ? rc : err_set(e, RC_FATAL, "a line counts a job that is not in it");
    }
    l->head_id = db_int(q, 0);
    l->head_at = db_int(q, 1);
    l->is_head_known = true;
    db_reset(q);
    l->node.rank[0] = l->head_at;
    l->node.rank[1] = l->head_id;
    heap_moved(&l->seat->lanes, &l->node);
    return RC_OK;
}

/* The oldest of those in the seat that may give, its head known; NULL: none may, and the seat is gone. */
static enum rc seat_next(struct writer *w, struct seat *s, struct lane **out, struct err *e)
{
    enum rc rc = RC_OK;
    *out = NULL;
    for (bool is_there = true; !rc && !*out && is_there;) {
        struct lane *l = (struct lane *)heap_first(&s->lanes);
        int64_t until = 0;
        struct limit_key *key = limit_set_blocked(w, l->set, &until);
        if (key) {
            is_there = s->lanes.count > 1;
            lane_hold(w, l, key, until);
        } else if (!l->is_head_known) {
            rc = find_head(w, l, e);
        } else {
            *out = l;
        }
    }
    return rc;
}

enum rc ring_next(struct writer *w, struct ring *r, struct seat **out, struct err *e)
{
    struct lane *l = NULL;
    enum rc rc = RC_OK;
    *out = NULL;
    while (!rc && !l && r->seats.count) {
        struct seat *s = (struct seat *)heap_first(&r->seats);
        if (s->node.rank[0] != s->group->time) {
            seat_rank(s);
            heap_moved(&r->seats, &s->node);
            continue;
        }
        rc = seat_next(w, s, &l, e);
        *out = l ? s : NULL;
    }
    return rc;
}

static bool is_older(const struct lane *a, const struct lane *b)
{
    return a->head_at != b->head_at ? a->head_at < b->head_at : a->head_id < b->head_id;
}

enum rc group_next(struct writer *w, struct group *g, bool (*is_wanted)(const void *ctx, int64_t kind),
                   const void *ctx, struct lane **out, struct err *e)
{
    enum rc rc = RC_OK;
    *out = NULL;
    for (struct seat *s = g->seats, *next; s && !rc; s = next) {
        struct lane *l = NULL;
        next = s->next;
        if (is_wanted(ctx, s->ring->kind)) {
            rc = seat_next(w, s, &l, e);
        }
        *out = l && (!*out || is_older(l, *out)) ? l : *out;
    }
    return rc;
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

void lanes_forget(struct writer *w)
{
    for (size_t i = 0; i < w->lines.room; i++) {
        struct line *l = w->lines.slots[i].value;
        if (l) {
            mem_free(l->lane);
        }
    }
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
