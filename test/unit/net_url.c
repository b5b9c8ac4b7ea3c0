/* net_url.c: url_parse reads plain addresses itself; it says of each what libcurl says, whom url_join leaves the whole address to. */
#include "net/url.h"

#include "test.h"

static const char *const schemes[] = {"http://", "https://", "HTTP://", "http:/", "ftp://", "http:///"};
static const char *const hosts[] = {"a",
                                    "docs.example.org",
                                    "a.b.c",
                                    "1.2.3.4",
                                    "127.0.0.1",
                                    "1.2.3",
                                    "127.1",
                                    "01.2.3.4",
                                    "0x7f.0.0.1",
                                    "0x7f",
                                    "a.0x7f",
                                    "a.1",
                                    "a1",
                                    "1a",
                                    "1.2.3.4a",
                                    "1.2.3.256",
                                    "1.2.3.4.5",
                                    "a.",
                                    ".a",
                                    "a..b",
                                    "A.example",
                                    "xn--4ca.",
                                    "xn--4ca.example",
                                    "a_b",
                                    "a-b",
                                    "2130706433",
                                    "0.0.0.0",
                                    "a.0x",
                                    "u@a",
                                    "[::1]",
                                    "",
                                    "0x7f.1.a",
                                    "4294967296",
                                    "00.0.0.0a",
                                    "0xa.b",
                                    "9.9.9.9f",
                                    "0xff.0xff",
                                    "1e3",
                                    "a%2e",
                                    "1.2.3.4.",
                                    "0x1.0x2.c3",
                                    "08.1.1.1"};
static const char *const ports[] = {"",       ":",      ":80",    ":443",    ":8080", ":0",  ":00080",
                                    ":65535", ":65536", ":99999", ":100000", ":1a",   ":+8", ":-8"};
static const char *const paths[] = {
    "",       "/",       "//",     "//a",  "/a/b.html", "/.",     "/..",     "/...",  "/a/./b",    "/a/../b",
    "/a..b",  "/a./b",   "/.a",    "/a.",  "/a/.b",     "/a/..b", "/a/b..",  "/%41",  "/%2e/a",    "/a%",
    "/a?b",   "/a?",     "?",      "#",    "/a#b",      "/a;b",   "/a,b=c~", "/a\\b", "/\xc3\xa4", "/a//b/",
    "/a/b/.", "/a/b/..", "/A_b-c", "/-._", "/a:b",      "/@",     "/a\x7f",  "/a\tb", "/a.b.c/d.e"};

static void check(struct str text, struct arena *a)
{
    struct url own;
    struct url theirs;
    struct err e = {.rc = RC_OK};
    enum rc rc = url_parse(text, a, &own, &e);
    enum rc want = url_join(text, STR(""), a, &theirs, &e);
    ck_assert_msg(rc == want, "%.*s: %d, not %d", STR_ARG(text), (int)rc, (int)want);
    if (!rc) {
        ck_assert_msg(str_eq(own.scheme, theirs.scheme) && str_eq(own.host, theirs.host) &&
                          own.port == theirs.port && str_eq(own.path, theirs.path) &&
                          str_eq(own.query, theirs.query) && !own.query.p == !theirs.query.p,
                      "%.*s: %.*s, not %.*s", STR_ARG(text), STR_ARG(url_text(&own, a)),
                      STR_ARG(url_text(&theirs, a)));
    }
}

static void check_host(const char *scheme, const char *host)
{
    struct arena *a = arena_new();
    for (size_t k = 0; k < sizeof ports / sizeof *ports; k++) {
        for (size_t m = 0; m < sizeof paths / sizeof *paths; m++) {
            check(arena_printf(a, "%s%s%s%s", scheme, host, ports[k], paths[m]), a);
        }
    }
    arena_free(a);
}

TEST(an_address_that_is_read_without_libcurl_is_what_libcurl_reads)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        for (size_t h = 0; h < sizeof hosts / sizeof *hosts; h++) {
            check_host(schemes[i], hosts[h]);
        }
    }
}
