/* http_call.c: one call of a client: its request, its deadlines, its end. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "net/client_private.h"

#define BODY_BYTES_DEFAULT ((size_t)32 << 20)

struct str http_answer_header(const struct http_answer *a, struct str name)
{
    return http_fields_find(a->fields, a->field_count, name);
}

static bool is_clean(struct str s, bool is_target)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!http_is_value_char(s.p[i]) || (is_target && (s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f))) {
            return false;
        }
    }
    return true;
}

static bool is_request_clean(const struct http_call_options *o)
{
    bool is_good = o->path.n > 0 && o->path.p[0] == '/' && is_clean(o->path, true);

    for (size_t i = 0; i < o->field_count && is_good; i++) {
        is_good = o->fields[i].name.n > 0 && is_clean(o->fields[i].name, true) &&
                  is_clean(o->fields[i].value, false);
    }
    return is_good;
}

static void compose(struct http_call *call, const struct http_call_options *o)
{
    const struct http_client *c = call->client;
    struct buf b = BUF_LIMIT((size_t)1 << 20);
    int64_t length = o->body_fd_bytes > 0 ? o->body_fd_bytes : (int64_t)o->body.n;
    bool may_have_body = o->method == HTTP_POST || o->method == HTTP_PUT || o->method == HTTP_PATCH;

    buf_append_str(&b, http_method_name(o->method));
    buf_append_char(&b, ' ');
    buf_append_c(&b, c->prefix);
    buf_append_str(&b, o->path);
    buf_append_c(&b, " HTTP/1.1\r\nHost: ");
    buf_append_c(&b, c->host_header);
    buf_append_c(&b, "\r\nUser-Agent: stint/" STINT_VERSION "\r\n");
    if (length > 0 || may_have_body) {
        buf_printf(&b, "Content-Length: %lld\r\n", (long long)length);
    }
    for (size_t i = 0; i < o->field_count; i++) {
        buf_append_str(&b, o->fields[i].name);
        buf_append_c(&b, ": ");
        buf_append_str(&b, o->fields[i].value);
        buf_append_c(&b, "\r\n");
    }
    buf_append_c(&b, "\r\n");
    if (b.overflowed) {
        call->failed = err_set(&call->err, RC_TOO_BIG, "the head of the request is larger than 1 MiB");
    }
    call->request = arena_str(call->arena, buf_str(&b));
    buf_dispose(&b);
}

/* ---- Deadlines ---- */

static void arm(struct http_call *call)
{
    int64_t due = call->timeout_at_ms < call->silent_at_ms ? call->timeout_at_ms : call->silent_at_ms;

    if (due != INT64_MAX && (!timer_is_running(&call->timer) || call->timer.due_at_ms > due)) {
        timer_start(call->client->loop, &call->timer, due - loop_now_ms(call->client->loop));
    }
}

static void on_timer(struct loop_timer *t)
{
    struct http_call *call = LOOP_OWNER(t, struct http_call, timer);
    int64_t now = loop_now_ms(call->client->loop);

    if (call->timeout_at_ms <= now) {
        call_fail(call, RC_BUSY, "no answer from %s within %lld ms", call->client->host_header,
                  (long long)call->o.timeout_ms);
    } else if (call->silent_at_ms <= now) {
        call_fail(call, RC_BUSY, "%s was silent for %lld ms", call->client->host_header,
                  (long long)call->o.silence_ms);
    } else {
        arm(call);
    }
}

void call_heard(struct http_call *call)
{
    if (call->o.silence_ms > 0) {
        call->silent_at_ms =
            call->is_paused ? INT64_MAX : loop_now_ms(call->client->loop) + call->o.silence_ms;
        arm(call);
    }
}

/* ---- Life ---- */

struct http_call *http_call_start(struct http_client *c, const struct http_call_options *o)
{
    struct http_call *call = mem_alloc(sizeof *call);

    assert(o->on_done);
    call->client = c;
    call->o = *o;
    call->arena = arena_new();
    call->timer.run = on_timer;
    call->body = BUF_LIMIT(o->max_body_bytes ? o->max_body_bytes : BODY_BYTES_DEFAULT);
    call->timeout_at_ms = o->timeout_ms > 0 ? loop_now_ms(c->loop) + o->timeout_ms : INT64_MAX;
    call->silent_at_ms = INT64_MAX;
    call->next = c->calls;
    call->at = &c->calls;
    if (call->next) {
        call->next->at = &call->next;
    }
    c->calls = call;
    if (is_request_clean(o)) {
        compose(call, o);
    } else {
        call->failed =
            err_set(&call->err, RC_INVALID, "the request has a character that HTTP does not allow");
    }
    call->o.fields = NULL; /* they were borrowed for this call only */
    call->o.path = STR_NONE;
    client_wait(c, call, false);
    call_heard(call);
    arm(call);
    return call;
}

void call_free(struct http_call *call)
{
    if (call->upload && call->upload->is_running) {
        call->upload->call = NULL;
    } else {
        mem_free(call->upload);
    }
    arena_free(call->arena);
    buf_dispose(&call->body);
    mem_free(call);
}

/* Takes the call out of everything but memory. */
static void detach(struct http_call *call)
{
    struct line *n = call->line;

    timer_stop(call->client->loop, &call->timer);
    *call->at = call->next;
    if (call->next) {
        call->next->at = call->at;
    }
    if (n) { /* still there: the answer was not taken to its end */
        n->call = NULL;
        call->line = NULL;
        line_close(n);
    } else {
        client_unwait(call->client, call);
    }
    client_pump_later(call->client);
}

struct http_answer call_answer(const struct http_call *call, enum rc rc)
{
    return (struct http_answer){
        .rc = rc,
        .err = &call->err,
        .maybe_sent = call->is_sent,
        .status = call->has_answer ? call->head.status : 0,
        .fields = call->head.fields,
        .field_count = call->head.field_count,
        .body = buf_str(&call->body),
    };
}

void call_finish(struct http_call *call, enum rc rc)
{
    struct http_answer a = call_answer(call, rc);

    detach(call);
    call->o.on_done(call->o.ctx, call, &a);
    call_free(call);
}

void call_fail(struct http_call *call, enum rc rc, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&call->err, rc, "%s", text);
    call_finish(call, rc);
}

void http_call_cancel(struct http_call *call)
{
    detach(call);
    call_free(call);
}

bool http_call_finish_soon(struct http_call *call, int64_t within_ms)
{
    if (!call->line || !call->is_written) {
        return false;
    }
    call->line->closes = true;
    stream_shutdown(call->line->stream);
    call->timeout_at_ms = loop_now_ms(call->client->loop) + within_ms;
    arm(call);
    return true;
}

void http_call_pause(struct http_call *call)
{
    call->is_paused = true;
    call->silent_at_ms = INT64_MAX;
}

void http_call_resume(struct http_call *call)
{
    call->is_paused = false;
    call_heard(call);
    if (call->line) {
        line_resume(call->line);
    }
}
