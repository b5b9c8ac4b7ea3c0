/* tenants.c: see tenants.h. */
#include "queue/tenants.h"

#include <string.h>

#include "core/turns.h"
#include "queue/claims_private.h"

#define QUEUES_MAX 1000
#define KINDS_MAX  256 /* of a queue */

static struct str copy(struct str s)
{
    return (struct str){mem_c_str(s), s.n};
}

/* ------------------------------------------------------------------ queues */

static struct tenant_queue *find_queue(const struct queue *q, struct str name)
{
    struct table_node *n = table_first(&q->tenants.queues, table_hash_str(0, name));

    for (; n; n = table_next(n)) {
        struct tenant_queue *t = LOOP_OWNER(n, struct tenant_queue, node);

        if (str_eq(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

static void drop_turn(struct queue *q, struct tenant_turn *t)
{
    struct tenant_queue *of = t->of;

    of->turns[t->at] = of->turns[--of->turn_count];
    of->turns[t->at]->at = t->at;
    table_remove(&q->tenants.turns, &t->node);
    mem_free(t->noted);
    mem_free(t);
}

static void drop_queue(struct queue *q, size_t at)
{
    struct tenants *all = &q->tenants;
    struct tenant_queue *t = all->list[at];

    while (t->turn_count > 0) {
        drop_turn(q, t->turns[0]);
    }
    for (size_t i = 0; i < t->kind_count; i++) {
        mem_free((char *)t->kinds[i].p);
    }
    all->list[at] = all->list[--all->count];
    table_remove(&all->queues, &t->node);
    mem_free(t->turns);
    mem_free(t->kinds);
    mem_free(t->is_known);
    mem_free((char *)t->name.p);
    mem_free(t);
}

/* That which no claim has named for the longest time; another claim for it looks again. */
static void forget_one(struct queue *q)
{
    const struct tenants *all = &q->tenants;
    size_t oldest = all->count;

    for (size_t i = 0; i < all->count; i++) {
        const struct tenant_queue *t = all->list[i];
        const bool may_go = t->in_flight == 0 && !claims_find_line(q, 0, t->name);

        oldest = may_go && (oldest == all->count || t->used < all->list[oldest]->used) ? i : oldest;
    }
    if (oldest < all->count) {
        drop_queue(q, oldest);
    }
}

static struct tenant_queue *get_queue(struct queue *q, struct str name)
{
    struct tenants *all = &q->tenants;
    struct tenant_queue *t = find_queue(q, name);

    if (!t) {
        if (all->count >= QUEUES_MAX) {
            forget_one(q);
        }
        t = mem_alloc(sizeof *t);
        t->name = copy(name);
        table_add(&all->queues, &t->node, table_hash_str(0, name));
        all->list = mem_grow(all->list, (all->count + 1) * sizeof(struct tenant_queue *));
        all->list[all->count++] = t;
    }
    t->used = ++all->clock;
    return t;
}

/* t->kind_count: it is none of them. */
static size_t find_kind(const struct tenant_queue *t, struct str kind)
{
    size_t i = 0;

    while (i < t->kind_count && !str_eq(t->kinds[i], kind)) {
        i++;
    }
    return i;
}

static size_t get_kind(struct tenant_queue *t, struct str kind)
{
    size_t i = find_kind(t, kind);

    if (i == t->kind_count && i < KINDS_MAX) {
        t->kinds = mem_grow(t->kinds, (i + 1) * sizeof *t->kinds);
        t->is_known = mem_grow(t->is_known, (i + 1) * sizeof *t->is_known);
        t->kinds[i] = copy(kind);
        t->is_known[i] = false;
        t->kind_count++;
    }
    return i;
}

/* ------------------------------------------------------------------ turns */

static struct tenant_turn *find_turn(const struct queue *q, int64_t tenant, struct str name)
{
    struct table_node *n = table_first(&q->tenants.turns, table_hash_str(tenant, name));

    for (; n; n = table_next(n)) {
        struct tenant_turn *t = LOOP_OWNER(n, struct tenant_turn, node);

        if (t->tenant == tenant && str_eq(t->of->name, name)) {
            return t;
        }
    }
    return NULL;
}

static struct tenant_turn *get_turn(struct queue *q, struct tenant_queue *of, int64_t tenant)
{
    struct tenant_turn *t = find_turn(q, tenant, of->name);

    if (t) {
        return t;
    }
    if (of->turn_count == of->turn_room) {
        of->turn_room = of->turn_room ? 2 * of->turn_room : 8;
        of->turns = mem_grow(of->turns, of->turn_room * sizeof(struct tenant_turn *));
    }
    t = mem_alloc(sizeof *t);
    t->of = of;
    t->tenant = tenant;
    t->order = ++q->tenants.clock;
    t->at = of->turn_count;
    of->turns[of->turn_count++] = t;
    table_add(&q->tenants.turns, &t->node, table_hash_str(tenant, of->name));
    return t;
}

static void note_kind(struct queue *q, struct tenant_turn *t, size_t kind)
{
    if (kind >= t->noted_count) {
        t->noted = mem_grow(t->noted, t->of->kind_count * sizeof *t->noted);
        memset(t->noted + t->noted_count, 0, (t->of->kind_count - t->noted_count) * sizeof *t->noted);
        t->noted_count = t->of->kind_count;
    }
    t->noted[kind] = ++q->tenants.clock;
}

void tenants_note(struct queue *q, const struct store_line *line)
{
    struct tenant_queue *of = q->tenants.count > 0 && line->tenant ? find_queue(q, line->queue) : NULL;

    if (!of) {
        return;
    }
    const size_t kinds[] = {find_kind(of, line->kind), find_kind(of, STR(""))};

    for (int i = 0; i < 2; i++) {
        if (kinds[i] < of->kind_count) {
            note_kind(q, get_turn(q, of, line->tenant), kinds[i]);
        }
    }
}

/* Who may have nothing any more stays as long as its time is ahead: else it would come back as if it had got nothing. */
static bool is_idle(const struct tenant_turn *t)
{
    bool may_hold = t->in_flight > 0 || t->time > t->of->time;

    for (size_t i = 0; i < t->noted_count && !may_hold; i++) {
        may_hold = t->noted[i] > 0;
    }
    return !may_hold;
}

/* ------------------------------------------------------------------ what is known */

void tenants_doubt(struct queue *q)
{
    for (size_t i = 0; i < q->tenants.count; i++) {
        struct tenant_queue *t = q->tenants.list[i];

        memset(t->is_known, 0, t->kind_count * sizeof *t->is_known);
    }
}

/* The kinds of the claim; one that names none is for "". */
static struct str kind_at(const struct store_claim *c, size_t i)
{
    return c->kind_count ? c->kinds[i] : STR("");
}

static size_t kinds_of(const struct store_claim *c)
{
    return c->kind_count ? c->kind_count : 1;
}

size_t tenants_unknown(struct queue *q, const struct store_claim *c, struct arena *a, struct store_line **out)
{
    struct store_line *lines = NULL;
    size_t count = 0;

    for (size_t i = 0; i < c->queue_count; i++) {
        struct tenant_queue *t = get_queue(q, c->queues[i]);

        for (size_t k = 0; k < kinds_of(c); k++) {
            const size_t at = get_kind(t, kind_at(c, k));

            if (at < t->kind_count && !t->is_known[at]) {
                lines = lines ? lines : arena_array(a, struct store_line, c->queue_count * kinds_of(c));
                lines[count++] = (struct store_line){.queue = c->queues[i], .kind = kind_at(c, k)};
            }
        }
    }
    *out = lines;
    return count;
}

void tenants_looked(struct queue *q, const struct store_line *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tenant_queue *t = find_queue(q, wanted[i].queue);
        const size_t at = t ? find_kind(t, wanted[i].kind) : 0;

        if (t && at < t->kind_count) {
            t->is_known[at] = true;
        }
    }
}

/* ------------------------------------------------------------------ whose turn it is */

struct candidate {
    struct tenant_turn *turn;
    int64_t start;
    uint64_t order;
    struct tenant_share *share;
};

struct candidates { /* of one queue: a heap */
    struct candidate *items;
    size_t count;
};

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    return a->start != b->start ? a->start < b->start : a->order < b->order;
}

static void sift_down(struct candidates *c, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < c->count; at = child) {
        child += child + 1 < c->count && goes_before(&c->items[child + 1], &c->items[child]);
        if (!goes_before(&c->items[child], &c->items[at])) {
            return;
        }
        const struct candidate moved = c->items[at];

        c->items[at] = c->items[child];
        c->items[child] = moved;
    }
}

static bool may_hold(const struct tenant_turn *t, const struct store_claim *c)
{
    for (size_t k = 0; k < kinds_of(c); k++) {
        const size_t at = find_kind(t->of, kind_at(c, k));

        if (at < t->noted_count && t->noted[at] > 0) {
            return true;
        }
    }
    return false;
}

static struct candidates candidates_of(struct queue *q, const struct store_claim *c, struct str name)
{
    struct tenant_queue *of = find_queue(q, name);
    struct candidates out = {.count = 0};

    out.items = mem_alloc((of ? of->turn_count : 0) * sizeof *out.items);
    for (size_t i = of ? of->turn_count : 0; i-- > 0;) {
        struct tenant_turn *t = of->turns[i];

        if (is_idle(t)) {
            drop_turn(q, t);
        } else if (may_hold(t, c)) {
            out.items[out.count++] =
                (struct candidate){.turn = t, .start = turn_start(t->time, of->time), .order = t->order};
        }
    }
    for (size_t i = out.count / 2; i-- > 0;) {
        sift_down(&out, i);
    }
    return out;
}

/* One job more for who is next. False: its share would be one too many. */
static bool give_turn(struct queue *q, struct candidates *from, size_t queue, struct tenant_share *shares,
                      size_t *count, size_t room)
{
    struct candidate *next = &from->items[0];
    struct tenant_turn *t = next->turn;

    if (!next->share && *count == room) {
        return false;
    }
    if (!next->share) {
        next->share = &shares[(*count)++];
        *next->share =
            (struct tenant_share){.tenant = t->tenant, .queue = queue, .asked_at = q->tenants.clock};
        t->in_flight++;
        t->of->in_flight++;
    }
    next->share->want++;
    t->of->time = next->start > t->of->time ? next->start : t->of->time;
    t->time = next->start = turn_end(next->start, 1);
    t->order = next->order = ++q->tenants.clock;
    sift_down(from, 0);
    return true;
}

size_t tenants_choose(struct queue *q, const struct store_claim *c, int64_t want, struct tenant_share *out,
                      size_t room)
{
    struct candidates *queues = mem_alloc(c->queue_count * sizeof *queues);
    const size_t first = c->queue_count ? q->tenants.next_queue++ % c->queue_count : 0;
    size_t count = 0, all = 0;
    bool has_room = true;

    for (size_t i = 0; i < c->queue_count; i++) {
        queues[i] = candidates_of(q, c, c->queues[i]);
        all += queues[i].count;
    }
    for (size_t i = first; all > 0 && want > 0 && has_room; i++) {
        struct candidates *from = &queues[i % c->queue_count];

        if (from->count > 0) {
            has_room = give_turn(q, from, i % c->queue_count, out, &count, room);
            want--;
        }
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        mem_free(queues[i].items);
    }
    mem_free(queues);
    return count;
}

void tenants_gave(struct queue *q, const struct store_claim *c, const struct tenant_share *s, int64_t got)
{
    struct tenant_turn *t = find_turn(q, s->tenant, c->queues[s->queue]);

    t->in_flight--;
    t->of->in_flight--;
    t->time -= (s->want - (got > 0 ? got : 0)) * TURN_TIME;
    for (size_t k = 0; got == 0 && k < kinds_of(c); k++) {
        const size_t at = find_kind(t->of, kind_at(c, k));

        if (at < t->noted_count && t->noted[at] <= s->asked_at) {
            t->noted[at] = 0;
        }
    }
}

/* ------------------------------------------------------------------ names */

struct tenant_name {
    struct table_node node;
    int64_t tenant;
    struct str name;
};

struct str tenants_name(const struct queue *q, int64_t tenant)
{
    struct table_node *n = table_first(&q->tenants.names, table_hash_str(tenant, STR("")));

    for (; n; n = table_next(n)) {
        const struct tenant_name *t = LOOP_OWNER(n, struct tenant_name, node);

        if (t->tenant == tenant) {
            return t->name;
        }
    }
    return STR_NONE;
}

void tenants_learn(struct queue *q, const struct store_list_tenants *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!tenants_name(q, list->tenants[i].id).p) {
            struct tenant_name *t = mem_alloc(sizeof *t);

            t->tenant = list->tenants[i].id;
            t->name = copy(list->tenants[i].name);
            table_add(&q->tenants.names, &t->node, table_hash_str(t->tenant, STR("")));
        }
    }
}

struct str queue_tenant_name(struct queue *q, int64_t tenant)
{
    return tenants_name(q, tenant);
}

void tenants_dispose(struct queue *q)
{
    while (q->tenants.count > 0) {
        drop_queue(q, 0);
    }
    for (struct table_node *n; (n = table_any(&q->tenants.names));) {
        struct tenant_name *t = LOOP_OWNER(n, struct tenant_name, node);

        table_remove(&q->tenants.names, n);
        mem_free((char *)t->name.p);
        mem_free(t);
    }
    table_dispose(&q->tenants.names);
    table_dispose(&q->tenants.queues);
    table_dispose(&q->tenants.turns);
    mem_free(q->tenants.list);
}
