/* engine.c: opens and closes a node of a PostgreSQL store: checks, schema, threads, the private folder of files. */
#include "store/pg/claimed.h"
#include "store/pg/keeper.h"

#include "store/copy_engine.h"
#include "store/pg/care.h"
#include "store/pg/migrate.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READERS     4
#define READERS_MAX 16
_Static_assert(COMMITTERS + READERS + 2 /* slow lane, listener */ == 10, "docs/postgresql.md, link.c");
#define CLOSE_WAIT_S 5
#define START_MS     10000 /* of each question at the start, behind the migrations */

/* ---- what other files use */

void pg_engine_refuse(struct pg_engine *s, struct store_op *list, const struct err *why)
{
    struct store_round *r = store_round_new();
    for (struct store_op *op = list; op; op = op->next) {
        op->rc = why->rc;
        op->e = *why;
    }
    r->done = list;
    store_deliver(&s->base, r);
}

void pg_engine_deliver(struct pg_engine *s, struct store_round *r)
{
    pthread_mutex_lock(&s->deliver_lock);
    if (r->next_due_at >= 0) {
        int64_t lanes_at = lanes_next_at(&s->lanes);
        r->next_due_at = due_told(&s->due);
        r->next_due_at =
            lanes_at && (!r->next_due_at || lanes_at < r->next_due_at) ? lanes_at : r->next_due_at;
    }
    store_deliver(&s->base, r);
    pthread_mutex_unlock(&s->deliver_lock);
}

struct id pg_engine_next_id(struct pg_engine *s, int64_t now)
{
    pthread_mutex_lock(&s->id_lock);
    struct id id = id_next(&s->ids, now);
    pthread_mutex_unlock(&s->id_lock);
    return id;
}

int64_t pg_engine_last_ordinal(struct pg_engine *s)
{
    pthread_mutex_lock(&s->id_lock);
    int64_t ordinal = s->ids.last_ordinal;
    pthread_mutex_unlock(&s->id_lock);
    return ordinal;
}

void pg_engine_see_clock(struct pg_engine *s, int64_t database_now)
{
    atomic_store(&s->base.wall_at_start, database_now - (clock_boot_ms() - s->base.boot_at_start));
}

/* ---- the private folder: what is in it is a cache, and of uploads under way */

static enum rc make_files_dir(struct pg_engine *s, struct err *e)
{
    const char *root = getenv("TMPDIR");
    char path[4096];
    str_print(path, sizeof path, "%s/stint-node-XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(path)) {
        return err_from_errno(e, errno, path);
    }
    s->files_dir = mem_c_str(str_from(path));
    return RC_OK;
}

static void remove_files_dir(struct pg_engine *s)
{
    DIR *dir = s->files_dir ? opendir(s->files_dir) : NULL;
    char path[4096 + 300];
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        str_print(path, sizeof path, "%s/%s", s->files_dir, d->d_name);
        (void)unlink(path); /* "." and ".." are no files */
    }
    if (dir) {
        closedir(dir);
        (void)rmdir(s->files_dir);
    }
}

/* ---- threads */

static enum rc start_threads(struct pg_engine *s, struct err *e)
{
    for (int i = 0; i < s->committer_count + OWN_LANES && !s->base.options.read_only; i++) {
        struct committer *w = &s->committers[i];
        if (pthread_create(&w->thread, NULL, pg_committer_main, w) != 0) {
            return err_set(e, RC_FATAL, "no thread for a committer");
        }
        w->has_thread = true;
    }
    int want = s->base.options.readers > 0 ? s->base.options.readers : READERS;
    want = want > READERS_MAX ? READERS_MAX : want;
    s->readers = mem_alloc((size_t)want * sizeof *s->readers);
    s->reader_threads = mem_alloc((size_t)want * sizeof *s->reader_threads);
    for (int i = 0; i < want; i++) {
        struct reader *r = &s->readers[i];
        *r = (struct reader){.engine = s, .scratch = arena_new()};
        link_init(&r->link, s->dsn, LINK_READER, s->stop_fd);
        r->link.fence = &s->fence;
        if (pthread_create(&s->reader_threads[i], NULL, pg_reader_main, r) != 0) {
            arena_free(r->scratch);
            return err_set(e, RC_FATAL, "no thread for a reader");
        }
        s->reader_count++;
    }
    return nodes_start(s, e);
}

/* What was submitted is finished, but a database that is away, or a lock that is held, is waited for no longer than until then. */
static void join(struct pg_engine *s, pthread_t thread, const struct timespec *until)
{
    if (pthread_timedjoin_np(thread, NULL, until) != 0) {
        (void)!eventfd_write(s->stop_fd, 1);
        pthread_join(thread, NULL);
    }
}

static void join_committers(struct pg_engine *s, int from, int end, const struct timespec *until)
{
    for (int i = from; i < end; i++) {
        op_queue_close(&s->committers[i].ops);
    }
    for (int i = from; i < end; i++) {
        if (s->committers[i].has_thread) {
            join(s, s->committers[i].thread, until);
        }
    }
}

/* In the order in which they hand work on: committers, the slow lane, readers (a round's callback may submit reads);
 * the one that tells the other nodes of it all goes last. */
static void stop_threads(struct pg_engine *s)
{
    const struct timespec until = {.tv_sec = clock_wall_ms() / 1000 + CLOSE_WAIT_S};
    join_committers(s, 0, s->committer_count, &until);
    join_committers(s, s->committer_count, s->committer_count + OWN_LANES, &until);
    op_queue_close(&s->reads);
    for (int i = 0; i < s->reader_count; i++) {
        join(s, s->reader_threads[i], &until);
        link_close(&s->readers[i].link);
        arena_free(s->readers[i].scratch);
    }
    if (s->nodes.has_thread) {
        nodes_leave(s);
        join(s, s->nodes.thread, &until);
    }
}

static void dispose(struct pg_engine *s)
{
    for (int i = 0; i < s->committer_count + OWN_LANES; i++) {
        committer_dispose(&s->committers[i]);
    }
    cache_close(&s->cache);
    nodes_dispose(s);
    heads_dispose(&s->heads);
    lanes_dispose(&s->lanes);
    remove_files_dir(s);
    close(s->stop_fd);
    mem_free(s->partitions.known);
    claimed_dispose(&s->claimed);
    mem_free(s->committers);
    mem_free(s->readers);
    mem_free(s->reader_threads);
    mem_free(s->files_dir);
    mem_free(s->dsn);
    mem_free(s);
}

static void engine_close(struct store *store)
{
    struct pg_engine *s = (struct pg_engine *)store;
    stop_threads(s);
    dispose(s);
}

/* ---- open */

static enum rc read_meta(struct pg_engine *s, struct pg *c, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_META_ALL), NULL, &r, e);
    for (size_t i = 0; !rc && i < pg_count(r); i++) {
        struct str bytes = pg_str(r, i, 2);
        if (str_eq(pg_str(r, i, 0), STR("epoch"))) {
            s->first_lease += pg_int(r, i, 1) << 32;
        } else if (str_eq(pg_str(r, i, 0), STR("lease_start"))) {
            s->first_lease += pg_int(r, i, 1);
        } else if (str_eq(pg_str(r, i, 0), STR(COPY_MARK))) {
            rc = err_set(e, RC_FATAL, COPY_REFUSAL);
        } else if (str_eq(pg_str(r, i, 0), STR("last_ordinal"))) {
            s->ids.last_ordinal = pg_int(r, i, 1);
        } else if (str_eq(pg_str(r, i, 0), STR("secret")) && bytes.n == sizeof s->base.secret) {
            memcpy(s->base.secret, bytes.p, bytes.n);
        }
    }
    pg_rows_free(r);
    return rc;
}

/* Ids grow also when the clock has stepped back since the newest was given. */
static enum rc read_last_id(struct pg_engine *s, struct pg *c, struct err *e)
{
    struct pg_rows *r = NULL;
    enum rc rc = pg_run(c, pg_sql(PG_SQL_JOB_LAST_ID), NULL, &r, e);
    for (size_t i = 0; !rc && i < pg_count(r); i++) {
        int64_t ordinal = id_ordinal(pg_uuid(r, i, 0));
        s->ids.last_ordinal = ordinal > s->ids.last_ordinal ? ordinal : s->ids.last_ordinal;
    }
    pg_rows_free(r);
    return rc;
}

static enum rc read_clock(struct pg_engine *s, struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *r = NULL;
    pg_bind_int_or_null(&q, false, 0);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_ROUND_CLOCK), &q, &r, e);
    if (!rc) {
        pg_engine_see_clock(s, pg_int(r, 0, 0));
    }
    pg_rows_free(r);
    arena_free(a);
    return rc;
}

static enum rc open_schema(struct link *l, const struct store_options *options, struct err *e)
{
    enum rc rc = link_open(l, e);
    if (!rc) {
        rc = server_check(l->c, options->unsafe, e);
    }
    if (!rc) {
        rc = options->read_only ? pg_migrate_check(l->c, e) : migrate(l->c, clock_wall_ms(), e);
    }
    return rc;
}

/* On a connection of its own, which may wait longer than those of the threads. */
static enum rc prepare(struct pg_engine *s, struct err *e)
{
    struct link l;
    link_init(&l, s->dsn, LINK_ADMIN, s->stop_fd);
    l.fence = &s->fence;
    enum rc rc = open_schema(&l, &s->base.options, e);
    if (!rc) {
        pg_set_timeout(l.c, START_MS);
        rc = read_meta(s, l.c, e);
    }
    if (!rc) {
        rc = read_last_id(s, l.c, e);
    }
    if (!rc) {
        rc = read_clock(s, l.c, e);
    }
    if (!rc) {
        rc = session_see_start(s, l.c, e);
    }
    if (!rc) {
        rc = nodes_see_start(s, l.c, e);
    }
    if (!rc && !s->base.options.read_only) {
        rc = scout_open(s, l.c, e);
    }
    link_close(&l);
    return rc;
}

static struct pg_engine *engine_new(const char *dsn, const struct store_options *options)
{
    struct pg_engine *s = mem_alloc(sizeof *s);
    store_start(&s->base, &pg_engine, options);
    s->dsn = mem_c_str(str_from(dsn));
    s->node = id_random(clock_wall_ms());
    s->fence.may_lose = options->unsafe;
    s->fence.dsn = s->dsn;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->committer_count = options->committers > 0 ? options->committers : COMMITTERS;
    s->committer_count = s->committer_count > COMMITTERS_MAX ? COMMITTERS_MAX : s->committer_count;
    pthread_mutex_init(&s->id_lock, NULL);
    pthread_mutex_init(&s->deliver_lock, NULL);
    due_init(&s->due);
    pthread_mutex_init(&s->partitions.lock, NULL);
    claimed_init(&s->claimed);
    op_queue_init(&s->reads);
    heads_init(&s->heads);
    lanes_init(&s->lanes);
    s->due.is_unhurried = s->heads.is_unhurried = s->lanes.is_unhurried = options->unhurried;
    nodes_init(s);
    s->committers = mem_alloc(((size_t)s->committer_count + OWN_LANES) * sizeof *s->committers);
    for (int i = 0; i < s->committer_count + OWN_LANES; i++) {
        committer_init(&s->committers[i], s, i);
    }
    return s;
}

static enum rc engine_open(struct store **out, const char *location, const struct store_options *options,
                           struct err *e)
{
    struct pg_engine *s = engine_new(location, options);
    enum rc rc = pg_sql_load(e);
    if (!rc) {
        rc = prepare(s, e);
    }
    if (!rc) {
        rc = make_files_dir(s, e);
    }
    if (!rc) {
        rc = cache_open(&s->cache, s->files_dir, CACHE_BYTES, e);
    }
    if (!rc) {
        rc = start_threads(s, e);
    }
    if (rc) {
        err_wrap(e, rc, "store");
        stop_threads(s);
        dispose(s);
        return rc;
    }
    *out = &s->base;
    return RC_OK;
}

static enum rc engine_migrate(const char *location, const struct store_options *options, struct err *e)
{
    struct link l;
    link_init(&l, location, LINK_ADMIN, -1);
    enum rc rc = pg_sql_load(e);
    if (!rc) {
        rc = open_schema(&l, options, e);
    }
    link_close(&l);
    return rc ? err_wrap(e, rc, "store") : RC_OK;
}

/* ---- the rest of the engine's table */

static void engine_submit(struct store *store, struct store_op *first)
{
    struct nodes *n = &((struct pg_engine *)store)->nodes;
    if (atomic_load(&n->is_deaf) && !atomic_exchange(&n->is_used, true)) {
        nodes_wake(n);
    }
    route_submit((struct pg_engine *)store, first);
}

static void engine_grace(struct store *store)
{
    atomic_store(&store->grace_at, store_now(store));
}

static const char *engine_files_dir(struct store *store)
{
    return ((struct pg_engine *)store)->files_dir;
}

static enum rc engine_health(struct store *store)
{
    return pg_engine_health((struct pg_engine *)store);
}

static bool engine_note(struct store *store, char to[STORE_NOTE_BYTES])
{
    return pg_engine_note((struct pg_engine *)store, to);
}

static int64_t engine_look_ms(struct store *store)
{
    (void)store;
    return NODES_LOOK_MS;
}

static void engine_set_watching(struct store *store, bool is_watching)
{
    struct nodes *n = &((struct pg_engine *)store)->nodes;
    if (atomic_exchange(&n->is_watching, is_watching) != is_watching && is_watching) {
        nodes_wake(n);
    }
}

const struct store_engine pg_engine = {
    .name = "postgresql",
    .open = engine_open,
    .migrate = engine_migrate,
    .close = engine_close,
    .submit = engine_submit,
    .grace = engine_grace,
    .files_dir = engine_files_dir,
    .health = engine_health,
    .note = engine_note,
    .look_ms = engine_look_ms,
    .set_watching = engine_set_watching,
    .copy = &pg_copy,
};
