/* server.c: what a PostgreSQL server must be before jobs are entrusted to it: see migrate.h. */
#include "store/pg/migrate.h"

#define OLDEST_VERSION 140000
#define SETTINGS                                                                                             \
    "SELECT current_setting('server_encoding'), current_setting('fsync'), "                                  \
    "current_setting('full_page_writes'), current_setting('synchronous_commit')"

static enum rc check_flushes(const struct pg_rows *r, struct err *e)
{
    static const char *const names[] = {"fsync", "full_page_writes", "synchronous_commit"};
    for (int i = 0; i < 3; i++) {
        if (str_eq(pg_str(r, 0, i + 1), STR("off"))) {
            return err_set(
                e, RC_INVALID,
                "the server runs with %s = off, so that a crash loses jobs that were acknowledged: set "
                "it to on in postgresql.conf (or for the role or the database), or start with "
                "--store-unsafe when jobs may be lost",
                names[i]);
        }
    }
    return RC_OK;
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
        rc = pg_run(c, SETTINGS, NULL, &r, e);
    }
    if (!rc && !str_eq(pg_str(r, 0, 0), STR("UTF8"))) {
        rc = err_set(
            e, RC_INVALID,
            "the database's encoding is %.*s: stint needs one made with ENCODING 'UTF8' (CREATE DATABASE "
            "... ENCODING 'UTF8' TEMPLATE template0)",
            STR_ARG(pg_str(r, 0, 0)));
    }
    if (!rc && !is_unsafe_allowed) {
        rc = check_flushes(r, e);
    }
    pg_rows_free(r);
    return rc;
}
