/* asset.h: text files that the program carries in itself: SQL, the OpenAPI document, the dashboard.
 * The Makefile's EMBED lists them; tools/embed.sh writes the table. There is no file access at run time. */
#ifndef STINT_BASE_ASSET_H
#define STINT_BASE_ASSET_H

#include "base/str.h"

struct asset {
    const char *name; /* path in the repository: "sql/sqlite/migrations/0001_first.sql" */
    const char *start, *end;
};

/* In order of name; ends with a row whose name is NULL. */
extern const struct asset asset_table[];

/* The content of the asset with this name, which lives as long as the program and has a NUL behind its last byte;
 * STR_NONE when there is none. Any thread. */
struct str asset_get(const char *name);

#endif
