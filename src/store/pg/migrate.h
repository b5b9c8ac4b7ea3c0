/* migrate.h: the schema and its versions, and the server's own settings: what must be right before a node starts.
 *
 * Migrations are the files sql/pg/migrations/NNNN_name.sql, applied in order, in one transaction, under an advisory lock: ten
 * nodes may start at once, and a kill at any point leaves nothing behind. Only where one adds indexes to many finished jobs
 * (indexes.h), those before it are committed first: what a kill leaves then is an older schema, and indexes for the next run. A migration only expands, so that nodes of the
 * release before it go on; each row of stint.migration says the oldest program that may still run (oldest_program), a program
 * being known by the newest migration that it has. Where it must be a newer one, migrate.c names the migration: older nodes do
 * not start then, and those that run see it with their next write or beat, and end (health.c).
 * What was applied is remembered with a checksum of its file and, for programs older than it, a checksum of the schema that it
 * left; shape.h is the check of a schema that we know, behind the last migration in the same transaction too. All of it belongs
 * to the owner of the schema, whoever runs it, who must be allowed to act as that role. */
#ifndef STINT_STORE_PG_MIGRATE_H
#define STINT_STORE_PG_MIGRATE_H

#include "db/pg.h"

/* Is the server new enough, does it speak UTF-8, does it flush what it commits? RC_INVALID says what to do. With
 * `is_unsafe_allowed` the last is not asked. */
MUST_CHECK enum rc server_check(struct pg *c, bool is_unsafe_allowed, struct err *e);
/* The last alone: RC_INVALID, and why, a constant, when it does not. */
MUST_CHECK enum rc server_check_flushes(struct pg *c, const char **why, struct err *e);
const char *server_lossy(int64_t setting); /* the same why, by the answer of the query round_flushes */
MUST_CHECK enum rc server_check_version(int version, struct err *e); /* 150018 */
/* Brings the schema up to date. RC_FATAL: of a newer program, or changed by hand · RC_DENIED: rights are missing. The
 * connection is not in a transaction, before and after. */
MUST_CHECK enum rc migrate(struct pg *c, int64_t now, struct err *e);
struct migrate_options {
    int64_t now;
    int64_t
        big_bytes; /* of all partitions that a migration would have to index: from it on it is done beforehand */
};
MUST_CHECK enum rc migrate_with(struct pg *c, const struct migrate_options *o, struct err *e);
/* The same, but changes nothing: RC_NOT_FOUND when something is to be applied. */
MUST_CHECK enum rc pg_migrate_check(struct pg *c, struct err *e);
/* The greatest oldest_program of all migrations that were applied: RC_FATAL when we are too old for it. */
MUST_CHECK enum rc pg_migrate_check_program(int64_t oldest_program, struct err *e);
/* For who must know all that is in it: as pg_migrate_check, and RC_FATAL when it is of a newer program that we could run beside. */
MUST_CHECK enum rc pg_migrate_expect_newest(struct pg *c, struct err *e);

#endif
