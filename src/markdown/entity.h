/* entity.h: character references as HTML5 reads them: "&eacute;", "&copy" of old pages without its end, "&#8230;", "&#x2026;". */
#ifndef STINT_MARKDOWN_ENTITY_H
#define STINT_MARKDOWN_ENTITY_H

#include "base/str.h"

struct entity {
    uint32_t points[2]; /* Unicode; never 0, a surrogate, or over U+10FFFF */
    int count;
};

/* Bytes of the reference that s begins with (at its "&"), and what it stands for; 0: none, the "&" is one. In an attribute
 * "&copy=1" is none, because old pages write addresses so. One thread at a time. */
size_t entity_read(struct str s, bool in_attribute, struct entity *out);

#endif
