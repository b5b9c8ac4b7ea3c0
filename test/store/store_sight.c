/* store_sight.c: what a test of the store looks at: store_test.h from look to check_events. */
#include "store_test.h"

/* ---- look */

static enum rc get_job(struct store_test *s, struct id id, struct job **out)
{
    struct err err = {0};
    AN_OP(s, op, store_get_job, STORE_GET_JOB);
    op.tenant = s->tenant;
    op.id = id;
    enum rc rc = store_run(s->store, &op.op, &err);
    ck_assert_msg(rc == RC_OK || rc == RC_NOT_FOUND, "get_job: %s: %s", rc_name(rc), err.text);
    *out = op.job;
    return rc;
}

bool has_job(struct store_test *s, struct id id)
{
    struct job *job = NULL;
    return get_job(s, id, &job) == RC_OK;
}

struct job *job_of(struct store_test *s, struct id id)
{
    struct job *job = NULL;
    ck_assert_msg(get_job(s, id, &job) == RC_OK, "no job %s", id_text(id).s);
    return job;
}

enum job_state state_of(struct store_test *s, struct id id)
{
    return job_of(s, id)->state;
}

struct store_read_events events_of(struct store_test *s, struct id id, int64_t after, int64_t limit)
{
    AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
    op.tenant = s->tenant;
    op.job_id = id;
    op.after = after;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

struct store_list_jobs list_of(struct store_test *s, struct job_filter filter, int64_t limit)
{
    AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
    op.tenant = s->tenant;
    op.filter = filter;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

/* Calls `each` for every job that matches, over all pages. */
static size_t walk_jobs(struct store_test *s, struct job_filter filter,
                        void (*each)(void *ctx, const struct job *job), void *ctx)
{
    size_t count = 0;
    int64_t cursor = 0;
    do {
        AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
        op.tenant = s->tenant;
        op.filter = filter;
        op.cursor = cursor;
        op.limit = 100;
        run_op(s, &op.op);
        for (size_t i = 0; i < op.count && each; i++) {
            each(ctx, &op.jobs[i]);
        }
        count += op.count;
        cursor = op.next_cursor;
    } while (cursor);
    return count;
}

size_t count_of(struct store_test *s, struct job_filter filter)
{
    return walk_jobs(s, filter, NULL, NULL);
}

struct queue_view *queue_of(struct store_test *s, struct str name)
{
    struct err err = {0};
    AN_OP(s, op, store_list_queues, STORE_LIST_QUEUES);
    op.tenant = s->tenant;
    op.name = name;
    enum rc rc = store_run(s->store, &op.op, &err);
    ck_assert_msg(rc == RC_OK || rc == RC_NOT_FOUND, "list_queues: %s: %s", rc_name(rc), err.text);
    return rc == RC_OK ? &op.queues[0] : NULL;
}

struct store_stats stats_of(struct store_test *s)
{
    AN_OP(s, op, store_stats, STORE_STATS);
    op.tenant = s->tenant;
    run_op(s, &op.op);
    return op;
}

/* ---- recount */

#define RECOUNT_QUEUES 32

struct recount {
    struct str queues[RECOUNT_QUEUES];
    int64_t counts[RECOUNT_QUEUES][JOB_STATES];
    int64_t totals[JOB_STATES];
    size_t queue_count;
};

static size_t recount_queue(struct recount *r, struct str name)
{
    for (size_t i = 0; i < r->queue_count; i++) {
        if (str_eq(r->queues[i], name)) {
            return i;
        }
    }
    ck_assert_int_lt(r->queue_count, RECOUNT_QUEUES);
    r->queues[r->queue_count] = name;
    return r->queue_count++;
}

static void recount_job(void *ctx, const struct job *job)
{
    struct recount *r = ctx;
    r->counts[recount_queue(r, job->queue)][job->state]++;
    r->totals[job->state]++;
}

static void check_state_counts(struct str what, const int64_t *got, const int64_t *want)
{
    for (int i = 0; i < JOB_STATES; i++) {
        ck_assert_msg(got[i] == want[i], "%.*s, %s: the count says %lld, a recount %lld", STR_ARG(what),
                      job_state_name((enum job_state)i), (long long)got[i], (long long)want[i]);
    }
}

void check_counts(struct store_test *s)
{
    struct recount r = {0};
    struct store_stats stats = stats_of(s);
    int64_t queued_by_kind = 0;

    (void)walk_jobs(s, (struct job_filter){0}, recount_job, &r);
    check_state_counts(STR("the tenant"), stats.counts, r.totals);
    for (size_t i = 0; i < r.queue_count; i++) {
        struct queue_view *view = queue_of(s, r.queues[i]);
        ck_assert_msg(view, "no queue %.*s", STR_ARG(r.queues[i]));
        check_state_counts(r.queues[i], view->counts, r.counts[i]);
    }
    for (size_t i = 0; i < stats.kind_count; i++) {
        CHECK_TRUE(stats.kinds[i].queued >= 0);
        queued_by_kind += stats.kinds[i].queued;
    }
    CHECK_INT(queued_by_kind, r.totals[JOB_QUEUED]);
}

void check_events(struct store_test *s, struct id id)
{
    struct store_read_events r = events_of(s, id, 0, 1000);
    struct job *job = job_of(s, id);
    CHECK_INT(r.count, job->last_seq);
    CHECK_INT(r.last_seq, job->last_seq);
    for (size_t i = 0; i < r.count; i++) {
        CHECK_INT(r.events[i].seq, i + 1);
    }
    if (job_state_is_final(job->state)) {
        CHECK_TRUE(r.count > 0);
        CHECK_STR(r.events[r.count - 1].type, STR("end"));
    }
}
