/* wire_report.c: reports, their verdicts, events in a stream, base64, problems. */
#include "test.h"

#include <string.h>

#include "wire/wire.h"

#define ID_JSON "\"0199f3c8-7a10-7000-8000-000000000001\""
#define HEAD    "{\"job\":" ID_JSON ",\"lease\":3,\"n\":2,\"op\":"

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

TEST(a_report_is_read_with_all_that_it_may_carry)
{
    struct report r;

    OK(wire_report_read(
        parsed(HEAD
               "\"complete\",\"percent\":99.94,\"message\":\"done\",\"checkpoint\":null,"
               "\"events\":[{\"type\":\"file\",\"data\":{\"n\":1}},{\"type\":\"x\"}],"
               "\"artifacts\":[{\"name\":\"a.txt\",\"text\":\"hi\"},{\"name\":\"b\",\"base64\":\"AAE=\"}],"
               "\"publish\":[{\"artifact\":\"b\",\"series\":\"s/1\",\"keep\":2}],\"result\":[ 1 ]}"),
        arena(), &r, e));
    CHECK_INT(r.op, REPORT_COMPLETE);
    CHECK_INT(r.lease, 3);
    CHECK_INT(r.n, 2);
    CHECK_INT(r.progress_permille, 999);
    CHECK_STR(r.checkpoint, STR("null"));
    CHECK_INT(r.event_count, 2);
    CHECK_STR(r.events[1].data, STR("null"));
    CHECK_STR(r.artifacts[0].media_type, STR("text/plain; charset=utf-8"));
    CHECK_INT(r.artifacts[1].bytes.n, 2);
    CHECK_INT(r.artifacts[1].bytes.p[1], 1);
    CHECK_STR(r.publish[0].series, STR("s/1"));
    CHECK_STR(r.result, STR("[ 1 ]"));
}

TEST(an_artifact_arrives_as_it_was_whether_it_is_text_or_not)
{
    static const struct {
        struct str media_type, bytes, read_as;
        bool is_text;
    } rows[] = {
        {STR("text/markdown"), STR("# \"Ä\"\n\ttab \\ \x01 end\r\n"), STR("text/markdown"), true},
        {STR("text/plain"), STR("a\0b"), STR("text/plain"), false},
        {STR("text/plain"), STR(""), STR("text/plain"), true},
        {STR("text/plain"), STR("\xff\xfe"), STR("text/plain"), false},
        {STR_NONE, STR("text of no type"), STR("application/octet-stream"), false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report_artifact artifact = {
            .name = STR("a"), .media_type = rows[i].media_type, .bytes = rows[i].bytes};
        struct report sent = {.op = REPORT_COMPLETE,
                              .lease = 1,
                              .n = 1,
                              .progress_permille = -1,
                              .retry_after_ms = -1,
                              .artifacts = &artifact,
                              .artifact_count = 1};
        struct report r;
        struct buf b = BUF_LIMIT(1 << 16);
        struct json_out w = json_writer(&b);

        ck_assert(id_parse(STR("0199f3c8-7a10-7000-8000-00000000abcd"), &sent.job));
        wire_report_write(&w, &sent);
        CHECK_INT(str_find(buf_str(&b), STR("base64"), 0) == b.n, rows[i].is_text);
        OK(wire_report_read(parsed(arena_c_str(arena(), buf_str(&b))), arena(), &r, e));
        CHECK_STR(r.artifacts[0].bytes, rows[i].bytes);
        CHECK_STR(r.artifacts[0].media_type, rows[i].read_as);
        buf_dispose(&b);
    }
}

TEST(the_hash_of_a_report_leaves_out_lease_and_number_only)
{
    struct report r1, r2, r3;

    OK(wire_report_read(parsed(HEAD "\"complete\",\"result\":1}"), arena(), &r1, e));
    OK(wire_report_read(parsed("{\"job\":" ID_JSON ",\"lease\":4,\"n\":9,\"op\":\"complete\",\"result\":1}"),
                        arena(), &r2, e));
    OK(wire_report_read(parsed(HEAD "\"complete\",\"result\":2}"), arena(), &r3, e));
    CHECK_INT(r1.hash, r2.hash);
    CHECK_TRUE(r1.hash != r3.hash);
}

TEST(what_a_report_must_not_hold_is_refused_by_name)
{
    static const struct {
        const char *json, *code, *field;
    } rows[] = {
        {"{}", "invalid_field", "/job"},
        {"{\"job\":\"x\"}", "invalid_field", "/job"},
        {"{\"job\":" ID_JSON ",\"n\":1,\"op\":\"complete\"}", "invalid_field", "/lease"},
        {"{\"job\":" ID_JSON ",\"lease\":\"x\"}", "invalid_field", "/lease"},
        {"{\"job\":" ID_JSON ",\"lease\":0}", "invalid_field", "/lease"},
        {HEAD "\"finish\"}", "invalid_field", "/op"},
        {HEAD "\"progress\",\"percent\":101}", "invalid_field", "/percent"},
        {HEAD "\"progress\",\"percent\":-1}", "invalid_field", "/percent"},
        {HEAD "\"progress\",\"lease_s\":0.5}", "invalid_field", "/lease_s"},
        {HEAD "\"progress\",\"lease_s\":43201}", "invalid_field", "/lease_s"},
        {HEAD "\"heartbeat\",\"percent\":1}", "invalid_field", "/percent"},
        {HEAD "\"progress\",\"result\":1}", "invalid_field", "/result"},
        {HEAD "\"fail\"}", "invalid_field", "/error"},
        {HEAD "\"fail\",\"error\":{\"class\":\"odd\"}}", "invalid_field", "/error/class"},
        {HEAD "\"snooze\"}", "invalid_field", "/delay_s"},
        {HEAD "\"fail\",\"error\":{\"class\":\"permanent\"},\"children\":[]}", "invalid_field", "/children"},
        {HEAD "\"complete\",\"children\":{}}", "invalid_field", "/children"},
        {HEAD "\"complete\",\"children\":[{\"kind\":\"a\"},{}]}", "invalid_field", "/children/1/kind"},
        {HEAD "\"wait\",\"children\":[{\"kind\":\"a\",\"depends_on\":[1]}]}", "invalid_field",
         "/children/0/depends_on"},
        {HEAD "\"wait\",\"children\":[{\"kind\":\"a\",\"attach\":\"top\"}]}", "invalid_field",
         "/children/0/attach"},
        {HEAD "\"wait\",\"result\":1}", "invalid_field", "/result"},
        {HEAD "\"progress\",\"events\":[{\"type\":\"a\"},{\"type\":\"end\"}]}", "invalid_field",
         "/events/1/type"},
        {HEAD "\"progress\",\"artifacts\":[{\"name\":\"a\"}]}", "invalid_field", "/artifacts/0"},
        {HEAD "\"progress\",\"artifacts\":[{\"name\":\"a\",\"base64\":\"AAF=\"}]}", "invalid_field",
         "/artifacts/0/base64"},
        {HEAD "\"progress\",\"artifacts\":[{\"name\":\"a\",\"text\":\"\",\"media_type\":\"a/b\\r\\nx: y\"}]}",
         "invalid_field", "/artifacts/0/media_type"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report r;
        enum rc rc = wire_report_read(parsed(rows[i].json), arena(), &r, e);
        ck_assert_msg(rc == RC_INVALID, "%s", rows[i].json);
        CHECK_STR(str_from(e->code), str_from(rows[i].code));
        CHECK_STR(str_from(e->field), str_from(rows[i].field));
    }
}

TEST(an_error_that_is_too_long_is_cut_between_characters)
{
    struct buf text = BUF_LIMIT(100000);
    struct report r;

    buf_append_c(&text, HEAD "\"fail\",\"error\":{\"message\":\"x");
    for (int i = 0; i < JOB_ERROR_MAX_BYTES / 2; i++) {
        buf_append_c(&text, "é");
    }
    buf_append_c(&text, "\",\"stack\":\"behind\"}}");
    OK(wire_report_read(parsed(buf_c_str(&text)), arena(), &r, e));
    CHECK_INT(r.error.message.n, JOB_ERROR_MAX_BYTES - 1);
    CHECK_TRUE(str_is_utf8(r.error.message));
    CHECK_STR(r.error.stack, STR("b"));
    buf_dispose(&text);
}

TEST(a_report_that_is_written_reads_the_same)
{
    struct buf text = BUF_LIMIT(8192);
    struct json_out w = json_writer(&text);
    struct report_event events[] = {{STR("log"), STR("{\"a\":1}")}};
    struct report_artifact artifacts[] = {{STR("f"), STR("text/plain"), {"\0\1\2\3", 4}}};
    struct report_publish publish[] = {{STR("f"), STR("s"), 3}};
    struct report back;
    struct report r = {.job = id_random(1700000000000),
                       .lease = 7,
                       .n = 8,
                       .op = REPORT_COMPLETE,
                       .progress_permille = -1,
                       .events = events,
                       .event_count = 1,
                       .artifacts = artifacts,
                       .artifact_count = 1,
                       .publish = publish,
                       .publish_count = 1,
                       .result = STR("{}"),
                       .retry_after_ms = -1};

    wire_report_write(&w, &r);
    OK(wire_report_read(parsed(buf_c_str(&text)), arena(), &back, e));
    CHECK_TRUE(id_eq(back.job, r.job));
    CHECK_INT(back.lease, 7);
    CHECK_STR(back.events[0].data, events[0].data);
    CHECK_STR(back.artifacts[0].bytes, artifacts[0].bytes);
    CHECK_INT(back.publish[0].keep, 3);
    CHECK_INT(back.progress_permille, -1);
    buf_dispose(&text);
}

TEST(a_verdict_that_is_written_reads_the_same)
{
    struct buf text = BUF_LIMIT(4096);
    struct json_out w = json_writer(&text);
    struct report r = {.job = id_random(1700000000000)};
    struct report_verdict v = {.rc = RC_CONFLICT, .replayed = true};
    struct report_verdict back;

    err_set_code(&v.e, RC_CONFLICT, "stale_report", NULL, "n is 3 already");
    wire_report_verdict_write(&w, &r, &v);
    OK(wire_report_verdict_read(parsed(buf_c_str(&text)), &back, e));
    CHECK_INT(back.rc, RC_CONFLICT);
    CHECK_STR(str_from(back.e.code), STR("stale_report"));
    CHECK_STR(str_from(back.e.text), STR("n is 3 already"));
    CHECK_TRUE(back.replayed);
    buf_dispose(&text);
}

TEST(an_event_cannot_write_another_event_into_the_stream)
{
    struct buf out = BUF_LIMIT(4096);

    wire_event_sse(&out, 5, STR("note"), STR("[\n\n\r1,\r\n2]"));
    CHECK_STR(buf_str(&out),
              STR("id: 5\nevent: note\ndata: [\ndata: \ndata: \ndata: 1,\ndata: \ndata: 2]\n\n"));
    buf_dispose(&out);
}

TEST(every_failure_has_a_problem_with_a_status)
{
    for (int rc = RC_INVALID; rc <= RC_FATAL; rc++) {
        const struct wire_problem *p = wire_problem_of((enum rc)rc, NULL);
        CHECK_INT(p->rc, rc);
        CHECK_TRUE(p->status >= 400 && p->status < 600);
    }
    CHECK_INT(wire_status(RC_LEASE_LOST, NULL), 409);
    CHECK_INT(wire_status(RC_INVALID, "malformed_json"), 400);
    CHECK_INT(wire_status(RC_BUSY, "queue_full"), 429);
    CHECK_TRUE(wire_problem_named(STR("urn:stint:problem:draining"))->rc == RC_BUSY);
}

TEST(a_problem_does_not_show_what_is_for_the_log)
{
    struct buf out = BUF_LIMIT(1024);
    struct json_out w = json_writer(&out);

    err_set(e, RC_FATAL, "SELECT * FROM /var/lib/stint");
    json_object_begin(&w);
    wire_problem_members(&w, wire_problem_of(RC_FATAL, NULL), e);
    json_object_end(&w);
    CHECK_TRUE(str_find(buf_str(&out), STR("stint.db"), 0) == out.n);
    CHECK_TRUE(str_find(buf_str(&out), STR("SELECT"), 0) == out.n);
    buf_dispose(&out);
}
