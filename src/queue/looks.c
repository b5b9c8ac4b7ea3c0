/* looks.c: where other nodes write to the store, whose news may be lost: what waiting claims wait for is looked up, all of it at
 * once, and who waits for something that is there is woken. One look at a time. */
#include <string.h>

#include "queue/parts.h"

struct look { /* a part of it: as many lines as the store looks at together */
    struct store_look op;
    struct queue *q;
    struct look *next, *prev;
};

struct wanted { /* lines, each once */
    struct store_line *lines;
    size_t count, room;
    uint32_t *slots; /* 1 + the line */
    size_t slot_count;
};

/* ------------------------------------------------------------------ what is waited for */

static bool is_same(const struct store_line *a, const struct store_line *b)
{
    return a->tenant == b->tenant && str_eq(a->queue, b->queue) && str_eq(a->kind, b->kind);
}

static uint32_t *slot_of(const struct wanted *w, const struct store_line *line)
{
    const uint64_t hash = table_hash_str(line->tenant, line->queue) * 31 + table_hash_str(0, line->kind);
    size_t at = (size_t)hash & (w->slot_count - 1);

    while (w->slots[at] && !is_same(&w->lines[w->slots[at] - 1], line)) {
        at = (at + 1) & (w->slot_count - 1);
    }
    return &w->slots[at];
}

static void grow(struct wanted *w)
{
    w->room = w->room ? 2 * w->room : 64;
    w->slot_count = 2 * w->room;
    w->lines = mem_grow(w->lines, w->room * sizeof *w->lines);
    mem_free(w->slots);
    w->slots = mem_alloc(w->slot_count * sizeof *w->slots);
    for (size_t i = 0; i < w->count; i++) {
        *slot_of(w, &w->lines[i]) = (uint32_t)i + 1;
    }
}

static void add(struct wanted *w, const struct store_line *line)
{
    if (w->count == w->room) {
        grow(w);
    }
    uint32_t *slot = slot_of(w, line);

    if (!*slot) {
        w->lines[w->count++] = *line;
        *slot = (uint32_t)w->count;
    }
}

static void add_claim(struct wanted *w, const struct store_claim *c)
{
    for (size_t i = 0; i < c->queue_count; i++) {
        struct store_line line = {.tenant = c->tenant, .queue = c->queues[i]};

        for (size_t k = 0; k < c->kind_count; k++) {
            line.kind = c->kinds[k];
            add(w, &line);
        }
        if (c->kind_count == 0) {
            add(w, &line);
        }
    }
}

/* ------------------------------------------------------------------ looking */

static void look_free(struct look *l)
{
    *(l->prev ? &l->prev->next : &l->q->looks.under_way) = l->next;
    if (l->next) {
        l->next->prev = l->prev;
    }
    arena_free(l->op.op.a);
    mem_free(l);
}

/* Nobody waits for an answer that does not come: the next look is soon. */
static void on_looked(struct store_op *op)
{
    struct look *l = LOOP_OWNER(op, struct look, op.op);
    struct queue *q = l->q;

    for (size_t i = 0; i < l->op.count && !op->rc; i++) {
        wakes_see_line(q, &l->op.lines[i]);
    }
    look_free(l);
    if (!q->looks.under_way && q->looks.again) {
        looks_begin(q);
    }
}

static void look_at(struct queue *q, const struct store_line *lines, size_t count)
{
    struct look *l = mem_alloc(sizeof *l);
    struct arena *a = arena_new();
    struct store_line *wanted = arena_array(a, struct store_line, count);

    for (size_t i = 0; i < count; i++) { /* claims may end meanwhile */
        wanted[i] = (struct store_line){lines[i].tenant, arena_str(a, lines[i].queue),
                                        lines[i].kind.n ? arena_str(a, lines[i].kind) : STR_NONE};
    }
    store_init(&l->op.op, sizeof l->op, STORE_LOOK, a);
    l->op.op.done = on_looked;
    l->op.wanted = wanted;
    l->op.wanted_count = count;
    l->q = q;
    l->prev = NULL;
    l->next = q->looks.under_way;
    if (l->next) {
        l->next->prev = l;
    }
    q->looks.under_way = l;
    submit(q, &l->op.op);
}

void looks_begin(struct queue *q)
{
    struct wanted w = {.count = 0};

    q->looks.again = q->looks.under_way != NULL;
    if (q->looks.again) {
        return;
    }
    for (const struct queue_claim *c = q->claims; c; c = c->next) {
        if (claims_is_waiting(c)) {
            add_claim(&w, &c->claim);
        }
    }
    for (size_t i = 0; i < w.count; i += STORE_LOOK_LINES) {
        look_at(q, &w.lines[i], w.count - i < STORE_LOOK_LINES ? w.count - i : STORE_LOOK_LINES);
    }
    mem_free(w.lines);
    mem_free(w.slots);
}

void looks_dispose(struct queue *q)
{
    while (q->looks.under_way) {
        look_free(q->looks.under_way);
    }
}
