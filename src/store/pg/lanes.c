/* lanes.c: see lanes.h. */
#include "store/pg/lanes.h"

#include "base/clock.h"
#include "store/engine.h"
#include "store/ops.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX     400000 /* lanes, keys and turns together; then all is forgotten, and found again */
#define COST_TIMES   20
#define DEAR_LANES   200
#define DEAR_US      10000 /* of fewer: much is gone in the index */
#define DEAR_LOOKS   5     /* in a row: not the machine's mood */
#define LOOK_US      1000000
#define CHOSEN_MAX   256 /* lanes of a claim */
#define CHOSEN_LEAST 4   /* of a queue */
#define LINES_MAX    64  /* told of one key; the others are found by a look of those that wait */

struct lane_turns { /* of a group in a queue; of a group p NULL: of the queue */
    int64_t next;
    struct lane_turns *queue;
};

struct lane_key {
    int64_t tenant;
    struct str key;
    bool is_made, is_known;
    struct limit_rule rule;
    struct limit_state state;
    struct lane_ref *lanes; /* that name it */
    struct lane_key *next;
};

struct lane_ref {
    struct lane *lane;
    struct lane_ref *next;
};

struct lane {
    struct lane_name name;
    struct limit_use uses[LIMITS_PER_JOB];
    struct lane_key *keys[LIMITS_PER_JOB];
    size_t use_count;
    struct lane_turns *turns;
    bool may_hold;
    bool is_paused; /* its queue, when it was last looked: for looks */
    bool has_place; /* lane, its number in the index, is known */
    int64_t lane;
    int64_t priority, run_at; /* of its first job; there may be one before it that nobody told of */
    uint64_t noted_at;
    struct lane *next; /* of its tenant */
};

struct lane_tenant {
    int64_t tenant;
    struct lane *lanes;
    bool has_late;            /* the last look has found lanes, perhaps none of which may give anything */
    bool is_wanted, is_begun; /* is_begun: not all has been looked at once */
    int64_t looked_at_us, cost_us;
    int dear_looks;       /* in a row */
    struct lane_place at; /* how far the look of all has come */
    struct lane_tenant *next;
};

/* ---- what is kept */

void lanes_init(struct lanes *m)
{
    *m = (struct lanes){.a = arena_new()};
    pthread_mutex_init(&m->lock, NULL);
}

void lanes_dispose(struct lanes *m)
{
    struct map *const maps[] = {&m->lane_by_name, &m->key_by_name, &m->turn_by_name, &m->tenant_by_name};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        map_dispose(maps[i]);
    }
    arena_free(m->a);
    pthread_mutex_destroy(&m->lock);
}

static void forget_all(struct lanes *m)
{
    struct map *const maps[] = {&m->lane_by_name, &m->key_by_name, &m->turn_by_name, &m->tenant_by_name};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        map_clear(maps[i]);
    }
    arena_reset(m->a);
    m->tenants = NULL;
    m->keys = NULL;
    m->count = 0;
    atomic_store(&m->lane_count, 0);
}

/* Parts that hold no 0, behind a number: the name under which something is found. */
#define NAME_ROOM 4096
static struct str name_of(char *room, int64_t number, const struct str *parts, int count)
{
    size_t at = sizeof number;
    memcpy(room, &number, sizeof number);
    for (int i = 0; i < count; i++) {
        if (at + parts[i].n + 1 > NAME_ROOM) {
            return STR_NONE;
        }
        if (parts[i].n) {
            memcpy(room + at, parts[i].p, parts[i].n);
        }
        at += parts[i].n;
        room[at++] = 0;
    }
    return (struct str){room, at};
}

static struct lane_tenant *tenant_get(struct lanes *m, int64_t tenant)
{
    char room[NAME_ROOM];
    struct str name = name_of(room, tenant, NULL, 0);
    struct lane_tenant *t = map_get(&m->tenant_by_name, name);
    if (!t) {
        t = arena_alloc(m->a, sizeof *t);
        *t = (struct lane_tenant){.tenant = tenant, .is_begun = true, .next = m->tenants};
        m->tenants = t;
        map_put(&m->tenant_by_name, arena_str(m->a, name), t);
    }
    return t;
}

static struct lane_key *key_get(struct lanes *m, int64_t tenant, struct str key, bool make)
{
    char room[NAME_ROOM];
    struct str name = name_of(room, tenant, &key, 1);
    struct lane_key *k = name.p ? map_get(&m->key_by_name, name) : NULL;
    if (!k && name.p && make) {
        k = arena_alloc(m->a, sizeof *k);
        *k = (struct lane_key){.tenant = tenant, .key = arena_str(m->a, key), .next = m->keys};
        m->keys = k;
        m->count++;
        map_put(&m->key_by_name, arena_str(m->a, name), k);
    }
    return k;
}

static struct lane_turns *turns_get(struct lanes *m, int64_t tenant, struct str queue, struct str group)
{
    char room[NAME_ROOM];
    const struct str parts[] = {queue, group};
    struct str name = name_of(room, tenant, parts, group.p ? 2 : 1);
    struct lane_turns *t = map_get(&m->turn_by_name, name);
    if (!t) {
        t = arena_alloc(m->a, sizeof *t);
        t->queue = group.p ? turns_get(m, tenant, queue, STR_NONE) : NULL;
        m->count++;
        map_put(&m->turn_by_name, arena_str(m->a, name), t);
    }
    return t;
}

static struct str lane_key_name(char *room, const struct lane_name *n)
{
    const struct str parts[] = {n->queue, n->kind, n->group, n->limits};
    return name_of(room, n->tenant, parts, 4);
}

static struct lane *lane_make(struct lanes *m, const struct lane_name *n, struct str name)
{
    struct lane_tenant *t = tenant_get(m, n->tenant);
    struct lane *l = arena_alloc(m->a, sizeof *l);
    l->name = (struct lane_name){n->tenant, arena_str(m->a, n->queue), arena_str(m->a, n->kind),
                                 arena_str(m->a, n->group), arena_str(m->a, n->limits)};
    if (limits_read(l->name.limits, m->a, l->uses, &l->use_count, NULL)) {
        return NULL; /* no such job was taken */
    }
    for (size_t i = 0; i < l->use_count; i++) {
        struct str key = l->uses[i].key;
        struct lane_ref *ref = arena_alloc(m->a, sizeof *ref);
        l->keys[i] = key_get(m, store_limit_tenant(n->tenant, key), key, true);
        *ref = (struct lane_ref){l, l->keys[i]->lanes};
        l->keys[i]->lanes = ref;
    }
    l->turns = turns_get(m, n->tenant, n->queue, n->group.p ? n->group : STR(""));
    l->next = t->lanes;
    t->lanes = l;
    m->count++;
    atomic_fetch_add(&m->lane_count, 1);
    map_put(&m->lane_by_name, arena_str(m->a, name), l);
    return l;
}

static struct lane *lane_get(struct lanes *m, const struct lane_name *n, bool make)
{
    char room[NAME_ROOM];
    struct str name = lane_key_name(room, n);
    struct lane *l = name.p ? map_get(&m->lane_by_name, name) : NULL;
    if (!l && name.p && make) {
        if (m->count > KEPT_MAX) {
            forget_all(m);
        }
        l = lane_make(m, n, name);
    }
    return l;
}

/* ---- notes */

static void note(struct lanes *m, struct lane *l, int64_t priority, int64_t run_at)
{
    bool is_first = !l->may_hold || priority < l->priority || (priority == l->priority && run_at < l->run_at);
    l->may_hold = true;
    l->noted_at = ++m->clock;
    if (is_first) {
        l->priority = priority;
        l->run_at = run_at;
    }
}

void lanes_note(struct lanes *m, const struct lane_name *name, int64_t priority, int64_t run_at)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lane_get(m, name, true);
    if (l) {
        note(m, l, priority, run_at);
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_hear(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    tenant_get(m, tenant)->is_wanted = true;
    pthread_mutex_unlock(&m->lock);
}

void lanes_see_key(struct lanes *m, const struct limit *l)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, l->tenant, l->key, true);
    if (k) {
        k->is_known = true;
        k->rule = l->rule;
        k->state = l->state;
    }
    pthread_mutex_unlock(&m->lock);
}

bool lanes_is_made(struct lanes *m, int64_t tenant, struct str key)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_key *k = key_get(m, tenant, key, false);
    bool is_made = k && k->is_made;
    pthread_mutex_unlock(&m->lock);
    return is_made;
}

void lanes_set_made(struct lanes *m, int64_t tenant, struct str key, bool is_made)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, tenant, key, is_made);
    if (k) {
        k->is_made = is_made;
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- which are open */

/* 0: a job of it may begin, as far as known; else when. */
static int64_t wait_of(const struct lane *l, int64_t now)
{
    int64_t wait = 0;
    for (size_t i = 0; i < l->use_count; i++) {
        const struct lane_key *k = l->keys[i];
        int64_t until = k->is_known ? limit_wait(&k->rule, &k->state, l->uses[i].weight, now) : 0;
        wait = until > wait ? until : wait;
    }
    return wait;
}

static bool has_line(const struct store_round *r, const struct lane_name *n)
{
    for (size_t i = 0; i < r->line_count; i++) {
        const struct store_line *l = &r->lines[i];
        if (l->tenant == n->tenant && str_eq(l->queue, n->queue) && str_eq(l->kind, n->kind)) {
            return true;
        }
    }
    return false;
}

static void tell_line(const struct lane_name *n, struct store_round *r)
{
    if (!has_line(r, n)) {
        struct store_line *line = store_round_add_line(r);
        line->tenant = n->tenant;
        line->queue = arena_str(store_round_arena(r), n->queue);
        line->kind = arena_str(store_round_arena(r), n->kind);
    }
}

static void tell_lines(const struct lane_key *k, int64_t now, struct store_round *r)
{
    for (const struct lane_ref *ref = k->lanes; ref && r->line_count < LINES_MAX; ref = ref->next) {
        const struct lane *l = ref->lane;
        if (l->may_hold && !wait_of(l, now)) {
            tell_line(&l->name, r);
        }
    }
}

bool lanes_free_key(struct lanes *m, int64_t tenant, struct str key, int64_t weight, int64_t now,
                    struct store_round *r)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, tenant, key, false);
    bool has_slots = !k || !k->is_known || k->rule.concurrency;
    if (k) {
        k->state.used = k->state.used > weight ? k->state.used - weight : 0;
    }
    if (k && has_slots) {
        tell_lines(k, now, r);
    }
    pthread_mutex_unlock(&m->lock);
    return has_slots;
}

static void forget(struct lane_key *k, int64_t now, struct store_round *r)
{
    k->is_known = false;
    tell_lines(k, now, r);
}

void lanes_forget_key(struct lanes *m, int64_t tenant, struct str key, int64_t now, struct store_round *r)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, tenant, key, false);
    if (k) {
        forget(k, now, r);
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_forget_pattern(struct lanes *m, int64_t tenant, struct str pattern, int64_t now,
                          struct store_round *r)
{
    pthread_mutex_lock(&m->lock);
    for (struct lane_key *k = m->keys; k; k = k->next) {
        if (k->tenant == tenant && limit_key_matches(pattern, k->key)) {
            forget(k, now, r);
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- time */

/* Under the lock. */
static void expect(struct lanes *m, int64_t at)
{
    int64_t next = atomic_load(&m->next_at);
    if (at != LIMIT_WAIT_FOREVER && (!next || at < next)) {
        atomic_store(&m->next_at, at);
    }
}

int64_t lanes_next_at(struct lanes *m)
{
    return atomic_load(&m->next_at);
}

void lanes_tick(struct lanes *m, int64_t now, struct store_round *r)
{
    int64_t at = atomic_load(&m->next_at);
    if (!at || at > now) {
        return;
    }
    pthread_mutex_lock(&m->lock);
    atomic_store(&m->next_at, 0);
    for (const struct lane_tenant *t = m->tenants; t; t = t->next) {
        for (const struct lane *l = t->lanes; l; l = l->next) {
            int64_t wait = l->may_hold ? wait_of(l, now) : 0;
            if (wait) {
                expect(m, wait);
            } else if (l->may_hold && r->line_count < LINES_MAX) {
                tell_line(&l->name, r);
            }
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- looks */

static bool is_dear(const struct lane_tenant *t)
{
    return t->dear_looks >= DEAR_LOOKS;
}

/* As long as a look costs next to nothing each claim has one, and its answer is exact. */
static bool is_due(const struct lane_tenant *t, int64_t now_us)
{
    int64_t since_us = now_us - t->looked_at_us;
    if (is_dear(t)) {
        return since_us >= COST_TIMES * t->cost_us && (t->is_wanted || since_us >= LOOK_US);
    }
    return t->is_begun || t->is_wanted || since_us >= LOOK_US || t->lanes;
}

bool lanes_begin_look(struct lanes *m, int64_t tenant, bool is_slow, struct arena *a, struct lane_look *out)
{
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&m->lock);
    struct lane_tenant *t = tenant_get(m, tenant);
    bool is = is_due(t, now_us) && (!is_dear(t) || is_slow);
    if (is) {
        *out = (struct lane_look){
            .tenant = tenant, .clock = m->clock, .from = {arena_str(a, t->at.queue), t->at.lane}};
        t->is_wanted = false;
        t->looked_at_us = now_us; /* nobody else need do the same */
    }
    pthread_mutex_unlock(&m->lock);
    return is;
}

int64_t lanes_next_look(struct lanes *m)
{
    int64_t now_us = clock_mono_us(), tenant = 0;
    pthread_mutex_lock(&m->lock);
    for (const struct lane_tenant *t = m->tenants; t && !tenant; t = t->next) {
        tenant = is_dear(t) && is_due(t, now_us) ? t->tenant : 0;
    }
    pthread_mutex_unlock(&m->lock);
    return tenant;
}

bool lanes_want_looks(struct lanes *m)
{
    bool want = false;
    pthread_mutex_lock(&m->lock);
    for (const struct lane_tenant *t = m->tenants; t; t = t->next) {
        want |= is_dear(t);
    }
    pthread_mutex_unlock(&m->lock);
    return want;
}

void lanes_found(struct lanes *m, const struct lane_name *name, int64_t lane, int64_t priority,
                 int64_t run_at, bool is_paused)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lane_get(m, name, true);
    if (l) {
        note(m, l, priority, run_at);
        l->has_place = true;
        l->lane = lane;
        l->is_paused = is_paused;
    }
    pthread_mutex_unlock(&m->lock);
}

static int compare(struct lane_place a, struct lane_place b)
{
    size_t n = a.queue.n < b.queue.n ? a.queue.n : b.queue.n;
    int d = n ? memcmp(a.queue.p, b.queue.p, n) : 0;
    d = d ? d : (a.queue.n > b.queue.n) - (a.queue.n < b.queue.n);
    return d ? d : (a.lane > b.lane) - (a.lane < b.lane);
}

void lanes_end_look(struct lanes *m, const struct lane_look *look, struct lane_place to, size_t count,
                    int64_t cost_us, bool is_last)
{
    pthread_mutex_lock(&m->lock);
    struct lane_tenant *t = tenant_get(m, look->tenant);
    bool is_all = is_last && !look->from.queue.n;
    for (struct lane *l = t->lanes; l; l = l->next) {
        struct lane_place at = {l->name.queue, l->lane};
        bool is_in_it = l->has_place && compare(at, look->from) > 0 && (is_last || compare(at, to) <= 0);
        if (l->noted_at <= look->clock && (is_all || is_in_it)) {
            l->may_hold = false;
        }
    }
    t->at =
        is_last ? (struct lane_place){STR_NONE, 0} : (struct lane_place){arena_str(m->a, to.queue), to.lane};
    t->is_begun = t->is_begun && !is_last;
    t->is_wanted = t->is_wanted || !is_last; /* of a first one the rest comes at once */
    t->cost_us = cost_us;
    t->dear_looks = t->cost_us < DEAR_US && count < DEAR_LANES ? 0 : t->dear_looks + 1;
    t->has_late = count > 0;
    t->looked_at_us = clock_mono_us();
    pthread_mutex_unlock(&m->lock);
}

size_t lanes_used_keys(struct lanes *m, struct arena *a, struct limit *out, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&m->lock);
    for (const struct lane_key *k = m->keys; k && count < max; k = k->next) {
        if (k->is_known && k->rule.concurrency && k->state.used > 0 && k->lanes) {
            out[count++] = (struct limit){.tenant = k->tenant, .key = arena_str(a, k->key)};
        }
    }
    pthread_mutex_unlock(&m->lock);
    return count;
}

/* ---- claims */

bool lanes_known(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_tenant *t = tenant_get(m, tenant);
    bool known = t->lanes || t->has_late;
    pthread_mutex_unlock(&m->lock);
    return known;
}

bool lanes_any(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    const struct lane_tenant *t = tenant_get(m, tenant);
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
    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }
    if (at != bt) {
        return at < bt ? -1 : 1;
    }
    return (a->run_at > b->run_at) - (a->run_at < b->run_at);
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
    for (struct lane *l = tenant_get(m, f->tenant)->lanes; l; l = l->next) {
        if (!is_wanted(l, f) || f->is_paused(f->ctx, f->tenant, l->name.queue)) {
            continue;
        }
        int64_t wait = wait_of(l, now);
        if (!wait) {
            open[count++] = l;
        } else {
            expect(m, wait);
        }
    }
    choose(open, count, wanted, a, out);
    pthread_mutex_unlock(&m->lock);
}

void lanes_left(struct lanes *m, const struct lane_name *name, int64_t priority, int64_t run_at)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lane_get(m, name, false);
    if (l) {
        l->may_hold = true;
        l->priority = priority;
        l->run_at = run_at;
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_emptied(struct lanes *m, const struct lane_name *name, uint64_t clock)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lane_get(m, name, false);
    if (l && l->noted_at <= clock) {
        l->may_hold = false;
    }
    pthread_mutex_unlock(&m->lock);
}

static bool is_told(const struct store_look *op, const struct lane_name *n)
{
    for (size_t i = 0; i < op->count; i++) {
        if (str_eq(op->lines[i].queue, n->queue) && str_eq(op->lines[i].kind, n->kind)) {
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
        for (const struct lane *l = tenant_get(m, w->tenant)->lanes; l; l = l->next) {
            if (is_wanted(l, &f) && !l->is_paused && !wait_of(l, now) && !is_told(op, &l->name)) {
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
    const struct lane_turns *g = turns_get(m, tenant, t->queue, t->group.p ? t->group : STR(""));
    t->next = g->next;
    t->now = g->queue->next;
    pthread_mutex_unlock(&m->lock);
}

void lanes_keep_turn(struct lanes *m, int64_t tenant, const struct lane_turn *t)
{
    pthread_mutex_lock(&m->lock);
    struct lane_turns *g = turns_get(m, tenant, t->queue, t->group.p ? t->group : STR(""));
    g->next = t->next > g->next ? t->next : g->next;
    g->queue->next = t->now > g->queue->next ? t->now : g->queue->next;
    pthread_mutex_unlock(&m->lock);
}
