/* limit_rules.c: rules that change, and what the keys of the round go by from then on. A key without a rule of its own that owes
 * something, or is cut, is of the round when its pattern changes: it is locked with the others, in their order, and mended by the old
 * rule. One that begins to owe between that look and the commit, by the old pattern, keeps the time that it owes instead of the tokens:
 * its next change puts that right. */
#include "store/pg/limits.h"

#define OWING_MAX 10000 /* so many keys are asked what they owe, those first that owe longest */

/* ---- before the round */

static enum rc need_owing(struct committer *w, int64_t tenant, struct str pattern, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, str_sub(pattern, 0, pattern.n - 1));
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, OWING_MAX);
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_LIMIT_OWING), &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        limits_need(w, tenant, pg_str(rows, i, 0));
    }
    pg_rows_free(rows);
    return rc;
}

static bool is_pattern(struct str key)
{
    return limit_key_is_pattern(key) && key.n <= LIMIT_KEY_MAX_BYTES;
}

enum rc limits_need_owing(struct committer *w, const struct store_op *list, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct store_op *op = list; op && !rc; op = op->next) {
        const struct store_set_limit *set = (const struct store_set_limit *)op;
        const struct store_delete_limit *d = (const struct store_delete_limit *)op;
        if (op->kind == STORE_SET_LIMIT && set->has_rule && is_pattern(set->key)) {
            rc = need_owing(w, store_limit_tenant(set->tenant, set->key), set->key, e);
        } else if (op->kind == STORE_DELETE_LIMIT && is_pattern(d->key)) {
            rc = need_owing(w, store_limit_tenant(d->tenant, d->key), d->key, e);
        }
    }
    return rc;
}

/* ---- in it */

struct patterns {
    struct limit *list;
    size_t count;
};

/* Those that may speak of what the key, or pattern, speaks of: as the round has them, else as they are stored. */
static enum rc read_patterns(struct committer *w, const struct limit *key, struct patterns *out,
                             struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, key->tenant);
    pg_bind_str(&q, limit_key_is_pattern(key->key) ? str_sub(key->key, 0, key->key.n - 1) : key->key);
    enum rc rc = round_ask(w, PG_SQL_LIMIT_PATTERNS, &q, &rows, e);
    if (rc) {
        return rc;
    }
    out->list = arena_array(w->keeper.scratch, struct limit, pg_count(rows) + w->work.limits.count + 1);
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct limit p = {0};
        (void)limits_read_row(rows, i, w->keeper.scratch, &p);
        if (!limits_find_entry(w, p.tenant, p.key)) {
            out->list[out->count++] = p;
        }
    }
    for (const struct limit_entry *n = w->work.limits.first; n; n = n->next) {
        if (n->l.is_set && n->l.tenant == key->tenant && limit_key_is_pattern(n->l.key)) {
            out->list[out->count++] = n->l;
        }
    }
    pg_rows_free(rows);
    return RC_OK;
}

/* The longest that speaks of it holds. */
static void resolve(const struct patterns *p, struct limit *l)
{
    l->rule = (struct limit_rule){0};
    l->pattern = STR_NONE;
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].key.n > l->pattern.n && limit_key_matches(p->list[i].key, l->key)) {
            l->pattern = p->list[i].key;
            l->rule = p->list[i].rule;
        }
    }
}

static void follow(const struct patterns *p, struct limit_entry *n, const struct limit_rule *was, int64_t now)
{
    int64_t full_at_us = n->l.state.full_at_us;
    resolve(p, &n->l);
    limit_rescale(was, &n->l.rule, &n->l.state, now);
    n->is_put |= n->l.state.full_at_us != full_at_us;
}

enum rc limits_follow(struct committer *w, struct limit_entry *n, const struct limit *was, struct err *e)
{
    struct patterns p = {0};
    bool is_of_many = limit_key_is_pattern(n->l.key);
    if (n->l.is_set && !is_of_many) {
        limit_rescale(&was->rule, &n->l.rule, &n->l.state, w->keeper.now);
        return RC_OK;
    }
    enum rc rc = n->l.is_set || was->is_set ? read_patterns(w, &n->l, &p, e) : RC_OK;
    if (rc || (!n->l.is_set && !was->is_set)) {
        return rc;
    }
    if (!is_of_many) {
        follow(&p, n, &was->rule, w->keeper.now);
        return RC_OK;
    }
    for (struct limit_entry *k = w->work.limits.first; k; k = k->next) {
        bool is_meant = !k->l.is_set && k->l.tenant == n->l.tenant && limit_key_matches(n->l.key, k->l.key);
        if (is_meant && !limit_key_is_pattern(k->l.key)) {
            const struct limit_rule held = k->l.rule;
            follow(&p, k, &held, w->keeper.now);
        }
    }
    return RC_OK;
}
