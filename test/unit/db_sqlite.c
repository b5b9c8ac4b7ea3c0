/* db_sqlite.c: db/db.h: what holds for each connection to a file of SQLite. */
#include "test.h"

#include "db/db.h"

TEST(a_statement_is_not_planned_anew_for_what_is_bound)
{
    struct db *db = NULL;
    struct db_stmt *q = NULL;
    bool has_row = false;
    const struct db_options o = {.create = true};
    OK(db_open(test_path("plan.db"), &o, &db, e));
    OK(db_exec(db, "CREATE TABLE t (x TEXT COLLATE NOCASE); CREATE INDEX t_x ON t (x)", e));
    OK(db_prepare(db, "EXPLAIN QUERY PLAN SELECT x FROM t WHERE x LIKE ?1", &q, e));
    db_bind_str(q, 1, STR("a%")); /* a planner that looks at it takes a range of the index */
    OK(db_step(q, &has_row, e));
    CHECK_TRUE(has_row);
    CHECK_TRUE(str_starts(db_str(q, 3), STR("SCAN")));
    db_reset(q);
    db_close(db);
}
