/* sitemap.c: see sitemap.h. An address is the text of a <loc> directly in a <url> or a <sitemap>; namespaces are not looked at, so
 * <image:loc> in an <image:image> is none. */
#include "kinds/crawl_docs/sitemap.h"

#include <string.h>

#define FIRST_ROOM 256
#define DEPTH_MAX  8

struct scan {
    struct arena *a;
    struct str text;
    size_t at;
    struct sitemap *out;
    size_t room;
    struct str open[DEPTH_MAX]; /* elements that are open; deeper ones are only counted */
    size_t depth;
    struct buf loc; /* text since <loc> */
    bool in_loc;
};

static void add_url(struct scan *s, struct str url)
{
    url = str_trim(url);
    if (!url.n || url.n > SITEMAP_URL_MAX || s->out->count == SITEMAP_URLS_MAX || !str_is_text(url)) {
        return;
    }
    if (s->out->count == s->room) {
        size_t wider = s->room ? 2 * s->room : FIRST_ROOM;
        struct str *urls = arena_array(s->a, struct str, wider);
        memcpy(urls, s->out->urls ? s->out->urls : urls, s->out->count * sizeof *urls);
        s->out->urls = urls;
        s->room = wider;
    }
    s->out->urls[s->out->count++] = arena_str(s->a, url);
}

/* ---- entities */

static void put_utf8(struct buf *b, uint32_t c)
{
    char bytes[4];
    if (c < 0x80) {
        buf_append_char(b, (char)c);
    } else if (c < 0x800) {
        bytes[0] = (char)(0xc0 | (c >> 6));
        bytes[1] = (char)(0x80 | (c & 0x3f));
        buf_append(b, bytes, 2);
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | (c >> 12));
        bytes[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        buf_append(b, bytes, 3);
    } else {
        bytes[0] = (char)(0xf0 | (c >> 18));
        bytes[1] = (char)(0x80 | ((c >> 12) & 0x3f));
        bytes[2] = (char)(0x80 | ((c >> 6) & 0x3f));
        bytes[3] = (char)(0x80 | (c & 0x3f));
        buf_append(b, bytes, 4);
    }
}

/* The number of `#38` or `#x26`; 0: it is none. */
static uint32_t character_number(struct str name)
{
    bool is_hex = name.n > 1 && (name.p[1] == 'x' || name.p[1] == 'X');
    uint32_t n = 0;
    for (size_t i = is_hex ? 2 : 1; i < name.n; i++) {
        char c = name.p[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : 99;
        if (is_hex && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) {
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        }
        n = n * (is_hex ? 16 : 10) + digit;
        if (digit > 15 || n > 0x10ffff) {
            return 0;
        }
    }
    return n;
}

static void put_text(struct buf *b, struct str text)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t at = 0; at < text.n;) {
        size_t mark = str_find_char(text, '&', at);
        buf_append_str(b, str_sub(text, at, mark));
        if (mark == text.n) {
            return;
        }
        struct str near = str_sub(text, mark + 1, mark + 12);
        size_t end = str_find_char(near, ';', 0);
        struct str name = str_sub(near, 0, end);
        uint32_t c = end < near.n && str_starts(name, STR("#")) ? character_number(name) : 0;
        for (size_t i = 0; end < near.n && i < sizeof entities / sizeof *entities; i++) {
            c = str_eq(name, str_from(entities[i].name)) ? (uint32_t)entities[i].c : c;
        }
        if (c) {
            put_utf8(b, c);
        } else {
            buf_append_char(b, '&');
        }
        at = c ? mark + 1 + end + 1 : mark + 1;
    }
}

/* ---- elements */

/* Behind the next `end` at or behind `from`, or the end of the text. */
static size_t behind(const struct scan *s, size_t from, const char *end)
{
    size_t at = str_find(s->text, str_from(end), from);
    return at < s->text.n ? at + strlen(end) : s->text.n;
}

/* A document type with all that it declares. */
static size_t behind_doctype(const struct scan *s, size_t from)
{
    size_t open = str_find_char(s->text, '[', from);
    size_t end = str_find_char(s->text, '>', from);
    if (open > end) {
        return end < s->text.n ? end + 1 : end;
    }
    return behind(s, behind(s, open, "]"), ">");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t name_end(struct str tag)
{
    size_t n = 0;
    while (n < tag.n && !is_blank(tag.p[n]) && tag.p[n] != '/') {
        n++;
    }
    return n;
}

static bool is_in(const struct scan *s, struct str name)
{
    return s->depth > 0 && s->depth <= DEPTH_MAX && str_eq(s->open[s->depth - 1], name);
}

static void open_element(struct scan *s, struct str name, bool is_empty)
{
    s->in_loc = !is_empty && str_eq(name, STR("loc")) && (is_in(s, STR("url")) || is_in(s, STR("sitemap")));
    if (is_empty) {
        return;
    }
    if (str_eq(name, STR("sitemapindex"))) {
        s->out->is_index = true;
    }
    if (s->depth < DEPTH_MAX) {
        s->open[s->depth] = name;
    }
    s->depth++;
    buf_clear(&s->loc);
}

static void close_element(struct scan *s)
{
    if (s->in_loc) {
        add_url(s, buf_str(&s->loc));
    }
    s->in_loc = false;
    s->depth -= s->depth > 0;
}

/* From a '<' to behind the '>'. */
static size_t take_tag(struct scan *s, size_t from)
{
    struct str rest = str_sub(s->text, from, s->text.n);
    if (str_starts(rest, STR("<!--"))) {
        return behind(s, from + 4, "-->");
    }
    if (str_starts(rest, STR("<![CDATA["))) {
        size_t end = str_find(s->text, STR("]]>"), from);
        if (s->in_loc) {
            buf_append_str(&s->loc, str_sub(s->text, from + 9, end));
        }
        return end < s->text.n ? end + 3 : end;
    }
    if (str_starts(rest, STR("<!"))) {
        return behind_doctype(s, from);
    }
    if (str_starts(rest, STR("<?"))) {
        return behind(s, from, "?>");
    }
    size_t end = str_find_char(s->text, '>', from);
    struct str tag = str_sub(s->text, from + 1, end);
    if (str_starts(tag, STR("/"))) {
        close_element(s);
    } else {
        open_element(s, str_sub(tag, 0, name_end(tag)), str_ends(tag, STR("/")));
    }
    return end < s->text.n ? end + 1 : end;
}

static void read_xml(struct scan *s)
{
    for (size_t at = 0; at < s->text.n;) {
        size_t mark = str_find_char(s->text, '<', at);
        if (s->in_loc) {
            put_text(&s->loc, str_sub(s->text, at, mark));
        }
        at = mark < s->text.n ? take_tag(s, mark) : mark;
    }
}

static void read_lines(struct scan *s)
{
    for (struct str rest = s->text; rest.p;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (str_starts(line, STR("http://")) || str_starts(line, STR("https://"))) {
            add_url(s, line);
        }
    }
}

void sitemap_read(struct str text, struct arena *a, struct sitemap *out)
{
    struct scan s = {.a = a, .text = text, .out = out, .loc = BUF_LIMIT(4 * SITEMAP_URL_MAX)};
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        s.text = str_sub(text, 3, text.n);
    }
    *out = (struct sitemap){.urls = NULL};
    if (str_starts(str_trim(str_sub(s.text, 0, 4096)), STR("<"))) {
        read_xml(&s);
    } else {
        read_lines(&s);
    }
    buf_dispose(&s.loc);
}
