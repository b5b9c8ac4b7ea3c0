/* Schedules: kept, given out when they are due, and one job for a tick, ever (J10). */
#include "store_test.h"

#define T (TEST_BEGINS + HOUR) /* the first tick of the tests' schedule; one an hour */

static struct store_set_schedule set_as(struct store_test *s, struct store_set_schedule wish)
{
    AN_OP(s, op, store_set_schedule, STORE_SET_SCHEDULE);
    op.tenant = s->tenant;
    op.name = wish.name.n ? wish.name : STR("hourly");
    op.definition = wish.definition;
    op.pause = wish.pause;
    op.next_at = wish.next_at;
    op.if_version = wish.if_version;
    struct err e = {0};
    (void)!store_run(s->store, &op.op, &e);
    return op;
}
#define set(s, ...) set_as((s), (struct store_set_schedule){.pause = -1, .next_at = -1, __VA_ARGS__})

static struct schedule a_schedule(struct store_test *s)
{
    struct store_set_schedule op = set(s, .definition = STR("{}"), .next_at = T);
    CHECK_INT(op.op.rc, RC_OK);
    return *op.schedule;
}

static struct store_list_schedules list(struct store_test *s, struct str name, struct str after,
                                        int64_t limit)
{
    AN_OP(s, op, store_list_schedules, STORE_LIST_SCHEDULES);
    op.tenant = s->tenant;
    op.name = name;
    op.after = after;
    op.limit = limit;
    struct err e = {0};
    (void)!store_run(s->store, &op.op, &e);
    return op;
}

static struct schedule look(struct store_test *s)
{
    struct store_list_schedules l = list(s, STR("hourly"), STR(""), 1);
    CHECK_INT(l.op.rc, RC_OK);
    CHECK_INT(l.count, 1);
    return l.schedules[0];
}

/* What a tick gives out now. */
static struct store_tick taken(struct store_test *s)
{
    AN_OP(s, op, store_tick, STORE_TICK);
    op.limit = 10;
    run_op(s, &op.op);
    return op;
}

static struct store_enqueue step_with(struct store_test *s, struct schedule_step step, struct job_spec spec)
{
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    const struct schedule now = look(s);
    step.name = now.name;
    step.version = step.version ? step.version : now.version;
    spec.kind = spec.kind.n ? spec.kind : STR("k");
    spec.args = STR("{}");
    spec.unique_key = arena_printf(s->a, "schedule:hourly:%lld", (long long)step.from);
    spec.unique_for_ms = JOB_FOREVER_MS;
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = step.fired ? 1 : 0;
    op.step = &step;
    struct err e = {0};
    (void)!store_run(s->store, &op.op, &e);
    return op;
}
#define STEP(from_, ...)                                                                                     \
    ((struct schedule_step){                                                                                 \
        .from = (from_), .next_at = (from_) + HOUR, .last_tick = (from_), .fired = 1, __VA_ARGS__})
#define step(s, from, ...) step_with((s), STEP(from, __VA_ARGS__), (struct job_spec){0})

STORE_TEST(a_schedule_is_kept_as_it_was_said)
{
    struct store_set_schedule first = set(s, .definition = STR("{\"a\":1}"), .next_at = T);
    CHECK_TRUE(first.is_new);
    CHECK_STR(first.schedule->definition, STR("{\"a\":1}"));
    advance(s, MINUTE);
    struct store_set_schedule second = set(s, .definition = STR("{\"a\":2}"), .pause = 1);
    CHECK_FALSE(second.is_new);
    struct schedule now = look(s);
    CHECK_STR(now.name, STR("hourly"));
    CHECK_STR(now.definition, STR("{\"a\":2}"));
    CHECK_TRUE(now.is_paused);
    CHECK_INT(now.next_at, T);
    CHECK_INT(now.version, first.schedule->version + 1);
    CHECK_INT(now.created_at, TEST_BEGINS);
    CHECK_INT(now.updated_at, TEST_BEGINS + MINUTE);
    CHECK_INT(now.fired + now.dropped + now.last_tick, 0);
    CHECK_TRUE(id_is_zero(now.last_job));
}

STORE_TEST(a_change_of_what_is_missing_or_has_changed_is_refused)
{
    CHECK_INT(set(s, .pause = 1).op.rc, RC_NOT_FOUND);
    CHECK_INT(set(s, .name = STR("a/b"), .definition = STR("{}")).op.rc, RC_INVALID);
    struct schedule first = a_schedule(s);
    OK(set(s, .pause = 1, .if_version = first.version).op.rc);
    struct store_set_schedule late = set(s, .next_at = T + 1, .if_version = first.version);
    CHECK_INT(late.op.rc, RC_CONFLICT);
    CHECK_STR(str_from(late.op.e.code), STR("schedule_changed"));
    CHECK_INT(look(s).next_at, T);
}

STORE_TEST(schedules_are_listed_by_name_in_pages)
{
    const struct str names[] = {STR("b"), STR("c"), STR("a")};
    for (int i = 0; i < 3; i++) {
        OK(set(s, .name = names[i], .definition = STR("{}"), .next_at = T).op.rc);
    }
    struct store_list_schedules page = list(s, STR(""), STR(""), 2);
    CHECK_INT(page.count, 2);
    CHECK_STR(page.schedules[0].name, STR("a"));
    CHECK_STR(page.schedules[1].name, STR("b"));
    page = list(s, STR(""), STR("b"), 2);
    CHECK_INT(page.count, 1);
    CHECK_STR(page.schedules[0].name, STR("c"));
    CHECK_INT(list(s, STR("d"), STR(""), 1).op.rc, RC_NOT_FOUND);
}

STORE_TEST(big_definitions_are_given_out_and_listed_a_few_at_a_time)
{
    static char big[1 << 20];
    const struct str definition = {big, sizeof big};
    memset(big, ' ', sizeof big);
    for (int i = 0; i < 9; i++) {
        struct str name = arena_printf(s->a, "big%d", i);
        OK(set(s, .name = name, .definition = definition, .next_at = T + i).op.rc);
    }
    struct store_list_schedules page = list(s, STR(""), STR(""), 100);
    CHECK_INT(page.count, 8);
    CHECK_TRUE(page.more);
    page = list(s, STR(""), STR("big7"), 100);
    CHECK_INT(page.count, 1);
    CHECK_FALSE(page.more);
    advance(s, 2 * HOUR);
    struct store_tick t = taken(s);
    CHECK_INT(t.schedule_count, 8);
    CHECK_TRUE(t.more);
    t = taken(s);
    CHECK_INT(t.schedule_count, 1);
    CHECK_STR(t.schedules[0].name, STR("big8"));
    CHECK_FALSE(t.more);
}

STORE_TEST(schedules_of_another_tenant_are_unknown)
{
    (void)a_schedule(s);
    as_tenant(s, s->foreign);
    CHECK_INT(list(s, STR(""), STR(""), 10).count, 0);
    CHECK_INT(list(s, STR("hourly"), STR(""), 10).op.rc, RC_NOT_FOUND);
    CHECK_INT(set(s, .pause = 1).op.rc, RC_NOT_FOUND);
}

STORE_TEST(a_deleted_schedule_is_gone_and_never_due)
{
    (void)a_schedule(s);
    AN_OP(s, op, store_delete_schedule, STORE_DELETE_SCHEDULE);
    op.tenant = s->tenant;
    op.name = STR("hourly");
    run_op(s, &op.op);
    CHECK_INT(list(s, STR("hourly"), STR(""), 1).op.rc, RC_NOT_FOUND);
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
    advance(s, 2 * HOUR);
    CHECK_INT(taken(s).schedule_count, 0);
}

STORE_TEST(a_tick_gives_out_a_schedule_when_it_is_due_and_once)
{
    (void)a_schedule(s);
    advance(s, HOUR - 1);
    CHECK_INT(taken(s).schedule_count, 0);
    advance(s, 1);
    struct store_tick t = taken(s);
    CHECK_INT(t.schedule_count, 1);
    CHECK_INT(t.schedules[0].tenant, s->tenant);
    CHECK_STR(t.schedules[0].name, STR("hourly"));
    CHECK_STR(t.schedules[0].definition, STR("{}"));
    CHECK_INT(t.schedules[0].next_at, T);
    CHECK_FALSE(t.schedules[0].is_last_live);
    CHECK_TRUE(t.now >= T);
    CHECK_INT(taken(s).schedule_count, 0); /* somebody has it */
    advance(s, STORE_SCHEDULE_HOLD_MS);
    CHECK_INT(taken(s).schedule_count, 1); /* he did nothing with it */
}

STORE_TEST(a_paused_schedule_and_one_that_is_over_are_never_due)
{
    (void)a_schedule(s);
    OK(set(s, .pause = 1).op.rc);
    OK(set(s, .name = STR("over"), .definition = STR("{}"), .next_at = 0).op.rc);
    advance(s, DAY);
    CHECK_INT(taken(s).schedule_count, 0);
    OK(set(s, .pause = 0).op.rc);
    CHECK_INT(taken(s).schedule_count, 1);
}

STORE_TEST(a_step_brings_the_job_and_the_next_tick_together)
{
    (void)a_schedule(s);
    advance(s, HOUR);
    (void)taken(s);
    struct store_enqueue first = step(s, T);
    CHECK_INT(first.op.rc, RC_OK);
    struct schedule now = look(s);
    CHECK_INT(now.next_at, T + HOUR);
    CHECK_INT(now.last_tick, T);
    CHECK_ID(now.last_job, first.verdicts[0].job);
    CHECK_TRUE(now.is_last_live);
    CHECK_INT(now.fired, 1);
    CHECK_INT(taken(s).schedule_count, 0);
    advance(s, HOUR);
    struct store_tick t = taken(s);
    CHECK_INT(t.schedule_count, 1);
    CHECK_TRUE(t.schedules[0].is_last_live);
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
    CHECK_FALSE(look(s).is_last_live);
}

STORE_TEST(a_step_from_where_the_schedule_is_not_does_nothing)
{
    struct schedule first = a_schedule(s);
    advance(s, HOUR);
    (void)taken(s);
    OK(step(s, T).op.rc);
    struct store_enqueue again = step(s, T); /* another node, a moment later */
    CHECK_INT(again.op.rc, RC_CONFLICT);
    CHECK_STR(str_from(again.op.e.code), STR("schedule_changed"));
    OK(set(s, .definition = STR("{\"new\":1}")).op.rc);
    CHECK_INT(step(s, T + HOUR, .version = first.version).op.rc, RC_CONFLICT);
    OK(set(s, .pause = 1).op.rc);
    CHECK_INT(step(s, T + HOUR).op.rc, RC_CONFLICT);
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
    CHECK_INT(look(s).next_at, T + HOUR);
}

/* J10 */
STORE_TEST(a_tick_has_one_job_for_ever_whatever_becomes_of_its_schedule)
{
    (void)a_schedule(s);
    advance(s, HOUR);
    struct id job = step(s, T).verdicts[0].job;
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
    AN_OP(s, op, store_delete_schedule, STORE_DELETE_SCHEDULE);
    op.tenant = s->tenant;
    op.name = STR("hourly");
    run_op(s, &op.op);
    (void)a_schedule(s);
    struct store_enqueue again = step(s, T);
    CHECK_INT(again.op.rc, RC_OK);
    CHECK_TRUE(again.verdicts[0].duplicate);
    CHECK_ID(again.verdicts[0].job, job);
    advance(s, 400 * DAY);
    (void)prune(s);
    OK(set(s, .next_at = T).op.rc);
    again = step(s, T);
    CHECK_TRUE(again.verdicts[0].duplicate && again.verdicts[0].pruned);
}

STORE_TEST(a_step_without_a_job_drops_ticks)
{
    (void)a_schedule(s);
    advance(s, HOUR);
    struct store_enqueue op = step_with(
        s, (struct schedule_step){.from = T, .next_at = T + 9 * HOUR, .dropped = 3}, (struct job_spec){0});
    CHECK_INT(op.op.rc, RC_OK);
    struct schedule now = look(s);
    CHECK_INT(now.next_at, T + 9 * HOUR);
    CHECK_INT(now.dropped, 3);
    CHECK_INT(now.fired, 0);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
}

STORE_TEST(a_step_whose_job_is_refused_leaves_the_schedule_where_it_is)
{
    (void)a_schedule(s);
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 1));
    (void)a_queued_job(s, .queue = STR("small"));
    advance(s, HOUR);
    (void)taken(s);
    struct store_enqueue op = step_with(s, STEP(T), (struct job_spec){.queue = STR("small")});
    CHECK_INT(op.op.rc, RC_BUSY);
    CHECK_INT(look(s).next_at, T);
    VERDICT(complete(s, claim_one(s, .queue = STR("small")), 1), RC_OK);
    OK(step_with(s, STEP(T), (struct job_spec){.queue = STR("small")}).op.rc);
    check_counts(s);
}

STORE_TEST(a_step_cancels_the_last_job_with_it_or_not_at_all)
{
    (void)a_schedule(s);
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 1));
    const struct job_spec small = {.queue = STR("small")};
    struct id first = step_with(s, STEP(T), small).verdicts[0].job;
    OK(set(s, .pause = 1).op.rc);
    CHECK_INT(step_with(s, STEP(T + HOUR, .cancel = first), small).op.rc, RC_CONFLICT);
    CHECK_INT(state_of(s, first), JOB_QUEUED);
    OK(set(s, .pause = 0).op.rc);
    struct store_enqueue second = step_with(s, STEP(T + HOUR, .cancel = first), small);
    CHECK_INT(second.op.rc, RC_OK); /* there is room for it now */
    CHECK_INT(state_of(s, first), JOB_CANCELLED);
    const struct job *j = claim_one(s, .queue = STR("small"));
    CHECK_ID(j->id, second.verdicts[0].job);
    struct store_enqueue third = step_with(s, STEP(T + 2 * HOUR, .cancel = j->id), small);
    CHECK_INT(third.op.rc, RC_OK);
    CHECK_TRUE(job_of(s, j->id)->cancel_requested); /* its worker is told */
    VERDICT(complete(s, j, 1), RC_OK);
    OK(step_with(s, STEP(T + 3 * HOUR, .cancel = j->id), (struct job_spec){0}).op.rc); /* it is over */
    CHECK_INT(state_of(s, j->id), JOB_COMPLETED);
    check_counts(s);
}

STORE_TEST(a_step_for_whose_job_there_is_no_room_cancels_nothing)
{
    (void)a_schedule(s);
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 1));
    const struct job_spec small = {.queue = STR("small")};
    struct id first = step_with(s, STEP(T), small).verdicts[0].job;
    const struct job *j = claim_one(s, .queue = STR("small"));
    struct id other = a_queued_job(s, .queue = STR("small"));
    CHECK_INT(step_with(s, STEP(T + HOUR, .cancel = first), small).op.rc, RC_BUSY);
    CHECK_FALSE(job_of(s, first)->cancel_requested); /* it holds no place */
    VERDICT(snooze(s, j, 1, MINUTE), RC_OK);
    CHECK_INT(step_with(s, STEP(T + HOUR, .cancel = first), small).op.rc, RC_BUSY); /* two wait: one would */
    CHECK_STATE(s, first, JOB_SCHEDULED);
    CHECK_INT(look(s).next_at, T + HOUR);
    VERDICT(cancel(s, other), RC_OK);
    OK(step_with(s, STEP(T + HOUR, .cancel = first), small).op.rc);
    CHECK_STATE(s, first, JOB_CANCELLED);
    check_counts(s);
}

DURABLE_STORE_TEST(schedules_and_their_ticks_survive_a_restart)
{
    (void)a_schedule(s);
    advance(s, HOUR);
    (void)taken(s);
    reopen(s);
    CHECK_INT(look(s).next_at, T);
    CHECK_INT(taken(s).schedule_count, is_server(s) ? 0 : 1); /* nobody else can have it */
    advance(s, STORE_SCHEDULE_HOLD_MS);
    CHECK_INT(taken(s).schedule_count, 1);
    OK(step(s, T).op.rc);
    reopen(s);
    CHECK_INT(step(s, T).op.rc, RC_CONFLICT);
    CHECK_INT(look(s).fired, 1);
}
