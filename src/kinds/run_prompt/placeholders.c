/* placeholders.c: see placeholders.h. */
#include "kinds/run_prompt/placeholders.h"

#include "base/buf.h"

#define TEXT_MAX_BYTES (1 << 20)

struct place {
    size_t begin, end;
    struct str name;
};

static bool next_place(struct str text, size_t at, struct place *out)
{
    size_t begin = str_find(text, STR("{{"), at);
    size_t end = str_find(text, STR("}}"), begin);
    if (end >= text.n) {
        return false;
    }
    *out = (struct place){begin, end + 2, str_trim(str_sub(text, begin + 2, end))};
    return true;
}

/* Braces around anything else, such as code, are the text's own. */
static enum rc refuse_unknown(struct str name, struct err *e)
{
    return str_is_name(name)
               ? err_set_code(e, RC_INVALID, "invalid_input", "vars",
                              "vars: there is none called %.*s, for {{%.*s}}", STR_ARG(name), STR_ARG(name))
               : RC_OK;
}

enum rc placeholders_check(struct str text, const struct json *vars, struct err *e)
{
    struct place p;
    enum rc rc = RC_OK;
    for (size_t at = 0; !rc && next_place(text, at, &p); at = p.begin + 2) {
        rc = json_get(vars, p.name) ? RC_OK : refuse_unknown(p.name, e);
    }
    return rc;
}

enum rc placeholders_fill(struct str text, const struct json *vars, struct arena *a, struct str *out,
                          struct err *e)
{
    struct buf filled = BUF_LIMIT(TEXT_MAX_BYTES);
    struct place p;
    size_t at = 0;
    enum rc rc = placeholders_check(text, vars, e);
    while (!rc && next_place(text, at, &p)) {
        const struct json *value = json_get(vars, p.name);
        buf_append_str(&filled, str_sub(text, at, value ? p.begin : p.begin + 2));
        if (value) {
            buf_append_str(&filled, value->type == JSON_STRING ? value->s : value->raw);
        }
        at = value ? p.end : p.begin + 2;
    }
    buf_append_str(&filled, str_sub(text, at, text.n));
    rc = rc ? rc : buf_check(&filled, "a text with its variables", e);
    if (!rc) {
        *out = arena_str(a, buf_str(&filled));
    }
    buf_dispose(&filled);
    return rc;
}

bool placeholders_have(struct str text, struct str name)
{
    struct place p;
    for (size_t at = 0; next_place(text, at, &p); at = p.begin + 2) {
        if (str_eq(p.name, name)) {
            return true;
        }
    }
    return false;
}
