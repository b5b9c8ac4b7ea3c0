/* fold.c: see fold.h. Folded one grapheme at a time, because composition never goes beyond one. */
#include "kinds/run_prompt/fold.h"

#include <stdlib.h>

#include <utf8proc.h>

#define SEPARATOR 0x1F /* matches nothing, and is a border */

struct folding {
    struct folded out;
    size_t room;
    utf8proc_option_t options;
};

static void put(struct folding *f, int32_t point, size_t offset)
{
    bool is_blank = point == ' ' && f->out.n && f->out.points[f->out.n - 1] == ' ';
    if (is_blank || f->out.n + 1 >= f->room) {
        return;
    }
    f->out.points[f->out.n] = point;
    f->out.offsets[f->out.n++] = (uint32_t)offset;
}

static int32_t plain(int32_t point)
{
    switch (point) {
    case 0x2018:
    case 0x2019:
    case 0x201B:
    case 0x02BC:
    case 0x0060:
    case 0x00B4:
    case 0xFF07:
        return '\'';
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2212:
        return '-';
    default:
        return point;
    }
}

static bool is_space(int32_t point)
{
    utf8proc_category_t c = utf8proc_category(point);
    return point == '\t' || point == '\n' || point == '\r' || c == UTF8PROC_CATEGORY_ZS ||
           c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP;
}

static void put_point(struct folding *f, int32_t point, size_t offset)
{
    static const int32_t and[] = {' ', 'a', 'n', 'd', ' '};
    point = plain(point);
    if (point == '&' || point == 0xFF06) {
        for (size_t i = 0; i < sizeof and / sizeof *and; i++) {
            put(f, and[i], offset);
        }
    } else {
        put(f, is_space(point) ? ' ' : point, offset);
    }
}

/* A grapheme, as what it is when it is composed, plain and folded. */
static void put_grapheme(struct folding *f, struct str s, size_t offset)
{
    int32_t points[64];
    utf8proc_ssize_t n =
        utf8proc_decompose((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, points, 64, f->options);
    if (n > 64) {
        n = 64; /* nobody's name: marks upon marks */
    }
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        put_point(f, points[i], offset);
    }
}

static const struct {
    const char *name;
    const char *text;
} entities[] = {
    {"amp", "&"},  {"lt", "<"},    {"gt", ">"},    {"quot", "\""}, {"apos", "'"},
    {"nbsp", " "}, {"rsquo", "'"}, {"lsquo", "'"}, {"ndash", "-"}, {"mdash", "-"},
};

/* `#39` or `#x27` as a code point; 0: it is none. */
static int32_t read_number(struct str s)
{
    char text[10];
    char *end = NULL;
    bool is_hex = s.n > 1 && (s.p[1] | 32) == 'x';
    str_copy(text, sizeof text, str_sub(s, is_hex ? 2 : 1, s.n));
    long point = text[0] >= '0' ? strtol(text, &end, is_hex ? 16 : 10) : 0;
    return end && !*end && point > 0 && point <= 0x10FFFF && utf8proc_codepoint_valid((int32_t)point)
               ? (int32_t)point
               : 0;
}

/* The bytes of the entity that begins s, of which *as is the text (in `room`); 0: none does. */
static size_t read_entity(struct str s, char room[4], struct str *as)
{
    size_t end = str_find_char(str_sub(s, 0, 12), ';', 0);
    if (s.n < 4 || s.p[0] != '&' || end >= 12 || end == s.n) {
        return 0;
    }
    struct str name = str_sub(s, 1, end);
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (str_eq(name, str_from(entities[i].name))) {
            *as = str_from(entities[i].text);
            return end + 1;
        }
    }
    int32_t point = name.p[0] == '#' ? read_number(name) : 0;
    *as = (struct str){room, point ? (size_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)room) : 0};
    return point ? end + 1 : 0;
}

/* Bytes of the grapheme at `at`. */
static size_t grapheme_bytes(struct str s, size_t at)
{
    int32_t point = 0;
    int32_t next = 0;
    int32_t state = 0;
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s.p;
    utf8proc_ssize_t n = utf8proc_iterate(p + at, (utf8proc_ssize_t)(s.n - at), &point);
    if (n <= 0) {
        return 1;
    }
    size_t end = at + (size_t)n;
    while (end < s.n && (n = utf8proc_iterate(p + end, (utf8proc_ssize_t)(s.n - end), &next)) > 0 &&
           !utf8proc_grapheme_break_stateful(point, next, &state)) {
        point = next;
        end += (size_t)n;
    }
    return end - at;
}

struct folded fold_text(struct str text, const unsigned char *hidden, enum fold_flags flags, struct arena *a)
{
    /* Nothing becomes more than six points for each of its bytes (U+FDFA becomes 18 of three). */
    struct folding f = {.room = 6 * text.n + 64};
    f.options = UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE |
                (flags & FOLD_CASE ? UTF8PROC_CASEFOLD : 0);
    f.out.points = arena_array(a, int32_t, f.room);
    f.out.offsets = arena_array(a, uint32_t, f.room);
    size_t at = 0;
    while (at < text.n) {
        char room[4];
        struct str as = STR_NONE;
        if (hidden && hidden[at]) {
            put(&f, SEPARATOR, at++);
            continue;
        }
        size_t bytes = read_entity(str_sub(text, at, text.n), room, &as);
        if (!bytes) {
            bytes = grapheme_bytes(text, at);
            as = str_sub(text, at, at + bytes);
        }
        put_grapheme(&f, as, at);
        at += bytes;
    }
    f.out.offsets[f.out.n] = (uint32_t)text.n;
    return f.out;
}

/* Han, kana, Hangul, Thai, Lao, Khmer, Myanmar. */
static bool is_unspaced(int32_t p)
{
    return (p >= 0x0E00 && p <= 0x0EFF) || (p >= 0x1000 && p <= 0x109F) || (p >= 0x1780 && p <= 0x17FF) ||
           (p >= 0x1100 && p <= 0x11FF) || (p >= 0x3040 && p <= 0x30FF) || (p >= 0x3400 && p <= 0x9FFF) ||
           (p >= 0xAC00 && p <= 0xD7AF) || (p >= 0xF900 && p <= 0xFAFF) || (p >= 0x20000 && p <= 0x3FFFF);
}

static bool is_of_word(int32_t p)
{
    utf8proc_category_t c = utf8proc_category(p);
    return p == '_' || (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) || c == UTF8PROC_CATEGORY_ND;
}

bool fold_is_border(int32_t before, int32_t behind)
{
    return !before || !behind || is_unspaced(before) || is_unspaced(behind) || !is_of_word(before) ||
           !is_of_word(behind);
}
