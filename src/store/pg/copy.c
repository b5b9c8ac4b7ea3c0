/* copy.c: see copy.h: opening, closing, what a store is known by, and the commit. */
#include "store/pg/copy.h"

#include "store/pg/migrate.h"

#include "base/clock.h"

#define ANSWER_MS 1800000
/* Plans by index, whatever the statistics say; hash joins of what a statement brings are welcome. Nobody's limits of time. */
#define SETUP                                                                                                \
    "SELECT set_config(s.name, s.value, false) FROM (VALUES ('jit', 'off'), ('search_path', 'pg_catalog'), " \
    "('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('lock_timeout', '2s'), "     \
    "('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'), ('plan_cache_mode', 'force_generic_plan')) "   \
    "AS s (name, value)"

static struct pg_end *of(struct copy_end *c)
{
    return (struct pg_end *)c;
}

static void close_end(struct copy_end *base)
{
    struct pg_end *c = of(base);
    pg_close(c->c);
    arena_free(c->a);
    mem_free(c);
}

static enum rc ask(struct pg_end *c, enum pg_sql_query query, const struct pg_query *q, struct pg_rows **out,
                   struct err *e)
{
    return pg_run(c->c, pg_sql(query), q, out, e);
}

/* A yes, a no, or a number. */
static enum rc ask_number(struct pg_end *c, enum pg_sql_query query, int64_t *out, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = ask(c, query, NULL, &r, e);
    *out = rc ? 0 : pg_int(r, 0, 0);
    pg_rows_free(r);
    return rc;
}

/* ---- open */

static enum rc connect(struct pg_end *c, const char *location, struct err *e)
{
    const struct pg_options o = {
        .timeout_ms = ANSWER_MS, .stop_fd = -1, .name = "stint copy", .setup = SETUP};
    enum rc rc = pg_sql_load(e);
    if (!rc) {
        rc = pg_open(&c->c, location, &o, e);
    }
    if (!rc && pg_is_pooled(c->c)) {
        rc = err_set(e, RC_INVALID, "%s is a pooler in transaction mode: name the database itself",
                     pg_host(c->c));
    }
    return rc;
}

static enum rc lock_out_copies(struct pg_end *c, struct err *e)
{
    enum rc rc = ask(c, PG_SQL_COPY_LOCK_KEY, NULL, NULL, e);
    if (rc && pg_fault(c->c) == PG_LOCKED) {
        rc = err_set(e, RC_BUSY,
                     "another `stint copy` is at work in this database, or it is the source itself");
    }
    return rc;
}

static enum rc expect_no_nodes(struct pg_end *c, struct err *e)
{
    int64_t nodes = 0;
    enum rc rc = ask_number(c, PG_SQL_COPY_NODES, &nodes, e);
    if (!rc && nodes) {
        rc = err_set(
            e, RC_BUSY,
            "%lld servers run on it: stop them first (one that was killed behind a pooler counts for a "
            "minute)",
            (long long)nodes);
    }
    return rc;
}

static enum rc lock_tables(struct pg_end *c, struct err *e)
{
    int64_t is_quiet = 0;
    enum rc rc = pg_exec(c->c, "BEGIN READ ONLY", e);
    if (!rc) {
        rc = ask(c, PG_SQL_COPY_LOCK, NULL, NULL, e);
    }
    if (rc && pg_fault(c->c) == PG_LOCKED) {
        return err_set(
            e, RC_BUSY,
            "somebody writes to it: end the transactions of applications (pg_stat_activity shows them) "
            "and keep them away from it");
    }
    if (!rc) {
        rc = ask_number(c, PG_SQL_COPY_IS_QUIET, &is_quiet, e);
    }
    if (!rc && !is_quiet) {
        rc = err_set(e, RC_BUSY,
                     "applications have asked for cancels that no server has done yet: start one on it for a "
                     "moment, and stop it");
    }
    return rc;
}

static enum rc check_source(struct pg_end *c, struct err *e)
{
    enum rc rc = pg_migrate_expect_newest(c->c, e);
    if (!rc) {
        rc = lock_out_copies(c, e);
    }
    if (!rc) {
        rc = expect_no_nodes(c, e);
    }
    return rc ? rc : lock_tables(c, e);
}

static enum rc check_target(struct pg_end *c, const struct copy_options *o, struct err *e)
{
    enum rc rc = server_check(c->c, o->unsafe, e);
    if (!rc) {
        rc = lock_out_copies(c, e);
    }
    if (!rc) {
        rc = migrate(c->c, clock_wall_ms(), e);
    }
    return rc ? rc : expect_no_nodes(c, e);
}

static enum rc open_end(struct copy_end **out, const char *location, const struct copy_options *o,
                        bool is_source, struct err *e)
{
    struct pg_end *c = mem_alloc(sizeof *c);
    c->base.engine = &pg_copy;
    c->a = arena_new();
    enum rc rc = connect(c, location, e);
    if (!rc) {
        rc = is_source ? check_source(c, e) : check_target(c, o, e);
    }
    if (rc) {
        close_end(&c->base);
        return rc;
    }
    *out = &c->base;
    return RC_OK;
}

static enum rc open_source(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e)
{
    return open_end(out, location, o, true, e);
}

static enum rc open_target(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e)
{
    return open_end(out, location, o, false, e);
}

/* ---- what it is known by */

static enum rc read_meta(struct pg_end *c, struct arena *a, struct copy_identity *out, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = ask(c, PG_SQL_META_ALL, NULL, &r, e);
    for (size_t i = 0; !rc && i < pg_count(r); i++) {
        struct str name = pg_str(r, i, 0), bytes = pg_str(r, i, 2);
        if (str_eq(name, STR("epoch"))) {
            out->epoch = pg_int(r, i, 1);
        } else if (str_eq(name, STR("lease_start"))) {
            out->lease_start = pg_int(r, i, 1);
        } else if (str_eq(name, STR("last_ordinal"))) {
            out->last_ordinal = pg_int(r, i, 1);
        } else if (str_eq(name, STR(COPY_MARK))) {
            out->mark = arena_str(a, bytes);
        } else if (str_eq(name, STR("secret")) && bytes.n == sizeof out->secret) {
            memcpy(out->secret, bytes.p, bytes.n);
        }
    }
    pg_rows_free(r);
    return rc;
}

static enum rc read_last_ordinal(struct pg_end *c, struct copy_identity *out, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = ask(c, PG_SQL_JOB_LAST_ID, NULL, &r, e);
    for (size_t i = 0; !rc && i < pg_count(r); i++) {
        int64_t ordinal = id_ordinal(pg_uuid(r, i, 0));
        out->last_ordinal = ordinal > out->last_ordinal ? ordinal : out->last_ordinal;
    }
    pg_rows_free(r);
    return rc;
}

static enum rc read_fingerprint(struct pg_end *c, struct arena *a, struct copy_identity *out, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = ask(c, PG_SQL_COPY_FINGERPRINT, NULL, &r, e);
    out->fingerprint = rc ? STR_NONE : arena_str(a, pg_str(r, 0, 0));
    pg_rows_free(r);
    return rc;
}

static enum rc identify(struct copy_end *base, struct arena *a, struct copy_identity *out, struct err *e)
{
    struct pg_end *c = of(base);
    int64_t is_empty = 0;
    *out = (struct copy_identity){0};
    enum rc rc = read_meta(c, a, out, e);
    if (!rc) {
        rc = read_last_ordinal(c, out, e);
    }
    if (!rc) {
        rc = read_fingerprint(c, a, out, e);
    }
    if (!rc) {
        rc = ask_number(c, PG_SQL_COPY_IS_EMPTY, &is_empty, e);
    }
    out->is_empty = is_empty;
    return rc;
}

/* ---- transactions of a target */

static enum rc begin(struct copy_end *base, struct err *e)
{
    return pg_exec(of(base)->c, "BEGIN", e);
}

static enum rc put_meta(struct copy_end *base, const char *name, struct str bytes, int64_t number,
                        struct err *e)
{
    struct pg_end *c = of(base);
    arena_reset(c->a);
    struct pg_query q = PG_QUERY(c->a);
    pg_bind_c(&q, name);
    pg_bind_int_or_null(&q, !bytes.p, number);
    pg_bind_bytes(&q, bytes);
    return ask(c, PG_SQL_COPY_PUT_META, &q, NULL, e);
}

/* A server that was started while the mark was not there yet has seen a store of its own. */
static enum rc end_copy(struct pg_end *c, struct err *e)
{
    arena_reset(c->a);
    struct pg_query q = PG_QUERY(c->a);
    pg_bind_c(&q, COPY_MARK);
    enum rc rc = expect_no_nodes(c, e);
    if (!rc) {
        rc = ask(c, PG_SQL_COPY_SET_SEQUENCES, NULL, NULL, e);
    }
    return rc ? rc : ask(c, PG_SQL_COPY_DELETE_META, &q, NULL, e);
}

static enum rc commit(struct copy_end *base, struct str mark, struct err *e)
{
    struct pg_end *c = of(base);
    enum rc rc = mark.p ? put_meta(&c->base, COPY_MARK, mark, 0, e) : end_copy(c, e);
    return rc ? rc : pg_exec(c->c, "COMMIT", e);
}

const struct copy_engine pg_copy = {
    .open_source = open_source,
    .open_target = open_target,
    .close = close_end,
    .identify = identify,
    .read = pg_copy_read,
    .read_part = pg_copy_read_part,
    .begin = begin,
    .put_meta = put_meta,
    .write = pg_copy_write,
    .write_part = pg_copy_write_part,
    .commit = commit,
};
