/* turns.c: see turns.h. */
#include "store/sqlite/turns.h"

bool kinds_have(const struct wanted_kinds *k, int64_t kind)
{
    bool has = k->is_any;
    for (size_t i = 0; i < k->count && !has; i++) {
        has = k->ids[i] == kind;
    }
    return has;
}

bool turns_next(const struct queue_row *q, const struct wanted_kinds *kinds, int64_t *priority)
{
    for (size_t i = 0; i < q->turn_count; i++) {
        const struct turn *t = q->turns[i];
        for (size_t k = 0; k < t->ring_count; k++) {
            if (t->rings[k]->seats.count && kinds_have(kinds, t->rings[k]->kind)) {
                *priority = t->priority;
                return true;
            }
        }
    }
    return false;
}

static bool goes_before(const struct seat *a, const struct seat *b)
{
    return a->group->time != b->group->time ? a->group->time < b->group->time
                                            : a->node.rank[1] < b->node.rank[1];
}

static bool is_wanted(const void *kinds, int64_t kind)
{
    return kinds_have(kinds, kind);
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
    return rc || !first ? rc : group_next(w, first->group, is_wanted, kinds, out, e);
}

enum rc turns_pick(struct writer *w, struct turn *t, const struct head *plain,
                   const struct wanted_kinds *kinds, struct turn_pick *out, struct err *e)
{
    struct lane *l = NULL;
    enum rc rc = pick_lane(w, t, kinds, &l, e);
    bool is_older =
        plain && l && (plain->run_at != l->head_at ? plain->run_at < l->head_at : plain->id < l->head_id);
    int64_t time = t->none.time > t->time ? t->none.time : t->time;
    bool is_plain = plain && (!l || (l->group == &t->none ? is_older : time <= l->group->time));
    out->group = l && !is_plain ? l->group : &t->none;
    out->head = is_plain ? *plain : l ? (struct head){l->head_id, l->head_at, l->line} : (struct head){0};
    return rc;
}
