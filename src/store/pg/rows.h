/* rows.h: the jobs of a round: loaded and locked once, changed by the rules in memory, written once, as arrays, by what has
 * become of them. Committer only. */
#ifndef STINT_STORE_PG_ROWS_H
#define STINT_STORE_PG_ROWS_H

#include "store/pg/postgres.h"

enum row_texts { /* which texts of a row are new; also sql/pg/queries/job.sql */
                 TEXT_ARGS = 1,
                 TEXT_CHECKPOINT = 2,
                 TEXT_PROGRESS = 4,
                 TEXT_ERROR = 8,
};

struct pg_row {
    struct row row;  /* first */
    struct row was;  /* as it stands in the database */
    int64_t drop_at; /* of the history that it lies in there; 0: it is in table job */
    int64_t counted; /* the drop_at under which it is counted, when it is final */
    bool is_dirty, is_erased, is_gone, had_events;
    bool is_known;          /* not read, and not locked: as claimed.h has it */
    struct row_place place; /* if is_known */
    bool is_asked;          /* an operation has looked at it */
    int texts;              /* enum row_texts */
    struct str args, checkpoint, progress_message, result;
    struct job_error error;
    struct pg_row *next;
};

/* The rows of these ids, locked: live ones in the order of ids, then those that are in history. What is in the round already
 * is not loaded again. Ids that are nowhere stay out of row_by_id. */
MUST_CHECK enum rc pg_rows_load(struct committer *w, const struct id *ids, size_t count, struct err *e);
enum kin { KIN_ROOTS = 1, KIN_BATCHES = 2 /* that take only so many */ };

/* The same in two steps, the first of which queues its statement; kin: and the live ones (enum
 * kin) of live ones. */
MUST_CHECK enum rc rows_send_lock(struct committer *w, const struct id *ids, size_t count, unsigned kin,
                                  struct err *e);
/* Keeps of `ids` those that are not in the round; how many. */
size_t rows_missing(struct committer *w, struct id *ids, size_t count);
MUST_CHECK enum rc rows_load_missing(struct committer *w, const struct id *ids, size_t count, struct err *e);
/* NULL: not loaded, or nowhere. */
struct pg_row *rows_find(const struct committer *w, struct id id);
/* A row of an answer over @row_columns@, as `drop_at` says live (0) or with history's columns behind them. */
struct pg_row *rows_add(struct committer *w, const struct pg_rows *r, size_t at, bool is_history);
/* The n-th column behind @row_columns@. */
int64_t rows_more(const struct pg_rows *r, size_t at, int n);

/* A live one that was not read: the round ends it, or runs again. */
void rows_add_known(struct committer *w, const struct row *r, const struct row_place *place);

/* Queues the statements that write what has become of the round's rows, new jobs and events. */
MUST_CHECK enum rc rows_send(struct committer *w, struct err *e);   /* save.c */
MUST_CHECK enum rc events_send(struct committer *w, struct err *e); /* events.c */
/* insert.c: the first `until` jobs of the round, without those that were sent already. */
MUST_CHECK enum rc inserts_send(struct committer *w, size_t until, struct err *e);

#endif
