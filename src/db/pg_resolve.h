/* pg_resolve.h: the addresses of a host of the DSN, in time. A lookup of libc takes as long as its name servers let it; it runs
 * in a thread of its own, which is left behind when that is too long. There is one for each name, and whoever wants the same
 * name waits for the same one, so that no more threads are left behind than there are names. */
#ifndef STINT_DB_PG_RESOLVE_H
#define STINT_DB_PG_RESOLVE_H

#include "db/pg.h"

/* Is it a name that somebody has to be asked about, not an address or the folder of a socket? */
bool pg_is_name(const char *host);
/* Of the options look_up and stop_fd matter. RC_BUSY: nobody knows the name, or nothing came until the deadline (of
 * pg_now_ms), or stop_fd was readable first. Any thread. */
MUST_CHECK enum rc pg_resolve(const char *host, const struct pg_options *o, int64_t deadline,
                              struct pg_addresses *out, struct err *e);

#endif
