/* limits.c: see limits.h. */
#include "store/pg/limits.h"

#include "store/pg/batch.h"
#include "store/pg/rows.h"

#include "base/fault.h"

#define WORD_BYTES (2 * LIMIT_KEY_MAX_BYTES + 60)

static struct committer *of(struct keeper *k)
{
    return (struct committer *)k;
}

/* ---- entries */

static struct str name_of(struct arena *a, int64_t tenant, struct str key)
{
    char *name = arena_alloc(a, sizeof tenant + key.n);
    memcpy(name, &tenant, sizeof tenant);
    memcpy(name + sizeof tenant, key.p, key.n);
    return (struct str){name, sizeof tenant + key.n};
}

struct limit_entry *limits_find_entry(const struct committer *w, int64_t tenant, struct str key)
{
    char name[sizeof tenant + LIMIT_KEY_MAX_BYTES];
    if (key.n > LIMIT_KEY_MAX_BYTES) {
        return NULL;
    }
    memcpy(name, &tenant, sizeof tenant);
    memcpy(name + sizeof tenant, key.p, key.n);
    return map_get(&w->work.limit_by_key, (struct str){name, sizeof tenant + key.n});
}

void limits_need(struct committer *w, int64_t tenant, struct str key)
{
    struct str name = name_of(w->keeper.scratch, tenant, key);
    if (map_get(&w->work.limit_by_key, name) || !key.n) {
        return;
    }
    struct limit_entry *n = arena_alloc(w->keeper.scratch, sizeof *n);
    n->l = (struct limit){.tenant = tenant, .key = arena_str(w->keeper.scratch, key)};
    FIFO_ADD(&w->work.limits, n);
    map_put(&w->work.limit_by_key, name, n);
}

/* Too long for a key: the rules refuse it, and ask nothing. */
static void need(struct committer *w, int64_t tenant, struct str key)
{
    if (key.n && key.n <= LIMIT_KEY_MAX_BYTES) {
        limits_need(w, store_limit_tenant(tenant, key), key);
    }
}

static void need_reports(struct committer *w, const struct store_report *op)
{
    for (size_t i = op->op.items_done; i < op->count; i++) {
        const struct report *r = &op->items[i];
        need(w, op->tenant, r->pause_key);
        for (size_t k = 0; k < r->take_count && k < LIMITS_PER_JOB; k++) {
            need(w, op->tenant, r->take[k].key);
        }
        for (size_t k = 0; k < r->correct_count && k < LIMITS_PER_JOB; k++) {
            need(w, op->tenant, r->correct[k].key);
        }
    }
}

void limits_collect(struct committer *w, const struct store_op *list)
{
    for (const struct store_op *op = list; op; op = op->next) {
        if (op->kind == STORE_REPORT) {
            need_reports(w, (const struct store_report *)op);
        } else if (op->kind == STORE_SET_LIMIT) {
            const struct store_set_limit *set = (const struct store_set_limit *)op;
            need(w, set->tenant, set->key);
        } else if (op->kind == STORE_DELETE_LIMIT) {
            const struct store_delete_limit *d = (const struct store_delete_limit *)op;
            need(w, d->tenant, d->key);
        }
    }
}

/* ---- their rows */

void limits_bind_keys(struct pg_query *q, const struct limit *keys, size_t count)
{
    int64_t *tenants = arena_array(q->a, int64_t, count + 1);
    struct str *names = arena_array(q->a, struct str, count + 1);
    for (size_t i = 0; i < count; i++) {
        tenants[i] = keys[i].tenant;
        names[i] = keys[i].key;
    }
    pg_bind_ints(q, tenants, count);
    pg_bind_strs(q, names, count);
}

static struct limit *keys_of(struct committer *w, bool only_new, size_t *count)
{
    struct limit *keys = arena_array(w->keeper.scratch, struct limit, w->work.limits.count + 1);
    *count = 0;
    for (const struct limit_entry *n = w->work.limits.first; n; n = n->next) {
        if (!only_new || !lanes_is_made(&w->engine->lanes, n->l.tenant, n->l.key)) {
            keys[(*count)++] = n->l;
        }
    }
    return keys;
}

enum rc limits_make(struct committer *w, struct err *e)
{
    size_t count = 0;
    const struct limit *keys = keys_of(w, true, &count);
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    if (!count) {
        return RC_OK;
    }
    limits_bind_keys(&q, keys, count);
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_LIMIT_MAKE), &q, NULL, e);
    for (size_t i = 0; i < count && !rc; i++) {
        lanes_set_made(&w->engine->lanes, keys[i].tenant, keys[i].key, true);
    }
    return rc;
}

int64_t limits_read_row(const struct pg_rows *rows, size_t at, struct arena *a, struct limit *out)
{
    int c = 0;
    out->tenant = pg_int(rows, at, c++);
    out->key = arena_str(a, pg_str(rows, at, c++));
    out->is_set = pg_bool(rows, at, c++);
    struct str pattern = pg_str(rows, at, c++);
    out->pattern = pattern.n ? arena_str(a, pattern) : STR_NONE;
    int64_t *const numbers[] = {&out->rule.concurrency, &out->rule.rate,        &out->rule.period_ms,
                                &out->rule.burst,       &out->state.full_at_us, &out->state.paused_until};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = pg_int(rows, at, c++);
    }
    out->rule.is_adaptive = pg_bool(rows, at, c++);
    out->state.cut_micro = pg_int(rows, at, c++);
    out->state.cut_at = pg_int(rows, at, c++);
    out->state.used = pg_int(rows, at, c++);
    return pg_int(rows, at, c++);
}

void limits_read_mended(const struct pg_rows *rows, size_t at, int64_t now, struct arena *a,
                        struct limit *out)
{
    int64_t completed = limits_read_row(rows, at, a, out);
    (void)limit_mend(&out->rule, &out->state, completed, now);
}

/* A row that was pruned is made again. */
static enum rc take_lock(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    const size_t *wanted = arg;
    if (pg_count(rows) >= *wanted) {
        return RC_OK;
    }
    for (const struct limit_entry *n = w->work.limits.first; n; n = n->next) {
        lanes_set_made(&w->engine->lanes, n->l.tenant, n->l.key, false);
    }
    return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL, "the row of a limit key is gone");
}

static enum rc take_mends(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct limit_entry *n = limits_find_entry(w, pg_int(rows, i, 0), pg_str(rows, i, 1));
        n->mends += pg_int(rows, i, 2);
    }
    return RC_OK;
}

static enum rc take_read(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct limit l = {0};
        (void)limits_read_row(rows, i, w->keeper.scratch,
                              &l); /* what completes from now on is the next one's */
        struct limit_entry *n = limits_find_entry(w, l.tenant, l.key);
        if (n && !n->is_put) {
            n->l = l;
            n->is_put = limit_mend(&l.rule, &n->l.state, n->mends, w->keeper.now);
        }
    }
    return RC_OK;
}

static enum rc send_lock(struct committer *w, const struct limit *keys, size_t count, struct err *e)
{
    struct pg_query lock = PG_QUERY(w->keeper.scratch), read = lock, mends = lock;
    size_t *wanted = arena_alloc(w->keeper.scratch, sizeof *wanted);
    *wanted = count;
    limits_bind_keys(&lock, keys, count);
    limits_bind_keys(&mends, keys, count);
    limits_bind_keys(&read, keys, count);
    enum rc rc = batch_send(w, PG_SQL_LIMIT_LOCK, &lock, take_lock, wanted, e);
    rc = rc ? rc : batch_send(w, PG_SQL_LIMIT_TAKE_MENDS, &mends, take_mends, NULL, e);
    return rc ? rc : batch_send(w, PG_SQL_LIMIT_READ, &read, take_read, NULL, e);
}

enum rc limits_send_lock(struct committer *w, struct err *e)
{
    size_t count = 0;
    const struct limit *keys = keys_of(w, false, &count);
    return count ? send_lock(w, keys, count, e) : RC_OK;
}

/* ---- for the rules */

enum rc pg_limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out, struct err *e)
{
    const struct limit_entry *n = limits_find_entry(of(k), tenant, key);
    if (!n) {
        return err_set(e, RC_FATAL, "postgresql: a limit key that the round has not locked");
    }
    *out = n->l;
    return RC_OK;
}

enum rc pg_limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    enum rc rc = round_ask(of(k), PG_SQL_LIMIT_COUNT, &q, &rows, e);
    *out = rc ? 0 : pg_int(rows, 0, 0);
    pg_rows_free(rows);
    return rc;
}

/* Keys that the round has not locked stay so: they are mended when somebody locks them. */
enum rc pg_limits_mend(struct keeper *k, struct row *r, struct err *e)
{
    struct committer *w = of(k);
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    enum rc rc = limits_read(r->limits, k->scratch, uses, &count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        int64_t tenant = store_limit_tenant(r->tenant, uses[i].key);
        struct limit_entry *n = limits_find_entry(w, tenant, uses[i].key);
        if (n) {
            n->is_put |= limit_mend(&n->l.rule, &n->l.state, 1, k->now);
            continue;
        }
        struct slot_entry *m = arena_alloc(k->scratch, sizeof *m);
        *m = (struct slot_entry){.tenant = tenant, .key = arena_str(k->scratch, uses[i].key), .weight = 1};
        FIFO_ADD(&w->work.mends, m);
    }
    return rc;
}

enum rc pg_limits_put(struct keeper *k, const struct limit *l, struct err *e)
{
    struct limit_entry *n = limits_find_entry(of(k), l->tenant, l->key);
    if (!n) {
        return err_set(e, RC_FATAL, "postgresql: a limit key that the round has not locked");
    }
    const struct limit was = n->l;
    n->l = *l;
    n->l.key = was.key;
    n->l.state.used = was.state.used;
    n->is_put = true;
    n->is_set_put |= of(k)->work.is_limit_set;
    return limits_follow(of(k), n, &was, e);
}

/* ---- the last batch */

static bool has_freed(const struct pg_row *r)
{
    return r->row.flags & FLAG_LANED && r->was.state == JOB_PROCESSING && r->row.limits.n && !r->drop_at &&
           (r->is_gone || (r->is_dirty && r->row.state != JOB_PROCESSING));
}

static enum rc take_freed(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct slot_entry *n = arena_alloc(w->keeper.scratch, sizeof *n);
        *n = (struct slot_entry){.tenant = pg_int(rows, i, 0),
                                 .key = arena_str(w->keeper.scratch, pg_str(rows, i, 1)),
                                 .weight = pg_int(rows, i, 2)};
        FIFO_ADD(&w->work.freed, n);
    }
    return RC_OK;
}

static void bind_mends(struct committer *w, struct pg_query *q)
{
    size_t count = 0, room = w->work.mends.count + 1;
    int64_t *tenants = arena_array(q->a, int64_t, room), *weights = arena_array(q->a, int64_t, room);
    struct str *keys = arena_array(q->a, struct str, room);
    for (const struct slot_entry *m = w->work.mends.first; m; m = m->next, count++) {
        tenants[count] = m->tenant;
        keys[count] = m->key;
        weights[count] = m->weight;
    }
    pg_bind_ints(q, tenants, count);
    pg_bind_strs(q, keys, count);
    pg_bind_ints(q, weights, count);
}

enum rc slots_send(struct committer *w, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct id *ids = NULL;
    size_t count = 0;
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (has_freed(r)) {
            ids = ids ? ids : arena_array(w->keeper.scratch, struct id, w->work.rows.count);
            ids[count++] = r->row.id;
        }
    }
    pg_bind_uuids(&q, ids, count);
    bind_mends(w, &q);
    if (count && FAULT("store.slot.free")) {
        return err_set(e, RC_BUSY, "fault: slot");
    }
    return count ? batch_send(w, PG_SQL_SLOT_FREE, &q, take_freed, NULL, e) : RC_OK;
}

static enum rc send_slots(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    size_t n = 0, room = w->work.slots.count;
    struct id *jobs = arena_array(a, struct id, room);
    int64_t *weights = arena_array(a, int64_t, room), *tenants = arena_array(a, int64_t, room);
    struct str *keys = arena_array(a, struct str, room);
    for (const struct slot_entry *s = w->work.slots.first; s; s = s->next, n++) {
        jobs[n] = s->job;
        weights[n] = s->weight;
        tenants[n] = s->tenant;
        keys[n] = s->key;
    }
    pg_bind_uuids(&q, jobs, n);
    pg_bind_ints(&q, weights, n);
    pg_bind_ints(&q, tenants, n);
    pg_bind_strs(&q, keys, n);
    return batch_send(w, PG_SQL_SLOT_INSERT, &q, NULL, NULL, e);
}

static bool is_changed(const struct limit_entry *n)
{
    return n->is_put || (n->is_spent && n->l.rule.rate);
}

/* A rule that is a pattern's is not the key's own. */
static enum rc send_puts(struct committer *w, struct err *e)
{
    enum { NUMBERS = 8 };
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    size_t count = 0, room = w->work.limits.count + 1;
    int64_t *numbers[NUMBERS], *tenants = arena_array(a, int64_t, room);
    struct str *keys = arena_array(a, struct str, room);
    bool *sets = arena_array(a, bool, room), *adaptive = arena_array(a, bool, room);
    for (int i = 0; i < NUMBERS; i++) {
        numbers[i] = arena_array(a, int64_t, room);
    }
    for (const struct limit_entry *n = w->work.limits.first; n; n = n->next) {
        if (!is_changed(n)) {
            continue;
        }
        const struct limit_rule rule = n->l.is_set ? n->l.rule : (struct limit_rule){0};
        const int64_t values[NUMBERS] = {rule.concurrency,      rule.rate,
                                         rule.period_ms,        rule.burst,
                                         n->l.state.full_at_us, n->l.state.paused_until,
                                         n->l.state.cut_micro,  n->l.state.cut_at};
        tenants[count] = n->l.tenant;
        keys[count] = n->l.key;
        sets[count] = n->l.is_set;
        adaptive[count] = rule.is_adaptive;
        for (int i = 0; i < NUMBERS; i++) {
            numbers[i][count] = values[i];
        }
        count++;
    }
    pg_bind_ints(&q, tenants, count);
    pg_bind_strs(&q, keys, count);
    pg_bind_bools(&q, sets, count);
    for (int i = 0; i < NUMBERS; i++) {
        pg_bind_ints(&q, numbers[i], count);
    }
    pg_bind_bools(&q, adaptive, count);
    if (count && FAULT("store.limit.put")) {
        return err_set(e, RC_BUSY, "fault: limit");
    }
    return count ? batch_send(w, PG_SQL_LIMIT_PUT, &q, NULL, NULL, e) : RC_OK;
}

enum rc limits_send(struct committer *w, struct err *e)
{
    enum rc rc = w->work.slots.count ? send_slots(w, e) : RC_OK;
    return rc || !w->work.limits.count ? rc : send_puts(w, e);
}

/* ---- behind the commit */

/* `limit TENANT KEY`, the key in hexadecimal digits: it may hold spaces. */
static void tell_others(struct committer *w, int64_t tenant, struct str key)
{
    char word[WORD_BYTES];
    struct nodes *n = &w->engine->nodes;
    if (!atomic_load(&n->is_joined) || !atomic_load(&n->others_listen)) {
        return;
    }
    size_t at = str_print(word, sizeof word, "limit %lld ", (long long)tenant);
    for (size_t i = 0; i < key.n; i++) {
        at += str_print(word + at, sizeof word - at, "%02x", (unsigned)(unsigned char)key.p[i]);
    }
    str_print(word + at, sizeof word - at, "\n");
    notify_line(n, word);
    nodes_wake(n);
}

static void settle_set(struct committer *w, const struct limit_entry *n)
{
    struct lanes *m = &w->engine->lanes;
    if (limit_key_is_pattern(n->l.key)) {
        lanes_forget_pattern(m, n->l.tenant, n->l.key, w->keeper.now, w->keeper.round);
    } else {
        lanes_forget_key(m, n->l.tenant, n->l.key, w->keeper.now, w->keeper.round);
    }
    tell_others(w, n->l.tenant, n->l.key);
}

void limits_settle(struct committer *w, bool is_done)
{
    struct lanes *m = &w->engine->lanes;
    for (const struct limit_entry *n = w->work.limits.first; n && is_done; n = n->next) {
        lanes_see_key(m, &n->l);
    }
    for (const struct limit_entry *n = w->work.limits.first; n && is_done; n = n->next) {
        if (n->is_set_put) {
            settle_set(w, n);
        }
    }
    for (const struct slot_entry *s = w->work.mends.first; s && is_done; s = s->next) {
        lanes_mend_key(m, s->tenant, s->key, s->weight, w->keeper.now);
    }
    for (const struct slot_entry *s = w->work.freed.first; s && is_done; s = s->next) {
        if (lanes_free_key(m, s->tenant, s->key, s->weight, w->keeper.now, w->keeper.round)) {
            tell_others(w, s->tenant, s->key);
        }
    }
}
