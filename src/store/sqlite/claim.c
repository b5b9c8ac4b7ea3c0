/* claim.c: hands out jobs. Looks at lines that hold something and at their heads only, so that neither the backlog of
 * other kinds nor a paused queue costs anything. */
#include "store/sqlite/claim_private.h"
#include "store/sqlite/limits.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/views.h"

#include "base/fault.h"

#include <stdlib.h>

static int by_age(const void *a, const void *b)
{
    const struct head *x = a, *y = b;
    if (x->run_at != y->run_at) {
        return x->run_at < y->run_at ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static enum rc add_heads(struct writer *w, struct line *l, int64_t want, struct heads *h, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_JOB_HEADS, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, l->id);
    db_bind_int(q, 2, want);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (h->count == h->room) {
            struct head *grown = arena_array(w->keeper.scratch, struct head, h->room ? 2 * h->room : 64);
            for (size_t i = 0; i < h->count; i++) {
                grown[i] = h->items[i];
            }
            h->items = grown;
            h->room = h->room ? 2 * h->room : 64;
        }
        h->items[h->count++] = (struct head){db_int(q, 0), db_int(q, 1), l};
    }
    return rc;
}

static int64_t next_lease(const struct writer *w, int64_t last)
{
    return (last > w->first_lease ? last : w->first_lease) + 1;
}

static enum rc save_claim(struct writer *w, const struct sqlite_row *s, struct str worker, struct err *e)
{
    const struct row *r = &s->row;
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_CLAIM, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {s->ordinal,     r->due_at,     r->flags,   r->lease,     r->lease_ms,
                               r->lease_until, r->timeout_at, r->attempt, r->started_at};
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    db_bind_str(q, (int)count + 1, worker);
    return db_run(q, e);
}

/* The part of a row that a claim needs, from what it shows anyway: the row is read once. */
static struct sqlite_row row_of_view(const struct job *j, int64_t flags, const struct line *l)
{
    return (struct sqlite_row){.row = {.id = j->id,
                                       .tenant = j->tenant,
                                       .queue = j->queue,
                                       .kind = j->kind,
                                       .settings = &l->queue->settings,
                                       .state = j->state,
                                       .priority = j->priority,
                                       .run_at = j->run_at,
                                       .flags = flags,
                                       .lease = j->lease,
                                       .timeout_ms = j->timeout_ms,
                                       .deadline_at = j->deadline_at,
                                       .attempt = j->attempt,
                                       .lost = j->lost,
                                       .last_seq = j->last_seq,
                                       .group = j->group,
                                       .limits = j->limit_keys},
                               .ordinal = id_ordinal(j->id),
                               .random = id_random_bits(j->id),
                               .kind = l->kind,
                               .line = l->id,
                               .queue = l->queue,
                               .stored_state = j->state};
}

static enum rc hand_out(struct writer *w, struct store_claim *op, const struct line *l, struct view *view,
                        struct err *e)
{
    struct job *j = view->job;
    struct sqlite_row s = row_of_view(j, view->flags, l);
    const struct row *r = &s.row;
    struct pen *pen = l->lane ? lane_begin(l->lane) : NULL;
    enum rc rc = rules_hand_out(&w->keeper, &s.row, next_lease(w, r->lease), op->lease_ms, e);
    if (!rc) {
        rc = save_claim(w, &s, op->worker, e);
    }
    if (!rc && l->lane) {
        lane_end(w, l->lane, pen);
        rc = FAULT("store.lane.claim") ? err_set(e, RC_BUSY, "fault: lane") : RC_OK;
    }
    j->state = r->state;
    j->lease = r->lease;
    j->lease_ms = r->lease_ms;
    j->lease_until = r->lease_until;
    j->started_at = r->started_at;
    j->attempt = r->attempt;
    j->worker = op->worker;
    j->cancel_requested = false;
    bool has_children = r->flags & FLAG_PARENT;
    return !rc && has_children ? family_read_children(w, s.ordinal, op->op.a, &j->children, e) : rc;
}

enum rc claim_one(struct writer *w, struct store_claim *op, const struct head *h, bool may_give,
                  bool *is_late, struct err *e)
{
    struct job *j = &op->jobs[op->count];
    struct viewer viewer = {w->engine, w->db, op->op.a, false};
    struct view view = {.job = j};
    enum rc rc = view_get_ordinal(&viewer, h->id, &view, e);
    if (rc || !view.found) {
        return rc ? rc : err_set(e, RC_FATAL, "the index of ready jobs names a job that is not there");
    }
    *is_late = j->deadline_at && j->deadline_at <= w->keeper.now;
    if (*is_late) { /* end it here, the timer may be behind */
        int64_t applied = 0;
        return tick_one(w, h->id, &applied, e);
    }
    if (!may_give) {
        return RC_OK;
    }
    rc = hand_out(w, op, h->line, &view, e);
    op->count += rc == RC_OK;
    return rc;
}

enum rc claim_next_heads(struct writer *w, struct queue_row *q, int64_t want, struct walk *walk,
                         struct err *e)
{
    enum rc rc = RC_OK;
    size_t lines = 0;
    int64_t priority = 0;
    walk->heads.count = 0;
    for (; walk->at < q->line_count && !rc; walk->at++) {
        struct line *l = q->lines[walk->at];
        if (lines && l->priority != priority) {
            break;
        }
        if (l->queued > 0 && kinds_have(walk->kinds, l->kind)) {
            lines++;
            priority = l->priority;
            rc = add_heads(w, l, want, &walk->heads, e);
        }
    }
    if (!rc && lines > 1 && walk->heads.count > 1) {
        qsort(walk->heads.items, walk->heads.count, sizeof *walk->heads.items, by_age);
    }
    return rc;
}

bool claim_is_heavy(const struct store_claim *op)
{
    /* the arena holds little else than args */
    return arena_bytes(op->op.a) > STORE_CLAIM_BYTES;
}

/* *again: there were late ones among the heads. What stands behind them comes before the rest of these, so the heads
 * have to be looked up anew. */
static enum rc claim_heads(struct writer *w, struct store_claim *op, const struct heads *h, size_t until,
                           bool *again, struct err *e)
{
    enum rc rc = RC_OK;
    *again = false;
    for (size_t i = 0; i < h->count && op->count < until && !rc && !claim_is_heavy(op); i++) {
        bool is_late = false;
        rc = claim_one(w, op, &h->items[i], !*again, &is_late, e);
        if (*again && !is_late) {
            break;
        }
        *again = is_late;
    }
    return rc;
}

/* Plain jobs of the first open priority at or behind walk->at. */
static enum rc claim_plain(struct writer *w, struct store_claim *op, struct queue_row *q, size_t until,
                           struct walk *walk, struct err *e)
{
    size_t from = walk->at;
    bool again = false;
    enum rc rc = claim_next_heads(w, q, (int64_t)(until - op->count), walk, e);
    if (!rc) {
        rc = claim_heads(w, op, &walk->heads, until, &again, e);
    }
    if (again) {
        walk->at = from;
    }
    return rc;
}

const struct line *claim_next_plain(const struct queue_row *q, struct walk *walk)
{
    while (walk->at < q->line_count) {
        const struct line *l = q->lines[walk->at];
        if (l->queued > 0 && kinds_have(walk->kinds, l->kind)) {
            return l;
        }
        walk->at++;
    }
    return NULL;
}

/* One job, or what held one up is out of the way, of a priority at which lanes are open. */
static enum rc claim_turn(struct writer *w, struct store_claim *op, struct turn *t, struct walk *walk,
                          struct err *e)
{
    struct queue_row *q = t->queue;
    const struct line *plain = claim_next_plain(q, walk);
    bool has_plain = plain && plain->priority == t->priority;
    struct turn_pick pick = {0};
    size_t from = walk->at;
    bool is_late = false;
    enum rc rc = has_plain ? claim_next_heads(w, q, 1, walk, e) : RC_OK;
    walk->at = from;
    if (!rc) {
        rc = turns_pick(w, t, has_plain ? walk->heads.items : NULL, walk->kinds, &pick, e);
    }
    if (rc || !pick.head.id) {
        return rc;
    }
    rc = claim_one(w, op, &pick.head, true, &is_late, e);
    if (!rc && !is_late) {
        group_served(w, pick.group);
    }
    return rc;
}

static enum rc claim_queue(struct writer *w, struct store_claim *op, struct queue_row *q,
                           const struct wanted_kinds *kinds, int64_t want, struct err *e)
{
    struct walk walk = {.kinds = kinds};
    enum rc rc = RC_OK;
    size_t until = op->count + (size_t)want;
    if (q->settings.age_step_ms > 0) {
        return claim_aged(w, op, q, kinds, until, e);
    }
    while (!rc && op->count < until && !claim_is_heavy(op)) {
        int64_t priority = 0;
        bool has_lanes = q->open_lanes && turns_next(q, kinds, &priority);
        const struct line *plain = claim_next_plain(q, &walk);
        if (!plain && !has_lanes) {
            break;
        }
        if (!has_lanes || (plain && plain->priority < priority)) {
            rc = claim_plain(w, op, q, until, &walk, e);
        } else {
            rc = claim_turn(w, op, turn_get(w, q, priority), &walk, e);
        }
    }
    return rc;
}

/* The queues of the claim that can give something. */
static size_t open_queues(struct writer *w, const struct store_claim *op, struct queue_row ***out)
{
    size_t room = op->queue_count ? op->queue_count : (size_t)w->last_queue_id + 1;
    struct queue_row **open = arena_array(w->keeper.scratch, struct queue_row *, room);
    size_t count = 0;
    for (size_t i = 0; i < op->queue_count; i++) {
        struct queue_row *q = queue_find(w, op->tenant, op->queues[i]);
        if (q && !q->is_paused && q->counts[JOB_QUEUED] > 0) {
            open[count++] = q;
        }
    }
    for (int64_t id = 1; !op->queue_count && id <= w->last_queue_id; id++) {
        struct queue_row *q = queue_by_id(w, id);
        if (q && q->tenant == op->tenant && !q->is_paused && q->counts[JOB_QUEUED] > 0) {
            open[count++] = q;
        }
    }
    *out = open;
    return count;
}

static struct wanted_kinds wanted(struct writer *w, const struct store_claim *op)
{
    struct wanted_kinds k = {.is_any = op->kind_count == 0};
    k.ids = arena_array(w->keeper.scratch, int64_t, op->kind_count + 1);
    for (size_t i = 0; i < op->kind_count; i++) {
        int64_t id = word_find(w, op->kinds[i]);
        if (id) {
            k.ids[k.count++] = id;
        }
    }
    return k;
}

/* Two turns over the queues: in the first each gives its share, in the second the first ones give what is left. */
enum rc claim_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_claim *op = (struct store_claim *)base;
    struct queue_row **queues = NULL;
    size_t count = open_queues(w, op, &queues);
    struct wanted_kinds kinds = wanted(w, op);
    int64_t queued = 0;
    limits_pass_time(w);
    base->rc = RC_OK;
    op->count = 0;
    op->jobs = NULL;
    for (size_t i = 0; i < count; i++) {
        queued += queues[i]->counts[JOB_QUEUED];
    }
    int64_t max = op->max < queued ? op->max : queued;
    if (max <= 0 || (!kinds.is_any && !kinds.count)) {
        return RC_OK;
    }
    op->jobs = arena_array(base->a, struct job, (size_t)max);
    size_t first = w->claim_turn++ % count;
    int64_t share = (max + (int64_t)count - 1) / (int64_t)count;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < 2 * count && !rc && (int64_t)op->count < max && !claim_is_heavy(op); i++) {
        int64_t left = max - (int64_t)op->count;
        int64_t want = i < count && share < left ? share : left;
        rc = claim_queue(w, op, queues[(first + i) % count], &kinds, want, e);
    }
    return rc;
}
