/* f_crawl.c: what a site says to a crawl: addresses, robots.txt, sitemaps, llms.txt, packed files. Nothing of it breaks the reader; an
 * address that was read once is read again as it is; and what is taken for an address leads nowhere else when it is asked for. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "kinds/crawl_docs/llms_txt.h"
#include "kinds/crawl_docs/page_url.h"
#include "kinds/crawl_docs/robots.h"
#include "kinds/crawl_docs/scope.h"
#include "kinds/crawl_docs/sitemap.h"
#include "net/gunzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct str text, struct arena *a)
{
    struct page_url page;
    struct page_url again;
    if (page_url_read(STR("http://docs.example.org/a/b?c"), text, QUERY_STRIP_TRACKING, a, &page, NULL)) {
        return;
    }
    assert(!page_url_read(STR(""), page.fetch, QUERY_STRIP_TRACKING, a, &again, NULL));
    assert(str_eq(again.fetch, page.fetch) && str_eq(again.identity, page.identity));
    assert(str_eq(again.url.host, page.url.host) && again.url.port == page.url.port);
    assert(!page_url_read(STR(""), page.identity, QUERY_STRIP_TRACKING, a, &again, NULL));
    assert(str_eq(again.identity, page.identity));
    const struct scope scope = {.kind = SCOPE_HOST, .seed = again.url};
    assert(scope_judge(&scope, &again.url, a) == SCOPE_IN);
    (void)scope_matches(str_sub(text, 0, 32), &page.url, a);
}

/* url_join leaves the whole address to libcurl; url_parse reads plain ones itself. */
static void check_plain_url(struct str text, struct arena *a)
{
    struct url own;
    struct url theirs;
    if (!url_parse(text, a, &own, NULL)) {
        assert(!url_join(text, STR(""), a, &theirs, NULL));
        assert(str_eq(own.scheme, theirs.scheme) && str_eq(own.host, theirs.host) && own.port == theirs.port);
        assert(str_eq(own.path, theirs.path) && str_eq(own.query, theirs.query) &&
               !own.query.p == !theirs.query.p);
    }
}

static void check_robots(struct str text, struct arena *a)
{
    struct robots robots;
    struct url url;
    struct str rest = STR_NONE;
    struct str path = str_cut(text, '\n', &rest);
    robots_read(rest.p ? rest : text, STR("stint"), a, &robots);
    assert(robots.delay_ms >= -1 && robots.delay_ms <= ROBOTS_DELAY_MAX_MS);
    if (!url_join(STR("http://docs.example.org/"), path, a, &url, NULL)) {
        (void)robots_allows(&robots, &url, a);
    }
    if (!url_parse(STR("http://docs.example.org/robots.txt"), a, &url, NULL)) {
        assert(robots_allows(&robots, &url, a));
    }
}

static void check_tag(struct str text)
{
    struct robots_tag tag = {0};
    struct robots_tag ours = {0};
    robots_tag_read(text, STR("stint"), &tag);
    ours = tag;
    robots_tag_read(text, STR("stint"), &ours);
    assert(ours.is_noindex == tag.is_noindex && ours.is_nofollow == tag.is_nofollow);
}

static void check_lists(struct str text, struct arena *a)
{
    struct sitemap sitemap;
    struct str *links = NULL;
    sitemap_read(text, a, &sitemap);
    for (size_t i = 0; i < sitemap.count; i++) {
        assert(sitemap.urls[i].n > 0 && sitemap.urls[i].n <= SITEMAP_URL_MAX);
    }
    size_t count = llms_txt_links(text, a, &links);
    for (size_t i = 0; i < count; i++) {
        assert(links[i].p >= text.p && links[i].p + links[i].n <= text.p + text.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *a = arena_new();
    struct buf out = BUF_LIMIT(1 << 20);
    check_url(text, a);
    check_plain_url(text, a);
    check_plain_url(arena_printf(a, "http://%.*s", STR_ARG(text)), a);
    check_plain_url(arena_printf(a, "http://docs.example.org/%.*s", STR_ARG(text)), a);
    check_tag(text);
    check_robots(text, a);
    check_lists(text, a);
    (void)!gunzip(text, &out, NULL);
    buf_dispose(&out);
    arena_free(a);
    return 0;
}
