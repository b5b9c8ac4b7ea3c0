/* net_policy.c: the one connect policy of the program, row by row as far as a test without other machines can ask it: names that lead to
 * several places or change their minds, ports, redirects, answers without end, and what a stranger can learn from errors. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "net/fetch.h"
#include "scripted_server.h"
#include "test.h"

#define ZEROS_BYTES (8 << 20)

/* ---- a resolver that says what a test wants */

struct names {
    const char *first, *second; /* addresses with blanks between them; second NULL: always the first */
    int asked;
};

static void add_address(struct fetch_addresses *out, const char *text, const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&out->items[out->count++], &in, sizeof in);
    } else {
        CHECK_INT(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&out->items[out->count++], &in6, sizeof in6);
    }
}

static enum rc resolve(void *ctx, const char *host, const char *port, struct fetch_addresses *out)
{
    struct names *n = ctx;
    (void)host;
    struct str rest = str_from(n->asked++ && n->second ? n->second : n->first);
    while (rest.p) {
        char text[64];
        str_copy(text, sizeof text, str_cut(rest, ' ', &rest));
        add_address(out, text, port);
    }
    return RC_OK;
}

struct client {
    struct scripted server;
    struct fetcher *f;
    struct arena *a;
    struct address_rules rules;
    struct fetch_answer answer;
    struct names names;
};

static void open_client(struct client *c, const struct script *script, const char *allowed, struct err *e)
{
    *c = (struct client){.f = fetcher_new("stint-test"), .a = arena_new()};
    scripted_start(&c->server, script);
    OK(address_allow_all(&c->rules, str_from(allowed), e));
}

static void close_client(struct client *c)
{
    fetcher_free(c->f);
    scripted_stop(&c->server);
    arena_free(c->a);
}

static enum rc get(struct client *c, struct str url, struct err *e)
{
    const struct fetch_request r = {.url = url, .rules = &c->rules, .redirects = 5, .timeout_ms = 10000};
    return fetch(c->f, &r, c->a, &c->answer, e);
}

static struct str at(struct client *c, const char *host, const char *path)
{
    return arena_printf(c->a, "http://%s:%d%s", host, c->server.port, path);
}

static void check_code(const struct err *e, const char *code)
{
    CHECK_STR(str_from(e->code), str_from(code));
}

static const struct script hello[] = {{"/", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0},
                                      {NULL, NULL, 0}};

/* R05 */
TEST(a_name_with_one_forbidden_address_is_blocked_whatever_the_others_are)
{
    static const char *const lists[] = {"1.1.1.1 127.0.0.1", "127.0.0.1 1.1.1.1", "1.1.1.1 ::1",
                                        "1.1.1.1 fd00::1 8.8.8.8", "2606:4700::1111 ::ffff:10.0.0.1"};
    struct client c;
    open_client(&c, hello, "", e);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        c.names = (struct names){.first = lists[i]};
        fetcher_set_resolver(c.f, (struct fetch_resolver){resolve, &c.names});
        FAILS(get(&c, STR("http://docs.example.org/"), e), RC_DENIED);
        check_code(e, "blocked_address");
    }
    close_client(&c);
}

/* R06: 127.0.0.1 is allowed here and stands for the public address; 127.0.0.2, where the same server would not answer, is not. */
TEST(a_name_that_changes_its_mind_is_asked_once_and_its_first_answer_is_connected_to)
{
    struct client c;
    open_client(&c, hello, "127.0.0.1", e);
    c.names = (struct names){.first = "127.0.0.1", .second = "127.0.0.2"};
    fetcher_set_resolver(c.f, (struct fetch_resolver){resolve, &c.names});
    OK(get(&c, at(&c, "docs.example.org", "/"), e));
    CHECK_STR(c.answer.body, STR("hello"));
    CHECK_INT(c.names.asked, 1);
    FAILS(get(&c, at(&c, "docs.example.org", "/"), e), RC_DENIED);
    check_code(e, "blocked_address");
    CHECK_INT(c.names.asked, 2);
    close_client(&c);
}

/* R06, by a redirect to the same name. */
TEST(a_redirect_asks_its_name_anew)
{
    static const struct script script[] = {
        {"/", "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {NULL, NULL, 0}};
    struct client c;
    open_client(&c, script, "127.0.0.1", e);
    c.names = (struct names){.first = "127.0.0.1", .second = "169.254.169.254"};
    fetcher_set_resolver(c.f, (struct fetch_resolver){resolve, &c.names});
    FAILS(get(&c, at(&c, "docs.example.org", "/"), e), RC_DENIED);
    check_code(e, "blocked_address");
    CHECK_INT(c.names.asked, 2);
    close_client(&c);
}

/* R07 */
TEST(a_redirect_leads_to_no_place_that_could_not_be_asked_at_first)
{
    static const struct {
        const char *location, *code;
        enum rc rc;
    } table[] = {
        {"http://127.0.0.2/", "blocked_address", RC_DENIED},
        {"http://2130706434/", "blocked_address", RC_DENIED},
        {"http://[::1]/", "blocked_address", RC_DENIED},
        {"http://8.8.8.8:22/", "blocked_address", RC_DENIED},
        {"//10.0.0.1/", "blocked_address", RC_DENIED},
        {"http://user@127.0.0.1/", "bad_url", RC_INVALID},
        {"file:///etc/passwd", "bad_url", RC_INVALID},
        {"gopher://127.0.0.1/", "bad_url", RC_INVALID},
        {"ftp://127.0.0.1/", "bad_url", RC_INVALID},
        {"http://127.0.0.1\\@8.8.8.8/", "bad_url", RC_INVALID},
    };
    enum { ROWS = sizeof table / sizeof *table };
    struct script script[ROWS + 1] = {{NULL, NULL, 0}}; /* whole before the server's thread reads it */
    struct arena *a = arena_new();
    struct client c;
    for (size_t i = 0; i < ROWS; i++) {
        struct str answer = arena_printf(
            a, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            table[i].location);
        script[i] = (struct script){arena_printf(a, "/%zu", i).p, answer.p, 0};
    }
    open_client(&c, script, "127.0.0.1", e);
    for (size_t i = 0; i < ROWS; i++) {
        FAILS(get(&c, at(&c, "127.0.0.1", script[i].path), e), table[i].rc);
        ck_assert_msg(str_eq(str_from(e->code), str_from(table[i].code)), "%s: %s", table[i].location,
                      e->code);
    }
    close_client(&c);
    arena_free(a);
}

/* R08 */
TEST(the_sixth_redirect_is_not_followed)
{
    static const struct script script[] = {
        {"/1", "HTTP/1.1 302 Found\r\nLocation: /2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/2", "HTTP/1.1 302 Found\r\nLocation: /3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/3", "HTTP/1.1 302 Found\r\nLocation: /4\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/4", "HTTP/1.1 302 Found\r\nLocation: /5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/5", "HTTP/1.1 302 Found\r\nLocation: /6\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/6", "HTTP/1.1 302 Found\r\nLocation: /7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {"/7", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", 0},
        {NULL, NULL, 0}};
    struct client c;
    open_client(&c, script, "127.0.0.1", e);
    FAILS(get(&c, at(&c, "127.0.0.1", "/1"), e), RC_INVALID);
    check_code(e, "too_many_redirects");
    OK(get(&c, at(&c, "127.0.0.1", "/2"), e));
    CHECK_STR(c.answer.body, STR("hello"));
    close_client(&c);
}

/* R12: an allowed network has all ports but that of our own server, which has to be named. */
TEST(the_port_of_our_own_server_is_reached_only_where_a_rule_names_it)
{
    struct client c;
    open_client(&c, hello, "127.0.0.0/8", e);
    OK(get(&c, at(&c, "127.0.0.1", "/"), e));
    c.rules.own_port = c.server.port;
    FAILS(get(&c, at(&c, "127.0.0.1", "/"), e), RC_DENIED);
    check_code(e, "blocked_address");
    OK(address_allow(&c.rules, arena_printf(c.a, "127.0.0.1:%d", c.server.port), e));
    OK(get(&c, at(&c, "127.0.0.1", "/"), e));
    close_client(&c);
}

TEST(a_port_of_the_public_internet_is_allowed_by_name)
{
    struct address_rules rules = {.n = 0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9000)};
    CHECK_INT(inet_pton(AF_INET, "8.8.8.8", &in.sin_addr), 1);
    CHECK_FALSE(address_is_allowed(&rules, (struct sockaddr *)&in));
    OK(address_allow_all(&rules, STR("public:9000\n\npublic:9001\n"), e));
    CHECK_TRUE(address_is_allowed(&rules, (struct sockaddr *)&in));
    CHECK_INT(inet_pton(AF_INET, "10.0.0.1", &in.sin_addr), 1);
    CHECK_FALSE(address_is_allowed(&rules, (struct sockaddr *)&in));
    FAILS(address_allow_all(&rules, STR("10.0.0.1\npublic:0\n"), e), RC_INVALID);
    FAILS(address_allow(&rules, STR("public:"), e), RC_INVALID);
    FAILS(address_allow(&rules, STR("public:70000"), e), RC_INVALID);
}

/* R13 */
TEST(each_request_says_that_it_is_a_hop_of_ours)
{
    struct client c;
    open_client(&c, hello, "127.0.0.1", e);
    OK(get(&c, at(&c, "127.0.0.1", "/"), e));
    struct str seen = buf_str(&c.server.seen);
    CHECK_TRUE(str_find(seen, STR("\r\nStint-Hop: 1\r\n"), 0) < seen.n);
    close_client(&c);
}

/* R14 */
TEST(a_head_without_end_and_answers_before_the_answer_are_cut)
{
    struct buf long_head = BUF_LIMIT(4 << 20);
    struct buf interim = BUF_LIMIT(4 << 20);
    struct buf few = BUF_LIMIT(4 << 20);
    struct client c;
    buf_append_c(&long_head, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++) {
        buf_append_c(&interim, "HTTP/1.1 103 Early Hints\r\n\r\n");
        buf_append_c(&few, i < 10 ? "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" : "");
    }
    while (long_head.n < 1 << 20) {
        buf_append_c(&long_head,
                     "X-More: ........................................................................\r\n");
    }
    buf_append_c(&few, hello[0].answer);
    buf_append_c(&interim, hello[0].answer);
    const struct script script[] = {{"/head", buf_c_str(&long_head), 0},
                                    {"/interim", buf_c_str(&interim), 0},
                                    {"/few", buf_c_str(&few), 0},
                                    {NULL, NULL, 0}};
    open_client(&c, script, "127.0.0.1", e);
    FAILS(get(&c, at(&c, "127.0.0.1", "/head"), e), RC_TOO_BIG);
    check_code(e, "answer_too_big");
    FAILS(get(&c, at(&c, "127.0.0.1", "/interim"), e), RC_TOO_BIG);
    check_code(e, "answer_too_big");
    OK(get(&c, at(&c, "127.0.0.1", "/few"), e));
    CHECK_STR(c.answer.body, STR("hello"));
    CHECK_TRUE(!fetch_header(&c.answer, STR("Link")).p);
    close_client(&c);
    buf_dispose(&long_head);
    buf_dispose(&interim);
    buf_dispose(&few);
}

/* R15 */
static struct str pack(struct str bytes, int window, struct arena *a)
{
    z_stream z = {0};
    CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, bytes.n);
    char *to = arena_alloc(a, room);
    z.next_in = (unsigned char *)bytes.p;
    z.avail_in = (unsigned)bytes.n;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (struct str){to, room - z.avail_out};
}

static struct script packed(const char *path, const char *encoding, struct str body, struct arena *a)
{
    struct buf b = BUF_LIMIT(16 << 20);
    buf_printf(&b,
               "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
               encoding, body.n);
    buf_append_str(&b, body);
    struct str kept = arena_str(a, buf_str(&b));
    buf_dispose(&b);
    return (struct script){path, kept.p, kept.n};
}

TEST(a_packed_answer_is_unpacked_once_and_no_bomb_goes_off)
{
    struct client c;
    open_client(&c, hello, "127.0.0.1", e);
    struct str zeros = {arena_alloc(c.a, ZEROS_BYTES), ZEROS_BYTES};
    struct str gzip = pack(STR("hello"), 16 + MAX_WBITS, c.a);
    char *text = arena_alloc(c.a, 2 << 20);
    for (uint32_t i = 0, r = 1; i < 2 << 20; i++) {
        r = r * 1664525U + 1013904223U;
        text[i] = (char)('a' + (r >> 24) % 26);
    }
    struct str honest = {text, 2 << 20};
    const struct script script[] = {
        packed("/gzip", "gzip", gzip, c.a),
        packed("/deflate", "deflate", pack(STR("hello"), MAX_WBITS, c.a), c.a),
        packed("/bomb", "gzip", pack(zeros, 16 + MAX_WBITS, c.a), c.a),
        packed("/twice", "gzip, gzip", pack(gzip, 16 + MAX_WBITS, c.a), c.a),
        packed("/twice-apart", "gzip\r\nContent-Encoding: gzip", pack(gzip, 16 + MAX_WBITS, c.a), c.a),
        packed("/broken", "gzip", STR("this is no gzip"), c.a),
        packed("/honest", "gzip", pack(honest, 16 + MAX_WBITS, c.a), c.a),
        {NULL, NULL, 0},
    };
    c.server.script = script;
    OK(get(&c, at(&c, "127.0.0.1", "/gzip"), e));
    CHECK_STR(c.answer.body, STR("hello"));
    OK(get(&c, at(&c, "127.0.0.1", "/deflate"), e));
    CHECK_STR(c.answer.body, STR("hello"));
    FAILS(get(&c, at(&c, "127.0.0.1", "/bomb"), e), RC_TOO_BIG);
    check_code(e, "answer_bomb");
    FAILS(get(&c, at(&c, "127.0.0.1", "/twice"), e), RC_INVALID);
    check_code(e, "bad_encoding");
    FAILS(get(&c, at(&c, "127.0.0.1", "/twice-apart"), e), RC_INVALID);
    check_code(e, "bad_encoding");
    FAILS(get(&c, at(&c, "127.0.0.1", "/broken"), e), RC_INVALID);
    check_code(e, "bad_encoding");
    OK(get(&c, at(&c, "127.0.0.1", "/honest"), e));
    CHECK_STR(c.answer.body, honest);
    close_client(&c);
}

/* R17 */
TEST(what_one_is_allowed_to_reach_another_is_not)
{
    struct client a;
    struct client b;
    open_client(&a, hello, "127.0.0.1", e);
    open_client(&b, hello, "127.0.0.2", e);
    OK(get(&a, at(&a, "127.0.0.1", "/"), e));
    FAILS(get(&b, at(&a, "127.0.0.1", "/"), e), RC_DENIED);
    close_client(&a);
    close_client(&b);
}

/* R18: an open port, a closed one, one that is none of the web, and an address where nobody is. */
TEST(nothing_is_learned_about_what_must_not_be_reached)
{
    struct client c;
    open_client(&c, hello, "", e);
    FAILS(get(&c, at(&c, "127.0.0.1", "/"), e), RC_DENIED);
    const char *code = e->code;
    struct str text = arena_str(c.a, str_from(e->text));
    static const char *const others[] = {"http://127.0.0.1:80/", "http://127.0.0.1:8080/",
                                         "http://127.0.0.1:1/", "http://127.0.0.1:22/"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        FAILS(get(&c, str_from(others[i]), e), RC_DENIED);
        CHECK_STR(str_from(e->text), text);
        CHECK_STR(str_from(e->code), str_from(code));
    }
    fetcher_set_resolver(c.f, (struct fetch_resolver){resolve, &c.names});
    c.names = (struct names){.first = "127.0.0.1"};
    FAILS(get(&c, at(&c, "inside.example.org", "/"), e), RC_DENIED);
    text = arena_str(c.a, str_from(e->text));
    c.names = (struct names){.first = "10.255.255.1"};
    FAILS(get(&c, STR("http://inside.example.org/"), e), RC_DENIED);
    CHECK_STR(str_from(e->text), text);
    CHECK_INT(c.server.seen.n, 0);
    close_client(&c);
}
