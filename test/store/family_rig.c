/* family_rig.c: see family_rig.h. */
#include "family_rig.h"

struct report_verdict bear_children(struct store_test *s, const struct job *parent, int64_t n,
                                    const struct job_spec *specs, size_t count)
{
    struct report_verdict v = progress(s, parent, n, .children = specs, .child_count = count);
    VERDICT(v, RC_OK);
    CHECK_INT(v.child_count, count);
    return v;
}

struct id one_child(struct store_test *s, const struct job *parent, int64_t n)
{
    struct job_spec spec = CHILD();
    return bear_children(s, parent, n, &spec, 1).children[0].job;
}

struct store_list_children children_of(struct store_test *s, struct id id, int64_t cursor, int64_t limit)
{
    AN_OP(s, list, store_list_children, STORE_LIST_CHILDREN);
    list.tenant = s->tenant;
    list.job_id = id;
    list.cursor = cursor;
    list.limit = limit;
    run_op(s, &list.op);
    return list;
}

void check_tally(struct store_test *s, struct id id, int64_t open, int64_t completed, int64_t failed,
                 int64_t cancelled)
{
    struct job_children c = children_of(s, id, 0, 1).counts;
    CHECK_INT(c.open, open);
    CHECK_INT(c.completed, completed);
    CHECK_INT(c.failed, failed);
    CHECK_INT(c.cancelled, cancelled);
    CHECK_INT(c.skipped, 0);
}

struct job *take_child(struct store_test *s)
{
    return claim_one(s, .kind = STR("child"));
}
