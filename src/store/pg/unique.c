/* unique.c: see unique.h. */
#include "store/pg/unique.h"

#include "store/pg/batch.h"
#include "store/pg/rows.h"

#include "base/id.h"

#include <stdlib.h>
#include <string.h>

#define RESERVES_MAX                                                                                         \
    5 /* the holder may let go of a key while we wait for it: then it is to be taken once more */

static struct str key_name(struct arena *a, int64_t tenant, struct str key)
{
    char *name = arena_alloc(a, sizeof tenant + key.n);
    memcpy(name, &tenant, sizeof tenant);
    memcpy(name + sizeof tenant, key.p, key.n);
    return (struct str){name, sizeof tenant + key.n};
}

static struct key_entry *find(struct committer *w, int64_t tenant, struct str key)
{
    return map_get(&w->work.key_by_name, key_name(w->keeper.scratch, tenant, key));
}

static struct key_entry *add(struct committer *w, int64_t tenant, struct str key)
{
    struct arena *a = w->keeper.scratch;
    struct key_entry *k = arena_alloc(a, sizeof *k);
    *k = (struct key_entry){.tenant = tenant, .key = arena_str(a, key)};
    FIFO_ADD(&w->work.keys, k);
    map_put(&w->work.key_by_name, key_name(a, tenant, key), k);
    return k;
}

/* ---- reserve */

static void bind_keys(struct pg_query *q, const struct key_entry *keys, size_t count)
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

static enum rc take_locked(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        int64_t tenant = pg_int(rows, i, 0);
        struct str key = pg_str(rows, i, 1);
        struct key_entry *k = find(w, tenant, key);
        if (k && !k->is_released) {
            continue;
        }
        struct id released = k ? k->job : (struct id){0};
        k = k ? k : add(w, tenant, key);
        k->is_released = false;
        k->job = pg_uuid(rows, i, 2);
        k->held_until = pg_int(rows, i, 3);
        k->is_known = !pg_is_null(rows, i, 4);
        k->state = (enum job_state)pg_int(rows, i, 4);
        if (k->held_until == 0 && id_eq(k->job, released)) {
            k->job = (struct id){0};
        }
    }
    return RC_OK;
}

static size_t missing(struct committer *w, const struct key_entry *keys, size_t count, struct key_entry *out)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        const struct key_entry *k = find(w, keys[i].tenant, keys[i].key);
        if (!k || k->is_released) {
            out[left++] = keys[i];
        }
    }
    return left;
}

enum rc unique_reserve(struct committer *w, const struct key_entry *keys, size_t count, struct err *e)
{
    struct key_entry *wanted = arena_array(w->keeper.scratch, struct key_entry, count + 1);
    size_t left = missing(w, keys, count, wanted);
    enum rc rc = left ? round_begin(w, e) : RC_OK;
    for (int i = 0; i < RESERVES_MAX && left && !rc; i++) {
        struct pg_query q = PG_QUERY(w->keeper.scratch);
        bind_keys(&q, wanted, left);
        rc = batch_send(w, PG_SQL_UNIQUE_RESERVE, &q, NULL, NULL, e);
        if (!rc) {
            rc = batch_send(w, PG_SQL_UNIQUE_LOCK, &q, take_locked, NULL, e);
        }
        if (!rc) {
            rc = batch_run(w, e);
        }
        left = missing(w, wanted, left, wanted);
    }
    return !rc && left ? err_set(e, RC_BUSY, "postgresql: a unique key changes hands too often") : rc;
}

void unique_assume_free(struct committer *w, const struct key_entry *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!find(w, keys[i].tenant, keys[i].key)) {
            (void)add(w, keys[i].tenant, keys[i].key);
        }
    }
}

/* ---- ask, hold, release */

enum rc unique_find_holder(struct keeper *keeper, int64_t tenant, struct str key, struct key_holder *out,
                           struct err *e)
{
    struct committer *w = (struct committer *)keeper;
    const struct key_entry wanted = {.tenant = tenant, .key = key};
    enum rc rc = unique_reserve(w, &wanted, 1, e);
    const struct key_entry *k = find(w, tenant, key);
    *out = (struct key_holder){0};
    if (rc || id_is_zero(k->job)) {
        return rc;
    }
    const struct pg_row *r = rows_find(w, k->job); /* the round may have changed it */
    *out = (struct key_holder){.job = k->job,
                               .is_held = k->held_until == 0 || k->held_until > keeper->now,
                               .is_known = r ? !r->is_gone : k->is_known,
                               .state = r ? r->row.state : k->state};
    return RC_OK;
}

enum rc unique_hold(struct keeper *keeper, struct row *r, int64_t held_until, struct err *e)
{
    struct committer *w = (struct committer *)keeper;
    const struct key_entry wanted = {.tenant = r->tenant, .key = r->unique_key};
    enum rc rc = unique_reserve(w, &wanted, 1, e);
    struct key_entry *k = find(w, r->tenant, r->unique_key);
    if (!rc) {
        k->job = r->id;
        k->held_until = held_until;
        k->is_known = k->is_dirty = true;
        k->state = r->state;
    }
    return rc;
}

enum rc unique_release(struct keeper *keeper, struct row *r, struct err *e)
{
    struct committer *w = (struct committer *)keeper;
    struct key_entry *k = find(w, r->tenant, r->unique_key);
    (void)e;
    if (!k) { /* the last batch lets go of it, if it is this job's */
        k = add(w, r->tenant, r->unique_key);
        k->job = r->id;
        k->is_released = true;
    } else if (id_eq(k->job, r->id) && k->held_until == 0) {
        k->job = (struct id){0};
    }
    return RC_OK;
}

/* ---- the last batch */

enum fate { FATE_NONE, FATE_PUT, FATE_FREE, FATE_RELEASE };

static enum fate fate_of(const struct key_entry *k)
{
    return k->is_released       ? FATE_RELEASE
           : id_is_zero(k->job) ? FATE_FREE
           : k->is_dirty        ? FATE_PUT
                                : FATE_NONE;
}

/* In the order in which unique_reserve locks them, so that letting go of some does not wait for whoever waits for others. */
static int compare_keys(const void *one, const void *two)
{
    const struct key_entry *a = one, *b = two;
    if (a->tenant != b->tenant) {
        return a->tenant < b->tenant ? -1 : 1;
    }
    int order = memcmp(a->key.p, b->key.p, a->key.n < b->key.n ? a->key.n : b->key.n);
    return order ? order : (a->key.n > b->key.n) - (a->key.n < b->key.n);
}

struct fated { /* keys of one fate, in order */
    struct key_entry *keys;
    struct id *jobs;
    int64_t *until;
    size_t count;
};

static struct fated with_fate(struct committer *w, enum fate fate)
{
    struct arena *a = w->keeper.scratch;
    struct fated f = {.keys = arena_array(a, struct key_entry, w->work.keys.count + 1),
                      .jobs = arena_array(a, struct id, w->work.keys.count + 1),
                      .until = arena_array(a, int64_t, w->work.keys.count + 1)};
    for (const struct key_entry *k = w->work.keys.first; k; k = k->next) {
        if (fate_of(k) == fate) {
            f.keys[f.count++] = *k;
        }
    }
    qsort(f.keys, f.count, sizeof *f.keys, compare_keys);
    for (size_t i = 0; i < f.count; i++) {
        f.jobs[i] = f.keys[i].job;
        f.until[i] = f.keys[i].held_until;
    }
    return f;
}

static enum rc send_fate(struct committer *w, enum fate fate, struct err *e)
{
    static const enum pg_sql_query queries[] = {[FATE_PUT] = PG_SQL_UNIQUE_PUT,
                                                [FATE_FREE] = PG_SQL_UNIQUE_FREE,
                                                [FATE_RELEASE] = PG_SQL_UNIQUE_RELEASE};
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    const struct fated f = with_fate(w, fate);
    if (!f.count) {
        return RC_OK;
    }
    bind_keys(&q, f.keys, f.count);
    if (fate != FATE_FREE) {
        pg_bind_uuids(&q, f.jobs, f.count);
    }
    if (fate == FATE_PUT) {
        pg_bind_ints(&q, f.until, f.count);
    }
    return batch_send(w, queries[fate], &q, NULL, NULL, e);
}

static enum rc see_taken(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    if (pg_affected(rows) == *(const int64_t *)arg) {
        return RC_OK;
    }
    w->has_key_race = true;
    return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL, "a unique key that was to be new is somebody's");
}

enum rc unique_send_taken(struct committer *w, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    const struct fated f = with_fate(w, FATE_PUT);
    int64_t *count = arena_alloc(w->keeper.scratch, sizeof *count);
    *count = (int64_t)f.count;
    if (!f.count) {
        return RC_OK;
    }
    bind_keys(&q, f.keys, f.count);
    pg_bind_uuids(&q, f.jobs, f.count);
    pg_bind_ints(&q, f.until, f.count);
    return batch_send(w, PG_SQL_UNIQUE_TAKE, &q, see_taken, count, e);
}

static enum rc send_kept(struct committer *w, const struct kept_entry *k, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_int(&q, k->op->tenant);
    pg_bind_str(&q, k->op->idempotency_key);
    if (!k->verdicts.p) {
        return batch_send(w, PG_SQL_IDEMPOTENCY_FREE, &q, NULL, NULL, e);
    }
    pg_bind_bytes(&q, (struct str){(const char *)k->op->body_hash, sizeof k->op->body_hash});
    pg_bind_bytes(&q, k->verdicts);
    pg_bind_int(&q, k->expires_at);
    return batch_send(w, PG_SQL_IDEMPOTENCY_PUT, &q, NULL, NULL, e);
}

enum rc unique_send(struct committer *w, struct err *e)
{
    enum rc rc = RC_OK;
    for (enum fate fate = FATE_PUT; fate <= FATE_RELEASE && !rc && w->work.keys.count; fate++) {
        rc = send_fate(w, fate, e);
    }
    for (const struct kept_entry *k = w->work.kept.first; k && !rc; k = k->next) {
        rc = send_kept(w, k, e);
    }
    return rc;
}

/* ---- idempotency keys */

static struct kept_entry *find_kept(struct committer *w, const struct store_enqueue *op)
{
    for (struct kept_entry *k = w->work.kept.first; k; k = k->next) {
        if (k->op->tenant == op->tenant && str_eq(k->op->idempotency_key, op->idempotency_key)) {
            return k;
        }
    }
    return NULL;
}

static struct kept_verdicts kept_in_round(const struct kept_entry *k)
{
    if (!k->verdicts.p) {
        return (struct kept_verdicts){0};
    }
    return (struct kept_verdicts){.hash = {(const char *)k->op->body_hash, sizeof k->op->body_hash},
                                  .verdicts = k->verdicts};
}

struct kept_answer {
    struct kept_verdicts *out;
    bool is_there;
};

static enum rc take_kept(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct kept_answer *answer = arg;
    (void)e;
    answer->is_there = pg_count(rows) > 0;
    if (answer->is_there && pg_int(rows, 0, 2) > w->keeper.now && !pg_is_null(rows, 0, 1)) {
        answer->out->hash = arena_str(w->keeper.scratch, pg_str(rows, 0, 0));
        answer->out->verdicts = arena_str(w->keeper.scratch, pg_str(rows, 0, 1));
    }
    return RC_OK;
}

enum rc unique_find_verdicts(struct keeper *keeper, const struct store_enqueue *op, struct kept_verdicts *out,
                             struct err *e)
{
    struct committer *w = (struct committer *)keeper;
    struct kept_answer answer = {out, false};
    struct kept_entry *k = find_kept(w, op);
    *out = (struct kept_verdicts){0};
    if (k) {
        *out = kept_in_round(k);
        return RC_OK;
    }
    enum rc rc = round_begin(w, e);
    for (int i = 0; i < RESERVES_MAX && !answer.is_there && !rc; i++) {
        struct pg_query q = PG_QUERY(keeper->scratch);
        pg_bind_int(&q, op->tenant);
        pg_bind_str(&q, op->idempotency_key);
        rc = batch_send(w, PG_SQL_IDEMPOTENCY_RESERVE, &q, NULL, NULL, e);
        if (!rc) {
            rc = batch_send(w, PG_SQL_IDEMPOTENCY_LOCK, &q, take_kept, &answer, e);
        }
        if (!rc) {
            rc = batch_run(w, e);
        }
    }
    if (!rc && !out->hash.p) { /* ours now; freed unless it gets verdicts */
        k = arena_alloc(keeper->scratch, sizeof *k);
        k->op = op;
        FIFO_ADD(&w->work.kept, k);
    }
    return rc;
}

enum rc unique_keep_verdicts(struct keeper *keeper, const struct store_enqueue *op, struct str verdicts,
                             int64_t expires_at, struct err *e)
{
    struct kept_entry *k = find_kept((struct committer *)keeper, op);
    (void)e;
    if (k) {
        k->op = op;
        k->verdicts = verdicts.p ? verdicts : STR("");
        k->expires_at = expires_at;
    }
    return RC_OK;
}
