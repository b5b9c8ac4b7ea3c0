/* store_sqlite.c: what is the SQLite engine's own: the lock, the file, restarts, rounds that fail. What every engine must
 * mean is in test/store. */
#include "test.h"

#include "base/fault.h"
#include "store/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t now_ms = 1000000000000;

static int64_t read_now(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static const struct store_options options = {.now = read_now};

static struct store *opened(struct err *e)
{
    struct store *s = NULL;
    OK(store_open(&s, test_path("s.db"), &options, e));
    return s;
}

static struct id enqueue(struct store *s, struct arena *a, const struct job_spec *spec, struct err *e)
{
    struct store_enqueue op;
    store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
    op.tenant = 1;
    op.specs = spec;
    op.count = 1;
    OK(store_run(s, &op.op, e));
    return op.verdicts[0].job;
}

static const struct job_spec plain = {.queue = STR("mail"), .kind = STR("send"), .args = STR("{\"to\":1}")};

static struct job claim(struct store *s, struct arena *a, struct err *e)
{
    struct str queue = STR("mail");
    struct store_claim op;
    store_init(&op.op, sizeof op, STORE_CLAIM, a);
    op.tenant = 1;
    op.worker = STR("w1");
    op.queues = &queue;
    op.queue_count = 1;
    op.max = 1;
    OK(store_run(s, &op.op, e));
    return op.count ? op.jobs[0] : (struct job){0};
}

static struct report_verdict report(struct store *s, struct arena *a, struct report item, struct err *e)
{
    struct store_report op;
    store_init(&op.op, sizeof op, STORE_REPORT, a);
    op.tenant = 1;
    op.items = &item;
    op.count = 1;
    OK(store_run(s, &op.op, e));
    return op.verdicts[0];
}

static struct job get(struct store *s, struct arena *a, struct id id, struct err *e)
{
    struct store_get_job op;
    store_init(&op.op, sizeof op, STORE_GET_JOB, a);
    op.tenant = 1;
    op.id = id;
    OK(store_run(s, &op.op, e));
    return *op.job;
}

TEST(a_job_goes_through_its_life_and_outlives_a_restart)
{
    struct arena *a = arena_new();
    struct store *s = opened(e);
    struct id id = enqueue(s, a, &plain, e);
    struct job j = claim(s, a, e);
    CHECK_TRUE(id_eq(j.id, id));
    CHECK_STR(j.args, STR("{\"to\":1}"));
    CHECK_INT(j.lease, 1);
    CHECK_INT(j.attempt, 1);
    struct report done = {.job = id,
                          .lease = 1,
                          .n = 1,
                          .hash = 5,
                          .op = REPORT_COMPLETE,
                          .result = STR("42"),
                          .progress_permille = -1};
    CHECK_INT(report(s, a, done, e).rc, RC_OK);
    CHECK_TRUE(report(s, a, done, e).replayed);
    store_close(s);
    s = opened(e);
    j = get(s, a, id, e);
    CHECK_INT(j.state, JOB_COMPLETED);
    CHECK_STR(j.result, STR("42"));
    CHECK_STR(j.queue, STR("mail"));
    CHECK_STR(j.kind, STR("send"));
    CHECK_INT(claim(s, a, e).lease, 0);
    store_close(s);
    arena_free(a);
}

TEST(a_second_owner_is_refused)
{
    struct store *s = opened(e), *second = NULL;
    FAILS(store_open(&second, test_path("s.db"), &options, e), RC_BUSY);
    store_close(s);
}

TEST(a_second_owner_is_refused_under_another_name_too)
{
    struct store *again = NULL;
    struct store *s = opened(e);
    OK(symlink("s.db", test_path("symbolic.db")) ? RC_FATAL : RC_OK);
    FAILS(store_open(&again, test_path("symbolic.db"), &options, e), RC_BUSY);
    OK(link(test_path("s.db"), test_path("hard.db")) ? RC_FATAL : RC_OK);
    err_clear(e);
    FAILS(store_open(&again, test_path("hard.db"), &options, e), RC_INVALID);
    store_close(s);
}

TEST(a_store_is_readable_for_its_owner_only)
{
    static const char *const names[] = {"s.db", "s.db-wal", "s.db-shm", "s.db.lock", "s.db.ballast"};
    struct stat file;
    struct store *s = opened(e);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_INT(stat(test_path(names[i]), &file), 0);
        CHECK_INT(file.st_mode & 0777, 0600);
    }
    store_close(s);
}

TEST(a_store_that_became_empty_is_refused)
{
    struct store *s = opened(e);
    store_close(s);
    CHECK_INT(truncate(test_path("s.db"), 0), 0);
    FAILS(store_open(&s, test_path("s.db"), &options, e), RC_FATAL);
    CHECK_INT(unlink(test_path("s.db.ballast")), 0);
    err_clear(e);
    s = opened(e);
    store_close(s);
}

TEST(a_file_that_is_no_store_is_refused_and_not_touched)
{
    static const char text[] =
        "This is a letter, not a database. It is long enough to have a header, if it were one.....";
    char back[sizeof text];
    struct store *s = NULL;
    int fd = open(test_path("s.db"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(write(fd, text, sizeof text), sizeof text);
    FAILS(store_open(&s, test_path("s.db"), &options, e), RC_FATAL);
    CHECK_INT(pread(fd, back, sizeof back, 0), sizeof back);
    CHECK_TRUE(!memcmp(back, text, sizeof text));
    close(fd);
}

TEST(memory_is_a_store_too)
{
    struct arena *a = arena_new();
    struct store *s = NULL;
    OK(store_open(&s, "memory:", NULL, e));
    struct id id = enqueue(s, a, &plain, e);
    CHECK_INT(get(s, a, id, e).state, JOB_QUEUED);
    store_close(s);
    arena_free(a);
}

/* Nobody holds the committer for 100 ms: a long list goes on in the next round, and each item is done once. */
TEST(a_long_list_of_ids_is_worked_off_in_several_rounds_and_completely)
{
    enum { JOBS = 10000 };
    struct arena *a = arena_new();
    struct store *s = opened(e);
    struct store_enqueue op;
    struct job_spec *specs = arena_array(a, struct job_spec, JOBS);
    struct id *ids = arena_array(a, struct id, JOBS);
    for (int i = 0; i < JOBS; i++) {
        specs[i] = plain;
    }
    store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
    op.tenant = 1;
    op.specs = specs;
    op.count = JOBS;
    OK(store_run(s, &op.op, e));
    for (int i = 0; i < JOBS; i++) {
        ids[i] = op.verdicts[i].job;
    }
    struct store_act act;
    store_init(&act.op, sizeof act, STORE_ACT, a);
    act.tenant = 1;
    act.action = ACT_CANCEL;
    act.ids = ids;
    act.count = JOBS;
    OK(store_run(s, &act.op, e));
    CHECK_INT(act.op.items_run, JOBS);
    for (int i = 0; i < JOBS; i++) {
        CHECK_INT(act.verdicts[i].rc, RC_OK);
        CHECK_INT(act.verdicts[i].state, JOB_CANCELLED);
    }
    CHECK_INT(get(s, a, ids[0], e).last_seq, 1);
    CHECK_INT(get(s, a, ids[JOBS - 1], e).last_seq, 1);
    store_close(s);
    arena_free(a);
}

#ifdef STINT_FAULTS
TEST(a_round_that_fails_is_replayed)
{
    struct arena *a = arena_new();
    struct store *s = opened(e);
    struct id first = enqueue(s, a, &plain, e);
    fault_arm("store.round.middle", "fail", 1);
    struct store_enqueue op;
    store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
    op.tenant = 1;
    op.specs = &plain;
    op.count = 1;
    FAILS(store_run(s, &op.op, e), RC_BUSY); /* alone in its round: the fault is its answer */
    fault_disarm();
    CHECK_TRUE(id_eq(claim(s, a, e).id, first));
    CHECK_INT(claim(s, a, e).lease, 0);
    store_close(s);
    arena_free(a);
}

TEST(after_a_failed_flush_nothing_is_answered_any_more)
{
    struct arena *a = arena_new();
    struct store *s = opened(e);
    fault_arm("store.round.commit", "fail", 1);
    struct store_enqueue op;
    store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
    op.tenant = 1;
    op.specs = &plain;
    op.count = 1;
    FAILS(store_run(s, &op.op, e), RC_FATAL);
    fault_disarm();
    CHECK_INT(store_health(s), RC_FATAL); /* J17 */
    FAILS(store_run(s, &op.op, e), RC_FATAL);
    store_close(s);
    arena_free(a);
}
#endif

TEST(the_folder_of_a_new_store_is_made_but_not_by_who_only_looks)
{
    struct store *s = NULL;
    struct store_options look = options;

    look.read_only = true;
    FAILS(store_open(&s, test_path("var/s.db"), &look, e), RC_NOT_FOUND);
    OK(store_open(&s, test_path("var/s.db"), &options, e));
    CHECK_INT(access(test_path("var/s.db"), F_OK), 0);
    store_close(s);
    FAILS(store_open(&s, test_path("no/such/s.db"), &options, e), RC_NOT_FOUND);
}
