/* lane_claim.c: claims that look at lanes, too. Before its transaction the round finds, by what the node remembers, the lanes that
 * its claims may come to (lanes.h); its first trip locks their keys, and reads what is used of them. Then, for each claim:
 *
 *   a few lanes, by what is known of the keys now ──▶ pick: the first jobs of its lines, and of those lanes, locked ──▶ choose: by
 *   priority, turn and age, as far as the keys have room ──▶ hand out (claim_chosen), take slots and tokens
 *
 * A claim for which there may be something in lanes whose keys were not locked is put off: the next round has it, or this runs again.
 *
 * The locks on the keys make what was read of them true until the commit: two nodes give out jobs of a key one after the other (J8).
 * Jobs are locked behind them and never waited for. */
#include "store/pg/lane_claim.h"
#include "store/pg/batch.h"
#include "store/pg/rows.h"

#include "base/fault.h"
#include "store/ops.h"

#include <stdlib.h>
#include <string.h>

#define LOCKED_MAX  4000 /* jobs of lanes, about, for one claim */
#define PUT_OFF_MAX 8    /* rounds one after the other */
#define TRIES_MAX   8    /* of one round */

/* ---- before the round */

static void need_keys(struct committer *w, const struct lane_choice *c, int64_t tenant)
{
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < c->lanes[i].use_count; k++) {
            struct str key = c->lanes[i].uses[k].key;
            limits_need(w, store_limit_tenant(tenant, key), key);
        }
    }
}

/* Has one of those before it looked for the same? */
static bool is_looked_for(const struct store_op *list, const struct store_claim *op)
{
    for (const struct store_op *o = list; o != &op->op; o = o->next) {
        if (o->kind == STORE_CLAIM && ((const struct store_claim *)o)->tenant == op->tenant) {
            return true;
        }
    }
    return false;
}

/* By what the committer knows; who knows nothing of it yet hears so from the claim's statements. */
static bool is_aged(const struct committer *w, const struct store_claim *op)
{
    const struct settings *s = &w->settings;
    bool is = false;
    for (size_t i = 0; i < op->queue_count && s->has_aging && !is; i++) {
        is = settings_of(s, op->tenant, op->queues[i])->age_step_ms > 0;
    }
    return is || (s->has_aging && !op->queue_count);
}

static struct lane_filter filter_of(const struct committer *w, const struct store_claim *op, size_t wanted)
{
    return (struct lane_filter){.tenant = op->tenant,
                                .settings = is_aged(w, op) ? &w->settings : NULL,
                                .queues = op->queues,
                                .kinds = op->kinds,
                                .queue_count = op->queue_count,
                                .kind_count = op->kind_count,
                                .wanted = wanted};
}

static enum rc look(struct committer *w, const struct store_op *list, const struct store_claim *op,
                    const struct lane_filter *f, struct lane_choice *choice, struct err *e)
{
    struct lanes *m = &w->engine->lanes;
    struct lane_question q = {.tenant = op->tenant};
    lanes_choose(m, f, NULL, w->keeper.now, w->keeper.scratch, choice);
    if (is_looked_for(list, op)) {
        return RC_OK;
    }
    q.who = choice->has_more || choice->count >= f->wanted - (size_t)op->max ? LANE_CLAIM : LANE_SHORT;
    enum rc rc = lanes_look_for(w->engine, &w->link, w->keeper.scratch, &q, e);
    if (!rc && q.has_looked) {
        lanes_choose(m, f, NULL, w->keeper.now, w->keeper.scratch, choice);
    }
    return rc;
}

/* *before: what the claims before it may take, as far as that goes. */
static enum rc prepare(struct committer *w, const struct store_op *list, const struct store_claim *op,
                       size_t *before, struct err *e)
{
    struct lane_claim *l = arena_alloc(w->keeper.scratch, sizeof *l);
    struct lane_choice choice;
    size_t max = op->max > 0 ? (size_t)op->max : 0;
    const struct lane_filter f = filter_of(w, op, 2 * max + *before);
    enum rc rc = look(w, list, op, &f, &choice, e);
    *before += max;
    if (rc || !max || (!choice.count && !f.settings)) {
        return rc; /* then it is one as any other */
    }
    *l = (struct lane_claim){.op = op, .is_aged = f.settings};
    need_keys(w, &choice, op->tenant);
    FIFO_ADD(&w->work.lane_claims, l);
    return RC_OK;
}

static enum rc prepare_all(struct committer *w, const struct store_op *list, struct err *e)
{
    enum rc rc = RC_OK;
    size_t before = 0;
    for (const struct store_op *op = list; op && !rc; op = op->next) {
        rc = op->kind == STORE_CLAIM ? prepare(w, list, (const struct store_claim *)op, &before, e) : RC_OK;
    }
    rc = rc ? rc : limits_need_owing(w, list, e);
    return rc ? rc : limits_make(w, e);
}

/* Nothing of the round has happened when this fails: whatever became of the connection, it is tried with another. */
enum rc lane_claims_prepare(struct committer *w, const struct store_op *list, struct err *e)
{
    enum rc rc = prepare_all(w, list, NULL);
    if (!rc) {
        return RC_OK;
    }
    link_settle(&w->link);
    w->work.lane_claims.first = w->work.lane_claims.last = NULL;
    rc = link_ready(&w->link, LINK_WAIT_MS, e);
    return rc ? rc : prepare_all(w, list, e);
}

struct lane_claim *lane_claims_find(const struct committer *w, const struct store_claim *op)
{
    struct lane_claim *l = w->work.lane_claims.first;
    while (l && l->op != op) {
        l = l->next;
    }
    return l;
}

static bool is_in_lane(const struct row *r, int64_t tenant)
{
    return r->state == JOB_QUEUED && r->flags & FLAG_LANED && r->tenant == tenant;
}

bool lane_claim_comes_early(const struct committer *w, const struct claim_entry *c)
{
    bool is_early = false;
    size_t i = 0;
    for (const struct new_job *j = w->work.jobs.first; j && i < c->jobs_before && !is_early;
         j = j->next, i++) {
        is_early = is_in_lane(&j->row, c->op->tenant);
    }
    for (const struct pg_row *r = w->work.rows.first; r && !is_early; r = r->next) {
        is_early = !r->is_gone && is_in_lane(&r->row, c->op->tenant);
    }
    return is_early && w->lane_tries < TRIES_MAX;
}

/* ---- picking */

/* Rows come by their source, in the order of that. */
static void add_candidate(struct choosing *c, struct source *s, const struct pg_rows *rows, size_t at,
                          int column)
{
    struct arena *a = c->w->keeper.scratch;
    if (!s->list) {
        size_t room = 1;
        while (at + room < pg_count(rows) && pg_int(rows, at + room, 0) == pg_int(rows, at, 0)) {
            room++;
        }
        s->list = arena_array(a, struct candidate, room);
    }
    s->list[s->count++] = (struct candidate){.at = arena_str(a, pg_str(rows, at, column)),
                                             .priority = pg_int(rows, at, column + 1),
                                             .run_at = pg_int(rows, at, column + 2),
                                             .id = pg_uuid(rows, at, column + 3),
                                             .bytes = pg_int(rows, at, column + 4),
                                             .lease_ms = pg_int(rows, at, column + 5)};
}

enum { PICK_LINE, PICK_AT, PICK_LINES = 7, PICK_NOW, PICK_COST_US, PICK_MET };

static enum rc take_lines(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct choosing *c = arg;
    struct claim_plan *p = c->claim->plan;
    (void)w;
    (void)e;
    for (size_t i = 0; i < pg_count(rows) && !pg_is_null(rows, i, PICK_LINE); i++) {
        add_candidate(c, &c->sources[pg_int(rows, i, PICK_LINE) - 1], rows, i, PICK_AT);
    }
    p->look = (struct look){.now = pg_int(rows, 0, PICK_NOW),
                            .cost_us = pg_int(rows, 0, PICK_COST_US),
                            .met = pg_int(rows, 0, PICK_MET)};
    p->look.is_short = p->look.met < c->claim->op->max && pg_int(rows, 0, PICK_LINES) == (int64_t)p->count;
    p->is_answered = true;
    return RC_OK;
}

static enum rc take_lanes(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct choosing *c = arg;
    (void)w;
    (void)e;
    for (size_t i = 0; i < pg_count(rows); i++) {
        add_candidate(c, &c->sources[c->line_count + (size_t)pg_int(rows, i, PICK_LINE) - 1], rows, i,
                      PICK_AT);
    }
    return RC_OK;
}

static enum rc send_lines(struct choosing *c, struct err *e)
{
    struct committer *w = c->w;
    const struct store_claim *op = c->claim->op;
    struct claim_plan *p = c->claim->plan;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    if (!p->count) {
        p->is_answered = true;
        return RC_OK;
    }
    pg_bind_int_or_null(&q, w->engine->base.options.now != NULL, w->keeper.now);
    pg_bind_int(&q, op->tenant);
    pg_bind_strs(&q, p->queues, p->count);
    pg_bind_strs(&q, p->kinds, p->count);
    pg_bind_int(&q, op->max);
    pg_bind_int(&q, op->lease_ms > 0 ? op->lease_ms : 0);
    pg_bind_int(&q, w->engine->first_lease);
    pg_bind_str(&q, STR(""));
    pg_bind_int(&q, (int64_t)STORE_CLAIM_BYTES);
    claim_bind_lines(w, &q, p);
    return batch_send(w, c->lanes->is_aged ? PG_SQL_CLAIM_PICK_AGED : PG_SQL_CLAIM_PICK, &q, take_lines, c,
                      e);
}

static struct str or_null(struct str s)
{
    return s.n ? s : STR_NONE;
}

static enum rc send_lanes(struct choosing *c, struct err *e)
{
    struct committer *w = c->w;
    struct arena *a = w->keeper.scratch;
    const struct store_claim *op = c->claim->op;
    const struct lane_choice *l = &c->lanes->choice;
    struct pg_query q = PG_QUERY(a);
    struct str *parts[4];
    for (int p = 0; p < 4; p++) {
        parts[p] = arena_array(a, struct str, l->count);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct lane_name *n = &l->lanes[i].name;
        parts[0][i] = n->queue;
        parts[1][i] = n->kind;
        parts[2][i] = or_null(n->group);
        parts[3][i] = or_null(n->limits);
    }
    pg_bind_int_or_null(&q, w->engine->base.options.now != NULL, w->keeper.now);
    pg_bind_int(&q, op->tenant);
    for (int p = 0; p < 4; p++) {
        pg_bind_strs(&q, parts[p], l->count);
    }
    pg_bind_int(&q, c->lanes->quota);
    pg_bind_int(&q, op->lease_ms > 0 ? op->lease_ms : 0);
    return batch_send(w, c->lanes->is_aged ? PG_SQL_LANE_PICK_AGED : PG_SQL_LANE_PICK, &q, take_lanes, c, e);
}

/* A claim that does not name its lines: they are asked for. */
static enum rc find_lines(struct choosing *c, struct err *e)
{
    struct committer *w = c->w;
    const struct store_claim *op = c->claim->op;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, op->tenant);
    pg_bind_strs(&q, op->queues, op->queue_count);
    enum rc rc = batch_run(w, e); /* what was queued goes first */
    rc = rc ? rc : pg_run(w->link.c, pg_sql(PG_SQL_READY_LINES), &q, &rows, e);
    claim_make_room(w, c->claim->plan, rc ? 0 : pg_count(rows));
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        struct str queue = arena_str(w->keeper.scratch, pg_str(rows, i, 0));
        struct str kind = arena_str(w->keeper.scratch, pg_str(rows, i, 1));
        if (ops_wants(kind, op->kinds, op->kind_count)) {
            claim_add_line(w, c->claim->plan, op->tenant, queue, kind,
                           claim_turn_of(queue, c->names, op->queue_count, c->turn_number));
        }
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc make_lines(struct choosing *c, struct err *e)
{
    struct committer *w = c->w;
    const struct store_claim *op = c->claim->op;
    c->turn_number = atomic_fetch_add(&w->engine->turn, 1);
    c->names = claim_queues(w, op, c->turn_number);
    if (!op->queue_count || !op->kind_count) {
        return find_lines(c, e);
    }
    claim_make_room(w, c->claim->plan, op->queue_count * op->kind_count);
    for (size_t i = 0; i < op->queue_count * op->kind_count; i++) {
        claim_add_line(w, c->claim->plan, op->tenant, c->names[i / op->kind_count],
                       op->kinds[i % op->kind_count], (int64_t)(i / op->kind_count));
    }
    return RC_OK;
}

/* ---- handing out */

static enum rc take_chosen(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct choosing *c = arg;
    (void)e;
    claim_read_jobs(w, rows, c->claim);
    return RC_OK;
}

static enum rc send_chosen(struct choosing *c, struct err *e)
{
    struct committer *w = c->w;
    struct arena *a = w->keeper.scratch;
    const struct store_claim *op = c->claim->op;
    struct pg_query q = PG_QUERY(a);
    struct str *places = arena_array(a, struct str, c->chosen_count);
    int64_t *lines = arena_array(a, int64_t, c->chosen_count);
    int64_t *leases = arena_array(a, int64_t, c->chosen_count);
    for (size_t i = 0; i < c->chosen_count; i++) {
        places[i] = c->chosen[i]->at;
        lines[i] = c->from[i]->line;
        leases[i] = c->chosen[i]->lease_ms;
    }
    pg_bind_int_or_null(&q, w->engine->base.options.now != NULL, w->keeper.now);
    pg_bind_int(&q, op->tenant);
    pg_bind_tids(&q, places, c->chosen_count);
    pg_bind_ints(&q, lines, c->chosen_count);
    pg_bind_int(&q, op->max);
    pg_bind_ints(&q, leases, c->chosen_count);
    pg_bind_int(&q, w->engine->first_lease);
    pg_bind_str(&q, op->worker.p ? op->worker : STR(""));
    pg_bind_int(&q, (int64_t)STORE_CLAIM_BYTES);
    claim_bind_no_lines(&q);
    pg_bind_bool(&q, false);
    return batch_send(w, PG_SQL_CLAIM_CHOSEN, &q, take_chosen, c, e);
}

/* ---- which lanes, now that their keys are held */

static struct lane_eyes eyes_of(struct committer *w)
{
    size_t count = 0;
    const struct limit **held =
        arena_array(w->keeper.scratch, const struct limit *, w->work.limits.count + 1);
    for (const struct limit_entry *n = w->work.limits.first; n; n = n->next) {
        held[count++] = &n->l;
    }
    return (struct lane_eyes){held, count};
}

static bool is_held(const struct committer *w, int64_t tenant, const struct lane_chosen *l)
{
    for (size_t i = 0; i < l->use_count; i++) {
        if (!limits_find_entry(w, store_limit_tenant(tenant, l->uses[i].key), l->uses[i].key)) {
            return false;
        }
    }
    return true;
}

bool lane_claim_choose(struct committer *w, struct lane_claim *l)
{
    const struct store_claim *op = l->op;
    const struct lane_filter f = filter_of(w, op, 2 * (size_t)op->max);
    const struct lane_eyes eyes = eyes_of(w);
    struct lane_choice *c = &l->choice;
    size_t held = 0;
    lanes_choose(&w->engine->lanes, &f, &eyes, w->keeper.now, w->keeper.scratch, c);
    for (size_t i = 0; i < c->count; i++) {
        if (is_held(w, op->tenant, &c->lanes[i])) {
            c->lanes[held++] = c->lanes[i];
        }
    }
    c->has_more |= held < c->count;
    c->count = held;
    int64_t share = LOCKED_MAX / (int64_t)(held + 1) + 1;
    l->quota = share < op->max + 1 ? share : op->max + 1; /* one more says where the lane stands then */
    return held || c->has_more || l->is_aged;
}

/* ---- what is remembered: at once, for the claims behind it; looks mend what a round that fails has left */

static struct lane_head head_of(const struct candidate *c)
{
    return (struct lane_head){c->priority, c->run_at, c->id};
}

static void remember_lane(const struct choosing *c, const struct source *s)
{
    struct lanes *m = &c->w->engine->lanes;
    if (s->at < s->count) {
        lanes_left(m, &s->lane->name, head_of(&s->list[s->at]));
    } else if ((int64_t)s->count >= c->lanes->quota) {
        lanes_left(m, &s->lane->name, head_of(&s->list[s->at - 1]));
    } else if (!s->is_closed) {
        lanes_emptied(m, &s->lane->name, c->lanes->choice.clock);
    }
}

static void remember(struct choosing *c)
{
    struct round_work *work = &c->w->work;
    bool is_all = work->jobs_sent ==
                  work->jobs.count; /* what is still to come is noted already, and was not seen there */
    for (size_t i = c->line_count; i < c->count && is_all; i++) {
        remember_lane(c, &c->sources[i]);
    }
    for (struct fair_group *g = c->groups.first; g; g = g->next) {
        g->turn.now = g->queue->now;
        lanes_keep_turn(&c->w->engine->lanes, c->claim->op->tenant, &g->turn);
    }
}

/* Perhaps lanes that nobody knew of are why it failed: claim.c, bind_question. */
void lane_claims_end(struct committer *w, bool is_done)
{
    for (const struct claim_entry *c = w->work.claims.first; c && !is_done && !w->lane_tries; c = c->next) {
        lanes_hear(&w->engine->lanes, c->op->tenant);
    }
}

/* ---- a claim */

static enum rc pick(struct choosing *c, struct err *e)
{
    enum rc rc = make_lines(c, e);
    if (rc) {
        return rc;
    }
    lane_fair_begin(c);
    rc = send_lines(c, e);
    if (!rc && c->lanes->choice.count) {
        rc = send_lanes(c, e);
    }
    rc = rc ? rc : lane_fair_send(c, e);
    return rc ? rc : batch_run(c->w, e);
}

/* There may be something where this round could not look. The next has the claim; where others come behind it, whose order would be
 * another then, the whole round runs again. */
static enum rc ask_again(struct committer *w, struct claim_entry *entry, struct err *e)
{
    if (!entry->op->op.next) {
        entry->is_put_off = w->put_off < PUT_OFF_MAX;
        return RC_OK;
    }
    if (w->lane_tries >= TRIES_MAX) {
        return RC_OK;
    }
    return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL, "the lanes of a claim are closed");
}

enum rc lane_claim_send(struct committer *w, struct claim_entry *entry, struct lane_claim *l, struct err *e)
{
    struct choosing *c = arena_alloc(w->keeper.scratch, sizeof *c);
    *c = (struct choosing){.w = w, .claim = entry, .lanes = l};
    entry->plan = arena_alloc(w->keeper.scratch, sizeof *entry->plan);
    enum rc rc = pick(c, e);
    if (rc) {
        return rc;
    }
    lane_fair_choose(c);
    remember(c);
    if (c->chosen_count && FAULT("store.lane.claim")) {
        return err_set(e, RC_BUSY, "fault: lane");
    }
    if (c->chosen_count) {
        return send_chosen(c, e);
    }
    return l->choice.has_more ? ask_again(w, entry, e) : RC_OK;
}
