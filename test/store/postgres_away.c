/* Connections to the store's database that are cut, and a database that is away. */
#include "postgres_rig.h"

#include "base/clock.h"

#include <sched.h>
#include <string.h>

/* ---- connections that are cut */

SERVER_STORE_TEST(a_connection_that_was_cut_between_rounds_is_not_noticed)
{
    struct id id = a_queued_job(s);
    for (int i = 0; i < 3; i++) {
        cut_connections(s);
        struct job *job = claim_one(s);
        CHECK_ID(job->id, id);
        cut_connections(s);
        VERDICT(release(s, job, 1), RC_OK);
        cut_connections(s);
        CHECK_STATE(s, id, JOB_QUEUED);
    }
    check_counts(s);
}

/* The trigger ends the backend in the middle of the round, `count` times. */
static void die_in_rounds(struct pg *c, const char *when, int count)
{
    char sql[1000];
    str_print(
        sql, sizeof sql,
        "CREATE SEQUENCE public.deaths; GRANT ALL ON public.deaths TO PUBLIC; "
        "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('public.deaths') <= %d THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
        "RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON stint.job %s FOR EACH ROW "
        "WHEN (new.kind = 'die') EXECUTE FUNCTION public.die()",
        count, when);
    say_sql(c, sql);
}

SERVER_STORE_TEST(a_connection_that_is_cut_in_a_round_leaves_nothing_and_the_round_runs_again)
{
    struct pg *c = a_stranger(s);
    die_in_rounds(c, "NOT DEFERRABLE", 1);
    OK(try_enqueue(s, (struct job_spec){.kind = STR("die")}, e));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
    check_counts(s);
    pg_close(c);
}

SERVER_STORE_TEST(a_connection_that_is_cut_in_each_round_is_told_as_a_store_that_is_away)
{
    struct pg *c = a_stranger(s);
    die_in_rounds(c, "NOT DEFERRABLE", 1000);
    FAILS(try_enqueue(s, (struct job_spec){.kind = STR("die")}, e), RC_BUSY);
    CHECK_STR(str_from(e->code), STR("store_unavailable"));
    OK(try_enqueue(s, (struct job_spec){.kind = STR("k")}, e));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
    pg_close(c);
}

SERVER_STORE_TEST(a_connection_that_is_cut_in_a_commit_leaves_the_outcome_open_and_says_so)
{
    struct pg *c = a_stranger(s);
    die_in_rounds(c, "DEFERRABLE INITIALLY DEFERRED", 1);
    FAILS(try_enqueue(s, (struct job_spec){.kind = STR("die")}, e), RC_BUSY);
    CHECK_STR(str_from(e->code), STR("outcome_unknown"));
    OK(try_enqueue(s, (struct job_spec){.kind = STR("die")}, e));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
    check_counts(s);
    pg_close(c);
}

/* ---- a database that is away: its socket is, and its connections were cut */

/* Of its health: what, since when, and no password. */
static void check_that_it_says_so(struct store_test *s)
{
    char note[STORE_NOTE_BYTES];
    int64_t since = 0, until = clock_mono_us() + 10000000;
    while (store_health(s->store) == RC_OK) {
        CHECK_TRUE(clock_mono_us() < until);
        (void)!try_enqueue(s, (struct job_spec){0}, NULL);
    }
    CHECK_INT(store_health(s->store), RC_BUSY);
    CHECK_TRUE(store_note(s->store, note));
    const char *at = strstr(note, "cannot be reached, or does not answer, since ");
    ck_assert_msg(at != NULL, "%s", note);
    at = strstr(at, "since ") + strlen("since ");
    CHECK_TRUE(time_parse(str_sub(str_from(at), 0, str_find(str_from(at), STR("Z"), 0) + 1), &since));
    CHECK_TRUE(since <= clock_wall_ms() - 5000 && since > clock_wall_ms() - 60000);
}

SERVER_STORE_TEST(a_database_that_is_away_fails_operations_soon_and_has_all_of_them_when_it_is_back)
{
    struct id kept[20];
    if (!reopen_through_link(s)) {
        return;
    }
    for (int i = 0; i < 20; i++) {
        kept[i] = a_queued_job(s);
    }
    go_away(s);
    CHECK_INT(store_health(s->store), RC_OK); /* it may be about to restart */
    for (int i = 0; i < 10; i++) {
        int64_t begun = clock_mono_us();
        FAILS(try_enqueue(s, (struct job_spec){0}, e), RC_BUSY);
        CHECK_STR(str_from(e->code), STR("store_unavailable"));
        CHECK_TRUE(clock_mono_us() - begun < 6000000);
        err_clear(e);
    }
    check_that_it_says_so(s);
    come_back();
    int64_t until = clock_mono_us() + 10000000;
    while (store_health(s->store) != RC_OK) { /* nobody asks it anything */
        CHECK_TRUE(clock_mono_us() < until);
        sched_yield();
    }
    while (try_enqueue(s, (struct job_spec){0}, e)) { /* it fails at once until the next try is due */
        CHECK_TRUE(clock_mono_us() < until);
    }
    for (int i = 0; i < 20; i++) {
        CHECK_STATE(s, kept[i], JOB_QUEUED);
    }
    CHECK_INT(count_of(s, (struct job_filter){0}), 21);
    check_counts(s);
}

SERVER_STORE_TEST(a_store_whose_database_is_away_can_be_closed)
{
    if (!reopen_through_link(s)) {
        return;
    }
    (void)a_queued_job(s);
    go_away(s);
    int64_t begun = clock_mono_us();
    store_close(s->store);
    s->store = NULL;
    CHECK_TRUE(clock_mono_us() - begun < 6000000);
}
