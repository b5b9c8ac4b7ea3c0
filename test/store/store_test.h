/* store_test.h: how a test of the store looks. Written against store/store.h alone: whatever engine stands behind it
 * must pass. Each STORE_TEST runs once for every engine of the table in store_test.c, in its own process, with an open
 * store whose clock the test moves, a tenant, and a second one that owns nothing:
 *
 *     STORE_TEST(a_paused_queue_gives_nothing)
 *     {
 *         struct id id = a_queued_job(s, .queue = STR("mail"));
 *         pause_queue(s, STR("mail"));
 *         claim_none(s, .queue = STR("mail"));
 *         CHECK_STATE(s, id, JOB_QUEUED);
 *     }
 *
 * An engine that cannot run here is skipped and says why; REQUIRE=name (of the engine) makes that a failure.
 * What helpers return lives as long as the test. Everything runs through store_run, one operation after another. */
#ifndef STINT_TEST_STORE_TEST_H
#define STINT_TEST_STORE_TEST_H

#include "store/store.h"
#include "test.h"

/* Helpers set defaults first, then what the test says: the second initializer is meant to win. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define SECOND      1000LL
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define TEST_BEGINS 1900000000000LL /* the store's clock at the start of each test */

struct store_engine;

struct store_test {
    struct store *store;
    struct arena *a; /* as long as the test */
    const struct store_engine *engine;
    struct store_options options;
    char url[600];
    int64_t tenant;  /* whom the helpers act for */
    int64_t foreign; /* another one */
    _Atomic int64_t now;
};

/* What an engine must be for a test to make sense on it. */
enum store_need {
    NEEDS_NOTHING,
    NEEDS_DURABLE, /* keeps what it has over a close */
    NEEDS_FILE,    /* is one file of one server */
    NEEDS_SERVER,  /* is a database server, and nothing else */
};

struct store_case {
    const struct store_engine *engine;
    void (*run)(struct store_test *s, struct err *e);
    enum store_need need;
};

/* Puts one test per engine into the registry: of those that STINT_TEST_ENGINES lists (`sqlite,memory,pg`). */
void store_test_register(const struct test_case *t, void (*run)(struct store_test *s, struct err *e),
                         enum store_need need);

#define STORE_TEST_(test_name, seconds, need)                                                                \
    static void test_name(struct store_test *s, struct err *e);                                              \
    __attribute__((constructor)) static void test_add_##test_name(void)                                      \
    {                                                                                                        \
        struct test_case t = {#test_name, __FILE__, __LINE__, (seconds), NULL, NULL, NULL};                  \
        store_test_register(&t, test_name, (need));                                                          \
    }                                                                                                        \
    static void test_name(struct store_test *s __attribute__((unused)), struct err *e __attribute__((unused)))
#define STORE_TEST(test_name)                 STORE_TEST_(test_name, 60, NEEDS_NOTHING)
#define STORE_TEST_WITHIN(test_name, seconds) STORE_TEST_(test_name, seconds, NEEDS_NOTHING)
/* For tests that reopen(). */
#define DURABLE_STORE_TEST(test_name) STORE_TEST_(test_name, 60, NEEDS_DURABLE)
/* For tests whose subject is the file: its disk, its one owner, the end of the server when it cannot be flushed. */
#define FILE_STORE_TEST(test_name) STORE_TEST_(test_name, 60, NEEDS_FILE)
/* For tests whose subject is the database server: strangers on it, and connections to it. */
#define SERVER_STORE_TEST(test_name) STORE_TEST_(test_name, 60, NEEDS_SERVER)

/* ---- the store itself */

void reopen(struct store_test *s);           /* closes it and opens it again, at the test's time */
bool is_durable(const struct store_test *s); /* the engine keeps what it has over a close, and flushes */
bool is_server(const struct store_test *s);  /* the engine is a database server */
void run_op(struct store_test *s, struct store_op *op); /* store_run that must answer RC_OK */
/* As if somebody else asked: helpers act for the other tenant until the next call. */
void as_tenant(struct store_test *s, int64_t tenant);
const char *another_pg_url(void); /* of an empty store on PostgreSQL; NULL: there is no server here */

#define AN_OP(s, var, type, op_kind)                                                                         \
    struct type var;                                                                                         \
    store_init(&var.op, sizeof var, op_kind, (s)->a)

/* ---- time */

void advance(struct store_test *s, int64_t ms);
int64_t tick(struct store_test *s);             /* until nothing more is due; how many rows it changed */
int64_t pass(struct store_test *s, int64_t ms); /* advance, then tick */
int64_t prune(struct store_test *s);            /* until nothing more; how many rows went */

/* ---- enqueue. Unless told: queue `default`, kind `k`, args `{}`. */

struct enqueue_verdict enqueue_spec(struct store_test *s, struct job_spec spec);
struct id enqueue_new(struct store_test *s, struct job_spec spec, enum job_state expected);
#define enqueue(s, ...)      enqueue_spec((s), (struct job_spec){__VA_ARGS__}) /* the verdict, good or bad */
#define a_queued_job(s, ...) enqueue_new((s), (struct job_spec){__VA_ARGS__}, JOB_QUEUED)
#define a_scheduled_job(s, delay, ...)                                                                       \
    enqueue_new((s), (struct job_spec){.delay_ms = (delay), __VA_ARGS__}, JOB_SCHEDULED)
#define a_processing_job(s, ...) claim_new((s), (struct job_spec){__VA_ARGS__})
struct job *claim_new(struct store_test *s, struct job_spec spec);
/* A job that reached this final state the ordinary way (JOB_SKIPPED cannot be reached yet). */
#define a_final_job(s, state, ...) finish_new((s), (state), (struct job_spec){__VA_ARGS__})
struct id finish_new(struct store_test *s, enum job_state state, struct job_spec spec);

/* ---- claim. Unless told: queue `default`, every kind, worker `w`, at most one, the queue's lease. */

struct claim_wish {
    struct str queue, kind, worker;
    int64_t max, lease_ms;
};
struct claimed {
    struct job *jobs;
    size_t count;
};
struct claimed claim_wished(struct store_test *s, struct claim_wish wish);
struct job *claim_exactly_one(struct store_test *s, struct claim_wish wish);
#define claim(s, ...)      claim_wished((s), (struct claim_wish){.max = 1, __VA_ARGS__})
#define claim_one(s, ...)  claim_exactly_one((s), (struct claim_wish){.max = 1, __VA_ARGS__})
#define claim_none(s, ...) CHECK_INT(claim_wished((s), (struct claim_wish){.max = 1, __VA_ARGS__}).count, 0)

/* ---- report, as the holder of `job` (a claimed one: its id and lease count). */

#define a_report(job_, n_, op_, ...)                                                                         \
    __extension__({                                                                                          \
        const struct job *holder_ = (job_); /* once: it may be a claim_one() */                              \
        (struct report){.job = holder_->id,                                                                  \
                        .lease = holder_->lease,                                                             \
                        .n = (n_),                                                                           \
                        .hash = (n_)*1000 + (op_),                                                           \
                        .op = (op_),                                                                         \
                        .progress_permille = -1,                                                             \
                        .retry_after_ms = -1,                                                                \
                        __VA_ARGS__};                                                                        \
    })
struct report_verdict report_one(struct store_test *s, struct report r);
#define heartbeat(s, job, n, ...) report_one((s), a_report((job), (n), REPORT_HEARTBEAT, __VA_ARGS__))
#define progress(s, job, n, ...)  report_one((s), a_report((job), (n), REPORT_PROGRESS, __VA_ARGS__))
#define complete(s, job, n, ...)  report_one((s), a_report((job), (n), REPORT_COMPLETE, __VA_ARGS__))
#undef fail /* Check's word for ck_abort */
#define fail(s, job, n, class_, ...)                                                                         \
    report_one((s),                                                                                          \
               a_report((job), (n), REPORT_FAIL,                                                             \
                        .error = {.class = (class_), .code = STR("c"), .message = STR("m")}, __VA_ARGS__))
#define snooze(s, job, n, ms, ...)                                                                           \
    report_one((s), a_report((job), (n), REPORT_SNOOZE, .delay_ms = (ms), __VA_ARGS__))
#define release(s, job, n, ...) report_one((s), a_report((job), (n), REPORT_RELEASE, __VA_ARGS__))

/* A progress report with one event of this type, data `{}`. */
struct report_verdict say(struct store_test *s, const struct job *job, int64_t n, struct str type);

/* ---- act */

struct act_verdict act_on(struct store_test *s, enum job_action action, struct id id);
struct act_verdict act_on_batch(struct store_test *s, enum job_action action, struct id batch);
#define cancel(s, id)  act_on((s), ACT_CANCEL, (id))
#define retry(s, id)   act_on((s), ACT_RETRY, (id))
#define promote(s, id) act_on((s), ACT_PROMOTE, (id))
#define erase(s, id)   act_on((s), ACT_ERASE, (id))
#define purge(s, id)   act_on((s), ACT_PURGE, (id))

/* ---- artifacts */

enum rc stage_row(struct store_test *s, const struct job *job, struct str name, struct str bytes,
                  struct err *e);
/* A finished temp file of `n` bytes `fill` in store_files_dir, staged under the name. */
enum rc stage_file(struct store_test *s, const struct job *job, struct str name, size_t n, char fill,
                   struct err *e);
struct store_get_artifact artifact_of(struct store_test *s, struct id job, struct str name); /* op.rc tells */
size_t artifact_count_of(struct store_test *s, struct id job);
struct store_get_series series_of(struct store_test *s, struct str name, int64_t limit);

/* ---- look */

bool has_job(struct store_test *s, struct id id);
struct job *job_of(struct store_test *s, struct id id);
enum job_state state_of(struct store_test *s, struct id id);
struct store_read_events events_of(struct store_test *s, struct id id, int64_t after, int64_t limit);
struct store_list_jobs list_of(struct store_test *s, struct job_filter filter, int64_t limit); /* one page */
size_t count_of(struct store_test *s, struct job_filter filter);                               /* all pages */
struct queue_view *queue_of(struct store_test *s, struct str name); /* NULL when there is none */
struct store_stats stats_of(struct store_test *s);
/* Every maintained count equals a recount of the tenant's jobs. */
void check_counts(struct store_test *s);
/* Seqs are consecutive from 1 to last_seq, and a final job's last event is `end`. */
void check_events(struct store_test *s, struct id id);

struct queue_view *set_queue(struct store_test *s, struct str name, struct queue_settings settings);
/* All of it untouched but what is told: settings_with(.lease_ms = 5000) */
#define settings_with(...) ((struct queue_settings){-2, -2, -2, -2, -2, -2, -2, -2, -2, -2, __VA_ARGS__})
void pause_queue(struct store_test *s, struct str name);
void resume_queue(struct store_test *s, struct str name);

/* ---- check */

#define CHECK_STATE(s, id, want)                                                                             \
    CHECK_STR(str_from(job_state_name(state_of((s), (id)))), str_from(job_state_name(want)))
#define CHECK_ID(got, want) CHECK_STR(str_from(id_text(got).s), str_from(id_text(want).s))
/* The verdict (of a report, an action, an enqueue) has this rc. */
#define VERDICT(verdict, want)                                                                               \
    do {                                                                                                     \
        __typeof__(verdict) verdict_ = (verdict);                                                            \
        test_check_rc(__FILE__, __LINE__, #verdict, verdict_.rc, (want), &verdict_.e);                       \
    } while (0)
/* … and this word of the API. */
#define VERDICT_CODE(verdict, want, want_code)                                                               \
    do {                                                                                                     \
        __typeof__(verdict) verdict__ = (verdict);                                                           \
        test_check_rc(__FILE__, __LINE__, #verdict, verdict__.rc, (want), &verdict__.e);                     \
        CHECK_STR(str_from(verdict__.e.code), str_from(want_code));                                          \
    } while (0)

#endif
