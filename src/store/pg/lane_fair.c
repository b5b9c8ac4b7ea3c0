/* lane_fair.c: see lane_claim.h: by priority, then turns of groups (start-time fair queueing: a group's job starts where its last one ended,
 * or where the queue is, whichever is later), then age. */
#include "store/pg/lane_claim.h"

#include "store/pg/batch.h"

#include <stdlib.h>
#include <string.h>

/* ---- sources */

static struct fair_queue *queue_of(struct choosing *c, struct str name)
{
    for (struct fair_queue *q = c->queues.first; q; q = q->next) {
        if (str_eq(q->name, name)) {
            return q;
        }
    }
    struct fair_queue *q = arena_alloc(c->w->keeper.scratch, sizeof *q);
    *q = (struct fair_queue){
        .name = name, .turn = claim_turn_of(name, c->names, c->claim->op->queue_count, c->turn_number)};
    FIFO_ADD(&c->queues, q);
    return q;
}

static struct fair_group *group_of(struct choosing *c, struct str queue, struct str group)
{
    for (struct fair_group *g = c->groups.first; g; g = g->next) {
        if (str_eq(g->turn.group, group) && str_eq(g->turn.queue, queue)) {
            return g;
        }
    }
    struct fair_group *g = arena_alloc(c->w->keeper.scratch, sizeof *g);
    *g = (struct fair_group){.queue = queue_of(c, queue), .turn = {.queue = queue, .group = group}};
    lanes_read_turn(&c->w->engine->lanes, c->claim->op->tenant, &g->turn);
    g->queue->now = g->turn.now > g->queue->now ? g->turn.now : g->queue->now;
    FIFO_ADD(&c->groups, g);
    return g;
}

void lane_fair_begin(struct choosing *c)
{
    struct arena *a = c->w->keeper.scratch;
    const struct claim_plan *p = c->claim->plan;
    int64_t tenant = c->claim->op->tenant;
    c->line_count = p->count;
    c->count = p->count + c->lanes->choice.count;
    c->sources = arena_array(a, struct source, c->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        c->sources[i] = (struct source){.group = group_of(c, p->queues[i], STR("")), .line = (int64_t)i + 1};
    }
    for (size_t i = 0; i < c->lanes->choice.count; i++) {
        struct source *s = &c->sources[p->count + i];
        s->lane = &c->lanes->choice.lanes[i];
        s->group = group_of(c, s->lane->name.queue, s->lane->name.group);
        for (size_t k = 0; k < s->lane->use_count; k++) {
            struct str key = s->lane->uses[k].key;
            s->keys[k] = limits_find_entry(c->w, store_limit_tenant(tenant, key), key);
            s->is_closed |= !s->keys[k];
        }
    }
}

/* ---- what queues say */

static enum rc take_orders(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct choosing *c = arg;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < pg_count(rows) && !rc; i++) {
        struct fair_queue *q = queue_of(c, pg_str(rows, i, 0));
        q->age_step_ms = pg_int(rows, i, 1);
        rc = group_weights_read(arena_str(w->keeper.scratch, pg_str(rows, i, 2)), w->keeper.scratch,
                                &q->weights, e);
    }
    return rc ? err_wrap(e, RC_FATAL, "weights of a queue") : RC_OK;
}

enum rc lane_fair_send(struct choosing *c, struct err *e)
{
    struct pg_query q = PG_QUERY(c->w->keeper.scratch);
    struct str *names = arena_array(c->w->keeper.scratch, struct str, c->queues.count + 1);
    size_t count = 0;
    for (const struct fair_queue *queue = c->queues.first; queue; queue = queue->next) {
        names[count++] = queue->name;
    }
    pg_bind_int(&q, c->claim->op->tenant);
    pg_bind_strs(&q, names, count);
    return batch_send(c->w, PG_SQL_LANE_ORDERS, &q, take_orders, c, e);
}

static int by_aged(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->aged != y->aged) {
        return x->aged < y->aged ? -1 : 1;
    }
    return x->run_at != y->run_at ? (x->run_at < y->run_at ? -1 : 1) : memcmp(&x->id, &y->id, sizeof x->id);
}

/* They came by priority and age. */
static void age(struct choosing *c, struct source *s)
{
    int64_t step_ms = s->group->queue->age_step_ms;
    for (size_t i = 0; i < s->count; i++) {
        s->list[i].aged = priority_aged(s->list[i].priority, s->list[i].run_at, step_ms, c->w->keeper.now);
    }
    if (step_ms > 0 && s->count) {
        qsort(s->list, s->count, sizeof *s->list, by_aged);
    }
}

static void set_order(struct choosing *c)
{
    for (struct fair_group *g = c->groups.first; g; g = g->next) {
        g->weight = group_weight_of(&g->queue->weights, g->turn.group);
    }
    for (size_t i = 0; i < c->count; i++) {
        age(c, &c->sources[i]);
    }
}

/* ---- choosing */

static int64_t start_of(const struct fair_group *g)
{
    return turn_start(g->turn.next, g->queue->now);
}

/* Is a before b? By priority, turn and age. */
static bool is_before(const struct source *a, const struct source *b)
{
    const struct candidate *x = &a->list[a->at], *y = &b->list[b->at];
    int64_t sx = start_of(a->group), sy = start_of(b->group);
    if (x->aged != y->aged) {
        return x->aged < y->aged;
    }
    if (sx != sy) {
        return sx < sy;
    }
    if (!a->group->turn.group.n != !b->group->turn.group.n) {
        return !a->group->turn.group.n; /* who names no group */
    }
    return x->run_at != y->run_at ? x->run_at < y->run_at : memcmp(&x->id, &y->id, sizeof x->id) < 0;
}

static bool has_room(const struct source *s, int64_t now)
{
    for (size_t k = 0; s->lane && k < s->lane->use_count; k++) {
        const struct limit *l = &s->keys[k]->l;
        if (limit_wait(&l->rule, &l->state, s->lane->uses[k].weight, now)) {
            return false;
        }
    }
    return true;
}

/* Has it given all that was looked at, and may have more? Then nobody knows whose turn it is. */
static bool is_exhausted(const struct choosing *c, const struct source *s)
{
    return s->lane && !s->is_closed &&
           (s->is_cut || (s->at == s->count && (int64_t)s->count >= c->lanes->quota));
}

/* Was that the last of its priority that was looked at? */
static bool is_last(const struct choosing *c, const struct source *s, const struct candidate *job)
{
    int64_t count = 0;
    for (size_t i = 0; i < s->count && c->lanes->is_aged; i++) {
        if (s->list[i].priority == job->priority) {
            count++;
            if (i >= s->at) {
                return false;
            }
        }
    }
    return count > 0 && count >= c->lanes->quota;
}

static struct source *best_of(struct choosing *c, const struct fair_queue *q)
{
    struct source *best = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct source *s = &c->sources[i];
        if (s->group->queue == q && is_exhausted(c, s)) {
            return NULL;
        }
        bool is_open = s->group->queue == q && s->at < s->count && !s->is_closed;
        if (is_open && !has_room(s, c->w->keeper.now)) {
            s->is_closed = true;
            is_open = false;
        }
        if (is_open && (!best || is_before(s, best))) {
            best = s;
        }
    }
    return best;
}

static void take(struct choosing *c, struct source *s)
{
    struct committer *w = c->w;
    struct candidate *job = &s->list[s->at++];
    int64_t start = start_of(s->group);
    s->group->queue->now = start;
    s->group->turn.next = turn_end(start, s->group->weight);
    s->is_cut = s->lane && is_last(c, s, job);
    c->chosen[c->chosen_count] = job;
    c->from[c->chosen_count++] = s;
    c->bytes += job->bytes;
    for (size_t k = 0; s->lane && k < s->lane->use_count; k++) {
        struct limit_entry *key = s->keys[k];
        struct slot_entry *slot = arena_alloc(w->keeper.scratch, sizeof *slot);
        limit_begin(&key->l.rule, &key->l.state, s->lane->uses[k].weight, w->keeper.now);
        key->is_spent = true;
        *slot = (struct slot_entry){
            .tenant = key->l.tenant, .key = key->l.key, .job = job->id, .weight = s->lane->uses[k].weight};
        FIFO_ADD(&w->work.slots, slot);
    }
    c->claim->plan->taken += s->line > 0;
}

static bool is_full(const struct choosing *c)
{
    return (int64_t)c->chosen_count >= c->claim->op->max || c->bytes >= (int64_t)STORE_CLAIM_BYTES;
}

static int by_queue_turn(const void *a, const void *b)
{
    const struct fair_queue *x = *(struct fair_queue *const *)a, *y = *(struct fair_queue *const *)b;
    return (x->turn > y->turn) - (x->turn < y->turn);
}

/* Each queue that has something gives its share first; what is left comes from the first in turn. */
void lane_fair_choose(struct choosing *c)
{
    struct arena *a = c->w->keeper.scratch;
    size_t count = 0, room = (size_t)(c->claim->op->max > 0 ? c->claim->op->max : 0);
    set_order(c);
    struct fair_queue **queues = arena_array(a, struct fair_queue *, c->queues.count + 1);
    for (struct fair_queue *q = c->queues.first; q; q = q->next) {
        if (best_of(c, q)) {
            queues[count++] = q;
        }
    }
    qsort(queues, count, sizeof(struct fair_queue *), by_queue_turn);
    size_t candidates = 0;
    for (size_t i = 0; i < c->count; i++) {
        candidates += c->sources[i].count;
    }
    room = room < candidates ? room : candidates;
    c->chosen = arena_array(a, struct candidate *, room + 1);
    c->from = arena_array(a, struct source *, room + 1);
    size_t share = count ? (room + count - 1) / count : 0;
    for (size_t i = 0; i < 2 * count; i++) {
        struct source *s = NULL;
        for (size_t n = 0; (i >= count || n < share) && !is_full(c) && (s = best_of(c, queues[i % count]));
             n++) {
            take(c, s);
        }
    }
}
