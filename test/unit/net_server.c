/* net_server.c: the HTTP server beyond framing: order, leaving clients, limits of connections, draining. Deadlines are in
 * net_deadlines.c, files in net_files.c. */
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

#define H "Host: a\r\n"

static struct fixture *start(void)
{
    return fixture_start(&(struct http_limits){0});
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
    struct buf got = fixture_answers(
        f, STR("POST /a%20b?x=1+2 HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: 2\r\n\r\nhi"));

    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 200 OK\r\nDate: ")));
    CHECK_TRUE(fixture_said(
        &got, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"));
    CHECK_TRUE(str_ends(buf_str(&got), STR("\r\n\r\nPOST /a%20b?x=1+2 hi")));
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(head_gets_the_length_and_no_body)
{
    struct fixture *f = start();
    struct buf got = fixture_answers(f, STR("HEAD /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));

    CHECK_TRUE(fixture_said(&got, "\r\nContent-Length: 9\r\n"));
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
    CHECK_FALSE(fixture_said(&got, "100 Continue"));
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
    struct buf got = fixture_answers(f, buf_str(&ask));
    CHECK_INT(count_of(&got, "HTTP/1.1 200"), 2001);
    buf_dispose(&ask);
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

/* B049 */
TEST(a_thousand_resets_in_the_middle_of_a_request_leak_nothing)
{
    struct fixture *f = start();
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int before = fixture_open_fds();

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
    CHECK_INT(fixture_open_fds(), before);
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
    CHECK_TRUE(fixture_said(&got, "\r\nRetry-After: 5\r\n"));
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
    CHECK_TRUE(fixture_said(&got, "\r\nConnection: close\r\n"));
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
