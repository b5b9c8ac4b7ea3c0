/* store_pg_shape.c: which changes of the schema on PostgreSQL a program refuses, in which words, and which it does not see. Each
 * change is made and looked at in a transaction of its own, which is rolled back. */
#include "pg_rig.h"
#include "store/pg/migrate.h"
#include "store/pg/sql.h"

#include <string.h>

#define NOW 1900000000000LL

/* A connection to a schema that is as new; NULL: skipped. */
static struct pg *new_schema(void)
{
    const char *why = "";
    if (!pg_rig_server(&why)) {
        pg_rig_skip(why);
        return NULL;
    }
    return pg_rig_connect(pg_rig_schema());
}

static enum rc look_at(struct pg *c, const char *change, struct err *e)
{
    err_clear(e);
    OK(pg_exec(c, "BEGIN", e));
    if (pg_exec(c, change, e)) {
        ck_abort_msg("%s: %s", change, e->text);
    }
    enum rc rc = pg_migrate_check(c, e);
    struct err rollback = {0};
    ck_assert_msg(!pg_exec(c, "ROLLBACK", &rollback), "%s: %s", change, rollback.text);
    return rc;
}

static const struct {
    const char *change, *says;
} by_hand[] = {
    {"ALTER TABLE stint.job ADD mood text",
     "column stint.job.mood is there and should not be; undo the change"},
    {"ALTER TABLE stint.job ALTER worker TYPE varchar(9)",
     "column stint.job.worker is character varying(9) and should be text;"},
    {"ALTER TABLE stint.job ALTER tags TYPE text COLLATE \"C\"",
     "column stint.job.tags is collated by \"C\" and should be collated as the database"},
    {"ALTER TABLE stint.queue ALTER is_paused DROP NOT NULL",
     "column stint.queue.is_paused is nullable and should be not null"},
    {"ALTER TABLE stint.queue ALTER is_paused DROP DEFAULT",
     "column stint.queue.is_paused is without a default and should be with a default"},
    {"DROP INDEX stint.job_due", "index stint.job_due is missing; undo the change"},
    {"ALTER INDEX stint.job_due RENAME TO job_late",
     "index stint.job_due is missing; index stint.job_late is there and should not be"},
    {"DROP INDEX stint.job_due; CREATE INDEX job_due ON stint.job (due_at)",
     "index stint.job_due is of all rows and should be with a condition"},
    {"DROP INDEX stint.link_on; CREATE INDEX link_on ON stint.link (on_job, round DESC, job)",
     "index stint.link_on is with options 0 3 0 and should be with options 0 0 0"},
    {"DROP INDEX stint.history_rest_drop", "index stint.history_rest_drop is missing"},
    {"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'stint.job_due'::regclass",
     "index stint.job_due is invalid and should be valid"},
    {"ALTER TABLE stint.tenant DROP CONSTRAINT tenant_name_key",
     "constraint tenant_name_key of stint.tenant is missing; index stint.tenant_name_key is missing"},
    {"ALTER TABLE stint.tenant DROP CONSTRAINT tenant_name_key; CREATE UNIQUE INDEX tenant_name_key ON "
     "stint.tenant (name)",
     "constraint tenant_name_key of stint.tenant is missing; undo"},
    {"ALTER TABLE stint.job ADD CONSTRAINT calm CHECK (priority < 5)",
     "constraint calm of stint.job is there and should not be"},
    {"ALTER TABLE stint.artifact DISABLE TRIGGER artifact_gone",
     "trigger artifact_gone on stint.artifact is disabled and should be enabled"},
    {"ALTER TABLE stint.artifact ENABLE REPLICA TRIGGER artifact_gone",
     "trigger artifact_gone on stint.artifact is enabled for replicas and should be enabled"},
    {"DROP TRIGGER artifact_replaced ON stint.artifact",
     "trigger artifact_replaced on stint.artifact is missing"},
    {"CREATE TRIGGER spy AFTER INSERT ON stint.history FOR EACH ROW EXECUTE FUNCTION stint.artifact_gone()",
     "trigger spy on stint.history is there and should not be; undo the change"},
    {"CREATE RULE quiet AS ON INSERT TO stint.count_delta DO INSTEAD NOTHING",
     "rule quiet on stint.count_delta is there and should not be"},
    {"ALTER TABLE stint.job ENABLE ROW LEVEL SECURITY",
     "table stint.job is with row level security and should be without row level security"},
    {"CREATE POLICY mine ON stint.job USING (true)", "policy mine on stint.job is there and should not be"},
    {"ALTER TABLE stint.count_delta SET UNLOGGED",
     "table stint.count_delta is unlogged and should be logged"},
    {"ALTER TABLE stint.history_for_ever SET UNLOGGED",
     "table stint.history_for_ever is unlogged and should be logged"},
    {"SELECT stint.make_partition(864000000); ALTER TABLE stint.history_864000000 SET UNLOGGED",
     "unlogged partition stint.history_864000000 is there and should not be"},
    {"SELECT stint.make_partition(864000000); ALTER TABLE stint.history_864000000 ENABLE ROW LEVEL SECURITY",
     "row level security of stint.history_864000000 is there and should not be"},
    {"DROP TABLE stint.event_history_for_ever",
     "table stint.event_history_for_ever is missing; undo the change"},
    {"ALTER TABLE stint.history DETACH PARTITION stint.history_rest",
     "table stint.history_rest is a table of its own and should be a partition"},
    {"SELECT stint.make_partition(864000000); ALTER TABLE stint.history DETACH PARTITION "
     "stint.history_864000000",
     "table stint.history_864000000 is there and should not be"},
    {"ALTER TABLE stint.wish RENAME TO wishes", "table stint.wish is missing; table stint.wishes is there "
                                                "and should not be; column stint.wish.action is missing"},
    {"CREATE TABLE stint.mine (id int)", "table stint.mine is there and should not be"},
    {"DROP TABLE stint.job CASCADE", "table stint.job is missing; column stint.job.args is missing"},
    {"CREATE FUNCTION stint.spy(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
     "function stint.spy(integer) is there and should not be"},
    {"DROP FUNCTION stint.room_in", "function stint.room_in(integer, queue) is missing"},
    {"CREATE OR REPLACE FUNCTION stint.now() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
     "function stint.now() is of text "},
    {"ALTER FUNCTION stint.now() STABLE", "function stint.now() is stable and should be volatile"},
    {"ALTER FUNCTION stint.now() PARALLEL SAFE",
     "function stint.now() is parallel safe and should be parallel unsafe"},
    {"ALTER FUNCTION stint.now() STRICT", "function stint.now() is strict and should be called on null"},
    {"ALTER FUNCTION stint.drop_partition SECURITY INVOKER",
     "function stint.drop_partition(bigint) is security invoker and should be security definer"},
    {"ALTER FUNCTION stint.drop_partition RESET ALL",
     "is without settings and should be set search_path=pg_catalog,pg_temp"},
    {"ALTER FUNCTION stint.now() SET work_mem = '1MB'", "is set work_mem=1MB and should be without settings"},
    {"DELETE FROM stint.service WHERE name = 'fold'",
     "row fold of stint.service is missing; undo the change"},
    {"DELETE FROM stint.meta", "row epoch of stint.meta is missing; row secret of stint.meta is missing; "
                               "row settings_version of stint.meta is missing; undo"},
    {"UPDATE stint.meta SET bytes = NULL WHERE name = 'secret'", "row secret of stint.meta is missing"},
    {"ALTER TABLE stint.service RENAME TO services", "table stint.service is missing"},
};

/* More than a message can hold: the first, how many more, and still what to do. */
static void refuse_long_list(struct pg *c, struct err *e)
{
    const char *change =
        "ALTER TABLE stint.job ADD nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn text, "
        "ADD mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm text, DROP tags, DROP args";
    CHECK_INT(look_at(c, change, e), RC_FATAL);
    ck_assert_ptr_nonnull(strstr(e->text, "hand: column stint.job.args is missing; column stint.job.mmmm"));
    ck_assert_ptr_nonnull(
        strstr(e->text, "and 2 more; undo the change (docs/postgresql.md says what may be changed)"));
}

TEST(a_change_of_the_schema_by_hand_is_refused_by_name)
{
    struct pg *c = new_schema();
    for (size_t i = 0; c && i < sizeof by_hand / sizeof by_hand[0]; i++) {
        enum rc rc = look_at(c, by_hand[i].change, e);
        ck_assert_msg(rc == RC_FATAL && strstr(e->text, "the schema stint was changed by hand: ") &&
                          strstr(e->text, "; undo the change (docs/postgresql.md") &&
                          strstr(e->text, by_hand[i].says),
                      "%s:\n%s\nand not\n%s", by_hand[i].change, e->text, by_hand[i].says);
    }
    if (c) {
        refuse_long_list(c, e);
    }
    pg_close(c);
}

static const char *const allowed[] = {
    "SELECT stint.make_partition(864000000)",
    "SELECT stint.make_partition(864000000); SELECT stint.drop_partition(864000000)",
    "ALTER TABLE stint.job SET (autovacuum_vacuum_threshold = 100, fillfactor = 60, toast.autovacuum_enabled "
    "= false)",
    "ALTER TABLE stint.job RESET (fillfactor); ALTER INDEX stint.job_due SET (fillfactor = 70)",
    "ALTER TABLE stint.job ALTER queue SET STATISTICS 1000; CREATE STATISTICS stint.more ON queue, kind FROM "
    "stint.job",
    "ALTER TABLE stint.job ALTER args SET STORAGE EXTERNAL; ALTER TABLE stint.job ALTER args SET COMPRESSION "
    "pglz",
    "ALTER TABLE stint.job REPLICA IDENTITY FULL; CLUSTER stint.job USING job_pkey; CREATE PUBLICATION "
    "all_of_it FOR ALL TABLES",
    "ANALYZE stint.job; REINDEX TABLE stint.job; TRUNCATE stint.wish",
    "COMMENT ON TABLE stint.job IS 'ours'; COMMENT ON FUNCTION stint.now() IS 'the clock'",
    "GRANT SELECT ON stint.job TO PUBLIC; GRANT EXECUTE ON FUNCTION stint.now() TO PUBLIC; REVOKE ALL ON "
    "stint.job FROM CURRENT_USER",
    "ALTER TABLE stint.job OWNER TO pg_monitor; ALTER FUNCTION stint.now() OWNER TO pg_monitor; ALTER SCHEMA "
    "stint OWNER TO pg_monitor",
    "ALTER FUNCTION stint.now() COST 5; ALTER FUNCTION stint.ready_queues ROWS 9",
    "ALTER TABLE stint.job ADD mood text; ALTER TABLE stint.job DROP mood",
    "DROP INDEX stint.job_due; CREATE INDEX job_due ON stint.job USING btree (due_at) WHERE due_at > 0",
    /* while REINDEX CONCURRENTLY runs, and what is left of one that failed */
    "CREATE INDEX job_due_ccnew ON stint.job (due_at) WHERE due_at > 0; "
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'stint.job_due_ccnew'::regclass",
    /* made before a migration that was not run then: indexes.h */
    "CREATE INDEX history_rest_history_queue_early ON stint.history_rest (queue)",
    "CREATE VIEW stint.waiting AS SELECT queue, count(*) FROM stint.job GROUP BY 1; CREATE VIEW jobs AS "
    "TABLE stint.job",
    "SET LOCAL search_path = stint, public; SET LOCAL quote_all_identifiers = on; SET LOCAL "
    "standard_conforming_strings = off",
    "SET LOCAL search_path = pg_catalog; SET LOCAL DateStyle = 'German'; SET LOCAL bytea_output = 'escape'",
    "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL "
    "plan_cache_mode = "
    "force_generic_plan",
};

TEST(what_may_be_tuned_is_no_change_of_the_schema)
{
    struct pg *c = new_schema();
    for (size_t i = 0; c && i < sizeof allowed / sizeof allowed[0]; i++) {
        enum rc rc = look_at(c, allowed[i], e);
        ck_assert_msg(!rc, "%s:\n%s", allowed[i], e->text);
    }
    if (c) {
        OK(pg_exec(c, "VACUUM stint.job", e));
        OK(pg_exec(c, "REINDEX TABLE CONCURRENTLY stint.job", e));
        OK(pg_migrate_check(c, e));
    }
    pg_close(c);
}

/* As the release before limits left it; migrations 10 and 11 replace what is there. */
#define BEFORE_LIMITS                                                                                        \
    "DROP TABLE stint.limit_key, stint.limit_mend, stint.slot; DROP INDEX stint.job_lane, stint.job_ready; " \
    "ALTER TABLE stint.job DROP COLUMN lane; CREATE INDEX job_ready ON stint.job "                           \
    "(tenant, queue, kind, priority, run_at, id) WHERE state = 2; "                                          \
    "DROP FUNCTION stint.lane(text, text, text), stint.read_limits(json); "                                  \
    "ALTER TABLE stint.queue DROP COLUMN age_step_ms, DROP COLUMN group_weights; "                           \
    "ALTER TABLE stint.batch DROP COLUMN finally; DROP INDEX stint.batch_name; "                             \
    "DROP TABLE stint.batch_label; DROP TRIGGER batch_added ON stint.batch; DROP TRIGGER batch_gone ON "     \
    "stint.batch; DROP FUNCTION stint.batch_added(), stint.batch_gone(), stint.labels_of(text); "

/* What is wrong is found at the latest when the migrations are through, and then nothing of them is kept. */
TEST(a_migration_does_not_hide_what_was_changed_before_it)
{
    struct pg *c = new_schema();
    if (c) {
        int64_t versions = pg_rig_int(c, "SELECT count(*) FROM stint.migration");
        OK(pg_exec(c,
                   BEFORE_LIMITS
                   "DELETE FROM stint.migration WHERE version > 9; CREATE TABLE stint.orders (id int)",
                   e));
        CHECK_INT(migrate(c, NOW, e), RC_FATAL);
        ck_assert_ptr_nonnull(strstr(e->text, "hand: table stint.orders is there and should not be; column"));
        CHECK_INT(pg_rig_int(c, "SELECT max(version) FROM stint.migration"), 9);
        OK(pg_exec(c, "DROP TABLE stint.orders", e));
        OK(migrate(c, NOW, e));
        CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM stint.migration"), versions);
        OK(pg_exec(c, "DELETE FROM stint.migration WHERE version > 8", e));
        CHECK_INT(migrate(c, NOW, e), RC_FATAL);
        ck_assert_ptr_nonnull(
            strstr(e->text, "in stint.migration, was changed by hand; undo the change: migration 9: "));
        ck_assert_ptr_nonnull(strstr(e->text, "relation \"batch\" already exists"));
    }
    pg_close(c);
}

/* What somebody has in a schema of our name, and what is said of it. */
static const struct {
    const char *makes, *says;
} foreign[] = {
    {"CREATE TABLE stint.job (id int)", "the schema stint holds table stint.job, but no list of"},
    {"CREATE TYPE stint.mood AS ENUM ('good')", "the schema stint holds type stint.mood, but"},
    {"CREATE DOMAIN stint.age AS int", "the schema stint holds type stint.age, but"},
    {"CREATE TABLE stint.migration (version int, name text); CREATE VIEW stint.a AS SELECT 1 AS one",
     "holds table stint.migration, but"},
    {"CREATE VIEW stint.orders AS SELECT 1 AS one", "holds view stint.orders, but"},
    {"CREATE FUNCTION stint.now() RETURNS int LANGUAGE sql AS 'SELECT 1'", "holds function stint.now, but"},
};

TEST(a_schema_of_another_program_is_named_as_such_and_left_alone)
{
    struct pg *c = new_schema();
    for (size_t i = 0; c && i < sizeof foreign / sizeof foreign[0]; i++) {
        OK(pg_exec(c, "DROP SCHEMA stint CASCADE; CREATE SCHEMA stint", e));
        OK(pg_exec(c, foreign[i].makes, e));
        CHECK_INT(pg_migrate_check(c, e), RC_FATAL);
        CHECK_INT(migrate(c, NOW, e), RC_FATAL);
        ck_assert_msg(strstr(e->text, foreign[i].says) && strstr(e->text, "ALTER SCHEMA stint RENAME TO") &&
                          strstr(e->text, "bring stint.migration back from a backup"),
                      "%s", e->text);
        CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM pg_class WHERE relname = 'history'"), 0);
    }
    pg_close(c);
}
