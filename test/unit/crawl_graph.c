/* crawl_graph.c: what a crawl asks for next, by what its jobs have brought; and that the order in which they ended changes nothing. */
#include "kinds/crawl_docs/crawl_graph.h"

#include <string.h>

#include "test.h"

#define SITE "http://a"

/* A site of which so much is known: lines of jobs, in any order. */
struct known {
    struct arena *a;
    struct crawl_args args;
    struct crawl_graph graph;
    struct str lines[64];
    size_t count;
};

static void open_known(struct known *k, const char *args, struct err *e)
{
    *k = (struct known){.a = arena_new()};
    OK(crawl_args_read(str_from(args), k->a, &k->args, e));
}

static void know(struct known *k, const char *what, const char *path, const char *state_and_result)
{
    k->lines[k->count] =
        arena_printf(k->a, "{\"id\":\"j%zu\",\"args\":{\"what\":\"%s\",\"url\":\"" SITE "%s\"},%s}\n",
                     k->count, what, path, state_and_result);
    k->count++;
}

static void know_page(struct known *k, const char *path, const char *links)
{
    know(k, "page", path,
         arena_printf(
             k->a,
             "\"state\":\"completed\",\"result\":{\"status\":200,\"bytes\":10,\"page\":{\"links\":[%s]}}",
             links)
             .p);
}

static void know_start(struct known *k, const char *robots)
{
    know(k, "robots", "/robots.txt",
         arena_printf(k->a, "\"state\":\"completed\",\"result\":{\"status\":200,\"text\":\"%s\"}", robots).p);
    know(k, "sitemap", "/sitemap.xml", "\"state\":\"completed\",\"result\":{\"urls\":[],\"is_index\":false}");
    know(k, "llms", "/llms.txt", "\"state\":\"completed\",\"result\":{\"urls\":[],\"is_index\":false}");
}

/* A site with this robots.txt, whose first page has these links. */
static void open_site(struct known *k, const char *args, const char *robots, const char *links, struct err *e)
{
    open_known(k, args, e);
    know_start(k, robots);
    know_page(k, "/", links);
}

/* In two pieces, as they come. */
static enum rc read_graph(struct known *k, struct str lines, struct str previous, struct err *e)
{
    struct str rest = lines;
    (void)str_cut(lines, '\n', &rest);
    crawl_graph_begin(&k->args, previous, k->a, &k->graph);
    enum rc rc = crawl_graph_take(&k->graph, str_sub(lines, 0, lines.n - rest.n), e);
    rc = rc ? rc : crawl_graph_take(&k->graph, rest, e);
    return rc ? rc : crawl_graph_end(&k->graph, e);
}

static enum rc read_known(struct known *k, bool is_backwards, struct err *e)
{
    struct str all = STR("");
    for (size_t i = 0; i < k->count; i++) {
        struct str line = k->lines[is_backwards ? k->count - 1 - i : i];
        all = arena_printf(k->a, "%.*s%.*s", STR_ARG(all), STR_ARG(line));
    }
    return read_graph(k, all, STR(""), e);
}

/* "what path, what path": what is asked for next. */
static struct str asked(struct known *k, struct err *e)
{
    struct str first = STR_NONE;
    for (int turn = 0; turn < 2; turn++) {
        struct str all = STR("");
        OK(read_known(k, turn == 1, e));
        for (size_t i = 0; i < k->graph.ask_count; i++) {
            const struct crawl_ask *ask = &k->graph.asks[i];
            all = arena_printf(k->a, "%.*s%s%s %.*s", STR_ARG(all), i ? ", " : "", page_what_name(ask->what),
                               STR_ARG(str_sub(ask->url, sizeof SITE - 1, ask->url.n)));
        }
        if (turn) {
            CHECK_STR(all, first);
        }
        first = all;
    }
    return first;
}

TEST(a_crawl_asks_for_robots_then_for_the_first_page_and_lists_then_for_what_they_name)
{
    struct known k;
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    CHECK_STR(asked(&k, e), STR("robots /robots.txt"));
    know(&k, "robots", "/robots.txt", "\"state\":\"completed\",\"result\":{\"status\":404,\"text\":\"\"}");
    CHECK_STR(asked(&k, e), STR("page /, sitemap /sitemap.xml, llms /llms.txt"));
    know_page(&k, "/", "\"http://a/x\",\"http://a/y\",\"http://a/x\"");
    know(&k, "sitemap", "/sitemap.xml",
         "\"state\":\"completed\",\"result\":{\"urls\":[\"http://a/m\",\"http://a/y\"],\"is_index\":false}");
    know(&k, "llms", "/llms.txt", "\"state\":\"failed\",\"result\":null");
    CHECK_STR(asked(&k, e), STR("page /x, page /y, page /m"));
    know_page(&k, "/x", "\"http://a/\",\"http://a/z\"");
    know_page(&k, "/y", "\"http://a/w\"");
    know(&k, "page", "/m", "\"state\":\"failed\",\"error\":{\"code\":\"http_404\"}");
    CHECK_STR(asked(&k, e), STR("page /z, page /w"));
    know_page(&k, "/z", "");
    know_page(&k, "/w", "");
    CHECK_STR(asked(&k, e), STR(""));
    CHECK_INT(k.graph.failed, 1);
    CHECK_INT(crawl_graph_find(&k.graph, STR("http://a/z#part"))->depth, 2);
    arena_free(k.a);
}

TEST(a_page_keeps_its_smallest_depth_and_none_is_deeper_than_asked)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\",\"depth\":2}", "", "\"http://a/1\",\"http://a/short\"", e);
    know_page(&k, "/1", "\"http://a/2\",\"http://a/short\"");
    know_page(&k, "/short", "\"http://a/2\"");
    know_page(&k, "/2", "\"http://a/3\"");
    CHECK_STR(asked(&k, e), STR(""));
    CHECK_INT(crawl_graph_node(&k.graph, STR("http://a/short"))->depth, 1);
    CHECK_INT(crawl_graph_node(&k.graph, STR("http://a/2"))->depth, 2);
    CHECK_TRUE(!crawl_graph_node(&k.graph, STR("http://a/3")));
    CHECK_INT(k.graph.skips.by_reason[SKIP_DEPTH], 1);
    arena_free(k.a);
}

TEST(no_more_pages_are_asked_for_than_allowed_and_aliases_are_none)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\",\"max_pages\":3}", "",
              "\"http://a/1\",\"http://a/2\",\"http://a/3\",\"http://a/4\"", e);
    CHECK_STR(asked(&k, e), STR("page /1, page /2"));
    CHECK_INT(k.graph.skips.by_reason[SKIP_PAGES], 2);
    know(&k, "page", "/1", "\"state\":\"completed\",\"result\":{\"status\":301,\"redirect\":\"http://a/2\"}");
    know_page(&k, "/2", "");
    CHECK_STR(asked(&k, e), STR("page /3"));
    arena_free(k.a);
}

TEST(a_redirect_of_the_first_page_moves_the_crawl_and_a_circle_ends_it)
{
    struct known k;
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know_start(&k, "");
    know(&k, "page", "/",
         "\"state\":\"completed\",\"result\":{\"status\":302,\"redirect\":\"http://a/docs/\"}");
    CHECK_STR(asked(&k, e), STR("page /docs/, sitemap /docs/sitemap.xml"));
    know_page(&k, "/docs/", "\"http://a/docs/1\",\"http://a/other\"");
    CHECK_STR(asked(&k, e), STR("sitemap /docs/sitemap.xml, page /docs/1"));
    CHECK_INT(k.graph.skips.by_reason[SKIP_OUT], 1);
    arena_free(k.a);
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know_start(&k, "");
    know(&k, "page", "/", "\"state\":\"completed\",\"result\":{\"status\":302,\"redirect\":\"http://a/b\"}");
    know(&k, "page", "/b", "\"state\":\"completed\",\"result\":{\"status\":302,\"redirect\":\"http://a/\"}");
    FAILS(read_known(&k, false, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("redirect_loop"));
    arena_free(k.a);
}

TEST(what_robots_txt_forbids_is_not_asked_for)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\"}", "User-agent: *\\nDisallow: /p\\nCrawl-delay: 45",
              "\"http://a/p1\",\"http://a/q\"", e);
    CHECK_STR(asked(&k, e), STR("page /q"));
    CHECK_INT(k.graph.skips.by_reason[SKIP_ROBOTS], 1);
    CHECK_INT(k.graph.asks[0].delay_ms, CRAWL_DELAY_MAX_MS);
    CHECK_TRUE(k.graph.is_delay_capped);
    arena_free(k.a);
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know_start(&k, "User-agent: *\\nDisallow: /");
    FAILS(read_known(&k, false, e), RC_DENIED);
    CHECK_STR(str_from(e->code), STR("robots"));
    arena_free(k.a);
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know(&k, "robots", "/robots.txt",
         "\"state\":\"failed\",\"error\":{\"code\":\"robots_unreachable\",\"message\":\"503\"}");
    FAILS(read_known(&k, false, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("robots_unreachable"));
    arena_free(k.a);
}

TEST(a_page_that_was_not_modified_is_what_it_was_unless_that_is_another_one)
{
    struct known k;
    struct str lines;
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know_start(&k, "");
    know(&k, "page", "/",
         "\"state\":\"completed\",\"result\":{\"status\":304,\"etag\":\"1\",\"last_modified\":\"\"}");
    lines = STR("");
    for (size_t i = 0; i < k.count; i++) {
        lines = arena_printf(k.a, "%.*s%.*s", STR_ARG(lines), STR_ARG(k.lines[i]));
    }
    struct str record = STR("{\"url\":\"http://a/\",\"text\":\"# "
                            "A\",\"result\":{\"status\":200,\"etag\":\"1\",\"last_modified\":\"\","
                            "\"page\":{\"links\":[\"http://a/x\"]}}}\nnonsense\n");
    OK(read_graph(&k, lines, record, e));
    CHECK_TRUE(k.graph.nodes[0].is_unchanged);
    CHECK_INT(k.graph.ask_count, 1);
    CHECK_STR(k.graph.asks[0].url, STR("http://a/x"));
    record = STR("{\"url\":\"http://a/\",\"text\":\"# "
                 "A\",\"result\":{\"status\":200,\"etag\":\"2\",\"last_modified\":\"\",\"page\":{}}}\n");
    FAILS(read_graph(&k, lines, record, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("seed_failed"));
    arena_free(k.a);
}

static void know_redirect(struct known *k, const char *path, const char *to)
{
    know(k, "page", path,
         arena_printf(k->a, "\"state\":\"completed\",\"result\":{\"status\":302,\"redirect\":\"%s\"}", to).p);
}

static struct str code_of(struct known *k, const char *address)
{
    const struct crawl_node *n = crawl_graph_node(&k->graph, str_from(address));
    return n && n->state == CRAWL_FAILED ? n->code : STR("");
}

TEST(a_page_that_redirects_on_and_on_fails_after_five_redirects)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\"}", "", "\"http://a/r0\",\"http://a/self\",\"http://a/x\"", e);
    know_redirect(&k, "/self", "http://a/self");
    know_redirect(&k, "/x", "http://a/y");
    know_redirect(&k, "/y", "http://a/x");
    for (int i = 0; i <= CRAWL_REDIRECTS_MAX; i++) {
        know_redirect(&k, arena_printf(k.a, "/r%d", i).p, arena_printf(k.a, "http://a/r%d", i + 1).p);
    }
    CHECK_STR(asked(&k, e), STR(""));
    CHECK_STR(code_of(&k, "http://a/r4"), STR(""));
    CHECK_STR(code_of(&k, "http://a/r5"), STR("redirect_loop"));
    CHECK_STR(code_of(&k, "http://a/self"), STR("redirect_loop"));
    CHECK_STR(code_of(&k, "http://a/y"), STR("redirect_loop"));
    CHECK_INT(k.graph.failed, 3);
    arena_free(k.a);
}

TEST(a_page_that_redirects_to_where_the_crawl_may_not_go_fails)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\",\"exclude\":[\"/no*\"]}", "User-agent: *\\nDisallow: /p",
              "\"http://a/1\",\"http://a/2\",\"http://a/3\",\"http://a/4\"", e);
    know_redirect(&k, "/1", "http://b/");
    know_redirect(&k, "/2", "http://a/no1");
    know_redirect(&k, "/3", "http://a/x.png");
    know_redirect(&k, "/4", "http://a/p");
    CHECK_STR(asked(&k, e), STR(""));
    for (int i = 1; i <= 3; i++) {
        CHECK_STR(code_of(&k, arena_printf(k.a, "http://a/%d", i).p), STR("redirect_out_of_scope"));
    }
    CHECK_STR(code_of(&k, "http://a/4"), STR("robots"));
    CHECK_INT(k.graph.failed, 4);
    arena_free(k.a);
}

TEST(pages_beyond_the_bytes_of_a_crawl_are_counted_as_left_out)
{
    struct known k;
    open_known(&k, "{\"url\":\"http://a/\",\"max_total_bytes\":1024}", e);
    know_start(&k, "");
    know(&k, "page", "/",
         "\"state\":\"completed\",\"result\":{\"status\":200,\"bytes\":1024,\"page\":{\"links\":[\"http://a/"
         "1\",\"http://a/2\"]}}");
    CHECK_STR(asked(&k, e), STR(""));
    CHECK_INT(k.graph.count, 1);
    CHECK_INT(k.graph.skips.by_reason[SKIP_BYTES], 2);
    arena_free(k.a);
}

TEST(links_of_a_page_whose_answer_says_nofollow_are_not_followed)
{
    struct known k;
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know_start(&k, "");
    know(&k, "page", "/",
         "\"state\":\"completed\",\"result\":{\"status\":200,\"nofollow\":true,\"page\":{\"links\":[\"http://"
         "a/1\"]}}");
    CHECK_STR(asked(&k, e), STR(""));
    arena_free(k.a);
}

TEST(lists_that_robots_txt_forbids_are_asked_for_only_where_it_names_them)
{
    struct known k;
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know(&k, "robots", "/robots.txt",
         "\"state\":\"completed\",\"result\":{\"status\":200,\"text\":\"User-agent: *\\nDisallow: "
         "/llms.txt\\nDisallow: /sitemap\"}");
    CHECK_STR(asked(&k, e), STR("page /"));
    arena_free(k.a);
    open_known(&k, "{\"url\":\"http://a/\"}", e);
    know(&k, "robots", "/robots.txt",
         "\"state\":\"completed\",\"result\":{\"status\":200,\"text\":\"User-agent: *\\nDisallow: "
         "/sitemap\\nSitemap: http://a/sitemap.xml\"}");
    CHECK_STR(asked(&k, e), STR("page /, sitemap /sitemap.xml, llms /llms.txt"));
    arena_free(k.a);
}

/* The first page of 400 bytes names ten; those that are asked for then have so many. */
static void know_sizes(struct known *k, int bytes, struct err *e)
{
    open_known(k, "{\"url\":\"http://a/\",\"max_total_bytes\":2000}", e);
    know_start(k, "");
    know(k, "page", "/",
         "\"state\":\"completed\",\"result\":{\"status\":200,\"bytes\":400,\"page\":{\"links\":[\"http://a/"
         "0\",\"http://a/"
         "1\",\"http://a/2\",\"http://a/3\",\"http://a/4\",\"http://a/5\",\"http://a/6\",\"http://a/"
         "7\",\"http://a/8\",\"http://a/9\"]}}");
    for (int i = 0; i < 4 && bytes; i++) {
        know(k, "page", arena_printf(k->a, "/%d", i).p,
             arena_printf(
                 k->a,
                 "\"state\":\"completed\",\"result\":{\"status\":200,\"bytes\":%d,\"page\":{\"links\":[]}}",
                 bytes)
                 .p);
    }
}

TEST(a_turn_asks_for_no_more_pages_than_would_fill_max_total_bytes)
{
    struct known k;
    know_sizes(&k, 0, e);
    CHECK_STR(asked(&k, e), STR("page /0, page /1, page /2, page /3"));
    arena_free(k.a);
    know_sizes(&k, 100, e);
    CHECK_STR(asked(&k, e), STR("page /4, page /5, page /6, page /7, page /8, page /9"));
    arena_free(k.a);
    know_sizes(&k, 500, e);
    CHECK_STR(asked(&k, e), STR(""));
    CHECK_INT(k.graph.skips.by_reason[SKIP_BYTES], 6);
    arena_free(k.a);
}

TEST(each_host_has_its_own_delay)
{
    struct known k;
    open_site(&k, "{\"url\":\"http://a/\",\"scope\":\"subdomains\"}", "User-agent: *\\nCrawl-delay: 2",
              "\"http://a/1\",\"http://b.a/2\"", e);
    k.lines[k.count++] = STR("{\"id\":\"x\",\"args\":{\"what\":\"robots\",\"url\":\"http://b.a/robots.txt\"},"
                             "\"state\":\"completed\",\"result\":{\"text\":\"\"}}\n");
    OK(read_known(&k, false, e));
    CHECK_INT(k.graph.ask_count, 2);
    CHECK_INT(k.graph.asks[0].delay_ms, 2000);
    CHECK_INT(k.graph.asks[1].delay_ms, 0);
    arena_free(k.a);
    open_known(&k, "{\"url\":\"http://a/\",\"delay_ms\":9000}", e);
    know_start(&k, "");
    know_page(&k, "/", "\"http://a/1\"");
    OK(read_known(&k, false, e));
    CHECK_INT(k.graph.asks[0].delay_ms, 0); /* that of the crawl is no host's */
    arena_free(k.a);
}
