/* pg_rig.h: PostgreSQL for tests: databases of the cluster that STINT_TEST_PG names (test/pg/cluster.sh starts one). */
#ifndef STINT_TEST_PG_RIG_H
#define STINT_TEST_PG_RIG_H

#include "db/pg.h"
#include "test.h"

/* The DSN of a superuser; NULL when there is no server here, and why. */
const char *pg_rig_server(const char **why);
/* The DSN of another database of that server. */
const char *pg_rig_dsn(const char *database);
/* The same through the pooler; NULL: there is none. */
const char *pg_rig_dsn_pooled(const char *database);
const char *pg_rig_database_of(const char *dsn);
/* The folder of the server's socket, .s.PGSQL.5432; NULL: it has none that we know. And its DSN by another folder. */
const char *pg_rig_folder(void);
const char *pg_rig_dsn_in(const char *folder, const char *database);
/* The DSN of a new database for the running test, empty or a copy of `from` (NULL: empty); dropped when the test ends. */
const char *pg_rig_database(const char *from);
/* The DSN of a copy of `from` that tests use one after another, and now this one until it ends; `reset` has made it as new. */
const char *pg_rig_shared(const char *from, const char *reset);
/* Makes the database `name` with `fill`, once for all tests of the cluster; its DSN is for nobody else. */
void pg_rig_template(const char *name, void (*fill)(const char *dsn));
/* The DSN of a new database for the running test, with the store's schema in it. */
const char *pg_rig_schema(void);
/* The text of the environment's REQUIRE holds "pg": a skip is a failure then. Ends the test so, or says why it is skipped. */
void pg_rig_skip(const char *why);

/* A connection as superuser, or the test fails. */
struct pg *pg_rig_connect(const char *dsn);
/* The first column of the one row; texts live as long as the test. */
int64_t pg_rig_int(struct pg *c, const char *sql);

/* A test with a connection `c` and an arena `a`; skipped where no server is. */
#define PG_TEST(test_name)                                                                                   \
    static void test_name##_run(struct pg *c, struct arena *a, struct err *e);                               \
    TEST_WITHIN(test_name, 60)                                                                               \
    {                                                                                                        \
        pg_rig_run(test_name##_run, e);                                                                      \
    }                                                                                                        \
    static void test_name##_run(struct pg *c __attribute__((unused)),                                        \
                                struct arena *a __attribute__((unused)),                                     \
                                struct err *e __attribute__((unused)))
void pg_rig_run(void (*run)(struct pg *c, struct arena *a, struct err *e), struct err *e);

/* Statements without parameters as one batch. */
void pg_rig_send(struct pg *c, const char *const *sql);
#define SEND(c, ...) pg_rig_send((c), (const char *const[]){__VA_ARGS__, NULL})
/* What the last failure was. */
#define CHECK_FAULT(c, want) CHECK_STR(str_from(pg_fault_name(pg_fault(c))), str_from(pg_fault_name(want)))

#endif
