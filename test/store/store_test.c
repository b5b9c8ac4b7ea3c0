/* store_test.c: see store_test.h. */
#include "store_test.h"

#include "pg_rig.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* As after the migrations; the partitions of history stay. */
#define EMPTY                                                                                                \
    "DO $$ DECLARE t text; BEGIN "                                                                           \
    "FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'stint'::regnamespace "                      \
    "AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('migration', 'meta', 'service') "  \
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

/* ---- enqueue and claim */

static struct job_spec with_defaults(struct job_spec spec)
{
    spec.kind = spec.kind.n ? spec.kind : STR("k");
    spec.args = spec.args.n ? spec.args : STR("{}");
    return spec;
}

struct enqueue_verdict enqueue_spec(struct store_test *s, struct job_spec spec)
{
    struct err err = {0};
    struct job_spec full = with_defaults(spec);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = &full;
    op.count = 1;
    enum rc rc = store_run(s->store, &op.op, &err);
    if (rc && (!op.verdicts || !op.verdicts[0].rc)) { /* refused as a whole: a full disk, a full queue */
        return (struct enqueue_verdict){.rc = rc, .e = err};
    }
    ck_assert_msg(rc == op.verdicts[0].rc, "one item: the operation says %s, its verdict %s", rc_name(rc),
                  rc_name(op.verdicts[0].rc));
    return op.verdicts[0];
}

struct id enqueue_new(struct store_test *s, struct job_spec spec, enum job_state expected)
{
    struct enqueue_verdict v = enqueue_spec(s, spec);
    VERDICT(v, RC_OK);
    CHECK_FALSE(v.duplicate);
    CHECK_STR(str_from(job_state_name(v.state)), str_from(job_state_name(expected)));
    return v.job;
}

struct claimed claim_wished(struct store_test *s, struct claim_wish wish)
{
    struct str queue = wish.queue.n ? wish.queue : STR("default");
    AN_OP(s, op, store_claim, STORE_CLAIM);
    op.tenant = s->tenant;
    op.worker = wish.worker.n ? wish.worker : STR("w");
    op.queues = &queue;
    op.queue_count = 1;
    op.kinds = &wish.kind;
    op.kind_count = wish.kind.n ? 1 : 0;
    op.max = wish.max;
    op.lease_ms = wish.lease_ms;
    run_op(s, &op.op);
    return (struct claimed){op.jobs, op.count};
}

struct job *claim_exactly_one(struct store_test *s, struct claim_wish wish)
{
    struct claimed c = claim_wished(s, wish);
    CHECK_INT(c.count, 1);
    return &c.jobs[0];
}

struct job *claim_new(struct store_test *s, struct job_spec spec)
{
    struct id id = enqueue_new(s, spec, JOB_QUEUED);
    struct job *job = claim_one(s, .queue = spec.queue, .kind = spec.kind);
    CHECK_ID(job->id, id);
    return job;
}

struct id finish_new(struct store_test *s, enum job_state state, struct job_spec spec)
{
    struct job *job = claim_new(s, spec);
    if (state == JOB_COMPLETED) {
        VERDICT(complete(s, job, 1, .result = STR("{\"r\":1}")), RC_OK);
    } else if (state == JOB_FAILED) {
        VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
    } else {
        VERDICT(cancel(s, job->id), RC_OK);
        VERDICT(fail(s, job, 1, ERROR_TRANSIENT), RC_OK);
    }
    CHECK_STATE(s, job->id, state);
    return job->id;
}

/* ---- report and act */

struct report_verdict report_one(struct store_test *s, struct report r)
{
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = &r;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0];
}

struct report_verdict say(struct store_test *s, const struct job *job, int64_t n, struct str type)
{
    struct report_event event = {type, STR("{}")};
    return progress(s, job, n, .events = &event, .event_count = 1);
}

static struct act_verdict act(struct store_test *s, enum job_action action, struct id id, bool of_batches)
{
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = action;
    op.of_batches = of_batches;
    op.ids = &id;
    op.count = 1;
    run_op(s, &op.op);
    CHECK_INT(op.verdict_count, 1);
    return op.verdicts[0];
}

struct act_verdict act_on(struct store_test *s, enum job_action action, struct id id)
{
    return act(s, action, id, false);
}

struct act_verdict act_on_batch(struct store_test *s, enum job_action action, struct id batch)
{
    return act(s, action, batch, true);
}

/* ---- artifacts */

enum rc stage_row(struct store_test *s, const struct job *job, struct str name, struct str bytes,
                  struct err *e)
{
    AN_OP(s, op, store_stage_artifact, STORE_STAGE_ARTIFACT);
    op.tenant = s->tenant;
    op.job = job->id;
    op.lease = job->lease;
    op.artifact = (struct artifact){
        .name = name, .media_type = STR("text/plain"), .size = (int64_t)bytes.n, .bytes = bytes};
    memset(op.artifact.sha256, (int)bytes.n, sizeof op.artifact.sha256);
    return store_run(s->store, &op.op, e);
}

enum rc stage_file(struct store_test *s, const struct job *job, struct str name, size_t n, char fill,
                   struct err *e)
{
    static int counter;
    char *bytes = mem_alloc(n);
    memset(bytes, fill, n);
    AN_OP(s, op, store_stage_artifact, STORE_STAGE_ARTIFACT);
    struct str path = arena_printf(s->a, "%s/upload-%d.tmp", store_files_dir(s->store), counter++);
    int fd = open(path.p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "cannot make %s", path.p);
    ck_assert_msg(write(fd, bytes, n) == (ssize_t)n && fsync(fd) == 0, "cannot write %s", path.p);
    close(fd);
    mem_free(bytes);
    op.tenant = s->tenant;
    op.job = job->id;
    op.lease = job->lease;
    op.artifact = (struct artifact){
        .name = name, .media_type = STR("application/octet-stream"), .size = (int64_t)n, .path = path};
    memset(op.artifact.sha256, fill, sizeof op.artifact.sha256);
    enum rc rc = store_run(s->store, &op.op, e);
    if (rc) {
        unlink(path.p); /* still ours */
    }
    return rc;
}

struct store_get_artifact artifact_of(struct store_test *s, struct id job, struct str name)
{
    struct err err = {0};
    AN_OP(s, op, store_get_artifact, STORE_GET_ARTIFACT);
    op.tenant = s->tenant;
    op.job = job;
    op.name = name;
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

size_t artifact_count_of(struct store_test *s, struct id job)
{
    AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
    op.tenant = s->tenant;
    op.job = job;
    run_op(s, &op.op);
    return op.count;
}

struct store_get_series series_of(struct store_test *s, struct str name, int64_t limit)
{
    struct err err = {0};
    AN_OP(s, op, store_get_series, STORE_GET_SERIES);
    op.tenant = s->tenant;
    op.name = name;
    op.limit = limit;
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

/* ---- look */

static enum rc get_job(struct store_test *s, struct id id, struct job **out)
{
    struct err err = {0};
    AN_OP(s, op, store_get_job, STORE_GET_JOB);
    op.tenant = s->tenant;
    op.id = id;
    enum rc rc = store_run(s->store, &op.op, &err);
    ck_assert_msg(rc == RC_OK || rc == RC_NOT_FOUND, "get_job: %s: %s", rc_name(rc), err.text);
    *out = op.job;
    return rc;
}

bool has_job(struct store_test *s, struct id id)
{
    struct job *job = NULL;
    return get_job(s, id, &job) == RC_OK;
}

struct job *job_of(struct store_test *s, struct id id)
{
    struct job *job = NULL;
    ck_assert_msg(get_job(s, id, &job) == RC_OK, "no job %s", id_text(id).s);
    return job;
}

enum job_state state_of(struct store_test *s, struct id id)
{
    return job_of(s, id)->state;
}

struct store_read_events events_of(struct store_test *s, struct id id, int64_t after, int64_t limit)
{
    AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
    op.tenant = s->tenant;
    op.job_id = id;
    op.after = after;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

struct store_list_jobs list_of(struct store_test *s, struct job_filter filter, int64_t limit)
{
    AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
    op.tenant = s->tenant;
    op.filter = filter;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

/* Calls `each` for every job that matches, over all pages. */
static size_t walk_jobs(struct store_test *s, struct job_filter filter,
                        void (*each)(void *ctx, const struct job *job), void *ctx)
{
    size_t count = 0;
    int64_t cursor = 0;
    do {
        AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
        op.tenant = s->tenant;
        op.filter = filter;
        op.cursor = cursor;
        op.limit = 100;
        run_op(s, &op.op);
        for (size_t i = 0; i < op.count && each; i++) {
            each(ctx, &op.jobs[i]);
        }
        count += op.count;
        cursor = op.next_cursor;
    } while (cursor);
    return count;
}

size_t count_of(struct store_test *s, struct job_filter filter)
{
    return walk_jobs(s, filter, NULL, NULL);
}

struct queue_view *queue_of(struct store_test *s, struct str name)
{
    struct err err = {0};
    AN_OP(s, op, store_list_queues, STORE_LIST_QUEUES);
    op.tenant = s->tenant;
    op.name = name;
    enum rc rc = store_run(s->store, &op.op, &err);
    ck_assert_msg(rc == RC_OK || rc == RC_NOT_FOUND, "list_queues: %s: %s", rc_name(rc), err.text);
    return rc == RC_OK ? &op.queues[0] : NULL;
}

struct store_stats stats_of(struct store_test *s)
{
    AN_OP(s, op, store_stats, STORE_STATS);
    op.tenant = s->tenant;
    run_op(s, &op.op);
    return op;
}

/* ---- recount */

#define RECOUNT_QUEUES 32

struct recount {
    struct str queues[RECOUNT_QUEUES];
    int64_t counts[RECOUNT_QUEUES][JOB_STATES];
    int64_t totals[JOB_STATES];
    size_t queue_count;
};

static size_t recount_queue(struct recount *r, struct str name)
{
    for (size_t i = 0; i < r->queue_count; i++) {
        if (str_eq(r->queues[i], name)) {
            return i;
        }
    }
    ck_assert_int_lt(r->queue_count, RECOUNT_QUEUES);
    r->queues[r->queue_count] = name;
    return r->queue_count++;
}

static void recount_job(void *ctx, const struct job *job)
{
    struct recount *r = ctx;
    r->counts[recount_queue(r, job->queue)][job->state]++;
    r->totals[job->state]++;
}

static void check_state_counts(struct str what, const int64_t *got, const int64_t *want)
{
    for (int i = 0; i < JOB_STATES; i++) {
        ck_assert_msg(got[i] == want[i], "%.*s, %s: the count says %lld, a recount %lld", STR_ARG(what),
                      job_state_name((enum job_state)i), (long long)got[i], (long long)want[i]);
    }
}

void check_counts(struct store_test *s)
{
    struct recount r = {0};
    struct store_stats stats = stats_of(s);
    int64_t queued_by_kind = 0;

    (void)walk_jobs(s, (struct job_filter){0}, recount_job, &r);
    check_state_counts(STR("the tenant"), stats.counts, r.totals);
    for (size_t i = 0; i < r.queue_count; i++) {
        struct queue_view *view = queue_of(s, r.queues[i]);
        ck_assert_msg(view, "no queue %.*s", STR_ARG(r.queues[i]));
        check_state_counts(r.queues[i], view->counts, r.counts[i]);
    }
    for (size_t i = 0; i < stats.kind_count; i++) {
        CHECK_TRUE(stats.kinds[i].queued >= 0);
        queued_by_kind += stats.kinds[i].queued;
    }
    CHECK_INT(queued_by_kind, r.totals[JOB_QUEUED]);
}

void check_events(struct store_test *s, struct id id)
{
    struct store_read_events r = events_of(s, id, 0, 1000);
    struct job *job = job_of(s, id);
    CHECK_INT(r.count, job->last_seq);
    CHECK_INT(r.last_seq, job->last_seq);
    for (size_t i = 0; i < r.count; i++) {
        CHECK_INT(r.events[i].seq, i + 1);
    }
    if (job_state_is_final(job->state)) {
        CHECK_TRUE(r.count > 0);
        CHECK_STR(r.events[r.count - 1].type, STR("end"));
    }
}

/* ---- queues */

struct queue_view *set_queue(struct store_test *s, struct str name, struct queue_settings settings)
{
    AN_OP(s, op, store_set_queue, STORE_SET_QUEUE);
    op.tenant = s->tenant;
    op.name = name;
    op.has_settings = true;
    op.settings = settings;
    op.pause = -1;
    run_op(s, &op.op);
    return op.queue;
}

static void set_pause(struct store_test *s, struct str name, int pause)
{
    AN_OP(s, op, store_set_queue, STORE_SET_QUEUE);
    op.tenant = s->tenant;
    op.name = name;
    op.pause = pause;
    run_op(s, &op.op);
    CHECK_INT(op.queue->is_paused, pause);
}

void pause_queue(struct store_test *s, struct str name)
{
    set_pause(s, name, 1);
}

void resume_queue(struct store_test *s, struct str name)
{
    set_pause(s, name, 0);
}

/* ---- chance */

int64_t repeat(const char *variable, int64_t full, int64_t small)
{
    const char *told = getenv(variable);
    int64_t count = getenv("STINT_SMALL") ? small : full;
    if (told && !str_to_i64(str_from(told), &count)) {
        ck_abort_msg("%s is a number", variable);
    }
    return count;
}

struct chance chance_begin(const char *what)
{
    const char *told = getenv("STINT_SEED");
    int64_t seed = (int64_t)(random_u64() >> 1);
    if (told && !str_to_i64(str_from(told), &seed)) {
        ck_abort_msg("STINT_SEED is a number");
    }
    printf("%s: STINT_SEED=%lld\n", what, (long long)seed);
    fflush(stdout);
    return (struct chance){(uint64_t)seed};
}

uint64_t chance_next(struct chance *c)
{
    uint64_t x = c->state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

int64_t chance_below(struct chance *c, int64_t n)
{
    return (int64_t)(chance_next(c) % (uint64_t)n);
}

bool chance_percent(struct chance *c, int64_t percent)
{
    return chance_below(c, 100) < percent;
}
