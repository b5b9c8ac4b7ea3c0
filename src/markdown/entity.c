/* entity.c: names are looked up in entities.txt, which the program carries: a line each, sorted by bytes, with the code points
 * in hexadecimal and a "-" for those that need no semicolon. The list is that of the HTML standard (13.5). */
#include "markdown/entity.h"

#include "base/asset.h"
#include "markdown/charset.h"

#define NAME_BYTES_MAX   31
#define LEGACY_BYTES_MAX 6 /* of "frac12" and its like */
#define LETTER_COUNT     128
#define POINT_MAX        0x10FFFF
#define NO_CHARACTER     0xFFFD

static int digit_of(char c, int base)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static uint32_t point_of(uint32_t number)
{
    if (number == 0 || number > POINT_MAX || (number >= 0xD800 && number < 0xE000)) {
        return NO_CHARACTER;
    }
    return number < 0x100 ? charset_latin_point((unsigned char)number)
                          : number; /* 0x80 to 0x9f are windows-1252 */
}

static size_t read_number(struct str s, struct entity *out)
{
    int base = s.n > 2 && (s.p[2] | 32) == 'x' ? 16 : 10;
    size_t first = base == 16 ? 3 : 2;
    size_t at = first;
    uint32_t number = 0;

    for (; at < s.n && digit_of(s.p[at], base) >= 0; at++) {
        uint32_t digit = (uint32_t)digit_of(s.p[at], base);
        number = number > POINT_MAX ? number : number * (uint32_t)base + digit;
    }
    if (at == first) {
        return 0;
    }
    *out = (struct entity){.points = {point_of(number)}, .count = 1};
    return at + (at < s.n && s.p[at] == ';');
}

struct table {
    struct str text;
    size_t letters[LETTER_COUNT + 1]; /* where names with it begin */
};

/* Made once, of what never changes. */
static const struct table *open_table(void)
{
    static struct table table;
    size_t at = 0;

    for (size_t c = 0; !table.text.p && c <= LETTER_COUNT; c++) {
        struct str text = asset_get("src/markdown/entities.txt");
        while (at < text.n && (unsigned char)text.p[at] < c) {
            at = str_find_char(text, '\n', at) + 1;
        }
        table.letters[c] = at;
        table.text = c == LETTER_COUNT ? text : STR_NONE;
    }
    return &table;
}

/* The line of the name, without it; STR_NONE: there is none. Halves the text, and goes back to where a line begins. */
static struct str find_line(struct str name)
{
    const struct table *table = open_table();
    struct str text = table->text;
    size_t from = table->letters[name.p[0] & (LETTER_COUNT - 1)];
    size_t to = table->letters[(name.p[0] & (LETTER_COUNT - 1)) + 1];

    while (from < to) {
        size_t line = (from + to) / 2;
        while (line > from && text.p[line - 1] != '\n') {
            line--;
        }
        size_t space = line;
        while (text.p[space] != ' ') {
            space++;
        }
        int d = str_compare(name, str_sub(text, line, space));
        if (d == 0) {
            return str_sub(text, space, str_find_char(text, '\n', space));
        }
        from = d > 0 ? str_find_char(text, '\n', space) + 1 : from;
        to = d < 0 ? line : to;
    }
    return STR_NONE;
}

static bool find(struct str name, bool is_ended, struct entity *out)
{
    struct str line = find_line(name);
    struct entity e = {.count = 0};

    if (!line.n || (!is_ended && !str_ends(line, STR("-")))) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        int digit = digit_of(line.p[i], 16);
        if (line.p[i] == ' ' && i + 1 < line.n && line.p[i + 1] != '-') {
            e.count++;
        } else if (digit >= 0) {
            e.points[e.count - 1] = e.points[e.count - 1] * 16 + (uint32_t)digit;
        }
    }
    *out = e;
    return true;
}

/* Nearly all that there are. */
static size_t read_usual(struct str s, struct entity *out)
{
    static const struct {
        struct str reference;
        uint32_t point;
    } usual[] = {{{"&lt;", 4}, '<'},
                 {{"&gt;", 4}, '>'},
                 {{"&amp;", 5}, '&'},
                 {{"&quot;", 6}, '"'},
                 {{"&nbsp;", 6}, 0xA0}};

    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (str_starts(s, usual[i].reference)) {
            *out = (struct entity){.points = {usual[i].point}, .count = 1};
            return usual[i].reference.n;
        }
    }
    return 0;
}

size_t entity_read(struct str s, bool in_attribute, struct entity *out)
{
    size_t end = 1;

    if (s.n > 1 && s.p[1] == '#') {
        return read_number(s, out);
    }
    if (s.n < 2 || !is_word(s.p[1])) {
        return 0;
    }
    size_t usual = read_usual(s, out);
    if (usual > 0) {
        return usual;
    }
    while (end < s.n && end <= NAME_BYTES_MAX && is_word(s.p[end])) {
        end++;
    }
    if (end < s.n && s.p[end] == ';' && find(str_sub(s, 1, end), true, out)) {
        return end + 1;
    }
    for (size_t n = end < 1 + LEGACY_BYTES_MAX ? end : 1 + LEGACY_BYTES_MAX; n > 2; n--) {
        if (find(str_sub(s, 1, n), false, out)) {
            bool goes_on = n < s.n && (s.p[n] == '=' || is_word(s.p[n]));
            return in_attribute && goes_on ? 0 : n;
        }
    }
    return 0;
}
