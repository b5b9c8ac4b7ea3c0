/* families.c: children in reports, and waiting for them. How a tree is cancelled is in cancelled_families.c. */
#include "family_rig.h"

#include <string.h>

STORE_TEST(children_come_with_the_report_that_brings_them)
{
    struct job *parent = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(.args = STR("[1]")), CHILD(.queue = STR("other"), .delay_ms = SECOND)};
    struct report_verdict v = bear_children(s, parent, 1, specs, 2);
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
    struct id child = bear_children(s, root, 1, &spec, 1).children[0].job;
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
    struct report_verdict v = bear_children(s, parent, 1, specs, 3);
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
    struct report_verdict v = bear_children(s, parent, 1, specs, 5);
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
