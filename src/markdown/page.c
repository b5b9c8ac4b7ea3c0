/* page.c: libxml2's events become nodes. The parser builds no tree; a stack of our own says what is open. */
#include "markdown/page.h"

#include <assert.h>
#include <string.h>

#include <libxml/HTMLparser.h>

#include "markdown/guard.h"

#define STACK_MAX       1024 /* the guard lets less through; what libxml2 makes of its own fits, too */
#define PARSER_DEPTH    4096
#define TEXT_ROOM       64
#define INNER_NODES_MAX 1000 /* looked at for a line of text */

#define ATTRIBUTE_HEAD  3
#define VALUE_BYTES_MAX 0xFFFF

struct reader {
    struct page *page;
    htmlParserCtxtPtr parser;
    uint32_t open[STACK_MAX];
    size_t depth;
    size_t hidden; /* open elements that are not kept */
};

static struct node *add_node(struct reader *r, enum tag tag)
{
    struct page *p = r->page;

    if (p->count + 1 >= p->capacity) { /* one more: see page_read */
        p->capacity = p->capacity ? p->capacity + p->capacity / 2 : 1024;
        p->nodes = mem_grow(p->nodes, p->capacity * sizeof *p->nodes);
    }
    assert(p->nodes);
    struct node *n = &p->nodes[p->count++];
    *n = (struct node){.end = p->count & NODE_BITS,
                       .parent = (r->depth ? r->open[r->depth - 1] : NO_NODE) & NODE_BITS,
                       .tag = tag,
                       .at = (uint32_t)p->text.n};
    return n;
}

static void add_text(struct reader *r, struct str text)
{
    struct page *p = r->page;
    const struct node *last = p->count ? &p->nodes[p->count - 1] : NULL;
    bool goes_on =
        last && last->tag == TAG_TEXT && last->parent == (r->depth ? r->open[r->depth - 1] : NO_NODE);

    if (!goes_on && p->count < 2 * PAGE_NODES_MAX) {
        (void)add_node(r, TAG_TEXT);
    }
    if (goes_on || p->count < 2 * PAGE_NODES_MAX) {
        guard_unmask(text, &p->text);
    }
}

/* A byte says which, two how long the value is, which follows. */
static void add_attribute(struct page *p, enum attribute id, struct str value)
{
    size_t at = p->text.n;

    buf_append(&p->text, (char[]){(char)id, 0, 0}, ATTRIBUTE_HEAD);
    guard_unmask(str_sub(value, 0, VALUE_BYTES_MAX), &p->text);
    size_t n = p->text.n - at - ATTRIBUTE_HEAD;
    p->text.p[at + 1] = (char)(n >> 8);
    p->text.p[at + 2] = (char)(n & 0xFF);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
    struct reader *r = ctx;
    struct page *p = r->page;
    enum tag tag = tag_find(str_from((const char *)name));

    if (r->depth == STACK_MAX || p->count >= PAGE_NODES_MAX || r->hidden > 0) {
        r->hidden++;
        if (tag_has(tag, TAG_IS_BLOCK)) {
            add_text(r, STR(" "));
        }
        return;
    }
    (void)add_node(r, tag);
    r->open[r->depth++] = p->count - 1;
    for (; attributes && attributes[0]; attributes += 2) {
        enum attribute id = guard_attribute(str_from((const char *)attributes[0]));
        if (id < ATTR_COUNT) {
            add_attribute(p, id, str_from((const char *)attributes[1]));
        }
    }
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
        r->page->nodes[r->open[--r->depth]].end = r->page->count & NODE_BITS;
    }
}

static void on_text(void *ctx, const xmlChar *bytes, int n)
{
    add_text(ctx, (struct str){(const char *)bytes, (size_t)n});
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
    struct guard_reader guard = {.take = feed, .ctx = &r, .asked = &p->asked};
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
    guard_feed(html, &guard);
    (void)htmlParseChunk(r.parser, NULL, 0, 1);
    htmlFreeParserCtxt(r.parser);
    while (r.depth > 0) {
        p->nodes[r.open[--r.depth]].end = p->count & NODE_BITS;
    }
    p->nodes[p->count].at = (uint32_t)p->text.n;
    p->script_count = guard.counts.script_count;
    p->script_bytes = guard.counts.script_bytes;
}

void page_dispose(struct page *p)
{
    mem_free(p->nodes);
    buf_dispose(&p->text);
    *p = (struct page){0};
}

struct str page_text(const struct page *p, uint32_t i)
{
    return (struct str){p->text.p + p->nodes[i].at, p->nodes[i + 1].at - p->nodes[i].at};
}

bool page_has_attributes(const struct page *p, uint32_t i)
{
    return p->nodes[i].tag != TAG_TEXT && p->nodes[i + 1].at > p->nodes[i].at;
}

bool page_next_attribute(const struct page *p, uint32_t i, uint32_t *at, struct page_attribute *out)
{
    struct str all = page_text(p, i);

    if (*at >= all.n || p->nodes[i].tag == TAG_TEXT) {
        return false;
    }
    const unsigned char *head = (const unsigned char *)all.p + *at;
    size_t n = (size_t)head[1] << 8 | head[2];
    *out = (struct page_attribute){(enum attribute)head[0], {all.p + *at + ATTRIBUTE_HEAD, n}};
    *at += ATTRIBUTE_HEAD + (uint32_t)n;
    return true;
}

struct str page_attribute(const struct page *p, uint32_t i, enum attribute name)
{
    struct page_attribute a;

    for (uint32_t at = 0; page_next_attribute(p, i, &at, &a);) {
        if (a.name == name) {
            return a.value;
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
    for (size_t at = 0; at + word.n <= list.n && at < list.n;) {
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
    uint32_t end = p->nodes[i].end - i > INNER_NODES_MAX ? i + INNER_NODES_MAX : p->nodes[i].end;
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
