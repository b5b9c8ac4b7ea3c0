/* net_table.c: the rows of the bad-input table (reliability.md 3.1) that are decided in net/: raw bytes, the statuses
 * that come back, and whether the connection lives on ("K") or ends ("C"). Each row runs three times: sent whole, byte by
 * byte, and glued in front of a good request; the answer must be the same. */
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

#define H       "Host: a\r\n"
#define GOOD    "GET /last HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
#define POST    "POST /x HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *id;
    struct str bytes;
    const char *expected; /* statuses, then K or C */
};

#define ROW(id, bytes, expected)                                                                             \
    {                                                                                                        \
        id, {bytes, sizeof(bytes) - 1}, expected                                                             \
    }

static const struct row rows[] = {
    ROW("good", "GET /livez HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B001", "GET /livez HTTP/1.1\nHost: a\n\n", "400 C"),
    ROW("B001 in a field", "GET /livez HTTP/1.1\r\nHost: a\n\r\n", "400 C"),
    ROW("B001 first", "\nGET /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B001 last", "GET /livez HTTP/1.1\r\n" H "\n", "400 C"),
    ROW("B002", "GET /livez HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", "400 C"),
    ROW("B002 in the target", "GET /li\rvez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B002 in the method", "GE\rT /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B002 doubled", "GET /livez HTTP/1.1\r\r\n" H "\r\n", "400 C"),
    ROW("B003 target", "GET /li\0vez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B003 method", "GE\0T /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B003 field", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400 C"),
    ROW("B003 name", "GET / HTTP/1.1\r\n" H "X\0: b\r\n\r\n", "400 C"),
    ROW("B004 two blanks", "GET  /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B004 two blanks behind", "GET /livez  HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B004 tab", "GET\t/livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B004 blank at the end", "GET /livez HTTP/1.1 \r\n" H "\r\n", "400 C"),
    ROW("B005 blank", " GET /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B005 one empty line", "\r\nGET /livez HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B005 three empty lines", "\r\n\r\n\r\nGET /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B006", "GET /livez\r\n\r\n", "400 C"),
    ROW("B006 no target", "GET\r\n\r\n", "400 C"),
    ROW("B007 1.10", "GET /livez HTTP/1.10\r\n" H "\r\n", "400 C"),
    ROW("B007 01.1", "GET /livez HTTP/01.1\r\n" H "\r\n", "400 C"),
    ROW("B007 small", "GET /livez http/1.1\r\n" H "\r\n", "400 C"),
    ROW("B007 x", "GET /livez HTTP/1.1x\r\n" H "\r\n", "400 C"),
    ROW("B007 1.2", "GET /livez HTTP/1.2\r\n" H "\r\n", "400 C"),
    ROW("B007 0.9", "GET /livez HTTP/0.9\r\n" H "\r\n", "400 C"),
    ROW("B008 2.0", "GET /livez HTTP/2.0\r\n" H "\r\n", "505 C"),
    ROW("B008 3.0", "GET /livez HTTP/3.0\r\n" H "\r\n", "505 C"),
    ROW("B009", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 C"),
    ROW("B010 unknown", "GETT /livez HTTP/1.1\r\n" H "\r\n", "501 C"),
    ROW("B010 small", "get /livez HTTP/1.1\r\n" H "\r\n", "501 C"),
    ROW("B010 known to llhttp only", "PROPFIND / HTTP/1.1\r\n" H "\r\n", "501 C"),
    ROW("B010 illegal", "G@T /livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B012 TRACE is the routes' business", "TRACE / HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B012 CONNECT", "CONNECT x:1 HTTP/1.1\r\n" H "\r\n", "501 C"),
    ROW("B014", "GET http://evil/livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B014 same host", "GET http://A/livez HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B014 no path", "GET http://a HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B014 https", "GET https://a/ HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B014 user", "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B015", "GET * HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B015 OPTIONS", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B015 no slash", "GET livez HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 UTF-8", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 blank", "GET /a b HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 <", "GET /a<b HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 quote", "GET /a\"b HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 backslash", "GET /a\\b HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B016 #", "GET /a#b HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B017 %zz", "GET /v1/jobs/%zz HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B017 %2", "GET /v1/jobs/%2 HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B017 %00", "GET /v1/jobs/%00 HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B017 in the query", "GET /v1/jobs?a=%g0 HTTP/1.1\r\n" H "\r\n", "400 C"),
    ROW("B018 is not normalised", "GET /v1/%2e%2e/../x HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B019 none", "GET / HTTP/1.1\r\n\r\n", "400 C"),
    ROW("B019 two", "GET / HTTP/1.1\r\n" H H "\r\n", "400 C"),
    ROW("B019 two, any case", "GET / HTTP/1.1\r\n" H "hOST: a\r\n\r\n", "400 C"),
    ROW("B019 blank inside", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 C"),
    ROW("B019 comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400 C"),
    ROW("B019 empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 C"),
    ROW("B019 user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400 C"),
    ROW("B019 port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400 C"),
    ROW("B019 big port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400 C"),
    ROW("B019 signed port", "GET / HTTP/1.1\r\nHost: a:+1\r\n\r\n", "400 C"),
    ROW("good IPv6", "GET / HTTP/1.1\r\nHost: [::1]:7420\r\n\r\n", "200 K"),
    ROW("B019 half IPv6", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 C"),
    ROW("1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "200 C"),
    ROW("B020 no colon", "GET / HTTP/1.1\r\n" H "abc\r\n\r\n", "400 C"),
    ROW("B020 no name", "GET / HTTP/1.1\r\n" H ": abc\r\n\r\n", "400 C"),
    ROW("B020 blank before the colon", POST "Content-Length : 5\r\n\r\nhello", "400 C"),
    ROW("B020 blank in the name", "GET / HTTP/1.1\r\n" H "a b: c\r\n\r\n", "400 C"),
    ROW("B021", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "400 C"),
    ROW("B021 tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", "400 C"),
    ROW("B021 first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 C"),
    ROW("B024", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 C"),
    ROW("B025", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400 C"),
    ROW("B025 list", POST "Content-Length: 5, 6\r\n\r\nhello", "400 C"),
    ROW("B025 equal list", POST "Content-Length: 5,5\r\n\r\nhello", "400 C"),
    ROW("B026 +", POST "Content-Length: +5\r\n\r\nhello", "400 C"),
    ROW("B026 -", POST "Content-Length: -1\r\n\r\nhello", "400 C"),
    ROW("B026 hex", POST "Content-Length: 0x5\r\n\r\nhello", "400 C"),
    ROW("B026 blank", POST "Content-Length: 5 5\r\n\r\nhello", "400 C"),
    ROW("B026 point", POST "Content-Length: 5.0\r\n\r\nhello", "400 C"),
    ROW("B026 zeros", POST "Content-Length: 007\r\n\r\nhello12", "400 C"),
    ROW("B026 empty", POST "Content-Length:\r\n\r\nhello", "400 C"),
    ROW("B027", POST "Content-Length: 99999999999999999999\r\n\r\nhello", "413 C"),
    ROW("B027 fits", POST "Content-Length: 9999999999999999999\r\n\r\nhello", "413 C"),
    ROW("B028", POST "Content-Length: 1048577\r\n\r\n", "413 C"),
    ROW("B028 own limit", "POST /limit HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\nhello world", "413 C"),
    ROW("own limit reached", "POST /limit HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello worl", "200 K"),
    ROW("own limit chunked",
        "POST /limit HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        "413 C"),
    ROW("B029", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B029 other order", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B030 gzip", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 C"),
    ROW("B030 identity", POST "Transfer-Encoding: identity\r\n\r\n", "501 C"),
    ROW("B031 twice in one", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B031 x", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B031 0b", POST "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B031 quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B031 empty", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B031 comma", POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("good coding, any case", POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "200 K"),
    ROW("B032 twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 C"),
    ROW("B032 twice, other", POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 C"),
    ROW("B032 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 C"),
    ROW("B033", POST "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "200 400 C"),
    ROW("B034 0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 +", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 -", CHUNKED "-1\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 blank behind", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 blank before", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 5;LF", CHUNKED "5;\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 empty", CHUNKED "\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 17 digits", CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B034 F x 16", CHUNKED "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("good chunks", CHUNKED "5\r\nhello\r\n6;a;b=c\r\n world\r\n00\r\n\r\n", "200 K"),
    ROW("B035 LF", CHUNKED "5\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B035 no CRLF", CHUNKED "5\r\nhello0\r\n\r\n", "400 C"),
    ROW("B035 LF behind data", CHUNKED "5\r\nhello\n0\r\n\r\n", "400 C"),
    ROW("B035 extra bytes", CHUNKED "5\r\nhello!\r\n0\r\n\r\n", "400 C"),
    ROW("B035 LF at the end", CHUNKED "5\r\nhello\r\n0\r\n\n", "400 C"),
    ROW("B036 short is fine", CHUNKED "5;abc\r\nhello\r\n0\r\n\r\n", "200 K"),
    ROW("B036 bare", CHUNKED "5;\r\nhello\r\n0\r\n\r\n", "400 C"),
    ROW("B038", CHUNKED "0\r\nContent-Length: 7\r\nAuthorization: x\r\nHost: b\r\n\r\n", "200 K"),
    ROW("B038 broken trailer", CHUNKED "0\r\nabc\r\n\r\n", "400 C"),
    ROW("B038 folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", "400 C"),
    ROW("B041", POST "Content-Length: 2\r\n\r\nhello\r\n\r\n", "200 400 C"),
    ROW("B041 two words", POST "Content-Length: 2\r\n\r\nhello there\r\n\r\n", "200 501 C"),
    ROW("B042", "GET /x HTTP/1.1\r\n" H "Content-Length: 19\r\n\r\nGET /admin HTTP/1.1", "200 K"),
    ROW("B043", POST "\r\n", "411 C"),
    ROW("B043 PUT", "PUT /x HTTP/1.1\r\n" H "\r\n", "411 C"),
    ROW("DELETE needs none", "DELETE /x HTTP/1.1\r\n" H "\r\n", "200 K"),
    ROW("B044", POST "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", "413 C"),
    ROW("B045", POST "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", "417 C"),
    ROW("B046", "GET / HTTP/1.1\r\n" H "Connection: Content-Length, Authorization, Host\r\n\r\n", "200 K"),
    ROW("Connection: close in a list", "GET / HTTP/1.1\r\n" H "Connection: keep-alive, Close\r\n\r\n",
        "200 C"),
    ROW("B047 h2c", "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "200 K"),
    ROW("B047 websocket", "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "200 K"),
    ROW("B050", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 C"),
    ROW("early answer, small body", "POST /early HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "401 K"),
    ROW("early answer, chunked", "POST /early HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "401 C"),
    ROW("early answer, big body", "POST /early HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n", "401 C"),
    ROW("HEAD", "HEAD /nothing HTTP/1.1\r\n" H "\r\n", "204 K"),
    ROW("no content", "GET /nothing HTTP/1.1\r\n" H "\r\n", "204 K"),
    ROW("sink", "POST /sink HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "200 K"),
};

enum way { WHOLE, SPLIT, GLUED };

/* Sends one row in one way; the answers must be the expected ones, and the good request behind is answered or not. */
static void check_row(struct fixture *f, const char *id, struct str bytes, const char *expected, enum way way)
{
    struct buf got = BUF_LIMIT(1 << 20);
    struct buf all = BUF_LIMIT(4 << 20);
    size_t n = strlen(expected);
    bool lives = expected[n - 1] == 'K';
    char want[64], statuses[256];
    int fd = fixture_connect(f);

    buf_append_str(&all, bytes);
    if (way == SPLIT) {
        size_t step = bytes.n > 2000 ? 997 : 1;
        for (size_t at = 0; at < bytes.n && fixture_send(fd, str_sub(bytes, at, at + step)); at += step) {
            fixture_sync(f);
        }
        fixture_send(fd, STR(GOOD));
    } else if (way == WHOLE) {
        fixture_send(fd, bytes);
        fixture_sync(f);
        fixture_send(fd, STR(GOOD));
    } else {
        buf_append_c(&all, GOOD);
        fixture_send(fd, buf_str(&all));
    }
    ck_assert_msg(fixture_read_all(fd, &got), "%s, way %d: not closed", id, way);
    close(fd);
    fixture_statuses(buf_str(&got), statuses, sizeof statuses);
    str_print(want, sizeof want, "%.*s%s", (int)(n - 2), expected, lives ? " 200" : "");
    ck_assert_msg(strcmp(statuses, want) == 0, "%s, way %d: got \"%s\", expected \"%s\"", id, way, statuses,
                  want);
    buf_dispose(&got);
    buf_dispose(&all);
}

static void check_rows(enum way way)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_row(f, rows[i].id, rows[i].bytes, rows[i].expected, way);
    }
    CHECK_INT(fixture_counts(f).exchanges, 0);
    fixture_stop(f);
}

TEST(each_row_of_the_framing_table_gets_its_answer)
{
    check_rows(WHOLE);
}

TEST(each_row_gets_the_same_answer_byte_by_byte)
{
    check_rows(SPLIT);
}

TEST(each_row_gets_the_same_answer_glued_before_a_good_request)
{
    check_rows(GLUED);
}

/* ---- Rows too large to write down ---- */

static void repeat(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        buf_append_c(b, text);
    }
}

static void check_big(struct fixture *f, const char *id, struct buf *b, const char *expected)
{
    check_row(f, id, buf_str(b), expected, WHOLE);
    check_row(f, id, buf_str(b), expected, SPLIT);
    check_row(f, id, buf_str(b), expected, GLUED);
    buf_clear(b);
}

TEST(sizes_at_and_over_the_limits_of_the_head)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});
    struct buf b = BUF_LIMIT(4 << 20);

    repeat(&b, "A", 10000); /* B011 */
    buf_append_c(&b, " / HTTP/1.1\r\n" H "\r\n");
    check_big(f, "B011", &b, "501 C");
    repeat(&b, "A", 10000);
    check_big(f, "B011 without an end", &b, "501 C");
    buf_append_c(&b, "GET /");
    repeat(&b, "x", 8191);
    buf_append_c(&b, " HTTP/1.1\r\n" H "\r\n");
    check_big(f, "B013 at the limit", &b, "200 K");
    buf_append_c(&b, "GET /");
    repeat(&b, "x", 8192);
    buf_append_c(&b, " HTTP/1.1\r\n" H "\r\n");
    check_big(f, "B013", &b, "414 C");
    buf_append_c(&b, "GET /");
    repeat(&b, "x", 100000);
    check_big(f, "B013 without an end", &b, "414 C");
    buf_append_c(&b, "GET / HTTP/1.1\r\n" H);
    repeat(&b, "A: b\r\n", 63);
    buf_append_c(&b, "\r\n");
    check_big(f, "B022 at 64 fields", &b, "200 K");
    buf_append_c(&b, "GET / HTTP/1.1\r\n" H);
    repeat(&b, "A: b\r\n", 64);
    buf_append_c(&b, "\r\n");
    check_big(f, "B022 at 65 fields", &b, "431 C");
    buf_append_c(&b, "GET / HTTP/1.1\r\n" H "A: ");
    repeat(&b, "x", 16384 - b.n - 4);
    buf_append_c(&b, "\r\n\r\n");
    CHECK_INT(b.n, 16384);
    check_big(f, "B022 at 16,384 bytes", &b, "200 K");
    buf_append_c(&b, "GET / HTTP/1.1\r\n" H "A: ");
    repeat(&b, "x", 16385 - b.n - 4);
    buf_append_c(&b, "\r\n\r\n");
    check_big(f, "B022 at 16,385 bytes", &b, "431 C");
    buf_append_c(&b, "GET / HTTP/1.1\r\n" H "A: ");
    repeat(&b, "x", 1 << 20);
    check_big(f, "B023", &b, "431 C");
    buf_dispose(&b);
    fixture_stop(f);
}

TEST(sizes_at_and_over_the_limits_of_chunks)
{
    struct fixture *f = fixture_start(&(struct http_limits){0});
    struct buf b = BUF_LIMIT(8 << 20);

    buf_append_c(&b, CHUNKED "5;"); /* 255 characters, and the CR: 256 */
    repeat(&b, "x", 255);
    buf_append_c(&b, "\r\nhello\r\n0\r\n\r\n");
    check_big(f, "B036 at the limit", &b, "200 K");
    buf_append_c(&b, CHUNKED);
    repeat(&b, "1;abcdefghijklmnopqrs\r\nx\r\n", 14);
    buf_append_c(&b, "0\r\n\r\n");
    check_big(f, "B036 in total", &b, "400 C");
    buf_append_c(&b, CHUNKED);
    repeat(&b, "1\r\nx\r\n", 200000);
    buf_append_c(&b, "0\r\n\r\n");
    check_row(f, "B037", buf_str(&b), "413 C", GLUED);
    buf_clear(&b);
    buf_append_c(&b, CHUNKED);
    repeat(&b, "1\r\nx\r\n", 1000);
    buf_append_c(&b, "0\r\n\r\n");
    check_big(f, "B037 a few are fine", &b, "200 K");
    buf_append_c(&b, CHUNKED "0\r\nA: ");
    repeat(&b, "x", 5000);
    buf_append_c(&b, "\r\n\r\n");
    check_big(f, "B039", &b, "431 C");
    buf_append_c(&b, CHUNKED);
    repeat(&b, "10000\r\n", 1);
    repeat(&b, "0123456789abcdef", 4096);
    repeat(&b, "\r\n", 1);
    buf_append_c(&b, "0\r\n\r\n");
    check_big(f, "a good chunk of 64 KiB", &b, "200 K");
    buf_append_c(&b, CHUNKED);
    for (int i = 0; i < 17; i++) {
        repeat(&b, "10000\r\n", 1);
        repeat(&b, "0123456789abcdef", 4096);
        repeat(&b, "\r\n", 1);
    }
    buf_append_c(&b, "0\r\n\r\n");
    check_row(f, "over the body limit", buf_str(&b), "413 C", WHOLE);
    check_row(f, "over the body limit", buf_str(&b), "413 C", GLUED);
    buf_dispose(&b);
    fixture_stop(f);
}
