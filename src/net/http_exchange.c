/* http_exchange.c: what the application sees of a request, and the pieces of its answer. */
#include <assert.h>

#include "net/server_private.h"

/* ---- Life ---- */

struct http_exchange *exchange_new(struct http_conn *c)
{
    struct http_exchange *x = mem_alloc(sizeof *x);

    x->conn = c;
    c->refs++;
    x->arena = server_take_arena(c->server);
    x->headers_end = &x->headers;
    x->pieces = x->few;
    x->piece_cap = sizeof x->few / sizeof x->few[0];
    x->body_limit = c->server->limits.body_bytes;
    x->body = STR("");
    c->server->counts.exchanges++;
    return x;
}

void exchange_maybe_free(struct http_exchange *x)
{
    struct http_conn *c = x->conn;
    struct http_server *s = c->server;

    if (!x->is_ended || !x->is_unlinked || x->threads) {
        return;
    }
    while (x->piece_count) {
        exchange_pop(x, x->pieces[x->piece_first].bytes.n);
    }
    if (x->pieces != x->few) {
        mem_free(x->pieces);
    }
    if (x->arena) {
        server_give_arena(s, x->arena);
    }
    upload_free(x);
    download_free(x);
    exchange_drop_body(x);
    s->counts.exchanges--;
    s->counts.streams -= x->is_stream;
    mem_free(x);
    c->refs--;
    conn_maybe_free(c);
    server_maybe_free(s);
}

void exchange_drop_body(struct http_exchange *x)
{
    x->conn->server->bodies_bytes -= x->body_buf.n;
    buf_dispose(&x->body_buf);
}

void exchange_tell_left(struct http_exchange *x)
{
    struct http_app *app = &x->conn->server->app;

    if (x->is_ended || x->is_told || !x->is_requested) {
        return;
    }
    x->is_left = true;
    if (x->threads) {
        return; /* told when the thread is back: it uses what the application may free */
    }
    x->is_told = true;
    if (x->conn->server->is_let_go) {
        x->is_ended = true; /* late: the application has let go of the whole server */
        exchange_maybe_free(x);
    } else if (app->on_close) {
        app->on_close(app->ctx, x);
    } else {
        http_drop(x);
    }
}

/* ---- The pieces of the answer: a ring that starts inside the exchange ---- */

static void grow_ring(struct http_exchange *x)
{
    uint32_t cap = x->piece_cap * 2;
    struct out_piece *grown = mem_alloc(cap * sizeof *grown);

    for (uint32_t i = 0; i < x->piece_count; i++) {
        grown[i] = x->pieces[(x->piece_first + i) % x->piece_cap];
    }
    if (x->pieces != x->few) {
        mem_free(x->pieces);
    }
    x->pieces = grown;
    x->piece_first = 0;
    x->piece_cap = cap;
}

void exchange_push(struct http_exchange *x, struct str bytes, struct http_chunk *chunk)
{
    if (bytes.n == 0) {
        return;
    }
    if (x->piece_count == x->piece_cap) {
        grow_ring(x);
    }
    assert(x->piece_cap > 0);
    x->pieces[(x->piece_first + x->piece_count++) % x->piece_cap] = (struct out_piece){bytes, chunk};
    x->unsent_bytes += bytes.n;
}

void exchange_pop(struct http_exchange *x, size_t bytes)
{
    struct out_piece *p = &x->pieces[x->piece_first];

    assert(bytes <= p->bytes.n);
    x->unsent_bytes -= bytes;
    p->bytes = str_sub(p->bytes, bytes, p->bytes.n);
    if (p->bytes.n > 0) {
        return;
    }
    http_chunk_unref(p->chunk);
    x->piece_first = (x->piece_first + 1) % x->piece_cap;
    if (--x->piece_count == 0 && x->pieces != x->few) {
        mem_free(x->pieces); /* a stream that has caught up is small again */
        x->pieces = x->few;
        x->piece_cap = sizeof x->few / sizeof x->few[0];
        x->piece_first = 0;
    }
}

/* ---- The request ---- */

enum http_method http_method(const struct http_exchange *x)
{
    return x->head.method;
}

struct str http_method_text(const struct http_exchange *x)
{
    return x->head.method_text;
}

struct str http_path(const struct http_exchange *x)
{
    return x->head.path;
}

struct str http_query(const struct http_exchange *x)
{
    return x->head.query;
}

static struct str decode(struct http_exchange *x, struct str s)
{
    if (str_find_char(s, '%', 0) == s.n && str_find_char(s, '+', 0) == s.n) {
        return s;
    }
    char *to = arena_alloc(x->arena, s.n + 1);
    return (struct str){to, http_percent_decode(s, true, to)};
}

bool http_query_next(struct http_exchange *x, size_t *at, struct str *name, struct str *value)
{
    struct str q = x->head.query;

    while (*at < q.n) {
        size_t end = str_find_char(q, '&', *at);
        struct str pair = str_sub(q, *at, end);
        *at = end + 1;
        if (pair.n > 0) {
            struct str raw = STR_NONE;
            *name = decode(x, str_cut(pair, '=', &raw));
            *value = raw.p ? decode(x, raw) : STR("");
            return true;
        }
    }
    return false;
}

bool http_query_param(struct http_exchange *x, struct str name, struct str *value)
{
    struct str n, v;
    size_t at = 0;

    while (http_query_next(x, &at, &n, &v)) {
        if (str_eq(n, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

struct str http_request_header(const struct http_exchange *x, struct str name)
{
    return http_fields_find(x->head.fields, x->head.field_count, name);
}

size_t http_request_header_count(const struct http_exchange *x, struct str name)
{
    return http_fields_count(x->head.fields, x->head.field_count, name);
}

struct str http_peer(const struct http_exchange *x)
{
    return str_from(x->conn->peer.host);
}

bool http_peer_is_loopback(const struct http_exchange *x)
{
    struct str p = http_peer(x);
    return str_starts(p, STR("127.")) || str_eq(p, STR("::1")) || str_starts(p, STR("::ffff:127."));
}

struct arena *http_arena(struct http_exchange *x)
{
    assert(x->arena);
    return x->arena;
}

void http_set_context(struct http_exchange *x, void *ctx)
{
    x->context = ctx;
}

void *http_context(const struct http_exchange *x)
{
    return x->context;
}

bool http_client_left(const struct http_exchange *x)
{
    return x->is_left;
}

void http_set_body_limit(struct http_exchange *x, size_t bytes)
{
    x->body_limit = bytes;
}

int64_t http_body_declared_bytes(const struct http_exchange *x)
{
    if (x->head.framing == HTTP_NO_BODY) {
        return 0;
    }
    return x->head.framing == HTTP_LENGTH ? x->head.content_length : -1;
}

struct str http_body(const struct http_exchange *x)
{
    return x->body;
}

int64_t http_body_received_bytes(const struct http_exchange *x)
{
    return x->body_bytes;
}

void http_body_to_sink(struct http_exchange *x,
                       void (*sink)(void *ctx, struct http_exchange *x, struct str piece), void *ctx)
{
    x->sink = sink;
    x->sink_ctx = ctx;
}

void http_body_pause(struct http_exchange *x)
{
    if (x->conn->reading == x) {
        x->conn->is_body_paused = true;
    }
}

void http_body_resume(struct http_exchange *x)
{
    if (x->conn->reading == x) {
        x->conn->is_body_paused = false;
        conn_flush_later(x->conn); /* settles, and so goes on with what was kept */
    }
}
