/* schedule.c: schedules as people change them, and the steps that ticks take. */
#include "store/rules/rules.h"

static enum rc changed(struct store_op *op)
{
    return store_answer(op, RC_CONFLICT, "schedule_changed", "the schedule was changed in between");
}

static enum rc make(struct keeper *k, struct store_set_schedule *op, struct schedule *s, bool *is_full,
                    struct err *e)
{
    int64_t count = 0;
    enum rc rc = k->engine->count_schedules(k, op->tenant, &count, e);
    *is_full = count >= STORE_SCHEDULES_MAX;
    *s = (struct schedule){.tenant = op->tenant, .name = op->name, .created_at = k->now};
    return rc;
}

static struct schedule *copy_of(struct arena *a, const struct schedule *s)
{
    struct schedule *copy = arena_alloc(a, sizeof *copy);
    *copy = *s;
    copy->name = arena_str(a, s->name);
    copy->definition = arena_str(a, s->definition);
    return copy;
}

enum rc rules_set_schedule(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_set_schedule *op = (struct store_set_schedule *)base;
    struct schedule s = {0};
    bool found = false, is_full = false;
    base->rc = RC_OK;
    if (!str_is_name(op->name)) {
        return store_answer(base, RC_INVALID, "invalid_field", "the schedule's name is not valid");
    }
    enum rc rc = k->engine->find_schedule(k, op->tenant, op->name, &s, &found, e);
    if (!rc && !found && !op->definition.n) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such schedule");
    }
    if (!rc && op->if_version && op->if_version != s.version) {
        return changed(base);
    }
    if (!rc && !found) {
        rc = make(k, op, &s, &is_full, e);
    }
    if (rc || is_full) {
        return rc ? rc
                  : store_answer(base, RC_BUSY, "too_many_schedules", "a tenant has at most %d schedules",
                                 STORE_SCHEDULES_MAX);
    }
    s.definition = op->definition.n ? op->definition : s.definition;
    s.is_paused = op->pause < 0 ? s.is_paused : op->pause > 0;
    s.next_at = op->next_at < 0 ? s.next_at : op->next_at;
    s.version++;
    s.updated_at = k->now;
    op->is_new = !found;
    op->schedule = copy_of(base->a, &s);
    return k->engine->put_schedule(k, &s, e);
}

enum rc rules_delete_schedule(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_delete_schedule *op = (struct store_delete_schedule *)base;
    struct schedule s = {0};
    bool found = false;
    base->rc = RC_OK;
    enum rc rc = k->engine->find_schedule(k, op->tenant, op->name, &s, &found, e);
    if (!rc && !found) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such schedule");
    }
    return rc ? rc : k->engine->remove_schedule(k, op->tenant, op->name, e);
}

bool rules_schedules_may_go_on(const struct schedule *list, size_t count, int64_t limit)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += list[i].definition.n;
    }
    return (int64_t)count >= limit || bytes >= STORE_SCHEDULE_BYTES;
}

enum rc rules_check_step(struct keeper *k, struct store_enqueue *op, bool *is_good, struct err *e)
{
    const struct schedule_step *step = op->step;
    struct schedule s = {0};
    bool found = false;
    enum rc rc = k->engine->find_schedule(k, op->tenant, step->name, &s, &found, e);
    *is_good = found && !s.is_paused && s.version == step->version && s.next_at == step->from;
    return rc || *is_good ? rc : changed(&op->op);
}

/* Nobody knows how many of a batch's jobs wait: all that are open may. */
static enum rc find_leaving_batch(struct keeper *k, const struct store_enqueue *op, struct leaving *l,
                                  struct err *e)
{
    struct job_children c = {0};
    const struct batch_plan *next = op->count ? op->specs[0].plan : NULL;
    if (!next || !next->filling || job_state_is_final(l->row->state)) {
        return RC_OK;
    }
    enum rc rc = k->engine->count_children(k, l->row, &c, e);
    l->queue = next->filling->job.queue.n ? next->filling->job.queue : STR("default");
    l->places = c.open;
    l->is_later = true;
    return rc;
}

enum rc rules_find_leaving(struct keeper *k, const struct store_enqueue *op, struct leaving *out,
                           struct err *e)
{
    *out = (struct leaving){.row = NULL};
    if (!op->step || id_is_zero(op->step->cancel)) {
        return RC_OK;
    }
    enum rc rc = k->engine->load(k, op->tenant, op->step->cancel, &out->row, e);
    if (rc || !out->row) {
        return rc;
    }
    if (out->row->flags & FLAG_BATCH) {
        return find_leaving_batch(k, op, out, e);
    }
    out->queue = out->row->queue;
    out->places = rules_cancel_ends(out->row);
    return RC_OK;
}

enum rc rules_cancel_last(struct keeper *k, const struct leaving *l, struct err *e)
{
    struct act_verdict v = {0};
    return !l->row                      ? RC_OK
           : l->row->flags & FLAG_BATCH ? rules_act_on_batch(k, ACT_CANCEL, l->row, &v, e)
                                        : rules_act_on(k, ACT_CANCEL, l->row, &v, e);
}

/* Behind the jobs: the last of them is known then. */
enum rc rules_take_step(struct keeper *k, const struct store_enqueue *op, struct err *e)
{
    const struct schedule_step *step = op->step;
    struct schedule s = {0};
    bool found = false;
    enum rc rc = k->engine->find_schedule(k, op->tenant, step->name, &s, &found, e);
    if (rc) {
        return rc;
    }
    s.next_at = step->next_at;
    s.fired += step->fired;
    s.dropped += step->dropped;
    if (step->last_tick && op->count) {
        s.last_tick = step->last_tick;
        s.last_job =
            op->verdicts[op->specs[0].plan ? 0 : op->count - 1].job; /* a batch has others behind it */
    }
    return k->engine->put_schedule(k, &s, e);
}
