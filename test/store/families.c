/* Families: children in reports, waiting for them, cancel of a tree. */
#include "store_test.h"

#include <string.h>

#define wait_for(s, job, n, ...) report_one((s), a_report((job), (n), REPORT_WAIT, __VA_ARGS__))
#define CHILD(...)               ((struct job_spec){.kind = STR("child"), __VA_ARGS__})

/* With children of these specs; all of them must be new. */
static struct report_verdict bear(struct store_test *s, const struct job *parent, int64_t n,
                                  const struct job_spec *specs, size_t count)
{
    struct report_verdict v = progress(s, parent, n, .children = specs, .child_count = count);
    VERDICT(v, RC_OK);
    CHECK_INT(v.child_count, count);
    return v;
}

static struct id one_child(struct store_test *s, const struct job *parent, int64_t n)
{
    struct job_spec spec = CHILD();
    return bear(s, parent, n, &spec, 1).children[0].job;
}

static struct store_list_children children_of(struct store_test *s, struct id id, int64_t cursor,
                                              int64_t limit)
{
    AN_OP(s, list, store_list_children, STORE_LIST_CHILDREN);
    list.tenant = s->tenant;
    list.job_id = id;
    list.cursor = cursor;
    list.limit = limit;
    run_op(s, &list.op);
    return list;
}

static void check_tally(struct store_test *s, struct id id, int64_t open, int64_t completed, int64_t failed,
                        int64_t cancelled)
{
    struct job_children c = children_of(s, id, 0, 1).counts;
    CHECK_INT(c.open, open);
    CHECK_INT(c.completed, completed);
    CHECK_INT(c.failed, failed);
    CHECK_INT(c.cancelled, cancelled);
    CHECK_INT(c.skipped, 0);
}

static struct job *take_child(struct store_test *s)
{
    return claim_one(s, .kind = STR("child"));
}

STORE_TEST(children_come_with_the_report_that_brings_them)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(.args = STR("[1]")), CHILD(.queue = STR("other"), .delay_ms = SECOND)};
    struct report_verdict v = bear(s, parent, 1, specs, 2);
    struct job *first = job_of(s, v.children[0].job), *second = job_of(s, v.children[1].job);
    CHECK_STR(first->queue, STR("default")); /* the parent's */
    CHECK_STR(first->args, STR("[1]"));
    CHECK_STR(second->queue, STR("other"));
    CHECK_INT(second->state, JOB_SCHEDULED);
    CHECK_ID(first->parent, parent->id);
    CHECK_ID(first->root, parent->id);
    CHECK_TRUE(id_is_zero(job_of(s, parent->id)->parent));
    check_tally(s, parent->id, 2, 0, 0, 0);
    check_counts(s);
}

STORE_TEST(a_job_waits_for_its_children_without_a_worker)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(), CHILD()};
    struct report_verdict v =
        wait_for(s, parent, 1, .children = specs, .child_count = 2, .checkpoint = STR("{\"at\":1}"));
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_BLOCKED);
    (void)tick(s);
    CHECK_STATE(s, parent->id, JOB_BLOCKED);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    (void)pass(s, SECOND);
    CHECK_STATE(s, parent->id, JOB_BLOCKED);
    VERDICT(fail(s, take_child(s), 1, ERROR_PERMANENT), RC_OK);
    claim_none(s, .kind = STR("parent"));
    (void)tick(s);
    struct job *again = claim_one(s, .kind = STR("parent"));
    CHECK_ID(again->id, parent->id);
    CHECK_STR(again->checkpoint, STR("{\"at\":1}"));
    CHECK_INT(again->attempt, 1);
    CHECK_INT(job_of(s, parent->id)->waits, 1);
    CHECK_TRUE(again->lease > parent->lease);
    CHECK_TRUE(again->children != NULL);
    CHECK_INT(again->children->open, 0);
    CHECK_INT(again->children->completed, 1);
    CHECK_INT(again->children->failed, 1);
    CHECK_INT(again->children->failure_count, 1);
    CHECK_ID(again->children->failures[0].id, v.children[1].job);
    CHECK_STR(again->children->failures[0].kind, STR("child"));
    CHECK_STR(again->children->failures[0].code, STR("c"));
    CHECK_STR(again->children->failures[0].message, STR("m"));
    VERDICT(complete(s, again, 1), RC_OK);
    check_counts(s);
}

STORE_TEST(a_job_that_waits_for_nothing_is_queued_at_once)
{
    struct job *parent = a_processing_job(s);
    VERDICT(wait_for(s, parent, 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, parent->id, JOB_QUEUED);
    CHECK_INT(claim_one(s)->attempt, 1);
}

STORE_TEST(what_is_attached_to_the_root_hangs_under_it)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD(), at_root = CHILD(.at_root = true);
    VERDICT(wait_for(s, root, 1, .children = &spec, .child_count = 1), RC_OK);
    struct job *child = take_child(s);
    struct report_verdict v = complete(s, child, 1, .children = &at_root, .child_count = 1);
    VERDICT(v, RC_OK);
    struct job *grandchild = job_of(s, v.children[0].job);
    CHECK_ID(grandchild->parent, root->id);
    CHECK_ID(grandchild->root, root->id);
    (void)tick(s);
    CHECK_STATE(s, root->id, JOB_BLOCKED); /* another one is open */
    check_tally(s, root->id, 1, 1, 0, 0);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, root->id, JOB_QUEUED);
}

STORE_TEST(a_root_that_is_attached_to_by_itself_is_its_own)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD(.at_root = true);
    struct id child = bear(s, root, 1, &spec, 1).children[0].job;
    CHECK_ID(job_of(s, child)->parent, root->id);
    VERDICT(wait_for(s, root, 2), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, root->id, JOB_BLOCKED);
}

STORE_TEST(a_child_whose_key_is_held_is_told_and_spoils_nothing)
{
    struct id holder = a_queued_job(s, .unique_key = STR("page"));
    struct job *parent = claim_new(s, (struct job_spec){.kind = STR("parent")});
    struct job_spec specs[] = {CHILD(.unique_key = STR("page")), CHILD(.unique_key = STR("new")),
                               CHILD(.unique_key = STR("new"))};
    struct report_verdict v = bear(s, parent, 1, specs, 3);
    CHECK_TRUE(v.children[0].duplicate);
    CHECK_ID(v.children[0].job, holder);
    CHECK_FALSE(v.children[1].duplicate);
    CHECK_TRUE(v.children[2].duplicate);
    CHECK_ID(v.children[2].job, v.children[1].job);
    check_tally(s, parent->id, 1, 0, 0, 0);
}

STORE_TEST(a_repeated_report_has_its_children_once)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    (void)one_child(s, parent, 1);
    struct job_spec spec = CHILD();
    struct report_verdict v = progress(s, parent, 1, .children = &spec, .child_count = 1);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.replayed);
    check_tally(s, parent->id, 1, 0, 0, 0);
}

STORE_TEST(a_wrong_child_refuses_the_whole_report)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(), CHILD(.priority = JOB_PRIORITY_MAX + 1)};
    struct report_verdict v = complete(s, parent, 1, .children = specs, .child_count = 2);
    VERDICT_CODE(v, RC_INVALID, "invalid_field");
    CHECK_TRUE(str_find(str_from(v.e.text), STR("children[1]"), 0) < strlen(v.e.text));
    CHECK_STATE(s, parent->id, JOB_PROCESSING);
    CHECK_INT(children_of(s, parent->id, 0, 10).count, 0);
    VERDICT(release(s, parent, 2, .children = specs, .child_count = 1), RC_INVALID);
    VERDICT(heartbeat(s, parent, 3), RC_OK);
}

STORE_TEST(children_of_a_limited_key_go_to_its_queues_alone)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD(.queue = STR("other"));
    struct report items[] = {a_report(parent, 1, REPORT_PROGRESS, .children = &spec, .child_count = 1)};
    AN_OP(s, report, store_report, STORE_REPORT);
    report.tenant = s->tenant;
    report.only_queues = STR("[\"default\"]");
    report.items = items;
    report.count = 1;
    run_op(s, &report.op);
    VERDICT(report.verdicts[0], RC_DENIED);
    CHECK_INT(children_of(s, parent->id, 0, 10).count, 0);
}

STORE_TEST(children_are_listed_in_pages_oldest_first)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[5];
    for (size_t i = 0; i < 5; i++) {
        specs[i] = CHILD();
    }
    struct report_verdict v = bear(s, parent, 1, specs, 5);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    VERDICT(cancel(s, v.children[3].job), RC_OK);
    struct store_list_children page = children_of(s, parent->id, 0, 3);
    CHECK_INT(page.count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_ID(page.jobs[i].id, v.children[i].job);
        CHECK_ID(page.jobs[i].parent, parent->id);
    }
    CHECK_INT(page.jobs[0].state, JOB_COMPLETED);
    CHECK_TRUE(page.next_cursor != 0);
    page = children_of(s, parent->id, page.next_cursor, 3);
    CHECK_INT(page.count, 2);
    CHECK_INT(page.jobs[0].state, JOB_CANCELLED);
    CHECK_INT(page.next_cursor, 0);
    check_tally(s, parent->id, 3, 1, 0, 1);
}

STORE_TEST(children_of_another_tenants_job_are_unknown)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    (void)one_child(s, parent, 1);
    AN_OP(s, list, store_list_children, STORE_LIST_CHILDREN);
    list.tenant = s->foreign;
    list.job_id = parent->id;
    CHECK_INT(store_run(s->store, &list.op, e), RC_NOT_FOUND); /* J13 */
}

STORE_TEST(a_child_that_is_retried_is_open_again)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct id child = one_child(s, parent, 1);
    VERDICT(fail(s, take_child(s), 1, ERROR_PERMANENT), RC_OK);
    check_tally(s, parent->id, 0, 0, 1, 0);
    VERDICT(retry(s, child), RC_OK);
    check_tally(s, parent->id, 1, 0, 0, 0);
    VERDICT(wait_for(s, parent, 2), RC_OK);
    (void)tick(s);
    CHECK_STATE(s, parent->id, JOB_BLOCKED);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    (void)tick(s);
    struct job *again = claim_one(s, .kind = STR("parent"));
    CHECK_INT(again->children->completed, 1);
    CHECK_INT(again->children->failure_count, 0);
}

STORE_TEST(children_that_end_by_time_free_the_parent_too)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD(.deadline_ms = MINUTE);
    VERDICT(wait_for(s, parent, 1, .children = &spec, .child_count = 1), RC_OK);
    (void)pass(s, MINUTE);
    CHECK_STATE(s, parent->id, JOB_QUEUED);
    CHECK_INT(claim_one(s, .kind = STR("parent"))->children->skipped, 1);
}

STORE_TEST(a_job_that_waits_too_often_fails)
{
    struct job *parent = a_processing_job(s);
    for (int i = 0; i < JOB_WAITS_MAX; i++) {
        VERDICT(wait_for(s, parent, 1), RC_OK);
        (void)tick(s);
        parent = claim_one(s);
    }
    struct report_verdict v = wait_for(s, parent, 1);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_FAILED);
    CHECK_STR(job_of(s, parent->id)->error.code, STR("too_many_waits"));
}

STORE_TEST(an_event_for_the_root_is_in_both_streams)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD();
    VERDICT(say(s, root, 1, STR("begun")), RC_OK);
    VERDICT(wait_for(s, root, 2, .children = &spec, .child_count = 1), RC_OK);
    struct job *child = take_child(s);
    struct report_event events[] = {{STR("page"), STR("1"), true}, {STR("own"), STR("2"), false}};
    VERDICT(progress(s, child, 1, .events = events, .event_count = 2), RC_OK);
    VERDICT(complete(s, child, 2, .events = events, .event_count = 1), RC_OK);
    struct store_read_events of_root = events_of(s, root->id, 0, 10), own = events_of(s, child->id, 0, 10);
    CHECK_INT(of_root.count, 3);
    CHECK_STR(of_root.events[1].type, STR("page"));
    CHECK_STR(of_root.events[2].data, STR("1"));
    CHECK_INT(own.count, 4); /* with its end */
    CHECK_STR(own.events[1].type, STR("own"));
    (void)tick(s);
    root = claim_one(s, .kind = STR("parent"));
    VERDICT(complete(s, root, 1), RC_OK);
    check_events(s, root->id); /* J12 */
    check_events(s, child->id);
}

STORE_TEST(the_stream_of_a_root_that_has_ended_gets_no_more)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    (void)one_child(s, root, 1);
    VERDICT(complete(s, root, 2), RC_OK);
    struct report_event event = {STR("page"), STR("1"), true};
    VERDICT(complete(s, take_child(s), 1, .events = &event, .event_count = 1), RC_OK);
    CHECK_INT(events_of(s, root->id, 0, 10).count, 1);
    check_events(s, root->id);
}

/* ---- cancel */

STORE_TEST(cancel_of_a_tree_reaches_all_of_it)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(), CHILD(.delay_ms = HOUR), CHILD()};
    struct report_verdict v = bear(s, root, 1, specs, 3);
    struct job *middle = take_child(s);
    struct id leaf = one_child(s, middle, 1);
    VERDICT(wait_for(s, middle, 2), RC_OK);
    struct job *busy = take_child(s);
    VERDICT(wait_for(s, root, 2), RC_OK);
    VERDICT(cancel(s, root->id), RC_OK);
    CHECK_STATE(s, root->id, JOB_CANCELLED);
    (void)tick(s);
    CHECK_STATE(s, v.children[0].job, JOB_CANCELLED);
    CHECK_STATE(s, v.children[1].job, JOB_CANCELLED);
    CHECK_STATE(s, leaf, JOB_CANCELLED);
    CHECK_TRUE(job_of(s, busy->id)->cancel_requested || id_eq(busy->id, leaf));
    claim_none(s); /* J11 */
    (void)pass(s, JOB_CANCEL_GRACE_MS);
    check_tally(s, root->id, 0, 0, 0, 3);
    check_counts(s);
}

STORE_TEST(a_job_that_is_asked_to_stop_gets_no_more_children)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct id first = one_child(s, root, 1);
    VERDICT(cancel(s, root->id), RC_OK);
    struct job_spec spec = CHILD();
    struct report_verdict v = progress(s, root, 2, .children = &spec, .child_count = 1);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.cancel);
    CHECK_TRUE(v.children[0].dropped);
    CHECK_TRUE(id_is_zero(v.children[0].job));
    (void)tick(s);
    CHECK_STATE(s, first, JOB_CANCELLED);
    check_tally(s, root->id, 0, 0, 0, 1);
}

/* A root, under it one that waits, under that one that runs. */
static struct job *a_grandchild(struct store_test *s, struct job *root)
{
    (void)one_child(s, root, 1);
    struct job *middle = take_child(s);
    (void)one_child(s, middle, 1);
    VERDICT(wait_for(s, middle, 2), RC_OK);
    return take_child(s);
}

STORE_TEST(a_root_that_was_cancelled_gets_no_more_from_those_who_do_not_know_it_yet)
{
    for (int way = 0; way < 3; way++) {
        struct job *root = a_processing_job(s, .kind = STR("parent"),
                                            .on_cancel = way == 1 ? JOB_ON_CANCEL_RUN : JOB_ON_CANCEL_STOP);
        struct job *leaf = a_grandchild(s, root);
        if (way < 2) {
            VERDICT(wait_for(s, root, 2), RC_OK);
        }
        VERDICT(cancel(s, root->id), RC_OK);
        if (way == 2) { /* its worker was done */
            CHECK_INT(complete(s, root, 2).state, JOB_COMPLETED);
        }
        struct job_spec specs[] = {CHILD(.at_root = true), CHILD()};
        struct report_verdict v = progress(s, leaf, 1, .children = specs, .child_count = 2);
        VERDICT(v, RC_OK);
        CHECK_TRUE(v.children[0].dropped);
        CHECK_FALSE(v.children[1].dropped);
        (void)tick(s);
        CHECK_STATE(s, v.children[1].job, JOB_CANCELLED);
        CHECK_TRUE(job_of(s, leaf->id)->cancel_requested);
        (void)pass(s, JOB_CANCEL_GRACE_MS);
        claim_none(s, .kind = STR("child"));
        check_tally(s, root->id, 0, 0, 0, 1);
        if (way == 1) {
            VERDICT(complete(s, claim_one(s, .kind = STR("parent")), 1), RC_OK);
        }
    }
    check_counts(s);
}

STORE_TEST(children_that_wait_for_one_that_a_cancelled_root_does_not_get_are_dropped_with_it)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job *leaf = a_grandchild(s, root);
    VERDICT(cancel(s, root->id), RC_OK);
    const struct str on[] = {STR("a")};
    struct job_spec specs[] = {CHILD(.at_root = true, .ref = STR("a")),
                               CHILD(.depends_on = on, .depends_count = 1), CHILD()};
    struct report_verdict v = progress(s, leaf, 1, .children = specs, .child_count = 3);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.children[0].dropped && v.children[1].dropped);
    CHECK_FALSE(v.children[2].dropped);
}

STORE_TEST(a_root_that_lives_again_takes_children_again)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job *leaf = a_grandchild(s, root);
    VERDICT(cancel(s, root->id), RC_OK);
    VERDICT(release(s, root, 2), RC_OK);
    CHECK_STATE(s, root->id, JOB_CANCELLED);
    (void)tick(s);
    VERDICT(release(s, leaf, 1), RC_OK);
    VERDICT(retry(s, leaf->id), RC_OK); /* alone */
    leaf = take_child(s);
    struct job_spec spec = CHILD(.at_root = true);
    CHECK_TRUE(progress(s, leaf, 1, .children = &spec, .child_count = 1).children[0].dropped);
    VERDICT(retry(s, root->id), RC_OK);
    CHECK_FALSE(progress(s, leaf, 2, .children = &spec, .child_count = 1).children[0].dropped);
}

STORE_TEST(cancel_of_a_wide_tree_takes_several_ticks)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[500];
    for (size_t i = 0; i < 500; i++) {
        specs[i] = CHILD();
    }
    (void)bear(s, root, 1, specs, 500);
    VERDICT(wait_for(s, root, 2), RC_OK);
    VERDICT(cancel(s, root->id), RC_OK);
    AN_OP(s, first, store_tick, STORE_TICK);
    first.limit = 1;
    run_op(s, &first.op);
    CHECK_TRUE(first.more);
    CHECK_TRUE(children_of(s, root->id, 0, 1).counts.open > 0);
    (void)tick(s);
    check_tally(s, root->id, 0, 0, 0, 500);
    check_counts(s);
}

/* A parent that is to publish what was collected, parked behind one child that runs. */
static struct job *a_collector(struct store_test *s, struct job **child)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"), .on_cancel = JOB_ON_CANCEL_RUN);
    struct job_spec spec = CHILD();
    VERDICT(wait_for(s, parent, 1, .children = &spec, .child_count = 1), RC_OK);
    *child = take_child(s);
    return parent;
}

STORE_TEST(a_parked_job_has_one_last_turn)
{
    struct job *child = NULL, *parent = a_collector(s, &child);
    VERDICT(cancel(s, parent->id), RC_OK);
    VERDICT(cancel(s, parent->id), RC_OK); /* one's own repeat */
    (void)tick(s);
    CHECK_STATE(s, parent->id, JOB_BLOCKED);
    CHECK_TRUE(job_of(s, parent->id)->cancelling);
    VERDICT(release(s, child, 1), RC_OK);
    (void)tick(s);
    struct job *last = claim_one(s, .kind = STR("parent"));
    CHECK_TRUE(last->cancelling);
    CHECK_FALSE(last->cancel_requested);
    CHECK_INT(last->children->cancelled, 1);
    OK(stage_row(s, last, STR("found"), STR("bytes"), e));
    struct report_verdict v = complete(s, last, 1, .result = STR("7"));
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_CANCELLED);
    CHECK_STR(job_of(s, parent->id)->result, STR("7"));
    CHECK_INT(job_of(s, parent->id)->reason, JOB_REASON_CANCELLED);
    CHECK_INT(artifact_of(s, parent->id, STR("found")).op.rc, RC_OK);
    CHECK_FALSE(job_of(s, parent->id)->cancelling);
    check_events(s, parent->id);
    check_counts(s);
}

STORE_TEST(a_last_turn_ends_cancelled_whatever_happens)
{
    for (int way = 0; way < 4; way++) {
        struct job *child = NULL, *parent = a_collector(s, &child);
        VERDICT(cancel(s, parent->id), RC_OK);
        (void)tick(s);
        VERDICT(release(s, child, 1), RC_OK);
        (void)tick(s);
        struct job *last = claim_one(s, .kind = STR("parent"));
        if (way == 0) {
            CHECK_INT(fail(s, last, 1, ERROR_TRANSIENT).state, JOB_CANCELLED);
        } else if (way == 1) {
            CHECK_INT(wait_for(s, last, 1).state, JOB_CANCELLED);
        } else if (way == 2) {
            CHECK_INT(snooze(s, last, 1, SECOND).state, JOB_CANCELLED);
        } else {
            (void)pass(s, JOB_LEASE_DEFAULT_MS);
        }
        CHECK_STATE(s, parent->id, JOB_CANCELLED);
    }
    check_counts(s);
}

STORE_TEST(a_job_that_parks_while_it_is_asked_to_stop_has_its_last_turn)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"), .on_cancel = JOB_ON_CANCEL_RUN);
    (void)one_child(s, parent, 1);
    VERDICT(cancel(s, parent->id), RC_OK);
    struct report_verdict v = wait_for(s, parent, 2);
    CHECK_INT(v.state, JOB_BLOCKED);
    (void)tick(s);
    CHECK_TRUE(claim_one(s, .kind = STR("parent"))->cancelling);
}

STORE_TEST(a_retry_of_a_cancelled_parent_begins_anew)
{
    struct job *child = NULL, *parent = a_collector(s, &child);
    VERDICT(cancel(s, parent->id), RC_OK);
    (void)tick(s);
    VERDICT(release(s, child, 1), RC_OK);
    (void)tick(s);
    VERDICT(complete(s, claim_one(s, .kind = STR("parent")), 1), RC_OK);
    VERDICT(retry(s, parent->id), RC_OK);
    struct job *again = claim_one(s, .kind = STR("parent"));
    CHECK_FALSE(again->cancelling);
    CHECK_INT(again->children->cancelled, 1);
    CHECK_INT(complete(s, again, 1).state, JOB_COMPLETED);
}

/* With one that a series holds and one that none does. */
static struct report_verdict publish_both(struct store_test *s, struct job *job, struct str bytes)
{
    struct err e;
    struct report_publish publish = {STR("held"), STR("finds"), 3};
    CHECK_INT(stage_row(s, job, STR("held"), bytes, &e), RC_OK);
    CHECK_INT(stage_row(s, job, STR("own"), bytes, &e), RC_OK);
    return complete(s, job, 1, .result = bytes, .publish = &publish, .publish_count = 1);
}

/* Cancelled; its last turn has published "1", and it was retried. */
static struct job *one_that_published_and_lives_again(struct store_test *s)
{
    struct job *child = NULL, *parent = a_collector(s, &child);
    VERDICT(cancel(s, parent->id), RC_OK);
    (void)tick(s);
    VERDICT(release(s, child, 1), RC_OK);
    (void)tick(s);
    CHECK_INT(publish_both(s, claim_one(s, .kind = STR("parent")), STR("1")).state, JOB_CANCELLED);
    VERDICT(retry(s, parent->id), RC_OK);
    return parent;
}

STORE_TEST(what_a_last_turn_has_published_makes_room_when_the_job_publishes_again)
{
    struct job *parent = one_that_published_and_lives_again(s);
    CHECK_INT(publish_both(s, claim_one(s, .kind = STR("parent")), STR("2")).state, JOB_COMPLETED);
    CHECK_STR(artifact_of(s, parent->id, STR("held")).artifact.bytes, STR("2"));
    CHECK_STR(artifact_of(s, parent->id, STR("own")).artifact.bytes, STR("2"));
    struct store_get_series got = series_of(s, STR("finds"), 10);
    CHECK_INT(got.count, 2);
    CHECK_STR(got.entries[0].artifact.bytes, STR("2"));
    CHECK_STR(got.entries[1].artifact.bytes, STR("1"));
}

STORE_TEST(what_a_job_has_published_stays_while_it_lives_again)
{
    struct job *parent = one_that_published_and_lives_again(s);
    (void)pass(s, 100 * DAY);
    (void)prune(s);
    CHECK_STR(artifact_of(s, parent->id, STR("held")).artifact.bytes, STR("1"));
    CHECK_STR(artifact_of(s, parent->id, STR("own")).artifact.bytes, STR("1"));
    VERDICT(complete(s, claim_one(s, .kind = STR("parent")), 1), RC_OK);
    (void)prune(s);
    CHECK_STR(artifact_of(s, parent->id, STR("own")).artifact.bytes, STR("1"));
    (void)pass(s, 100 * DAY);
    (void)prune(s);
    CHECK_INT(artifact_of(s, parent->id, STR("own")).op.rc, RC_NOT_FOUND);
    CHECK_STR(series_of(s, STR("finds"), 10).entries[0].artifact.bytes, STR("1"));
}

/* ---- what is kept */

DURABLE_STORE_TEST(what_a_crash_left_to_see_to_is_seen_to)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec spec = CHILD();
    VERDICT(wait_for(s, parent, 1, .children = &spec, .child_count = 1), RC_OK);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    reopen(s); /* before a tick */
    CHECK_STATE(s, parent->id, JOB_BLOCKED);
    (void)tick(s);
    CHECK_STATE(s, parent->id, JOB_QUEUED);
}

STORE_TEST(a_family_that_is_gone_leaves_nothing)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct id child = one_child(s, parent, 1);
    VERDICT(complete(s, take_child(s), 1), RC_OK);
    VERDICT(complete(s, parent, 2), RC_OK);
    VERDICT(purge(s, child), RC_OK);
    CHECK_INT(children_of(s, parent->id, 0, 10).count, 0);
    check_tally(s, parent->id, 0, 1, 0, 0); /* it stays counted */
    VERDICT(purge(s, parent->id), RC_OK);
    CHECK_FALSE(has_job(s, parent->id));
    check_counts(s);
}
