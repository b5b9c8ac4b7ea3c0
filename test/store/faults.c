/* The fault points of the store (docs/testing.md), one by one: an operation that failed there has changed nothing, or ends
 * the store; a process that died there has lost nothing it acknowledged (J1, J17). */
#ifdef STINT_FAULTS
#include "base/fault.h"
#include "limit_rig.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- fails once */

static void a_failed_round_changes_nothing(struct store_test *s, const char *point)
{
    (void)a_queued_job(s);
    fault_arm(point, "fail", 1);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    fault_disarm();
    CHECK_INT(count_of(s, (struct job_filter){0}), v.rc ? 1 : 2);
    struct enqueue_verdict again = enqueue(s, .unique_key = STR("u"));
    VERDICT(again, RC_OK);
    CHECK_INT(again.duplicate, !v.rc);
    CHECK_INT(store_health(s->store), RC_OK);
    check_counts(s);
}

STORE_TEST(a_round_that_cannot_begin_changes_nothing)
{
    a_failed_round_changes_nothing(s, "store.round.begin");
}

STORE_TEST(a_round_that_fails_in_the_middle_changes_nothing)
{
    a_failed_round_changes_nothing(s, "store.round.middle");
}

/* What failed there has changed nothing: the slot of the one that runs, the pause, and whose turn it is (J8). */
static void a_key_survives(struct store_test *s, const char *point)
{
    (void)set_limit(s, A, CAPPED(1));
    struct job *job = a_processing_job(s, .limit_keys = HOST);
    queue_some(s, 2, HOST);
    fault_arm(point, "always", 1);
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = A;
    op.pause_until = JOB_FOREVER_MS;
    bool is_paused = !store_run(s->store, &op.op, NULL);
    AN_OP(s, end, store_report, STORE_REPORT);
    struct report report = a_report(job, 1, REPORT_COMPLETE);
    end.tenant = s->tenant;
    end.items = &report;
    end.count = 1;
    bool has_ended = !store_run(s->store, &end.op, NULL);
    AN_OP(s, more, store_claim, STORE_CLAIM);
    more.tenant = s->tenant;
    more.worker = STR("w");
    more.max = 10;
    bool has_claimed = !store_run(s->store, &more.op, NULL) && more.count;
    fault_disarm();
    CHECK_FALSE(is_paused && has_ended && has_claimed);
    CHECK_INT(read_limit(s, A).state.used, (has_ended ? 0 : 1) + (has_claimed ? 1 : 0));
    CHECK_INT(read_limit(s, A).state.paused_until, is_paused ? JOB_FOREVER_MS : 0);
    pause_limit(s, A, 0);
    if (!has_ended) {
        VERDICT(complete(s, job, 1), RC_OK);
    }
    CHECK_INT(claimed(s, 10), has_claimed ? 0 : 1);
    CHECK_INT(claimed(s, 10), 0);
    check_counts(s);
}

STORE_TEST(a_claim_that_fails_in_a_lane_takes_no_slot)
{
    a_key_survives(s, "store.lane.claim");
}

STORE_TEST(a_limit_that_cannot_be_written_is_as_it_was)
{
    a_key_survives(s, "store.limit.put");
}

STORE_TEST(a_slot_that_cannot_be_freed_is_used_still)
{
    a_key_survives(s, "store.slot.free");
}

FILE_STORE_TEST(a_commit_that_fails_ends_the_store_and_acknowledges_nothing)
{
    struct job *job = a_processing_job(s);
    fault_arm("store.round.commit", "fail", 1);
    VERDICT(enqueue(s, .unique_key = STR("u")), RC_FATAL); /* J17 */
    fault_disarm();
    CHECK_INT(store_health(s->store), RC_FATAL);
    AN_OP(s, op, store_stats, STORE_STATS);
    op.tenant = s->tenant;
    FAILS(store_run(s->store, &op.op, e), RC_FATAL);
    VERDICT(enqueue(s, .unique_key = STR("u")), RC_FATAL);
    reopen(s);
    CHECK_INT(store_health(s->store), RC_OK);
    VERDICT(complete(s, job, 1), RC_OK);
    check_counts(s);
}

static void a_file_that_fails_is_not_staged(struct store_test *s, const char *point)
{
    struct err err = {0}, *e = &err;
    struct job *job = a_processing_job(s);
    fault_arm(point, "fail", 1);
    enum rc rc = stage_file(s, job, STR("big"), JOB_ARTIFACT_ROW_BYTES + 1, 'x', e);
    fault_disarm();
    CHECK_FALSE(rc == RC_OK);
    if (store_health(s->store) == RC_FATAL) {
        reopen(s);
    }
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_INT(artifact_count_of(s, job->id), 0);
}

DURABLE_STORE_TEST(a_file_that_cannot_be_flushed_is_not_staged)
{
    a_file_that_fails_is_not_staged(s, "store.files.fsync");
}

DURABLE_STORE_TEST(a_file_that_cannot_be_put_in_place_is_not_staged)
{
    a_file_that_fails_is_not_staged(s, "store.files.link");
}

FILE_STORE_TEST(a_migration_that_fails_leaves_nothing_behind)
{
    struct store *store = NULL;
    char url[700];
    str_print(url, sizeof url, "sqlite:%s", test_path("second.db"));
    fault_arm("store.migrate.step", "fail", 1);
    CHECK_FALSE(store_open(&store, url, &s->options, e) == RC_OK);
    fault_disarm();
    OK(store_open(&store, url, &s->options, e));
    store_close(store);
}

/* ---- dies there */

struct told { /* one line of the child: what it was told by the store */
    struct id id;
    enum job_state state;
    int64_t lease;
};

static void tell(int fd, struct id id, enum job_state state, int64_t lease)
{
    struct told line = {id, state, lease};
    ck_assert(write(fd, &line, sizeof line) == (ssize_t)sizeof line);
}

static void work_until_killed(struct store_test *s, const char *point, int nth, int fd)
{
    struct err err = {0}, *e = &err;
    OK(store_open(&s->store, s->url, &s->options, e));
    fault_arm(point, "kill", nth);
    for (int i = 0; i < 20; i++) {
        struct id id = a_queued_job(s);
        tell(fd, id, JOB_QUEUED, 0);
        struct job *job = claim_one(s);
        tell(fd, job->id, JOB_PROCESSING, job->lease);
        OK(stage_file(s, job, STR("big"), JOB_ARTIFACT_ROW_BYTES + 1, 'x', e));
        VERDICT(complete(s, job, 1), RC_OK);
        tell(fd, job->id, JOB_COMPLETED, job->lease);
        if (i % 4 == 3) {
            VERDICT(purge(s, id), RC_OK);
            tell(fd, id, JOB_STATES, 0); /* gone */
            (void)prune(s);
        }
    }
}

static void check_told(struct store_test *s, const struct told *last)
{
    if (last->state == JOB_STATES) {
        CHECK_FALSE(has_job(s, last->id));
    } else if (!has_job(s, last->id)) {
        CHECK_INT(last->state, JOB_COMPLETED); /* its purge went without an answer */
    } else {
        struct job *job = job_of(s, last->id);
        CHECK_TRUE(job->state == last->state || job->state == last->state + 1);
        CHECK_TRUE(job->lease >= last->lease);
        if (job->state == JOB_COMPLETED) {
            CHECK_INT(artifact_of(s, job->id, STR("big")).artifact.size, JOB_ARTIFACT_ROW_BYTES + 1);
            CHECK_INT(access(artifact_of(s, job->id, STR("big")).artifact.path.p, R_OK), 0);
        }
    }
}

/* True when the child died at the point; false when it never came by so often. */
static bool die_once(struct store_test *s, const char *point, int nth)
{
    struct err err = {0}, *e = &err;
    struct told line, last = {0};
    int ends[2], status = 0;
    ck_assert(pipe(ends) == 0);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        close(ends[0]);
        work_until_killed(s, point, nth, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    OK(waitpid(child, &status, 0) == child ? RC_OK : RC_FATAL);
    OK(store_open(&s->store, s->url, &s->options, e));
    while (read(ends[0], &line, sizeof line) == (ssize_t)sizeof line) {
        if (!id_is_zero(last.id) && !id_eq(last.id, line.id)) {
            check_told(s, &last);
        }
        last = line;
    }
    close(ends[0]);
    if (!id_is_zero(last.id)) {
        check_told(s, &last);
    }
    check_counts(s);
    struct claimed rest = claim(s, .max = 10); /* a job that was enqueued without an answer */
    for (size_t i = 0; i < rest.count; i++) {
        VERDICT(complete(s, &rest.jobs[i], 1), RC_OK);
    }
    (void)pass(s, HOUR); /* and one that was processing: its lease ends */
    rest = claim(s, .max = 10);
    for (size_t i = 0; i < rest.count; i++) {
        VERDICT(complete(s, &rest.jobs[i], 1), RC_OK);
    }
    store_close(s->store);
    s->store = NULL;
    ck_assert_msg(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0,
                  "the child failed");
    return WIFSIGNALED(status);
}

static void die_everywhere(struct store_test *s, const char *point, int most)
{
    int died = 0, sparse = is_server(s) ? 2 : 4; /* where opening the store is dear */
    store_close(s->store);                       /* no threads over the fork */
    s->store = NULL;
    for (int nth = 1; nth <= most; nth += 1 + nth / sparse) {
        died += die_once(s, point, nth) ? 1 : 0;
    }
    CHECK_TRUE(died > 0);
}

DURABLE_STORE_TEST(a_death_in_the_middle_of_a_round_loses_nothing)
{
    die_everywhere(s, "store.round.middle", 40);
}

DURABLE_STORE_TEST(a_death_before_the_flush_loses_nothing)
{
    die_everywhere(s, "store.round.commit", 40);
}

DURABLE_STORE_TEST(a_death_between_the_flush_and_the_answer_loses_nothing)
{
    die_everywhere(s, "store.round.answer", 40);
}

DURABLE_STORE_TEST(a_death_while_a_file_is_put_in_place_loses_nothing)
{
    die_everywhere(s, "store.files.fsync", 4);
    die_everywhere(s, "store.files.link", 4);
}

#endif
