/* limits.c: see limits.h. */
#include "store/sqlite/limits.h"

#include "base/fault.h"

#include <string.h>

#include "store/sqlite/lanes.h"

#define KEY_BYTES (sizeof(int64_t) + LIMIT_KEY_MAX_BYTES)

/* ---- keys */

static struct str map_key(struct buf *to, int64_t tenant, struct str text)
{
    buf_clear(to);
    buf_append(to, &tenant, sizeof tenant);
    buf_append_str(to, text);
    return buf_str(to);
}

static struct str bytes_copy(struct str s)
{
    return (struct str){mem_c_str(s), s.n};
}

static struct limit_key *key_find(struct writer *w, int64_t tenant, struct str key)
{
    struct buf text = BUF_LIMIT(KEY_BYTES);
    struct limit_key *found = map_get(&w->limit_keys, map_key(&text, tenant, key));
    buf_dispose(&text);
    return found;
}

/* The rule that holds: its own, or that of the longest pattern. */
static void resolve(struct writer *w, int64_t tenant, struct str key, struct limit_rule *rule,
                    struct str *pattern)
{
    char text[LIMIT_KEY_MAX_BYTES + 1];
    *rule = (struct limit_rule){0};
    *pattern = STR_NONE;
    for (size_t n = key.n + 1; w->pattern_count && n-- > 0 && !pattern->n;) {
        memcpy(text, key.p, n);
        text[n] = '*';
        struct limit_key *k = key_find(w, tenant, (struct str){text, n + 1});
        if (k && k->is_set) {
            *rule = k->own;
            *pattern = k->key;
        }
    }
}

static void key_resolve(struct writer *w, struct limit_key *k)
{
    k->pattern = STR_NONE;
    k->rule = k->own;
    if (!k->is_set && !limit_key_is_pattern(k->key)) {
        resolve(w, k->tenant, k->key, &k->rule, &k->pattern);
    }
}

static struct limit_key *key_get(struct writer *w, int64_t tenant, struct str key)
{
    struct limit_key *k = key_find(w, tenant, key);
    if (k) {
        return k;
    }
    struct buf text = BUF_LIMIT(KEY_BYTES);
    k = mem_alloc(sizeof *k);
    k->tenant = tenant;
    k->map_key = bytes_copy(map_key(&text, tenant, key));
    k->key = str_sub(k->map_key, sizeof tenant, k->map_key.n);
    key_resolve(w, k);
    map_put(&w->limit_keys, k->map_key, k);
    buf_dispose(&text);
    return k;
}

static bool is_past(const struct limit_state *s, int64_t now)
{
    bool is_cut = s->cut_micro && s->cut_at + LIMIT_CUT_MS > now;
    return s->full_at_us <= now * 1000 && s->paused_until <= now && !is_cut;
}

/* Nobody would miss it: what is kept of it in the table is nothing, or goes with it. */
static void key_drop(struct writer *w, struct limit_key *k)
{
    if (k->refs || k->is_set || k->is_stored || k->is_dirty || k->pens) {
        return;
    }
    if (k->wake.place) {
        heap_take(&w->limit_wakes, &k->wake);
    }
    map_remove(&w->limit_keys, k->map_key);
    mem_free((char *)k->map_key.p);
    mem_free(k);
}

static void key_mark(struct writer *w, struct limit_key *k)
{
    if (!k->is_dirty) {
        k->is_dirty = true;
        k->next_dirty = w->dirty_limits;
        w->dirty_limits = k;
    }
}

void limit_key_wake_at(struct writer *w, struct limit_key *k, int64_t at)
{
    if (k->wake.place && k->wake.rank[0] <= at) {
        return;
    }
    k->wake.rank[0] = at;
    if (k->wake.place) {
        heap_moved(&w->limit_wakes, &k->wake);
    } else {
        heap_put(&w->limit_wakes, &k->wake);
    }
}

void limits_pass_time(struct writer *w)
{
    struct limit_key *k = NULL;
    while ((k = (struct limit_key *)heap_first(&w->limit_wakes)) && k->wake.rank[0] <= w->keeper.now) {
        heap_take(&w->limit_wakes, &k->wake);
        pens_look(w, k);
    }
}

int64_t limits_next_at(const struct writer *w)
{
    const struct heap_node *first = heap_first(&w->limit_wakes);
    return first ? first->rank[0] : 0;
}

/* ---- sets */

static struct limit_set *set_find(struct writer *w, int64_t tenant, struct str text)
{
    struct buf key = BUF_LIMIT(1 << 16);
    struct limit_set *s = map_get(&w->limit_sets, map_key(&key, tenant, text));
    buf_dispose(&key);
    return s;
}

enum rc limit_set_get(struct writer *w, int64_t tenant, struct str text, struct limit_set **out,
                      struct err *e)
{
    struct limit_use uses[LIMITS_PER_JOB];
    struct buf key = BUF_LIMIT(1 << 16);
    size_t count = 0;
    struct limit_set *s = text.n ? set_find(w, tenant, text) : NULL;
    *out = s;
    if (s || !text.n) {
        s ? s->refs++ : 0;
        return RC_OK;
    }
    enum rc rc = limits_read(text, w->keeper.scratch, uses, &count, e);
    if (rc) {
        return err_set(e, RC_FATAL, "the limits of a job cannot be read");
    }
    s = mem_alloc(sizeof *s);
    s->map_key = bytes_copy(map_key(&key, tenant, text));
    s->count = count;
    s->refs = 1;
    for (size_t i = 0; i < count; i++) {
        s->uses[i].key = key_get(w, store_limit_tenant(tenant, uses[i].key), uses[i].key);
        s->uses[i].key->refs++;
        s->uses[i].weight = uses[i].weight;
    }
    map_put(&w->limit_sets, s->map_key, s);
    buf_dispose(&key);
    *out = s;
    return RC_OK;
}

void limit_set_release(struct writer *w, struct limit_set *s)
{
    if (!s || --s->refs > 0) {
        return;
    }
    map_remove(&w->limit_sets, s->map_key);
    for (size_t i = 0; i < s->count; i++) {
        s->uses[i].key->refs--;
        key_drop(w, s->uses[i].key);
    }
    mem_free((char *)s->map_key.p);
    mem_free(s);
}

struct limit_key *limit_set_blocked(const struct writer *w, const struct limit_set *s, int64_t *until)
{
    for (size_t i = 0; s && i < s->count; i++) {
        struct limit_key *k = s->uses[i].key;
        *until = limit_wait(&k->rule, &k->state, s->uses[i].weight, w->keeper.now);
        if (*until) {
            return k;
        }
    }
    return NULL;
}

void limit_set_spend(struct writer *w, const struct limit_set *s)
{
    for (size_t i = 0; s && i < s->count; i++) {
        struct limit_key *k = s->uses[i].key;
        if (k->rule.rate) {
            limit_spend(&k->rule, &k->state, s->uses[i].weight, w->keeper.now);
            key_mark(w, k);
        }
    }
}

int64_t limit_set_weight(const struct limit_set *s, const struct limit_key *key)
{
    size_t i = 0;
    while (s->uses[i].key != key) {
        i++;
    }
    return s->uses[i].weight;
}

static enum rc use(struct writer *w, int64_t tenant, struct str text, struct err *e)
{
    struct limit_set *s = NULL;
    enum rc rc = limit_set_get(w, tenant, text, &s, e); /* held until limits_end */
    for (size_t i = 0; s && !rc && i < s->count; i++) {
        s->uses[i].key->state.used += s->uses[i].weight;
    }
    return rc;
}

struct slot_change {
    int64_t job, tenant;
    struct str limits; /* of a job that begins; "" of one that ends */
    struct slot_change *next;
};

static void note_slot(struct writer *w, int64_t job, int64_t tenant, struct str limits)
{
    struct slot_change *c = arena_alloc(w->keeper.scratch, sizeof *c);
    *c = (struct slot_change){.job = job, .tenant = tenant, .limits = limits};
    *(w->last_slot_change ? &w->last_slot_change->next : &w->slot_changes) = c;
    w->last_slot_change = c;
}

enum rc limits_begin(struct writer *w, const struct sqlite_row *row, struct err *e)
{
    const struct row *r = &row->row;
    note_slot(w, row->ordinal, r->tenant, arena_str(w->keeper.scratch, r->limits));
    return use(w, r->tenant, r->limits, e);
}

void limits_end(struct writer *w, const struct sqlite_row *row)
{
    struct limit_set *s = set_find(w, row->row.tenant, row->row.limits);
    note_slot(w, row->ordinal, row->row.tenant, STR(""));
    for (size_t i = 0; s && i < s->count; i++) {
        s->uses[i].key->state.used -= s->uses[i].weight;
        pens_look(w, s->uses[i].key);
    }
    limit_set_release(w, s);
}

/* ---- to the table and back */

static enum rc store(struct writer *w, struct limit_key *k, struct err *e)
{
    struct db_stmt *q = NULL;
    bool is_needed = k->is_set || !is_past(&k->state, w->keeper.now);
    enum rc rc = stmt(w->db, is_needed ? SQL_LIMIT_PUT : SQL_LIMIT_DELETE, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {
        k->is_set,           k->own.concurrency,    k->own.rate,        k->own.period_ms,   k->own.burst,
        k->state.full_at_us, k->state.paused_until, k->own.is_adaptive, k->state.cut_micro, k->state.cut_at};
    db_bind_int(q, 1, k->tenant);
    db_bind_str(q, 2, k->key);
    for (size_t i = 0; is_needed && i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 3, numbers[i]);
    }
    k->is_stored = is_needed;
    rc = db_run(q, e);
    return !rc && FAULT("store.limit.put") ? err_set(e, RC_BUSY, "fault: limit") : rc;
}

enum rc limits_put_slot(struct writer *w, int64_t ordinal, int64_t tenant, struct str text, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_SLOT_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, ordinal);
        db_bind_int(q, 2, tenant);
        db_bind_str(q, 3, text);
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc free_slot(struct writer *w, int64_t ordinal, struct err *e)
{
    enum rc rc = run_with_id(w->db, SQL_SLOT_DELETE, ordinal, e);
    return !rc && FAULT("store.slot.free") ? err_set(e, RC_BUSY, "fault: slot") : rc;
}

enum rc limits_flush(struct writer *w, struct err *e)
{
    enum rc rc = RC_OK;
    for (struct slot_change *c = w->slot_changes; c && !rc; c = c->next) {
        rc = c->limits.n ? limits_put_slot(w, c->job, c->tenant, c->limits, e) : free_slot(w, c->job, e);
    }
    w->slot_changes = w->last_slot_change = NULL;
    while (w->dirty_limits && !rc) {
        struct limit_key *k = w->dirty_limits;
        w->dirty_limits = k->next_dirty;
        k->is_dirty = false;
        rc = store(w, k, e);
        key_drop(w, k);
    }
    return rc;
}

static void read_key(struct writer *w, struct db_stmt *q)
{
    struct limit_key *k = key_get(w, db_int(q, 0), db_str(q, 1));
    k->is_set = db_int(q, 2);
    k->own = (struct limit_rule){db_int(q, 3), db_int(q, 4), db_int(q, 5), db_int(q, 6), db_int(q, 9)};
    k->state = (struct limit_state){0, db_int(q, 7), db_int(q, 8), db_int(q, 10), db_int(q, 11)};
    k->is_stored = true;
    w->pattern_count += k->is_set && limit_key_is_pattern(k->key);
}

static void resolve_all(struct writer *w)
{
    for (size_t i = 0; i < w->limit_keys.room; i++) {
        if (w->limit_keys.slots[i].value) {
            key_resolve(w, w->limit_keys.slots[i].value);
        }
    }
}

enum rc limits_load(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_LIMIT_ALL, &q, e);
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        read_key(w, q);
    }
    resolve_all(w);
    if (!rc) {
        rc = stmt(w->db, SQL_LIMIT_SLOTS, &q, e);
    }
    if (!rc) {
        db_bind_int(q, 1, 0);
    }
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        rc = use(w, db_int(q, 0), db_str(q, 1), e);
    }
    return rc;
}

enum rc limits_prune(struct writer *w, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < w->limit_keys.room; i++) {
        struct limit_key *k = w->limit_keys.slots[i].value;
        if (k && k->is_stored && !k->is_set && is_past(&k->state, w->keeper.now)) {
            key_mark(w, k);
        }
    }
    return rc ? rc : limits_flush(w, e);
}

void limits_forget(struct writer *w)
{
    for (size_t i = 0; i < w->limit_sets.room; i++) {
        struct limit_set *s = w->limit_sets.slots[i].value;
        if (s) {
            mem_free((char *)s->map_key.p);
            mem_free(s);
        }
    }
    for (size_t i = 0; i < w->limit_keys.room; i++) {
        struct limit_key *k = w->limit_keys.slots[i].value;
        for (struct pen *p = k ? k->pens : NULL, *next; p; p = next) {
            next = p->next;
            heap_dispose(&p->lanes);
            mem_free(p);
        }
        if (k) {
            mem_free((char *)k->map_key.p);
            mem_free(k);
        }
    }
    map_clear(&w->limit_sets);
    map_clear(&w->limit_keys);
    heap_dispose(&w->limit_wakes);
    w->dirty_limits = NULL;
    w->slot_changes = w->last_slot_change = NULL;
    w->pattern_count = 0;
}

/* ---- for the rules */

enum rc limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out, struct err *e)
{
    struct writer *w = writer_of(k);
    struct limit_key *found = key_find(w, tenant, key);
    (void)e;
    *out = (struct limit){.tenant = tenant, .key = key};
    if (found) {
        out->is_set = found->is_set;
        out->rule = found->rule;
        out->pattern = found->pattern;
        out->state = found->state;
    } else if (!limit_key_is_pattern(key)) {
        resolve(w, tenant, key, &out->rule, &out->pattern);
    }
    return RC_OK;
}

enum rc limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = limits_flush(writer_of(k), e);
    if (!rc) {
        rc = stmt(writer_of(k)->db, SQL_LIMIT_COUNT, &q, e);
    }
    if (!rc) {
        db_bind_int(q, 1, tenant);
        rc = db_step(q, &has_row, e);
    }
    if (!rc) {
        *out = has_row ? db_int(q, 0) : 0;
        db_reset(q);
    }
    return rc;
}

/* By whatever rule holds for it now. */
static void key_follow(struct writer *w, struct limit_key *k)
{
    const struct limit_rule was = k->rule;
    int64_t full_at_us = k->state.full_at_us;
    key_resolve(w, k);
    limit_rescale(&was, &k->rule, &k->state, w->keeper.now);
    if (k->state.full_at_us != full_at_us) {
        key_mark(w, k);
    }
    pens_look(w, k);
}

/* A pattern was set, or is gone: those that it speaks of. */
static void follow_pattern(struct writer *w, const struct limit_key *pattern)
{
    for (size_t i = 0; i < w->limit_keys.room; i++) {
        struct limit_key *k = w->limit_keys.slots[i].value;
        if (k && k != pattern && k->tenant == pattern->tenant && limit_key_matches(pattern->key, k->key)) {
            key_follow(w, k);
        }
    }
}

enum rc limits_mend(struct keeper *k, struct row *r, struct err *e)
{
    struct writer *w = writer_of(k);
    struct limit_set *s = set_find(w, r->tenant, r->limits);
    (void)e;
    for (size_t i = 0; s && i < s->count; i++) {
        struct limit_key *key = s->uses[i].key;
        if (limit_mend(&key->rule, &key->state, 1, k->now)) {
            key_mark(w, key);
        }
    }
    return RC_OK;
}

enum rc limits_put(struct keeper *keeper, const struct limit *l, struct err *e)
{
    struct writer *w = writer_of(keeper);
    struct limit_key *k = key_get(w, l->tenant, l->key);
    bool was_set = k->is_set, is_pattern = limit_key_is_pattern(l->key);
    (void)e;
    k->is_set = l->is_set;
    k->own = l->is_set ? l->rule : (struct limit_rule){0};
    k->state.full_at_us = l->state.full_at_us;
    k->state.paused_until = l->state.paused_until;
    k->state.cut_micro = l->state.cut_micro;
    k->state.cut_at = l->state.cut_at;
    key_mark(w, k);
    key_follow(w, k);
    if (is_pattern) {
        w->pattern_count += (size_t)l->is_set - (size_t)was_set;
        follow_pattern(w, k);
    }
    return RC_OK;
}
