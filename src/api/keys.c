/* keys.c: the keys of a tenant. The secret is in the answer to its creation and nowhere else. */
#include "api/streams.h"

#include <string.h>

#include "crypto/api_key.h"

#define KEY_QUEUES_MAX  32
#define KEY_EXPIRES_MAX (3650LL * 86400000)

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {{"enqueue", SCOPE_ENQUEUE},
              {"read", SCOPE_READ},
              {"work", SCOPE_WORK},
              {"admin", SCOPE_ADMIN},
              {"work_all", SCOPE_WORK_ALL}};

#define SCOPES (sizeof scopes / sizeof scopes[0])

static void write_members(struct json_out *w, const struct api_key *key)
{
    json_put_str(w, "id", key->public_id);
    json_put_str(w, "name", key->name);
    json_put_str(w, "last4", key->last4);
    json_name(w, "scopes");
    json_array_begin(w);
    for (size_t i = 0; i < SCOPES; i++) {
        if (key->scopes & scopes[i].bit) {
            json_c(w, scopes[i].name);
        }
    }
    json_array_end(w);
    json_put_raw(w, "queues", key->queues);
    json_put_time(w, "created_at", key->created_at);
    json_put_time(w, "expires_at", key->expires_at);
    json_put_time(w, "revoked_at", key->revoked_at);
}

static void on_listed(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_keys *list = LOOP_OWNER(op, struct store_list_keys, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "keys");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        json_object_begin(&w);
        write_members(&w, &list->keys[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_keys(struct api_call *c)
{
    struct store_list_keys *op = api_op(c, sizeof *op, STORE_LIST_KEYS, on_listed);

    op->tenant = c->tenant;
    api_submit(c, &op->op);
}

/* ---- creation ---- */

struct key_request {
    struct str name, queues;
    unsigned scopes;
    int64_t expires_ms;
};

static enum rc read_scopes(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct key_request *k = to;

    (void)a;
    for (const struct json *c = v->type == JSON_ARRAY ? v->first : NULL; c; c = c->next) {
        size_t i = 0;
        while (i < SCOPES && !(c->type == JSON_STRING && str_eq(c->s, str_from(scopes[i].name)))) {
            i++;
        }
        if (i == SCOPES) {
            return wire_invalid(e, "scopes", "scopes must hold enqueue, read, work, admin");
        }
        k->scopes |= scopes[i].bit;
    }
    return k->scopes ? RC_OK
                     : wire_invalid(e, "scopes", "scopes must be an array of enqueue, read, work, admin");
}

static const struct wire_field key_fields[] = {
    {STR("name"), WIRE_STR, offsetof(struct key_request, name), 1, JOB_NAME_MAX_BYTES, NULL},
    {STR("scopes"), WIRE_CUSTOM, 0, 0, 0, read_scopes},
    {STR("queues"), WIRE_NAMES, offsetof(struct key_request, queues), 0, KEY_QUEUES_MAX, NULL},
    {STR("expires_s"), WIRE_SECONDS, offsetof(struct key_request, expires_ms), 1000, KEY_EXPIRES_MAX, NULL},
};

static void on_created(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct api_key_text *text = c->state;
    struct store_create_key *create = LOOP_OWNER(op, struct store_create_key, op);

    if (op->rc) {
        api_key_wipe(text);
        api_problem(c, op->rc, &op->e);
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    write_members(&w, &create->key);
    json_put_c(&w, "key", text->text);
    json_object_end(&w);
    api_key_wipe(text);
    api_answer(c, 201);
    buf_clear(&c->api->scratch);
}

void api_create_key(struct api_call *c)
{
    struct key_request in = {0};
    struct err e;
    enum rc rc = wire_read(c->json, WIRE_SHAPE(key_fields), c->a, &in, NULL, &e);

    if (rc == RC_OK && in.scopes == 0) {
        rc = wire_invalid(&e, "scopes", "scopes is missing");
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (in.scopes & ~c->key.scopes) {
        api_fail(c, RC_DENIED, NULL, "/scopes", "a key gives no scope that it does not have itself");
        return;
    }
    struct store_create_key *op = api_op(c, sizeof *op, STORE_CREATE_KEY, on_created);
    struct api_key_text *text = arena_alloc(c->a, sizeof *text);
    const struct api_key *own = queue_find_key(c->api->queue, c->key.public_id);
    api_key_make(text);
    c->state = text;
    memcpy(op->key.hash, text->sha256, sizeof op->key.hash);
    op->key.public_id = str_from(text->public_id);
    op->key.tenant_name = own ? arena_str(c->a, own->tenant_name) : STR_NONE;
    op->key.name = in.name;
    op->key.last4 = str_from(text->last4);
    op->key.scopes = in.scopes;
    op->key.queues = str_eq(in.queues, STR("[]")) ? STR_NONE : in.queues;
    op->key.expires_at = in.expires_ms ? store_now(queue_store(c->api->queue)) + in.expires_ms : 0;
    api_submit(c, &op->op);
}

static void on_revoked(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (api_failed(c, op)) {
        return;
    }
    streams_close_key(c->api->streams, c->params[0]);
    api_answer_empty(c);
}

void api_revoke_key(struct api_call *c)
{
    struct store_revoke_key *op = api_op(c, sizeof *op, STORE_REVOKE_KEY, on_revoked);

    if (!api_param_is_text(c, 0)) {
        return;
    }
    op->tenant = c->tenant;
    op->public_id = c->params[0];
    api_submit(c, &op->op);
}
