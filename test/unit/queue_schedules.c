/* Schedules as a server sees to them, by a clock that is moved: what fires, what is dropped, what is made up for (J10). */
#include "base/clock.h"
#include "queue_rig.h"
#include "wire/wire.h"

#define MINUTE 60000LL
#define FIRST  1700000040000LL /* the first whole minute after the rig's beginning: 2023-11-14T22:14:00Z */

static struct rig *open_rig(void)
{
    return rig_open_with(
        (struct queue_options){.read_plan = wire_plan_parse, .read_filling = wire_filling_parse});
}

/* A schedule as the API would keep it; its jobs go to the queue of its name. */
static void put(struct rig *r, const char *name, const char *members)
{
    struct store_set_schedule *op = arena_alloc(r->a, sizeof *op);
    struct schedule_timing t;
    struct schedule_plan p;
    struct err err = {0}, *e = &err;

    store_init(&op->op, sizeof *op, STORE_SET_SCHEDULE, rig_op_arena(r));
    op->tenant = RIG_TENANT;
    op->name = str_from(name);
    op->definition = arena_printf(r->a, "{%s,\"job\":{\"kind\":\"k\",\"queue\":\"%s\"}}", members, name);
    op->pause = -1;
    OK(wire_plan_parse(op->definition, r->a, &p, e));
    OK(queue_schedule_timing(r->q, &p, &t, e));
    CHECK_TRUE(schedule_next(&t, rig_now(r), &op->next_at));
    rig_do(r, &op->op);
    CHECK_INT(op->op.rc, RC_OK);
}

static struct schedule look(struct rig *r, const char *name)
{
    struct store_list_schedules *op = arena_alloc(r->a, sizeof *op);

    store_init(&op->op, sizeof *op, STORE_LIST_SCHEDULES, rig_op_arena(r));
    op->tenant = RIG_TENANT;
    op->name = str_from(name);
    op->limit = 1;
    rig_do(r, &op->op);
    CHECK_INT(op->op.rc, RC_OK);
    return op->schedules[0];
}

/* Its jobs, newest first. */
static struct store_list_jobs *jobs_of(struct rig *r, const char *name)
{
    struct store_list_jobs *op = arena_alloc(r->a, sizeof *op);

    store_init(&op->op, sizeof *op, STORE_LIST_JOBS, rig_op_arena(r));
    op->tenant = RIG_TENANT;
    op->filter.tag = arena_printf(r->a, "schedule:%s", name);
    op->limit = 1000;
    rig_do(r, &op->op);
    CHECK_INT(op->op.rc, RC_OK);
    return op;
}

/* Exactly these jobs, oldest first, one for each `step` from `first` on. */
static void check_ticks(struct rig *r, const char *name, int64_t first, int64_t step_ms, size_t count)
{
    const struct store_list_jobs *l = jobs_of(r, name);

    CHECK_INT(l->count, count);
    CHECK_INT(look(r, name).fired, count);
    for (size_t i = 0; i < count; i++) {
        int64_t tick = first + (int64_t)i * step_ms;
        struct str key = arena_printf(r->a, "schedule:%s:%s", name, time_text(tick).s);
        CHECK_STR(l->jobs[count - 1 - i].unique_key, key);
        CHECK_INT(l->jobs[count - 1 - i].run_at, tick);
    }
}

/* Nobody looks until then; and then all that follows is seen to: what is due at once is looked at a millisecond later. */
static void wake_at(struct rig *r, int64_t at)
{
    rig_skip_ms(r, at - rig_now(r));
    for (int i = 0; i < 8; i++) {
        rig_skip_ms(r, 1);
    }
}

TEST(a_schedule_has_one_job_for_each_tick_when_its_time_has_come)
{
    struct rig *r = open_rig();

    put(r, "each", "\"cron\":\"* * * * *\",\"tz\":\"Europe/Berlin\"");
    wake_at(r, FIRST - 1000);
    check_ticks(r, "each", FIRST, MINUTE, 0);
    for (int i = 0; i < 3; i++) {
        wake_at(r, FIRST + i * MINUTE);
    }
    check_ticks(r, "each", FIRST, MINUTE, 3);
    CHECK_INT(look(r, "each").last_tick, FIRST + 2 * MINUTE);
    CHECK_INT(look(r, "each").next_at, FIRST + 3 * MINUTE);
    CHECK_INT(queue_metrics(r->q).schedule_fired, 3);
    rig_close(r);
}

TEST(a_tick_over_open_work_fires_is_dropped_or_cancels_it_as_the_policy_says)
{
    struct rig *r = open_rig();

    put(r, "allow", "\"every_s\":60");
    put(r, "skip", "\"every_s\":60,\"overlap\":\"skip\"");
    put(r, "cancel", "\"every_s\":60,\"overlap\":\"cancel_previous\"");
    wake_at(r, FIRST);
    struct job *running = rig_take(r, "w", "skip");
    wake_at(r, FIRST + MINUTE);
    check_ticks(r, "allow", FIRST, MINUTE, 2);
    check_ticks(r, "skip", FIRST, MINUTE, 1);
    CHECK_INT(look(r, "skip").dropped, 1);
    check_ticks(r, "cancel", FIRST, MINUTE, 2);
    CHECK_INT(jobs_of(r, "cancel")->jobs[0].state, JOB_QUEUED);
    CHECK_INT(jobs_of(r, "cancel")->jobs[1].state, JOB_CANCELLED);
    CHECK_INT(rig_report(r, running, 1, REPORT_COMPLETE).rc, RC_OK);
    running = rig_take(r, "w", "cancel");
    wake_at(r, FIRST + 2 * MINUTE);
    CHECK_INT(jobs_of(r, "skip")->count, 2); /* its work is done */
    CHECK_INT(look(r, "skip").dropped, 1);
    check_ticks(r, "cancel", FIRST, MINUTE, 3);
    CHECK_TRUE(rig_job(r, running->id)->cancel_requested); /* its worker is told */
    CHECK_INT(queue_metrics(r->q).schedule_dropped, 1);
    rig_close(r);
}

static void settle(struct rig *r)
{
    for (int i = 0; i < 60; i++) { /* one tick, one filling, one note at a time */
        rig_skip_ms(r, 1);
    }
}

TEST(each_tick_of_a_schedule_with_a_matrix_has_a_batch)
{
    struct rig *r = open_rig();

    put(r, "all", "\"every_s\":60,\"catch_up\":\"run_all\",\"matrix\":{\"n\":[1,2,3]}");
    put(r, "skip", "\"every_s\":60,\"catch_up\":\"run_all\",\"overlap\":\"skip\",\"matrix\":{\"n\":[1,2,3]}");
    put(r, "cancel", "\"every_s\":60,\"overlap\":\"cancel_previous\",\"matrix\":{\"n\":[1,2,3]}");
    wake_at(r, FIRST + 4 * MINUTE + 30000); /* four were missed, and one is on time */
    settle(r);
    const struct store_list_jobs *l = jobs_of(r, "all");
    CHECK_INT(l->count, 15);
    CHECK_INT(look(r, "all").fired, 5);
    for (size_t i = 0; i < l->count; i++) {
        int64_t tick = FIRST + (int64_t)i / 3 * MINUTE;
        struct str key = arena_printf(r->a, "schedule:all:%s:%d", time_text(tick).s, (int)i % 3);
        CHECK_STR(l->jobs[l->count - 1 - i].unique_key, key);
    }
    CHECK_INT(jobs_of(r, "skip")->count, 3);
    CHECK_INT(look(r, "skip").fired, 1);
    CHECK_INT(look(r, "skip").dropped, 4);
    wake_at(r, FIRST + 5 * MINUTE);
    settle(r);
    l = jobs_of(r, "cancel");
    CHECK_INT(l->jobs[0].state, JOB_QUEUED);
    CHECK_INT(l->jobs[3].state, JOB_CANCELLED);
    CHECK_INT(look(r, "skip").dropped, 5);
    CHECK_INT(look(r, "all").fired, 6);
    rig_close(r);
}

TEST(ticks_that_nobody_saw_are_made_up_for_as_the_policy_says)
{
    struct rig *r = open_rig();

    put(r, "skip", "\"every_s\":60,\"catch_up\":\"skip\"");
    put(r, "once", "\"every_s\":60,\"catch_up\":\"run_once\"");
    put(r, "all", "\"every_s\":60,\"catch_up\":\"run_all\"");
    put(r, "window", "\"every_s\":60,\"catch_up\":\"run_all\",\"catch_up_window_s\":180");
    wake_at(r, FIRST + 10 * MINUTE + 30000); /* the tick of 30 s ago is on time */
    check_ticks(r, "skip", FIRST + 10 * MINUTE, MINUTE, 1);
    check_ticks(r, "once", FIRST + 9 * MINUTE, MINUTE, 2);
    check_ticks(r, "all", FIRST, MINUTE, 11);
    check_ticks(r, "window", FIRST + 8 * MINUTE, MINUTE, 3);
    wake_at(r, FIRST + 11 * MINUTE);
    check_ticks(r, "skip", FIRST + 10 * MINUTE, MINUTE, 2);
    check_ticks(r, "all", FIRST, MINUTE, 12);
    rig_close(r);
}

TEST(however_many_ticks_were_missed_all_of_the_window_fire_and_none_twice)
{
    struct rig *r = open_rig();

    put(r, "all", "\"every_s\":1,\"catch_up\":\"run_all\"");
    int64_t first = look(r, "all").next_at;
    wake_at(r, first + 349000); /* more than fit into one round */
    check_ticks(r, "all", first, 1000, 350);
    rig_close(r);
}

TEST(there_is_no_tick_before_the_start_and_none_from_the_end_on)
{
    struct rig *r = open_rig();

    put(r, "some",
        "\"cron\":\"* * * * *\",\"start\":\"2023-11-14T22:16:00Z\",\"end\":\"2023-11-14T22:18:00Z\"");
    for (int i = 0; i < 6; i++) {
        wake_at(r, FIRST + i * MINUTE);
    }
    check_ticks(r, "some", FIRST + 2 * MINUTE, MINUTE, 2);
    CHECK_INT(look(r, "some").next_at, 0);
    rig_close(r);
}

TEST(jitter_moves_the_work_and_not_the_tick)
{
    struct rig *r = open_rig();
    bool differ = false;

    put(r, "late", "\"every_s\":60,\"jitter_s\":30");
    wake_at(r, FIRST);
    wake_at(r, FIRST + MINUTE);
    const struct store_list_jobs *l = jobs_of(r, "late");
    CHECK_INT(l->count, 2);
    for (int i = 0; i < 2; i++) {
        int64_t tick = FIRST + (1 - i) * MINUTE;
        int64_t jitter = schedule_jitter_ms(STR("late"), tick, 30000);
        CHECK_INT(l->jobs[i].run_at, tick + jitter);
        CHECK_STR(l->jobs[i].unique_key, arena_printf(r->a, "schedule:late:%s", time_text(tick).s));
        CHECK_TRUE(jitter >= 0 && jitter <= 30000);
        differ = differ || jitter != schedule_jitter_ms(STR("late"), FIRST, 30000);
    }
    CHECK_TRUE(differ);
    CHECK_INT(look(r, "late").last_tick, FIRST + MINUTE);
    rig_close(r);
}

static void on_idle(void *ctx)
{
    (void)ctx;
}

TEST(a_server_that_is_draining_keeps_no_tick_to_itself)
{
    struct rig *r = open_rig();

    put(r, "each", "\"every_s\":60");
    queue_drain(r->q, on_idle, NULL);
    wake_at(r, FIRST); /* nobody else is given it for as long as this one may take */
    check_ticks(r, "each", FIRST, MINUTE, 1);
    rig_close(r);
}

TEST(a_tick_whose_job_is_refused_stays_due_and_fires_when_there_is_room)
{
    struct rig *r = open_rig();
    struct store_set_queue *s = arena_alloc(r->a, sizeof *s);

    store_init(&s->op, sizeof *s, STORE_SET_QUEUE, rig_op_arena(r));
    s->tenant = RIG_TENANT;
    s->name = STR("full");
    s->has_settings = true;
    s->pause = -1;
    memset(&s->settings, 0xff, sizeof s->settings); /* all -1: defaults */
    s->settings.group_weights = STR("");
    s->settings.max_queued = 1;
    rig_do(r, &s->op);
    CHECK_INT(s->op.rc, RC_OK);
    struct id first = rig_enqueue(r, "full", "k");
    put(r, "full", "\"every_s\":3600");
    put(r, "beside", "\"every_s\":3600");
    int64_t tick = look(r, "full").next_at;
    wake_at(r, tick);
    check_ticks(r, "full", tick, MINUTE, 0);
    check_ticks(r, "beside", tick, MINUTE, 1); /* that is no reason for others to wait */
    CHECK_INT(queue_metrics(r->q).schedule_failed, 1);
    CHECK_INT(rig_act(r, ACT_CANCEL, first), RC_OK);
    wake_at(r, tick + STORE_SCHEDULE_HOLD_MS);
    check_ticks(r, "full", tick, MINUTE, 1);
    rig_close(r);
}

TEST(a_schedule_that_cannot_be_read_any_more_holds_up_no_other)
{
    struct rig *r = open_rig();
    struct store_set_schedule *op = arena_alloc(r->a, sizeof *op);

    put(r, "good", "\"every_s\":60");
    store_init(&op->op, sizeof *op, STORE_SET_SCHEDULE, rig_op_arena(r));
    op->tenant = RIG_TENANT;
    op->name = STR("gone");
    op->definition = STR("{\"cron\":\"@daily\",\"tz\":\"Mars/Olympus\",\"job\":{\"kind\":\"k\"}}");
    op->pause = -1;
    op->next_at = FIRST;
    rig_do(r, &op->op);
    wake_at(r, FIRST);
    check_ticks(r, "good", FIRST, MINUTE, 1);
    CHECK_INT(look(r, "gone").next_at, FIRST); /* due when the zone is back */
    CHECK_INT(queue_metrics(r->q).schedule_failed, 1);
    rig_close(r);
}
