/* f_schema.c: a schema of a stranger, made strict, and a value held against it: the first line is the schema, the rest the value. */
#include <assert.h>

#include "kinds/run_prompt/schema_private.h"
#include "kinds/run_prompt/schema_sense.h"
#include "kinds/run_prompt/strict_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct str rest = STR_NONE;
    struct str line = str_cut((struct str){(const char *)data, n}, '\n', &rest);
    struct json *text = NULL;
    struct json *value = NULL;
    struct schema *schema = NULL;
    struct schema_faults faults;
    struct err e;
    bool changed = false;
    if (!json_parse(line, a, &text, &e) && !schema_compile(text, a, &schema, &e)) {
        struct strict_schema strict = strict_schema_make(text, a);
        struct json *sent = NULL;
        enum rc rc = json_parse(strict.text, a, &sent, &e);
        assert(!rc);
        if (!json_parse(rest, a, &value, &e)) {
            bool is_valid = schema_check(schema, value, a, &faults);
            assert(is_valid == !faults.n);
            (void)!schema_check_sense(schema, &e);
            assert(!is_valid || schema->root->can_be & 1u << value->type);
            (void)strict_schema_restore(&strict, schema, value, a, &changed);
        }
    }
    arena_free(a);
    return 0;
}
