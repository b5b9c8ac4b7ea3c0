/* base_str.c: pieces of text. */
#include "base/str.h"

#include <stdint.h>
#include <string.h>

#include "test.h"

TEST(a_piece_is_clamped_to_its_text)
{
    CHECK_STR(str_sub(STR("hello"), 1, 3), STR("el"));
    CHECK_STR(str_sub(STR("hello"), 3, 99), STR("lo"));
    CHECK_STR(str_sub(STR("hello"), 9, 99), STR(""));
    CHECK_STR(str_sub(STR("hello"), 4, 2), STR(""));
    CHECK_STR(str_sub(STR_NONE, 1, 2), STR(""));
}

TEST(order_is_by_bytes_and_then_the_shorter_first)
{
    CHECK_TRUE(str_compare(STR("a"), STR("b")) < 0);
    CHECK_TRUE(str_compare(STR("a"), STR("ab")) < 0);
    CHECK_TRUE(str_compare(STR("\x80"), STR("a")) > 0);
    CHECK_INT(str_compare(STR("ab"), STR("ab")), 0);
    CHECK_INT(str_compare(STR_NONE, STR("")), 0);
}

TEST(texts_are_equal_whatever_their_case_only_when_asked)
{
    CHECK_TRUE(str_eq_nocase(STR("Content-Type"), STR("content-tYPE")));
    CHECK_FALSE(str_eq(STR("A"), STR("a")));
    CHECK_FALSE(str_eq_nocase(STR("["), STR("{"))); /* 0x20 apart, no letters */
    CHECK_TRUE(str_eq(STR_NONE, STR("")));
}

TEST(finding_tells_the_place_or_the_length)
{
    CHECK_INT(str_find(STR("abcabc"), STR("bc"), 2), 4);
    CHECK_INT(str_find(STR("abc"), STR("abcd"), 0), 3);
    CHECK_INT(str_find(STR("abc"), STR(""), 2), 2);
    CHECK_INT(str_find(STR("abc"), STR("a"), 99), 3);
    CHECK_INT(str_find_char(STR("abca"), 'a', 1), 3);
    CHECK_INT(str_find_char(STR("abc"), 'x', 0), 3);
    CHECK_INT(str_find_char(STR_NONE, 'x', 0), 0);
}

TEST(prefix_and_suffix_are_recognised)
{
    CHECK_TRUE(str_starts(STR("stint_"), STR("stint")));
    CHECK_FALSE(str_starts(STR("st"), STR("stint")));
    CHECK_TRUE(str_ends(STR("a.json"), STR(".json")));
    CHECK_FALSE(str_ends(STR("json"), STR(".json")));
}

TEST(cutting_gives_what_is_before_and_leaves_what_is_behind)
{
    struct str rest;

    CHECK_STR(str_cut(STR("a:b:c"), ':', &rest), STR("a"));
    CHECK_STR(rest, STR("b:c"));
    CHECK_STR(str_cut(STR("abc"), ':', &rest), STR("abc"));
    CHECK_TRUE(rest.p == NULL);
    CHECK_STR(str_cut(STR("abc:"), ':', &rest), STR("abc"));
    CHECK_TRUE(rest.p != NULL && rest.n == 0);
}

TEST(trimming_takes_blanks_at_both_ends_only)
{
    CHECK_STR(str_trim(STR(" \t a b\r\n")), STR("a b"));
    CHECK_STR(str_trim(STR(" \n ")), STR(""));
}

TEST(an_integer_is_the_whole_text_or_nothing)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+",
                                      "-",
                                      "1.0",
                                      "0x10",
                                      "1e3",
                                      "--1",
                                      "a",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t i = 42;

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        CHECK_FALSE(str_to_i64(str_from(bad[k]), &i));
    }
    CHECK_INT(i, 42);
    CHECK_TRUE(str_to_i64(STR("9223372036854775807"), &i));
    CHECK_INT(i, INT64_MAX);
    CHECK_TRUE(str_to_i64(STR("-9223372036854775808"), &i));
    CHECK_INT(i, INT64_MIN);
    CHECK_TRUE(str_to_i64(STR("+007"), &i));
    CHECK_INT(i, 7);
    CHECK_TRUE(str_to_i64(STR("-0"), &i));
    CHECK_INT(i, 0);
}

TEST(utf8_is_accepted_up_to_the_last_code_point)
{
    CHECK_TRUE(str_is_utf8(STR("")));
    CHECK_TRUE(str_is_utf8(STR("plain ascii, longer than a word\x7F")));
    CHECK_TRUE(str_is_utf8(STR("\xC2\x80 \xDF\xBF")));
    CHECK_TRUE(str_is_utf8(STR("\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF")));
    CHECK_TRUE(str_is_utf8(STR("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF")));
    CHECK_TRUE(str_is_utf8((struct str){"a\0b", 3}));
}

TEST(what_only_looks_like_utf8_is_refused_at_every_offset)
{
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2 ",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xE2\x82",
                                      "\xE2\x28\xA1",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xF0\x9F\x92",
                                      "\xFE",
                                      "\xFF"};
    char text[32];

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        for (size_t offset = 0; offset < 17; offset++) {
            memset(text, 'a', sizeof text);
            memcpy(text + offset, bad[k], strlen(bad[k]));
            CHECK_FALSE(str_is_utf8((struct str){text, sizeof text}));
            CHECK_FALSE(str_is_utf8((struct str){text, offset + strlen(bad[k])}));
        }
    }
}

TEST(a_name_is_short_and_of_plain_characters)
{
    char long_name[130];

    memset(long_name, 'a', sizeof long_name);
    CHECK_TRUE(str_is_name(STR("mail.send:eu-1_B")));
    CHECK_TRUE(str_is_name((struct str){long_name, 128}));
    CHECK_FALSE(str_is_name((struct str){long_name, 129}));
    CHECK_FALSE(str_is_name(STR("")));
    CHECK_FALSE(str_is_name(STR(".")));
    CHECK_FALSE(str_is_name(STR("..")));
    CHECK_TRUE(str_is_name(STR("...")));
    CHECK_FALSE(str_is_name(STR("a b")));
    CHECK_FALSE(str_is_name(STR("a/b")));
    CHECK_FALSE(str_is_name(STR("\xC3\xA4")));
    CHECK_FALSE(str_is_name((struct str){"a\0", 2}));
}

TEST(a_copy_is_terminated_and_never_splits_a_character)
{
    char to[6];

    str_copy(to, sizeof to, STR("abc"));
    CHECK_STR(str_from(to), STR("abc"));
    str_copy(to, sizeof to, STR("abcdefgh"));
    CHECK_STR(str_from(to), STR("abcde"));
    str_copy(to, sizeof to, STR("abc\xE2\x82\xAC"));
    CHECK_STR(str_from(to), STR("abc"));
    str_copy(to, sizeof to, STR("ab\xE2\x82\xAC"));
    CHECK_STR(str_from(to), STR("ab\xE2\x82\xAC"));
    str_copy(to, sizeof to, STR("a\xF0\x9F\x92\xA9\xF0\x9F\x92\xA9"));
    CHECK_STR(str_from(to), STR("a\xF0\x9F\x92\xA9"));
    str_copy(to, 1, STR("abc"));
    CHECK_STR(str_from(to), STR(""));
    str_copy(to, sizeof to, STR_NONE);
    CHECK_STR(str_from(to), STR(""));
}

TEST(printing_into_an_array_tells_what_was_written)
{
    char to[5];

    CHECK_INT(str_print(to, sizeof to, "%d", 42), 2);
    CHECK_INT(str_print(to, sizeof to, "%d", 123456), 4);
    CHECK_STR(str_from(to), STR("1234"));
}

TEST(the_hash_is_fnv1a)
{
    CHECK_TRUE(str_hash(STR("")) == 0xCBF29CE484222325ULL);
    CHECK_TRUE(str_hash(STR("a")) == 0xAF63DC4C8601EC8CULL);
    CHECK_TRUE(str_hash(STR("foobar")) == 0x85944171F73967E8ULL);
}
