/* What only a server's database can do to the store: locks of strangers, connections that are cut, a pooler between. */
#include "store_test.h"

#include "base/clock.h"
#include "pg_rig.h"
#include "store/engine.h"
#include "store/pg/migrate.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A connection of a stranger to the test's database. */
static struct pg *a_stranger(struct store_test *s)
{
    return pg_rig_connect(s->url);
}

static void say_sql(struct pg *c, const char *sql)
{
    struct err err = {0}, *e = &err;
    OK(pg_exec(c, sql, e));
}

static enum rc try_enqueue(struct store_test *s, struct job_spec spec, struct err *e)
{
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    spec.kind = spec.kind.n ? spec.kind : STR("k");
    spec.args = STR("{}");
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = 1;
    return store_run(s->store, &op.op, e);
}

/* Ends the connections of the store, and of nobody else. */
static void cut_connections(struct store_test *s)
{
    struct pg *c = pg_rig_connect(pg_rig_dsn("postgres"));
    char sql[400];
    str_print(sql, sizeof sql,
              "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
              "WHERE datname = '%s' AND application_name LIKE 'stint %%'",
              pg_rig_database_of(s->url));
    CHECK_TRUE(pg_rig_int(c, sql) > 0);
    pg_close(c);
}

/* ---- locks of strangers */

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

/* ---- jobs that change behind the back of the node that has given them out */

static struct job *claim_and_change(struct store_test *s, struct pg *c, const char *what)
{
    (void)a_queued_job(s);
    struct job *job = claim_one(s);
    say_sql(c, what);
    return job;
}

SERVER_STORE_TEST(a_lease_has_the_grace_that_another_node_has_given_since)
{
    struct job *j = a_processing_job(s);
    struct pg *c = a_stranger(s);
    char sql[200];
    advance(s, 31 * SECOND);
    str_print(sql, sizeof sql, "UPDATE stint.meta SET number = %" PRId64 " WHERE name = 'grace_at'",
              (int64_t)(s->now - SECOND));
    say_sql(c, sql);
    pg_close(c);
    tick(s);
    CHECK_STATE(s, j->id, JOB_PROCESSING);
    pass(s, 28 * SECOND);
    CHECK_STATE(s, j->id, JOB_PROCESSING);
    pass(s, 2 * SECOND);
    CHECK_STATE(s, j->id, JOB_QUEUED);
}

SERVER_STORE_TEST(a_completion_is_refused_when_another_node_has_given_the_job_away)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "UPDATE stint.job SET lease = lease + 1");
    VERDICT(complete(s, job, 1), RC_LEASE_LOST);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(a_completion_keeps_what_another_node_has_changed)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "UPDATE stint.job SET priority = 7");
    VERDICT(complete(s, job, 1), RC_OK);
    CHECK_STATE(s, job->id, JOB_COMPLETED);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history WHERE priority = 7"), 1);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.job"), 0);
    check_counts(s);
    pg_close(c);
}

SERVER_STORE_TEST(a_completion_of_a_job_that_another_node_has_removed_finds_nothing)
{
    struct pg *c = a_stranger(s);
    struct job *job = claim_and_change(s, c, "DELETE FROM stint.job");
    VERDICT(complete(s, job, 1), RC_NOT_FOUND);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(a_retention_that_another_node_has_set_has_its_partition)
{
    struct store *mine = s->store, *other = NULL;
    struct pg *c = a_stranger(s);
    OK(store_open(&other, s->url, &s->options, e));
    for (int i = 0; i < 8; i++) {
        struct job *job = a_processing_job(s);
        s->store = other;
        (void)set_queue(s, STR("default"), settings_with(.retain_failed_ms = (10 + i) * DAY));
        s->store = mine;
        CHECK_INT(fail(s, job, 1, ERROR_PERMANENT).state, JOB_FAILED);
    }
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.history_rest"), 0);
    store_close(other);
    pg_close(c);
}

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

static void go_away(struct store_test *s)
{
    CHECK_INT(unlink(test_path(".s.PGSQL.5432")), 0);
    cut_connections(s);
}

static void come_back(void)
{
    struct str socket = str_from(pg_rig_folder());
    char path[200];
    str_print(path, sizeof path, "%.*s/.s.PGSQL.5432", STR_ARG(socket));
    CHECK_INT(symlink(path, test_path(".s.PGSQL.5432")), 0);
}

/* The store again, but its database is found through a link in the test's folder. */
static bool reopen_through_link(struct store_test *s)
{
    if (!pg_rig_folder()) {
        pg_rig_skip("STINT_TEST_PG names no socket that could go away");
        return false;
    }
    come_back();
    str_copy(s->url, sizeof s->url, str_from(pg_rig_dsn_in(test_dir(), pg_rig_database_of(s->url))));
    reopen(s);
    return true;
}

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

/* ---- how long an operation waits at most: from when it was submitted */

#define MANY 40 /* of readers there are 4 */

struct asked {
    struct store_list_jobs reads[MANY];
    struct store_enqueue write;
    struct job_spec spec;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int left; /* operations that are not answered yet */
};

/* The record of a round comes to whoever waits for its operations. */
static void count_down(void *ctx, struct store_round *r)
{
    struct asked *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (const struct store_op *op = r->done; op; op = op->next) {
        w->left--;
    }
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    store_round_free(r);
}

static void reopen_for(struct store_test *s, struct asked *w)
{
    *w = (struct asked){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    s->options.on_round = count_down;
    s->options.on_round_ctx = w;
    reopen(s);
}

/* So many reads, then a write if one is wanted. */
static void ask(struct store_test *s, struct asked *w, int reads, bool with_write)
{
    w->left = reads + with_write;
    for (int i = 0; i < reads; i++) {
        store_init(&w->reads[i].op, sizeof w->reads[i], STORE_LIST_JOBS, arena_new());
        w->reads[i].tenant = s->tenant;
        w->reads[i].limit = 10;
        store_submit(s->store, &w->reads[i].op);
    }
    if (with_write) {
        w->spec = (struct job_spec){.kind = STR("k"), .args = STR("{}")};
        store_init(&w->write.op, sizeof w->write, STORE_ENQUEUE, s->a);
        w->write.tenant = s->tenant;
        w->write.specs = &w->spec;
        w->write.count = 1;
        store_submit(s->store, &w->write.op);
    }
}

static int left_of(struct asked *w)
{
    pthread_mutex_lock(&w->lock);
    int left = w->left;
    pthread_mutex_unlock(&w->lock);
    return left;
}

static void await(struct asked *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->left > 0) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static void check_refused(const struct store_op *op, const char *words)
{
    CHECK_INT(op->rc, RC_BUSY);
    CHECK_STR(str_from(op->e.code), STR("store_unavailable"));
    ck_assert_msg(strstr(op->e.text, words) != NULL, "%s", op->e.text);
}

static void free_reads(struct asked *w, int reads)
{
    for (int i = 0; i < reads; i++) {
        arena_free(w->reads[i].op.a);
    }
}

/* Whoever connects is kept waiting. */
static int listen_silently(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    str_copy(at.sun_path, sizeof at.sun_path, str_from(test_path(".s.PGSQL.5432")));
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 64), 0);
    return fd;
}

SERVER_STORE_TEST(the_time_of_an_operation_runs_from_when_it_was_submitted)
{
    struct asked w;
    if (!reopen_through_link(s)) {
        return;
    }
    reopen_for(s, &w);
    (void)a_queued_job(s);
    CHECK_INT(unlink(test_path(".s.PGSQL.5432")), 0);
    int fd = listen_silently();
    cut_connections(s);
    int64_t begun = clock_mono_us();
    ask(s, &w, 12, true);
    await(&w);
    CHECK_TRUE(clock_mono_us() - begun < 6500000);
    for (int i = 0; i < 12; i++) {
        check_refused(&w.reads[i].op, "cannot be reached");
    }
    check_refused(&w.write.op, "cannot be reached");
    free_reads(&w, 12);
    close(fd);
}

SERVER_STORE_TEST(reads_wait_no_longer_for_a_locked_table_when_many_wait_and_others_pass_them)
{
    struct asked w;
    struct pg *c = a_stranger(s);
    AN_OP(s, keys, store_list_keys, STORE_LIST_KEYS);
    keys.tenant = s->tenant;
    reopen_for(s, &w);
    say_sql(c, "BEGIN; LOCK TABLE stint.job IN ACCESS EXCLUSIVE MODE");
    int64_t begun = clock_mono_us();
    ask(s, &w, MANY, false);
    run_op(s, &keys.op);
    CHECK_INT(left_of(&w), MANY);
    await(&w);
    CHECK_TRUE(clock_mono_us() - begun < 10000000);
    for (int i = 0; i < MANY; i++) {
        check_refused(&w.reads[i].op, "another transaction");
    }
    free_reads(&w, MANY);
    ask(s, &w, MANY, false);
    say_sql(c, "ROLLBACK");
    await(&w);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(w.reads[i].op.rc, RC_OK);
    }
    free_reads(&w, MANY);
    pg_close(c);
}

/* ---- a pooler in transaction mode */

SERVER_STORE_TEST(jobs_live_behind_a_pooler)
{
    const char *dsn = pg_rig_dsn_pooled(pg_rig_database_of(s->url));
    if (!dsn) {
        pg_rig_skip("STINT_TEST_POOLER names no pooler");
        return;
    }
    str_copy(s->url, sizeof s->url, str_from(dsn));
    reopen(s);
    for (int i = 0; i < 5; i++) {
        struct job *job = a_processing_job(s, .unique_key = STR("u"));
        VERDICT(say(s, job, 1, STR("note")), RC_OK);
        VERDICT(heartbeat(s, job, 2), RC_OK);
        VERDICT(fail(s, job, 3, ERROR_TRANSIENT), RC_OK);
        (void)pass(s, HOUR);
        struct job *again = claim_one(s);
        VERDICT(complete(s, again, 1, .result = STR("1")), RC_OK);
        CHECK_STATE(s, job->id, JOB_COMPLETED);
        check_events(s, job->id);
    }
    pause_queue(s, STR("default"));
    struct id id = a_queued_job(s);
    claim_none(s);
    VERDICT(cancel(s, id), RC_OK);
    CHECK_INT(count_of(s, (struct job_filter){0}), 6);
    check_counts(s);
}

/* ---- what is gone is gone */

static void drop_round(void *ctx, struct store_round *r)
{
    (void)ctx;
    store_round_free(r);
}

/* What is submitted together is one round. */
static void have_one_committer(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    store_close(s->store);
    s->options.on_round = drop_round;
    s->options.committers = 1;
    OK(store_open(&s->store, s->url, &s->options, e));
}

static void retry_and_end(struct store_test *s, struct id id, enum job_action and_then)
{
    const enum job_action actions[] = {ACT_RETRY, ACT_CANCEL, and_then};
    struct store_act *ops[3];
    size_t count = and_then == ACT_CANCEL ? 2 : 3;
    for (size_t i = count; i-- > 0;) {
        ops[i] = arena_alloc(s->a, sizeof *ops[i]);
        store_init(&ops[i]->op, sizeof *ops[i], STORE_ACT, s->a);
        ops[i]->tenant = s->tenant;
        ops[i]->ids = &id;
        ops[i]->count = 1;
        ops[i]->action = actions[i];
        ops[i]->op.next = i + 1 < count ? &ops[i + 1]->op : NULL;
    }
    store_submit_list(s->store, &ops[0]->op);
    a_queued_job(s); /* behind them: they are done, too */
    for (size_t i = 0; i < count; i++) {
        VERDICT(ops[i]->verdicts[0], RC_OK);
    }
}

SERVER_STORE_TEST(a_job_that_is_retried_and_ends_in_one_round_keeps_the_end_of_the_round_before)
{
    have_one_committer(s);
    struct id id = a_queued_job(s);
    VERDICT(cancel(s, id), RC_OK);
    for (int round = 2; round <= 4; round++) {
        retry_and_end(s, id, ACT_CANCEL);
        CHECK_INT(job_of(s, id)->last_seq, round);
        check_events(s, id);
    }
    struct pg *c = a_stranger(s);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 3);
    struct id fresh = a_queued_job(s);
    VERDICT(cancel(s, fresh), RC_OK);
    retry_and_end(s, id, ACT_ERASE);
    retry_and_end(s, fresh, ACT_PURGE);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 0);
    pg_close(c);
}

SERVER_STORE_TEST(what_a_job_said_in_the_round_in_which_it_is_erased_is_gone)
{
    have_one_committer(s);
    struct job *job = a_processing_job(s);
    struct report_event event = {STR("note"), STR("{}")};
    struct report end = a_report(job, 1, REPORT_COMPLETE, .events = &event, .event_count = 1);
    AN_OP(s, report, store_report, STORE_REPORT);
    AN_OP(s, act, store_act, STORE_ACT);
    report.tenant = act.tenant = s->tenant;
    report.items = &end;
    act.action = ACT_ERASE;
    act.ids = &job->id;
    report.count = act.count = 1;
    report.op.next = &act.op;
    store_submit_list(s->store, &report.op);
    a_queued_job(s); /* behind them: they are done, too */
    VERDICT(report.verdicts[0], RC_OK);
    VERDICT(act.verdicts[0], RC_OK);
    struct pg *c = a_stranger(s);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event"), 0);
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.event_history"), 0);
    pg_close(c);
}

/* ---- a migration while applications work */

/* As the release before batches left it. */
#define BEFORE_BATCHES                                                                                       \
    "DROP TABLE stint.batch; DROP INDEX stint.job_members, stint.history_members; "                          \
    "DROP TABLE stint.limit_key, stint.slot; DROP INDEX stint.job_lane, stint.job_ready; "                   \
    "ALTER TABLE stint.job DROP COLUMN lane; CREATE INDEX job_ready ON stint.job "                           \
    "(tenant, queue, kind, priority, run_at, id) WHERE state = 2; DROP FUNCTION stint.lane(text, text, "     \
    "text), "                                                                                                \
    "stint.read_limits(json); DELETE FROM stint.migration WHERE version >= 9"

struct migrator {
    struct store_test *s;
    enum rc rc;
    struct err e;
};

static void *migrate_it(void *migrator)
{
    struct migrator *m = migrator;
    m->rc = store_migrate(m->s->url, &m->s->options, &m->e);
    return NULL;
}

SERVER_STORE_TEST(a_migration_behind_an_open_transaction_holds_up_nobody_else)
{
    struct migrator m = {.s = s};
    pthread_t thread;
    struct pg *holder = a_stranger(s), *other = a_stranger(s);
    store_close(s->store);
    s->store = NULL;
    say_sql(holder, BEFORE_BATCHES);
    say_sql(holder, "BEGIN; LOCK TABLE stint.job IN ROW EXCLUSIVE MODE");
    CHECK_INT(pthread_create(&thread, NULL, migrate_it, &m), 0);
    while (!pg_rig_int(
        other, "SELECT count(*) FROM pg_locks WHERE relation = 'stint.job'::regclass AND NOT granted")) {
    }
    say_sql(other, "SET lock_timeout = '2s'; BEGIN; LOCK TABLE stint.job IN ROW EXCLUSIVE MODE; COMMIT");
    say_sql(holder, "COMMIT");
    pthread_join(thread, NULL);
    ck_assert_msg(m.rc == RC_OK, "%s", m.e.text);
    OK(store_open(&s->store, s->url, &s->options, e));
    (void)a_queued_job(s);
    pg_close(holder);
    pg_close(other);
}

/* ---- what messages say */

TEST(no_message_about_a_store_has_its_password)
{
    static const char *const urls[] = {
        "postgre://me:hunter2@127.0.0.1:1/db", "postgres://me:hunter2@127.0.0.1:1/db",
        "postgresql://me:hunter2@[::1/db", "postgres:host=127.0.0.1 port=1 password=hunter2",
        "postgresql://me:hunter2@127.0.0.1:1/db?no_such=option"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct store *store = NULL;
        CHECK_TRUE(store_open(&store, urls[i], NULL, e) != RC_OK);
        CHECK_TRUE(strlen(e->text) > 0);
        ck_assert_msg(!strstr(e->text, "hunter2"), "%s", e->text);
        err_clear(e);
    }
}

TEST(keywords_of_libpq_are_no_name_of_a_file)
{
    static const char *const urls[] = {"host=localhost dbname=app", "dbname=app password=hunter2"};
    const struct store_engine *engine = NULL;
    const char *location = NULL;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        FAILS(store_find_engine(urls[i], &engine, &location, e), RC_INVALID);
        CHECK_TRUE(strstr(e->text, "postgresql:host=") && !strstr(e->text, "hunter2"));
        err_clear(e);
    }
    OK(store_find_engine("sqlite:a=b.db", &engine, &location, e));
    OK(store_find_engine("/srv/a=b.db", &engine, &location, e));
}

/* A slip in --store must not make an empty store of that name in the folder one happens to be in. */
TEST(a_scheme_that_is_none_is_no_name_of_a_file)
{
    static const char *const refused[][2] = {
        {"PostgreSQL:dbname=x", "store PostgreSQL:"},
        {"pg:foo", "store pg:"},
        {"mysql:hunter2@a/b", "store mysql:"},
        {"mysql://me:hunter2@host/db", "store mysql:"},
        {"SQLite:a.db", "store SQLite:"},
        {"memory:x", "store memory:"},
        {":memory:", "only sqlite:PATH"},
        {"a_b-c.d+1:e", "store a_b-c.d+1:"},
    };
    static const char *const files[] = {"sqlite:pg:foo", "./pg:foo", "/srv/a:b", "var/a://b", "a b:c", "pg"};
    const struct store_engine *engine = NULL;
    const char *location = NULL;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        FAILS(store_find_engine(refused[i][0], &engine, &location, e), RC_INVALID);
        ck_assert_msg(strstr(e->text, refused[i][1]) && !strstr(e->text, "hunter2"), "%s", e->text);
        ck_assert_ptr_nonnull(
            strstr(e->text, "only sqlite:PATH, postgresql://USER@HOST/DATABASE and memory:"));
        err_clear(e);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        OK(store_find_engine(files[i], &engine, &location, e));
        CHECK_STR(str_from(location), str_from(files[i] + (i ? 0 : sizeof "sqlite:" - 1)));
    }
}

TEST(the_url_of_a_store_is_logged_without_its_password)
{
    static const char *const urls[][2] = {
        {"sqlite:/var/lib/stint/a@b.db", "sqlite:/var/lib/stint/a@b.db"},
        {"postgresql://me:hunter2@db.internal:5433/jobs?sslmode=require",
         "postgresql://me@db.internal:5433/jobs"},
        {"postgres://me:hunter2?@a,b/jobs", "postgresql://me@a,b/jobs"},
        {"postgresql://a,b/jobs?user=me&password=hunter2", "postgresql://a,b/jobs"},
        {"postgresql://:hunter2@/jobs", "postgresql:///jobs"},
        {"postgresql://me@/jobs?host=/tmp", "postgresql://me@/jobs"},
        {"postgresql://me:a@hunter2@host/jobs", "postgresql"},
        {"postgresql://me:a/hunter2@host/jobs", "postgresql"},
        {"postgres:host=a password=hunter2", "postgresql"},
        {"postgresql:", "postgresql"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char text[200];
        store_print_url(urls[i][0], text, sizeof text);
        CHECK_STR(str_from(text), str_from(urls[i][1]));
    }
}

TEST(a_server_that_is_too_old_is_refused)
{
    OK(server_check_version(140000, e));
    OK(server_check_version(170002, e));
    FAILS(server_check_version(130014, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("the server is PostgreSQL 13; stint needs 14 or newer"));
}
