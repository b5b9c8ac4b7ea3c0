/* base_json_read.c: what the reader gives back, its limits, and access to members. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "test.h"

static struct json *parse(struct arena *a, struct str text)
{
    struct err e = {0};
    struct json *tree = NULL;

    test_check_ok(__FILE__, __LINE__, "json_parse", json_parse(text, a, &tree, &e), &e);
    return tree;
}

TEST(a_tree_has_types_names_counts_and_order)
{
    struct arena *a = arena_new();
    struct json *o = parse(a, STR("{\"a\":[1,true,null,-2.5,\"x\"],\"b\":{},\"c\":false}"));
    struct json *list = o->first;

    CHECK_INT(o->type, JSON_OBJECT);
    CHECK_INT(o->count, 3);
    CHECK_STR(list->name, STR("a"));
    CHECK_INT(list->type, JSON_ARRAY);
    CHECK_INT(list->count, 5);
    CHECK_INT(list->first->i, 1);
    CHECK_INT(list->first->next->type, JSON_BOOL);
    CHECK_INT(list->first->next->i, 1);
    CHECK_INT(list->first->next->next->type, JSON_NULL);
    CHECK_TRUE(list->first->next->next->next->d == -2.5);
    CHECK_STR(list->first->next->next->next->next->s, STR("x"));
    CHECK_TRUE(list->first->next->next->next->next->next == NULL);
    CHECK_INT(list->next->type, JSON_OBJECT);
    CHECK_INT(list->next->count, 0);
    CHECK_STR(list->next->next->name, STR("c"));
    CHECK_TRUE(list->next->next->next == NULL);
    arena_free(a);
}

TEST(every_value_knows_its_exact_bytes)
{
    struct arena *a = arena_new();
    struct json *o = parse(a, STR(" { \"p\" : [1e400 , -0,9007199254740993] , \"s\": \"\\u0041\" } "));

    CHECK_STR(o->raw, STR("{ \"p\" : [1e400 , -0,9007199254740993] , \"s\": \"\\u0041\" }"));
    CHECK_STR(json_get(o, STR("p"))->raw, STR("[1e400 , -0,9007199254740993]"));
    CHECK_STR(json_get(o, STR("p"))->first->raw, STR("1e400"));
    CHECK_STR(json_get(o, STR("s"))->raw, STR("\"\\u0041\""));
    CHECK_STR(json_get(o, STR("s"))->s, STR("A"));
    arena_free(a);
}

TEST(a_string_without_escapes_is_borrowed_from_the_text)
{
    struct arena *a = arena_new();
    struct str text = STR("[\"plain \xC3\xA4\",\"with \\n\"]");
    struct json *list = parse(a, text);

    CHECK_TRUE(list->first->s.p == text.p + 2);
    CHECK_TRUE(list->first->next->s.p < text.p || list->first->next->s.p > text.p + text.n);
    CHECK_STR(list->first->next->s, STR("with \n"));
    arena_free(a);
}

TEST(escapes_are_decoded)
{
    struct arena *a = arena_new();

    CHECK_STR(parse(a, STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""))->s, STR("\"\\/\b\f\n\r\t"));
    CHECK_STR(parse(a, STR("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude39!\""))->s,
              STR("A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\xB9!"));
    CHECK_STR(parse(a, STR("\"\\uDBFF\\uDFFF\""))->s, STR("\xF4\x8F\xBF\xBF"));
    CHECK_STR(parse(a, STR("\"a\\u0000b\""))->s, STR("a\0b"));
    CHECK_STR(parse(a, STR("{\"\\u0071ueue\":1}"))->first->name, STR("queue"));
    arena_free(a);
}

TEST(integers_are_exact_and_everything_else_is_a_real)
{
    static const struct {
        const char *text;
        enum json_type type;
        int64_t i;
        double d;
    } rows[] = {
        {"0", JSON_INT, 0, 0},
        {"-1", JSON_INT, -1, -1},
        {"9007199254740993", JSON_INT, 9007199254740993, 9007199254740992.0},
        {"9223372036854775807", JSON_INT, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", JSON_INT, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", JSON_REAL, 0, 9223372036854775808.0},
        {"-9223372036854775809", JSON_REAL, 0, -9223372036854775809.0},
        {"18446744073709551616", JSON_REAL, 0, 18446744073709551616.0},
        {"-0", JSON_REAL, 0, -0.0},
        {"1.0", JSON_REAL, 0, 1},
        {"1e2", JSON_REAL, 0, 100},
        {"0.1", JSON_REAL, 0, 0.1},
        {"-12.5e-1", JSON_REAL, 0, -1.25},
        {"1e22", JSON_REAL, 0, 1e22},
        {"1e23", JSON_REAL, 0, 1e23},
        {"123456789012345678901234567890", JSON_REAL, 0, 123456789012345678901234567890.0},
        {"2.2250738585072011e-308", JSON_REAL, 0, 2.2250738585072011e-308},
        {"4.9e-324", JSON_REAL, 0, 4.9e-324},
        {"1e-400", JSON_REAL, 0, 0},
        {"1e400", JSON_REAL, 0, INFINITY},
        {"0.30000000000000004", JSON_REAL, 0, 0.30000000000000004},
        {"0e99999999999", JSON_REAL, 0, 0},
    };
    struct arena *a = arena_new();

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        struct json *v = parse(a, str_from(rows[k].text));

        CHECK_INT(v->type, rows[k].type);
        CHECK_INT(v->i, rows[k].i);
        CHECK_INT(memcmp(&v->d, &rows[k].d, sizeof v->d), 0);
    }
    arena_free(a);
}

static void repeat(struct buf *b, const char *text, int count)
{
    for (int k = 0; k < count; k++) {
        buf_append_c(b, text);
    }
}

TEST(the_deepest_allowed_nesting_is_read_and_one_more_is_refused)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(1000);

    repeat(&b, "[", JSON_MAX_DEPTH);
    repeat(&b, "]", JSON_MAX_DEPTH);
    CHECK_INT(parse(a, buf_str(&b))->count, 1);
    struct json *tree;
    buf_clear(&b);
    repeat(&b, "[", JSON_MAX_DEPTH + JSON_ENVELOPE_DEPTH);
    repeat(&b, "]", JSON_MAX_DEPTH + JSON_ENVELOPE_DEPTH);
    OK(json_parse_envelope(buf_str(&b), a, &tree, e));
    FAILS(json_parse(buf_str(&b), a, &tree, e), RC_INVALID);
    buf_clear(&b);
    repeat(&b, "[", JSON_MAX_DEPTH + JSON_ENVELOPE_DEPTH + 1);
    FAILS(json_parse_envelope(buf_str(&b), a, &tree, e), RC_INVALID);
    buf_clear(&b);
    repeat(&b, "{\"a\":", JSON_MAX_DEPTH + 1);
    FAILS(json_validate(buf_str(&b), e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("not JSON: nested too deeply at byte 320"));
    buf_dispose(&b);
    arena_free(a);
}

TEST(a_hundred_thousand_brackets_cost_nothing)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(200000);
    struct json *tree;

    repeat(&b, "[", 100000);
    size_t before = arena_bytes(a);
    FAILS(json_parse(buf_str(&b), a, &tree, e), RC_INVALID);
    CHECK_INT(arena_bytes(a), before);
    buf_dispose(&b);
    arena_free(a);
}

TEST(an_object_of_any_size_has_each_name_once)
{
    static const int sizes[] = {2, 15, 16, 17, 18, 63, 64, 65, 66, 129, 5000};
    struct buf b = BUF_LIMIT(1 << 20);

    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        for (int twin = 0; twin < sizes[k]; twin += sizes[k] / 2) {
            buf_clear(&b);
            buf_append_char(&b, '{');
            for (int m = 0; m < sizes[k]; m++) {
                buf_printf(&b, "\"name%d\":{\"name%d\":0},", m, m);
            }
            size_t unique_bytes = b.n;

            buf_append_c(&b, "\"other\":1}");
            OK(json_validate(buf_str(&b), e));
            b.n = unique_bytes;
            buf_printf(&b, "\"name%d\":1}", twin);
            FAILS(json_validate(buf_str(&b), e), RC_INVALID);
            CHECK_TRUE(str_starts(str_from(e->text), STR("not JSON: duplicate member at byte ")));
        }
    }
    buf_dispose(&b);
}

/* Names are hashed with a key of this process; comparing each with all would take minutes here and run into the limit. */
TEST(a_hundred_thousand_members_are_read)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(8 << 20);

    buf_append_char(&b, '{');
    for (int m = 0; m < 100000; m++) {
        buf_printf(&b, "%s\"k%d\":%d", m > 0 ? "," : "", m, m);
    }
    buf_append_char(&b, '}');
    struct json *o = parse(a, buf_str(&b));

    CHECK_INT(o->count, 100000);
    CHECK_INT(json_get(o, STR("k99999"))->i, 99999);
    buf_dispose(&b);
    arena_free(a);
}

TEST(a_number_literal_of_a_mebibyte_is_refused)
{
    struct buf b = BUF_LIMIT(2 << 20);

    repeat(&b, "1", JSON_MAX_NUMBER_BYTES);
    OK(json_validate(buf_str(&b), e));
    repeat(&b, "1", 1);
    FAILS(json_validate(buf_str(&b), e), RC_INVALID);
    repeat(&b, "1", 1 << 20);
    FAILS(json_validate(buf_str(&b), e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("not JSON: number literal too long at byte 0"));
    buf_dispose(&b);
}

TEST(a_refusal_tells_the_place_and_the_reason)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "the text ends too early at byte 0"},
        {"[1,", "the text ends too early at byte 3"},
        {"{\"a\" 1}", "colon expected at byte 5"},
        {"[1 2]", "comma or closing bracket expected at byte 3"},
        {"{\"a\":1,}", "member name expected at byte 7"},
        {"{} x", "something follows the value at byte 3"},
        {"\"ab\xFF\"", "not UTF-8 at byte 3"},
        {"\"ab\x01\"", "control character in a string at byte 3"},
        {"[\"a\\q\"]", "unknown escape at byte 3"},
        {"\"\\ud800\"", "lone surrogate at byte 1"},
        {"\xEF\xBB\xBF{}", "a byte order mark is not allowed at byte 0"},
        {"{\"a\":1,\"a\":2}", "duplicate member at byte 7"},
        {"-x", "digit expected at byte 1"},
        {"01", "number with a leading zero at byte 1"},
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        FAILS(json_validate(str_from(rows[k].text), e), RC_INVALID);
        CHECK_STR(str_sub(str_from(e->text), strlen("not JSON: "), sizeof e->text), str_from(rows[k].why));
    }
}

TEST(no_text_at_all_is_refused_at_its_first_byte)
{
    FAILS(json_validate(STR_NONE, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("not JSON: the text ends too early at byte 0"));
}

TEST(members_are_found_by_name_and_only_in_objects)
{
    struct arena *a = arena_new();

    CHECK_INT(json_get(parse(a, STR("{\"a\":1,\"b\":2}")), STR("b"))->i, 2);
    CHECK_TRUE(json_get(parse(a, STR("{\"a\":1}")), STR("c")) == NULL);
    CHECK_TRUE(json_get(parse(a, STR("[1]")), STR("")) == NULL);
    CHECK_TRUE(json_get(NULL, STR("a")) == NULL);
    arena_free(a);
}

TEST(absent_and_null_members_leave_the_default)
{
    struct arena *a = arena_new();
    struct json *o = parse(a, STR("{\"n\":null}"));
    struct str s = STR("default");
    int64_t i = 7;
    bool b = true;
    double d = 1.5;

    for (int round = 0; round < 2; round++) {
        const char *name = round == 0 ? "n" : "absent";

        OK(json_get_str(o, name, &s, e));
        OK(json_get_int(o, name, 0, 1, &i, e));
        OK(json_get_bool(o, name, &b, e));
        OK(json_get_real(o, name, 0, 1, &d, e));
    }
    CHECK_STR(s, STR("default"));
    CHECK_INT(i, 7);
    CHECK_TRUE(b && d == 1.5);
    arena_free(a);
}

TEST(members_of_the_right_type_are_taken)
{
    struct arena *a = arena_new();
    struct json *o = parse(a, STR("{\"s\":\"x\",\"i\":-5,\"b\":true,\"d\":0.5}"));
    struct str s = STR_NONE;
    int64_t i = 0;
    bool b = false;
    double d = 0;

    OK(json_get_str(o, "s", &s, e));
    OK(json_get_int(o, "i", -5, 5, &i, e));
    OK(json_get_bool(o, "b", &b, e));
    OK(json_get_real(o, "d", 0.5, 0.5, &d, e));
    CHECK_STR(s, STR("x"));
    CHECK_INT(i, -5);
    CHECK_TRUE(b && d == 0.5);
    OK(json_get_real(o, "i", -10, 10, &d, e));
    CHECK_TRUE(d == -5);
    arena_free(a);
}

TEST(a_member_of_the_wrong_type_or_range_is_named)
{
    struct arena *a = arena_new();
    struct json *o = parse(
        a, STR("{\"priority\":1e400,\"zero\":-0,\"whole\":5.0,\"far\":9007199254740993,\"s\":5,\"b\":1}"));
    struct str s = STR_NONE;
    int64_t i = 42;
    bool b = false;
    double d = 42;

    FAILS(json_get_int(o, "priority", -100, 100, &i, e), RC_INVALID);
    CHECK_STR(str_from(e->field), STR("priority"));
    CHECK_STR(str_from(e->code), STR("invalid_field"));
    CHECK_STR(str_from(e->text), STR("priority must be an integer"));
    FAILS(json_get_int(o, "zero", -100, 100, &i, e), RC_INVALID);
    FAILS(json_get_int(o, "whole", -100, 100, &i, e), RC_INVALID);
    FAILS(json_get_int(o, "far", -100, 100, &i, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("far must be from -100 to 100"));
    FAILS(json_get_real(o, "priority", -100, 100, &d, e), RC_INVALID);
    FAILS(json_get_str(o, "s", &s, e), RC_INVALID);
    FAILS(json_get_bool(o, "b", &b, e), RC_INVALID);
    CHECK_STR(str_from(e->field), STR("b"));
    CHECK_INT(i, 42);
    CHECK_TRUE(d == 42 && s.p == NULL && !b);
    arena_free(a);
}

TEST(an_unknown_member_is_named)
{
    static const char *const names[] = {"queue", "kind", NULL};
    struct arena *a = arena_new();

    OK(json_only(parse(a, STR("{\"kind\":1,\"queue\":2}")), names, e));
    OK(json_only(parse(a, STR("{}")), names, e));
    OK(json_only(NULL, names, e));
    FAILS(json_only(parse(a, STR("{\"kind\":1,\"kinds\":2}")), names, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("unknown_field"));
    CHECK_STR(str_from(e->field), STR("kinds"));
    FAILS(json_only(parse(a, STR("{\"kind\\u0000\":1}")), names, e), RC_INVALID);
    FAILS(json_only(parse(a, STR("[]")), names, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("invalid_field"));
    arena_free(a);
}

TEST(a_budget_bounds_the_tree_of_a_short_text)
{
    static const struct str opaque[] = {STR("args"), STR_NONE};
    struct json_budget budget = {opaque, 5, 20};
    struct arena *a = arena_new();
    struct json *v = NULL;

    OK(json_parse_within(STR("{\"args\":[1,{\"a\":2},[3]],\"b\":[4]}"), &budget, a, &v, e));
    const struct json *args = json_get(v, STR("args"));
    CHECK_INT(args->type, JSON_ARRAY);
    CHECK_STR(args->raw, STR("[1,{\"a\":2},[3]]"));
    CHECK_INT(args->count, 0);
    CHECK_INT(json_get(v, STR("b"))->count, 1);
    CHECK_INT(budget.built, 1);
    CHECK_INT(budget.values, 11);
    FAILS(json_parse_within(STR("[1]"), &budget, a, &v, e), RC_TOO_BIG);
    budget = (struct json_budget){opaque, 5, 5};
    FAILS(json_parse_within(STR("{\"args\":[1,2,3,4]}"), &budget, a, &v, e), RC_TOO_BIG);
    arena_free(a);
}
