/* prompt_lenient.c: what models write around JSON and into it, and what must not be guessed. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "kinds/run_prompt/lenient.h"
#include "kinds/run_prompt/schema.h"
#include "test.h"

static const struct {
    const char *text, *value; /* value NULL: there is none */
    unsigned repairs;
} table[] = {
    {"{\"a\":1}", "{\"a\":1}", 0},
    {"  {\"a\":1}\n", "{\"a\":1}", 0},
    {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}", REPAIR_BOM},
    {"```json\n{\"a\":1}\n```", "{\"a\":1}", REPAIR_FENCE},
    {"```\n{\"a\":1}\n```\n", "{\"a\":1}", REPAIR_FENCE},
    {"Here it is:\n```json\n{\"a\":1}\n```\nEnjoy!", "{\"a\":1}", REPAIR_FENCE},
    {"```json\n{\"a\":1}", "{\"a\":1}", REPAIR_FENCE},
    {"```json\n{\"a\":\"```\"}\n```", "{\"a\":\"```\"}", REPAIR_FENCE},
    {"Sure! {\"a\":1} Anything else?", "{\"a\":1}", REPAIR_PROSE},
    {"I looked at {this} first. {\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,2]}}", REPAIR_PROSE},
    {"Such as {\"a\":0}: {\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", REPAIR_PROSE},
    {"{\"a\":[1,2,],}", "{\"a\":[1,2 ] }", REPAIR_TRAILING_COMMA},
    {"{\"a\":[1, // two is missing\n],}", "{\"a\":[1  \n] }", REPAIR_TRAILING_COMMA | REPAIR_COMMENT},
    {"{/* it */\"a\":\"// no comment\"}", "{\"a\":\"// no comment\"}", REPAIR_COMMENT},
    {"{'a':'it\\'s'}", "{\"a\":\"it's\"}", REPAIR_QUOTES},
    {"{'a':'it's','b':'say \"x\"'}", "{\"a\":\"it's\",\"b\":\"say \\\"x\\\"\"}", REPAIR_QUOTES},
    {"{\xe2\x80\x9c"
     "a\xe2\x80\x9d:\xe2\x80\x9c"
     "b\xe2\x80\x9d}",
     "{\"a\":\"b\"}", REPAIR_QUOTES},
    {"{\"a\":\"\xe2\x80\x9c"
     "b\xe2\x80\x9d\"}",
     "{\"a\":\"\xe2\x80\x9c"
     "b\xe2\x80\x9d\"}",
     0},
    {"{\"a\":\"b\nc\td\"}", "{\"a\":\"b\\u000ac\\u0009d\"}", REPAIR_CONTROL},
    {"{\"a\":True,\"b\":None,\"c\":\"None\"}", "{\"a\":true,\"b\":null,\"c\":\"None\"}", REPAIR_LITERAL},
    {"[{\"a\":1}]", "{\"a\":1}", REPAIR_UNWRAPPED},
    {"```\n[{'a':True,}]\n```", "{\"a\":true }",
     REPAIR_FENCE | REPAIR_QUOTES | REPAIR_LITERAL | REPAIR_TRAILING_COMMA | REPAIR_UNWRAPPED},
    {"[{\"a\":1},{\"a\":2}]", "[{\"a\":1},{\"a\":2}]", 0},
    /* nothing is invented */
    {"", NULL, 0},
    {"I cannot do that.", NULL, 0},
    {"{\"a\":\"b", NULL, 0},
    {"{\"a\":1", NULL, 0},
    {"{\"a\":[1,2", NULL, 0},
    {"{\"a\":}", NULL, 0},
    {"{\"a\":1,,\"b\":2}", NULL, 0},
    {"{\"a\":undefined}", NULL, 0},
    {"{\"a\":NaN}", NULL, 0},
    {"{\"a\" 1}", NULL, 0},
    {"{\"a\":1]", NULL, 0},
};

TEST(what_models_write_is_mended_and_told_and_nothing_is_invented)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct json *value = NULL;
        unsigned repairs = 0;
        enum rc rc = lenient_parse(str_from(table[i].text), true, a, &value, &repairs, e);
        ck_assert_msg((rc == RC_OK) == (table[i].value != NULL), "%s: %s", table[i].text,
                      rc ? e->text : "taken");
        if (!rc) {
            CHECK_STR(value->raw, str_from(table[i].value));
            ck_assert_msg(repairs == table[i].repairs, "%s: repairs %x", table[i].text, repairs);
        }
    }
    arena_free(a);
}

TEST(a_text_of_nothing_but_brackets_ends_soon)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(4 << 20);
    for (int i = 0; i < 100000; i++) {
        buf_append_c(&text, "{[\"'");
    }
    struct json *value = NULL;
    unsigned repairs = 0;
    FAILS(lenient_parse(buf_str(&text), true, a, &value, &repairs, e), RC_INVALID);
    buf_dispose(&text);
    arena_free(a);
}

TEST(repairs_have_names)
{
    int at = 0;
    CHECK_STR(str_from(repair_next_name(REPAIR_FENCE | REPAIR_UNWRAPPED, &at)), STR("fence"));
    CHECK_STR(str_from(repair_next_name(REPAIR_FENCE | REPAIR_UNWRAPPED, &at)), STR("unwrapped"));
    CHECK_TRUE(!repair_next_name(REPAIR_FENCE | REPAIR_UNWRAPPED, &at));
}
