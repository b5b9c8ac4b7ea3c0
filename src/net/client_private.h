/* client_private.h: the inside of the HTTP client, shared by its files.
 *   http_client.c  the pool: which call gets which connection     http_call.c  a call: request, deadlines, its end
 *   client_line.c  one connection: bytes out and in               (called a line here, as in telephony)
 */
#ifndef STINT_NET_CLIENT_PRIVATE_H
#define STINT_NET_CLIENT_PRIVATE_H

#include "base/buf.h"
#include "loop/loop_tcp.h"
#include "net/http_body.h"
#include "net/http_client.h"

#define CLIENT_UPLOAD_BYTES (64 * 1024)

struct line;

struct http_client {
    struct loop *loop;
    struct http_client_options options;
    char *host, *host_header, *prefix;
    int port;
    struct line *lines, *idle; /* all; those without a call, last used first */
    size_t line_count;
    struct http_call *calls;                  /* all that were neither done nor cancelled */
    struct http_call *waiting, **waiting_end; /* for a line */
    struct loop_task pump;
    bool is_pump_due, is_freed;
};

struct line {
    struct http_client *client; /* NULL once the client is freed */
    struct line *next, **at;
    struct line *next_idle;
    struct stream *stream;
    struct tcp_connect *connecting;
    struct http_call *call;
    struct loop_timer idle_timer;
    int64_t idle_until_ms;
    struct loop_task again; /* looks at kept bytes after a pause */
    struct buf in;
    struct http_scan scan;
    struct http_body body;
    bool is_in_body, was_used, is_idle, is_paused, is_again_due, closes;
    uint8_t busy;
};

struct upload_from {
    struct loop_work work;
    struct http_call *call; /* NULL once the call is over: the thread's return then frees this */
    bool is_running;        /* in a thread */
    struct loop *loop;
    int fd;
    int64_t at, end;
    ssize_t got;
    char bytes[CLIENT_UPLOAD_BYTES];
};

struct http_call {
    struct http_client *client;
    struct http_call *next, **at; /* in client->calls */
    struct http_call *next_waiting;
    struct line *line; /* NULL while waiting */
    struct http_call_options o;
    struct arena *arena;
    struct str request; /* the head of it */
    struct upload_from *upload;
    struct loop_timer timer;
    int64_t timeout_at_ms, silent_at_ms; /* silent_at: when a byte is due at the latest */
    struct http_head head;
    struct buf body;
    struct err err;
    enum rc failed; /* decided before it got a line */
    bool is_sent;   /* at least a byte of it */
    bool is_written, has_answer, is_retried, is_paused;
};

/* http_client.c */
void client_pump_later(struct http_client *c);
void client_wait(struct http_client *c, struct http_call *call, bool first);
void client_unwait(struct http_client *c, struct http_call *call);

/* client_line.c */
void line_take(struct line *n, struct http_call *call); /* an idle or new line gets a call */
struct line *line_new(struct http_client *c);
void line_close(struct line *n); /* its call, if any, is not told */
void line_resume(struct line *n);
void line_upload(struct http_call *call);

/* http_call.c */
void call_finish(struct http_call *call, enum rc rc); /* tells and frees; the line is let go before */
void call_fail(struct http_call *call, enum rc rc, const char *format, ...) PRINTF_LIKE(3, 4);
void call_heard(struct http_call *call); /* bytes of the answer came */
void call_free(struct http_call *call);
struct http_answer call_answer(const struct http_call *call, enum rc rc);

#endif
