/* keys.c: tenants and their API keys. Only hashes of keys are here. */
#include "store/sqlite/sqlite.h"

static enum rc find_tenant(struct writer *w, struct str name, int64_t *id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_TENANT_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_str(q, 1, name);
    rc = db_step(q, &has_row, e);
    if (rc) {
        return rc;
    }
    if (has_row) {
        *id = db_int(q, 0);
        db_reset(q);
        return RC_OK;
    }
    rc = stmt(w->db, SQL_TENANT_INSERT, &q, e);
    if (!rc) {
        db_bind_str(q, 1, name);
        db_bind_int(q, 2, w->keeper.now);
        rc = db_run(q, e);
    }
    *id = db_last_row_id(w->db);
    return rc;
}

static enum rc find_key(struct writer *w, struct str public_id, int64_t *tenant, int64_t *revoked_at,
                        bool *found, struct err *e)
{
    struct db_stmt *q = NULL;
    *found = false;
    enum rc rc = stmt(w->db, SQL_KEY_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_str(q, 1, public_id);
    rc = db_step(q, found, e);
    if (!rc && *found) {
        *tenant = db_int(q, 0);
        *revoked_at = db_int(q, 1);
        db_reset(q);
    }
    return rc;
}

static struct str text(struct str s)
{
    return s.p ? s : STR("");
}

enum rc key_create_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_create_key *op = (struct store_create_key *)base;
    struct api_key *k = &op->key;
    struct db_stmt *q = NULL;
    int64_t tenant = 0, revoked_at = 0;
    bool found = false;
    base->rc = RC_OK;
    if (!k->public_id.n || !str_is_name(k->tenant_name)) {
        return store_answer(base, RC_INVALID, "invalid_field",
                            "a key needs a public id and the name of a tenant");
    }
    if (!str_is_text(k->public_id) || !str_is_text(k->name)) {
        return store_answer(base, RC_INVALID, "invalid_field", "a key's name must be UTF-8 text without NUL");
    }
    enum rc rc = find_key(w, k->public_id, &tenant, &revoked_at, &found, e);
    if (rc) {
        return rc;
    }
    if (found) {
        return store_answer(base, RC_CONFLICT, NULL, "a key with this public id exists");
    }
    rc = find_tenant(w, k->tenant_name, &k->tenant, e);
    if (!rc) {
        rc = stmt(w->db, SQL_KEY_INSERT, &q, e);
    }
    if (rc) {
        return rc;
    }
    k->created_at = w->keeper.now;
    db_bind_str(q, 1, k->public_id);
    db_bind_int(q, 2, k->tenant);
    db_bind_blob(q, 3, (struct str){(const char *)k->hash, sizeof k->hash});
    db_bind_str(q, 4, text(k->name));
    db_bind_str(q, 5, text(k->last4));
    db_bind_int(q, 6, k->scopes);
    db_bind_str(q, 7, text(k->queues));
    db_bind_int(q, 8, k->created_at);
    db_bind_int(q, 9, k->expires_at);
    return db_run(q, e);
}

enum rc key_revoke_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_revoke_key *op = (struct store_revoke_key *)base;
    struct db_stmt *q = NULL;
    int64_t tenant = 0, revoked_at = 0;
    bool found = false;
    base->rc = RC_OK;
    enum rc rc = find_key(w, op->public_id, &tenant, &revoked_at, &found, e);
    if (rc) {
        return rc;
    }
    if (!found || (op->tenant && tenant != op->tenant)) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such key");
    }
    if (revoked_at) {
        return RC_OK;
    }
    rc = stmt(w->db, SQL_KEY_REVOKE, &q, e);
    if (!rc) {
        db_bind_str(q, 1, op->public_id);
        db_bind_int(q, 2, w->keeper.now);
        rc = db_run(q, e);
    }
    return rc;
}

static void read_key(struct db_stmt *q, struct arena *a, struct api_key *k)
{
    struct str hash = db_blob(q, 1);
    k->public_id = arena_str(a, db_str(q, 0));
    memcpy(k->hash, hash.p, hash.n < sizeof k->hash ? hash.n : sizeof k->hash);
    k->tenant = db_int(q, 2);
    k->tenant_name = arena_str(a, db_str(q, 3));
    k->name = arena_str(a, db_str(q, 4));
    k->last4 = arena_str(a, db_str(q, 5));
    k->scopes = (unsigned)db_int(q, 6);
    k->queues = arena_str(a, db_str(q, 7));
    k->created_at = db_int(q, 8);
    k->expires_at = db_int(q, 9);
    k->revoked_at = db_int(q, 10);
}

enum rc key_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_keys *op = (struct store_list_keys *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    op->count = 0;
    op->keys = NULL;
    enum rc rc = stmt(r->db, SQL_KEY_LIST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (op->count == room) {
            room = room ? 2 * room : 16;
            struct api_key *grown = arena_array(base->a, struct api_key, room);
            for (size_t i = 0; i < op->count; i++) {
                grown[i] = op->keys[i];
            }
            op->keys = grown;
        }
        read_key(q, base->a, &op->keys[op->count++]);
    }
    return rc;
}
