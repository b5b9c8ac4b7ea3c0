/* extract_c_macros.c: see extract_c_macros.h. Reads tokens and follows braces; a closing brace at column 0 ends whatever is open, so
 * that an #if with two opening braces confuses one function, not the file.
 *
 *   MUST_CHECK enum rc f(void);          before: followed by a word of C, or by two names
 *   int f(const char *x, ...) LIKE(1);   behind: between `)` and `;` or `{`
 *   new_array(arena, struct x, n)        in bodies: a type as an argument */
#include "kinds/index_repo/extract_c_macros.h"

#define MAX_GROUP_TOKENS 200

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_OTHER };

struct token {
    enum token_kind kind;
    size_t from, to;
};

struct reader {
    struct str text;
    char *copy;
    int depth; /* of braces, but those of extern "C" */
    bool begins_statement;
};

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static char byte_at(struct str s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

/* ---- tokens */

static size_t end_of_line(struct str s, size_t at)
{
    size_t end = str_find_char(s, '\n', at);
    while (end < s.n && end > 0 && s.p[end - 1] == '\\') { /* goes on */
        end = str_find_char(s, '\n', end + 1);
    }
    return end;
}

static bool is_first_in_line(struct str s, size_t at)
{
    while (at > 0 && (s.p[at - 1] == ' ' || s.p[at - 1] == '\t')) {
        at--;
    }
    return at == 0 || s.p[at - 1] == '\n';
}

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n) {
        char c = s.p[at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\\' || c == '\f') {
            at++;
        } else if (c == '/' && byte_at(s, at + 1) == '/') {
            at = end_of_line(s, at);
        } else if (c == '/' && byte_at(s, at + 1) == '*') {
            size_t end = str_find(s, STR("*/"), at + 2);
            at = end < s.n ? end + 2 : s.n;
        } else if (c == '#' && is_first_in_line(s, at)) {
            at = end_of_line(s, at);
        } else {
            break;
        }
    }
    return at;
}

static size_t end_of_quoted(struct str s, size_t at)
{
    char quote = s.p[at];
    for (at++; at < s.n && s.p[at] != quote && s.p[at] != '\n'; at++) {
        at += s.p[at] == '\\';
    }
    return at < s.n ? at + 1 : s.n;
}

static struct token next_token(struct str s, size_t at)
{
    struct token t = {.from = skip_blanks(s, at)};
    t.to = t.from;
    if (t.from >= s.n) {
        return t;
    }
    char c = s.p[t.from];
    if (is_word_byte(c)) {
        t.kind = TOKEN_WORD;
        while (t.to < s.n && is_word_byte(s.p[t.to])) {
            t.to++;
        }
        return t;
    }
    t.kind = c == '"' || c == '\'' ? TOKEN_STRING : TOKEN_OTHER;
    t.to = t.kind == TOKEN_STRING ? end_of_quoted(s, t.from) : t.from + 1;
    return t;
}

static bool is_byte(struct str s, struct token t, char c)
{
    return t.kind == TOKEN_OTHER && s.p[t.from] == c;
}

/* ---- what a token may be */

static bool is_macro_name(struct str s, struct token t)
{
    bool has_letter = false;
    if (t.kind != TOKEN_WORD || t.to - t.from < 3) {
        return false;
    }
    for (size_t i = t.from; i < t.to; i++) {
        if (s.p[i] >= 'a' && s.p[i] <= 'z') {
            return false;
        }
        has_letter |= s.p[i] >= 'A' && s.p[i] <= 'Z';
    }
    return has_letter;
}

static bool begins_type(struct str word)
{
    static const char *const words[] = {"static",  "inline",   "extern",   "const", "struct",  "enum",
                                        "union",   "unsigned", "signed",   "void",  "int",     "char",
                                        "bool",    "long",     "short",    "float", "double",  "size_t",
                                        "typedef", "_Bool",    "volatile", "auto",  "register"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(word, str_from(words[i]))) {
            return true;
        }
    }
    return word.n > 2 && str_ends(word, STR("_t"));
}

/* Behind the arguments of a macro that begins at t, or behind its name when it has none. */
static size_t end_of_macro(struct str s, struct token t)
{
    struct token open = next_token(s, t.to);
    int depth = 0;
    if (!is_byte(s, open, '(')) {
        return t.to;
    }
    for (int i = 0; i < MAX_GROUP_TOKENS && open.kind != TOKEN_END; i++) {
        depth += is_byte(s, open, '(');
        depth -= is_byte(s, open, ')');
        if (depth == 0) {
            return open.to;
        }
        open = next_token(s, open.to);
    }
    return t.to;
}

/* `type name` or `type *name`: what comes is a declaration of its own, so what was before it was no type. */
static bool begins_declaration(struct str s, size_t at)
{
    struct token type = next_token(s, at);
    struct token next = next_token(s, type.to);
    if (type.kind != TOKEN_WORD) {
        return false;
    }
    if (begins_type(str_sub(s, type.from, type.to))) {
        return true;
    }
    while (is_byte(s, next, '*')) {
        next = next_token(s, next.to);
    }
    return next.kind == TOKEN_WORD;
}

/* ---- taking them out */

static void blank_out(struct reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        r->copy[i] = r->copy[i] == '\n' ? '\n' : ' ';
    }
}

/* A macro before a declaration; returns where to go on. */
static size_t take_leading(struct reader *r, struct token t)
{
    size_t end = end_of_macro(r->text, t);
    if (begins_declaration(r->text, end)) {
        blank_out(r, t.from, end);
        return end; /* the statement still begins */
    }
    r->begins_statement = false;
    return t.to;
}

static size_t take_trailing(struct reader *r, struct token t)
{
    size_t end = end_of_macro(r->text, t);
    struct token next = next_token(r->text, end);
    if (is_byte(r->text, next, ';') || is_byte(r->text, next, '{') || is_macro_name(r->text, next)) {
        blank_out(r, t.from, end);
        return end;
    }
    return t.to;
}

/* A type given to a macro as an argument, `arena_array(a, struct item, n)`, `va_arg(list, char *)`, becomes one long word.
 * What stands alone in parentheses is a cast. Returns where to go on, or t.to. */
static size_t take_type_argument(struct reader *r, struct token t, struct token before)
{
    struct token last = t;
    struct token next = next_token(r->text, t.to);
    while (next.kind == TOKEN_WORD || is_byte(r->text, next, '*')) {
        last = next;
        next = next_token(r->text, next.to);
    }
    bool is_first = is_byte(r->text, before, '(');
    bool is_argument = is_byte(r->text, next, ',') || (!is_first && is_byte(r->text, next, ')'));
    if (!is_argument) {
        return t.to;
    }
    for (size_t i = t.from; i < last.to; i++) {
        r->copy[i] = r->copy[i] == '\n' ? '\n' : 'x';
    }
    return last.to;
}

static void follow_braces(struct reader *r, struct token t, struct token before)
{
    bool is_open = is_byte(r->text, t, '{');
    bool is_linkage = is_open && before.kind == TOKEN_STRING;
    if (is_open && !is_linkage) {
        r->depth++;
    } else if (is_byte(r->text, t, '}')) {
        bool is_at_margin = t.from == 0 || r->text.p[t.from - 1] == '\n';
        r->depth = is_at_margin || r->depth == 0 ? 0 : r->depth - 1;
    }
    r->begins_statement = is_open || is_byte(r->text, t, '}') || is_byte(r->text, t, ';');
}

struct str c_without_macros(struct str text, struct arena *a)
{
    struct reader r = {.text = text, .copy = arena_c_str(a, text), .begins_statement = true};
    struct token before = {0};
    size_t at = 0;
    for (struct token t = next_token(text, 0); t.kind != TOKEN_END; t = next_token(text, at)) {
        bool is_candidate = r.depth == 0 && is_macro_name(text, t);
        if (is_candidate && r.begins_statement) {
            at = take_leading(&r, t);
        } else if (is_candidate && is_byte(text, before, ')')) {
            at = take_trailing(&r, t);
        } else if (r.depth > 0 && t.kind == TOKEN_WORD && begins_type(str_sub(text, t.from, t.to)) &&
                   (is_byte(text, before, ',') || is_byte(text, before, '('))) {
            at = take_type_argument(&r, t, before);
        } else {
            follow_braces(&r, t, before);
            at = t.to;
        }
        before = at == t.to || r.depth > 0 ? t : before; /* what was taken out leaves no trace */
    }
    return (struct str){r.copy, text.n};
}
