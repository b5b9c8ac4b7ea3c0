/* base_json_table.c: texts that are JSON and texts that are not, after the groups that JSONTestSuite covers. Each is
 * given to the reader with and without a tree, cut off at every byte, and put deep inside an array. */
#include <string.h>

#include "base/json.h"
#include "test.h"

static const struct str valid[] = {
    STR("null"),
    STR("true"),
    STR("false"),
    STR("0"),
    STR("-0"),
    STR("42"),
    STR("\"\""),
    STR("[]"),
    STR("{}"),
    /* blanks: the four allowed ones, anywhere between tokens */
    STR(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
    STR("{ \"a\" : 1 , \"b\" : 2 }"),
    STR("\n1\n"),
    /* arrays */
    STR("[[]]"),
    STR("[[],[[]]]"),
    STR("[null,1,\"1\",{}]"),
    STR("[1,null,null,null,2]"),
    STR("[\"\"]"),
    STR("[false]"),
    STR("[{}]"),
    /* objects */
    STR("{\"\":0}"),
    STR("{\"a\":[]}"),
    STR("{\"a\":{\"a\":{\"a\":1}}}"),
    STR("{\"a\":1,\"A\":2}"),
    STR("{\"a\\u0000\":1,\"a\":2}"),
    STR("{\"min\":-1.0e+28,\"max\":1.0e+28}"),
    STR("[{\"a\":1},{\"a\":1}]"),
    /* numbers */
    STR("123e65"),
    STR("0e+1"),
    STR("0e1"),
    STR("0E1"),
    STR("0E-1"),
    STR("-1"),
    STR("-123"),
    STR("-0.0"),
    STR("1E22"),
    STR("1E-2"),
    STR("1E+2"),
    STR("123.456e78"),
    STR("123.456789"),
    STR("20e1"),
    STR("0.1"),
    STR("1e400"),
    STR("-1e400"),
    STR("1e-400"),
    STR("9223372036854775807"),
    STR("-9223372036854775808"),
    STR("9223372036854775808"),
    STR("100000000000000000000000000000"),
    STR("9007199254740993"),
    STR("0.000000000000000000000000000000000000000001"),
    STR("-0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001"),
    STR("1.5e0000000000000000000000000000000000000000000000000002"),
    STR("1e99999999999999999999999"),
    /* strings: escapes */
    STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    STR("\"\\u0060\\u012a\\u12AB\""),
    STR("\"\\u0000\""),
    STR("\"\\uFFFF\""),
    STR("\"\\uD801\\udc37\""),
    STR("\"\\ud83d\\ude39\\ud83d\\udc8d\""),
    STR("\"\\uDBFF\\uDFFF\""),
    STR("\"\\\\u0000\""),
    STR("\"\\\\a\""),
    STR("\"\\u005C\\u0022\""),
    STR("\"a/*b*/c//d\""),
    /* strings: bytes as they are */
    STR("\"\x7F\""),
    STR("\"\xC2\x80\""),
    STR("\"\xE2\x80\xA8\xE2\x80\xA9\""),
    STR("\"\xEF\xBB\xBF\""),
    STR("\"\xEF\xBF\xBF\""),
    STR("\"\xF0\x9D\x84\x9E\""),
    STR("\"\xF4\x8F\xBF\xBF\""),
    STR("\"\xED\x9F\xBF\""),
    STR("\"'\""),
};

static const struct str invalid[] = {
    /* no value, or not one */
    STR(""),
    STR(" "),
    STR("\n\n"),
    STR("\0"),
    STR("1 2"),
    STR("{}{}"),
    STR("[][]"),
    STR("1,"),
    STR("{}x"),
    STR("{}\0"),
    STR("[]]"),
    STR("{}}"),
    STR("nul"),
    STR("nulll"),
    STR("True"),
    STR("TRUE"),
    STR("tru"),
    STR("fals"),
    STR("undefined"),
    STR("a"),
    STR("\xE5"),
    STR("<null>"),
    STR("*"),
    STR("]"),
    STR("}"),
    STR(","),
    STR(":"),
    STR("\xC3\xA5"),
    STR("\x0C[]"),
    STR("[\x0B]"),
    STR("\xC2\xA0[]"),
    STR("[\xE2\x81\xA0]"),
    /* byte order marks */
    STR("\xEF\xBB\xBF{}"),
    STR("\xEF\xBB\xBF"),
    STR("\xFF\xFE[\0]\0"),
    STR("\xFE\xFF\0[\0]"),
    STR("\xEF\xBB{}"),
    /* arrays */
    STR("["),
    STR("[1"),
    STR("[1,"),
    STR("[1,]"),
    STR("[,1]"),
    STR("[,]"),
    STR("[1,,2]"),
    STR("[1 2]"),
    STR("[1:2]"),
    STR("[1}"),
    STR("[[1]"),
    STR("[\"a\""),
    STR("[1,\n1\n,1"),
    STR("[x"),
    STR("[3[4]]"),
    STR("[1,,]"),
    STR("[#]"),
    STR("[1;2]"),
    /* objects */
    STR("{"),
    STR("{\"a\""),
    STR("{\"a\":"),
    STR("{\"a\":1"),
    STR("{\"a\":1,"),
    STR("{\"a\":1,}"),
    STR("{,}"),
    STR("{\"a\":1,,\"b\":2}"),
    STR("{\"a\" 1}"),
    STR("{\"a\",1}"),
    STR("{\"a\"::1}"),
    STR("{\"a\":1]"),
    STR("{a:1}"),
    STR("{'a':1}"),
    STR("{1:1}"),
    STR("{null:1}"),
    STR("{[]:1}"),
    STR("{\"a\":1 \"b\":2}"),
    STR("{\"a\":\"b\"}/**/"),
    STR("{\"a\":\"b\"}#"),
    STR("{\"a\":/**/1}"),
    STR("// c\n1"),
    STR("{\"a\":1}//"),
    STR("{:1}"),
    STR("{\"a\"}"),
    STR("{\"a\":}"),
    STR("{\"x\":1,\"x\":1}"),
    STR("{\"x\":1,\"\\u0078\":2}"),
    STR("{\"b\":{\"x\":1,\"y\":2,\"x\":3}}"),
    STR("{\"\":1,\"\":2}"),
    STR("{\"queue\":\"a\",\"queue\":\"b\"}"),
    /* numbers */
    STR("01"),
    STR("-01"),
    STR("00"),
    STR("-"),
    STR("+1"),
    STR("++1"),
    STR("--1"),
    STR("-+1"),
    STR("1."),
    STR("-1."),
    STR(".5"),
    STR("-.5"),
    STR("1.e1"),
    STR("1e"),
    STR("1e+"),
    STR("1e-"),
    STR("1E"),
    STR("1e1.0"),
    STR("1ea"),
    STR("1eE2"),
    STR("0.e1"),
    STR("0x1"),
    STR("0x"),
    STR("1_000"),
    STR("1 000.0"),
    STR("1,000"),
    STR("NaN"),
    STR("-NaN"),
    STR("nan"),
    STR("Infinity"),
    STR("-Infinity"),
    STR("inf"),
    STR("1.2.3"),
    STR("1a"),
    STR("-a"),
    STR("- 1"),
    STR("\xEF\xBC\x91"),
    STR("2.e3"),
    STR("2.e-3"),
    STR("9.e+"),
    STR("0.3e"),
    STR("0e"),
    STR("0e+"),
    STR("1.0e"),
    STR("-2."),
    STR("012"),
    STR("-012"),
    /* strings: quotes and escapes */
    STR("\""),
    STR("\"a"),
    STR("'a'"),
    STR("\"\\\""),
    STR("\"\\"),
    STR("\"\\\"\\"),
    STR("\"\\a\""),
    STR("\"\\x00\""),
    STR("\"\\0\""),
    STR("\"\\'\""),
    STR("\"\\U0041\""),
    STR("\"\\u\""),
    STR("\"\\u0\""),
    STR("\"\\u00\""),
    STR("\"\\u00A\""),
    STR("\"\\u00G0\""),
    STR("\"\\u 041\""),
    STR("\"\\u+041\""),
    STR("\"\\\0\""),
    STR("\"\\\xC3\xA5\""),
    STR("\"\\ \""),
    STR("\"\\\n\""),
    STR("\"a\"b\""),
    STR("\xE2\x80\x9C"
        "a\xE2\x80\x9D"),
    /* strings: surrogates */
    STR("\"\\ud800\""),
    STR("\"\\udc00\""),
    STR("\"\\ud800x\""),
    STR("\"\\ud800\\n\""),
    STR("\"\\ud800\\ud800\""),
    STR("\"\\ud800\\u0041\""),
    STR("\"\\udc00\\ud800\""),
    STR("\"\\ud800\\u\""),
    STR("\"\\ud800\\ud\""),
    STR("\"\\uDBFF\\uE000\""),
    STR("\"\\ud800\\"),
    STR("\"\\ud83d\\ude39\\ud83d\""),
    /* strings: bytes */
    STR("\"\0\""),
    STR("\"\x01\""),
    STR("\"\x1F\""),
    STR("\"\n\""),
    STR("\"\t\""),
    STR("\"a\r\""),
    STR("\"12345678\x1F\""),
    STR("\"\x80\""),
    STR("\"\xFF\""),
    STR("\"\xC0\x80\""),
    STR("\"\xC1\xBF\""),
    STR("\"\xC2\""),
    STR("\"\xE0\x80\xAF\""),
    STR("\"\xED\xA0\x80\""),
    STR("\"\xED\xBF\xBF\""),
    STR("\"\xE2\x82\""),
    STR("\"\xF0\x80\x80\x80\""),
    STR("\"\xF4\x90\x80\x80\""),
    STR("\"\xF8\x88\x80\x80\x80\""),
    STR("\"\xF0\x9D\x84\""),
    STR("\"\xC2"),
    STR("{\"\xFF\":1}"),
    STR("[\"a\0a\"]"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Both readers agree with `is_valid`, or the test fails and shows the text. */
static void check(struct str text, bool is_valid, struct err *e)
{
    struct arena *a = arena_new();
    struct json *tree = NULL;
    bool parsed = json_parse(text, a, &tree, e) == RC_OK;
    bool agreed = json_validate(text, e) == RC_OK;

    if (parsed != is_valid || agreed != is_valid) {
        CHECK_STR(text, is_valid ? STR("(accepted by both)") : STR("(refused by both)"));
    }
    if (is_valid) {
        CHECK_TRUE(tree != NULL && tree->raw.p >= text.p && tree->raw.p + tree->raw.n <= text.p + text.n);
    } else {
        CHECK_INT(e->rc, RC_INVALID);
        CHECK_STR(str_from(e->code), STR("malformed_json"));
        CHECK_TRUE(tree == NULL);
    }
    arena_free(a);
}

/* Exactly as long as its text, so that a sanitizer sees every byte read too far. */
static void check_copy(struct str text, size_t n, bool is_valid, struct err *e)
{
    char *copy = mem_alloc(n);

    if (n > 0) {
        memcpy(copy, text.p, n);
    }
    check((struct str){copy, n}, is_valid, e);
    mem_free(copy);
}

TEST(what_is_json_is_read)
{
    for (size_t k = 0; k < COUNT(valid); k++) {
        check_copy(valid[k], valid[k].n, true, e);
    }
}

TEST(what_is_not_json_is_refused)
{
    for (size_t k = 0; k < COUNT(invalid); k++) {
        check_copy(invalid[k], invalid[k].n, false, e);
    }
}

TEST(a_value_is_as_good_inside_arrays_and_objects)
{
    struct buf b = BUF_LIMIT(4096);

    for (size_t k = 0; k < COUNT(valid); k++) {
        buf_clear(&b);
        buf_append_c(&b, "[{\"k\":[1,");
        buf_append_str(&b, valid[k]);
        buf_append_c(&b, "],\"l\":");
        buf_append_str(&b, valid[k]);
        buf_append_c(&b, "}]");
        check_copy(buf_str(&b), b.n, true, e);
    }
    buf_dispose(&b);
}

TEST(an_array_or_object_cut_short_is_refused_at_every_byte)
{
    struct str whole =
        STR("{\"a\":[1,2.5e1,true,null,{\"b\":\"\\u00e4\xC3\xA4\\ud83d\\ude39\"}],\"c\":{\"d\":[]}}");

    for (size_t n = 0; n < whole.n; n++) {
        check_copy(whole, n, false, e);
    }
    check_copy(whole, whole.n, true, e);
}

TEST(a_bad_byte_in_a_string_is_found_at_every_offset)
{
    static const char bad[] = {'\x00', '\x01', '\x1F', '\n', '\x80', '\xFF', '\xC3', '"', '\\'};
    char text[40];

    for (size_t k = 0; k < sizeof bad; k++) {
        for (size_t at = 1; at + 1 < sizeof text; at++) {
            memset(text, 'a', sizeof text);
            text[0] = text[sizeof text - 1] = '"';
            text[at] = bad[k];
            check_copy((struct str){text, sizeof text}, sizeof text, false, e);
        }
    }
}
