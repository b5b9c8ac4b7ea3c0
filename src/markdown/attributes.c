/* attributes.c: the table of attributes. Another one? Add it to enum attribute and here, in the order of the names. */
#include "markdown/attributes.h"

#include <string.h>

#define NAME_BYTES_MAX 13 /* of "data-language" */

static const struct str attribute_names[ATTR_ASKED] = {
    {"alt", 3},       {"aria-hidden", 11},   {"checked", 7},  {"class", 5},  {"colspan", 7}, {"content", 7},
    {"data-lang", 9}, {"data-language", 13}, {"data-src", 8}, {"height", 6}, {"hidden", 6},  {"href", 4},
    {"id", 2},        {"lang", 4},           {"name", 4},     {"rel", 3},    {"role", 4},    {"rowspan", 7},
    {"src", 3},       {"start", 5},          {"style", 5},    {"type", 4},   {"value", 5},   {"width", 5},
};

static enum attribute find_known(struct str name)
{
    char lower[NAME_BYTES_MAX];

    if (!name.n || name.n > sizeof lower) {
        return ATTR_COUNT;
    }
    for (size_t i = 0; i < name.n; i++) {
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    }
    for (int i = 0; i < ATTR_ASKED; i++) {
        if (attribute_names[i].p[0] == lower[0] && str_eq(attribute_names[i], (struct str){lower, name.n})) {
            return (enum attribute)i;
        }
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
