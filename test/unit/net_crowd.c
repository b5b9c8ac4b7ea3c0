/* net_crowd.c: many clients at once: slow ones do not hold up a good one, and streams cost little memory (T13, T14). */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

#define H     "Host: a\r\n"
#define CROWD 200

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static void allow_many_fds(void)
{
    struct rlimit r;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = r.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &r), 0);
}

static void good_client_is_served(struct fixture *f)
{
    struct buf got = BUF_LIMIT(1 << 16);
    int fd = fixture_connect(f);
    fixture_send(fd, STR("GET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
    CHECK_TRUE(fixture_read_all(fd, &got));
    CHECK_TRUE(str_starts(buf_str(&got), STR("HTTP/1.1 200 ")));
    close(fd);
    buf_dispose(&got);
}

TEST(a_crowd_of_slow_clients_is_cut_in_time_and_holds_up_nobody)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});
    int fds[3 * CROWD];

    allow_many_fds();
    for (int i = 0; i < 3 * CROWD; i++) {
        fds[i] = fixture_connect(f);
        if (i < CROWD) {
            fixture_send(fds[i], STR("G"));
        } else if (i < 2 * CROWD) {
            fixture_send(fds[i], STR("POST /x HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n"));
        }
    }
    for (int second = 0; second < 12; second++) {
        for (int i = 0; i < 2 * CROWD; i++) {
            fixture_send(fds[i], STR("x")); /* fails once it is cut */
        }
        fixture_skip(f, 1000);
        good_client_is_served(f);
    }
    CHECK_INT(fixture_counts(f).timeouts, 2 * CROWD);
    fixture_skip(f, 2001); /* the time to read the 408 is over too */
    CHECK_INT(fixture_counts(f).connections, CROWD);
    CHECK_INT(fixture_counts(f).exchanges, 0);
    for (int i = 0; i < 3 * CROWD; i++) {
        close(fds[i]);
    }
    fixture_stop(f);
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long kib = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) && sscanf(line, "Rss: %ld", &kib) != 1) {
    }
    fclose(file);
    return kib;
}

static void open_streams(struct fixture *f, int *fds, int from, int to)
{
    struct buf got = BUF_LIMIT(1 << 16);

    for (int i = from; i < to; i++) {
        fds[i] = fixture_connect(f);
        fixture_send(fds[i], STR("GET /stream HTTP/1.1\r\n" H "Accept: text/event-stream\r\n"
                                 "Authorization: Bearer 0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
                                 "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\r\n"));
        CHECK_TRUE(fixture_read_until(fds[i], &got, STR("\r\n\r\n")));
        buf_clear(&got);
    }
    buf_dispose(&got);
}

/* Kernel memory apart, which a process cannot see; the sockets' other ends here cost nothing of RSS. */
TEST(two_thousand_streams_cost_less_than_4_kib_each_and_all_get_each_event)
{
    enum { FIRST = 100, ALL = 2000 };
    struct fixture *f = fixture_start(&(struct http_limits){0});
    struct buf got = BUF_LIMIT(1 << 16);
    static int fds[ALL];

    allow_many_fds();
    open_streams(f, fds, 0, FIRST);
    long before = resident_kib();
    open_streams(f, fds, FIRST, ALL);
    for (int n = 0; n < 20; n++) {
        CHECK_INT(fixture_feed(f, STR("id: 1\nevent: progress\ndata: {\"percent\":12}\n\n"), 1), ALL);
        for (int i = 0; i < ALL; i++) {
            CHECK_TRUE(fixture_read_until(fds[i], &got, STR("}\n\n\r\n")));
            buf_clear(&got);
        }
    }
    long kib = resident_kib() - before;
    ck_assert_msg(IS_SANITIZED || kib < 4 * (ALL - FIRST), "%ld KiB for %d streams", kib, ALL - FIRST);
    for (int i = 0; i < ALL; i++) {
        close(fds[i]);
    }
    while (fixture_counts(f).streams > 0) {
        fixture_sync(f);
    }
    CHECK_INT(fixture_closes(f), ALL);
    buf_dispose(&got);
    fixture_stop(f);
}
