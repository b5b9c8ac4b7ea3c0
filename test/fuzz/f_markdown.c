/* f_markdown.c: HTML to Markdown on any bytes: no crash, the same text twice, and a text that keeps its word: UTF-8 without control
 * characters, blocks side by side, links that lead to the web. The first byte chooses the options. */
#include "markdown/markdown.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str text)
{
    assert(str_is_text(text));
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        assert((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t');
    }
    assert(text.n == 0 || text.p[text.n - 1] == '\n');
}

static void check_page(const struct markdown_page *m)
{
    size_t at = 0;

    check_text(m->text);
    for (size_t i = 0; i < m->block_count; i++) {
        assert(m->blocks[i].from == at && m->blocks[i].to > at);
        at = m->blocks[i].to;
    }
    assert(at == m->text.n);
    for (size_t i = 0; i < m->link_count; i++) {
        assert(str_starts(m->links[i].url, STR("http")) || str_starts(m->links[i].url, STR("HTTP")));
    }
    assert(m->quality >= 0 && m->quality <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str removals[] = {STR("div > .x, [id^=a] b"), STR("table")};
    uint8_t choice = size ? data[0] : 0;
    struct str html = {(const char *)data + 1, size ? size - 1 : 0};
    struct markdown_options o = {.url = STR("http://example.org/a/b.html"),
                                 .selector = choice & 1 ? STR("#main, div p") : STR(""),
                                 .content_type = choice & 4 ? STR("text/html; charset=shift_jis") : STR(""),
                                 .removals = removals,
                                 .removal_count = choice & 2 ? 2 : 0};
    struct arena *a = arena_new();
    struct markdown_page m;
    struct markdown_page again;
    struct err e;

    if (choice & 8) { /* the bytes are a selector */
        o.selector = html;
        html = STR("<div id=a class=b><p title=c>d</p></div>");
    }
    if (markdown_convert(html, &o, a, &m, &e) == RC_OK) {
        check_page(&m);
        assert(markdown_convert(html, &o, a, &again, &e) == RC_OK);
        assert(str_eq(m.text, again.text) && m.link_count == again.link_count);
    }
    arena_free(a);
    return 0;
}
