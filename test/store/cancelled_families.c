/* cancelled_families.c: cancel of a tree, the last turn of who collects what came of it, and its retry. */
#include "family_rig.h"

STORE_TEST(cancel_of_a_tree_reaches_all_of_it)
{
    struct job *root = a_processing_job(s, .kind = STR("parent"));
    struct job_spec specs[] = {CHILD(), CHILD(.delay_ms = HOUR), CHILD()};
    struct report_verdict v = bear_children(s, root, 1, specs, 3);
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
    (void)bear_children(s, root, 1, specs, 500);
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
