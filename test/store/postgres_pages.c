/* Two nodes on one database make ids of one ordinal, and cursors are ordinals: pages, however small, show all of them. */
#include "store_test.h"

/* The next row of a list: whatever it lists, the operation has these members. */
#define ONE_ROW(s, o, at)                                                                                    \
    ((o).tenant = (s)->tenant, (o).cursor = *(at), (o).limit = 1, run_op((s), &(o).op),                      \
     *(at) = (o).next_cursor, (o).count)

static size_t page_of_batches(struct store_test *s, struct id of, int64_t *cursor)
{
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    (void)of;
    return ONE_ROW(s, op, cursor);
}

static size_t page_of_results(struct store_test *s, struct id batch, int64_t *cursor)
{
    AN_OP(s, op, store_list_results, STORE_LIST_RESULTS);
    op.batch = batch;
    return ONE_ROW(s, op, cursor);
}

static size_t page_of_children(struct store_test *s, struct id parent, int64_t *cursor)
{
    AN_OP(s, op, store_list_children, STORE_LIST_CHILDREN);
    op.job_id = parent;
    return ONE_ROW(s, op, cursor);
}

static size_t seen(struct store_test *s, size_t (*page)(struct store_test *, struct id, int64_t *),
                   struct id of)
{
    size_t count = 0;
    int64_t cursor = 0;
    do {
        count += page(s, of, &cursor);
    } while (cursor);
    return count;
}

static struct id a_batch(struct store_test *s)
{
    const struct batch_plan plan = {.name = STR("b")};
    const struct job_spec spec = {.plan = &plan, .ref = BATCH_REF};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0].job;
}

static struct id a_child(struct store_test *s, const struct job *parent, int64_t n)
{
    const struct job_spec spec = {.kind = STR("child"), .queue = STR("children")};
    struct report_verdict v = progress(s, parent, n, .children = &spec, .child_count = 1);
    VERDICT(v, RC_OK);
    return v.children[0].job;
}

SERVER_STORE_TEST(pages_of_one_show_all_that_two_nodes_have_made_at_once)
{
    struct store *nodes[2] = {s->store};
    struct id batches[2], jobs[2], children[2];
    OK(store_open(&nodes[1], s->url, &s->options, e));
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    for (int i = 0; i < 2; i++) {
        s->store = nodes[i];
        advance(s, i ? 0 : SECOND); /* each counts from the beginning of the second */
        batches[i] = a_batch(s);
        jobs[i] = a_queued_job(s, .kind = STR("job"), .batch = batches[0]);
        children[i] = a_child(s, parent, i + 1);
    }
    for (int i = 0; i < 2; i++) {
        VERDICT(complete(s, claim_one(s, .kind = STR("job")), 1), RC_OK);
    }
    CHECK_INT(id_ordinal(batches[0]), id_ordinal(batches[1]));
    CHECK_INT(id_ordinal(jobs[0]), id_ordinal(jobs[1]));
    CHECK_INT(id_ordinal(children[0]), id_ordinal(children[1]));
    CHECK_INT(seen(s, page_of_batches, batches[0]), 2);
    CHECK_INT(seen(s, page_of_results, batches[0]), 2);
    CHECK_INT(seen(s, page_of_children, parent->id), 2);
    s->store = nodes[0];
    store_close(nodes[1]);
}
