/* How much a claim touches: not a matter of time, but of plans and of what is walked over. */
#include "store_test.h"

#include "pg_rig.h"
#include "store/pg/sql.h"

#define JOBS        3000
#define TAKEN       10
#define TOUCHED_MAX (2 * TAKEN) /* found, and found again to be changed */

static void say_sql(struct pg *c, const char *sql)
{
    struct err err = {0}, *e = &err;
    OK(pg_exec(c, sql, e));
}

static void enqueue_many(struct store_test *s, size_t count)
{
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    struct job_spec *specs = arena_array(s->a, struct job_spec, count);
    for (size_t i = 0; i < count; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}")};
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = count;
    run_op(s, &op.op);
}

static void work_off(struct store_test *s)
{
    for (struct claimed c = claim(s, .max = 1000); c.count; c = claim(s, .max = 1000)) {
        AN_OP(s, op, store_report, STORE_REPORT);
        struct report *items = arena_array(s->a, struct report, c.count);
        for (size_t i = 0; i < c.count; i++) {
            items[i] = a_report(&c.jobs[i], 1, REPORT_COMPLETE);
        }
        op.tenant = s->tenant;
        op.items = items;
        op.count = c.count;
        run_op(s, &op.op);
    }
}

/* A session with the settings of a committer (store/pg/link.c), in which `look` is the claim's own statement. */
static struct pg *a_committer(struct store_test *s)
{
    struct pg *c = pg_rig_connect(s->url);
    struct err err = {0}, *e = &err;
    OK(pg_sql_load(e));
    say_sql(
        c, "SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; "
           "SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan");
    struct str sql = arena_printf(s->a, "PREPARE look AS %s", pg_sql(PG_SQL_CLAIM_ONE_QUEUE));
    say_sql(c, sql.p);
    return c;
}

/* Entries of indexes, and rows of the table, that this session has touched. */
static int64_t touched(struct pg *c)
{
    return pg_rig_int(c,
                      "SELECT sum(pg_stat_get_xact_tuples_returned(i))::bigint FROM unnest(ARRAY["
                      "'stint.job', 'stint.job_ready', 'stint.job_due', 'stint.job_pkey']::regclass[]) AS i");
}

/* … by a claim of ten that begins at this time; it is rolled back. */
static int64_t touched_by_claim(struct store_test *s, struct pg *c, int64_t run_at)
{
    static char sql[600];
    str_print(
        sql, sizeof sql,
        "EXECUTE look (%lld, %lld, '{default}', '{k}', %d, 0, 0, 'w', 16777216, '{0}', '{1}', '{2}', "
        "'{-32768,0}', '{-9223372036854775808,%lld}', "
        "'{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000001}', '{-1,32767}', false)",
        (long long)TEST_BEGINS, (long long)s->tenant, TAKEN, (long long)run_at);
    say_sql(c, "BEGIN");
    int64_t before = touched(c); /* what it has not told the statistics yet counts along */
    say_sql(c, sql);
    int64_t more = touched(c) - before;
    say_sql(c, "ROLLBACK");
    CHECK_TRUE(more >= TAKEN);
    return more;
}

SERVER_STORE_TEST(a_claim_is_as_quick_whatever_the_planner_believes_of_the_table)
{
    struct pg *owner = pg_rig_connect(s->url);
    say_sql(owner, "ANALYZE stint.job; ANALYZE stint.queue; ANALYZE stint.count_delta"); /* empty */
    struct pg *c = a_committer(s);
    enqueue_many(s, JOBS);
    CHECK_TRUE(touched_by_claim(s, c, INT64_MIN + 1) <= TOUCHED_MAX);
    say_sql(owner, "ANALYZE stint.job");
    CHECK_TRUE(touched_by_claim(s, c, INT64_MIN + 1) <= TOUCHED_MAX);
    work_off(s);
    say_sql(owner, "VACUUM ANALYZE stint.job");
    enqueue_many(s, JOBS);
    CHECK_TRUE(touched_by_claim(s, c, INT64_MIN + 1) <= TOUCHED_MAX);
    pg_close(c);
    pg_close(owner);
}

SERVER_STORE_TEST(a_claim_that_begins_at_the_head_walks_over_nothing_that_is_gone)
{
    struct pg *holder = pg_rig_connect(s->url), *c = a_committer(s);
    say_sql(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM stint.job");
    enqueue_many(s, JOBS);
    work_off(s);
    advance(s, HOUR);
    enqueue_many(s, TAKEN);
    CHECK_TRUE(touched_by_claim(s, c, INT64_MIN + 1) > JOBS); /* they are all there */
    CHECK_TRUE(touched_by_claim(s, c, TEST_BEGINS + HOUR) <= TOUCHED_MAX);
    CHECK_INT(claim(s, .max = 2 * TAKEN, .kind = STR("k")).count, TAKEN);
    pg_close(c);
    pg_close(holder);
}

/* … by the look of claims that wait for lines, this one and many that are empty. */
static int64_t touched_by_look(struct store_test *s, struct pg *c, int64_t run_at)
{
    struct str sql = arena_printf(
        s->a,
        "EXECUTE wait (%lld, array_fill(%lld, ARRAY[100]), array_fill('none'::text, ARRAY[99]) || "
        "'{default}'::text[], array_fill('k'::text, ARRAY[100]), array_fill(1, ARRAY[100]), "
        "array_fill(1, ARRAY[100]), '{0}', '{%lld}', "
        "'{00000000-0000-0000-0000-000000000001}', '{32767}', '{}', '{}')",
        (long long)TEST_BEGINS, (long long)s->tenant, (long long)run_at);
    say_sql(c, "BEGIN");
    int64_t before = touched(c);
    say_sql(c, sql.p);
    int64_t more = touched(c) - before;
    say_sql(c, "ROLLBACK");
    return more;
}

SERVER_STORE_TEST(a_look_touches_what_it_finds_and_not_what_is_behind_it_or_gone)
{
    struct pg *holder = pg_rig_connect(s->url), *c = a_committer(s);
    say_sql(c, arena_printf(s->a, "PREPARE wait AS %s", pg_sql(PG_SQL_LINE_LOOK)).p);
    say_sql(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM stint.job");
    CHECK_INT(touched_by_look(s, c, INT64_MIN + 1), 0);
    enqueue_many(s, JOBS);
    CHECK_INT(touched_by_look(s, c, INT64_MIN + 1), 1);
    work_off(s);
    CHECK_INT(touched_by_look(s, c, INT64_MIN + 1), JOBS); /* they are all there */
    CHECK_INT(touched_by_look(s, c, TEST_BEGINS + HOUR), 0);
    pg_close(c);
    pg_close(holder);
}

/* A paused key's 3,000 jobs are a lane: looks touch where it begins, and a claim, which chooses among lanes by what it knows of their
 * keys, nothing of it. */
SERVER_STORE_TEST(a_look_at_lanes_touches_a_few_entries_of_each_whatever_stands_in_it)
{
    struct pg *c = a_committer(s);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    struct job_spec *specs = arena_array(s->a, struct job_spec, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}"), .limit_keys = STR("[\"paused\"]")};
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = JOBS;
    run_op(s, &op.op);
    a_queued_job(s, .group = STR("g"));
    say_sql(c, arena_printf(s->a, "PREPARE lanes AS %s", pg_sql(PG_SQL_LANE_LOOK)).p);
    say_sql(c, "BEGIN");
    const char *count =
        "SELECT sum(pg_stat_get_xact_tuples_returned(i))::bigint FROM unnest(ARRAY["
        "'stint.job', 'stint.job_lane', 'stint.job_ready', 'stint.job_due']::regclass[]) AS i";
    int64_t before = pg_rig_int(c, count);
    say_sql(c, arena_printf(s->a, "EXECUTE lanes (%lld, '', %lld, 2000, %lld)", (long long)s->tenant,
                            (long long)INT64_MIN, (long long)TEST_BEGINS)
                   .p);
    int64_t more = pg_rig_int(c, count) - before;
    say_sql(c, "ROLLBACK");
    CHECK_TRUE(more >= 2);
    CHECK_TRUE(more <= 8); /* of two lanes: found, and its first job */
    pg_close(c);
}
