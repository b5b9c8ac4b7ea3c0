/* Reading: lists with filters and cursors; and what lists leave out. */
#include "store_test.h"

static struct store_list_jobs page_of(struct store_test *s, struct job_filter filter, int64_t cursor,
                                      int64_t limit)
{
    AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
    op.tenant = s->tenant;
    op.filter = filter;
    op.cursor = cursor;
    op.limit = limit;
    run_op(s, &op.op);
    CHECK_TRUE(op.count <= (size_t)limit);
    return op;
}

STORE_TEST(an_empty_list_is_no_error)
{
    struct store_list_jobs op = list_of(s, (struct job_filter){0}, 10);
    CHECK_INT(op.count, 0);
    CHECK_INT(op.next_cursor, 0);
}

STORE_TEST(a_list_begins_with_the_newest)
{
    struct id ids[5];
    for (int i = 0; i < 5; i++) {
        ids[i] = a_queued_job(s, .priority = i % 2);
    }
    struct store_list_jobs op = list_of(s, (struct job_filter){0}, 10);
    CHECK_INT(op.count, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_ID(op.jobs[i].id, ids[4 - i]);
    }
}

STORE_TEST(a_list_mixes_live_and_finished_jobs_by_age)
{
    struct id a = a_final_job(s, JOB_COMPLETED), b = a_scheduled_job(s, HOUR), c = a_final_job(s, JOB_FAILED),
              d = a_queued_job(s);
    struct store_list_jobs op = list_of(s, (struct job_filter){0}, 10);
    CHECK_INT(op.count, 4);
    CHECK_ID(op.jobs[0].id, d);
    CHECK_ID(op.jobs[1].id, c);
    CHECK_ID(op.jobs[2].id, b);
    CHECK_ID(op.jobs[3].id, a);
}

STORE_TEST(the_pages_of_a_list_show_each_job_once)
{
    struct id ids[23];
    for (int i = 0; i < 23; i++) {
        ids[i] = i % 3 ? a_queued_job(s, .queue = STR("a")) : a_final_job(s, JOB_COMPLETED);
    }
    size_t seen = 0;
    int64_t cursor = 0;
    do {
        struct store_list_jobs op = page_of(s, (struct job_filter){0}, cursor, 5);
        for (size_t i = 0; i < op.count; i++, seen++) {
            CHECK_TRUE(seen < 23);
            CHECK_ID(op.jobs[i].id, ids[22 - seen]);
        }
        cursor = op.next_cursor;
    } while (cursor);
    CHECK_INT(seen, 23);
}

STORE_TEST(jobs_that_come_during_the_walk_do_not_disturb_it)
{
    for (int i = 0; i < 10; i++) {
        (void)a_queued_job(s);
    }
    struct store_list_jobs first = page_of(s, (struct job_filter){0}, 0, 5);
    (void)a_queued_job(s);
    struct store_list_jobs second = page_of(s, (struct job_filter){0}, first.next_cursor, 5);
    CHECK_INT(second.count, 5);
    CHECK_TRUE(id_ordinal(second.jobs[0].id) < id_ordinal(first.jobs[4].id));
}

STORE_TEST(a_list_can_be_narrowed_by_state)
{
    struct id done = a_final_job(s, JOB_COMPLETED), failed = a_final_job(s, JOB_FAILED),
              later = a_scheduled_job(s, HOUR), queued = a_queued_job(s);
    struct {
        uint32_t states;
        struct id expected;
    } rows[] = {{1u << JOB_COMPLETED, done},
                {1u << JOB_FAILED, failed},
                {1u << JOB_SCHEDULED, later},
                {1u << JOB_QUEUED, queued}};
    for (int i = 0; i < 4; i++) {
        struct store_list_jobs op = list_of(s, (struct job_filter){.states = rows[i].states}, 10);
        CHECK_INT(op.count, 1);
        CHECK_ID(op.jobs[0].id, rows[i].expected);
    }
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_COMPLETED | 1u << JOB_QUEUED}), 2);
    CHECK_INT(count_of(s, (struct job_filter){.states = 1u << JOB_PROCESSING}), 0);
}

STORE_TEST(a_list_can_be_narrowed_by_queue_and_kind)
{
    (void)a_queued_job(s, .queue = STR("a"), .kind = STR("x"));
    struct id ay = a_queued_job(s, .queue = STR("a"), .kind = STR("y"));
    (void)a_queued_job(s, .queue = STR("b"), .kind = STR("y"));
    CHECK_INT(count_of(s, (struct job_filter){.queue = STR("a")}), 2);
    CHECK_INT(count_of(s, (struct job_filter){.kind = STR("y")}), 2);
    struct store_list_jobs op = list_of(s, (struct job_filter){.queue = STR("a"), .kind = STR("y")}, 10);
    CHECK_INT(op.count, 1);
    CHECK_ID(op.jobs[0].id, ay);
    CHECK_INT(count_of(s, (struct job_filter){.queue = STR("none")}), 0);
}

STORE_TEST(a_list_can_be_narrowed_by_tag)
{
    struct id both = a_queued_job(s, .tags = STR("[\"red\",\"blue\"]"));
    (void)a_queued_job(s, .tags = STR("[\"red\"]"));
    (void)a_queued_job(s, .tags = STR("[\"redder\"]"));
    (void)a_queued_job(s);
    CHECK_INT(count_of(s, (struct job_filter){.tag = STR("red")}), 2);
    struct store_list_jobs op = list_of(s, (struct job_filter){.tag = STR("blue")}, 10);
    CHECK_INT(op.count, 1);
    CHECK_ID(op.jobs[0].id, both);
    CHECK_INT(count_of(s, (struct job_filter){.tag = STR("re")}), 0);
    CHECK_INT(count_of(s, (struct job_filter){.tag = STR("r%")}), 0);
}

STORE_TEST(a_list_can_be_narrowed_by_time)
{
    struct id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = a_queued_job(s);
        advance(s, MINUTE);
    }
    struct store_list_jobs op =
        list_of(s, (struct job_filter){.since = TEST_BEGINS + MINUTE, .until = TEST_BEGINS + 2 * MINUTE}, 9);
    CHECK_INT(op.count, 1);
    CHECK_ID(op.jobs[0].id, ids[1]);
    CHECK_INT(count_of(s, (struct job_filter){.since = TEST_BEGINS + MINUTE}), 2);
    CHECK_INT(count_of(s, (struct job_filter){.until = TEST_BEGINS + MINUTE}), 1);
}

STORE_TEST(a_rare_match_is_found_behind_many_others)
{
    struct id rare = a_queued_job(s, .kind = STR("rare"));
    struct job_spec *specs = arena_array(s->a, struct job_spec, 5000);
    for (int i = 0; i < 5000; i++) {
        specs[i] = (struct job_spec){.kind = STR("common"), .args = STR("{}")};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 5000;
    run_op(s, &op.op);
    int64_t cursor = 0;
    bool found = false;
    do { /* pages may be short, even empty */
        struct store_list_jobs page = page_of(s, (struct job_filter){.kind = STR("rare")}, cursor, 10);
        found |= page.count == 1 && id_eq(page.jobs[0].id, rare);
        cursor = page.next_cursor;
    } while (cursor);
    CHECK_TRUE(found);
}

STORE_TEST(a_list_leaves_out_what_is_big)
{
    struct job *job = a_processing_job(s, .args = STR("{\"a\":1}"), .tags = STR("[\"t\"]"));
    VERDICT(progress(s, job, 1, .checkpoint = STR("1"), .progress_permille = 500, .store_progress = true),
            RC_OK);
    VERDICT(complete(s, job, 2, .result = STR("7")), RC_OK);
    struct store_list_jobs op = list_of(s, (struct job_filter){0}, 10);
    CHECK_INT(op.count, 1);
    CHECK_INT(op.jobs[0].args.n, 0);
    CHECK_INT(op.jobs[0].result.n, 0);
    CHECK_INT(op.jobs[0].checkpoint.n, 0);
    CHECK_STR(op.jobs[0].tags, STR("[\"t\"]"));
    CHECK_STR(op.jobs[0].kind, STR("k"));
    CHECK_INT(op.jobs[0].state, JOB_COMPLETED);
    CHECK_INT(op.jobs[0].attempt, 1);
}

STORE_TEST(an_unknown_job_cannot_be_read)
{
    CHECK_FALSE(has_job(s, id_random(TEST_BEGINS)));
    CHECK_FALSE(has_job(s, (struct id){{0}}));
}

STORE_TEST(an_id_with_the_right_time_and_other_random_bits_is_unknown)
{
    struct id real = a_queued_job(s);
    struct id guess = id_from_parts(id_ordinal(real), id_random_bits(real) ^ 1);
    CHECK_FALSE(has_job(s, guess));
    VERDICT(cancel(s, guess), RC_NOT_FOUND);
    CHECK_STATE(s, real, JOB_QUEUED);
}

STORE_TEST(a_read_sees_every_write_that_was_done)
{
    for (int i = 0; i < 200; i++) {
        struct id id = a_queued_job(s);
        CHECK_STATE(s, id, JOB_QUEUED);
    }
}
