/* conn.c: the life of a server's connection: what it waits for, for how long, and how it ends.
 * Callbacks of the application never change a connection directly: they leave marks and ask for a flush, which runs at
 * the end of the round. So nothing here is freed under the feet of its caller; `busy` guards our own nesting. */
#include "base/log.h"
#include "net/server_private.h"

/* Who sends a body of twice the limit before it reads still sees the answer. */
#define LINGER_BYTES_MAX       (64 * 1024 * 1024)
#define STREAM_NOISE_BYTES_MAX 4096 /* B130 */

void conn_maybe_free(struct http_conn *c)
{
    if (!c->stream && !c->refs && !c->is_flush_due && !c->busy) {
        mem_free(c);
    }
}

void conn_tell_left(struct http_conn *c)
{
    struct http_exchange *next;

    c->busy++;
    for (struct http_exchange *x = c->first; x; x = next) {
        next = x->next;
        exchange_tell_left(x);
    }
    c->busy--;
}

void conn_close(struct http_conn *c)
{
    if (!c->stream) {
        return;
    }
    c->busy++;
    if (c->is_too_slow) {
        stream_reset(c->stream); /* the kernel would go on offering it what it does not take */
    } else {
        stream_close(c->stream);
    }
    c->stream = NULL;
    timer_stop(c->server->loop, &c->timer);
    server_forget_conn(c->server, c);
    buf_dispose(&c->in);
    c->reading = NULL;
    c->is_in_body = false;
    c->sending_bytes = 0;
    if (c->held) {
        c->held->is_ended = c->held->is_unlinked = true;
        exchange_maybe_free(c->held);
        c->held = NULL;
    }
    while (c->first) {
        struct http_exchange *x = c->first;
        c->first = x->next;
        c->exchanges--;
        while (x->piece_count) {
            exchange_pop(x, x->pieces[x->piece_first].bytes.n);
        }
        x->is_complete = x->is_unlinked = true;
        x->is_ended |= x->is_ours;
        if (x->is_ended) {
            exchange_maybe_free(x);
        } else {
            exchange_tell_left(x);
        }
    }
    c->last = &c->first;
    c->busy--;
    conn_maybe_free(c);
}

/* ---- Deadlines: one timer, armed for the earlier of two; moved lazily, since most deadlines are never reached ---- */

void conn_arm(struct http_conn *c)
{
    int64_t due = c->read_due_ms < c->send_due_ms ? c->read_due_ms : c->send_due_ms;

    if (due != CONN_NEVER && (!timer_is_running(&c->timer) || c->timer.due_at_ms > due)) {
        timer_start(c->server->loop, &c->timer, due - loop_now_ms(c->server->loop));
    }
}

void conn_wait_for(struct http_conn *c, enum conn_wait w)
{
    const struct http_limits *limits = &c->server->limits;

    if (c->wait == (uint8_t)w && w != WAIT_IDLE) {
        return;
    }
    c->wait = (uint8_t)w;
    if (w == WAIT_APP) {
        c->read_due_ms = CONN_NEVER;
        return;
    }
    int64_t now = loop_now_ms(c->server->loop);
    c->window_bytes = c->body.data_bytes;
    c->read_due_ms = now + (w == WAIT_IDLE     ? limits->idle_ms
                            : w == WAIT_HEAD   ? limits->head_ms
                            : w == WAIT_LINGER ? limits->linger_ms
                                               : limits->body_ms);
}

/* A body must keep up a rate in every stretch of body_ms (B052). What came before earns no time: else a fast beginning
 * would buy a long silence. */
static bool body_keeps_up(struct http_conn *c)
{
    const struct http_limits *limits = &c->server->limits;
    int64_t came = c->body.data_bytes - c->window_bytes;

    c->window_bytes = c->body.data_bytes;
    return c->reading && came >= limits->body_bytes_per_s * limits->body_ms / 1000;
}

static void read_timed_out(struct http_conn *c, int64_t now)
{
    if (c->wait == WAIT_BODY && body_keeps_up(c)) {
        c->read_due_ms = now + c->server->limits.body_ms;
        conn_arm(c);
        return;
    }
    c->server->counts.timeouts += c->wait == WAIT_BODY || c->wait == WAIT_HEAD;
    if ((c->wait == WAIT_BODY && c->reading) || c->wait == WAIT_HEAD) { /* B051, B052 */
        struct http_refusal r = {408, "timeout", "The request took longer than its time limit to arrive."};
        buf_clear(&c->in);
        conn_refuse(c, &r);
        conn_settle(c);
    } else {
        conn_close(c);
    }
}

static void on_timer(struct loop_timer *t)
{
    struct http_conn *c = LOOP_OWNER(t, struct http_conn, timer);
    int64_t now = loop_now_ms(c->server->loop);

    if (c->send_due_ms <= now) { /* B053 */
        c->server->counts.cut_slow++;
        c->is_too_slow = true;
        conn_close(c);
    } else if (c->read_due_ms <= now) {
        read_timed_out(c, now);
    } else {
        conn_arm(c);
    }
}

/* ---- What comes next ---- */

/* Every answer is out and no request will follow. */
static void finish(struct http_conn *c)
{
    bool may_reset = c->is_input_unread || c->in.n > 0 || c->discarded_bytes > 0;

    if (!may_reset || c->is_half_closed || c->is_lingering) {
        conn_close(c);
        return;
    }
    /* Closing with unread bytes in the kernel makes it send a reset, which can take the answer from the client. */
    stream_shutdown(c->stream);
    c->is_lingering = true;
    buf_dispose(&c->in);
    conn_wait_for(c, WAIT_LINGER);
    stream_read_start(c->stream);
    conn_arm(c);
}

static enum conn_wait wanted_wait(const struct http_conn *c)
{
    if (c->is_in_body) {
        return c->is_body_paused ? WAIT_APP : WAIT_BODY;
    }
    if (c->in.n > 0 && !c->is_blocked && !c->is_deaf) {
        return WAIT_HEAD;
    }
    return c->exchanges || c->held ? WAIT_APP : WAIT_IDLE;
}

void conn_settle(struct http_conn *c)
{
    while (c->stream && !c->busy) {
        if (c->reading && c->reading->is_ended) {
            conn_abandon_body(c);
        }
        if (c->held && !c->exchanges) {
            struct http_exchange *x = c->held;
            c->held = NULL;
            c->busy++;
            conn_start_request(c, x);
            c->busy--;
        } else if (c->is_blocked && conn_can_take(c)) {
            c->is_blocked = false;
            conn_take(c, STR_NONE);
            return; /* it has settled */
        } else {
            break;
        }
    }
    if (!c->stream || c->busy) {
        conn_maybe_free(c);
        return;
    }
    bool is_quiet = !c->exchanges && !c->held;
    bool is_idle = is_quiet && !c->in.n && !c->is_in_body;
    if (c->is_lingering) {
        return;
    }
    if (is_quiet && c->is_deaf) {
        finish(c);
        return;
    }
    if ((is_quiet && c->is_half_closed) || (is_idle && c->server->is_draining)) {
        conn_close(c);
        return;
    }
    if (conn_can_take(c) && !c->is_half_closed) {
        stream_read_start(c->stream);
    } else {
        stream_read_stop(c->stream);
    }
    conn_wait_for(c, wanted_wait(c));
    conn_arm(c);
}

/* ---- Events of the stream ---- */

/* Bytes nobody asked for: behind a closing answer, or on a stream. */
static void discard(struct http_conn *c, size_t n)
{
    size_t max = c->is_lingering ? LINGER_BYTES_MAX : STREAM_NOISE_BYTES_MAX;
    bool is_stream = c->first && c->first->is_stream;

    c->discarded_bytes += n;
    if (c->discarded_bytes > max && (c->is_lingering || is_stream)) {
        conn_close(c);
    }
}

static void on_read(void *ctx, struct str bytes)
{
    struct http_conn *c = ctx;
    if (c->is_lingering || (c->is_deaf && !c->is_in_body)) {
        discard(c, bytes.n);
    } else {
        conn_take(c, bytes);
    }
}

static void on_end(void *ctx, enum stream_end why)
{
    struct http_conn *c = ctx;

    /* Half a request is as good as none (B040, B049). */
    if (why == STREAM_BROKEN || c->is_lingering || c->is_in_body) {
        conn_close(c);
        return;
    }
    /* A client that has only finished sending still gets its answers, but nothing waits for it any more. */
    c->is_half_closed = true;
    buf_dispose(&c->in);
    conn_tell_left(c);
    conn_settle(c);
}

static void on_written(void *ctx)
{
    conn_on_written(ctx);
}

static const struct stream_handler handler = {on_read, on_end, on_written};

static void run_flush(struct loop_task *t)
{
    struct http_conn *c = LOOP_OWNER(t, struct http_conn, flush);

    c->is_flush_due = false;
    if (c->is_cut) {
        conn_close(c);
        return;
    }
    conn_flush(c);
    conn_settle(c);
}

void conn_flush_later(struct http_conn *c)
{
    if (!c->is_flush_due && c->stream) {
        c->is_flush_due = true;
        loop_later(c->server->loop, &c->flush);
    }
}

void conn_open(struct http_server *s, struct stream *stream, const struct tcp_address *peer, bool is_refused)
{
    struct http_conn *c = mem_alloc(sizeof *c);

    c->server = s;
    c->stream = stream;
    c->peer = *peer;
    c->in = BUF_LIMIT(SIZE_MAX / 2); /* bounded by what is read while something is kept, see conn_can_take */
    c->last = &c->first;
    c->timer.run = on_timer;
    c->flush.run = run_flush;
    c->read_due_ms = c->send_due_ms = CONN_NEVER;
    c->wait = WAIT_APP;
    c->next = s->conns;
    if (c->next) {
        c->next->at = &c->next;
    }
    c->at = &s->conns;
    s->conns = c;
    s->counts.connections++;
    stream_set_handler(stream, &handler, c);
    if (is_refused) { /* B054 */
        conn_refuse(c,
                    &(struct http_refusal){503, "too_many_connections", "There are too many connections."});
    }
    conn_settle(c);
}
