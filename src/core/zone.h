/* zone.h: what a clock on a wall shows: offsets from UTC over time, as the IANA time zone database tells them. Pure:
 * somebody else reads the file (base/zoneinfo.h) and hands its bytes over. */
#ifndef STINT_CORE_ZONE_H
#define STINT_CORE_ZONE_H

#include "base/arena.h"

struct zone;

/* A time in which the offset is one and the same: [from, until), unix seconds; INT64_MIN and INT64_MAX at the ends. */
struct zone_span {
    int64_t from, until;
    int64_t offset_s; /* local = UTC + this; within ± ZONE_OFFSET_MAX_S */
};

#define ZONE_OFFSET_MAX_S 93600 /* 26 h (RFC 9636) */

/* Reads a TZif file (RFC 9636, version 1 to 4) with its footer, which says what happens after the last change that is
 * listed. RC_INVALID: not such a file, damaged, or one that counts leap seconds (unix time does not). The zone lives in
 * `a`, and so do not the bytes. */
MUST_CHECK enum rc zone_parse(struct str tzif, struct arena *a, const struct zone **out, struct err *e);
const struct zone *zone_utc(void);
/* The span that holds this second. Spans follow each other without a hole; neighbours may have the same offset. Times
 * out of the years 1 to 9999 are answered as the nearest in them. */
struct zone_span zone_span_at(const struct zone *z, int64_t unix_s);

#endif
