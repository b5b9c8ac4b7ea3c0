/* f_answer.c: the parse process of run-prompt: a text of a model, against a schema and names to look for. What it answers is
 * one JSON value, and a value that it takes is JSON itself. */
#include <assert.h>

#include "kinds/run_prompt/reading.h"
#include "kinds/run_prompt/schema.h"

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"pattern\":\"^[A-Z]\"},\"n\":{"
    "\"type\":\"integer\",\"minimum\":1},"
    "\"list\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"uniqueItems\":true}},\"required\":[\"city\"]}";
static const char entities[] =
    "[\"Acme Inc\",{\"name\":\"AT&T\",\"domains\":[\"att.example\"],\"not\":[\"AT&T "
    "Park\"]},{\"name\":\"Go\",\"case_sensitive\":true}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct json *s = NULL;
    struct json *names = NULL;
    struct json *value = NULL;
    struct reading reading;
    struct buf request = BUF_LIMIT(16 << 20);
    struct buf answer = BUF_LIMIT(16 << 20);
    struct err e;
    const struct str text = {(const char *)data, n};
    enum rc rc = json_parse(str_from(schema), a, &s, &e);
    rc = rc ? rc : json_parse(str_from(entities), a, &names, &e);
    assert(!rc);
    const struct prompt_args args = {.schema = s, .entities = names};
    reading_ask(&args, text, n % 2, &request);
    rc = reading_answer(buf_str(&request), &answer, &e);
    assert(!rc);
    rc = reading_take(buf_str(&answer), a, &reading, &e);
    assert(!rc && (!reading.is_valid || reading.value.n));
    rc = reading.value.n ? json_parse(reading.value, a, &value, &e) : RC_OK;
    assert(!rc);
    buf_dispose(&request);
    buf_dispose(&answer);
    arena_free(a);
    return 0;
}
