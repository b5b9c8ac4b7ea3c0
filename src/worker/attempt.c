/* attempt.c: the child's side of handler.h: what a job knows, and what it tells: every call becomes a message to the supervisor. */
#include "worker/attempt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/messages.h"

struct str attempt_job(const struct attempt *at)
{
    return at->job_id;
}

struct str attempt_batch_id(const struct attempt *at)
{
    return at->batch_id;
}

struct str attempt_args(const struct attempt *at)
{
    return at->args;
}

struct str attempt_checkpoint(const struct attempt *at)
{
    return at->checkpoint;
}

int64_t attempt_number(const struct attempt *at)
{
    return at->number;
}

const char *attempt_scratch(struct attempt *at)
{
    if (at->handler->is_folderless) {
        (void)!mkdir(at->scratch, 0700); /* if it cannot be, neither can what is to be written there */
    }
    return at->scratch;
}

struct arena *attempt_arena(struct attempt *at)
{
    return at->a;
}

static struct str limit_name(const struct json *item)
{
    const struct json *name = item->type == JSON_OBJECT ? json_get(item, STR("key")) : item;
    return name ? name->s : STR("");
}

int64_t attempt_limit_weight(const struct attempt *at, struct str key)
{
    for (const struct json *i = at->limits ? at->limits->first : NULL; i; i = i->next) {
        const struct json *weight = i->type == JSON_OBJECT ? json_get(i, STR("weight")) : NULL;
        if (str_eq(limit_name(i), key)) {
            return weight && weight->i > 0 ? weight->i : 1;
        }
    }
    return 0;
}

struct str attempt_limit_key(const struct attempt *at, struct str prefix)
{
    for (const struct json *i = at->limits ? at->limits->first : NULL; i; i = i->next) {
        if (str_starts(limit_name(i), prefix)) {
            return limit_name(i);
        }
    }
    return STR("");
}

struct str attempt_option(const struct attempt *at, const char *name)
{
    const struct json *v = json_get(at->options, str_from(name));
    return v ? v->s : STR("");
}

bool attempt_secret(const struct attempt *at, struct str name, struct str *out)
{
    char variable[160];
    (void)at;
    if (!str_is_name(name) ||
        str_print(variable, sizeof(variable), "STINT_SECRET_%.*s", STR_ARG(name)) == 0) {
        return false;
    }
    const char *v = getenv(variable);
    if (!v) {
        return false;
    }
    *out = str_from(v);
    return true;
}

/* ---- messages out ---- */

#define HELD_BYTES ((size_t)1 << 20) /* more does not wait */

static void send_now(struct str lines)
{
    if (message_send(MESSAGE_FD, lines, NULL)) {
        _exit(1); /* nobody is there to tell; the lease brings the work back */
    }
}

void attempt_send_held(struct attempt *at)
{
    at->is_holding = false;
    send_now(buf_str(&at->held));
    buf_dispose(&at->held);
}

/* Nothing behind the end: the supervisor would take it for news of the next job. What fits into no message is the end of its job. */
static void send_buf(struct attempt *at, struct buf *b)
{
    message_end_line(b);
    bool is_told = !b->overflowed && !at->is_end_told;
    if (b->overflowed && !at->is_end_told) {
        at->has_ended = false;
        attempt_fail(at, ERROR_PERMANENT, "result_too_big", "what the job tells at once is over %d bytes",
                     MESSAGE_MAX_BYTES);
    } else if (is_told && at->is_holding) {
        buf_append_str(&at->held, buf_str(b));
        if (at->has_ended || at->held.n > HELD_BYTES) {
            attempt_send_held(at);
        }
    } else if (is_told) {
        send_now(buf_str(b));
    }
    at->is_end_told = at->has_ended;
    buf_dispose(b);
}

void attempt_hold(struct attempt *at)
{
    at->held = BUF_LIMIT(HELD_BYTES + MESSAGE_MAX_BYTES);
    at->is_holding = true;
}

void attempt_message_begin(struct json_out *w, const char *name)
{
    json_object_begin(w);
    json_name(w, name);
    json_object_begin(w);
}

void attempt_message_end(struct attempt *at, struct json_out *w)
{
    json_object_end(w);
    json_object_end(w);
    send_buf(at, w->out);
}

void attempt_progress(struct attempt *at, int64_t permille, const char *format, ...)
{
    char text[256];
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    attempt_message_begin(&w, "progress");
    json_put_int(&w, "permille", permille < 0 ? 0 : (permille > 1000 ? 1000 : permille));
    json_put_c(&w, "message", text);
    attempt_message_end(at, &w);
}

static void send_event(struct attempt *at, const char *type, struct str json, bool at_root)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    attempt_message_begin(&w, "event");
    json_put_c(&w, "type", type);
    json_put_raw(&w, "data", json);
    json_put_bool(&w, "root", at_root);
    attempt_message_end(at, &w);
}

void attempt_event(struct attempt *at, const char *type, struct str json)
{
    send_event(at, type, json, false);
}

void attempt_root_event(struct attempt *at, const char *type, struct str json)
{
    send_event(at, type, json, true);
}

static void send_raw(struct attempt *at, const char *name, struct str json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_raw(&w, name, json);
    json_object_end(&w);
    send_buf(at, &b);
}

void attempt_child(struct attempt *at, struct str spec_json)
{
    send_raw(at, "child", spec_json);
}

void attempt_park(struct attempt *at, struct str checkpoint_json)
{
    if (!at->has_ended) {
        at->has_ended = true;
        send_raw(at, "wait", checkpoint_json);
    }
}

void attempt_text(struct attempt *at, const char *name, const char *media_type, struct str text)
{
    if (text.n > MESSAGE_TEXT_MAX_BYTES) {
        const char *path = arena_c_str(at->a, arena_printf(at->a, "%s/%s", attempt_scratch(at), name));
        struct err e = {0};
        if (buf_write_file(path, text, &e)) {
            attempt_fail(at, ERROR_TRANSIENT, "disk_full", "the scratch folder takes no file: %s", e.text);
            return;
        }
        attempt_artifact(at, name, media_type, path, STR(""), 1);
        return;
    }
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    attempt_message_begin(&w, "text");
    json_put_c(&w, "name", name);
    json_put_c(&w, "media_type", media_type);
    json_put_str(&w, "text", text);
    attempt_message_end(at, &w);
}

void attempt_checkpoint_save(struct attempt *at, struct str json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_raw(&w, "checkpoint", json);
    json_object_end(&w);
    send_buf(at, &b);
}

void attempt_artifact(struct attempt *at, const char *name, const char *media_type, const char *path,
                      struct str series, int64_t keep)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    attempt_message_begin(&w, "artifact");
    json_put_c(&w, "name", name);
    json_put_c(&w, "media_type", media_type);
    json_put_c(&w, "path", path);
    json_put_str(&w, "series", series);
    json_put_int(&w, "keep", keep);
    attempt_message_end(at, &w);
}

void attempt_send_tokens(struct attempt *at, const char *name, const struct limit_use *uses, size_t count)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    attempt_message_begin(&w, name);
    for (size_t i = 0; i < count; i++) {
        json_put_int(&w, arena_c_str(at->a, uses[i].key), uses[i].weight);
    }
    attempt_message_end(at, &w);
}

void attempt_correct(struct attempt *at, struct str key, int64_t n)
{
    const struct limit_use use = {key, n};
    if (n && !at->has_ended) {
        attempt_send_tokens(at, "correct", &use, 1);
    }
}

void attempt_complete(struct attempt *at, struct str result_json)
{
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    if (at->has_ended) {
        return;
    }
    at->has_ended = true;
    json_object_begin(&w);
    json_put_raw(&w, "complete", result_json);
    json_object_end(&w);
    send_buf(at, &b);
}

struct failure {
    enum error_class class;
    const char *code, *message;
    int64_t retry_after_ms; /* -1 = none */
    struct str pause_key;   /* of class rate_limited; "" = none */
};

#define FAIL_TEXT_BYTES 2048

static void send_fail(struct attempt *at, const struct failure *f)
{
    struct str message = str_from(f->message);
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    if (at->has_ended) {
        return;
    }
    at->has_ended = true;
    attempt_message_begin(&w, "fail");
    json_put_c(&w, "class", error_class_name(f->class));
    json_put_c(&w, "code", f->code);
    json_put_str(&w, "message", str_sub(message, 0, FAIL_TEXT_BYTES));
    json_put_int(&w, "retry_after_ms", f->retry_after_ms);
    json_put_str(&w, "pause_key", f->pause_key);
    attempt_message_end(at, &w);
}

void attempt_fail(struct attempt *at, enum error_class class, const char *code, const char *format, ...)
{
    char text[FAIL_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct failure f = {class, code, text, -1, STR("")};
    send_fail(at, &f);
}

void attempt_fail_after(struct attempt *at, int64_t retry_after_ms, const char *code, const char *message)
{
    attempt_fail_pausing(at, STR(""), retry_after_ms, code, message);
}

void attempt_fail_pausing(struct attempt *at, struct str key, int64_t for_ms, const char *code,
                          const char *message)
{
    const struct failure f = {ERROR_RATE_LIMITED, code, message, for_ms, key};
    send_fail(at, &f);
}
