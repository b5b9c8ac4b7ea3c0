/* keep_limits.c: before the first claim: what the kinds of this worker want their limit keys to allow is put to the server, unless it
 * keeps a rule for the key, whoever's: that one holds. A worker whose key may not set limits says what is to be said, and works. */
#include <string.h>

#include "base/log.h"
#include "worker/supervisor.h"

#define TRY_AGAIN_MS 1000

static void next(struct supervisor *sup);

static void on_try_again(struct loop_timer *t)
{
    next(LOOP_OWNER(t, struct supervisor, retry));
}

/* The server is away, or has no time. */
static void try_again(struct supervisor *sup, const char *why)
{
    if (sup->failures++ == 0) {
        log_warn("worker.claim_failed", L_C("why", why));
    }
    sup->retry.run = on_try_again;
    timer_start(sup->loop, &sup->retry, TRY_AGAIN_MS);
}

static bool is_away(const struct http_answer *got)
{
    return got->rc || got->status >= 500 || got->status == 429;
}

static void write_rule(const struct limit_rule *r, struct buf *body)
{
    struct json_out w = json_writer(body);
    json_object_begin(&w);
    if (r->concurrency) {
        json_put_int(&w, "concurrency", r->concurrency);
        json_put_bool(&w, "adaptive", r->is_adaptive);
    }
    if (r->rate) {
        json_name(&w, "rate");
        json_object_begin(&w);
        json_put_int(&w, "n", r->rate);
        json_put_int(&w, "per_s", r->period_ms / 1000);
        json_put_int(&w, "burst", r->burst);
        json_object_end(&w);
    }
    json_object_end(&w);
}

/* As a command would say it. */
static void tell_refused(const struct handler_limit *l, int status)
{
    char rule[160] = "";
    size_t n = 0;
    if (l->rule.concurrency) {
        n += str_print(rule, sizeof rule, " --concurrency %lld%s", (long long)l->rule.concurrency,
                       l->rule.is_adaptive ? " --adaptive" : "");
    }
    if (l->rule.rate) {
        str_print(rule + n, sizeof rule - n, " --rate %lld --per %llds --burst %lld", (long long)l->rule.rate,
                  (long long)l->rule.period_ms / 1000, (long long)l->rule.burst);
    }
    log_warn(
        "worker.limit_not_set", L_STR("key", l->key), L_INT("status", status),
        L_C("why", "the worker's key may not; nothing bounds it until somebody says: stint limit set KEY …"),
        L_C("set", rule));
}

static void call(struct supervisor *sup, enum http_method method, struct str body,
                 void (*on_done)(void *ctx, struct http_call *call, const struct http_answer *got))
{
    static const char hex[] = "0123456789ABCDEF";
    struct str key = sup->limits[sup->limits_kept].key;
    struct buf path = BUF_LIMIT(4096);
    buf_append_c(&path, "/v1/limits/");
    for (size_t i = 0; i < key.n; i++) { /* whatever it is made of */
        unsigned char c = (unsigned char)key.p[i];
        buf_append_char(&path, '%');
        buf_append_char(&path, hex[c >> 4]);
        buf_append_char(&path, hex[c & 15]);
    }
    struct str target = arena_str(sup->limits_arena, buf_str(&path));
    struct http_call_options o = {.method = method,
                                  .path = target,
                                  .fields = sup->fields,
                                  .field_count = 2,
                                  .body = body,
                                  .timeout_ms = 30000,
                                  .ctx = sup,
                                  .on_done = on_done};
    sup->claims[0].call = http_call_start(sup->http, &o);
    buf_dispose(&path);
}

static void go_on(struct supervisor *sup)
{
    sup->failures = 0;
    sup->limits_kept++;
    next(sup);
}

static void on_put(void *ctx, struct http_call *c, const struct http_answer *got)
{
    struct supervisor *sup = ctx;
    const struct handler_limit *l = &sup->limits[sup->limits_kept];
    (void)c;
    sup->claims[0].call = NULL;
    if (is_away(got)) {
        try_again(sup, "a limit could not be set");
        return;
    }
    if (got->status == 200) {
        log_info("worker.limit_set", L_STR("key", l->key));
    } else {
        tell_refused(l, got->status);
    }
    go_on(sup);
}

static bool has_rule(const struct http_answer *got)
{
    struct arena *a = arena_new();
    struct json *limit = NULL;
    bool has = json_parse(got->body, a, &limit, NULL) == RC_OK;
    const struct json *set = has ? json_get(limit, STR("set")) : NULL;
    const struct json *pattern = has ? json_get(limit, STR("pattern")) : NULL;
    has = (set && set->i) || (pattern && pattern->type == JSON_STRING);
    arena_free(a);
    return has;
}

static void on_got(void *ctx, struct http_call *c, const struct http_answer *got)
{
    struct supervisor *sup = ctx;
    (void)c;
    sup->claims[0].call = NULL;
    if (is_away(got)) {
        try_again(sup, "a limit could not be read");
    } else if (got->status == 200 && has_rule(got)) {
        go_on(sup);
    } else {
        buf_clear(&sup->claims[0].body);
        sup->claims[0].body.max = 4096;
        write_rule(&sup->limits[sup->limits_kept].rule, &sup->claims[0].body);
        call(sup, HTTP_PUT, buf_str(&sup->claims[0].body), on_put);
    }
}

static void next(struct supervisor *sup)
{
    if (sup->is_draining) {
        return;
    }
    if (sup->limits_kept < sup->limit_count) {
        call(sup, HTTP_GET, STR_NONE, on_got);
    } else {
        supervisor_claim(sup);
    }
}

static enum rc add_limits(struct supervisor *sup, const struct handler *h, const struct handler_options *o,
                          struct err *e)
{
    struct handler_limit *more = NULL;
    size_t count = 0;
    enum rc rc = h->limits(o, sup->limits_arena, &more, &count, e);
    if (rc || !count) {
        return rc;
    }
    struct handler_limit *all =
        arena_array(sup->limits_arena, struct handler_limit, sup->limit_count + count);
    for (size_t i = 0; i < sup->limit_count + count; i++) {
        all[i] = i < sup->limit_count ? sup->limits[i] : more[i - sup->limit_count];
    }
    sup->limits = all;
    sup->limit_count += count;
    return RC_OK;
}

enum rc keep_limits_read(struct supervisor *sup, struct err *e)
{
    struct handler_options o = {0};
    enum rc rc = RC_OK;
    sup->limits_arena = arena_new();
    for (size_t i = 0; i < sup->o->option_count; i++) {
        if (strcmp(sup->o->options[i].name, "providers") == 0) {
            o.providers = sup->o->options[i].value;
        }
    }
    for (size_t i = 0; handlers[i] && !rc; i++) {
        if (handlers[i]->limits && supervisor_does(sup, str_from(handlers[i]->kind))) {
            rc = add_limits(sup, handlers[i], &o, e);
        }
    }
    return rc;
}

void keep_limits_begin(struct supervisor *sup)
{
    next(sup);
}
