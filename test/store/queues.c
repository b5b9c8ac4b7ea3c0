/* Queues and their settings, counts that are kept and never counted, and API keys. */
#include "store_test.h"

#include "chance.h"

#include <string.h>

STORE_TEST(a_queue_appears_with_its_first_job)
{
    CHECK_TRUE(queue_of(s, STR("mail")) == NULL);
    (void)a_queued_job(s, .queue = STR("mail"));
    struct queue_view *q = queue_of(s, STR("mail"));
    CHECK_STR(q->name, STR("mail"));
    CHECK_FALSE(q->is_paused);
    CHECK_INT(q->counts[JOB_QUEUED], 1);
    CHECK_INT(q->settings.lease_ms, -1);
    CHECK_INT(q->settings.max_queued, -1);
}

STORE_TEST(a_queue_can_be_made_before_its_first_job)
{
    struct queue_view *q = set_queue(s, STR("mail"), settings_with(.lease_ms = 5000, .priority = 4));
    CHECK_INT(q->settings.lease_ms, 5000);
    CHECK_INT(q->settings.priority, 4);
    CHECK_INT(q->settings.timeout_ms, -1);
    CHECK_INT(queue_of(s, STR("mail"))->settings.lease_ms, 5000);
}

STORE_TEST(settings_not_told_stay_and_minus_one_is_the_default)
{
    set_queue(s, STR("q"), settings_with(.lease_ms = 5000, .max_attempts = 7));
    set_queue(s, STR("q"), settings_with(.max_attempts = -1));
    struct queue_view *q = queue_of(s, STR("q"));
    CHECK_INT(q->settings.lease_ms, 5000);
    CHECK_INT(q->settings.max_attempts, -1);
    CHECK_INT(job_of(s, a_queued_job(s, .queue = STR("q")))->retry.max_attempts, RETRY_MAX_ATTEMPTS_DEFAULT);
}

STORE_TEST(the_queue_gives_its_jobs_their_priority)
{
    set_queue(s, STR("q"), settings_with(.priority = 4));
    CHECK_INT(job_of(s, a_queued_job(s, .queue = STR("q")))->priority, 4);
    CHECK_INT(job_of(s, a_queued_job(s, .queue = STR("q"), .priority = 9))->priority, 9);
}

STORE_TEST(the_queue_says_how_fast_to_retry)
{
    set_queue(s, STR("q"), settings_with(.retry_base_ms = 5000));
    CHECK_INT(job_of(s, a_queued_job(s, .queue = STR("q")))->retry.base_ms, 5000);
}

STORE_TEST(pausing_leaves_the_settings_and_settings_leave_the_pause)
{
    set_queue(s, STR("q"), settings_with(.lease_ms = 5000));
    pause_queue(s, STR("q"));
    CHECK_INT(queue_of(s, STR("q"))->settings.lease_ms, 5000);
    CHECK_TRUE(set_queue(s, STR("q"), settings_with(.lease_ms = 6000))->is_paused);
    resume_queue(s, STR("q"));
    CHECK_INT(queue_of(s, STR("q"))->settings.lease_ms, 6000);
}

DURABLE_STORE_TEST(a_pause_survives_a_restart)
{
    (void)a_queued_job(s, .queue = STR("q"));
    pause_queue(s, STR("q"));
    reopen(s);
    CHECK_TRUE(queue_of(s, STR("q"))->is_paused);
    claim_none(s, .queue = STR("q"));
}

STORE_TEST(queues_are_listed_by_name)
{
    (void)a_queued_job(s, .queue = STR("b"));
    (void)a_queued_job(s, .queue = STR("c"));
    (void)a_queued_job(s, .queue = STR("a"));
    AN_OP(s, op, store_list_queues, STORE_LIST_QUEUES);
    op.tenant = s->tenant;
    run_op(s, &op.op);
    CHECK_INT(op.count, 3);
    CHECK_STR(op.queues[0].name, STR("a"));
    CHECK_STR(op.queues[1].name, STR("b"));
    CHECK_STR(op.queues[2].name, STR("c"));
}

STORE_TEST(a_queue_with_live_jobs_cannot_be_deleted)
{
    struct id id = a_queued_job(s, .queue = STR("q"));
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->tenant;
    op.name = STR("q");
    FAILS(store_run(s->store, &op.op, e), RC_CONFLICT);
    VERDICT(cancel(s, id), RC_OK);
    AN_OP(s, again, store_delete_queue, STORE_DELETE_QUEUE);
    again.tenant = s->tenant;
    again.name = STR("q");
    OK(store_run(s->store, &again.op, e));
    CHECK_STATE(s, id, JOB_CANCELLED); /* what was done stays until its retention */
}

STORE_TEST(an_empty_queue_can_be_deleted_with_its_settings)
{
    set_queue(s, STR("q"), settings_with(.lease_ms = 5000));
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->tenant;
    op.name = STR("q");
    run_op(s, &op.op);
    CHECK_TRUE(queue_of(s, STR("q")) == NULL);
    struct job *job = a_processing_job(s, .queue = STR("q"));
    CHECK_INT(job->lease_ms, JOB_LEASE_DEFAULT_MS);
    check_counts(s);
}

STORE_TEST(a_deleted_queue_comes_back_with_a_job_that_is_retried)
{
    struct id id = a_final_job(s, JOB_FAILED, .queue = STR("q"));
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->tenant;
    op.name = STR("q");
    run_op(s, &op.op);
    VERDICT(retry(s, id), RC_OK);
    struct queue_view *q = queue_of(s, STR("q"));
    CHECK_TRUE(q != NULL);
    CHECK_INT(q->counts[JOB_QUEUED], 1);
    CHECK_INT(q->counts[JOB_FAILED], 0);
    AN_OP(s, again, store_delete_queue, STORE_DELETE_QUEUE);
    again.tenant = s->tenant;
    again.name = STR("q");
    FAILS(store_run(s->store, &again.op, e), RC_CONFLICT);
    check_counts(s);
}

STORE_TEST(a_deleted_queue_that_is_set_anew_shows_what_is_left_of_it)
{
    (void)a_final_job(s, JOB_FAILED, .queue = STR("q"));
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->tenant;
    op.name = STR("q");
    run_op(s, &op.op);
    CHECK_INT(set_queue(s, STR("q"), settings_with(.priority = 4))->counts[JOB_FAILED], 1);
    CHECK_INT(queue_of(s, STR("q"))->counts[JOB_FAILED], 1);
    check_counts(s);
}

STORE_TEST(an_unknown_queue_cannot_be_deleted)
{
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    op.tenant = s->tenant;
    op.name = STR("nothing");
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
}

STORE_TEST(the_oldest_queued_job_is_known)
{
    CHECK_INT(set_queue(s, STR("q"), settings_with())->oldest_queued_at, 0);
    (void)a_queued_job(s, .queue = STR("q"));
    advance(s, MINUTE);
    (void)a_queued_job(s, .queue = STR("q"));
    CHECK_INT(queue_of(s, STR("q"))->oldest_queued_at, TEST_BEGINS);
    (void)claim_one(s, .queue = STR("q"));
    CHECK_INT(queue_of(s, STR("q"))->oldest_queued_at, TEST_BEGINS + MINUTE);
    (void)claim_one(s, .queue = STR("q"));
    CHECK_INT(queue_of(s, STR("q"))->oldest_queued_at, 0);
}

/* ---- stats */

STORE_TEST(stats_count_what_happened)
{
    (void)a_final_job(s, JOB_COMPLETED);
    struct id failed = a_final_job(s, JOB_FAILED);
    (void)a_final_job(s, JOB_CANCELLED);
    VERDICT(retry(s, failed), RC_OK);
    struct job *job = claim_one(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    (void)a_scheduled_job(s, HOUR);
    CHECK_STATE(s, job->id, JOB_QUEUED);

    struct store_stats st = stats_of(s);
    CHECK_INT(st.enqueued_total, 4);
    CHECK_INT(st.completed_total, 1);
    CHECK_INT(st.failed_total, 1);
    CHECK_INT(st.cancelled_total, 1);
    CHECK_INT(st.lost_total, 1);
    CHECK_INT(st.counts[JOB_COMPLETED], 1);
    CHECK_INT(st.counts[JOB_FAILED], 0);
    CHECK_INT(st.counts[JOB_CANCELLED], 1);
    CHECK_INT(st.counts[JOB_QUEUED], 1);
    CHECK_INT(st.counts[JOB_SCHEDULED], 1);
    CHECK_TRUE(st.store_bytes > 0);
    check_counts(s);
}

STORE_TEST(stats_show_which_kinds_wait)
{
    for (int i = 0; i < 3; i++) {
        (void)a_queued_job(s, .queue = STR("q"), .kind = STR("a"));
    }
    (void)a_queued_job(s, .queue = STR("q"), .kind = STR("b"));
    (void)claim_one(s, .queue = STR("q"), .kind = STR("a"));
    (void)claim_one(s, .queue = STR("q"), .kind = STR("b"));
    struct store_stats st = stats_of(s);
    int64_t a = 0, b = 0;
    for (size_t i = 0; i < st.kind_count; i++) {
        CHECK_STR(st.kinds[i].queue, STR("q"));
        a += str_eq(st.kinds[i].kind, STR("a")) ? st.kinds[i].queued : 0;
        b += str_eq(st.kinds[i].kind, STR("b")) ? st.kinds[i].queued : 0;
    }
    CHECK_INT(a, 2);
    CHECK_INT(b, 0);
}

STORE_TEST(stats_of_tenant_zero_are_those_of_the_whole_store)
{
    (void)a_queued_job(s);
    as_tenant(s, s->foreign);
    (void)a_queued_job(s);
    CHECK_INT(stats_of(s).counts[JOB_QUEUED], 1);
    as_tenant(s, 0);
    struct store_stats all = stats_of(s);
    CHECK_INT(all.counts[JOB_QUEUED], 2);
    CHECK_INT(all.enqueued_total, 2);
    CHECK_INT(all.tenants, 2);
}

static void one_random_operation(struct store_test *s, struct chance *c, struct id *ids, size_t *count)
{
    struct str queues[3] = {STR("a"), STR("b"), STR("c")};
    struct id id = *count ? ids[chance_below(c, (int64_t)*count)] : (struct id){{0}};
    switch (chance_below(c, 8)) {
    case 0:
    case 1:
        if (*count < 300) {
            ids[(*count)++] =
                enqueue(s, .queue = queues[chance_below(c, 3)], .delay_ms = chance_below(c, 3) * SECOND,
                        .deadline_ms = chance_percent(c, 10) ? MINUTE : 0)
                    .job;
        }
        break;
    case 2:
    case 3: {
        struct claimed got = claim(s, .queue = queues[chance_below(c, 3)], .max = chance_below(c, 4) + 1);
        for (size_t i = 0; i < got.count; i++) {
            enum report_op what = (enum report_op)chance_below(c, REPORT_OPS);
            (void)report_one(s,
                             a_report(&got.jobs[i], 1, what, .delay_ms = SECOND,
                                      .error = {.class = (enum error_class)chance_below(c, ERROR_CLASSES)}));
        }
        break;
    }
    case 4:
        (void)cancel(s, id);
        break;
    case 5:
        (void)retry(s, id);
        break;
    case 6:
        (void)promote(s, id);
        break;
    default:
        (void)pass(s, chance_below(c, 20) * SECOND);
        break;
    }
}

STORE_TEST_WITHIN(every_count_equals_a_recount_after_random_operations,
                  30) /* seed printed; 1,500 operations */
{
    struct chance c = chance_begin("every_count_equals_a_recount");
    struct id *ids = arena_array(s->a, struct id, 300);
    size_t count = 0;
    for (int64_t i = 1; i <= repeat("STINT_OPS", 1500, 500); i++) {
        one_random_operation(s, &c, ids, &count);
        if (i % 250 == 0) {
            check_counts(s);
        }
    }
    for (size_t i = 0; i < count; i++) {
        check_events(s, ids[i]); /* J12 */
    }
    advance(s, 60 * DAY);
    (void)tick(s);
    (void)prune(s);
    check_counts(s);
}

/* ---- keys */

static struct store_create_key key_of(struct store_test *s, struct str public_id, struct str tenant)
{
    AN_OP(s, op, store_create_key, STORE_CREATE_KEY);
    op.key = (struct api_key){.public_id = public_id,
                              .tenant_name = tenant,
                              .name = STR("ci"),
                              .last4 = STR("wxyz"),
                              .scopes = SCOPE_ENQUEUE | SCOPE_READ,
                              .queues = STR("[\"a\"]"),
                              .expires_at = TEST_BEGINS + DAY};
    memset(op.key.hash, public_id.p[0], sizeof op.key.hash);
    return op;
}

static const struct api_key *find_key(const struct store_list_keys *list, struct str public_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_eq(list->keys[i].public_id, public_id)) {
            return &list->keys[i];
        }
    }
    return NULL;
}

static struct store_list_keys keys_of(struct store_test *s, int64_t tenant)
{
    AN_OP(s, op, store_list_keys, STORE_LIST_KEYS);
    op.tenant = tenant;
    run_op(s, &op.op);
    return op;
}

STORE_TEST(a_key_comes_back_as_it_was_made)
{
    struct store_create_key op = key_of(s, STR("abcd1234"), STR("acme"));
    run_op(s, &op.op);
    CHECK_INT(op.key.tenant, s->tenant);
    CHECK_INT(op.key.created_at, TEST_BEGINS);
    struct store_list_keys list = keys_of(s, s->tenant);
    const struct api_key *key = find_key(&list, STR("abcd1234"));
    CHECK_TRUE(key != NULL);
    CHECK_STR(key->tenant_name, STR("acme"));
    CHECK_STR(key->name, STR("ci"));
    CHECK_STR(key->last4, STR("wxyz"));
    CHECK_STR(key->queues, STR("[\"a\"]"));
    CHECK_INT(key->scopes, SCOPE_ENQUEUE | SCOPE_READ);
    CHECK_INT(key->expires_at, TEST_BEGINS + DAY);
    CHECK_INT(key->revoked_at, 0);
    CHECK_INT(key->hash[31], 'a');
}

STORE_TEST(a_key_makes_its_tenant_when_there_is_none)
{
    struct store_create_key op = key_of(s, STR("abcd1234"), STR("brand-new"));
    run_op(s, &op.op);
    CHECK_TRUE(op.key.tenant > 0 && op.key.tenant != s->tenant && op.key.tenant != s->foreign);
    struct store_create_key same = key_of(s, STR("efgh5678"), STR("brand-new"));
    run_op(s, &same.op);
    CHECK_INT(same.key.tenant, op.key.tenant);
}

STORE_TEST(the_id_of_a_key_is_used_once)
{
    struct store_create_key op = key_of(s, STR("abcd1234"), STR("acme"));
    run_op(s, &op.op);
    struct store_create_key again = key_of(s, STR("abcd1234"), STR("other"));
    FAILS(store_run(s->store, &again.op, e), RC_CONFLICT);
}

STORE_TEST(keys_are_listed_by_tenant_or_all)
{
    size_t mine = keys_of(s, s->tenant).count, theirs = keys_of(s, s->foreign).count;
    CHECK_INT(mine, 1);
    CHECK_INT(theirs, 1);
    CHECK_INT(keys_of(s, 0).count, 2);
}

STORE_TEST(a_revoked_key_stays_visible_as_revoked)
{
    struct store_create_key made = key_of(s, STR("abcd1234"), STR("acme"));
    run_op(s, &made.op);
    advance(s, 5);
    for (int i = 0; i < 2; i++) { /* repeating is fine */
        AN_OP(s, op, store_revoke_key, STORE_REVOKE_KEY);
        op.tenant = s->tenant;
        op.public_id = STR("abcd1234");
        run_op(s, &op.op);
        advance(s, 5);
    }
    struct store_list_keys list = keys_of(s, 0);
    CHECK_INT(find_key(&list, STR("abcd1234"))->revoked_at, TEST_BEGINS + 5);
}

STORE_TEST(nobody_revokes_the_key_of_another_tenant)
{
    struct store_create_key made = key_of(s, STR("abcd1234"), STR("acme"));
    run_op(s, &made.op);
    AN_OP(s, op, store_revoke_key, STORE_REVOKE_KEY);
    op.tenant = s->foreign;
    op.public_id = STR("abcd1234");
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
    AN_OP(s, any, store_revoke_key, STORE_REVOKE_KEY);
    any.public_id = STR("abcd1234"); /* tenant 0 = any */
    run_op(s, &any.op);
}

STORE_TEST(an_unknown_key_cannot_be_revoked)
{
    AN_OP(s, op, store_revoke_key, STORE_REVOKE_KEY);
    op.public_id = STR("nothing1");
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
}
