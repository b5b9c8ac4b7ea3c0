/* tags.c: what a filter by tag matches. */
#include "store/rules/rules.h"

#include "base/json.h"

bool tags_have(struct str tags, struct str tag)
{
    struct arena *a = arena_new();
    struct json *list = NULL;
    bool has = false;
    if (tags.n && !json_parse(tags, a, &list, NULL)) {
        for (const struct json *i = list->first; i && !has; i = i->next) {
            has = i->type == JSON_STRING && str_eq(i->s, tag);
        }
    }
    arena_free(a);
    return has;
}
