/* net_streams.c: answers without an end: many readers of one chunk, slow ones, and those that talk.
 * Deadlines are reached by moving the server's clock. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "http_fixture.h"
#include "test.h"

#define H "Host: a\r\n"

static int open_stream(struct fixture *f, const char *version)
{
    char ask[200];
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);

    str_print(ask, sizeof ask, "GET /stream %s\r\n" H "\r\n", version);
    fixture_send(fd, str_from(ask));
    CHECK_TRUE(fixture_read_until(fd, &got, STR("\r\n\r\n")));
    buf_dispose(&got);
    return fd;
}

TEST(one_chunk_goes_to_every_stream_in_chunked_coding)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});
    struct buf got = BUF_LIMIT(1 << 16);
    int fds[10];

    for (int i = 0; i < 10; i++) {
        fds[i] = open_stream(f, i < 9 ? "HTTP/1.1" : "HTTP/1.0");
    }
    CHECK_INT(fixture_counts(f).streams, 10);
    CHECK_INT(fixture_feed(f, STR("data: hello\n\n"), 1), 10);
    for (int i = 0; i < 10; i++) {
        CHECK_TRUE(fixture_read_until(fds[i], &got, STR("hello\n\n")));
        if (i < 9) {
            CHECK_TRUE(fixture_read_until(fds[i], &got, STR("\n\n\r\n")));
        }
        CHECK_STR(buf_str(&got), i < 9 ? STR("d\r\ndata: hello\n\n\r\n") : STR("data: hello\n\n"));
        buf_clear(&got);
        close(fds[i]);
    }
    fixture_sync(f);
    CHECK_INT(fixture_counts(f).streams, 0);
    CHECK_INT(fixture_closes(f), 10);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_reader_that_is_too_slow_is_cut_and_the_others_go_on)
{
    struct fixture *f = fixture_start(&(struct http_limits){.stream_queue_bytes = 64 << 10});
    struct buf got = BUF_LIMIT(64 << 20);
    struct str big = {mem_alloc(32 << 10), 32 << 10};
    int slow = open_stream(f, "HTTP/1.1");
    int good = open_stream(f, "HTTP/1.1");
    int fed = 0;

    while (fixture_counts(f).cut_slow == 0 && fed < 2000) {
        fixture_feed(f, big, 1);
        fed++;
        while (got.n <
               (size_t)fed * ((32 << 10) + 8)) { /* the good one reads everything: "8000\r\n" … "\r\n" */
            size_t before = got.n;
            ssize_t n = recv(good, buf_reserve(&got, 65536), 65536, 0);
            CHECK_TRUE(n > 0);
            got.n = before + (size_t)n;
        }
    }
    CHECK_INT(fixture_counts(f).cut_slow, 1);
    CHECK_INT(fixture_counts(f).streams, 1);
    CHECK_INT(fixture_closes(f), 1);
    CHECK_INT(fixture_feed(f, STR("x"), 1), 1);
    close(slow);
    close(good);
    mem_free((char *)(uintptr_t)big.p);
    buf_dispose(&got);
    fixture_stop(f);
}

TEST(a_reader_that_takes_nothing_is_cut_after_the_send_timeout)
{
    struct fixture *f = fixture_start(&(struct http_limits){.stream_queue_bytes = 64 << 20});
    struct str big = {mem_alloc(1 << 20), 1 << 20};
    int fd = open_stream(f, "HTTP/1.1");

    fixture_feed(f, big, 20); /* more than any socket buffer */
    CHECK_TRUE(fixture_ms_until_cut(f) >= 30000);
    CHECK_INT(fixture_counts(f).streams, 0);
    close(fd);
    mem_free((char *)(uintptr_t)big.p);
    fixture_stop(f);
}

TEST(a_reader_that_takes_nothing_is_noticed_before_the_kernel_holds_much_for_it)
{
    struct fixture *f = fixture_start(&(struct http_limits){.stream_queue_bytes = 64 << 10});
    const struct str event = {mem_alloc(1000), 1000};
    int fd = open_stream(f, "HTTP/1.1");
    int fed = 0;
    char byte;

    while (fixture_counts(f).cut_slow == 0 && fed < 4000) {
        fixture_feed(f, event, 1);
        fed++;
    }
    /* Its own receive buffer, 16 KiB in the kernel, 64 KiB with us; without a bound the kernel takes megabytes. */
    CHECK_TRUE(fed < 600);
    CHECK_INT(fixture_counts(f).connections, 0);
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    CHECK_INT(errno, ECONNRESET);
    close(fd);
    mem_free((char *)(uintptr_t)event.p);
    fixture_stop(f);
}

/* B130 */
TEST(bytes_sent_on_an_open_stream_are_ignored_up_to_4_kib)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});
    struct buf got = BUF_LIMIT(1 << 16);
    char noise[4096];
    int fd = open_stream(f, "HTTP/1.1");

    memset(noise, 'n', sizeof noise);
    fixture_send(fd, (struct str){noise, sizeof noise});
    fixture_sync(f);
    CHECK_INT(fixture_counts(f).streams, 1);
    fixture_send(fd, STR("!"));
    fixture_sync(f);
    CHECK_INT(fixture_counts(f).streams, 0);
    CHECK_TRUE(fixture_read_all(fd, &got));
    close(fd);
    buf_dispose(&got);
    fixture_stop(f);
}
