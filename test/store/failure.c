/* The n-th call to the disk fails, n = 1, 2, … until the work passes without meeting it: with an input/output error, a
 * full disk, half a write; once, or from then on. Nothing is acknowledged that is not durable, a failed flush ends the
 * store (J17), and what is opened afterwards is whole. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 6

struct fault {
    unsigned calls;
    enum disk_failure failure;
    bool is_lasting;
};

static void check_that_it_ended(struct world *w)
{
    struct err err = {0};
    struct store_stats op;
    arena_reset(w->a);
    store_init(&op.op, sizeof op, STORE_STATS, w->a);
    op.tenant = w->tenant;
    enum rc rc = store_run(w->store, &op.op, &err);
    if (rc != RC_FATAL || store_health(w->store) != RC_FATAL) {
        world_violation(w, "after RC_FATAL a read answered %s, and the health %s", rc_name(rc),
                        rc_name(store_health(w->store)));
    }
}

static void work(struct world *w)
{
    for (int i = 0; i < ROUNDS && !w->violations && !w->is_fatal; i++) {
        world_run_round(w);
    }
    if (w->is_fatal && !w->violations) {
        world_run_round(w); /* nothing of it may be acknowledged */
        check_that_it_ended(w);
    }
}

/* The program ends, and starts again on a good disk; every second time the power went in between. */
static void come_back(struct world *w, bool with_cut)
{
    world_close(w);
    powercut_fail(0, 0, DISK_EIO, false);
    if (with_cut) {
        powercut_restore();
    }
    if (!w->violations && world_open(w)) {
        world_check(w);
        world_run_round(w);
    }
}

static bool fail_while_working(struct world *w, struct fault f, int64_t n)
{
    world_new_disk(w);
    powercut_fail(f.calls, n, f.failure, f.is_lasting);
    work(w);
    bool has_failed = powercut_failed();
    if (has_failed && f.calls == DISK_SYNC && !w->is_fatal) {
        world_violation(w, "a flush failed and the store goes on (J17)");
    }
    come_back(w, n % 2);
    return has_failed;
}

static bool fail_while_opening(struct world *w, struct fault f, int64_t n)
{
    world_new_disk(w);
    for (int i = 0; i < 3; i++) {
        world_run_round(w);
    }
    world_close(w);
    powercut_restore();
    powercut_fail(f.calls, n, f.failure, f.is_lasting);
    if (world_open(w)) {
        world_run_round(w);
    }
    bool has_failed = powercut_failed();
    come_back(w, n % 2);
    return has_failed;
}

static bool fail_while_creating(struct world *w, struct fault f, int64_t n)
{
    powercut_format(chance_next(&w->chance));
    w->job_count = 0;
    w->is_fatal = false;
    str_print(w->path, sizeof w->path, "%s/new-%d-%d-%d-%d.db", test_dir(), (int)f.calls, (int)f.failure,
              f.is_lasting, (int)n);
    str_print(w->url, sizeof w->url, "sqlite:%s", w->path);
    powercut_fail(f.calls, n, f.failure, f.is_lasting);
    if (world_open(w)) {
        world_close(w);
    }
    bool has_failed = powercut_failed();
    powercut_fail(0, 0, DISK_EIO, false);
    if (n % 2) {
        powercut_restore();
    }
    if (world_open(w)) {
        world_close(w);
    }
    return has_failed;
}

/* Small steps first, where each call is another place; then larger ones, until the failure is never met. */
static void fail_everywhere(const char *what, struct fault f,
                            bool (*scenario)(struct world *, struct fault, int64_t))
{
    struct world *w = world_new(what);
    struct chance begin = w->chance;
    int64_t n = 1, runs = 0;
    int64_t dense = repeat("STINT_DENSE", 40, 6);
    for (bool has_failed = true; has_failed && !w->violations; n += n < dense ? 1 : n < 60 ? 3 : 9) {
        w->chance = begin; /* the same work each time */
        has_failed = scenario(w, f, n);
        runs++;
        ck_assert_msg(!w->violations, "%s, call %lld (calls %x, failure %d, lasting %d): %s", what,
                      (long long)n, f.calls, (int)f.failure, f.is_lasting, w->first);
        world_close(w);
    }
    printf("%s: %lld runs, %lld operations acknowledged, %lld refused\n", what, (long long)runs,
           (long long)w->acknowledged, (long long)w->refused);
    CHECK_TRUE(runs > 2);
    world_free(w);
}

static const struct fault write_faults[] = {{DISK_WRITE, DISK_EIO, false},   {DISK_WRITE, DISK_EIO, true},
                                            {DISK_WRITE, DISK_FULL, false},  {DISK_WRITE, DISK_FULL, true},
                                            {DISK_WRITE, DISK_SHORT, false}, {DISK_WRITE, DISK_SHORT, true}};
static const struct fault other_faults[] = {{DISK_SYNC, DISK_EIO, false},
                                            {DISK_SYNC, DISK_EIO, true},
                                            {DISK_OPEN, DISK_EIO, false},
                                            {DISK_OPEN, DISK_EIO, true}};

TEST(the_nth_write_fails_while_the_store_works)
{
    for (size_t i = 0; i < sizeof write_faults / sizeof write_faults[0]; i++) {
        fail_everywhere("write_while_working", write_faults[i], fail_while_working);
    }
}

TEST(the_nth_flush_fails_while_the_store_works)
{
    fail_everywhere("flush_while_working", (struct fault){DISK_SYNC, DISK_EIO, false}, fail_while_working);
    fail_everywhere("flush_while_working", (struct fault){DISK_SYNC, DISK_EIO, true}, fail_while_working);
    fail_everywhere("flush_while_working", (struct fault){DISK_SYNC, DISK_FULL, false}, fail_while_working);
}

TEST(the_nth_call_fails_while_the_store_opens)
{
    for (size_t i = 0; i < sizeof write_faults / sizeof write_faults[0]; i++) {
        fail_everywhere("write_while_opening", write_faults[i], fail_while_opening);
    }
    for (size_t i = 0; i < 4; i++) {
        fail_everywhere("call_while_opening", other_faults[i], fail_while_opening);
    }
}

TEST(the_nth_call_fails_while_the_store_is_made)
{
    for (size_t i = 0; i < sizeof write_faults / sizeof write_faults[0]; i++) {
        fail_everywhere("write_while_creating", write_faults[i], fail_while_creating);
    }
    for (size_t i = 0; i < 4; i++) {
        fail_everywhere("call_while_creating", other_faults[i], fail_while_creating);
    }
}

/* ---- a full disk (J17) */

/* The same test, on a store whose disk we can fill. */
static void move_to_small_disk(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    powercut_register();
    powercut_format(1);
    store_close(s->store);
    s->options.vfs = POWERCUT_VFS;
    str_print(s->url, sizeof s->url, "sqlite:%s", test_path("small.db"));
    OK(store_open(&s->store, s->url, &s->options, e));
    AN_OP(s, op, store_create_key, STORE_CREATE_KEY);
    op.key =
        (struct api_key){.public_id = STR("abcd1234"), .tenant_name = STR("acme"), .scopes = SCOPE_ADMIN};
    run_op(s, &op.op);
    s->tenant = op.key.tenant;
}

static struct str a_big_value(struct store_test *s)
{
    char *p = arena_alloc(s->a, 20000);
    memset(p, 'x', 20000);
    p[0] = p[19999] = '"';
    return (struct str){p, 20000};
}

static int enqueue_until_full(struct store_test *s)
{
    struct str big = a_big_value(s);
    for (int i = 0; i < 1000; i++) {
        struct enqueue_verdict v = enqueue(s, .args = big, .queue = STR("bulk"));
        if (v.rc) {
            VERDICT(v, RC_FULL);
            return i;
        }
    }
    ck_abort_msg("the disk never fills");
    return 0;
}

FILE_STORE_TEST(a_full_disk_refuses_new_jobs_while_reports_and_cancels_go_on)
{
    struct job *jobs[4];
    move_to_small_disk(s);
    for (int i = 0; i < 4; i++) {
        jobs[i] = a_processing_job(s);
    }
    struct id queued = a_queued_job(s);
    powercut_fill(200000, 4 << 20);
    int taken = enqueue_until_full(s);

    CHECK_INT(store_health(s->store), RC_FULL);
    VERDICT(enqueue(s, .queue = STR("bulk")), RC_FULL);
    FAILS(stage_row(s, jobs[0], STR("a"), STR("1"), e), RC_FULL);
    for (int i = 1; i <= 20; i++) {
        VERDICT(heartbeat(s, jobs[0], i), RC_OK);
        VERDICT(progress(s, jobs[1], i, .checkpoint = STR("1")), RC_OK);
    }
    VERDICT(complete(s, jobs[0], 30, .result = STR("1")), RC_OK);
    VERDICT(fail(s, jobs[1], 30, ERROR_PERMANENT), RC_OK);
    VERDICT(release(s, jobs[2], 1), RC_OK);
    VERDICT(cancel(s, jobs[3]->id), RC_OK);
    VERDICT(cancel(s, queued), RC_OK);
    CHECK_INT(queue_of(s, STR("bulk"))->counts[JOB_QUEUED], taken);
    check_counts(s);
}

FILE_STORE_TEST(a_disk_with_room_again_takes_new_jobs_without_a_restart)
{
    move_to_small_disk(s);
    powercut_fill(200000, 4 << 20);
    int taken = enqueue_until_full(s);
    powercut_fill(-1, 0);
    advance(s, 5 * SECOND);
    VERDICT(cancel(s, id_random(TEST_BEGINS)), RC_NOT_FOUND); /* any round may be the one that notices */
    struct id id = a_queued_job(s, .queue = STR("bulk"));
    CHECK_STATE(s, id, JOB_QUEUED);
    CHECK_INT(store_health(s->store), RC_OK);
    CHECK_INT(queue_of(s, STR("bulk"))->counts[JOB_QUEUED], taken + 1);
}

FILE_STORE_TEST(what_a_full_disk_refused_is_not_there_after_a_restart)
{
    move_to_small_disk(s);
    powercut_fill(200000, 4 << 20);
    int taken = enqueue_until_full(s);
    powercut_fill(-1, 0);
    reopen(s);
    CHECK_INT(stats_of(s).counts[JOB_QUEUED], taken);
    check_counts(s);
}
