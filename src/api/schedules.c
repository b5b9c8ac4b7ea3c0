/* schedules.c: schedules: what people say of them, and when their next ticks are. What a change means for the next tick is decided
 * here, against the version that was read before: a definition that came again changes nothing, and one with the same ticks
 * leaves a tick that is late where it is. */
#include "api/call.h"

#include "base/clock.h"

#define NEXT_MAX     100
#define NEXT_DEFAULT 5
#define RUN_AGAIN    3 /* a change of somebody else came in between */

struct change {
    struct schedule_plan plan; /* of the request */
    struct str definition;
    int attempts;
    void (*go)(struct api_call *c, struct change *change, const struct schedule *found);
};

/* ---- writing ---- */

static void write_next(struct api_call *c, struct json_out *w, const struct schedule *s,
                       const struct schedule_plan *p, int64_t count)
{
    struct schedule_timing t;
    struct err e = {0};
    int64_t now = store_now(queue_store(c->api->queue));
    int64_t tick = s->next_at > now ? s->next_at - 1 : now;

    json_name(w, "next");
    json_array_begin(w);
    if (!s->is_paused && s->next_at && queue_schedule_timing(c->api->queue, p, &t, &e) == RC_OK) {
        for (int64_t i = 0; i < count && schedule_next(&t, tick, &tick); i++) {
            json_str(w, str_from(time_text(tick).s));
        }
    }
    json_array_end(w);
}

static void write_schedule(struct api_call *c, struct json_out *w, const struct schedule *s,
                           int64_t next_count)
{
    struct schedule_plan p;
    struct err e = {0};

    json_object_begin(w);
    json_put_str(w, "name", s->name);
    json_put_bool(w, "paused", s->is_paused);
    if (wire_plan_parse(s->definition, c->a, &p, &e) == RC_OK) {
        wire_plan_members(w, &p);
        write_next(c, w, s, &p, next_count);
    }
    json_put_time(w, "last_tick", s->last_tick);
    if (id_is_zero(s->last_job)) {
        json_put_c(w, "last_job", NULL);
    } else {
        json_put_id(w, "last_job", s->last_job);
    }
    json_put_int(w, "fired", s->fired);
    json_put_int(w, "dropped", s->dropped);
    json_put_time(w, "created_at", s->created_at);
    json_put_time(w, "updated_at", s->updated_at);
    json_object_end(w);
}

static void answer_schedule(struct api_call *c, const struct schedule *s, int status)
{
    struct json_out w = api_json(c);

    write_schedule(c, &w, s, c->state ? *(int64_t *)c->state : NEXT_DEFAULT);
    api_answer(c, status);
}

/* ---- reading ---- */

static bool name_is_good(struct api_call *c, bool creates)
{
    bool is_good = str_is_name(c->params[0]) && c->params[0].n <= SCHEDULE_NAME_MAX_BYTES;

    if (!is_good && creates) {
        api_fail(c, RC_INVALID, "invalid_field", "/name",
                 "a schedule's name has 1 to %d of A-Z a-z 0-9 . _ : -", SCHEDULE_NAME_MAX_BYTES);
    } else if (!is_good) {
        api_problem(c, RC_NOT_FOUND, NULL);
    }
    return is_good;
}

static void on_schedules(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_schedules *list = LOOP_OWNER(op, struct store_list_schedules, op);

    if (api_failed(c, op)) {
        return;
    }
    bool has_more = (int64_t)list->count == list->limit;
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "schedules");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        write_schedule(c, &w, &list->schedules[i], 1);
    }
    json_array_end(&w);
    wire_put_text(&w, "next_after", has_more ? list->schedules[list->count - 1].name : STR(""));
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_schedules(struct api_call *c)
{
    struct store_list_schedules *op = api_op(c, sizeof *op, STORE_LIST_SCHEDULES, on_schedules);

    op->tenant = c->tenant;
    op->limit = 50;
    if (api_query_name(c, "after", &op->after) && api_query_int(c, "limit", 1, 1000, &op->limit)) {
        api_submit(c, &op->op);
    }
}

static void on_schedule(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        answer_schedule(c, &LOOP_OWNER(op, struct store_list_schedules, op)->schedules[0], 200);
    }
}

static void read_one(struct api_call *c, void (*done)(struct store_op *op))
{
    struct store_list_schedules *op = api_op(c, sizeof *op, STORE_LIST_SCHEDULES, done);

    op->tenant = c->tenant;
    op->name = c->params[0];
    op->limit = 1;
    api_submit(c, &op->op);
}

void api_get_schedule(struct api_call *c)
{
    int64_t *count = arena_alloc(c->a, sizeof *count);

    *count = NEXT_DEFAULT;
    c->state = count;
    if (name_is_good(c, false) && api_query_int(c, "next", 0, NEXT_MAX, count)) {
        read_one(c, on_schedule);
    }
}

/* ---- changing: read, decide, write if it is still as it was read ---- */

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
    read_one(c, on_read);
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
    c->state = NULL;
    answer_schedule(c, set->schedule, set->is_new ? 201 : 200);
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
        c->state = NULL;
        answer_schedule(c, found, 200);
        return;
    }
    if (!next_tick(c, &change->plan, &next_at)) {
        return;
    }
    struct store_set_schedule *op = set_op(c, found);
    op->definition = change->definition;
    op->next_at = found && has_same_ticks(c, found, &change->plan) ? -1 : next_at;
    api_submit(c, &op->op);
}

/* False, and answered: a tick's job would be refused. */
static bool job_is_good(struct api_call *c, const struct schedule_plan *p)
{
    struct job_spec job;
    struct err e = {0};
    char field[sizeof e.field];
    enum rc rc = schedule_job(p, c->params[0], 1, c->a, &job, &e);

    if (rc) {
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

    if (!name_is_good(c, true)) {
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
    struct err e = {0};
    int64_t next_at = 0;

    if (!found) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return;
    }
    enum rc rc = wire_plan_parse(found->definition, c->a, &change->plan, &e);
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (!next_tick(c, &change->plan, &next_at)) {
        return;
    }
    struct store_set_schedule *op = set_op(c, found);
    op->pause = 0;
    op->next_at = found->is_paused ? next_at : -1;
    api_submit(c, &op->op);
}

static void change_with(struct api_call *c,
                        void (*go)(struct api_call *c, struct change *change, const struct schedule *found))
{
    struct change *change = arena_alloc(c->a, sizeof *change);

    change->go = go;
    if (name_is_good(c, false)) {
        begin_change(c, change);
    }
}

void api_pause_schedule(struct api_call *c)
{
    change_with(c, go_pause);
}

void api_resume_schedule(struct api_call *c)
{
    change_with(c, go_resume);
}

static void on_deleted(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        api_answer_empty(c);
    }
}

void api_delete_schedule(struct api_call *c)
{
    if (!name_is_good(c, false)) {
        return;
    }
    struct store_delete_schedule *op = api_op(c, sizeof *op, STORE_DELETE_SCHEDULE, on_deleted);
    op->tenant = c->tenant;
    op->name = c->params[0];
    api_submit(c, &op->op);
}

/* ---- now ---- */

static void on_run(struct store_op *op)
{
    struct api_call *c = op->owner;
    const struct store_enqueue *n = LOOP_OWNER(op, struct store_enqueue, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    wire_enqueue_verdict_write(&w, &n->verdicts[0]);
    api_answer(c, 201);
}

static void go_run(struct api_call *c, struct change *change, const struct schedule *found)
{
    struct job_spec *job = arena_alloc(c->a, sizeof *job);
    struct err e = {0};

    if (!found) {
        api_problem(c, RC_NOT_FOUND, NULL);
        return;
    }
    enum rc rc = wire_plan_parse(found->definition, c->a, &change->plan, &e);
    if (!rc) {
        rc = schedule_job(&change->plan, found->name, 0, c->a, job, &e);
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    struct store_enqueue *op = api_op(c, sizeof *op, STORE_ENQUEUE, on_run);
    op->tenant = c->tenant;
    op->specs = job;
    op->count = 1;
    api_submit(c, &op->op);
}

void api_run_schedule(struct api_call *c)
{
    change_with(c, go_run);
}
