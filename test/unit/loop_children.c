/* loop_children.c: child processes and the streams to them. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "loop/loop_children.h"
#include "loop/loop_tcp.h"
#include "test.h"

struct watch {
    struct loop *l;
    struct child_exit exit;
    struct stream *s;
    struct buf text;
    bool is_over, has_ended;
};

static void stop_when_both(struct watch *w)
{
    if (w->is_over && (!w->s || w->has_ended)) {
        loop_stop(w->l);
    }
}

static void on_exit_watched(void *ctx, struct child *c, const struct child_exit *x)
{
    struct watch *w = ctx;
    (void)c;
    w->exit = *x;
    w->is_over = true;
    stop_when_both(w);
}

static void on_read(void *ctx, struct str bytes)
{
    buf_append_str(&((struct watch *)ctx)->text, bytes);
}

static void on_end(void *ctx, enum stream_end why)
{
    struct watch *w = ctx;
    w->has_ended = why == STREAM_EOF;
    stop_when_both(w);
}

static const struct stream_handler handler = {on_read, on_end, NULL};

static struct watch run_shell(const char *script, int extra_fd, struct err *e)
{
    struct watch w = {.l = loop_new(), .text = BUF_LIMIT(65536)};
    const char *argv[] = {"sh", "-c", script, NULL};
    int ours = -1, theirs = -1;
    struct child *c = NULL;

    OK(child_socket_pair(&ours, &theirs, e));
    struct child_options o = {.argv = argv,
                              .cwd = "/",
                              .fds = {-1, theirs, 2, extra_fd},
                              .fd_count = 4,
                              .on_exit = on_exit_watched,
                              .ctx = &w};
    OK(child_start(w.l, &o, &c, e));
    close(theirs);
    OK(stream_open(w.l, ours, &w.s, e));
    stream_set_handler(w.s, &handler, &w);
    stream_read_start(w.s);
    loop_run(w.l);
    stream_close(w.s);
    loop_free(w.l);
    return w;
}

TEST(a_child_tells_its_exit_code_output_and_usage)
{
    struct watch w = run_shell("pwd; exit 7", -1, e);

    CHECK_INT(w.exit.status, 7);
    CHECK_INT(w.exit.signal, 0);
    CHECK_TRUE(w.exit.usage.ru_maxrss > 0);
    CHECK_STR(buf_str(&w.text), STR("/\n"));
    buf_dispose(&w.text);
}

TEST(a_child_gets_the_given_descriptors_and_no_other)
{
    int leaked = fcntl(1, F_DUPFD, 6); /* not close-on-exec */
    CHECK_TRUE(leaked > 4);
    struct watch w =
        run_shell("for f in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$f ] && printf $f; done", 2, e);

    CHECK_STR(buf_str(&w.text), STR("0123"));
    buf_dispose(&w.text);
}

TEST(a_program_that_is_not_there_is_told_at_once)
{
    struct loop *l = loop_new();
    const char *argv[] = {"/nonexistent/program", NULL};
    struct child_options o = {.argv = argv, .fds = {-1, -1, -1}, .fd_count = 3, .on_exit = on_exit_watched};
    struct child *c = NULL;

    FAILS(child_start(l, &o, &c, e), RC_NOT_FOUND);
    CHECK_TRUE(c == NULL);
    loop_free(l);
}

static void kill_it(struct loop_timer *t);

struct killer {
    struct loop_timer t;
    struct child *c;
};

static void kill_it(struct loop_timer *t)
{
    child_kill_group(LOOP_OWNER(t, struct killer, t)->c, SIGKILL);
}

/* Ends only when every holder of the socket is dead: the shell and the process it started in the background. */
TEST(killing_the_group_ends_the_grandchildren_too)
{
    struct watch w = {.l = loop_new(), .text = BUF_LIMIT(65536)};
    const char *argv[] = {"sh", "-c", "tail -f /dev/null & tail -f /dev/null", NULL};
    int ours = -1, theirs = -1;
    struct killer k = {.t = {.run = kill_it}};

    OK(child_socket_pair(&ours, &theirs, e));
    struct child_options o = {
        .argv = argv, .fds = {-1, theirs, 2}, .fd_count = 3, .on_exit = on_exit_watched, .ctx = &w};
    OK(child_start(w.l, &o, &k.c, e));
    close(theirs);
    OK(stream_open(w.l, ours, &w.s, e));
    stream_set_handler(w.s, &handler, &w);
    stream_read_start(w.s);
    timer_start(w.l, &k.t, 1);
    loop_run(w.l);
    CHECK_INT(w.exit.signal, SIGKILL);
    stream_close(w.s);
    loop_free(w.l);
}

/* ---- TCP ---- */

struct echo {
    struct loop *l;
    struct stream *server, *client;
    struct buf got;
    struct tcp_connected failed;
};

static void echo_back(void *ctx, struct str bytes)
{
    struct echo *x = ctx;
    CHECK_INT(stream_write(x->server, (struct str[]){STR("<"), bytes, STR(">")}, 3), RC_OK);
}

static void client_reads(void *ctx, struct str bytes)
{
    struct echo *x = ctx;
    buf_append_str(&x->got, bytes);
    if (x->got.n >= 7) {
        loop_stop(x->l);
    }
}

static const struct stream_handler server_side = {echo_back, NULL, NULL};
static const struct stream_handler client_side = {client_reads, NULL, NULL};

static void on_accept(void *ctx, struct stream *s, const struct tcp_address *peer)
{
    struct echo *x = ctx;
    CHECK_STR(str_from(peer->host), STR("127.0.0.1"));
    x->server = s;
    stream_set_handler(s, &server_side, x);
    stream_read_start(s);
}

static void on_connected(void *ctx, const struct tcp_connected *c)
{
    struct echo *x = ctx;
    if (c->rc) {
        x->failed = *c;
        loop_stop(x->l);
        return;
    }
    x->client = c->s;
    stream_set_handler(c->s, &client_side, x);
    stream_read_start(c->s);
    CHECK_INT(stream_write(c->s, (struct str[]){STR("hello")}, 1), RC_OK);
}

TEST(bytes_go_over_tcp_and_back)
{
    struct echo x = {.l = loop_new(), .got = BUF_LIMIT(100)};
    struct tcp_listener *t = NULL;

    OK(tcp_listen(x.l, &(struct tcp_listen_options){STR("127.0.0.1"), 0, on_accept, &x}, &t, e));
    int port = tcp_listener_address(t).port;
    CHECK_TRUE(port > 0);
    tcp_connect_start(x.l, STR("127.0.0.1"), port, 5000, on_connected, &x);
    loop_run(x.l);
    CHECK_STR(buf_str(&x.got), STR("<hello>"));

    struct tcp_listener *second = NULL;
    FAILS(tcp_listen(x.l, &(struct tcp_listen_options){STR("127.0.0.1"), port, on_accept, &x}, &second, e),
          RC_CONFLICT);
    stream_close(x.client); /* the other ends are closed by loop_free */
    loop_free(x.l);
    buf_dispose(&x.got);
}

TEST(a_refused_connection_is_busy_and_an_unknown_host_not_found)
{
    struct echo x = {.l = loop_new()};
    struct tcp_listener *t = NULL;

    OK(tcp_listen(x.l, &(struct tcp_listen_options){STR("127.0.0.1"), 0, on_accept, &x}, &t, e));
    int port = tcp_listener_address(t).port;
    tcp_listener_close(t);
    tcp_connect_start(x.l, STR("127.0.0.1"), port, 5000, on_connected, &x);
    loop_run(x.l);
    CHECK_INT(x.failed.rc, RC_BUSY);
    tcp_connect_start(x.l, STR("no such host"), port, 5000, on_connected, &x);
    loop_run(x.l);
    CHECK_INT(x.failed.rc, RC_NOT_FOUND);
    loop_free(x.l);
}

TEST(a_cancelled_connect_calls_nobody)
{
    struct loop *l = loop_new();
    struct tcp_connect *c = tcp_connect_start(l, STR("127.0.0.1"), 1, 5000, on_connected, NULL);

    tcp_connect_cancel(c);
    loop_free(l);
    CHECK_TRUE(c != NULL);
}

struct slow {
    struct loop *l;
    struct stream *a, *b;
    size_t received;
    bool is_written;
};

static void slow_reads(void *ctx, struct str bytes)
{
    struct slow *x = ctx;
    x->received += bytes.n;
    if (x->received == (size_t)4 << 20 && x->is_written) {
        loop_stop(x->l);
    }
}

static void slow_written(void *ctx)
{
    struct slow *x = ctx;
    x->is_written = true;
    stream_read_start(x->b);
    if (x->received == (size_t)4 << 20) {
        loop_stop(x->l);
    }
}

static const struct stream_handler slow_side = {slow_reads, NULL, slow_written};

TEST(a_write_larger_than_the_socket_waits_and_tells_when_it_is_done)
{
    struct slow x = {.l = loop_new()};
    int ours = -1, theirs = -1;
    char *big = calloc(1, (size_t)4 << 20);

    OK(child_socket_pair(&ours, &theirs, e));
    OK(stream_open(x.l, ours, &x.a, e));
    OK(stream_open(x.l, theirs, &x.b, e));
    stream_set_handler(x.a, &slow_side, &x);
    stream_set_handler(x.b, &slow_side, &x);
    CHECK_INT(stream_write(x.a, (struct str[]){{big, 1}, {big, ((size_t)4 << 20) - 1}}, 2), RC_BUSY);
    CHECK_TRUE(stream_unsent_bytes(x.a) > 0);
    stream_read_start(x.b);
    loop_run(x.l);
    CHECK_INT(x.received, 4 << 20);
    stream_close(x.a);
    stream_close(x.b);
    loop_free(x.l);
    free(big);
}
