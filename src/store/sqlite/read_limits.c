/* read_limits.c: limits as they are shown. What is used and what waits is counted from jobs and lines of the snapshot. */
#include "store/sqlite/sqlite.h"

#include "base/json.h"

#include <string.h>

static void read_limit(struct db_stmt *q, struct arena *a, struct limit *out)
{
    *out = (struct limit){.tenant = db_int(q, 0),
                          .key = arena_str(a, db_str(q, 1)),
                          .is_set = db_int(q, 2),
                          .rule = {db_int(q, 3), db_int(q, 4), db_int(q, 5), db_int(q, 6), db_int(q, 9)},
                          .state = {0, db_int(q, 7), db_int(q, 8), db_int(q, 10), db_int(q, 11)}};
}

/* That of l->tenant and l->key. */
static enum rc get(struct reader *r, struct arena *a, struct limit *l, bool *found, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(r->db, SQL_LIMIT_GET, &q, e);
    *found = false;
    if (!rc) {
        db_bind_int(q, 1, l->tenant);
        db_bind_str(q, 2, l->key);
        rc = db_step(q, found, e);
    }
    if (!rc && *found) {
        read_limit(q, a, l);
        db_reset(q);
    }
    return rc;
}

/* The rule of the longest pattern that speaks of the key. */
static enum rc find_pattern(struct reader *r, struct arena *a, struct limit *l, struct err *e)
{
    char *text = arena_alloc(a, l->key.n + 1);
    enum rc rc = RC_OK;
    bool found = false;
    memcpy(text, l->key.p, l->key.n);
    for (size_t n = l->key.n + 1; n-- > 0 && !found && !rc;) {
        struct limit pattern = {.tenant = l->tenant, .key = {text, n + 1}};
        text[n] = '*';
        rc = get(r, a, &pattern, &found, e);
        found = found && pattern.is_set;
        if (found) {
            l->rule = pattern.rule;
            l->pattern = pattern.key;
        }
    }
    return rc;
}

static int64_t weight_in(struct str limits, struct str key, struct arena *a)
{
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    int64_t weight = 0;
    if (limits_read(limits, a, uses, &count, NULL)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        weight += str_eq(uses[i].key, key) ? uses[i].weight : 0;
    }
    return weight;
}

static enum rc count_used(struct reader *r, struct store_list_limits *op, int64_t tenant, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = op->count ? stmt(r->db, SQL_LIMIT_SLOTS, &q, e) : RC_OK;
    if (rc || !q) {
        return rc;
    }
    struct arena *a = arena_new();
    db_bind_int(q, 1, tenant);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct str limits = db_str(q, 1);
        arena_reset(a);
        for (size_t i = 0; i < op->count; i++) {
            op->limits[i].state.used += weight_in(limits, op->limits[i].key, a);
        }
    }
    arena_free(a);
    return rc;
}

static enum rc count_waiting(struct reader *r, int64_t tenant, struct limit *l, struct err *e)
{
    struct buf name = BUF_LIMIT(8 * LIMIT_KEY_MAX_BYTES);
    struct json_out text = json_writer(&name);
    struct db_stmt *q = NULL;
    bool has_row = false;
    struct arena *a = arena_new();
    json_str(&text, l->key);
    enum rc rc = stmt(r->db, SQL_LIMIT_WAITING, &q, e);
    if (!rc) {
        db_bind_int(q, 1, tenant);
        db_bind_str(q, 2, buf_str(&name));
    }
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        arena_reset(a);
        l->waiting += weight_in(db_str(q, 0), l->key, a) ? db_int(q, 1) : 0;
    }
    arena_free(a);
    buf_dispose(&name);
    return rc;
}

static enum rc read_one(struct reader *r, struct store_list_limits *op, struct err *e)
{
    struct limit *l = arena_alloc(op->op.a, sizeof *l);
    int64_t tenant = store_limit_tenant(op->tenant, op->key);
    bool found = false;
    *l = (struct limit){.tenant = tenant, .key = op->key};
    enum rc rc = get(r, op->op.a, l, &found, e);
    if (!rc && !l->is_set && op->key.n <= LIMIT_KEY_MAX_BYTES && !limit_key_is_pattern(op->key)) {
        rc = find_pattern(r, op->op.a, l, e);
    }
    if (!rc && !l->is_set && !l->pattern.n && l->state.paused_until <= r->now) {
        return store_answer(&op->op, RC_NOT_FOUND, NULL, "no such limit");
    }
    op->limits = l;
    op->count = 1;
    rc = rc ? rc : count_used(r, op, tenant, e);
    return rc ? rc : count_waiting(r, tenant, l, e);
}

enum rc limit_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_limits *op = (struct store_list_limits *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->count = 0;
    op->limits = NULL;
    op->more = false;
    if (op->key.n) {
        return read_one(r, op, e);
    }
    int64_t tenant = op->of_server ? 0 : op->tenant;
    enum rc rc = stmt(r->db, SQL_LIMIT_LIST, &q, e);
    if (rc) {
        return rc;
    }
    op->limits = arena_array(base->a, struct limit, (size_t)op->limit + 1);
    db_bind_int(q, 1, tenant);
    db_bind_str(q, 2, op->after.n ? op->after : STR(""));
    db_bind_int(q, 3, op->limit + 1);
    db_bind_int(q, 4, r->now);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if ((int64_t)op->count == op->limit) {
            op->more = true;
            db_reset(q);
            break;
        }
        read_limit(q, base->a, &op->limits[op->count++]);
    }
    for (size_t i = 0; i < op->count && !rc; i++) {
        rc = op->limits[i].is_set ? RC_OK : find_pattern(r, base->a, &op->limits[i], e);
    }
    return rc ? rc : count_used(r, op, tenant, e);
}
