/* arena.c: a bump pointer over blocks that double in size. An allocation that does not fit well into a block gets
 * one of its own, behind the current one, so that the current one is not lost.
 *
 *   first ──▶ block 8 KiB ◀── block 16 KiB ◀── … ◀── current        (each points back to the one before it)
 */
#include "base/arena.h"

#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGNMENT         16
#define FIRST_BLOCK_BYTES ((size_t)8 << 10)
#define MAX_BLOCK_BYTES   ((size_t)1 << 20)
#define KEEP_BYTES        (2 << 20)
#define OWN_PAGES_BYTES   (1 << 20) /* what is bigger gets pages of its own, and gives them back */

struct block {
    struct block *before;
    size_t bytes;
    _Alignas(ALIGNMENT) char data[];
};

/* Heap memory that came as it was. */
struct kept {
    struct kept *before;
    void *heap;
    size_t bytes;
};

struct arena {
    char *at, *end; /* free room of the current block */
    struct block *current;
    struct kept *kept;
    size_t total_bytes;
    size_t next_bytes;
};

static void *no_memory(size_t bytes)
{
    char line[80];
    size_t n = str_print(line, sizeof line, "stint: out of memory (%zu bytes wanted)\n", bytes);

    if (write(STDERR_FILENO, line, n) < 0) {
        /* nobody is left to tell */
    }
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, bytes > 0 ? bytes : 1);

    return p ? p : no_memory(bytes);
}

void *mem_grow(void *p, size_t bytes)
{
    void *grown = realloc(p, bytes > 0 ? bytes : 1);

    return grown ? grown : no_memory(bytes);
}

void mem_free(void *p)
{
    free(p);
}

void mem_keep_some(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES); /* a refusal costs time, nothing else */
    (void)mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
}

void mem_give_back(void)
{
    (void)malloc_trim(0);
}

char *mem_c_str(struct str s)
{
    char *copy = mem_grow(NULL, s.n + 1);

    str_copy(copy, s.n + 1, s);
    return copy;
}

static struct block *block_new(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(struct block)) {
        no_memory(bytes);
    }
    struct block *b = mem_grow(NULL, sizeof *b + bytes);

    b->before = NULL;
    b->bytes = bytes;
    a->total_bytes += sizeof *b + bytes;
    return b;
}

static void use_block(struct arena *a, struct block *b)
{
    a->current = b;
    a->at = b->data;
    a->end = b->data + b->bytes;
}

struct arena *arena_new(void)
{
    struct arena *a = mem_alloc(sizeof *a);

    a->total_bytes = sizeof *a;
    a->next_bytes = 2 * FIRST_BLOCK_BYTES;
    use_block(a, block_new(a, FIRST_BLOCK_BYTES));
    return a;
}

void arena_own(struct arena *a, void *heap, size_t bytes)
{
    struct kept *k = arena_alloc(a, sizeof *k);

    *k = (struct kept){a->kept, heap, bytes};
    a->kept = k;
    a->total_bytes += bytes;
}

void arena_reset(struct arena *a)
{
    struct block *b = a->current;

    for (const struct kept *k = a->kept; k; k = k->before) {
        a->total_bytes -= k->bytes;
        mem_free(k->heap);
    }
    a->kept = NULL;
    while (b->before) {
        struct block *before = b->before;

        a->total_bytes -= sizeof *b + b->bytes;
        mem_free(b);
        b = before;
    }
    a->next_bytes = 2 * FIRST_BLOCK_BYTES;
    use_block(a, b);
}

void arena_free(struct arena *a)
{
    if (a) {
        arena_reset(a);
        mem_free(a->current);
        mem_free(a);
    }
}

void arena_join(struct arena *a, struct arena *from)
{
    struct block *last = from->current;

    while (last->before) {
        last = last->before;
    }
    last->before = a->current->before;
    a->current->before = from->current;
    a->total_bytes += from->total_bytes - sizeof *from;
    mem_free(from);
}

/* The rare half of an allocation: the current block has no room for it. */
static char *take_from_new_block(struct arena *a, size_t bytes)
{
    if (bytes > a->next_bytes / 4) {
        struct block *own = block_new(a, bytes);

        own->before = a->current->before;
        a->current->before = own;
        return own->data;
    }
    struct block *b = block_new(a, a->next_bytes);

    b->before = a->current;
    use_block(a, b);
    if (a->next_bytes < MAX_BLOCK_BYTES) {
        a->next_bytes *= 2;
    }
    a->at += bytes;
    return b->data;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t skip = (size_t)(-(uintptr_t)a->at & (ALIGNMENT - 1));
    size_t room = (size_t)(a->end - a->at);
    char *p;

    if (skip <= room && bytes <= room - skip) {
        p = a->at + skip;
        a->at = p + bytes;
    } else {
        p = take_from_new_block(a, bytes);
    }
    return memset(p, 0, bytes);
}

void *arena_alloc_array(struct arena *a, size_t item_bytes, size_t count)
{
    size_t bytes;

    if (__builtin_mul_overflow(item_bytes, count, &bytes)) {
        no_memory(SIZE_MAX);
    }
    return arena_alloc(a, bytes);
}

/* Text needs no alignment, so that names and short values lie close together. */
static char *take_text(struct arena *a, size_t bytes)
{
    if (bytes <= (size_t)(a->end - a->at)) {
        char *p = a->at;

        a->at += bytes;
        return p;
    }
    return take_from_new_block(a, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){arena_c_str(a, s), s.n};
}

char *arena_c_str(struct arena *a, struct str s)
{
    assert(s.n < SIZE_MAX);
    char *copy = take_text(a, s.n + 1);

    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return copy;
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    size_t room = (size_t)(a->end - a->at);
    char *p = a->at;
    int n = vsnprintf(p, room, format, args);

    va_end(args);
    assert(n >= 0);
    if ((size_t)n < room) {
        a->at += (size_t)n + 1;
    } else {
        p = take_from_new_block(a, (size_t)n + 1);
        vsnprintf(p, (size_t)n + 1, format, again);
    }
    va_end(again);
    return (struct str){p, (size_t)n};
}

size_t arena_bytes(const struct arena *a)
{
    return a->total_bytes;
}
