/* http_upload.c: a request body into a file, written in worker threads while the next bytes come in.
 *   filling <- network        writing -> thread: watch, write        (swapped when the thread is back) */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/server_private.h"

#define UPLOAD_WRITE_BYTES (64 * 1024)
#define UPLOAD_BYTES_MAX   (256 * 1024) /* collected beyond this: the client waits */

struct upload {
    struct http_exchange *x;
    struct loop_work work;
    int fd; /* a copy: the application may close its own at any time */
    void (*watch)(void *ctx, struct str piece);
    void *ctx;
    struct buf filling, writing;
    bool is_running, is_finished;
    int error;
};

static void write_all(struct loop_work *w)
{
    struct upload *u = LOOP_OWNER(w, struct upload, work);
    struct str left = buf_str(&u->writing);

    if (u->watch) {
        u->watch(u->ctx, left);
    }
    while (left.n > 0 && !u->error) {
        ssize_t n = FAULT("net.upload.write") ? (errno = EIO, -1) : write(u->fd, left.p, left.n);
        if (n < 0 && errno != EINTR) {
            u->error = errno;
        } else if (n > 0) {
            left = str_sub(left, (size_t)n, left.n);
        }
    }
}

static void pump(struct upload *u)
{
    struct http_exchange *x = u->x;

    if (!u->is_running && !u->error &&
        (u->filling.n >= UPLOAD_WRITE_BYTES || (u->is_finished && u->filling.n > 0))) {
        struct buf empty = u->writing;
        u->writing = u->filling;
        u->filling = empty;
        buf_clear(&u->filling);
        u->is_running = true;
        x->threads++;
        loop_work_start(x->conn->server->loop, &u->work);
    }
    if (u->filling.n >= UPLOAD_BYTES_MAX) {
        http_body_pause(x);
    }
    if (u->is_finished && !u->is_running) {
        conn_body_done(x);
    }
}

static void on_written(struct loop_work *w)
{
    struct upload *u = LOOP_OWNER(w, struct upload, work);
    struct http_exchange *x = u->x;

    u->is_running = false;
    x->threads--;
    if (u->error) {
        buf_clear(&u->filling);
    }
    if (x->is_ended) {
        exchange_maybe_free(x);
        return;
    }
    if (x->is_left) {
        exchange_tell_left(x);
        return;
    }
    http_body_resume(x);
    pump(u);
}

void http_body_to_file(struct http_exchange *x, int fd, void (*watch)(void *ctx, struct str piece), void *ctx)
{
    struct upload *u = mem_alloc(sizeof *u);

    assert(!x->upload && !x->is_body_whole);
    u->x = x;
    u->work = (struct loop_work){write_all, on_written};
    u->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    u->error = u->fd < 0 ? errno : 0;
    u->watch = watch;
    u->ctx = ctx;
    u->filling = u->writing = BUF_LIMIT(UPLOAD_BYTES_MAX + 256 * 1024);
    x->upload = u;
}

int http_body_file_error(const struct http_exchange *x)
{
    return x->upload ? x->upload->error : 0;
}

void upload_take(struct http_exchange *x, struct str piece)
{
    struct upload *u = x->upload;

    if (!u->error) {
        buf_append_str(&u->filling, piece);
        assert(!u->filling.overflowed); /* a piece is at most one read */
    }
    pump(u);
}

void upload_finish(struct http_exchange *x)
{
    x->upload->is_finished = true;
    pump(x->upload);
}

void upload_free(struct http_exchange *x)
{
    struct upload *u = x->upload;

    if (u) {
        if (u->fd >= 0) {
            close(u->fd);
        }
        buf_dispose(&u->filling);
        buf_dispose(&u->writing);
        mem_free(u);
        x->upload = NULL;
    }
}
