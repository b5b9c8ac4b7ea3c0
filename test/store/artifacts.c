/* Artifacts: staged under a lease, visible with the completion or never; rows and files; series that keep the newest n. */
#include "store_test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(struct str path)
{
    struct stat st;
    return path.n && stat(path.p, &st) == 0;
}

/* A job of its own queue that completes with an artifact and publishes it. */
static struct id publish_one(struct store_test *s, struct str series, int64_t keep, struct str bytes,
                             bool as_file)
{
    struct err err = {0}, *e = &err;
    struct job *job = a_processing_job(s, .queue = STR("pub"));
    if (as_file) {
        OK(stage_file(s, job, STR("index"), JOB_ARTIFACT_ROW_BYTES + 1, bytes.p[0], e));
    } else {
        OK(stage_row(s, job, STR("index"), bytes, e));
    }
    struct report_publish publish = {STR("index"), series, keep};
    VERDICT(complete(s, job, 1, .result = bytes, .publish = &publish, .publish_count = 1), RC_OK);
    advance(s, 1);
    return job->id;
}

STORE_TEST(a_staged_artifact_is_invisible_until_the_job_completes)
{
    struct job *job = a_processing_job(s);
    OK(stage_row(s, job, STR("out.txt"), STR("hello"), e));
    CHECK_INT(artifact_of(s, job->id, STR("out.txt")).op.rc, RC_NOT_FOUND);
    CHECK_INT(artifact_count_of(s, job->id), 0);

    VERDICT(complete(s, job, 1), RC_OK);
    struct store_get_artifact got = artifact_of(s, job->id, STR("out.txt"));
    CHECK_INT(got.op.rc, RC_OK);
    CHECK_STR(got.artifact.bytes, STR("hello"));
    CHECK_STR(got.artifact.media_type, STR("text/plain"));
    CHECK_INT(got.artifact.size, 5);
    CHECK_INT(got.artifact.path.n, 0);
    CHECK_INT(got.artifact.sha256[0], 5);
    CHECK_INT(artifact_count_of(s, job->id), 1);
}

STORE_TEST(a_large_artifact_is_a_file)
{
    struct job *job = a_processing_job(s);
    OK(stage_file(s, job, STR("big.bin"), JOB_ARTIFACT_ROW_BYTES + 1, 'z', e));
    CHECK_INT(artifact_of(s, job->id, STR("big.bin")).op.rc, RC_NOT_FOUND);
    VERDICT(complete(s, job, 1), RC_OK);
    struct store_get_artifact got = artifact_of(s, job->id, STR("big.bin"));
    CHECK_INT(got.op.rc, RC_OK);
    CHECK_INT(got.artifact.size, JOB_ARTIFACT_ROW_BYTES + 1);
    CHECK_TRUE(got.artifact.bytes.p == NULL);
    CHECK_INT(got.artifact.path.p[0], '/');
    CHECK_TRUE(is_file(got.artifact.path));
}

STORE_TEST(a_small_artifact_rides_in_the_report)
{
    struct job *job = a_processing_job(s);
    struct report_artifact two[2] = {{STR("b.txt"), STR("text/plain"), STR("b")},
                                     {STR("a.md"), STR("text/markdown"), STR("a")}};
    VERDICT(complete(s, job, 1, .artifacts = two, .artifact_count = 2), RC_OK);
    CHECK_STR(artifact_of(s, job->id, STR("a.md")).artifact.bytes, STR("a"));
    AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
    op.tenant = s->tenant;
    op.job = job->id;
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
    CHECK_STR(op.artifacts[0].name, STR("a.md")); /* by name */
    CHECK_STR(op.artifacts[1].name, STR("b.txt"));
    CHECK_TRUE(op.artifacts[0].bytes.p == NULL);
}

STORE_TEST(an_artifact_in_a_progress_report_is_staged)
{
    struct job *job = a_processing_job(s);
    struct report_artifact one = {STR("a"), STR("text/plain"), STR("1")};
    VERDICT(progress(s, job, 1, .artifacts = &one, .artifact_count = 1), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 0);
    VERDICT(complete(s, job, 2), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 1);
}

STORE_TEST(a_small_artifact_in_a_report_keeps_the_hash_it_came_with)
{
    struct job *job = a_processing_job(s);
    struct report_artifact one = {STR("a"), STR("text/plain"), STR("abc"), {0xba, 0x78, 0x16, 0xbf}};
    VERDICT(complete(s, job, 1, .artifacts = &one, .artifact_count = 1), RC_OK);
    struct store_get_artifact got = artifact_of(s, job->id, STR("a"));
    CHECK_STR(((struct str){(char *)got.artifact.sha256, 4}), ((struct str){(char *)one.sha256, 4}));
}

STORE_TEST(the_same_name_again_replaces_what_was_staged)
{
    struct job *job = a_processing_job(s);
    OK(stage_row(s, job, STR("out"), STR("first"), e));
    OK(stage_row(s, job, STR("out"), STR("second!"), e));
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 1);
    CHECK_STR(artifact_of(s, job->id, STR("out")).artifact.bytes, STR("second!"));
}

STORE_TEST(a_file_may_replace_a_row_and_a_row_a_file)
{
    struct job *job = a_processing_job(s);
    OK(stage_row(s, job, STR("a"), STR("row"), e));
    OK(stage_file(s, job, STR("a"), JOB_ARTIFACT_ROW_BYTES + 9, 'f', e));
    OK(stage_file(s, job, STR("b"), JOB_ARTIFACT_ROW_BYTES + 9, 'f', e));
    OK(stage_row(s, job, STR("b"), STR("row"), e));
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_INT(artifact_of(s, job->id, STR("a")).artifact.size, JOB_ARTIFACT_ROW_BYTES + 9);
    CHECK_TRUE(is_file(artifact_of(s, job->id, STR("a")).artifact.path));
    CHECK_STR(artifact_of(s, job->id, STR("b")).artifact.bytes, STR("row"));
}

STORE_TEST(artifacts_of_a_failed_job_are_never_seen)
{
    struct job *job = a_processing_job(s);
    OK(stage_row(s, job, STR("a"), STR("1"), e));
    OK(stage_file(s, job, STR("b"), JOB_ARTIFACT_ROW_BYTES + 1, 'b', e));
    VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 0);
    CHECK_INT(artifact_of(s, job->id, STR("a")).op.rc, RC_NOT_FOUND);
}

STORE_TEST(what_was_staged_under_a_lost_lease_is_gone)
{
    struct job *first = a_processing_job(s);
    OK(stage_row(s, first, STR("mine"), STR("1"), e));
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct job *second = claim_one(s);
    OK(stage_row(s, second, STR("yours"), STR("2"), e));
    VERDICT(complete(s, second, 1), RC_OK);
    CHECK_INT(artifact_count_of(s, first->id), 1);
    CHECK_INT(artifact_of(s, first->id, STR("mine")).op.rc, RC_NOT_FOUND);
}

STORE_TEST(nobody_stages_without_the_current_lease)
{
    struct job *zombie = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct job *holder = claim_one(s);
    FAILS(stage_row(s, zombie, STR("a"), STR("1"), e), RC_LEASE_LOST);
    FAILS(stage_file(s, zombie, STR("a"), JOB_ARTIFACT_ROW_BYTES + 1, 'x', e), RC_LEASE_LOST);
    VERDICT(complete(s, holder, 1), RC_OK);
    FAILS(stage_row(s, holder, STR("a"), STR("1"), e), RC_LEASE_LOST);
    CHECK_INT(artifact_count_of(s, holder->id), 0);
}

STORE_TEST(nothing_is_staged_for_an_unknown_job)
{
    struct job nobody = {.id = id_random(TEST_BEGINS), .lease = 1};
    FAILS(stage_row(s, &nobody, STR("a"), STR("1"), e), RC_NOT_FOUND);
}

STORE_TEST(an_artifact_needs_a_proper_name)
{
    struct job *job = a_processing_job(s);
    FAILS(stage_row(s, job, STR("../../etc/passwd"), STR("1"), e), RC_INVALID);
    FAILS(stage_row(s, job, STR(""), STR("1"), e), RC_INVALID);
}

STORE_TEST(a_row_over_the_limit_is_refused)
{
    struct job *job = a_processing_job(s);
    char *big = arena_alloc(s->a, JOB_ARTIFACT_ROW_BYTES + 1);
    FAILS(stage_row(s, job, STR("a"), (struct str){big, JOB_ARTIFACT_ROW_BYTES + 1}, e), RC_TOO_BIG);
    OK(stage_row(s, job, STR("a"), (struct str){big, JOB_ARTIFACT_ROW_BYTES}, e));
}

STORE_TEST(an_empty_artifact_is_an_artifact)
{
    struct job *job = a_processing_job(s);
    struct report_artifact one = {STR("empty"), STR("text/plain"), STR("")};
    VERDICT(complete(s, job, 1, .artifacts = &one, .artifact_count = 1), RC_OK);
    struct store_get_artifact got = artifact_of(s, job->id, STR("empty"));
    CHECK_INT(got.op.rc, RC_OK);
    CHECK_INT(got.artifact.size, 0);
}

DURABLE_STORE_TEST(what_was_staged_survives_a_restart)
{
    struct job *job = a_processing_job(s);
    OK(stage_row(s, job, STR("row"), STR("1"), e));
    OK(stage_file(s, job, STR("file"), JOB_ARTIFACT_ROW_BYTES + 1, 'x', e));
    reopen(s);
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 2);
    CHECK_TRUE(is_file(artifact_of(s, job->id, STR("file")).artifact.path));
}

DURABLE_STORE_TEST(files_that_nobody_refers_to_are_swept_at_the_start)
{
    struct job *job = a_processing_job(s);
    OK(stage_file(s, job, STR("file"), JOB_ARTIFACT_ROW_BYTES + 1, 'x', e));
    VERDICT(complete(s, job, 1), RC_OK);
    struct str orphan = arena_printf(s->a, "%s/upload-left-behind.tmp", store_files_dir(s->store));
    FILE *f = fopen(orphan.p, "w");
    CHECK_TRUE(f && fclose(f) == 0);
    reopen(s);
    CHECK_FALSE(is_file(orphan));
    CHECK_TRUE(is_file(artifact_of(s, job->id, STR("file")).artifact.path));
}

/* ---- series */

STORE_TEST(the_newest_of_a_series_is_one_read)
{
    struct id first = publish_one(s, STR("repo:main"), 3, STR("1"), false);
    struct id second = publish_one(s, STR("repo:main"), 3, STR("2"), false);
    struct store_get_series got = series_of(s, STR("repo:main"), 10);
    CHECK_INT(got.op.rc, RC_OK);
    CHECK_INT(got.count, 2);
    CHECK_ID(got.entries[0].artifact.job, second);
    CHECK_STR(got.entries[0].artifact.bytes, STR("2"));
    CHECK_STR(got.entries[0].result, STR("2"));
    CHECK_INT(got.entries[0].published_at, TEST_BEGINS + 1);
    CHECK_ID(got.entries[1].artifact.job, first);
    CHECK_INT(series_of(s, STR("repo:main"), 1).count, 1);
}

STORE_TEST(an_unknown_series_is_not_found)
{
    CHECK_INT(series_of(s, STR("nothing"), 1).op.rc, RC_NOT_FOUND);
}

STORE_TEST(a_series_keeps_the_newest_n)
{
    static const char *const words[] = {"1", "2", "3", "4", "5"};
    for (int i = 0; i < 5; i++) {
        (void)publish_one(s, STR("x"), 2, str_from(words[i]), false);
    }
    struct store_get_series got = series_of(s, STR("x"), 10);
    CHECK_INT(got.count, 2);
    CHECK_STR(got.entries[0].artifact.bytes, STR("5"));
    CHECK_STR(got.entries[1].artifact.bytes, STR("4"));
}

STORE_TEST(a_published_artifact_outlives_its_job)
{
    struct id row = publish_one(s, STR("rows"), 1, STR("7"), false);
    struct id file = publish_one(s, STR("files"), 1, STR("8"), true);
    advance(s, 100 * DAY);
    (void)prune(s);
    CHECK_FALSE(has_job(s, row));
    CHECK_FALSE(has_job(s, file));
    CHECK_STR(series_of(s, STR("rows"), 1).entries[0].artifact.bytes, STR("7"));
    CHECK_STR(series_of(s, STR("rows"), 1).entries[0].result, STR("7"));
    CHECK_TRUE(is_file(series_of(s, STR("files"), 1).entries[0].artifact.path));
}

STORE_TEST(a_file_that_left_its_series_and_its_job_is_removed)
{
    (void)publish_one(s, STR("x"), 1, STR("1"), true);
    struct str old = series_of(s, STR("x"), 1).entries[0].artifact.path;
    CHECK_TRUE(is_file(old));
    (void)publish_one(s, STR("x"), 1, STR("2"), true);
    advance(s, 100 * DAY);
    (void)prune(s);
    CHECK_FALSE(is_file(old));
    CHECK_TRUE(is_file(series_of(s, STR("x"), 1).entries[0].artifact.path));
}

STORE_TEST(only_what_exists_can_be_published)
{
    struct job *job = a_processing_job(s);
    struct report_publish publish = {STR("missing"), STR("x"), 1};
    enum rc rc = complete(s, job, 1, .publish = &publish, .publish_count = 1).rc;
    CHECK_TRUE(rc == RC_INVALID || rc == RC_NOT_FOUND);
    CHECK_STATE(s, job->id, JOB_PROCESSING); /* all of the report or nothing */
    VERDICT(complete(s, job, 2), RC_OK);
}

STORE_TEST(series_are_listed_by_name_from_a_prefix)
{
    (void)publish_one(s, STR("code:b"), 1, STR("1"), false);
    (void)publish_one(s, STR("code:a"), 1, STR("2"), false);
    (void)publish_one(s, STR("code:a"), 1, STR("3"), false);
    (void)publish_one(s, STR("docs:a"), 1, STR("4"), false);
    AN_OP(s, op, store_list_series, STORE_LIST_SERIES);
    op.tenant = s->tenant;
    op.prefix = STR("code:");
    op.limit = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
    CHECK_STR(op.names[0], STR("code:a"));
    CHECK_STR(op.names[1], STR("code:b"));
    CHECK_STR(op.entries[0].result, STR("3"));
    CHECK_TRUE(op.entries[0].artifact.bytes.p == NULL);
    AN_OP(s, rest, store_list_series, STORE_LIST_SERIES);
    rest.tenant = s->tenant;
    rest.prefix = STR("code:");
    rest.after = STR("code:a");
    rest.limit = 10;
    run_op(s, &rest.op);
    CHECK_INT(rest.count, 1);
    CHECK_STR(rest.names[0], STR("code:b"));
}

STORE_TEST(series_belong_to_their_tenant)
{
    (void)publish_one(s, STR("x"), 1, STR("1"), false);
    int64_t me = s->tenant;
    as_tenant(s, s->foreign); /* J13 */
    CHECK_INT(series_of(s, STR("x"), 1).op.rc, RC_NOT_FOUND);
    (void)publish_one(s, STR("x"), 1, STR("2"), false);
    as_tenant(s, me);
    struct store_get_series got = series_of(s, STR("x"), 10);
    CHECK_INT(got.count, 1);
    CHECK_STR(got.entries[0].artifact.bytes, STR("1"));
}
