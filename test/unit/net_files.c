/* net_files.c: files that the HTTP server sends, whole and in ranges, and bodies that it keeps as files. */
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

#define H "Host: a\r\n"

static struct fixture *start(void)
{
    return fixture_start(&(struct http_limits){0});
}

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
        struct buf got = fixture_answers(f, str_from(ask));
        str_print(want, sizeof want, "HTTP/1.1 %s", r->status);
        CHECK_TRUE(str_starts(buf_str(&got), str_from(want)));
        str_print(want, sizeof want, "\r\nContent-Range: %s\r\n", r->range ? r->range : "");
        CHECK_INT(fixture_said(&got, r->range ? want : "Content-Range"), r->range != NULL);
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
    struct buf got = fixture_answers(
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
    int before = fixture_open_fds();

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
    CHECK_TRUE(fixture_open_fds() <= before + 1);
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
    struct buf got = fixture_answers(f, buf_str(&ask));
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
