/* page.c: libxml2's events become nodes. The parser builds no tree; a stack of our own says what is open. */
#include "markdown/page.h"

#include <assert.h>
#include <string.h>

#include <libxml/HTMLparser.h>

#include "markdown/guard.h"

#define STACK_MAX    1024 /* the guard lets less through; what libxml2 makes of its own fits, too */
#define PARSER_DEPTH 4096
#define TEXT_ROOM    64

struct reader {
    struct page *page;
    htmlParserCtxtPtr parser;
    uint32_t open[STACK_MAX];
    size_t depth;
    size_t hidden; /* open elements that are not kept */
};

static const char *const attribute_names[ATTR_OTHER] = {
    "align",   "alt",       "aria-hidden",   "aria-label", "charset", "checked", "class", "colspan",
    "content", "data-lang", "data-language", "data-src",   "height",  "hidden",  "href",  "id",
    "lang",    "name",      "property",      "rel",        "role",    "rowspan", "src",   "start",
    "style",   "title",     "type",          "value",      "width",
};

static enum attribute find_attribute(struct str name)
{
    int from = 0;
    int to = ATTR_OTHER;

    while (from < to) {
        int mid = (from + to) / 2;
        int d = str_compare(name, str_from(attribute_names[mid]));
        if (d == 0) {
            return (enum attribute)mid;
        }
        from = d > 0 ? mid + 1 : from;
        to = d < 0 ? mid : to;
    }
    return ATTR_OTHER;
}

static uint32_t keep_text(struct page *p, struct str s)
{
    uint32_t at = (uint32_t)p->text.n;

    buf_append_str(&p->text, s);
    return at;
}

static struct node *add_node(struct reader *r, enum tag tag)
{
    struct page *p = r->page;

    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity + p->capacity / 2 : 1024;
        p->nodes = mem_grow(p->nodes, p->capacity * sizeof *p->nodes);
    }
    assert(p->nodes);
    struct node *n = &p->nodes[p->count++];
    *n = (struct node){
        .end = p->count,
        .parent = r->depth ? r->open[r->depth - 1] : NO_NODE,
        .tag = (uint8_t)tag,
    };
    return n;
}

static void add_attribute(struct page *p, struct str name, struct str value)
{
    enum attribute known = find_attribute(name);

    if (known == ATTR_OTHER && !p->keeps_all) {
        return;
    }
    if (p->attribute_count == p->attribute_capacity) {
        p->attribute_capacity =
            p->attribute_capacity ? p->attribute_capacity + p->attribute_capacity / 2 : 1024;
        p->attributes = mem_grow(p->attributes, p->attribute_capacity * sizeof *p->attributes);
    }
    struct page_attribute *a = &p->attributes[p->attribute_count++];
    *a = (struct page_attribute){.name = known};
    if (known == ATTR_OTHER) {
        a->name_at = keep_text(p, name);
        a->name_n = (uint32_t)name.n;
    }
    a->at = keep_text(p, value);
    a->n = (uint32_t)value.n;
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
    struct reader *r = ctx;
    struct page *p = r->page;
    enum tag tag = tag_find(str_from((const char *)name));

    if (r->depth == STACK_MAX || p->count >= PAGE_NODES_MAX || r->hidden > 0) {
        r->hidden++;
        return;
    }
    struct node *n = add_node(r, tag);
    n->at = p->attribute_count;
    for (; attributes && attributes[0]; attributes += 2) {
        add_attribute(p, str_from((const char *)attributes[0]), str_from((const char *)attributes[1]));
    }
    n->n = p->attribute_count - n->at;
    r->open[r->depth++] = p->count - 1;
    if (r->parser->nameNr > PARSER_DEPTH) {
        xmlStopParser(r->parser);
    }
}

static void on_end(void *ctx, const xmlChar *name)
{
    struct reader *r = ctx;

    (void)name;
    if (r->hidden > 0) {
        r->hidden--;
    } else if (r->depth > 1) {
        r->page->nodes[r->open[--r->depth]].end = r->page->count;
    }
}

static void on_text(void *ctx, const xmlChar *bytes, int n)
{
    struct reader *r = ctx;
    struct page *p = r->page;
    struct node *last = p->count ? &p->nodes[p->count - 1] : NULL;
    struct str text = {(const char *)bytes, (size_t)n};

    if (last && last->tag == TAG_TEXT && last->at + last->n == p->text.n &&
        last->parent == (r->depth ? r->open[r->depth - 1] : NO_NODE)) {
        last->n += (uint32_t)text.n;
        keep_text(p, text);
        return;
    }
    if (p->count < 2 * PAGE_NODES_MAX) {
        last = add_node(r, TAG_TEXT);
        last->at = keep_text(p, text);
        last->n = (uint32_t)text.n;
    }
}

static bool feed(void *ctx, struct str piece)
{
    struct reader *r = ctx;

    (void)htmlParseChunk(r->parser, piece.p, (int)piece.n, 0); /* what is wrong with a page is no error */
    return !r->parser->disableSAX;
}

void page_prepare(void)
{
    xmlInitParser();
}

void page_read(struct page *p, struct str html)
{
    struct reader r = {.page = p};
    struct guard_counts counts = {0};
    htmlSAXHandler sax = {.startElement = on_start,
                          .endElement = on_end,
                          .characters = on_text,
                          .cdataBlock = on_text,
                          .ignorableWhitespace = on_text};

    p->text = BUF_LIMIT(UINT32_MAX);
    (void)buf_reserve(&p->text, TEXT_ROOM); /* so that an empty value points somewhere */
    r.parser = htmlCreatePushParserCtxt(&sax, &r, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (!r.parser) {
        assert(!"no memory for a parser");
    }
    (void)htmlCtxtUseOptions(r.parser, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                           HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
    (void)add_node(&r, TAG_OTHER); /* all of the page, whatever it begins with */
    r.open[r.depth++] = 0;
    guard_feed(html, feed, &r, &counts);
    (void)htmlParseChunk(r.parser, NULL, 0, 1);
    htmlFreeParserCtxt(r.parser);
    while (r.depth > 0) {
        p->nodes[r.open[--r.depth]].end = p->count;
    }
    p->script_count = counts.script_count;
    p->script_bytes = counts.script_bytes;
}

void page_dispose(struct page *p)
{
    mem_free(p->nodes);
    mem_free(p->attributes);
    buf_dispose(&p->text);
    *p = (struct page){0};
}

struct str page_text(const struct page *p, uint32_t i)
{
    return (struct str){p->text.p + p->nodes[i].at, p->nodes[i].n};
}

static struct str value_of(const struct page *p, const struct page_attribute *a)
{
    return (struct str){p->text.p + a->at, a->n};
}

struct str page_attribute(const struct page *p, uint32_t i, enum attribute name)
{
    const struct node *n = &p->nodes[i];

    for (uint32_t k = 0; n->tag != TAG_TEXT && k < n->n; k++) {
        if (p->attributes[n->at + k].name == name) {
            return value_of(p, &p->attributes[n->at + k]);
        }
    }
    return STR_NONE;
}

struct str page_other_attribute(const struct page *p, uint32_t i, struct str name)
{
    const struct node *n = &p->nodes[i];
    enum attribute known = find_attribute(name);

    if (known != ATTR_OTHER) {
        return page_attribute(p, i, known);
    }
    for (uint32_t k = 0; n->tag != TAG_TEXT && k < n->n; k++) {
        const struct page_attribute *a = &p->attributes[n->at + k];
        struct str other = {p->text.p + a->name_at, a->name_n};
        if (a->name == ATTR_OTHER && str_eq_nocase(other, name)) {
            return value_of(p, a);
        }
    }
    return STR_NONE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

bool page_has_word(struct str list, struct str word)
{
    for (size_t at = 0; at < list.n;) {
        size_t end = at;
        while (end < list.n && !is_space(list.p[end])) {
            end++;
        }
        if (end - at == word.n && str_eq_nocase(str_sub(list, at, end), word)) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

bool page_has_class(const struct page *p, uint32_t i, struct str name)
{
    return page_has_word(page_attribute(p, i, ATTR_CLASS), name);
}

bool page_is_code(const struct page *p, uint32_t i)
{
    return p->nodes[i].tag == TAG_PRE ||
           (p->nodes[i].tag == TAG_DIV && page_has_class(p, i, STR("fragment")));
}

struct str page_inner_text(const struct page *p, uint32_t i, size_t max, struct arena *a)
{
    struct buf b = BUF_LIMIT(max + TEXT_ROOM);
    uint32_t end = p->nodes[i].end;
    bool has_blank = false;

    for (uint32_t k = i; k < end && b.n < max; k++) {
        struct str s = p->nodes[k].tag == TAG_TEXT ? page_text(p, k) : STR_NONE;
        has_blank |= p->nodes[k].tag != TAG_TEXT && tag_has(p->nodes[k].tag, TAG_IS_BLOCK);
        for (size_t j = 0; j < s.n && b.n < max; j++) {
            if (is_space(s.p[j])) {
                has_blank = true;
            } else if ((unsigned char)s.p[j] >= 0x20 && s.p[j] != 0x7f) {
                if (has_blank && b.n > 0) {
                    buf_append_char(&b, ' ');
                }
                buf_append_char(&b, s.p[j]);
                has_blank = false;
            }
        }
    }
    struct str text = buf_str(&b);
    while (text.n > 0 && !str_is_utf8(text)) { /* the cut may have gone through a character */
        text.n--;
    }
    text = arena_str(a, text);
    buf_dispose(&b);
    return text;
}
