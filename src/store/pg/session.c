/* session.c: the session of a node's thread (nodes.h): of --store-listen when that leads to the store, else of the store's own
 * DSN, so that a node that cannot listen where it should beats all the same, and says what is wrong. */
#include "store/pg/nodes.h"

#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS   10000 /* more often, connecting to a host that never answers would hold up the looks */
#define NOT_THE_STORE                                                                                        \
    "it leads to another database than --store, or to one without the store: name the database itself that " \
    "--store leads to"

static enum rc ask_identity(struct pg *c, struct arena *a, struct str *out, struct err *e)
{
    struct pg_rows *rows = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_NODE_STORE), NULL, &rows, e);
    if (!rc && pg_count(rows)) {
        *out = arena_str(a, pg_str(rows, 0, 0));
    }
    pg_rows_free(rows);
    return rc;
}

/* A connection that was made by --store-listen. */
static enum rc check_listener(const struct nodes *n, struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct str there = STR_NONE;
    enum rc rc = ask_identity(c, a, &there, e);
    if (rc == RC_NOT_FOUND || (!rc && !str_eq(there, str_from(n->store)))) {
        rc = err_set(e, RC_INVALID, "%s: %s", pg_host(c), NOT_THE_STORE);
    }
    arena_free(a);
    return rc;
}

static enum rc open_listener(struct pg_engine *s, struct link *l, struct err *e)
{
    link_init(l, s->nodes.dsn, LINK_LISTENER, s->stop_fd);
    l->fence = &s->fence;
    enum rc rc = link_open(l, e);
    rc = rc ? rc : check_listener(&s->nodes, l->c, e);
    if (rc) {
        link_close(l);
    }
    return rc;
}

enum rc session_see_start(struct pg_engine *s, struct pg *c, struct err *e)
{
    struct nodes *n = &s->nodes;
    struct str here = STR_NONE;
    struct err why = {0};
    struct link l;
    if (!n->dsn || s->base.options.read_only || !s->base.options.on_round) {
        return RC_OK;
    }
    struct arena *a = arena_new();
    enum rc rc = ask_identity(c, a, &here, e);
    if (!rc) {
        n->store = mem_c_str(here);
        rc = open_listener(s, &l, &why);
        link_close(&l);
        if (rc == RC_BUSY) { /* it may be there later */
            rc = RC_OK;
        } else if (rc) {
            *e = why;
            err_wrap(e, rc, "--store-listen");
        }
    }
    arena_free(a);
    return rc;
}

/* Once, until it works again. */
static void note_failure(struct nodes *n, const struct err *why, int64_t now_ms)
{
    if (!n->again_ms) {
        log_warn("store.listen", L_C("error", why->text));
    }
    n->again_ms = n->again_ms ? 2 * n->again_ms : AGAIN_FIRST_MS;
    n->again_ms = n->again_ms < AGAIN_MAX_MS ? n->again_ms : AGAIN_MAX_MS;
    n->again_at_ms = now_ms + n->again_ms;
    atomic_store(&n->misses, why->rc == RC_INVALID ? SESSION_ELSEWHERE : SESSION_UNREACHABLE);
}

static enum rc try_listener(struct pg_engine *s)
{
    struct nodes *n = &s->nodes;
    struct err why = {0};
    struct link l;
    enum rc rc = open_listener(s, &l, &why);
    if (rc) {
        note_failure(n, &why, clock_mono_us() / 1000);
        n->link.dsn = s->dsn;
        return rc;
    }
    if (n->again_ms) {
        log_info("store.listens", L_C("host", pg_host(l.c)));
    }
    link_close(&n->link);
    n->link = l;
    n->again_ms = n->again_at_ms = 0;
    atomic_store(&n->misses, SESSION_AS_TOLD);
    return RC_OK;
}

enum rc session_ready(struct pg_engine *s, bool *is_new, struct err *e)
{
    struct nodes *n = &s->nodes;
    bool is_due = clock_mono_us() / 1000 >= n->again_at_ms, had = n->link.c;
    *is_new = !had;
    if (n->dsn && is_due && (!had || n->again_ms) && !try_listener(s)) {
        *is_new = true;
        return RC_OK;
    }
    return link_ready(&n->link, LINK_FOR_EVER, e);
}
