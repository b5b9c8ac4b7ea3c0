/* lane_order.c: see lanes_private.h: which of the lanes that may give something come first. They may be many thousands, and a claim wants few:
 * those are picked out by a heap, and only they are put in order. */
#include "store/pg/lanes_private.h"

#include <stdlib.h>
#include <string.h>

#define CHOSEN_LEAST 4  /* of a queue */
#define AWAITED_MAX  64 /* keys; what is beyond is not waited for */

/* ---- by turn */

static int by_turn(const void *x, const void *y)
{
    const struct lane_option *a = x, *b = y;
    if (a->aged != b->aged) {
        return a->aged < b->aged ? -1 : 1;
    }
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    return lanes_compare_heads(&a->lane->head, &b->lane->head);
}

static void sink(struct lane_option *heap, size_t count, size_t at)
{
    const struct lane_option x = heap[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && by_turn(&heap[child + 1], &heap[child]) > 0;
        if (by_turn(&x, &heap[child]) >= 0) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = x;
}

/* The first `wanted` come to the front, in order. */
static void pick(struct lane_option *all, size_t count, size_t wanted)
{
    for (size_t i = wanted / 2; i-- > 0 && count > wanted;) {
        sink(all, wanted, i);
    }
    for (size_t i = wanted; i < count; i++) {
        if (by_turn(&all[i], &all[0]) < 0) {
            const struct lane_option last = all[0];
            all[0] = all[i];
            all[i] = last;
            sink(all, wanted, 0);
        }
    }
    qsort(all, wanted, sizeof *all, by_turn);
}

/* ---- what is waited for: keys that those behind it may not use */

struct awaited {
    const struct lane_key *keys[AWAITED_MAX];
    size_t count;
};

static void await(struct awaited *w, const struct lane *l)
{
    for (size_t i = 0; i < l->use_count && w->count < AWAITED_MAX; i++) {
        if (l->keys[i]->kept_for == l) {
            w->keys[w->count++] = l->keys[i];
        }
    }
}

static bool is_kept(const struct awaited *w, const struct lane *l)
{
    for (size_t i = 0; i < w->count; i++) {
        for (size_t k = 0; k < l->use_count; k++) {
            if (l->keys[k] == w->keys[i]) {
                return true;
            }
        }
    }
    return false;
}

/* ---- choosing */

static void copy_lane(const struct lane *l, struct arena *a, struct lane_chosen *out)
{
    const struct lane_name *n = &l->name;
    out->name = (struct lane_name){n->tenant, arena_str(a, n->queue), arena_str(a, n->kind),
                                   arena_str(a, n->group), arena_str(a, n->limits)};
    out->use_count = l->use_count;
    for (size_t i = 0; i < l->use_count; i++) {
        out->uses[i] = (struct limit_use){arena_str(a, l->uses[i].key), l->uses[i].weight};
    }
}

/* Of options in order: how many were chosen; the places of those come to the front. */
static size_t walk(struct lane_option *in_order, size_t count, size_t most, size_t *chosen, bool *has_more)
{
    struct awaited awaited = {.count = 0};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct lane *l = in_order[i].lane;
        if (in_order[i].is_awaited) {
            await(&awaited, l);
        } else if (is_kept(&awaited, l)) {
            continue;
        } else if (n == most) {
            *has_more = true;
            break;
        } else {
            chosen[n++] = i;
        }
    }
    return n;
}

/* Some of those picked out may be waited for, or kept back by these: then more are picked out. */
static void choose(struct lane_option *all, size_t count, size_t most, struct arena *a,
                   struct lane_choice *out)
{
    size_t *chosen = arena_array(a, size_t, most + 1), n = 0, picked = most < count ? most : count;
    bool has_more = false;
    for (bool is_done = false; !is_done;) {
        pick(all, count, picked);
        n = walk(all, picked, most, chosen, &has_more);
        is_done = n == most || picked == count;
        picked = is_done ? picked : picked > count / 4 ? count : 4 * picked;
    }
    for (size_t i = 0; i < n; i++) {
        copy_lane(all[chosen[i]].lane, a, &out->lanes[out->count++]);
    }
    out->has_more |= has_more || picked < count;
}

static int by_queue(const void *x, const void *y)
{
    const struct lane_turns *a = ((const struct lane_option *)x)->lane->turns->queue,
                            *b = ((const struct lane_option *)y)->lane->turns->queue;
    return (a > b) - (a < b);
}

static bool is_of_one_queue(const struct lane_option *all, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (by_queue(&all[i], &all[0])) {
            return false;
        }
    }
    return true;
}

/* From each queue alike: which of them the claim serves is not known yet. */
void lanes_order(struct lanes *m, size_t count, size_t wanted, struct arena *a, struct lane_choice *out)
{
    struct lane_option *all = m->options;
    size_t queues = count > 0, until = 0;
    if (!is_of_one_queue(all, count)) {
        qsort(all, count, sizeof *all, by_queue);
    }
    for (size_t i = 1; i < count; i++) {
        queues += by_queue(&all[i], &all[i - 1]) != 0;
    }
    size_t most = queues ? LANES_CHOSEN_MAX / queues : 0;
    most = most < wanted ? most : wanted;
    most = most < CHOSEN_LEAST ? CHOSEN_LEAST : most;
    out->lanes = arena_array(a, struct lane_chosen, (most < count ? queues * most : count) + 1);
    for (size_t from = 0; from < count; from = until) {
        for (until = from + 1; until < count && !by_queue(&all[until], &all[from]); until++) {
        }
        choose(all + from, until - from, most, a, out);
    }
}
