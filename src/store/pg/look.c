/* look.c: for claims that wait, which lines have something: one statement for all of them. It looks at lines from their heads, as
 * claims do (claim.c), and what it finds or does not find there is remembered as theirs is. */
#include "store/ops.h"
#include "store/pg/claim.h"
#include "store/pg/reads.h"
#include "store/pg/stretches.h"

#include <assert.h>

enum { COLUMN_LINE, COLUMN_QUEUE, COLUMN_KINDS, COLUMN_NOW, COLUMN_COST_US };

struct look_plan {
    struct line **lines; /* looked at in stretches; NULL: there are too many to remember this one */
    struct store_line *names;
    struct stretch_list *stretches;
    bool *is_full;
    size_t count, room;
    const struct store_line **any; /* queues whose kinds the statement finds */
    size_t any_count;
};

/* ---- which lines, and from where */

static void add_line(struct reader *r, struct look_plan *p, struct line *l, const struct store_line *name)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : STORE_LOOK_LINES;
        struct line **lines = arena_array(r->scratch, struct line *, room);
        struct store_line *names = arena_array(r->scratch, struct store_line, room);
        for (size_t i = 0; i < p->count; i++) {
            lines[i] = p->lines[i];
            names[i] = p->names[i];
        }
        p->lines = lines;
        p->names = names;
        p->room = room;
    }
    p->lines[p->count] = l;
    p->names[p->count++] = *name;
}

/* The lines of a queue, where they are known; else the statement has to find them. */
static void add_queue(struct reader *r, struct look_plan *p, const struct store_line *wanted)
{
    const struct line_filter f = {.tenant = wanted->tenant, .queues = &wanted->queue, .queue_count = 1};
    struct line **known = NULL;
    size_t count = 0;
    if (!heads_begin_all(&r->engine->heads, &f, r->scratch, &known, &count)) {
        p->any[p->any_count++] = wanted;
    }
    for (size_t i = 0; i < count; i++) {
        const struct store_line name = {wanted->tenant, wanted->queue, known[i]->kind};
        add_line(r, p, known[i], &name);
    }
}

static void make_plan(struct reader *r, const struct store_look *op, struct look_plan *p)
{
    struct heads *h = &r->engine->heads;
    p->any = arena_array(r->scratch, const struct store_line *, op->wanted_count + 1);
    for (size_t i = 0; i < op->wanted_count; i++) {
        const struct store_line *w = &op->wanted[i];
        const struct line name = {.tenant = w->tenant, .queue = w->queue, .kind = w->kind};
        if (w->kind.n) {
            add_line(r, p, heads_begin(h, &name), w);
        } else {
            add_queue(r, p, w);
        }
    }
    p->stretches = stretches_new(r->scratch, p->count);
    p->is_full = arena_array(r->scratch, bool, p->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        struct stretch all[STRETCHES_MAX];
        stretches_add(p->stretches, all, heads_stretches(h, p->lines[i], all, &p->is_full[i]));
    }
}

static void bind_plan(struct reader *r, struct pg_query *q, const struct look_plan *p)
{
    size_t most = (p->count > p->any_count ? p->count : p->any_count) + 1;
    int64_t *tenants = arena_array(r->scratch, int64_t, most);
    struct str *queues = arena_array(r->scratch, struct str, most);
    struct str *kinds = arena_array(r->scratch, struct str, most);
    pg_bind_int_or_null(q, r->engine->base.options.now != NULL, r->now);
    for (size_t i = 0; i < p->count; i++) {
        tenants[i] = p->names[i].tenant;
        queues[i] = p->names[i].queue;
        kinds[i] = p->names[i].kind;
    }
    pg_bind_ints(q, tenants, p->count);
    pg_bind_strs(q, queues, p->count);
    pg_bind_strs(q, kinds, p->count);
    stretches_bind(q, p->stretches);
    for (size_t i = 0; i < p->any_count; i++) {
        tenants[i] = p->any[i]->tenant;
        queues[i] = p->any[i]->queue;
    }
    pg_bind_ints(q, tenants, p->any_count);
    pg_bind_strs(q, queues, p->any_count);
}

/* ---- the answer: a row of each line and queue that is not paused */

static struct look look_of(const struct pg_rows *rows, size_t at, bool is_full, int64_t met)
{
    return (struct look){.is_full = is_full,
                         .is_short = !met,
                         .now = pg_int(rows, at, COLUMN_NOW),
                         .cost_us = pg_int(rows, at, COLUMN_COST_US),
                         .met = met};
}

static void take_line(struct reader *r, struct look_plan *p, const struct pg_rows *rows, size_t at,
                      struct store_look *op)
{
    size_t i = (size_t)pg_int(rows, at, COLUMN_LINE) - 1;
    assert(i < p->count);
    bool is_ready = !pg_is_null(rows, at, COLUMN_KINDS);
    const struct look look = look_of(rows, at, p->is_full[i], is_ready);
    const struct store_line line = {p->names[i].tenant, p->names[i].queue,
                                    arena_str(op->op.a, p->names[i].kind)};
    if (is_ready) {
        ops_add_line(op, &line);
    }
    if (p->lines[i]) {
        heads_end(&r->engine->heads, p->lines[i], &look);
        p->lines[i] = NULL;
    }
}

static void take_queue(struct reader *r, const struct look_plan *p, const struct pg_rows *rows, size_t at,
                       struct store_look *op)
{
    const struct store_line *w = p->any[pg_int(rows, at, COLUMN_QUEUE) - 1];
    struct line name = {.tenant = w->tenant, .queue = w->queue};
    struct str kinds = pg_str(rows, at, COLUMN_KINDS);
    int64_t met = 0;
    for (; kinds.n; met++) {
        name.kind = str_cut(kinds, ' ', &kinds);
        heads_note_line(&r->engine->heads, &name);
        ops_add_line(op, &(struct store_line){w->tenant, w->queue, arena_str(op->op.a, name.kind)});
    }
    const struct look look = look_of(rows, at, true, met);
    name.kind = STR_NONE;
    heads_looked(&r->engine->heads, &name, &look);
}

static void take_rows(struct reader *r, struct look_plan *p, const struct pg_rows *rows,
                      struct store_look *op)
{
    for (size_t i = 0; i < pg_count(rows); i++) {
        if (pg_is_null(rows, i, COLUMN_LINE)) {
            take_queue(r, p, rows, i, op);
        } else {
            take_line(r, p, rows, i, op);
        }
    }
}

/* Of tenants side by side, which is how they come. */
static enum rc look_at_lanes(struct reader *r, struct store_look *op, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < op->wanted_count && !rc; i++) {
        if (!i || op->wanted[i].tenant != op->wanted[i - 1].tenant) {
            struct lane_question q = {.tenant = op->wanted[i].tenant, .who = LANE_SHORT};
            rc = lanes_look_for(r->engine, &r->link, r->scratch, &q, e);
        }
    }
    if (!rc) {
        lanes_look(&r->engine->lanes, op, r->now);
    }
    return rc;
}

static size_t count_of_all(const struct store_look *op)
{
    size_t n = 0;
    for (size_t i = 0; i < op->wanted_count; i++) {
        n += !op->wanted[i].tenant;
    }
    return n;
}

/* Of whoever has anything queued, instead of all tenants. */
static enum rc name_tenants(struct reader *r, struct store_look *op, struct err *e)
{
    struct read_batch b = {0};
    size_t of_all = count_of_all(op), count = 0;
    (void)read_add(r, &b, PG_SQL_READY_TENANTS);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    size_t tenants = pg_count(b.queries[0].rows);
    struct store_line *wanted =
        arena_array(r->scratch, struct store_line, of_all * tenants + op->wanted_count - of_all + 1);
    for (size_t i = 0; i < op->wanted_count; i++) {
        if (op->wanted[i].tenant) {
            wanted[count++] = op->wanted[i];
        }
    }
    for (size_t t = 0; t < tenants; t++) {
        for (size_t i = 0; i < op->wanted_count; i++) {
            if (!op->wanted[i].tenant) {
                wanted[count] = op->wanted[i];
                wanted[count++].tenant = pg_int(b.queries[0].rows, t, 0);
            }
        }
    }
    read_free(&b);
    op->wanted = wanted;
    op->wanted_count = count;
    return RC_OK;
}

static enum rc look(struct reader *r, struct store_look *op, struct err *e)
{
    struct look_plan p = {.count = 0};
    struct read_batch b = {0};
    enum rc rc = look_at_lanes(r, op, e);
    if (rc) {
        return rc;
    }
    make_plan(r, op, &p);
    if (!p.count && !p.any_count) {
        return RC_OK; /* nothing is ready */
    }
    bind_plan(r, read_add(r, &b, PG_SQL_LINE_LOOK), &p);
    rc = read_run(r, &b, e);
    if (!rc) {
        take_rows(r, &p, b.queries[0].rows, op);
    }
    for (size_t i = 0; i < p.count; i++) {
        if (p.lines[i]) { /* it was not looked at */
            heads_end(&r->engine->heads, p.lines[i], NULL);
        }
    }
    read_free(&b);
    return rc;
}

enum rc pg_look_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_look *op = (struct store_look *)base;
    const struct store_look asked = *op;
    op->lines = NULL;
    op->count = 0;
    enum rc rc = count_of_all(op) ? name_tenants(r, op, e) : RC_OK;
    rc = rc ? rc : look(r, op, e);
    op->wanted = asked.wanted;
    op->wanted_count = asked.wanted_count;
    return rc;
}
