/* keys.c: tenants and their API keys. Only hashes of keys are here. */
#include "store/pg/batch.h"

static struct str text(struct str s)
{
    return s.p ? s : STR("");
}

/* Two nodes may make the same tenant: the second waits for the first and finds it. */
static enum rc find_tenant(struct committer *w, struct str name, int64_t *id, struct err *e)
{
    struct pg_query add = PG_QUERY(w->keeper.scratch), get = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_str(&get, name);
    pg_bind_str(&add, name);
    pg_bind_int(&add, w->keeper.now);
    enum rc rc = round_ask(w, PG_SQL_TENANT_GET, &get, &rows, e);
    if (!rc && !pg_count(rows)) {
        pg_rows_free(rows);
        rows = NULL;
        rc = round_ask(w, PG_SQL_TENANT_ADD, &add, NULL, e);
        if (!rc) {
            rc = round_ask(w, PG_SQL_TENANT_GET, &get, &rows, e);
        }
    }
    if (!rc) {
        *id = pg_int(rows, 0, 0);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc add_key(struct committer *w, struct api_key *k, bool *is_added, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_str(&q, k->public_id);
    pg_bind_int(&q, k->tenant);
    pg_bind_bytes(&q, (struct str){(const char *)k->hash, sizeof k->hash});
    pg_bind_str(&q, text(k->name));
    pg_bind_str(&q, text(k->last4));
    pg_bind_int(&q, k->scopes);
    pg_bind_str(&q, text(k->queues));
    pg_bind_int(&q, k->created_at);
    pg_bind_int(&q, k->expires_at);
    enum rc rc = round_ask(w, PG_SQL_KEY_ADD, &q, &rows, e);
    *is_added = !rc && pg_affected(rows) == 1;
    pg_rows_free(rows);
    return rc;
}

/* In the transaction: keys are rare, and the program that makes one may be no node. */
static enum rc tell_nodes(struct committer *w, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    const struct str text = notify_sign(w->engine, q.a, STR("keys\n"));
    pg_bind_strs(&q, &text, 1);
    return round_ask(w, PG_SQL_NODE_NOTIFY, &q, NULL, e);
}

enum rc pg_key_create_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_create_key *op = (struct store_create_key *)base;
    struct api_key *k = &op->key;
    bool is_added = false;
    base->rc = RC_OK;
    if (!k->public_id.n || !str_is_name(k->tenant_name)) {
        return store_answer(base, RC_INVALID, "invalid_field",
                            "a key needs a public id and the name of a tenant");
    }
    if (!str_is_text(k->public_id) || !str_is_text(k->name)) {
        return store_answer(base, RC_INVALID, "invalid_field", "a key's name must be UTF-8 text without NUL");
    }
    enum rc rc = round_begin(w, e);
    if (!rc) {
        k->created_at = w->keeper.now;
        rc = find_tenant(w, k->tenant_name, &k->tenant, e);
    }
    if (!rc) {
        rc = add_key(w, k, &is_added, e);
    }
    if (!rc && !is_added) {
        return store_answer(base, RC_CONFLICT, NULL, "a key with this public id exists");
    }
    return rc ? rc : tell_nodes(w, e);
}

enum rc pg_key_revoke_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_revoke_key *op = (struct store_revoke_key *)base;
    struct pg_query get = PG_QUERY(w->keeper.scratch), revoke = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    base->rc = RC_OK;
    if (!str_is_text(op->public_id)) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such key");
    }
    pg_bind_str(&get, op->public_id);
    enum rc rc = round_ask(w, PG_SQL_KEY_GET, &get, &rows, e);
    if (rc) {
        return rc;
    }
    bool is_theirs = pg_count(rows) && (!op->tenant || pg_int(rows, 0, 0) == op->tenant);
    bool is_revoked = is_theirs && pg_int(rows, 0, 1) != 0;
    pg_rows_free(rows);
    if (!is_theirs) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such key");
    }
    if (is_revoked) {
        return RC_OK;
    }
    pg_bind_str(&revoke, op->public_id);
    pg_bind_int(&revoke, w->keeper.now);
    rc = round_ask(w, PG_SQL_KEY_REVOKE, &revoke, NULL, e);
    return rc ? rc : tell_nodes(w, e);
}

/* ---- read */

static void read_key(const struct pg_rows *r, size_t at, struct arena *a, struct api_key *k)
{
    struct str hash = pg_str(r, at, 1);
    *k = (struct api_key){.public_id = arena_str(a, pg_str(r, at, 0)),
                          .tenant = pg_int(r, at, 2),
                          .tenant_name = arena_str(a, pg_str(r, at, 3)),
                          .name = arena_str(a, pg_str(r, at, 4)),
                          .last4 = arena_str(a, pg_str(r, at, 5)),
                          .scopes = (unsigned)pg_int(r, at, 6),
                          .queues = arena_str(a, pg_str(r, at, 7)),
                          .created_at = pg_int(r, at, 8),
                          .expires_at = pg_int(r, at, 9),
                          .revoked_at = pg_int(r, at, 10)};
    memcpy(k->hash, hash.p, hash.n < sizeof k->hash ? hash.n : sizeof k->hash);
}

enum rc pg_key_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_keys *op = (struct store_list_keys *)base;
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, op->tenant);
    enum rc rc = pg_run(r->link.c, pg_sql(PG_SQL_KEY_LIST), &q, &rows, e);
    if (!rc) {
        op->count = pg_count(rows);
        op->keys = arena_array(base->a, struct api_key, op->count + 1);
        for (size_t i = 0; i < op->count; i++) {
            read_key(rows, i, base->a, &op->keys[i]);
        }
    }
    pg_rows_free(rows);
    return rc;
}
