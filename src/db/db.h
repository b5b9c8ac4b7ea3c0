/* db.h: SQLite in our own few words: open, prepare, bind, step. The only user of sqlite3.h.
 * Knows nothing of jobs or indexes: SQL, pragmas and transactions (`BEGIN IMMEDIATE`, `COMMIT`) are the caller's text.
 * One connection belongs to one thread at a time.
 *
 *   struct db_stmt *q = NULL;
 *   rc = db_prepare(db, "SELECT name, due_at FROM job WHERE queue = ?1", &q, e);
 *   ...
 *   db_bind_str(q, 1, queue);
 *   while (!(rc = db_step(q, &has_row, e)) && has_row) {
 *       use(db_str(q, 0), db_int(q, 1));
 *   }
 */
#ifndef STINT_DB_DB_H
#define STINT_DB_DB_H

#include "base/err.h"
#include "base/str.h"

struct db;
struct db_stmt;

/* Releases before this one can lose committed pages (the WAL reset bug); db_open refuses them. */
#define DB_MIN_SQLITE_VERSION 3051003

struct db_options {
    bool read_only;
    bool create; /* make the file when there is none; else a missing file is RC_NOT_FOUND */
    bool
        untrusted; /* a stranger wrote the file: defensive, no trusted schema, no triggers, no views, no attach */
    const char *vfs;  /* NULL: the default one */
    int busy_wait_ms; /* how long a locked database is waited for; 0: RC_BUSY at once */
};

/* What a failure becomes: full disk RC_FULL · locked or interrupted RC_BUSY · constraint RC_CONFLICT · read-only or
 * no permission RC_DENIED · a value too big RC_TOO_BIG · everything else
 * (damaged, not a database, input/output error, wrong SQL) RC_FATAL. The text is SQLite's own. */
MUST_CHECK enum rc db_open(const char *path, const struct db_options *o, struct db **out, struct err *e);
void db_close(struct db *db); /* finalizes its statements; NULL is fine */

/* Runs every statement of sql; rows are dropped. For schemas, pragmas and transactions. */
MUST_CHECK enum rc db_exec(struct db *db, const char *sql, struct err *e);
/* The first column of the first row: `PRAGMA user_version`. No row: RC_NOT_FOUND. sql as in db_prepare. */
MUST_CHECK enum rc db_query_int(struct db *db, const char *sql, int64_t *out, struct err *e);

/* The statement of this text, prepared at most once per connection, reset and with all parameters NULL. `sql` must be
 * a constant of the program: its address is the key. The statement belongs to db; asking for it again ends the
 * earlier use of it. */
MUST_CHECK enum rc db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *e);

/* Parameters count from 1. Texts and blobs are borrowed until the statement is asked for again. A bind that fails (no
 * such parameter: a bug; or too big) is told by the next step. */
void db_bind_int(struct db_stmt *q, int parameter, int64_t v);
void db_bind_str(struct db_stmt *q, int parameter, struct str v);  /* STR_NONE binds NULL */
void db_bind_c(struct db_stmt *q, int parameter, const char *v);   /* NULL binds NULL */
void db_bind_blob(struct db_stmt *q, int parameter, struct str v); /* STR_NONE binds NULL */
void db_bind_null(struct db_stmt *q, int parameter);

/* To the next row; *has_row says whether there is one. After the last row, and after an error, the statement is reset
 * (its parameters stay). */
MUST_CHECK enum rc db_step(struct db_stmt *q, bool *has_row, struct err *e);
/* Steps to the end, drops rows, resets: for statements that change something. */
MUST_CHECK enum rc db_run(struct db_stmt *q, struct err *e);
void db_reset(struct db_stmt *q); /* leaves a row loop early, and with it the statement's read transaction */

/* Columns of the current row count from 0; text and blobs live until the next step or reset. NULL reads as 0 or
 * STR_NONE. */
int64_t db_int(struct db_stmt *q, int column);
struct str db_str(struct db_stmt *q, int column);
struct str db_blob(struct db_stmt *q, int column);
bool db_is_null(struct db_stmt *q, int column);

/* Rows of the program that statements of this connection read as a table: `INSERT INTO job SELECT id, args FROM new_job`
 * opens its cursors once for all rows and appends without a search. What `numbers`, `texts` and `count` are when a statement
 * begins is what it reads; texts are borrowed until it ends, STR_NONE reads as NULL. */
struct db_feed {
    const char *columns;             /* their names: numbers first, then texts */
    size_t number_count, text_count; /* columns of each sort */
    size_t count;                    /* rows */
    const int64_t *numbers;          /* count * number_count, row by row */
    const struct str *texts;         /* count * text_count */
};

/* Makes the table. The feed belongs to the caller and outlives db. */
MUST_CHECK enum rc db_add_feed(struct db *db, const char *name, const struct db_feed *feed, struct err *e);

int64_t db_changes(struct db *db);     /* rows changed by the last statement that changes rows */
int64_t db_last_row_id(struct db *db); /* of the last insert */
bool db_in_transaction(struct db *db); /* false again when an error made SQLite roll back by itself */

/* From now on this connection, the only writer, decides itself when the write-ahead log goes into the database: SQLite
 * does it neither after a commit nor at close. */
void db_own_wal(struct db *db);
int64_t db_wal_pages(struct db *db);   /* in the log after the last commit that wrote (db_own_wal) */
int64_t db_wal_commits(struct db *db); /* commits that wrote, each one flush (db_own_wal) */
/* Moves what no reader needs from the log to the database; with truncate all of it, and the log is emptied. RC_BUSY:
 * readers were in the way (never without truncate). */
MUST_CHECK enum rc db_checkpoint(struct db *db, bool truncate, struct err *e);

/* Makes the file of the log longer, by up to DB_LOG_STEP_BYTES of zeros and flushed, until it has room for so many pages: a
 * commit that finds its place in the file is flushed in half the time of one that makes the file longer. *is_long: it has
 * the room. Not within a transaction. RC_FULL. */
#define DB_LOG_STEP_BYTES (256 << 10)
MUST_CHECK enum rc db_lengthen_log(struct db *db, int64_t pages, bool *is_long, struct err *e);

/* From now on `should_stop` is asked about every 4,000 steps of the virtual machine; true ends the running statement
 * with RC_BUSY. NULL: never asked again. */
void db_set_stop(struct db *db, bool (*should_stop)(void *arg), void *arg);

#endif
