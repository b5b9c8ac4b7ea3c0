/* guard.c: cuts a page into what libxml2 is to see. It reads tags as browsers do (a ">" between quotes ends nothing), and keeps
 * a stack of its own of what is open, which follows libxml2's closely enough to bound it.
 *
 *   text <a href=…> text <!-- no --> text <script> no </script> text
 *   ─────────────────────         ─────                        ──── pieces
 */
#include "markdown/guard.h"

#include <string.h>

#include "markdown/tags.h"

#define PIECE_BYTES     ((size_t)32 << 10) /* a piece ends at the first tag behind so many */
#define PIECE_MAX_BYTES ((size_t)64 << 10)
#define ATTRIBUTES_MAX  48
#define ATTRIBUTE_BYTES ((size_t)16 << 10) /* a longer one is left out */
#define TAG_NAME_BYTES  64

struct guard {
    struct str html;
    size_t from, at; /* [from, at) is to be handed on */
    bool (*take)(void *ctx, struct str piece);
    void *ctx;
    bool is_over;
    struct guard_counts *counts;
    bool has_no_end[TAG_COUNT]; /* none of these ends in what is left: not looked for again */
    size_t depth;
    uint8_t open[GUARD_DEPTH_MAX];
};

static void hand_on(struct guard *g, struct str piece)
{
    if (piece.n > 0 && !g->is_over) {
        g->is_over = !g->take(g->ctx, piece);
    }
}

static void flush(struct guard *g)
{
    hand_on(g, str_sub(g->html, g->from, g->at));
    g->from = g->at;
}

/* What lies between here and `to` is not for the parser. */
static void skip_to(struct guard *g, size_t to)
{
    flush(g);
    g->at = g->from = to;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t name_end(struct str s, size_t at)
{
    while (at < s.n && !is_space(s.p[at]) && s.p[at] != '/' && s.p[at] != '>' && s.p[at] != '<') {
        at++;
    }
    return at;
}

/* Behind the attribute that begins at `at`. */
static size_t attribute_end(struct str s, size_t at)
{
    at++; /* even "=" begins one */
    while (at < s.n && !is_space(s.p[at]) && s.p[at] != '/' && s.p[at] != '>' && s.p[at] != '=') {
        at++;
    }
    size_t value = at;
    while (value < s.n && is_space(s.p[value])) {
        value++;
    }
    if (value >= s.n || s.p[value] != '=') {
        return at;
    }
    value++;
    while (value < s.n && is_space(s.p[value])) {
        value++;
    }
    if (value < s.n && (s.p[value] == '"' || s.p[value] == '\'')) {
        value = str_find_char(s, s.p[value], value + 1);
        return value < s.n ? value + 1 : s.n;
    }
    while (value < s.n && !is_space(s.p[value]) && s.p[value] != '>') {
        value++;
    }
    return value;
}

static bool is_like(enum tag open, enum tag t)
{
    switch (t) {
    case TAG_P:
    case TAG_LI:
    case TAG_OPTION:
    case TAG_A:
        return open == t;
    case TAG_DT:
    case TAG_DD:
        return open == TAG_DT || open == TAG_DD;
    case TAG_TD:
    case TAG_TH:
        return open == TAG_TD || open == TAG_TH;
    case TAG_TR:
        return open == TAG_TD || open == TAG_TH || open == TAG_TR;
    case TAG_THEAD:
    case TAG_TBODY:
    case TAG_TFOOT:
        return (open >= TAG_TBODY && open <= TAG_TR) && open != TAG_TEXTAREA && open != TAG_TEMPLATE &&
               open != TAG_TITLE;
    default:
        return false;
    }
}

/* False: too deep. */
static bool open_element(struct guard *g, enum tag t)
{
    while (g->depth > 0) {
        enum tag top = (enum tag)g->open[g->depth - 1];
        if (!is_like(top, t) && !(top == TAG_P && tag_has(t, TAG_IS_BLOCK))) {
            break;
        }
        g->depth--;
    }
    if (g->depth == GUARD_DEPTH_MAX) {
        return false;
    }
    g->open[g->depth++] = (uint8_t)t;
    return true;
}

/* False: nothing is open that it would end. */
static bool close_element(struct guard *g, enum tag t)
{
    for (size_t i = g->depth; i-- > 0;) {
        if (g->open[i] == (uint8_t)t) {
            g->depth = i;
            return true;
        }
        if (tag_table[g->open[i]].priority > tag_table[t].priority) {
            break;
        }
    }
    return false;
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

static void read_raw(struct guard *g, enum tag t, size_t tag_end)
{
    bool is_script = t == TAG_SCRIPT;
    size_t end = g->has_no_end[t] ? 0 : raw_end(g->html, tag_end, str_from(tag_table[t].name));

    g->has_no_end[t] = !end;
    if (!end) { /* what a browser hides to the end of the page; a forgotten end of the others hides nothing */
        end = is_script || t == TAG_STYLE || t == TAG_TEXTAREA ? g->html.n : tag_end;
    }
    g->counts->script_count += is_script;
    g->counts->script_bytes += is_script ? end - tag_end : 0;
    skip_to(g, end);
}

static size_t blanks_end(struct str s, size_t at)
{
    while (at < s.n && (is_space(s.p[at]) || s.p[at] == '/')) {
        at++;
    }
    return at;
}

/* Where the ">" of the tag is whose attributes begin at `at`; the length of the page when there is none. */
static size_t tag_end(struct str s, size_t at)
{
    for (at = blanks_end(s, at); at < s.n && s.p[at] != '>'; at = blanks_end(s, at)) {
        at = attribute_end(s, at);
    }
    return at;
}

/* As tag_end, for a tag that is handed on: without the attributes that are over a limit. */
static size_t read_attributes(struct guard *g, size_t at)
{
    struct str s = g->html;
    size_t count = 0;

    for (at = blanks_end(s, at); at < s.n && s.p[at] != '>'; at = blanks_end(s, at)) {
        size_t end = attribute_end(s, at);
        if (++count > ATTRIBUTES_MAX || end - at > ATTRIBUTE_BYTES) {
            g->at = at;
            skip_to(g, end);
        }
        at = end;
    }
    return at;
}

static void read_start_tag(struct guard *g)
{
    struct str s = g->html;
    size_t word = name_end(s, g->at + 1);
    struct str name = str_sub(s, g->at + 1, word);
    enum tag t = tag_find(name);
    bool is_raw = tag_has(t, TAG_IS_RAW);

    if (is_raw || name.n > TAG_NAME_BYTES || (!tag_has(t, TAG_IS_VOID) && !open_element(g, t))) {
        size_t end = tag_end(s, word);
        skip_to(g, end < s.n ? end + 1 : s.n);
        if (is_raw && !(t == TAG_SVG && s.p[end - 1] == '/')) {
            read_raw(g, t, g->at);
        }
        return;
    }
    size_t end = read_attributes(g, word);
    if (end >= s.n) { /* the page ends inside the tag */
        g->from = s.n;
    }
    g->at = end < s.n ? end + 1 : s.n;
}

static void read_end_tag(struct guard *g)
{
    struct str s = g->html;
    size_t word = name_end(s, g->at + 2);
    size_t end = str_find_char(s, '>', word);
    struct str name = str_sub(s, g->at + 2, word);
    size_t next = end < s.n ? end + 1 : s.n;
    enum tag t = tag_find(name);

    if (end >= s.n || t == TAG_BODY || t == TAG_HTML || /* what comes behind them belongs to the page, too */
        name.n > TAG_NAME_BYTES || !close_element(g, t)) {
        skip_to(g, next);
    } else {
        g->at = next;
    }
}

static void read_comment(struct guard *g)
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
    skip_to(g, end);
}

static void read_tag(struct guard *g)
{
    struct str rest = str_sub(g->html, g->at, g->html.n);
    char next = rest.n > 1 ? rest.p[1] : ' ';

    if (g->at - g->from > PIECE_BYTES) {
        flush(g);
    }
    if (is_letter(next)) {
        read_start_tag(g);
    } else if (next == '/' && rest.n > 2 && is_letter(rest.p[2])) {
        read_end_tag(g);
    } else if (str_starts(rest, STR("<!--"))) {
        read_comment(g);
    } else if (next == '!' || next == '?' ||
               next == '/') { /* <!DOCTYPE, <?xml, <![CDATA[, and what is nothing */
        size_t end = str_find_char(g->html, '>', g->at);
        skip_to(g, end < g->html.n ? end + 1 : g->html.n);
    } else {
        flush(g);
        hand_on(g, STR("&lt;"));
        g->at = g->from = g->at + 1;
    }
}

/* Text without a tag, in pieces that split no character and no entity (which are short). */
static void read_text(struct guard *g, size_t end)
{
    while (end - g->from > PIECE_MAX_BYTES && !g->is_over) {
        size_t at = g->from + PIECE_BYTES;
        while (at > g->from + PIECE_BYTES / 2 && !is_space(g->html.p[at])) {
            at--;
        }
        while (at > g->from && ((unsigned char)g->html.p[at] & 0xC0) == 0x80) {
            at--;
        }
        g->at = at;
        flush(g);
    }
    g->at = end;
}

void guard_feed(struct str html, bool (*take)(void *ctx, struct str piece), void *ctx,
                struct guard_counts *counts)
{
    struct guard g = {.html = html, .take = take, .ctx = ctx, .counts = counts};

    while (g.at < html.n && !g.is_over) {
        read_text(&g, str_find_char(html, '<', g.at));
        if (g.at < html.n) {
            read_tag(&g);
        }
    }
    flush(&g);
}
