/* pg_dsn.h: what a DSN says, and the places that it leads to. */
#ifndef STINT_DB_PG_DSN_H
#define STINT_DB_PG_DSN_H

#include "db/pg.h"

#include "db/pg_lib.h"

#define PG_TARGET_OPTIONS 64

/* One host of the DSN, at one address, as libpq's parallel arrays. */
struct pg_target {
    const char *keys[PG_TARGET_OPTIONS], *values[PG_TARGET_OPTIONS];
    int count;
    bool any_session;                  /* the DSN says itself which sessions will do */
    const char *host, *address, *port; /* NULL: not said */
};

/* *out is for PQconninfoFree. RC_INVALID: what is wrong with it, without the password. */
MUST_CHECK enum rc pg_dsn_parse(const char *dsn, PQconninfoOption **out, struct err *e);
const char *pg_dsn_value(const PQconninfoOption *options, const char *key); /* NULL: not said */
size_t pg_dsn_hosts(const PQconninfoOption *options); /* how many it names; at least 1 */
int64_t pg_dsn_connect_ms(const PQconninfoOption *options, int64_t otherwise); /* its connect_timeout */
/* The i-th host. Its texts live as long as the arena, the options and `o`. */
void pg_dsn_target(struct arena *a, const PQconninfoOption *options, size_t i, const struct pg_options *o,
                   struct pg_target *t);
/* The host stays what certificates and passwords are looked up by. */
void pg_target_set_address(struct pg_target *t, const char *address);

#endif
