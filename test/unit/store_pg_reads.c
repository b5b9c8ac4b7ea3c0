/* store_pg_reads.c: what only the reads of PostgreSQL have: two tables with jobs, ids of several nodes, plans. */
#include "pg_rig.h"
#include "store/pg/reads.h"

#include <string.h>

#define NOW 1900000000000LL

struct rig {
    struct pg_engine engine;
    struct reader reader;
    struct pg *c;
    struct arena *a;
};

static int64_t rig_now(void *ctx)
{
    (void)ctx;
    return NOW;
}

static bool rig_begin(struct rig *g, struct err *e)
{
    const char *why = "";
    if (!pg_rig_server(&why)) {
        pg_rig_skip(why);
        return false;
    }
    *g = (struct rig){.a = arena_new()};
    const char *dsn = pg_rig_schema();
    g->c = pg_rig_connect(dsn);
    g->engine.base.options.now = rig_now;
    g->reader = (struct reader){.engine = &g->engine, .scratch = g->a, .now = NOW};
    link_init(&g->reader.link, dsn, LINK_READER, 0);
    OK(link_ready(&g->reader.link, LINK_WAIT_MS, e));
    return true;
}

static void rig_end(struct rig *g)
{
    link_close(&g->reader.link);
    pg_close(g->c);
    arena_free(g->a);
}

#define READS_TEST(test_name)                                                                                \
    static void test_name##_run(struct rig *g, struct err *e);                                               \
    TEST_WITHIN(test_name, 60)                                                                               \
    {                                                                                                        \
        struct rig g;                                                                                        \
        if (rig_begin(&g, e)) {                                                                              \
            test_name##_run(&g, e);                                                                          \
            rig_end(&g);                                                                                     \
        }                                                                                                    \
    }                                                                                                        \
    static void test_name##_run(struct rig *g, struct err *e)

/* ---- rows by hand */

static void add_job(struct rig *g, struct id id, enum job_state state, struct err *e)
{
    bool is_final = job_state_is_final(state);
    struct str sql = arena_printf(
        g->a,
        "INSERT INTO stint.%s (id, tenant, flags, queue, kind, state, priority, run_at, last_seq%s) "
        "VALUES ('%s', 1, 0, 'q', 'k', %d, 0, %lld, 1%s)",
        is_final ? "history" : "job", is_final ? ", finished_at, expires_at, drop_at, result" : "",
        id_text(id).s, (int)state, NOW, is_final ? ", 5, 6, 7, '\"done\"'" : "");
    OK(pg_exec(g->c, sql.p, e));
}

static struct store_list_jobs page(struct rig *g, struct job_filter filter, int64_t cursor, int64_t limit,
                                   struct err *e)
{
    struct store_list_jobs op;
    store_init(&op.op, sizeof op, STORE_LIST_JOBS, g->a);
    op.tenant = 1;
    op.filter = filter;
    op.cursor = cursor;
    op.limit = limit;
    OK(pg_job_list_run(&g->reader, &op.op, e));
    return op;
}

/* How many jobs all pages show together; each of them once. */
static size_t walk(struct rig *g, struct job_filter filter, int64_t limit, struct err *e)
{
    size_t seen = 0;
    struct id last = {{0}};
    int64_t cursor = 0;
    do {
        struct store_list_jobs op = page(g, filter, cursor, limit, e);
        for (size_t i = 0; i < op.count; i++, seen++) {
            CHECK_TRUE(!seen || memcmp(op.jobs[i].id.b, last.b, sizeof last.b) < 0);
            last = op.jobs[i].id;
        }
        CHECK_TRUE(!op.next_cursor || !cursor || op.next_cursor < cursor);
        cursor = op.next_cursor;
    } while (cursor);
    return seen;
}

READS_TEST(jobs_of_several_nodes_with_one_ordinal_are_each_listed_once)
{
    for (int64_t i = 0; i < 30; i++) { /* three to each ordinal */
        struct id id = id_from_parts((NOW << 21) + i / 3, i % 3);
        add_job(g, id, i % 2 ? JOB_QUEUED : JOB_COMPLETED, e);
    }
    for (int64_t limit = 1; limit <= 31; limit++) {
        CHECK_INT(walk(g, (struct job_filter){0}, limit, e), 30);
    }
    CHECK_INT(walk(g, (struct job_filter){.states = 1u << JOB_QUEUED}, 4, e), 15);
    CHECK_INT(walk(g, (struct job_filter){.states = 1u << JOB_COMPLETED}, 4, e), 15);
    CHECK_INT(walk(g, (struct job_filter){.states = 1u << JOB_FAILED}, 4, e), 0);
}

READS_TEST(a_list_looks_at_a_bounded_number_of_rows)
{
    struct id rare = id_from_parts(NOW << 21, 0);
    OK(pg_exec(g->c,
               "INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at) "
               "SELECT (lpad(to_hex(1900000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, "
               "'0'))::uuid, 2, 'q', "
               "'k', 2, 0, 0 FROM generate_series(2, 50000) AS n",
               e));
    add_job(g, rare, JOB_QUEUED, e);
    struct store_list_jobs op = page(g, (struct job_filter){0}, 0, 10, e);
    CHECK_INT(op.count, 0);
    CHECK_TRUE(op.next_cursor > 0);
    CHECK_INT(walk(g, (struct job_filter){0}, 10, e), 1);
    CHECK_INT(walk(g, (struct job_filter){.states = 1u << JOB_QUEUED}, 10, e), 1);
}

READS_TEST(a_job_is_found_wherever_it_lies)
{
    struct id live = id_from_parts(NOW << 21, 1), done = id_from_parts(NOW << 21, 2);
    add_job(g, live, JOB_SCHEDULED, e);
    add_job(g, done, JOB_COMPLETED, e);
    struct store_get_job op;
    store_init(&op.op, sizeof op, STORE_GET_JOB, g->a);
    op.tenant = 1;
    op.id = live;
    OK(pg_job_get_run(&g->reader, &op.op, e));
    CHECK_INT(op.job->state, JOB_SCHEDULED);
    CHECK_INT(op.job->lease_ms, JOB_LEASE_DEFAULT_MS);
    CHECK_INT(op.job->progress_permille, -1);
    CHECK_INT(op.job->finished_at, 0);
    CHECK_INT(op.job->created_at, NOW);
    op.id = done;
    OK(pg_job_get_run(&g->reader, &op.op, e));
    CHECK_STR(op.job->result, STR("\"done\""));
    CHECK_INT(op.job->finished_at, 5);
    CHECK_INT(op.job->expires_at, 6);
    op.tenant = 2;
    OK(pg_job_get_run(&g->reader, &op.op, e));
    CHECK_INT(op.op.rc, RC_NOT_FOUND);
}

READS_TEST(events_are_read_where_their_job_lies)
{
    struct id live = id_from_parts(NOW << 21, 1), done = id_from_parts(NOW << 21, 2);
    struct id ids[] = {live, done};
    add_job(g, live, JOB_PROCESSING, e);
    add_job(g, done, JOB_COMPLETED, e);
    struct str sql = arena_printf(
        g->a, "INSERT INTO stint.event (job, seq, at, type, data) VALUES ('%s', 1, 2, 't', '{}')",
        id_text(live).s);
    OK(pg_exec(g->c, sql.p, e));
    sql = arena_printf(g->a,
                       "UPDATE stint.history SET last_seq = 2; INSERT INTO stint.event_history (job, seq, "
                       "at, drop_at, type, "
                       "data) VALUES ('%s', 1, 2, 7, 't', '{}')",
                       id_text(done).s);
    OK(pg_exec(g->c, sql.p, e));
    for (int i = 0; i < 2; i++) {
        struct store_read_events op;
        store_init(&op.op, sizeof op, STORE_READ_EVENTS, g->a);
        op.tenant = 1;
        op.job_id = ids[i];
        OK(pg_event_read_run(&g->reader, &op.op, e));
        CHECK_INT(op.count, i + 1);
        CHECK_INT(op.first_seq, 1);
        CHECK_INT(op.last_seq, i + 1);
        CHECK_STR(op.events[0].type, STR("t"));
        CHECK_STR(op.events[op.count - 1].type, i ? STR("end") : STR("t"));
    }
}

READS_TEST(counts_of_queues_are_what_is_folded_and_what_is_not)
{
    OK(pg_exec(g->c,
               "INSERT INTO stint.count VALUES (1, 'q', 'a', 2, 0, 3), (1, 'q', '', 8, 0, 9), (1, 'q', '', "
               "4, 7, 5), "
               "(1, 'gone', '', 8, 0, 2), (2, 'other', '', 3, 0, 1);"
               "INSERT INTO stint.count_delta VALUES (1, 'q', 'a', 2, 0, -1), (1, 'q', '', 3, 0, 1), (1, "
               "'q', 'b', 2, 0, 1);"
               "INSERT INTO stint.queue (tenant, name, deleted_total) VALUES (1, 'gone', 2);"
               "INSERT INTO stint.queue (tenant, name, lease_ms) VALUES (1, 'made', 5000);"
               "INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at) "
               "SELECT gen_random_uuid(), 1, 'q', k, 2, p, 100 + p FROM (VALUES ('a', 3), ('a', 9), ('b', "
               "1)) AS j (k, p)",
               e));
    struct store_list_queues op;
    store_init(&op.op, sizeof op, STORE_LIST_QUEUES, g->a);
    op.tenant = 1;
    OK(pg_queue_list_run(&g->reader, &op.op, e));
    CHECK_INT(op.count, 2);
    CHECK_STR(op.queues[0].name, STR("made"));
    CHECK_INT(op.queues[0].settings.lease_ms, 5000);
    CHECK_STR(op.queues[1].name, STR("q"));
    CHECK_INT(op.queues[1].settings.lease_ms, -1);
    CHECK_INT(op.queues[1].counts[JOB_QUEUED], 3);
    CHECK_INT(op.queues[1].counts[JOB_PROCESSING], 1);
    CHECK_INT(op.queues[1].counts[JOB_COMPLETED], 5);
    CHECK_INT(op.queues[1].oldest_queued_at, 101);
    op.name = STR("gone");
    OK(pg_queue_list_run(&g->reader, &op.op, e));
    CHECK_INT(op.op.rc, RC_NOT_FOUND);

    struct store_stats st;
    store_init(&st.op, sizeof st, STORE_STATS, g->a);
    OK(pg_stats_run(&g->reader, &st.op, e));
    CHECK_INT(st.counts[JOB_PROCESSING], 2);
    CHECK_INT(st.enqueued_total, 11);
    CHECK_INT(st.kind_count, 2);
    CHECK_STR(st.kinds[0].kind, STR("a"));
    CHECK_INT(st.kinds[0].queued, 2);
    CHECK_TRUE(st.store_bytes > 0);
    st.tenant = 1;
    OK(pg_stats_run(&g->reader, &st.op, e));
    CHECK_INT(st.counts[JOB_PROCESSING], 1);
}
