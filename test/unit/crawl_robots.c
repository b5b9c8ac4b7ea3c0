/* crawl_robots.c: robots.txt by a table (test/data/robots.tsv), what the other lines say, and files that are meant to hurt. */
#include "kinds/crawl_docs/robots.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "test.h"

#define AGENT STR("stint")

/* \n \r \t \\ and \xHH as they are meant. */
static struct str unescape(struct str text, struct arena *a)
{
    static const char names[] = "nrt\\";
    static const char bytes[] = "\n\r\t\\";
    char *to = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *known = text.p[i] == '\\' && i + 1 < text.n ? strchr(names, text.p[i + 1]) : NULL;
        if (known) {
            to[n++] = bytes[known - names];
            i++;
        } else if (str_starts(str_sub(text, i, text.n), STR("\\xef\\xbb\\xbf"))) {
            memcpy(to + n, "\xef\xbb\xbf", 3);
            n += 3;
            i += 11;
        } else {
            to[n++] = text.p[i];
        }
    }
    return (struct str){to, n};
}

static bool allows(struct str text, struct str path, struct arena *a, struct err *e)
{
    struct robots robots;
    struct url url;
    robots_read(text, AGENT, a, &robots);
    OK(url_parse(arena_printf(a, "http://docs.example.org%.*s", STR_ARG(path)), a, &url, e));
    return robots_allows(&robots, &url, a);
}

TEST(a_site_is_asked_for_what_its_robots_txt_allows)
{
    struct buf table = BUF_LIMIT(1 << 20);
    struct arena *a = arena_new();
    int rows = 0;
    OK(buf_read_file(&table, "test/data/robots.tsv", e));
    for (struct str rest = buf_str(&table); rest.p && rest.n;) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str more = STR_NONE;
        if (!line.n || line.p[0] == '#') {
            continue;
        }
        struct str text = unescape(str_cut(line, '\t', &more), a);
        struct str path = str_cut(more, '\t', &more);
        bool want = str_starts(more, STR("+"));
        ck_assert_msg(allows(text, path, a, e) == want, "%.*s", STR_ARG(line));
        rows++;
    }
    CHECK_TRUE(rows > 60);
    arena_free(a);
    buf_dispose(&table);
}

TEST(a_delay_is_read_and_bounded)
{
    static const struct {
        const char *text;
        int64_t ms;
    } table[] = {
        {"User-agent: *\nCrawl-delay: 2", 2000},
        {"User-agent: *\nCrawl-delay: 0.5", 500},
        {"User-agent: *\nCrawl-delay: 1e9", 60000},
        {"User-agent: *\nCrawl-delay: 999999999999999999999", 60000},
        {"User-agent: *\nCrawl-delay: -5", 0},
        {"User-agent: *\nCrawl-delay: soon", -1},
        {"User-agent: *\nCrawl-delay: nan", -1},
        {"User-agent: *\nCrawl-delay: inf", -1},
        {"User-agent: *\nCrawl-delay:", -1},
        {"User-agent: *\nCrawl-delay: -1e400", 0},
        {"Crawl-delay: 3\nUser-agent: *\nAllow: /", -1},
        {"User-agent: stint\nUser-agent: *\nCrawl-delay: 4", 4000},
        {"User-agent: *\nCrawl-delay: 9\nDisallow: /\nUser-agent: stint\nAllow: /", -1},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct robots robots;
        robots_read(str_from(table[i].text), AGENT, a, &robots);
        ck_assert_msg(robots.delay_ms == table[i].ms, "%s: %lld", table[i].text, (long long)robots.delay_ms);
    }
    arena_free(a);
}

TEST(sitemaps_are_everybodys_and_not_more_than_fifty)
{
    struct arena *a = arena_new();
    struct robots robots;
    struct buf text = BUF_LIMIT(1 << 20);
    robots_read(
        STR("Sitemap: https://a/1\nUser-agent: other\nDisallow: /\nsitemap : https://a/2 # x\nSitemap:\n"),
        AGENT, a, &robots);
    CHECK_INT(robots.sitemap_count, 2);
    CHECK_STR(robots.sitemaps[0], STR("https://a/1"));
    CHECK_STR(robots.sitemaps[1], STR("https://a/2"));
    for (int i = 0; i < 1000; i++) {
        buf_append_c(&text, "Sitemap: https://a/x\n");
    }
    robots_read(buf_str(&text), AGENT, a, &robots);
    CHECK_INT(robots.sitemap_count, ROBOTS_SITEMAPS_MAX);
    buf_dispose(&text);
    arena_free(a);
}

TEST(what_is_behind_500_kib_is_not_read)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    buf_append_c(&text, "User-agent: *\nDisallow: /first\n");
    while (text.n < 600 << 10) {
        buf_append_c(&text, "# nothing here ........................................\n");
    }
    buf_append_c(&text, "Disallow: /last\n");
    CHECK_FALSE(allows(buf_str(&text), STR("/first"), a, e));
    CHECK_TRUE(allows(buf_str(&text), STR("/last"), a, e));
    buf_dispose(&text);
    arena_free(a);
}

static int64_t cost_us(struct str text, struct str path, struct arena *a, struct err *e)
{
    struct robots robots;
    struct url url;
    robots_read(text, AGENT, a, &robots);
    OK(url_parse(arena_printf(a, "http://a%.*s", STR_ARG(path)), a, &url, e));
    int64_t from_us = clock_mono_us();
    CHECK_TRUE(robots_allows(&robots, &url, a));
    return clock_mono_us() - from_us;
}

/* The median: others work on this machine too. */
TEST(wildcards_do_not_make_a_match_slow)
{
    char path[2001];
    int64_t fast = INT64_MAX;
    struct arena *a = arena_new();
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    for (int i = 0; i < 9; i++) {
        int64_t us = cost_us(STR("User-agent: *\nDisallow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
                             str_from(path), a, e);
        fast = us < fast ? us : fast;
    }
    ck_assert_msg(fast < 1000, "%lld us", (long long)fast);
    arena_free(a);
}

TEST(bytes_that_are_no_text_are_only_bytes)
{
    struct arena *a = arena_new();
    CHECK_TRUE(allows(STR("\xff\xfeU\0s\0e\0r\0-\0a\0g\0e\0n\0t\0"), STR("/a"), a, e));
    CHECK_FALSE(allows(STR("\0\0\nUser-agent: *\nDisallow: /a\0b\nDisallow: /a"), STR("/a"), a, e));
    CHECK_TRUE(allows(STR("User-agent: *\nDisallow: /a\0"), STR("/a"), a, e));
    arena_free(a);
}

TEST(an_x_robots_tag_is_read_in_any_case_and_by_the_name_of_the_robot)
{
    static const struct {
        const char *value;
        bool is_noindex, is_nofollow;
    } rows[] = {
        {"noindex", true, false},
        {"NoFollow", false, true},
        {" none ", true, true},
        {"noarchive, noindex", true, false},
        {"noindexed, no index", false, false},
        {"googlebot: noindex, nofollow", false, false},
        {"googlebot: noindex, Stint: nofollow", false, true},
        {"stint:none", true, true},
        {"noindex, otherbot: nofollow", true, false},
        {"max-snippet: -1, noindex", true, false},
        {"unavailable_after: 25 Jun 2010 15:00:00 PST, nofollow", false, true},
        {"unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, nofollow", false, true},
        {"", false, false},
        {":,none,::", true, true},
    };
    (void)e;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct robots_tag tag = {0};
        robots_tag_read(str_from(rows[i].value), STR("stint"), &tag);
        CHECK_INT(tag.is_noindex, rows[i].is_noindex);
        CHECK_INT(tag.is_nofollow, rows[i].is_nofollow);
    }
}
