/* loop_stream.c: see loop_stream.h. A write goes to the kernel at once with uv_try_write; a request object exists only
 * while something is stuck, since that is rare and idle streams should stay small. */
#include "loop/loop_stream.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "loop/stream_private.h"

/* Few, since the compiler clears the array for each write. */
#define PIECES_MAX 64

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct stream *s = h->data;
    (void)suggested;
    out->base = s->loop->read_bytes;
    out->len = LOOP_READ_BYTES;
}

static void end_stream(struct stream *s, enum stream_end why)
{
    uv_read_stop(&s->uv.stream);
    s->is_reading = false;
    if (!s->has_ended) {
        s->has_ended = true;
        if (s->handler && s->handler->on_end) {
            s->handler->on_end(s->ctx, why);
        }
    }
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *b)
{
    struct stream *s = uv->data;
    if (n > 0) {
        s->handler->on_read(s->ctx, (struct str){b->base, (size_t)n});
    } else if (n < 0) {
        end_stream(s, n == UV_EOF ? STREAM_EOF : STREAM_BROKEN);
    }
}

static void close_owner(struct handle_owner *o)
{
    stream_close((struct stream *)(void *)o);
}

struct stream *stream_new_tcp(struct loop *l)
{
    struct stream *s = mem_alloc(sizeof *s);
    s->owner.close = close_owner;
    s->loop = l;
    uv_tcp_init(&l->uv, &s->uv.tcp);
    s->uv.handle.data = s;
    return s;
}

enum rc stream_open(struct loop *l, int fd, struct stream **out, struct err *e)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof a;
    bool is_tcp = getsockname(fd, (struct sockaddr *)&a, &n) == 0 &&
                  (a.ss_family == AF_INET || a.ss_family == AF_INET6);
    struct stream *s = NULL;
    int rc;

    if (is_tcp) {
        s = stream_new_tcp(l);
        rc = uv_tcp_open(&s->uv.tcp, fd);
    } else {
        s = mem_alloc(sizeof *s);
        s->owner.close = close_owner;
        s->loop = l;
        uv_pipe_init(&l->uv, &s->uv.pipe, 0);
        s->uv.handle.data = s;
        rc = uv_pipe_open(&s->uv.pipe, fd);
    }
    if (rc) {
        stream_close(s);
        return loop_uv_error(e, rc, "open a stream");
    }
    *out = s;
    return RC_OK;
}

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *ctx)
{
    s->handler = h;
    s->ctx = ctx;
}

void stream_read_start(struct stream *s)
{
    if (!s->is_reading && !s->has_ended) {
        s->is_reading = uv_read_start(&s->uv.stream, on_alloc, on_read) == 0;
    }
}

void stream_read_stop(struct stream *s)
{
    if (s->is_reading) {
        s->is_reading = false;
        uv_read_stop(&s->uv.stream);
    }
}

static void on_write_done(uv_write_t *req, int status)
{
    struct stream *s = req->data;
    mem_free(req);
    s->write = NULL;
    if (s->is_closed) {
        return;
    }
    if (status) {
        end_stream(s, STREAM_BROKEN);
    } else if (s->handler->on_written) {
        s->handler->on_written(s->ctx);
    }
}

enum rc stream_write(struct stream *s, const struct str *pieces, size_t count)
{
    uv_buf_t bufs[PIECES_MAX];
    size_t total = 0;

    assert(count <= PIECES_MAX && !s->write);
    for (size_t i = 0; i < count; i++) {
        bufs[i] = (uv_buf_t){.base = (char *)pieces[i].p, .len = pieces[i].n}; /* libuv only reads it */
        total += pieces[i].n;
    }
    int sent = uv_try_write(&s->uv.stream, bufs, (unsigned)count);
    if (sent < 0 && sent != UV_EAGAIN) {
        return RC_FATAL;
    }
    size_t gone = sent > 0 ? (size_t)sent : 0;
    if (gone == total) {
        return RC_OK;
    }
    size_t first = 0;
    while (gone >= bufs[first].len) {
        gone -= bufs[first++].len;
    }
    bufs[first].base += gone;
    bufs[first].len -= gone;
    s->write = mem_alloc(sizeof *s->write);
    s->write->data = s;
    int rc = uv_write(s->write, &s->uv.stream, bufs + first, (unsigned)(count - first), on_write_done);
    if (rc) {
        mem_free(s->write);
        s->write = NULL;
        return RC_FATAL;
    }
    return RC_BUSY;
}

size_t stream_unsent_bytes(const struct stream *s)
{
    return uv_stream_get_write_queue_size(&s->uv.stream);
}

static void set_option(struct stream *s, int level, int name, const void *value, socklen_t n)
{
    uv_os_fd_t fd;

    if (!uv_fileno(&s->uv.handle, &fd)) {
        (void)setsockopt(fd, level, name, value, n); /* what is no TCP refuses it */
    }
}

void stream_limit_unsent(struct stream *s, int bytes)
{
#ifdef TCP_NOTSENT_LOWAT
    set_option(s, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
#else
    (void)s;
    (void)bytes;
#endif
}

static void on_shutdown_done(uv_shutdown_t *req, int status)
{
    (void)status;
    mem_free(req);
}

void stream_shutdown(struct stream *s)
{
    uv_shutdown_t *req = mem_alloc(sizeof *req);
    if (uv_shutdown(req, &s->uv.stream, on_shutdown_done)) {
        mem_free(req);
    }
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void stream_close(struct stream *s)
{
    if (s) {
        assert(!s->is_closed);
        s->is_closed = true;
        uv_close(&s->uv.handle, on_closed);
    }
}

void stream_reset(struct stream *s)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    set_option(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream_close(s);
}
