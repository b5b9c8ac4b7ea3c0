/* net_client.c: our HTTP client against our HTTP server, on one loop in one thread. */
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "loop/loop_tcp.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "test.h"

struct pair {
    struct loop *l;
    struct http_server *s;
    struct http_client *c;
    struct http_exchange *parked;
    struct http_call *late;
    struct buf told;
    int wanted, requests;
    char url[64];
};

/* ---- The server's side: the path says what it does ---- */

static void on_request(void *ctx, struct http_exchange *x)
{
    struct pair *p = ctx;
    p->requests++;
    if (str_eq(http_path(x), STR("/early"))) {
        http_respond(x, 401, STR("text/plain"), STR("no"));
    }
}

static void stream_two(struct http_exchange *x)
{
    struct http_chunk *a = http_chunk_new(STR("one,"));
    struct http_chunk *b = http_chunk_new(STR("two"));
    CHECK_TRUE(http_stream_begin(x, 200, STR("text/event-stream")));
    CHECK_TRUE(http_stream_send(x, a));
    CHECK_TRUE(http_stream_send(x, b));
    http_chunk_unref(a);
    http_chunk_unref(b);
    http_stream_end(x);
}

static void on_body(void *ctx, struct http_exchange *x)
{
    struct pair *p = ctx;
    struct str path = http_path(x);

    if (str_eq(path, STR("/echo"))) {
        http_header(x, STR("X-Query"), http_query(x).p ? http_query(x) : STR(""));
        http_respond(x, 200, STR("text/plain"), http_body(x));
    } else if (str_eq(path, STR("/park"))) {
        p->parked = x;
    } else if (str_eq(path, STR("/late"))) {
        CHECK_TRUE(http_call_finish_soon(p->late, 60000));
    } else if (str_eq(path, STR("/drop"))) {
        http_drop(x);
    } else if (str_eq(path, STR("/drop-second")) && p->requests % 2 == 0) {
        http_drop(x);
    } else if (str_eq(path, STR("/stream"))) {
        stream_two(x);
    } else if (str_eq(path, STR("/close"))) {
        http_close_after(x);
        http_respond(x, 200, STR("text/plain"), STR("bye"));
    } else {
        http_respond(x, 204, STR_NONE, STR_NONE);
    }
}

static void on_close(void *ctx, struct http_exchange *x)
{
    struct pair *p = ctx;
    if (p->parked == x) {
        p->parked = NULL;
    }
    if (str_eq(http_path(x), STR("/late"))) {
        http_respond(x, 200, STR("text/plain"), STR("what was on its way"));
    } else {
        http_drop(x);
    }
}

static void pair_open(struct pair *p, size_t connections, struct err *e)
{
    p->l = loop_new();
    p->told = BUF_LIMIT(1 << 20);
    struct http_server_options so = {
        .app = {.ctx = p, .on_request = on_request, .on_body = on_body, .on_close = on_close}};
    so.limits.body_bytes = 16 << 20;
    OK(http_server_start(p->l, &so, &p->s, e));
    str_print(p->url, sizeof p->url, "http://127.0.0.1:%d/", http_server_port(p->s));
    struct http_client_options co = {.url = str_from(p->url), .connections = connections};
    OK(http_client_new(p->l, &co, &p->c, e));
}

static void pair_close(struct pair *p)
{
    http_client_free(p->c);
    http_server_free(p->s);
    loop_free(p->l);
    buf_dispose(&p->told);
}

/* ---- The client's side: what is told is written down ---- */

static void on_done(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct pair *p = ctx;
    (void)call;
    if (a->rc) {
        buf_printf(&p->told, "[%s%s]", rc_name(a->rc), a->maybe_sent ? " sent" : "");
    } else {
        buf_printf(&p->told, "[%d %.*s]", a->status, STR_ARG(a->body));
    }
    if (--p->wanted <= 0) {
        loop_stop(p->l);
    }
}

static struct http_call *start(struct pair *p, enum http_method m, struct str path, struct str body)
{
    struct http_call_options o = {.method = m, .path = path, .body = body, .ctx = p, .on_done = on_done};
    p->wanted++;
    return http_call_start(p->c, &o);
}

TEST(a_call_gets_its_answer_with_status_fields_and_body)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 4, e);
    start(&p, HTTP_POST, STR("/echo?a=1"), STR("hello"));
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[200 hello]"));
    pair_close(&p);
}

TEST(many_calls_share_few_connections)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 3, e);
    for (int i = 0; i < 100; i++) {
        start(&p, HTTP_GET, STR("/echo"), STR_NONE);
    }
    loop_run(p.l);
    CHECK_INT(p.told.n, 100 * 6);
    CHECK_INT(http_server_counts(p.s).accepted, 3);
    CHECK_INT(p.requests, 100);
    pair_close(&p);
}

TEST(a_closing_answer_is_whole_and_the_next_call_connects_anew)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    start(&p, HTTP_GET, STR("/close"), STR_NONE);
    start(&p, HTTP_GET, STR("/close"), STR_NONE);
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[200 bye][200 bye]"));
    CHECK_INT(http_server_counts(p.s).accepted, 2);
    pair_close(&p);
}

TEST(a_lost_answer_to_an_unsafe_call_says_that_it_may_have_arrived)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    start(&p, HTTP_POST, STR("/drop"), STR("x"));
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[busy sent]"));
    pair_close(&p);
}

TEST(a_safe_call_on_a_kept_connection_that_broke_is_made_again_once)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    start(&p, HTTP_GET, STR("/drop-second"), STR_NONE); /* request 1: answered */
    start(&p, HTTP_GET, STR("/drop-second"), STR_NONE); /* request 2: dropped, made again as request 3 */
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[204 ][204 ]"));
    CHECK_INT(p.requests, 3);
    pair_close(&p);
}

TEST(a_server_that_is_not_there_is_busy_and_nothing_was_sent)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    http_server_free(p.s);
    p.s = NULL;
    start(&p, HTTP_POST, STR("/echo"), STR("x"));
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[busy]"));
    pair_close(&p);
}

TEST(an_early_answer_reaches_a_client_that_is_still_sending)
{
    struct pair p = {.l = NULL};
    char *big = calloc(1, 8 << 20);
    pair_open(&p, 1, e);
    start(&p, HTTP_POST, STR("/early"), (struct str){big, 8 << 20});
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[401 no]"));
    pair_close(&p);
    free(big);
}

TEST(a_big_body_goes_there_and_back)
{
    struct pair p = {.l = NULL};
    size_t n = 8 << 20;
    char *big = calloc(1, n);
    for (size_t i = 0; i < n; i++) {
        big[i] = (char)('a' + i * 7 % 26);
    }
    pair_open(&p, 1, e);
    p.told.max = 10 << 20;
    start(&p, HTTP_POST, STR("/echo"), (struct str){big, n});
    loop_run(p.l);
    CHECK_INT(p.told.n, n + 6);
    CHECK_TRUE(memcmp(p.told.p + 5, big, n) == 0);
    pair_close(&p);
    free(big);
}

static bool note_piece(void *ctx, struct http_call *call, struct str piece)
{
    struct pair *p = ctx;
    (void)call;
    buf_append_str(&p->told, piece);
    return true;
}

TEST(a_stream_comes_piece_by_piece_and_ends)
{
    struct pair p = {.l = NULL, .wanted = 1};
    pair_open(&p, 1, e);
    struct http_call_options o = {
        .path = STR("/stream"), .ctx = &p, .on_data = note_piece, .on_done = on_done, .silence_ms = 1000};
    http_call_start(p.c, &o);
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("one,two[200 ]"));
    pair_close(&p);
}

static void skip_a_minute(struct loop_timer *t);

struct skipper {
    struct loop_timer t;
    struct pair *p;
};

static void skip_a_minute(struct loop_timer *t)
{
    loop_skip_ms(LOOP_OWNER(t, struct skipper, t)->p->l, 60000);
}

TEST(a_call_without_an_answer_ends_at_its_timeout)
{
    struct pair p = {.l = NULL, .wanted = 1};
    struct skipper k = {{skip_a_minute, 0, 0}, &p};
    pair_open(&p, 1, e);
    struct http_call_options o = {.path = STR("/park"), .ctx = &p, .on_done = on_done, .timeout_ms = 50000};
    http_call_start(p.c, &o);
    timer_start(p.l, &k.t, 20);
    loop_run(p.l);
    CHECK_TRUE(str_starts(buf_str(&p.told), STR("[busy")));
    pair_close(&p);
}

TEST(a_call_that_shall_finish_soon_gets_what_the_server_says_to_that)
{
    struct pair p = {.l = NULL, .wanted = 1};
    pair_open(&p, 1, e);
    struct http_call_options o = {.method = HTTP_POST, .path = STR("/late"), .ctx = &p, .on_done = on_done};
    p.late = http_call_start(p.c, &o);
    CHECK_TRUE(!http_call_finish_soon(p.late, 60000)); /* nothing is sent yet */
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[200 what was on its way]"));
    pair_close(&p);
}

static bool cancel_there(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct pair *p = ctx;
    (void)a;
    http_call_cancel(call);
    loop_stop(p->l);
    return true;
}

TEST(a_call_may_be_cancelled_inside_its_own_callback)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    struct http_call_options o = {
        .path = STR("/stream"), .ctx = &p, .on_head = cancel_there, .on_done = on_done};
    http_call_start(p.c, &o);
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR(""));
    pair_close(&p);
}

static void free_client(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct pair *p = ctx;
    (void)call;
    (void)a;
    http_client_free(p->c);
    p->c = NULL;
    loop_stop(p->l);
}

TEST(the_client_may_be_freed_inside_a_callback)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 2, e);
    start(&p, HTTP_GET, STR("/park"), STR_NONE);
    start(&p, HTTP_GET, STR("/park"), STR_NONE);
    start(&p, HTTP_GET, STR("/park"), STR_NONE);
    http_client_free(p.c);
    struct http_client_options co = {.url = str_from(p.url)};
    OK(http_client_new(p.l, &co, &p.c, e));
    struct http_call_options o = {.path = STR("/echo"), .ctx = &p, .on_done = free_client};
    http_call_start(p.c, &o);
    http_call_start(p.c, &o);
    loop_run(p.l);
    CHECK_TRUE(p.c == NULL);
    pair_close(&p);
}

TEST(a_file_is_uploaded_from_its_start)
{
    struct pair p = {.l = NULL, .wanted = 1};
    size_t n = 300000;
    char *bytes = calloc(1, n);
    int fd = open(test_path("upload"), O_RDWR | O_CREAT, 0600);
    memset(bytes, 'z', n);
    CHECK_INT(write(fd, bytes, n), n);
    pair_open(&p, 1, e);
    struct http_call_options o = {.method = HTTP_PUT,
                                  .path = STR("/echo"),
                                  .body_fd = fd,
                                  .body_fd_bytes = (int64_t)n,
                                  .ctx = &p,
                                  .on_done = on_done};
    http_call_start(p.c, &o);
    loop_run(p.l);
    CHECK_INT(p.told.n, n + 6);
    pair_close(&p);
    free(bytes);
    close(fd);
}

TEST(urls_we_do_not_speak_are_refused_clearly)
{
    static const char *bad[] = {
        "https://stint.example", "ftp://x",    "http://",     "http://a:0", "http://a:99999",
        "http://user@a",         "http://a b", "http://a/?q", "a:7420",     "http://[::1"};
    struct loop *l = loop_new();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_client_options o = {.url = str_from(bad[i])};
        struct http_client *c = NULL;
        FAILS(http_client_new(l, &o, &c, e), RC_INVALID);
    }
    struct http_client_options o = {.url = STR("https://stint.example")};
    struct http_client *c = NULL;
    FAILS(http_client_new(l, &o, &c, e), RC_INVALID);
    CHECK_TRUE(str_find(str_from(e->text), STR("https:// is not spoken yet"), 0) < strlen(e->text));
    loop_free(l);
}

TEST(a_request_with_forbidden_characters_is_not_sent)
{
    struct pair p = {.l = NULL};
    pair_open(&p, 1, e);
    start(&p, HTTP_GET, STR("/a b"), STR_NONE);
    start(&p, HTTP_GET, STR("/a\r\nX: y"), STR_NONE);
    loop_run(p.l);
    CHECK_STR(buf_str(&p.told), STR("[invalid][invalid]"));
    CHECK_INT(p.requests, 0);
    pair_close(&p);
}
