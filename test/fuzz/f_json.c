/* f_json.c: the JSON reader against itself. Both readers must agree; what was read must survive being written and read
 * again; and the bytes that a value claims to come from must be that value. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As deep as JSON_MAX_DEPTH at most, as the reader guarantees. */
static void print(struct json_out *w, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_BOOL:
        json_bool(w, v->i != 0);
        break;
    case JSON_INT:
        json_int(w, v->i);
        break;
    case JSON_REAL:
        if (isfinite(v->d)) {
            json_real(w, v->d);
        } else {
            json_raw(w, v->raw);
        }
        break;
    case JSON_STRING:
        json_str(w, v->s);
        break;
    case JSON_ARRAY:
        json_array_begin(w);
        for (const struct json *child = v->first; child; child = child->next) {
            print(w, child);
        }
        json_array_end(w);
        break;
    case JSON_OBJECT:
        json_object_begin(w);
        for (const struct json *child = v->first; child; child = child->next) {
            /* json_name takes a literal; a name with a zero byte in it goes out as the string that it is */
            json_str(w, child->name);
            buf_append_char(w->out, ':');
            w->after_name = true;
            print(w, child);
        }
        json_object_end(w);
        break;
    }
}

static bool is_number(const struct json *v)
{
    return v->type == JSON_INT || v->type == JSON_REAL;
}

static void assert_same(const struct json *a, const struct json *b)
{
    assert(str_eq(a->name, b->name));
    if (is_number(a)) { /* 5.0 is written as 5 */
        assert(is_number(b) && memcmp(&a->d, &b->d, sizeof a->d) == 0);
        assert(a->type != JSON_INT || a->i == b->i);
        return;
    }
    assert(a->type == b->type && a->count == b->count && a->i == b->i && str_eq(a->s, b->s));
    const struct json *other = b->first;
    size_t count = 0;

    for (const struct json *child = a->first; child; child = child->next) {
        assert(other);
        assert_same(child, other);
        other = other->next;
        count++;
    }
    assert(!other && count == a->count);
}

static void assert_raw(const struct json *v, struct str text)
{
    struct err e;

    assert(v->raw.p >= text.p && v->raw.p + v->raw.n <= text.p + text.n);
    assert(json_validate(v->raw, &e) == RC_OK);
    assert(str_is_utf8(v->s) && str_is_utf8(v->name));
    for (const struct json *child = v->first; child; child = child->next) {
        assert_raw(child, v->raw);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *a = arena_new();
    struct buf printed = BUF_LIMIT(64 + 32 * size);
    struct json_out w = json_writer(&printed);
    struct json *tree = NULL, *again = NULL;
    struct err e = {0};
    enum rc rc = json_parse(text, a, &tree, &e);

    assert(rc == RC_OK || (rc == RC_INVALID && e.rc == RC_INVALID && e.text[0] != '\0'));
    assert(json_validate(text, &e) == rc);
    if (rc == RC_OK) {
        assert_raw(tree, text);
        print(&w, tree);
        assert(!printed.overflowed);
        assert(json_parse(buf_str(&printed), a, &again, &e) == RC_OK);
        assert_same(tree, again);
    }
    buf_dispose(&printed);
    arena_free(a);
    return 0;
}
