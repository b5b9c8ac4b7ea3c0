/* indexes.c: see indexes.h. */
#include "store/pg/indexes.h"

#include "store/pg/sql.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <poll.h>

/* Tried again and again: a session that waits for a lock would be waited for by CONCURRENTLY. */
#define TRY_LOCK   "SELECT pg_try_advisory_lock(495874305655)"
#define UNLOCK     "SELECT pg_advisory_unlock(495874305655)"
#define AGAIN_MS   800
#define GIVE_UP_MS 60000
#define DAY_MS     (24 * 3600 * 1000LL)
/* As the owner, and for as long as it takes. What was set before stands in settings of our own. */
#define BEGIN_WORK                                                                                           \
    "SELECT set_config('stint.statement_timeout', current_setting('statement_timeout'), false), "            \
    "set_config('stint.lock_timeout', current_setting('lock_timeout'), false), "                             \
    "set_config('statement_timeout', '0', false), set_config('lock_timeout', '60s', false); "                \
    "SELECT set_config('role', pg_get_userbyid(nspowner), false) FROM pg_catalog.pg_namespace "              \
    "WHERE nspname = 'stint' AND pg_get_userbyid(nspowner) <> current_user"
#define END_WORK                                                                                             \
    "SELECT set_config('role', 'none', false), "                                                             \
    "set_config('statement_timeout', current_setting('stint.statement_timeout'), false), "                   \
    "set_config('lock_timeout', current_setting('stint.lock_timeout'), false)"

/* The next one; with *r empty there is none. */
static enum rc find(struct pg *c, struct arena *a, struct str migration, int64_t big_bytes,
                    struct pg_rows **r, struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    pg_bind_str(&q, migration);
    pg_bind_int(&q, big_bytes);
    return pg_run(c, pg_sql(PG_SQL_INDEX_EARLY), &q, r, e);
}

enum rc indexes_are_due(struct pg *c, struct str migration, int64_t big_bytes, bool *out, struct err *e)
{
    struct arena *a = arena_new();
    struct pg_rows *r = NULL;
    enum rc rc = find(c, a, migration, big_bytes, &r, e);
    *out = !rc && pg_count(r);
    pg_rows_free(r);
    arena_free(a);
    return rc;
}

static enum rc make_one(struct pg *c, const struct pg_rows *r, struct err *e)
{
    enum rc rc = pg_is_null(r, 0, 0) ? RC_OK : pg_exec(c, pg_str(r, 0, 0).p, e);
    if (!rc && FAULT("store.migrate.step")) {
        rc = err_set(e, RC_FATAL, "fault: index");
    }
    if (!rc) {
        log_info("store.index", L_STR("index", pg_str(r, 0, 2)), L_INT("bytes", pg_int(r, 0, 3)));
        rc = pg_exec(c, pg_str(r, 0, 1).p, e);
    }
    return rc;
}

static enum rc make_all(struct pg *c, struct arena *a, struct str migration, int64_t big_bytes, struct err *e)
{
    for (;;) {
        struct pg_rows *r = NULL;
        arena_reset(a);
        enum rc rc = find(c, a, migration, big_bytes, &r, e);
        bool is_over = rc || !pg_count(r);
        if (!is_over) {
            rc = make_one(c, r, e);
        }
        pg_rows_free(r);
        if (is_over || rc) {
            return rc;
        }
    }
}

static enum rc lock(struct pg *c, struct err *e)
{
    const int64_t give_up_us = clock_mono_us() + GIVE_UP_MS * 1000LL;
    for (;;) {
        struct pg_rows *r = NULL;
        enum rc rc = pg_run(c, TRY_LOCK, NULL, &r, e);
        bool is_ours = !rc && pg_bool(r, 0, 0);
        pg_rows_free(r);
        if (rc || is_ours) {
            return rc;
        }
        if (clock_mono_us() >= give_up_us) {
            return err_set(
                e, RC_BUSY,
                "another session makes indexes before it changes the schema stint "
                "(pg_stat_progress_create_index shows how far it is): begin again when it is done");
        }
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

static enum rc make_locked(struct pg *c, struct arena *a, struct str migration, int64_t big_bytes,
                           struct err *e)
{
    enum rc rc = pg_exec(c, BEGIN_WORK, e);
    if (!rc) {
        rc = make_all(c, a, migration, big_bytes, e);
    }
    if (pg_is_lost(c)) {
        return rc;
    }
    if (rc && pg_fault(c) == PG_LOCKED) {
        err_wrap(e, rc,
                 "a transaction has been open for a minute, and an index that is made beforehand has to wait "
                 "for all that were begun before it: end it (pg_stat_activity shows it), or do this when it "
                 "is over");
    }
    enum rc restored = pg_exec(c, END_WORK, rc ? NULL : e);
    return rc ? rc : restored;
}

enum rc indexes_make(struct pg *c, struct str migration, int64_t big_bytes, struct err *e)
{
    if (pg_is_pooled(c)) {
        return err_set(
            e, RC_INVALID,
            "there are so many finished jobs that new indexes of theirs are made beforehand, which a "
            "pooler in transaction mode is in the way of: run `stint migrate` with a DSN of the "
            "database itself");
    }
    enum rc rc = lock(c, e);
    if (rc) {
        return rc;
    }
    struct arena *a = arena_new();
    int64_t timeout_ms = pg_set_timeout(c, DAY_MS);
    rc = make_locked(c, a, migration, big_bytes, e);
    pg_set_timeout(c, timeout_ms);
    if (!pg_is_lost(c)) {
        (void)!pg_exec(c, UNLOCK, NULL);
    }
    arena_free(a);
    return rc;
}
