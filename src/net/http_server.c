/* http_server.c: listening, limits, counting and draining. */
#include "net/server_private.h"

#define REFUSED_CONNECTIONS_MAX 128 /* beyond the limit these get an answer; more are just closed */

static void set_default_size(size_t *v, size_t d)
{
    if (*v == 0) {
        *v = d;
    }
}

static void set_default_ms(int64_t *v, int64_t d)
{
    if (*v == 0) {
        *v = d;
    }
}

static void set_defaults(struct http_limits *l)
{
    set_default_size(&l->head_bytes, 16384);
    set_default_size(&l->fields, 64);
    set_default_size(&l->target_bytes, 8192);
    set_default_size(&l->body_bytes, (size_t)1 << 20);
    set_default_size(&l->bodies_bytes, (size_t)256 << 20);
    set_default_size(&l->stream_queue_bytes, (size_t)256 << 10);
    set_default_size(&l->connections, 10000);
    set_default_size(&l->pipeline, 16);
    set_default_ms(&l->head_ms, 10000);
    set_default_ms(&l->body_ms, 10000);
    set_default_ms(&l->body_bytes_per_s, 1024);
    set_default_ms(&l->idle_ms, 75000);
    set_default_ms(&l->send_ms, 30000);
    set_default_ms(&l->linger_ms, 2000);
}

struct arena *server_take_arena(struct http_server *s)
{
    return s->arena_count ? s->arenas[--s->arena_count] : arena_new();
}

void server_give_arena(struct http_server *s, struct arena *a)
{
    if (s->arena_count < ARENAS_KEPT) {
        arena_reset(a);
        s->arenas[s->arena_count++] = a;
    } else {
        arena_free(a);
    }
}

struct str server_date_line(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now = loop_wall_ms(s->loop);

    if (now >= s->date_until_ms || now < s->date_until_ms - 1000) {
        time_t seconds = (time_t)(now / 1000);
        struct tm t;
        gmtime_r(&seconds, &t);
        s->date_bytes = str_print(s->date, sizeof s->date, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n",
                                  days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900,
                                  t.tm_hour, t.tm_min, t.tm_sec);
        s->date_until_ms = (now / 1000 + 1) * 1000;
    }
    return (struct str){s->date, s->date_bytes};
}

static size_t count_of_peer(const struct http_server *s, const struct tcp_address *peer)
{
    size_t n = 0;
    for (const struct http_conn *c = s->conns; c; c = c->next) {
        n += str_eq(str_from(c->peer.host), str_from(peer->host));
    }
    return n;
}

static void on_accept(void *ctx, struct stream *stream, const struct tcp_address *peer)
{
    struct http_server *s = ctx;
    size_t count = (size_t)s->counts.connections;
    bool is_over =
        count >= s->limits.connections ||
        (s->limits.connections_per_peer && count_of_peer(s, peer) >= s->limits.connections_per_peer);

    s->counts.accepted++;
    if (count >= s->limits.connections + REFUSED_CONNECTIONS_MAX) {
        stream_close(stream);
        return;
    }
    conn_open(s, stream, peer, is_over);
}

static void run_drained(struct loop_task *t)
{
    struct http_server *s = LOOP_OWNER(t, struct http_server, drained);
    s->on_drained(s->drained_ctx);
}

static void tell_if_drained(struct http_server *s)
{
    if (s->is_draining && !s->is_freed && s->counts.connections == 0 && s->drained.run == NULL) {
        s->drained.run = run_drained;
        loop_later(s->loop, &s->drained);
    }
}

void server_forget_conn(struct http_server *s, struct http_conn *c)
{
    *c->at = c->next;
    if (c->next) {
        c->next->at = c->at;
    }
    s->counts.connections--;
    tell_if_drained(s);
}

enum rc http_server_start(struct loop *l, const struct http_server_options *o, struct http_server **out,
                          struct err *e)
{
    struct http_server *s = mem_alloc(sizeof *s);

    s->loop = l;
    s->limits = o->limits;
    s->app = o->app;
    set_defaults(&s->limits);
    s->head_limits =
        (struct http_head_limits){s->limits.head_bytes, s->limits.fields, s->limits.target_bytes};
    struct str host = o->host.n > 0 ? o->host : STR("127.0.0.1");
    struct tcp_listen_options listen = {host, o->port, on_accept, s};
    enum rc rc = tcp_listen(l, &listen, &s->listener, e);
    if (rc) {
        mem_free(s);
        return rc;
    }
    s->port = tcp_listener_address(s->listener).port;
    *out = s;
    return RC_OK;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

struct http_server_counts http_server_counts(const struct http_server *s)
{
    return s->counts;
}

void http_server_drain(struct http_server *s, void (*done)(void *ctx), void *ctx)
{
    struct http_conn *next;

    s->is_draining = true;
    s->on_drained = done;
    s->drained_ctx = ctx;
    tcp_listener_close(s->listener);
    s->listener = NULL;
    for (struct http_conn *c = s->conns; c; c = next) {
        next = c->next;
        conn_settle(c);
    }
    tell_if_drained(s);
}

void server_maybe_free(struct http_server *s)
{
    if (!s->is_let_go || s->counts.exchanges > 0) {
        return;
    }
    while (s->arena_count) {
        arena_free(s->arenas[--s->arena_count]);
    }
    mem_free(s);
}

void http_server_free(struct http_server *s)
{
    if (!s) {
        return;
    }
    s->is_freed = true;
    tcp_listener_close(s->listener);
    while (s->conns) {
        conn_close(s->conns);
    }
    s->is_let_go = true;
    server_maybe_free(s);
}
