/* quotes.c: blockquotes, and the admonitions of Sphinx, DocBook, Doxygen, asciidoc, MkDocs and Docusaurus, which become quotes
 * with a bold title. */
#include "markdown/render.h"

#include <string.h>

#include "markdown/words.h"

#define TEXT_NODES_MAX  500
#define TITLE_NODES_MAX 12 /* the title stands among the first nodes */

/* What an admonition is called when its page shows a picture instead. */
static const struct {
    const char *word, *title;
    bool
        is_enough; /* a <div> with this class alone is one; the others need "admonition" or the like beside them */
} kinds[] = {
    {"note", "Note", true},           {"tip", "Tip", true},
    {"warning", "Warning", true},     {"caution", "Caution", true},
    {"important", "Important", true}, {"danger", "Danger", true},
    {"attention", "Attention", true}, {"hint", "Hint", false},
    {"error", "Error", false},        {"info", "Info", false},
    {"seealso", "See also", false},   {"todo", "Todo", false},
    {"remark", "Remark", false},      {"bug", "Bug", false},
    {"success", "Success", false},    {"example", "Example", false},
};

static const char *const frames[] = {"admonition", "admonitionblock", "theme-admonition",
                                     "alert",      "callout",         "markdown-alert"};

/* -1: none. */
static int kind_of(struct str class, bool *is_framed)
{
    struct word_list words = words_begin(class);
    struct str word;
    int kind = -1;

    *is_framed = false;
    while (words_next(&words, &word)) {
        for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
            *is_framed |= str_eq_nocase(word, str_from(frames[i]));
        }
        size_t dash = word.n; /* markdown-alert-note, alert-info */
        while (dash > 0 && word.p[dash - 1] != '-') {
            dash--;
        }
        struct str last = str_sub(word, dash, word.n);
        for (int i = 0; kind < 0 && i < (int)(sizeof kinds / sizeof kinds[0]); i++) {
            struct str name = str_from(kinds[i].word);
            bool is_word = str_eq_nocase(word, name);
            kind = is_word || (dash > 0 && *is_framed && str_eq_nocase(last, name)) ? i : kind;
        }
    }
    return kind;
}

static bool is_title(const struct page *p, uint32_t i)
{
    static const char *const titles[] = {"admonition-title",     "title",
                                         "admonition-heading",   "alert-heading",
                                         "markdown-alert-title", "callout-title"};
    enum tag tag = (enum tag)p->nodes[i].tag;

    if (tag_is_heading(tag) || tag == TAG_DT) {
        return true;
    }
    for (size_t k = 0; k < sizeof titles / sizeof titles[0]; k++) {
        if (page_has_class(p, i, str_from(titles[k]))) {
            return true;
        }
    }
    return false;
}

static bool has_text(const struct page *p, uint32_t i)
{
    for (uint32_t k = i; k < p->nodes[i].end; k++) {
        if (k - i > TEXT_NODES_MAX) {
            return true; /* where so much is, something can be read */
        }
        if (p->nodes[k].tag == TAG_TEXT && str_trim(page_text(p, k)).n) {
            return true;
        }
    }
    return false;
}

static uint32_t find_title(const struct page *p, uint32_t quote)
{
    for (uint32_t i = quote + 1; i < p->nodes[quote].end && i < quote + TITLE_NODES_MAX; i++) {
        const struct node *n = &p->nodes[i];
        if (n->tag != TAG_TEXT && !(n->flags & NODE_IS_DROPPED) && is_title(p, i) && has_text(p, i)) {
            return i;
        }
    }
    return NO_NODE;
}

static void open_quote(struct render *r, uint32_t i)
{
    render_flush(r);
    writer_open_group(&r->writer, MARKDOWN_QUOTE);
    writer_open_box(&r->writer, STR("> "), true);
    r->was_list = false;
    render_push(r, i, LEAVE_QUOTE);
}

/* The picture is dropped with its cell, its text is the title. */
static bool is_icon(const struct page *p, uint32_t i)
{
    return p->nodes[i].tag == TAG_TD && page_has_class(p, i, STR("icon")) && !has_text(p, i);
}

bool quotes_enter(struct render *r, uint32_t i, bool *skip)
{
    const struct page *p = r->page;
    enum tag tag = (enum tag)p->nodes[i].tag;
    bool is_framed = false;

    if (r->table.is_open || r->is_inline) {
        return false;
    }
    if (is_icon(p, i)) {
        *skip = true;
        return true;
    }
    if (tag != TAG_DIV && tag != TAG_ASIDE && tag != TAG_SECTION && tag != TAG_DL && tag != TAG_BLOCKQUOTE &&
        tag != TAG_DETAILS) {
        return false;
    }
    struct str class = page_attribute(p, i, ATTR_CLASS);
    int kind = class.n ? kind_of(class, &is_framed) : -1;
    if (tag == TAG_DL) {
        is_framed = page_has_word(class, STR("section")) && kind >= 0;
    }
    bool is_admonition =
        is_framed || (kind >= 0 && kinds[kind].is_enough && (tag == TAG_DIV || tag == TAG_ASIDE));
    if (!is_admonition && tag != TAG_BLOCKQUOTE) {
        return false;
    }
    open_quote(r, i);
    if (is_admonition && has_text(p, i)) {
        r->quote_title = find_title(p, i);
        if (r->quote_title == NO_NODE && kind >= 0) {
            inline_open_mark(&r->text, MARK_STRONG, STR_NONE);
            inline_put_text(&r->text, str_from(kinds[kind].title));
            inline_close_mark(&r->text);
            render_flush(r);
        }
    }
    return true;
}

void quotes_leave(struct render *r, enum leave leave)
{
    if (leave == LEAVE_TITLE) {
        inline_close_mark(&r->text);
        r->is_inline = false;
        r->quote_title = NO_NODE;
        render_flush(r);
        return;
    }
    render_flush(r);
    writer_close_box(&r->writer);
    writer_close_group(&r->writer);
    r->was_list = false;
}
