/* Batches: sets of jobs that are watched, cancelled and finished as one. */
#include "store_test.h"

#include <string.h>

#define MEMBER(...) ((struct job_spec){.kind = STR("k"), .joins_first = true, __VA_ARGS__})

struct made {
    struct id id, jobs[4];
    struct enqueue_verdict *verdicts; /* the batch's first */
};

static struct made make(struct store_test *s, struct batch_plan plan, const struct job_spec *jobs,
                        size_t count)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, count + 1);
    struct batch_plan *kept = arena_alloc(s->a, sizeof *kept);
    struct made m = {.id = {{0}}};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    *kept = plan;
    specs[0] = (struct job_spec){.plan = kept, .ref = BATCH_REF};
    for (size_t i = 0; i < count; i++) {
        specs[i + 1] = jobs[i];
        specs[i + 1].args = STR("{}");
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = count + 1;
    run_op(s, &op.op);
    m.id = op.verdicts[0].job;
    for (size_t i = 0; i < count && i < 4; i++) {
        m.jobs[i] = op.verdicts[i + 1].job;
    }
    m.verdicts = op.verdicts;
    return m;
}

static struct store_list_batches batches_of(struct store_test *s, struct id id, int64_t cursor, int64_t limit)
{
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    op.tenant = s->tenant;
    op.id = id;
    op.cursor = cursor;
    op.limit = limit;
    (void)!store_run(s->store, &op.op, NULL);
    return op;
}

static struct batch *batch_of(struct store_test *s, struct id id)
{
    struct store_list_batches op = batches_of(s, id, 0, 1);
    VERDICT(op.op, RC_OK);
    CHECK_INT(op.count, 1);
    return &op.batches[0];
}

static struct store_read_events batch_events(struct store_test *s, struct id id, int64_t after)
{
    AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
    op.tenant = s->tenant;
    op.job_id = id;
    op.of_batch = true;
    op.after = after;
    op.limit = 100;
    (void)!store_run(s->store, &op.op, NULL);
    return op;
}

static struct store_list_results results_of(struct store_test *s, struct id id, int64_t cursor, int64_t limit)
{
    AN_OP(s, op, store_list_results, STORE_LIST_RESULTS);
    op.tenant = s->tenant;
    op.batch = id;
    op.cursor = cursor;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

static int64_t events_named(struct store_test *s, struct id id, const char *type)
{
    struct store_read_events op = batch_events(s, id, 0);
    int64_t n = 0;
    VERDICT(op.op, RC_OK);
    for (size_t i = 0; i < op.count; i++) {
        CHECK_INT(op.events[i].seq, i + 1);
        n += str_eq(op.events[i].type, str_from(type));
    }
    return n;
}

#define CHECK_BATCH(s, id, want_state, want_round, want_open, want_done)                                     \
    do {                                                                                                     \
        struct batch *b_ = batch_of((s), (id));                                                              \
        CHECK_STR(str_from(batch_state_name(b_->state)), str_from(want_state));                              \
        CHECK_INT(b_->round, (want_round));                                                                  \
        CHECK_INT(b_->counts.open, (want_open));                                                             \
        CHECK_INT(b_->counts.completed, (want_done));                                                        \
    } while (0)

STORE_TEST(a_batch_finishes_after_its_close_and_its_last_job)
{
    const struct job_spec jobs[] = {MEMBER(), MEMBER(.priority = 1)};
    struct made m =
        make(s, (struct batch_plan){.name = STR("nightly"), .labels = STR("{\"day\":\"1\"}")}, jobs, 2);
    CHECK_ID(job_of(s, m.jobs[0])->batch, m.id);
    CHECK_BATCH(s, m.id, "open", 1, 2, 0);
    CHECK_STR(batch_of(s, m.id)->name, STR("nightly"));
    CHECK_STR(batch_of(s, m.id)->labels, STR("{\"day\":\"1\"}"));
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "open", 1, 1, 1);
    VERDICT(act_on_batch(s, ACT_CLOSE, m.id), RC_OK);
    VERDICT(act_on_batch(s, ACT_CLOSE, m.id), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "closed", 1, 1, 1);
    VERDICT(complete(s, claim_one(s), 1, .result = STR("{\"n\":1}")), RC_OK);
    (void)pass(s, SECOND);
    CHECK_BATCH(s, m.id, "finished", 1, 0, 2);
    CHECK_INT(batch_of(s, m.id)->finished_at, s->now);
    CHECK_INT(events_named(s, m.id, "closed"), 1);
    CHECK_INT(events_named(s, m.id, "finished"), 1);
    CHECK_INT(events_named(s, m.id, "end"), 1);
    check_counts(s);
}

STORE_TEST(an_open_batch_without_live_jobs_stays_open_and_a_closed_empty_one_finishes)
{
    struct made open = make(s, (struct batch_plan){0}, NULL, 0);
    struct made closed = make(s, (struct batch_plan){.is_closed = true}, NULL, 0);
    (void)tick(s);
    CHECK_BATCH(s, open.id, "open", 1, 0, 0);
    CHECK_BATCH(s, closed.id, "finished", 1, 0, 0);
}

STORE_TEST(a_batch_is_no_job_anywhere_else)
{
    struct made m = make(s, (struct batch_plan){0}, NULL, 0);
    CHECK_FALSE(has_job(s, m.id));
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    CHECK_INT(stats_of(s).enqueued_total, 0);
    CHECK_INT(stats_of(s).counts[JOB_BLOCKED], 0);
    AN_OP(s, queues, store_list_queues, STORE_LIST_QUEUES);
    queues.tenant = s->tenant;
    run_op(s, &queues.op);
    CHECK_INT(queues.count, 0);
    VERDICT(cancel(s, m.id), RC_NOT_FOUND);
    VERDICT(erase(s, m.id), RC_NOT_FOUND);
    struct id job = a_queued_job(s);
    VERDICT(act_on_batch(s, ACT_CLOSE, job), RC_NOT_FOUND);
    CHECK_INT(batch_events(s, job, 0).op.rc, RC_NOT_FOUND);
    CHECK_INT(batches_of(s, job, 0, 1).op.rc, RC_NOT_FOUND);
    as_tenant(s, s->foreign);
    CHECK_INT(batches_of(s, m.id, 0, 1).op.rc, RC_NOT_FOUND);
    CHECK_INT(batches_of(s, (struct id){{0}}, 0, 10).count, 0);
    CHECK_INT(batch_events(s, m.id, 0).op.rc, RC_NOT_FOUND);
    VERDICT(act_on_batch(s, ACT_CANCEL, m.id), RC_NOT_FOUND);
    VERDICT_CODE(enqueue(s, .batch = m.id), RC_INVALID, "unknown_batch");
    CHECK_INT(results_of(s, m.id, 0, 10).count, 0);
}

STORE_TEST(a_batch_grows_while_it_is_open_and_through_its_own_jobs_later)
{
    struct made m = make(s, (struct batch_plan){0}, NULL, 0);
    struct id first = a_queued_job(s, .batch = m.id);
    VERDICT_CODE(enqueue(s, .batch = first), RC_INVALID, "unknown_batch");
    VERDICT(act_on_batch(s, ACT_CLOSE, m.id), RC_OK);
    VERDICT_CODE(enqueue(s, .batch = m.id), RC_CONFLICT, "batch_closed");
    struct job_spec child = {.kind = STR("child")};
    struct report_verdict v = complete(s, claim_one(s), 1, .children = &child, .child_count = 1);
    VERDICT(v, RC_OK);
    CHECK_ID(job_of(s, v.children[0].job)->batch, m.id);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "closed", 1, 1, 1);
    VERDICT(fail(s, claim_one(s), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "finished", 1, 0, 1);
    CHECK_INT(batch_of(s, m.id)->counts.failed, 1);
    CHECK_INT(count_of(s, (struct job_filter){.batch = m.id}), 2);
    CHECK_INT(count_of(s, (struct job_filter){.batch = m.id, .states = 1u << JOB_FAILED}), 1);
    VERDICT_CODE(enqueue(s, .batch = m.id), RC_CONFLICT, "batch_closed");
}

STORE_TEST(a_batch_is_no_job_that_could_have_artifacts)
{
    struct made m = make(s, (struct batch_plan){0}, NULL, 0);
    AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
    op.tenant = s->tenant;
    op.job = m.id;
    (void)!store_run(s->store, &op.op, NULL);
    CHECK_INT(op.op.rc, RC_NOT_FOUND);
}

STORE_TEST(jobs_over_the_cap_are_dropped_and_told)
{
    const struct job_spec jobs[] = {MEMBER(), MEMBER(.unique_key = STR("u")), MEMBER(.unique_key = STR("u")),
                                    MEMBER()};
    struct made m = make(s, (struct batch_plan){.max_jobs = 3}, jobs, 4);
    CHECK_TRUE(m.verdicts[3].duplicate); /* takes no room */
    CHECK_FALSE(m.verdicts[4].dropped);
    CHECK_BATCH(s, m.id, "open", 1, 3, 0);
    CHECK_TRUE(enqueue(s, .batch = m.id).dropped);
    struct job_spec children[] = {{.kind = STR("child")}};
    struct job *job = claim_one(s);
    CHECK_TRUE(progress(s, job, 1, .children = children, .child_count = 1).children[0].dropped);
    VERDICT(complete(s, job, 2), RC_OK);
    CHECK_TRUE(enqueue(s, .batch = m.id).dropped); /* those that have ended count */
    CHECK_BATCH(s, m.id, "open", 1, 2, 1);
    struct batch_plan plan = {.max_jobs = 1};
    const struct job_spec specs[] = {
        {.plan = &plan, .ref = BATCH_REF},
        MEMBER(.ref = STR("a"), .args = STR("1")),
        MEMBER(.args = STR("1"), .depends_on = (struct str[]){STR("a")}, .depends_count = 1)};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 3;
    (void)!store_run(s->store, &op.op, NULL);
    VERDICT_CODE(op.verdicts[2], RC_CONFLICT, "batch_full");
    CHECK_TRUE(strstr(op.verdicts[2].e.text, "the batch has no room") != NULL); /* it has no id yet */
    CHECK_INT(batches_of(s, (struct id){{0}}, 0, 10).count, 1);
    const struct job_spec outside[] = {
        {.batch = m.id, .kind = STR("job"), .ref = STR("a")},
        {.kind = STR("job"), .depends_on = (struct str[]){STR("a")}, .depends_count = 1}};
    op.specs = outside; /* one that waits outside for who has no room */
    op.count = 2;
    (void)!store_run(s->store, &op.op, NULL);
    VERDICT_CODE(op.verdicts[0], RC_CONFLICT, "batch_full");
}

STORE_TEST(a_job_that_depends_on_a_batch_is_queued_when_that_has_finished)
{
    const struct job_spec jobs[] = {
        MEMBER(), {.kind = STR("final"), .depends_on = (struct str[]){BATCH_REF}, .depends_count = 1}};
    struct made m = make(s, (struct batch_plan){.is_closed = true}, jobs, 2);
    (void)tick(s);
    CHECK_STATE(s, m.jobs[1], JOB_BLOCKED);
    CHECK_TRUE(id_is_zero(job_of(s, m.jobs[1])->batch));
    VERDICT(fail(s, claim_one(s), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "finished", 1, 0, 0);
    CHECK_STATE(s, m.jobs[1], JOB_QUEUED); /* whatever became of the jobs */
}

STORE_TEST(a_retry_opens_the_next_round_and_each_ends_once)
{
    const struct job_spec jobs[] = {MEMBER(), MEMBER()};
    struct made m = make(s, (struct batch_plan){.is_closed = true}, jobs, 2);
    for (int round = 1; round <= 3; round++) {
        VERDICT(fail(s, claim_one(s), 1, ERROR_PERMANENT), RC_OK);
        VERDICT(fail(s, claim_one(s), 1, ERROR_PERMANENT), RC_OK);
        (void)tick(s);
        CHECK_BATCH(s, m.id, "finished", round, 0, 0);
        CHECK_INT(events_named(s, m.id, "finished"), round);
        CHECK_INT(events_named(s, m.id, "end"), round);
        VERDICT(retry(s, m.jobs[0]), RC_OK);
        CHECK_BATCH(s, m.id, "closed", round + 1, 1, 0);
        VERDICT(retry(s, m.jobs[1]), RC_OK);
        CHECK_BATCH(s, m.id, "closed", round + 1, 2, 0);
        CHECK_INT(batch_of(s, m.id)->finished_at, 0);
    }
    check_counts(s);
}

STORE_TEST(a_cancelled_batch_takes_its_jobs_along_in_chunks)
{
    struct made m = make(s, (struct batch_plan){0}, NULL, 0);
    struct job_spec *specs = arena_array(s->a, struct job_spec, 450);
    for (int i = 0; i < 450; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}"), .batch = m.id};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 450;
    run_op(s, &op.op);
    struct id outside = a_queued_job(s);
    struct job *running = claim_one(s);
    VERDICT(act_on_batch(s, ACT_CANCEL, m.id), RC_OK);
    VERDICT(act_on_batch(s, ACT_CANCEL, m.id), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "closed", 1, 1, 0);
    CHECK_TRUE(batch_of(s, m.id)->is_cancelled);
    CHECK_TRUE(job_of(s, running->id)->cancel_requested);
    VERDICT(fail(s, running, 1, ERROR_TRANSIENT), RC_OK);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "finished", 1, 0, 0);
    CHECK_INT(batch_of(s, m.id)->counts.cancelled, 450);
    CHECK_INT(events_named(s, m.id, "cancelled"), 1);
    CHECK_INT(events_named(s, m.id, "finished"), 1);
    CHECK_STATE(s, outside, JOB_QUEUED);
    VERDICT(act_on_batch(s, ACT_CANCEL, m.id), RC_OK);
    check_counts(s);
}

STORE_TEST(the_finaliser_of_a_cancelled_batch_ends_as_it_says)
{
    struct str on[] = {BATCH_REF};
    const struct job_spec jobs[] = {MEMBER(),
                                    {.kind = STR("f"), .depends_on = on, .depends_count = 1},
                                    {.kind = STR("f"),
                                     .depends_on = on,
                                     .depends_count = 1,
                                     .on_parent_failure = JOB_ON_PARENT_CONTINUE}};
    struct made m = make(s, (struct batch_plan){0}, jobs, 3);
    VERDICT(act_on_batch(s, ACT_CANCEL, m.id), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.jobs[0], JOB_CANCELLED);
    CHECK_STATE(s, m.jobs[1], JOB_FAILED);
    CHECK_STATE(s, m.jobs[2], JOB_QUEUED);
}

STORE_TEST(results_come_by_pages_oldest_first)
{
    const struct job_spec jobs[] = {MEMBER(), MEMBER(), MEMBER(), MEMBER()};
    struct made m = make(s, (struct batch_plan){0}, jobs, 4);
    for (int i = 0; i < 3; i++) {
        struct job *job = claim_one(s);
        VERDICT(complete(s, job, 1, .result = arena_printf(s->a, "%d", i)), RC_OK);
    }
    struct store_list_results page = results_of(s, m.id, 0, 2);
    CHECK_INT(page.count, 2);
    CHECK_ID(page.jobs[0].id, m.jobs[0]);
    CHECK_STR(page.jobs[0].result, STR("0"));
    CHECK_STR(page.jobs[1].result, STR("1"));
    CHECK_TRUE(page.next_cursor != 0);
    page = results_of(s, m.id, page.next_cursor, 2);
    CHECK_INT(page.count, 1);
    CHECK_STR(page.jobs[0].result, STR("2"));
    CHECK_INT(page.next_cursor, 0);
}

STORE_TEST(results_show_the_whole_error)
{
    const struct job_spec jobs[] = {MEMBER()};
    struct made m = make(s, (struct batch_plan){0}, jobs, 1);
    struct report r = a_report(claim_one(s), 1, REPORT_FAIL,
                               .error = {ERROR_PERMANENT, STR("code"), STR("message"), STR("at f")});
    VERDICT(report_one(s, r), RC_OK);
    struct store_list_results page = results_of(s, m.id, 0, 2);
    CHECK_INT(page.count, 1);
    CHECK_STR(page.jobs[0].error.code, STR("code"));
    CHECK_STR(page.jobs[0].error.stack, STR("at f"));
}

STORE_TEST(batches_are_listed_newest_first)
{
    struct id ids[5];
    for (int i = 0; i < 5; i++) {
        ids[i] = make(s, (struct batch_plan){0}, NULL, 0).id;
        advance(s, 1);
    }
    struct store_list_batches page = batches_of(s, (struct id){{0}}, 0, 3);
    CHECK_INT(page.count, 3);
    CHECK_ID(page.batches[0].id, ids[4]);
    page = batches_of(s, (struct id){{0}}, page.next_cursor, 3);
    CHECK_INT(page.count, 2);
    CHECK_ID(page.batches[1].id, ids[0]);
    CHECK_INT(page.next_cursor, 0);
}

STORE_TEST(a_batch_goes_with_its_retention)
{
    struct made m = make(s, (struct batch_plan){.is_closed = true}, NULL, 0);
    (void)tick(s);
    (void)pass(s, 20LL * 86400 * SECOND);
    (void)prune(s);
    CHECK_INT(batches_of(s, m.id, 0, 1).op.rc, RC_NOT_FOUND);
    CHECK_INT(batches_of(s, (struct id){{0}}, 0, 10).count, 0);
}

DURABLE_STORE_TEST(a_batch_that_was_about_to_finish_does_so_after_a_restart)
{
    const struct job_spec jobs[] = {MEMBER()};
    struct made m = make(s, (struct batch_plan){.is_closed = true}, jobs, 1);
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
    reopen(s);
    (void)tick(s);
    CHECK_BATCH(s, m.id, "finished", 1, 0, 1);
    CHECK_INT(events_named(s, m.id, "finished"), 1);
}

STORE_TEST(the_same_idempotency_key_makes_one_batch)
{
    struct id first = {{0}};
    struct batch_plan plan = {.max_jobs = 1};
    const struct job_spec specs[] = {
        {.plan = &plan, .ref = BATCH_REF}, MEMBER(.args = STR("1")), MEMBER(.args = STR("1"))};
    for (int i = 0; i < 2; i++) {
        AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
        op.tenant = s->tenant;
        op.specs = specs;
        op.count = 3;
        op.idempotency_key = STR("once");
        run_op(s, &op.op);
        CHECK_INT(op.replayed, i);
        CHECK_TRUE(op.verdicts[2].dropped);
        CHECK_TRUE(!i || id_eq(first, op.verdicts[0].job));
        first = op.verdicts[0].job;
    }
    CHECK_INT(batches_of(s, (struct id){{0}}, 0, 10).count, 1);
}
