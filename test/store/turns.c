/* turns.c: in which order jobs of a queue go: turns of groups and what they weigh, and priorities that waiting betters. */
#include "store_test.h"

static void expect_order(struct store_test *s, const char *groups)
{
    for (const char *g = groups; *g; g++) {
        const struct job *j = claim_one(s);
        char name[2] = {j->group.n ? j->group.p[0] : '-', 0};
        CHECK_STR(str_from(name), ((struct str){g, 1}));
    }
}

static void queue_group(struct store_test *s, int count, const char *group)
{
    for (int i = 0; i < count; i++) {
        a_queued_job(s, .group = str_from(group));
    }
}

STORE_TEST(groups_take_turns)
{
    queue_group(s, 5, "A");
    queue_group(s, 2, "B");
    queue_group(s, 1, "");
    expect_order(s, "-ABABAAA");
}

STORE_TEST(a_backlog_delays_the_first_job_of_another_group_by_one)
{
    queue_group(s, 40, "A");
    expect_order(s, "AAAA");
    queue_group(s, 1, "B");
    struct claimed c = claim(s, .max = 2);
    CHECK_INT(c.count, 2);
    CHECK_TRUE(str_eq(c.jobs[0].group, STR("B")) || str_eq(c.jobs[1].group, STR("B")));
}

/* Claims so many; how many of them are of the group? */
static size_t claim_of_group(struct store_test *s, int64_t max, struct str group)
{
    size_t found = 0;
    struct claimed c = claim(s, .max = max);
    for (size_t i = 0; i < c.count; i++) {
        found += str_eq(c.jobs[i].group, group);
    }
    return found;
}

STORE_TEST(who_comes_back_has_saved_no_turns_up)
{
    queue_group(s, 1, "B");
    queue_group(s, 12, "A");
    for (int i = 0; i < 9; i++) {
        claim_one(s);
    }
    queue_group(s, 3, "B");
    CHECK_INT(claim_of_group(s, 4, STR("B")), 2);
}

STORE_TEST(a_group_that_cancels_its_backlog_is_not_punished)
{
    struct id ids[10];
    for (int i = 0; i < 10; i++) {
        ids[i] = a_queued_job(s, .group = STR("A"));
    }
    queue_group(s, 10, "B");
    expect_order(s, "AB");
    for (int i = 1; i < 10; i++) {
        cancel(s, ids[i]);
    }
    queue_group(s, 3, "A");
    CHECK_INT(claim_of_group(s, 4, STR("A")), 2);
}

STORE_TEST(a_lower_number_goes_before_any_turn)
{
    queue_group(s, 2, "A");
    a_queued_job(s, .group = STR("B"), .priority = -1);
    a_queued_job(s, .group = STR("B"), .priority = -1);
    a_queued_job(s, .priority = 1);
    expect_order(s, "BBAA-");
}

STORE_TEST(many_groups_come_and_go)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 40; i++) {
            char name[16];
            str_print(name, sizeof name, "user%d", i);
            a_queued_job(s, .group = arena_str(s->a, str_from(name)));
        }
        CHECK_INT(claim(s, .max = 100).count, 40);
        CHECK_INT(claim(s, .max = 100).count, 0);
    }
}

/* ---- weights */

static void weigh(struct store_test *s, const char *weights)
{
    set_queue(s, STR("default"), settings_with(.group_weights = str_from(weights)));
}

STORE_TEST(a_group_of_weight_three_has_three_turns_for_each_of_another)
{
    weigh(s, "{\"A\":3}");
    queue_group(s, 8, "A");
    queue_group(s, 3, "B");
    for (int i = 0; i < 2; i++) {
        int of_a = 0;
        for (int n = 0; n < 4; n++) {
            of_a += str_eq(claim_one(s)->group, STR("A"));
        }
        CHECK_INT(of_a, 3);
    }
}

STORE_TEST(one_claim_of_many_gives_each_group_its_weight)
{
    weigh(s, "{\"A\":3}");
    queue_group(s, 40, "A");
    queue_group(s, 40, "B");
    CHECK_INT(claim_of_group(s, 20, STR("A")), 15);
    CHECK_INT(claim_of_group(s, 20, STR("A")), 15);
}

STORE_TEST(the_longest_beginning_tells_the_weight_of_a_group_without_its_own)
{
    weigh(s, "{\"*\": 2, \"user-*\": 4, \"user-1\": 1, \"\": 8}");
    for (int i = 0; i < 15; i++) {
        a_queued_job(s, .group = STR("user-1"));
        a_queued_job(s, .group = STR("user-2"));
        a_queued_job(s, .group = STR("other"));
        a_queued_job(s);
    }
    struct claimed c = claim(s, .max = 15);
    int of[4] = {0};
    for (size_t i = 0; i < c.count; i++) {
        struct str g = c.jobs[i].group;
        of[str_eq(g, STR("user-1")) ? 0 : str_eq(g, STR("user-2")) ? 1 : str_eq(g, STR("other")) ? 2 : 3]++;
    }
    CHECK_INT(of[0], 1);
    CHECK_INT(of[1], 4);
    CHECK_INT(of[2], 2);
    CHECK_INT(of[3], 8);
}

STORE_TEST(weights_that_change_hold_for_who_is_waiting)
{
    queue_group(s, 20, "A");
    queue_group(s, 20, "B");
    CHECK_INT(claim_of_group(s, 4, STR("A")), 2);
    weigh(s, "{\"A\":3}");
    CHECK_INT(claim_of_group(s, 8, STR("A")), 6);
    weigh(s, "");
    CHECK_INT(claim_of_group(s, 8, STR("A")), 4);
    CHECK_STR(queue_of(s, STR("default"))->settings.group_weights, STR(""));
}

DURABLE_STORE_TEST(weights_and_steps_of_age_outlive_the_server)
{
    set_queue(s, STR("default"),
              settings_with(.group_weights = STR("{\"b\":2, \"A\":3}"), .age_step_ms = MINUTE));
    set_queue(s, STR("default"), settings_with(.lease_ms = MINUTE));
    reopen(s);
    const struct queue_settings *kept = &queue_of(s, STR("default"))->settings;
    CHECK_STR(kept->group_weights, STR("{\"A\":3,\"b\":2}"));
    CHECK_INT(kept->age_step_ms, MINUTE);
    queue_group(s, 10, "A");
    queue_group(s, 10, "B");
    CHECK_INT(claim_of_group(s, 8, STR("A")), 6);
}

STORE_TEST(weights_that_are_none_are_refused_and_change_nothing)
{
    AN_OP(s, op, store_set_queue, STORE_SET_QUEUE);
    weigh(s, "{\"A\":3}");
    op.tenant = s->tenant;
    op.name = STR("default");
    op.has_settings = true;
    op.settings = settings_with(.group_weights = STR("{\"A\":0}"), .lease_ms = MINUTE);
    op.pause = -1;
    FAILS(store_run(s->store, &op.op, e), RC_INVALID);
    CHECK_STR(str_from(e->field), STR("group_weights"));
    CHECK_INT(queue_of(s, STR("default"))->settings.lease_ms, -1);
    CHECK_STR(queue_of(s, STR("default"))->settings.group_weights, STR("{\"A\":3}"));
}

/* ---- age */

static void age_by(struct store_test *s, int64_t step_ms)
{
    set_queue(s, STR("default"), settings_with(.age_step_ms = step_ms));
}

STORE_TEST(waiting_betters_the_priority_by_one_a_step)
{
    age_by(s, MINUTE);
    struct id low = a_queued_job(s, .priority = 3);
    pass(s, 2 * MINUTE);
    struct id high = a_queued_job(s, .priority = 0);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, high)); /* 1 is behind 0 */
    pass(s, MINUTE);
    struct id next = a_queued_job(s, .priority = 0);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, low)); /* as good, and older */
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, next));
}

STORE_TEST(a_low_priority_does_not_starve_under_a_steady_stream)
{
    age_by(s, 10 * SECOND);
    struct id low = a_queued_job(s, .priority = 5);
    int before = 0;
    bool was_served = false;
    for (int i = 0; i < 100 && !was_served; i++) {
        a_queued_job(s);
        was_served = id_eq(claim_one(s, .lease_ms = HOUR)->id, low);
        before += !was_served;
        pass(s, SECOND);
    }
    CHECK_TRUE(was_served);
    CHECK_INT(before, 50);
}

STORE_TEST(without_a_step_a_priority_stays_as_it_is)
{
    a_queued_job(s, .priority = 1);
    pass(s, DAY);
    struct id high = a_queued_job(s);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, high));
}

STORE_TEST(a_step_that_is_set_or_taken_back_holds_for_what_is_waiting)
{
    struct id low = a_queued_job(s, .priority = 1), lower = a_queued_job(s, .priority = 2);
    pass(s, HOUR);
    struct id high = a_queued_job(s), higher = a_queued_job(s, .priority = -1);
    age_by(s, MINUTE);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, low));
    age_by(s, -1);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, higher));
    age_by(s, 2 * HOUR);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, high));
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, lower));
}

STORE_TEST(one_claim_mixes_priorities_by_what_they_are_now)
{
    age_by(s, MINUTE);
    struct id old[2] = {a_queued_job(s, .priority = 2, .kind = STR("x")), a_queued_job(s, .priority = 2)};
    pass(s, MINUTE);
    struct id middle = a_queued_job(s, .priority = 1);
    pass(s, MINUTE);
    struct id young = a_queued_job(s), best = a_queued_job(s, .priority = -1);
    struct claimed c = claim(s, .max = 10);
    const struct id order[] = {best, old[0], old[1], middle, young};
    CHECK_INT(c.count, 5);
    for (size_t i = 0; i < c.count; i++) {
        CHECK_TRUE(id_eq(c.jobs[i].id, order[i]));
    }
}

STORE_TEST(waiting_betters_priorities_of_groups_too)
{
    age_by(s, MINUTE);
    a_queued_job(s, .group = STR("L"), .priority = 2);
    pass(s, MINUTE);
    queue_group(s, 2, "A");
    CHECK_STR(claim_one(s, .lease_ms = HOUR)->group, STR("A")); /* L has 1 */
    pass(s, 2 * MINUTE);
    expect_order(s, "AL"); /* -2 and -1 */
}

STORE_TEST(jobs_of_a_full_key_hold_up_no_priority_that_waited)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = STR("k");
    op.pause_until = JOB_FOREVER_MS;
    run_op(s, &op.op);
    age_by(s, MINUTE);
    a_queued_job(s, .limit_keys = STR("[\"k\"]"));
    struct id low = a_queued_job(s, .priority = 4);
    pass(s, HOUR);
    struct id high = a_queued_job(s);
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, low));
    CHECK_TRUE(id_eq(claim_one(s, .lease_ms = HOUR)->id, high));
    claim_none(s);
}

/* ---- at size: what stands behind costs the others nothing */

/* A database that flushes takes ten times as long to get so many; what a claim looks at there is counted in postgres_plans.c. */
static int many(const struct store_test *s)
{
    return is_server(s) || getenv("STINT_SMALL") ? 3000 : 100000;
}

static void queue_many(struct store_test *s, struct job_spec spec)
{
    enum { AT_ONCE = 1000 };
    struct job_spec *specs = arena_array(s->a, struct job_spec, AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++) {
        specs[i] = spec;
    }
    for (int i = 0; i < many(s) / AT_ONCE; i++) {
        AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
        op.op.a = arena_new();
        op.tenant = s->tenant;
        op.specs = specs;
        op.count = AT_ONCE;
        run_op(s, &op.op);
        arena_free(op.op.a);
    }
}

static void pause_key(struct store_test *s, struct str key, int64_t until)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.pause_until = until;
    run_op(s, &op.op);
}

STORE_TEST(a_hundred_thousand_jobs_of_a_group_or_of_a_paused_key_delay_nobody)
{
    queue_many(s, (struct job_spec){
                      .kind = STR("k"), .args = STR("{}"), .group = STR("A"), .limit_keys = STR("[\"k\"]")});
    CHECK_INT(claim_of_group(s, 3, STR("A")), 3);
    queue_group(s, 1, "B");
    CHECK_INT(claim_of_group(s, 2, STR("B")), 1);
    pause_key(s, STR("k"), JOB_FOREVER_MS);
    claim_none(s);
    for (int i = 0; i < 3; i++) {
        queue_group(s, 1, "C");
        CHECK_STR(claim_one(s)->group, STR("C"));
    }
    claim_none(s);
    pause_key(s, STR("k"), 0);
    queue_group(s, 2, "B");
    CHECK_INT(claim_of_group(s, 4, STR("B")), 2);
}

static void cancel_kind(struct store_test *s, struct str kind)
{
    int64_t cursor = 0;
    do {
        AN_OP(s, op, store_act, STORE_ACT);
        op.op.a = arena_new();
        op.tenant = s->tenant;
        op.action = ACT_CANCEL;
        op.filter = (struct job_filter){.kind = kind, .states = 1u << JOB_QUEUED};
        op.cursor = cursor;
        op.limit = 1000;
        run_op(s, &op.op);
        cursor = op.next_cursor;
        arena_free(op.op.a);
    } while (cursor);
}

STORE_TEST(a_group_that_cancels_a_hundred_thousand_jobs_is_not_punished)
{
    queue_many(s, (struct job_spec){.kind = STR("gone"), .args = STR("{}"), .group = STR("A")});
    queue_group(s, 10, "B");
    CHECK_INT(claim_of_group(s, 4, STR("A")), 2);
    cancel_kind(s, STR("gone"));
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], 8);
    queue_group(s, 3, "A");
    CHECK_INT(claim_of_group(s, 4, STR("A")), 2);
}

/* So many groups that a claim does not look for them anew each time. What was claimed for while the queue was paused, and what came
 * meanwhile, is there at once. */
STORE_TEST(of_many_groups_the_first_one_is_still_known_behind_a_pause)
{
    for (int64_t i = 0; i < 200; i++) {
        a_queued_job(s, .group = arena_printf(s->a, "g%lld", (long long)i));
    }
    struct id first = a_queued_job(s, .group = STR("first"), .priority = -1);
    CHECK_ID(claim_one(s)->id, first);
    first = a_queued_job(s, .group = STR("first"), .priority = -1);
    pause_queue(s, STR("default"));
    claim_none(s);
    struct id late = a_queued_job(s, .group = STR("late"), .priority = -2);
    claim_none(s);
    resume_queue(s, STR("default"));
    CHECK_ID(claim_one(s)->id, late);
    CHECK_ID(claim_one(s)->id, first);
}
