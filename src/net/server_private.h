/* server_private.h: the inside of the HTTP server, shared by its files. Nobody else includes it.
 *
 *   http_server.c    listening, limits, draining          conn_read.c   bytes in: heads, bodies, refusals
 *   conn.c           life of a connection, deadlines      conn_write.c  bytes out: answers in order
 *   http_exchange.c  what the application sees            http_stream.c, http_file.c, http_upload.c
 */
#ifndef STINT_NET_SERVER_PRIVATE_H
#define STINT_NET_SERVER_PRIVATE_H

#include "loop/loop_tcp.h"
#include "net/http_body.h"
#include "net/http_server.h"

#define WRITE_BYTES_MAX  (64 * 1024) /* one write, and what send_ms is given for */
#define WRITE_PIECES_MAX 64
#define ARENAS_KEPT      64
#define CONN_NEVER       INT64_MAX

struct http_conn;
struct upload;
struct download;

/* A stretch of an answer. It points into the exchange's arena or body, at something static, or into `chunk`. */
struct out_piece {
    struct str bytes;
    struct http_chunk *chunk; /* one reference; NULL for the others */
};

struct out_header {
    struct out_header *next;
    struct str name, value;
};

struct http_exchange {
    struct http_conn *conn;
    struct http_exchange *next; /* in the order of the answers */
    struct arena *arena;        /* NULL once a stream has begun */
    void *context;

    struct http_head head;
    struct str body;
    struct buf body_buf; /* where a body is collected that did not come in one piece */
    size_t body_limit;
    int64_t body_bytes;
    void (*sink)(void *ctx, struct http_exchange *x, struct str piece);
    void *sink_ctx;
    struct upload *upload;

    struct out_header *headers, **headers_end;
    struct out_piece few[2], *pieces; /* a ring: `pieces` is `few` until more are needed */
    uint32_t piece_first, piece_count, piece_cap;
    size_t unsent_bytes;
    struct download *download;

    bool is_ours;       /* made for a refusal: the application never saw it */
    bool is_requested;  /* on_request was called */
    bool is_body_whole; /* on_body was, or no longer will be */
    bool is_ended;      /* the application is done with it */
    bool is_answered;   /* a final head is in the pieces */
    bool is_complete;   /* no piece will follow */
    bool is_stream, closes;
    bool is_left, is_told; /* the client has gone; on_close was called (once no thread uses the exchange) */
    bool is_unlinked;      /* no longer in the line of its connection */
    bool is_head;          /* HEAD: bodies are not sent */
    uint8_t threads;       /* work under way that uses this exchange */
};

enum conn_wait { WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_LINGER, WAIT_APP };

struct http_conn {
    struct http_server *server;
    struct http_conn *next, **at; /* in the server's list */
    struct stream *stream;        /* NULL once closed */
    struct loop_timer timer;
    struct loop_task flush;
    struct tcp_address peer;

    struct buf in; /* bytes that could not be used yet */
    struct http_scan scan;
    struct http_body body;         /* of the request being read */
    struct http_exchange *reading; /* it; NULL between bodies and while one is thrown away */
    struct http_exchange *held;    /* read, but must wait until those before it are answered */
    struct http_exchange *first, **last;
    uint32_t exchanges; /* in that line */
    uint32_t refs;      /* exchanges that point here, in line or not */

    int64_t read_due_ms, send_due_ms; /* CONN_NEVER = none */
    int64_t window_bytes;             /* of the body, when the present stretch of body_ms began */
    size_t sending_bytes;             /* of the write on its way */
    size_t discarded_bytes;           /* while lingering, or behind a stream */
    uint8_t wait;                     /* enum conn_wait: what read_due_ms is about */
    bool is_in_body;                  /* c->body is being read */
    bool is_deaf;                     /* no further request of this connection counts */
    bool is_input_unread;             /* closing now could reset what the client has not read */
    bool is_half_closed;              /* the client sends no more */
    bool is_flush_due, is_body_paused, is_lingering;
    bool is_blocked;  /* bytes were kept although nothing is missing in them */
    bool is_cut;      /* to be closed with the next flush */
    bool is_too_slow; /* it is cut for that: by a reset */
    uint8_t busy;     /* functions of ours on the stack that go on using this connection */
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_head_limits head_limits;
    struct http_app app;
    struct tcp_listener *listener;
    int port;
    struct http_conn *conns;
    struct arena *arenas[ARENAS_KEPT];
    size_t arena_count;
    struct http_server_counts counts;
    size_t bodies_bytes; /* in body_buf of all exchanges */

    char date[40]; /* the line of the Date header, for this second */
    size_t date_bytes;
    int64_t date_until_ms;

    bool is_draining;
    bool is_freed, is_let_go; /* http_server_free has begun; has done all but wait for threads */
    struct loop_task drained;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
};

/* http_server.c */
struct arena *server_take_arena(struct http_server *s);
void server_give_arena(struct http_server *s, struct arena *a);
struct str server_date_line(struct http_server *s);
/* After http_server_free: frees when the last exchange has ended, which a thread may hold up. */
void server_maybe_free(struct http_server *s);
/* The connection is gone from the list: counts it off, and tells the drain. */
void server_forget_conn(struct http_server *s, struct http_conn *c);

/* conn.c */
void conn_open(struct http_server *s, struct stream *stream, const struct tcp_address *peer, bool is_refused);
void conn_close(struct http_conn *c); /* cuts: on_close for what is open; frees when nothing is left */
void conn_settle(
    struct http_conn *c); /* looks what is to be done next: more input, closing, reading, deadlines */
void conn_wait_for(struct http_conn *c, enum conn_wait w);
void conn_arm(struct http_conn *c);
void conn_tell_left(struct http_conn *c); /* on_close for every exchange that was not ended */

void conn_maybe_free(struct http_conn *c);

/* conn_read.c */
void conn_start_request(struct http_conn *c, struct http_exchange *x);
void conn_abandon_body(struct http_conn *c); /* its exchange was ended before the body was whole */
bool conn_can_discard_body(const struct http_exchange *x);
void conn_take(struct http_conn *c, struct str bytes); /* new bytes; empty = look at those kept */
bool conn_can_take(const struct http_conn *c);
void conn_refuse(struct http_conn *c, const struct http_refusal *r);
void conn_body_done(struct http_exchange *x);

/* conn_write.c */
void conn_flush_later(struct http_conn *c);
void conn_flush(struct http_conn *c);
void conn_on_written(struct http_conn *c);

/* http_exchange.c */
struct http_exchange *exchange_new(struct http_conn *c);
void exchange_push(struct http_exchange *x, struct str bytes, struct http_chunk *chunk);
void exchange_pop(struct http_exchange *x, size_t bytes); /* so many of the first piece are sent */
void exchange_maybe_free(struct http_exchange *x); /* if neither application, network nor threads need it */
void exchange_drop_body(struct http_exchange *x);
void exchange_tell_left(struct http_exchange *x);
/* Composes the head of an answer; length < 0 = chunked or until close. */
struct str exchange_compose(struct http_exchange *x, int status, struct str content_type, int64_t length);
void exchange_answer(struct http_exchange *x, int status, struct str content_type, struct str body);
/* Marks the end by the application. True: the answer can still go out. False: not, and the exchange may be gone. */
bool exchange_end(struct http_exchange *x);

/* http_upload.c, http_file.c */
void upload_take(struct http_exchange *x, struct str piece);
void upload_finish(struct http_exchange *x);
void upload_free(struct http_exchange *x);
void download_next(struct http_exchange *x); /* the pieces are sent: read on */
void download_free(struct http_exchange *x);

#endif
