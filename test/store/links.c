/* Jobs that depend on others: depends_on, what becomes of those whose parents fail, and what is refused. */
#include "store_test.h"

#include <string.h>

/* Depends on these, refs or ids. */
#define ON(...)                                                                                              \
    .depends_on = (const struct str[]){__VA_ARGS__},                                                         \
    .depends_count = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

static struct store_enqueue enqueue_list(struct store_test *s, const struct job_spec *specs, size_t count)
{
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = count;
    (void)!store_run(s->store, &op.op, NULL);
    return op;
}

/* All must be enqueued. */
static struct id *enqueue_all(struct store_test *s, const struct job_spec *specs, size_t count)
{
    struct store_enqueue op = enqueue_list(s, specs, count);
    struct id *ids = arena_array(s->a, struct id, count);
    CHECK_INT(op.op.rc, RC_OK);
    for (size_t i = 0; i < count; i++) {
        ids[i] = op.verdicts[i].job;
    }
    return ids;
}

static struct str text_of(struct store_test *s, struct id id)
{
    return arena_str(s->a, str_from(id_text(id).s));
}

/* The enqueue is refused as a whole, with this word for this item. */
static void check_refused(struct store_test *s, const struct job_spec *specs, size_t count, size_t item,
                          const char *code, const char *field)
{
    size_t before = count_of(s, (struct job_filter){0});
    struct store_enqueue op = enqueue_list(s, specs, count);
    CHECK_INT(op.op.rc, RC_INVALID);
    CHECK_INT(op.verdicts[item].rc, RC_INVALID);
    CHECK_STR(str_from(op.verdicts[item].e.code), str_from(code));
    CHECK_STR(str_from(op.verdicts[item].e.field), str_from(field));
    CHECK_INT(count_of(s, (struct job_filter){0}), before);
}

STORE_TEST(a_job_runs_behind_those_on_which_it_depends)
{
    struct job_spec specs[] = {{.kind = STR("last"), ON(STR("a"), STR("b"))},
                               {.kind = STR("k"), .ref = STR("a")},
                               {.kind = STR("k"), .ref = STR("b")}};
    struct id *ids = enqueue_all(s, specs, 3);
    CHECK_STATE(s, ids[0], JOB_BLOCKED);
    CHECK_INT(job_of(s, ids[0])->depends_count, 2);
    CHECK_ID(job_of(s, ids[0])->depends_on[0], ids[1]);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    (void)pass(s, SECOND);
    CHECK_STATE(s, ids[0], JOB_BLOCKED);
    CHECK_INT(job_of(s, ids[0])->depends_count, 1);
    CHECK_ID(job_of(s, ids[0])->depends_on[0], ids[2]);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    claim_none(s, .kind = STR("last"));
    (void)tick(s);
    CHECK_STATE(s, ids[0], JOB_QUEUED);
    CHECK_INT(job_of(s, ids[0])->depends_count, 0);
    struct job *last = claim_one(s, .kind = STR("last"));
    CHECK_INT(last->attempt, 1);
    VERDICT(complete(s, last, 1), RC_OK);
    check_counts(s);
}

STORE_TEST(a_delay_of_a_blocked_job_goes_on_behind_the_others)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")},
                               {.kind = STR("late"), .delay_ms = MINUTE, ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_SCHEDULED);
    (void)pass(s, MINUTE);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
}

STORE_TEST(a_failure_goes_down_a_chain_as_each_job_has_said)
{
    struct job_spec specs[] = {
        {.kind = STR("k"), .ref = STR("a")},
        {.kind = STR("f"), .ref = STR("b"), ON(STR("a"))},
        {.kind = STR("f"), .ref = STR("c"), ON(STR("b")), .on_parent_failure = JOB_ON_PARENT_SKIP},
        {.kind = STR("f"), .ref = STR("d"), ON(STR("c"))},
        {.kind = STR("e"), ON(STR("d")), .on_parent_failure = JOB_ON_PARENT_CONTINUE}};
    struct id *ids = enqueue_all(s, specs, 5);
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    struct job *b = job_of(s, ids[1]), *c = job_of(s, ids[2]), *d = job_of(s, ids[3]);
    CHECK_INT(b->state, JOB_FAILED);
    CHECK_INT(b->reason, JOB_REASON_PARENT_FAILED);
    CHECK_STR(b->error.code, STR("parent_failed"));
    CHECK_TRUE(strstr(b->error.message.p, text_of(s, ids[0]).p) != NULL);
    CHECK_INT(c->state, JOB_SKIPPED);
    CHECK_INT(c->reason, JOB_REASON_PARENT_FAILED);
    CHECK_INT(d->state, JOB_FAILED);
    CHECK_STATE(s, ids[4], JOB_QUEUED);
    check_events(s, ids[1]);
    check_events(s, ids[2]);
    check_counts(s);
}

STORE_TEST(one_failure_is_enough_and_the_others_are_not_waited_for)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")},
                               {.kind = STR("slow"), .ref = STR("b")},
                               {.kind = STR("last"), ON(STR("a"), STR("b"))}};
    struct id *ids = enqueue_all(s, specs, 3);
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[2], JOB_FAILED);
    VERDICT(complete(s, claim_one(s, .kind = STR("slow")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[2], JOB_FAILED);
    check_counts(s);
}

STORE_TEST(a_cancelled_job_is_a_failure_for_those_that_depend_on_it)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")}, {.kind = STR("last"), ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    VERDICT(cancel(s, ids[0]), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_FAILED);
}

STORE_TEST(a_job_may_depend_on_one_that_is_there_already)
{
    struct job *running = a_processing_job(s, .kind = STR("first"));
    struct job_spec spec = {.kind = STR("then"), ON(text_of(s, running->id))};
    struct id then = enqueue_all(s, &spec, 1)[0];
    (void)tick(s);
    CHECK_STATE(s, then, JOB_BLOCKED);
    VERDICT(complete(s, running, 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, then, JOB_QUEUED);
}

STORE_TEST(what_has_ended_already_is_told_at_once)
{
    struct job *good = a_processing_job(s, .kind = STR("good")),
               *bad = a_processing_job(s, .kind = STR("bad"));
    VERDICT(complete(s, good, 1), RC_OK);
    VERDICT(fail(s, bad, 1, ERROR_PERMANENT), RC_OK);
    struct job_spec specs[] = {{.kind = STR("k"), ON(text_of(s, good->id))},
                               {.kind = STR("k"), ON(text_of(s, bad->id))},
                               {.kind = STR("k"),
                                ON(text_of(s, bad->id), text_of(s, good->id)),
                                .on_parent_failure = JOB_ON_PARENT_CONTINUE}};
    struct id *ids = enqueue_all(s, specs, 3);
    (void)tick(s);
    CHECK_STATE(s, ids[0], JOB_QUEUED);
    CHECK_STATE(s, ids[1], JOB_FAILED);
    CHECK_STATE(s, ids[2], JOB_QUEUED);
    check_counts(s);
}

/* Also when no tick has come between two ends of it. */
STORE_TEST(who_depended_on_the_first_life_of_a_job_is_told_of_its_first_end)
{
    struct job *first = a_processing_job(s, .kind = STR("k"));
    struct job_spec spec = {.kind = STR("then"), ON(text_of(s, first->id))};
    struct id before = enqueue_all(s, &spec, 1)[0];
    VERDICT(fail(s, first, 1, ERROR_PERMANENT), RC_OK);
    VERDICT(retry(s, first->id), RC_OK);
    struct id behind = enqueue_all(s, &spec, 1)[0];
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, before, JOB_FAILED);
    CHECK_STATE(s, behind, JOB_QUEUED);
    check_counts(s);
}

STORE_TEST(to_depend_on_a_duplicate_is_to_depend_on_the_job_that_holds_the_key)
{
    struct job *holder = a_processing_job(s, .kind = STR("first"), .unique_key = STR("u"));
    struct job_spec specs[] = {{.kind = STR("first"), .ref = STR("a"), .unique_key = STR("u")},
                               {.kind = STR("then"), ON(STR("a"))},
                               {.kind = STR("x"), .ref = STR("c"), .unique_key = STR("v")},
                               {.kind = STR("x"), .ref = STR("d"), .unique_key = STR("v")},
                               {.kind = STR("after"), ON(STR("d"), STR("c"))}};
    struct id *ids = enqueue_all(s, specs, 5);
    CHECK_ID(ids[0], holder->id);
    CHECK_ID(ids[3], ids[2]);
    VERDICT(complete(s, holder, 1), RC_OK);
    VERDICT(complete(s, claim_one(s, .kind = STR("x")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
    CHECK_STATE(s, ids[4], JOB_QUEUED);
}

STORE_TEST(a_key_whose_job_is_gone_holds_nobody_up)
{
    struct job *old =
        a_processing_job(s, .kind = STR("old"), .unique_key = STR("u"), .unique_for_ms = JOB_FOREVER_MS);
    VERDICT(complete(s, old, 1), RC_OK);
    VERDICT(purge(s, old->id), RC_OK);
    struct job_spec specs[] = {{.kind = STR("old"), .ref = STR("a"), .unique_key = STR("u")},
                               {.kind = STR("then"), ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
}

/* Also while those who had failed with it are not told yet. */
STORE_TEST(who_depends_on_a_job_that_is_gone_is_not_told_how_it_ended)
{
    struct job_spec first = {.kind = STR("k"), .unique_key = STR("u"), .unique_for_ms = HOUR};
    struct id id = enqueue_all(s, &first, 1)[0];
    struct job_spec then = {.kind = STR("then"), ON(text_of(s, id))};
    struct id before = enqueue_all(s, &then, 1)[0];
    VERDICT(cancel(s, id), RC_OK);
    VERDICT(purge(s, id), RC_OK);
    first.ref = STR("a");
    struct job_spec specs[] = {first, {.kind = STR("then"), ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    CHECK_ID(ids[0], id);
    (void)tick(s);
    CHECK_STATE(s, before, JOB_FAILED);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
    check_counts(s);
}

STORE_TEST(what_can_never_run_is_refused_and_nothing_is_created)
{
    struct job_spec cycle[] = {{.kind = STR("k"), .ref = STR("a"), ON(STR("b"))},
                               {.kind = STR("k"), .ref = STR("b"), ON(STR("c"))},
                               {.kind = STR("k"), .ref = STR("c"), ON(STR("a"))}};
    check_refused(s, cycle, 3, 0, "dependency_cycle", "depends_on");
    struct store_enqueue told = enqueue_list(s, cycle, 3);
    CHECK_TRUE(strstr(told.verdicts[0].e.text, "a -> b -> c -> a") != NULL);
    struct job_spec itself = {.kind = STR("k"), .ref = STR("a"), ON(STR("a"))};
    struct job_spec twice[] = {itself, {.kind = STR("k")}};
    check_refused(s, twice, 2, 0, "dependency_cycle", "depends_on");
    struct job_spec by_key[] = {{.kind = STR("k"), .ref = STR("a"), .unique_key = STR("u"), ON(STR("b"))},
                                {.kind = STR("k"), .ref = STR("b"), .unique_key = STR("u")}};
    check_refused(s, by_key, 2, 0, "dependency_cycle", "depends_on");
    struct job_spec dangling[] = {{.kind = STR("k")}, {.kind = STR("k"), ON(STR("nobody"))}};
    check_refused(s, dangling, 2, 1, "unknown_dependency", "depends_on/0");
    struct job_spec unknown[] = {{.kind = STR("k")},
                                 {.kind = STR("k"), ON(STR("0199f3c8-7a10-7000-8000-000000000001"))}};
    check_refused(s, unknown, 2, 1, "unknown_dependency", "depends_on");
    struct job_spec refs[] = {{.kind = STR("k"), .ref = STR("a")},
                              {.kind = STR("k"), .ref = STR("a"), ON(STR("a"))}};
    check_refused(s, refs, 2, 1, "invalid_field", "ref");
    struct job_spec like_id[] = {{.kind = STR("k")},
                                 {.kind = STR("k"), .ref = STR("0199f3c8-7a10-7000-8000-000000000001")}};
    check_refused(s, like_id, 2, 1, "invalid_field", "ref");
}

STORE_TEST(a_job_that_would_keep_its_batch_open_for_what_runs_behind_it_is_refused)
{
    const struct batch_plan plan = {0};
    struct job_spec both[] = {{.plan = &plan, .ref = BATCH_REF},
                              {.kind = STR("k"), .ref = STR("a"), .joins_first = true, ON(STR("f"))},
                              {.kind = STR("last"), .ref = STR("f"), .is_finaliser = true, ON(BATCH_REF)}};
    check_refused(s, both, 3, 1, "dependency_cycle", "depends_on");
    both[1].depends_count = 0;
    struct id *ids = enqueue_all(s, both, 3);
    struct job_spec behind_last[] = {{.kind = STR("k"), .batch = ids[0], ON(text_of(s, ids[2]))}};
    check_refused(s, behind_last, 1, 0, "dependency_cycle", "depends_on");
    struct job_spec behind_batch[] = {{.kind = STR("k")},
                                      {.kind = STR("k"), .batch = ids[0], ON(text_of(s, ids[0]))}};
    check_refused(s, behind_batch, 2, 1, "dependency_cycle", "depends_on");
    behind_batch[1].batch = (struct id){{0}}; /* it waits, and the batch not for it */
    VERDICT(enqueue_list(s, behind_batch, 2).op, RC_OK);
    VERDICT(cancel(s, ids[2]), RC_OK); /* it waits for nobody any more */
    VERDICT(enqueue_list(s, behind_last, 1).op, RC_OK);
}

STORE_TEST(the_job_of_another_tenant_is_no_job_to_depend_on)
{
    struct job *theirs = a_processing_job(s);
    as_tenant(s, s->foreign);
    struct job_spec specs[] = {{.kind = STR("k")}, {.kind = STR("k"), ON(text_of(s, theirs->id))}};
    check_refused(s, specs, 2, 1, "unknown_dependency", "depends_on");
}

STORE_TEST(a_blocked_job_can_be_cancelled_and_then_depends_on_nothing)
{
    struct job_spec specs[] = {
        {.kind = STR("k"), .ref = STR("a")},
        {.kind = STR("then"), .ref = STR("b"), ON(STR("a"))},
        {.kind = STR("then"), ON(STR("b")), .on_parent_failure = JOB_ON_PARENT_CONTINUE}};
    struct id *ids = enqueue_all(s, specs, 3);
    VERDICT(cancel(s, ids[1]), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_CANCELLED);
    CHECK_STATE(s, ids[2], JOB_QUEUED);
    VERDICT(retry(s, ids[1]), RC_OK);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
    check_counts(s);
}

STORE_TEST(a_deadline_of_a_blocked_job_passes)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")},
                               {.kind = STR("then"), .deadline_ms = MINUTE, ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    (void)pass(s, 2 * MINUTE);
    struct job *then = job_of(s, ids[1]);
    CHECK_INT(then->state, JOB_SKIPPED);
    CHECK_INT(then->reason, JOB_REASON_EXPIRED);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_SKIPPED);
}

STORE_TEST(many_jobs_hear_of_the_end_of_one)
{
    enum { MANY = 450 };
    static const struct str on_first = {"a", 1};
    struct job_spec *specs = arena_array(s->a, struct job_spec, MANY + 1);
    specs[0] = (struct job_spec){.kind = STR("k"), .ref = STR("a")};
    for (int i = 1; i <= MANY; i++) {
        specs[i] = (struct job_spec){.kind = STR("then"), .depends_on = &on_first, .depends_count = 1};
    }
    struct id *ids = enqueue_all(s, specs, MANY + 1);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
    CHECK_STATE(s, ids[MANY], JOB_QUEUED);
    check_counts(s);
}

#define CHAIN 1000

/* Each on the one before. What runs anyway in the middle of it ends it: nothing behind that one has failed. */
static struct id *a_chain(struct store_test *s, size_t anyway)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, CHAIN);
    for (size_t i = 0; i < CHAIN; i++) {
        struct str *on = arena_alloc(s->a, sizeof *on);
        *on = arena_printf(s->a, "r%zu", i ? i - 1 : 0);
        specs[i] = (struct job_spec){.kind = i ? STR("then") : STR("k"),
                                     .args = STR("{}"),
                                     .ref = arena_printf(s->a, "r%zu", i),
                                     .depends_on = on,
                                     .depends_count = i > 0,
                                     .on_parent_failure = i == anyway  ? JOB_ON_PARENT_CONTINUE
                                                          : i % 7 == 1 ? JOB_ON_PARENT_SKIP
                                                                       : JOB_ON_PARENT_FAIL};
    }
    return enqueue_all(s, specs, CHAIN);
}

STORE_TEST(a_failure_goes_down_a_long_chain_many_jobs_at_a_time)
{
    const size_t anyway = CHAIN - 10;
    struct id *ids = a_chain(s, anyway);
    bool more = true;
    int rounds = 0;
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    for (; more; rounds++) {
        AN_OP(s, op, store_tick, STORE_TICK);
        op.limit = 1000;
        run_op(s, &op.op);
        more = op.more;
    }
    CHECK_TRUE(rounds < CHAIN / 4);
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_SKIPPED}), (anyway + 5) / 7);
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_FAILED}), anyway - (anyway + 5) / 7);
    CHECK_STATE(s, ids[anyway - 1], JOB_FAILED);
    CHECK_STATE(s, ids[anyway], JOB_QUEUED);
    CHECK_STATE(s, ids[CHAIN - 1], JOB_BLOCKED);
    CHECK_INT(job_of(s, ids[CHAIN - 1])->depends_count, 1);
    check_counts(s);
}

STORE_TEST(with_partial_nothing_may_depend)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")}, {.kind = STR("k"), ON(STR("a"))}};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 2;
    op.partial = true;
    run_op(s, &op.op);
    CHECK_INT(op.op.rc, RC_OK);
    CHECK_INT(op.verdicts[0].rc, RC_OK);
    CHECK_INT(op.verdicts[1].rc, RC_INVALID);
    CHECK_STR(str_from(op.verdicts[1].e.field), STR("depends_on"));
}

DURABLE_STORE_TEST(who_depends_on_whom_outlives_a_restart)
{
    struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("a")}, {.kind = STR("then"), ON(STR("a"))}};
    struct id *ids = enqueue_all(s, specs, 2);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    reopen(s);
    (void)tick(s);
    CHECK_STATE(s, ids[1], JOB_QUEUED);
}

STORE_TEST(a_ref_that_two_jobs_have_is_refused_also_when_nobody_says_it)
{
    const struct job_spec specs[] = {{.kind = STR("k"), .args = STR("{}"), .ref = STR("a")},
                                     {.kind = STR("k"), .args = STR("{}"), .ref = STR("a")}};
    check_refused(s, specs, 2, 1, "invalid_field", "ref");
}

/* ---- children of one report */

static struct report_verdict bear(struct store_test *s, const struct job *parent, int64_t n,
                                  const struct job_spec *specs, size_t count)
{
    struct job_spec *children = arena_array(s->a, struct job_spec, count);
    for (size_t i = 0; i < count; i++) {
        children[i] = specs[i];
        children[i].kind = children[i].kind.n ? children[i].kind : STR("child");
        children[i].args = STR("{}");
    }
    return report_one(s, a_report(parent, n, n == 9 ? REPORT_WAIT : REPORT_PROGRESS, .children = children,
                                  .child_count = count));
}

STORE_TEST(children_of_a_report_wait_for_each_other_and_their_parent_for_all)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    const struct job_spec specs[] = {
        {.kind = STR("merge"), ON(STR("a"), STR("b"))},
        {.ref = STR("a")},
        {.ref = STR("b"), .unique_key = STR("held")},
        {.kind = STR("skip"), ON(STR("a")), .on_parent_failure = JOB_ON_PARENT_SKIP}};
    struct id held = a_queued_job(s, .kind = STR("held"), .unique_key = STR("held"));
    struct report_verdict v = bear(s, parent, 9, specs, 4);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.children[2].duplicate);
    CHECK_ID(v.children[2].job, held);
    CHECK_STATE(s, v.children[0].job, JOB_BLOCKED);
    (void)tick(s);
    VERDICT(complete(s, claim_one(s, .kind = STR("held")), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, v.children[0].job, JOB_BLOCKED);
    VERDICT(fail(s, claim_one(s, .kind = STR("child")), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, v.children[0].job, JOB_FAILED);
    CHECK_STATE(s, v.children[3].job, JOB_SKIPPED);
    (void)tick(s);
    struct job *again = claim_one(s, .kind = STR("parent"));
    CHECK_INT(again->children->failed, 2);
    CHECK_INT(again->children->skipped, 1);
    check_counts(s);
}

STORE_TEST(a_child_may_wait_for_the_job_that_brings_it)
{
    const struct job_spec specs[] = {{.kind = STR("k"), .ref = STR("me"), .unique_key = STR("site")},
                                     {.kind = STR("k"), ON(STR("me"))}};
    for (int is_later = 0; is_later <= 1; is_later++) { /* than the report that brings it */
        struct job *parent = a_processing_job(s, .kind = STR("parent"), .unique_key = STR("site"));
        struct report_verdict v = {0};
        if (is_later) {
            v = bear(s, parent, 1, specs, 2);
            VERDICT(complete(s, parent, 2), RC_OK);
        } else {
            v = complete(s, parent, 1, .children = specs, .child_count = 2);
        }
        VERDICT(v, RC_OK);
        CHECK_ID(v.children[0].job, parent->id);
        CHECK_STATE(s, v.children[1].job, JOB_BLOCKED);
        (void)tick(s);
        CHECK_STATE(s, v.children[1].job, JOB_QUEUED);
    }
    check_counts(s);
}

STORE_TEST(a_child_may_follow_the_job_that_brings_it)
{
    const struct job_spec spec = {
        .kind = STR("k"), .unique_key = STR("site"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE};
    struct job *parent = a_processing_job(s, .kind = STR("parent"), .unique_key = STR("site"));
    struct report_verdict v = bear(s, parent, 1, &spec, 1);
    CHECK_FALSE(v.children[0].duplicate);
    VERDICT(fail(s, parent, 2, ERROR_PERMANENT), RC_OK);
    VERDICT(complete(s, claim_one(s, .kind = STR("k")), 1), RC_OK);
    VERDICT(retry(s, parent->id), RC_OK);
    CHECK_FALSE(enqueue(s, .unique_key = STR("site")).duplicate); /* it has given the key away */
}

STORE_TEST(children_that_cannot_wait_for_each_other_refuse_the_report)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct id other = a_queued_job(s, .kind = STR("other"));
    const struct job_spec circle[] = {{.ref = STR("a"), ON(STR("b"))}, {.ref = STR("b"), ON(STR("a"))}};
    const struct job_spec unknown[] = {{.ref = STR("a")}, {ON(STR("z"))}};
    const struct job_spec by_id[] = {{.ref = STR("a")}, {ON(text_of(s, other))}};
    VERDICT_CODE(bear(s, parent, 1, circle, 2), RC_INVALID, "dependency_cycle");
    VERDICT_CODE(bear(s, parent, 1, unknown, 2), RC_INVALID, "unknown_dependency");
    struct report_verdict v = bear(s, parent, 1, by_id, 2);
    VERDICT_CODE(v, RC_INVALID, "unknown_dependency");
    CHECK_TRUE(strstr(v.e.text, "children[1]") != NULL);
    CHECK_INT(count_of(s, (struct job_filter){.kind = STR("child")}), 0);
    VERDICT(bear(s, parent, 1, unknown, 1), RC_OK);
}

STORE_TEST(children_that_wait_for_each_other_are_dropped_together)
{
    const struct batch_plan plan = {.max_jobs = 3};
    const struct job_spec batch[] = {{.plan = &plan, .ref = BATCH_REF},
                                     {.kind = STR("parent"), .args = STR("{}"), .joins_first = true}};
    VERDICT(enqueue_list(s, batch, 2).op, RC_OK);
    struct job *parent = claim_one(s, .kind = STR("parent"));
    const struct job_spec specs[] = {{.ref = STR("a")}, {.tags = STR("[\"t\"]")}, {ON(STR("a"))}};
    struct report_verdict v = bear(s, parent, 1, specs, 3);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.children[0].dropped && !v.children[1].dropped && v.children[2].dropped);
    v = bear(s, parent, 2, specs, 1);
    VERDICT(v, RC_OK);
    CHECK_TRUE(!v.children[0].dropped);
    (void)tick(s);
    CHECK_INT(claim(s, .kind = STR("child"), .max = 9).count, 2);
    check_counts(s);
}
