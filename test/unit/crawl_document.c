/* crawl_document.c: the document of a crawl, byte by byte. */
#include "kinds/crawl_docs/crawl_document.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kinds/crawl_docs/page_text.h"
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

/* The document of the crawl above, and where it is written to. */
struct made {
    struct arena *a;
    struct crawl_args args;
    struct crawl_graph g;
    struct crawl_document d;
    struct buf out;
};

static void read_graph(const struct crawl_args *args, struct str jobs, struct arena *a,
                       struct crawl_graph *out, struct err *e)
{
    crawl_graph_begin(args, STR(""), a, out);
    OK(crawl_graph_take(out, jobs, e));
    OK(crawl_graph_end(out, e));
}

static void make(struct made *m, struct err *e)
{
    *m = (struct made){.a = arena_new(), .out = BUF_LIMIT(1 << 20)};
    OK(crawl_args_read(STR("{\"url\":\"http://a/\",\"sitemap\":\"skip\"}"), m->a, &m->args, e));
    read_graph(&m->args, str_from(lines), m->a, &m->g, e);
    crawl_document_make(&m->g, read_text, NULL, m->a, &m->d);
}

static void unmake(struct made *m)
{
    buf_dispose(&m->out);
    arena_free(m->a);
}

TEST(pages_become_one_document_whose_links_are_anchors)
{
    struct made m;
    size_t next = 0;
    make(&m, e);
    crawl_document_write(&m.d, &next, 0, &m.out);
    CHECK_INT(next, 3);
    CHECK_STR(buf_str(&m.out),
              STR("---\nsite: http://a/\npages: 3\ntokens: 60\nfailed: 1\n---\n\n# Contents\n\n"
                  "- [Start](#page-1)\n- [One](#page-2)\n- [Two](#page-3)\n"
                  "\n<a id=\"page-1\"></a>\n\n## Start\n\nSource: <http://a/>\n\n"
                  "See [one](#page-2), [two](#page-3 \"t\") and [out](http://b/).\n"
                  "\n<a id=\"page-2\"></a>\n\n## One\n\nSource: <http://a/1>\n\n"
                  "### Part\n\n```md\n# no heading [x](http://a/2)\n```\n\n[back](#page-1)\n"
                  "\n<a id=\"page-3\"></a>\n\n## Two\n\nSource: <http://a/2>\n\nText without a heading.\n"));
    buf_clear(&m.out);
    crawl_document_llms_txt(&m.d, &m.out);
    CHECK_STR(buf_str(&m.out),
              STR("# Start\n\n## Pages\n\n- [Start](http://a/)\n- [One](http://a/1)\n- [Two](http://a/2)\n"));
    unmake(&m);
}

TEST(a_document_is_split_between_pages_and_links_to_other_parts_keep_their_addresses)
{
    struct made m;
    size_t next = 0;
    make(&m, e);
    crawl_document_write(&m.d, &next, 40, &m.out);
    CHECK_INT(next, 2);
    struct str text = buf_str(&m.out);
    CHECK_TRUE(str_find(text, STR("part: pages 1 to 2 of 3"), 0) < text.n);
    CHECK_TRUE(str_find(text, STR("[two](<http://a/2> \"t\")"), 0) < text.n);
    buf_clear(&m.out);
    crawl_document_write(&m.d, &next, 1, &m.out);
    CHECK_INT(next, 3);
    unmake(&m);
}

static struct str last_text(void *ctx, const struct crawl_node *n)
{
    const struct str *text = ctx;
    return str_eq(n->identity, STR("http://a/2")) ? *text : read_text(NULL, n);
}

/* A break, which has nothing to escape. What is behind the text cannot be read here. */
TEST(a_page_may_end_in_a_backslash)
{
    static const char text[] = "A last line that breaks\\";
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    char *room = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(room, MAP_FAILED);
    CHECK_INT(mprotect(room + bytes, bytes, PROT_NONE), 0);
    for (size_t shorter = 0; shorter < sizeof text - 2; shorter++) {
        struct str end = {room + bytes - (sizeof text - 1 - shorter), sizeof text - 1 - shorter};
        struct made m;
        size_t next = 0;
        memcpy(room + bytes - end.n, text + shorter, end.n);
        make(&m, e);
        crawl_document_make(&m.g, last_text, &end, m.a, &m.d);
        crawl_document_write(&m.d, &next, 0, &m.out);
        CHECK_TRUE(str_ends(buf_str(&m.out), arena_printf(m.a, "%.*s\n", STR_ARG(end))));
        unmake(&m);
    }
    munmap(room, 2 * bytes);
}

TEST(what_happened_to_each_address_is_told)
{
    struct made m;
    make(&m, e);
    crawl_document_json(&m.d, &m.out);
    const struct json *urls = json_get(test_json(buf_c_str(&m.out), m.a), STR("urls"));
    CHECK_INT(urls->count, 4);
    CHECK_STR(json_get(urls->first, STR("title"))->s, STR("Start"));
    CHECK_STR(json_get(urls->first->next->next->next, STR("error"))->s, STR("http_404"));
    unmake(&m);
}

TEST(a_title_is_the_text_of_a_link_whatever_it_is_made_of)
{
    static const char *const labels[][2] = {
        {"Plain", "Plain"},
        {"[vector](http://a/v)\\<int>", "vector\\<int>"},
        {"A [b `c](d)` e](<http://a/x(y> \"t\") f", "A b `c](d)` e f"},
        {"[![alt](http://a/i.png)](http://a/) T", "alt T"},
        {"[a](http://a/b(c)d\\)e) x", "a x"},
        {"array[0] and \\[no](http://a/)", "array[0] and \\[no](http://a/)"},
        {"[open", "[open"},
        {"a] (b)", "a] (b)"},
        {"[a](unclosed", "a"},
    };
    static const char *const plain[][2] = {
        {"vector<int> *x* [a](b)", "vector\\<int> \\*x\\* \\[a\\](b)"},
        {"foo_bar _x_ AT&T R & D &amp;", "foo_bar \\_x\\_ AT\\&T R & D \\&amp;"},
    };
    struct arena *a = arena_new();
    (void)e;
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        CHECK_STR(page_label(str_from(labels[i][0]), a), str_from(labels[i][1]));
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        CHECK_STR(page_escape(str_from(plain[i][0]), a), str_from(plain[i][1]));
    }
    arena_free(a);
}

TEST(code_is_code_in_lists_and_quotations_too)
{
    static const struct {
        const char *line;
        bool is_code;
    } lines_of_a_page[] = {
        {"- ```c", true},        {"  # code", true},      {"  ```", true},   {"# heading", false},
        {"10. ~~~", true},       {"    ```", true},       {"    ~~~", true}, {"text", false},
        {"> - ````", true},      {"> ```", true},         {"> ````", true},  {"> text", false},
        {"```x``y``` z", false}, {"- text ```", false},   {"-```", false},   {"``` a`b", false},
        {"```` md", true},       {"- ```` no end", true}, {"``` ", true},    {"`````", true},
        {"after", false},        {"> ```", true},         {"> ```", true},   {"", false},
    };
    struct page_fence fence = {0};
    (void)e;
    for (size_t i = 0; i < sizeof lines_of_a_page / sizeof *lines_of_a_page; i++) {
        CHECK_INT(page_fence_take(&fence, str_from(lines_of_a_page[i].line)), lines_of_a_page[i].is_code);
    }
}

static struct str read_nth(void *ctx, const struct crawl_node *n)
{
    const char *const *pages = ctx;
    return str_from(pages[n->identity.p[n->identity.n - 1] - '0']);
}

/* The document of a crawl of pages with these texts: http://a/0, http://a/1 … */
static struct str document_of(const char *const *pages, const char *const *members, size_t count,
                              struct arena *a, struct err *e)
{
    struct crawl_args args;
    struct crawl_graph g;
    struct crawl_document d;
    struct buf out = BUF_LIMIT(1 << 20);
    size_t next = 0;
    struct str all = STR("{\"id\":\"r\",\"state\":\"completed\",\"args\":{\"what\":\"robots\",\"url\":\"http:"
                         "//a/robots.txt\"},\"result\":{\"text\":\"\"}}\n");
    for (size_t i = 0; i < count; i++) {
        all = arena_printf(a,
                           "%.*s{\"id\":\"%zu\",\"state\":\"completed\",\"args\":{\"what\":\"page\",\"url\":"
                           "\"http://a/%zu\"},\"result\":{\"status\":200,\"page\":{\"tokens\":1,\"blocks\":"
                           "\"\",%s}}}\n",
                           STR_ARG(all), i, i, members[i]);
    }
    OK(crawl_args_read(STR("{\"url\":\"http://a/0\",\"sitemap\":\"skip\"}"), a, &args, e));
    read_graph(&args, all, a, &g, e);
    crawl_document_make(&g, read_nth, (void *)pages, a, &d);
    crawl_document_write(&d, &next, 0, &out);
    struct str text = arena_str(a, buf_str(&out));
    buf_dispose(&out);
    return text;
}

static bool has(struct str text, const char *part)
{
    return str_find(text, str_from(part), 0) < text.n;
}

TEST(markdown_of_the_hosts_own_has_whole_addresses_and_its_code_as_it_is)
{
    static const char *const pages[] = {
        "# S [one](1)\n\nSee [one](1#x), [two](sub/2 \"t\"), [here](#h), `[one](http://a/1)`.\n\n- "
        "~~~\n  [one](1)\n  ~~~\n\n## Part\n",
        "Text.\n"};
    static const char *const members[] = {"\"title\":\"S\",\"hash\":\"0\",\"links\":[\"http://a/1\"]",
                                          "\"title\":\"a*b\",\"hash\":\"1\",\"links\":[]"};
    struct arena *a = arena_new();
    struct str text = document_of(pages, members, 2, a, e);
    CHECK_TRUE(has(text, "- [S one](#page-1)\n- [a\\*b](#page-2)\n"));
    CHECK_TRUE(has(text, "\n## S one\n"));
    CHECK_TRUE(
        has(text, "See [one](#page-2), [two](http://a/sub/2 \"t\"), [here](#h), `[one](http://a/1)`.\n"));
    CHECK_TRUE(has(text, "- ~~~\n  [one](1)\n  ~~~\n\n### Part\n"));
    arena_free(a);
}

TEST(of_pages_that_name_each_other_as_their_true_address_the_first_one_stays)
{
    static const char *const pages[] = {"# S\n", "# Same\n", "# Same\n", "# Same\n"};
    static const char *const members[] = {
        "\"hash\":\"0\",\"links\":[\"http://a/1\",\"http://a/2\",\"http://a/3\"]",
        "\"hash\":\"1\",\"links\":[],\"canonical\":\"http://a/2\"",
        "\"hash\":\"1\",\"links\":[],\"canonical\":\"http://a/1\"",
        "\"hash\":\"1\",\"links\":[],\"canonical\":\"http://a/2\""};
    struct arena *a = arena_new();
    struct str text = document_of(pages, members, 4, a, e);
    CHECK_TRUE(has(text, "pages: 2\n"));
    CHECK_TRUE(has(text, "Source: <http://a/1>"));
    arena_free(a);
}
