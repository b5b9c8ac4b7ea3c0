/* markdown_page.c: what markdown_convert tells of a page beside its text: links, head, charset, blocks. */
#include "test.h"

#include "base/buf.h"
#include "markdown/markdown.h"

#define URL STR("http://example.org/docs/page.html")
#define MIB ((size_t)1 << 20)

static const struct markdown_options ours = {.url = {"http://example.org/docs/page.html", 33}};

static struct markdown_page convert(struct str html, struct arena *a, struct err *e)
{
    struct markdown_page m;
    OK(markdown_convert(html, &ours, a, &m, e));
    return m;
}

TEST(links_are_absolute_and_listed_once_in_the_order_of_the_page_with_their_place)
{
    struct arena *a = arena_new();
    struct markdown_page m = convert(
        STR("<link rel=next href=2.html><nav><a href='/menu#x'>Menu\n page</a></nav><main><p>text and words, "
            "more of them "
            "<a href='b' rel='nofollow ugc'>B</a> <a href=/menu#x>again</a> <a href='javascript:x'>no</a> "
            "<a href='mailto:x@y'>no</a> <a href='HTTPS://E.com/ a'>c</a> <a>no</a></main><map><area "
            "href=d></map>"),
        a, e);
    static const struct {
        const char *url, *text, *rel;
        bool is_nofollow;
        enum markdown_place place;
    } want[] = {
        {"http://example.org/docs/2.html", "", "next", false, MARKDOWN_IN_NAVIGATION},
        {"http://example.org/menu#x", "Menu page", "", false, MARKDOWN_IN_NAVIGATION},
        {"http://example.org/docs/b", "B", "nofollow ugc", true, MARKDOWN_IN_CONTENT},
        {"HTTPS://E.com/%20a", "c", "", false, MARKDOWN_IN_CONTENT},
        {"http://example.org/docs/d", "", "", false, MARKDOWN_IN_NAVIGATION},
    };

    CHECK_INT(m.link_count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < m.link_count; i++) {
        CHECK_STR(m.links[i].url, str_from(want[i].url));
        CHECK_STR(m.links[i].text, str_from(want[i].text));
        CHECK_STR(m.links[i].rel, str_from(want[i].rel));
        CHECK_INT(m.links[i].is_nofollow, want[i].is_nofollow);
        CHECK_INT(m.links[i].place, want[i].place);
    }
    arena_free(a);
}

TEST(the_head_of_a_page_tells_its_title_language_canonical_address_and_robots)
{
    struct arena *a = arena_new();
    struct markdown_page m = convert(
        STR("<!DOCTYPE html><html lang=en-GB><head><title> The \n title &amp; more</title><base href='/x/'>"
            "<link rel='canonical' href='c.html'><meta name=description content=' What it is '>"
            "<meta name=robots content='noindex, follow'></head><body><h1>Heading</h1>"),
        a, e);
    CHECK_STR(m.title, STR("The title & more"));
    CHECK_STR(m.language, STR("en-GB"));
    CHECK_STR(m.canonical, STR("http://example.org/x/c.html"));
    CHECK_STR(m.base, STR("http://example.org/x/"));
    CHECK_STR(m.description, STR("What it is"));
    CHECK_TRUE(m.is_noindex);
    CHECK_FALSE(m.is_nofollow);

    m = convert(STR("<h1>Only <b>this</b></h1><meta name=stint content=none>"), a, e);
    CHECK_STR(m.title, STR("Only this"));
    CHECK_STR(m.language, STR(""));
    CHECK_TRUE(m.is_noindex);
    CHECK_TRUE(m.is_nofollow);
    arena_free(a);
}

TEST(the_charset_is_that_of_the_bom_else_the_field_else_meta_else_what_the_bytes_can_be)
{
    static const struct {
        struct str bytes;
        const char *content_type, *charset, *text;
    } rows[] = {
        {STR("\xEF\xBB\xBF<p>\xC3\xA9"), "text/html; charset=iso-8859-1", "utf-8", "\xC3\xA9\n"},
        {STR("<meta charset=utf-8><p>\xE9"), "text/html; charset=ISO-8859-1", "windows-1252", "\xC3\xA9\n"},
        {STR("<meta charset='koi8-r'><p>\xC1"), "text/html", "koi8-r", "\xD0\xB0\n"},
        {STR("<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>\x82\xA0"), "",
         "shift_jis", "\xE3\x81\x82\n"},
        {STR("<meta charset=utf-16><p>a"), "", "utf-8", "a\n"},
        {STR("<p>\xC3\xA9"), "", "utf-8", "\xC3\xA9\n"},
        {STR("<p>\x93\xE9\x80"), "", "windows-1252", "\xE2\x80\x9C\xC3\xA9\xE2\x82\xAC\n"},
        {STR("<p>a\xFFz"), "text/html;charset=\"UTF-8\"", "utf-8", "a\xEF\xBF\xBDz\n"},
        {STR("\xFF\xFE<\0p\0>\0\xE9\0=\xD8\0\xDE"), "", "utf-16le", "\xC3\xA9\xF0\x9F\x98\x80\n"},
        {STR("\xFE\xFF\0<\0p\0>\0a"), "", "utf-16be", "a\n"},
        {STR("<p>\xE9"), "text/html; charset=no-such", "", ""},
        {STR("<p>e"), "text/html; charset=no-such", "utf-8", "e\n"},
        {STR("%PDF-1.4\n\1\2\3\4\5\6\7\0\1\2\3"), "", "", ""},
    };
    struct arena *a = arena_new();

    markdown_prepare();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct markdown_options o = {.url = URL, .content_type = str_from(rows[i].content_type)};
        struct markdown_page m = {.charset = ""};
        enum rc rc = markdown_convert(rows[i].bytes, &o, a, &m, e);
        ck_assert_msg((rc == RC_OK) == (rows[i].charset[0] != '\0'), "row %zu: %s", i,
                      rc ? e->text : "no error");
        CHECK_STR(str_from(m.charset), str_from(rows[i].charset));
        CHECK_STR(m.text, rc ? STR_NONE : str_from(rows[i].text));
    }
    arena_free(a);
}

TEST(what_is_no_text_and_what_no_charset_is_have_a_code_of_their_own)
{
    struct arena *a = arena_new();
    struct markdown_page m;
    struct markdown_options o = {.content_type = STR("text/html; charset=x-unknown")};

    FAILS(markdown_convert(STR("<p>\xE9</p>"), &o, a, &m, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("bad_encoding"));
    FAILS(markdown_convert(STR("\1\2\3\4\5\6\7\b"), &ours, a, &m, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("not_html"));
    o = (struct markdown_options){.max_text_bytes = 100};
    struct buf many = BUF_LIMIT(MIB);
    for (int i = 0; i < 100; i++) {
        buf_append_c(&many, "<p>text</p>");
    }
    FAILS(markdown_convert(buf_str(&many), &o, a, &m, e), RC_TOO_BIG);
    CHECK_STR(str_from(e->code), STR("too_large"));
    buf_dispose(&many);
    arena_free(a);
}

TEST(blocks_lie_side_by_side_and_are_known_again_on_another_page)
{
    struct arena *a = arena_new();
    struct markdown_page m = convert(
        STR("<h2>A</h2><p>See <a href='x'>this</a>.</p><ul><li>a<p>b</p></li><li>c</li></ul><pre>x\n\ny</pre>"
            "<blockquote><p>q</p><p>r</p></blockquote><table><tr><th>a<th>b<tr><td>1<td>2</table><hr>"),
        a, e);
    static const enum markdown_block_kind kinds[] = {MARKDOWN_HEADING, MARKDOWN_PARAGRAPH, MARKDOWN_LIST,
                                                     MARKDOWN_CODE,    MARKDOWN_QUOTE,     MARKDOWN_TABLE,
                                                     MARKDOWN_RULE};
    size_t at = 0;

    CHECK_INT(m.block_count, sizeof kinds / sizeof kinds[0]);
    for (size_t i = 0; i < m.block_count; i++) {
        CHECK_INT(m.blocks[i].kind, kinds[i]);
        CHECK_INT(m.blocks[i].from, at);
        at = m.blocks[i].to;
    }
    CHECK_INT(at, m.text.n);
    CHECK_INT(m.blocks[0].level, 2);
    CHECK_INT(m.blocks[1].words, 2);
    struct markdown_options other = {.url = STR("http://example.org/other/")};
    struct markdown_page n;
    OK(markdown_convert(STR("<p>before</p><p>See <a href='x'>this</a>.</p>"), &other, a, &n, e));
    CHECK_TRUE(n.blocks[1].hash == m.blocks[1].hash);
    CHECK_TRUE(n.blocks[0].hash != m.blocks[1].hash);
    arena_free(a);
}

TEST(a_selector_chooses_and_others_remove)
{
    struct arena *a = arena_new();
    struct str html =
        STR("<nav id=n>menu</nav><div class='a b'><p data-x=1>one</p><p>two</p><ul><li>li</li></ul></div>");
    static const struct {
        const char *selector, *removal, *text;
    } rows[] = {
        {"#n", NULL, "menu\n"},
        {"div.b > p", NULL, "one\n"},
        {"", "p[data-x='1']", "two\n\n- li\n"},
        {"", "div li, .a p", ""},
        {"", "nav > p, [data-x^=\"2\"]", "one\n\ntwo\n\n- li\n"},
        {"p + p", NULL, NULL},
        {"", "p:first-child", NULL},
        {"div >", NULL, NULL},
        {"", "[x", NULL},
        {"unknown-element", NULL, NULL},
        {".nothing-has-this", NULL, "one\n\ntwo\n\n- li\n"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str removal = str_from(rows[i].removal);
        struct markdown_options o = {.selector = str_from(rows[i].selector),
                                     .removals = &removal,
                                     .removal_count = rows[i].removal != NULL};
        struct markdown_page m;
        enum rc rc = markdown_convert(html, &o, a, &m, e);
        ck_assert_msg((rc == RC_OK) == (rows[i].text != NULL), "row %zu", i);
        CHECK_STR(rc ? str_from(e->code) : m.text, rc ? STR("bad_selector") : str_from(rows[i].text));
    }
    arena_free(a);
}

TEST(a_page_that_scripts_make_says_so)
{
    struct arena *a = arena_new();
    CHECK_TRUE(convert(STR("<body><div id=root></div><script src=app.js></script>"), a, e).needs_js);
    CHECK_TRUE(convert(STR("<body><div id=app>Loading&hellip;</div><script>go()</script>"), a, e).needs_js);
    CHECK_FALSE(convert(STR("<body><p>Short page.</p><script>count()</script>"), a, e).needs_js);
    CHECK_FALSE(convert(STR("<body></body>"), a, e).needs_js);
    CHECK_INT(convert(STR(""), a, e).text.n, 0);
    arena_free(a);
}

TEST(quality_and_tokens_follow_the_text)
{
    struct arena *a = arena_new();
    struct buf good = BUF_LIMIT(MIB);
    for (int i = 0; i < 100; i++) {
        buf_append_c(&good, "<p>Some sentence of the documentation that says something.</p>");
    }
    struct markdown_page m = convert(buf_str(&good), a, e);
    CHECK_INT(m.quality, 100);
    CHECK_INT(m.words, 800);
    CHECK_TRUE(m.tokens > m.words && m.tokens < 2 * m.words);
    struct markdown_page links = convert(STR("<p><a href=a>one link</a> <a href=b>another</a></p>"), a, e);
    CHECK_TRUE(links.quality > 0 && links.quality < 40);
    buf_dispose(&good);
    arena_free(a);
}

TEST(the_same_page_gives_the_same_bytes)
{
    struct buf html = BUF_LIMIT(MIB);
    struct buf want = BUF_LIMIT(MIB);
    struct arena *a = arena_new();

    OK(buf_read_file(&html, "test/data/markdown/page.html", e));
    OK(buf_read_file(&want, "test/data/markdown/page.md", e));
    CHECK_STR(convert(buf_str(&html), a, e).text, buf_str(&want));
    CHECK_STR(convert(buf_str(&html), a, e).text, buf_str(&want));
    buf_dispose(&html);
    buf_dispose(&want);
    arena_free(a);
}
