/* f_text.c: the small parsers of base/. What they accept must print as the same value. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(struct str text)
{
    int64_t ms = -1, again = -1;

    if (time_parse(text, &ms)) {
        assert(ms >= 0);
        assert(time_parse(str_from(time_text(ms).s), &again) && again == ms);
    } else {
        assert(ms == -1);
    }
}

static void check_id(struct str text)
{
    struct id id;

    if (id_parse(text, &id)) {
        assert(str_eq_nocase(text, str_from(id_text(id).s)));
    }
}

/* Whatever a string holds, the writer makes valid JSON of it; when it is UTF-8, nothing is lost. */
static void check_written(struct str text)
{
    struct buf out = BUF_LIMIT(16 + 6 * text.n);
    struct json_out w = json_writer(&out);
    struct arena *a = arena_new();
    struct json *tree = NULL;
    struct err e;

    json_str(&w, text);
    assert(!out.overflowed);
    assert(json_parse(buf_str(&out), a, &tree, &e) == RC_OK);
    assert(str_eq(tree->s, text) == str_is_utf8(text));
    arena_free(a);
    buf_dispose(&out);
}

static void check_copied(struct str text)
{
    char copy[24];

    str_copy(copy, sizeof copy, text);
    assert(strlen(copy) < sizeof copy);
    if (str_is_utf8(text)) {
        assert(str_is_utf8(str_from(copy)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    int64_t n = -1;

    check_time(text);
    check_id(text);
    check_written(text);
    check_copied(text);
    if (duration_parse(text, &n)) {
        assert(n >= 0);
    }
    if (str_to_i64(text, &n)) {
        assert(text.n > 0);
    }
    return 0;
}
