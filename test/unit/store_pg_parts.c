/* store_pg_parts.c: what only PostgreSQL has: contents in parts that nodes share, partitions that are dropped, counts that are
 * folded. Two nodes on one database. */
#include "base/buf.h"
#include "pg_rig.h"
#include "store/pg/sql.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW        1900000000000LL
#define DAY        86400000LL
#define FILE_BYTES (700 << 10) /* three parts */

struct rig {
    struct store *one, *two;
    struct pg *c;
    struct arena *a;
    int64_t tenant;
    _Atomic int64_t now;
};

static int64_t rig_now(void *ctx)
{
    return atomic_load(&((struct rig *)ctx)->now);
}

static void migrate_all(const char *dsn)
{
    struct err err = {0}, *e = &err;
    struct store *s = NULL;
    OK(store_open(&s, dsn, NULL, e));
    store_close(s);
}

static void make_tenant(struct rig *g, struct err *e)
{
    struct store_create_key op;
    store_init(&op.op, sizeof op, STORE_CREATE_KEY, g->a);
    op.key.public_id = STR("12345678");
    op.key.tenant_name = STR("t");
    OK(store_run(g->one, &op.op, e));
    g->tenant = op.key.tenant;
}

static bool rig_begin(struct rig *g, struct err *e)
{
    const char *why = "";
    const struct store_options o = {.now = rig_now, .now_ctx = g};
    if (!pg_rig_server(&why)) {
        pg_rig_skip(why);
        return false;
    }
    *g = (struct rig){.a = arena_new(), .now = NOW};
    pg_rig_template("stint_template", migrate_all);
    const char *dsn = pg_rig_database("stint_template");
    g->c = pg_rig_connect(dsn);
    OK(store_open(&g->one, dsn, &o, e));
    OK(store_open(&g->two, dsn, &o, e));
    make_tenant(g, e);
    return true;
}

static void rig_end(struct rig *g)
{
    store_close(g->one);
    store_close(g->two);
    pg_close(g->c);
    arena_free(g->a);
}

#define PARTS_TEST(test_name)                                                                                \
    static void test_name##_run(struct rig *g, struct err *e);                                               \
    TEST_WITHIN(test_name, 60)                                                                               \
    {                                                                                                        \
        struct rig g;                                                                                        \
        if (rig_begin(&g, e)) {                                                                              \
            test_name##_run(&g, e);                                                                          \
            rig_end(&g);                                                                                     \
        }                                                                                                    \
    }                                                                                                        \
    static void test_name##_run(struct rig *g, struct err *e __attribute__((unused)))

static struct job a_running_job(struct rig *g)
{
    struct err err = {0}, *e = &err;
    const struct job_spec spec = {.queue = STR("q"), .kind = STR("k"), .args = STR("{}")};
    const struct str queue = STR("q");
    struct enqueue_verdict v = {0};
    struct store_enqueue in;
    struct store_claim out;
    store_init(&in.op, sizeof in, STORE_ENQUEUE, g->a);
    in.tenant = g->tenant;
    in.specs = &spec;
    in.count = 1;
    in.verdicts = &v;
    OK(store_run(g->one, &in.op, e));
    store_init(&out.op, sizeof out, STORE_CLAIM, g->a);
    out.tenant = g->tenant;
    out.worker = STR("w");
    out.queues = &queue;
    out.queue_count = 1;
    out.max = 1;
    OK(store_run(g->one, &out.op, e));
    CHECK_INT(out.count, 1);
    return out.jobs[0];
}

static void complete(struct rig *g, const struct job *job)
{
    struct err err = {0}, *e = &err;
    const struct report item = {
        .job = job->id, .lease = job->lease, .n = 1, .op = REPORT_COMPLETE, .progress_permille = -1};
    struct report_verdict v = {0};
    struct store_report op;
    store_init(&op.op, sizeof op, STORE_REPORT, g->a);
    op.tenant = g->tenant;
    op.items = &item;
    op.count = 1;
    op.verdicts = &v;
    OK(store_run(g->one, &op.op, e));
    CHECK_INT(v.rc, RC_OK);
}

static enum rc stage(struct rig *g, const struct job *job, struct str name, struct err *e)
{
    char *bytes = mem_alloc(FILE_BYTES);
    struct store_stage_artifact op;
    memset(bytes, 'x', FILE_BYTES);
    store_init(&op.op, sizeof op, STORE_STAGE_ARTIFACT, g->a);
    op.tenant = g->tenant;
    op.job = job->id;
    op.lease = job->lease;
    op.artifact = (struct artifact){.name = name, .media_type = STR("text/plain"), .size = FILE_BYTES};
    op.artifact.path = arena_printf(g->a, "%s/up-%.*s.tmp", store_files_dir(g->one), STR_ARG(name));
    memset(op.artifact.sha256, 'x', sizeof op.artifact.sha256);
    int fd = open(op.artifact.path.p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && write(fd, bytes, FILE_BYTES) == FILE_BYTES);
    close(fd);
    mem_free(bytes);
    return store_run(g->one, &op.op, e);
}

static void prune_all(struct rig *g)
{
    struct err err = {0}, *e = &err;
    struct store_prune op;
    do {
        store_init(&op.op, sizeof op, STORE_PRUNE, g->a);
        op.limit = 100;
        OK(store_run(g->two, &op.op, e));
    } while (op.more);
}

static struct str path_at(struct rig *g, struct store *node, const struct job *job)
{
    struct err e = {0};
    struct store_get_artifact op;
    store_init(&op.op, sizeof op, STORE_GET_ARTIFACT, g->a);
    op.tenant = g->tenant;
    op.job = job->id;
    op.name = STR("a");
    return store_run(node, &op.op, &e) ? STR_NONE : op.artifact.path;
}

static void act(struct rig *g, const struct job *job, enum job_action action)
{
    struct err err = {0}, *e = &err;
    struct store_act op;
    store_init(&op.op, sizeof op, STORE_ACT, g->a);
    op.tenant = g->tenant;
    op.action = action;
    op.ids = &job->id;
    op.count = 1;
    OK(store_run(g->one, &op.op, e));
    CHECK_INT(op.verdicts[0].rc, RC_OK);
}

#define PARTS(g) pg_rig_int((g)->c, "SELECT count(*) FROM stint.blob")

PARTS_TEST(a_file_that_was_staged_at_one_node_is_read_at_another)
{
    struct job job = a_running_job(g);
    struct stat st;
    OK(stage(g, &job, STR("a"), e));
    complete(g, &job);
    struct str here = path_at(g, g->one, &job), there = path_at(g, g->two, &job);
    CHECK_FALSE(str_eq(here, there));
    CHECK_TRUE(stat(here.p, &st) == 0 && st.st_size == FILE_BYTES);
    CHECK_TRUE(stat(there.p, &st) == 0 && st.st_size == FILE_BYTES);
}

PARTS_TEST(the_same_contents_are_kept_once_and_go_with_the_last_artifact)
{
    struct job first = a_running_job(g), second = a_running_job(g);
    OK(stage(g, &first, STR("a"), e));
    OK(stage(g, &second, STR("a2"), e));
    CHECK_INT(PARTS(g), 3);
    complete(g, &first);
    complete(g, &second);
    act(g, &first, ACT_ERASE);
    prune_all(g);
    CHECK_INT(PARTS(g), 3);
    CHECK_TRUE(path_at(g, g->one, &first).p == NULL);
    act(g, &second, ACT_PURGE);
    prune_all(g);
    CHECK_INT(PARTS(g), 0);
}

PARTS_TEST(contents_that_somebody_is_about_to_name_are_left_alone)
{
    struct job job = a_running_job(g);
    char lock[96];
    OK(stage(g, &job, STR("a"), e));
    complete(g, &job);
    act(g, &job, ACT_ERASE);
    int64_t x = 0;
    memset(&x, 'x', sizeof x);
    str_print(lock, sizeof lock, "SELECT pg_advisory_xact_lock_shared(%lld)", (long long)(x ^ g->tenant));
    OK(pg_exec(g->c, "BEGIN", e));
    OK(pg_exec(g->c, lock, e));
    prune_all(g);
    CHECK_INT(PARTS(g), 3);
    OK(pg_exec(g->c, "ROLLBACK", e));
    prune_all(g);
    CHECK_INT(PARTS(g), 0);
}

PARTS_TEST(an_upload_that_became_no_artifact_goes_after_an_hour)
{
    struct job job = a_running_job(g);
    OK(stage(g, &job, STR("a"), e));
    OK(pg_exec(g->c, "ALTER TABLE stint.artifact DISABLE TRIGGER USER; DELETE FROM stint.artifact", e));
    prune_all(g);
    CHECK_INT(PARTS(g), 3);
    atomic_store(&g->now, NOW + DAY / 24);
    prune_all(g);
    CHECK_INT(PARTS(g), 0);
}

PARTS_TEST(a_partition_that_is_in_use_is_dropped_later_and_its_counts_with_it)
{
    const char *partitions =
        "SELECT count(*) FROM pg_class WHERE relname ~ '^history_[0-9]+$' AND relkind = 'r' "
        "AND substr(relname, 9)::bigint <= 1900800000000";
    const char *finished =
        "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT n, what FROM stint.count UNION ALL "
        "SELECT n, what FROM stint.count_delta) AS c WHERE what = 4";
    struct job job = a_running_job(g);
    complete(g, &job);
    CHECK_INT(pg_rig_int(g->c, finished), 1);
    atomic_store(&g->now, NOW + 9 * DAY);
    OK(pg_exec(g->c, "BEGIN", e));
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history"), 1);
    prune_all(g);
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history"), 1);
    CHECK_INT(pg_rig_int(g->c, finished), 1);
    OK(pg_exec(g->c, "ROLLBACK", e));
    prune_all(g);
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history"), 0);
    CHECK_INT(pg_rig_int(g->c, finished), 0);
    CHECK_INT(pg_rig_int(g->c, partitions), 0);
}

PARTS_TEST(jobs_without_a_partition_of_theirs_expire_one_by_one)
{
    struct job job = a_running_job(g);
    complete(g, &job);
    OK(pg_exec(g->c,
               "CREATE TEMP TABLE kept AS SELECT * FROM stint.history; DELETE FROM stint.history; DO $$ "
               "BEGIN EXECUTE "
               "(SELECT format('DROP TABLE stint.history_%s', drop_at) FROM kept); END $$; "
               "INSERT INTO stint.history SELECT * FROM kept",
               e));
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history_rest"), 1);
    atomic_store(&g->now, NOW + 9 * DAY);
    prune_all(g);
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history_rest"), 0);
    CHECK_INT(pg_rig_int(g->c,
                         "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT n, what FROM stint.count UNION ALL "
                         "SELECT n, what FROM stint.count_delta) AS c WHERE what = 4"),
              0);
}

/* What is written to standard error from here on, until it is read. */
static int capture_begin(void)
{
    int saved = dup(STDERR_FILENO);
    int fd = open(test_path("log"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    ck_assert(fd >= 0 && saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return saved;
}

/* How often the text is in it. */
static int capture_end(int saved, struct str text, struct err *e)
{
    struct buf b = BUF_LIMIT(100000);
    int count = 0;
    dup2(saved, STDERR_FILENO);
    close(saved);
    OK(buf_read_file(&b, test_path("log"), e));
    for (size_t at = 0; (at = str_find(buf_str(&b), text, at)) < b.n; at++) {
        count++;
    }
    buf_dispose(&b);
    return count;
}

static bool has_partition_at(struct rig *g, int64_t drop_at)
{
    return pg_rig_int(g->c, arena_printf(g->a,
                                         "SELECT count(*) FROM pg_class WHERE relname = 'history_%lld' AND "
                                         "relispartition",
                                         (long long)drop_at)
                                .p);
}

static void complete_another(struct rig *g)
{
    struct job job = a_running_job(g);
    complete(g, &job);
}

PARTS_TEST(a_partition_that_cannot_be_made_is_told_once_and_made_when_it_can)
{
    const int64_t later = NOW + 40 * DAY, tomorrow = (later / DAY + 1 + 7 + 1) * DAY;
    complete_another(g);
    OK(pg_exec(g->c, "ALTER FUNCTION stint.make_partition(bigint) OWNER TO pg_read_all_data", e));
    atomic_store(&g->now, later);
    int saved = capture_begin();
    for (int i = 0; i < 6; i++) { /* of whichever committer */
        atomic_store(&g->now, later + i * 30000);
        complete_another(g);
    }
    CHECK_INT(capture_end(saved, STR("store.partition"), e), 1);
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history_rest"), 6);
    CHECK_FALSE(has_partition_at(g, tomorrow));
    OK(pg_exec(g->c, "ALTER FUNCTION stint.make_partition(bigint) OWNER TO stint", e));
    complete_another(g);
    CHECK_FALSE(has_partition_at(g, tomorrow)); /* it is not tried with each round */
    atomic_store(&g->now, later + DAY / 24);
    complete_another(g);
    CHECK_TRUE(has_partition_at(g, tomorrow));
    atomic_store(&g->now, NOW + 60 * DAY);
    prune_all(g);
    CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.history_rest"), 0);
}

#define RETENTIONS 40

PARTS_TEST(however_many_retentions_there_are_each_has_its_partition)
{
    for (int i = 0; i < RETENTIONS; i++) {
        struct store_set_queue op;
        store_init(&op.op, sizeof op, STORE_SET_QUEUE, g->a);
        op.tenant = g->tenant;
        op.name = arena_printf(g->a, "q%d", i);
        op.has_settings = true;
        op.settings =
            (struct queue_settings){-1, -1, -1, -1, -1, (40 + 30 * i) * DAY, -1, -1, -1, -1, STR("")};
        op.pause = -1;
        OK(store_run(g->one, &op.op, e));
    }
    const char *blocks =
        "SELECT count(*) FROM pg_class WHERE relname ~ '^history_[0-9]+$' AND relispartition "
        "AND substr(relname, 9)::bigint > 1900000000000 + 36 * 86400000::bigint";
    for (int i = 0; i < 20 && pg_rig_int(g->c, blocks) < RETENTIONS;
         i++) { /* a busy machine takes its time */
        complete_another(g);
    }
    CHECK_TRUE(pg_rig_int(g->c, blocks) >= RETENTIONS);
}

PARTS_TEST(folding_counts_changes_no_sum)
{
    const char *sums =
        "SELECT hashtextextended(string_agg(format('%s %s %s %s %s', queue, kind, what, drop_at, n), ',' "
        "ORDER BY queue, kind, what, drop_at), 0) FROM (SELECT queue, kind, what, drop_at, sum(n) AS n FROM "
        "(SELECT * FROM stint.count UNION ALL SELECT * FROM stint.count_delta) AS c "
        "GROUP BY 1, 2, 3, 4) AS s";
    struct pg_query q = PG_QUERY(g->a);
    for (int i = 0; i < 3; i++) {
        struct job job = a_running_job(g);
        complete(g, &job);
        int64_t before = pg_rig_int(g->c, sums);
        q = PG_QUERY(g->a);
        pg_bind_int(&q, 1000);
        OK(pg_run(g->c, pg_sql(PG_SQL_COUNT_FOLD), &q, NULL, e));
        CHECK_TRUE(pg_rig_int(g->c, sums) == before);
        CHECK_INT(pg_rig_int(g->c, "SELECT count(*) FROM stint.count_delta"), 0);
    }
}

PARTS_TEST(the_youngest_node_takes_the_care_over_and_the_other_leaves_it)
{
    struct store_prune op;
    prune_all(g); /* the second */
    int64_t term = pg_rig_int(g->c, "SELECT term FROM stint.service WHERE name = 'care'");
    store_init(&op.op, sizeof op, STORE_PRUNE, g->a);
    OK(store_run(g->one, &op.op, e));
    CHECK_TRUE(op.next_at > NOW && !op.more);
    CHECK_INT(pg_rig_int(g->c, "SELECT term FROM stint.service WHERE name = 'care'"), term);
    atomic_store(&g->now, op.next_at);
    OK(store_run(g->one, &op.op, e));
    CHECK_INT(pg_rig_int(g->c, "SELECT term FROM stint.service WHERE name = 'care'"), term + 1);
}
