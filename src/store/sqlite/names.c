/* names.c: see names.h. A lock and not something cleverer: it is taken once per job that is shown, for a few loads. */
#include "store/sqlite/names.h"

#include "base/arena.h"

#include <string.h>

/* Every copy ever made, also one that a rolled-back round made the number forget: readers may still hold it. */
struct text {
    struct text *before;
    char p[];
};

static struct text *text_of(const char *p)
{
    return (struct text *)(p - offsetof(struct text, p));
}

void names_init(struct names *n)
{
    *n = (struct names){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void names_dispose(struct names *n)
{
    for (size_t i = 0; i < n->room; i++) {
        struct text *t = n->texts[i].p ? text_of(n->texts[i].p) : NULL;
        while (t) {
            struct text *before = t->before;
            mem_free(t);
            t = before;
        }
    }
    mem_free(n->texts);
    pthread_mutex_destroy(&n->lock);
}

static void make_room(struct names *n, size_t number)
{
    size_t room = n->room ? n->room : 64;
    while (room <= number) {
        room *= 2;
    }
    if (room > n->room) {
        n->texts = mem_grow(n->texts, room * sizeof *n->texts);
        memset(n->texts + n->room, 0, (room - n->room) * sizeof *n->texts);
        n->room = room;
    }
}

struct str names_set(struct names *n, int64_t number, struct str text)
{
    pthread_mutex_lock(&n->lock);
    make_room(n, (size_t)number);
    struct str *slot = &n->texts[number];
    if (!slot->p || !str_eq(*slot, text)) {
        struct text *t = mem_alloc(sizeof *t + text.n + 1);
        memcpy(t->p, text.p, text.n);
        t->before = slot->p ? text_of(slot->p) : NULL;
        *slot = (struct str){t->p, text.n};
    }
    struct str kept = *slot;
    pthread_mutex_unlock(&n->lock);
    return kept;
}

struct str names_get(struct names *n, int64_t number)
{
    struct str text = STR_NONE;
    pthread_mutex_lock(&n->lock);
    if (number >= 0 && (size_t)number < n->room) {
        text = n->texts[number];
    }
    pthread_mutex_unlock(&n->lock);
    return text;
}
