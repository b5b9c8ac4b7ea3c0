/* link.h: a connection that comes back. Each thread of the engine owns one: it is opened when it is needed, closed when it
 * is lost, and tried again at growing intervals, so that a database that restarts finds its nodes again.
 *
 * A standby that was promoted counts one timeline further. The primary that it has replaced, when it comes back, does not know
 * that and takes writes, which nobody would ever see again. So a node asks all hosts of its DSN, at its start and when a
 * connection is made anew, and refuses what is behind the newest timeline that it has ever seen; a connection to such a server
 * that it still has is given up. And each is asked whether it flushes what it commits, as each round asks behind its COMMIT
 * (transact.c): that may have changed since the start.
 * What only the old primary knows, nobody here can: docs/postgresql.md, failover. */
#ifndef STINT_STORE_PG_LINK_H
#define STINT_STORE_PG_LINK_H

#include "db/pg.h"

#include <stdatomic.h>

/* What clients are told; the log says more: hosts and paths are none of their business. */
#define PG_AWAY "the database cannot be reached: ask again soon"
#define LINK_WAIT_MS                                                                                         \
    5000 /* no operation waits longer for a database that is away, from when it was submitted */

enum link_kind {
    LINK_COMMITTER, /* lock_timeout 250 ms */
    LINK_SLOW,      /* the slow lane: 500 ms, again and again */
    LINK_READER,
    LINK_LISTENER,
    LINK_ADMIN, /* migrations */
};

struct fence {                   /* one for all links of a node */
    _Atomic int64_t timeline;    /* the newest that any of them has seen; 0: none yet */
    _Atomic int64_t asked_at_us; /* when all hosts were asked last; 0: never */
    bool may_lose;               /* a server that does not flush what it commits will do */
    _Atomic(const char *) unfit; /* why the primary that was met last will not do; NULL: it does */
    /* Is the database there at all? Links by another DSN than the store's have no say. */
    const char *dsn;
    _Atomic int64_t
        failing_since_us; /* when it first was not, since it last was; 0: it is there, for all we know */
    /* The same of what writes: a database may answer reads, and take connections, while no COMMIT comes back. */
    _Atomic int64_t unwritten_since_us;
    _Atomic(const char *) unwritten_why; /* NULL: unknown */
};

struct link {
    struct pg *c; /* NULL: not connected */
    const char *dsn;
    enum link_kind kind;
    int stop_fd;
    struct fence *fence;                            /* NULL: it does not matter who answers */
    int64_t timeline;                               /* of the server that answers */
    int64_t down_since_us, retry_at_us, backoff_ms; /* 0: it was never down, or is up */
    bool is_silent; /* the last connection was given up because an answer did not come */
    bool
        is_in_hurry; /* a reader's: a stranger's lock was met: locks are waited for but briefly (readers.c) */
};

void link_init(struct link *l, const char *dsn, enum link_kind kind, int stop_fd);
void link_close(struct link *l);
/* Makes sure that there is a connection, for what must be answered until then (of clock_mono_us): its answers are waited for no
 * longer either. While the database is away each try waits for its turn; once it has been away for LINK_WAIT_MS, tries that
 * are not due fail at once, and so does what comes here too late. RC_BUSY: it is away, code `store_unavailable`. */
#define LINK_ONE_TRY  0 /* if it is due; answers may take as long as they do for this kind of link */
#define LINK_FOR_EVER INT64_MAX
MUST_CHECK enum rc link_ready(struct link *l, int64_t until_us, struct err *e);
/* One try, now. */
MUST_CHECK enum rc link_open(struct link *l, struct err *e);
/* The database has answered; it has answered a COMMIT. Any thread. */
void link_see_answer(const struct link *l);
void link_see_commit(const struct link *l);
/* After any failure: closes a connection that is lost, or in a transaction that cannot be rolled back. */
void link_settle(struct link *l);
/* Behind BEGIN when settings cannot be the session's (a pooler), or are not for this time: the statement that sets them;
 * NULL: not needed. */
const char *link_transaction_setup(const struct link *l);

#endif
