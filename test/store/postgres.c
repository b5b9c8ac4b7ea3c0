/* What only a store on a server meets: a pooler between, migrations beside others, and urls with passwords. What strangers and
 * outages do to it is in postgres_*.c. */
#include "postgres_rig.h"

#include "store/engine.h"
#include "store/pg/migrate.h"

#include <pthread.h>
#include <string.h>

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

/* ---- a migration while applications work */

/* As the release before batches left it. */
#define BEFORE_BATCHES                                                                                       \
    "DROP TABLE stint.batch, stint.batch_label; DROP INDEX stint.job_members, stint.history_members; "       \
    "DROP FUNCTION stint.batch_added(), stint.batch_gone(), stint.labels_of(text); "                         \
    "DROP TABLE stint.limit_key, stint.limit_mend, stint.slot; DROP INDEX stint.job_lane, stint.job_ready; " \
    "ALTER TABLE stint.queue DROP COLUMN age_step_ms, DROP COLUMN group_weights; "                           \
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
