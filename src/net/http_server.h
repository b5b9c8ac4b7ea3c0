/* http_server.h: HTTP/1.1 over TCP on a loop: framing, limits, deadlines, keep-alive, pipelining, streams and files.
 * It knows nothing of routes, JSON or keys: the application is three callbacks. Strict where proxies differ: whatever
 * could be read in two ways is refused and the connection closed (docs/api.md, "Framing"). On the loop's thread only.
 *
 *   head complete ──> on_request ──┬─ answered there (early 401, 404, 413): the body is not read
 *                                  ├─ http_body_to_sink / _to_file: body goes there, then on_body
 *                                  └─ returned: body is collected in memory up to the limit, then on_body
 *   on_body ──> http_respond… now or later, once
 *
 * An exchange belongs to the application from on_request until it ends it, exactly once: http_respond,
 * http_respond_file, http_stream_end or http_drop. That stays so when the client has gone (on_close): the answer then
 * goes nowhere, but the exchange is valid until it is ended.
 * Requests of one connection are answered in their order; several run at once only if all of them are GET or HEAD. */
#ifndef STINT_NET_HTTP_SERVER_H
#define STINT_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/buf.h"
#include "loop/loop.h"
#include "net/http_types.h"

struct http_server;
struct http_exchange;

struct http_app {
    void *ctx;
    /* The head of a request is here. Bodies over http_set_body_limit (default: limits.body_bytes) are refused by 413. */
    void (*on_request)(void *ctx, struct http_exchange *x);
    /* The whole body is here (http_body; empty when there is none or it went to a sink). Not after an early answer. */
    void (*on_body)(void *ctx, struct http_exchange *x);
    /* The client left, or was cut, before the end of the answer. At most once for an exchange, and not after it was
     * ended. Free what waits for it, then end it now or later. May be NULL. */
    void (*on_close)(void *ctx, struct http_exchange *x);
    /* All that was queued for a stream is with the kernel: whoever held back may send more, here or later. May be NULL. */
    void (*on_sent)(void *ctx, struct http_exchange *x);
    /* The body of an answer that net gives itself (400, 408, 411, 413, 414, 417, 431, 501, 503, 505): `code` is a short
     * stable word (`bad_framing`), `text` a sentence, both literals. The result lives in `a`. */
    struct str (*on_bad_request)(void *ctx, int status, const char *code, const char *text, struct arena *a);
    struct str error_type; /* content type of those bodies: application/problem+json */
};

/* Zero fields take the default behind them. */
struct http_limits {
    size_t head_bytes;           /* 16,384: request line and fields; more is 431 */
    size_t fields;               /* 64; more is 431 */
    size_t target_bytes;         /* 8,192; more is 414 */
    size_t body_bytes;           /* 1 MiB; more is 413; on_request may change it for its exchange */
    size_t bodies_bytes;         /* 256 MiB in all bodies that are being collected; more is 503 */
    size_t stream_queue_bytes;   /* 256 KiB unsent in one stream: over it the stream is cut */
    size_t connections;          /* 10,000; more get 503 and are closed */
    size_t connections_per_peer; /* no limit; more get 503 and are closed */
    size_t pipeline;             /* 16 unanswered requests of a connection; reading then pauses */
    int64_t head_ms;          /* 10,000 from the first byte of a request to the end of its head, else 408 */
    int64_t body_ms;          /* 10,000: in each such stretch body_bytes_per_s must have come, else 408 */
    int64_t body_bytes_per_s; /* 1,024 */
    int64_t idle_ms;          /* 75,000 without a request */
    int64_t send_ms;          /* 30,000 for each 64 KiB that the client should take */
    int64_t linger_ms; /* 2,000 of reading on after a closing answer, so that the client gets to see it */
};

struct http_server_options {
    struct str host; /* default 127.0.0.1 */
    int port;        /* 0 = any free one */
    struct http_limits limits;
    struct http_app app;
};

/* Listens. RC_CONFLICT: the port is taken. */
MUST_CHECK enum rc http_server_start(struct loop *l, const struct http_server_options *o,
                                     struct http_server **out, struct err *e);
int http_server_port(const struct http_server *s);

struct http_server_counts {
    int64_t connections, streams, exchanges;                         /* now */
    int64_t accepted, requests, refused_framing, cut_slow, timeouts; /* since the start */
};
struct http_server_counts http_server_counts(const struct http_server *s);

/* Stops listening and closes idle connections; running exchanges finish, with `Connection: close`. Streams go on until
 * the application ends them. `done` is called once when no connection is left, never from inside this function. */
void http_server_drain(struct http_server *s, void (*done)(void *ctx), void *ctx);
/* Cuts everything and frees. The application ends its exchanges in on_close; those that a worker thread still uses end
 * by themselves, without on_close. The loop must run or be freed after this. NULL is fine. */
void http_server_free(struct http_server *s);

/* ---- The request. Everything borrowed lives as long as the exchange, or until http_stream_begin. ---- */
enum http_method http_method(const struct http_exchange *x);
struct str http_method_text(const struct http_exchange *x); /* as sent */
/* The path as it came, percent-encoded, without the query; starts with "/" (or is "*" for OPTIONS). Never normalised.
 * Its escapes are known to be well formed and to contain no %00. */
struct str http_path(const struct http_exchange *x);
struct str http_query(const struct http_exchange *x); /* raw, behind "?"; STR_NONE without one */
/* The first parameter of that name, decoded ("+" is a blank). False when there is none. */
bool http_query_param(struct http_exchange *x, struct str name, struct str *value);
/* Walks all parameters: start with *at = 0; false at the end. */
bool http_query_next(struct http_exchange *x, size_t *at, struct str *name, struct str *value);
/* Value of the first field of that name (any case); STR_NONE when absent ("" has p != NULL). */
struct str http_request_header(const struct http_exchange *x, struct str name);
size_t http_request_header_count(const struct http_exchange *x, struct str name);
struct str http_peer(const struct http_exchange *x); /* numeric address */
bool http_peer_is_loopback(const struct http_exchange *x);
struct arena *http_arena(struct http_exchange *x); /* freed with the exchange, or by http_stream_begin */
void http_set_context(struct http_exchange *x, void *ctx); /* the application's own */
void *http_context(const struct http_exchange *x);
bool http_client_left(const struct http_exchange *x); /* on_close came */

/* ---- The body ---- */
void http_set_body_limit(struct http_exchange *x, size_t bytes); /* in on_request */
/* The declared length, or -1 when it is chunked. 0 without a body. */
int64_t http_body_declared_bytes(const struct http_exchange *x);
struct str http_body(const struct http_exchange *x); /* in and after on_body */
int64_t http_body_received_bytes(const struct http_exchange *x);

/* In on_request: hands each piece of the body over as it comes, instead of collecting it. Between http_body_pause and
 * http_body_resume no more comes, and the deadline stands still. */
void http_body_to_sink(struct http_exchange *x,
                       void (*sink)(void *ctx, struct http_exchange *x, struct str piece), void *ctx);
void http_body_pause(struct http_exchange *x);
void http_body_resume(struct http_exchange *x);

/* In on_request: writes the body to fd (not closed) in worker threads. `watch` (may be NULL) sees each piece in order
 * in such a thread: for hashing. on_body follows when all is written; http_body_file_error then tells an errno, or 0. */
void http_body_to_file(struct http_exchange *x, int fd, void (*watch)(void *ctx, struct str piece),
                       void *ctx);
int http_body_file_error(const struct http_exchange *x);

/* ---- The answer ---- */
/* Adds a field to the answer; before http_respond… or http_stream_begin. Both are copied. Control bytes in `value` are
 * a bug of the caller (assert). Content-Length, Connection, Date and Transfer-Encoding are net's own. */
void http_header(struct http_exchange *x, struct str name, struct str value);
/* Answers and ends the exchange. `body` is not copied: it must live in http_arena(x), be static, or be in
 * http_body(x). HEAD gets the length and no body. content_type may be STR_NONE. 204 and 304 have no body. */
void http_respond(struct http_exchange *x, int status, struct str content_type, struct str body);
/* The connection closes after this exchange's answer. */
void http_close_after(struct http_exchange *x);
/* Ends the exchange without an answer; closes the connection if the client is still there. */
void http_drop(struct http_exchange *x);

struct http_file {
    int fd;          /* owned by net from here on; -1 = the bytes are in `data` */
    struct str data; /* lives as http_respond's body */
    int64_t bytes;   /* of the file */
    struct str etag; /* with quotes, or STR_NONE: sent, and compared with If-Range and If-None-Match */
    struct str content_type;
};
/* Answers 200, 206 (one range), 304 or 416 and ends the exchange. The file is read in worker threads as fast as the
 * client takes it. */
void http_respond_file(struct http_exchange *x, const struct http_file *f);

/* ---- Streams: an answer without an end, made of shared chunks ---- */
struct http_chunk; /* immutable bytes, counted; one encoded event goes to thousands of streams */
struct http_chunk *http_chunk_new(struct str bytes); /* copies; the caller holds one reference. Any thread. */
struct http_chunk *http_chunk_ref(struct http_chunk *c); /* any thread */
void http_chunk_unref(struct http_chunk *c);             /* any thread; NULL is fine */

/* Sends the head (chunked for HTTP/1.1). From here on only http_context, http_client_left, http_peer, http_stream_* and
 * http_drop may be used: request, body and arena are gone, so that an idle stream costs little. For HEAD it ends the
 * exchange and returns false. */
bool http_stream_begin(struct http_exchange *x, int status, struct str content_type);
/* Queues the chunk (takes its own reference). False: the client has gone, or is so slow that the stream was cut;
 * on_close has been called or will be before the next round. */
bool http_stream_send(struct http_exchange *x, struct http_chunk *c);
size_t http_stream_unsent_bytes(const struct http_exchange *x);
void http_stream_end(struct http_exchange *x); /* what is queued still goes out; ends the exchange */

#endif
