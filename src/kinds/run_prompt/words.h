/* words.h: texts of strangers numbered in the order in which they come, for counting by them. */
#ifndef STINT_KINDS_RUN_PROMPT_WORDS_H
#define STINT_KINDS_RUN_PROMPT_WORDS_H

#include "base/arena.h"
#include "base/siphash.h"

#define WORDS_NO_ROOM ((size_t)-1)

struct words {
    struct arena *a;
    size_t most;
    unsigned char key[SIPHASH_KEY_BYTES]; /* so that nobody can choose texts that meet in one slot */
    struct str *texts;
    size_t count;
    size_t room;     /* of texts */
    uint32_t *slots; /* number + 1; 0 = free; twice `room` of them */
};

/* At most `most` different ones. */
struct words words_make(struct arena *a, size_t most);
/* The number of the text, a new one if it is new. WORDS_NO_ROOM: it is, and there are `most`. */
size_t words_number(struct words *w, struct str text);

#endif
