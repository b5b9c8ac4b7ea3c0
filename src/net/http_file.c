/* http_file.c: an answer from a file or from bytes, with ETag and one range; read in worker threads, piece by piece, as
 * fast as the client takes it. */
#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "net/server_private.h"

struct download {
    struct http_exchange *x;
    struct loop_work work;
    int fd;
    int64_t at, end;
    ssize_t got;
    bool is_running;
    char bytes[WRITE_BYTES_MAX];
};

static void read_some(struct loop_work *w)
{
    struct download *d = LOOP_OWNER(w, struct download, work);
    int64_t left = d->end - d->at;
    size_t want = left < WRITE_BYTES_MAX ? (size_t)left : WRITE_BYTES_MAX;

    do {
        d->got = pread(d->fd, d->bytes, want, (off_t)d->at);
    } while (d->got < 0 && errno == EINTR);
}

static void on_read(struct loop_work *w)
{
    struct download *d = LOOP_OWNER(w, struct download, work);
    struct http_exchange *x = d->x;
    struct http_conn *c = x->conn;

    d->is_running = false;
    x->threads--;
    if (!c->stream) {
        exchange_maybe_free(x);
        return;
    }
    if (d->got <= 0) {
        c->is_cut = true; /* shorter than promised: only the end of the connection can say so */
    } else {
        d->at += d->got;
        exchange_push(x, (struct str){d->bytes, (size_t)d->got}, NULL);
        x->is_complete = d->at == d->end;
    }
    conn_flush_later(c);
}

void download_next(struct http_exchange *x)
{
    struct download *d = x->download;

    if (!d->is_running && d->at < d->end) {
        d->is_running = true;
        x->threads++;
        loop_work_start(x->conn->server->loop, &d->work);
    }
}

void download_free(struct http_exchange *x)
{
    if (x->download) {
        close(x->download->fd);
        mem_free(x->download);
        x->download = NULL;
    }
}

struct range {
    int64_t from, to; /* to is behind the last byte */
};

/* RFC 9110, 14.2: anything but one byte range that we understand is ignored. False: it lies outside. */
static bool read_range(struct str value, int64_t bytes, struct range *out, bool *is_range)
{
    struct str last;
    int64_t from = 0, to = 0;

    *is_range = false;
    if (!str_starts(value, STR("bytes=")) || str_find_char(value, ',', 0) < value.n ||
        str_find_char(value, '-', 0) == value.n) {
        return true;
    }
    struct str first = str_cut(str_sub(value, 6, value.n), '-', &last);
    bool has_first = str_to_i64(first, &from) && from >= 0;
    bool has_last = str_to_i64(last, &to) && to >= 0;
    if ((!has_first && first.n > 0) || (!has_last && last.n > 0) || (!has_first && !has_last) ||
        (has_first && has_last && to < from)) {
        return true;
    }
    *is_range = true;
    if (!has_first) { /* the last `to` bytes */
        out->from = to < bytes ? bytes - to : 0;
        out->to = bytes;
        return to > 0 && bytes > 0;
    }
    out->from = from;
    out->to = has_last && to < bytes ? to + 1 : bytes;
    return from < bytes;
}

/* If-None-Match, weakly compared: "*" or one of a list. */
static bool matches(struct str list, struct str etag)
{
    while (list.n > 0) {
        struct str one = str_trim(str_cut(list, ',', &list));
        if (str_starts(one, STR("W/"))) {
            one = str_sub(one, 2, one.n);
        }
        if (str_eq(one, etag) || str_eq(one, STR("*"))) {
            return true;
        }
    }
    return false;
}

static int choose_status(struct http_exchange *x, const struct http_file *f, struct range *r)
{
    struct str if_range = http_request_header(x, STR("If-Range"));
    struct str range = http_request_header(x, STR("Range"));
    bool is_range = false;

    *r = (struct range){0, f->bytes};
    if (f->etag.p && matches(http_request_header(x, STR("If-None-Match")), f->etag)) {
        return 304;
    }
    if (!range.p || x->head.method != HTTP_GET || (if_range.p && !str_eq(if_range, f->etag))) {
        return 200;
    }
    if (!read_range(range, f->bytes, r, &is_range)) {
        return 416;
    }
    return is_range ? 206 : 200;
}

/* True: the file is still needed, and now belongs to the download. */
static bool answer(struct http_exchange *x, const struct http_file *f)
{
    struct range r;
    int status = choose_status(x, f, &r);

    http_header(x, STR("Accept-Ranges"), STR("bytes"));
    if (f->etag.p) {
        http_header(x, STR("ETag"), f->etag);
    }
    if (status == 206) {
        http_header(x, STR("Content-Range"),
                    arena_printf(x->arena, "bytes %lld-%lld/%lld", (long long)r.from, (long long)r.to - 1,
                                 (long long)f->bytes));
    } else if (status == 416) {
        http_header(x, STR("Content-Range"), arena_printf(x->arena, "bytes */%lld", (long long)f->bytes));
        r.to = r.from = 0;
    }
    exchange_push(x, exchange_compose(x, status, f->content_type, status == 304 ? 0 : r.to - r.from), NULL);
    x->is_answered = true;
    x->is_complete = x->is_head || status == 304 || r.to == r.from;
    if (x->is_complete) {
        return false;
    }
    if (f->fd < 0) {
        exchange_push(x, str_sub(f->data, (size_t)r.from, (size_t)r.to), NULL);
        x->is_complete = true;
        return false;
    }
    struct download *d = mem_alloc(sizeof *d);
    d->x = x;
    d->work = (struct loop_work){read_some, on_read};
    d->fd = f->fd;
    d->at = r.from;
    d->end = r.to;
    x->download = d;
    download_next(x);
    return true;
}

void http_respond_file(struct http_exchange *x, const struct http_file *f)
{
    struct http_conn *c = x->conn;
    bool is_taken = false;

    if (exchange_end(x)) {
        is_taken = answer(x, f);
        conn_flush_later(c);
    }
    if (!is_taken && f->fd >= 0) {
        close(f->fd);
    }
}
