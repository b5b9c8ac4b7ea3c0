/* words.h: counting and taking apart text. */
#ifndef STINT_MARKDOWN_WORDS_H
#define STINT_MARKDOWN_WORDS_H

#include "base/str.h"

struct word_list {
    struct str rest;
};

struct word_list words_begin(struct str list);          /* blank-separated */
bool words_next(struct word_list *w, struct str *word); /* false: no more */
size_t words_count_shown(struct str markdown);          /* as words_count, without the addresses of links */
size_t words_count(struct str text);                    /* letters and digits in a row are one */
size_t words_count_letters(struct str text);            /* bytes of letters and digits */
size_t words_tokens(struct str text);                   /* about so many tokens of a language model */

#endif
