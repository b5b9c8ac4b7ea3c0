/* Finalisers: jobs that run behind each round of a batch's life (J15). */
#include "store_test.h"

struct made { /* a batch, its one job and its finaliser */
    struct id batch, job, last;
};

static struct made make(struct store_test *s, struct job_spec last)
{
    static const struct str after_batch[] = {BATCH_REF};
    const struct batch_plan plan = {.is_closed = true};
    struct job_spec specs[] = {
        {.plan = &plan, .ref = BATCH_REF}, {.kind = STR("k"), .args = STR("{}"), .joins_first = true}, last};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    specs[2].kind = STR("last");
    specs[2].args = STR("{\"a\":1}");
    specs[2].depends_on = after_batch;
    specs[2].depends_count = 1;
    specs[2].is_finaliser = true;
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 3;
    run_op(s, &op.op);
    return (struct made){op.verdicts[0].job, op.verdicts[1].job, op.verdicts[2].job};
}

static int64_t round_of(struct store_test *s, struct id batch)
{
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    op.tenant = s->tenant;
    op.id = batch;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    return op.batches[0].state == BATCH_FINISHED ? op.batches[0].round : 0;
}

/* The batch's job fails, so that it can be retried. */
static void end_round(struct store_test *s, const struct made *m)
{
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    (void)tick(s);
    CHECK_TRUE(round_of(s, m->batch) > 0);
}

#define LAST(s) claim_one((s), .kind = STR("last"))

STORE_TEST(a_finaliser_knows_its_batch_and_does_not_belong_to_it)
{
    struct made m = make(s, (struct job_spec){0});
    CHECK_ID(job_of(s, m.last)->finally_of, m.batch);
    CHECK_TRUE(id_is_zero(job_of(s, m.last)->batch));
    CHECK_TRUE(id_is_zero(job_of(s, m.job)->finally_of));
    CHECK_INT(count_of(s, (struct job_filter){.batch = m.batch}), 1);
    end_round(s, &m);
    struct job *j = LAST(s);
    CHECK_ID(j->finally_of, m.batch);
    CHECK_TRUE(id_is_zero(j->batch));
    VERDICT(complete(s, j, 1), RC_OK);
    CHECK_ID(job_of(s, m.last)->finally_of, m.batch);
    CHECK_INT(count_of(s, (struct job_filter){.batch = m.batch}), 1);
    AN_OP(s, op, store_list_results, STORE_LIST_RESULTS);
    op.tenant = s->tenant;
    op.batch = m.batch;
    op.limit = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    CHECK_ID(op.jobs[0].id, m.job);
}

STORE_TEST(a_finaliser_runs_once_behind_each_round_of_its_batch)
{
    struct made m = make(s, (struct job_spec){0});
    const struct report_artifact a = {.name = STR("a"), .media_type = STR("text/plain"), .bytes = STR("x")};
    const struct report_publish p = {.artifact = STR("a"), .series = STR("s"), .keep = 9};
    for (int round = 1; round <= 3; round++) {
        end_round(s, &m);
        CHECK_INT(round_of(s, m.batch), round);
        struct job *j = LAST(s);
        CHECK_ID(j->id, m.last);
        CHECK_INT(j->round, round);
        CHECK_INT(j->attempt, 1);
        CHECK_STR(j->args, STR("{\"a\":1}"));
        CHECK_INT(j->checkpoint.n, 0);
        VERDICT(progress(s, j, 1, .checkpoint = STR("{\"at\":1}")), RC_OK);
        VERDICT(complete(s, j, 2, .result = round == 2 ? STR_NONE : STR("{\"n\":1}"), .artifacts = &a,
                         .artifact_count = 1, .publish = &p, .publish_count = 1),
                RC_OK);
        CHECK_INT(job_of(s, m.last)->result.n, round == 2 ? 0 : 7);
        CHECK_INT(series_of(s, STR("s"), 10).count, round);
        (void)pass(s, MINUTE);
        claim_none(s, .kind = STR("last"));
        VERDICT(retry(s, m.job), RC_OK);
        (void)pass(s, MINUTE);
        claim_none(s, .kind = STR("last"));
    }
    check_events(s, m.last);
    check_counts(s);
}

STORE_TEST(what_a_finaliser_has_published_stays_while_it_lives_again)
{
    struct made m = make(s, (struct job_spec){0});
    end_round(s, &m);
    struct job *last = LAST(s);
    OK(stage_row(s, last, STR("report"), STR("1"), e));
    VERDICT(complete(s, last, 1), RC_OK);
    VERDICT(retry(s, m.job), RC_OK);
    end_round(s, &m);
    CHECK_STATE(s, m.last, JOB_QUEUED);
    (void)pass(s, 100 * DAY);
    (void)prune(s);
    CHECK_STR(artifact_of(s, m.last, STR("report")).artifact.bytes, STR("1"));
    VERDICT(complete(s, LAST(s), 1), RC_OK);
    (void)prune(s);
    CHECK_STR(artifact_of(s, m.last, STR("report")).artifact.bytes, STR("1"));
}

STORE_TEST(a_finaliser_that_runs_when_the_next_round_ends_runs_again_behind_its_end)
{
    struct made m = make(s, (struct job_spec){0});
    end_round(s, &m);
    struct job *j = LAST(s);
    VERDICT(retry(s, m.job), RC_OK);
    end_round(s, &m);
    VERDICT(heartbeat(s, j, 1), RC_OK);
    CHECK_STATE(s, m.last, JOB_PROCESSING);
    VERDICT(complete(s, j, 2), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_QUEUED);
    VERDICT(complete(s, LAST(s), 1), RC_OK);
    (void)pass(s, MINUTE);
    CHECK_STATE(s, m.last, JOB_COMPLETED);
    CHECK_INT(job_of(s, m.last)->round, 2);
    check_counts(s);
}

/* It has begun, though no attempt of it counts: what it has seen is of the round before. */
STORE_TEST(a_finaliser_that_was_put_off_or_given_back_runs_again_behind_the_next_end)
{
    for (int how = 0; how < 2; how++) {
        struct made m = make(s, (struct job_spec){0});
        end_round(s, &m);
        struct job *j = LAST(s);
        VERDICT(
            how ? release(s, j, 1, .checkpoint = STR("{\"at\":1}"))
                : fail(s, j, 1, ERROR_RATE_LIMITED, .retry_after_ms = HOUR, .checkpoint = STR("{\"at\":1}")),
            RC_OK);
        VERDICT(retry(s, m.job), RC_OK);
        end_round(s, &m);
        (void)pass(s, HOUR);
        j = LAST(s);
        CHECK_STR(j->checkpoint, STR("{\"at\":1}"));
        VERDICT(complete(s, j, 1), RC_OK);
        (void)tick(s);
        CHECK_STATE(s, m.last, JOB_QUEUED);
        CHECK_INT(job_of(s, m.last)->checkpoint.n, 0);
        VERDICT(complete(s, LAST(s), 1), RC_OK);
        (void)tick(s);
        CHECK_STATE(s, m.last, JOB_COMPLETED);
    }
}

/* Behind a round that ended while it ran there is another that is open: the end of that counts for both. */
STORE_TEST(a_finaliser_runs_again_when_the_round_that_is_open_ends)
{
    struct made m = make(s, (struct job_spec){0});
    end_round(s, &m);
    struct job *j = LAST(s);
    VERDICT(retry(s, m.job), RC_OK);
    end_round(s, &m);
    VERDICT(retry(s, m.job), RC_OK);
    VERDICT(complete(s, j, 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_COMPLETED);
    end_round(s, &m);
    CHECK_INT(round_of(s, m.batch), 3);
    CHECK_STATE(s, m.last, JOB_QUEUED);
    VERDICT(complete(s, LAST(s), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_COMPLETED);
}

STORE_TEST(a_finaliser_that_waits_for_a_worker_runs_once_for_the_rounds_that_ended_meanwhile)
{
    struct made m = make(s, (struct job_spec){0});
    end_round(s, &m);
    VERDICT(retry(s, m.job), RC_OK);
    end_round(s, &m);
    VERDICT(complete(s, LAST(s), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_COMPLETED);
    CHECK_INT(job_of(s, m.last)->round, 1);
}

/* Nobody has told it of the first round when the second begins. */
STORE_TEST(a_finaliser_that_was_not_told_yet_waits_for_the_next_round)
{
    struct made m = make(s, (struct job_spec){0});
    VERDICT(fail(s, claim_one(s, .kind = STR("k")), 1, ERROR_PERMANENT), RC_OK);
    AN_OP(s, op, store_tick, STORE_TICK);
    op.limit = 1;
    run_op(s, &op.op);
    CHECK_INT(round_of(s, m.batch), 1);
    VERDICT(retry(s, m.job), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_BLOCKED);
    end_round(s, &m);
    CHECK_STATE(s, m.last, JOB_QUEUED);
    VERDICT(complete(s, LAST(s), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, m.last, JOB_COMPLETED);
}

STORE_TEST(a_finaliser_that_somebody_cancelled_stays_so_and_one_that_the_batch_took_along_runs)
{
    struct made m = make(s, (struct job_spec){0}), of_cancelled = {.batch = {{0}}};
    end_round(s, &m);
    VERDICT(cancel(s, m.last), RC_OK);
    VERDICT(retry(s, m.job), RC_OK);
    end_round(s, &m);
    CHECK_STATE(s, m.last, JOB_CANCELLED);
    for (int i = 0; i < 2; i++) {
        of_cancelled =
            make(s, (struct job_spec){.on_parent_failure = i ? JOB_ON_PARENT_SKIP : JOB_ON_PARENT_FAIL});
        VERDICT(act_on_batch(s, ACT_CANCEL, of_cancelled.batch), RC_OK);
        (void)tick(s);
        CHECK_STATE(s, of_cancelled.last, i ? JOB_SKIPPED : JOB_FAILED);
        VERDICT(retry(s, of_cancelled.job), RC_OK);
        end_round(s, &of_cancelled);
        CHECK_STATE(s, of_cancelled.last, JOB_QUEUED);
        VERDICT(complete(s, LAST(s), 1), RC_OK);
    }
    check_counts(s);
}

STORE_TEST(a_finaliser_whose_deadline_has_passed_is_not_brought_back_by_the_round_for_which_it_waited)
{
    struct made m = make(s, (struct job_spec){.deadline_ms = SECOND});
    (void)pass(s, MINUTE);
    CHECK_STATE(s, m.last, JOB_SKIPPED);
    end_round(s, &m);
    CHECK_STATE(s, m.last, JOB_SKIPPED);
}
