/* inline.c: marks are closed behind text and opened before text, never beside a blank, because CommonMark would read them as
 * stars there. */
#include "markdown/inline.h"

#include <string.h>

#include "markdown/escape.h"

static const struct {
    const char *begin, *end;
} mark_texts[] = {
    [MARK_STRONG] = {"**", "**"},     [MARK_EM] = {"*", "*"},           [MARK_DEL] = {"~~", "~~"},
    [MARK_KBD] = {"<kbd>", "</kbd>"}, [MARK_SUB] = {"<sub>", "</sub>"}, [MARK_SUP] = {"<sup>", "</sup>"},
    [MARK_LINK] = {"[", "]("},        [MARK_NONE] = {"", ""},
};

void inline_init(struct inline_text *t, size_t max_bytes)
{
    *t = (struct inline_text){.text = BUF_LIMIT(max_bytes),
                              .code = BUF_LIMIT(max_bytes),
                              .url = BUF_LIMIT(max_bytes),
                              .scratch = BUF_LIMIT(4 * max_bytes)};
}

void inline_dispose(struct inline_text *t)
{
    buf_dispose(&t->text);
    buf_dispose(&t->code);
    buf_dispose(&t->url);
    buf_dispose(&t->scratch);
}

static size_t kept_marks(const struct inline_text *t)
{
    return t->mark_count < INLINE_MARKS_MAX ? t->mark_count : INLINE_MARKS_MAX;
}

void inline_clear(struct inline_text *t)
{
    buf_clear(&t->text);
    buf_clear(&t->code);
    t->has_blank = t->has_break = t->is_own_end = false;
    t->code_end = t->closed_to = 0;
    for (size_t i = 0; i < kept_marks(t); i++) {
        t->marks[i].is_open = false;
    }
    t->has_waiting = t->mark_count > 0;
    t->in_link = false;
}

bool inline_is_empty(const struct inline_text *t)
{
    return t->text.n == 0 && t->code.n == 0;
}

static unsigned char last_byte(const struct inline_text *t)
{
    return t->text.n > 0 ? (unsigned char)t->text.p[t->text.n - 1] : ' ';
}

static bool is_word_byte(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_blank_byte(unsigned char c)
{
    return c == ' ' || c == '\n';
}

/* Stars (and tildes) whose side is a sign and whose other side is a letter begin and end nothing: **"so"**they say. */
static bool is_flanked(const struct mark *m)
{
    return m->kind == MARK_STRONG || m->kind == MARK_EM || m->kind == MARK_DEL;
}

static void put_blank(struct inline_text *t)
{
    if (t->has_break && t->text.n > 0) {
        buf_append_c(&t->text, t->is_cell ? "<br>" : t->is_heading ? " " : "\\\n");
        t->is_own_end = true;
    } else if (t->has_blank && t->text.n > 0) {
        buf_append_char(&t->text, ' ');
    }
    t->has_blank = t->has_break = false;
}

static void remove_text(struct inline_text *t, size_t from, size_t n)
{
    memmove(t->text.p + from, t->text.p + from + n, t->text.n - from - n);
    t->text.n -= n;
}

/* The mark that just ended does not end where a letter follows: then it is taken back, beginning and end. */
static void check_closed(struct inline_text *t, unsigned char next)
{
    struct mark *m = &t->closed;

    if (t->closed_to == 0 || t->closed_to != t->text.n || !is_flanked(m)) {
        return;
    }
    if (is_word_byte(next) && !is_word_byte((unsigned char)t->text.p[t->closed_from - 1])) {
        size_t n = strlen(mark_texts[m->kind].begin);
        t->text.n = t->closed_from;
        remove_text(t, m->at, n);
        for (size_t i = 0; i < kept_marks(t); i++) {
            t->marks[i].at -= t->marks[i].is_open && t->marks[i].at > m->at ? n : 0;
        }
        t->code_end = 0;
    }
    t->closed_to = 0;
}

static void open_mark(struct inline_text *t, struct mark *m, unsigned char next)
{
    if (m->kind == MARK_LINK && last_byte(t) == '!' &&
        !t->is_own_end) { /* "!" and a link would be an image */
        t->text.n--;
        buf_append_c(&t->text, "\\!");
    }
    if (is_flanked(m)) {
        bool is_adjacent = t->closed_to == t->text.n && t->closed_to > 0 && t->closed.kind == m->kind;
        if (is_adjacent) { /* <b>a</b><b>b</b> is one */
            t->text.n = t->closed_from;
            m->at = t->closed.at;
            m->is_open = true;
            t->closed_to = 0;
            return;
        }
        unsigned char before = last_byte(t);
        if (!is_word_byte(next) && !is_blank_byte(before) && is_word_byte(before)) {
            m->is_silent = true;
            return;
        }
    }
    m->at = t->text.n;
    m->is_open = true;
    t->in_link |= m->kind == MARK_LINK;
    buf_append_c(&t->text, mark_texts[m->kind].begin);
    t->is_own_end = true;
}

/* Text comes whose first byte is `next`: what waits is written before it. */
static void get_ready(struct inline_text *t, unsigned char next)
{
    if (t->has_blank || t->has_break) {
        t->closed_to = 0;
        put_blank(t);
    }
    for (size_t i = 0; t->has_waiting && i < kept_marks(t); i++) {
        struct mark *m = &t->marks[i];
        if (!m->is_open && !m->is_silent) {
            open_mark(t, m, i + 1 < kept_marks(t) && is_flanked(&t->marks[i + 1]) ? '*' : next);
        }
    }
    t->has_waiting = false;
    check_closed(t, next);
}

static size_t longest_run(struct str s, char c)
{
    size_t longest = 0;
    size_t run = 0;

    for (size_t i = 0; i < s.n; i++) {
        run = s.p[i] == c ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void put_ticks(struct inline_text *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_append_char(&t->text, '`');
    }
}

/* <code>a</code><code>b</code> is one, because `a``b` is not two. */
static bool joins_code(const struct inline_text *t)
{
    for (size_t i = 0; i < kept_marks(t); i++) {
        if (!t->marks[i].is_open && !t->marks[i].is_silent) {
            return false;
        }
    }
    return t->code_end > 1 && t->code_end == t->text.n && t->text.p[t->code_end - 2] != '`' &&
           t->text.p[t->code_end - 2] != ' ';
}

static void flush_code(struct inline_text *t)
{
    struct str code = buf_str(&t->code);
    size_t ticks = longest_run(code, '`') + 1;

    if (!code.n) {
        return;
    }
    bool has_blank = t->has_blank; /* behind the code: that before it is written */
    bool has_break = t->has_break;
    t->has_blank = t->has_break = false;
    bool is_joined = ticks == 1 && joins_code(t);
    if (is_joined) {
        t->text.n--;
    } else {
        get_ready(t, '`');
        if (last_byte(t) == '`' && !t->is_own_end) {
            ticks = 1;
        }
        put_ticks(t, ticks);
        buf_append_c(&t->text, code.p[0] == '`' ? " " : "");
    }
    for (size_t i = 0; i < code.n; i++) {
        if (t->is_cell && code.p[i] == '|') {
            buf_append_char(&t->text, '\\');
        }
        buf_append_char(&t->text, code.p[i]);
    }
    buf_append_c(&t->text, code.p[code.n - 1] == '`' ? " " : "");
    put_ticks(t, ticks);
    t->is_own_end = true;
    t->code_end = ticks == 1 ? t->text.n : 0;
    buf_clear(&t->code);
    t->has_blank = has_blank;
    t->has_break = has_break;
}

/* Blanks at the ends of code stand outside of it. */
static void put_code(struct inline_text *t, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\f') {
            t->has_blank = true;
            continue;
        }
        if (t->has_blank && t->code.n > 0) {
            buf_append_char(&t->code, ' ');
            t->has_blank = false;
        } else if (t->has_blank || t->has_break) {
            flush_code(t);
            put_blank(t);
            t->closed_to = t->code_end = 0;
        }
        buf_append_char(&t->code, s.p[i]);
    }
}

static void put_escaped(struct inline_text *t, struct str s, size_t i)
{
    struct escape_place place = {
        .c = s.p[i],
        .before = t->is_own_end ? '.' : (char)last_byte(t),
        .is_after_bracket = !t->is_own_end && escape_is_bracket(buf_str(&t->text)),
        .next = i + 1 < s.n ? s.p[i + 1] : '\0',
        .rest = str_sub(s, i, s.n),
        .is_start = t->text.n == 0,
        .is_cell = t->is_cell,
        .is_link = t->in_link,
    };

    if (escape_is_needed(&place)) {
        buf_append_char(&t->text, '\\');
    }
    buf_append_char(&t->text, s.p[i]);
}

static void put_piece(struct inline_text *t, struct str s)
{
    if (t->code_depth > 0) {
        put_code(t, s);
        return;
    }
    flush_code(t);
    for (size_t i = 0; i < s.n;) {
        size_t run = escape_plain_run(str_sub(s, i, s.n));
        if (run > 0) {
            get_ready(t, (unsigned char)s.p[i]);
            while (i + run + 1 < s.n && s.p[i + run] == ' ') { /* what a blank between words comes to */
                size_t more = escape_plain_run(str_sub(s, i + run + 1, s.n));
                if (!more) {
                    break;
                }
                run += 1 + more;
                t->closed_to = 0;
            }
            buf_append(&t->text, s.p + i, run);
            t->is_own_end = false;
            i += run;
        } else if (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\f') {
            t->has_blank = true;
            i++;
        } else {
            get_ready(t, (unsigned char)s.p[i]);
            put_escaped(t, s, i++);
            t->is_own_end = false;
        }
    }
}

void inline_put_text(struct inline_text *t, struct str text)
{
    while (text.n > 0) {
        put_piece(t, escape_normalize(escape_cut(&text), &t->scratch));
    }
}

void inline_put_break(struct inline_text *t)
{
    flush_code(t);
    t->has_break = true;
}

void inline_put_image(struct inline_text *t, struct str given_alt, struct str url)
{
    struct str alt = escape_normalize(given_alt, &t->scratch);

    flush_code(t);
    get_ready(t, '!');
    buf_append_c(&t->text, "![");
    for (size_t i = 0; i < alt.n; i++) {
        char c = alt.p[i];
        if (c == '[' || c == ']' || c == '\\' || c == '`' || c == '<' || (c == '|' && t->is_cell)) {
            buf_append_char(&t->text, '\\');
        }
        buf_append_char(&t->text, (unsigned char)c < ' ' ? ' ' : c);
    }
    buf_append_c(&t->text, "](");
    buf_append_str(&t->text, url);
    buf_append_char(&t->text, ')');
    t->is_own_end = true;
}

void inline_put_checkbox(struct inline_text *t, bool is_checked)
{
    if (inline_is_empty(t) && !t->is_cell && !t->is_heading) {
        buf_append_c(&t->text, is_checked ? "[x]" : "[ ]");
        t->is_own_end = true;
        t->has_blank = true;
    }
}

void inline_open_mark(struct inline_text *t, enum mark_kind kind, struct str url)
{
    struct mark m = {.kind = kind, .is_silent = kind == MARK_NONE};

    for (size_t i = 0; i < kept_marks(t); i++) {
        m.is_silent |= t->marks[i].kind == kind;
    }
    if (t->code_depth > 0 && kind != MARK_LINK) { /* between backticks a star is a star */
        m.is_silent = true;
    }
    if (!m.is_silent) {
        flush_code(t);
    }
    if (kind == MARK_LINK && !m.is_silent && t->mark_count < INLINE_MARKS_MAX) {
        buf_clear(&t->url);
        buf_append_str(&t->url, url);
    }
    if (t->mark_count < INLINE_MARKS_MAX) {
        t->marks[t->mark_count] = m;
        t->has_waiting |= !m.is_silent;
    }
    t->mark_count++;
}

static void end_mark(struct inline_text *t, struct mark *m)
{
    if (!m->is_open || m->is_silent) {
        return;
    }
    t->closed = *m;
    t->closed_from = t->text.n;
    buf_append_c(&t->text, mark_texts[m->kind].end);
    if (m->kind == MARK_LINK) {
        buf_append_str(&t->text, buf_str(&t->url));
        buf_append_char(&t->text, ')');
        m->is_silent = true; /* one link is one link, also when a paragraph ends in it */
        t->in_link = false;
    }
    t->closed_to = is_flanked(m) ? t->text.n : 0;
    m->is_open = false;
    t->is_own_end = true;
}

void inline_close_mark(struct inline_text *t)
{
    if (t->mark_count <= INLINE_MARKS_MAX) {
        struct mark *m = &t->marks[t->mark_count - 1];
        if (!m->is_silent) {
            flush_code(t);
        }
        end_mark(t, m);
    }
    t->mark_count--;
}

void inline_open_code(struct inline_text *t)
{
    t->code_depth++;
}

void inline_close_code(struct inline_text *t)
{
    if (--t->code_depth == 0) {
        flush_code(t);
    }
}

struct str inline_take(struct inline_text *t)
{
    flush_code(t);
    t->has_blank = t->has_break = false;
    for (size_t i = kept_marks(t); i-- > 0;) {
        end_mark(t, &t->marks[i]);
    }
    return buf_str(&t->text);
}
