/* zone_rule.h: the footer of a zone's file: a rule as in the POSIX variable TZ, for the years after the last listed one
 * (`CET-1CEST,M3.5.0,M10.5.0/3`). Private to zone.c. */
#ifndef STINT_CORE_ZONE_RULE_H
#define STINT_CORE_ZONE_RULE_H

#include "core/zone.h"

enum zone_date_kind {
    ZONE_DATE_MONTH,   /* Mm.w.d: the w-th weekday d of month m; week 5 = the last */
    ZONE_DATE_NO_LEAP, /* Jn: day 1 … 365, 29 February never counted */
    ZONE_DATE_DAY,     /* n: day 0 … 365 */
};

struct zone_date {
    enum zone_date_kind kind;
    int month, week, day;
    int64_t time_s; /* from local midnight; may be negative or beyond 24 h */
};

struct zone_rule {
    bool has_dst;
    int64_t std_s, dst_s; /* offsets */
    struct zone_date start, end;
};

/* False on anything that is not such a rule, as the empty text. */
MUST_CHECK bool zone_rule_parse(struct str text, struct zone_rule *out);
struct zone_span zone_rule_span(const struct zone_rule *r, int64_t unix_s);

#endif
