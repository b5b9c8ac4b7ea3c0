/* Tenants (J13): to another tenant an object does not exist. Every operation that names one, asked by a stranger. */
#include "store_test.h"

#include <string.h>

struct stage { /* what tenant `acme` owns, and what a stranger would try */
    struct job *running;
    struct id queued, scheduled, done, failed;
};

static struct stage a_stage(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    struct stage st = {0};
    st.done = a_final_job(s, JOB_COMPLETED);
    st.failed = a_final_job(s, JOB_FAILED);
    st.running = a_processing_job(s);
    OK(stage_row(s, st.running, STR("a"), STR("1"), e));
    st.queued = a_queued_job(s, .tags = STR("[\"t\"]"), .unique_key = STR("u"));
    st.scheduled = a_scheduled_job(s, HOUR);
    return st;
}

STORE_TEST(a_stranger_can_read_nothing)
{
    struct stage st = a_stage(s);
    struct id ids[] = {st.running->id, st.queued, st.scheduled, st.done, st.failed};
    as_tenant(s, s->foreign);
    for (int i = 0; i < 5; i++) {
        CHECK_FALSE(has_job(s, ids[i]));
        AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
        op.tenant = s->tenant;
        op.job_id = ids[i];
        op.limit = 10;
        FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
        CHECK_INT(artifact_of(s, ids[i], STR("a")).op.rc, RC_NOT_FOUND);
    }
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    CHECK_INT(count_of(s, (struct job_filter){.tag = STR("t")}), 0);
    CHECK_TRUE(queue_of(s, STR("default")) == NULL);
}

STORE_TEST(the_artifacts_of_a_foreign_job_are_those_of_an_unknown_one)
{
    struct stage st = a_stage(s);
    struct id ids[2] = {st.done, id_random(TEST_BEGINS)};
    struct store_list_artifacts answers[2];
    for (int i = 0; i < 2; i++) {
        AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
        op.tenant = s->foreign;
        op.job = ids[i];
        op.op.rc = store_run(s->store, &op.op, e);
        answers[i] = op;
    }
    CHECK_INT(answers[0].op.rc, answers[1].op.rc);
    CHECK_INT(answers[0].count, 0);
}

STORE_TEST(a_stranger_counts_nothing)
{
    (void)a_stage(s);
    as_tenant(s, s->foreign);
    struct store_stats st = stats_of(s);
    for (int i = 0; i < JOB_STATES; i++) {
        CHECK_INT(st.counts[i], 0);
    }
    CHECK_INT(st.enqueued_total, 0);
    CHECK_INT(st.kind_count, 0);
}

STORE_TEST(a_stranger_claims_nothing)
{
    struct stage st = a_stage(s);
    int64_t me = s->tenant;
    as_tenant(s, s->foreign);
    claim_none(s);
    as_tenant(s, me);
    CHECK_STATE(s, st.queued, JOB_QUEUED);
}

STORE_TEST(a_stranger_reports_nothing)
{
    struct stage st = a_stage(s);
    int64_t me = s->tenant;
    as_tenant(s, s->foreign);
    for (int what = 0; what < REPORT_OPS; what++) {
        VERDICT(report_one(s, a_report(st.running, 1, (enum report_op)what)), RC_NOT_FOUND);
    }
    FAILS(stage_row(s, st.running, STR("b"), STR("2"), e), RC_NOT_FOUND);
    as_tenant(s, me);
    CHECK_STATE(s, st.running->id, JOB_PROCESSING);
    VERDICT(complete(s, st.running, 1), RC_OK);
    CHECK_INT(artifact_count_of(s, st.running->id), 1);
}

STORE_TEST(a_stranger_acts_on_nothing)
{
    struct stage st = a_stage(s);
    struct {
        enum job_action action;
        struct id id;
        enum job_state stays;
    } rows[] = {{ACT_CANCEL, st.queued, JOB_QUEUED},        {ACT_CANCEL, st.running->id, JOB_PROCESSING},
                {ACT_CANCEL, st.done, JOB_COMPLETED},       {ACT_RETRY, st.failed, JOB_FAILED},
                {ACT_PROMOTE, st.scheduled, JOB_SCHEDULED}, {ACT_ERASE, st.done, JOB_COMPLETED},
                {ACT_PURGE, st.done, JOB_COMPLETED}};
    int64_t me = s->tenant;
    for (int i = 0; i < 7; i++) {
        as_tenant(s, s->foreign);
        struct act_verdict v = act_on(s, rows[i].action, rows[i].id);
        VERDICT(v, RC_NOT_FOUND);
        as_tenant(s, me);
        CHECK_STATE(s, rows[i].id, rows[i].stays);
    }
    CHECK_FALSE(job_of(s, st.running->id)->cancel_requested);
    CHECK_STR(job_of(s, st.done)->result, STR("{\"r\":1}"));
}

STORE_TEST(a_stranger_patches_nothing)
{
    struct stage st = a_stage(s);
    AN_OP(s, op, store_patch, STORE_PATCH);
    op.tenant = s->foreign;
    op.job_id = st.queued;
    op.has_priority = true;
    op.priority = -100;
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
    CHECK_INT(job_of(s, st.queued)->priority, 0);
}

STORE_TEST(queues_of_the_same_name_have_nothing_in_common)
{
    (void)a_queued_job(s, .queue = STR("q"));
    int64_t me = s->tenant;
    as_tenant(s, s->foreign);
    struct id theirs = a_queued_job(s, .queue = STR("q"));
    pause_queue(s, STR("q"));
    set_queue(s, STR("q"), settings_with(.lease_ms = 1000));
    claim_none(s, .queue = STR("q"));
    as_tenant(s, me);
    CHECK_FALSE(queue_of(s, STR("q"))->is_paused);
    CHECK_INT(queue_of(s, STR("q"))->counts[JOB_QUEUED], 1);
    struct job *job = claim_one(s, .queue = STR("q"));
    CHECK_INT(job->lease_ms, JOB_LEASE_DEFAULT_MS);
    CHECK_FALSE(id_eq(job->id, theirs));
    claim_none(s, .queue = STR("q"));
}

STORE_TEST(a_stranger_cannot_delete_a_queue)
{
    (void)set_queue(s, STR("q"), settings_with(.lease_ms = 5000));
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->foreign;
    op.name = STR("q");
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
    CHECK_INT(queue_of(s, STR("q"))->settings.lease_ms, 5000);
}

STORE_TEST(the_error_for_a_foreign_job_says_no_more_than_the_one_for_an_unknown)
{
    struct stage st = a_stage(s);
    struct id unknown = id_random(TEST_BEGINS);
    as_tenant(s, s->foreign);
    struct act_verdict foreign = cancel(s, st.done), never = cancel(s, unknown);
    CHECK_INT(foreign.rc, never.rc);
    CHECK_STR(str_from(foreign.e.code), str_from(never.e.code));
    CHECK_STR(str_from(foreign.e.field), str_from(never.e.field));
    CHECK_INT(strlen(foreign.e.text), strlen(never.e.text)); /* but for the id, which the asker named */
    CHECK_INT(foreign.state, never.state);
}

/* ---- what is no text: SQLite would keep it, and PostgreSQL could not */

STORE_TEST(bytes_that_are_no_text_are_refused)
{
    static const struct str bad[] = {STR("caf\xe9"), STR("a\xff"), STR("a\0b"), STR("\xed\xa0\x80")};
    const struct job_spec spec = {.queue = STR("q"), .kind = STR("k"), .args = STR("1")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        AN_OP(s, enqueue, store_enqueue, STORE_ENQUEUE);
        enqueue.tenant = s->tenant;
        enqueue.specs = &spec;
        enqueue.count = 1;
        enqueue.idempotency_key = bad[i];
        FAILS(store_run(s->store, &enqueue.op, e), RC_INVALID);
        CHECK_STR(str_from(e->code), STR("invalid_field"));
        AN_OP(s, create, store_create_key, STORE_CREATE_KEY);
        create.key = (struct api_key){.public_id = STR("abcdefgh"),
                                      .tenant_name = STR("x"),
                                      .name = bad[i],
                                      .last4 = STR("abcd"),
                                      .scopes = SCOPE_READ};
        FAILS(store_run(s->store, &create.op, e), RC_INVALID);
        CHECK_STR(str_from(e->code), STR("invalid_field"));
        AN_OP(s, revoke, store_revoke_key, STORE_REVOKE_KEY);
        revoke.public_id = bad[i];
        FAILS(store_run(s->store, &revoke.op, e), RC_NOT_FOUND);
    }
    claim_none(s, .queue = STR("q"));
}

/* ---- who works for all tenants */

static struct lease_place find_lease(struct store_test *s, struct id job, int64_t lease)
{
    AN_OP(s, op, store_find_leases, STORE_FIND_LEASES);
    const struct lease_name names[] = {{id_random(TEST_BEGINS), 1}, {job, lease}};
    op.worker = STR("all/");
    op.leases = names;
    op.count = 2;
    run_op(s, &op.op);
    CHECK_INT(op.places[0].tenant, 0);
    return op.places[1];
}

STORE_TEST(tenants_are_listed_with_their_names)
{
    AN_OP(s, op, store_list_tenants, STORE_LIST_TENANTS);
    run_op(s, &op.op);
    bool is_there = false;
    for (size_t i = 0; i < op.count; i++) {
        is_there |= op.tenants[i].id == s->tenant && str_eq(op.tenants[i].name, STR("acme"));
        CHECK_TRUE(i == 0 || op.tenants[i - 1].id < op.tenants[i].id);
    }
    CHECK_TRUE(is_there);
}

STORE_TEST(a_lease_is_found_by_those_who_gave_it_and_nobody_else)
{
    (void)a_queued_job(s);
    const struct job *j = claim_one(s, .worker = STR("all/w"), .lease_ms = MINUTE);
    CHECK_INT(find_lease(s, j->id, j->lease).tenant, s->tenant);
    CHECK_TRUE(find_lease(s, j->id, j->lease).is_live);
    CHECK_INT(find_lease(s, j->id, j->lease + 1).tenant, 0);
    CHECK_INT(find_lease(s, j->id, j->lease - 1).tenant, 0);
    CHECK_INT(find_lease(s, a_queued_job(s), 0).tenant, 0);
    const struct job *theirs = claim_one(s, .worker = STR("w"));
    CHECK_INT(find_lease(s, theirs->id, theirs->lease).tenant, 0);
    CHECK_INT(complete(s, j, 1).rc, RC_OK);
    CHECK_INT(find_lease(s, j->id, j->lease).tenant, s->tenant); /* the report may come once more */
    CHECK_FALSE(find_lease(s, j->id, j->lease).is_live);
}

STORE_TEST(a_lease_that_is_over_is_found_until_the_next_is_given)
{
    (void)a_queued_job(s);
    const struct job *j = claim_one(s, .worker = STR("all/w"), .lease_ms = MINUTE);
    (void)pass(s, 2 * MINUTE);
    CHECK_INT(find_lease(s, j->id, j->lease).tenant, s->tenant); /* its end may come late */
    CHECK_FALSE(find_lease(s, j->id, j->lease).is_live);
    (void)pass(s, HOUR);
    (void)claim_one(s, .worker = STR("w"));
    CHECK_INT(find_lease(s, j->id, j->lease).tenant, 0);
}
