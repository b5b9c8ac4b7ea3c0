/* postgres_rig.c: see postgres_rig.h. */
#include "postgres_rig.h"

#include <unistd.h>

struct pg *a_stranger(struct store_test *s)
{
    return pg_rig_connect(s->url);
}

void say_sql(struct pg *c, const char *sql)
{
    struct err err = {0}, *e = &err;
    OK(pg_exec(c, sql, e));
}

enum rc try_enqueue(struct store_test *s, struct job_spec spec, struct err *e)
{
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    spec.kind = spec.kind.n ? spec.kind : STR("k");
    spec.args = STR("{}");
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = 1;
    return store_run(s->store, &op.op, e);
}

void cut_connections(struct store_test *s)
{
    struct pg *c = pg_rig_connect(pg_rig_dsn("postgres"));
    char sql[400];
    str_print(sql, sizeof sql,
              "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
              "WHERE datname = '%s' AND application_name LIKE 'stint %%'",
              pg_rig_database_of(s->url));
    CHECK_TRUE(pg_rig_int(c, sql) > 0);
    pg_close(c);
}

/* ---- a database that is away */

void go_away(struct store_test *s)
{
    CHECK_INT(unlink(test_path(".s.PGSQL.5432")), 0);
    cut_connections(s);
}

void come_back(void)
{
    struct str socket = str_from(pg_rig_folder());
    char path[200];
    str_print(path, sizeof path, "%.*s/.s.PGSQL.5432", STR_ARG(socket));
    CHECK_INT(symlink(path, test_path(".s.PGSQL.5432")), 0);
}

bool reopen_through_link(struct store_test *s)
{
    if (!pg_rig_folder()) {
        pg_rig_skip("STINT_TEST_PG names no socket that could go away");
        return false;
    }
    come_back();
    str_copy(s->url, sizeof s->url, str_from(pg_rig_dsn_in(test_dir(), pg_rig_database_of(s->url))));
    reopen(s);
    return true;
}
