/* escape.c: a backslash only where CommonMark or GFM would read a sign as something else. */
#include "markdown/escape.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#define ENTITY_BYTES 32
#define PIECE_BYTES  ((size_t)32 << 10)

static bool is_ascii_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_word(char c)
{
    return is_ascii_word(c) || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static bool is_punctuation(char c)
{
    return c > ' ' && c < 0x7f && !is_ascii_word(c);
}

/* 1: dropped, 2: a blank, 0: stays. Of the UTF-8 sequence of `step` bytes. */
static int fate(const unsigned char *s, size_t step)
{
    if (step == 1) {
        return *s == '\f' ? 2 : (*s < ' ' && *s != '\n' && *s != '\t' && *s != '\r') || *s == 0x7f;
    }
    if (step == 2) {
        if (s[0] != 0xC2) {
            return 0;
        }
        return s[1] < 0xA0 || s[1] == 0xAD ? 1 : s[1] == 0xA0 ? 2 : 0;
    }
    if (step == 3) {
        unsigned point = (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u);
        if (point == 0x200B || point == 0xFEFF || (point >= 0x202A && point <= 0x202E) ||
            (point >= 0x2066 && point <= 0x2069) || point == 0x2060) {
            return 1;
        }
        return point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x2007 ? 2 : 0;
    }
    return 0;
}

struct str escape_cut(struct str *rest)
{
    size_t n = rest->n < PIECE_BYTES ? rest->n : PIECE_BYTES;
    size_t end = n;

    while (n < rest->n && end > PIECE_BYTES / 2 && !is_blank(rest->p[end - 1])) {
        end--;
    }
    if (n < rest->n && end == PIECE_BYTES / 2) { /* nothing but one long word */
        for (end = n; end > 1 && ((unsigned char)rest->p[end] & 0xC0) == 0x80; end--) {
        }
    }
    struct str piece = str_sub(*rest, 0, end);
    *rest = str_sub(*rest, end, rest->n);
    return piece;
}

static bool needs_change(struct str s, bool *needs_nfc)
{
    bool needs = false;

    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c < 0x7f) {
            i++;
            continue;
        }
        size_t step = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (i + step > s.n) {
            return true;
        }
        *needs_nfc |= c >= 0xCC && !(c == 0xE2 && (unsigned char)s.p[i + 1] <
                                                      0x84); /* U+0300 on, without dashes and quotes */
        needs |= fate((const unsigned char *)s.p + i, step) != 0;
        i += step;
    }
    return needs;
}

struct str escape_normalize(struct str s, struct buf *scratch)
{
    bool needs_nfc = false;
    utf8proc_uint8_t *composed = NULL;
    bool needs = needs_change(s, &needs_nfc);

    if (!needs && !needs_nfc) {
        return s;
    }
    if (needs_nfc) {
        utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &composed,
                                          UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        if (n >= 0) {
            s = (struct str){(const char *)composed, (size_t)n};
        }
    }
    buf_clear(scratch);
    for (size_t i = 0; i < s.n;) {
        size_t step = str_utf8_step(s, i);
        int what = step ? fate((const unsigned char *)s.p + i, step) : 1;
        if (what == 0) {
            buf_append(scratch, s.p + i, step);
        } else if (what == 2) {
            buf_append_char(scratch, ' ');
        }
        i += step ? step : 1;
    }
    free(composed);
    return buf_str(scratch);
}

size_t escape_plain_run(struct str s)
{
    static const bool is_special[128] = {
        [0 ... ' '] = true, ['\\'] = true, ['`'] = true,  ['*'] = true, ['_'] = true,
        ['['] = true,       [']'] = true,  ['<'] = true,  ['&'] = true, ['~'] = true,
        ['|'] = true,       ['('] = true,  [0x7f] = true,
    };
    size_t i = 0;

    while (i < s.n && ((unsigned char)s.p[i] >= 0x80 || !is_special[(unsigned char)s.p[i]])) {
        i++;
    }
    return i;
}

bool escape_is_bracket(struct str s)
{
    return s.n > 0 && s.p[s.n - 1] == ']' && !(s.n > 1 && s.p[s.n - 2] == '\\');
}

static bool begins_entity(struct str s)
{
    size_t i = 1;

    i += i < s.n && s.p[i] == '#';
    while (i < s.n && i < ENTITY_BYTES && is_ascii_word(s.p[i])) {
        i++;
    }
    return i > 1 && i < s.n && s.p[i] == ';';
}

bool escape_is_needed(const struct escape_place *p)
{
    switch (p->c) {
    case '\\':
        return !p->next || p->next == '\n' || is_punctuation(p->next);
    case '`':
        return true;
    case '*':
        return !(is_blank(p->before) && is_blank(p->next));
    case '_':
        return !(is_word(p->before) && is_word(p->next)) && !(is_blank(p->before) && is_blank(p->next));
    case '[':
        return p->is_link || p->is_start;
    case ']':
        return p->is_link;
    case '(':
        return p->is_after_bracket;
    case '<':
        return !p->next || ((p->next | 32) >= 'a' && (p->next | 32) <= 'z') || p->next == '/' ||
               p->next == '!' || p->next == '?';
    case '&':
        return begins_entity(p->rest);
    case '~':
        return p->next == '~' || !is_blank(p->before);
    case '|':
        return p->is_cell;
    default:
        return false;
    }
}

static bool is_only(struct str line, const char *chars)
{
    for (size_t i = 0; i < line.n; i++) {
        if (!strchr(chars, line.p[i])) {
            return false;
        }
    }
    return line.n > 0;
}

size_t escape_line_trouble(struct str line, bool is_first)
{
    size_t i = 0;
    char c = line.n ? line.p[0] : '\0';
    char next = line.n > 1 ? line.p[1] : ' ';

    switch (c) {
    case '#':
        while (i < line.n && line.p[i] == '#') {
            i++;
        }
        return i <= 6 && (i == line.n || is_blank(line.p[i])) ? 0 : line.n;
    case '>':
        return 0;
    case '-':
    case '+':
        return is_blank(next) || is_only(line, "- ") || is_only(line, "|:- ") ? 0 : line.n;
    case '=':
        return !is_first && is_only(line, "= ") ? 0 : line.n;
    case '*':
        return is_blank(next) ? 0 : line.n;
    case '|':
    case ':':
        return is_only(line, "|:- ") ? 0 : line.n;
    default:
        break;
    }
    while (i < line.n && i < 10 && line.p[i] >= '0' && line.p[i] <= '9') {
        i++;
    }
    bool is_number = i > 0 && i < 10 && i < line.n && (line.p[i] == '.' || line.p[i] == ')') &&
                     (i + 1 == line.n || is_blank(line.p[i + 1]));
    return is_number ? i : line.n;
}

size_t escape_heading_trouble(struct str line, bool is_first)
{
    size_t i = line.n;

    (void)is_first;
    while (i > 0 && line.p[i - 1] == '#') {
        i--;
    }
    return i < line.n && (i == 0 || line.p[i - 1] == ' ') ? i : line.n;
}
