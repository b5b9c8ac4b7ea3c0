/* store.c: the one door: picks the engine by the URL, keeps the clock, and lets a caller wait. See store.h. */
#include "store/engine.h"

#include "base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

static const struct {
    enum store_op_kind kind;
    bool is_write;
    const char *name;
} ops[STORE_OP_KINDS] = {
    {STORE_ENQUEUE, true, "enqueue"},
    {STORE_CLAIM, true, "claim"},
    {STORE_REPORT, true, "report"},
    {STORE_ACT, true, "act"},
    {STORE_PATCH, true, "patch"},
    {STORE_STAGE_ARTIFACT, true, "stage_artifact"},
    {STORE_SET_QUEUE, true, "set_queue"},
    {STORE_DELETE_QUEUE, true, "delete_queue"},
    {STORE_SET_SCHEDULE, true, "set_schedule"},
    {STORE_DELETE_SCHEDULE, true, "delete_schedule"},
    {STORE_SET_LIMIT, true, "set_limit"},
    {STORE_DELETE_LIMIT, true, "delete_limit"},
    {STORE_CREATE_KEY, true, "create_key"},
    {STORE_REVOKE_KEY, true, "revoke_key"},
    {STORE_TICK, true, "tick"},
    {STORE_PRUNE, true, "prune"},
    {STORE_FILL, true, "fill"},
    {STORE_GET_JOB, false, "get_job"},
    {STORE_LIST_JOBS, false, "list_jobs"},
    {STORE_LIST_CHILDREN, false, "list_children"},
    {STORE_READ_EVENTS, false, "read_events"},
    {STORE_LIST_ARTIFACTS, false, "list_artifacts"},
    {STORE_GET_ARTIFACT, false, "get_artifact"},
    {STORE_GET_SERIES, false, "get_series"},
    {STORE_LIST_SERIES, false, "list_series"},
    {STORE_LIST_QUEUES, false, "list_queues"},
    {STORE_LIST_SCHEDULES, false, "list_schedules"},
    {STORE_LIST_LIMITS, false, "list_limits"},
    {STORE_LIST_BATCHES, false, "list_batches"},
    {STORE_LIST_RESULTS, false, "list_results"},
    {STORE_STATS, false, "stats"},
    {STORE_LIST_KEYS, false, "list_keys"},
    {STORE_LIST_TENANTS, false, "list_tenants"},
    {STORE_FIND_LEASES, false, "find_leases"},
    {STORE_LOOK, false, "look"},
};

void store_init(struct store_op *op, size_t size, enum store_op_kind kind, struct arena *a)
{
    assert(ops[kind].kind == kind);
    memset(op, 0, size);
    op->kind = kind;
    op->a = a;
}

bool store_op_is_write(enum store_op_kind kind)
{
    return ops[kind].is_write;
}

int64_t store_limit_tenant(int64_t tenant, struct str key)
{
    return str_starts(key, STR(LIMIT_SERVER_PREFIX)) ? 0 : tenant;
}

const char *store_op_name(enum store_op_kind kind)
{
    return ops[kind].name;
}

enum rc store_answer(struct store_op *op, enum rc rc, const char *code, const char *format, ...)
{
    char text[sizeof op->e.text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    op->rc = err_set_code(&op->e, rc, code, NULL, "%s", text);
    return RC_OK;
}

/* ---- open and close */

/* libpq's keywords with nothing before them would be the name of a file, the password in it. */
static bool looks_like_keywords(struct str s)
{
    size_t end = str_find_char(s, '=', 0);
    if (end == 0 || end >= s.n) {
        return false;
    }
    for (size_t i = 0; i < end; i++) {
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_')) {
            return false;
        }
    }
    return true;
}

/* Bytes in front of the colon of what is written like a URL, known or not; s.n: it is a path. */
static size_t scheme_bytes(struct str s)
{
    static const struct str marks = STR("+-._");
    size_t end = 0;
    while (end < s.n &&
           ((s.p[end] >= 'a' && s.p[end] <= 'z') || (s.p[end] >= 'A' && s.p[end] <= 'Z') ||
            (s.p[end] >= '0' && s.p[end] <= '9') || str_find_char(marks, s.p[end], 0) < marks.n)) {
        end++;
    }
    return end < s.n && s.p[end] == ':' ? end : s.n;
}

/* A URL may hold a password: what is said of it is its scheme. */
enum rc store_find_engine(const char *url, const struct store_engine **engine, const char **location,
                          struct err *e)
{
    struct str s = str_from(url);
    *location = url;
    if (str_eq(s, STR("memory:"))) {
        *engine = &sqlite_memory_engine;
        return RC_OK;
    }
    if (str_starts(s, STR("postgres:")) || str_starts(s, STR("postgresql:"))) {
        struct str rest = STR_NONE;
        (void)str_cut(s, ':', &rest);
        *location = str_starts(rest, STR("//")) ? url : rest.p;
        *engine = &pg_engine;
        return RC_OK;
    }
    size_t scheme = scheme_bytes(s);
    if (str_starts(s, STR("sqlite:"))) {
        *location = url + sizeof "sqlite:" - 1;
    } else if (scheme < s.n) {
        return err_set(
            e, RC_INVALID,
            "store %.*s: only sqlite:PATH, postgresql://USER@HOST/DATABASE and memory: are known, in "
            "lower case; a file whose name has a colon is ./NAME",
            (int)scheme + 1, url);
    } else if (looks_like_keywords(s)) {
        return err_set(
            e, RC_INVALID,
            "store: it begins like a DSN in keywords: write postgresql:host=... for a PostgreSQL, and "
            "sqlite:PATH for a file of that name");
    }
    *engine = &sqlite_engine;
    return **location ? RC_OK : err_set(e, RC_INVALID, "store: the path is empty");
}

void store_print_url(const char *url, char *to, size_t size)
{
    struct str s = str_from(url);
    size_t begin = str_find(s, STR("://"), 0) + 3;
    if (!str_starts(s, STR("postgres"))) {
        str_copy(to, size, s);
        return;
    }
    struct str rest = str_sub(s, begin, s.n);
    size_t at = str_find_char(rest, '@', 0), slash = str_find_char(rest, '/', 0);
    struct str user = at < slash ? str_sub(rest, 0, at) : STR("");
    rest = at < slash ? str_sub(rest, at + 1, rest.n) : rest;
    rest = str_sub(rest, 0, str_find_char(rest, '?', 0));
    user = str_sub(user, 0, str_find_char(user, ':', 0));
    if (begin >= s.n || str_find_char(rest, '@', 0) < rest.n) {
        str_copy(to, size, STR("postgresql"));
        return;
    }
    (void)str_print(to, size, "postgresql://%.*s%s%.*s", STR_ARG(user), user.n ? "@" : "", STR_ARG(rest));
}

static const struct store_options no_options = {0};

enum rc store_open(struct store **out, const char *url, const struct store_options *options, struct err *e)
{
    const struct store_engine *engine = NULL;
    const char *location = NULL;
    enum rc rc = store_find_engine(url, &engine, &location, e);
    options = options ? options : &no_options;
    if (!rc && options->listen_dsn && *options->listen_dsn && engine != &pg_engine) {
        rc = err_set(e, RC_INVALID,
                     "--store-listen is for PostgreSQL, and --store names none: leave it out (and "
                     "STINT_STORE_LISTEN), or write --store postgresql://...");
    }
    return rc ? rc : engine->open(out, location, options, e);
}

enum rc store_migrate(const char *url, const struct store_options *options, struct err *e)
{
    const struct store_engine *engine = NULL;
    const char *location = NULL;
    struct store *s = NULL;
    enum rc rc = store_find_engine(url, &engine, &location, e);
    options = options ? options : &no_options;
    if (!rc && engine->migrate) {
        return engine->migrate(location, options, e);
    }
    if (!rc) {
        rc = engine->open(&s, location, options, e);
    }
    store_close(s);
    return rc;
}

void store_start(struct store *s, const struct store_engine *engine, const struct store_options *options)
{
    s->engine = engine;
    s->options = *options;
    s->wall_at_start = clock_wall_ms();
    s->boot_at_start = clock_boot_ms();
}

void store_close(struct store *s)
{
    if (s) {
        s->engine->close(s);
    }
}

/* Wall time read once: a step of the wall clock neither ends leases nor delays jobs. */
int64_t store_now(struct store *s)
{
    if (s->options.now) {
        return s->options.now(s->options.now_ctx);
    }
    return s->wall_at_start + (clock_boot_ms() - s->boot_at_start);
}

void store_grace(struct store *s)
{
    s->engine->grace(s);
}

const char *store_files_dir(struct store *s)
{
    return s->engine->files_dir(s);
}

enum rc store_health(struct store *s)
{
    return s->engine->health(s);
}

bool store_note(struct store *s, char to[STORE_NOTE_BYTES])
{
    return s->engine->note && s->engine->note(s, to);
}

int64_t store_look_ms(struct store *s)
{
    return s->engine->look_ms ? s->engine->look_ms(s) : 0;
}

void store_set_watching(struct store *s, bool is_watching)
{
    if (s->engine->set_watching) {
        s->engine->set_watching(s, is_watching);
    }
}

void store_secret(struct store *s, unsigned char out[32])
{
    memcpy(out, s->secret, sizeof s->secret);
}

/* ---- submit and wait */

void store_submit(struct store *s, struct store_op *op)
{
    op->next = NULL;
    s->engine->submit(s, op);
}

void store_submit_list(struct store *s, struct store_op *first)
{
    s->engine->submit(s, first);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
};

enum rc store_run(struct store *s, struct store_op *op, struct err *e)
{
    struct waiter w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    op->sync = &w;
    store_submit(s, op);
    pthread_mutex_lock(&w.lock);
    while (!w.is_done) {
        pthread_cond_wait(&w.changed, &w.lock);
    }
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.changed);
    op->sync = NULL;
    if (op->rc && e) {
        *e = op->e;
        e->rc = op->rc;
    }
    return op->rc;
}

static void wake(struct waiter *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_done = true;
    pthread_cond_signal(&w->changed); /* under the lock: behind it, w is gone */
    pthread_mutex_unlock(&w->lock);
}

/* Takes the operations that somebody waits for out of the round. */
static struct store_op *take_waited(struct store_round *r)
{
    struct store_op *waited = NULL, **link = &r->done;
    while (*link) {
        struct store_op *op = *link;
        if (op->sync) {
            *link = op->next;
            op->next = waited;
            waited = op;
        } else {
            link = &op->next;
        }
    }
    return waited;
}

void store_deliver(struct store *s, struct store_round *r)
{
    struct store_op *waited = take_waited(r);
    bool is_news = r->change_count || r->line_count || r->has_gap || r->keys_changed || r->is_over ||
                   r->next_due_at >= 0;
    if (s->options.on_round && (r->done || is_news || r->flushes)) {
        s->options.on_round(s->options.on_round_ctx, r);
    } else {
        assert(!r->done); /* an operation without a way back */
        store_round_free(r);
    }
    while (waited) {
        struct store_op *next = waited->next;
        waited->next = NULL;
        wake(waited->sync);
        waited = next;
    }
}

/* A JSON array of names as we wrote it: no escapes, no blanks. */
bool store_queue_allowed(struct str only, struct str queue)
{
    size_t at = 0;

    if (only.n == 0) {
        return true;
    }
    while (queue.n > 0 && (at = str_find(only, queue, at)) < only.n) {
        if (at > 0 && only.p[at - 1] == '"' && at + queue.n < only.n && only.p[at + queue.n] == '"') {
            return true;
        }
        at++;
    }
    return false;
}
