/* lenient.c: see lenient.h. A text is first tried as it is; then each bracket in it that opens a value is a candidate, which is
 * written anew as strict JSON up to its matching bracket. The longest candidate that the strict reader takes is the answer:
 * what a model says beside it ("such as {…}") is shorter. */
#include "kinds/run_prompt/lenient.h"

#include <string.h>

#define TEXT_MAX_BYTES (1 << 20)
#define CANDIDATES_MAX 64

struct rewrite {
    struct str in;
    size_t at;
    struct buf *out;
    int depth;
    size_t comma; /* where a comma stands in out with nothing but blanks behind it; SIZE_MAX: none */
    unsigned repairs;
};

static struct str rest_of(const struct rewrite *w)
{
    return str_sub(w->in, w->at, w->in.n);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- strings */

struct quote {
    struct str open;
    const char *closing[3];
};

static const struct quote quotes[] = {
    {{"\"", 1}, {"\""}},
    {{"'", 1}, {"'"}},
    {{"\xe2\x80\x9c", 3}, {"\xe2\x80\x9d", "\xe2\x80\x9c", "\""}}, /* “ … ” */
    {{"\xe2\x80\x9d", 3}, {"\xe2\x80\x9d", "\""}},                 /* ” … ” */
    {{"\xe2\x80\x9e", 3}, {"\xe2\x80\x9c", "\xe2\x80\x9d", "\""}}, /* „ … “ */
    {{"\xe2\x80\x98", 3}, {"\xe2\x80\x99", "'"}},                  /* ‘ … ’ */
};

static const struct quote *quote_at(struct str s)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        if (str_starts(s, quotes[i].open)) {
            return &quotes[i];
        }
    }
    return NULL;
}

/* An apostrophe within a text looks like its end; the end has something of JSON behind it. */
static bool is_followed_by_json(struct str s)
{
    size_t i = 0;
    while (i < s.n && is_blank(s.p[i])) {
        i++;
    }
    return i == s.n || strchr(",:}]", s.p[i]);
}

/* The bytes of the closing quote that begins s; 0: none does. */
static size_t closing_bytes(const struct quote *q, struct str s)
{
    for (size_t i = 0; i < 3 && q->closing[i]; i++) {
        struct str closing = str_from(q->closing[i]);
        if (str_starts(s, closing) && (q == &quotes[0] || is_followed_by_json(str_sub(s, closing.n, s.n)))) {
            return closing.n;
        }
    }
    return 0;
}

static void put_character(struct rewrite *w, char c)
{
    if ((unsigned char)c < 0x20) {
        w->repairs |= REPAIR_CONTROL;
        buf_printf(w->out, "\\u%04x", (unsigned)c);
        return;
    }
    if (c == '"') {
        buf_append_char(w->out, '\\'); /* within other quotes it needed none */
    }
    buf_append_char(w->out, c);
}

/* Copies a string with its quotes; false: it has no end. */
static bool rewrite_string(struct rewrite *w, const struct quote *q)
{
    w->repairs |= q == &quotes[0] ? 0 : REPAIR_QUOTES;
    w->at += q->open.n;
    buf_append_char(w->out, '"');
    while (w->at < w->in.n) {
        size_t closing = closing_bytes(q, rest_of(w));
        if (closing) {
            w->at += closing;
            buf_append_char(w->out, '"');
            return true;
        }
        char c = w->in.p[w->at++];
        if (c == '\\' && w->at < w->in.n && w->in.p[w->at] != '\'') {
            buf_append_char(w->out, c);
            c = w->in.p[w->at++];
            buf_append_char(w->out, c);
        } else if (c != '\\') {
            put_character(w, c);
        }
    }
    return false;
}

/* ---- what is between strings */

static bool skip_comment(struct rewrite *w)
{
    struct str rest = rest_of(w);
    size_t end = 0;
    if (str_starts(rest, STR("//"))) {
        end = str_find_char(rest, '\n', 0);
    } else if (str_starts(rest, STR("/*"))) {
        end = str_find(rest, STR("*/"), 2);
        end = end < rest.n ? end + 2 : rest.n;
    }
    w->at += end;
    w->repairs |= end ? REPAIR_COMMENT : 0;
    return end > 0;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const struct {
    const char *python, *json;
} literals[] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};

/* Copies a word or a number; the strict reader will say whether it is one. */
static void rewrite_word(struct rewrite *w)
{
    size_t from = w->at;
    while (w->at < w->in.n && (is_word_byte(w->in.p[w->at]) || strchr("+-.", w->in.p[w->at]))) {
        w->at++;
    }
    w->at += w->at == from;
    struct str word = str_sub(w->in, from, w->at);
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (str_eq(word, str_from(literals[i].python))) {
            w->repairs |= REPAIR_LITERAL;
            word = str_from(literals[i].json);
        }
    }
    buf_append_str(w->out, word);
}

static void close_bracket(struct rewrite *w)
{
    if (w->comma != SIZE_MAX) {
        w->out->p[w->comma] = ' ';
        w->repairs |= REPAIR_TRAILING_COMMA;
    }
    w->depth--;
}

/* Rewrites the value that opens at w->at up to its closing bracket; false: it has none. */
static bool rewrite_value(struct rewrite *w)
{
    w->comma = SIZE_MAX;
    do {
        char c = w->in.p[w->at];
        const struct quote *q = quote_at(rest_of(w));
        if (skip_comment(w)) {
            continue;
        }
        if (!is_blank(c) && c != '}' && c != ']') {
            w->comma = c == ',' ? w->out->n : SIZE_MAX;
        }
        if (q) {
            if (!rewrite_string(w, q)) {
                return false;
            }
            continue;
        }
        if (!strchr("{}[],: \t\r\n", c)) {
            rewrite_word(w);
            continue;
        }
        if (c == '}' || c == ']') {
            close_bracket(w);
            w->comma = SIZE_MAX;
        }
        w->depth += c == '{' || c == '[';
        buf_append_char(w->out, c);
        w->at++;
    } while (w->depth > 0 && w->at < w->in.n);
    return w->depth == 0 && !w->out->overflowed;
}

/* ---- candidates */

struct search {
    struct arena *a;
    struct json *best;
    size_t best_bytes;
    unsigned repairs;
};

/* The value that opens at `at`, if it is one. Returns where to look on: behind it, or behind its bracket. */
static size_t try_candidate(struct search *s, struct str text, size_t at)
{
    struct buf out = BUF_LIMIT(2 * TEXT_MAX_BYTES);
    struct rewrite w = {.in = text, .at = at, .out = &out};
    struct json *value = NULL;
    bool is_one = rewrite_value(&w) && !json_validate(buf_str(&out), NULL);
    /* Only what is better than what is known may take memory: a tree takes many times the bytes of its text. */
    bool is_better = is_one && w.at - at > s->best_bytes &&
                     !json_parse(arena_str(s->a, buf_str(&out)), s->a, &value, NULL);
    buf_dispose(&out);
    if (!is_one) {
        return at + 1;
    }
    if (is_better) {
        bool has_words = str_trim(str_sub(text, 0, at)).n > 0 || str_trim(str_sub(text, w.at, text.n)).n > 0;
        s->best = value;
        s->best_bytes = w.at - at;
        s->repairs = w.repairs | (has_words ? REPAIR_PROSE : 0);
    }
    return w.at;
}

static void search_text(struct search *s, struct str text)
{
    size_t at = 0;
    for (int i = 0; i < CANDIDATES_MAX; i++) {
        while (at < text.n && text.p[at] != '{' && text.p[at] != '[') {
            at++;
        }
        if (at == text.n) {
            return;
        }
        at = try_candidate(s, text, at);
    }
}

/* What is within the next ``` … ``` from *at on; the last one may lack its end. */
static bool next_fence(struct str text, size_t *at, struct str *inside)
{
    size_t open = str_find(text, STR("```"), *at);
    size_t line = str_find_char(text, '\n', open);
    if (open == text.n || line == text.n) {
        return false;
    }
    size_t end = str_find(text, STR("\n```"), line);
    *inside = str_trim(str_sub(text, line + 1, end));
    *at = end < text.n ? end + 4 : text.n;
    return true;
}

static void search_fences(struct search *s, struct str text)
{
    struct str inside;
    size_t at = 0;
    while (next_fence(text, &at, &inside)) {
        struct search within = {.a = s->a};
        search_text(&within, inside);
        if (within.best_bytes > s->best_bytes) {
            *s = within;
            s->repairs |= REPAIR_FENCE;
        }
    }
}

static void unwrap(struct search *s)
{
    const struct json *v = s->best;
    if (v && v->type == JSON_ARRAY && v->count == 1 && v->first->type == JSON_OBJECT) {
        s->best = s->best->first;
        s->repairs |= REPAIR_UNWRAPPED;
    }
}

enum rc lenient_parse(struct str text, bool wants_object, struct arena *a, struct json **out,
                      unsigned *repairs, struct err *e)
{
    struct search s = {.a = a};
    unsigned bom = str_starts(text, STR("\xef\xbb\xbf")) ? REPAIR_BOM : 0;
    text = str_trim(str_sub(text, bom ? 3 : 0, text.n));
    if (text.n > TEXT_MAX_BYTES) {
        return err_set_code(e, RC_INVALID, "invalid_output", NULL, "the answer is longer than %d bytes",
                            TEXT_MAX_BYTES);
    }
    enum rc rc = json_parse(text, a, &s.best, e);
    if (rc) {
        s.best = NULL;
        search_fences(&s, text);
        if (!s.best) {
            search_text(&s, text);
        }
    }
    if (wants_object) {
        unwrap(&s);
    }
    if (!s.best) {
        return rc; /* why it is no JSON says more than that nothing else was found */
    }
    *out = s.best;
    *repairs = s.repairs | bom;
    return RC_OK;
}

const char *repair_next_name(unsigned repairs, int *at)
{
    static const char *const names[] = {"bom",    "fence",   "prose",   "trailing_comma", "comment",
                                        "quotes", "control", "literal", "unwrapped"};
    while (*at < (int)(sizeof names / sizeof *names)) {
        int i = (*at)++;
        if (repairs & 1u << i) {
            return names[i];
        }
    }
    return NULL;
}
