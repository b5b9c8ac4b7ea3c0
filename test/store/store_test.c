/* store_test.c: see store_test.h: the engines, and the frame in which a test of theirs runs. */
#include "store_test.h"

#include "pg_rig.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- engines: one row each */

struct store_engine {
    const char *name;
    /* The url of an empty store for the running test; NULL when the engine cannot run here, and why. */
    const char *(*url)(enum store_need need, const char **why);
    enum store_need gives; /* and what is below */
    bool is_server;
};

static const char *sqlite_url(enum store_need need, const char **why)
{
    (void)need;
    (void)why;
    static char url[600]; /* a test is a process of its own */
    str_print(url, sizeof url, "sqlite:%s", test_path("store.db"));
    return url;
}

static const char *memory_url(enum store_need need, const char **why)
{
    (void)need;
    (void)why;
    return "memory:";
}

static void migrate(const char *dsn)
{
    struct err err = {0}, *e = &err;
    struct store *store = NULL;
    OK(store_open(&store, dsn, NULL, e));
    store_close(store);
}

/* As after the migrations; the partitions of history stay. What has no page has no row, and most have none: to plan a DELETE
 * from all partitions is dearer than all else here. */
#define EMPTY                                                                                                \
    "DO $$ DECLARE t text; BEGIN "                                                                           \
    "FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'stint'::regnamespace "                      \
    "AND relkind = 'r' AND relname NOT IN ('migration', 'meta', 'service') AND pg_relation_size(oid) > 0 "   \
    "LOOP EXECUTE format('DELETE FROM stint.%I', t); END LOOP; "                                             \
    "DELETE FROM stint.blob_check; " /* the artifacts that went asked for it */                              \
    "UPDATE stint.meta SET number = CASE name WHEN 'epoch' THEN 0 ELSE 1 END WHERE number IS NOT NULL; "     \
    "DELETE FROM stint.meta WHERE name NOT IN ('epoch', 'settings_version', 'secret'); "                     \
    "UPDATE stint.meta SET bytes = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) "            \
    "WHERE name = 'secret'; "                                                                                \
    "UPDATE stint.service SET until = 0; END $$"

/* A database that tests use in turn: emptying it takes a tenth of the time that a new one takes. Who changes the database
 * itself, or its connections, gets a new one. */
static const char *pg_url(enum store_need need, const char **why)
{
    if (!pg_rig_server(why)) {
        return NULL;
    }
    pg_rig_template("stint_template", migrate);
    return need == NEEDS_SERVER ? pg_rig_database("stint_template") : pg_rig_shared("stint_template", EMPTY);
}

const char *another_pg_url(void)
{
    const char *why = "";
    return pg_url(NEEDS_DURABLE, &why);
}

static const struct store_engine engines[] = {
    {"sqlite", sqlite_url, NEEDS_FILE},
    {"memory", memory_url, NEEDS_NOTHING},
    {"pg", pg_url, NEEDS_DURABLE, true},
};

static bool is_fit(const struct store_engine *engine, enum store_need need)
{
    return need == NEEDS_SERVER ? engine->is_server : engine->gives >= need;
}

static bool is_chosen(const struct store_engine *engine)
{
    const char *told = getenv("STINT_TEST_ENGINES");
    struct str rest = str_from(told && *told ? told : "sqlite,memory,pg");
    while (rest.n > 0) {
        if (str_eq(str_cut(rest, ',', &rest), str_from(engine->name))) {
            return true;
        }
    }
    return false;
}

/* ---- registration and the frame of a test */

static int64_t test_now(void *ctx)
{
    struct store_test *s = ctx;
    return atomic_load(&s->now);
}

static int64_t a_tenant(struct store_test *s, struct str name)
{
    AN_OP(s, op, store_create_key, STORE_CREATE_KEY);
    op.key.public_id = arena_printf(s->a, "key%.5s", name.p);
    op.key.tenant_name = name;
    op.key.name = STR("first");
    op.key.last4 = STR("abcd");
    op.key.scopes = SCOPE_ADMIN;
    memcpy(op.key.hash, name.p, name.n);
    run_op(s, &op.op);
    return op.key.tenant;
}

static void open_store(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    OK(store_open(&s->store, s->url, &s->options, e));
}

static void run_on_engine(struct err *e, const void *arg)
{
    const struct store_case *c = arg;
    struct store_test s = {.engine = c->engine, .now = TEST_BEGINS};
    const char *why = "";
    const char *url = c->engine->url(c->need, &why);
    const char *required = getenv("REQUIRE");

    if (!url) {
        printf("skipped: engine %s: %s\n", c->engine->name, why);
        ck_assert_msg(!required || !strstr(required, c->engine->name), "engine %s is required: %s",
                      c->engine->name, why);
        return;
    }
    str_copy(s.url, sizeof s.url, str_from(url));
    s.options = (struct store_options){.now = test_now, .now_ctx = &s};
    s.a = arena_new();
    open_store(&s);
    s.tenant = a_tenant(&s, STR("acme"));
    s.foreign = a_tenant(&s, STR("other"));
    c->run(&s, e);
    store_close(s.store);
    arena_free(s.a);
}

void store_test_register(const struct test_case *t, void (*run)(struct store_test *s, struct err *e),
                         enum store_need need)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (!is_fit(&engines[i], need) || !is_chosen(&engines[i])) {
            continue;
        }
        struct store_case *c = mem_alloc(sizeof *c);
        struct test_case *copy = mem_alloc(sizeof *copy);
        size_t name_bytes = strlen(t->name) + strlen(engines[i].name) + 5;
        char *name = mem_alloc(name_bytes);

        str_print(name, name_bytes, "%s on %s", t->name, engines[i].name);
        *c = (struct store_case){&engines[i], run, need};
        *copy = *t;
        copy->name = name;
        copy->run = run_on_engine;
        copy->arg = c;
        test_register(copy);
    }
}

void reopen(struct store_test *s)
{
    ck_assert_msg(is_durable(s), "this engine forgets at close: use DURABLE_STORE_TEST");
    store_close(s->store);
    s->store = NULL;
    open_store(s);
}

bool is_durable(const struct store_test *s)
{
    return s->engine->gives >= NEEDS_DURABLE;
}

bool is_server(const struct store_test *s)
{
    return s->engine->is_server;
}

void run_op(struct store_test *s, struct store_op *op)
{
    struct err err = {0}, *e = &err;
    enum rc rc = store_run(s->store, op, e);
    if (rc) {
        ck_abort_msg("%s: %s: %s", store_op_name(op->kind), rc_name(rc), err.text);
    }
    test_mark(__FILE__, __LINE__);
}

void as_tenant(struct store_test *s, int64_t tenant)
{
    s->tenant = tenant;
}

/* ---- time */

void advance(struct store_test *s, int64_t ms)
{
    atomic_fetch_add(&s->now, ms);
}

int64_t tick(struct store_test *s)
{
    int64_t applied = 0;
    for (bool more = true; more;) {
        AN_OP(s, op, store_tick, STORE_TICK);
        op.limit = 100;
        run_op(s, &op.op);
        applied += op.applied;
        more = op.more;
    }
    return applied;
}

int64_t pass(struct store_test *s, int64_t ms)
{
    advance(s, ms);
    return tick(s);
}

int64_t prune(struct store_test *s)
{
    int64_t removed = 0;
    for (bool more = true; more;) {
        AN_OP(s, op, store_prune, STORE_PRUNE);
        op.limit = 1000;
        run_op(s, &op.op);
        removed += op.removed;
        more = op.more;
    }
    return removed;
}
