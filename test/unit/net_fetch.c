/* net_fetch.c: requests to servers that say what they like: what is taken, what is followed, and where it ends. */
#include <string.h>

#include "net/fetch.h"
#include "scripted_server.h"
#include "test.h"

static const struct script web[] = {
    {"/", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: Greeting\r\n\r\nhello"},
    {"/chunks", "HTTP/1.1 100 Continue\r\nX-Old: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
    {"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"},
    {"/relative", "HTTP/1.1 302 Found\r\nLocation: chunks\r\nContent-Length: 0\r\n\r\n"},
    {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
    {"/inside", "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"},
    {"/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
    {"/other", "HTTP/1.1 307 Moved\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n"},
    {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello"},
    {"/nonsense", "220 mail.example ESMTP\r\n"},
    {"/closes", NULL},
    {"/silent", ""},
    {NULL, NULL},
};

struct client {
    struct scripted server;
    struct fetcher *f;
    struct arena *a;
    struct address_rules rules;
    struct fetch_answer answer;
};

static void open_client(struct client *c, struct err *e)
{
    *c = (struct client){.f = fetcher_new("stint-test"), .a = arena_new()};
    scripted_start(&c->server, web);
    OK(address_allow(&c->rules, STR("127.0.0.1"), e));
}

static void close_client(struct client *c)
{
    fetcher_free(c->f);
    scripted_stop(&c->server);
    arena_free(c->a);
}

static struct fetch_request request_of(struct client *c, const char *path)
{
    return (struct fetch_request){.url = arena_printf(c->a, "http://127.0.0.1:%d%s", c->server.port, path),
                                  .rules = &c->rules,
                                  .redirects = 3};
}

static enum rc get(struct client *c, const char *path, struct err *e)
{
    struct fetch_request r = request_of(c, path);
    return fetch(c->f, &r, c->a, &c->answer, e);
}

TEST(an_answer_is_taken_with_its_head_and_body)
{
    struct client c;
    open_client(&c, e);
    OK(get(&c, "/", e));
    CHECK_INT(c.answer.status, 200);
    CHECK_STR(c.answer.body, STR("hello"));
    CHECK_STR(fetch_header(&c.answer, STR("x-kind")), STR("Greeting"));
    OK(get(&c, "/chunks", e));
    CHECK_STR(c.answer.body, STR("abcde"));
    CHECK_TRUE(!fetch_header(&c.answer, STR("X-Old")).p);
    OK(get(&c, "/missing", e));
    CHECK_INT(c.answer.status, 404);
    close_client(&c);
}

TEST(a_redirect_is_followed_and_judged_like_the_first_request)
{
    struct client c;
    open_client(&c, e);
    OK(get(&c, "/relative", e));
    CHECK_STR(c.answer.body, STR("abcde"));
    CHECK_TRUE(str_ends(c.answer.url, STR("/chunks")));
    FAILS(get(&c, "/loop", e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("too_many_redirects"));
    FAILS(get(&c, "/inside", e), RC_DENIED);
    CHECK_STR(str_from(e->code), STR("blocked_address"));
    FAILS(get(&c, "/file", e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("bad_url"));
    struct fetch_request r = request_of(&c, "/relative");
    r.redirects = 0;
    OK(fetch(c.f, &r, c.a, &c.answer, e));
    CHECK_INT(c.answer.status, 302);
    close_client(&c);
}

TEST(what_goes_wrong_has_a_word_of_its_own)
{
    static const struct {
        const char *path, *code;
        enum rc rc;
    } table[] = {
        {"/short", "connection_lost", RC_BUSY},
        {"/nonsense", "bad_answer", RC_INVALID},
        {"/closes", "connection_lost", RC_BUSY},
    };
    struct client c;
    open_client(&c, e);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        FAILS(get(&c, table[i].path, e), table[i].rc);
        CHECK_STR(str_from(e->code), str_from(table[i].code));
    }
    struct fetch_request r = request_of(&c, "/silent");
    r.timeout_ms = 50;
    FAILS(fetch(c.f, &r, c.a, &c.answer, e), RC_BUSY);
    CHECK_STR(str_from(e->code), STR("timed_out"));
    r = request_of(&c, "/");
    r.max_body_bytes = 4;
    FAILS(fetch(c.f, &r, c.a, &c.answer, e), RC_TOO_BIG);
    r.url = STR("http://127.0.0.1:1/");
    FAILS(fetch(c.f, &r, c.a, &c.answer, e), RC_BUSY);
    CHECK_STR(str_from(e->code), STR("connect_failed"));
    close_client(&c);
}

TEST(a_body_and_fields_are_sent_and_secrets_stay_with_their_host)
{
    static const struct http_field fields[] = {{STR("Authorization"), STR("Bearer k")},
                                               {STR("Content-Type"), STR("application/json")}};
    struct client c;
    open_client(&c, e);
    OK(address_allow(&c.rules, STR("any"), e));
    struct fetch_request r = request_of(&c, "/");
    r.method = HTTP_POST;
    r.fields = fields;
    r.field_count = 2;
    r.body = STR("{\"a\":1}");
    OK(fetch(c.f, &r, c.a, &c.answer, e));
    struct str seen = buf_str(&c.server.seen);
    CHECK_TRUE(str_starts(seen, STR("POST / HTTP/1.1\r\n")));
    CHECK_TRUE(str_find(seen, STR("Authorization: Bearer k\r\n"), 0) < seen.n);
    buf_clear(&c.server.seen);
    struct script away[] = {{"/away", NULL}, {"/", web[0].answer}, {NULL, NULL}};
    struct str location =
        arena_printf(c.a, "HTTP/1.1 307 Moved\r\nLocation: http://localhost:%d/\r\nContent-Length: 0\r\n\r\n",
                     c.server.port);
    away[0].answer = location.p;
    c.server.script = away;
    r.url = request_of(&c, "/away").url;
    OK(fetch(c.f, &r, c.a, &c.answer, e));
    seen = buf_str(&c.server.seen);
    CHECK_TRUE(str_find(seen, STR("Bearer"), 0) < str_find(seen, STR("localhost"), 0));
    CHECK_TRUE(str_find(seen, STR("Bearer"), str_find(seen, STR("localhost"), 0)) == seen.n);
    close_client(&c);
}

TEST(an_address_that_must_not_be_reached_is_not_whatever_its_name)
{
    static const char *const blocked[] = {"http://127.0.0.1/",
                                          "http://127.1/",
                                          "http://0/",
                                          "http://2130706433/",
                                          "http://0x7f.1/",
                                          "http://0177.0.0.1/",
                                          "http://localhost/",
                                          "http://LOCALHOST/",
                                          "http://[::1]/",
                                          "http://[::ffff:127.0.0.1]/",
                                          "http://LOCALHOST./",
                                          "http://0.0.0.0/",
                                          "http://[::]/",
                                          "http://[::ffff:7f00:1]/",
                                          "http://[64:ff9b::7f00:1]/",
                                          "http://[2002:7f00:1::]/",
                                          "http://[fc00::1]/",
                                          "http://１２７.０.０.１/",
                                          "http://127。0。0。1/",
                                          "http://127.0.0.1./",
                                          "http://169.254.169.254/",
                                          "http://[fd00:ec2::254]/",
                                          "http://metadata.google.internal/",
                                          "http://Metadata.Google.Internal./",
                                          "http://100.100.100.200/",
                                          "http://8.8.8.8:22/",
                                          "http://8.8.8.8:25/",
                                          "http://8.8.8.8:5432/",
                                          "http://8.8.8.8:6379/",
                                          "http://8.8.8.8:11211/",
                                          "http://127.0.0.1#@public/"};
    static const char *const refused[] = {"file:///etc/passwd",
                                          "gopher://a/",
                                          "ftp://a/",
                                          "javascript:1",
                                          "//a/b",
                                          "",
                                          "http://",
                                          "http://a b/",
                                          "http://public@127.0.0.1/",
                                          "http://public\\@127.0.0.1",
                                          "http://127.0.0.1\\@public/",
                                          "http://[fe80::1%25eth0]/",
                                          "dict://a/",
                                          "ldap://a/",
                                          "data:text/html,x",
                                          "unix:/run/x",
                                          "http://a\tb/",
                                          "http://a\nb/"};
    struct arena *a = arena_new();
    struct fetcher *f = fetcher_new("stint-test");
    struct fetch_answer answer;
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        struct fetch_request r = {.url = str_from(blocked[i])};
        FAILS(fetch(f, &r, a, &answer, e), RC_DENIED);
        CHECK_STR(str_from(e->code), STR("blocked_address"));
        CHECK_TRUE(!strstr(e->text, "::1 ") || strstr(blocked[i], "::1"));
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct fetch_request r = {.url = str_from(refused[i])};
        FAILS(fetch(f, &r, a, &answer, e), RC_INVALID);
        CHECK_STR(str_from(e->code), STR("bad_url"));
    }
    fetcher_free(f);
    arena_free(a);
}
