/* api.h: the HTTP face of a server: routes as one table (routes.c), keys and scopes, one file per resource, streams, the
 * OpenAPI document. It asks queue/ for everything and keeps nothing of its own but open requests and streams.
 * On the loop's thread only. */
#ifndef STINT_API_API_H
#define STINT_API_API_H

#include "loop/loop.h"
#include "net/http_server.h"
#include "queue/queue.h"

struct api;

/* Zero fields take the default behind them. */
struct api_options {
    struct str host;            /* 127.0.0.1 */
    int port;                   /* 0 = any free one */
    struct http_limits limits;  /* body_bytes is the limit of ordinary bodies; bulk enqueues have 32 MiB */
    int64_t streams_per_key;    /* 100 */
    int64_t event_heartbeat_ms; /* 15,000 */
    int64_t index_query_ms;     /* 10,000 for one query of a code index */
    const struct str
        *origins;        /* pages of these may read event streams with a token; borrowed until api_stop */
    size_t origin_count; /* 0: pages of no other origin */
    const char *program; /* run as `program index-query`; NULL = /proc/self/exe */
};

/* Listens and answers. RC_CONFLICT: the port is taken. q must outlive it. */
MUST_CHECK enum rc api_start(struct loop *l, struct queue *q, const struct api_options *o, struct api **out,
                             struct err *e);
int api_port(const struct api *a);
/* Stops listening, gives every stream its last event, lets running requests finish. Call queue_drain first, so that waiting
 * claims end. `done` is called once when the last connection has gone, never from inside this function. */
void api_drain(struct api *a, void (*done)(void *ctx), void *ctx);
/* Cuts what is left and frees. Operations that are in the store still come back to it: call it before queue_close, and
 * then run the loop until queue_close's condition holds; what comes back later is dropped. NULL is fine. */
void api_stop(struct api *a);

#endif
