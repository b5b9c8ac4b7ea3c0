/* Batches that are filled from a matrix: their jobs are there at once, each once, whatever happens on the way. */
#include "store_test.h"

#include "base/clock.h"
#include "core/schedule.h"
#include "pg_rig.h"

#include <pthread.h>
#include <string.h>

#define MANY 1200 /* so many that they are hidden until the last is there */

/* A dimension of so many numbers, from 0. */
static struct matrix_dimension numbers(struct store_test *s, struct str name, int64_t count)
{
    struct str *values = arena_array(s->a, struct str, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        values[i] = arena_printf(s->a, "%lld", (long long)i);
    }
    return (struct matrix_dimension){name, values, (size_t)count};
}

static struct batch_filling *a_filling(struct store_test *s, int64_t count, struct job_spec job)
{
    struct batch_filling *f = arena_alloc(s->a, sizeof *f);
    job.kind = job.kind.n ? job.kind : STR("k");
    job.args = job.args.n ? job.args : STR("{\"x\":1}");
    *f = (struct batch_filling){.job = job};
    f->matrix.dimensions[0] = numbers(s, STR("n"), count / 2);
    f->matrix.dimensions[1] = numbers(s, STR("run"), 2);
    f->matrix.dimension_count = 2;
    f->matrix.count = count;
    return f;
}

/* With a job that runs when it has finished. */
static struct store_enqueue begin_in(struct store_test *s, struct str last_queue,
                                     const struct batch_filling *f, int64_t fill_at, struct str key,
                                     const struct schedule_step *step)
{
    static const struct str after_batch[] = {BATCH_REF};
    struct batch_plan *plan = arena_alloc(s->a, sizeof *plan);
    struct job_spec *specs = arena_array(s->a, struct job_spec, 2);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    *plan = (struct batch_plan){
        .is_closed = true, .filling = f, .filling_text = STR("{\"what\":\"it is\"}"), .fill_at = fill_at};
    specs[0] =
        (struct job_spec){.plan = plan, .ref = BATCH_REF, .unique_key = key, .unique_for_ms = JOB_FOREVER_MS};
    specs[1] = (struct job_spec){.kind = STR("last"),
                                 .queue = last_queue,
                                 .args = STR("{}"),
                                 .depends_on = after_batch,
                                 .depends_count = 1,
                                 .is_finaliser = true};
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 2;
    op.step = step;
    struct err e = {0};
    (void)!store_run(s->store, &op.op, &e);
    return op;
}

static struct store_enqueue begin(struct store_test *s, const struct batch_filling *f, int64_t fill_at,
                                  struct str key)
{
    return begin_in(s, STR("last"), f, fill_at, key, NULL);
}

static struct id a_batch(struct store_test *s, const struct batch_filling *f)
{
    struct store_enqueue op = begin(s, f, 0, STR_NONE);
    VERDICT(op.op, RC_OK);
    return op.verdicts[0].job;
}

/* What the ticks give out now: at most one batch. */
static struct schedule *given(struct store_test *s)
{
    struct schedule *found = NULL;
    bool more = true;
    while (more) {
        AN_OP(s, op, store_tick, STORE_TICK);
        op.limit = 10;
        run_op(s, &op.op);
        for (size_t i = 0; i < op.schedule_count; i++) {
            CHECK_TRUE(store_is_filling(&op.schedules[i]));
            CHECK_TRUE(!found);
            found = &op.schedules[i];
        }
        more = op.more;
    }
    return found;
}

static struct store_fill fill_with(struct store_test *s, const struct schedule *of,
                                   const struct batch_filling *f, int64_t limit)
{
    AN_OP(s, op, store_fill, STORE_FILL);
    op.tenant = s->tenant;
    op.name = of->name;
    op.filling = f;
    op.failure = f ? STR("") : STR("nobody can read it");
    op.limit = limit;
    struct err e = {0};
    (void)!store_run(s->store, &op.op, &e);
    return op;
}

static void fill_whole(struct store_test *s, const struct schedule *of, const struct batch_filling *f)
{
    bool more = true;
    while (more) {
        struct store_fill op = fill_with(s, of, f, 0);
        VERDICT(op.op, RC_OK);
        more = op.more;
    }
}

static struct batch *batch_of(struct store_test *s, struct id id)
{
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    op.tenant = s->tenant;
    op.id = id;
    op.limit = 1;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    return &op.batches[0];
}

static struct act_verdict cancel_batch(struct store_test *s, struct id id)
{
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = ACT_CANCEL;
    op.of_batches = true;
    op.ids = &id;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0];
}

static void check_hidden(struct store_test *s, struct id batch)
{
    claim_none(s);
    CHECK_INT(count_of(s, (struct job_filter){.batch = batch}), 0);
    CHECK_INT(count_of(s, (struct job_filter){.kind = STR("k")}), 0);
    CHECK_INT(batch_of(s, batch)->state, BATCH_FILLING);
    CHECK_INT(batch_of(s, batch)->counts.open, 0);
    const struct queue_view *q = queue_of(s, STR("default"));
    CHECK_INT(q ? q->counts[JOB_QUEUED] : 0, 0);
    check_counts(s);
}

STORE_TEST(a_matrix_becomes_a_batch_with_a_job_for_each_coordinate)
{
    struct batch_filling *f = a_filling(s, 6, (struct job_spec){.queue = STR("q"), .priority = 3});
    f->schedule = STR("daily");
    f->tick = TEST_BEGINS;
    struct id id = begin(s, f, 0, STR("schedule:daily")).verdicts[0].job;
    check_hidden(s, id);
    const struct schedule *of = given(s);
    CHECK_ID(of->last_job, id);
    CHECK_STR(of->definition, STR("{\"what\":\"it is\"}"));
    fill_whole(s, of, f);
    CHECK_INT(batch_of(s, id)->state, BATCH_CLOSED);
    CHECK_INT(batch_of(s, id)->counts.open, 6);
    for (int i = 0; i < 6; i++) {
        struct job *j = job_of(s, claim_one(s, .queue = STR("q"))->id);
        CHECK_STR(j->args, arena_printf(s->a, "{\"x\":1,\"n\":%d,\"run\":%d}", i / 2, i % 2));
        CHECK_STR(j->unique_key, arena_printf(s->a, "schedule:daily:2030-03-17T17:46:40.000Z:%d", i));
        CHECK_STR(j->tags, STR("[\"schedule:daily\"]"));
        CHECK_INT(j->priority, 3);
        CHECK_ID(j->batch, id);
        VERDICT(complete(s, j, 1), RC_OK);
    }
    claim_none(s, .queue = STR("q"));
    tick(s);
    CHECK_INT(batch_of(s, id)->state, BATCH_FINISHED);
    (void)claim_one(s, .queue = STR("last"));
    check_counts(s);
    CHECK_TRUE(!given(s));
    struct store_fill late = fill_with(s, of, f, 0);
    VERDICT_CODE(late.op, RC_CONFLICT, "batch_filled");
}

STORE_TEST(jobs_of_a_batch_are_hidden_until_the_last_of_them_is_there)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.deadline_ms = HOUR});
    struct id id = a_batch(s, f), other = a_queued_job(s, .kind = STR("other"), .priority = 5);
    VERDICT(cancel(s, other), RC_OK);
    const struct schedule *of = given(s);
    CHECK_TRUE(!given(s));
    struct store_fill op = fill_with(s, of, f, 500);
    for (int rounds = 1; op.more; rounds++) {
        CHECK_TRUE(rounds < 3);
        check_hidden(s, id);
        CHECK_INT(enqueue(s, .batch = id).rc, RC_CONFLICT);
        op = fill_with(s, of, f, 500);
    }
    VERDICT(op.op, RC_OK);
    CHECK_INT(batch_of(s, id)->counts.open, MANY);
    CHECK_INT(count_of(s, (struct job_filter){.batch = id}), MANY);
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], MANY);
    check_counts(s);
    struct claimed c = claim(s, .max = MANY + 1);
    CHECK_INT(c.count, MANY);
    for (size_t i = 1; i < c.count; i++) {
        CHECK_TRUE(id_ordinal(c.jobs[i].id) > id_ordinal(c.jobs[i - 1].id));
    }
    VERDICT(release(s, &c.jobs[7], 1), RC_OK);
    CHECK_ID(claim_one(s)->id, c.jobs[7].id);
    CHECK_INT(stats_of(s).enqueued_total, MANY + 2);
    check_counts(s);
}

STORE_TEST(batches_that_are_filled_at_a_time_do_not_show_each_others_jobs)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.queue = STR("default")});
    struct id one = a_batch(s, f);
    const struct schedule *of_one = given(s);
    bool is_half = fill_with(s, of_one, f, 300).more;
    struct id two = a_batch(s, f);
    const struct schedule *of_two = given(s);
    fill_whole(s, of_two, f);
    CHECK_INT(batch_of(s, one)->state, is_half ? BATCH_FILLING : BATCH_CLOSED);
    CHECK_INT(count_of(s, (struct job_filter){.batch = two}), MANY);
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], is_half ? MANY : 2 * MANY);
    if (is_half) {
        fill_whole(s, of_one, f);
    }
    CHECK_INT(claim(s, .max = 3 * MANY).count, 2 * MANY);
    struct id three = a_batch(s, f); /* where the others were */
    fill_whole(s, given(s), f);
    CHECK_INT(claim(s, .max = 3 * MANY).count, MANY);
    CHECK_INT(batch_of(s, three)->counts.open, MANY);
    check_counts(s);
}

DURABLE_STORE_TEST(jobs_of_a_matrix_keep_to_their_limits_and_turns)
{
    struct batch_filling *f =
        a_filling(s, MANY, (struct job_spec){.group = STR("A"), .limit_keys = STR("[\"host:a\"]")});
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = STR("host:a");
    op.has_rule = true;
    op.rule.concurrency = 3;
    op.pause_until = -1;
    run_op(s, &op.op);
    (void)a_batch(s, f);
    const struct schedule *of = given(s);
    if (fill_with(s, of, f, 500).more) {
        claim_none(s);
        reopen(s);
        of = given(s);
        fill_whole(s, of, f);
    }
    (void)a_queued_job(s, .group = STR("B"));
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 4);
    CHECK_TRUE(str_eq(c.jobs[0].group, STR("B")) || str_eq(c.jobs[1].group, STR("B")));
    const struct job *one = str_eq(c.jobs[0].group, STR("A")) ? &c.jobs[0] : &c.jobs[1];
    VERDICT(release(s, one, 1), RC_OK);
    CHECK_ID(claim_one(s)->id, one->id);
    claim_none(s);
    check_counts(s);
}

static void pause_limit(struct store_test *s, struct str key)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = key;
    op.pause_until = JOB_FOREVER_MS;
    run_op(s, &op.op);
}

STORE_TEST(jobs_of_a_matrix_keep_to_the_limits_of_their_coordinate)
{
    struct batch_filling *f = a_filling(
        s, 6, (struct job_spec){.limit_keys = STR("[\"host:{n}\",{\"key\":\"b:{batch}\",\"weight\":2}]")});
    f->batch = STR("x");
    pause_limit(s, STR("host:1"));
    (void)a_batch(s, f);
    fill_whole(s, given(s), f);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 4);
    for (size_t i = 0; i < c.count; i++) {
        CHECK_TRUE(str_eq(c.jobs[i].limit_keys, STR("[{\"key\":\"b:x\",\"weight\":2},\"host:0\"]")) ||
                   str_eq(c.jobs[i].limit_keys, STR("[{\"key\":\"b:x\",\"weight\":2},\"host:2\"]")));
    }
    check_counts(s);
}

STORE_TEST(a_batch_that_nobody_fills_is_given_out_again)
{
    struct batch_filling *f = a_filling(s, 4, (struct job_spec){.queue = STR("default")});
    struct store_enqueue op = begin(s, f, TEST_BEGINS + MINUTE, STR_NONE);
    CHECK_INT(batch_of(s, op.verdicts[0].job)->fill_at, TEST_BEGINS + MINUTE);
    VERDICT(op.op, RC_OK);
    CHECK_TRUE(!given(s));
    advance(s, MINUTE);
    CHECK_TRUE(given(s));
    CHECK_TRUE(!given(s));
    advance(s, STORE_SCHEDULE_HOLD_MS);
    const struct schedule *of = given(s);
    CHECK_TRUE(of);
    AN_OP(s, list, store_list_schedules, STORE_LIST_SCHEDULES);
    list.tenant = s->tenant;
    list.limit = 10;
    run_op(s, &list.op);
    CHECK_INT(list.count, 0);
    fill_whole(s, of, f);
    CHECK_INT(claim(s, .max = 10).count, 4);
}

STORE_TEST(a_coordinate_whose_key_is_held_gets_no_other_job)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.queue = STR("default")});
    f->schedule = STR("daily");
    f->tick = TEST_BEGINS;
    struct id held = a_queued_job(s, .queue = STR("other"), .unique_for_ms = JOB_FOREVER_MS,
                                  .unique_key = STR("schedule:daily:2030-03-17T17:46:40.000Z:700"));
    struct id id = begin(s, f, 0, STR("schedule:daily")).verdicts[0].job;
    fill_whole(s, given(s), f);
    CHECK_INT(batch_of(s, id)->counts.open, MANY - 1);
    CHECK_INT(claim(s, .max = 2 * MANY).count, MANY - 1);
    CHECK_STATE(s, held, JOB_QUEUED);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("schedule:daily:2030-03-17T17:46:40.000Z:701"));
    CHECK_TRUE(v.duplicate);
    check_counts(s);
}

DURABLE_STORE_TEST(a_batch_that_was_half_filled_goes_on_at_the_next_start)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.queue = STR("default")});
    f->schedule = STR("daily");
    f->tick = TEST_BEGINS;
    struct id id = begin(s, f, 0, STR("schedule:daily")).verdicts[0].job;
    const struct schedule *of = given(s);
    bool is_half = fill_with(s, of, f, 500).more;
    reopen(s);
    if (is_half) {
        check_hidden(s, id);
        of = given(s);
        CHECK_TRUE(of);
        CHECK_INT(of->fired, 500);
        fill_whole(s, of, f);
    }
    CHECK_INT(batch_of(s, id)->counts.open, MANY);
    CHECK_INT(claim(s, .max = 2 * MANY).count, MANY);
    check_counts(s);
}

STORE_TEST(a_cancel_ends_the_filling_of_a_batch)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.queue = STR("default")});
    struct id id = a_batch(s, f);
    const struct schedule *of = given(s);
    (void)fill_with(s, of, f, 500);
    VERDICT(cancel_batch(s, id), RC_OK);
    tick(s);
    struct store_fill op = fill_with(s, of, f, 500);
    CHECK_TRUE(!op.more);
    tick(s);
    claim_none(s);
    CHECK_INT(batch_of(s, id)->state, BATCH_FINISHED);
    CHECK_TRUE(batch_of(s, id)->is_cancelled);
    CHECK_INT(batch_of(s, id)->counts.open, 0);
    CHECK_TRUE(batch_of(s, id)->counts.cancelled < 2 * MANY);
    check_counts(s);
    CHECK_TRUE(!given(s));
}

STORE_TEST(a_batch_that_is_cancelled_before_it_is_filled_is_over_at_once)
{
    struct batch_filling *f = a_filling(s, MANY, (struct job_spec){.queue = STR("default")});
    struct store_enqueue later = begin(s, f, TEST_BEGINS + HOUR, STR_NONE);
    struct id now = a_batch(s, f);
    const struct schedule *of = given(s);
    VERDICT(cancel_batch(s, later.verdicts[0].job), RC_OK);
    VERDICT(cancel_batch(s, now), RC_OK);
    tick(s);
    CHECK_INT(batch_of(s, later.verdicts[0].job)->state, BATCH_FINISHED);
    CHECK_INT(batch_of(s, now)->state, BATCH_FINISHED);
    CHECK_TRUE(batch_of(s, now)->is_cancelled);
    VERDICT_CODE(fill_with(s, of, f, 0).op, RC_CONFLICT, "batch_filled");
    advance(s, 2 * HOUR);
    CHECK_TRUE(!given(s));
    claim_none(s);
    CHECK_INT(count_of(s, (struct job_filter){.batch = now}), 0);
    check_counts(s);
}

struct filler {
    struct store_test *s;
    const struct schedule *of;
    const struct batch_filling *f;
    struct arena *a;
    enum rc rc;
    struct err e;
};

static void *fill_beside(void *arg)
{
    struct filler *m = arg;
    struct store_fill op;
    store_init(&op.op, sizeof op, STORE_FILL, m->a);
    op.tenant = m->of->tenant;
    op.name = m->of->name;
    op.filling = m->f;
    op.failure = STR("");
    m->rc = store_run(m->s->store, &op.op, &m->e);
    return NULL;
}

/* It has what is left to do, and whoever asks for that has to wait. */
static void wait_until_begun(struct store_test *s)
{
    struct pg *c = pg_rig_connect(s->url);
    bool is_begun = false;
    for (int64_t until_us = clock_mono_us() + 10000000; !is_begun && clock_mono_us() < until_us;) {
        is_begun =
            !pg_rig_int(c, "SELECT count(*) FROM (SELECT 1 FROM stint.schedule FOR UPDATE SKIP LOCKED) AS s");
    }
    CHECK_TRUE(is_begun);
    pg_close(c);
}

/* Where all of them come in one transaction that takes seconds, none comes. */
SERVER_STORE_TEST(a_cancel_ends_a_filling_that_is_under_way)
{
    struct batch_filling *f = a_filling(s, 20000, (struct job_spec){.queue = STR("default")});
    struct id id = a_batch(s, f);
    struct filler m = {.s = s, .of = given(s), .f = f, .a = arena_new()};
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, fill_beside, &m), 0);
    wait_until_begun(s);
    VERDICT(cancel_batch(s, id), RC_OK);
    CHECK_INT(pthread_join(thread, NULL), 0);
    VERDICT(m, RC_OK);
    tick(s);
    CHECK_INT(batch_of(s, id)->state, BATCH_FINISHED);
    CHECK_INT(batch_of(s, id)->counts.cancelled, 0);
    CHECK_INT(count_of(s, (struct job_filter){.batch = id}), 0);
    CHECK_TRUE(!given(s));
    arena_free(m.a);
    check_counts(s);
}

STORE_TEST(a_batch_that_cannot_be_filled_says_so)
{
    struct id id = a_batch(s, a_filling(s, 4, (struct job_spec){.queue = STR("default")}));
    struct store_fill op = fill_with(s, given(s), NULL, 0);
    VERDICT(op.op, RC_OK);
    tick(s);
    const struct batch *b = batch_of(s, id);
    CHECK_INT(b->state, BATCH_FINISHED);
    CHECK_TRUE(b->is_cancelled);
    CHECK_STR(b->error, STR("nobody can read it"));
    claim_none(s, .queue = STR("last")); /* it has failed, for those behind it */
    AN_OP(s, events, store_read_events, STORE_READ_EVENTS);
    events.tenant = s->tenant;
    events.job_id = id;
    events.of_batch = true;
    events.limit = 10;
    run_op(s, &events.op);
    CHECK_INT(events.count, 4);
    CHECK_STR(events.events[0].type, STR("failed"));
    CHECK_STR(events.events[0].data, STR("{\"message\":\"nobody can read it\"}"));
    CHECK_STR(events.events[3].type, STR("end"));
}

STORE_TEST(a_batch_whose_jobs_have_no_room_is_not_begun)
{
    set_queue(s, STR("small"), settings_with(.max_queued = 5));
    struct store_enqueue op =
        begin(s, a_filling(s, 6, (struct job_spec){.queue = STR("small")}), 0, STR_NONE);
    CHECK_INT(op.op.rc, RC_BUSY);
    CHECK_TRUE(!given(s));
    op = begin(s, a_filling(s, 4, (struct job_spec){.queue = STR("small")}), 0, STR_NONE);
    VERDICT(op.op, RC_OK);
}

STORE_TEST(what_runs_behind_a_batch_has_its_place_beside_the_jobs_of_it)
{
    struct str small = STR("small");
    const struct batch_filling *f = a_filling(s, 4, (struct job_spec){.queue = small});
    set_queue(s, small, settings_with(.max_queued = 4));
    struct store_enqueue op = begin_in(s, small, f, 0, STR_NONE, NULL);
    CHECK_INT(op.op.rc, RC_BUSY);
    CHECK_INT(op.verdicts[1].rc, RC_BUSY);
    CHECK_TRUE(!given(s));
    set_queue(s, small, settings_with(.max_queued = 5));
    op = begin_in(s, small, f, 0, STR_NONE, NULL);
    VERDICT(op.op, RC_OK);
    CHECK_INT(count_of(s, (struct job_filter){.queue = small}), 1);
}

/* The next tick of a schedule, which cancels the batch of the last one. */
static struct store_enqueue step_over(struct store_test *s, struct id last, struct str last_queue,
                                      const struct batch_filling *f)
{
    AN_OP(s, list, store_list_schedules, STORE_LIST_SCHEDULES);
    list.tenant = s->tenant;
    list.name = STR("daily");
    run_op(s, &list.op);
    const struct schedule *now = list.schedules;
    const struct schedule_step step = {.name = now->name,
                                       .version = now->version,
                                       .from = now->next_at,
                                       .next_at = now->next_at + DAY,
                                       .last_tick = now->next_at,
                                       .fired = 1,
                                       .cancel = last};
    struct str key = arena_printf(s->a, "schedule:daily:%lld", (long long)now->next_at);
    return begin_in(s, last_queue, f, 0, key, &step);
}

STORE_TEST(a_tick_cancels_the_last_batch_when_its_own_may_have_the_room_of_that)
{
    const struct batch_filling *f = a_filling(s, 4, (struct job_spec){.queue = STR("small")});
    AN_OP(s, set, store_set_schedule, STORE_SET_SCHEDULE);
    set.tenant = s->tenant;
    set.name = STR("daily");
    set.definition = STR("{}");
    set.next_at = TEST_BEGINS + DAY;
    set.pause = -1;
    run_op(s, &set.op);
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 4));
    struct id none = {{0}}, first = step_over(s, none, STR("last"), f).verdicts[0].job;
    fill_whole(s, given(s), f);
    CHECK_INT(claim(s, .queue = STR("small"), .max = 2).count, 2);
    struct id others[] = {a_queued_job(s, .queue = STR("small")), a_queued_job(s, .queue = STR("small"))};
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 3)); /* too few, whatever goes */
    CHECK_INT(step_over(s, first, STR("last"), f).op.rc, RC_BUSY);
    CHECK_FALSE(batch_of(s, first)->is_cancelled);
    (void)set_queue(s, STR("small"), settings_with(.max_queued = 4));
    VERDICT(cancel(s, others[0]), RC_OK);
    VERDICT(cancel(s, others[1]), RC_OK);
    CHECK_INT(step_over(s, first, STR("last"), f).op.rc, RC_BUSY); /* it stays due */
    CHECK_TRUE(batch_of(s, first)->is_cancelled);
    tick(s);
    struct store_enqueue second = step_over(s, first, STR("last"), f);
    VERDICT(second.op, RC_OK);
    CHECK_FALSE(second.verdicts[0].duplicate);
    check_counts(s);
}

STORE_TEST(a_tick_has_one_batch_whatever_becomes_of_its_schedule)
{
    struct batch_filling *f = a_filling(s, 4, (struct job_spec){.queue = STR("default")});
    struct store_enqueue one = begin(s, f, 0, STR("schedule:daily:1"));
    fill_whole(s, given(s), f);
    struct store_enqueue two = begin(s, f, 0, STR("schedule:daily:1"));
    VERDICT(two.op, RC_OK);
    CHECK_TRUE(two.verdicts[0].duplicate);
    CHECK_ID(two.verdicts[0].job, one.verdicts[0].job);
    CHECK_TRUE(!given(s));
    CHECK_INT(claim(s, .max = 10).count, 4);
}
