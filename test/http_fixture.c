/* http_fixture.c: see http_fixture.h. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "test.h"

#define PARKED_MAX  64
#define STREAMS_MAX 20000

struct fixture {
    struct loop *l;
    struct http_server *s;
    pthread_t thread;
    int port;
    struct http_exchange *parked[PARKED_MAX];
    int parked_count, closes;
    struct http_exchange **streams;
    int stream_count;
    size_t sink_bytes;
    int upload_fd;
    bool is_drained;

    /* one call at a time, from the test's thread */
    struct loop_task task;
    void (*fn)(struct fixture *f);
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    struct str feed_bytes;
    int feed_times, feed_taken;
    int64_t skip_ms, connected_at_ms;
    struct http_server_counts counts;
    int seen_closes, seen_parked;
    bool seen_drained;
};

/* ---- The server's side ---- */

static void count_piece(void *ctx, struct http_exchange *x, struct str piece)
{
    struct fixture *f = ctx;
    (void)x;
    f->sink_bytes += piece.n;
}

static void watch_piece(void *ctx, struct str piece)
{
    *(size_t *)ctx += piece.n; /* in a worker thread: each upload has its own */
}

static void on_request(void *ctx, struct http_exchange *x)
{
    struct fixture *f = ctx;
    struct str path = http_path(x);

    if (str_eq(path, STR("/early"))) {
        http_respond(x, 401, STR("text/plain"), STR("who?"));
    } else if (str_eq(path, STR("/limit"))) {
        http_set_body_limit(x, 10);
    } else if (str_eq(path, STR("/sink"))) {
        f->sink_bytes = 0;
        http_body_to_sink(x, count_piece, f);
    } else if (str_eq(path, STR("/to-file"))) {
        f->upload_fd = open(test_path("upload"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        http_set_context(x, arena_alloc(http_arena(x), sizeof(size_t)));
        http_body_to_file(x, f->upload_fd, watch_piece, http_context(x));
        close(f->upload_fd); /* net has its own copy */
    }
}

static void respond_file(struct http_exchange *x)
{
    int fd = open(test_path("file"), O_RDONLY);
    int64_t bytes = lseek(fd, 0, SEEK_END);
    http_respond_file(x, &(struct http_file){
                             .fd = fd, .bytes = bytes, .etag = STR("\"v1\""), .content_type = STR("text/x")});
}

static void on_body(void *ctx, struct http_exchange *x)
{
    struct fixture *f = ctx;
    struct str path = http_path(x);

    if (str_eq(path, STR("/park"))) {
        ck_assert_int_lt(f->parked_count, PARKED_MAX);
        f->parked[f->parked_count++] = x;
    } else if (str_eq(path, STR("/stream"))) {
        if (http_stream_begin(x, 200, STR("text/event-stream"))) {
            f->streams[f->stream_count++] = x;
        }
    } else if (str_eq(path, STR("/file"))) {
        respond_file(x);
    } else if (str_eq(path, STR("/bytes"))) {
        http_respond_file(x, &(struct http_file){.fd = -1, .data = STR("0123456789"), .bytes = 10});
    } else if (str_eq(path, STR("/sink"))) {
        http_respond(x, 200, STR_NONE, arena_printf(http_arena(x), "%zu", f->sink_bytes));
    } else if (str_eq(path, STR("/to-file"))) {
        http_respond(x, http_body_file_error(x) ? 507 : 200, STR_NONE,
                     arena_printf(http_arena(x), "%zu", *(size_t *)http_context(x)));
    } else if (str_eq(path, STR("/nothing"))) {
        http_respond(x, 204, STR_NONE, STR_NONE);
    } else {
        struct str body = http_body(x);
        http_respond(x, 200, STR("text/plain"),
                     arena_printf(http_arena(x), "%.*s %.*s?%.*s %.*s", STR_ARG(http_method_text(x)),
                                  STR_ARG(path), STR_ARG(http_query(x)), STR_ARG(body)));
    }
}

static void on_close(void *ctx, struct http_exchange *x)
{
    struct fixture *f = ctx;

    f->closes++;
    for (int i = 0; i < f->parked_count; i++) {
        if (f->parked[i] == x) {
            f->parked[i] = f->parked[--f->parked_count];
        }
    }
    for (int i = 0; i < f->stream_count; i++) {
        if (f->streams[i] == x) {
            f->streams[i] = f->streams[--f->stream_count];
        }
    }
    http_drop(x);
}

static struct str on_bad_request(void *ctx, int status, const char *code, const char *text, struct arena *a)
{
    (void)ctx;
    return arena_printf(a, "{\"status\":%d,\"type\":\"%s\",\"detail\":\"%s\"}", status, code, text);
}

static void *run_thread(void *arg)
{
    loop_run(((struct fixture *)arg)->l);
    return NULL;
}

static void run_call(struct loop_task *t)
{
    struct fixture *f = LOOP_OWNER(t, struct fixture, task);
    f->fn(f);
    pthread_mutex_lock(&f->lock);
    f->is_done = true;
    pthread_cond_signal(&f->done);
    pthread_mutex_unlock(&f->lock);
}

void fixture_call(struct fixture *f, void (*fn)(struct fixture *f))
{
    f->fn = fn;
    f->is_done = false;
    f->task.run = run_call;
    loop_post(f->l, &f->task);
    pthread_mutex_lock(&f->lock);
    while (!f->is_done) {
        pthread_cond_wait(&f->done, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

struct fixture *fixture_start(const struct http_limits *limits)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct http_server_options o = {.limits = *limits,
                                    .app = {.ctx = f,
                                            .on_request = on_request,
                                            .on_body = on_body,
                                            .on_close = on_close,
                                            .on_bad_request = on_bad_request,
                                            .error_type = STR("application/problem+json")}};
    struct err e;

    f->streams = mem_alloc(STREAMS_MAX * sizeof *f->streams);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->done, NULL);
    f->l = loop_new();
    ck_assert_msg(http_server_start(f->l, &o, &f->s, &e) == RC_OK, "%s", e.text);
    f->port = http_server_port(f->s);
    ck_assert_int_eq(pthread_create(&f->thread, NULL, run_thread, f), 0);
    return f;
}

void fixture_stop(struct fixture *f)
{
    loop_stop(f->l);
    pthread_join(f->thread, NULL);
    http_server_free(f->s);
    loop_free(f->l);
    mem_free(f->streams);
    mem_free(f);
}

static void do_nothing(struct fixture *f)
{
    (void)f;
}

/* A new connection takes three rounds until its first bytes are read: accepting, watching, reading. */
void fixture_sync(struct fixture *f)
{
    for (int i = 0; i < 4; i++) {
        fixture_call(f, do_nothing);
    }
}

static void do_skip(struct fixture *f)
{
    loop_skip_ms(f->l, f->skip_ms);
}

void fixture_skip(struct fixture *f, int64_t ms)
{
    f->skip_ms = ms;
    fixture_call(f, do_skip);
    fixture_sync(f);
}

int64_t fixture_ms_until_cut(struct fixture *f)
{
    for (int i = 0; fixture_counts(f).cut_slow == 0 && i < 1000; i++) {
        fixture_skip(f, 1000);
    }
    CHECK_INT(fixture_counts(f).cut_slow, 1);
    return loop_now_ms(f->l) - f->connected_at_ms;
}

static void do_release(struct fixture *f)
{
    while (f->parked_count) {
        struct http_exchange *x = f->parked[--f->parked_count];
        http_respond(x, 200, STR("text/plain"), arena_str(http_arena(x), http_query(x)));
    }
}

void fixture_release(struct fixture *f)
{
    fixture_call(f, do_release);
}

static void do_feed(struct fixture *f)
{
    struct http_chunk *c = http_chunk_new(f->feed_bytes);
    for (int i = 0; i < f->feed_times; i++) {
        f->feed_taken = 0;
        for (int s = 0; s < f->stream_count; s++) {
            f->feed_taken += http_stream_send(f->streams[s], c);
        }
    }
    http_chunk_unref(c);
}

int fixture_feed(struct fixture *f, struct str bytes, int times)
{
    f->feed_bytes = bytes;
    f->feed_times = times;
    fixture_call(f, do_feed);
    return f->feed_taken;
}

static void on_drained(void *ctx)
{
    ((struct fixture *)ctx)->is_drained = true;
}

static void do_drain(struct fixture *f)
{
    http_server_drain(f->s, on_drained, f);
}

void fixture_drain(struct fixture *f)
{
    fixture_call(f, do_drain);
    fixture_sync(f);
}

static void do_see(struct fixture *f)
{
    f->counts = http_server_counts(f->s);
    f->seen_closes = f->closes;
    f->seen_parked = f->parked_count;
    f->seen_drained = f->is_drained;
}

static void see(struct fixture *f)
{
    fixture_sync(f);
    fixture_call(f, do_see);
}

bool fixture_is_drained(struct fixture *f)
{
    see(f);
    return f->seen_drained;
}

struct http_server_counts fixture_counts(struct fixture *f)
{
    see(f);
    return f->counts;
}

int fixture_closes(struct fixture *f)
{
    see(f);
    return f->seen_closes;
}

int fixture_parked(struct fixture *f)
{
    see(f);
    return f->seen_parked;
}

/* ---- The client's side ---- */

int fixture_connect(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    struct timeval limit = {.tv_sec = 10};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    f->connected_at_ms = loop_now_ms(f->l);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

bool fixture_send(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return true;
}

/* A process that is stopped and goes on (a debugger, a machine that sleeps) is interrupted here. */
static ssize_t receive(int fd, char *part, size_t size)
{
    ssize_t n;
    do {
        n = recv(fd, part, size, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

bool fixture_read_all(int fd, struct buf *b)
{
    for (;;) {
        char part[16384];
        ssize_t n = receive(fd, part, sizeof part);
        if (n <= 0) {
            return n == 0 || errno == ECONNRESET;
        }
        buf_append(b, part, (size_t)n);
    }
}

bool fixture_read_until(int fd, struct buf *b, struct str text)
{
    while (str_find(buf_str(b), text, 0) == b->n) {
        char part[16384];
        ssize_t n = receive(fd, part, sizeof part);
        if (n <= 0) {
            return false;
        }
        buf_append(b, part, (size_t)n);
    }
    return true;
}

struct buf fixture_answers(struct fixture *f, struct str bytes)
{
    struct buf got = BUF_LIMIT(4 << 20);
    int fd = fixture_connect(f);
    CHECK_TRUE(fixture_send(fd, bytes));
    CHECK_TRUE(fixture_read_all(fd, &got));
    close(fd);
    return got;
}

bool fixture_said(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_from(text), 0) < b->n;
}

int fixture_open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

void fixture_statuses(struct str answers, char *out, size_t size)
{
    size_t used = 0;

    out[0] = 0;
    while (answers.n > 0) {
        size_t head = str_find(answers, STR("\r\n\r\n"), 0);
        ck_assert_msg(str_starts(answers, STR("HTTP/1.1 ")) && head < answers.n, "no answer: %.*s",
                      (int)(answers.n < 200 ? answers.n : 200), answers.p);
        struct str h = str_sub(answers, 0, head + 2);
        int64_t status = 0, length = 0;
        ck_assert(str_to_i64(str_sub(h, 9, 12), &status));
        size_t at = str_find(h, STR("\r\nContent-Length: "), 0);
        if (at < h.n) {
            at += 18;
            ck_assert(str_to_i64(str_sub(h, at, str_find_char(h, '\r', at)), &length));
        } else {
            ck_assert_msg(status == 204 || status == 304 || status == 100, "no length: %.*s", STR_ARG(h));
        }
        if (status >= 400 && status != 401) {
            ck_assert_msg(str_find(h, STR("\r\nContent-Type: application/problem+json\r\n"), 0) < h.n,
                          "not a problem: %.*s", STR_ARG(h));
        }
        ck_assert_msg(answers.n >= head + 4 + (size_t)length, "cut short: %.*s", STR_ARG(answers));
        answers = str_sub(answers, head + 4 + (size_t)length, answers.n);
        used += str_print(out + used, size - used, "%s%lld", used ? " " : "", (long long)status);
    }
}
