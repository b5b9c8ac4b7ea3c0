/* wire_spec.c: the shapes of the API, read and written. */
#include "test.h"

#include <string.h>

#include "wire/wire.h"

static struct arena *arena(void)
{
    static struct arena *a;

    return a = a ? a : arena_new();
}

static struct json *parsed(const char *text)
{
    struct json *v = NULL;
    struct err e;

    ck_assert_msg(json_parse(str_from(text), arena(), &v, &e) == RC_OK, "%s: %s", text, e.text);
    return v;
}

TEST(a_job_spec_is_read_from_json)
{
    struct job_spec s;

    OK(wire_spec_read(
        parsed("{\"kind\":\"mail\",\"queue\":\"q1\",\"args\":{\"a\": 1e400},\"priority\":-3,\"delay_s\":1.5,"
               "\"max_attempts\":7,\"unique_key\":\"k\",\"unique_for_s\":\"forever\",\"tags\":[\"\\u0061\","
               "\"b\"],"
               "\"retry\":{\"backoff\":\"list\",\"delays_s\":[1,2.5]},\"on_lost\":\"fail\"}"),
        arena(), &s, e));
    CHECK_STR(s.kind, STR("mail"));
    CHECK_STR(s.queue, STR("q1"));
    CHECK_STR(s.args, STR("{\"a\": 1e400}"));
    CHECK_INT(s.priority, -3);
    CHECK_INT(s.delay_ms, 1500);
    CHECK_INT(s.retry.max_attempts, 7);
    CHECK_INT(s.retry.list_ms[1], 2500);
    CHECK_TRUE(s.unique_for_ms == JOB_FOREVER_MS);
    CHECK_STR(s.tags, STR("[\"a\",\"b\"]"));
    CHECK_INT(s.on_lost, JOB_ON_LOST_FAIL);
}

TEST(what_a_job_spec_must_not_hold_is_refused_by_name)
{
    static const struct {
        const char *json, *code, *field;
    } rows[] = {
        {"[]", "invalid_field", ""},
        {"{}", "invalid_field", "/kind"},
        {"{\"kind\":\"a b\"}", "invalid_field", "/kind"},
        {"{\"kind\":\"\"}", "invalid_field", "/kind"},
        {"{\"kind\":\"a\\u0000\"}", "invalid_field", "/kind"},
        {"{\"kind\":\"a\",\"kid\":1}", "unknown_field", "/kid"},
        {"{\"kind\":\"a\",\"a/b~\":1}", "unknown_field", "/a~1b~0"},
        {"{\"kind\":\"a\",\"queue\":\"..\\n\"}", "invalid_field", "/queue"},
        {"{\"kind\":\"a\",\"priority\":null}", "invalid_field", "/priority"},
        {"{\"kind\":\"a\",\"priority\":1.5}", "invalid_field", "/priority"},
        {"{\"kind\":\"a\",\"priority\":2147483648}", "invalid_field", "/priority"},
        {"{\"kind\":\"a\",\"priority\":-0}", "invalid_field", "/priority"},
        {"{\"kind\":\"a\",\"delay_s\":-1}", "invalid_field", "/delay_s"},
        {"{\"kind\":\"a\",\"delay_s\":1e12}", "invalid_field", "/delay_s"},
        {"{\"kind\":\"a\",\"delay_s\":1e400}", "invalid_field", "/delay_s"},
        {"{\"kind\":\"a\",\"delay_s\":\"5\"}", "invalid_field", "/delay_s"},
        {"{\"kind\":\"a\",\"run_at\":\"2026-02-30T00:00:00Z\"}", "invalid_field", "/run_at"},
        {"{\"kind\":\"a\",\"run_at\":\"2026-02-03T00:00:00\"}", "invalid_field", "/run_at"},
        {"{\"kind\":\"a\",\"run_at\":\"2026-02-03T00:00:00Z\",\"delay_s\":1}", "invalid_field", "/delay_s"},
        {"{\"kind\":\"a\",\"max_attempts\":0}", "invalid_field", "/max_attempts"},
        {"{\"kind\":\"a\",\"max_attempts\":1001}", "invalid_field", "/max_attempts"},
        {"{\"kind\":\"a\",\"unique_for_s\":1}", "invalid_field", "/unique_for_s"},
        {"{\"kind\":\"a\",\"tags\":[\"a\",1]}", "invalid_field", "/tags"},
        {"{\"kind\":\"a\",\"retry\":{\"backof\":1}}", "unknown_field", "/retry/backof"},
        {"{\"kind\":\"a\",\"retry\":{\"backoff\":\"list\"}}", "invalid_field", "/retry/delays_s"},
        {"{\"kind\":\"a\",\"secrets\":{}}", "not_supported", "/secrets"},
        {"{\"kind\":\"a\",\"depends_on\":[]}", "invalid_field", "/depends_on"},
        {"{\"kind\":\"a\",\"depends_on\":[1]}", "invalid_field", "/depends_on"},
        {"{\"kind\":\"a\",\"depends_on\":[\"a b\"]}", "invalid_field", "/depends_on"},
        {"{\"kind\":\"a\",\"ref\":\"a b\"}", "invalid_field", "/ref"},
        {"{\"kind\":\"a\",\"on_parent_failure\":\"wait\"}", "invalid_field", "/on_parent_failure"},
        {"{\"kind\":\"a\",\"on_cancel\":\"go\"}", "invalid_field", "/on_cancel"},
        {"{\"kind\":\"a\",\"unique_key\":\"u\",\"on_duplicate\":\"new\"}", "invalid_field", "/on_duplicate"},
        {"{\"kind\":\"a\",\"on_duplicate\":\"replace\"}", "invalid_field", "/on_duplicate"},
        {"{\"kind\":\"a\",\"unique_key\":\"schedule:a:b\"}", "invalid_field", "/unique_key"},
        {"{\"kind\":\"a\",\"attach\":\"root\"}", "unknown_field", "/attach"},
        {"{\"kind\":\"a\",\"tenant_id\":1}", "unknown_field", "/tenant_id"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_spec s;
        enum rc rc = wire_spec_read(parsed(rows[i].json), arena(), &s, e);
        ck_assert_msg(rc == RC_INVALID, "%s", rows[i].json);
        CHECK_STR(str_from(e->code), str_from(rows[i].code));
        CHECK_STR(str_from(e->field), str_from(rows[i].field));
    }
}

TEST(a_job_spec_that_is_written_reads_the_same)
{
    struct buf text = BUF_LIMIT(4096);
    struct json_out w = json_writer(&text);
    struct job_spec s = {.queue = STR("q"),
                         .kind = STR("k"),
                         .args = STR("[1]"),
                         .priority = 5,
                         .delay_ms = 250,
                         .retry = {.max_attempts = 2, .backoff = BACKOFF_FIXED, .base_ms = 1500},
                         .timeout_ms = 4000,
                         .unique_key = STR("u"),
                         .unique_for_ms = 60000};
    struct job_spec back;

    wire_spec_write(&w, &s);
    OK(wire_spec_read(parsed(buf_c_str(&text)), arena(), &back, e));
    CHECK_STR(back.queue, s.queue);
    CHECK_STR(back.args, s.args);
    CHECK_INT(back.priority, 5);
    CHECK_INT(back.delay_ms, 250);
    CHECK_INT(back.retry.backoff, BACKOFF_FIXED);
    CHECK_INT(back.retry.base_ms, 1500);
    CHECK_INT(back.timeout_ms, 4000);
    CHECK_INT(back.unique_for_ms, 60000);
    buf_dispose(&text);
}

TEST(a_job_that_is_written_reads_the_same)
{
    struct buf text = BUF_LIMIT(8192);
    struct json_out w = json_writer(&text);
    struct job back;
    struct job j = {.id = id_random(1700000000000),
                    .queue = STR("q"),
                    .kind = STR("k"),
                    .state = JOB_FAILED,
                    .reason = JOB_REASON_POISONED,
                    .round = 2,
                    .args = STR("{\"x\":1}"),
                    .attempt = 3,
                    .retry = {.max_attempts = 3},
                    .progress_permille = 425,
                    .progress_message = STR("half"),
                    .has_error = true,
                    .error = {.class = ERROR_PERMANENT, .code = STR("gone"), .message = STR("no\nmore")},
                    .created_at = 1700000000123,
                    .last_seq = 9};

    wire_job_write(&w, &j, WIRE_JOB_FULL);
    OK(wire_job_read(parsed(buf_c_str(&text)), &back, e));
    CHECK_TRUE(id_eq(back.id, j.id));
    CHECK_INT(back.state, JOB_FAILED);
    CHECK_INT(back.reason, JOB_REASON_POISONED);
    CHECK_STR(back.args, j.args);
    CHECK_INT(back.progress_permille, 425);
    CHECK_STR(back.progress_message, j.progress_message);
    CHECK_INT(back.error.class, ERROR_PERMANENT);
    CHECK_STR(back.error.message, j.error.message);
    CHECK_INT(back.created_at, j.created_at);
    CHECK_INT(back.last_seq, 9);
    buf_dispose(&text);
}
