/* pg_private.h: what the files of pg.h share. */
#ifndef STINT_DB_PG_PRIVATE_H
#define STINT_DB_PG_PRIVATE_H

#include "db/pg.h"

#include "db/pg_lib.h"

#define PG_STATEMENTS 1024 /* slots, a power of two; programs have a few hundred statements */

enum pg_statement_state { PG_STATEMENT_NEW, PG_STATEMENT_SENT, PG_STATEMENT_READY };

struct pg_statement {
    const char *sql;
    char name[16];
    bool is_commit;
    enum pg_statement_state state;
};

/* What the server still owes an answer for. A statement's first use is two of them. */
enum pg_due_kind { PG_DUE_PREPARE, PG_DUE_STATEMENT, PG_DUE_SYNC };

struct pg_due {
    enum pg_due_kind kind;
    struct pg_statement *statement;
};

struct pg {
    PGconn *handle;
    int64_t timeout_ms, until_ms,
        least_ms;    /* until_ms: no wait ends later, but each may last least_ms; 0: no limit */
    int64_t wait_ms; /* of the wait under way, or the last one */
    int stop_fd;
    bool is_named; /* the host is a name, and libpq tells its address alone */
    bool is_pooled, is_lost, has_timed_out;
    bool is_standby, is_read_only; /* when it was connected */
    bool is_batch_aborted;         /* an answer of the batch at the front was an error */
    bool is_commit_in_doubt;       /* a warning came while COMMIT was at the front */
    int syncs_due;
    enum pg_fault fault;
    char sqlstate[6];
    char host[280];
    char lost_text[300];
    char warning[200];
    struct pg_due *due; /* a ring: due_first … due_first + due_count */
    size_t due_first, due_count, due_room;
    struct pg_statement *statements[PG_STATEMENTS];
    size_t statement_count;
    unsigned names; /* given so far */
    PGnotify *notification;
};

struct pg_rows {
    PGresult *result;
};

int64_t pg_now_ms(void);           /* for deadlines only */
int64_t pg_deadline(struct pg *c); /* of a wait that begins now */

/* Notes the failure that `result` tells and puts it into words. */
enum rc pg_fail_result(struct pg *c, const PGresult *result, struct err *e);
/* The connection can no longer be used: `why` is one line of ours, or NULL for libpq's own. */
enum rc pg_fail_lost(struct pg *c, const char *why, struct err *e);
enum rc pg_fail_sticky(struct pg *c, struct err *e);
enum pg_fault pg_fault_of_sqlstate(const char *sqlstate);
enum rc pg_rc_of_fault(enum pg_fault fault);
/* The first line of libpq's text, without the line's end. */
struct str pg_first_line(const char *text);

/* Sends what waits and reads until an answer is there, the stop fd is readable or the deadline is over. The connection's
 * end is no failure yet: what came before it is still read. */
enum rc pg_pump(struct pg *c, int64_t deadline, struct err *e);
/* The next result of libpq, which is NULL behind a statement's last one. */
enum rc pg_next_result(struct pg *c, int64_t deadline, PGresult **out, struct err *e);
bool pg_is_success(const PGresult *result);

struct pg_due *pg_due_at(struct pg *c, size_t i);
void pg_due_push(struct pg *c, enum pg_due_kind kind, struct pg_statement *statement);
void pg_due_pop(struct pg *c);

#endif
