/* lanes.c: see lanes.h: what is kept, and what is noted. */
#include "store/pg/lanes_private.h"

#include "store/engine.h"

#include <stdatomic.h>
#include <string.h>

#define KEPT_MAX  400000 /* lanes, keys and turns together; then all is forgotten, and found again */
#define LINES_MAX 64     /* told of one key; the others are found by a look of those that wait */

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
    mem_free(m->options);
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
    m->count = m->unknown = 0;
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

struct lane_tenant *lanes_tenant_of(struct lanes *m, int64_t tenant)
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
        m->unknown++;
        map_put(&m->key_by_name, arena_str(m->a, name), k);
    }
    return k;
}

struct lane_key *lanes_key_of(struct lanes *m, int64_t tenant, struct str key)
{
    return key_get(m, tenant, key, false);
}

struct lane_turns *lanes_turns_of(struct lanes *m, int64_t tenant, struct str queue, struct str group)
{
    char room[NAME_ROOM];
    const struct str parts[] = {queue, group};
    struct str name = name_of(room, tenant, parts, group.p ? 2 : 1);
    struct lane_turns *t = map_get(&m->turn_by_name, name);
    if (!t) {
        t = arena_alloc(m->a, sizeof *t);
        t->queue = group.p ? lanes_turns_of(m, tenant, queue, STR_NONE) : NULL;
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
    struct lane_tenant *t = lanes_tenant_of(m, n->tenant);
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
    l->turns = lanes_turns_of(m, n->tenant, n->queue, n->group.p ? n->group : STR(""));
    l->next = t->lanes;
    t->lanes = l;
    m->count++;
    atomic_fetch_add(&m->lane_count, 1);
    map_put(&m->lane_by_name, arena_str(m->a, name), l);
    return l;
}

struct lane *lanes_find(struct lanes *m, const struct lane_name *n, bool make)
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

int lanes_compare_heads(const struct lane_head *a, const struct lane_head *b)
{
    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }
    return a->run_at != b->run_at ? (a->run_at < b->run_at ? -1 : 1) : memcmp(&a->id, &b->id, sizeof a->id);
}

void lanes_put_note(struct lanes *m, struct lane *l, struct lane_head at)
{
    if (!l->may_hold || lanes_compare_heads(&at, &l->head) < 0) {
        l->head = at;
    }
    l->may_hold = true;
    l->noted_at = ++m->clock;
}

void lanes_note(struct lanes *m, const struct lane_name *name, struct lane_head at)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lanes_find(m, name, true);
    if (l) {
        lanes_put_note(m, l, at);
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_hear(struct lanes *m, int64_t tenant)
{
    pthread_mutex_lock(&m->lock);
    lanes_tenant_of(m, tenant)->is_wanted = true;
    pthread_mutex_unlock(&m->lock);
}

void lanes_see_queue(struct lanes *m, int64_t tenant, struct str queue, bool is_paused)
{
    pthread_mutex_lock(&m->lock);
    struct lane_tenant *t = lanes_tenant_of(m, tenant);
    lanes_turns_of(m, tenant, queue, STR_NONE)->is_paused = is_paused;
    t->is_wanted = t->is_wanted || !is_paused;
    pthread_mutex_unlock(&m->lock);
}

void lanes_see_key(struct lanes *m, const struct limit *l)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, l->tenant, l->key, true);
    if (k) {
        m->unknown -= !k->is_known;
        k->is_known = true;
        k->rule = l->rule;
        k->state = l->state;
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_mend_key(struct lanes *m, int64_t tenant, struct str key, int64_t completed, int64_t now)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, tenant, key, false);
    if (k && k->is_known) {
        (void)limit_mend(&k->rule, &k->state, completed, now);
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

int64_t lanes_wait_of(const struct lane *l, int64_t now)
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
        if (l->may_hold && !lanes_wait_of(l, now)) {
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

static void forget(struct lanes *m, struct lane_key *k, int64_t now, struct store_round *r)
{
    m->unknown += k->is_known;
    k->is_known = false;
    tell_lines(k, now, r);
}

void lanes_forget_key(struct lanes *m, int64_t tenant, struct str key, int64_t now, struct store_round *r)
{
    pthread_mutex_lock(&m->lock);
    struct lane_key *k = key_get(m, tenant, key, false);
    if (k) {
        forget(m, k, now, r);
    }
    pthread_mutex_unlock(&m->lock);
}

void lanes_forget_pattern(struct lanes *m, int64_t tenant, struct str pattern, int64_t now,
                          struct store_round *r)
{
    pthread_mutex_lock(&m->lock);
    for (struct lane_key *k = m->keys; k; k = k->next) {
        if (k->tenant == tenant && limit_key_matches(pattern, k->key)) {
            forget(m, k, now, r);
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- time */

void lanes_expect(struct lanes *m, int64_t at)
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
            int64_t wait = l->may_hold ? lanes_wait_of(l, now) : 0;
            if (wait) {
                lanes_expect(m, wait);
            } else if (l->may_hold && r->line_count < LINES_MAX) {
                tell_line(&l->name, r);
            }
        }
    }
    pthread_mutex_unlock(&m->lock);
}
