/* conn_read.c: from bytes to requests: heads, bodies, and what is refused. */
#include <assert.h>

#include "net/server_private.h"

/* Bodies up to this are read and thrown away after an early answer, so that the connection can be kept. */
#define DISCARD_BODY_BYTES (64 * 1024)

static bool is_safe(const struct http_exchange *x)
{
    enum http_method m = x->head.method;
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

bool conn_can_take(const struct http_conn *c)
{
    if (c->is_in_body) {
        return !c->is_body_paused;
    }
    return !c->held && (c->exchanges < c->server->limits.pipeline || c->is_deaf);
}

static void link_exchange(struct http_conn *c, struct http_exchange *x)
{
    *c->last = x;
    c->last = &x->next;
    c->exchanges++;
}

void conn_refuse(struct http_conn *c, const struct http_refusal *r)
{
    struct http_server *s = c->server;
    struct http_exchange *x = c->is_in_body ? c->reading : NULL;
    bool is_answerable = !c->is_in_body || (x && !x->is_answered && !x->is_ended);

    c->busy++;
    s->counts.refused_framing++;
    if (!c->is_in_body) {
        x = exchange_new(c);
        x->is_ours = x->is_ended = x->is_body_whole = true;
        link_exchange(c, x);
    }
    c->is_deaf = c->is_input_unread = true;
    c->is_in_body = false;
    c->reading = NULL;
    if (is_answerable) {
        x->closes = x->is_body_whole = true;
        if (r->status == 503) {
            http_header(x, STR("Retry-After"), STR("5"));
        }
        http_header(x, STR("Cache-Control"), STR("no-store"));
        http_header(x, STR("X-Content-Type-Options"), STR("nosniff"));
        struct str body = s->app.on_bad_request
                              ? s->app.on_bad_request(s->app.ctx, r->status, r->code, r->text, x->arena)
                              : str_from(r->text);
        exchange_answer(x, r->status, s->app.error_type, body);
        if (!x->is_ours) {
            exchange_tell_left(x);
        }
    }
    conn_flush_later(c);
    c->busy--;
}

/* ---- Bodies ---- */

void conn_abandon_body(struct http_conn *c)
{
    struct http_exchange *x = c->reading;

    c->reading = NULL;
    c->is_body_paused = false;
    x->is_body_whole = true;
    if (x->closes || x->is_stream) {
        c->is_in_body = false;
        c->is_deaf = c->is_input_unread = true;
    }
}

/* In exchange_compose: may the connection live on after an answer that came before the body was read? */
bool conn_can_discard_body(const struct http_exchange *x)
{
    return x->head.framing == HTTP_LENGTH && x->head.content_length <= DISCARD_BODY_BYTES &&
           !x->head.expects_continue;
}

void conn_body_done(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;

    if (x->is_ended || x->is_body_whole || x->is_answered) {
        return;
    }
    x->is_body_whole = true;
    if (x->body_buf.n > 0) {
        x->body = buf_str(&x->body_buf);
    }
    s->app.on_body(s->app.ctx, x);
}

static void give_piece(struct http_conn *c, struct http_exchange *x, struct str piece)
{
    x->body_bytes += (int64_t)piece.n;
    if ((uint64_t)x->body_bytes > x->body_limit) {
        conn_refuse(c, &(struct http_refusal){413, "body_too_big", "The body is larger than the limit."});
    } else if (x->upload) {
        upload_take(x, piece);
    } else if (x->sink) {
        x->sink(x->sink_ctx, x, piece);
    } else if (c->body.framing == HTTP_LENGTH && c->body.left == 0 && x->body_buf.n == 0) {
        x->body = arena_str(x->arena, piece); /* all of it at once, as most are */
    } else if (c->server->bodies_bytes + piece.n > c->server->limits.bodies_bytes) {
        conn_refuse(c, &(struct http_refusal){503, "too_many_bodies", "Too much is being sent at once."});
    } else {
        buf_append_str(&x->body_buf, piece);
        c->server->bodies_bytes += piece.n;
    }
}

static void end_body(struct http_conn *c)
{
    struct http_exchange *x = c->reading;

    c->is_in_body = false;
    c->reading = NULL;
    if (x && x->upload) {
        upload_finish(x);
    } else if (x) {
        conn_body_done(x);
    }
}

/* False: the next bytes must come from the network, or the application holds the body back. */
static bool take_body(struct http_conn *c, struct str *bytes)
{
    struct http_refusal r;
    struct str piece;

    while (c->is_in_body && !c->is_body_paused) {
        switch (http_body_next(&c->body, bytes, &piece, &r)) {
        case HTTP_BODY_MORE:
            return false;
        case HTTP_BODY_DONE:
            end_body(c);
            return true;
        case HTTP_BODY_BAD:
            conn_refuse(c, &r);
            return true;
        case HTTP_BODY_PIECE:
            if (c->reading && !c->reading->is_ended) {
                give_piece(c, c->reading, piece);
            }
            if (c->reading && c->reading->is_ended) {
                conn_abandon_body(c);
            }
            break;
        }
    }
    return !c->is_body_paused;
}

/* ---- Heads ---- */

static void start_body(struct http_conn *c, struct http_exchange *x)
{
    if (x->head.framing == HTTP_LENGTH && (uint64_t)x->head.content_length > x->body_limit) { /* B028, B044 */
        conn_refuse(c, &(struct http_refusal){413, "body_too_big", "The body is larger than the limit."});
        return;
    }
    if (x->head.expects_continue) {
        exchange_push(x, STR("HTTP/1.1 100 Continue\r\n\r\n"), NULL);
        conn_flush_later(c);
    }
    x->body_buf = BUF_LIMIT(x->body_limit);
}

void conn_start_request(struct http_conn *c, struct http_exchange *x)
{
    struct http_server *s = c->server;

    link_exchange(c, x);
    s->counts.requests++;
    conn_wait_for(c, WAIT_APP);
    c->is_deaf |= x->head.wants_close;
    if (x->head.framing != HTTP_NO_BODY) {
        http_body_start(&c->body, &x->head);
        c->is_in_body = true;
        c->reading = x;
    }
    x->is_requested = true;
    s->app.on_request(s->app.ctx, x);
    if (x->is_ended && c->reading == x) {
        conn_abandon_body(c);
    } else if (c->reading == x) {
        start_body(c, x);
    } else {
        conn_body_done(x);
    }
    if (c->is_half_closed && !x->is_ended) {
        exchange_tell_left(x);
    }
}

static bool take_head(struct http_conn *c, struct str *bytes)
{
    struct http_server *s = c->server;
    struct http_refusal r;
    size_t n = 0;

    switch (http_head_scan(&c->scan, HTTP_KIND_REQUEST, *bytes, &s->head_limits, &n, &r)) {
    case HTTP_SCAN_MORE:
        return false;
    case HTTP_SCAN_BAD:
        conn_refuse(c, &r);
        return true;
    case HTTP_SCAN_END:
        break;
    }
    struct http_exchange *x = exchange_new(c);
    struct str head = arena_str(x->arena, str_sub(*bytes, 0, n));
    bool is_good = http_head_read_request(head, &c->scan, x->arena, &x->head, &r);
    c->scan = (struct http_scan){.at = 0};
    *bytes = str_sub(*bytes, n, bytes->n);
    if (!is_good) {
        x->is_ended = x->is_unlinked = true;
        exchange_maybe_free(x);
        conn_refuse(c, &r);
        return true;
    }
    x->is_head = x->head.method == HTTP_HEAD;
    bool all_safe = is_safe(x);
    for (const struct http_exchange *o = c->first; o && all_safe; o = o->next) {
        all_safe = is_safe(o) || o->is_complete;
    }
    for (const struct http_exchange *o = c->first; o && !all_safe; o = o->next) {
        if (!o->is_complete) {
            c->held = x; /* RFC 9112, 9.3.2: at the same time only if all are safe */
            return true;
        }
    }
    conn_start_request(c, x);
    return true;
}

void conn_take(struct http_conn *c, struct str bytes)
{
    bool is_kept = c->in.n > 0;
    bool goes_on = true;

    c->busy++;
    if (is_kept) {
        buf_append_str(&c->in, bytes);
        bytes = buf_str(&c->in);
    }
    while (goes_on && c->stream && conn_can_take(c) && (c->is_in_body || (bytes.n > 0 && !c->is_deaf))) {
        goes_on = c->is_in_body ? take_body(c, &bytes) : take_head(c, &bytes);
        if (!conn_can_take(c)) {
            conn_flush(c); /* answers that are there already may make room */
        }
    }
    c->busy--;
    if (!c->stream) {
        conn_maybe_free(c);
        return;
    }
    c->is_blocked = !conn_can_take(c);
    if (c->is_deaf && !c->is_in_body) {
        c->discarded_bytes += bytes.n;
        bytes.n = 0;
    }
    if (bytes.n == 0) {
        buf_dispose(&c->in);
    } else if (is_kept) {
        buf_drop_front(&c->in, c->in.n - bytes.n);
    } else {
        buf_append_str(&c->in, bytes);
    }
    conn_settle(c);
}
