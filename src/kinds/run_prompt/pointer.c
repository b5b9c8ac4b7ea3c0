/* pointer.c: see pointer.h. */
#include "kinds/run_prompt/pointer.h"

static struct str unescape(struct str name, struct arena *a)
{
    char *p = arena_alloc(a, name.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        bool is_marked = name.p[i] == '~' && i + 1 < name.n && (name.p[i + 1] == '0' || name.p[i + 1] == '1');
        i += is_marked;
        p[n++] = !is_marked ? name.p[i] : name.p[i] == '0' ? '~' : '/';
    }
    return (struct str){p, n};
}

static const struct json *item_at(const struct json *list, struct str digits)
{
    int64_t index = 0;
    bool is_number = digits.n && digits.p[0] >= '0' && digits.p[0] <= '9' && str_to_i64(digits, &index);
    if (!is_number || (digits.n > 1 && digits.p[0] == '0')) {
        return NULL;
    }
    const struct json *item = list->first;
    for (; item && index > 0; index--) {
        item = item->next;
    }
    return item;
}

const struct json *pointer_get(const struct json *value, struct str pointer, struct arena *a)
{
    struct str rest = STR_NONE;
    struct str before = str_cut(pointer, '/', &rest);
    if (before.n) {
        return NULL;
    }
    while (value && rest.p) {
        struct str name = unescape(str_cut(rest, '/', &rest), a);
        value = value->type == JSON_ARRAY ? item_at(value, name) : json_get(value, name);
    }
    return value;
}
