/* core_job_state.c: the table, walked cell by cell against the drawing in core/job.h, and the decisions. */
#include "test.h"

#include "core/job_state.h"

#define NO (-1)

/* One row per event; columns: blocked, scheduled, queued, processing, completed, failed, cancelled, skipped. */
static const int want[JOB_EVENTS][JOB_STATES] = {
    [JOB_EV_DUE] = {NO, JOB_QUEUED, NO, NO, NO, NO, NO, NO},
    [JOB_EV_UNBLOCK] = {JOB_QUEUED, NO, NO, NO, NO, NO, NO, NO},
    [JOB_EV_CLAIM] = {NO, NO, JOB_PROCESSING, NO, NO, NO, NO, NO},
    [JOB_EV_COMPLETE] = {NO, NO, NO, JOB_COMPLETED, NO, NO, NO, NO},
    [JOB_EV_COMPLETE_LATE] = {NO, NO, JOB_COMPLETED, NO, NO, NO, NO, NO},
    [JOB_EV_FAIL_RETRY] = {NO, NO, NO, JOB_SCHEDULED, NO, NO, NO, NO},
    [JOB_EV_FAIL_FINAL] = {NO, NO, NO, JOB_FAILED, NO, NO, NO, NO},
    [JOB_EV_FAIL_LATE] = {NO, NO, JOB_FAILED, NO, NO, NO, NO, NO},
    [JOB_EV_SNOOZE] = {NO, NO, NO, JOB_SCHEDULED, NO, NO, NO, NO},
    [JOB_EV_RELEASE] = {NO, NO, NO, JOB_QUEUED, NO, NO, NO, NO},
    [JOB_EV_WAIT] = {NO, NO, NO, JOB_BLOCKED, NO, NO, NO, NO},
    [JOB_EV_LOST] = {NO, NO, NO, JOB_QUEUED, NO, NO, NO, NO},
    [JOB_EV_POISON] = {NO, NO, NO, JOB_FAILED, NO, NO, NO, NO},
    [JOB_EV_CANCEL] = {JOB_CANCELLED, JOB_CANCELLED, JOB_CANCELLED, JOB_PROCESSING, NO, NO, NO, NO},
    [JOB_EV_REVOKE] = {NO, NO, NO, JOB_CANCELLED, NO, NO, NO, NO},
    [JOB_EV_EXPIRE] = {JOB_SKIPPED, JOB_SKIPPED, JOB_SKIPPED, JOB_FAILED, NO, NO, NO, NO},
    [JOB_EV_SKIP] = {JOB_SKIPPED, JOB_SKIPPED, JOB_SKIPPED, NO, NO, NO, NO, NO},
    [JOB_EV_PARENT_FAILED] = {JOB_FAILED, NO, NO, NO, NO, NO, NO, NO},
    [JOB_EV_RETRY] = {NO, NO, NO, NO, NO, JOB_QUEUED, JOB_QUEUED, JOB_QUEUED},
    [JOB_EV_PROMOTE] = {NO, JOB_QUEUED, NO, NO, NO, NO, NO, NO},
    [JOB_EV_AGAIN] = {NO, NO, NO, NO, JOB_QUEUED, JOB_QUEUED, NO, JOB_QUEUED},
};

TEST(every_state_and_event_gives_what_the_drawing_says)
{
    for (int event = 0; event < JOB_EVENTS; event++) {
        for (int from = 0; from < JOB_STATES; from++) {
            enum job_state to = JOB_STATES;
            bool is_allowed = job_next_state((enum job_state)from, (enum job_event)event, &to);
            CHECK_INT(is_allowed ? (int)to : NO, want[event][from]);
            CHECK_TRUE(is_allowed || to == JOB_STATES); /* outputs are written on success only */
        }
    }
}

TEST(only_a_retry_leaves_a_final_state_and_a_finaliser_that_runs_again)
{
    for (int event = 0; event < JOB_EVENTS; event++) {
        for (int from = 0; from < JOB_STATES; from++) {
            enum job_state to = JOB_STATES;
            if (job_state_is_final((enum job_state)from) &&
                job_next_state((enum job_state)from, (enum job_event)event, &to)) {
                CHECK_TRUE(event == JOB_EV_RETRY || event == JOB_EV_AGAIN);
                CHECK_TRUE(from != (event == JOB_EV_RETRY ? JOB_COMPLETED : JOB_CANCELLED));
            }
        }
    }
}

TEST(every_state_and_event_has_a_name)
{
    for (int i = 0; i < JOB_STATES; i++) {
        enum job_state back = JOB_STATES;
        CHECK_TRUE(job_state_parse(str_from(job_state_name((enum job_state)i)), &back));
        CHECK_INT(back, i);
    }
    for (int i = 0; i < JOB_EVENTS; i++) {
        CHECK_TRUE(job_event_name((enum job_event)i) != NULL);
    }
    enum job_state untouched = JOB_FAILED;
    CHECK_FALSE(job_state_parse(STR("Queued"), &untouched));
    CHECK_INT(untouched, JOB_FAILED);
}

static struct job_counters running(void)
{
    return (struct job_counters){.state = JOB_PROCESSING,
                                 .attempt = 1,
                                 .lost_max = 3,
                                 .lease_until = 1000,
                                 .lease_ms = 500,
                                 .timeout_at = 5000,
                                 .run_at = 77};
}

static const struct retry_policy three = {.max_attempts = 3, .backoff = BACKOFF_FIXED, .base_ms = 100};

TEST(a_transient_failure_runs_again_after_the_backoff_until_attempts_are_used_up)
{
    struct job_counters c = running();
    struct job_outcome o = job_decide_fail(&c, &three, ERROR_TRANSIENT, -1, 400, 0);
    CHECK_INT(o.to, JOB_SCHEDULED);
    CHECK_INT(o.run_at, 500);
    CHECK_INT(o.attempt, 1);
    c.attempt = 3;
    o = job_decide_fail(&c, &three, ERROR_TRANSIENT, -1, 400, 0);
    CHECK_INT(o.to, JOB_FAILED);
    CHECK_INT(o.reason, JOB_REASON_ERROR);
}

TEST(retry_after_replaces_the_backoff_and_zero_means_now)
{
    struct job_counters c = running();
    CHECK_INT(job_decide_fail(&c, &three, ERROR_TRANSIENT, 7000, 400, 0).run_at, 7400);
    struct job_outcome o = job_decide_fail(&c, &three, ERROR_TRANSIENT, 0, 400, 0);
    CHECK_INT(o.to, JOB_QUEUED);
    CHECK_INT(o.run_at, 400);
    CHECK_INT(job_decide_fail(&c, &three, ERROR_TRANSIENT, INT64_MAX, 400, 0).run_at, INT64_MAX);
}

TEST(a_permanent_failure_is_final_at_once)
{
    struct job_counters c = running();
    struct job_outcome o = job_decide_fail(&c, &three, ERROR_PERMANENT, -1, 400, 0);
    CHECK_INT(o.event, JOB_EV_FAIL_FINAL);
    CHECK_INT(o.to, JOB_FAILED);
}

TEST(rate_limited_gives_the_attempt_back_and_is_never_the_last)
{
    struct job_counters c = running();
    c.attempt = 3;
    struct job_outcome o = job_decide_fail(&c, &three, ERROR_RATE_LIMITED, 2000, 400, 0);
    CHECK_INT(o.to, JOB_SCHEDULED);
    CHECK_INT(o.attempt, 2);
    CHECK_INT(o.run_at, 2400);
}

TEST(with_cancel_asked_every_way_to_give_up_ends_cancelled)
{
    struct job_counters c = running();
    c.cancel_requested = true;
    CHECK_INT(job_decide_fail(&c, &three, ERROR_TRANSIENT, -1, 1, 0).to, JOB_CANCELLED);
    CHECK_INT(job_decide_fail(&c, &three, ERROR_PERMANENT, -1, 1, 0).to, JOB_CANCELLED);
    CHECK_INT(job_decide_snooze(&c, 10, 1).to, JOB_CANCELLED);
    CHECK_INT(job_decide_release(&c, 1).to, JOB_CANCELLED);
    struct job_outcome o = {0};
    CHECK_TRUE(job_decide_due(&c, &three, 1000, 0, &o)); /* the lease ends */
    CHECK_INT(o.to, JOB_CANCELLED);
    CHECK_INT(o.reason, JOB_REASON_CANCELLED);
    CHECK_TRUE(o.raise_lease);
}

TEST(snooze_and_release_give_the_attempt_back)
{
    struct job_counters c = running();
    struct job_outcome o = job_decide_snooze(&c, 250, 400);
    CHECK_INT(o.to, JOB_SCHEDULED);
    CHECK_INT(o.run_at, 650);
    CHECK_INT(o.attempt, 0);
    CHECK_INT(o.snoozes, 1);
    o = job_decide_release(&c, 400);
    CHECK_INT(o.to, JOB_QUEUED);
    CHECK_INT(o.run_at, 77); /* back to where it stood */
    CHECK_INT(o.attempt, 0);
    CHECK_FALSE(o.raise_lease);
}

TEST(a_lost_lease_is_not_the_jobs_fault_until_the_third_time)
{
    struct job_counters c = running();
    struct job_outcome o = {0};
    CHECK_FALSE(job_decide_due(&c, &three, 999, 0, &o)); /* never early (J5) */
    CHECK_TRUE(job_decide_due(&c, &three, 1000, 0, &o));
    CHECK_INT(o.event, JOB_EV_LOST);
    CHECK_INT(o.to, JOB_QUEUED);
    CHECK_INT(o.attempt, 0);
    CHECK_INT(o.lost, 1);
    CHECK_FALSE(o.raise_lease); /* its result may still come */
    c.lost = 2;
    CHECK_TRUE(job_decide_due(&c, &three, 1000, 0, &o));
    CHECK_INT(o.event, JOB_EV_POISON);
    CHECK_INT(o.to, JOB_FAILED);
    CHECK_INT(o.reason, JOB_REASON_POISONED);
    CHECK_TRUE(o.raise_lease);
}

TEST(at_most_once_fails_with_the_first_lost_lease)
{
    struct job_counters c = running();
    c.on_lost = JOB_ON_LOST_FAIL;
    struct job_outcome o = {0};
    CHECK_TRUE(job_decide_due(&c, &three, 1000, 0, &o));
    CHECK_INT(o.to, JOB_FAILED);
}

TEST(a_timeout_is_a_failure_of_that_class_and_comes_before_the_lost_lease)
{
    struct job_counters c = running();
    struct job_outcome o = {0};
    CHECK_TRUE(job_decide_due(&c, &three, 6000, 0, &o));
    CHECK_INT(o.event, JOB_EV_FAIL_RETRY);
    CHECK_INT(o.class, ERROR_TIMEOUT);
    CHECK_TRUE(o.raise_lease);
    c.attempt = 3;
    CHECK_TRUE(job_decide_due(&c, &three, 6000, 0, &o));
    CHECK_INT(o.reason, JOB_REASON_TIMEOUT);
}

TEST(the_deadline_skips_what_never_ran_and_fails_the_rest)
{
    struct job_counters c = {.state = JOB_QUEUED, .deadline_at = 50};
    struct job_outcome o = {0};
    CHECK_FALSE(job_decide_due(&c, &three, 49, 0, &o));
    CHECK_TRUE(job_decide_due(&c, &three, 50, 0, &o));
    CHECK_INT(o.to, JOB_SKIPPED);
    CHECK_INT(o.reason, JOB_REASON_EXPIRED);
    c.lost = 1;
    CHECK_TRUE(job_decide_due(&c, &three, 50, 0, &o));
    CHECK_INT(o.to, JOB_FAILED);
    c = running();
    c.deadline_at = 10;
    CHECK_TRUE(job_decide_due(&c, &three, 2000, 0, &o));
    CHECK_INT(o.to, JOB_FAILED);
    CHECK_INT(o.reason, JOB_REASON_EXPIRED);
}

TEST(a_scheduled_job_is_queued_when_its_time_comes_and_not_before)
{
    struct job_counters c = {.state = JOB_SCHEDULED, .run_at = 100};
    struct job_outcome o = {0};
    CHECK_FALSE(job_decide_due(&c, &three, 99, 0, &o)); /* J9 */
    CHECK_TRUE(job_decide_due(&c, &three, 100, 0, &o));
    CHECK_INT(o.to, JOB_QUEUED);
    CHECK_INT(o.run_at, 100);
}

/* For every state and every subset of times: due_at is the first instant at which something is due. */
TEST(due_at_is_the_first_instant_at_which_something_is_due)
{
    for (int state = 0; state < JOB_STATES; state++) {
        for (int set = 0; set < 64; set++) {
            struct job_counters c = {.state = (enum job_state)state,
                                     .attempt = 1,
                                     .run_at = set & 1 ? 11 : 0,
                                     .lease_until = set & 2 ? 12 : 0,
                                     .timeout_at = set & 4 ? 13 : 0,
                                     .cancel_at = set & 8 ? 14 : 0,
                                     .cancel_requested = set & 16,
                                     .deadline_at = set & 32 ? 15 : 0};
            struct job_outcome o = {0};
            int64_t first = 0;
            for (int64_t now = 1; now < 20 && !first; now++) {
                first = job_decide_due(&c, &three, now, 0, &o) ? now : 0;
            }
            CHECK_INT(job_due_at(&c), first);
        }
    }
}
