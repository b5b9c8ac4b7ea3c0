/* schedules.h: schedules of a round: locked and read before its operations run, and sent behind them. */
#ifndef STINT_STORE_PG_SCHEDULES_H
#define STINT_STORE_PG_SCHEDULES_H

#include "store/pg/postgres.h"

struct schedule_entry {
    struct schedule s; /* name, tenant; the rest when it is there */
    bool is_there, is_dirty;
    struct schedule_entry *next;
};

/* Locks and reads, in one order, those that the steps of the list name. */
MUST_CHECK enum rc schedules_prepare(struct committer *w, const struct store_op *list, struct err *e);
MUST_CHECK enum rc schedules_send(struct committer *w, struct err *e);
/* What a tick gives out. */
MUST_CHECK enum rc schedules_take(struct committer *w, struct store_tick *op, int64_t limit, struct err *e);

/* as in keeper.h */
MUST_CHECK enum rc pg_schedule_find_idle(struct keeper *k, int64_t tenant, struct str name,
                                         struct schedule *out, bool *found, struct err *e);
MUST_CHECK enum rc pg_schedule_find(struct keeper *k, int64_t tenant, struct str name, struct schedule *out,
                                    bool *found, struct err *e);
MUST_CHECK enum rc pg_schedule_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
MUST_CHECK enum rc pg_schedule_put(struct keeper *k, const struct schedule *s, struct err *e);
MUST_CHECK enum rc pg_schedule_remove(struct keeper *k, int64_t tenant, struct str name, struct err *e);

/* One row of the queries in sql/pg/queries/schedule.sql; the texts go into `a`. */
#define SCHEDULE_COLUMNS 12
void pg_schedule_read(const struct pg_rows *rows, size_t at, bool has_live, struct arena *a,
                      struct schedule *s);

#endif
