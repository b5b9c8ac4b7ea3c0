/* filling.c: batches that are filled from a matrix: up to 100,000 jobs that are there at once.
 *
 * What is left to do is kept as a schedule that nobody can name (FILLING_PREFIX), so ticks give it out, to one node at a time, and
 * again if that dies. Its columns say how far it has come: fired coordinates are done, which made `dropped` jobs, hidden in the
 * place last_tick (keeper.h). Each round of it goes on from there in one transaction with its jobs. The last of them shows all by
 * counting them (docs/decisions/0013-a-hidden-job-is-one-that-nobody-counts.md). */
#include "store/rules/rules.h"

#include "base/clock.h"
#include "base/fault.h"

#define FILLING_PREFIX " "   /* no name of people's begins so; in lists these stand before all others */
#define CHUNK          500   /* of one transaction */
#define ROUND_CHUNK    200   /* of rounds, whose end is looked at behind each */
#define ROUND_US       15000 /* of a round: with its flush far from 100 ms, also on a busy machine */

bool store_is_filling(const struct schedule *s)
{
    return str_starts(s->name, STR(FILLING_PREFIX));
}

struct str rules_filling_name(struct arena *a, struct id batch)
{
    return arena_printf(a, FILLING_PREFIX "%s", id_text(batch).s);
}

enum rc rules_begin_filling(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e)
{
    const struct job_spec *job = &p->filling->job;
    int64_t at = p->fill_at ? p->fill_at : job->run_at ? job->run_at : k->now + job->delay_ms;
    struct str name = rules_filling_name(k->scratch, r->id);
    struct schedule s = {0};
    bool found = false;
    enum rc rc = k->engine->find_schedule(k, r->tenant, name, &s, &found, e);
    s = (struct schedule){.tenant = r->tenant,
                          .name = name,
                          .definition = p->filling_text,
                          .version = 1,
                          .next_at = at > k->now ? at : k->now,
                          .last_job = r->id,
                          .created_at = k->now,
                          .updated_at = k->now};
    r->flags |= FLAG_FILLING;
    return rc ? rc : k->engine->put_schedule(k, &s, e);
}

enum rc rules_drop_filling(struct keeper *k, struct row *r, struct err *e)
{
    struct str name = rules_filling_name(k->scratch, r->id);
    struct schedule s = {0};
    bool found = false;
    enum rc rc = k->engine->find_idle_schedule(k, r->tenant, name, &s, &found, e);
    if (rc || !found || s.fired) { /* whoever fills it sees that it is cancelled */
        return rc;
    }
    r->flags &= ~(int64_t)FLAG_FILLING;
    return k->engine->remove_schedule(k, r->tenant, name, e);
}

struct str rules_filling_queue(const struct batch_filling *f)
{
    return f->job.queue.n ? f->job.queue : STR("default");
}

bool rules_reserve_to_fill(struct keeper *k, int64_t tenant, const struct batch_filling *f)
{
    bool has_room = true;
    for (int64_t i = 0; i < f->matrix.count && has_room; i++) {
        has_room = k->engine->reserve(k, tenant, rules_filling_queue(f));
    }
    return has_room;
}

/* ---- making jobs */

struct fill {
    struct keeper *k;
    const struct batch_filling *filling;
    struct schedule *s;
    bool is_hidden;
    int64_t limit, made;
    struct arena *a; /* of a chunk */
};

static enum rc make_chunk(struct fill *f, struct err *e)
{
    struct keeper *k = f->k;
    int64_t left = f->filling->matrix.count - f->s->fired;
    size_t count = (size_t)(left < f->limit ? left : f->limit);
    struct job_spec *specs = arena_array(f->a, struct job_spec, count);
    struct berth at = {.tenant = f->s->tenant,
                       .queue = rules_filling_queue(f->filling),
                       .batch = f->s->last_job,
                       .hidden = f->is_hidden ? &f->s->last_tick : NULL};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        rc = batch_filling_job(f->filling, f->s->fired + (int64_t)i, f->a, &specs[i], e);
    }
    rc = rc ? rc : k->engine->expect_keys(k, f->s->tenant, specs, count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        struct enqueue_verdict v = {0};
        rc = rules_enqueue_one(k, &at, &specs[i], &v, e);
        f->made += !v.duplicate;
    }
    f->s->fired += (int64_t)count;
    if (!rc && FAULT("store.fill.chunk")) {
        return err_set(e, RC_BUSY, "fault: fill");
    }
    return rc ? rc : k->engine->flush(k, f->s->last_job, e);
}

static enum rc make_jobs(struct keeper *k, const struct store_fill *op, struct schedule *s, int64_t *made,
                         struct err *e)
{
    struct fill f = {.k = k, .filling = op->filling, .s = s, .a = arena_new()};
    int64_t until_us = clock_mono_us() + ROUND_US, count = op->filling->matrix.count;
    enum rc rc = RC_OK;
    f.is_hidden = count > MATRIX_SHOWN_MAX;
    bool is_whole = !f.is_hidden || k->engine->fills_at_once, is_over = false;
    f.limit = is_whole ? CHUNK : op->limit ? op->limit : ROUND_CHUNK;
    while (!rc && s->fired < count && !is_over) {
        arena_reset(f.a);
        rc = make_chunk(&f, e);
        is_over = !is_whole && (op->limit > 0 || clock_mono_us() > until_us || keeper_is_over(k));
    }
    s->dropped += f.is_hidden ? f.made : 0;
    *made = f.made;
    arena_free(f.a);
    return rc;
}

/* ---- its end */

/* For counts: as the jobs of the batch are. */
static enum rc show(struct keeper *k, const struct batch_filling *f, const struct schedule *s, struct err *e)
{
    struct arena *a = k->scratch;
    struct job_spec spec;
    struct row *r = NULL;
    if (!s->dropped) {
        return RC_OK;
    }
    enum rc rc = batch_filling_job(f, 0, a, &spec, e);
    rc = rc ? rc : rules_make_row(k, s->tenant, rules_filling_queue(f), &spec, &r, e);
    rc = rc ? rc : k->engine->reveal(k, r, s->last_tick, s->dropped, e);
    rc = rc ? rc : k->engine->tally(k, s->last_job, r, JOB_QUEUED, s->dropped, e);
    if (!rc) {
        struct store_line *line = store_round_add_line(k->round);
        *line = (struct store_line){.tenant = s->tenant, .queue = r->queue, .kind = r->kind};
    }
    return rc;
}

static enum rc end(struct keeper *k, const struct store_fill *op, const struct schedule *s, struct row *batch,
                   struct err *e)
{
    enum rc rc = op->filling ? show(k, op->filling, s, e) : RC_OK;
    rc = rc ? rc : k->engine->remove_schedule(k, s->tenant, s->name, e);
    bool is_filling = batch && batch->flags & FLAG_FILLING;
    return rc || !is_filling ? rc : rules_end_filling(k, batch, op->filling ? STR_NONE : op->failure, e);
}

/* A batch that is not being filled any more (it was cancelled, or is gone) gets no more. */
static bool is_wanted(int64_t flags)
{
    return flags & FLAG_FILLING && !(flags & FLAG_CANCEL);
}

/* The batch is locked no longer than it must be: at the end. */
enum rc rules_fill(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_fill *op = (struct store_fill *)base;
    struct schedule s = {0};
    struct row *batch = NULL;
    bool found = false, is_wanted_still = op->filling != NULL;
    int64_t flags = 0;
    base->rc = RC_OK;
    op->more = false;
    op->jobs = 0;
    enum rc rc = k->engine->find_schedule(k, op->tenant, op->name, &s, &found, e);
    if (!rc && !found) {
        return store_answer(base, RC_CONFLICT, "batch_filled", "the batch is filled");
    }
    if (!rc && s.dropped && !op->filling) { /* a later release has begun it */
        return store_answer(base, RC_BUSY, "not_filled", "%.*s", STR_ARG(op->failure));
    }
    rc = rc ? rc : k->engine->find_flags(k, s.last_job, &flags, e);
    is_wanted_still = is_wanted_still && is_wanted(flags);
    if (!rc && is_wanted_still) {
        rc = make_jobs(k, op, &s, &op->jobs, e);
    }
    if (!rc && is_wanted_still && s.fired < op->filling->matrix.count) {
        op->more = true;
        s.next_at = k->now + STORE_SCHEDULE_HOLD_MS;
        return k->engine->put_schedule(k, &s, e);
    }
    rc = rc ? rc : k->engine->load(k, s.tenant, s.last_job, &batch, e);
    rc = rc ? rc : end(k, op, &s, batch, e);
    return !rc && FAULT("store.fill.end") ? err_set(e, RC_BUSY, "fault: fill") : rc;
}
