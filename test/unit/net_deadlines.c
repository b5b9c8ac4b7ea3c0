/* net_deadlines.c: how long the HTTP server waits for whom. The server's clock is moved, nobody waits. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

#define H "Host: a\r\n"

static struct fixture *start(void)
{
    return fixture_start(&(struct http_limits){0});
}

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
