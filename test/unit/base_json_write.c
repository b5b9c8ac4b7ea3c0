/* base_json_write.c: what the writer prints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "test.h"

TEST(commas_and_colons_stand_where_they_belong)
{
    struct buf b = BUF_LIMIT(1000);
    struct json_out w = json_writer(&b);

    json_object_begin(&w);
    json_put_int(&w, "a", 1);
    json_name(&w, "b");
    json_array_begin(&w);
    json_bool(&w, true);
    json_array_begin(&w);
    json_array_end(&w);
    json_object_begin(&w);
    json_object_end(&w);
    json_null(&w);
    json_array_end(&w);
    json_put_bool(&w, "c", false);
    json_name(&w, "d");
    json_object_begin(&w);
    json_put_c(&w, "e", NULL);
    json_object_end(&w);
    json_put_raw(&w, "f", STR("[1, 2]"));
    json_put_raw(&w, "g", STR_NONE);
    json_put_real(&w, "h", 0.5);
    json_object_end(&w);
    CHECK_STR(buf_str(&b), STR("{\"a\":1,\"b\":[true,[],{},null],\"c\":false,\"d\":{\"e\":null},\"f\":[1, "
                               "2],\"g\":null,\"h\":0.5}"));
    OK(json_validate(buf_str(&b), e));
    buf_dispose(&b);
}

static void check_string(struct str text, struct str want)
{
    struct buf b = BUF_LIMIT(1000);
    struct json_out w = json_writer(&b);

    json_str(&w, text);
    CHECK_STR(buf_str(&b), want);
    buf_dispose(&b);
}

TEST(strings_are_escaped_where_json_demands_it_and_nowhere_else)
{
    check_string(STR(""), STR("\"\""));
    check_string(STR_NONE, STR("\"\""));
    check_string(STR("plain text, longer than eight bytes / \x7F"),
                 STR("\"plain text, longer than eight bytes / \x7F\""));
    check_string(STR("\"\\\b\f\n\r\t"), STR("\"\\\"\\\\\\b\\f\\n\\r\\t\""));
    check_string(STR("\0\x01\x1F"), STR("\"\\u0000\\u0001\\u001f\""));
    check_string(STR("\xC3\xA4 \xF0\x9F\x98\xB9"), STR("\"\xC3\xA4 \xF0\x9F\x98\xB9\""));
}

TEST(bytes_that_are_no_utf8_become_the_replacement_character)
{
    check_string(STR("a\xFF"
                     "b"),
                 STR("\"a\xEF\xBF\xBD"
                     "b\""));
    check_string(STR("\xC3"), STR("\"\xEF\xBF\xBD\""));
    check_string(STR("\xED\xA0\x80"), STR("\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""));
}

TEST(any_string_survives_writing_and_reading)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(100000);
    struct json_out w = json_writer(&b);
    char text[1200];
    size_t n = 0;
    struct json *tree = NULL;

    for (int c = 0; c < 0x80; c++) {
        text[n++] = (char)c;
    }
    for (int c = 0x80; c < 0x400; c += 7) {
        text[n++] = (char)(0xC0 | c >> 6);
        text[n++] = (char)(0x80 | (c & 0x3F));
    }
    json_str(&w, (struct str){text, n});
    OK(json_parse(buf_str(&b), a, &tree, e));
    CHECK_STR(tree->s, ((struct str){text, n}));
    buf_dispose(&b);
    arena_free(a);
}

static void check_int(int64_t i, const char *want)
{
    struct buf b = BUF_LIMIT(100);
    struct json_out w = json_writer(&b);

    json_int(&w, i);
    CHECK_STR(buf_str(&b), str_from(want));
    buf_dispose(&b);
}

TEST(integers_are_printed_to_the_last_digit)
{
    check_int(0, "0");
    check_int(-1, "-1");
    check_int(10, "10");
    check_int(INT64_MAX, "9223372036854775807");
    check_int(INT64_MIN, "-9223372036854775808");
}

static void check_real(double d, const char *want)
{
    struct buf b = BUF_LIMIT(100);
    struct json_out w = json_writer(&b);

    json_real(&w, d);
    CHECK_STR(buf_str(&b), str_from(want));
    buf_dispose(&b);
}

TEST(a_real_is_printed_short_and_reads_back_the_same)
{
    check_real(0.1, "0.1");
    check_real(5, "5");
    check_real(-0.0, "-0");
    check_real(1e300, "1e+300");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(1.0 / 3, "0.3333333333333333");
    check_real(4.9e-324, "4.94065645841247e-324");
    check_real(NAN, "null");
    check_real(-INFINITY, "null");
}

TEST(ids_and_times_are_strings_and_no_time_is_null)
{
    struct buf b = BUF_LIMIT(1000);
    struct json_out w = json_writer(&b);

    json_object_begin(&w);
    json_put_id(&w, "id", id_from_parts(1700000000000LL << 21, 1));
    json_put_time(&w, "at", 1700000000000);
    json_put_time(&w, "never", 0);
    json_object_end(&w);
    CHECK_STR(buf_str(&b), STR("{\"id\":\"018bcfe5-6800-7000-8000-000000000001\",\"at\":\"2023-11-14T22:13:"
                               "20.000Z\",\"never\":null}"));
    buf_dispose(&b);
}

TEST(output_over_the_limit_is_told_once_at_the_end)
{
    struct buf b = BUF_LIMIT(50);
    struct json_out w = json_writer(&b);

    json_array_begin(&w);
    for (int k = 0; k < 100; k++) {
        json_str(&w, STR("tab\there"));
        json_int(&w, k);
    }
    json_array_end(&w);
    FAILS(buf_check(&b, "answer", e), RC_TOO_BIG);
    CHECK_TRUE(b.n <= 50);
    buf_dispose(&b);
}

TEST(what_is_written_may_be_as_deep_as_what_is_read)
{
    struct buf b = BUF_LIMIT(1000);
    struct json_out w = json_writer(&b);

    for (int depth = 0; depth < JSON_MAX_DEPTH; depth++) {
        json_array_begin(&w);
        json_int(&w, depth);
    }
    json_int(&w, 1);
    for (int depth = 0; depth < JSON_MAX_DEPTH; depth++) {
        json_array_end(&w);
    }
    CHECK_TRUE(str_ends(buf_str(&b),
                        STR(",[62,[63,1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")));
    OK(json_validate(buf_str(&b), e));
    buf_dispose(&b);
}
