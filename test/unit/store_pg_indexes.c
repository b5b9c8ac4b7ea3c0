/* store_pg_indexes.c: indexes that a migration adds to finished jobs are made beforehand, beside the work that goes on. Every
 * migration that there is goes through it here, as if there were many jobs. */
#include "base/asset.h"
#include "base/fault.h"
#include "pg_rig.h"
#include "store/pg/indexes.h"
#include "store/pg/migrate.h"
#include "store/pg/sql.h"

#include <pthread.h>
#include <string.h>

#define NOW   1900000000000LL
#define FIRST "sql/pg/migrations/0001_first.sql"
/* What stands in a migration, however it is written. */
#define INDEXES                                                                                              \
    "SELECT count(*) FROM regexp_matches($1, 'INDEX[^;]*\\mON\\s+(ONLY\\s+)?stint\\.(event_)?history\\M', "  \
    "'gi')"
/* What indexes.h reads of it, for the two partitions that there are. */
#define EARLY "SELECT count(*) FROM pg_class WHERE relname ~ '_early$'"
#define OPEN  " AND NOT relispartition"
#define MANY  (&(struct migrate_options){.now = NOW, .big_bytes = 0})

/* A store as the first migration left it. */
static struct pg *first_schema(const char **dsn, struct err *e)
{
    *dsn = pg_rig_database(NULL);
    struct pg *c = pg_rig_connect(*dsn);
    struct arena *a = arena_new();
    struct pg_query q = PG_QUERY(a);
    pg_bind_int(&q, (int64_t)(str_hash(asset_get(FIRST)) >> 1));
    OK(pg_sql_load(e));
    OK(pg_exec(c, asset_get(FIRST).p, e));
    OK(pg_run(c, "INSERT INTO stint.migration VALUES (1, '', $1, 1, 1, '')", &q, NULL, e));
    arena_free(a);
    return c;
}

static int64_t indexes_behind_the_first(struct pg *c, struct arena *a, struct err *e)
{
    int64_t count = 0;
    for (const struct asset *m = asset_table; m->name; m++) {
        struct pg_query q = PG_QUERY(a);
        struct pg_rows *r = NULL;
        if (!str_starts(str_from(m->name), STR("sql/pg/migrations/")) || !strcmp(m->name, FIRST)) {
            continue;
        }
        pg_bind_str(&q, asset_get(m->name));
        OK(pg_run(c, INDEXES, &q, &r, e));
        count += pg_int(r, 0, 0);
        pg_rows_free(r);
    }
    return count;
}

static void refuse_pooler(const char *dsn, struct err *e)
{
    const char *pooled = pg_rig_dsn_pooled(pg_rig_database_of(dsn));
    if (pooled) {
        struct pg *c = pg_rig_connect(pooled);
        CHECK_INT(migrate_with(c, MANY, e), RC_INVALID);
        ck_assert_ptr_nonnull(strstr(e->text, "run `stint migrate` with a DSN of the database itself"));
        pg_close(c);
    }
}

PG_TEST(indexes_of_history_are_made_before_their_migration_and_a_cut_goes_on)
{
    const char *dsn = NULL;
    struct pg *old = first_schema(&dsn, e);
    fault_arm("store.migrate.step", "fail", 5); /* three migrations, an index, and the next */
    CHECK_INT(migrate_with(old, MANY, e), RC_FATAL);
    fault_disarm();
    CHECK_INT(pg_rig_int(old, "SELECT max(version) FROM stint.migration"), 4);
    CHECK_INT(pg_rig_int(old, EARLY OPEN), 1);
    refuse_pooler(dsn, e);
    /* As a kill in the middle of it leaves it. */
    OK(pg_exec(old,
               "UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT oid FROM pg_class WHERE "
               "relname ~ '_early$')",
               e));
    OK(migrate_with(old, MANY, e));
    CHECK_INT(pg_rig_int(old, EARLY OPEN), 0);
    CHECK_INT(pg_rig_int(old, EARLY), 2 * indexes_behind_the_first(old, a, e));
    OK(pg_migrate_check(old, e));
    CHECK_INT(pg_rig_int(old, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                              "(SELECT oid FROM pg_database WHERE datname = current_database())"),
              0);
    CHECK_INT(pg_rig_int(old, "SELECT (current_setting('statement_timeout') <> '0')::int"), 0);
    pg_close(old);
}

/* Many partitions under the limit are together as long a wait as a few above it. */
PG_TEST(partitions_that_are_big_only_together_have_their_indexes_made_beforehand_until_the_rest_is_small)
{
    static const struct str adds = STR("CREATE INDEX event_history_x ON stint.event_history (at);\n");
    const char *dsn = NULL;
    struct pg *old = first_schema(&dsn, e);
    bool is_due = false;
    OK(pg_exec(old,
               "CREATE TABLE stint.a PARTITION OF stint.event_history FOR VALUES IN (1);"
               "CREATE TABLE stint.b PARTITION OF stint.event_history FOR VALUES IN (2);"
               "CREATE TABLE stint.c PARTITION OF stint.event_history FOR VALUES IN (3);"
               "INSERT INTO stint.event_history SELECT gen_random_uuid(), i, i, 1 + i % 3, 'x', '{}' "
               "FROM generate_series(1, 600) AS i",
               e));
    const int64_t one = pg_rig_int(old, "SELECT pg_relation_size('stint.a')");
    OK(indexes_are_due(old, adds, 3 * one + 1, &is_due, e));
    CHECK_TRUE(!is_due);
    OK(indexes_are_due(old, adds, one + 1, &is_due, e));
    CHECK_TRUE(is_due);
    OK(indexes_make(old, adds, one + 1, e));
    CHECK_INT(pg_rig_int(old, EARLY OPEN), 2);
    OK(indexes_are_due(old, adds, one + 1, &is_due, e));
    CHECK_TRUE(!is_due);
    pg_close(old);
}

struct migrating {
    struct pg *c;
    struct err e;
    enum rc rc;
};

static void *migrate_beside(void *arg)
{
    struct migrating *m = arg;
    m->rc = migrate_with(m->c, MANY, &m->e);
    return NULL;
}

/* A transaction that has written stays open, so that the making of an index has to wait: others write all the same. */
PG_TEST(nobody_who_ends_a_job_waits_for_an_index_that_is_being_made)
{
    const char *dsn = NULL;
    struct migrating m = {.c = first_schema(&dsn, e)};
    struct pg *open = pg_rig_connect(dsn), *other = pg_rig_connect(dsn);
    pthread_t thread;
    OK(pg_exec(open, "BEGIN; LOCK TABLE stint.history_rest IN ROW EXCLUSIVE MODE", e));
    ck_assert_int_eq(pthread_create(&thread, NULL, migrate_beside, &m), 0);
    while (!pg_rig_int(other,
                       "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY "
                       "history_rest_%' AND wait_event_type = 'Lock' AND datname = current_database()")) {
    }
    OK(pg_exec(other,
               "BEGIN; SET LOCAL lock_timeout = '10ms'; LOCK TABLE stint.history, stint.event_history IN ROW "
               "EXCLUSIVE MODE; COMMIT",
               e));
    OK(pg_exec(open, "COMMIT", e));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(!m.rc, "%s", m.e.text);
    OK(pg_migrate_check(other, e));
    pg_close(m.c);
    pg_close(open);
    pg_close(other);
}
