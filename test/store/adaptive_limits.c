/* adaptive_limits.c: keys whose slots are cut by half when they refuse, and grow again with what completes. */
#include "limit_rig.h"
#include "postgres_rig.h"

#define ADAPTIVE(n) ((struct limit_rule){.concurrency = (n), .is_adaptive = true})

static int64_t slots(struct store_test *s, struct str key)
{
    struct limit l = read_limit(s, key);
    return limit_slots(&l.rule, &l.state, s->now);
}

static void refuse(struct store_test *s, const struct job *j)
{
    VERDICT(fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = A, .retry_after_ms = SECOND), RC_OK);
}

/* Eight run, and the key refuses the first: four are left when the pause is over. */
static struct claimed a_cut_key(struct store_test *s, struct str limits)
{
    queue_some(s, 200, limits);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 8);
    refuse(s, &c.jobs[0]);
    CHECK_INT(slots(s, A), 4);
    return c;
}

STORE_TEST(a_key_that_refuses_is_cut_by_half_once_a_burst)
{
    set_limit(s, A, ADAPTIVE(8));
    struct claimed c = a_cut_key(s, HOST);
    for (size_t i = 1; i < c.count; i++) {
        pass(s, SECOND / 8);
        refuse(s, &c.jobs[i]);
    }
    CHECK_INT(slots(s, A), 4);
    pass(s, SECOND);
    c = claim(s, .max = 10);
    CHECK_INT(c.count, 4);
    pass(s, 1);
    refuse(s, &c.jobs[0]);
    refuse(s, &c.jobs[1]);
    CHECK_INT(slots(s, A), 2);
    release(s, &c.jobs[2], 1);
    release(s, &c.jobs[3], 1);
    for (size_t more = 2; more > 0; more--) { /* one at least is left */
        pass(s, MINUTE);
        c = claim(s, .max = 10);
        CHECK_INT(c.count, more);
        pass(s, 1);
        for (size_t i = 0; i < c.count; i++) {
            refuse(s, &c.jobs[i]);
        }
        CHECK_INT(slots(s, A), 1);
    }
}

STORE_TEST(each_window_of_jobs_that_complete_gives_one_slot_back)
{
    static const size_t windows[] = {4, 4, 5, 6,
                                     7, 8, 8}; /* the first runs a little short: 4 + 4 * 1/4 and less */
    set_limit(s, A, ADAPTIVE(8));
    struct claimed c = a_cut_key(s, HOST);
    for (size_t i = 1; i < c.count; i++) {
        release(s, &c.jobs[i], 1);
    }
    pass(s, SECOND);
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
        c = claim(s, .max = 10);
        CHECK_INT(c.count, windows[w]);
        CHECK_INT(claimed(s, 10), 0);
        for (size_t i = 0; i < c.count; i++) {
            VERDICT(complete(s, &c.jobs[i], 1), RC_OK);
        }
    }
    CHECK_INT(slots(s, A), 8);
    CHECK_INT(read_limit(s, A).state.cut_micro, 0);
}

STORE_TEST(what_does_not_complete_gives_nothing_back)
{
    set_limit(s, A, ADAPTIVE(8));
    struct claimed c = a_cut_key(s, HOST);
    fail(s, &c.jobs[1], 1, ERROR_TRANSIENT);
    fail(s, &c.jobs[2], 1, ERROR_PERMANENT);
    release(s, &c.jobs[3], 1);
    CHECK_INT(read_limit(s, A).state.cut_micro, 4000000);
    complete(s, &c.jobs[4], 1);
    CHECK_INT(read_limit(s, A).state.cut_micro, 4250000);
}

STORE_TEST(a_key_whose_rule_is_not_adaptive_is_paused_alone)
{
    set_limit(s, A, CAPPED(8));
    queue_some(s, 20, HOST);
    struct claimed c = claim(s, .max = 10);
    refuse(s, &c.jobs[0]);
    CHECK_INT(slots(s, A), 8);
    CHECK_INT(read_limit(s, A).state.cut_at, 0);
    FAILS(refused_limit(s, A, (struct limit_rule){.is_adaptive = true}, e), RC_INVALID);
    CHECK_STR(str_from(e->field), STR("adaptive"));
}

STORE_TEST(a_key_is_adaptive_by_its_pattern_and_whole_again_when_it_has_a_rule)
{
    set_limit(s, STR("host:*"), ADAPTIVE(8));
    (void)a_cut_key(s, BOTH);
    CHECK_INT(slots(s, STR("host:b")), 8); /* which nobody has named as the one that refused */
    set_limit(s, STR("host:*"), CAPPED(6));
    CHECK_INT(slots(s, A), 6);
    set_limit(s, STR("host:*"), ADAPTIVE(6));
    CHECK_INT(slots(s, A), 4);
    pass(s, DAY - 1);
    CHECK_INT(slots(s, A), 4);
    pass(s, 1);
    CHECK_INT(slots(s, A), 6);
    set_limit(s, A, ADAPTIVE(5));
    CHECK_INT(slots(s, A), 5);
}

DURABLE_STORE_TEST(a_cut_outlives_the_server)
{
    set_limit(s, A, ADAPTIVE(8));
    struct claimed c = a_cut_key(s, HOST);
    complete(s, &c.jobs[1], 1);
    reopen(s);
    struct limit l = read_limit(s, A);
    CHECK_TRUE(l.rule.is_adaptive);
    CHECK_INT(l.state.cut_micro, 4250000);
    for (size_t i = 2; i < c.count; i++) {
        complete(s, &c.jobs[i], 1);
    }
    reopen(s);
    pass(s, SECOND);
    CHECK_INT(claimed(s, 10), 5);
    CHECK_INT(slots(s, A), 5);
}

STORE_TEST(what_completes_mends_by_the_rule_that_held_then)
{
    set_limit(s, STR("host:*"), ADAPTIVE(8));
    struct claimed c = a_cut_key(s, HOST);
    set_limit(s, STR("host:*"), ADAPTIVE(4));
    complete(s, &c.jobs[1], 1); /* it has all that there is: the cut is forgotten */
    set_limit(s, STR("host:*"), ADAPTIVE(8));
    CHECK_INT(slots(s, A), 8);
}

STORE_TEST(a_job_that_is_heavier_than_a_cut_key_begins_alone)
{
    set_limit(s, A, ADAPTIVE(8));
    queue_some(s, 8, HOST);
    struct claimed c = claim(s, .max = 10), now = {0};
    struct id heavy = a_queued_job(s, .limit_keys = STR("[{\"key\":\"host:a\",\"weight\":7}]"));
    VERDICT(fail(s, &c.jobs[0], 1, ERROR_RATE_LIMITED, .pause_key = A, .retry_after_ms = SECOND), RC_OK);
    pass(s, SECOND);
    for (size_t i = 1; i < c.count; i++) {
        CHECK_INT(claimed(s, 10), 0);
        VERDICT(fail(s, &c.jobs[i], 1, ERROR_PERMANENT), RC_OK);
    }
    now = claim(s, .max = 10);
    CHECK_INT(now.count, 1);
    CHECK_TRUE(id_eq(now.jobs[0].id, heavy));
    queue_some(s, 8, HOST);
    CHECK_INT(claimed(s, 10), 0);
    complete(s, &now.jobs[0], 1);
    CHECK_INT(claimed(s, 10), 4);
}

STORE_TEST(few_slots_are_cut_and_mended_too)
{
    set_limit(s, A, ADAPTIVE(1));
    queue_some(s, 100, HOST);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 1);
    refuse(s, &c.jobs[0]);
    CHECK_INT(slots(s, A), 1);
    set_limit(s, A, ADAPTIVE(3));
    pass(s, SECOND);
    c = claim(s, .max = 10);
    CHECK_INT(c.count, 3);
    refuse(s, &c.jobs[0]);
    CHECK_INT(slots(s, A), 1);
    complete(s, &c.jobs[1], 1);
    CHECK_INT(slots(s, A), 2);
    pass(s, SECOND);
    CHECK_INT(claimed(s, 10), 1);
}

SERVER_STORE_TEST(what_has_completed_of_a_key_is_forgotten_with_its_cut)
{
    set_limit(s, STR("host:*"), ADAPTIVE(8));
    queue_some(s, 8, HOST);
    struct claimed c = claim(s, .max = 10);
    refuse(s, &c.jobs[0]);
    for (size_t i = 1; i < c.count; i++) {
        complete(s, &c.jobs[i], 1);
    }
    struct pg *other = a_stranger(s);
    CHECK_INT(pg_rig_int(other, "SELECT count(*) FROM stint.limit_mend"), 7);
    pass(s, DAY);
    (void)prune(s);
    CHECK_INT(pg_rig_int(other, "SELECT count(*) FROM stint.limit_key WHERE NOT is_set"), 0);
    CHECK_INT(pg_rig_int(other, "SELECT count(*) FROM stint.limit_mend"), 0);
    pg_close(other);
}
