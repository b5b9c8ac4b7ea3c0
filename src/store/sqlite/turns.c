/* turns.c: see turns.h. */
#include "store/sqlite/turns.h"

#include "store/sqlite/lanes_private.h"
#include "store/sqlite/limits.h"

bool kinds_have(const struct wanted_kinds *k, int64_t kind)
{
    bool has = k->is_any;
    for (size_t i = 0; i < k->count && !has; i++) {
        has = k->ids[i] == kind;
    }
    return has;
}

bool turn_is_open(const struct turn *t, const struct wanted_kinds *kinds)
{
    for (size_t k = 0; k < t->ring_count; k++) {
        if (t->rings[k]->seats.count && kinds_have(kinds, t->rings[k]->kind)) {
            return true;
        }
    }
    return false;
}

bool turns_next(const struct queue_row *q, const struct wanted_kinds *kinds, int64_t *priority)
{
    for (size_t i = 0; i < q->turn_count; i++) {
        if (turn_is_open(q->turns[i], kinds)) {
            *priority = q->turns[i]->priority;
            return true;
        }
    }
    return false;
}

static enum rc find_head(struct writer *w, struct lane *l, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_JOB_HEADS, &q, e);
    if (!rc) {
        db_bind_int(q, 1, l->line->id);
        db_bind_int(q, 2, 1);
        rc = db_step(q, &has_row, e);
    }
    if (rc || !has_row) {
        return rc ? rc : err_set(e, RC_FATAL, "a line counts a job that is not in it");
    }
    l->head_id = db_int(q, 0);
    l->head_at = db_int(q, 1);
    l->is_head_known = true;
    db_reset(q);
    seat_moved(l);
    return RC_OK;
}

/* The oldest of those in the seat that may give, its head known; NULL: none may, and the seat is gone. */
static enum rc seat_next(struct writer *w, struct seat *s, struct lane **out, struct err *e)
{
    enum rc rc = RC_OK;
    *out = NULL;
    for (bool is_there = true; !rc && !*out && is_there;) {
        struct lane *l = (struct lane *)heap_first(&s->lanes);
        int64_t until = 0;
        struct limit_key *key = limit_set_blocked(w, l->set, &until);
        if (key) {
            is_there = s->lanes.count > 1;
            lane_hold(w, l, key, until);
        } else if (!l->is_head_known) {
            rc = find_head(w, l, e);
        } else {
            *out = l;
        }
    }
    return rc;
}

/* Whose turn it is in the ring; NULL: none may give. */
static enum rc ring_next(struct writer *w, struct ring *r, struct seat **out, struct err *e)
{
    struct lane *l = NULL;
    enum rc rc = RC_OK;
    *out = NULL;
    while (!rc && !l && r->seats.count) {
        struct seat *s = (struct seat *)heap_first(&r->seats);
        if (s->node.rank[0] != s->group->time) {
            seat_rank(s);
            heap_moved(&r->seats, &s->node);
            continue;
        }
        rc = seat_next(w, s, &l, e);
        *out = l ? s : NULL;
    }
    return rc;
}

static bool is_older(const struct lane *a, const struct lane *b)
{
    return a->head_at != b->head_at ? a->head_at < b->head_at : a->head_id < b->head_id;
}

/* The lane of the group, of kinds that are wanted, whose head, which is known, is the oldest; NULL: none may give. */
static enum rc group_next(struct writer *w, struct group *g, const struct wanted_kinds *kinds,
                          struct lane **out, struct err *e)
{
    enum rc rc = RC_OK;
    *out = NULL;
    for (struct seat *s = g->seats, *next; s && !rc; s = next) {
        struct lane *l = NULL;
        next = s->next;
        if (kinds_have(kinds, s->ring->kind)) {
            rc = seat_next(w, s, &l, e);
        }
        *out = l && (!*out || is_older(l, *out)) ? l : *out;
    }
    return rc;
}

static bool goes_before(const struct seat *a, const struct seat *b)
{
    return a->group->time != b->group->time ? a->group->time < b->group->time
                                            : a->node.rank[1] < b->node.rank[1];
}

/* Of the group whose turn it is, its oldest of all wanted kinds. */
static enum rc pick_lane(struct writer *w, struct turn *t, const struct wanted_kinds *kinds,
                         struct lane **out, struct err *e)
{
    struct seat *first = NULL;
    enum rc rc = RC_OK;
    *out = NULL;
    for (size_t i = 0; i < t->ring_count && !rc; i++) {
        struct seat *s = NULL;
        if (kinds_have(kinds, t->rings[i]->kind)) {
            rc = ring_next(w, t->rings[i], &s, e);
        }
        first = s && (!first || goes_before(s, first)) ? s : first;
    }
    return rc || !first ? rc : group_next(w, first->group, kinds, out, e);
}

enum rc turns_pick(struct writer *w, struct turn *t, const struct head *plain,
                   const struct wanted_kinds *kinds, struct turn_pick *out, struct err *e)
{
    struct lane *l = NULL;
    enum rc rc = pick_lane(w, t, kinds, &l, e);
    bool is_older =
        plain && l && (plain->run_at != l->head_at ? plain->run_at < l->head_at : plain->id < l->head_id);
    int64_t time = turn_start(t->none.time, t->time);
    bool is_plain = plain && (!l || (l->group == &t->none ? is_older : time <= l->group->time));
    out->group = l && !is_plain ? l->group : &t->none;
    out->head = is_plain ? *plain : l ? (struct head){l->head_id, l->head_at, l->line} : (struct head){0};
    return rc;
}
