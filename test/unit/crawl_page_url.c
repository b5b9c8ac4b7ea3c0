/* crawl_page_url.c: which references lead to the same page, by a table (test/data/page_urls.tsv), and what the modes of queries do. */
#include "kinds/crawl_docs/page_url.h"

#include <string.h>

#include "base/buf.h"

#include "test.h"

struct row {
    struct str base, reference, identity, fetch;
};

static void check_row(const struct row *row, struct arena *a)
{
    struct page_url page;
    struct page_url again;
    struct err e = {.rc = RC_OK};
    enum rc rc = page_url_read(row->base, row->reference, QUERY_STRIP_TRACKING, a, &page, &e);
    if (str_eq(row->identity, STR("-"))) {
        ck_assert_msg(rc == RC_INVALID, "%.*s is taken for %.*s", STR_ARG(row->reference),
                      STR_ARG(rc ? STR("") : page.identity));
        CHECK_STR(str_from(e.code), STR("bad_url"));
        return;
    }
    ck_assert_msg(rc == RC_OK, "%.*s: %s", STR_ARG(row->reference), e.text);
    CHECK_STR(page.identity, row->identity);
    CHECK_STR(page.fetch, row->fetch.n ? row->fetch : row->identity);
    rc = page_url_read(STR(""), page.identity, QUERY_STRIP_TRACKING, a, &again, &e);
    ck_assert_msg(rc == RC_OK, "%.*s: %s", STR_ARG(page.identity), e.text);
    CHECK_STR(again.identity, page.identity);
}

TEST(every_reference_of_the_table_leads_to_its_page)
{
    struct buf table = BUF_LIMIT(1 << 20);
    struct arena *a = arena_new();
    int rows = 0;
    OK(buf_read_file(&table, "test/data/page_urls.tsv", e));
    for (struct str rest = buf_str(&table); rest.p && rest.n;) {
        struct row row = {.base = STR("")};
        struct str line = str_cut(rest, '\n', &rest);
        struct str more = STR_NONE;
        if (!line.n || line.p[0] == '#') {
            continue;
        }
        row.base = str_cut(line, '\t', &more);
        row.reference = str_cut(more, '\t', &more);
        row.identity = str_cut(more, '\t', &row.fetch);
        check_row(&row, a);
        rows++;
    }
    CHECK_TRUE(rows > 120);
    arena_free(a);
    buf_dispose(&table);
}

static struct str identity_of(const char *reference, enum query_mode mode, struct arena *a, struct err *e)
{
    struct page_url page;
    OK(page_url_read(STR("http://a/"), str_from(reference), mode, a, &page, e));
    return page.identity;
}

TEST(a_query_is_kept_or_dropped_as_asked)
{
    struct arena *a = arena_new();
    CHECK_STR(identity_of("?utm_source=x&a=1", QUERY_KEEP, a, e), STR("http://a/?a=1&utm_source=x"));
    CHECK_STR(identity_of("?utm_source=x&a=1", QUERY_DROP, a, e), STR("http://a/"));
    arena_free(a);
}

TEST(line_breaks_and_tabs_in_a_reference_mean_nothing)
{
    struct arena *a = arena_new();
    CHECK_STR(identity_of("\n  a\n\tb.html\r\n", QUERY_KEEP, a, e), STR("http://a/ab.html"));
    CHECK_STR(identity_of("java\nscript.html", QUERY_KEEP, a, e), STR("http://a/javascript.html"));
    arena_free(a);
}

TEST(an_address_that_is_too_long_is_a_trap)
{
    static char text[PAGE_URL_MAX_BYTES + 1];
    struct arena *a = arena_new();
    struct page_url page;
    memset(text, 'a', sizeof text);
    memcpy(text, "http://a/", 9);
    OK(page_url_read(STR(""), (struct str){text, PAGE_URL_MAX_BYTES}, QUERY_KEEP, a, &page, e));
    FAILS(page_url_read(STR(""), (struct str){text, PAGE_URL_MAX_BYTES + 1}, QUERY_KEEP, a, &page, e),
          RC_TOO_BIG);
    CHECK_STR(str_from(e->code), STR("url_too_long"));
    struct str odd[] = {STR("http://a/\0b"), STR("http://a\0b/"), STR("http://a/\xff"), STR("http://a/\x01")};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        FAILS(page_url_read(STR(""), odd[i], QUERY_KEEP, a, &page, e), RC_INVALID);
    }
    arena_free(a);
}
