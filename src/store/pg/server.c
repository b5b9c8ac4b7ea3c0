/* server.c: what a PostgreSQL server must be before jobs are entrusted to it: see migrate.h. */
#include "store/pg/migrate.h"

#define OLDEST_VERSION 140000
#define ENCODING       "SELECT current_setting('server_encoding')"
/* What the session was given, not what it has set for itself, as a listener does. */
#define FLUSHES                                                                                              \
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), reset_val "                       \
    "FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'"
#define OFF(name)                                                                                            \
    "the server runs with " name " = off, so that a crash loses jobs that were acknowledged: set it to on "  \
    "in postgresql.conf (or for the role or the database), or start with --store-unsafe when jobs may be "   \
    "lost"

const char *server_lossy(int64_t setting)
{
    static const char *const off[] = {NULL, OFF("fsync"), OFF("full_page_writes"), OFF("synchronous_commit")};
    return off[setting];
}

enum rc server_check_flushes(struct pg *c, const char **why, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, FLUSHES, NULL, &r, e);
    for (int i = 0; i < 3 && !rc; i++) {
        if (str_eq(pg_str(r, 0, i), STR("off"))) {
            *why = server_lossy(i + 1);
            rc = err_set(e, RC_INVALID, "%s", *why);
        }
    }
    pg_rows_free(r);
    return rc;
}

enum rc server_check_version(int version, struct err *e)
{
    if (version < OLDEST_VERSION) {
        return err_set(e, RC_INVALID, "the server is PostgreSQL %d; stint needs %d or newer", version / 10000,
                       OLDEST_VERSION / 10000);
    }
    return RC_OK;
}

enum rc server_check(struct pg *c, bool is_unsafe_allowed, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = server_check_version(pg_server_version(c), e);
    if (!rc) {
        rc = pg_run(c, ENCODING, NULL, &r, e);
    }
    if (!rc && !str_eq(pg_str(r, 0, 0), STR("UTF8"))) {
        rc = err_set(
            e, RC_INVALID,
            "the database's encoding is %.*s: stint needs one made with ENCODING 'UTF8' (CREATE DATABASE "
            "... ENCODING 'UTF8' TEMPLATE template0)",
            STR_ARG(pg_str(r, 0, 0)));
    }
    pg_rows_free(r);
    if (!rc && !is_unsafe_allowed) {
        const char *why = NULL;
        rc = server_check_flushes(c, &why, e);
    }
    return rc;
}
