/* limits.c: how many jobs of a key run at once, how many begin in a time, and keys that are paused. */
#include "store_test.h"

#define CAPPED(n)          ((struct limit_rule){.concurrency = (n)})
#define RATED(n, ms, more) ((struct limit_rule){.rate = (n), .period_ms = (ms), .burst = (more)})

static struct limit set(struct store_test *s, struct str key, struct limit_rule rule)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.has_rule = true;
    op.rule = rule;
    op.pause_until = -1;
    run_op(s, &op.op);
    return *op.limit;
}

static void pause_until(struct store_test *s, struct str key, int64_t until)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.pause_until = until;
    run_op(s, &op.op);
    CHECK_INT(op.limit->state.paused_until, until);
}

static struct limit read_limit(struct store_test *s, struct str key)
{
    AN_OP(s, op, store_list_limits, STORE_LIST_LIMITS);
    op.tenant = s->tenant;
    op.key = key;
    op.limit = 1;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    return op.limits[0];
}

static size_t claimed(struct store_test *s, int64_t max)
{
    return claim(s, .max = max).count;
}

#define HOST STR("[\"host:a\"]")

STORE_TEST(no_more_jobs_of_a_key_run_than_it_allows)
{
    set(s, STR("host:a"), CAPPED(2));
    for (int i = 0; i < 4; i++) {
        a_queued_job(s, .limit_keys = HOST);
    }
    struct id free_one = a_queued_job(s);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 3); /* two of the key, and the one that names none */
    CHECK_STATE(s, free_one, JOB_PROCESSING);
    CHECK_INT(read_limit(s, STR("host:a")).state.used, 2);
    CHECK_INT(read_limit(s, STR("host:a")).waiting, 2);
    complete(s, &c.jobs[0], 1);
    CHECK_INT(claimed(s, 10), 1);
    CHECK_INT(claimed(s, 10), 0);
}
