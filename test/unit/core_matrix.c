/* Matrices: what is read, which coordinates there are, and what their args are. */
#include "core/batch.h"
#include "test.h"

static enum rc read(const char *text, struct arena *a, struct matrix *out, struct err *e)
{
    struct json *v = NULL;
    *e = (struct err){0};
    CHECK_INT(json_parse(str_from(text), a, &v, e), RC_OK);
    return matrix_read(v, a, out, e);
}

TEST(a_matrix_has_a_coordinate_for_each_combination)
{
    static const char *const wanted[] = {
        "{\"x\":0,\"prompt\":\"a\",\"run\":1}", "{\"x\":0,\"prompt\":\"a\",\"run\":[2]}",
        "{\"x\":0,\"prompt\":{\"k\":\"b\"},\"run\":1}", "{\"x\":0,\"prompt\":{\"k\":\"b\"},\"run\":[2]}"};
    struct arena *a = arena_new();
    struct matrix m;
    CHECK_INT(read("{\"prompt\": [\"a\", {\"k\":\"b\"}], \"run\": [1, [2]]}", a, &m, e), RC_OK);
    CHECK_INT(m.count, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_STR(matrix_args(&m, STR("{ \"x\":0 }"), i, a), str_from(wanted[i]));
    }
    CHECK_STR(matrix_args(&m, STR(""), 0, a), STR("{\"prompt\":\"a\",\"run\":1}"));
    CHECK_STR(matrix_args(&m, STR("null"), 0, a), STR("{\"prompt\":\"a\",\"run\":1}"));
    CHECK_STR(matrix_args(&m, STR("{ }"), 3, a), STR("{\"prompt\":{\"k\":\"b\"},\"run\":[2]}"));
    arena_free(a);
}

TEST(a_matrix_that_is_none_is_refused_with_the_reason)
{
    static const struct {
        const char *text, *field, *part;
    } cases[] = {
        {"[]", "", "object of 1 to 16 arrays"},
        {"{}", "", "object of 1 to 16 arrays"},
        {"{\"n\": []}", "/n", "at least one value"},
        {"{\"n\": 7}", "/n", "at least one value"},
        {"{\"two words\": [1]}", "", "a dimension's name"},
        {"{\"\": [1]}", "", "a dimension's name"},
    };
    struct arena *a = arena_new();
    struct matrix m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read(cases[i].text, a, &m, e), RC_INVALID);
        CHECK_STR(str_from(e->field), str_from(cases[i].field));
        CHECK_TRUE(str_find(str_from(e->text), str_from(cases[i].part), 0) < str_from(e->text).n);
    }
    arena_free(a);
}

/* {"a": [0, …], "b": [0, …]} */
static char *two_dimensions(struct arena *a, int first, int second)
{
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    for (int d = 0; d < 2; d++) {
        json_name(&w, d ? "b" : "a");
        json_array_begin(&w);
        for (int i = 0; i < (d ? second : first); i++) {
            json_int(&w, i);
        }
        json_array_end(&w);
    }
    json_object_end(&w);
    char *out = arena_c_str(a, buf_str(&text));
    buf_dispose(&text);
    return out;
}

TEST(a_matrix_has_at_most_a_hundred_thousand_coordinates)
{
    struct arena *a = arena_new();
    struct matrix m;
    CHECK_INT(read(two_dimensions(a, 1000, 100), a, &m, e), RC_OK);
    CHECK_INT(m.count, MATRIX_JOBS_MAX);
    CHECK_INT(read(two_dimensions(a, 1000, 101), a, &m, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("invalid_field"));
    arena_free(a);
}

TEST(args_that_do_not_go_with_a_matrix_are_refused)
{
    struct arena *a = arena_new();
    struct matrix m;
    CHECK_INT(read("{\"n\": [\"0123456789\", 1]}", a, &m, e), RC_OK);
    CHECK_INT(matrix_check_args(&m, STR(""), 100, e), RC_OK);
    CHECK_INT(matrix_check_args(&m, STR("null"), 100, e), RC_OK);
    CHECK_INT(matrix_check_args(&m, STR("{\"m\":1}"), 100, e), RC_OK);
    CHECK_INT(matrix_check_args(&m, STR("[1]"), 100, e), RC_INVALID);
    CHECK_INT(matrix_check_args(&m, STR("{\"n\":1}"), 100, e), RC_INVALID);
    CHECK_INT(matrix_check_args(&m, STR("{\"m\":1}"), 20, e), RC_TOO_BIG);
    CHECK_STR(str_from(e->field), STR("args"));
    CHECK_INT(read(two_dimensions(a, 1000, 100), a, &m, e), RC_OK);
    struct buf text = BUF_LIMIT(1 << 20);
    buf_append_c(&text, "{\"x\":\"");
    for (int i = 0; i < 3000; i++) {
        buf_append_char(&text, 'x');
    }
    buf_append_c(&text, "\"}");
    CHECK_INT(matrix_check_args(&m, buf_str(&text), 1 << 20, e), RC_TOO_BIG);
    buf_dispose(&text);
    arena_free(a);
}

TEST(the_jobs_of_a_tick_have_a_key_for_each_coordinate)
{
    struct arena *a = arena_new();
    struct batch_filling f = {
        .job = {.kind = STR("k"), .args = STR("{}"), .tags = STR("[\"t\"]"), .delay_ms = 5},
        .schedule = STR("daily"),
        .tick = 1900000000000};
    struct job_spec s;
    CHECK_INT(read("{\"n\": [1, 2]}", a, &f.matrix, e), RC_OK);
    CHECK_INT(batch_filling_check(&f, e), RC_OK);
    CHECK_INT(batch_filling_job(&f, 1, a, &s, e), RC_OK);
    CHECK_STR(s.unique_key, STR("schedule:daily:2030-03-17T17:46:40.000Z:1"));
    CHECK_TRUE(s.unique_for_ms == JOB_FOREVER_MS);
    CHECK_STR(s.tags, STR("[\"schedule:daily\",\"t\"]"));
    CHECK_STR(s.args, STR("{\"n\":2}"));
    CHECK_INT(s.delay_ms, 0);
    f.job.unique_key = STR("mine");
    CHECK_INT(batch_filling_check(&f, e), RC_INVALID);
    CHECK_STR(str_from(e->field), STR("unique_key"));
    arena_free(a);
}

static struct str limits_at(const struct matrix *m, const char *limits, int64_t at, struct arena *a)
{
    struct err e[1] = {0};
    struct str out = STR_NONE;
    CHECK_INT(matrix_limits(m, str_from(limits), &(struct matrix_place){at, STR("0199")}, a, &out, e), RC_OK);
    return out;
}

TEST(limit_keys_of_a_template_may_be_made_of_the_coordinate)
{
    struct arena *a = arena_new();
    struct matrix m;
    CHECK_INT(read("{\"model\":[{\"id\":\"x\",\"p\":\"b\"},{\"p\":\"a\\u0062\"}],\"n\":[1,2]}", a, &m, e),
              RC_OK);
    CHECK_STR(limits_at(&m, "[\"p:{model.p}\"]", 1, a), STR("[\"p:b\"]"));
    CHECK_STR(limits_at(&m, "[\"p:{model.p}\"]", 2, a), STR("[\"p:ab\"]"));
    CHECK_STR(limits_at(&m, "[{\"key\":\"{n}:{batch}}\",\"weight\":7},\"0\"]", 3, a),
              STR("[\"0\",{\"key\":\"2:0199}\",\"weight\":7}]"));
    CHECK_STR(limits_at(&m, "[\"plain}\",{\"key\":\"z\",\"weight\":3}]", 0, a),
              STR("[\"plain}\",{\"key\":\"z\",\"weight\":3}]"));
    CHECK_INT(matrix_check_limits(&m, STR("[\"p:{model.p}\",\"n:{n}\"]"), e), RC_OK);
    static const char *const bad[] = {"[\"{nothing}\"]",   "[\"{model}\"]", "[\"{model.id}\"]",
                                      "[\"{model.p.x}\"]", "[\"{n}*\"]",    "[\"{n}\",\"{n}\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(matrix_check_limits(&m, str_from(bad[i]), e), RC_INVALID);
        CHECK_STR(str_from(e->field), STR("limits"));
    }
    CHECK_INT(read(two_dimensions(a, 600, 2), a, &m, e), RC_OK);
    CHECK_INT(matrix_check_limits(&m, STR("[\"b:{batch}\"]"), e), RC_OK);
    struct str name = m.dimensions[1].name;
    struct str open = arena_printf(a, "[\"b:{%.*s}\"]", STR_ARG(name));
    CHECK_INT(matrix_check_limits(&m, open, e), RC_INVALID);
    arena_free(a);
}
