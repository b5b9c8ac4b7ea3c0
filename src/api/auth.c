/* auth.c: who asks, and the texts that we sign: list cursors and stream tokens. A wrong key costs the same as an unknown
 * one, and neither is told apart in the answer. */
#include "api/call.h"

#include <string.h>

#include "crypto/api_key.h"
#include "crypto/token.h"

#define OPERATOR STR("default")

static bool unauthorized(struct api_call *c, const char *text)
{
    api_fail(c, RC_DENIED, "unauthorized", NULL, "%s", text);
    return false;
}

static bool key_is_live(const struct api_key *key, int64_t now)
{
    return key->revoked_at == 0 && (key->expires_at == 0 || now < key->expires_at);
}

static const struct api_key *find_key(struct api_call *c, struct str text)
{
    static const unsigned char nobody[API_KEY_SHA256_BYTES];
    unsigned char hash[API_KEY_SHA256_BYTES];
    struct str id;

    if (!api_key_read_again(&c->api->keys_seen, text, &id, hash)) {
        return NULL;
    }
    const struct api_key *key = queue_find_key(c->api->queue, id);
    bool is_equal = api_key_hash_eq(hash, key ? key->hash : nobody);
    return key && is_equal && key_is_live(key, store_now(queue_store(c->api->queue))) ? key : NULL;
}

static void take_key(struct api_call *c, const struct api_key *key)
{
    c->key = *key;
    c->tenant = key->tenant;
    /* The cache may change under a request that waits. */
    c->key.public_id = arena_str(c->a, key->public_id);
    c->key.queues = key->queues.n > 0 ? arena_str(c->a, key->queues) : STR_NONE;
    c->key.tenant_name = c->key.name = c->key.last4 = STR_NONE;
    if (key->scopes &
        SCOPE_WORK_ALL) { /* whatever else stands there: it is of no tenant, and does nothing but work */
        c->key.scopes = SCOPE_WORK_ALL;
        c->key.tenant = c->tenant = API_NO_TENANT;
    }
}

bool api_key_still_good(struct api *api, struct str public_id)
{
    const struct api_key *key = queue_find_key(api->queue, public_id);

    return key && key_is_live(key, store_now(queue_store(api->queue)));
}

bool api_is_operator(const struct api_call *c)
{
    const struct api_key *own = queue_find_key(c->api->queue, c->key.public_id);

    return own && str_eq(own->tenant_name, OPERATOR);
}

bool api_still_authorized(struct api_call *c)
{
    return api_key_still_good(c->api, c->key.public_id) || unauthorized(c, "this key is not known");
}

static struct token_kind stream_tokens(struct api *api)
{
    return (struct token_kind){.key = &api->secret, .purpose = "stream"};
}

/* "tenant job key": who may see which job, on whose behalf. */
static bool take_token(struct api_call *c, struct str token)
{
    struct token_kind kind = stream_tokens(c->api);
    struct str rest;
    struct str payload;
    struct id job;
    struct err e;

    if (token_verify(&kind, token, store_now(queue_store(c->api->queue)), c->a, &payload, &e)) {
        return unauthorized(c, "the stream token is not valid, or no longer");
    }
    struct str tenant = str_cut(payload, ' ', &rest);
    struct str job_text = str_cut(rest, ' ', &rest);
    const struct api_key *key = queue_find_key(c->api->queue, rest);
    if (!str_to_i64(tenant, &c->tenant) || !id_parse(job_text, &job) || !key || key->tenant != c->tenant ||
        !key_is_live(key, store_now(queue_store(c->api->queue)))) {
        return unauthorized(c, "the stream token is not valid, or no longer");
    }
    take_key(c, key);
    c->key.scopes = SCOPE_READ;
    if (!str_eq(c->params[0], job_text)) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return false;
    }
    return true;
}

bool api_authenticate(struct api_call *c)
{
    struct str header = http_request_header(c->x, STR("Authorization"));
    struct str token;
    struct str rest;

    if (http_request_header_count(c->x, STR("Authorization")) > 1) {
        api_fail(c, RC_INVALID, "malformed_request", NULL, "Authorization came twice");
        return false;
    }
    if (!header.p && c->route->access == API_KEY_OR_TOKEN && http_query(c->x).n > 0 &&
        http_query_param(c->x, STR("token"), &token)) {
        return take_token(c, token);
    }
    if (!str_eq_nocase(str_cut(header, ' ', &rest), STR("Bearer")) || rest.n == 0) {
        return unauthorized(c, "send a key as Authorization: Bearer");
    }
    const struct api_key *key = find_key(c, str_trim(rest));
    if (!key) {
        return unauthorized(c, "this key is not known");
    }
    take_key(c, key);
    return true;
}

bool api_queue_allowed(const struct api_key *key, struct str queue)
{
    return store_queue_allowed(key->queues, queue);
}

struct str api_stream_token(struct api_call *c, struct id job, int64_t expires_at)
{
    struct token_kind kind = stream_tokens(c->api);
    struct str payload =
        arena_printf(c->a, "%lld %s %.*s", (long long)c->tenant, id_text(job).s, STR_ARG(c->key.public_id));

    return token_sign(&kind, payload, expires_at, c->a);
}

/* ---- cursors: bound to tenant, route and filter, so that none is good anywhere else ---- */

static struct str cursor_place(struct api_call *c, struct str filter)
{
    struct str whole =
        arena_printf(c->a, "%lld\n%s\n%.*s", (long long)c->tenant, c->route->operation, STR_ARG(filter));
    struct sha256 hash = crypto_sha256(whole);
    char *hex = arena_alloc(c->a, 33);

    hex_encode(hash.b, 16, hex);
    return str_from(hex);
}

struct str api_cursor_text(struct api_call *c, struct str filter, int64_t cursor)
{
    struct token_kind kind = {.key = &c->api->secret, .purpose = "cursor"};
    struct str payload = arena_printf(c->a, "%.*s %lld", STR_ARG(cursor_place(c, filter)), (long long)cursor);

    return cursor == 0 ? STR_NONE : token_sign(&kind, payload, INT64_MAX, c->a);
}

bool api_cursor_parse(struct api_call *c, struct str filter, struct str text, int64_t *cursor)
{
    struct token_kind kind = {.key = &c->api->secret, .purpose = "cursor"};
    struct str payload;
    struct str rest;

    if (token_verify(&kind, text, 0, c->a, &payload, NULL) ||
        !str_eq(str_cut(payload, ' ', &rest), cursor_place(c, filter)) || !str_to_i64(rest, cursor)) {
        api_fail(c, RC_INVALID, "invalid_cursor", NULL, "this cursor was not made for this list");
        return false;
    }
    return true;
}

void api_sha256(struct str bytes, unsigned char out[SHA256_BYTES])
{
    struct sha256 hash = crypto_sha256(bytes);

    memcpy(out, hash.b, sizeof hash.b);
}
