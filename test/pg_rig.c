/* pg_rig.c: see pg_rig.h. */
#include "pg_rig.h"

#include "base/clock.h"
#include "store/pg/migrate.h"
#include "store/pg/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lives as long as the test; a list that stays reachable, so that the leak check sees only other leaks. */
static char *keep(const char *format, ...) PRINTF_LIKE(1, 2);
static char *keep(const char *format, ...)
{
    static struct kept {
        struct kept *next;
        char text[1000];
    } * all;
    struct kept *k = mem_alloc(sizeof *k);
    va_list args;
    va_start(args, format);
    ck_assert_int_lt(vsnprintf(k->text, sizeof k->text, format, args), (int)sizeof k->text);
    va_end(args);
    k->next = all;
    all = k;
    return k->text;
}

static char dropped_at_end[16][64];
static int drop_count;
static pid_t drop_owner;

const char *pg_rig_server(const char **why)
{
    const char *dsn = getenv("STINT_TEST_PG");
    if (dsn && *dsn) {
        return dsn;
    }
    *why = "STINT_TEST_PG names no server (test/pg/cluster.sh starts one)";
    return NULL;
}

/* postgresql://WHO/DATABASE?OPTIONS with the other database. */
static const char *with_database(const char *server, const char *database)
{
    struct str dsn = str_from(server);
    size_t who = str_find(dsn, STR("://"), 0) + 3;
    size_t path = str_find_char(dsn, '/', who);
    size_t options = str_find_char(dsn, '?', path < dsn.n ? path : who);
    path = path < options ? path : options;
    return keep("%.*s/%s%.*s", (int)path, dsn.p, database, (int)(dsn.n - options), dsn.p + options);
}

const char *pg_rig_dsn(const char *database)
{
    const char *why = "";
    const char *server = pg_rig_server(&why);
    ck_assert_msg(server != NULL, "%s", why);
    return with_database(server, database);
}

const char *pg_rig_dsn_pooled(const char *database)
{
    const char *pooler = getenv("STINT_TEST_POOLER");
    return pooler && *pooler ? with_database(pooler, database) : NULL;
}

const char *pg_rig_database_of(const char *dsn)
{
    const char *path = strchr(strstr(dsn, "://") + 3, '/');
    return keep("%.*s", (int)strcspn(path + 1, "?"), path + 1);
}

const char *pg_rig_folder(void)
{
    const char *why = "";
    const char *host = strstr(pg_rig_server(&why), "host=/");
    return host ? keep("%.*s", (int)strcspn(host + 5, "&"), host + 5) : NULL;
}

const char *pg_rig_dsn_in(const char *folder, const char *database)
{
    return keep("postgresql://stint@/%s?host=%s", database, folder);
}

struct pg *pg_rig_connect(const char *dsn)
{
    struct err err = {0}, *e = &err;
    struct pg *c = NULL;
    OK(pg_open(&c, dsn, NULL, e));
    return c;
}

int64_t pg_rig_int(struct pg *c, const char *sql)
{
    struct err err = {0}, *e = &err;
    struct pg_rows *rows = NULL;
    OK(pg_run(c, sql, NULL, &rows, e));
    CHECK_INT(pg_count(rows), 1);
    int64_t v = pg_int(rows, 0, 0);
    pg_rows_free(rows);
    return v;
}

void pg_rig_skip(const char *why)
{
    const char *required = getenv("REQUIRE");
    printf("skipped: PostgreSQL: %s\n", why);
    ck_assert_msg(!required || !strstr(required, "pg"), "PostgreSQL is required: %s", why);
}

/* A drop waits for a checkpoint. Nobody waits for the drop: the server ends what it began also when we are gone. */
static void drop_all(void)
{
    const char *why = "";
    struct err e = {0};
    for (int i = 0; i < drop_count && getpid() == drop_owner; i++) {
        struct pg *c = NULL;
        char sql[128];
        str_print(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", dropped_at_end[i]);
        if (pg_open(&c, pg_rig_server(&why), NULL, &e) || pg_send(c, sql, NULL, &e) || pg_sync(c, &e)) {
            i = drop_count; /* the server is gone: a test may do that */
        }
        pg_close(c);
    }
}

const char *pg_rig_database(const char *from)
{
    const char *why = "";
    struct err err = {0}, *e = &err;
    struct pg *c = pg_rig_connect(pg_rig_server(&why));
    char *name = dropped_at_end[drop_count];
    char sql[200];

    ck_assert_int_lt(drop_count, (int)(sizeof dropped_at_end / sizeof dropped_at_end[0]));
    str_print(name, sizeof dropped_at_end[0], "test_%d_%d", (int)getpid(), drop_count);
    str_print(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s", name, from ? from : "template0");
    OK(pg_exec(c, sql, e));
    pg_close(c);
    if (drop_count++ == 0) {
        drop_owner = getpid();
        CHECK_INT(atexit(drop_all), 0);
    }
    return pg_rig_dsn(name);
}

/* The one number that the statement answers about a text. */
static int64_t ask_about(struct pg *c, const char *sql, const char *text)
{
    struct err err = {0}, *e = &err;
    struct arena *a = arena_new();
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    pg_bind_c(&q, text);
    OK(pg_run(c, sql, &q, &rows, e));
    CHECK_INT(pg_count(rows), 1);
    int64_t v = pg_int(rows, 0, 0);
    pg_rows_free(rows);
    arena_free(a);
    return v;
}

/* The lock is ours until the process ends, and with it the connection. */
static const char *take_shared(struct pg *c)
{
    for (int i = 0; i < 64; i++) {
        const char *name = keep("stint_shared_%d", i);
        if (ask_about(c, "SELECT pg_try_advisory_lock(hashtext($1::text))::int", name)) {
            return name;
        }
    }
    ck_abort_msg("all shared databases are in use");
    return NULL;
}

const char *pg_rig_shared(const char *from, const char *reset)
{
    static struct pg *holders[8]; /* each with a lock: one session would get the same one again */
    static size_t held;
    const char *why = "";
    struct err err = {0}, *e = &err;
    ck_assert_uint_lt(held, sizeof holders / sizeof holders[0]);
    struct pg *holder = holders[held++] = pg_rig_connect(pg_rig_server(&why));
    const char *name = take_shared(holder), *dsn = pg_rig_dsn(name);
    if (!ask_about(holder, "SELECT count(*) FROM pg_database WHERE datname = $1::text", name)) {
        char sql[200];
        str_print(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s", name, from);
        OK(pg_exec(holder, sql, e));
        return dsn;
    }
    (void)ask_about(
        holder, /* what is left of a test that died */
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = $1::text", name);
    struct pg *c = pg_rig_connect(dsn);
    OK(pg_exec(c, reset, e));
    pg_close(c);
    return dsn;
}

void pg_rig_template(const char *name, void (*fill)(const char *dsn))
{
    const char *why = "";
    struct err err = {0}, *e = &err;
    struct pg *c = pg_rig_connect(pg_rig_server(&why));
    char sql[200];

    /* It is a template when it is whole; a runner that died in the middle left none. */
    str_print(sql, sizeof sql, "SELECT count(*) FROM pg_database WHERE datname = '%s' AND datistemplate",
              name);
    OK(pg_exec(c, "SELECT pg_advisory_lock(7001)", e));
    if (pg_rig_int(c, sql) == 0) {
        char create[128], drop[128], finish[160];
        str_print(drop, sizeof drop, "DROP DATABASE IF EXISTS %s", name);
        str_print(create, sizeof create, "CREATE DATABASE %s TEMPLATE template0", name);
        str_print(finish, sizeof finish, "ALTER DATABASE %s IS_TEMPLATE true ALLOW_CONNECTIONS false", name);
        OK(pg_exec(c, drop, e));
        OK(pg_exec(c, create, e));
        fill(pg_rig_dsn(name));
        OK(pg_exec(c, finish, e));
    }
    pg_close(c); /* and with it the lock */
}

void pg_rig_run(void (*run)(struct pg *c, struct arena *a, struct err *e), struct err *e)
{
    const char *why = "";
    const char *dsn = pg_rig_server(&why);
    if (!dsn) {
        pg_rig_skip(why);
        return;
    }
    struct pg *c = pg_rig_connect(dsn);
    struct arena *a = arena_new();
    run(c, a, e);
    arena_free(a);
    pg_close(c);
}

void pg_rig_send(struct pg *c, const char *const *sql)
{
    struct err err = {0}, *e = &err;
    for (; *sql; sql++) {
        OK(pg_send(c, *sql, NULL, e));
    }
    OK(pg_sync(c, e));
}

static void make_schema(const char *dsn)
{
    struct err err = {0}, *e = &err;
    struct pg *c = pg_rig_connect(dsn);
    OK(migrate(c, clock_wall_ms(), e));
    pg_close(c);
}

const char *pg_rig_schema(void)
{
    struct err err = {0}, *e = &err;
    OK(pg_sql_load(e));
    pg_rig_template("stint_schema", make_schema);
    return pg_rig_database("stint_schema");
}
