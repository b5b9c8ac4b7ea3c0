/* http_answer.c: the heads of answers, plain answers, and the end of exchanges. */
#include <assert.h>

#include "net/server_private.h"

#define TAIL_BYTES_MAX 1024 /* a body up to this is copied behind its head: one piece is cheaper than two */
#define HEAD_BYTES_OWN 256  /* status line, Date, Content-Length or Transfer-Encoding, Connection */

static bool is_field_value(struct str v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (!http_is_value_char(v.p[i])) {
            return false;
        }
    }
    return true;
}

void http_header(struct http_exchange *x, struct str name, struct str value)
{
    assert(!x->is_answered && is_field_value(value));
    if (!x->arena) {
        return;
    }
    struct out_header *h = arena_alloc(x->arena, sizeof *h);
    h->name = arena_str(x->arena, name);
    h->value = arena_str(x->arena, value);
    *x->headers_end = h;
    x->headers_end = &h->next;
}

/* The connection ends with this answer: it was asked to, the server is closing, or the body will stay unread. */
static void decide_closing(struct http_exchange *x)
{
    struct http_conn *c = x->conn;
    bool is_last = !x->next && !c->held;

    x->closes |= x->head.wants_close || (c->server->is_draining && is_last) ||
                 (c->reading == x && !conn_can_discard_body(x));
    c->is_deaf |= x->closes;
}

static char *put(char *to, struct str s)
{
    memcpy(to, s.p, s.n);
    return to + s.n;
}

static char *put_number(char *to, uint64_t v)
{
    char digits[24];
    size_t n = sizeof digits;

    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return put(to, (struct str){digits + n, sizeof digits - n});
}

static char *put_field(char *to, struct str name, struct str value)
{
    to = put(to, name);
    to = put(to, STR(": "));
    to = put(to, value);
    return put(to, STR("\r\n"));
}

static struct str compose(struct http_exchange *x, int status, struct str content_type, int64_t length,
                          struct str tail)
{
    size_t max = HEAD_BYTES_OWN + content_type.n + tail.n;

    decide_closing(x);
    for (const struct out_header *h = x->headers; h; h = h->next) {
        max += h->name.n + h->value.n + 4;
    }
    char *head = arena_alloc(x->arena, max);
    char *to = put(head, STR("HTTP/1.1 "));
    to = put_number(to, (uint64_t)status);
    *to++ = ' ';
    to = put(to, http_status_text(status));
    to = put(to, STR("\r\n"));
    to = put(to, server_date_line(x->conn->server));
    if (content_type.n > 0) {
        to = put_field(to, STR("Content-Type"), content_type);
    }
    if (length >= 0 && status != 204 && status != 304) {
        to = put(to, STR("Content-Length: "));
        to = put_number(to, (uint64_t)length);
        to = put(to, STR("\r\n"));
    } else if (length < 0 && x->head.minor_version > 0) {
        to = put(to, STR("Transfer-Encoding: chunked\r\n"));
    }
    if (x->closes) {
        to = put(to, STR("Connection: close\r\n"));
    }
    for (const struct out_header *h = x->headers; h; h = h->next) {
        to = put_field(to, h->name, h->value);
    }
    to = put(to, STR("\r\n"));
    to = put(to, tail);
    assert((size_t)(to - head) <= max);
    return (struct str){head, (size_t)(to - head)};
}

struct str exchange_compose(struct http_exchange *x, int status, struct str content_type, int64_t length)
{
    return compose(x, status, content_type, length, STR(""));
}

void exchange_answer(struct http_exchange *x, int status, struct str content_type, struct str body)
{
    bool has_body = body.n > 0 && !x->is_head && status != 204 && status != 304;
    struct str tail = has_body && body.n <= TAIL_BYTES_MAX ? body : STR("");

    exchange_push(x, compose(x, status, content_type, (int64_t)body.n, tail), NULL);
    if (has_body && tail.n == 0) {
        exchange_push(x, body, NULL);
    }
    x->is_answered = x->is_complete = true;
}

bool exchange_end(struct http_exchange *x)
{
    assert(!x->is_ended);
    x->is_ended = true;
    if (x->is_complete || !x->conn->stream) {
        exchange_maybe_free(x);
        return false;
    }
    return true;
}

void http_respond(struct http_exchange *x, int status, struct str content_type, struct str body)
{
    assert(!x->is_stream);
    if (exchange_end(x)) {
        exchange_answer(x, status, content_type, body);
        conn_flush_later(x->conn);
    }
}

void http_close_after(struct http_exchange *x)
{
    x->closes = true;
}

void http_drop(struct http_exchange *x)
{
    if (exchange_end(x)) {
        /* What was begun cannot be finished: the end of the connection says so. */
        while (x->is_stream && x->piece_count) {
            exchange_pop(x, x->pieces[x->piece_first].bytes.n);
        }
        x->conn->is_cut |= x->is_stream && x->conn->sending_bytes;
        x->is_answered = x->is_complete = x->closes = true;
        conn_flush_later(x->conn);
    }
}
