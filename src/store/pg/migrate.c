/* migrate.c: see migrate.h. */
#include "store/pg/migrate.h"

#include "store/pg/indexes.h"
#include "store/pg/shape.h"
#include "store/pg/sql.h"

#include "base/asset.h"
#include "base/clock.h"
#include "base/fault.h"

#include <poll.h>
#include <string.h>

#define FOLDER "sql/pg/migrations/"
#define LOCK   "SELECT pg_advisory_xact_lock(495874305652) /* stint */"
/* Behind a lock that a migration waits for, all who write wait too: it waits for a moment, and comes again. */
#define WAIT_SHORTLY "SET LOCAL lock_timeout = '200ms'"
#define AGAIN_MS     800
#define GIVE_UP_MS   60000
#define MAKE_SCHEMA  "CREATE SCHEMA IF NOT EXISTS stint;" /* of the first; wants rights, though there is one */
/* What a migration makes belongs to the owner of the schema, whoever runs it: functions run with their owner's rights. */
#define AS_OWNER                                                                                             \
    "SELECT set_config('role', pg_get_userbyid(nspowner), true) FROM pg_catalog.pg_namespace "               \
    "WHERE nspname = 'stint' AND pg_get_userbyid(nspowner) <> current_user"
#define ALLOW_NODES                                                                                          \
    "SELECT stint.allow_node(n.role) FROM stint.node_role AS n "                                             \
    "WHERE n.role IN (SELECT rolname FROM pg_catalog.pg_roles)"

/* A migration that nodes of the release before it cannot live with is named here: with its number, which is that of the oldest
 * program that can. Any other only adds what older programs need not know. */
static const struct {
    int64_t migration, program;
    const char *why;
} oldest_programs[] = {
    {5, 5, "whoever ends a child tells its parent"},
    {6, 6, "whoever ends a job tells those that depend on it"},
    {9, 9, "whoever ends a job of a batch tells that"},
    {12, 12, "whoever gives out a job, or ends its lease, counts it for its limits"},
    {13, 13, "whoever ends a finaliser has it looked at whether it runs again"},
};

struct schema {
    bool is_there;
    int64_t version, oldest_program;
    struct str shape; /* that the newest migration left */
};

static bool is_migration(const struct asset *a)
{
    return str_starts(str_from(a->name), STR(FOLDER));
}

static const struct asset *migration(int64_t version)
{
    for (const struct asset *a = asset_table; a->name; a++) {
        if (is_migration(a) && --version == 0) {
            return a;
        }
    }
    return NULL;
}

static int64_t newest_version(void)
{
    int64_t count = 0;
    while (migration(count + 1)) {
        count++;
    }
    return count;
}

static int64_t oldest_program_of(int64_t version)
{
    int64_t oldest = 1;
    for (size_t i = 0; i < sizeof oldest_programs / sizeof oldest_programs[0]; i++) {
        bool is_in_it = oldest_programs[i].migration <= version;
        oldest = is_in_it && oldest_programs[i].program > oldest ? oldest_programs[i].program : oldest;
    }
    return oldest;
}

static int64_t checksum(const struct asset *a)
{
    return (int64_t)(str_hash(asset_get(a->name)) >> 1);
}

/* ---- the check */

enum rc pg_migrate_check_program(int64_t oldest_program, struct err *e)
{
    if (oldest_program > newest_version()) {
        return err_set(e, RC_FATAL,
                       "the schema stint was changed by a newer release, and is only for programs that know "
                       "version %lld of "
                       "it; this one knows %lld: run the newer release",
                       (long long)oldest_program, (long long)newest_version());
    }
    return RC_OK;
}

static enum rc check_applied(const struct pg_rows *r, struct arena *a, struct schema *out, struct err *e)
{
    for (size_t i = 0; i < pg_count(r); i++) {
        const struct asset *known = migration((int64_t)i + 1);
        out->version = pg_int(r, i, 0);
        int64_t oldest = pg_int(r, i, 2);
        out->oldest_program = oldest > out->oldest_program ? oldest : out->oldest_program;
        out->shape = arena_str(a, pg_str(r, i, 3));
        if (out->version != (int64_t)i + 1 || (known && pg_int(r, i, 1) != checksum(known))) {
            return err_set(
                e, RC_FATAL,
                "migration %lld of the schema stint is not the one that this program knows: it was made by "
                "another build of it",
                (long long)out->version);
        }
    }
    return pg_migrate_check_program(out->oldest_program, e);
}

/* All that we can say of a schema whose migrations we do not know. */
static enum rc check_newer_shape(struct pg *c, const struct schema *s, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_SCHEMA_SHAPE), NULL, &r, e);
    if (!rc && !str_eq(pg_str(r, 0, 0), s->shape)) {
        rc = err_set(
            e, RC_FATAL,
            "the schema stint was changed by hand: its tables, indexes or functions are not those that its "
            "migrations make; undo the change (`stint migrate` of the release that made it names it)");
    }
    pg_rows_free(r);
    return rc;
}

/* Nothing of another program's is touched, and the name is the same for all. */
static enum rc refuse_foreign(struct str object, struct err *e)
{
    return err_set(
        e, RC_FATAL,
        "the schema stint holds %.*s, but no list of stint's migrations (stint.migration): it is another "
        "program's. Give stint another database (createdb), or ALTER SCHEMA stint RENAME TO another name. If "
        "it was stint's, bring stint.migration back from a backup",
        STR_ARG(object));
}

/* *has_list: it has a list of migrations. */
static enum rc find_schema(struct pg *c, struct schema *out, bool *has_list, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_SCHEMA_FIND), NULL, &r, e);
    if (!rc) {
        out->is_there = pg_bool(r, 0, 0);
        *has_list = pg_bool(r, 0, 1);
        rc = *has_list || pg_is_null(r, 0, 2) ? RC_OK : refuse_foreign(pg_str(r, 0, 2), e);
    }
    pg_rows_free(r);
    return rc;
}

static enum rc read_applied(struct pg *c, struct arena *a, struct schema *out, struct err *e)
{
    struct pg_rows *r = NULL;
    bool has_list = false;
    enum rc rc = find_schema(c, out, &has_list, e);
    if (rc || !has_list) {
        return rc;
    }
    rc = pg_run(c, pg_sql(PG_SQL_MIGRATION_ALL), NULL, &r, e);
    if (!rc) {
        rc = check_applied(r, a, out, e);
    }
    pg_rows_free(r);
    return rc;
}

/* out->version 0: there is no schema. */
static enum rc look(struct pg *c, struct arena *a, struct schema *out, struct err *e)
{
    *out = (struct schema){0};
    enum rc rc = read_applied(c, a, out, e);
    if (rc == RC_DENIED) {
        return err_wrap(
            e, rc,
            "the role may not use the schema stint: as its owner, SELECT stint.allow_node('the role')");
    }
    if (rc || out->version < newest_version()) {
        return rc; /* an older one is looked at when it has been brought up to date */
    }
    return out->version > newest_version() ? check_newer_shape(c, out, e) : pg_shape_check(c, e);
}

enum rc pg_migrate_check(struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct schema s;
    enum rc rc = look(c, a, &s, e);
    if (!rc && s.version < newest_version()) {
        rc = err_set(e, RC_NOT_FOUND,
                     s.version ? "the schema stint is of an older program: run `stint migrate`"
                               : "the database holds no store: run `stint migrate`");
    }
    arena_free(a);
    return rc;
}

enum rc pg_migrate_expect_newest(struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct schema s;
    enum rc rc = pg_migrate_check(c, e);
    if (!rc) {
        rc = look(c, a, &s, e);
    }
    if (!rc && s.version > newest_version()) {
        rc = err_set(e, RC_FATAL,
                     "the schema stint has version %lld, and this program knows %lld: run the newer release",
                     (long long)s.version, (long long)newest_version());
    }
    arena_free(a);
    return rc;
}

/* ---- applying, in a transaction that holds the lock */

static enum rc remember(struct pg *c, const struct asset *m, int64_t version, int64_t now, struct err *e)
{
    struct arena *a = arena_new();
    struct pg_query q = PG_QUERY(a);
    pg_bind_int(&q, version);
    pg_bind_str(&q, str_sub(str_from(m->name), sizeof FOLDER - 1, SIZE_MAX));
    pg_bind_int(&q, checksum(m));
    pg_bind_int(&q, now);
    pg_bind_int(&q, oldest_program_of(version));
    enum rc rc = pg_run(c, pg_sql(PG_SQL_MIGRATION_ADD), &q, NULL, e);
    arena_free(a);
    return rc;
}

/* What a migration does not find, or finds there already, was not left so by those before it. */
static enum rc explain_failure(struct pg *c, enum rc rc, int64_t version, struct err *e)
{
    err_wrap(e, rc, "migration %lld", (long long)version);
    bool is_by_hand = !strncmp(pg_sqlstate(c), "42", 2) && pg_fault(c) != PG_DENIED;
    return is_by_hand ? err_wrap(e, RC_FATAL,
                                 "the schema stint, or the list of what it has in stint.migration, was "
                                 "changed by hand; undo the change")
                      : rc;
}

static const char *text_of(const struct asset *m, const struct schema *s)
{
    struct str text = asset_get(m->name);
    size_t at = str_find(text, STR(MAKE_SCHEMA), 0);
    bool must_skip = at < text.n && s->is_there;
    return must_skip ? text.p + at + sizeof MAKE_SCHEMA - 1 : text.p;
}

static enum rc explain_denial(const struct schema *s, struct err *e)
{
    return err_wrap(
        e, RC_DENIED, "%s",
        s->version ? "the schema stint is of an older program, and the role may not change it: run "
                     "`stint migrate` as the owner of the schema"
        : s->is_there
            ? "the schema stint is there, empty, and belongs to another role: run `stint migrate` as "
              "that one, or ALTER SCHEMA stint OWNER TO this one"
            : "the role may not make the schema stint: run `stint migrate` as the owner of the "
              "database, or GRANT CREATE ON DATABASE to the role, or CREATE SCHEMA stint "
              "AUTHORIZATION the role");
}

static enum rc apply(struct pg *c, const struct schema *s, int64_t newest, int64_t now, struct err *e)
{
    enum rc rc = pg_exec(c, AS_OWNER, e);
    for (int64_t version = s->version + 1; !rc && version <= newest; version++) {
        const struct asset *m = migration(version);
        if (FAULT("store.migrate.step")) {
            return err_set(e, RC_FATAL, "fault: migrate");
        }
        rc = pg_exec(c, text_of(m, s), e);
        if (!rc) {
            rc = remember(c, m, version, now, e);
        }
        if (rc) {
            rc = explain_failure(c, rc, version, e);
        }
    }
    if (!rc) {
        rc = pg_exec(c, ALLOW_NODES, e);
    }
    if (!rc && s->version) { /* nodes that run look at it before they write again: settings_load */
        rc = pg_run(c, pg_sql(PG_SQL_SETTINGS_RAISE), NULL, NULL, e);
    }
    return rc == RC_DENIED ? explain_denial(s, e) : rc;
}

/* What one transaction has come to. */
struct turn {
    const struct migrate_options *o;
    int64_t version; /* that it has found */
    int64_t
        newest; /* that it has brought the schema to; when that is not far enough, the next one wants indexes made early */
    bool is_held; /* others hold what it changes: */
    int64_t held_since_us;
};

/* The newest version that can be reached before indexes are to be made. */
static enum rc plan(struct pg *c, struct turn *t, struct err *e)
{
    enum rc rc = RC_OK;
    bool is_due = false;
    for (t->newest = t->version; t->newest < newest_version(); t->newest++) {
        struct str next = asset_get(migration(t->newest + 1)->name);
        if (t->version) { /* else there is nothing to index */
            rc = indexes_are_due(c, next, t->o->big_bytes, &is_due, e);
        }
        if (rc || is_due) {
            break;
        }
    }
    return rc;
}

static enum rc migrate_found(struct pg *c, const struct schema *s, struct turn *t, struct err *e)
{
    t->version = t->newest = s->version;
    if (s->version >= newest_version()) {
        return RC_OK;
    }
    enum rc rc = pg_exec(c, WAIT_SHORTLY, e);
    if (!rc) {
        rc = plan(c, t, e);
    }
    if (!rc && t->newest > t->version) {
        rc = apply(c, s, t->newest, t->o->now, e);
    }
    t->is_held = rc && pg_fault(c) == PG_LOCKED;
    return rc || t->newest < newest_version() ? rc : pg_shape_check(c, e);
}

static enum rc migrate_locked(struct pg *c, struct turn *t, struct err *e)
{
    struct arena *a = arena_new();
    struct schema s;
    enum rc rc = pg_exec(c, LOCK, e);
    if (rc && pg_fault(c) == PG_LOCKED) {
        err_wrap(e, rc,
                 "another session holds the lock of migrations (SELECT * FROM pg_locks WHERE locktype = "
                 "'advisory')");
    }
    if (!rc) {
        rc = look(c, a, &s, e); /* somebody else may have done it meanwhile */
    }
    if (!rc) {
        rc = migrate_found(c, &s, t, e);
    }
    arena_free(a);
    return rc;
}

static enum rc migrate_once(struct pg *c, struct turn *t, struct err *e)
{
    enum rc rc = pg_exec(c, "BEGIN", e);
    t->is_held = false;
    if (!rc) {
        rc = migrate_locked(c, t, e);
    }
    if (!rc) {
        return pg_exec(c, "COMMIT", e);
    }
    (void)!pg_exec(c, "ROLLBACK", NULL);
    return rc;
}

/* Until it is done, or held. */
static enum rc migrate_unless_held(struct pg *c, struct turn *t, struct err *e)
{
    for (;;) {
        enum rc rc = migrate_once(c, t, e);
        if (rc || t->newest >= newest_version()) {
            return rc;
        }
        rc = indexes_make(c, asset_get(migration(t->newest + 1)->name), t->o->big_bytes, e);
        if (rc) {
            return rc == RC_DENIED ? explain_denial(&(struct schema){.version = t->newest}, e) : rc;
        }
        t->held_since_us = 0;
    }
}

static bool has_waited_enough(struct turn *t)
{
    int64_t now_us = clock_mono_us();
    t->held_since_us = t->held_since_us ? t->held_since_us : now_us;
    return now_us - t->held_since_us >= GIVE_UP_MS * 1000LL;
}

enum rc migrate_with(struct pg *c, const struct migrate_options *o, struct err *e)
{
    struct turn t = {.o = o};
    enum rc rc = pg_expect_writes(c, e);
    if (!rc) {
        rc = pg_migrate_check(c, e);
    }
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    for (;;) {
        err_clear(e);
        rc = migrate_unless_held(c, &t, e);
        if (!t.is_held || has_waited_enough(&t)) {
            break;
        }
        (void)poll(NULL, 0, AGAIN_MS);
    }
    return t.is_held ? err_wrap(e, rc,
                                "transactions of applications have held the tables for a minute: end them "
                                "(pg_stat_activity shows them), or do this when they are over")
                     : rc;
}

enum rc migrate(struct pg *c, int64_t now, struct err *e)
{
    return migrate_with(c, &(struct migrate_options){.now = now, .big_bytes = INDEXES_BIG_BYTES}, e);
}
