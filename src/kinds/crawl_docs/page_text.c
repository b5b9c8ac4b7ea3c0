/* page_text.c: see page_text.h. */
#include "kinds/crawl_docs/page_text.h"

#include <string.h>

#include "base/buf.h"

#define LABEL_MAX_BYTES 8192
#define OPEN_MAX        16 /* brackets in brackets of a label */

static size_t run_of(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] == s.p[at]) {
        n++;
    }
    return n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(struct str line, size_t at)
{
    while (at < line.n && is_blank(line.p[at])) {
        at++;
    }
    return at;
}

/* Behind a list's mark and its blank; `at`: there is none. */
static size_t skip_mark(struct str line, size_t at)
{
    size_t end = at;
    while (end < line.n && end < at + 9 && line.p[end] >= '0' && line.p[end] <= '9') {
        end++;
    }
    bool is_number = end > at && end < line.n && (line.p[end] == '.' || line.p[end] == ')');
    bool is_sign = end == at && at < line.n && strchr("-*+", line.p[at]);
    bool is_mark = (is_number || is_sign) && end + 1 < line.n && is_blank(line.p[end + 1]);
    return is_mark ? end + 2 : at;
}

/* Behind the marks of quotations and, where a fence may begin, of lists. */
static size_t skip_marks(struct str line, bool with_lists)
{
    size_t at = skip_blanks(line, 0);
    for (size_t from = SIZE_MAX; from != at;) {
        from = at;
        at += at < line.n && line.p[at] == '>';
        at = with_lists ? skip_mark(line, at) : at;
        at = skip_blanks(line, at);
    }
    return at;
}

bool page_fence_take(struct page_fence *f, struct str line)
{
    size_t at = skip_marks(line, !f->run);
    size_t run = at < line.n ? run_of(line, at) : 0;
    struct str behind = str_trim(str_sub(line, at + run, line.n));
    if (f->run) {
        if (run >= f->run && line.p[at] == f->c && !behind.n) {
            f->run = 0;
        }
        return true;
    }
    bool is_fence =
        run >= 3 && (line.p[at] == '~' || (line.p[at] == '`' && str_find_char(behind, '`', 0) == behind.n));
    if (is_fence) {
        *f = (struct page_fence){line.p[at], run};
    }
    return is_fence;
}

size_t page_code_end(struct str line, size_t at)
{
    size_t ticks = run_of(line, at);
    for (size_t i = at + ticks; i < line.n;) {
        size_t run = line.p[i] == '`' ? run_of(line, i) : 0;
        if (run == ticks) {
            return i + run;
        }
        i += run ? run : 1;
    }
    return at + ticks;
}

/* ---- titles */

/* Behind the target that begins behind "(": its bracket. */
static size_t target_end(struct str s, size_t at)
{
    bool is_bracketed = at < s.n && s.p[at] == '<';
    int depth = 1;
    if (is_bracketed) {
        at = str_find_char(s, '>', at);
    }
    for (; at < s.n && depth; at++) {
        bool is_escaped = s.p[at] == '\\';
        depth += is_escaped ? 0 : (s.p[at] == '(') - (s.p[at] == ')');
        at += is_escaped;
    }
    return at < s.n ? at : s.n;
}

struct label {
    struct buf out;
    size_t open[OPEN_MAX]; /* where their brackets stand in `out` */
    size_t count;
};

static void cut_byte(struct buf *b, size_t at)
{
    memmove(b->p + at, b->p + at + 1, b->n - at - 1);
    b->n--;
}

/* At a bracket that closes: with a target behind it, it was a link. Returns where to go on. */
static size_t close_bracket(struct label *l, struct str s, size_t at)
{
    size_t open = l->count && l->count-- <= OPEN_MAX ? l->open[l->count] : SIZE_MAX;
    if (open >= l->out.n || at + 1 >= s.n || s.p[at + 1] != '(') {
        buf_append_char(&l->out, ']');
        return at + 1;
    }
    cut_byte(&l->out, open);
    if (open && l->out.p[open - 1] == '!') {
        cut_byte(&l->out, open - 1);
    }
    return target_end(s, at + 2);
}

static size_t take_label(struct label *l, struct str s, size_t at)
{
    size_t end = at + 1;
    if (s.p[at] == '\\') {
        end = at + 2 < s.n ? at + 2 : s.n;
    } else if (s.p[at] == '`') {
        end = page_code_end(s, at);
    } else if (s.p[at] == '[') {
        if (l->count < OPEN_MAX) {
            l->open[l->count] = l->out.n;
        }
        l->count++;
    } else if (s.p[at] == ']') {
        return close_bracket(l, s, at);
    }
    buf_append_str(&l->out, str_sub(s, at, end));
    return end;
}

struct str page_label(struct str heading, struct arena *a)
{
    struct label l = {.out = BUF_LIMIT(LABEL_MAX_BYTES)};
    struct str s = str_sub(heading, 0, LABEL_MAX_BYTES);
    for (size_t at = 0; at < s.n;) {
        at = take_label(&l, s, at);
    }
    struct str label = arena_str(a, str_trim(buf_str(&l.out)));
    buf_dispose(&l.out);
    return label;
}

static bool is_word(struct str s, size_t at)
{
    unsigned char c = at < s.n ? (unsigned char)s.p[at] : ' ';
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c >= 0x80;
}

struct str page_escape(struct str text, struct arena *a)
{
    struct buf b = BUF_LIMIT(2 * LABEL_MAX_BYTES);
    struct str s = str_sub(text, 0, LABEL_MAX_BYTES);
    for (size_t i = 0; i < s.n; i++) {
        bool is_inner = s.p[i] == '_' && i && is_word(s, i - 1) && is_word(s, i + 1);
        bool is_entity = s.p[i] == '&' && (is_word(s, i + 1) || (i + 1 < s.n && s.p[i + 1] == '#'));
        if ((s.p[i] && strchr("\\`*_[]<~", s.p[i]) && !is_inner) || is_entity) {
            buf_append_char(&b, '\\');
        }
        buf_append_char(&b, s.p[i]);
    }
    struct str escaped = arena_str(a, buf_str(&b));
    buf_dispose(&b);
    return escaped;
}
