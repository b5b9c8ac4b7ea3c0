/* ask.c: see ask.h. */
#include "kinds/run_prompt/ask.h"

#include <string.h>

#include "base/clock.h"

#define REQUEST_MAX_BYTES (8 << 20)
#define ANSWER_MAX_BYTES  (8 << 20)
#define MESSAGE_MAX_BYTES 2000
#define WAIT_DEFAULT_MS   10000
#define WAIT_MAX_MS       3600000
#define QUOTA_WAIT_MS     3600000

/* ---- what a failure is */

/* Providers show the key that they refuse. */
static struct str without_key(struct str text, struct str key, struct arena *a)
{
    struct buf out = BUF_LIMIT(MESSAGE_MAX_BYTES);
    size_t at = 0;
    text = str_sub(text, 0, MESSAGE_MAX_BYTES / 2);
    while (at < text.n) {
        bool is_whole = key.n && str_starts(str_sub(text, at, text.n), key);
        bool is_like = str_starts(str_sub(text, at, text.n), STR("sk-"));
        size_t end = at + (is_whole ? key.n : 0);
        while (is_like && end < text.n && !strchr(" \t\n\"'.,)", text.p[end])) {
            end++;
        }
        if (end > at) {
            buf_append_c(&out, "***");
            at = end;
        } else {
            buf_append_char(&out, text.p[at++]);
        }
    }
    struct str copy = arena_str(a, buf_str(&out));
    buf_dispose(&out);
    return copy;
}

static enum ask_next fail(const struct ask *ask, struct ask_failure *f, enum error_class class,
                          const char *code, struct str message)
{
    *f =
        (struct ask_failure){.class = class, .code = code, .message = without_key(message, ask->key, ask->a)};
    return ASK_FAILED;
}

static enum ask_next come_back(const struct ask *ask, struct ask_failure *f, const char *code,
                               struct str message, int64_t after_ms)
{
    (void)fail(ask, f, ERROR_RATE_LIMITED, code, message);
    f->retry_after_ms = after_ms;
    return ASK_LATER;
}

/* ---- how long to wait */

/* "20ms", "1s", "6m0s": x-ratelimit-reset-*. */
static int64_t reset_ms(struct str text)
{
    int64_t ms = 0;
    return text.n && duration_parse(text, &ms) ? ms : -1;
}

static int64_t wait_ms(const struct fetch_answer *answer)
{
    int64_t ms = -1;
    int64_t seconds = 0;
    struct str after = fetch_header(answer, STR("retry-after"));
    if (!str_to_i64(fetch_header(answer, STR("retry-after-ms")), &ms)) {
        ms = -1;
    }
    if (ms < 0 && str_to_i64(after, &seconds)) {
        ms = seconds > WAIT_MAX_MS / 1000 ? WAIT_MAX_MS : seconds * 1000;
    }
    if (ms < 0 && after.n) {
        int64_t at = fetch_date(after);
        int64_t now = fetch_date(fetch_header(answer, STR("date")));
        ms = at > 0 && now > 0 && at > now ? at - now : -1;
    }
    if (ms < 0) {
        ms = reset_ms(fetch_header(answer, STR("x-ratelimit-reset-requests")));
        int64_t tokens_ms = reset_ms(fetch_header(answer, STR("x-ratelimit-reset-tokens")));
        ms = tokens_ms > ms ? tokens_ms : ms;
    }
    ms = ms < 0 ? WAIT_DEFAULT_MS : ms;
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
}

/* ---- what a refused request says */

struct complaint {
    struct str message, type, code, param;
};

static struct complaint read_complaint(const struct fetch_answer *answer, struct arena *a)
{
    struct json *o = NULL;
    if (json_parse(answer->body, a, &o, NULL)) {
        return (struct complaint){str_sub(answer->body, 0, 500), STR(""), STR(""), STR("")};
    }
    const struct json *error = json_get(o, STR("error"));
    error = error && error->type == JSON_OBJECT ? error : o;
    return (struct complaint){dialect_text(error, "message"), dialect_text(error, "type"),
                              dialect_text(error, "code"), dialect_text(error, "param")};
}

static bool names(const struct complaint *c, struct str what)
{
    return str_find(c->message, what, 0) < c->message.n || str_find(c->param, what, 0) < c->param.n ||
           str_eq(c->code, what) || str_eq(c->type, what);
}

/* The model cannot be held to a schema in this way: take the next. */
static bool climb_down(struct question *q, const struct complaint *c)
{
    bool is_about_it = names(c, STR("response_format")) || names(c, STR("json_schema")) ||
                       names(c, STR("json_object")) || names(c, STR("tool"));
    if (!q->args->schema || q->mode == STRUCTURED_NONE || !is_about_it) {
        return false;
    }
    q->mode++;
    return true;
}

/* A parameter that the model does not take is left out, once. */
static bool drop_param(struct question *q, const struct complaint *c)
{
    if (names(c, STR("max_completion_tokens")) && !q->uses_completion_tokens) {
        q->uses_completion_tokens = true;
        return true;
    }
    for (const struct json *p = q->args->params ? q->args->params->first : NULL; p; p = p->next) {
        bool is_dropped = false;
        for (size_t i = 0; i < q->dropped_count; i++) {
            is_dropped |= str_eq(q->dropped[i], p->name);
        }
        if (!is_dropped && q->dropped_count < DIALECT_DROPPED_MAX &&
            (str_eq(c->param, p->name) || names(c, p->name))) {
            q->dropped[q->dropped_count++] = p->name;
            return true;
        }
    }
    return false;
}

static const struct {
    int status;
    const char *code;
} permanent[] = {{401, "unauthorized"},    {402, "insufficient_quota"}, {403, "forbidden"},
                 {404, "model_not_found"}, {413, "too_large"},          {422, "bad_request"},
                 {400, "bad_request"}};

static bool is_context_length(const struct complaint *c)
{
    return names(c, STR("context_length_exceeded")) || names(c, STR("context length")) ||
           names(c, STR("prompt is too long"));
}

static enum ask_next refused(struct ask *ask, const struct fetch_answer *answer, struct ask_failure *f)
{
    struct complaint c = read_complaint(answer, ask->a);
    int status = answer->status;
    if (names(&c, STR("insufficient_quota"))) {
        (void)come_back(ask, f, "insufficient_quota", c.message, QUOTA_WAIT_MS);
        f->is_for_people = true;
        return ASK_LATER;
    }
    if (status == 429) {
        return come_back(ask, f, "rate_limited", c.message, wait_ms(answer));
    }
    if ((status == 503 || status == 529) && fetch_header(answer, STR("retry-after")).n) {
        return come_back(ask, f, "overloaded", c.message, wait_ms(answer));
    }
    if (status >= 500 || status == 408 || status == 409 || status == 425) {
        return fail(ask, f, ERROR_TRANSIENT, status >= 500 ? "http_5xx" : "http_4xx",
                    arena_printf(ask->a, "status %d: %.*s", status, STR_ARG(c.message)));
    }
    if (status == 400 && is_context_length(&c)) {
        return fail(ask, f, ERROR_PERMANENT, "context_length", c.message);
    }
    if ((status == 400 || status == 422) && (climb_down(&ask->q, &c) || drop_param(&ask->q, &c))) {
        return ASK_AGAIN;
    }
    const char *code = "http_error";
    for (size_t i = 0; i < sizeof permanent / sizeof *permanent; i++) {
        code = permanent[i].status == status ? permanent[i].code : code;
    }
    return fail(ask, f, ERROR_PERMANENT, code,
                arena_printf(ask->a, "status %d: %.*s", status, STR_ARG(c.message)));
}

static enum ask_next unreachable(const struct ask *ask, enum rc rc, const struct err *e,
                                 struct ask_failure *f)
{
    bool is_transient = rc == RC_BUSY || rc == RC_NOT_FOUND;
    return fail(ask, f, is_transient ? ERROR_TRANSIENT : ERROR_PERMANENT, e->code, str_from(e->text));
}

/* ---- the call */

static enum ask_next take_answer(struct ask *ask, const struct fetch_answer *answer, struct reply *reply,
                                 struct ask_failure *f)
{
    struct err e = {.rc = RC_OK};
    struct json *o = NULL;
    if (answer->status != 200) {
        return refused(ask, answer, f);
    }
    enum rc rc = json_parse(answer->body, ask->a, &o, &e);
    rc = rc ? rc : ask->dialect->read(o, ask->a, reply, &e);
    return rc ? fail(ask, f, ERROR_TRANSIENT, "bad_answer", str_from(e.text)) : ASK_ANSWERED;
}

enum ask_next ask_once(struct ask *ask, struct reply *reply, struct ask_failure *failure)
{
    const struct dialect *d = ask->dialect;
    struct buf body = BUF_LIMIT(REQUEST_MAX_BYTES);
    struct json_out w = json_writer(&body);
    struct err e = {.rc = RC_OK};
    struct fetch_answer answer;
    d->write(&ask->q, &w);
    const struct address_rules open = {.is_open = true}; /* whoever runs the worker chose the URL */
    const struct http_field fields[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("Idempotency-Key"), arena_printf(ask->a, "%.*s-%d", STR_ARG(ask->job), ask->calls)},
        {str_from(d->extra_field ? d->extra_field : "Accept"),
         str_from(d->extra_value ? d->extra_value : "application/json")},
        {str_from(d->key_field), arena_printf(ask->a, "%s%.*s", d->key_prefix, STR_ARG(ask->key))},
    };
    const struct fetch_request r = {
        .method = HTTP_POST,
        .url = arena_printf(ask->a, "%.*s%s", STR_ARG(ask->provider->base_url), d->path),
        .fields = fields,
        .field_count = sizeof fields / sizeof *fields - !ask->key.n,
        .body = buf_str(&body),
        .timeout_ms = ask->provider->timeout_ms,
        .max_body_bytes = ANSWER_MAX_BYTES,
        .rules = &open,
    };
    int64_t from_us = clock_mono_us();
    ask->calls++;
    enum rc rc = body.overflowed
                     ? err_set_code(&e, RC_TOO_BIG, "too_large", NULL, "the request is over 8 MiB")
                     : fetch(ask->fetcher, &r, ask->a, &answer, &e);
    ask->latency_ms = (clock_mono_us() - from_us) / 1000;
    buf_dispose(&body);
    return rc ? unreachable(ask, rc, &e, failure) : take_answer(ask, &answer, reply, failure);
}
