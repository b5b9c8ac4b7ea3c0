/* api.c: from the head of a request to its handler: route, key, scope, media type, limits, JSON; in that order, so that
 * a stranger without a key learns nothing but which paths exist. */
#include "api/call.h"

#include <string.h>

#include "api/index_queries.h"
#include "api/streams.h"

#define ANSWER_MAX_BYTES   ((size_t)1 << 30)
#define HOPS_MAX           3                  /* of requests that our own have caused */
#define IGNORED_BODY_BYTES ((size_t)64 << 10) /* of a request that has none by its route */

static bool check_query(struct api_call *c)
{
    struct str name;
    struct str value;
    size_t at = 0;
    char wanted[80];
    char seen[512] = " ";
    size_t n = 1;

    if (http_query(c->x).n == 0) {
        return true;
    }
    while (http_query_next(c->x, &at, &name, &value)) {
        str_print(wanted, sizeof wanted, " %.*s ", (int)(name.n < 64 ? name.n : 64), name.p);
        char field[80];
        str_print(field, sizeof field, "?%.*s", (int)(name.n < 40 ? name.n : 40), name.p);
        if (name.n == 0 || !strstr(c->route->query, wanted)) {
            api_fail(c, RC_INVALID, "unknown_field", field, "unknown query parameter");
            return false;
        }
        if (strstr(seen, wanted)) {
            api_fail(c, RC_INVALID, "invalid_field", field, "this query parameter came twice");
            return false;
        }
        n += str_print(seen + n, sizeof seen - n, "%s", wanted);
    }
    return true;
}

/* "application/json", also with charset=utf-8; nothing else is JSON in a way that could not be misread. */
static bool is_type(struct str header, struct str type)
{
    struct str rest;
    struct str essence = str_trim(str_cut(header, ';', &rest));

    if (!str_eq_nocase(essence, type)) {
        return false;
    }
    rest = str_trim(rest);
    return rest.n == 0 || str_eq_nocase(rest, STR("charset=utf-8")) ||
           str_eq_nocase(rest, STR("charset=\"utf-8\""));
}

static bool check_media_type(struct api_call *c)
{
    struct str type = http_request_header(c->x, STR("Content-Type"));
    enum api_body body = c->route->body;
    struct str encoding = http_request_header(c->x, STR("Content-Encoding"));

    bool may_be_absent = body == API_MAYBE_JSON || body == API_EMPTY;
    if (body == API_NO_BODY || (may_be_absent && http_body_declared_bytes(c->x) == 0)) {
        return true;
    }
    if (encoding.n > 0 && !str_eq_nocase(encoding, STR("identity"))) {
        api_fail(c, RC_INVALID, "unsupported_media_type", NULL, "the body must not be compressed");
        return false;
    }
    if (body == API_UPLOAD || is_type(type, STR("application/json")) ||
        (body == API_JOBS && is_type(type, STR("application/x-ndjson")))) {
        return true;
    }
    api_fail(c, RC_INVALID, "unsupported_media_type", NULL, "the body must be application/json%s in UTF-8",
             body == API_JOBS ? " or application/x-ndjson" : "");
    return false;
}

static bool check_job_in_path(struct api_call *c)
{
    if ((c->route->flags & API_JOB_IN_PATH) == 0 || id_parse(c->params[0], &c->job)) {
        return true;
    }
    api_problem(c, RC_NOT_FOUND, NULL);
    return false;
}

static void answer_no_route(struct api_call *c, struct buf *allow)
{
    if (allow->n == 0) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return;
    }
    buf_append_c(allow, ", OPTIONS");
    http_header(c->x, STR("Allow"), buf_str(allow));
    if (http_method(c->x) == HTTP_OPTIONS) {
        api_answer_empty(c);
        return;
    }
    api_fail(c, RC_INVALID, "method_not_allowed", NULL, "allowed here: %s", buf_c_str(allow));
}

static const struct api_route *find_route(struct api_call *c)
{
    struct buf allow = BUF_LIMIT(256);
    const struct api_route *r = api_route_find(http_method(c->x), http_path(c->x), c->a, c->params, &allow);

    if (!r && http_method(c->x) == HTTP_OPTIONS && str_eq(http_path(c->x), STR("*"))) {
        api_answer_empty(c);
    } else if (!r) {
        answer_no_route(c, &allow);
    }
    buf_dispose(&allow);
    return r;
}

/* A browser shows a page of another origin what it asked for only when the answer says so (Fetch Standard, CORS protocol). Nothing
 * but event streams ever does: their token is in the address, so no credential of the browser's own is at stake. */
static void allow_origin(struct api_call *c)
{
    const struct api_options *o = &c->api->options;
    struct str origin = http_request_header(c->x, STR("Origin"));

    if (c->route->access != API_KEY_OR_TOKEN || o->origin_count == 0) {
        return;
    }
    http_header(c->x, STR("Vary"), STR("Origin"));
    for (size_t i = 0; i < o->origin_count; i++) {
        if (str_eq(origin, o->origins[i])) {
            http_header(c->x, STR("Access-Control-Allow-Origin"), origin);
            return;
        }
    }
}

/* Our own requests to where strangers say count their hops (net/fetch.h); who passes one on adds one. */
static bool comes_in_a_circle(const struct api_call *c)
{
    struct str text = http_request_header(c->x, STR("Stint-Hop"));
    int64_t hops = 0;

    return text.n && (!str_to_i64(text, &hops) || hops > HOPS_MAX);
}

static bool may(struct api_call *c)
{
    const struct api_route *r = c->route;

    if (r->access == API_OPEN || (r->access == API_LOCAL_OR_KEY && http_peer_is_loopback(c->x))) {
        return true;
    }
    if (comes_in_a_circle(c)) {
        api_fail(c, RC_DENIED, "request_loop", NULL, "the request was passed on more than %d times",
                 HOPS_MAX);
        return false;
    }
    if (!api_authenticate(c)) {
        return false;
    }
    if (r->scope && (c->key.scopes & r->scope) == 0) {
        api_fail(c, RC_DENIED, NULL, NULL, "this needs a key with another scope");
        return false;
    }
    if ((r->flags & API_TENANT_WIDE) && c->key.queues.n > 0) {
        api_fail(c, RC_DENIED, NULL, NULL, "a key that is limited to queues may not do this");
        return false;
    }
    return true;
}

/* A key that is limited to queues acts on jobs of those only: looked up first, since a job's queue is not in its id. */
static void queue_known(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_get_job *get = LOOP_OWNER(op, struct store_get_job, op);

    if (api_failed(c, op)) {
        return;
    }
    if (!api_queue_allowed(&c->key, get->job->queue)) {
        api_fail(c, RC_DENIED, NULL, NULL, "this key is limited to other queues");
        return;
    }
    c->route->handle(c);
}

static void run_for_tenant(struct api_call *c)
{
    if ((c->route->flags & API_JOB_IN_PATH) == 0 || c->key.queues.n == 0) {
        c->route->handle(c);
        return;
    }
    struct store_get_job *get = api_op(c, sizeof *get, STORE_GET_JOB, queue_known);
    get->tenant = c->tenant;
    get->id = c->job;
    api_submit(c, &get->op);
}

static void run(struct api_call *c)
{
    if (api_is_of_all(c) && !(c->route->flags & API_NAMES_LEASES)) {
        api_under_lease(c, run_for_tenant);
    } else {
        run_for_tenant(c);
    }
}

static void on_request(void *ctx, struct http_exchange *x)
{
    struct api *api = ctx;
    struct arena *a = http_arena(x);
    struct api_call *c = arena_alloc(a, sizeof *c);

    c->api = api;
    c->x = x;
    c->a = a;
    http_set_context(x, c);
    c->route = find_route(c);
    if (c->route) {
        allow_origin(c);
    }
    if (!c->route || !may(c) || !check_query(c) || !check_job_in_path(c) || !check_media_type(c)) {
        return;
    }
    if (c->route->body == API_NO_BODY) {
        http_set_body_limit(x, IGNORED_BODY_BYTES);
    } else if (c->route->body_bytes > 0) {
        http_set_body_limit(x, c->route->body_bytes);
    }
    c->holder.is_receiving = true;
    if (c->route->body == API_UPLOAD) {
        c->route->handle(c);
    }
}

static void on_body(void *ctx, struct http_exchange *x)
{
    struct api_call *c = http_context(x);
    enum api_body body = c->route->body;
    struct str text = http_body(x);
    struct err e;

    (void)ctx;
    c->holder.is_receiving = false;
    if (body == API_UPLOAD) {
        api_put_artifact_received(c);
        return;
    }
    if (body == API_JSON || ((body == API_MAYBE_JSON || body == API_EMPTY) && text.n > 0)) {
        struct json_budget budget = wire_budget();
        enum rc rc = json_parse_within(text, &budget, c->a, &c->json, &e);
        if (rc) {
            api_problem(c, rc, &e);
            return;
        }
    }
    if (body == API_EMPTY && c->json && (c->json->type != JSON_OBJECT || c->json->count > 0)) {
        api_fail(c, RC_INVALID, "invalid_field", NULL, "the body must be empty, or {}");
        return;
    }
    run(c);
}

static void on_close(void *ctx, struct http_exchange *x)
{
    struct api_holder *h = http_context(x);

    (void)ctx;
    if (h && h->on_left) {
        h->on_left(h, x);
    } else if (h && h->is_receiving) {
        http_drop(x);
    }
}

static void on_sent(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    streams_on_sent(x);
}

static struct str on_bad_request(void *ctx, int status, const char *code, const char *text, struct arena *a)
{
    struct api *api = ctx;
    struct buf *b = &api->scratch;

    buf_clear(b);
    struct json_out w = json_writer(b);
    json_object_begin(&w);
    char type[80];
    str_print(type, sizeof type, "urn:stint:problem:%s", code);
    json_put_c(&w, "type", type);
    json_put_c(&w, "code", code);
    json_put_str(&w, "title", http_status_text(status));
    json_put_int(&w, "status", status);
    json_put_c(&w, "detail", text);
    json_object_end(&w);
    return arena_str(a, buf_str(b));
}

enum rc api_start(struct loop *l, struct queue *q, const struct api_options *o, struct api **out,
                  struct err *e)
{
    struct api *api = mem_alloc(sizeof *api);

    api->loop = l;
    api->queue = q;
    api->options = *o;
    api->scratch = BUF_LIMIT(ANSWER_MAX_BYTES);
    store_secret(queue_store(q), api->secret.b);
    api_key_memo_init(&api->keys_seen);
    api->streams = streams_new(api);
    api->index = index_queries_new(api);
    struct http_server_options server = {
        .host = o->host.n ? o->host : STR("127.0.0.1"),
        .port = o->port,
        .limits = o->limits,
        .app = {.ctx = api,
                .on_request = on_request,
                .on_body = on_body,
                .on_close = on_close,
                .on_sent = on_sent,
                .on_bad_request = on_bad_request,
                .error_type = STR("application/problem+json")},
    };
    enum rc rc = http_server_start(l, &server, &api->server, e);
    if (rc) {
        api_stop(api);
        return rc;
    }
    *out = api;
    return RC_OK;
}

int api_port(const struct api *a)
{
    return http_server_port(a->server);
}

void api_drain(struct api *a, void (*done)(void *ctx), void *ctx)
{
    a->draining = true;
    http_server_drain(a->server, done, ctx);
    streams_drain(a->streams);
}

void api_stop(struct api *a)
{
    if (!a) {
        return;
    }
    http_server_free(a->server);
    streams_free(a->streams);
    index_queries_free(a->index);
    buf_dispose(&a->scratch);
    mem_free(a);
}
