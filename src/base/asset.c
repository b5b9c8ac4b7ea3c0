/* asset.c: looks up embedded files. A handful of rows read at start: a linear walk is enough. */
#include "base/asset.h"

#include <string.h>

struct str asset_get(const char *name)
{
    for (const struct asset *a = asset_table; a->name; a++) {
        if (strcmp(a->name, name) == 0) {
            return (struct str){a->start, (size_t)(a->end - a->start)};
        }
    }
    return STR_NONE;
}
