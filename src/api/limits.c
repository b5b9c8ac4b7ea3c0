/* limits.c: limits of keys, as people set them and look at them. A key that begins with `server:` is one for all tenants: only
 * keys of the tenant `default` see and set it. */
#include "api/call.h"

#define LIST_DEFAULT 50
#define PAUSE_MAX_MS (365LL * 86400000)

/* ---- writing ---- */

static void write_rate(struct json_out *w, const struct limit_rule *r)
{
    json_name(w, "rate");
    if (!r->rate) {
        json_null(w);
        return;
    }
    json_object_begin(w);
    json_put_int(w, "n", r->rate);
    wire_put_seconds(w, "per_s", r->period_ms);
    json_put_int(w, "burst", r->burst);
    json_object_end(w);
}

static void write_members(struct json_out *w, const struct limit *l, int64_t now)
{
    int64_t until = l->state.paused_until;

    json_put_str(w, "key", l->key);
    json_put_bool(w, "set", l->is_set);
    wire_put_text(w, "pattern", l->pattern);
    json_name(w, "concurrency");
    if (l->rule.concurrency) {
        json_int(w, l->rule.concurrency);
    } else {
        json_null(w);
    }
    write_rate(w, &l->rule);
    json_put_bool(w, "adaptive", l->rule.is_adaptive);
    json_put_bool(w, "paused", until > now);
    json_put_time(w, "paused_until", until > now && until != JOB_FOREVER_MS ? until : 0);
}

static int64_t now_of(struct api_call *c)
{
    return store_now(queue_store(c->api->queue));
}

static void write_used(struct json_out *w, const struct limit *l, int64_t now)
{
    json_put_int(w, "used", l->state.used);
    json_name(w, "slots");
    if (l->rule.concurrency) {
        json_int(w, limit_slots(&l->rule, &l->state, now));
    } else {
        json_null(w);
    }
    json_name(w, "tokens");
    if (l->rule.rate) {
        json_int(w, limit_tokens_left(&l->rule, &l->state, now));
    } else {
        json_null(w);
    }
}

/* ---- who may, and what ---- */

/* False, and answered. */
static bool key_is_good(struct api_call *c)
{
    if (!limit_key_is_good(c->params[0], true)) {
        api_fail(c, RC_INVALID, "invalid_field", "/key", "a limit's key has 1 to %d bytes of text",
                 LIMIT_KEY_MAX_BYTES);
        return false;
    }
    if (str_starts(c->params[0], STR(LIMIT_SERVER_PREFIX)) && !api_is_operator(c)) {
        api_fail(c, RC_DENIED, NULL, "/key", "limits of the server are for keys of the tenant default");
        return false;
    }
    return true;
}

/* ---- reading ---- */

static void on_limits(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_limits *list = LOOP_OWNER(op, struct store_list_limits, op);
    int64_t now = now_of(c);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "limits");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        json_object_begin(&w);
        write_members(&w, &list->limits[i], now);
        write_used(&w, &list->limits[i], now);
        json_object_end(&w);
    }
    json_array_end(&w);
    wire_put_text(&w, "next_after", list->more ? list->limits[list->count - 1].key : STR(""));
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_limits(struct api_call *c)
{
    struct store_list_limits *op = api_op(c, sizeof *op, STORE_LIST_LIMITS, on_limits);

    op->tenant = c->tenant;
    op->limit = LIST_DEFAULT;
    if (!api_query_name(c, "after", &op->after) || !api_query_int(c, "limit", 1, 1000, &op->limit) ||
        !api_query_bool(c, "server", &op->of_server)) {
        return;
    }
    if (op->of_server && !api_is_operator(c)) {
        api_fail(c, RC_DENIED, NULL, "?server", "limits of the server are for keys of the tenant default");
        return;
    }
    api_submit(c, &op->op);
}

static void on_limit(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_limits *list = LOOP_OWNER(op, struct store_list_limits, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    write_members(&w, &list->limits[0], now_of(c));
    write_used(&w, &list->limits[0], now_of(c));
    json_put_int(&w, "waiting", list->limits[0].waiting);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_get_limit(struct api_call *c)
{
    struct store_list_limits *op = api_op(c, sizeof *op, STORE_LIST_LIMITS, on_limit);

    op->tenant = c->tenant;
    op->key = c->params[0];
    op->limit = 1;
    if (key_is_good(c)) {
        api_submit(c, &op->op);
    }
}

/* ---- changing ---- */

static void on_set(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    write_members(&w, LOOP_OWNER(op, struct store_set_limit, op)->limit, now_of(c));
    json_object_end(&w);
    api_answer(c, 200);
}

static struct store_set_limit *set_op(struct api_call *c)
{
    struct store_set_limit *op = api_op(c, sizeof *op, STORE_SET_LIMIT, on_set);

    op->tenant = c->tenant;
    op->key = c->params[0];
    op->pause_until = -1;
    return op;
}

static const struct wire_field rate_fields[] = {
    {STR("n"), WIRE_INT, offsetof(struct limit_rule, rate), 1, LIMIT_RATE_MAX, NULL},
    {STR("per_s"), WIRE_SECONDS, offsetof(struct limit_rule, period_ms), LIMIT_PERIOD_MIN_MS,
     LIMIT_PERIOD_MAX_MS, NULL},
    {STR("burst"), WIRE_INT, offsetof(struct limit_rule, burst), 1, LIMIT_RATE_MAX, NULL},
};

static enum rc read_rate(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct limit_rule *r = to;
    enum rc rc = v->type == JSON_NULL ? RC_OK : wire_read(v, WIRE_SHAPE(rate_fields), a, r, NULL, e);

    if (rc == RC_OK && v->type != JSON_NULL && (!r->rate || !r->period_ms)) {
        rc = wire_invalid(e, r->rate ? "per_s" : "n", "a rate needs n and per_s");
    }
    r->burst = r->burst ? r->burst : r->rate;
    return wire_in_member(e, rc, STR("rate"));
}

/* null, as it is shown: no bound. */
static enum rc read_concurrency(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_NULL && (v->type != JSON_INT || v->i < 1 || v->i > LIMIT_CONCURRENCY_MAX)) {
        return wire_invalid(e, "concurrency", "concurrency must be null, or an integer from 1 to %d",
                            LIMIT_CONCURRENCY_MAX);
    }
    ((struct limit_rule *)to)->concurrency = v->type == JSON_NULL ? 0 : v->i;
    return RC_OK;
}

static const struct wire_field rule_fields[] = {
    {STR("concurrency"), WIRE_CUSTOM, 0, 0, 0, read_concurrency},
    {STR("adaptive"), WIRE_BOOL, offsetof(struct limit_rule, is_adaptive), 0, 0, NULL},
    {STR("rate"), WIRE_CUSTOM, 0, 0, 0, read_rate},
};

void api_put_limit(struct api_call *c)
{
    struct store_set_limit *op = set_op(c);
    struct err e;
    enum rc rc = wire_read(c->json, WIRE_SHAPE(rule_fields), c->a, &op->rule, NULL, &e);

    rc = rc ? rc : limit_rule_check(&op->rule, &e);
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (limit_key_is_good(c->params[0], true) && !limit_key_may_have_rule(c->params[0])) {
        api_fail(c, RC_INVALID, "invalid_field", "/key", "a * may only stand at the end of a limit's key");
        return;
    }
    op->has_rule = true;
    if (key_is_good(c)) {
        api_submit(c, &op->op);
    }
}

struct pause {
    int64_t for_ms, until;
};

static const struct wire_field pause_fields[] = {
    {STR("for_s"), WIRE_SECONDS, offsetof(struct pause, for_ms), 1, PAUSE_MAX_MS, NULL},
    {STR("until"), WIRE_TIME, offsetof(struct pause, until), 0, 0, NULL},
};

void api_pause_limit(struct api_call *c)
{
    struct store_set_limit *op = set_op(c);
    struct pause p = {0};
    struct err e;
    enum rc rc = c->json ? wire_read(c->json, WIRE_SHAPE(pause_fields), c->a, &p, NULL, &e) : RC_OK;

    if (rc == RC_OK && p.for_ms && p.until) {
        rc = wire_invalid(&e, "until", "for_s and until exclude each other");
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    op->pause_until = p.until ? p.until : p.for_ms ? now_of(c) + p.for_ms : JOB_FOREVER_MS;
    if (key_is_good(c)) {
        api_submit(c, &op->op);
    }
}

void api_resume_limit(struct api_call *c)
{
    struct store_set_limit *op = set_op(c);

    op->pause_until = 0;
    if (key_is_good(c)) {
        api_submit(c, &op->op);
    }
}

static void on_deleted(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        api_answer_empty(c);
    }
}

void api_delete_limit(struct api_call *c)
{
    struct store_delete_limit *op = api_op(c, sizeof *op, STORE_DELETE_LIMIT, on_deleted);

    op->tenant = c->tenant;
    op->key = c->params[0];
    if (key_is_good(c)) {
        api_submit(c, &op->op);
    }
}
