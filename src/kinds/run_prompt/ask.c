/* ask.c: see ask.h. */
#include "kinds/run_prompt/ask.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "kinds/run_prompt/retry_after.h"

#define REQUEST_MAX_BYTES (8 << 20)
#define ANSWER_MAX_BYTES  (8 << 20)
#define COMPLAINT_BYTES   (64 << 10) /* of a body that are looked at */
#define MESSAGE_MAX_BYTES 1000
#define WAIT_DEFAULT_MS   10000
#define WAIT_TOLD_MS      100 /* less is no time to name: who says so each time would be asked without an end */
#define WAIT_LEAST_MS     1000 /* then it is this, and twice as long each time */
#define WAIT_DOUBLINGS    5
#define QUOTA_WAIT_MS     3600000
#define HIDDEN            "***"
#define KEY_HIDDEN_BYTES  8

/* ---- what a failure is */

/* Bytes that spell the key here, maybe as a string of JSON may write it; 0 = they do not. */
static size_t key_at(struct str text, size_t at, struct str key)
{
    size_t from = at;
    for (size_t i = 0; i < key.n; i++) {
        struct str rest = str_sub(text, at, text.n);
        char hex[7];
        str_print(hex, sizeof hex, "\\u%04x", (unsigned char)key.p[i]);
        if (rest.n && *rest.p == key.p[i]) {
            at++;
        } else if (str_eq_nocase(str_sub(rest, 0, 6), str_from(hex))) {
            at += 6;
        } else if (rest.n > 1 && rest.p[0] == '\\' && rest.p[1] == key.p[i]) {
            at += 2;
        } else {
            return 0;
        }
    }
    return at - from;
}

/* One that begins as those of many providers do: they show half of the key that they refuse. */
static size_t like_key_at(struct str text, size_t at)
{
    size_t end = at;
    bool is_inside = at && (isalnum((unsigned char)text.p[at - 1]) || text.p[at - 1] == '-');
    if (is_inside || !str_starts(str_sub(text, at, text.n), STR("sk-"))) {
        return 0;
    }
    while (end < text.n && !strchr(" \t\n\"'.,)", text.p[end])) {
        end++;
    }
    return end - at;
}

/* The beginning of the text. Cut behind the hiding: a piece of the key is no less of it. */
static struct str without_keys(struct str text, struct str key, struct arena *a)
{
    struct buf out = BUF_LIMIT(2 * MESSAGE_MAX_BYTES);
    size_t at = 0;
    while (at < text.n && out.n < MESSAGE_MAX_BYTES) {
        size_t hidden = key_at(text, at, key);
        hidden = hidden ? hidden : like_key_at(text, at);
        if (hidden) {
            buf_append_c(&out, HIDDEN);
            at += hidden;
        } else {
            buf_append_char(&out, text.p[at++]);
        }
    }
    struct str copy = arena_str(a, buf_str(&out));
    buf_dispose(&out);
    return copy;
}

/* A whole answer. What begins as keys do is left in it, and a very short key, which may be a word: `ollama`. */
static void hide_key(struct str *text, struct str key, struct arena *a)
{
    size_t at = 0;
    while (at < text->n && (key.n < KEY_HIDDEN_BYTES || !key_at(*text, at, key))) {
        at++;
    }
    if (at == text->n) {
        return;
    }
    struct buf out = BUF_LIMIT(ANSWER_MAX_BYTES);
    for (at = 0; at < text->n;) {
        size_t hidden = key_at(*text, at, key);
        if (hidden) {
            buf_append_c(&out, HIDDEN);
        } else {
            buf_append_char(&out, text->p[at]);
        }
        at += hidden ? hidden : 1;
    }
    *text = arena_str(a, buf_str(&out));
    buf_dispose(&out);
}

static enum ask_next fail(const struct ask *ask, struct ask_failure *f, enum error_class class,
                          const char *code, struct str message)
{
    *f = (struct ask_failure){
        .class = class, .code = code, .message = without_keys(message, ask->key, ask->a)};
    return ASK_FAILED;
}

static enum ask_next come_back(struct ask *ask, struct ask_failure *f, const char *code, struct str message,
                               int64_t after_ms)
{
    (void)fail(ask, f, ERROR_RATE_LIMITED, code, message);
    ask->waits++;
    f->retry_after_ms = after_ms;
    return ASK_LATER;
}

/* ---- how long to wait */

static int64_t at_least(int64_t ms, int waits)
{
    return ms < WAIT_TOLD_MS ? (int64_t)WAIT_LEAST_MS << (waits < WAIT_DOUBLINGS ? waits : WAIT_DOUBLINGS)
                             : ms;
}

static int64_t wait_ms(const struct ask *ask, const struct fetch_answer *answer)
{
    int64_t ms = retry_after_read(answer);
    return ms < 0 ? WAIT_DEFAULT_MS : at_least(ms, ask->waits);
}

/* ---- what a refused request says */

struct complaint {
    struct str message, type, code, param;
};

/* What is wrong with each place of a request, as FastAPI tells it; beside it may stand the request itself. */
static struct str read_details(const struct json *list, struct arena *a)
{
    struct buf text = BUF_LIMIT(COMPLAINT_BYTES);
    for (const struct json *item = list->first; item; item = item->next) {
        const struct json *place = json_get(item, STR("loc"));
        struct str why = dialect_text(item, "msg");
        if (place && why.n) {
            buf_printf(&text, "%s%.*s: %.*s", text.n ? "; " : "", STR_ARG(place->raw), STR_ARG(why));
        }
    }
    struct str copy = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return copy;
}

/* {"error": {"message": …}} is what most say, but not all. */
static struct str read_message(struct str body, const struct json *o, struct arena *a)
{
    static const char *const places[] = {"message", "error", "detail"};
    const struct json *details = json_get(o, STR("detail"));
    struct str said = dialect_text(json_get(o, STR("error")), "message");
    for (size_t i = 0; i < sizeof places / sizeof *places && !said.n; i++) {
        said = dialect_text(o, places[i]);
    }
    if (!said.n && details && details->type == JSON_ARRAY) {
        said = read_details(details, a);
    }
    return str_sub(said.n ? said : str_trim(body), 0, COMPLAINT_BYTES);
}

static struct complaint read_complaint(const struct fetch_answer *answer, struct arena *a)
{
    struct json *o = NULL;
    if (json_parse(answer->body, a, &o, NULL)) {
        o = NULL;
    }
    const struct json *error = json_get(o, STR("error"));
    error = error && error->type == JSON_OBJECT ? error : o;
    return (struct complaint){read_message(answer->body, o, a), dialect_text(error, "type"),
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
} permanent[] = {{401, "unauthorized"}, {403, "forbidden"},   {404, "model_not_found"},
                 {413, "too_large"},    {422, "bad_request"}, {400, "bad_request"}};

static bool is_context_length(const struct complaint *c)
{
    return names(c, STR("context_length_exceeded")) || names(c, STR("context length")) ||
           names(c, STR("prompt is too long"));
}

static enum ask_next refused(struct ask *ask, const struct fetch_answer *answer, struct ask_failure *f)
{
    struct complaint c = read_complaint(answer, ask->a);
    int status = answer->status;
    if (status == 402 || names(&c, STR("insufficient_quota"))) {
        (void)come_back(ask, f, "insufficient_quota", c.message, QUOTA_WAIT_MS);
        f->is_for_people = true;
        return ASK_LATER;
    }
    if (status == 429) {
        return come_back(ask, f, "rate_limited", c.message, wait_ms(ask, answer));
    }
    if ((status == 503 || status == 529) && fetch_header(answer, STR("retry-after")).n) {
        return come_back(ask, f, "overloaded", c.message, wait_ms(ask, answer));
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

enum ask_next ask_judge(struct ask *ask, const struct fetch_answer *answer, struct reply *reply,
                        struct ask_failure *f)
{
    struct err e = {.rc = RC_OK};
    struct json *o = NULL;
    if (answer->status != 200) {
        return refused(ask, answer, f);
    }
    enum rc rc = json_parse(answer->body, ask->a, &o, &e);
    rc = rc ? rc : ask->dialect->read(o, ask->a, reply, &e);
    if (rc) {
        return fail(ask, f, ERROR_TRANSIENT, "bad_answer", str_from(e.text));
    }
    struct str *const texts[] = {&reply->text, &reply->id, &reply->model, &reply->finish_reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hide_key(texts[i], ask->key, ask->a);
    }
    ask->waits = 0;
    return ASK_ANSWERED;
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
    return rc ? unreachable(ask, rc, &e, failure) : ask_judge(ask, &answer, reply, failure);
}
