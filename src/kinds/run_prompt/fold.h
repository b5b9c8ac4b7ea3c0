/* fold.h: a text as it is compared when names are looked for in it: NFKC, without diacritics, case folded when asked, blanks as
 * one, `&` as "and", apostrophes and dashes of one kind. Each code point knows the bytes that it came from. The only user of
 * utf8proc (Unicode data). */
#ifndef STINT_KINDS_RUN_PROMPT_FOLD_H
#define STINT_KINDS_RUN_PROMPT_FOLD_H

#include "base/arena.h"

struct folded {
    int32_t *points;   /* code points */
    uint32_t *offsets; /* n + 1: where each one began in the text, and the text's end */
    size_t n;
};

enum fold_flags { FOLD_CASE = 1 };

#define FOLD_MAX_BYTES (1 << 20)

/* Entities of HTML (`&amp;`, `&#39;`) count as what they stand for. Bytes of `hidden` that are set separate what is before
 * them from what is behind, and are nothing else; NULL: none are. text: UTF-8 of at most FOLD_MAX_BYTES. In `a`. */
struct folded fold_text(struct str text, const unsigned char *hidden, enum fold_flags flags, struct arena *a);

/* Does a word end between these two? Between letters of scripts that are written without spaces it may everywhere. A point
 * of 0 is the text's end. */
bool fold_is_border(int32_t before, int32_t behind);

#endif
