/* Lists of batches: by name and by label. */
#include "store_test.h"

static struct id make(struct store_test *s, struct str name, struct str labels)
{
    const struct batch_plan plan = {.name = name, .labels = labels, .is_closed = true};
    const struct job_spec spec = {.plan = &plan, .ref = BATCH_REF};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0].job;
}

/* All pages, of two each. Every one but the last says where to go on. */
static size_t found(struct store_test *s, struct str name, struct str label, struct id *out, size_t room)
{
    size_t count = 0;
    int64_t cursor = 0;
    do {
        AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
        op.tenant = s->tenant;
        op.name = name;
        op.label = label;
        op.cursor = cursor;
        op.limit = 2;
        run_op(s, &op.op);
        CHECK_TRUE(op.count <= 2);
        for (size_t i = 0; i < op.count && count < room; i++) {
            out[count++] = op.batches[i].id;
        }
        cursor = op.next_cursor;
    } while (cursor);
    return count;
}

#define FIND(name, label) found(s, STR(name), STR(label), ids, 20)

STORE_TEST(batches_are_found_by_name_and_by_label)
{
    struct id ids[20], made[8];
    for (int i = 0; i < 8; i++) {
        made[i] = make(s, i % 2 ? STR("odd") : STR("even"),
                       i < 5 ? STR("{\"day\":\"1\",\"a:b\":\"\\u00e4\\n\"}") : STR("{\"day\":\"2\"}"));
    }
    CHECK_INT(FIND("odd", ""), 4);
    CHECK_ID(ids[0], made[7]);
    CHECK_ID(ids[3], made[1]);
    CHECK_INT(FIND("", "day:1"), 5);
    CHECK_ID(ids[0], made[4]);
    CHECK_ID(ids[4], made[0]);
    CHECK_INT(FIND("", "a:b:\xc3\xa4\n"), 5);
    CHECK_INT(FIND("odd", "day:1"), 2);
    CHECK_ID(ids[0], made[3]);
    CHECK_ID(ids[1], made[1]);
    CHECK_INT(FIND("odd", "day:2"), 2);
    CHECK_INT(FIND("", "day:"), 0);
    CHECK_INT(FIND("", "day:11"), 0);
    CHECK_INT(FIND("none", "day:1"), 0);
    CHECK_INT(FIND("", ""), 8);
    as_tenant(s, 2);
    CHECK_INT(FIND("odd", ""), 0);
    CHECK_INT(FIND("", "day:1"), 0);
}

STORE_TEST(labels_that_cannot_be_asked_for_are_kept_all_the_same)
{
    struct id ids[20];
    struct str text = arena_printf(s->a, "{\"n\":\"\\u0000\",\"long\":\"%0300d\"}", 0);
    struct id id = make(s, STR("odd\xc3\xa4"), text);
    (void)make(s, STR("double"), STR("{\"a\":\"1\",\"a\":\"1\"}"));
    CHECK_INT(FIND("odd\xc3\xa4", ""), 1);
    CHECK_ID(ids[0], id);
    CHECK_INT(FIND("", "a:1"), 1);
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    op.tenant = s->tenant;
    op.id = id;
    run_op(s, &op.op);
    CHECK_STR(op.batches[0].labels, text);
}

STORE_TEST(a_batch_that_is_gone_is_not_found_by_its_label)
{
    struct id ids[20];
    (void)make(s, STR("b"), STR("{\"day\":\"1\"}"));
    (void)tick(s);
    CHECK_INT(FIND("", "day:1"), 1);
    advance(s, 9 * DAY);
    (void)prune(s);
    CHECK_INT(FIND("", "day:1"), 0);
    (void)make(s, STR("b"), STR("{\"day\":\"1\"}"));
    CHECK_INT(FIND("b", "day:1"), 1);
}
