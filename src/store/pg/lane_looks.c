/* lane_looks.c: see lanes.h: when lanes are looked for, and what was found. */
#include "store/pg/claim.h"
#include "store/pg/lanes_private.h"
#include "store/pg/limits.h"

#include "base/clock.h"

#include <string.h>

#define COST_TIMES         20
#define SHORT_COST_TIMES   8
#define UNASKED_COST_TIMES 100
#define EXACT_LANES        100
#define DEAR_LANES         1000
#define DEAR_US            20000 /* of fewer: much is gone in the index */
#define LANE_US            100   /* each, on a slow machine */
#define DEAR_LOOKS         5     /* in a row: not the machine's mood */
#define LOOK_US            1000000
#define LOOK_LANES         2000 /* of one statement */
#define READ_KEYS          1000
#define LOOK_COST_COLUMN   8

static bool is_dear(const struct lane_tenant *t)
{
    return t->dear_looks >= DEAR_LOOKS;
}

/* So many that claims which have enough to choose from leave it to the slow lane. */
static bool is_wide(const struct lane_tenant *t)
{
    return is_dear(t) || t->found >= EXACT_LANES;
}

/* For order alone, among what is known and what nobody has told of. */
static bool is_due_slowly(const struct lane_tenant *t, int64_t since_us)
{
    int64_t took_us = t->took_us > t->cost_us ? t->took_us : t->cost_us;
    return t->is_wanted ? since_us >= COST_TIMES * took_us
                        : since_us >= LOOK_US && since_us >= UNASKED_COST_TIMES * took_us;
}

static bool is_due(const struct lane_tenant *t, enum lane_asker who, int64_t now_us)
{
    int64_t since_us = now_us - t->looked_at_us;
    bool is_short = who == LANE_SHORT;
    if (is_wide(t) && who == LANE_SLOW_LANE) {
        return is_due_slowly(t, since_us);
    }
    if (is_dear(t)) {
        return false;
    }
    if (t->is_begun || (is_short && t->is_wanted)) {
        return true;
    }
    if (!is_wide(t)) {
        return t->is_wanted || t->lanes || since_us >= LOOK_US;
    }
    return (is_short || t->is_wanted) && since_us >= (is_short ? SHORT_COST_TIMES : COST_TIMES) * t->took_us;
}

bool lanes_begin_look(struct lanes *m, int64_t tenant, enum lane_asker who, struct arena *a,
                      struct lane_look *out)
{
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&m->lock);
    struct lane_tenant *t = lanes_tenant_of(m, tenant);
    bool is = is_due(t, who, now_us);
    if (is) {
        *out = (struct lane_look){
            .tenant = tenant, .clock = m->clock, .from = {arena_str(a, t->at.queue), t->at.lane}};
        t->is_wanted = false;
        t->looked_at_us = now_us; /* nobody else need do the same */
    }
    pthread_mutex_unlock(&m->lock);
    return is;
}

void lanes_see_cost(struct lanes *m, int64_t tenant, int64_t us)
{
    pthread_mutex_lock(&m->lock);
    lanes_tenant_of(m, tenant)->took_us = us;
    pthread_mutex_unlock(&m->lock);
}

int64_t lanes_next_look(struct lanes *m)
{
    int64_t now_us = clock_mono_us(), tenant = 0;
    pthread_mutex_lock(&m->lock);
    for (const struct lane_tenant *t = m->tenants; t && !tenant; t = t->next) {
        tenant = is_wide(t) && is_due(t, LANE_SLOW_LANE, now_us) ? t->tenant : 0;
    }
    pthread_mutex_unlock(&m->lock);
    return tenant;
}

bool lanes_want_looks(struct lanes *m)
{
    bool want = false;
    pthread_mutex_lock(&m->lock);
    for (const struct lane_tenant *t = m->tenants; t; t = t->next) {
        want |= is_wide(t);
    }
    pthread_mutex_unlock(&m->lock);
    return want;
}

/* What was noted since the look began it may not have seen; anything else it knows better. */
void lanes_found(struct lanes *m, const struct lane_look *look, const struct lane_name *name, int64_t lane,
                 struct lane_head at, bool is_paused)
{
    pthread_mutex_lock(&m->lock);
    struct lane *l = lanes_find(m, name, true);
    if (l) {
        l->may_hold = l->may_hold && l->noted_at > look->clock;
        lanes_put_note(m, l, at);
        l->has_place = true;
        l->lane = lane;
        l->turns->queue->is_paused = is_paused;
    }
    pthread_mutex_unlock(&m->lock);
}

static int compare(struct lane_place a, struct lane_place b)
{
    size_t n = a.queue.n < b.queue.n ? a.queue.n : b.queue.n;
    int d = n ? memcmp(a.queue.p, b.queue.p, n) : 0;
    d = d ? d : (a.queue.n > b.queue.n) - (a.queue.n < b.queue.n);
    return d ? d : (a.lane > b.lane) - (a.lane < b.lane);
}

void lanes_end_look(struct lanes *m, const struct lane_look *look, struct lane_place to, size_t count,
                    int64_t cost_us, bool is_last)
{
    pthread_mutex_lock(&m->lock);
    struct lane_tenant *t = lanes_tenant_of(m, look->tenant);
    bool is_all = is_last && !look->from.queue.n;
    for (struct lane *l = t->lanes; l; l = l->next) {
        struct lane_place at = {l->name.queue, l->lane};
        bool is_in_it = l->has_place && compare(at, look->from) > 0 && (is_last || compare(at, to) <= 0);
        if (l->noted_at <= look->clock && (is_all || is_in_it)) {
            l->may_hold = false;
        }
    }
    size_t n = is_last ? 0 : to.queue.n;
    str_copy(t->queue_room, sizeof t->queue_room, str_sub(to.queue, 0, n));
    t->at = (struct lane_place){{t->queue_room, n}, is_last ? 0 : to.lane};
    t->is_begun = t->is_begun && !is_last;
    t->is_wanted = t->is_wanted || !is_last; /* of a first one the rest comes at once */
    t->cost_us = cost_us;
    t->found = m->is_unhurried ? 0 : count;
    bool is_cheap =
        m->is_unhurried || (count < DEAR_LANES && t->cost_us < DEAR_US + LANE_US * (int64_t)count);
    t->dear_looks = is_cheap ? 0 : t->dear_looks + 1;
    t->has_late = count > 0;
    t->looked_at_us = clock_mono_us();
    pthread_mutex_unlock(&m->lock);
}

/* Nobody else cares for one whose lanes have nothing. */
static bool has_waiting(const struct lane_key *k)
{
    const struct lane_ref *r = k->lanes;
    while (r && !r->lane->may_hold) {
        r = r->next;
    }
    return r;
}

struct limit *lanes_keys_to_read(struct lanes *m, bool with_used, struct arena *a, size_t *count)
{
    struct limit *out = NULL;
    *count = 0;
    pthread_mutex_lock(&m->lock);
    bool is_worth = with_used || m->unknown;
    for (const struct lane_key *k = m->keys; k && *count < READ_KEYS && is_worth; k = k->next) {
        bool is_used = with_used && k->is_known && k->rule.concurrency && k->state.used > 0;
        if ((!k->is_known || is_used) && has_waiting(k)) {
            out = out ? out : arena_array(a, struct limit, READ_KEYS);
            out[(*count)++] = (struct limit){.tenant = k->tenant, .key = arena_str(a, k->key)};
        }
    }
    pthread_mutex_unlock(&m->lock);
    return out;
}

/* ---- the statements */

/* Behind a pooler settings hold in a transaction. */
static enum rc begin(struct link *link, struct err *e)
{
    enum rc rc = pg_exec(link->c, "BEGIN", e);
    return rc ? rc : pg_exec(link->c, link_transaction_setup(link), e);
}

static enum rc look_at_lanes(struct pg_engine *s, struct link *link, struct arena *a,
                             const struct lane_look *look, struct err *e)
{
    struct lanes *m = &s->lanes;
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    struct lane_place to = look->from;
    pg_bind_int(&q, look->tenant);
    pg_bind_str(&q, look->from.queue.n ? look->from.queue : STR(""));
    pg_bind_int(&q, look->from.lane);
    pg_bind_int(&q, LOOK_LANES);
    pg_bind_int_or_null(&q, s->base.options.now != NULL, store_now(&s->base));
    enum rc rc = pg_run(link->c, pg_sql(PG_SQL_LANE_LOOK), &q, &rows, e);
    size_t count = rc || pg_is_null(rows, 0, 0) ? 0 : pg_count(rows);
    for (size_t i = 0; i < count; i++) {
        const struct lane_name name = {look->tenant, pg_str(rows, i, 0), pg_str(rows, i, 2),
                                       pg_str(rows, i, 3), pg_str(rows, i, 4)};
        to = (struct lane_place){arena_str(a, name.queue), pg_int(rows, i, 1)};
        if (name.kind.p) {
            const struct lane_head head = {pg_int(rows, i, 5), pg_int(rows, i, 6), pg_uuid(rows, i, 9)};
            lanes_found(m, look, &name, to.lane, head, pg_bool(rows, i, 7));
        }
    }
    if (!rc) {
        int64_t cost_us = pg_int(rows, pg_count(rows) - 1, LOOK_COST_COLUMN);
        lanes_end_look(m, look, to, count, cost_us, count < LOOK_LANES);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc look_at_keys(struct pg_engine *s, struct link *link, struct arena *a, const struct limit *keys,
                            size_t count, struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    limits_bind_keys(&q, keys, count);
    enum rc rc = pg_run(link->c, pg_sql(PG_SQL_LIMIT_READ), &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        struct limit l = {0};
        limits_read_mended(rows, i, store_now(&s->base), a, &l);
        lanes_see_key(&s->lanes, &l);
    }
    pg_rows_free(rows);
    return rc;
}

enum rc lanes_look_for(struct pg_engine *s, struct link *link, struct arena *a, struct lane_question *q,
                       struct err *e)
{
    struct lane_look look;
    size_t count = 0;
    int64_t began_us = clock_mono_us();
    bool looks = lanes_begin_look(&s->lanes, q->tenant, q->who, a, &look), needs_setup = false;
    const struct limit *keys = looks ? NULL : lanes_keys_to_read(&s->lanes, false, a, &count);
    enum rc rc = RC_OK;
    q->has_looked = looks || count;
    if (q->has_looked) {
        needs_setup = !pg_in_transaction(link->c) && link_transaction_setup(link);
        rc = needs_setup ? begin(link, e) : RC_OK;
    }
    if (looks && !rc) {
        rc = look_at_lanes(s, link, a, &look, e);
        keys = lanes_keys_to_read(&s->lanes, true, a, &count);
    }
    rc = rc || !count ? rc : look_at_keys(s, link, a, keys, count, e);
    if (looks) {
        lanes_see_cost(&s->lanes, q->tenant, clock_mono_us() - began_us);
    }
    return rc || !needs_setup ? rc : pg_exec(link->c, "COMMIT", e);
}
