/* pg.h: PostgreSQL in our own few words: connect, bind, send, read. The only user of libpq-fe.h.
 * Knows nothing of jobs: SQL and transactions (`BEGIN`, `COMMIT`) are the caller's text. Values travel in binary.
 * One connection belongs to one thread at a time.
 *
 * Statements travel in batches: any number of pg_send, one pg_sync, then one pg_next for every pg_send, in order:
 *
 *   struct pg_query q = PG_QUERY(arena);
 *   pg_bind_uuids(&q, ids, n);
 *   rc = pg_send(c, "BEGIN", NULL, e);
 *   rc = rc ? rc : pg_send(c, "SELECT id, state FROM stint.job WHERE id = ANY($1) FOR UPDATE", &q, e);
 *   rc = rc ? rc : pg_sync(c, e);
 *   rc = rc ? rc : pg_next(c, NULL, e);
 *   rc = rc ? rc : pg_next(c, &rows, e);
 *   ...
 *   pg_rows_free(rows);
 *
 * A statement that fails ends its batch: the rest of it answers PG_ABORTED and did not run; the connection goes on with
 * the next batch (behind BEGIN: with a ROLLBACK). Several batches may be under way. The server keeps small answers back
 * until the batch ends, so a statement that waits for a lock holds up the answers of those before it too. Nothing here
 * waits longer than the connection's time limit; what goes over it has lost the connection. */
#ifndef STINT_DB_PG_H
#define STINT_DB_PG_H

#include "base/arena.h"
#include "base/id.h"

struct pg;
struct pg_rows;

/* What the last failure of a connection was. Callers act on this; pg_sqlstate is for tests and special cases. */
enum pg_fault {
    PG_NONE,
    PG_ABORTED, /* not run: an earlier statement of the batch, or of the transaction, failed */
    PG_RETRY, /* deadlock, serialization, an outdated prepared statement: the same transaction may succeed now */
    PG_LOCKED,     /* lock_timeout or NOWAIT */
    PG_TIMEOUT,    /* statement_timeout, or cancelled by somebody */
    PG_FULL,       /* no space on the database's disk */
    PG_OVERLOADED, /* too many connections, out of memory or of another of the server's resources */
    PG_READ_ONLY,  /* a standby, or a read-only transaction */
    PG_DENIED,     /* password, pg_hba.conf, or rights on an object */
    PG_MISSING,    /* no such database, schema, table, column or function */
    PG_CONSTRAINT, /* unique, foreign key, check, not null */
    PG_DATA,       /* a value the server does not take */
    PG_LOST, /* the connection is gone, and no COMMIT was under way: nothing of the transaction happened */
    PG_UNKNOWN, /* gone while a COMMIT was under way, or COMMIT came with a warning: it may have happened or not */
    PG_OTHER,
};

#define PG_ADDRESSES_MAX 16
#define PG_ADDRESS_BYTES 64

struct pg_addresses { /* as text */
    char text[PG_ADDRESSES_MAX][PG_ADDRESS_BYTES];
    size_t count;
};

struct pg_options {
    int64_t
        connect_ms; /* for each address of each host, and to find the addresses of a name, unless the DSN has a
                         * connect_timeout; 0: 5 s */
    int64_t open_ms; /* for everything until it is open, of which each address gets its share; 0: no limit */
    int64_t timeout_ms; /* for each wait; 0: 30 s */
    int stop_fd;        /* when readable, every wait ends as a lost connection; 0 or less: none */
    const char *name;   /* application_name, unless the DSN has one; NULL: "stint" */
    /* Asked about each server that answers; one that it refuses is passed over, and so is a standby, unless the DSN says
     * otherwise. NULL: all will do. */
    enum rc (*check)(void *ctx, struct pg *c, struct err *e);
    void *check_ctx;
    /* Asks every host, not only until one will do; and `check` again of the one that would, when later ones will do too: its
     * judgement may have changed. */
    bool ask_all;
    const char *when_crowded; /* behind a refusal for want of connections: what to do; NULL: nothing */
    const char *setup;        /* statements run once after connecting, for settings; not when pg_is_pooled */
    /* Who knows the addresses of a host's name, and may take his time; NULL: libc. */
    enum rc (*look_up)(const char *host, struct pg_addresses *out, struct err *e);
};

/* dsn: all that libpq takes. Several hosts are tried in order, each at all addresses of its name; one that does not take
 * writes is passed over, unless the DSN says target_session_attrs itself.
 * RC_INVALID: the DSN · RC_DENIED: password or rights · RC_NOT_FOUND: no such database · RC_BUSY: cannot be reached,
 * read-only, starting up, full of connections: it may pass. No text ever holds the password. */
MUST_CHECK enum rc pg_open(struct pg **out, const char *dsn, const struct pg_options *o, struct err *e);
void pg_close(struct pg *c); /* an open transaction is rolled back; NULL is fine */

/* A pooler in transaction mode stands between (the server's process is not the one we were told): statements are not
 * prepared then, and settings hold only within a transaction: SET LOCAL. */
bool pg_is_pooled(const struct pg *c);
/* RC_BUSY, PG_READ_ONLY, and what to do: when the session began it was a standby's, or its transactions were read-only. For
 * those who write: the DSN may have let such a one pass. */
MUST_CHECK enum rc pg_expect_writes(struct pg *c, struct err *e);
int pg_server_version(const struct pg *c);                /* 150018 */
int64_t pg_set_timeout(struct pg *c, int64_t timeout_ms); /* from now on; gives what it was */
/* No wait ends later than at this time of clock_mono_us, but each may last PG_LEAST_MS: whoever answers step by step is
 * there. 0: no such limit. */
#define PG_LEAST_MS 2000
void pg_set_deadline(struct pg *c, int64_t until_us);
const char *pg_host(const struct pg *c); /* whom we talk to: "host:port", for logs */

/* ---- parameters: $1, $2, … in the order of the binds. Texts, bytes are borrowed until pg_send; arrays are copied. */

#define PG_MAX_PARAMS 96

struct pg_query {
    struct arena *a; /* for encoded values; may be reset after pg_send */
    int count;
    bool is_too_big;
    const char *values[PG_MAX_PARAMS];
    int lengths[PG_MAX_PARAMS];
    uint32_t types[PG_MAX_PARAMS];
};

#define PG_QUERY(arena) ((struct pg_query){.a = (arena), .count = 0})

/* The SQL sees bigint, boolean, double precision, text, bytea and uuid, and arrays of them; cast there to others
 * (`$3::text::json`). A NULL pointer binds NULL, in arrays as an element too. */
void pg_bind_int(struct pg_query *q, int64_t v);
void pg_bind_int_or_null(struct pg_query *q, bool is_set, int64_t v);
void pg_bind_bool(struct pg_query *q, bool v);
void pg_bind_real(struct pg_query *q, double v);
void pg_bind_str(struct pg_query *q,
                 struct str v); /* valid UTF-8 without NUL, or the server refuses it: PG_DATA */
void pg_bind_c(struct pg_query *q, const char *v);
void pg_bind_bytes(struct pg_query *q, struct str v);
void pg_bind_uuid(struct pg_query *q, const struct id *v);
void pg_bind_null(struct pg_query *q);                                                      /* of type text */
void pg_bind_ints(struct pg_query *q, const int64_t *v, size_t n);                          /* bigint[] */
void pg_bind_int_rows(struct pg_query *q, const int64_t *v, const bool *is_null, size_t n); /* with NULLs */
void pg_bind_bools(struct pg_query *q, const bool *v, size_t n);                            /* boolean[] */
void pg_bind_reals(struct pg_query *q, const double *v, size_t n);     /* double precision[] */
void pg_bind_strs(struct pg_query *q, const struct str *v, size_t n);  /* text[] */
void pg_bind_blobs(struct pg_query *q, const struct str *v, size_t n); /* bytea[] */
void pg_bind_tids(struct pg_query *q, const struct str *v, size_t n);  /* tid[], each as pg_str gave it */
void pg_bind_uuids(struct pg_query *q, const struct id *v, size_t n);  /* uuid[]; the zero id is NULL */

/* ---- batches. Every failure sets pg_fault. Once lost, a connection fails everything at once. */

/* Queues the statement; q may be NULL. `sql` is one statement and a constant of the program: its address is the key of
 * the prepared statement, made on first use. Writes belong between BEGIN and COMMIT, each a statement of its own: the
 * difference of PG_LOST and PG_UNKNOWN is known by the word COMMIT. RC_TOO_BIG: a value over 1 GB. */
MUST_CHECK enum rc pg_send(struct pg *c, const char *sql, const struct pg_query *q, struct err *e);
/* Ends the batch and begins to send it; the rest leaves in pg_next. Never waits. */
MUST_CHECK enum rc pg_sync(struct pg *c, struct err *e);
/* Waits for the answer of the next statement, which must be of a batch that pg_sync ended. `out` may be NULL: rows are
 * dropped. RC_BUSY: RETRY, LOCKED, TIMEOUT, OVERLOADED, READ_ONLY, LOST, UNKNOWN, ABORTED · RC_FULL · RC_DENIED ·
 * RC_NOT_FOUND: MISSING · RC_CONFLICT: CONSTRAINT · RC_INVALID: DATA · RC_FATAL: OTHER. */
MUST_CHECK enum rc pg_next(struct pg *c, struct pg_rows **out, struct err *e);
/* Reads and drops all answers that are still due, whatever they are. Fails only with the connection. */
MUST_CHECK enum rc pg_drain(struct pg *c, struct err *e);
/* Any number of statements at once, without parameters, rows dropped; no batch may be under way. The text may hold
 * BEGIN and COMMIT; without them it is one transaction. Lost in it: PG_UNKNOWN. */
MUST_CHECK enum rc pg_exec(struct pg *c, const char *sql, struct err *e);
/* One statement, sent and read alone: a batch of one. */
MUST_CHECK enum rc pg_run(struct pg *c, const char *sql, const struct pg_query *q, struct pg_rows **out,
                          struct err *e);

enum pg_fault
pg_fault(const struct pg *c); /* of the last failure; PG_NONE after a success of pg_next, pg_exec */
const char *
pg_sqlstate(const struct pg *c); /* its five letters, "" when libpq found it; until the next failure */
const char *pg_fault_name(enum pg_fault fault);
bool pg_is_lost(const struct pg *c);
bool pg_has_timed_out(const struct pg *c); /* lost because no answer came in time */
bool pg_in_transaction(
    const struct pg *c); /* also a failed one that waits for its ROLLBACK; when nothing is due */

/* ---- rows. Columns count from 0; NULL reads as 0, false or STR_NONE. Texts and bytes live as long as the rows. */

size_t pg_count(const struct pg_rows *r);
int64_t pg_affected(const struct pg_rows *r); /* rows inserted, updated or deleted (also without RETURNING) */
bool pg_is_null(const struct pg_rows *r, size_t row, int column);
int64_t pg_int(const struct pg_rows *r, size_t row, int column); /* smallint, integer, bigint, boolean */
bool pg_bool(const struct pg_rows *r, size_t row, int column);
double pg_real(const struct pg_rows *r, size_t row, int column); /* real, double precision */
struct str pg_str(const struct pg_rows *r, size_t row,
                  int column); /* text, json, bytea: terminated behind n */
struct id pg_uuid(const struct pg_rows *r, size_t row, int column);
void pg_rows_free(struct pg_rows *r); /* NULL is fine */

/* ---- notifications (LISTEN): only on a connection that is not pooled */

struct pg_notification {
    struct str channel, payload; /* until the next call for the connection */
};

/* The next notification, waited for up to wait_ms; with nothing, or when wake_fd (0 or less: none) is readable first,
 * out->channel.p is NULL. No batch may be under way. */
MUST_CHECK enum rc pg_wait_notify(struct pg *c, int wake_fd, int64_t wait_ms, struct pg_notification *out,
                                  struct err *e);

#endif
