/* call.c: how handlers read a request and answer it. See call.h. */
#include "api/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define SCRATCH_KEEP_BYTES ((size_t)1 << 20) /* a larger one is given back after its answer */

struct json_out api_json(struct api_call *c)
{
    buf_clear(&c->api->scratch);
    return json_writer(&c->api->scratch);
}

static void answer(struct api_call *c, int status, struct str type)
{
    struct buf *b = &c->api->scratch;
    struct err e;

    if (buf_check(b, "the answer", &e)) {
        buf_clear(b);
        api_problem(c, RC_FATAL, &e);
        return;
    }
    struct str body = arena_str(c->a, buf_str(b));
    if (b->cap > SCRATCH_KEEP_BYTES) {
        buf_dispose(b);
    }
    /* What a key may see belongs into no cache, and is JSON whatever a browser makes of its bytes. */
    http_header(c->x, STR("Cache-Control"), STR("no-store"));
    http_header(c->x, STR("X-Content-Type-Options"), STR("nosniff"));
    http_respond(c->x, status, type, body);
}

void api_answer(struct api_call *c, int status)
{
    answer(c, status, STR("application/json"));
}

void api_answer_lines(struct api_call *c)
{
    answer(c, 200, STR("application/x-ndjson"));
}

void api_end_line(struct buf *lines, size_t from)
{
    static const char breaks[] = {'\n', '\r'};
    struct str all = buf_str(lines);

    for (size_t b = 0; b < sizeof breaks; b++) {
        for (size_t i = from; (i = str_find_char(all, breaks[b], i)) < all.n;) {
            lines->p[i] = ' ';
        }
    }
    buf_append_char(lines, '\n');
}

void api_answer_problem(struct api_call *c, int status)
{
    answer(c, status, STR("application/problem+json"));
}

void api_answer_empty(struct api_call *c)
{
    http_respond(c->x, 204, STR_NONE, STR_NONE);
}

void api_problem(struct api_call *c, enum rc rc, const struct err *e)
{
    const struct wire_problem *p = wire_problem_of(rc, e ? e->code : NULL);
    struct json_out w = api_json(c);

    json_object_begin(&w);
    wire_problem_members(&w, p, e);
    json_object_end(&w);
    if (p->status == 401) {
        http_header(c->x, STR("WWW-Authenticate"), STR("Bearer realm=\"stint\""));
    } else if (p->status == 429 || p->status == 503 || rc == RC_FULL) {
        http_header(c->x, STR("Retry-After"), STR("1"));
    } else if (p->code && strcmp(p->code, "idempotency_in_flight") == 0) {
        http_header(c->x, STR("Retry-After"), STR("1"));
    }
    answer(c, p->status, STR("application/problem+json"));
}

void api_fail(struct api_call *c, enum rc rc, const char *code, const char *field, const char *format, ...)
{
    struct err e = {.rc = rc, .code = code};
    va_list args;

    str_copy(e.field, sizeof e.field, str_from(field));
    va_start(args, format);
    (void)vsnprintf(e.text, sizeof e.text, format, args);
    va_end(args);
    api_problem(c, rc, &e);
}

bool api_failed(struct api_call *c, const struct store_op *op)
{
    if (op->rc == RC_OK) {
        return false;
    }
    api_problem(c, op->rc, &op->e);
    return true;
}

void *api_op(struct api_call *c, size_t size, enum store_op_kind kind, void (*done)(struct store_op *op))
{
    struct store_op *op = arena_alloc(c->a, size);

    store_init(op, size, kind, c->a);
    op->owner = c;
    op->done = done;
    return op;
}

void api_submit(struct api_call *c, struct store_op *op)
{
    queue_submit(c->api->queue, op);
}

/* ---- query parameters ---- */

static bool param(struct api_call *c, const char *name, struct str *value)
{
    return http_query(c->x).n > 0 && http_query_param(c->x, str_from(name), value);
}

static bool refuse(struct api_call *c, const char *name, const char *what)
{
    char field[64];

    str_print(field, sizeof field, "?%s", name);
    api_fail(c, RC_INVALID, "invalid_field", field, "%s must be %s", name, what);
    return false;
}

bool api_query_int(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *to)
{
    struct str text;
    char what[80];

    if (!param(c, name, &text)) {
        return true;
    }
    if (!str_to_i64(text, to) || *to < min || *to > max) {
        str_print(what, sizeof what, "an integer from %lld to %lld", (long long)min, (long long)max);
        return refuse(c, name, what);
    }
    return true;
}

bool api_query_name(struct api_call *c, const char *name, struct str *to)
{
    struct str text;

    if (!param(c, name, &text)) {
        return true;
    }
    /* What is no name matches nothing; that is an answer, not an error (and no SQL ever sees it as more than a value). */
    if (text.n == 0 || text.n > JOB_KEY_MAX_BYTES || !str_is_text(text)) {
        return refuse(c, name, "1 to 256 bytes of text");
    }
    *to = text;
    return true;
}

bool api_param_is_text(struct api_call *c, size_t i)
{
    bool is_text = str_is_text(c->params[i]);

    if (!is_text) {
        api_problem(c, RC_NOT_FOUND, NULL);
    }
    return is_text;
}

bool api_query_time(struct api_call *c, const char *name, int64_t *to)
{
    struct str text;

    if (!param(c, name, &text)) {
        return true;
    }
    return time_parse(text, to) || refuse(c, name, "a time as in RFC 3339, with a zone");
}

bool api_query_bool(struct api_call *c, const char *name, bool *to)
{
    struct str text;

    if (!param(c, name, &text)) {
        return true;
    }
    if (!str_eq(text, STR("true")) && !str_eq(text, STR("false"))) {
        return refuse(c, name, "true or false");
    }
    *to = str_eq(text, STR("true"));
    return true;
}

static bool query_id(struct api_call *c, const char *name, struct id *to)
{
    struct str text;

    return !param(c, name, &text) || id_parse(text, to) || refuse(c, name, "an id");
}

bool api_query_states(struct api_call *c, const char *name, uint32_t *to)
{
    struct str rest;
    uint32_t states = 0;

    if (!param(c, name, &rest)) {
        return true;
    }
    while (rest.p) {
        struct str one = str_cut(rest, ',', &rest);
        enum job_state state;
        if (!job_state_parse(one, &state)) {
            return refuse(c, name,
                          "states between commas: blocked, scheduled, queued, processing, completed, failed, "
                          "cancelled, skipped");
        }
        states |= 1U << state;
    }
    *to = states;
    return true;
}

bool api_query_filter(struct api_call *c, struct job_filter *to, struct str *canonical)
{
    struct job_filter f = *to;

    if (!api_query_states(c, "state", &f.states) || !api_query_name(c, "queue", &f.queue) ||
        !api_query_name(c, "kind", &f.kind) || !api_query_name(c, "tag", &f.tag) ||
        !query_id(c, "batch", &f.batch) || !api_query_time(c, "since", &f.since) ||
        !api_query_time(c, "until", &f.until)) {
        return false;
    }
    if (c->key.queues.n > 0 && (f.queue.n == 0 || !api_queue_allowed(&c->key, f.queue))) {
        api_fail(c, RC_DENIED, NULL, "?queue", "this key is limited to some queues: name one of them");
        return false;
    }
    *canonical = arena_printf(c->a, "%x\n%s\n%.*s\n%.*s\n%.*s\n%lld\n%lld", f.states, id_text(f.batch).s,
                              STR_ARG(f.queue), STR_ARG(f.kind), STR_ARG(f.tag), (long long)f.since,
                              (long long)f.until);
    *to = f;
    return true;
}
