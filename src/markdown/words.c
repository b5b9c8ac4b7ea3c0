/* words.c: plain counting; what is not ASCII counts as letters, but for the punctuation of U+2000 to U+2BFF and such signs as
 * the pilcrow. */
#include "markdown/words.h"

enum sort { BLANK, LETTER, DIGIT, WIDE, SIGN };

struct word_list words_begin(struct str list)
{
    return (struct word_list){list};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

bool words_next(struct word_list *w, struct str *word)
{
    struct str s = w->rest;
    size_t end = 0;

    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (end < s.n && !is_space(s.p[end])) {
        end++;
    }
    *word = str_sub(s, 0, end);
    w->rest = str_sub(s, end, s.n);
    return end > 0;
}

#define ASCII_END 0x80

/* The others are blank. */
static const unsigned char ascii_classes[ASCII_END] = {
    ['!' ... '/'] = SIGN, ['0' ... '9'] = DIGIT,  [':' ... '@'] = SIGN,  ['A' ... 'Z'] = LETTER,
    ['[' ... '`'] = SIGN, ['a' ... 'z'] = LETTER, ['{' ... 0x7f] = SIGN,
};

static const bool is_ascii_word[ASCII_END] = {
    ['0' ... '9'] = true,
    ['A' ... 'Z'] = true,
    ['a' ... 'z'] = true,
};

static enum sort class_beyond_ascii(struct str s, size_t i, size_t *step)
{
    unsigned char c = (unsigned char)s.p[i];

    *step = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c == 0xC2) {
        return s.n > i + 1 && s.p[i + 1] == '\xA0' ? BLANK : SIGN; /* Latin-1's signs: ¶ § © */
    }
    if (c == 0xE2) {
        return SIGN;
    }
    if (c == 0xF0) {
        return SIGN; /* pictures, mostly */
    }
    return c >= 0xE3 && c <= 0xED ? WIDE : c == 0xEF ? SIGN : LETTER;
}

/* Of the character that begins at i, whose bytes are *step. */
static inline enum sort class_at(struct str s, size_t i, size_t *step)
{
    unsigned char c = (unsigned char)s.p[i];

    *step = 1;
    return c < ASCII_END ? (enum sort)ascii_classes[c] : class_beyond_ascii(s, i, step);
}

size_t words_count(struct str text)
{
    size_t count = 0;
    bool is_in = false;
    size_t step = 1;

    for (size_t i = 0; i < text.n; i += step) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < ASCII_END) {
            step = 1;
            count += is_ascii_word[c] && !is_in;
            is_in = is_ascii_word[c];
            continue;
        }
        enum sort sort = class_beyond_ascii(text, i, &step);
        bool is_word = sort == LETTER || sort == WIDE;
        count += is_word && (!is_in || sort == WIDE);
        is_in = is_word;
    }
    return count;
}

size_t words_count_shown(struct str markdown)
{
    size_t count = 0;

    while (markdown.n > 0) {
        size_t end = str_find(markdown, STR("]("), 0);
        count += words_count(str_sub(markdown, 0, end));
        markdown = str_sub(markdown, str_find_char(markdown, ')', end), markdown.n);
    }
    return count;
}

size_t words_count_letters(struct str text)
{
    size_t count = 0;
    size_t step = 1;

    for (size_t i = 0; i < text.n; i += step) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < ASCII_END) {
            step = 1;
            count += is_ascii_word[c];
            continue;
        }
        enum sort sort = class_beyond_ascii(text, i, &step);
        count += sort == LETTER || sort == WIDE ? step : 0;
    }
    return count;
}

/* What the tokenizers of today make of English, code and Chinese, roughly: a word of up to six letters, three digits, two equal
 * signs in a row, and each wide character is one. */
size_t words_tokens(struct str text)
{
    static const size_t run[] = {[BLANK] = SIZE_MAX, [LETTER] = 6, [DIGIT] = 3, [WIDE] = 1, [SIGN] = 2};
    size_t count = 0;
    size_t left = 0; /* so many more of the run are of the token that was counted last */
    size_t step;
    enum sort last = BLANK;

    for (size_t i = 0; i < text.n; i += step) {
        enum sort c = class_at(text, i, &step);
        bool is_same = c == last && (c != SIGN || text.p[i] == text.p[i - 1]);
        left = is_same ? left : 0;
        if (left == 0) {
            left = run[c];
            count += c != BLANK;
        }
        left--;
        last = c;
    }
    return count;
}
