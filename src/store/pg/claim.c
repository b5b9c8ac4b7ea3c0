/* claim.c: hands out jobs: one statement (sql/pg/queries/claim.sql) that goes with the last batch of a round. It looks at lines from
 * their heads; a claim that names no queue or no kind now and then finds out by itself which lines there are. */
#include "store/pg/claim.h"
#include "store/pg/batch.h"
#include "store/pg/family.h"
#include "store/pg/views.h"

enum {
    COLUMN_NUMBER = VIEW_COLUMNS + VIEW_LONG_COLUMNS,
    COLUMN_DUE_AT,
    COLUMN_TIMEOUT_AT,
    COLUMN_AT,
    COLUMN_VERSION,
    COLUMN_LINE,
    COLUMN_CHILDREN,
    COLUMN_LINES,
    COLUMN_NOW,
    COLUMN_PICKING_US,
    COLUMN_PICKED,
    COLUMN_FOUND,
};

/* ---- the answer */

static int by_number(const void *a, const void *b, void *rows)
{
    int64_t x = pg_int(rows, *(const size_t *)a, COLUMN_NUMBER);
    int64_t y = pg_int(rows, *(const size_t *)b, COLUMN_NUMBER);
    return (x > y) - (x < y);
}

/* The rows in the order in which they are handed out. They come in it, though SQL does not say so. */
static size_t *order_of(struct committer *w, const struct pg_rows *rows)
{
    size_t count = pg_count(rows);
    size_t *order = arena_array(w->keeper.scratch, size_t, count + 1);
    bool is_sorted = true;
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
        is_sorted &= !i || by_number(&order[i - 1], &order[i], (void *)rows) < 0;
    }
    if (!is_sorted) {
        qsort_r(order, count, sizeof *order, by_number, (void *)rows);
    }
    return order;
}

/* The row as the claim has left it. What has a key, limits, a policy of its own or kin is read when it
 * ends. */
static void remember(struct committer *w, const struct pg_rows *rows, size_t at, const struct job *j,
                     int64_t flags)
{
    struct str place = pg_str(rows, at, COLUMN_AT);
    if (flags & FLAGS_FAMILY || j->unique_key.n || j->limit_keys.n || pg_str(rows, at, VIEW_RETRY).n ||
        place.n != sizeof(struct row_place){0}.at) {
        return;
    }
    struct claimed_entry *c = arena_alloc(w->keeper.scratch, sizeof *c);
    c->row = (struct row){.id = j->id,
                          .tenant = j->tenant,
                          .queue = j->queue,
                          .kind = j->kind,
                          .state = j->state,
                          .priority = j->priority,
                          .run_at = j->run_at,
                          .due_at = pg_int(rows, at, COLUMN_DUE_AT),
                          .flags = flags,
                          .lease = j->lease,
                          .lease_ms = j->lease_ms,
                          .lease_until = pg_int(rows, at, VIEW_LEASE_UNTIL),
                          .timeout_ms = j->timeout_ms,
                          .timeout_at = pg_int(rows, at, COLUMN_TIMEOUT_AT),
                          .deadline_at = j->deadline_at,
                          .attempt = j->attempt,
                          .lost = j->lost,
                          .lost_max = j->lost_max,
                          .snoozes = j->snoozes,
                          .waits = j->waits,
                          .round = j->round,
                          .reason = j->reason,
                          .last_seq = j->last_seq,
                          .progress = j->progress_permille,
                          .started_at = j->started_at};
    memcpy(c->place.at, place.p, place.n);
    c->place.version = pg_int(rows, at, COLUMN_VERSION);
    FIFO_ADD(&w->work.claimed, c);
}

static void note_due(struct committer *w, int64_t due_at)
{
    w->work.due_at = w->work.due_at && w->work.due_at < due_at ? w->work.due_at : due_at;
}

static void note_change(struct committer *w, const struct job *j)
{
    struct store_change *c = store_round_add(w->keeper.round);
    *c = (struct store_change){.tenant = j->tenant,
                               .job = j->id,
                               .queue = arena_str(store_round_arena(w->keeper.round), j->queue),
                               .kind = arena_str(store_round_arena(w->keeper.round), j->kind),
                               .state = JOB_PROCESSING,
                               .state_changed = true,
                               .last_seq = j->last_seq};
}

/* is_short: nothing was cut off, by the number of jobs, by their size, or because a queue is paused. */
static void read_look(struct committer *w, struct claim_plan *p, const struct pg_rows *rows,
                      const struct store_claim *op)
{
    int64_t bytes = 0;
    struct str found = pg_str(rows, 0, COLUMN_FOUND);
    p->found = found.p ? arena_str(w->keeper.scratch, found) : STR_NONE;
    for (size_t i = 0; i < op->count; i++) {
        bytes += (int64_t)op->jobs[i].args.n;
    }
    p->look.is_short = (int64_t)op->count < op->max && bytes < (int64_t)STORE_CLAIM_BYTES &&
                       (p->is_any || pg_int(rows, 0, COLUMN_LINES) == (int64_t)p->count);
    p->look.now = pg_int(rows, 0, COLUMN_NOW);
    p->look.cost_us = pg_int(rows, 0, COLUMN_PICKING_US);
    p->look.met = pg_int(rows, 0, COLUMN_PICKED);
    p->taken = (int64_t)op->count;
    p->is_answered = true;
}

void claim_read_jobs(struct committer *w, const struct pg_rows *rows, struct claim_entry *c)
{
    struct store_claim *op = c->op;
    size_t count = pg_is_null(rows, 0, 0) ? 0 : pg_count(rows); /* one row says that there is none */
    const size_t *order = count ? order_of(w, rows) : NULL;
    op->jobs = arena_array(op->op.a, struct job, pg_count(rows) + 1);
    c->line_of = arena_array(w->keeper.scratch, size_t, pg_count(rows) + 1);
    for (size_t i = 0; i < count; i++) {
        struct job *j = &op->jobs[op->count];
        int64_t flags = 0;
        pg_view_read(&w->engine->base, rows, order[i], op->op.a, j, &flags);
        view_read_long(rows, order[i], VIEW_COLUMNS, op->op.a, j);
        remember(w, rows, order[i], j, flags);
        struct str children = pg_str(rows, order[i], COLUMN_CHILDREN);
        j->children = children.p ? pg_family_read_children(children, op->op.a) : NULL;
        c->line_of[op->count++] = (size_t)pg_int(rows, order[i], COLUMN_LINE);
        note_change(w, j);
        note_due(w, pg_int(rows, order[i], COLUMN_DUE_AT));
    }
}

static enum rc take_jobs(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct claim_entry *c = arg;
    (void)e;
    claim_read_jobs(w, rows, c);
    read_look(w, c->plan, rows, c->op);
    return RC_OK;
}

/* ---- which lines, and from where */

const struct str *claim_queues(struct committer *w, const struct store_claim *op, uint32_t turn)
{
    struct str *queues = arena_array(w->keeper.scratch, struct str, op->queue_count + 1);
    for (size_t i = 0; i < op->queue_count; i++) {
        queues[i] = op->queues[(turn + i) % op->queue_count];
    }
    return queues;
}

void claim_make_room(struct committer *w, struct claim_plan *p, size_t count)
{
    p->queues = arena_array(w->keeper.scratch, struct str, count + 1);
    p->kinds = arena_array(w->keeper.scratch, struct str, count + 1);
    p->turns = arena_array(w->keeper.scratch, int64_t, count + 1);
    p->lines = arena_array(w->keeper.scratch, struct line *, count + 1);
}

void claim_add_line(struct committer *w, struct claim_plan *p, int64_t tenant, struct str queue,
                    struct str kind, int64_t turn)
{
    const struct line name = {.tenant = tenant, .queue = queue, .kind = kind};
    p->queues[p->count] = queue;
    p->kinds[p->count] = kind;
    p->turns[p->count] = turn;
    p->lines[p->count++] = heads_begin(&w->engine->heads, &name);
}

static void plan_named(struct committer *w, const struct store_claim *op, const struct str *queues,
                       struct claim_plan *p)
{
    claim_make_room(w, p, op->queue_count * op->kind_count);
    for (size_t q = 0; q < op->queue_count; q++) {
        for (size_t k = 0; k < op->kind_count; k++) {
            claim_add_line(w, p, op->tenant, queues[q], op->kinds[k], (int64_t)q);
        }
    }
}

/* Of queues that were not named: mixed, another way each time. */
int64_t claim_turn_of(struct str queue, const struct str *queues, size_t count, uint32_t turn)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(queues[i], queue)) {
            return (int64_t)i;
        }
    }
    uint64_t h = turn;
    for (size_t i = 0; i < queue.n; i++) {
        h = (h ^ (unsigned char)queue.p[i]) * UINT64_C(1099511628211);
    }
    return (int64_t)(h >> 2);
}

static void plan_any(struct committer *w, const struct store_claim *op, const struct str *queues,
                     uint32_t turn, struct claim_plan *p)
{
    const struct line_filter f = {.tenant = op->tenant,
                                  .queues = queues,
                                  .kinds = op->kinds,
                                  .queue_count = op->queue_count,
                                  .kind_count = op->kind_count};
    struct line **known = NULL;
    p->is_any = !heads_begin_all(&w->engine->heads, &f, w->keeper.scratch, &known, &p->count);
    claim_make_room(w, p, p->count);
    p->lines = known;
    for (size_t i = 0; i < p->count; i++) {
        p->queues[i] = p->lines[i]->queue;
        p->kinds[i] = p->lines[i]->kind;
        p->turns[i] = claim_turn_of(p->lines[i]->queue, queues, op->queue_count, turn);
    }
}

/* ---- the statement */

void claim_bind_lines(struct committer *w, struct pg_query *q, struct claim_plan *p)
{
    struct stretch_list *l = stretches_new(w->keeper.scratch, p->count);
    p->parts = arena_array(w->keeper.scratch, struct claim_part, p->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        struct claim_part *part = &p->parts[i];
        part->count = heads_stretches(&w->engine->heads, p->lines[i], part->all, &part->is_full);
        stretches_add(l, part->all, part->count);
    }
    pg_bind_ints(q, p->turns, p->count);
    stretches_bind(q, l);
}

#define LINE_PARAMETERS 7

void claim_bind_no_lines(struct pg_query *q)
{
    for (int i = 0; i < LINE_PARAMETERS; i++) {
        pg_bind_null(q);
    }
}

/* Another node, or an application, may have made lanes. Then the statement fails, as if jobs had changed, and the round runs again,
 * behind a look. */
static void bind_question(struct committer *w, struct pg_query *q, int64_t tenant)
{
    pg_bind_bool(q, !w->lane_tries && !lanes_known(&w->engine->lanes, tenant));
}

static struct claim_plan *make_plan(struct committer *w, const struct store_claim *op, struct pg_query *q)
{
    struct claim_plan *p = arena_alloc(w->keeper.scratch, sizeof *p);
    uint32_t turn = atomic_fetch_add(&w->engine->turn, 1);
    const struct str *queues = claim_queues(w, op, turn);
    if (op->queue_count && op->kind_count) {
        plan_named(w, op, queues, p);
    } else {
        plan_any(w, op, queues, turn, p);
    }
    if (!p->is_any) {
        pg_bind_strs(q, p->queues, p->count);
        pg_bind_strs(q, p->kinds, p->count);
    } else if (op->queue_count) {
        pg_bind_strs(q, queues, op->queue_count);
        pg_bind_strs(q, op->kinds, op->kind_count);
    } else {
        pg_bind_int(q, turn);
        pg_bind_strs(q, op->kinds, op->kind_count);
    }
    return p;
}

enum rc claim_send(struct committer *w, struct claim_entry *c, struct err *e)
{
    struct store_claim *op = c->op;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    op->count = 0;
    op->jobs = NULL;
    if (op->max <= 0) {
        return RC_OK;
    }
    struct lane_claim *lanes = lane_claims_find(w, op);
    if (lanes && lane_claim_choose(w, lanes)) {
        return lane_claim_send(w, c, lanes, e);
    }
    if (!lanes && lane_claim_comes_early(w, c)) {
        return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL,
                            "a claim runs behind the lanes that were made before it");
    }
    pg_bind_int_or_null(&q, w->engine->base.options.now != NULL, w->keeper.now);
    pg_bind_int(&q, op->tenant);
    c->plan = make_plan(w, op, &q);
    pg_bind_int(&q, op->max);
    pg_bind_int(&q, op->lease_ms > 0 ? op->lease_ms : 0);
    pg_bind_int(&q, w->engine->first_lease);
    pg_bind_str(&q, op->worker.p ? op->worker : STR(""));
    pg_bind_int(&q, (int64_t)STORE_CLAIM_BYTES);
    if (c->plan->is_any) {
        claim_bind_no_lines(&q);
        bind_question(w, &q, op->tenant);
        return batch_send(w, op->queue_count ? PG_SQL_CLAIM_ANY_KIND : PG_SQL_CLAIM_ANY_QUEUE, &q, take_jobs,
                          c, e);
    }
    if (!c->plan->count) {
        return RC_OK; /* nothing is ready */
    }
    claim_bind_lines(w, &q, c->plan);
    bind_question(w, &q, op->tenant);
    return batch_send(w, op->queue_count == 1 ? PG_SQL_CLAIM_ONE_QUEUE : PG_SQL_CLAIM, &q, take_jobs, c, e);
}

/* ---- what is remembered */

static struct line line_named(int64_t tenant, struct str queue, struct str kind)
{
    return (struct line){.tenant = tenant, .queue = queue, .kind = kind};
}

/* It has looked for lines by itself. */
static void remember_any(struct heads *h, const struct claim_entry *c)
{
    const struct store_claim *op = c->op;
    struct look look = c->plan->look;
    struct str names = c->plan->found;
    look.is_full = true;
    while (names.n) {
        struct str kind = str_cut(names, '\n', &names);
        struct str queue = str_cut(kind, ' ', &kind);
        const struct line name = line_named(op->tenant, queue, kind);
        heads_note_line(h, &name);
    }
    for (size_t i = 0; i < op->queue_count; i++) {
        const struct line name = line_named(op->tenant, op->queues[i], STR_NONE);
        heads_looked(h, &name, &look);
    }
    if (!op->queue_count) {
        const struct line name = line_named(op->tenant, STR_NONE, STR_NONE);
        heads_looked(h, &name, &look);
    }
}

/* Nothing is left there before this place. */
static void leave_from(struct claim_part *part, int64_t priority, struct place at)
{
    int i = part->count - 1;
    while (i >= 0 && part->all[i].priority != priority) {
        i--;
    }
    if (i < 0 && part->count < 2 * STRETCHES_MAX) {
        i = part->count++;
    }
    if (i >= 0) {
        part->all[i] = (struct stretch){priority, priority, at};
    }
}

static void remember_taken(struct heads *h, const struct claim_entry *c)
{
    struct claim_plan *p = c->plan;
    for (size_t i = 0; i < c->op->count; i++) {
        const struct job *j = &c->op->jobs[i];
        if (!c->line_of[i]) {
            continue; /* of a lane */
        }
        size_t at = c->line_of[i] - 1;
        struct place place = {j->run_at, j->id};
        struct look look = p->look;
        look.is_full = p->parts[at].is_full;
        leave_from(&p->parts[at], j->priority, place);
        if (p->lines[at]) {
            heads_took(h, p->lines[at], j->priority, place, &look);
        }
    }
}

static void end_lines(struct heads *h, const struct claim_plan *p, bool is_done, bool is_all_given)
{
    struct look look = p->look;
    int64_t full = 0;
    for (size_t i = 0; i < p->count; i++) {
        full += p->parts && p->parts[i].is_full;
    }
    look.cost_us /= full ? full : 1;
    look.met /= full ? full : 1;
    for (size_t i = 0; i < p->count; i++) {
        struct line *l = p->lines[i];
        look.is_full = p->parts && p->parts[i].is_full;
        if (l && p->parts && !is_all_given) {
            heads_left(h, l, p->parts[i].all, p->parts[i].count);
        }
        if (l) {
            heads_end(h, l, is_done ? &look : NULL);
        }
    }
}

static void end_claim(struct heads *h, const struct claim_entry *c, bool is_done)
{
    if (is_done && c->plan->is_any) {
        remember_any(h, c);
    } else if (is_done) {
        remember_taken(h, c);
    }
    end_lines(h, c->plan, is_done, is_done && c->plan->look.met == c->plan->taken);
}

void claims_end(struct committer *w, bool is_done)
{
    for (const struct claim_entry *c = w->work.claims.first; c; c = c->next) {
        if (c->plan) {
            end_claim(&w->engine->heads, c, is_done && c->plan->is_answered);
        }
    }
    lane_claims_end(w, is_done);
}
