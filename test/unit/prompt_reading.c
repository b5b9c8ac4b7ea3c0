/* prompt_reading.c: what is read out of an answer: its value, and the names in what that says. */
#include "kinds/run_prompt/reading.h"

#include "kinds/run_prompt/pointer.h"
#include "test.h"

/* entities and paths as JSON; schema and paths "" = none. */
struct question_text {
    const char *schema, *entities, *paths;
};

static void read_answer(struct question_text q, const char *text, bool is_strict, struct arena *a,
                        struct reading *out)
{
    struct err error = {.rc = RC_OK};
    struct err *e = &error;
    const struct prompt_args args = {.schema = *q.schema ? test_json(q.schema, a) : NULL,
                                     .entities = test_json(q.entities, a),
                                     .paths = *q.paths ? test_json(q.paths, a) : NULL};
    struct buf request = BUF_LIMIT(1 << 20);
    struct buf answer = BUF_LIMIT(1 << 20);
    reading_ask(&args, str_from(text), is_strict, &request);
    OK(reading_answer(buf_str(&request), &answer, e));
    OK(reading_take(arena_str(a, buf_str(&answer)), a, out, e));
    if (out->value.n) { /* the same names once more in what was kept */
        struct str kept = out->mentions;
        struct reading anew;
        buf_clear(&request);
        buf_clear(&answer);
        reading_ask_anew(&args, str_from(text), test_json(arena_c_str(a, out->value), a), &request);
        OK(reading_answer(buf_str(&request), &answer, e));
        OK(reading_take(arena_str(a, buf_str(&answer)), a, &anew, e));
        CHECK_STR(anew.mentions, kept);
    }
    buf_dispose(&request);
    buf_dispose(&answer);
}

/* How often the name is in the answer. */
static int64_t count_of(const struct reading *r, const char *name, const char *member, struct arena *a)
{
    const struct json *list = test_json(arena_c_str(a, r->mentions), a);
    for (const struct json *m = list->first; m; m = m->next) {
        if (str_eq(json_get(m, STR("name"))->s, str_from(name))) {
            const struct json *v = json_get(m, str_from(member));
            return v ? v->i : -1;
        }
    }
    return -1;
}

TEST(names_are_looked_for_in_what_a_value_says_not_in_how_json_writes_it)
{
    struct arena *a = arena_new();
    struct reading r;
    const struct question_text q = {
        "{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"string\"}}}",
        "[\"Acme\",\"Beta\",\"Gamma\",\"M\u00fcller\",\"R&D Corp2\",\"Caf\u00e9 Noir\",\"Answer\"]", ""};
    read_answer(q, "{\"answer\":\"The best:\\nAcme\\nBeta\\n1. Gamma\\n\"}", false, a, &r);
    CHECK_TRUE(r.is_valid);
    CHECK_INT(count_of(&r, "Acme", "count", a), 1);
    CHECK_INT(count_of(&r, "Beta", "count", a), 1);
    CHECK_INT(count_of(&r, "Gamma", "list_rank", a), 1);
    CHECK_INT(count_of(&r, "Answer", "count", a), 0);
    read_answer(q, "{\"answer\":\"M\\u00fcller and R\\u0026D Corp2 and caf\\u00e9 noir\"}", false, a, &r);
    CHECK_INT(count_of(&r, "M\u00fcller", "count", a), 1);
    CHECK_INT(count_of(&r, "R&D Corp2", "count", a), 1);
    CHECK_INT(count_of(&r, "Caf\u00e9 Noir", "count", a), 1);
    arena_free(a);
}

TEST(names_may_be_those_of_members_that_a_model_chose)
{
    struct arena *a = arena_new();
    struct reading r;
    const struct question_text q = {"{\"type\":\"object\",\"properties\":{\"Beta\":{\"type\":\"object\","
                                    "\"additionalProperties\":{\"type\":"
                                    "\"integer\"}}}}",
                                    "[\"Acme\",\"Beta\",\"42\"]", ""};
    read_answer(q, "{\"Beta\":{\"Acme\":42}}", false, a, &r);
    CHECK_INT(count_of(&r, "Acme", "count", a), 1);
    CHECK_INT(count_of(&r, "Beta", "count", a), 0);
    CHECK_INT(count_of(&r, "42", "count", a), 1);
    arena_free(a);
}

TEST(names_are_looked_for_at_the_places_that_were_named)
{
    static const struct {
        const char *paths;
        int64_t count;
    } places[] = {{"[\"/a~1b\"]", 1},       {"[\"/c~0d\",\"/a~1b\"]", 3},
                  {"[\"/list\"]", 2},       {"[\"/list/1\"]", 1},
                  {"[\"/list/-1\"]", 0},    {"[\"/list/01\"]", 0},
                  {"[\"/none\"]", 0},       {"[\"\"]", 5},
                  {"[\"/list/1/x/y\"]", 0}, {"[]", 5}};
    struct arena *a = arena_new();
    struct reading r;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct question_text q = {"{\"type\":\"object\"}", "[\"Acme\"]", places[i].paths};
        read_answer(
            q,
            "{\"a/b\":\"\\u0041cme\",\"c~d\":[\"Acme\",{\"x\":\"Acme\"}],\"list\":[\"Acme\",\"an\\nAcme\"]}",
            false, a, &r);
        CHECK_INT(count_of(&r, "Acme", "count", a), places[i].count);
    }
    arena_free(a);
}

TEST(a_pointer_leads_where_the_standard_says)
{
    /* RFC 6901, section 5 */
    static const struct {
        const char *pointer, *value;
    } places[] = {{"/foo", "[\"bar\",\"baz\"]"},
                  {"/foo/0", "\"bar\""},
                  {"/", "0"},
                  {"/a~1b", "1"},
                  {"/m~0n", "8"},
                  {"/ ", "7"},
                  {"/c%d", "2"},
                  {"/foo/2", ""},
                  {"/foo/-", ""},
                  {"/foo/00", ""},
                  {"/foo/", ""},
                  {"foo", ""},
                  {"/a/b", ""}};
    struct arena *a = arena_new();
    const struct json *o =
        test_json("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\" \":7,\"m~n\":8}", a);
    CHECK_TRUE(pointer_get(o, STR(""), a) == o);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct json *v = pointer_get(o, str_from(places[i].pointer), a);
        CHECK_STR(v ? v->raw : STR(""), str_from(places[i].value));
    }
    arena_free(a);
}

/* Of a strict schema optional members must be written, as null at least. */
TEST(a_null_is_kept_where_the_schema_allows_it_and_left_out_where_it_stands_for_nothing)
{
#define UNION                                                                                                \
    "{\"type\":\"array\",\"items\":{\"anyOf\":["                                                             \
    "{\"type\":\"object\",\"properties\":{\"is\":{\"const\":\"a\"},\"note\":{\"type\":\"string\"}},"         \
    "\"required\":[\"is\"]},"                                                                                \
    "{\"type\":\"object\",\"properties\":{\"is\":{\"const\":\"b\"},\"note\":{\"type\":[\"string\","          \
    "\"null\"]}},\"required\":[\"is\",\"note\"]}]}}"
#define TREE                                                                                                 \
    "{\"type\":\"object\",\"properties\":{\"tree\":{\"$ref\":\"#/$defs/node\"}},\"required\":[\"tree\"],"    \
    "\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"next\":{"     \
    "\"anyOf\":[{\"$ref\":\"#/$defs/node\"},{\"type\":\"null\"}]}},\"required\":[\"next\"]}}}"
    static const struct {
        const char *schema, *answer, *value, *repairs;
    } answers[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":null}", "{}",
         "[\"nulls\"]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}}", "{\"a\":null}",
         "{\"a\":null}", "[]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}}"
         "}",
         "{\"a\":null}", "{\"a\":null}", "[]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}}"
         "}",
         "{\"a\":null}", "{\"a\":null}", "[]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",null]},\"b\":{\"enum\":[\"x\"]}}}",
         "{\"a\":null,\"b\":null}", "{\"a\":null}", "[\"nulls\"]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"}},\"$defs\":{\"n\":{\"type\":["
         "\"number\",\"null\"]}}}",
         "{\"a\":null}", "{\"a\":null}", "[]"},
        /* the same name, optional in one place and required in another */
        {"{\"type\":\"object\",\"properties\":{\"note\":{\"type\":\"string\"},\"in\":{\"type\":\"object\","
         "\"properties\":{\"note\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"note\"]}},\"required\":"
         "[\"in\"]}",
         "{\"note\":null,\"in\":{\"note\":null}}", "{\"in\":{\"note\":null}}", "[\"nulls\"]"},
        {UNION, "{\"value\":[{\"is\":\"a\",\"note\":null},{\"is\":\"b\",\"note\":null}]}",
         "[{\"is\":\"a\"},{\"is\":\"b\",\"note\":null}]", "[\"nulls\"]"},
        {TREE, "{\"tree\":{\"name\":null,\"next\":{\"name\":\"x\",\"next\":null}}}",
         "{\"tree\":{\"next\":{\"name\":\"x\",\"next\":null}}}", "[\"nulls\"]"},
    };
    struct arena *a = arena_new();
    struct reading r;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const struct question_text q = {answers[i].schema, "[]", ""};
        read_answer(q, answers[i].answer, true, a, &r);
        CHECK_STR(r.value, str_from(answers[i].value));
        CHECK_STR(r.faults, STR("[]"));
        CHECK_TRUE(r.is_valid);
        CHECK_STR(r.repairs, str_from(answers[i].repairs));
    }
    arena_free(a);
#undef UNION
#undef TREE
}

TEST(nulls_are_left_out_of_an_answer_that_is_wrong_elsewhere_too)
{
    struct arena *a = arena_new();
    struct reading r;
    const struct question_text q = {
        "{\"type\":\"object\",\"properties\":{\"in\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\","
        "\"properties\":{\"n\":{\"type\":\"integer\"},\"note\":{\"type\":\"string\"}},\"required\":[\"n\"]}]}"
        "},\"required\":[\"in\"]}",
        "[]", ""};
    read_answer(q, "{\"in\":{\"n\":\"one\",\"note\":null}}", true, a, &r);
    CHECK_FALSE(r.is_valid);
    CHECK_STR(r.faults, STR("[{\"path\":\"/in/n\",\"keyword\":\"type\",\"text\":\"is a string, and must be "
                            "\\\"integer\\\"\"}]"));
    arena_free(a);
}
