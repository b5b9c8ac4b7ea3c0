/* Events (J12): consecutive numbers, an end, pages, rounds, and a clear sign when something was pruned. */
#include "store_test.h"

STORE_TEST(a_new_job_has_no_gap_in_its_events)
{
    check_events(s, a_queued_job(s));
}

STORE_TEST(events_stay_consecutive_through_a_whole_life)
{
    struct job *job =
        a_processing_job(s, .retry = {.max_attempts = 3, .backoff = BACKOFF_FIXED, .base_ms = SECOND});
    VERDICT(say(s, job, 1, STR("a")), RC_OK);
    VERDICT(fail(s, job, 2, ERROR_TRANSIENT), RC_OK);
    (void)pass(s, SECOND);
    job = claim_one(s);
    VERDICT(say(s, job, 1, STR("b")), RC_OK);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    job = claim_one(s);
    VERDICT(say(s, job, 1, STR("c")), RC_OK);
    VERDICT(release(s, job, 2), RC_OK);
    job = claim_one(s);
    VERDICT(complete(s, job, 1), RC_OK);
    check_events(s, job->id);
}

STORE_TEST(the_end_tells_how_it_ended)
{
    struct job *job = a_processing_job(s);
    VERDICT(complete(s, job, 1), RC_OK);
    struct store_read_events r = events_of(s, job->id, 0, 100);
    struct job_event_row *end = &r.events[r.count - 1];
    CHECK_STR(end->type, STR("end"));
    CHECK_INT(end->seq, r.last_seq);
    CHECK_TRUE(str_find(end->data, STR("\"state\":\"completed\""), 0) < end->data.n);
    CHECK_TRUE(str_find(end->data, STR("\"attempt\":1"), 0) < end->data.n);
    CHECK_INT(r.job->state, JOB_COMPLETED);
}

STORE_TEST(the_end_of_a_failure_carries_the_reason_and_the_error)
{
    struct id id = a_final_job(s, JOB_FAILED);
    struct store_read_events r = events_of(s, id, 0, 100);
    struct str data = r.events[r.count - 1].data;
    CHECK_TRUE(str_find(data, STR("\"state\":\"failed\""), 0) < data.n);
    CHECK_TRUE(str_find(data, STR("\"reason\":\"error\""), 0) < data.n);
    CHECK_TRUE(str_find(data, STR("\"error\""), 0) < data.n);
}

STORE_TEST(a_job_cancelled_before_it_ran_has_an_end_too)
{
    struct id id = a_queued_job(s);
    VERDICT(cancel(s, id), RC_OK);
    check_events(s, id);
}

STORE_TEST(a_job_that_the_clock_ended_has_an_end_too)
{
    struct id expired = a_queued_job(s, .deadline_ms = SECOND);
    struct job *poisoned = a_processing_job(s, .queue = STR("q"), .lost_max = 1);
    (void)pass(s, MINUTE);
    check_events(s, expired);
    check_events(s, poisoned->id);
}

STORE_TEST(a_reader_goes_on_after_what_it_has)
{
    struct job *job = a_processing_job(s);
    int64_t before = job_of(s, job->id)->last_seq;
    for (int i = 1; i <= 5; i++) {
        VERDICT(say(s, job, i, STR("x")), RC_OK);
    }
    struct store_read_events r = events_of(s, job->id, before + 3, 100);
    CHECK_INT(r.count, 2);
    CHECK_INT(r.events[0].seq, before + 4);
    CHECK_INT(r.last_seq, before + 5);
    CHECK_INT(events_of(s, job->id, before + 5, 100).count, 0);
    CHECK_INT(events_of(s, job->id, before + 99, 100).count, 0);
}

STORE_TEST(events_come_in_pages)
{
    struct job *job = a_processing_job(s);
    for (int i = 1; i <= 25; i++) {
        VERDICT(say(s, job, i, STR("x")), RC_OK);
    }
    VERDICT(complete(s, job, 26), RC_OK);
    int64_t after = 0, pages = 0;
    for (;;) {
        struct store_read_events r = events_of(s, job->id, after, 10);
        CHECK_TRUE(r.count <= 10);
        if (!r.count) {
            break;
        }
        for (size_t i = 0; i < r.count; i++) {
            CHECK_INT(r.events[i].seq, ++after);
        }
        pages++;
    }
    CHECK_INT(after, job_of(s, job->id)->last_seq);
    CHECK_TRUE(pages >= 3);
}

STORE_TEST(the_events_come_with_the_job_as_it_is_now)
{
    struct job *job = a_processing_job(s, .args = STR("1"));
    VERDICT(progress(s, job, 1, .progress_permille = 300, .store_progress = true), RC_OK);
    struct store_read_events r = events_of(s, job->id, 0, 10);
    CHECK_ID(r.job->id, job->id);
    CHECK_INT(r.job->state, JOB_PROCESSING);
    CHECK_INT(r.job->progress_permille, 300);
    CHECK_INT(r.job->args.n, 0);
}

STORE_TEST(events_of_an_unknown_job_are_not_found)
{
    AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
    op.tenant = s->tenant;
    op.job_id = id_random(TEST_BEGINS);
    op.limit = 10;
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
}

STORE_TEST(a_second_round_goes_on_counting)
{
    struct id id = a_final_job(s, JOB_FAILED);
    int64_t first_end = job_of(s, id)->last_seq;
    VERDICT(retry(s, id), RC_OK);
    struct job *job = claim_one(s);
    VERDICT(say(s, job, 1, STR("again")), RC_OK);
    VERDICT(complete(s, job, 2), RC_OK);

    struct store_read_events r = events_of(s, id, first_end, 100); /* a reader that saw the first end */
    CHECK_TRUE(r.count >= 2);
    for (size_t i = 0; i < r.count; i++) {
        CHECK_INT(r.events[i].seq, first_end + 1 + (int64_t)i);
    }
    CHECK_STR(r.events[r.count - 1].type, STR("end"));
    CHECK_TRUE(str_find(r.events[r.count - 1].data, STR("completed"), 0) < r.events[r.count - 1].data.n);
    check_events(s, id); /* and one that begins anew */
}

STORE_TEST(a_report_that_was_refused_adds_no_event)
{
    struct job *zombie = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    (void)claim_one(s);
    int64_t before = job_of(s, zombie->id)->last_seq;
    VERDICT(say(s, zombie, 1, STR("late")), RC_LEASE_LOST);
    CHECK_INT(job_of(s, zombie->id)->last_seq, before);
    check_events(s, zombie->id);
}

STORE_TEST(events_of_a_late_complete_are_kept)
{
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct report_event event = {STR("late"), STR("1")};
    VERDICT(complete(s, job, 1, .events = &event, .event_count = 1), RC_OK);
    struct store_read_events r = events_of(s, job->id, 0, 100);
    bool found = false;
    for (size_t i = 0; i < r.count; i++) {
        found |= str_eq(r.events[i].type, STR("late"));
    }
    CHECK_TRUE(found);
    check_events(s, job->id);
}

DURABLE_STORE_TEST(events_survive_a_restart)
{
    struct job *job = a_processing_job(s);
    VERDICT(say(s, job, 1, STR("a")), RC_OK);
    reopen(s);
    VERDICT(say(s, job, 2, STR("b")), RC_OK);
    VERDICT(complete(s, job, 3), RC_OK);
    reopen(s);
    check_events(s, job->id);
}

STORE_TEST(a_thousand_events_in_one_job_are_all_there)
{
    struct job *job = a_processing_job(s);
    int64_t before = job_of(s, job->id)->last_seq;
    struct report_event *events = arena_array(s->a, struct report_event, 1000);
    for (int i = 0; i < 1000; i++) {
        events[i] = (struct report_event){STR("n"), arena_printf(s->a, "%d", i)};
    }
    VERDICT(progress(s, job, 1, .events = events, .event_count = 1000), RC_OK);
    int64_t seen = 0, after = before;
    for (;;) {
        struct store_read_events r = events_of(s, job->id, after, 300);
        if (!r.count) {
            break;
        }
        for (size_t i = 0; i < r.count; i++, seen++) {
            CHECK_INT(r.events[i].seq, before + 1 + seen);
            CHECK_STR(r.events[i].data, events[seen].data);
        }
        after = r.events[r.count - 1].seq;
    }
    CHECK_INT(seen, 1000);
}
