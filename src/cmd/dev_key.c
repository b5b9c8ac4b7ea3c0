/* dev_key.c: see dev_key.h. */
#include "cmd/dev_key.h"

#include <string.h>

#include "client/config.h"
#include "crypto/api_key.h"

struct dev_key {
    struct store_create_key create;
    struct loop_task known;
    struct client_config config;
    char *path;
    void (*done)(void *ctx, enum rc rc, const struct err *e);
    void *ctx;
};

/* A key of another store, or a revoked one, is of no use. */
static bool is_known(struct queue *q, const char *key)
{
    struct str id;
    unsigned char hash[API_KEY_SHA256_BYTES];

    if (!api_key_read(str_from(key), &id, hash)) {
        return false;
    }
    const struct api_key *k = queue_find_key(q, id);

    return k && k->expires_at == 0 && api_key_hash_eq(k->hash, hash);
}

static void finish(struct dev_key *d, enum rc rc, struct err *e)
{
    rc = rc ? rc : client_config_save(d->path, &d->config, e);
    d->done(d->ctx, rc, e);
    arena_free(d->create.op.a);
    mem_free(d->path);
    mem_free(d);
}

static void on_created(struct store_op *op)
{
    struct err e = op->e;

    finish(LOOP_OWNER(op, struct dev_key, create.op), op->rc, &e);
}

static void on_known(struct loop_task *t)
{
    struct err e = {0};

    finish(LOOP_OWNER(t, struct dev_key, known), RC_OK, &e);
}

static void fill_key(struct dev_key *d)
{
    struct api_key *key = &d->create.key;
    struct arena *a = d->create.op.a;
    struct api_key_text k;

    api_key_make(&k);
    str_copy(d->config.key, sizeof d->config.key, str_from(k.text));
    key->public_id = arena_str(a, str_from(k.public_id));
    key->last4 = arena_str(a, str_from(k.last4));
    memcpy(key->hash, k.sha256, sizeof k.sha256);
    key->tenant_name = STR("default");
    key->name = STR("development");
    key->scopes = SCOPE_ENQUEUE | SCOPE_READ | SCOPE_WORK | SCOPE_ADMIN;
    api_key_wipe(&k);
}

void dev_key_provide(struct loop *l, struct queue *q, const char *path, const char *url,
                     void (*done)(void *ctx, enum rc rc, const struct err *e), void *ctx)
{
    struct dev_key *d = mem_alloc(sizeof *d);
    struct err e = {0};

    store_init(&d->create.op, sizeof d->create, STORE_CREATE_KEY, arena_new());
    d->create.op.done = on_created;
    d->known.run = on_known;
    d->path = mem_c_str(str_from(path));
    d->done = done;
    d->ctx = ctx;
    const bool is_kept = client_config_load_file(path, &d->config, &e) == RC_OK && is_known(q, d->config.key);

    str_copy(d->config.url, sizeof d->config.url, str_from(url));
    if (is_kept) {
        loop_post(l, &d->known);
        return;
    }
    fill_key(d);
    queue_submit(q, &d->create.op);
}
