/* prompt_strict.c: schemas as strict providers take them, the way back, and the error bars of rates. */
#include <math.h>

#include "base/json.h"
#include "kinds/run_prompt/statistics.h"
#include "kinds/run_prompt/strict_schema.h"
#include "test.h"

static const struct {
    const char *schema, *strict, *answer, *restored;
} table[] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],"
     "\"additionalProperties\":false}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],"
     "\"additionalProperties\":false}",
     "{\"a\":null}", "{\"a\":null}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"default\":\"x\"},\"b\":{\"items\":{"
     "\"type\":\"object\",\"properties\":{}},\"type\":\"array\"}},\"required\":[\"b\"]}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]},"
     "\"b\":{\"items\":{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}"
     ",\"type\":\"array\"}},\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
     "{\"a\":null,\"b\":[{}]}", "{\"b\":[{}]}"},
    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/x\"},\"$defs\":{\"x\":{\"type\":\"integer\"}}}",
     "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
     "x\"}}},\"required\":[\"value\"],\"additionalProperties\":false,\"$defs\":{\"x\":{\"type\":\"integer\"}}"
     "}",
     "{\"value\":[1,2]}", "[1,2]"},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
     "{\"type\":\"object\",\"properties\":{\"value\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}}"
     ",\"required\":[\"value\"],\"additionalProperties\":false}",
     "{\"value\":null}", "null"},
};

TEST(a_schema_is_made_strict_and_the_answer_brought_back)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct json *schema = NULL;
        struct json *answer = NULL;
        struct schema *original = NULL;
        bool has_dropped = false;
        OK(json_parse(str_from(table[i].schema), a, &schema, e));
        struct strict_schema s = strict_schema_make(schema, a);
        ck_assert_msg(!s.rule, "%s at %s", s.rule, s.place);
        CHECK_STR(s.text, str_from(table[i].strict));
        OK(json_parse(str_from(table[i].answer), a, &answer, e));
        OK(schema_compile(schema, a, &original, e));
        CHECK_STR(strict_schema_restore(&s, original, answer, a, &has_dropped), str_from(table[i].restored));
        CHECK_TRUE(has_dropped == (!s.is_wrapped && !str_eq(answer->raw, str_from(table[i].restored))));
    }
    arena_free(a);
}

TEST(a_schema_that_cannot_be_strict_says_why_and_stays)
{
    static const struct {
        const char *schema, *place, *rule;
    } rules[] = {
        {"{\"type\":\"object\",\"allOf\":[{}]}", "/allOf", "a keyword that strict schemas must not have"},
        {"{\"type\":\"object\",\"properties\":{\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
         "\"string\"}}}}",
         "/properties/m", "an object with members of any name"},
        {"{\"type\":\"object\",\"properties\":{\"m\":{}}}", "/properties/m", "a schema that says no type"},
        {"{\"type\":\"object\"}", "", "an object with members of any name"},
        {"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":true}", "",
         "an object with members of any name"},
        {"{\"type\":\"object\",\"properties\":{},\"required\":[\"a\"]}", "/required",
         "a required member that is none of the properties"},
        {"{\"type\":\"object\",\"properties\":{\"m\":{\"anyOf\":[{\"type\":\"string\"}],\"oneOf\":[{\"type\":"
         "\"string\"}]}}}",
         "/properties/m", "anyOf and oneOf beside each other"},
        {"{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", "/items/$ref",
         "a schema that is no object and refers to itself"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct json *schema = NULL;
        OK(json_parse(str_from(rules[i].schema), a, &schema, e));
        struct strict_schema s = strict_schema_make(schema, a);
        CHECK_TRUE(s.rule != NULL);
        CHECK_STR(str_from(s.rule), str_from(rules[i].rule));
        CHECK_STR(str_from(s.place), str_from(rules[i].place));
        CHECK_STR(s.text, str_from(rules[i].schema));
        CHECK_FALSE(s.is_wrapped);
    }
    arena_free(a);
}

TEST(the_interval_of_a_rate_is_wilsons)
{
    static const struct {
        int64_t hits, runs;
        double low, high;
    } rates[] = {{0, 0, 0, 1},
                 {0, 3, 0, 0.5615},
                 {3, 3, 0.4385, 1},
                 {1, 3, 0.0615, 0.7923},
                 {50, 100, 0.4038, 0.5962}};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct interval w = wilson(rates[i].hits, rates[i].runs);
        CHECK_TRUE(fabs(w.low - rates[i].low) < 0.0001 && fabs(w.high - rates[i].high) < 0.0001);
    }
}
