/* attributes.h: the attributes that mean something to us, by their names, and those that a selector asks for. All others are left
 * out before the parser sees them. */
#ifndef STINT_MARKDOWN_ATTRIBUTES_H
#define STINT_MARKDOWN_ATTRIBUTES_H

#include "base/str.h"

#define ATTRIBUTES_ASKED_MAX 64

/* In the order of the names. */
enum attribute {
    ATTR_ALT,
    ATTR_ARIA_HIDDEN,
    ATTR_CHECKED,
    ATTR_CLASS,
    ATTR_COLSPAN,
    ATTR_CONTENT,
    ATTR_DATA_LANG,
    ATTR_DATA_LANGUAGE,
    ATTR_DATA_SRC,
    ATTR_HEIGHT,
    ATTR_HIDDEN,
    ATTR_HREF,
    ATTR_ID,
    ATTR_LANG,
    ATTR_NAME,
    ATTR_REL,
    ATTR_ROLE,
    ATTR_ROWSPAN,
    ATTR_SRC,
    ATTR_START,
    ATTR_STYLE,
    ATTR_TYPE,
    ATTR_VALUE,
    ATTR_WIDTH,
    ATTR_ASKED, /* the first of those that selectors ask for; the others follow */
    ATTR_COUNT = ATTR_ASKED + ATTRIBUTES_ASKED_MAX,
};

/* Names in selectors that are none of the above. */
struct asked_attributes {
    struct str names[ATTRIBUTES_ASKED_MAX];
    size_t count;
};

/* Any case; ATTR_COUNT when nobody asks for it. */
enum attribute attribute_find(const struct asked_attributes *asked, struct str name);

#endif
