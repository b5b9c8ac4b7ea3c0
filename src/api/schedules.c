/* schedules.c: schedules as they are shown, with the ticks that come next. Changes are in schedule_changes.c. */
#include "api/call.h"

#include "base/clock.h"

#define NEXT_MAX     100
#define NEXT_DEFAULT 5

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

static void answer(struct api_call *c, const struct schedule *s, int64_t next_count, int status)
{
    struct json_out w = api_json(c);

    write_schedule(c, &w, s, next_count);
    api_answer(c, status);
}

void api_answer_schedule(struct api_call *c, const struct schedule *s, int status)
{
    answer(c, s, NEXT_DEFAULT, status);
}

/* ---- reading ---- */

bool api_schedule_name_is_good(struct api_call *c, bool creates)
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
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "schedules");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        write_schedule(c, &w, &list->schedules[i], 1);
    }
    json_array_end(&w);
    wire_put_text(&w, "next_after", list->more ? list->schedules[list->count - 1].name : STR(""));
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
        answer(c, &LOOP_OWNER(op, struct store_list_schedules, op)->schedules[0], *(int64_t *)c->state, 200);
    }
}

void api_read_schedule(struct api_call *c, void (*done)(struct store_op *op))
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
    if (api_schedule_name_is_good(c, false) && api_query_int(c, "next", 0, NEXT_MAX, count)) {
        api_read_schedule(c, on_schedule);
    }
}

/* ---- deleting ---- */

static void on_deleted(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        api_answer_empty(c);
    }
}

void api_delete_schedule(struct api_call *c)
{
    if (!api_schedule_name_is_good(c, false)) {
        return;
    }
    struct store_delete_schedule *op = api_op(c, sizeof *op, STORE_DELETE_SCHEDULE, on_deleted);
    op->tenant = c->tenant;
    op->name = c->params[0];
    api_submit(c, &op->op);
}
