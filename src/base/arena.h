/* arena.h: memory that is freed all at once: one arena per request, per job attempt, per tick.
 * Allocation cannot fail (the process ends; leases bring the work back), so bound sizes before you allocate. */
#ifndef STINT_BASE_ARENA_H
#define STINT_BASE_ARENA_H

#include "base/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* NULL is fine */
void arena_reset(struct arena *a); /* frees what it holds but one block, ready for use again */
void arena_join(struct arena *a,
                struct arena *from);              /* a holds what `from` held, where it is; `from` is gone */
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned for anything */
#define arena_array(a, type, count) ((type *)arena_alloc_array((a), sizeof(type), (count)))
void *arena_alloc_array(struct arena *a, size_t item_bytes, size_t count);
struct str arena_str(struct arena *a, struct str s); /* a copy; always terminated behind s.n */
char *arena_c_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_own(struct arena *a, void *heap, size_t bytes); /* takes what mem_grow gave: freed with the rest */
size_t arena_bytes(const struct arena *a);                 /* taken from the system */

/* Heap memory for objects with a life of their own. Ends the process when there is none. */
void *mem_alloc(size_t bytes); /* zeroed */
void *mem_grow(void *p, size_t bytes);
void mem_free(void *p);
char *mem_c_str(struct str s);
/* For servers: 2 MiB that are free stay with the process. To give them back after every request and to take them again, page
 * by page, is a tenth of what a request of 1,000 jobs costs. Before there are threads. */
void mem_keep_some(void);
/* Every free page goes back to the system, for once: behind a start that took more than the work will. Milliseconds. */
void mem_give_back(void);

#endif
