/* markup.c: see markup.h. Line by line, as CommonMark's rules for fences (4.5) and list items (5.2) are, simplified to what
 * answers of models hold. */
#include "kinds/run_prompt/markup.h"

#include <string.h>

#define ADDRESSES_MAX 1000

/* ---- addresses */

static bool ends_address(char c)
{
    return (unsigned char)c <= ' ' || strchr("<>\"`|\\^{}", c);
}

/* Where the address ends that begins at `at`: punctuation behind it belongs to the sentence, and a closing bracket only if it
 * was opened in it. */
static size_t address_end(struct str text, size_t at)
{
    size_t end = at;
    int open = 0;
    while (end < text.n && !ends_address(text.p[end]) && text.p[end] != ']') {
        open += text.p[end] == '(';
        if (text.p[end] == ')' && --open < 0) {
            break;
        }
        end++;
    }
    while (end > at && strchr(".,;:!?'*_~", text.p[end - 1])) {
        end--;
    }
    return end;
}

static struct str host_of(struct str url, struct arena *a)
{
    size_t from = str_find(url, STR("://"), 0) + 3;
    size_t end = from;
    while (end < url.n && !strchr("/?#", url.p[end])) {
        end++;
    }
    struct str authority = str_sub(url, from, end);
    size_t user = str_find_char(authority, '@', 0);
    authority = user < authority.n ? str_sub(authority, user + 1, authority.n) : authority;
    struct str host = arena_str(a, str_sub(authority, 0, str_find_char(authority, ':', 0)));
    char *p = (char *)host.p;
    for (size_t i = 0; i < host.n; i++) {
        p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 32) : p[i];
    }
    return str_starts(host, STR("www.")) ? str_sub(host, 4, host.n) : host;
}

/* The beginning of the text of a link whose address begins at `at`, behind "]("; `at` when it is none. */
static size_t link_text(struct str text, size_t at)
{
    if (at < 3 || text.p[at - 1] != '(' || text.p[at - 2] != ']') {
        return at;
    }
    int open = 1;
    for (size_t i = at - 2; i > 0 && text.p[i - 1] != '\n'; i--) {
        open += text.p[i - 1] == ']';
        open -= text.p[i - 1] == '[';
        if (!open) {
            return i;
        }
    }
    return at;
}

static bool starts_address(struct str text, size_t at)
{
    struct str rest = str_sub(text, at, text.n);
    bool is_one = str_eq_nocase(str_sub(rest, 0, 7), STR("http://")) ||
                  str_eq_nocase(str_sub(rest, 0, 8), STR("https://"));
    char before = at ? text.p[at - 1] : ' ';
    return is_one && !((before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z'));
}

struct address_list markup_addresses(struct str text, struct arena *a)
{
    struct address_list list = {arena_array(a, struct address, ADDRESSES_MAX), 0};
    size_t at = 0;
    while (at < text.n && list.n < ADDRESSES_MAX) {
        if ((text.p[at] | 32) != 'h' || !starts_address(text, at)) {
            at++;
            continue;
        }
        size_t end = address_end(text, at);
        size_t from = link_text(text, at);
        struct address *found = &list.items[list.n];
        found->url = str_sub(text, at, end);
        found->host = host_of(found->url, a);
        found->at = from < at ? at - 2 : at;
        found->text_at = from < at ? from : at;
        found->end = from < at && end < text.n ? end + (text.p[end] == ')') : end;
        list.n += found->host.n > 0;
        at = end > at ? end : at + 1;
    }
    return list;
}

/* ---- code */

/* The bytes of the fence that begins a line: three or more ` or ~; 0: none does. */
static size_t fence_bytes(struct str line)
{
    size_t from = 0;
    while (from < line.n && from < 3 && line.p[from] == ' ') {
        from++;
    }
    char c = from < line.n ? line.p[from] : ' ';
    size_t end = from;
    while (end < line.n && line.p[end] == c) {
        end++;
    }
    return (c == '`' || c == '~') && end - from >= 3 ? end - from : 0;
}

void markup_hide_code(struct str text, unsigned char *hidden)
{
    size_t at = 0;
    size_t fence = 0;
    while (at < text.n) {
        size_t end = str_find_char(text, '\n', at);
        struct str line = str_sub(text, at, end);
        size_t bytes = fence_bytes(line);
        bool is_code = fence > 0;
        if (!fence) {
            fence = bytes;
        } else if (bytes >= fence) {
            fence = 0;
        }
        if (is_code || bytes) {
            memset(hidden + at, 1, end - at);
        }
        at = end + 1;
    }
}

/* ---- lists */

/* 1 … of "1." and "1)", 0 of a bullet, -1: no item begins with this line. */
static int64_t item_number(struct str line, size_t *indent)
{
    size_t from = 0;
    while (from < line.n && (line.p[from] == ' ' || line.p[from] == '\t')) {
        from++;
    }
    *indent = from;
    size_t end = from;
    while (end < line.n && line.p[end] >= '0' && line.p[end] <= '9') {
        end++;
    }
    int64_t number = 0;
    if (end > from && end + 1 < line.n && (line.p[end] == '.' || line.p[end] == ')') &&
        line.p[end + 1] == ' ' && str_to_i64(str_sub(line, from, end), &number)) {
        return number;
    }
    bool is_bullet = from + 1 < line.n && strchr("-*+", line.p[from]) && line.p[from + 1] == ' ';
    return is_bullet ? 0 : -1;
}

static size_t line_begin(struct str text, size_t at)
{
    while (at > 0 && text.p[at - 1] != '\n') {
        at--;
    }
    return at;
}

int64_t markup_list_rank(struct str text, size_t at)
{
    size_t begin = line_begin(text, at);
    size_t indent = 0;
    int64_t number = item_number(str_sub(text, begin, str_find_char(text, '\n', begin)), &indent);
    if (number != 0) {
        return number > 0 ? number : 0;
    }
    int64_t rank = 1;
    while (begin > 0) {
        size_t above = line_begin(text, begin - 1);
        struct str line = str_sub(text, above, begin - 1);
        size_t its_indent = 0;
        int64_t its_number = item_number(line, &its_indent);
        if (its_number != 0 && its_indent <= indent && str_trim(line).n) {
            return rank; /* the list began behind this line */
        }
        rank += its_number == 0 && its_indent == indent;
        begin = above;
    }
    return rank;
}
