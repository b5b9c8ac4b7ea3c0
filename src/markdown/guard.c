/* guard.c: writes what libxml2 is to see. It reads tags as browsers do (a ">" between quotes ends nothing).
 *
 *   text &lt;b&gt; <a href='x"y' onclick=…>text <!-- no --> text <script> no </script>
 *   text ‹b> <a l="x”y">text  text                            ‹ and ” are noncharacters of Unicode
 */
#include "markdown/guard.h"

#include <string.h>

#include "markdown/charset.h"
#include "markdown/entity.h"
#include "markdown/nesting.h"

#define PIECE_BYTES     ((size_t)32 << 10)
#define ATTRIBUTES_MAX  48
#define ATTRIBUTE_BYTES ((size_t)16 << 10) /* a longer one is left out */
#define TAG_NAME_BYTES  64
#define LETTERS         26
#define MASK_BYTES      3 /* U+FDD0 and the two behind it */

static const char mask_signs[] = {'&', '<', '"'};

struct guard {
    struct str html;
    size_t at;
    struct buf out;
    bool is_over;
    struct guard_reader *reader;
    bool has_no_end[TAG_COUNT]; /* none of these ends in what is left: not looked for again */
    struct nesting nesting;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- what is handed on */

static void flush(struct guard *g)
{
    if (g->out.n > 0 && !g->is_over) {
        g->is_over = !g->reader->take(g->reader->ctx, buf_str(&g->out));
    }
    buf_clear(&g->out);
}

static void put_mask(struct guard *g, char c)
{
    const char *sign = memchr(mask_signs, c, sizeof mask_signs);
    char mask[MASK_BYTES] = {'\xEF', '\xB7', (char)('\x90' + (sign - mask_signs))};

    buf_append(&g->out, mask, sizeof mask);
}

enum attribute guard_attribute(struct str name)
{
    unsigned id =
        name.n == 2 ? (unsigned)(name.p[0] - 'a') * LETTERS + (unsigned)(name.p[1] - 'a') : ATTR_COUNT;

    return id < ATTR_COUNT ? (enum attribute)id : ATTR_COUNT;
}

void guard_unmask(struct str text, struct buf *to)
{
    while (text.n > 0) {
        size_t at = str_find(text, STR("\xEF\xB7"), 0);
        buf_append_str(to, str_sub(text, 0, at));
        text = str_sub(text, at, text.n);
        if (text.n >= MASK_BYTES) {
            unsigned sign = (unsigned char)text.p[2] - 0x90u;
            bool is_mask = sign < sizeof mask_signs;
            buf_append(to, is_mask ? &mask_signs[sign] : text.p, is_mask ? 1 : MASK_BYTES);
        }
        text = str_sub(text, MASK_BYTES, text.n);
    }
}

static void put_point(struct guard *g, uint32_t c)
{
    if (c == '&' || c == '<' || c == '"') {
        put_mask(g, (char)c);
    } else if (c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f && c != 0xFFFE && c != 0xFFFF)) {
        charset_put_point(&g->out, c);
    }
}

/* Text without "&". libxml2 waits for the end of a text, and an empty comment is one. */
static void put_plain(struct guard *g, struct str s, bool in_attribute)
{
    while (!in_attribute && s.n > PIECE_BYTES) {
        size_t n = PIECE_BYTES;
        while (((unsigned char)s.p[n] & 0xC0) == 0x80) {
            n--;
        }
        buf_append_str(&g->out, str_sub(s, 0, n));
        buf_append_c(&g->out, "<!---->");
        flush(g);
        s = str_sub(s, n, s.n);
    }
    buf_append_str(&g->out, s);
}

static void put_text(struct guard *g, struct str s, bool in_attribute)
{
    struct entity entity;

    for (;;) {
        size_t at = str_find_char(s, '&', 0);
        put_plain(g, str_sub(s, 0, at), in_attribute);
        if (at >= s.n || g->is_over) {
            return;
        }
        s = str_sub(s, at, s.n);
        size_t n = entity_read(s, in_attribute, &entity);
        for (int i = 0; n > 0 && i < entity.count; i++) {
            put_point(g, entity.points[i]);
        }
        if (n == 0) {
            put_mask(g, '&');
        }
        s = str_sub(s, n ? n : 1, s.n);
        if (!in_attribute && g->out.n > PIECE_BYTES) {
            buf_append_c(&g->out, "<!---->");
            flush(g);
        }
    }
}

static void put_name(struct guard *g, enum tag t, struct str name)
{
    unsigned hash = 0;

    if (t != TAG_OTHER) {
        buf_append_c(&g->out, tag_table[t].name);
        return;
    }
    for (size_t i = 0; i < name.n; i++) {
        hash = hash * 31 + ((unsigned char)name.p[i] | 32u);
    }
    buf_printf(&g->out, "x-%02x", hash & 0xFF);
}

/* ---- attributes */

struct attribute_span {
    struct str name, value;
    size_t end;
};

/* The attribute that begins at `at`. */
static struct attribute_span read_attribute(struct str s, size_t at)
{
    struct attribute_span a;
    size_t from = at;

    at++; /* even "=" begins one */
    while (at < s.n && !is_space(s.p[at]) && s.p[at] != '/' && s.p[at] != '>' && s.p[at] != '=') {
        at++;
    }
    a = (struct attribute_span){.name = str_sub(s, from, at), .value = STR(""), .end = at};
    while (at < s.n && is_space(s.p[at])) {
        at++;
    }
    if (at >= s.n || s.p[at] != '=') {
        return a;
    }
    at++;
    while (at < s.n && is_space(s.p[at])) {
        at++;
    }
    if (at < s.n && (s.p[at] == '"' || s.p[at] == '\'')) {
        size_t end = str_find_char(s, s.p[at], at + 1);
        a.value = str_sub(s, at + 1, end);
        a.end = end < s.n ? end + 1 : s.n;
        return a;
    }
    from = at;
    while (at < s.n && !is_space(s.p[at]) && s.p[at] != '>') {
        at++;
    }
    a.value = str_sub(s, from, at);
    a.end = at;
    return a;
}

static size_t blanks_end(struct str s, size_t at)
{
    while (at < s.n && (is_space(s.p[at]) || s.p[at] == '/')) {
        at++;
    }
    return at;
}

static void put_attribute(struct guard *g, enum attribute id, struct str value)
{
    char name[] = {' ', (char)('a' + id / LETTERS), (char)('a' + id % LETTERS), '=', '"'};

    buf_append(&g->out, name, sizeof name);
    while (value.n > 0) {
        size_t at = str_find_char(value, '"', 0);
        put_text(g, str_sub(value, 0, at), true);
        if (at < value.n) {
            put_mask(g, '"');
        }
        value = str_sub(value, at + 1, value.n);
    }
    buf_append_char(&g->out, '"');
}

/* Writes those that are asked for, each once. Returns where the ">" of the tag is; the length of the page: there is none. */
static size_t put_attributes(struct guard *g, size_t at, bool *is_closed)
{
    struct str s = g->html;
    bool has[ATTR_COUNT] = {false};
    size_t count = 0;
    size_t last = at;

    for (at = blanks_end(s, at); at < s.n && s.p[at] != '>'; at = blanks_end(s, at)) {
        struct attribute_span a = read_attribute(s, at);
        enum attribute id = attribute_find(g->reader->asked, a.name);
        at = last = a.end;
        if (id < ATTR_COUNT && !has[id] && count < ATTRIBUTES_MAX && a.value.n <= ATTRIBUTE_BYTES) {
            has[id] = true;
            count++;
            put_attribute(g, id, a.value);
        }
    }
    *is_closed = at > last && s.p[at - 1] == '/'; /* of XHTML; not that of <a href=b/> */
    return at;
}

/* ---- elements */

static size_t name_end(struct str s, size_t at)
{
    while (at < s.n && !is_space(s.p[at]) && s.p[at] != '/' && s.p[at] != '>' && s.p[at] != '<') {
        at++;
    }
    return at;
}

/* Behind the end tag of a raw element; 0: there is none. */
static size_t raw_end(struct str s, size_t at, struct str name)
{
    while ((at = str_find_char(s, '<', at)) < s.n) {
        size_t word = at + 2;
        if (at + 1 < s.n && s.p[at + 1] == '/' && str_eq_nocase(str_sub(s, word, word + name.n), name) &&
            name_end(s, word) == word + name.n) {
            at = str_find_char(s, '>', word);
            return at < s.n ? at + 1 : s.n;
        }
        at++;
    }
    return 0;
}

static void skip_raw(struct guard *g, enum tag t)
{
    struct guard_counts *counts = &g->reader->counts;
    bool is_script = t == TAG_SCRIPT;
    size_t from = g->at;
    size_t end = g->has_no_end[t] ? 0 : raw_end(g->html, from, str_from(tag_table[t].name));

    g->has_no_end[t] = !end;
    if (!end) { /* what a browser hides to the end of the page; a forgotten end of the others hides nothing */
        end = is_script || t == TAG_STYLE || t == TAG_TEXTAREA ? g->html.n : from;
    }
    counts->script_count += is_script;
    counts->script_bytes += is_script ? end - from : 0;
    g->at = end;
}

static void read_start_tag(struct guard *g)
{
    struct str s = g->html;
    size_t word = name_end(s, g->at + 1);
    struct str name = str_sub(s, g->at + 1, word);
    enum tag t = tag_find(name);
    bool is_raw = tag_has(t, TAG_IS_RAW);
    bool is_closed = false;
    size_t from = g->out.n;

    buf_append_char(&g->out, '<');
    put_name(g, t, name);
    size_t end = put_attributes(g, word, &is_closed);
    g->at = end < s.n ? end + 1 : s.n;
    bool is_there = end < s.n && !is_raw && name.n <= TAG_NAME_BYTES;
    if (is_there && (tag_has(t, TAG_IS_VOID) || is_closed || nesting_open(&g->nesting, t))) {
        buf_append_c(&g->out, is_closed ? "/>" : ">");
    } else {
        g->out.n = from; /* too deep, or the page ends inside the tag */
    }
    if (is_raw && !(t == TAG_SVG && is_closed)) {
        skip_raw(g, t);
    }
}

static void read_end_tag(struct guard *g)
{
    struct str s = g->html;
    size_t word = name_end(s, g->at + 2);
    size_t end = str_find_char(s, '>', word);
    struct str name = str_sub(s, g->at + 2, word);
    enum tag t = tag_find(name);

    g->at = end < s.n ? end + 1 : s.n;
    if (end < s.n && t != TAG_BODY && t != TAG_HTML && /* what comes behind them belongs to the page, too */
        name.n <= TAG_NAME_BYTES && nesting_close(&g->nesting, t)) {
        buf_append_c(&g->out, "</");
        put_name(g, t, name);
        buf_append_char(&g->out, '>');
    }
}

static void skip_comment(struct guard *g)
{
    struct str s = g->html;
    size_t body = g->at + 4;
    size_t end;

    if (str_starts(str_sub(s, body, s.n), STR(">"))) {
        end = body + 1;
    } else {
        end = str_find(s, STR("--"), body);
        while (end + 2 < s.n && s.p[end + 2] != '>' &&
               !(s.p[end + 2] == '!' && str_sub(s, end + 3, end + 4).n && s.p[end + 3] == '>')) {
            end = str_find(s, STR("--"), end + 1);
        }
        end = str_find_char(s, '>', end < s.n ? end : s.n);
        end = end < s.n ? end + 1 : s.n;
    }
    g->at = end;
}

static void read_tag(struct guard *g)
{
    struct str rest = str_sub(g->html, g->at, g->html.n);
    char next = rest.n > 1 ? rest.p[1] : ' ';

    if (g->out.n > PIECE_BYTES) {
        flush(g);
    }
    if (is_letter(next)) {
        read_start_tag(g);
    } else if (next == '/' && rest.n > 2 && is_letter(rest.p[2])) {
        read_end_tag(g);
    } else if (str_starts(rest, STR("<!--"))) {
        skip_comment(g);
    } else if (next == '!' || next == '?' ||
               next == '/') { /* <!DOCTYPE, <?xml, <![CDATA[, and what is nothing */
        size_t end = str_find_char(g->html, '>', g->at);
        g->at = end < g->html.n ? end + 1 : g->html.n;
    } else {
        put_mask(g, '<');
        g->at++;
    }
}

void guard_feed(struct str html, struct guard_reader *r)
{
    struct guard g = {.html = html, .reader = r, .out = BUF_LIMIT(SIZE_MAX)};

    while (g.at < html.n && !g.is_over) {
        size_t end = str_find_char(html, '<', g.at);
        put_text(&g, str_sub(html, g.at, end), false);
        g.at = end;
        if (end < html.n) {
            read_tag(&g);
        }
    }
    flush(&g);
    buf_dispose(&g.out);
}
