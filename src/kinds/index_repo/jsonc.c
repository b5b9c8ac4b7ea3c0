/* jsonc.c: see jsonc.h. Blanks comments and trailing commas out in a copy, so that positions in errors stay true. */
#include "kinds/index_repo/jsonc.h"

static size_t skip_string(struct str s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++) {
        at += s.p[at] == '\\';
    }
    return at < s.n ? at + 1 : s.n;
}

/* The end of the comment that begins at `at`, or `at` when none does. */
static size_t skip_comment(struct str s, size_t at)
{
    struct str rest = str_sub(s, at, s.n);
    if (str_starts(rest, STR("//"))) {
        return str_find_char(s, '\n', at);
    }
    if (!str_starts(rest, STR("/*"))) {
        return at;
    }
    size_t end = str_find(s, STR("*/"), at + 2);
    return end < s.n ? end + 2 : s.n;
}

enum rc jsonc_parse(struct str text, struct arena *a, struct json **out, struct err *e)
{
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text = str_sub(text, 3, text.n);
    }
    char *p = arena_c_str(a, text);
    size_t comma = SIZE_MAX; /* a comma with nothing but blanks behind it so far */
    size_t i = 0;
    while (i < text.n) {
        size_t end = skip_comment(text, i);
        if (end > i) {
            memset(p + i, ' ', end - i);
            i = end;
            continue;
        }
        char c = text.p[i];
        if ((c == '}' || c == ']') && comma != SIZE_MAX) {
            p[comma] = ' ';
        }
        if (c == ',') {
            comma = i;
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            comma = SIZE_MAX;
        }
        i = c == '"' ? skip_string(text, i) : i + 1;
    }
    return json_parse((struct str){p, text.n}, a, out, e);
}
