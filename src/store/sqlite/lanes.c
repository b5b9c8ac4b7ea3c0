/* lanes.c: see lanes.h: lanes by their place, and what comes into them and leaves. */
#include "store/sqlite/lanes_private.h"

#include <assert.h>
#include <string.h>

#include "store/sqlite/limits.h"

static struct str bytes_of(const void *p, size_t n)
{
    return (struct str){p, n};
}

enum rc lane_get(struct writer *w, struct queue_row *q, const struct lane_place *p, struct line **out,
                 struct err *e)
{
    struct turn *t = turn_get(w, q, p->priority);
    struct limit_set *set = NULL;
    enum rc rc = limit_set_get(w, q->tenant, p->limits, &set, e);
    if (rc) {
        return rc;
    }
    struct group *g = group_get(w, t, p->group);
    const int64_t key[6] = {q->id,   p->kind, p->priority, (int64_t)(intptr_t)g, (int64_t)(intptr_t)set,
                            p->apart};
    *out = map_get(&w->lines, bytes_of(key, sizeof key));
    if (*out) {
        limit_set_release(w, set);
        return RC_OK;
    }
    struct lane *l = mem_alloc(sizeof *l);
    *l = (struct lane){.ring = ring_get(w, t, p->kind), .group = g, .set = set};
    memcpy(l->key, key, sizeof key);
    l->line = line_new_lane(w, p->id, l);
    map_put(&w->lines, bytes_of(l->key, sizeof l->key), l->line);
    g->lanes++;
    t->lanes++;
    *out = l->line;
    return RC_OK;
}

int64_t lane_apart(const struct lane *l)
{
    return l->key[5];
}

enum rc lane_get_apart(struct writer *w, struct queue_row *q, struct lane_place p, struct line **out,
                       struct err *e)
{
    bool has_job = true;
    enum rc rc = RC_OK;
    for (p.apart = 1; has_job && !rc; p.apart++) {
        rc = lane_get(w, q, &p, out, e);
        has_job = !rc && (*out)->queued > 0;
        if (!rc && !has_job) { /* hidden ones? */
            rc = line_look_into(w, *out, &has_job, e);
        }
    }
    if (!rc) {
        line_add(w, *out, 0); /* it is stored */
    }
    return rc;
}

void lane_reveal(struct lane *l)
{
    l->head_at = l->head_id = 0;
    l->is_head_known = false;
    if (!l->seat && !l->pen) {
        lane_open(l);
    }
}

enum rc lane_load(struct writer *w, struct queue_row *q, struct db_stmt *row, struct err *e)
{
    int64_t priority = line_priority(db_int(row, 3));
    const struct lane_place p = {.id = db_int(row, 0),
                                 .apart = line_apart(db_int(row, 3)),
                                 .kind = db_int(row, 2),
                                 .priority = priority,
                                 .group = db_str(row, 5),
                                 .limits = db_str(row, 6)};
    struct line *line = NULL;
    enum rc rc = lane_get(w, q, &p, &line, e);
    if (!rc) {
        line->queued = db_int(row, 4);
        line->lane->is_stored = true;
        line->queued > 0 ? lane_open(line->lane) : line_add(w, line, 0); /* an empty one goes */
    }
    return rc;
}

void lane_joined(struct writer *w, struct lane *l, int64_t run_at, int64_t ordinal)
{
    (void)w;
    bool is_first = l->line->queued == 1;
    if (!is_first && (run_at > l->head_at || (run_at == l->head_at && ordinal > l->head_id))) {
        return;
    }
    l->head_at = run_at;
    l->head_id = ordinal;
    l->is_head_known = true;
    if (!l->seat && !l->pen) {
        lane_open(l);
    } else if (l->pen) {
        pen_moved(l);
    } else {
        seat_moved(l);
    }
}

void lane_left(struct writer *w, struct lane *l, int64_t ordinal)
{
    l->is_head_known = l->is_head_known && ordinal != l->head_id;
    if (l->line->queued > 0) {
        return;
    }
    lane_put_away(w, l);
}

struct str lane_limits(const struct lane *l)
{
    return l->set ? str_sub(l->set->map_key, sizeof(int64_t), l->set->map_key.n) : STR("");
}

void lane_free(struct writer *w, struct lane *l)
{
    assert(!l->seat && !l->pen && !l->scout_of);
    map_remove(&w->lines, bytes_of(l->key, sizeof l->key));
    group_leave(w, l->group);
    limit_set_release(w, l->set);
    mem_free(l);
}

void lanes_forget(struct writer *w)
{
    for (size_t i = 0; i < w->lines.room; i++) {
        struct line *l = w->lines.slots[i].value;
        if (l) {
            mem_free(l->lane);
        }
    }
    groups_forget(w);
}
