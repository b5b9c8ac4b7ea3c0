/* nodes.c: the thread of this node among the others: see nodes.h. */
#include "store/pg/nodes.h"

#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BEAT_MS    30000 /* who was not seen for two of them is gone: query node_is_alive */
#define OUTAGE_MS  2000  /* workers have not noticed a shorter one */
#define GOODBYE_MS 1000

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* The database's clock, also where a test moves the store's. */
static int64_t database_now(const struct pg_engine *s)
{
    return atomic_load(&s->base.wall_at_start) + (clock_boot_ms() - s->base.boot_at_start);
}

void nodes_raise_grace(struct pg_engine *s, int64_t grace_at)
{
    int64_t known = atomic_load(&s->base.grace_at);
    while (known < grace_at && !atomic_compare_exchange_weak(&s->base.grace_at, &known, grace_at)) {
    }
}

void nodes_wake(struct nodes *n)
{
    (void)!eventfd_write(n->wake_fd, 1);
}

/* ---- the restart grace (J6) */

/* since: by the database's clock, when this node was there last; 0: never. */
static enum rc judge_absence(struct pg_engine *s, struct pg *c, struct arena *a, int64_t since, struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    pg_bind_int_or_null(&q, s->base.options.now != NULL, store_now(&s->base));
    pg_bind_int(&q, since);
    pg_bind_uuid(&q, &s->nodes.id);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_NODE_GRACE), &q, &rows, e);
    if (!rc && pg_count(rows)) {
        nodes_raise_grace(s, pg_int(rows, 0, 0));
    }
    pg_rows_free(rows);
    return rc;
}

enum rc nodes_see_start(struct pg_engine *s, struct pg *c, struct err *e)
{
    if (s->base.options.read_only) {
        return RC_OK;
    }
    struct arena *a = arena_new();
    enum rc rc = judge_absence(s, c, a, 0, e);
    arena_free(a);
    return rc;
}

static bool was_outage(int64_t since, int64_t now)
{
    return since && now - since > OUTAGE_MS;
}

enum rc nodes_see_outage(struct committer *w, struct err *e)
{
    struct pg_engine *s = w->engine;
    int64_t since = atomic_load(&s->nodes.outage_at);
    if (!was_outage(since, database_now(s))) {
        return RC_OK;
    }
    enum rc rc = judge_absence(s, w->link.c, w->keeper.scratch, since, e);
    if (!rc) {
        (void)atomic_compare_exchange_strong(&s->nodes.outage_at, &since, 0);
    }
    return rc;
}

/* ---- the thread: what it asks. A batch of one each. */

static void deliver(struct pg_engine *s, struct store_round *r)
{
    pg_engine_deliver(s, r); /* which drops a record that says nothing */
}

static enum rc ask(struct nodes *n, enum pg_sql_query query, const struct pg_query *q, struct pg_rows **out,
                   struct err *e)
{
    return pg_run(n->link.c, pg_sql(query), q, out, e);
}

static enum rc tell_id(struct nodes *n, enum pg_sql_query query, struct err *e)
{
    struct pg_query q = PG_QUERY(n->scratch);
    pg_bind_uuid(&q, &n->id);
    return ask(n, query, &q, NULL, e);
}

void nodes_see_wishes(struct pg_engine *s, struct store_round *r)
{
    atomic_store(&s->nodes.has_wishes, true);
    atomic_store(&s->nodes.must_look_for_notes, true);
    r->next_due_at = due_wish(&s->due, store_now(&s->base));
}

/* Tells what was found if it says something new. */
static void take_due(struct pg_engine *s, struct due_reading *reading, int64_t found, struct store_round *r)
{
    int64_t told = due_told(&s->due), due_at = due_end(&s->due, reading, found);
    r->next_due_at = due_at != told ? due_at : r->next_due_at;
    s->nodes.has_due = due_at > 0;
}

static void take_keys(struct nodes *n, int64_t keys_are, struct store_round *r)
{
    r->keys_changed = r->keys_changed || (n->keys_are >= 0 && keys_are != n->keys_are);
    n->keys_are = keys_are;
}

static void take_beat(struct pg_engine *s, const struct pg_rows *rows, struct due_reading *reading,
                      struct store_round *r)
{
    struct nodes *n = &s->nodes;
    int64_t now = now_ms();
    n->others = pg_int(rows, 0, 0);
    atomic_store(&n->others_listen, pg_bool(rows, 0, 1));
    atomic_store(&n->others_watch, pg_bool(rows, 0, 2));
    nodes_raise_grace(s, pg_int(rows, 0, 3));
    take_keys(n, pg_int(rows, 0, 4), r);
    take_due(s, reading, pg_int(rows, 0, 5), r);
    if (pg_bool(rows, 0, 6)) {
        nodes_see_wishes(s, r);
    }
    (void)!pg_engine_see_program(s, pg_int(rows, 0, 7), NULL);
    n->beat_at_ms = now + BEAT_MS;
    n->look_at_ms = now + NODES_LOOK_MS;
}

/* Says that we are here, and learns who else is. */
static enum rc beat(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    struct pg_query q = PG_QUERY(n->scratch);
    struct pg_rows *rows = NULL;
    bool is_watching = atomic_load(&n->is_watching);
    struct due_reading reading;
    due_begin_whole(&s->due, &reading, store_now(&s->base));
    pg_bind_uuid(&q, &n->id);
    pg_bind_c(&q, STINT_VERSION);
    pg_bind_bool(&q, !atomic_load(&n->is_deaf));
    pg_bind_bool(&q, is_watching);
    pg_bind_int(&q, reading.from);
    enum rc rc = ask(n, PG_SQL_NODE_BEAT, &q, &rows, e);
    if (rc) {
        due_cancel(&s->due, &reading);
        return rc;
    }
    struct store_round *r = store_round_new();
    take_beat(s, rows, &reading, r);
    pg_rows_free(rows);
    if (is_watching && !n->has_told_watching) {
        notify_line(n, "nodes\n"); /* they beat, and answer: hear_aware */
    }
    n->has_told_watching = is_watching;
    if (n->must_answer) {
        notify_line(n, "aware\n");
        n->must_answer = false;
    }
    deliver(s, r);
    return RC_OK;
}

/* What other nodes wrote may become due, or be of interest here, though nobody could tell. */
static bool is_looking(struct pg_engine *s)
{
    struct nodes *n = &s->nodes;
    bool is_deaf = atomic_load(&n->is_deaf), is_blind = is_deaf && atomic_load(&n->is_watching);
    return n->look_at_ms == 0 || (is_deaf && atomic_load(&n->is_used)) ||
           (n->others > 0 && (is_blind || due_told(&s->due) > 0 || n->has_due));
}

static enum rc look(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    struct pg_query q = PG_QUERY(n->scratch);
    struct pg_rows *rows = NULL;
    struct due_reading reading;
    atomic_store(&n->is_used, false);
    due_begin_whole(&s->due, &reading, store_now(&s->base));
    pg_bind_int(&q, reading.from);
    enum rc rc = ask(n, PG_SQL_NODE_LOOK, &q, &rows, e);
    if (rc) {
        due_cancel(&s->due, &reading);
    } else {
        struct store_round *r = store_round_new();
        take_due(s, &reading, pg_int(rows, 0, 0), r);
        take_keys(n, pg_int(rows, 0, 1), r);
        if (pg_bool(rows, 0, 2)) {
            nodes_see_wishes(s, r);
        }
        r->has_gap = atomic_load(&n->is_deaf) && atomic_load(&n->is_watching);
        n->look_at_ms = now_ms() + NODES_LOOK_MS;
        deliver(s, r);
    }
    pg_rows_free(rows);
    return rc;
}

/* ---- coming and going */

static void see_deafness(struct nodes *n)
{
    bool is_deaf = pg_is_pooled(n->link.c);
    if (is_deaf && !atomic_exchange(&n->is_deaf, true)) {
        log_warn("store.deaf", L_C("host", pg_host(n->link.c)), L_C("note", nodes_note(n)));
    }
    atomic_store(&n->is_deaf, is_deaf);
}

/* From LISTEN on nothing is missed; what was before it is looked for, here and there. */
static enum rc join(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    int64_t since = atomic_load(&n->outage_at);
    see_deafness(n);
    enum rc rc = RC_OK;
    if (!atomic_load(&n->is_deaf)) {
        rc = pg_exec(n->link.c, "LISTEN stint", e);
        rc = rc ? rc : tell_id(n, PG_SQL_NODE_JOIN, e);
    }
    if (!rc && was_outage(since, database_now(s))) {
        rc = judge_absence(s, n->link.c, n->scratch, since, e);
    }
    rc = rc ? rc : beat(s, e);
    if (rc) {
        return rc;
    }
    (void)atomic_compare_exchange_strong(&n->outage_at, &since, 0);
    notify_line(n, n->was_joined ? "nodes\nall\n" : "nodes\n");
    atomic_store(&n->is_joined, true);
    if (n->was_joined) {
        struct store_round *r = store_round_new();
        r->has_gap = r->keys_changed = true;
        deliver(s, r);
    }
    n->was_joined = true;
    return RC_OK;
}

static void see_loss(struct pg_engine *s)
{
    struct nodes *n = &s->nodes;
    link_settle(&n->link);
    if (n->link.c) { /* one statement failed, and would again */
        struct pollfd fd = {.fd = s->stop_fd, .events = POLLIN};
        (void)poll(&fd, 1, NODES_LOOK_MS);
        return;
    }
    if (atomic_exchange(&n->is_joined, false)) {
        atomic_store(&n->outage_at, database_now(s));
    }
}

/* ---- one turn: what is due, then listening until something is */

static int64_t wait_ms(struct pg_engine *s)
{
    const struct nodes *n = &s->nodes;
    int64_t at = is_looking(s) && n->look_at_ms < n->beat_at_ms ? n->look_at_ms : n->beat_at_ms;
    int64_t now = now_ms();
    at = n->again_ms && n->again_at_ms < at ? n->again_at_ms : at;
    return at > now ? at - now : 0;
}

static enum rc hear(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    struct store_round *r = store_round_new();
    struct pg_notification news = {0};
    eventfd_t count = 0;
    enum rc rc = pg_wait_notify(n->link.c, n->wake_fd, wait_ms(s), &news, e);
    (void)!eventfd_read(n->wake_fd, &count);
    while (!rc && news.channel.p) {
        listener_hear(s, news.payload, r);
        rc = pg_wait_notify(n->link.c, 0, 0, &news, e);
    }
    deliver(s, r);
    return rc;
}

static enum rc turn(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    arena_reset(n->scratch);
    bool must_tell = atomic_load(&n->is_watching) && !n->has_told_watching;
    enum rc rc = RC_OK;
    if (must_tell || now_ms() >= n->beat_at_ms) {
        rc = beat(s, e);
    }
    if (!rc && is_looking(s) && now_ms() >= n->look_at_ms) {
        rc = look(s, e);
    }
    if (!rc) {
        rc = notify_send(s, e);
    }
    return rc ? rc : hear(s, e);
}

static void *node_main(void *engine)
{
    struct pg_engine *s = engine;
    struct nodes *n = &s->nodes;
    while (!atomic_load(&n->is_leaving)) {
        struct err e = {0};
        bool is_new = false;
        arena_reset(n->scratch);
        enum rc rc = session_ready(s, &is_new, &e);
        if (!rc && (is_new || !atomic_load(&n->is_joined))) {
            rc = join(s, &e);
        }
        rc = rc ? rc : turn(s, &e);
        if (rc) {
            see_loss(s);
        }
    }
    if (n->link.c && atomic_load(&n->is_joined)) {
        pg_set_timeout(n->link.c, GOODBYE_MS);
        notify_line(n, "nodes\n");
        (void)!tell_id(n, PG_SQL_NODE_LEAVE, NULL);
        (void)!notify_send(s, NULL);
    }
    return NULL;
}

/* ---- life */

const char *nodes_note(const struct nodes *n)
{
    int misses = atomic_load(&n->misses);
    return misses == SESSION_UNREACHABLE
               ? "the database that --store-listen names cannot be reached: this server goes by --store "
                 "alone, "
                 "and where a pooler stands jobs of other nodes are found by looking once a second"
           : misses == SESSION_ELSEWHERE
               ? "--store-listen leads to another database than --store: it is not used, and where a pooler "
                 "stands jobs of other nodes are found by looking once a second"
           : atomic_load(&n->is_deaf)
               ? "a pooler in transaction mode stands before the database: jobs of other nodes "
                 "are found by looking once a second; --store-listen names the database itself"
           : n->has_thread && !atomic_load(&n->is_joined)
               ? "no session of this server is there to listen: news of other servers are found by looking"
               : NULL;
}

void nodes_init(struct pg_engine *s)
{
    struct nodes *n = &s->nodes;
    const char *dsn = s->base.options.listen_dsn;
    n->dsn = dsn && *dsn ? mem_c_str(str_from(dsn)) : NULL;
    n->id = s->node;
    n->scratch = arena_new();
    n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    n->keys_are = -1;
    n->has_wishes = true;
    n->outbox = BUF_LIMIT((size_t)1 << 20);
    pthread_mutex_init(&n->lock, NULL);
    link_init(&n->link, n->dsn ? n->dsn : s->dsn, LINK_LISTENER, s->stop_fd);
    n->link.fence = &s->fence;
}

/* A store that nobody serves from (an admin command, a test) is no node. */
enum rc nodes_start(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    if (s->base.options.read_only || !s->base.options.on_round) {
        return RC_OK;
    }
    if (pthread_create(&n->thread, NULL, node_main, s) != 0) {
        return err_set(e, RC_FATAL, "no thread for the node");
    }
    n->has_thread = true;
    return RC_OK;
}

void nodes_leave(struct pg_engine *s)
{
    atomic_store(&s->nodes.is_leaving, true);
    nodes_wake(&s->nodes);
    if (!atomic_load(&s->nodes.is_joined)) {
        (void)!eventfd_write(s->stop_fd, 1);
    }
}

void nodes_dispose(struct pg_engine *s)
{
    struct nodes *n = &s->nodes;
    link_close(&n->link);
    arena_free(n->scratch);
    buf_dispose(&n->outbox);
    close(n->wake_fd);
    mem_free(n->dsn);
    mem_free(n->store);
}
