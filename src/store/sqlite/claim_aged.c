/* claim_aged.c: claims of queues where waiting betters priorities (core/turns.h). Of each priority at which something is queued, the job
 * whose turn it is there; of those, the one whose priority is the best now; of several, the oldest. So it looks at heads, as
 * many as there are priorities in use, for each job that it gives. */
#include "store/sqlite/claim_private.h"

struct levels { /* the priorities, least first: of plain lines and of turns */
    struct walk walk;
    size_t turn;
};

struct candidate {
    struct turn_pick pick; /* head.id 0: none */
    bool has_turn;         /* lanes are open at its priority */
    int64_t aged;
};

/* The next turn that has open lanes; NULL: none. */
static struct turn *next_turn(const struct queue_row *q, struct levels *l)
{
    while (l->turn < q->turn_count && !turn_is_open(q->turns[l->turn], l->walk.kinds)) {
        l->turn++;
    }
    return l->turn < q->turn_count ? q->turns[l->turn] : NULL;
}

/* The job whose turn it is at the next priority. *is_end: there is none. */
static enum rc next_level(struct writer *w, struct queue_row *q, struct levels *l, struct candidate *out,
                          bool *is_end, struct err *e)
{
    const struct line *plain = claim_next_plain(q, &l->walk);
    struct turn *t = next_turn(q, l);
    enum rc rc = RC_OK;
    *out = (struct candidate){0};
    *is_end = !plain && !t;
    if (plain && t && plain->priority != t->priority) {
        plain = plain->priority < t->priority ? plain : NULL;
        t = plain ? NULL : t;
    }
    if (plain) {
        rc = claim_next_heads(w, q, 1, &l->walk, e);
        out->pick.head = l->walk.heads.count ? l->walk.heads.items[0] : (struct head){0};
    }
    if (t && !rc) {
        const struct head head = out->pick.head;
        rc = turns_pick(w, t, head.id ? &head : NULL, l->walk.kinds, &out->pick, e);
        out->has_turn = true;
        l->turn++;
    }
    return rc;
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    if (a->aged != b->aged) {
        return a->aged < b->aged;
    }
    return a->pick.head.run_at != b->pick.head.run_at ? a->pick.head.run_at < b->pick.head.run_at
                                                      : a->pick.head.id < b->pick.head.id;
}

static enum rc pick(struct writer *w, struct queue_row *q, const struct wanted_kinds *kinds,
                    struct candidate *best, struct err *e)
{
    struct levels l = {.walk = {.kinds = kinds}};
    enum rc rc = RC_OK;
    *best = (struct candidate){0};
    for (bool is_end = false; !rc && !is_end;) {
        struct candidate c;
        rc = next_level(w, q, &l, &c, &is_end, e);
        if (rc || !c.pick.head.id) {
            continue;
        }
        c.aged = priority_aged(c.pick.head.line->priority, c.pick.head.run_at, q->settings.age_step_ms,
                               w->keeper.now);
        *best = !best->pick.head.id || goes_before(&c, best) ? c : *best;
    }
    return rc;
}

enum rc claim_aged(struct writer *w, struct store_claim *op, struct queue_row *q,
                   const struct wanted_kinds *kinds, size_t until, struct err *e)
{
    enum rc rc = RC_OK;
    while (!rc && op->count < until && !claim_is_heavy(op)) {
        struct candidate best;
        bool is_late = false;
        rc = pick(w, q, kinds, &best, e);
        if (rc || !best.pick.head.id) {
            break;
        }
        rc = claim_one(w, op, &best.pick.head, true, &is_late, e);
        if (!rc && !is_late && best.has_turn) {
            group_served(w, best.pick.group);
        }
    }
    return rc;
}
