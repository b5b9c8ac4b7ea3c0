/* schedule_changes.c: changes of schedules, and their jobs at once. What a change means for the next tick is decided here,
 * against the version that was read before: a definition that came again changes nothing, and one with the same ticks
 * leaves a tick that is late where it is. */
#include "api/call.h"

#define RUN_AGAIN 3 /* a change of somebody else came in between */

struct change {
    struct schedule_plan plan; /* of the request */
    struct str definition;
    int attempts;
    void (*go)(struct api_call *c, struct change *change, const struct schedule *found);
};

/* ---- read, decide, write if it is still as it was read ---- */

static void on_read(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct change *change = c->state;
    struct store_list_schedules *list = LOOP_OWNER(op, struct store_list_schedules, op);

    if (op->rc == RC_NOT_FOUND) {
        change->go(c, change, NULL);
    } else if (!api_failed(c, op)) {
        change->go(c, change, &list->schedules[0]);
    }
}

static void begin_change(struct api_call *c, struct change *change)
{
    c->state = change;
    change->attempts++;
    api_read_schedule(c, on_read);
}

static void on_set(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct change *change = c->state;
    struct store_set_schedule *set = LOOP_OWNER(op, struct store_set_schedule, op);

    if (op->rc == RC_CONFLICT && change->attempts < RUN_AGAIN) {
        begin_change(c, change);
        return;
    }
    if (api_failed(c, op)) {
        return;
    }
    api_answer_schedule(c, set->schedule, set->is_new ? 201 : 200);
}

static struct store_set_schedule *set_op(struct api_call *c, const struct schedule *found)
{
    struct store_set_schedule *op = api_op(c, sizeof *op, STORE_SET_SCHEDULE, on_set);

    op->tenant = c->tenant;
    op->name = c->params[0];
    op->pause = -1;
    op->next_at = -1;
    op->if_version = found ? found->version : 0;
    return op;
}

/* False, and answered: the plan is no good. */
static bool next_tick(struct api_call *c, const struct schedule_plan *p, int64_t *out)
{
    struct schedule_timing t;
    struct err e = {0};
    enum rc rc = queue_schedule_timing(c->api->queue, p, &t, &e);

    *out = 0;
    if (rc) {
        api_problem(c, rc, &e);
        return false;
    }
    (void)!schedule_next(&t, store_now(queue_store(c->api->queue)), out);
    return true;
}

static bool has_same_ticks(struct api_call *c, const struct schedule *found, const struct schedule_plan *p)
{
    struct schedule_plan was;
    struct err e = {0};

    return wire_plan_parse(found->definition, c->a, &was, &e) == RC_OK && str_eq(was.cron, p->cron) &&
           str_eq(was.tz, p->tz) && was.every_ms == p->every_ms && was.start_at == p->start_at &&
           was.end_at == p->end_at;
}

static void go_put(struct api_call *c, struct change *change, const struct schedule *found)
{
    int64_t next_at = 0;

    if (found && str_eq(found->definition, change->definition)) {
        api_answer_schedule(c, found, 200);
        return;
    }
    if (!next_tick(c, &change->plan, &next_at)) {
        return;
    }
    bool is_same = found && has_same_ticks(c, found, &change->plan);
    if (!next_at && !is_same) { /* one that has come to its end may be stated again */
        struct err e = {0};
        (void)err_set_code(&e, RC_INVALID, "never_fires", "/end", "end: no tick is left before it");
        api_problem(c, RC_INVALID, &e);
        return;
    }
    struct store_set_schedule *op = set_op(c, found);
    op->definition = change->definition;
    op->next_at = is_same ? -1 : next_at;
    api_submit(c, &op->op);
}

/* False, and answered: a tick's job would be refused. */
static bool job_is_good(struct api_call *c, const struct schedule_plan *p)
{
    struct schedule_jobs jobs;
    struct job_spec job;
    struct err e = {0};
    char field[sizeof e.field];
    enum rc rc = p->matrix.count ? schedule_batch(p, c->params[0], 1, c->a, &jobs, &e)
                                 : schedule_job(p, c->params[0], 1, c->a, &job, &e);

    if (rc && p->matrix.count) {
        api_problem(c, rc, &e);
    } else if (rc) {
        str_print(field, sizeof field, "/job/%s", e.field);
        str_copy(e.field, sizeof e.field, str_from(field));
        api_problem(c, rc, &e);
    }
    return rc == RC_OK;
}

void api_put_schedule(struct api_call *c)
{
    struct change *change = arena_alloc(c->a, sizeof *change);
    struct err e = {0};
    int64_t next_at = 0;

    if (!api_schedule_name_is_good(c, true)) {
        return;
    }
    enum rc rc = wire_plan_read(c->json, c->a, &change->plan, &e);
    if (!rc && !job_is_good(c, &change->plan)) {
        return;
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (next_tick(c, &change->plan, &next_at)) { /* before anything is read: it may be no good */
        change->definition = c->json->raw;
        change->go = go_put;
        begin_change(c, change);
    }
}

/* False, and answered: there is none, or its definition is not ours. */
static bool read_found(struct api_call *c, struct change *change, const struct schedule *found)
{
    struct err e = {0};
    enum rc rc = found ? wire_plan_parse(found->definition, c->a, &change->plan, &e) : RC_NOT_FOUND;

    if (rc) {
        api_problem(c, rc, found ? &e : NULL);
    }
    return rc == RC_OK;
}

static void go_patch(struct api_call *c, struct change *change, const struct schedule *found)
{
    struct err e = {0};

    if (!read_found(c, change, found)) {
        return;
    }
    enum rc rc = wire_plan_merge(found->definition, c->json, c->a, &change->definition, &e);
    if (!rc) {
        rc = wire_plan_parse(change->definition, c->a, &change->plan, &e);
    }
    if (rc) {
        api_problem(c, rc, &e);
    } else if (job_is_good(c, &change->plan)) {
        go_put(c, change, found);
    }
}

static void go_pause(struct api_call *c, struct change *change, const struct schedule *found)
{
    (void)change;
    if (!found) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return;
    }
    struct store_set_schedule *op = set_op(c, found);
    op->pause = 1;
    api_submit(c, &op->op);
}

/* Ticks of the pause are not made up for. */
static void go_resume(struct api_call *c, struct change *change, const struct schedule *found)
{
    int64_t next_at = 0;

    if (read_found(c, change, found) && next_tick(c, &change->plan, &next_at)) {
        struct store_set_schedule *op = set_op(c, found);
        op->pause = 0;
        op->next_at = found->is_paused ? next_at : -1;
        api_submit(c, &op->op);
    }
}

static void change_with(struct api_call *c,
                        void (*go)(struct api_call *c, struct change *change, const struct schedule *found))
{
    struct change *change = arena_alloc(c->a, sizeof *change);

    change->go = go;
    if (api_schedule_name_is_good(c, false)) {
        begin_change(c, change);
    }
}

void api_patch_schedule(struct api_call *c)
{
    change_with(c, go_patch);
}

void api_pause_schedule(struct api_call *c)
{
    change_with(c, go_pause);
}

void api_resume_schedule(struct api_call *c)
{
    change_with(c, go_resume);
}

/* ---- now ---- */

/* A job as an enqueue tells it, or a batch that is being filled. */
static void on_run(struct store_op *op)
{
    struct api_call *c = op->owner;
    const struct store_enqueue *n = LOOP_OWNER(op, struct store_enqueue, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    if (n->specs[0].plan) {
        json_object_begin(&w);
        json_put_id(&w, "batch", n->verdicts[0].job);
        json_put_c(&w, "state", batch_state_name(BATCH_FILLING));
        json_object_end(&w);
    } else {
        wire_enqueue_verdict_write(&w, &n->verdicts[0]);
    }
    api_answer(c, 201);
}

static void go_run(struct api_call *c, struct change *change, const struct schedule *found)
{
    struct schedule_jobs jobs = {arena_array(c->a, struct job_spec, 1), 1};
    struct err e = {0};

    if (!read_found(c, change, found)) {
        return;
    }
    const struct schedule_plan *p = &change->plan;
    enum rc rc = p->matrix.count ? schedule_batch(p, found->name, 0, c->a, &jobs, &e)
                                 : schedule_job(p, found->name, 0, c->a, jobs.specs, &e);
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    struct store_enqueue *op = api_op(c, sizeof *op, STORE_ENQUEUE, on_run);
    op->tenant = c->tenant;
    op->specs = jobs.specs;
    op->count = jobs.count;
    api_submit(c, &op->op);
}

void api_run_schedule(struct api_call *c)
{
    change_with(c, go_run);
}
