/* errors.c: an answer or a local failure as struct stint_error. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "client/client.h"

int client_error(struct stint_error *e, enum stint_code code, const char *format, ...)
{
    if (e) {
        va_list args;
        *e = (struct stint_error){.code = code};
        va_start(args, format);
        (void)vsnprintf(e->message, sizeof(e->message), format, args);
        va_end(args);
    }
    return (int)code;
}

static enum stint_code code_of(enum rc rc)
{
    static const enum stint_code codes[] = {
        [RC_OK] = STINT_OK,           [RC_INVALID] = STINT_EINVALID,   [RC_NOT_FOUND] = STINT_ENOTFOUND,
        [RC_DENIED] = STINT_EDENIED,  [RC_CONFLICT] = STINT_ECONFLICT, [RC_LEASE_LOST] = STINT_ELEASE_LOST,
        [RC_TOO_BIG] = STINT_ETOOBIG, [RC_BUSY] = STINT_EBUSY,         [RC_FULL] = STINT_EFULL,
        [RC_FATAL] = STINT_EUNKNOWN,
    };
    return codes[rc];
}

int client_error_from(struct stint_error *e, const struct err *from)
{
    return client_error(e, code_of(from->rc), "%s", from->text);
}

static enum stint_code code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return STINT_EDENIED;
    case 404:
        return STINT_ENOTFOUND;
    case 409:
        return STINT_ECONFLICT;
    case 413:
        return STINT_ETOOBIG;
    case 429:
    case 502:
    case 503:
    case 504:
        return STINT_EBUSY;
    case 507:
        return STINT_EFULL;
    default:
        return status >= 500 ? STINT_EUNKNOWN : STINT_EINVALID;
    }
}

/* Where it is, unless the text says so. Of many items the first that is wrong is told of. */
static void tell_place(const struct json *problem, struct str *text, struct arena *a)
{
    const struct json *errors = json_get(problem, STR("errors"));
    const struct json *first = errors && errors->type == JSON_ARRAY ? errors->first : NULL;
    const struct json *index = json_get(first, STR("index"));
    struct str detail = *text, field = STR_NONE;
    (void)!json_get_str(first ? first : problem, "detail", &detail, NULL);
    (void)!json_get_str(first ? first : problem, "field", &field, NULL);
    size_t slash = field.n;
    while (slash > 0 && field.p[slash - 1] != '/') {
        slash--;
    }
    bool is_said = slash <= 1 && str_find(detail, str_sub(field, slash, field.n), 0) < detail.n;
    if (index && index->type == JSON_INT) {
        *text = arena_printf(a, "%.*s, at /%lld%.*s", STR_ARG(detail), (long long)index->i, STR_ARG(field));
    } else if (field.n && !is_said) {
        *text = arena_printf(a, "%.*s, at %.*s", STR_ARG(detail), STR_ARG(field));
    }
}

int client_error_from_problem(struct stint_error *e, int status, struct str body)
{
    struct arena *a = arena_new();
    struct json *problem = NULL;
    struct str type = STR_NONE;
    struct str detail = STR_NONE;
    struct str title = STR_NONE;
    enum stint_code code = code_of_status(status);

    if (json_parse(body, a, &problem, NULL) == RC_OK && problem->type == JSON_OBJECT) {
        /* What is missing stays empty. */
        (void)!json_get_str(problem, "code", &type, NULL);
        (void)!json_get_str(problem, "title", &title, NULL);
        (void)!json_get_str(problem, "detail", &detail, NULL);
    }
    if (str_ends(type, STR("lease_lost"))) {
        code = STINT_ELEASE_LOST;
    } else if (str_ends(type, STR("outcome_unknown"))) {
        code = STINT_EUNKNOWN;
    }
    struct str text = detail.n ? detail : title;
    if (text.n) {
        tell_place(problem, &text, a);
        client_error(e, code, "%.*s", STR_ARG(text));
    } else {
        client_error(e, code, "the server answered %d", status);
    }
    if (e) {
        e->status = status;
        str_copy(e->type, sizeof(e->type), type);
    }
    arena_free(a);
    return (int)code;
}
