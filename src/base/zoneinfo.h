/* zoneinfo.h: reads files of the system's time zone database, and no others. What is in them is core/zone.h's. */
#ifndef STINT_BASE_ZONEINFO_H
#define STINT_BASE_ZONEINFO_H

#include "base/buf.h"

#define ZONEINFO_FOLDER         "/usr/share/zoneinfo"
#define ZONEINFO_MAX_BYTES      (256 << 10)
#define ZONEINFO_NAME_MAX_BYTES 64

/* True for names as the database has them: up to three parts of [A-Za-z0-9+_-], each beginning with a letter. No dots. */
bool zoneinfo_is_name(struct str name);
/* Appends the file of the zone to `out`. RC_INVALID with the code `unknown_zone`: no such name or no such file, or it is a
 * link that leaves the folder; nothing outside was opened. The text says so when the folder itself is missing. */
MUST_CHECK enum rc zoneinfo_read(const char *folder, struct str name, struct buf *out, struct err *e);

#endif
