/* Locks that strangers hold in the store's database: who meets one waits, and nobody else. */
#include "postgres_rig.h"

#include "base/clock.h"

#include <pthread.h>

struct waiter {
    struct store_test *s;
    struct arena *a;
    pthread_t thread;
    enum rc rc;
    bool is_duplicate;
};

static void *enqueue_held(void *arg)
{
    struct waiter *w = arg;
    struct job_spec spec = {.kind = STR("k"), .args = STR("{}"), .unique_key = STR("held")};
    struct store_enqueue op;
    store_init(&op.op, sizeof op, STORE_ENQUEUE, w->a);
    op.tenant = w->s->tenant;
    op.specs = &spec;
    op.count = 1;
    w->rc = store_run(w->s->store, &op.op, NULL);
    w->is_duplicate = !w->rc && op.verdicts[0].duplicate;
    return NULL;
}

static void hold_key(struct store_test *s, struct pg *c)
{
    char sql[300];
    str_print(sql, sizeof sql,
              "BEGIN; INSERT INTO stint.unique_key (tenant, scope, key, job, held_until) "
              "VALUES (%lld, 0, 'held', gen_random_uuid(), 9223372036854775807)",
              (long long)s->tenant);
    say_sql(c, sql);
}

SERVER_STORE_TEST(a_transaction_that_holds_a_unique_key_for_long_holds_up_nobody_else)
{
    struct pg *c = a_stranger(s);
    struct waiter w = {.s = s, .a = arena_new()};
    hold_key(s, c);
    CHECK_INT(pthread_create(&w.thread, NULL, enqueue_held, &w), 0);
    int64_t begun = clock_mono_us();
    for (int i = 0; i < 20; i++) {
        struct job *job = a_processing_job(s, .unique_key = arena_printf(s->a, "free-%d", i));
        VERDICT(complete(s, job, 1), RC_OK);
    }
    CHECK_TRUE(clock_mono_us() - begun < 8000000); /* the one that waits does so for 10 s */
    say_sql(c, "ROLLBACK");
    pthread_join(w.thread, NULL);
    CHECK_INT(w.rc, RC_OK);
    CHECK_FALSE(w.is_duplicate);
    CHECK_INT(count_of(s, (struct job_filter){0}), 21);
    check_counts(s);
    arena_free(w.a);
    pg_close(c);
}

SERVER_STORE_TEST(who_waits_for_a_key_gets_it_as_the_other_transaction_has_left_it)
{
    struct pg *c = a_stranger(s);
    struct waiter w = {.s = s, .a = arena_new()};
    hold_key(s, c);
    CHECK_INT(pthread_create(&w.thread, NULL, enqueue_held, &w), 0);
    (void)a_queued_job(s);
    say_sql(c, "COMMIT");
    pthread_join(w.thread, NULL);
    CHECK_INT(w.rc, RC_OK);
    CHECK_TRUE(w.is_duplicate);
    arena_free(w.a);
    pg_close(c);
}

SERVER_STORE_TEST(an_operation_does_not_wait_for_a_strangers_lock_for_ever)
{
    struct pg *c = a_stranger(s);
    hold_key(s, c);
    FAILS(try_enqueue(s, (struct job_spec){.unique_key = STR("held")}, e), RC_BUSY);
    CHECK_STR(str_from(e->code), STR("store_unavailable"));
    say_sql(c, "ROLLBACK");
    OK(try_enqueue(s, (struct job_spec){.unique_key = STR("held")}, e));
    pg_close(c);
}

SERVER_STORE_TEST(a_tick_that_meets_a_locked_table_fails_and_the_next_one_does_its_work)
{
    struct pg *c = a_stranger(s);
    AN_OP(s, op, store_tick, STORE_TICK);
    OK(try_enqueue(s, (struct job_spec){.run_at = s->now + 1000}, e));
    s->now += 2000;
    say_sql(c, "BEGIN; LOCK TABLE stint.job");
    FAILS(store_run(s->store, &op.op, e), RC_BUSY);
    say_sql(c, "ROLLBACK");
    CHECK_INT(tick(s), 1);
    (void)claim_one(s);
    pg_close(c);
}
