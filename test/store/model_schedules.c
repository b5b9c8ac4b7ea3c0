/* model_schedules.c: the model's schedules: a plain list. See model.h. */
#include "base/buf.h"
#include "model.h"

#include <stdlib.h>

static void not_found(struct store_op *op)
{
    op->rc = err_set(&op->e, RC_NOT_FOUND, "none");
}

static void changed(struct store_op *op)
{
    op->rc = err_set_code(&op->e, RC_CONFLICT, "schedule_changed", NULL, "changed");
}

struct model_schedule *model_schedule_find(struct model *m, int64_t tenant, struct str name)
{
    for (int i = 0; i < m->schedule_count; i++) {
        if (m->schedules[i].is.tenant == tenant && str_eq(m->schedules[i].is.name, name)) {
            return &m->schedules[i];
        }
    }
    return NULL;
}

static void set_due(struct model_schedule *s)
{
    s->due_at = s->is.is_paused ? 0 : s->is.next_at;
}

static void set_schedule(struct model *m, struct store_set_schedule *op)
{
    struct model_schedule *s = model_schedule_find(m, op->tenant, op->name);
    if (!str_is_name(op->name)) {
        op->op.rc = err_set_code(&op->op.e, RC_INVALID, "invalid_field", NULL, "invalid");
        return;
    }
    if (!s && !op->definition.n) {
        not_found(&op->op);
        return;
    }
    if (op->if_version && op->if_version != (s ? s->is.version : 0)) {
        changed(&op->op);
        return;
    }
    op->is_new = !s;
    if (!s) {
        s = &m->schedules[m->schedule_count++];
        *s = (struct model_schedule){
            .is = {.tenant = op->tenant, .name = arena_str(m->a, op->name), .created_at = m->now}};
    }
    s->is.definition = op->definition.n ? arena_str(m->a, op->definition) : s->is.definition;
    s->is.is_paused = op->pause < 0 ? s->is.is_paused : op->pause > 0;
    s->is.next_at = op->next_at < 0 ? s->is.next_at : op->next_at;
    s->is.version++;
    s->is.updated_at = m->now;
    set_due(s);
    op->schedule = arena_alloc(op->op.a, sizeof *op->schedule);
    *op->schedule = s->is;
}

static void delete_schedule(struct model *m, struct store_delete_schedule *op)
{
    struct model_schedule *s = model_schedule_find(m, op->tenant, op->name);
    if (!s) {
        not_found(&op->op);
        return;
    }
    *s = m->schedules[--m->schedule_count];
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct schedule *)a)->name, ((const struct schedule *)b)->name);
}

static bool is_live(const struct model *m, struct id id)
{
    int at = model_place(m, id);
    return at < m->count && id_eq(m->jobs[at]->v.id, id) && !job_state_is_final(m->jobs[at]->v.state);
}

static void list_schedules(struct model *m, struct store_list_schedules *op)
{
    op->schedules = arena_array(op->op.a, struct schedule, MODEL_SCHEDULES_MAX);
    for (int i = 0; i < m->schedule_count; i++) {
        const struct schedule *s = &m->schedules[i].is;
        if (s->tenant == op->tenant && (!op->name.n || str_eq(op->name, s->name)) &&
            str_compare(s->name, op->after) > 0) {
            op->schedules[op->count] = *s;
            op->schedules[op->count++].is_last_live = is_live(m, s->last_job);
        }
    }
    qsort(op->schedules, op->count, sizeof *op->schedules, by_name);
    op->more = (int64_t)op->count >= op->limit;
    op->count = (int64_t)op->count > op->limit ? (size_t)op->limit : op->count;
    if (op->name.n && !op->count) {
        not_found(&op->op);
    }
}

void model_run_schedule(struct model *m, struct store_op *op)
{
    if (op->kind == STORE_SET_SCHEDULE) {
        set_schedule(m, (struct store_set_schedule *)op);
    } else if (op->kind == STORE_DELETE_SCHEDULE) {
        delete_schedule(m, (struct store_delete_schedule *)op);
    } else {
        list_schedules(m, (struct store_list_schedules *)op);
    }
}

bool model_check_step(struct model *m, struct store_enqueue *op)
{
    const struct model_schedule *s = model_schedule_find(m, op->tenant, op->step->name);
    bool is_good = s && !s->is.is_paused && s->is.version == op->step->version &&
                   (s->is.next_at == op->step->from || m->bug == BUG_STEP_TWICE);
    if (!is_good) {
        changed(&op->op);
    }
    return is_good;
}

/* Does its cancel free a place of those that wait? */
bool model_is_leaving(const struct model *m, const struct store_enqueue *op, const struct model_job *job)
{
    const struct job *v = &job->v;
    return op->step && id_eq(v->id, op->step->cancel) && v->tenant == op->tenant && !v->cancelling &&
           !(job->waits && v->on_cancel == JOB_ON_CANCEL_RUN) && m->bug != BUG_STEP_CANCELS_NOTHING;
}

void model_cancel_last(struct model *m, const struct store_enqueue *op)
{
    struct model_job *job = model_find(m, op->tenant, op->step->cancel);
    enum job_state to;
    if (job && job_next_state(job->v.state, JOB_EV_CANCEL, &to) && m->bug != BUG_STEP_CANCELS_NOTHING) {
        model_cancel(m, job);
    }
}

void model_take_step(struct model *m, const struct store_enqueue *op)
{
    const struct schedule_step *step = op->step;
    struct model_schedule *s = model_schedule_find(m, op->tenant, step->name);
    s->is.next_at = step->next_at;
    s->is.fired += step->fired;
    s->is.dropped += step->dropped;
    if (step->last_tick && op->count) {
        s->is.last_tick = step->last_tick;
        s->is.last_job = op->verdicts[op->count - 1].job;
    }
    set_due(s);
}

size_t model_give_schedules(struct model *m)
{
    size_t given = 0;
    for (int i = 0; i < m->schedule_count; i++) {
        struct model_schedule *s = &m->schedules[i];
        if (s->due_at && s->due_at <= m->now) {
            s->due_at = m->now + STORE_SCHEDULE_HOLD_MS;
            given++;
        }
    }
    return given + model_give_fillings(m);
}

void model_release_schedules(struct model *m)
{
    for (int i = 0; i < m->schedule_count; i++) {
        set_due(&m->schedules[i]);
    }
    model_release_fillings(m);
}

void model_print_schedule(const struct model *m, const struct schedule *s, struct buf *out)
{
    const int64_t numbers[] = {s->tenant,       s->is_paused, s->version, s->next_at,    s->last_tick,
                               s->is_last_live, s->fired,     s->dropped, s->created_at, s->updated_at};
    int at = model_place(m, s->last_job);
    bool is_known = at < m->count && id_eq(m->jobs[at]->v.id, s->last_job);
    buf_printf(out, " %.*s %.*s #%d", STR_ARG(s->name), STR_ARG(s->definition),
               is_known                  ? m->jobs[at]->number
               : id_is_zero(s->last_job) ? 0
                                         : -1);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_printf(out, " %lld", (long long)numbers[i]);
    }
    buf_append_c(out, "\n");
}
