/* loop_tcp.h: listening and connecting over TCP; what comes out is a stream (loop_stream.h). On the loop's thread. */
#ifndef STINT_LOOP_LOOP_TCP_H
#define STINT_LOOP_LOOP_TCP_H

#include "loop/loop_stream.h"

struct tcp_address {
    char host[46]; /* numeric */
    int port;
};

struct tcp_listener;

struct tcp_listen_options {
    struct str host; /* numeric or a name: "127.0.0.1", "::", "localhost" */
    int port;        /* 0 = any free one */
    void (*on_accept)(void *ctx, struct stream *s, const struct tcp_address *peer);
    void *ctx;
};

/* Listens. Each connection is handed to on_accept, which owns it; Nagle's delay is off. Looking up a name blocks: give
 * an address after start. RC_CONFLICT: the port is taken. RC_DENIED: not allowed. RC_INVALID: no such address. */
MUST_CHECK enum rc tcp_listen(struct loop *l, const struct tcp_listen_options *o, struct tcp_listener **out,
                              struct err *e);
struct tcp_address tcp_listener_address(const struct tcp_listener *t); /* the real port */
void tcp_listener_close(struct tcp_listener *t);                       /* NULL is fine */

struct tcp_connect;

struct tcp_connected {
    enum rc rc;       /* RC_OK, RC_NOT_FOUND (no such host), RC_BUSY (refused, unreachable, timed out) */
    struct stream *s; /* owned by the callee; NULL unless RC_OK */
    struct err err;
};

/* Looks the name up (in a worker thread), tries its addresses in order, calls done exactly once, never from inside this
 * function. Numeric addresses need no look-up. */
struct tcp_connect *tcp_connect_start(struct loop *l, struct str host, int port, int64_t timeout_ms,
                                      void (*done)(void *ctx, const struct tcp_connected *c), void *ctx);
void tcp_connect_cancel(struct tcp_connect *c); /* done is not called; not after done */

#endif
