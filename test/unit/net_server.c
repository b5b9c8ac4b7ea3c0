/* net_server.c: the HTTP server beyond framing: order, deadlines, leaving clients, files, draining.
 * Deadlines are reached by moving the server's clock. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "http_fixture.h"
#include "test.h"

#define H "Host: a\r\n"

static struct fixture *start(void)
{
    return fixture_start(&(struct http_limits){0});
}

/* Everything the server says to these bytes until it closes. */
static struct buf answers_to(struct fixture *f, struct str bytes)
{
    struct buf got = BUF_LIMIT(4 << 20);
    int fd = fixture_connect(f);
    CHECK_TRUE(fixture_send(fd, bytes));
    CHECK_TRUE(fixture_read_all(fd, &got));
    close(fd);
    return got;
}

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_from(text), 0) < b->n;
}

static size_t count_of(const struct buf *b, const char *text)
{
    size_t n = 0;
    struct str needle = str_from(text);
    for (size_t at = 0; (at = str_find(buf_str(b), needle, at)) < b->n; at += needle.n) {
        n++;
    }
    return n;
}

TEST(an_answer_carries_date_type_length_and_body)
{
    struct fixture *f = start();
    struct buf got = answers_to(
        f, STR("POST /a%20b?x=1+2 HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: 2\r\n\r\nhi"));

    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 200 OK\r\nDate: ")));
    CHECK_TRUE(
        has(&got, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"));
    CHECK_TRUE(str_ends(buf_str(&got), STR("\r\n\r\nPOST /a%20b?x=1+2 hi")));
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(head_gets_the_length_and_no_body)
{
    struct fixture *f = start();
    struct buf got = answers_to(f, STR("HEAD /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));

    CHECK_TRUE(has(&got, "\r\nContent-Length: 9\r\n"));
    CHECK_TRUE(str_ends(buf_str(&got), STR("\r\n\r\n")));
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(continue_is_said_once_before_the_body_and_only_when_it_is_wanted)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("POST /x HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CHECK_TRUE(fixture_read_until(fd, &got, STR("\r\n\r\n")));
    CHECK_STR(buf_str(&got), STR("HTTP/1.1 100 Continue\r\n\r\n"));
    fixture_send(fd, STR("hello"));
    CHECK_TRUE(fixture_read_until(fd, &got, STR("POST /x? hello")));
    buf_clear(&got);
    fixture_send(fd, STR("POST /early HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 401 ")));
    CHECK_FALSE(has(&got, "100 Continue"));
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

/* ---- Pipelining ---- */

TEST(pipelined_answers_come_in_the_order_of_the_requests)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("GET /park?1 HTTP/1.1\r\n" H "\r\nGET /park?2 HTTP/1.1\r\n" H
                         "\r\nGET /three HTTP/1.1\r\n" H "\r\n"));
    CHECK_INT(fixture_parked(f), 2); /* safe ones run at the same time */
    fixture_release(f);              /* the last is answered first */
    CHECK_TRUE(fixture_read_until(fd, &got, STR("GET /three? ")));
    size_t one = str_find(buf_str(&got), STR("\r\n\r\n1"), 0),
           two = str_find(buf_str(&got), STR("\r\n\r\n2"), 0);
    CHECK_TRUE(one < two && two < got.n);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(an_unsafe_request_waits_until_those_before_it_are_answered)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("POST /park?1 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\nGET /park?2 HTTP/1.1\r\n" H
                         "\r\n"
                         "POST /park?3 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"));
    CHECK_INT(fixture_parked(f), 1);
    fixture_release(f);
    CHECK_INT(fixture_parked(f), 1);
    fixture_release(f);
    CHECK_INT(fixture_parked(f), 1);
    fixture_release(f);
    CHECK_TRUE(fixture_read_until(fd, &got, STR("\r\n\r\n3")));
    CHECK_INT(count_of(&got, "HTTP/1.1 200"), 3);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

/* B048 */
TEST(the_seventeenth_pipelined_request_waits_for_the_first_answer)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    for (int i = 0; i < 17; i++) {
        fixture_send(fd, STR("GET /park?x HTTP/1.1\r\n" H "\r\n"));
    }
    CHECK_INT(fixture_parked(f), 16);
    fixture_release(f);
    CHECK_INT(fixture_parked(f), 1);
    fixture_release(f);
    fixture_send(fd, STR("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_INT(count_of(&got, "HTTP/1.1 200"), 18);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_thousand_pipelined_requests_in_one_breath_are_all_answered)
{
    struct fixture *f = start();
    struct buf ask = BUF_LIMIT(1 << 20);

    for (int i = 0; i < 1000; i++) {
        buf_append_c(&ask, "GET /x HTTP/1.1\r\n" H "\r\nPOST /y HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nz");
    }
    buf_append_c(&ask, "GET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    struct buf got = answers_to(f, buf_str(&ask));
    CHECK_INT(count_of(&got, "HTTP/1.1 200"), 2001);
    buf_dispose(&ask);
    buf_dispose(&got);
    fixture_stop(f);
}

/* ---- Deadlines: the clock is moved, nobody waits ---- */

static void check_timeout(struct str beginning, int64_t before_ms, int64_t after_ms, const char *answer)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    char byte;
    int fd = fixture_connect(f);

    fixture_send(fd, beginning);
    fixture_sync(f);
    fixture_skip(f, before_ms);
    CHECK_TRUE(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    fixture_skip(f, after_ms);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(answer ? str_starts(buf_str(&got), str_from(answer)) : got.n == 0);
    CHECK_INT(fixture_counts(f).timeouts, answer != NULL);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_head_that_is_not_whole_after_ten_seconds_is_408)
{
    check_timeout(STR("GET / HTTP/1.1\r\nHost"), 9000, 1500, "HTTP/1.1 408 ");
}

TEST(a_connection_without_a_request_is_closed_after_75_seconds)
{
    check_timeout(STR(""), 74000, 1500, NULL);
}

/* B051: each byte within any per-read timeout, and yet too late. */
TEST(a_drip_of_header_bytes_does_not_extend_the_deadline)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);
    int sent = 0;

    for (; sent < 20 && fixture_counts(f).timeouts == 0; sent++) {
        fixture_send(fd, STR("G"));
        fixture_sync(f);
        fixture_skip(f, 2000);
    }
    CHECK_INT(sent, 5);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 408 ")));
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

/* B052: far above one byte a second it may take as long as it likes, below the rate it may not. */
TEST(a_body_must_keep_up_its_rate_in_every_stretch)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    char piece[6000];
    int fd = fixture_connect(f);

    memset(piece, 'x', sizeof piece);
    fixture_send(fd, STR("POST /x HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n"));
    for (int i = 0; i < 20; i++) { /* 1,200 bytes a second for 100 s */
        fixture_send(fd, (struct str){piece, sizeof piece});
        fixture_sync(f);
        fixture_skip(f, 4900);
    }
    CHECK_INT(fixture_counts(f).timeouts, 0);
    for (int i = 0; i < 20 && fixture_counts(f).timeouts == 0; i++) {
        fixture_send(fd, (struct str){piece, 100});
        fixture_sync(f);
        fixture_skip(f, 4900);
    }
    CHECK_INT(fixture_counts(f).timeouts, 1);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 408 ")));
    CHECK_INT(fixture_closes(f), 1); /* the application is told */
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(an_idle_connection_is_closed_after_its_time_and_each_request_renews_it)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_sync(f);
    for (int i = 0; i < 3; i++) {
        fixture_skip(f, 70000);
        fixture_send(fd, STR("GET /x HTTP/1.1\r\n" H "\r\n"));
        CHECK_TRUE(fixture_read_until(fd, &got, STR("GET /x?")));
        buf_clear(&got);
        fixture_sync(f);
    }
    fixture_skip(f, 75001);
    buf_clear(&got);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_INT(fixture_counts(f).connections, 0);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_request_that_waits_for_the_application_has_no_deadline)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("GET /park?yes HTTP/1.1\r\n" H "\r\n"));
    CHECK_INT(fixture_parked(f), 1);
    fixture_skip(f, 3600000);
    fixture_release(f);
    CHECK_TRUE(fixture_read_until(fd, &got, STR("\r\n\r\nyes")));
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

/* ---- Clients that leave ---- */

/* B133 */
TEST(a_client_that_leaves_is_told_to_the_application_at_once)
{
    struct fixture *f = start();
    int fd = fixture_connect(f);

    fixture_send(fd, STR("GET /park HTTP/1.1\r\n" H "\r\n"));
    CHECK_INT(fixture_parked(f), 1);
    close(fd);
    fixture_sync(f);
    CHECK_INT(fixture_closes(f), 1);
    CHECK_INT(fixture_counts(f).exchanges, 0);
    CHECK_INT(fixture_counts(f).connections, 0);
    fixture_stop(f);
}

/* B040 */
TEST(half_a_body_is_no_request)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("POST /x HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
    shutdown(fd, SHUT_WR);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_INT(got.n, 0);
    CHECK_INT(fixture_closes(f), 1);
    close(fd);
    fixture_stop(f);
}

TEST(a_client_that_only_stops_sending_still_gets_its_answers)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    fixture_send(fd, STR("POST /x HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\naPOST /x HTTP/1.1\r\n" H
                         "Content-Length: 1\r\n\r\nb"));
    shutdown(fd, SHUT_WR);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_INT(count_of(&got, "HTTP/1.1 200"), 2);
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}

static int open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* B049 */
TEST(a_thousand_resets_in_the_middle_of_a_request_leak_nothing)
{
    struct fixture *f = start();
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int before = open_fds();

    for (int i = 0; i < 1000; i++) {
        int fd = fixture_connect(f);
        fixture_send(fd, str_sub(STR("POST /x HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"), 0,
                                 (size_t)(i % 60)));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    while (fixture_counts(f).accepted < 1000 || fixture_counts(f).connections > 0) {
        fixture_sync(f);
    }
    CHECK_INT(fixture_counts(f).exchanges, 0);
    CHECK_INT(open_fds(), before);
    fixture_stop(f);
}

/* B053 */
TEST(a_client_that_does_not_read_is_cut_after_the_send_timeout)
{
    struct fixture *f = start();
    int fd = fixture_connect(f);
    int file = open(test_path("file"), O_WRONLY | O_CREAT, 0600);

    CHECK_INT(ftruncate(file, 64 << 20), 0); /* more than any socket buffer */
    close(file);
    fixture_send(fd, STR("GET /file HTTP/1.1\r\n" H "\r\n"));
    CHECK_TRUE(fixture_ms_until_cut(f) >= 30000);
    CHECK_INT(fixture_counts(f).connections, 0);
    close(fd);
    fixture_stop(f);
}

/* B054 */
TEST(connections_over_the_limit_get_503_and_the_others_live_on)
{
    struct fixture *f = fixture_start(&(struct http_limits){.connections = 3});
    struct buf got = BUF_LIMIT(1 << 16);
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = fixture_connect(f);
        fixture_sync(f);
    }
    int fd = fixture_connect(f);
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 503 ")));
    CHECK_TRUE(has(&got, "\r\nRetry-After: 5\r\n"));
    close(fd);
    buf_clear(&got);
    fixture_send(fds[1], STR("GET /x HTTP/1.1\r\n" H "\r\n"));
    CHECK_TRUE(fixture_read_until(fds[1], &got, STR("GET /x?")));
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(connections_of_one_address_have_a_limit_of_their_own)
{
    struct fixture *f = fixture_start(&(struct http_limits){.connections_per_peer = 1});
    struct buf got = BUF_LIMIT(1 << 16);
    int first = fixture_connect(f);
    fixture_sync(f);
    int second = fixture_connect(f);

    CHECK_TRUE(fixture_read_all(second, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 503 ")));
    close(first);
    close(second);
    buf_dispose(&got);
    fixture_stop(f);
}

/* ---- Files ---- */

static void write_file(const char *path, size_t n)
{
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < n; i++) {
        CHECK_TRUE(putc((char)('a' + i % 26), file) != EOF);
    }
    CHECK_INT(fclose(file), 0);
}

struct range_row {
    const char *path, *fields;
    const char *status, *range, *body;
};

TEST(a_file_is_served_whole_in_ranges_and_not_at_all)
{
    static const struct range_row table[] = {
        {"/file", "", "200 OK", NULL, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "Range: bytes=0-0\r\n", "206 Partial", "bytes 0-0/30", "a"},
        {"/file", "Range: bytes=28-\r\n", "206 Partial", "bytes 28-29/30", "cd"},
        {"/file", "Range: bytes=28-99\r\n", "206 Partial", "bytes 28-29/30", "cd"},
        {"/file", "Range: bytes=-3\r\n", "206 Partial", "bytes 27-29/30", "bcd"},
        {"/file", "Range: bytes=-99\r\n", "206 Partial", "bytes 0-29/30", "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "Range: bytes=30-\r\n", "416 Range", "bytes */30", ""},
        {"/file", "Range: bytes=-0\r\n", "416 Range", "bytes */30", ""},
        {"/file", "Range: bytes=5-2\r\n", "200 OK", NULL, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "Range: bytes=0-1,3-4\r\n", "200 OK", NULL, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "Range: lines=1-2\r\n", "200 OK", NULL, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n", "206 Partial", "bytes 0-1/30", "ab"},
        {"/file", "Range: bytes=0-1\r\nIf-Range: \"v0\"\r\n", "200 OK", NULL,
         "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/file", "If-None-Match: \"v0\", W/\"v1\"\r\n", "304 Not", NULL, ""},
        {"/file", "If-None-Match: *\r\n", "304 Not", NULL, ""},
        {"/file", "If-None-Match: \"v0\"\r\n", "200 OK", NULL, "abcdefghijklmnopqrstuvwxyzabcd"},
        {"/bytes", "", "200 OK", NULL, "0123456789"},
        {"/bytes", "Range: bytes=2-4\r\n", "206 Partial", "bytes 2-4/10", "234"},
    };
    struct fixture *f = start();

    write_file(test_path("file"), 30);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct range_row *r = &table[i];
        char ask[300], want[300];
        str_print(ask, sizeof ask, "GET %s HTTP/1.1\r\n" H "Connection: close\r\n%s\r\n", r->path, r->fields);
        struct buf got = answers_to(f, str_from(ask));
        str_print(want, sizeof want, "HTTP/1.1 %s", r->status);
        CHECK_TRUE(str_starts(buf_str(&got), str_from(want)));
        str_print(want, sizeof want, "\r\nContent-Range: %s\r\n", r->range ? r->range : "");
        CHECK_INT(has(&got, r->range ? want : "Content-Range"), r->range != NULL);
        str_print(want, sizeof want, "\r\n\r\n%s", r->body);
        CHECK_TRUE(str_ends(buf_str(&got), str_from(want)));
        buf_dispose(&got);
    }
    fixture_stop(f);
}

TEST(a_big_file_arrives_whole_and_the_connection_goes_on)
{
    struct fixture *f = start();
    size_t n = 700001;

    write_file(test_path("file"), n);
    struct buf got = answers_to(
        f, STR("GET /file HTTP/1.1\r\n" H "\r\nGET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    size_t head = str_find(buf_str(&got), STR("\r\n\r\n"), 0) + 4;
    CHECK_TRUE(got.n > head + n);
    for (size_t i = 0; i < n; i++) {
        if (got.p[head + i] != (char)('a' + i % 26)) {
            CHECK_INT(got.p[head + i], 'a' + i % 26);
        }
    }
    CHECK_TRUE(str_starts(str_sub(buf_str(&got), head + n, got.n), STR("HTTP/1.1 200 ")));
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_download_that_is_given_up_frees_everything)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 20);
    int before = open_fds();

    write_file(test_path("file"), 700001);
    for (int i = 0; i < 20; i++) {
        int fd = fixture_connect(f);
        fixture_send(fd, STR("GET /file HTTP/1.1\r\n" H "\r\n"));
        CHECK_TRUE(fixture_read_until(fd, &got, STR("\r\n\r\n")));
        buf_clear(&got);
        close(fd);
    }
    while (fixture_counts(f).exchanges > 0 || fixture_counts(f).connections > 0) {
        fixture_sync(f);
    }
    CHECK_TRUE(open_fds() <= before + 1);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_body_goes_to_a_file_as_it_came)
{
    struct fixture *f = fixture_start(&(struct http_limits){.body_bytes = 8 << 20});
    size_t n = 3 << 20;
    struct buf ask = BUF_LIMIT(8 << 20);
    struct buf file = BUF_LIMIT(8 << 20);

    buf_printf(&ask, "PUT /to-file HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: %zu\r\n\r\n", n);
    size_t head = ask.n;
    for (size_t i = 0; i < n; i++) {
        buf_append_char(&ask, (char)('a' + i * 31 % 26));
    }
    struct buf got = answers_to(f, buf_str(&ask));
    CHECK_TRUE(str_ends(buf_str(&got), STR("\r\n\r\n3145728")));
    OK(buf_read_file(&file, test_path("upload"), e));
    CHECK_INT(file.n, n);
    CHECK_TRUE(memcmp(file.p, ask.p + head, n) == 0);
    buf_dispose(&got);
    buf_dispose(&file);
    buf_dispose(&ask);
    fixture_stop(f);
}

TEST(an_upload_that_is_given_up_is_told_when_no_thread_uses_it)
{
    struct fixture *f = fixture_start(&(struct http_limits){.body_bytes = 8 << 20});
    struct buf ask = BUF_LIMIT(8 << 20);

    buf_append_c(&ask, "PUT /to-file HTTP/1.1\r\n" H "Content-Length: 4000000\r\n\r\n");
    memset(buf_reserve(&ask, 1000000), 'x', 1000000);
    ask.n += 1000000;
    for (int i = 0; i < 5; i++) {
        int fd = fixture_connect(f);
        CHECK_TRUE(fixture_send(fd, buf_str(&ask)));
        close(fd);
        while (fixture_closes(f) <= i) {
            fixture_sync(f);
        }
    }
    CHECK_INT(fixture_counts(f).exchanges, 0);
    buf_dispose(&ask);
    fixture_stop(f);
}

TEST(the_server_may_be_freed_while_files_come_and_go)
{
    struct fixture *f = fixture_start(&(struct http_limits){.body_bytes = 8 << 20});
    struct buf ask = BUF_LIMIT(8 << 20);
    int fds[6];

    write_file(test_path("file"), 700001);
    buf_append_c(&ask, "PUT /to-file HTTP/1.1\r\n" H "Content-Length: 4000000\r\n\r\n");
    memset(buf_reserve(&ask, 1000000), 'x', 1000000);
    ask.n += 1000000;
    for (int i = 0; i < 6; i++) {
        fds[i] = fixture_connect(f);
        CHECK_TRUE(fixture_send(fds[i], i % 2 ? buf_str(&ask) : STR("GET /file HTTP/1.1\r\n" H "\r\n")));
    }
    fixture_stop(f);
    for (int i = 0; i < 6; i++) {
        struct buf rest = BUF_LIMIT(4 << 20);
        CHECK_TRUE(fixture_read_all(fds[i], &rest));
        buf_dispose(&rest);
        close(fds[i]);
    }
    buf_dispose(&ask);
}

/* ---- Draining ---- */

TEST(draining_closes_idle_connections_and_lets_running_requests_finish)
{
    struct fixture *f = start();
    struct buf got = BUF_LIMIT(1 << 16);
    int idle = fixture_connect(f);
    int busy = fixture_connect(f);

    fixture_send(busy, STR("GET /park?done HTTP/1.1\r\n" H "\r\n"));
    CHECK_INT(fixture_parked(f), 1);
    fixture_drain(f);
    CHECK_TRUE(fixture_read_all(idle, &got));
    CHECK_INT(got.n, 0);
    CHECK_FALSE(fixture_is_drained(f));
    fixture_release(f);
    CHECK_TRUE(fixture_read_all(busy, &got));
    CHECK_TRUE(has(&got, "\r\nConnection: close\r\n"));
    CHECK_TRUE(str_ends(buf_str(&got), STR("\r\n\r\ndone")));
    CHECK_TRUE(fixture_is_drained(f));
    close(idle);
    close(busy);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(draining_an_empty_server_is_over_at_once)
{
    struct fixture *f = start();

    fixture_drain(f);
    CHECK_TRUE(fixture_is_drained(f));
    fixture_stop(f);
}
