/* prompt_schema.c: JSON Schema against the test suite of its makers (Debian's json-schema-test-suite: draft 7, whose keywords
 * have the same meaning where both drafts have them), and what the suite has nothing about. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kinds/run_prompt/schema_private.h"
#include "kinds/run_prompt/schema_sense.h"
#include "test.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7"

/* Of draft 7 alone, about other documents, or about what is refused. */
static const char *const left_out[] = {"additionalItems.json", "dependencies.json", "items.json",
                                       "definitions.json",     "refRemote.json",    "id.json"};
static const char *const groups_left_out[] = {
    "relative pointer ref to array",      /* an array of items is `prefixItems` now */
    "ref overrides any sibling keywords", /* they count since draft 2019-09 */
    "remote ref, containing refs itself",
    "Recursive references between schemas",
    "Location-independent identifier with absolute URI",
    "Location-independent identifier with base URI change in subschema",
    "refs with quote", /* found by place */
    "$ref prevents a sibling $id from changing the base uri",
    "Reference an anchor with a non-relative URI",
    "Location-independent identifier",
};

static bool is_in(struct str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(s, str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

static int run_group(const struct json *group, struct arena *a, struct err *e)
{
    struct schema *s = NULL;
    struct str about = json_get(group, STR("description"))->s;
    if (is_in(about, groups_left_out, sizeof groups_left_out / sizeof *groups_left_out)) {
        return 0;
    }
    enum rc rc = schema_compile(json_get(group, STR("schema")), a, &s, e);
    ck_assert_msg(!rc, "%.*s: %s", STR_ARG(about), e->text);
    (void)!schema_check_sense(s, e);
    int cases = 0;
    for (const struct json *t = json_get(group, STR("tests"))->first; t; t = t->next) {
        struct schema_faults faults;
        bool wanted = json_get(t, STR("valid"))->i;
        bool got = schema_check(s, json_get(t, STR("data")), a, &faults);
        ck_assert_msg(got == wanted && got == !faults.n, "%.*s: %.*s: %s", STR_ARG(about),
                      STR_ARG(json_get(t, STR("description"))->s),
                      got        ? "kept"
                      : faults.n ? faults.items[0].text.p
                                 : "no fault told");
        ck_assert_msg(!wanted || s->root->can_be & 1u << json_get(t, STR("data"))->type,
                      "%.*s: no answer is said to keep to it", STR_ARG(about));
        cases++;
    }
    return cases;
}

static int run_file(const char *folder, const char *name, struct err *e)
{
    char path[300];
    struct buf text = BUF_LIMIT(1 << 20);
    struct arena *a = arena_new();
    struct json *groups = NULL;
    str_print(path, sizeof path, "%s/%s", folder, name);
    OK(buf_read_file(&text, path, e));
    OK(json_parse(buf_str(&text), a, &groups, e));
    int cases = 0;
    for (const struct json *group = groups->first; group; group = group->next) {
        cases += run_group(group, a, e);
    }
    arena_free(a);
    buf_dispose(&text);
    return cases;
}

static int run_folder(const char *folder, struct err *e)
{
    DIR *d = opendir(folder);
    ck_assert_msg(d != NULL, "%s is not there: install json-schema-test-suite", folder);
    int cases = 0;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        struct str name = str_from(entry->d_name);
        if (str_ends(name, STR(".json")) && !is_in(name, left_out, sizeof left_out / sizeof *left_out)) {
            cases += run_file(folder, entry->d_name, e);
        }
    }
    closedir(d);
    return cases;
}

TEST(the_test_suite_of_json_schema_is_kept)
{
    CHECK_INT(run_folder(SUITE, e), 347);
}

TEST(the_formats_that_are_asserted_are_those_of_the_test_suite)
{
    static const char *const files[] = {"date.json", "date-time.json", "time.json", "email.json",
                                        "uri.json",  "ipv4.json",      "ipv6.json"};
    int cases = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        cases += run_file(SUITE "/optional/format", files[i], e);
    }
    CHECK_INT(cases, 45);
}

static struct schema *compiled(const char *text, struct arena *a, struct err *e)
{
    struct json *json = NULL;
    struct schema *s = NULL;
    OK(json_parse(str_from(text), a, &json, e));
    OK(schema_compile(json, a, &s, e));
    return s;
}

static bool keeps(const char *schema, const char *value, struct schema_faults *faults, struct arena *a,
                  struct err *e)
{
    struct json *json = NULL;
    OK(json_parse(str_from(value), a, &json, e));
    return schema_check(compiled(schema, a, e), json, a, faults);
}

TEST(patterns_mean_what_they_mean_in_ecmascript)
{
    static const struct {
        const char *schema, *value;
        bool keeps;
    } table[] = {
        {"{\"pattern\":\"^\\\\d+$\"}", "\"12\\n\"", false}, /* $ is the very end */
        {"{\"pattern\":\"^\\\\d$\"}", "\"\u0664\"", false}, /* \d is ASCII */
        {"{\"pattern\":\"^\\\\s$\"}", "\"\u00a0\"", true},  /* \s is not */
        {"{\"pattern\":\"^[\\\\s]$\"}", "\"\ufeff\"", true},
        {"{\"pattern\":\"^\\\\S$\"}", "\"\u2003\"", false},
        {"{\"pattern\":\"^\\\\u0041.$\"}", "\"A\U0001F409\"", true}, /* . is a code point */
        {"{\"pattern\":\"b\"}", "\"abc\"", true},                    /* anywhere */
        {"{\"pattern\":\"\"}", "\"\"", true},
        {"{\"pattern\":\"^\\\\p{Lu}\"}", "\"\u00c9t\u00e9\"", true},
    };
    struct arena *a = arena_new();
    struct schema_faults faults;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ck_assert_msg(keeps(table[i].schema, table[i].value, &faults, a, e) == table[i].keeps, "%s, %s",
                      table[i].schema, table[i].value);
    }
    arena_free(a);
}

TEST(a_pattern_that_would_take_for_ever_ends_as_a_fault)
{
    struct arena *a = arena_new();
    struct schema_faults faults;
    CHECK_FALSE(keeps("{\"pattern\":\"^(a+)+$\"}",
                      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"", &faults, a, e));
    CHECK_INT(faults.n, 1);
    CHECK_STR(faults.items[0].keyword, STR("limit"));
    arena_free(a);
}

TEST(a_schema_that_doubles_with_each_level_ends_as_a_fault)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1 << 16);
    struct schema_faults faults;
    buf_append_c(&text, "{\"$ref\":\"#/$defs/s0\",\"$defs\":{");
    for (int i = 0; i < 40; i++) {
        buf_printf(&text, "\"s%d\":{\"allOf\":[{\"$ref\":\"#/$defs/s%d\"},{\"$ref\":\"#/$defs/s%d\"}]},", i,
                   i + 1, i + 1);
    }
    buf_append_c(&text, "\"s40\":{}}}");
    CHECK_FALSE(keeps(buf_c_str(&text), "1", &faults, a, e));
    CHECK_STR(faults.items[0].keyword, STR("limit"));
    buf_dispose(&text);
    arena_free(a);
}

TEST(a_fault_says_where_and_what)
{
    static const char schema[] =
        "{\"type\":\"object\",\"required\":[\"name\",\"cities\"],\"additionalProperties\":false,"
        "\"properties\":{\"name\":{\"type\":\"string\"},\"cities\":{\"items\":{\"anyOf\":["
        "{\"type\":\"null\"},{\"type\":\"object\",\"properties\":{\"a/b\":{\"maximum\":5}}}]}}}}";
    struct arena *a = arena_new();
    struct schema_faults f;
    CHECK_FALSE(keeps(schema, "{\"cities\":[null,{\"a/b\":7}],\"x\":1}", &f, a, e));
    CHECK_INT(f.n, 3);
    CHECK_STR(f.items[0].path, STR(""));
    CHECK_STR(f.items[0].text, STR("lacks the member name"));
    CHECK_STR(f.items[1].path, STR("/cities/1/a~1b"));
    CHECK_STR(f.items[1].text, STR("must be at most 5"));
    CHECK_STR(f.items[2].path, STR("/x"));
    CHECK_STR(f.items[2].keyword, STR("additionalProperties"));
    arena_free(a);
}

TEST(a_schema_that_cannot_be_kept_to_is_refused_with_its_place)
{
    static const struct {
        const char *text, *field, *why;
    } table[] = {
        {"[]", "", "a schema is an object, or true or false"},
        {"{\"type\":\"text\"}", "/type",
         "the schema's type must be null, boolean, integer, number, string, array or object, or an array of "
         "these"},
        {"{\"properties\":{\"a\":{\"minLength\":-1}}}", "/properties/a/minLength",
         "the schema's minLength must be a whole number of at least 0"},
        {"{\"items\":[{}]}", "/items", "a schema is an object, or true or false"},
        {"{\"unevaluatedProperties\":false}", "/unevaluatedProperties",
         "the schema's unevaluatedProperties is not supported"},
        {"{\"$ref\":\"#/$defs/x\"}", "/$ref", "the schema's $ref names no schema in it: #/$defs/x"},
        {"{\"$ref\":\"http://a/b\"}", "/$ref",
         "the schema's $ref leads out of the schema, which is not supported"},
        {"{\"$ref\":\"#\"}", "", "the schema leads back to itself and says nothing"},
        {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}]}}}", "/$defs/a",
         "the schema leads back to itself and says nothing"},
        {"{\"pattern\":\"(\"}", "/pattern", "the pattern ( is wrong at byte 1: missing closing parenthesis"},
        {"{\"pattern\":\"a\\\\Z\"}", "/pattern",
         "the pattern a\\Z is wrong at byte 2: ECMAScript has no such escape"},
        {"{\"allOf\":[]}", "/allOf", "the schema's allOf must be an array of schemas"},
        {"{\"multipleOf\":0}", "/multipleOf", "the schema's multipleOf must be greater than 0"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct json *json = NULL;
        struct schema *s = NULL;
        OK(json_parse(str_from(table[i].text), a, &json, e));
        FAILS(schema_compile(json, a, &s, e), RC_INVALID);
        CHECK_STR(str_from(e->field), str_from(table[i].field));
        CHECK_STR(str_from(e->text), str_from(table[i].why));
    }
    arena_free(a);
}

TEST(a_schema_may_lead_to_itself_by_way_of_the_value)
{
    static const char tree[] =
        "{\"properties\":{\"left\":{\"$ref\":\"#\"},\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}";
    struct arena *a = arena_new();
    struct schema_faults f;
    CHECK_TRUE(keeps(tree, "{\"n\":1,\"left\":{\"n\":2,\"left\":{\"n\":3}}}", &f, a, e));
    CHECK_FALSE(keeps(tree, "{\"n\":1,\"left\":{\"n\":2,\"left\":{}}}", &f, a, e));
    CHECK_STR(f.items[0].path, STR("/left/left"));
    arena_free(a);
}
