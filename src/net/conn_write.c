/* conn_write.c: answers to bytes: in the order of the requests, many in one system call, at most 64 KiB at a time, so
 * that the send deadline means a rate. */
#include <assert.h>

#include "base/fault.h"
#include "net/server_private.h"

/* Takes the answered ones off the front. */
static void retire(struct http_conn *c)
{
    while (c->first && c->first->is_complete && !c->first->piece_count) {
        struct http_exchange *x = c->first;
        bool closes = x->closes;
        c->first = x->next;
        if (!c->first) {
            c->last = &c->first;
        }
        c->exchanges--;
        x->is_unlinked = true;
        exchange_maybe_free(x);
        if (closes) {
            c->is_deaf = true;
            c->is_cut |=
                c->first != NULL || c->held != NULL; /* what was asked behind a closing answer is lost */
            return;
        }
    }
}

static size_t gather(struct http_conn *c, struct str *pieces, size_t *total)
{
    size_t n = 0;

    *total = 0;
    for (struct http_exchange *x = c->first; x; x = x->next) {
        for (uint32_t i = 0; i < x->piece_count; i++) {
            struct str bytes = x->pieces[(x->piece_first + i) % x->piece_cap].bytes;
            bytes = str_sub(bytes, 0, WRITE_BYTES_MAX - *total);
            pieces[n++] = bytes;
            *total += bytes.n;
            if (n == WRITE_PIECES_MAX || *total == WRITE_BYTES_MAX) {
                return n;
            }
        }
        if (!x->is_complete || x->closes) {
            break;
        }
    }
    return n;
}

/* Half of an answer, then the end: what a crash or a broken line leaves. */
static void send_half(struct http_conn *c, struct str *pieces)
{
    pieces[0] = str_sub(pieces[0], 0, pieces[0].n / 2);
    (void)!stream_write(c->stream, pieces, 1);
    conn_close(c);
}

static void mark_sent(struct http_conn *c, size_t n)
{
    for (struct http_exchange *x = c->first; x && n > 0; x = x->next) {
        while (x->piece_count && n > 0) {
            size_t part = x->pieces[x->piece_first].bytes.n;
            part = part < n ? part : n;
            exchange_pop(x, part);
            n -= part;
        }
        if (!x->piece_count && x->download) {
            download_next(x);
        } else if (!x->piece_count && x->is_stream && !x->is_ended && c->server->app.on_sent) {
            c->server->app.on_sent(c->server->app.ctx, x);
        }
    }
    assert(n == 0);
}

void conn_flush(struct http_conn *c)
{
    struct str pieces[WRITE_PIECES_MAX];
    size_t total = 0;

    c->busy++;
    while (c->stream && !c->sending_bytes) {
        retire(c);
        if (c->is_cut) {
            conn_close(c);
            break;
        }
        size_t n = gather(c, pieces, &total);
        if (n == 0) {
            break;
        }
        if (FAULT("net.answer.send")) {
            send_half(c, pieces);
            break;
        }
        enum rc rc = stream_write(c->stream, pieces, n);
        if (rc == RC_OK) {
            mark_sent(c, total);
        } else if (rc == RC_BUSY) {
            c->sending_bytes = total;
            c->send_due_ms = loop_now_ms(c->server->loop) + c->server->limits.send_ms;
            conn_arm(c);
        } else {
            conn_close(c);
        }
    }
    c->busy--;
}

void conn_on_written(struct http_conn *c)
{
    size_t n = c->sending_bytes;

    c->sending_bytes = 0;
    c->send_due_ms = CONN_NEVER;
    mark_sent(c, n);
    conn_flush(c);
    conn_settle(c);
}
