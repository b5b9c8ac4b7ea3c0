/* http_client.h: stint's own HTTP/1.1 client for one origin, on a loop: kept connections, answers in memory or streamed,
 * uploads from files. It speaks http:// only; it follows no redirect and reads no proxy from the environment.
 * On the loop's thread only. */
#ifndef STINT_NET_HTTP_CLIENT_H
#define STINT_NET_HTTP_CLIENT_H

#include "base/arena.h"
#include "loop/loop.h"
#include "net/http_types.h"

struct http_client;
struct http_call;

/* Zero fields take the default behind them. */
struct http_client_options {
    struct str url;     /* "http://host[:port][/prefix]"; the prefix goes before every path */
    size_t connections; /* 64 at once; further calls wait for their turn */
    int64_t connect_ms; /* 5,000 */
    int64_t idle_ms;    /* 60,000 a kept connection without a call; less than the server's 75 s */
    size_t head_bytes;  /* 16,384 */
};

/* RC_INVALID: not a URL we speak; https:// says so clearly. Connects on demand. */
MUST_CHECK enum rc http_client_new(struct loop *l, const struct http_client_options *o,
                                   struct http_client **out, struct err *e);
/* Cancels all calls (no callback) and closes. NULL is fine. */
void http_client_free(struct http_client *c);

struct http_answer {
    /* RC_OK: an answer came, whatever its status. RC_BUSY: no connection, or it broke, or the time was over.
     * RC_NOT_FOUND: no such host. RC_TOO_BIG: head or body over the limit. RC_FATAL: the answer was not HTTP. */
    enum rc rc;
    const struct err *err; /* the text, unless RC_OK */
    bool maybe_sent;       /* the server may have acted on it: retry only what is safe to repeat */
    int status;            /* 0 when no head came */
    const struct http_field *fields;
    size_t field_count;
    struct str body; /* empty when on_data took it */
};

struct http_call_options {
    enum http_method method;
    struct str path;                 /* with query; starts with "/" */
    const struct http_field *fields; /* beside Host, Content-Length and Connection, which are ours */
    size_t field_count;
    struct str body; /* must live until on_done or cancel */
    int body_fd;     /* used when body_fd_bytes > 0: read from its start in worker threads; not closed */
    int64_t body_fd_bytes;
    int64_t timeout_ms;    /* from here to the end of the answer; 0 = none */
    int64_t silence_ms;    /* longest time without a byte of the answer; 0 = none (streams: 40,000) */
    size_t max_body_bytes; /* 32 MiB; only what is collected in memory counts */
    void *ctx;
    /* The head is here (body still empty). May be NULL. Return false to end the call as if cancelled. */
    bool (*on_head)(void *ctx, struct http_call *call, const struct http_answer *a);
    /* Takes the body piece by piece instead of collecting it. May be NULL; false ends the call as if cancelled. */
    bool (*on_data)(void *ctx, struct http_call *call, struct str piece);
    /* Exactly once unless cancelled; never from inside http_call_start. Everything in `a` lives until it returns. */
    void (*on_done)(void *ctx, struct http_call *call, const struct http_answer *a);
};

/* Copies the options except body. The call is freed after on_done or by cancel. A kept connection that the server
 * closed before a byte of the answer came is replaced once, silently, if the method is safe or nothing was sent. */
struct http_call *http_call_start(struct http_client *c, const struct http_call_options *o);
void http_call_cancel(struct http_call *call); /* no callback comes any more */
/* Nobody waits any more, but what is on its way is wanted: the server reads the end of what we say, and one that waited before it answered answers
 * now. on_done comes within so many ms, with the answer or a failure. False: not all of it has been sent yet, and nothing has changed. */
bool http_call_finish_soon(struct http_call *call, int64_t within_ms);
/* Between pause and resume no more on_data comes (the server is slowed down); silence_ms stands still. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);

/* Value of the first field of that name, any case; STR_NONE when absent. */
struct str http_answer_header(const struct http_answer *a, struct str name);

#endif
