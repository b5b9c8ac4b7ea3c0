/* http_stream.c: answers without an end, made of shared chunks. */
#include <assert.h>
#include <stdatomic.h>

#include "net/server_private.h"

/* In the kernel, of a reader that takes nothing for now: an event or a few hundred, and little beside stream_queue_bytes. */
#define STREAM_UNSENT_BYTES (16 << 10)

/* Laid out as it goes over the wire in chunked coding; HTTP/1.0 gets only the middle.
 *     "1a3\r\n" data "\r\n"                                                                   */
struct http_chunk {
    atomic_int refs;
    uint32_t size_bytes; /* of the line before the data */
    size_t data_bytes;
    char bytes[];
};

struct http_chunk *http_chunk_new(struct str bytes)
{
    char line[24];
    size_t n = str_print(line, sizeof line, "%zx\r\n", bytes.n);
    struct http_chunk *c = mem_alloc(sizeof *c + n + bytes.n + 2);

    atomic_init(&c->refs, 1);
    c->size_bytes = (uint32_t)n;
    c->data_bytes = bytes.n;
    memcpy(c->bytes, line, n);
    if (bytes.n > 0) {
        memcpy(c->bytes + n, bytes.p, bytes.n);
    }
    memcpy(c->bytes + n + bytes.n, "\r\n", 2);
    return c;
}

struct http_chunk *http_chunk_ref(struct http_chunk *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void http_chunk_unref(struct http_chunk *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(c);
    }
}

static struct str data_of(const struct http_chunk *c)
{
    return (struct str){c->bytes + c->size_bytes, c->data_bytes};
}

static struct str framed(const struct http_chunk *c)
{
    return (struct str){c->bytes, c->size_bytes + c->data_bytes + 2};
}

/* Gives back everything of the request: thousands of streams wait for a long time. */
static void forget_request(struct http_exchange *x)
{
    int minor_version = x->head.minor_version;

    server_give_arena(x->conn->server, x->arena);
    x->arena = NULL;
    exchange_drop_body(x);
    x->head = (struct http_head){.minor_version = minor_version};
    x->body = STR("");
    x->headers = NULL;
    x->headers_end = &x->headers;
}

bool http_stream_begin(struct http_exchange *x, int status, struct str content_type)
{
    struct http_conn *c = x->conn;

    assert(!x->is_ended && !x->is_stream);
    if (x->is_head) {
        x->closes = true;
        if (exchange_end(x)) {
            exchange_push(x, exchange_compose(x, status, content_type, -1), NULL);
            x->is_answered = x->is_complete = true;
            conn_flush_later(c);
        }
        return false;
    }
    x->is_stream = x->closes = true;
    c->server->counts.streams++;
    if (x->is_complete || !c->stream) { /* the client has gone before */
        forget_request(x);
        return true;
    }
    stream_limit_unsent(c->stream, STREAM_UNSENT_BYTES);
    /* The head outlives the arena in a chunk of its own. */
    struct str head = exchange_compose(x, status, content_type, -1);
    struct http_chunk *chunk = http_chunk_new(head);
    exchange_push(x, data_of(chunk), chunk);
    forget_request(x);
    x->is_answered = true;
    if (c->reading == x) {
        conn_abandon_body(c);
    }
    conn_flush_later(c);
    return true;
}

bool http_stream_send(struct http_exchange *x, struct http_chunk *chunk)
{
    struct http_conn *c = x->conn;
    struct str bytes = x->head.minor_version > 0 ? framed(chunk) : data_of(chunk);

    assert(x->is_stream && !x->is_ended);
    if (!c->stream || c->is_cut || x->is_complete) {
        return false;
    }
    if (x->unsent_bytes > 0 && x->unsent_bytes + bytes.n > c->server->limits.stream_queue_bytes) {
        c->server->counts.cut_slow++;
        c->is_cut = c->is_too_slow = true;
        conn_flush_later(c);
        return false;
    }
    if (chunk->data_bytes > 0) { /* an empty one would mean the end */
        exchange_push(x, bytes, http_chunk_ref(chunk));
        conn_flush_later(c);
    }
    return true;
}

size_t http_stream_unsent_bytes(const struct http_exchange *x)
{
    return x->unsent_bytes;
}

void http_stream_end(struct http_exchange *x)
{
    assert(x->is_stream);
    if (exchange_end(x)) {
        if (x->head.minor_version > 0) {
            exchange_push(x, STR("0\r\n\r\n"), NULL);
        }
        x->is_complete = true;
        conn_flush_later(x->conn);
    }
}
