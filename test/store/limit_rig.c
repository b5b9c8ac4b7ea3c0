/* limit_rig.c: see limit_rig.h. */
#include "limit_rig.h"

struct limit set_limit(struct store_test *s, struct str key, struct limit_rule rule)
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

void pause_limit(struct store_test *s, struct str key, int64_t until)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.pause_until = until;
    run_op(s, &op.op);
    CHECK_INT(op.limit->state.paused_until, until);
}

struct limit read_limit(struct store_test *s, struct str key)
{
    AN_OP(s, op, store_list_limits, STORE_LIST_LIMITS);
    op.tenant = s->tenant;
    op.key = key;
    op.limit = 1;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    return op.limits[0];
}

size_t claimed(struct store_test *s, int64_t max)
{
    return claim(s, .max = max).count;
}

enum rc refused_limit(struct store_test *s, struct str key, struct limit_rule rule, struct err *e)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.has_rule = true;
    op.rule = rule;
    op.pause_until = -1;
    return store_run(s->store, &op.op, e);
}

enum rc delete_limit(struct store_test *s, struct str key, struct err *e)
{
    AN_OP(s, op, store_delete_limit, STORE_DELETE_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    return store_run(s->store, &op.op, e);
}

void queue_some(struct store_test *s, int count, struct str limits)
{
    for (int i = 0; i < count; i++) {
        a_queued_job(s, .limit_keys = limits);
    }
}
