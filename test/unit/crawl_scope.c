/* crawl_scope.c: which pages belong to a crawl, by a table (test/data/scopes.tsv). */
#include "kinds/crawl_docs/scope.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "test.h"

static void check_row(struct str line, struct arena *a, struct err *e)
{
    struct str more = STR_NONE;
    struct scope s = {.kind = SCOPE_HOST};
    struct url url;
    struct str kind = str_cut(line, '\t', &more);
    s.kind = str_eq(kind, STR("prefix")) ? SCOPE_PREFIX
             : str_eq(kind, STR("host")) ? SCOPE_HOST
                                         : SCOPE_SUBDOMAINS;
    OK(url_parse(str_cut(more, '\t', &more), a, &s.seed, e));
    struct str include = str_cut(more, '\t', &more);
    struct str exclude = str_cut(more, '\t', &more);
    s.include = &include;
    s.exclude = &exclude;
    s.include_count = include.n > 0;
    s.exclude_count = exclude.n > 0;
    OK(url_parse(str_cut(more, '\t', &more), a, &url, e));
    struct str got = str_from(scope_verdict_name(scope_judge(&s, &url, a)));
    ck_assert_msg(str_eq(got, more), "%.*s: it is %.*s", STR_ARG(line), STR_ARG(got));
}

TEST(a_page_belongs_to_a_crawl_by_its_site_its_name_and_the_globs)
{
    struct buf table = BUF_LIMIT(1 << 20);
    struct arena *a = arena_new();
    int rows = 0;
    OK(buf_read_file(&table, "test/data/scopes.tsv", e));
    for (struct str rest = buf_str(&table); rest.p && rest.n;) {
        struct str line = str_cut(rest, '\n', &rest);
        if (line.n && line.p[0] != '#') {
            check_row(line, a, e);
            rows++;
        }
    }
    CHECK_TRUE(rows > 40);
    arena_free(a);
    buf_dispose(&table);
}

TEST(a_glob_of_many_stars_is_judged_in_reasonable_time)
{
    char path[2001];
    struct arena *a = arena_new();
    struct url url;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    OK(url_parse(arena_printf(a, "http://a/%s", path), a, &url, e));
    int64_t from_us = clock_mono_us();
    CHECK_FALSE(scope_matches(STR("**a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), &url, a));
    CHECK_TRUE(clock_mono_us() - from_us < 5000000);
    CHECK_FALSE(scope_matches((struct str){path, SCOPE_GLOB_MAX_BYTES + 1}, &url, a));
    arena_free(a);
}

TEST(the_prefix_of_a_page_is_its_folder)
{
    static const char *const table[][2] = {
        {"http://a/b/c.html", "/b/"}, {"http://a/b/", "/b/"}, {"http://a/b", "/"}, {"http://a", "/"}};
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct url url;
        OK(url_parse(str_from(table[i][0]), a, &url, e));
        CHECK_STR(scope_prefix(&url), str_from(table[i][1]));
    }
    arena_free(a);
}
