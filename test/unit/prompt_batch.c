/* prompt_batch.c: definitions of batches of prompts: what is refused and why, and the jobs that they come to. */
#include "kinds/prompt_batch.h"

#include <string.h>

#include "test.h"

#define MODELS                                                                                               \
    "\"models\":[{\"id\":\"m/"                                                                               \
    "x:8b\",\"provider\":\"acme\",\"params\":{\"temperature\":0}},{\"id\":\"m2\",\"provider\":\"acme\"}]"
#define HEAD                                                                                                 \
    "{\"name\":\"daily\",\"prompts\":[{\"id\":\"a\",\"text\":\"Which?\"},{\"id\":\"b\",\"text\":\"Who?\"}]"  \
    "," MODELS
#define SCHEMA_OF_A(a) HEAD ",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":" a "}}}"
#define ONE_MODEL(params)                                                                                    \
    "{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"}],\"models\":[{\"id\":\"m\",\"provider\":"    \
    "\"p\","                                                                                                 \
    "\"params\":{" params "}}]}"
#define DATE  STR("2026-11-22")
#define BATCH STR("0199a0b0-0000-7000-8000-000000000000")

static const struct {
    const char *text, *code, *what;
} wrong[] = {
    {"{", "malformed_json", ""},
    {"[]", "invalid_field", ""},
    {HEAD ",\"promts\":1}", "unknown_field", "promts"},
    {"{\"name\":\"a:b\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"}]," MODELS "}", "invalid_field", "name:"},
    {"{\"name\":\"n\",\"prompts\":[]," MODELS "}", "no_prompts", "there is none"},
    {"{\"name\":\"n\"," MODELS "}", "no_prompts", "there is none"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"\"}]," MODELS "}", "invalid_field",
     "/prompts/0: text"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"},{\"id\":\"a\",\"text\":\"!\"}]," MODELS "}",
     "invalid_field", "two have the id a"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"}],\"models\":[]}", "invalid_field",
     "models:"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"}],\"models\":[{\"id\":\"m\",\"provider\":"
     "\"p\"},{\"id\":\"m\",\"provider\":\"p\"}]}",
     "invalid_field", "/models/1: id: this model"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"?\"},{\"id\":\"b\",\"text\":\"Hi {{ x "
     "}}\"}]," MODELS "}",
     "invalid_input", "/prompts/1: vars: there is none called x"},
    {"{\"name\":\"n\",\"prompts\":[{\"id\":\"a\",\"text\":\"Hi {{x}}\",\"vars\":{\"x\":1,\"z\":2}}]," MODELS
     "}",
     "invalid_input", "/prompts/0: vars: nothing asks for {{z}}"},
    {HEAD ",\"system\":\"Be {{mood}}\"}", "invalid_input", "/prompts/0: vars: there is none called mood"},
    {HEAD ",\"runs\":0}", "invalid_field", "runs"},
    {HEAD ",\"runs\":1000,\"schema\":{\"type\":\"text\"}}", "invalid_schema", "type must be"},
    {SCHEMA_OF_A("{\"items\":{\"type\":\"objekt\"}}"), "invalid_schema",
     "schema: at /properties/a/items/type: the schema's type must be"},
    {SCHEMA_OF_A("{\"minLength\":-1}"), "invalid_schema", "at /properties/a/minLength:"},
    {SCHEMA_OF_A("{\"pattern\":\"(\"}"), "invalid_schema", "at /properties/a/pattern:"},
    {SCHEMA_OF_A("{\"$ref\":\"#/no\"}"), "invalid_schema",
     "at /properties/a/$ref: the schema's $ref names no schema in it: #/no"},
    {SCHEMA_OF_A("{\"enum\":[]}"), "invalid_schema", "at /properties/a/enum: no answer can"},
    {SCHEMA_OF_A("{\"minimum\":5,\"maximum\":3}"), "invalid_schema", "at /properties/a/minimum: no answer"},
    {SCHEMA_OF_A("{\"items\":{\"required\":[\"zz\"],\"additionalProperties\":false}}"), "invalid_schema",
     "at /properties/a/items/required: no answer can keep to it: zz is none"},
    {SCHEMA_OF_A("{\"type\":\"string\",\"enum\":[1]}"), "invalid_schema", "at /properties/a/enum: no answer"},
    {SCHEMA_OF_A("{\"const\":\"x\",\"maxLength\":0}"), "invalid_schema", "at /properties/a/const: no answer"},
    {SCHEMA_OF_A("{\"minimum\":1,\"exclusiveMaximum\":1}"), "invalid_schema",
     "at /properties/a/minimum: no answer"},
    {SCHEMA_OF_A("{\"required\":[\"b\"],\"properties\":{\"b\":false}}"), "invalid_schema",
     "at /properties/a/required: no answer can keep to it: b must be there, and nothing keeps to its"},
    {SCHEMA_OF_A("{\"anyOf\":[{\"type\":\"integer\",\"minimum\":2,\"maximum\":1},false]}"), "invalid_schema",
     "at /properties/a/anyOf: no answer can keep to it: nothing keeps to any"},
    {SCHEMA_OF_A("{\"type\":\"string\",\"oneOf\":[{\"type\":\"null\"}]}"), "invalid_schema",
     "at /properties/a: no answer can keep to it: its keywords do not go together"},
    {SCHEMA_OF_A("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"), "invalid_schema",
     "at /properties/a: no answer"},
    {SCHEMA_OF_A("{\"$ref\":\"#/$defs/d\"},\"b\":{}},\"$defs\":{\"d\":{\"minLength\":2,\"maxLength\":1}"),
     "invalid_schema", "at /$defs/d/minLength: no answer"},
    {SCHEMA_OF_A("{\"$ref\":\"#/$defs/d\"},\"b\":{}},\"$defs\":{\"d\":{\"type\":\"object\",\"properties\":{"
                 "\"n\":{\"$ref\":\"#/$defs/d\"}},\"required\":[\"n\"]}"),
     "invalid_schema", "at /$defs/d/properties/n/$ref: no answer"},
    {HEAD ",\"entities\":[{\"alias\":\"x\"}]}", "unknown_field", "alias"},
    {HEAD ",\"budget\":{\"calls\":3}}", "over_budget", "4 jobs need more than 3 calls"},
    {HEAD ",\"budget\":{\"tokens\":1}}", "over_budget", "tokens"},
    {HEAD ",\"budget\":{\"eur\":1}}", "unknown_field", "budget: unknown field eur"},
    {HEAD ",\"budget\":{\"calls\":-1}}", "invalid_field", "budget: calls must be from 1 to 1000000000000"},
    {HEAD ",\"budget\":{\"usd\":0}}", "invalid_field", "budget: usd is more than 0"},
    {ONE_MODEL("\"stream\":true"), "invalid_input",
     "/models/0: params: stream is not done: an answer is read as a whole"},
    {ONE_MODEL("\"temperature\":0,\"n\":5"), "invalid_input", "params: n is 1 in each job"},
    {ONE_MODEL("\"messages\":[]"), "invalid_input", "params: messages stands beside params"},
    {ONE_MODEL("\"max_tokens\":\"9\""), "invalid_input", "params: max_tokens is a whole number above 0"},
    {HEAD ",\"entities\":[\"Acme\",\"Beta\",{\"name\":\"B\",\"aliases\":[\"ACM\u00c9, Inc.\"]}]}",
     "invalid_input", "entities: Acme and B are called the same"},
};

TEST(a_definition_that_is_wrong_is_refused_and_why)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct prompt_batch b;
        enum rc rc = prompt_batch_read(str_from(wrong[i].text), a, &b, e);
        ck_assert_msg(rc == RC_INVALID && e->code, "%s: %d %s", wrong[i].text, rc, e->text);
        ck_assert_str_eq(e->code, wrong[i].code);
        ck_assert_msg(strstr(e->text, wrong[i].what) != NULL, "%s: %s", wrong[i].text, e->text);
    }
    arena_free(a);
}

TEST(a_schema_is_taken_when_some_answer_keeps_to_it)
{
    static const char *const schemas[] = {
        SCHEMA_OF_A("{\"anyOf\":[{\"type\":\"integer\",\"minimum\":2,\"maximum\":1},{\"type\":\"string\"}]}"),
        SCHEMA_OF_A("{\"oneOf\":[{\"type\":\"string\",\"enum\":[1]},{\"const\":1.0,\"type\":\"integer\"}]}"),
        SCHEMA_OF_A("{\"required\":[\"b\"],\"properties\":{\"b\":true,\"c\":false}}"),
        SCHEMA_OF_A("{\"allOf\":[{\"enum\":[1]},{\"const\":1.0}]}"),
        SCHEMA_OF_A("{\"items\":false,\"prefixItems\":[{\"type\":\"null\"}]}"),
        SCHEMA_OF_A(
            "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/d\"}},\"b\":{}},\"$defs\":{"
            "\"no\":{\"enum\":[]},\"d\":{\"type\":\"object\",\"properties\":{\"n\":{\"anyOf\":[{\"$ref\":\"#/"
            "$defs/d\"},{\"type\":\"null\"}]}},\"required\":[\"n\"]}"),
    };
    struct arena *a = arena_new();
    struct prompt_batch b;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        OK(prompt_batch_read(str_from(schemas[i]), a, &b, e));
    }
    arena_free(a);
}

TEST(a_definition_has_at_most_a_hundred_thousand_coordinates)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 20);
    struct prompt_batch b;
    buf_append_c(&text, "{\"name\":\"n\",\"runs\":1000," MODELS ",\"prompts\":[");
    for (int i = 0; i < 50; i++) {
        buf_printf(&text, "{\"id\":\"p%d\",\"text\":\"?\"}%s", i, i < 49 ? "," : "]}");
    }
    OK(prompt_batch_read(buf_str(&text), a, &b, e));
    CHECK_INT(prompt_batch_jobs(&b), 100000);
    text.n -= 2;
    buf_append_c(&text, ",{\"id\":\"more\",\"text\":\"?\"}]}");
    FAILS(prompt_batch_read(buf_str(&text), a, &b, e), RC_TOO_BIG);
    CHECK_STR(str_from(e->text),
              STR("51 prompts × 2 models × 1000 runs are 102000 jobs; a batch has at most 100000"));
    buf_dispose(&text);
    arena_free(a);
}

static const struct json *job_of(const char *definition, size_t i, struct arena *a, struct err *e)
{
    struct prompt_batch b;
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    struct json *job = NULL;
    OK(prompt_batch_read(str_from(definition), a, &b, e));
    OK(prompt_batch_write_job(&b, i, DATE, BATCH, &w, e));
    OK(json_parse(arena_str(a, buf_str(&text)), a, &job, e));
    buf_dispose(&text);
    return job;
}

static struct str key_of(const char *definition, size_t i, struct arena *a, struct err *e)
{
    return json_get(job_of(definition, i, a, e), STR("unique_key"))->s;
}

TEST(each_coordinate_is_a_job_with_a_key_for_ever)
{
    struct arena *a = arena_new();
    const char *text = HEAD ",\"runs\":2,\"system\":\"Be brief.\",\"entities\":[\"Acme\"],\"queue\":\"llm\"}";
    struct prompt_coordinate c;
    struct str keys[8];
    for (size_t i = 0; i < 8; i++) {
        const struct json *job = job_of(text, i, a, e);
        const struct json *args = json_get(job, STR("args"));
        keys[i] = json_get(job, STR("unique_key"))->s;
        CHECK_TRUE(prompt_coordinate_parse(keys[i], &c));
        CHECK_STR(c.provider, STR("acme"));
        CHECK_STR(json_get(job, STR("limits"))->first->s, STR("provider:acme"));
        CHECK_STR(c.model, i % 2 ? STR("m2") : STR("m/x:8b"));
        CHECK_STR(c.model, json_get(args, STR("model"))->s);
        CHECK_STR(c.prompt, i / 2 % 2 ? STR("b") : STR("a"));
        CHECK_STR(json_get(args, STR("prompt"))->s, i / 2 % 2 ? STR("Who?") : STR("Which?"));
        CHECK_INT(c.run, 1 + i / 4);
        CHECK_INT(json_get(args, STR("params")) == NULL, i % 2);
        CHECK_STR(json_get(args, STR("system"))->s, STR("Be brief."));
        CHECK_STR(json_get(job, STR("unique_for_s"))->s, STR("forever"));
        CHECK_STR(json_get(job, STR("queue"))->s, STR("llm"));
        CHECK_STR(json_get(job, STR("batch"))->s, BATCH);
        for (size_t k = 0; k < i; k++) {
            CHECK_FALSE(str_eq(keys[k], keys[i]));
        }
    }
    arena_free(a);
}

TEST(a_key_changes_with_what_is_asked_and_with_nothing_else)
{
    struct arena *a = arena_new();
    struct str key = key_of(HEAD "}", 0, a, e);
    CHECK_STR(key_of(HEAD ",\"runs\":9,\"entities\":[\"Acme\"],\"cron\":\"@daily\",\"budget\":{\"usd\":1}}",
                     0, a, e),
              key);
    struct str with = key_of(HEAD ",\"schema\":{\"type\":\"object\",\"title\":\"a b\"}}", 0, a, e);
    CHECK_FALSE(str_eq(with, key));
    CHECK_STR(key_of(HEAD ", \"schema\" : {\"type\":\n \"object\", \"title\":\"a b\"} }", 0, a, e), with);
    CHECK_FALSE(str_eq(key_of(HEAD ",\"schema\":{\"type\":\"object\",\"title\":\"ab\"}}", 0, a, e), with));
    CHECK_FALSE(str_eq(key_of(HEAD ",\"system\":\"x\"}", 0, a, e), key));
    arena_free(a);
}

static struct str digits_of(const char *definition, struct arena *a, struct err *e)
{
    struct prompt_batch b;
    OK(prompt_batch_read(str_from(definition), a, &b, e));
    return prompt_batch_digits(&b, a);
}

TEST(the_digits_of_a_batch_say_which_jobs_it_has)
{
    struct arena *a = arena_new();
    struct str digits = digits_of(HEAD "}", a, e);
    CHECK_INT(digits.n, 8);
    CHECK_STR(digits_of(HEAD " , \"entities\":[\"Acme\"]}", a, e), digits);
    CHECK_FALSE(str_eq(digits_of(HEAD ",\"runs\":2}", a, e), digits));
    arena_free(a);
}

TEST(a_schema_that_cannot_be_strict_is_told_with_the_rule_and_the_place)
{
    struct arena *a = arena_new();
    struct prompt_batch b;
    char place[96];
    OK(prompt_batch_read(
        STR(HEAD ",\"schema\":{\"type\":\"object\",\"properties\":{\"x\":{\"allOf\":[{}]}}}}"), a, &b, e));
    const char *rule = prompt_batch_lint(&b, a, place);
    CHECK_TRUE(rule != NULL);
    CHECK_STR(str_from(place), STR("/properties/x"));
    OK(prompt_batch_read(STR(HEAD ",\"schema\":{\"type\":\"object\",\"properties\":{\"x\":{}}}}"), a, &b, e));
    arena_free(a);
}

TEST(a_report_waits_for_its_batch_and_is_found_by_its_tags)
{
    struct arena *a = arena_new();
    struct prompt_batch b;
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    struct json *job = NULL;
    OK(prompt_batch_read(STR(HEAD ",\"entities\":[\"Acme\"]}"), a, &b, e));
    prompt_batch_write_report(&b, DATE, BATCH, &w);
    OK(json_parse(buf_str(&text), a, &job, e));
    CHECK_STR(json_get(job, STR("kind"))->s, STR("prompt-report"));
    CHECK_STR(json_get(job, STR("depends_on"))->first->s, BATCH);
    CHECK_INT(json_get(json_get(job, STR("args")), STR("expected"))->i, 4);
    const struct json *tag = json_get(job, STR("tags"))->first;
    CHECK_STR(tag->s, STR("batch:daily"));
    CHECK_STR(tag->next->s, STR("batch:daily:2026-11-22"));
    CHECK_TRUE(str_ends(tag->next->next->s, prompt_batch_digits(&b, a)));
    CHECK_STR(tag->next->next->next->s, STR("batch:0199a0b0-0000-7000-8000-000000000000"));
    buf_dispose(&text);
    arena_free(a);
}

TEST(dates_and_keys_of_others_are_told_apart)
{
    static const char *const keys[] = {"",
                                       "batch",
                                       "batch:n:d:p:12345678",
                                       "batch:n:d:p:1234567:p/m:1",
                                       "batch:n:d:p:12345678:pm:1",
                                       "batch:n:d:p:12345678:p/m:",
                                       "batch:n:d:p:12345678:p/m:0",
                                       "batch:n:d:p:12345678:p/:1",
                                       "other:n:d:p:12345678:p/m:1"};
    struct prompt_coordinate c;
    CHECK_TRUE(prompt_coordinate_parse(STR("batch:n:d:p:12345678:p/m:1"), &c));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        CHECK_FALSE(prompt_coordinate_parse(str_from(keys[i]), &c));
    }
    CHECK_TRUE(prompt_date_is_good(STR("2028-02-29")));
    CHECK_FALSE(prompt_date_is_good(STR("2027-02-29")));
    CHECK_FALSE(prompt_date_is_good(STR("2027-2-9")));
    CHECK_FALSE(prompt_date_is_good(STR("2027-02-09T")));
}
