/* attributes.c: the table of attributes. Another one? Add it to enum attribute and here, in the order of the names. */
#include "markdown/attributes.h"

#include <string.h>

#define NAME_BYTES_MAX 13 /* of "data-language" */

static const char *const attribute_names[ATTR_ASKED] = {
    "alt",      "aria-hidden", "checked", "class", "colspan", "content", "data-lang", "data-language",
    "data-src", "height",      "hidden",  "href",  "id",      "lang",    "name",      "rel",
    "role",     "rowspan",     "src",     "start", "style",   "type",    "value",     "width",
};

static enum attribute find_known(struct str name)
{
    char lower[NAME_BYTES_MAX];
    int from = 0;
    int to = ATTR_ASKED;

    if (name.n > sizeof lower) {
        return ATTR_COUNT;
    }
    for (size_t i = 0; i < name.n; i++) {
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    }
    while (from < to) {
        int mid = (from + to) / 2;
        int d = str_compare((struct str){lower, name.n}, str_from(attribute_names[mid]));
        if (d == 0) {
            return (enum attribute)mid;
        }
        from = d > 0 ? mid + 1 : from;
        to = d < 0 ? mid : to;
    }
    return ATTR_COUNT;
}

enum attribute attribute_find(const struct asked_attributes *asked, struct str name)
{
    enum attribute known = find_known(name);

    for (size_t i = 0; known == ATTR_COUNT && i < asked->count; i++) {
        if (str_eq_nocase(asked->names[i], name)) {
            return (enum attribute)(ATTR_ASKED + (int)i);
        }
    }
    return known;
}
