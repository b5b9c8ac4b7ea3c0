/* markdown_table.c: what becomes of what, one pair of HTML and Markdown each, a file a theme in test/data/markdown/. To add
 * one, write it there:
 *
 *     === what it shows
 *     <p>HTML</p>
 *     --->
 *     Markdown
 *
 * Its address is http://example.org/docs/page.html. */
#include "test.h"

#include "base/buf.h"
#include "markdown/markdown.h"

#define URL STR("http://example.org/docs/page.html")

struct pair {
    struct str name, html, markdown;
};

/* False: no more pairs. */
static bool next_pair(struct str *rest, struct pair *p)
{
    size_t start = str_find(*rest, STR("=== "), 0);
    if (start >= rest->n) {
        return false;
    }
    size_t line = str_find_char(*rest, '\n', start);
    size_t arrow = str_find(*rest, STR("\n--->\n"), line);
    size_t end = str_find(*rest, STR("\n=== "), arrow);
    *p = (struct pair){str_sub(*rest, start + 4, line), str_sub(*rest, line + 1, arrow),
                       str_trim(str_sub(*rest, arrow + 6, end))};
    *rest = str_sub(*rest, end < rest->n ? end + 1 : end, rest->n);
    return true;
}

static void check_pair(const char *file, const struct pair *p, struct err *e)
{
    struct arena *a = arena_new();
    struct markdown_page m;
    struct markdown_options o = {.url = URL};

    OK(markdown_convert(p->html, &o, a, &m, e));
    ck_assert_msg(str_eq(str_trim(m.text), p->markdown), "%s: %.*s\n--- got:\n%.*s\n--- want:\n%.*s", file,
                  STR_ARG(p->name), STR_ARG(str_trim(m.text)), STR_ARG(p->markdown));
    arena_free(a);
}

static void check_file(const char *file, struct err *e)
{
    char path[100];
    struct buf text = BUF_LIMIT(1 << 20);
    struct pair p;
    size_t count = 0;

    (void)str_print(path, sizeof path, "test/data/markdown/%s", file);
    OK(buf_read_file(&text, path, e));
    struct str rest = buf_str(&text);
    while (next_pair(&rest, &p)) {
        check_pair(file, &p, e);
        count++;
    }
    CHECK_TRUE(count > 3);
    buf_dispose(&text);
}

TEST(paragraphs_and_headings_become_what_the_table_says)
{
    check_file("text.txt", e);
}

TEST(lists_become_what_the_table_says)
{
    check_file("lists.txt", e);
}

TEST(code_becomes_what_the_table_says)
{
    check_file("code.txt", e);
}

TEST(tables_become_what_the_table_says)
{
    check_file("tables.txt", e);
}

TEST(admonitions_become_what_the_table_says)
{
    check_file("admonitions.txt", e);
}

TEST(links_and_pictures_become_what_the_table_says)
{
    check_file("links.txt", e);
}

TEST(what_is_content_is_what_the_table_says)
{
    check_file("content.txt", e);
}
