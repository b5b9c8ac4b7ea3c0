/* round.c: the record of a round: which operations are done and what they changed. */
#include "store/engine.h"

#include <string.h>

struct round_box {
    struct store_round round; /* first: what others see */
    struct arena *arena;
    size_t change_room, line_room;
};

struct store_round *store_round_new(void)
{
    struct round_box *b = mem_alloc(sizeof *b);
    b->arena = arena_new();
    b->round.next_due_at = -1;
    return &b->round;
}

struct arena *store_round_arena(struct store_round *r)
{
    return ((struct round_box *)r)->arena;
}

struct store_change *store_round_add(struct store_round *r)
{
    struct round_box *b = (struct round_box *)r;
    if (r->change_count == b->change_room) {
        b->change_room = b->change_room ? 2 * b->change_room : 16;
        r->changes = mem_grow(r->changes, b->change_room * sizeof *r->changes);
    }
    struct store_change *c = &r->changes[r->change_count++];
    memset(c, 0, sizeof *c);
    return c;
}

struct store_line *store_round_add_line(struct store_round *r)
{
    struct round_box *b = (struct round_box *)r;
    if (r->line_count == b->line_room) {
        b->line_room = b->line_room ? 2 * b->line_room : 16;
        r->lines = mem_grow(r->lines, b->line_room * sizeof *r->lines);
    }
    struct store_line *l = &r->lines[r->line_count++];
    memset(l, 0, sizeof *l);
    return l;
}

void store_round_clear_changes(struct store_round *r)
{
    r->change_count = 0;
}

void store_round_free(struct store_round *r)
{
    if (r) {
        mem_free(r->changes);
        mem_free(r->lines);
        arena_free(((struct round_box *)r)->arena);
        mem_free(r);
    }
}
