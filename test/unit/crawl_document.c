/* crawl_document.c: the document of a crawl, byte by byte. */
#include "kinds/crawl_docs/crawl_document.h"

#include <string.h>

#include "test.h"

static const char *const texts[][2] = {
    {"http://a/", "# Start\n\nSee [one](http://a/1#x), [two](<http://a/2> \"t\") and [out](http://b/).\n"},
    {"http://a/1", "# One\n\n## Part\n\n```md\n# no heading [x](http://a/2)\n```\n\n[back](http://a/)\n"},
    {"http://a/2", "Text without a heading.\n"},
};

static struct str read_text(void *ctx, const struct crawl_node *n)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (str_eq(n->identity, str_from(texts[i][0]))) {
            return str_from(texts[i][1]);
        }
    }
    return STR_NONE;
}

static const char lines[] =
    "{\"id\":\"r\",\"state\":\"completed\",\"args\":{\"what\":\"robots\",\"url\":\"http://a/"
    "robots.txt\"},\"result\":{\"text\":\"\"}}\n"
    "{\"id\":\"2\",\"state\":\"completed\",\"args\":{\"what\":\"page\",\"url\":\"http://a/"
    "2\"},\"result\":{\"status\":200,\"page\":{"
    "\"title\":\"Two\",\"hash\":\"2\",\"tokens\":20,\"quality\":50,\"links\":[],\"blocks\":\"\"}}}\n"
    "{\"id\":\"0\",\"state\":\"completed\",\"args\":{\"what\":\"page\",\"url\":\"http://a/"
    "\"},\"result\":{\"status\":200,\"page\":{"
    "\"title\":\"T\",\"hash\":\"0\",\"tokens\":10,\"quality\":90,\"links\":[\"http://a/1\",\"http://a/"
    "2\",\"http://a/3\"],\"blocks\":\"\"}}}\n"
    "{\"id\":\"1\",\"state\":\"completed\",\"args\":{\"what\":\"page\",\"url\":\"http://a/"
    "1\"},\"result\":{\"status\":200,\"page\":{"
    "\"title\":\"T\",\"hash\":\"1\",\"tokens\":30,\"quality\":90,\"links\":[],\"blocks\":\"\"}}}\n"
    "{\"id\":\"3\",\"state\":\"failed\",\"args\":{\"what\":\"page\",\"url\":\"http://a/"
    "3\"},\"error\":{\"code\":\"http_404\"}}\n";

static void make(struct arena *a, struct crawl_args *args, struct crawl_graph *g, struct crawl_document *d,
                 struct err *e)
{
    OK(crawl_args_read(STR("{\"url\":\"http://a/\",\"sitemap\":\"skip\"}"), a, args, e));
    OK(crawl_graph_read(args, str_from(lines), STR(""), a, g, e));
    crawl_document_make(g, read_text, NULL, a, d);
}

TEST(pages_become_one_document_whose_links_are_anchors)
{
    struct arena *a = arena_new();
    struct crawl_args args;
    struct crawl_graph g;
    struct crawl_document d;
    struct buf out = BUF_LIMIT(1 << 20);
    size_t next = 0;
    make(a, &args, &g, &d, e);
    crawl_document_write(&d, &next, 0, &out);
    CHECK_INT(next, 3);
    CHECK_STR(buf_str(&out),
              STR("---\nsite: http://a/\npages: 3\ntokens: 60\nfailed: 1\n---\n\n# Contents\n\n"
                  "- [Start](#page-1)\n- [One](#page-2)\n- [Two](#page-3)\n"
                  "\n<a id=\"page-1\"></a>\n\n## Start\n\nSource: <http://a/>\n\n"
                  "See [one](#page-2), [two](#page-3 \"t\") and [out](http://b/).\n"
                  "\n<a id=\"page-2\"></a>\n\n## One\n\nSource: <http://a/1>\n\n"
                  "### Part\n\n```md\n# no heading [x](http://a/2)\n```\n\n[back](#page-1)\n"
                  "\n<a id=\"page-3\"></a>\n\n## Two\n\nSource: <http://a/2>\n\nText without a heading.\n"));
    buf_clear(&out);
    crawl_document_llms_txt(&d, &out);
    CHECK_STR(buf_str(&out),
              STR("# Start\n\n## Pages\n\n- [Start](http://a/)\n- [One](http://a/1)\n- [Two](http://a/2)\n"));
    buf_dispose(&out);
    arena_free(a);
}

TEST(a_document_is_split_between_pages_and_links_to_other_parts_keep_their_addresses)
{
    struct arena *a = arena_new();
    struct crawl_args args;
    struct crawl_graph g;
    struct crawl_document d;
    struct buf out = BUF_LIMIT(1 << 20);
    size_t next = 0;
    make(a, &args, &g, &d, e);
    crawl_document_write(&d, &next, 40, &out);
    CHECK_INT(next, 2);
    struct str text = buf_str(&out);
    CHECK_TRUE(str_find(text, STR("part: pages 1 to 2 of 3"), 0) < text.n);
    CHECK_TRUE(str_find(text, STR("[two](<http://a/2> \"t\")"), 0) < text.n);
    buf_clear(&out);
    crawl_document_write(&d, &next, 1, &out);
    CHECK_INT(next, 3);
    buf_dispose(&out);
    arena_free(a);
}

TEST(what_happened_to_each_address_is_told)
{
    struct arena *a = arena_new();
    struct crawl_args args;
    struct crawl_graph g;
    struct crawl_document d;
    struct buf out = BUF_LIMIT(1 << 20);
    struct json *o = NULL;
    make(a, &args, &g, &d, e);
    crawl_document_json(&d, &out);
    OK(json_parse(buf_str(&out), a, &o, e));
    const struct json *urls = json_get(o, STR("urls"));
    CHECK_INT(urls->count, 4);
    CHECK_STR(json_get(urls->first, STR("title"))->s, STR("Start"));
    CHECK_STR(json_get(urls->first->next->next->next, STR("error"))->s, STR("http_404"));
    buf_dispose(&out);
    arena_free(a);
}
