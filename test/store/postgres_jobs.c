/* Jobs on a server's database: those that change behind the back of the node that has given them out, and what is to be gone. */
#include "postgres_rig.h"

/* ---- jobs that change behind the back of the node that has given them out */

static struct job *claim_and_change(struct store_test *s, struct pg *c, const char *what)
{
    (void)a_queued_job(s);
    struct job *job = claim_one(s);
    say_sql(c, what);
    return job;
}

SERVER_STORE_TEST(a_lease_has_the_grace_that_another_node_has_given_since)
{
    struct job *j = a_processing_job(s);
    struct pg *c = a_stranger(s);
    char sql[200];
    advance(s, 31 * SECOND);
    str_print(sql, sizeof sql, "UPDATE stint.meta SET number = %" PRId64 " WHERE name = 'grace_at'",
              (int64_t)(s->now - SECOND));
    say_sql(c, sql);
    pg_close(c);
    tick(s);
    CHECK_STATE(s, j->id, JOB_PROCESSING);
    pass(s, 28 * SECOND);
    CHECK_STATE(s, j->id, JOB_PROCESSING);
    pass(s, 2 * SECOND);
    CHECK_STATE(s, j->id, JOB_QUEUED);
}

SERVER_STORE_TEST(a_completion_is_refused_when_another_node_has_given_the_job_away)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "UPDATE stint.job SET lease = lease + 1");
    VERDICT(complete(s, job, 1), RC_LEASE_LOST);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(a_completion_keeps_what_another_node_has_changed)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "UPDATE stint.job SET priority = 7");
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_STATE(s, job->id, JOB_COMPLETED);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history WHERE priority = 7"), 1);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.job"), 0);
    check_counts(s);
    pg_close(c);
}

SERVER_STORE_TEST(a_completion_of_a_job_that_another_node_has_removed_finds_nothing)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "DELETE FROM stint.job");
    VERDICT(complete(s, job, 1), RC_NOT_FOUND);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(a_retention_that_another_node_has_set_has_its_partition)
{
    struct store *mine = s->store, *other = NULL;
    struct pg *c = a_stranger(s);
    OK(store_open(&other, s->url, &s->options, e));
    for (int i = 0; i < 8; i++) {
        struct job *job = a_processing_job(s);
        s->store = other;
        (void)set_queue(s, STR("default"), settings_with(.retain_failed_ms = (10 + i) * DAY));
        s->store = mine;
        CHECK_INT(fail(s, job, 1, ERROR_PERMANENT).state, JOB_FAILED);
    }
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history_rest"), 0);
    store_close(other);
    pg_close(c);
}

/* ---- what is gone is gone */

SERVER_STORE_TEST(what_a_last_turn_has_published_goes_with_its_job)
{
    struct pg *c = a_stranger(s);
    struct job *parent = a_processing_job(s, .kind = STR("parent"), .on_cancel = JOB_ON_CANCEL_RUN);
    struct job_spec child = {.kind = STR("child"), .args = STR("{}")};
    VERDICT(report_one(s, a_report(parent, 1, REPORT_WAIT, .children = &child, .child_count = 1)), RC_OK);
    VERDICT(cancel(s, parent->id), RC_OK);
    (void)tick(s);
    (void)tick(s);
    parent = claim_one(s, .kind = STR("parent"));
    CHECK_TRUE(parent->cancelling);
    OK(stage_row(s, parent, STR("found"), STR("bytes"), e));
    CHECK_INT(complete(s, parent, 1).state, JOB_CANCELLED);
    CHECK_INT(artifact_of(s, parent->id, STR("found")).op.rc, RC_OK);
    (void)pass(s, 100 * DAY);
    (void)prune(s);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.artifact"), 0);
    pg_close(c);
}

static void drop_round(void *ctx, struct store_round *r)
{
    (void)ctx;
    store_round_free(r);
}

/* What is submitted together is one round. */
static void have_one_committer(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    store_close(s->store);
    s->options.on_round = drop_round;
    s->options.committers = 1;
    OK(store_open(&s->store, s->url, &s->options, e));
}

static void retry_and_end(struct store_test *s, struct id id, enum job_action and_then)
{
    const enum job_action actions[] = {ACT_RETRY, ACT_CANCEL, and_then};
    struct store_act *ops[3];
    size_t count = and_then == ACT_CANCEL ? 2 : 3;
    for (size_t i = count; i-- > 0;) {
        ops[i] = arena_alloc(s->a, sizeof *ops[i]);
        store_init(&ops[i]->op, sizeof *ops[i], STORE_ACT, s->a);
        ops[i]->tenant = s->tenant;
        ops[i]->ids = &id;
        ops[i]->count = 1;
        ops[i]->action = actions[i];
        ops[i]->op.next = i + 1 < count ? &ops[i + 1]->op : NULL;
    }
    store_submit_list(s->store, &ops[0]->op);
    a_queued_job(s); /* behind them: they are done, too */
    for (size_t i = 0; i < count; i++) {
        VERDICT(ops[i]->verdicts[0], RC_OK);
    }
}

SERVER_STORE_TEST(a_job_that_is_retried_and_ends_in_one_round_keeps_the_end_of_the_round_before)
{
    have_one_committer(s);
    struct id id = a_queued_job(s);
    VERDICT(cancel(s, id), RC_OK);
    for (int round = 2; round <= 4; round++) {
        retry_and_end(s, id, ACT_CANCEL);
        CHECK_INT(job_of(s, id)->last_seq, round);
        check_events(s, id);
    }
    struct pg *c = a_stranger(s);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 3);
    struct id fresh = a_queued_job(s);
    VERDICT(cancel(s, fresh), RC_OK);
    retry_and_end(s, id, ACT_ERASE);
    retry_and_end(s, fresh, ACT_PURGE);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(what_a_job_said_in_the_round_in_which_it_is_erased_is_gone)
{
    have_one_committer(s);
    struct job *job = a_processing_job(s);
    struct report_event event = {STR("note"), STR("{}")};
    struct report end = a_report(job, 1, REPORT_COMPLETE, .events = &event, .event_count = 1);
    AN_OP(s, report, store_report, STORE_REPORT);
    AN_OP(s, act, store_act, STORE_ACT);
    report.tenant = act.tenant = s->tenant;
    report.items = &end;
    act.action = ACT_ERASE;
    act.ids = &job->id;
    report.count = act.count = 1;
    report.op.next = &act.op;
    store_submit_list(s->store, &report.op);
    a_queued_job(s); /* behind them: they are done, too */
    VERDICT(report.verdicts[0], RC_OK);
    VERDICT(act.verdicts[0], RC_OK);
    struct pg *c = a_stranger(s);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 0);
    pg_close(c);
}

/* Complete and publish one that keeps two of the series, behind or before the erasure of the newest of them. */
static size_t kept_beside_erasure(struct store_test *s, struct str series, bool is_erased_first)
{
    struct report_publish publish = {STR("index"), series, 2};
    struct report_artifact index = {STR("index"), STR("text/plain"), STR("x")};
    struct id newest = {0};
    for (int i = 0; i < 2; i++) {
        struct job *job = a_processing_job(s, .queue = STR("pub"));
        newest = job->id;
        VERDICT(complete(s, job, 1, .artifacts = &index, .artifact_count = 1, .publish = &publish,
                         .publish_count = 1),
                RC_OK);
    }
    struct job *last = a_processing_job(s, .queue = STR("pub"));
    struct report end = a_report(last, 1, REPORT_COMPLETE, .artifacts = &index, .artifact_count = 1,
                                 .publish = &publish, .publish_count = 1);
    AN_OP(s, report, store_report, STORE_REPORT);
    AN_OP(s, act, store_act, STORE_ACT);
    report.tenant = act.tenant = s->tenant;
    report.items = &end;
    act.action = ACT_ERASE;
    act.ids = &newest;
    report.count = act.count = 1;
    if (is_erased_first) {
        act.op.next = &report.op;
    } else {
        report.op.next = &act.op;
    }
    store_submit_list(s->store, is_erased_first ? &act.op : &report.op);
    a_queued_job(s); /* behind them: they are done, too */
    VERDICT(report.verdicts[0], RC_OK);
    VERDICT(act.verdicts[0], RC_OK);
    AN_OP(s, got, store_get_series, STORE_GET_SERIES);
    got.tenant = s->tenant;
    got.name = series;
    got.limit = 10;
    run_op(s, &got.op);
    return got.count;
}

SERVER_STORE_TEST(what_is_erased_pushes_nothing_out_of_a_series_that_is_published_to_behind_it_in_its_round)
{
    have_one_committer(s);
    CHECK_INT(kept_beside_erasure(s, STR("erased-first"), true), 2);
    CHECK_INT(kept_beside_erasure(s, STR("published-first"), false), 1);
}
