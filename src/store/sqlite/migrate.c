/* migrate.c: the schema and its versions. Migrations are the files sql/sqlite/migrations/NNNN_name.sql, in order; what was
 * applied is remembered with a checksum, and the schema found must be the one that they make. */
#include "store/copy_engine.h"
#include "store/sqlite/sqlite.h"

#include "base/asset.h"
#include "base/fault.h"

#define FOLDER "sql/sqlite/migrations/"
#define QUICK_CHECK_MS                                                                                       \
    250 /* a bigger file is checked as far as this goes: the server must be ready within a second */
#define SCHEMA_TEXT                                                                                          \
    "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)"
#define SCHEMA_OBJECTS   "SELECT count(*) FROM sqlite_schema"
#define APPLIED          "SELECT version, checksum FROM migration ORDER BY version"
#define REMEMBER         "INSERT INTO migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)"
#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

#include "base/clock.h"

static bool is_migration(const struct asset *a)
{
    return str_starts(str_from(a->name), STR(FOLDER));
}

static int64_t newest_version(void)
{
    int64_t count = 0;
    for (const struct asset *a = asset_table; a->name; a++) {
        count += is_migration(a);
    }
    return count;
}

static int64_t checksum(const struct asset *a)
{
    return (int64_t)(str_hash(asset_get(a->name)) >> 1);
}

/* ---- the check */

static bool is_time_over(void *arg)
{
    const int64_t *until_us = arg;
    return clock_mono_us() > *until_us;
}

static enum rc quick_check(struct db *db, struct err *e)
{
    int64_t until_us = clock_mono_us() + QUICK_CHECK_MS * 1000;
    struct db_stmt *q = NULL;
    bool has_row = false;
    db_set_stop(db, is_time_over, &until_us);
    enum rc rc = db_prepare(db, "PRAGMA quick_check(1)", &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc && has_row && !str_eq(db_str(q, 0), STR("ok"))) {
        rc = err_set(e, RC_FATAL, "the store is damaged: %.*s", STR_ARG(db_str(q, 0)));
    }
    if (q) {
        db_reset(q);
    }
    db_set_stop(db, NULL, NULL);
    return rc == RC_BUSY ? RC_OK : rc; /* no time for the rest */
}

static enum rc check_checksums(struct db *db, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    const struct asset *a = asset_table;
    enum rc rc = db_prepare(db, APPLIED, &q, e);
    for (int64_t version = 1; !rc && !(rc = db_step(q, &has_row, e)) && has_row; version++) {
        while (a->name && !is_migration(a)) {
            a++;
        }
        if (!a->name || db_int(q, 0) != version || db_int(q, 1) != checksum(a)) {
            rc = err_set(e, RC_FATAL, "migration %lld of the store is not the one that this program knows",
                         (long long)version);
        } else {
            a++;
        }
    }
    if (q) {
        db_reset(q);
    }
    return rc;
}

enum rc migrate_check(struct db *db, bool *is_new, struct err *e)
{
    int64_t objects = 0, application = 0, version = 0;
    enum rc rc = db_query_int(db, SCHEMA_OBJECTS, &objects, e);
    if (!rc) {
        rc = db_query_int(db, "PRAGMA application_id", &application, e);
    }
    if (!rc) {
        rc = db_query_int(db, "PRAGMA user_version", &version, e);
    }
    *is_new = !rc && !objects && !application && !version;
    if (rc || *is_new) {
        return rc;
    }
    if (application != SQLITE_APPLICATION_ID) {
        return err_set(e, RC_FATAL, "this database is not a store of stint");
    }
    if (version > newest_version()) {
        return err_set(e, RC_FATAL,
                       "the store has version %lld, written by a newer program; this one knows %lld",
                       (long long)version, (long long)newest_version());
    }
    rc = check_checksums(db, e);
    return rc ? rc : quick_check(db, e);
}

/* ---- applying */

static enum rc apply_one(struct db *db, const struct asset *a, int64_t version, int64_t now, struct err *e)
{
    struct db_stmt *q = NULL;
    if (FAULT("store.migrate.step")) {
        return err_set(e, RC_FATAL, "fault: migrate");
    }
    enum rc rc = db_exec(db, asset_get(a->name).p, e);
    if (!rc) {
        rc = db_prepare(db, REMEMBER, &q, e);
    }
    if (!rc) {
        db_bind_int(q, 1, version);
        db_bind_str(q, 2, str_sub(str_from(a->name), sizeof FOLDER - 1, SIZE_MAX));
        db_bind_int(q, 3, checksum(a));
        db_bind_int(q, 4, now);
        rc = db_run(q, e);
    }
    return rc ? err_wrap(e, rc, "migration %lld", (long long)version) : RC_OK;
}

static enum rc apply_from(struct db *db, int64_t applied, int64_t now, struct err *e)
{
    enum rc rc = db_exec(db, "BEGIN IMMEDIATE", e);
    int64_t version = 0;
    for (const struct asset *a = asset_table; a->name && !rc; a++) {
        if (is_migration(a) && ++version > applied) {
            rc = apply_one(db, a, version, now, e);
        }
    }
    char pragmas[128];
    str_print(pragmas, sizeof pragmas,
              "PRAGMA application_id = " TEXT_OF(SQLITE_APPLICATION_ID) "; PRAGMA user_version = %lld",
              (long long)newest_version());
    if (!rc) {
        rc = db_exec(db, pragmas, e);
    }
    if (!rc) {
        rc = db_exec(db, "COMMIT", e);
    }
    if (rc && db_in_transaction(db)) {
        (void)!db_exec(db, "ROLLBACK", NULL);
    }
    return rc;
}

static enum rc schema_text(struct db *db, struct arena *a, struct str *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(db, SCHEMA_TEXT, &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc && has_row) {
        *out = arena_str(a, db_str(q, 0));
        db_reset(q);
    }
    return rc;
}

/* A schema that somebody changed by hand would fail later, at a worse moment. */
static enum rc compare_schema(struct db *db, struct err *e)
{
    struct db_options options = {.create = true};
    struct db *fresh = NULL;
    struct arena *a = arena_new();
    struct str want = STR_NONE, found = STR_NONE;
    enum rc rc = db_open(":memory:", &options, &fresh, e);
    if (!rc) {
        rc = apply_from(fresh, 0, 0, e);
    }
    if (!rc) {
        rc = schema_text(fresh, a, &want, e);
    }
    if (!rc) {
        rc = schema_text(db, a, &found, e);
    }
    if (!rc && !str_eq(want, found)) {
        rc = err_set(e, RC_FATAL, "the store's tables are not those that its migrations make");
    }
    db_close(fresh);
    arena_free(a);
    return rc;
}

enum rc migrate_apply(struct db *db, int64_t now, struct err *e)
{
    int64_t applied = 0;
    enum rc rc = db_query_int(db, "PRAGMA user_version", &applied, e);
    if (!rc && applied < newest_version()) {
        rc = apply_from(db, applied, now, e);
    }
    return rc ? rc : compare_schema(db, e);
}

enum rc migrate_refuse_copy(struct db *db, struct err *e)
{
    struct db_stmt *q = NULL;
    bool is_copy = false;
    enum rc rc = stmt(db, SQL_META_GET, &q, e);
    if (!rc) {
        db_bind_c(q, 1, COPY_MARK);
        rc = db_step(q, &is_copy, e);
        db_reset(q);
    }
    return !rc && is_copy ? err_set(e, RC_FATAL, COPY_REFUSAL) : rc;
}

enum rc migrate_expect_newest(struct db *db, struct err *e)
{
    int64_t version = 0;
    enum rc rc = db_query_int(db, "PRAGMA user_version", &version, e);
    if (!rc && version < newest_version()) {
        rc = err_set(e, RC_FATAL, "the store is of an older program: run `stint migrate` on it first");
    }
    return rc;
}
