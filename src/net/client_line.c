/* client_line.c: one connection of a client: writes a request, reads its answer, rests, and is used again.
 * A callback may cancel its call or free the client: after each one, `n->call` is looked at before anything else. */
#include <errno.h>
#include <unistd.h>

#include "net/client_private.h"

#define FIELDS_MAX 256

static void maybe_free(struct line *n)
{
    if (!n->client && !n->busy && !n->is_again_due) {
        mem_free(n);
    }
}

static void leave_idle(struct line *n)
{
    for (struct line **at = &n->client->idle; n->is_idle && *at; at = &(*at)->next_idle) {
        if (*at == n) {
            *at = n->next_idle;
            n->is_idle = false;
            return;
        }
    }
}

void line_close(struct line *n)
{
    struct http_client *c = n->client;

    if (!c) {
        return;
    }
    leave_idle(n);
    timer_stop(c->loop, &n->idle_timer);
    stream_close(n->stream);
    n->stream = NULL;
    if (n->connecting) {
        tcp_connect_cancel(n->connecting);
        n->connecting = NULL;
    }
    if (n->call) {
        n->call->line = NULL;
        n->call = NULL;
    }
    *n->at = n->next;
    if (n->next) {
        n->next->at = n->at;
    }
    c->line_count--;
    buf_dispose(&n->in);
    n->client = NULL;
    maybe_free(n);
}

/* The call is answered: the line rests, or ends. */
static void let_go(struct line *n)
{
    struct http_client *c = n->client;
    struct http_call *call = n->call;

    n->call = NULL;
    call->line = NULL;
    n->is_in_body = false;
    n->scan = (struct http_scan){.at = 0};
    if (n->closes || !call->is_written || n->in.n > 0) {
        line_close(n);
        return;
    }
    n->is_idle = true;
    n->next_idle = c->idle;
    c->idle = n;
    n->idle_until_ms = loop_now_ms(c->loop) + c->options.idle_ms;
    if (!timer_is_running(&n->idle_timer)) {
        timer_start(c->loop, &n->idle_timer, c->options.idle_ms);
    }
}

static void on_idle(struct loop_timer *t)
{
    struct line *n = LOOP_OWNER(t, struct line, idle_timer);
    int64_t left = n->idle_until_ms - loop_now_ms(n->client->loop);

    if (n->is_idle && left <= 0) {
        line_close(n);
    } else if (n->is_idle) {
        timer_start(n->client->loop, &n->idle_timer, left);
    }
}

/* The connection is of no more use, and its call has no whole answer. */
static void lose(struct line *n, const char *why)
{
    struct http_call *call = n->call;
    bool is_safe = call && (call->o.method == HTTP_GET || call->o.method == HTTP_HEAD);

    if (!call) {
        line_close(n);
        return;
    }
    /* The server may close a resting connection at any moment: that is nobody's failure. */
    if (n->was_used && !call->has_answer && !call->is_retried && (is_safe || !call->is_sent) &&
        !call->upload) {
        struct http_client *c = n->client;
        line_close(n);
        call->is_retried = true;
        call->is_sent = call->is_written = false;
        client_wait(c, call, true);
        return;
    }
    call_fail(call, RC_BUSY, "%s %s", n->client->host_header, why);
}

/* ---- Out ---- */

static void on_written(void *ctx)
{
    struct line *n = ctx;
    struct http_call *call = n->call;

    if (!call) {
        return;
    }
    if (call->upload) {
        line_upload(call);
    } else {
        call->is_written = true;
    }
}

static void write_pieces(struct line *n, const struct str *pieces, size_t count)
{
    struct http_call *call = n->call;

    switch (stream_write(n->stream, pieces, count)) {
    case RC_OK:
        call->is_sent = true;
        on_written(n);
        break;
    case RC_BUSY:
        call->is_sent = true;
        break;
    default:
        if (!call->is_sent) {
            lose(n, "closed the connection");
        } /* else an answer may be there already, saying why it wants no more: reading tells */
        break;
    }
}

static void read_file(struct loop_work *w)
{
    struct upload_from *u = LOOP_OWNER(w, struct upload_from, work);
    int64_t left = u->end - u->at;

    do {
        u->got = pread(u->fd, u->bytes, left < CLIENT_UPLOAD_BYTES ? (size_t)left : CLIENT_UPLOAD_BYTES,
                       (off_t)u->at);
    } while (u->got < 0 && errno == EINTR);
}

static void on_file_read(struct loop_work *w)
{
    struct upload_from *u = LOOP_OWNER(w, struct upload_from, work);
    struct http_call *call = u->call;

    u->is_running = false;
    if (!call) {
        mem_free(u);
        return;
    }
    if (u->got <= 0) {
        call_fail(call, RC_FATAL, "the file to upload could not be read to its end");
        return;
    }
    u->at += u->got;
    write_pieces(call->line, &(struct str){u->bytes, (size_t)u->got}, 1);
}

/* The next piece of the file, or the end of it. */
void line_upload(struct http_call *call)
{
    struct upload_from *u = call->upload;

    if (u->at == u->end) {
        call->upload = NULL;
        call->is_written = true;
        mem_free(u);
        return;
    }
    u->is_running = true;
    loop_work_start(u->loop, &u->work);
}

static void send_request(struct line *n)
{
    struct http_call *call = n->call;
    struct str pieces[2] = {call->request, call->o.body};

    if (call->o.body_fd_bytes > 0) {
        struct upload_from *u = mem_alloc(sizeof *u);
        u->work = (struct loop_work){read_file, on_file_read};
        u->call = call;
        u->loop = n->client->loop;
        u->fd = call->o.body_fd;
        u->end = call->o.body_fd_bytes;
        call->upload = u;
        pieces[1] = STR_NONE;
    }
    write_pieces(n, pieces, pieces[1].n > 0 ? 2 : 1);
}

/* ---- In ---- */

static bool take_head(struct line *n, struct str *bytes)
{
    struct http_call *call = n->call;
    struct http_head_limits limits = {n->client->options.head_bytes, FIELDS_MAX, 0};
    struct http_refusal r;
    size_t size = 0;

    enum http_scan_state state = http_head_scan(&n->scan, HTTP_KIND_RESPONSE, *bytes, &limits, &size, &r);
    if (state == HTTP_SCAN_MORE) {
        return false;
    }
    bool is_good = state == HTTP_SCAN_END;
    if (is_good) {
        struct str head = arena_str(call->arena, str_sub(*bytes, 0, size));
        is_good = http_head_read_response(head, &n->scan, call->arena, call->o.method, &call->head, &r);
    }
    if (!is_good) {
        call_fail(call, r.status == 431 ? RC_TOO_BIG : RC_FATAL, "the answer of %s: %s",
                  n->client->host_header, r.text);
        return false;
    }
    *bytes = str_sub(*bytes, size, bytes->n);
    n->scan = (struct http_scan){.at = 0};
    if (call->head.status < 200) {
        return true; /* 100 Continue and its like: the real one follows */
    }
    call->has_answer = true;
    n->closes = call->head.wants_close;
    n->is_in_body = true;
    http_body_start(&n->body, &call->head);
    if (call->o.on_head) {
        struct http_answer a = call_answer(call, RC_OK);
        bool goes_on = call->o.on_head(call->o.ctx, call, &a);
        if (n->call == call && !goes_on) {
            http_call_cancel(call);
        }
    }
    return n->call == call;
}

static bool give_piece(struct line *n, struct str piece)
{
    struct http_call *call = n->call;

    if (call->o.on_data) {
        bool goes_on = call->o.on_data(call->o.ctx, call, piece);
        if (n->call == call && !goes_on) {
            http_call_cancel(call);
        }
        return n->call == call;
    }
    buf_append_str(&call->body, piece);
    if (call->body.overflowed) {
        call_fail(call, RC_TOO_BIG, "the answer of %s is larger than %zu bytes", n->client->host_header,
                  call->body.max);
        return false;
    }
    return true;
}

static bool take_body(struct line *n, struct str *bytes)
{
    struct http_call *call = n->call;
    struct http_refusal r;
    struct str piece;

    switch (http_body_next(&n->body, bytes, &piece, &r)) {
    case HTTP_BODY_PIECE:
        return give_piece(n, piece);
    case HTTP_BODY_DONE:
        n->closes |= bytes->n > 0; /* nobody asked for what follows */
        let_go(n);
        call_finish(call, RC_OK);
        return false;
    case HTTP_BODY_BAD:
        call_fail(call, RC_FATAL, "the answer of %s: %s", n->client->host_header, r.text);
        return false;
    default:
        return false;
    }
}

/* `bytes` are new; what was kept comes before them. */
static void take(struct line *n, struct str bytes)
{
    struct http_call *call = n->call;
    bool is_kept = n->in.n > 0;

    if (is_kept) {
        buf_append_str(&n->in, bytes);
        bytes = buf_str(&n->in);
    }
    struct buf hold = n->in; /* the bytes must outlive a close of the line by a callback */
    n->in = BUF_LIMIT(SIZE_MAX / 2);
    n->busy++;
    bool goes_on = true;
    while (goes_on && n->call == call && !call->is_paused && (bytes.n > 0 || n->is_in_body)) {
        goes_on = n->is_in_body ? take_body(n, &bytes) : take_head(n, &bytes);
    }
    n->busy--;
    if (n->client && n->call == call && call) {
        buf_append_str(&n->in, bytes);
        if (call->is_paused) {
            stream_read_stop(n->stream);
        }
    }
    buf_dispose(&hold);
    maybe_free(n);
}

static void on_read(void *ctx, struct str bytes)
{
    struct line *n = ctx;

    if (!n->call) {
        line_close(n); /* an answer that nobody asked for */
        return;
    }
    call_heard(n->call);
    take(n, bytes);
}

static void on_end(void *ctx, enum stream_end why)
{
    struct line *n = ctx;
    struct http_call *call = n->call;

    if (call && why == STREAM_EOF && n->is_in_body && n->body.framing == HTTP_UNTIL_CLOSE) {
        n->closes = true;
        let_go(n);
        call_finish(call, RC_OK);
        return;
    }
    lose(n, why == STREAM_EOF ? "closed the connection" : "broke the connection");
}

static const struct stream_handler handler = {on_read, on_end, on_written};

static void run_again(struct loop_task *t)
{
    struct line *n = LOOP_OWNER(t, struct line, again);

    n->is_again_due = false;
    if (n->client && n->call && !n->call->is_paused) {
        stream_read_start(n->stream);
        take(n, STR_NONE);
    } else {
        maybe_free(n);
    }
}

void line_resume(struct line *n)
{
    if (!n->is_again_due && n->stream) {
        n->is_again_due = true;
        loop_later(n->client->loop, &n->again);
    }
}

/* ---- Life ---- */

static void on_connected(void *ctx, const struct tcp_connected *r)
{
    struct line *n = ctx;

    n->connecting = NULL;
    if (r->rc) {
        n->call->err = r->err;
        call_finish(n->call, r->rc);
        return;
    }
    n->stream = r->s;
    stream_set_handler(n->stream, &handler, n);
    stream_read_start(n->stream);
    send_request(n);
}

struct line *line_new(struct http_client *c)
{
    struct line *n = mem_alloc(sizeof *n);

    n->client = c;
    n->idle_timer.run = on_idle;
    n->again.run = run_again;
    n->in = BUF_LIMIT(SIZE_MAX / 2);
    n->next = c->lines;
    n->at = &c->lines;
    if (n->next) {
        n->next->at = &n->next;
    }
    c->lines = n;
    c->line_count++;
    return n;
}

void line_take(struct line *n, struct http_call *call)
{
    struct http_client *c = n->client;

    n->was_used = n->stream != NULL;
    leave_idle(n);
    n->call = call;
    call->line = n;
    call_heard(call);
    if (n->stream) {
        send_request(n);
    } else {
        n->connecting =
            tcp_connect_start(c->loop, str_from(c->host), c->port, c->options.connect_ms, on_connected, n);
    }
}
