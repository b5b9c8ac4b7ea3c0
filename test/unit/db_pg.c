/* db/pg.h against a real server: values, batches and what ends them. */
#include "pg_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values */

PG_TEST(values_of_every_type_come_back_as_they_went)
{
    const struct id id = id_random(1900000000000);
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *r = NULL;
    pg_bind_int(&q, INT64_MIN);
    pg_bind_int(&q, INT64_MAX);
    pg_bind_bool(&q, true);
    pg_bind_real(&q, -0.1);
    pg_bind_str(&q, STR("grün \"'\\ \xf0\x9f\x9a\x80"));
    pg_bind_str(&q, STR(""));
    pg_bind_str(&q, STR_NONE);
    pg_bind_bytes(&q, STR("\0a\xff\0"));
    pg_bind_uuid(&q, &id);
    pg_bind_uuid(&q, NULL);
    pg_bind_int_or_null(&q, false, 5);
    OK(pg_run(c, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 7::smallint, -7::int, 0.5::real", &q,
              &r, e));
    CHECK_INT(pg_count(r), 1);
    CHECK_TRUE(pg_int(r, 0, 0) == INT64_MIN);
    CHECK_TRUE(pg_int(r, 0, 1) == INT64_MAX);
    CHECK_TRUE(pg_bool(r, 0, 2));
    CHECK_TRUE(fabs(pg_real(r, 0, 3) + 0.1) < 1e-15);
    CHECK_STR(pg_str(r, 0, 4), STR("grün \"'\\ \xf0\x9f\x9a\x80"));
    CHECK_STR(pg_str(r, 0, 5), STR(""));
    CHECK_FALSE(pg_is_null(r, 0, 5));
    CHECK_TRUE(pg_is_null(r, 0, 6) && !pg_str(r, 0, 6).p);
    CHECK_STR(pg_str(r, 0, 7), STR("\0a\xff\0"));
    CHECK_TRUE(id_eq(pg_uuid(r, 0, 8), id));
    CHECK_TRUE(pg_is_null(r, 0, 9) && id_is_zero(pg_uuid(r, 0, 9)));
    CHECK_TRUE(pg_is_null(r, 0, 10) && pg_int(r, 0, 10) == 0);
    CHECK_INT(pg_int(r, 0, 11), 7);
    CHECK_INT(pg_int(r, 0, 12), -7);
    CHECK_TRUE(pg_real(r, 0, 13) > 0.49 && pg_real(r, 0, 13) < 0.51);
    pg_rows_free(r);
}

PG_TEST(arrays_keep_nulls_empty_texts_and_extremes)
{
    const int64_t ints[] = {INT64_MIN, -1, INT64_MAX};
    const bool is_null[] = {false, true, false}, bools[] = {true, false, true};
    const double reals[] = {0, -1.5, 1e300};
    const struct str texts[] = {STR("a,\"{}"), STR_NONE, STR("")};
    const struct str blobs[] = {STR("\0\0"), STR(""), STR_NONE};
    const struct id ids[] = {id_random(1), {{0}}, id_random(2)};
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *r = NULL;
    pg_bind_ints(&q, ints, 3);
    pg_bind_int_rows(&q, ints, is_null, 3);
    pg_bind_bools(&q, bools, 3);
    pg_bind_reals(&q, reals, 3);
    pg_bind_strs(&q, texts, 3);
    pg_bind_blobs(&q, blobs, 3);
    pg_bind_uuids(&q, ids, 3);
    OK(pg_run(c, "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)", &q, &r, e));
    CHECK_INT(pg_count(r), 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_TRUE(pg_int(r, i, 0) == ints[i]);
        CHECK_INT(pg_is_null(r, i, 1), is_null[i]);
        CHECK_INT(pg_bool(r, i, 2), bools[i]);
        CHECK_TRUE(fabs(pg_real(r, i, 3) - reals[i]) <= 0);
        CHECK_INT(pg_is_null(r, i, 4), !texts[i].p);
        CHECK_STR(pg_str(r, i, 4), texts[i]);
        CHECK_INT(pg_is_null(r, i, 5), !blobs[i].p);
        CHECK_STR(pg_str(r, i, 5), blobs[i]);
        CHECK_INT(pg_is_null(r, i, 6), id_is_zero(ids[i]));
        CHECK_TRUE(id_eq(pg_uuid(r, i, 6), ids[i]));
    }
    pg_rows_free(r);
}

PG_TEST(arrays_of_nothing_are_empty_not_null)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *r = NULL;
    pg_bind_ints(&q, NULL, 0);
    pg_bind_strs(&q, NULL, 0);
    pg_bind_uuids(&q, NULL, 0);
    pg_bind_blobs(&q, NULL, 0);
    OK(pg_run(c, "SELECT cardinality($1), cardinality($2), cardinality($3), cardinality($4)", &q, &r, e));
    for (int i = 0; i < 4; i++) {
        CHECK_FALSE(pg_is_null(r, 0, i));
        CHECK_INT(pg_int(r, 0, i), 0);
    }
    pg_rows_free(r);
}

PG_TEST(a_text_that_the_server_refuses_is_a_fault_of_the_data)
{
    struct pg_query q = PG_QUERY(a);
    pg_bind_str(&q, STR("a\0b"));
    FAILS(pg_run(c, "SELECT $1", &q, NULL, e), RC_INVALID);
    CHECK_FAULT(c, PG_DATA);
    CHECK_STR(str_from(pg_sqlstate(c)), STR("22021"));
}

PG_TEST(rows_changed_are_counted)
{
    struct pg_rows *r = NULL;
    OK(pg_exec(c, "CREATE TEMP TABLE t (i int)", e));
    OK(pg_run(c, "INSERT INTO t SELECT generate_series(1, 42)", NULL, &r, e));
    CHECK_INT(pg_affected(r), 42);
    pg_rows_free(r);
}

/* ---- batches */

PG_TEST(answers_come_in_order_over_several_batches_under_way)
{
    static const char sql[] = "SELECT $1::bigint";
    for (int64_t i = 0; i < 300; i++) {
        struct pg_query q = PG_QUERY(a);
        pg_bind_int(&q, i);
        OK(pg_send(c, sql, &q, e));
        if (i % 7 == 6 || i == 299) {
            OK(pg_sync(c, e));
        }
    }
    for (int64_t i = 0; i < 300; i++) {
        struct pg_rows *r = NULL;
        OK(pg_next(c, &r, e));
        CHECK_INT(pg_int(r, 0, 0), i);
        pg_rows_free(r);
    }
    CHECK_FALSE(pg_in_transaction(c));
}

PG_TEST(ten_megabytes_in_both_directions_do_not_wait_for_each_other)
{
    static const char sql[] = "SELECT $1";
    const size_t bytes = 100 << 10;
    char *text = arena_alloc(a, bytes);
    memset(text, 'x', bytes);
    for (int i = 0; i < 100; i++) {
        struct pg_query q = PG_QUERY(a);
        pg_bind_str(&q, (struct str){text, bytes});
        OK(pg_send(c, sql, &q, e));
    }
    OK(pg_sync(c, e));
    for (int i = 0; i < 100; i++) {
        struct pg_rows *r = NULL;
        OK(pg_next(c, &r, e));
        CHECK_INT(pg_str(r, 0, 0).n, bytes);
        pg_rows_free(r);
    }
}

PG_TEST(a_value_of_ten_megabytes_goes_and_comes)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *r = NULL;
    const size_t bytes = 10 << 20;
    char *text = arena_alloc(a, bytes);
    memset(text, '\xff', bytes);
    const struct str blobs[] = {{text, bytes}, STR("y")};
    pg_bind_blobs(&q, blobs, 2);
    OK(pg_run(c, "SELECT * FROM unnest($1)", &q, &r, e));
    CHECK_INT(pg_count(r), 2);
    CHECK_INT(pg_str(r, 0, 0).n, bytes);
    CHECK_INT(memcmp(pg_str(r, 0, 0).p, text, bytes), 0);
    pg_rows_free(r);
}

PG_TEST(a_failed_statement_ends_its_batch_and_not_the_next)
{
    SEND(c, "SELECT 1", "SELECT 1/0", "SELECT 2");
    SEND(c, "SELECT 3");
    OK(pg_next(c, NULL, e));
    FAILS(pg_next(c, NULL, e), RC_INVALID);
    CHECK_STR(str_from(pg_sqlstate(c)), STR("22012"));
    CHECK_TRUE(str_find(str_from(e->text), STR("division by zero"), 0) < strlen(e->text));
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_ABORTED);
    struct pg_rows *r = NULL;
    OK(pg_next(c, &r, e));
    CHECK_INT(pg_int(r, 0, 0), 3);
    CHECK_FAULT(c, PG_NONE);
    pg_rows_free(r);
}

PG_TEST(a_failed_transaction_waits_for_its_rollback)
{
    OK(pg_exec(c, "CREATE TEMP TABLE t (i int UNIQUE)", e));
    SEND(c, "BEGIN", "INSERT INTO t VALUES (1), (1)", "COMMIT");
    OK(pg_next(c, NULL, e));
    FAILS(pg_next(c, NULL, e), RC_CONFLICT);
    CHECK_FAULT(c, PG_CONSTRAINT);
    OK(pg_drain(c, e));
    CHECK_TRUE(pg_in_transaction(c));
    FAILS(pg_run(c, "SELECT 1", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_ABORTED);
    OK(pg_run(c, "ROLLBACK", NULL, NULL, e));
    CHECK_FALSE(pg_in_transaction(c));
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM t"), 0);
}

PG_TEST(a_commit_that_rolled_back_is_a_failure)
{
    OK(pg_exec(c, "BEGIN", e));
    FAILS(pg_exec(c, "SELECT 1/0", e), RC_INVALID);
    FAILS(pg_run(c, "COMMIT", NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_ABORTED);
    CHECK_FALSE(pg_in_transaction(c));
}

PG_TEST(what_fails_at_the_end_of_a_batch_fails_its_last_statement)
{
    OK(pg_exec(c, "CREATE TEMP TABLE t (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)", e));
    FAILS(pg_run(c, "INSERT INTO t VALUES (1), (1)", NULL, NULL, e), RC_CONFLICT);
    CHECK_STR(str_from(pg_sqlstate(c)), STR("23505"));
    CHECK_INT(pg_rig_int(c, "SELECT count(*) FROM t"), 0);
}

PG_TEST(a_statement_that_could_not_be_prepared_is_prepared_again)
{
    static const char sql[] = "SELECT i FROM late";
    SEND(c, "SELECT 1", sql, "SELECT 2");
    OK(pg_next(c, NULL, e));
    FAILS(pg_next(c, NULL, e), RC_NOT_FOUND);
    CHECK_FAULT(c, PG_MISSING);
    FAILS(pg_next(c, NULL, e), RC_BUSY);
    OK(pg_exec(c, "CREATE TEMP TABLE late (i int)", e));
    OK(pg_run(c, sql, NULL, NULL, e));
    OK(pg_run(c, sql, NULL, NULL, e));
}

PG_TEST(a_plan_that_a_migration_outdated_is_worth_one_more_try)
{
    static const char sql[] = "SELECT * FROM t";
    OK(pg_exec(c, "CREATE TEMP TABLE t (i int)", e));
    OK(pg_run(c, sql, NULL, NULL, e));
    OK(pg_exec(c, "ALTER TABLE t ADD COLUMN j int", e));
    FAILS(pg_run(c, sql, NULL, NULL, e), RC_BUSY);
    CHECK_FAULT(c, PG_RETRY);
    OK(pg_run(c, sql, NULL, NULL, e));
}

PG_TEST(plain_statements_run_as_one_transaction)
{
    FAILS(pg_exec(c, "CREATE TEMP TABLE gone (i int); SELECT 1/0; SELECT 1", e), RC_INVALID);
    FAILS(pg_exec(c, "SELECT * FROM gone", e), RC_NOT_FOUND);
    OK(pg_exec(c, "CREATE TEMP TABLE t (i int); INSERT INTO t VALUES (5)", e));
    CHECK_INT(pg_rig_int(c, "SELECT i FROM t"), 5);
    OK(pg_exec(c, "", e));
}

/* ---- behind a pooler in transaction mode */

PG_TEST(behind_a_pooler_nothing_relies_on_the_session)
{
    static const char sql[] = "SELECT $1::bigint + 1";
    const struct pg_options o = {.setup = "SELECT 1/0"}; /* not run there */
    const char *dsn = getenv("STINT_TEST_POOLER");
    struct pg *pooled[2] = {NULL, NULL};
    if (!dsn || !*dsn) {
        pg_rig_skip("STINT_TEST_POOLER names no pooler (test/pg/cluster.sh starts one)");
        return;
    }
    CHECK_FALSE(pg_is_pooled(c));
    for (int i = 0; i < 2; i++) {
        OK(pg_open(&pooled[i], dsn, &o, e));
        CHECK_TRUE(pg_is_pooled(pooled[i]));
    }
    for (int64_t n = 0; n < 20; n++) { /* they meet on the same sessions of the server */
        struct pg *p = pooled[n % 2];
        struct pg_query q = PG_QUERY(a);
        struct pg_rows *r = NULL;
        pg_bind_int(&q, n);
        OK(pg_send(p, "BEGIN", NULL, e));
        OK(pg_send(p, sql, &q, e));
        OK(pg_send(p, "COMMIT", NULL, e));
        OK(pg_sync(p, e));
        OK(pg_next(p, NULL, e));
        OK(pg_next(p, &r, e));
        CHECK_INT(pg_int(r, 0, 0), n + 1);
        pg_rows_free(r);
        OK(pg_next(p, NULL, e));
    }
    FAILS(pg_run(pooled[0], "SELECT 1/0", NULL, NULL, e), RC_INVALID);
    OK(pg_run(pooled[0], "SELECT 1", NULL, NULL, e));
    pg_close(pooled[0]);
    pg_close(pooled[1]);
}
