/* words.c: see words.h. */
#include "kinds/run_prompt/words.h"

#include <string.h>

#include "base/id.h"

#define FIRST_ROOM 64

struct words words_make(struct arena *a, size_t most)
{
    struct words w = {.a = a, .most = most};
    random_bytes(w.key, sizeof w.key);
    return w;
}

static uint32_t *slot_of(const struct words *w, struct str text)
{
    size_t mask = 2 * w->room - 1;
    size_t at = (size_t)siphash(w->key, text) & mask;
    while (w->slots[at] && !str_eq(w->texts[w->slots[at] - 1], text)) {
        at = (at + 1) & mask;
    }
    return &w->slots[at];
}

static void grow(struct words *w)
{
    size_t room = w->room ? 2 * w->room : FIRST_ROOM;
    struct str *texts = arena_array(w->a, struct str, room);
    if (w->count) {
        memcpy(texts, w->texts, w->count * sizeof *texts);
    }
    w->texts = texts;
    w->room = room;
    w->slots = arena_array(w->a, uint32_t, 2 * room);
    for (size_t i = 0; i < w->count; i++) {
        *slot_of(w, texts[i]) = (uint32_t)i + 1;
    }
}

size_t words_number(struct words *w, struct str text)
{
    if (w->count == w->room) {
        grow(w);
    }
    uint32_t *slot = slot_of(w, text);
    if (*slot) {
        return *slot - 1;
    }
    if (w->count == w->most) {
        return WORDS_NO_ROOM;
    }
    w->texts[w->count++] = arena_str(w->a, text);
    *slot = (uint32_t)w->count;
    return w->count - 1;
}
