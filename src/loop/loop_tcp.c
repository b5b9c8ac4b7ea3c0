/* loop_tcp.c: see loop_tcp.h. */
#include "loop/loop_tcp.h"

#include <assert.h>
#include <netdb.h>
#include <string.h>

#include "base/arena.h"
#include "loop/stream_private.h"

#define BACKLOG    1024
#define HOST_BYTES 256
#define PORT_BYTES 8

struct tcp_listener {
    struct handle_owner owner;
    struct loop *loop;
    void (*on_accept)(void *ctx, struct stream *s, const struct tcp_address *peer);
    void *ctx;
    uv_tcp_t uv;
};

static struct tcp_address address_of(const struct sockaddr_storage *a)
{
    struct tcp_address out = {.port = 0};

    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
        uv_ip4_name(in, out.host, sizeof out.host);
        out.port = ntohs(in->sin_port);
    } else if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
        uv_ip6_name(in6, out.host, sizeof out.host);
        out.port = ntohs(in6->sin6_port);
    }
    return out;
}

static void on_connection(uv_stream_t *uv, int status)
{
    struct tcp_listener *t = uv->data;
    if (status) {
        return;
    }
    struct stream *s = stream_new_tcp(t->loop);
    if (uv_accept(uv, &s->uv.stream)) {
        stream_close(s);
        return;
    }
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    int n = sizeof a;
    uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&a, &n); /* a peer that is gone already has no name */
    uv_tcp_nodelay(&s->uv.tcp, 1);
    struct tcp_address peer = address_of(&a);
    t->on_accept(t->ctx, s, &peer);
}

static enum rc find_addresses(struct str host, int port, struct addrinfo **out, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    char name[HOST_BYTES];
    char service[PORT_BYTES];

    if (host.n >= sizeof name || port < 0 || port > 65535) {
        return err_set(e, RC_INVALID, "no such address: %.*s:%d", (int)(host.n < 64 ? host.n : 64), host.p,
                       port);
    }
    str_copy(name, sizeof name, host);
    str_print(service, sizeof service, "%d", port);
    int rc = getaddrinfo(name, service, &hints, out);
    if (rc) {
        return err_set(e, RC_INVALID, "no such address: %.64s: %s", name, gai_strerror(rc));
    }
    return RC_OK;
}

static void on_listener_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

static void close_listener(struct handle_owner *o)
{
    struct tcp_listener *t = (struct tcp_listener *)(void *)o;
    uv_close((uv_handle_t *)&t->uv, on_listener_closed);
}

enum rc tcp_listen(struct loop *l, const struct tcp_listen_options *o, struct tcp_listener **out,
                   struct err *e)
{
    struct addrinfo *found = NULL;
    enum rc rc = find_addresses(o->host, o->port, &found, e);
    if (rc) {
        return rc;
    }
    struct tcp_listener *t = mem_alloc(sizeof *t);
    t->owner.close = close_listener;
    t->loop = l;
    t->on_accept = o->on_accept;
    t->ctx = o->ctx;
    uv_tcp_init(&l->uv, &t->uv);
    t->uv.data = t;
    int failed = uv_tcp_bind(&t->uv, found->ai_addr, 0);
    freeaddrinfo(found);
    if (!failed) {
        failed = uv_listen((uv_stream_t *)&t->uv, BACKLOG, on_connection);
    }
    if (failed) {
        char what[HOST_BYTES + 32];
        str_print(what, sizeof what, "listen on %.*s:%d", STR_ARG(o->host), o->port);
        close_listener(&t->owner);
        return loop_uv_error(e, failed, what);
    }
    uv_tcp_simultaneous_accepts(&t->uv, 1); /* else libuv naps after each accept */
    *out = t;
    return RC_OK;
}

struct tcp_address tcp_listener_address(const struct tcp_listener *t)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    int n = sizeof a;
    uv_tcp_getsockname(&t->uv, (struct sockaddr *)&a, &n);
    return address_of(&a);
}

void tcp_listener_close(struct tcp_listener *t)
{
    if (t) {
        close_listener(&t->owner);
    }
}

/* ---- Connecting ----
 *   start ─> look-up ─> try address 0 ─(failed)─> try address 1 … ─> finish
 * The object waits for every libuv request it started before it is freed; after cancel it only waits. */

struct tcp_connect {
    struct loop *loop;
    void (*done)(void *ctx, const struct tcp_connected *c);
    void *ctx;
    char host[HOST_BYTES];
    int port;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    struct addrinfo *addresses, *next;
    struct stream *stream;     /* the one being tried */
    struct loop_timer timeout; /* also used to leave the caller's stack before telling a failure */
    int requests;              /* of libuv, under way */
    bool is_over;              /* done was called, or cancelled */
    enum rc failed;            /* what to tell when no address is left */
    struct err err;
};

static void free_when_quiet(struct tcp_connect *c)
{
    if (c->is_over && !c->requests) {
        if (c->addresses) {
            uv_freeaddrinfo(c->addresses);
        }
        mem_free(c);
    }
}

static void stop_trying(struct tcp_connect *c)
{
    timer_stop(c->loop, &c->timeout);
    stream_close(c->stream);
    c->stream = NULL;
    c->is_over = true;
}

static void finish(struct tcp_connect *c, enum rc rc)
{
    struct tcp_connected r = {.rc = rc, .s = rc ? NULL : c->stream, .err = c->err};
    if (!rc) {
        uv_tcp_nodelay(&c->stream->uv.tcp, 1);
        c->stream = NULL;
    }
    stop_trying(c);
    c->done(c->ctx, &r);
}

static void try_next(struct tcp_connect *c);

static void on_connected(uv_connect_t *req, int status)
{
    struct tcp_connect *c = req->data;
    c->requests--;
    if (!c->is_over && status == 0) {
        finish(c, RC_OK);
    } else if (!c->is_over) {
        char what[HOST_BYTES + 32];
        str_print(what, sizeof what, "connect to %s:%d", c->host, c->port);
        c->failed = RC_BUSY;
        loop_uv_error(&c->err, status, what);
        c->err.rc = RC_BUSY;
        stream_close(c->stream);
        c->stream = NULL;
        try_next(c);
    }
    free_when_quiet(c);
}

static void try_next(struct tcp_connect *c)
{
    while (c->next) {
        struct addrinfo *a = c->next;
        c->next = a->ai_next;
        c->stream = stream_new_tcp(c->loop);
        c->connect.data = c;
        int rc = uv_tcp_connect(&c->connect, &c->stream->uv.tcp, a->ai_addr, on_connected);
        if (rc == 0) {
            c->requests++;
            return;
        }
        loop_uv_error(&c->err, rc, "connect");
        c->err.rc = RC_BUSY;
        c->failed = RC_BUSY;
        stream_close(c->stream);
        c->stream = NULL;
    }
    finish(c, c->failed);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct tcp_connect *c = req->data;
    c->requests--;
    c->addresses = c->next = found;
    if (!c->is_over && status) {
        char what[HOST_BYTES + 32];
        str_print(what, sizeof what, "look up %s", c->host);
        c->failed = loop_uv_error(&c->err, status, what) == RC_BUSY ? RC_BUSY : RC_NOT_FOUND;
        c->err.rc = c->failed;
    }
    if (!c->is_over) {
        try_next(c);
    }
    free_when_quiet(c);
}

static void on_connect_timeout(struct loop_timer *t)
{
    struct tcp_connect *c = LOOP_OWNER(t, struct tcp_connect, timeout);
    if (c->failed == RC_OK) {
        c->failed = err_set(&c->err, RC_BUSY, "connect to %s:%d: timed out", c->host, c->port);
    }
    finish(c, c->failed);
    free_when_quiet(c);
}

struct tcp_connect *tcp_connect_start(struct loop *l, struct str host, int port, int64_t timeout_ms,
                                      void (*done)(void *ctx, const struct tcp_connected *c), void *ctx)
{
    struct tcp_connect *c = mem_alloc(sizeof *c);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char service[PORT_BYTES];

    c->loop = l;
    c->done = done;
    c->ctx = ctx;
    c->port = port;
    str_copy(c->host, sizeof c->host, host);
    str_print(service, sizeof service, "%d", port);
    c->timeout.run = on_connect_timeout;
    c->lookup.data = c;
    int rc = uv_getaddrinfo(&l->uv, &c->lookup, on_looked_up, c->host, service, &hints);
    if (rc) {
        c->failed = RC_NOT_FOUND;
        loop_uv_error(&c->err, rc, "look up the host");
        timer_start(l, &c->timeout, 0);
        return c;
    }
    c->requests++;
    timer_start(l, &c->timeout, timeout_ms);
    return c;
}

void tcp_connect_cancel(struct tcp_connect *c)
{
    stop_trying(c);
    uv_cancel((uv_req_t *)&c->lookup); /* fails harmlessly when it is over */
    free_when_quiet(c);
}
