/* zone.c: see zone.h. A file has a header and a block of 32-bit times, then (from version 2 on) the same with 64-bit
 * times, then the footer between two line feeds:
 *
 *   header: "TZif" version 15×0, six counts of 4 bytes | times | index of type by time | types: offset(4) dst(1) name(1)
 *           | names | leap seconds | two lists of flags that only a rule of the 1980s needs */
#include "core/zone.h"

#include "core/zone_rule.h"

#define HEADER_BYTES 44
#define TYPE_BYTES   6
#define TIME_MIN_S   (-62135596800LL) /* 0001-01-01 */
#define TIME_MAX_S   253402300799LL   /* 9999-12-31T23:59:59Z */

struct zone {
    size_t count;
    const int64_t *at;       /* when the offset changes, rising */
    const int64_t *offset_s; /* count + 1 of them: before the first change, then after each */
    bool has_rule;
    struct zone_rule rule; /* after the last change */
};

/* A block of the file: its counts, and where it begins. */
struct block {
    struct str s; /* from its first time on, to the end of the file */
    size_t utc_count, std_count, leap_count, time_count, type_count, name_bytes;
    size_t time_bytes; /* 4 or 8 */
};

static uint64_t read_big(const char *p, size_t bytes)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++) {
        v = v << 8 | (unsigned char)p[i];
    }
    return v;
}

static int64_t read_signed(const char *p, size_t bytes)
{
    return bytes == 4 ? (int32_t)(uint32_t)read_big(p, 4) : (int64_t)read_big(p, 8);
}

/* Counts have 32 bits each: no sum of theirs overflows a size_t. */
static size_t block_bytes(const struct block *b)
{
    return b->time_count * (b->time_bytes + 1) + b->type_count * TYPE_BYTES + b->name_bytes +
           b->leap_count * (b->time_bytes + 4) + b->std_count + b->utc_count;
}

static bool block_read(struct str s, size_t time_bytes, struct block *out)
{
    if (s.n < HEADER_BYTES || !str_starts(s, STR("TZif"))) {
        return false;
    }
    const char *p = s.p + 20;
    struct block b = {.s = str_sub(s, HEADER_BYTES, s.n), .time_bytes = time_bytes};
    size_t *const counts[] = {&b.utc_count,  &b.std_count,  &b.leap_count,
                              &b.time_count, &b.type_count, &b.name_bytes};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] = (size_t)read_big(p + 4 * i, 4);
    }
    if (block_bytes(&b) > b.s.n || b.type_count == 0) {
        return false;
    }
    *out = b;
    return true;
}

static bool read_offset(const struct block *b, size_t type, int64_t *out)
{
    const char *types = b->s.p + b->time_count * (b->time_bytes + 1);

    if (type >= b->type_count) {
        return false;
    }
    int64_t offset_s = read_signed(types + type * TYPE_BYTES, 4);
    if (offset_s < -ZONE_OFFSET_MAX_S || offset_s > ZONE_OFFSET_MAX_S) {
        return false;
    }
    *out = offset_s;
    return true;
}

static bool block_fill(const struct block *b, struct arena *a, struct zone *z)
{
    int64_t *at = arena_array(a, int64_t, b->time_count + 1);
    int64_t *offsets = arena_array(a, int64_t, b->time_count + 1);
    const char *types = b->s.p + b->time_count * b->time_bytes;

    if (!read_offset(b, 0, &offsets[0])) {
        return false;
    }
    for (size_t i = 0; i < b->time_count; i++) {
        at[i] = read_signed(b->s.p + i * b->time_bytes, b->time_bytes);
        if ((i > 0 && at[i] <= at[i - 1]) || !read_offset(b, (unsigned char)types[i], &offsets[i + 1])) {
            return false;
        }
    }
    *z = (struct zone){.count = b->time_count, .at = at, .offset_s = offsets};
    return true;
}

/* The text between the two line feeds behind a block; it may be empty: then the last offset stays. */
static bool footer_read(struct str rest, struct zone *z)
{
    if (rest.n == 0 || rest.p[0] != '\n') {
        return false;
    }
    size_t end = str_find_char(rest, '\n', 1);
    struct str text = str_sub(rest, 1, end);

    if (end == rest.n) {
        return false;
    }
    z->has_rule = text.n > 0;
    return text.n == 0 || zone_rule_parse(text, &z->rule);
}

enum rc zone_parse(struct str tzif, struct arena *a, const struct zone **out, struct err *e)
{
    struct block b;
    struct zone *z = arena_alloc(a, sizeof *z);
    bool is_good = block_read(tzif, 4, &b);
    bool has_footer = is_good && tzif.p[4] >= '2';

    if (has_footer) {
        is_good = block_read(str_sub(b.s, block_bytes(&b), b.s.n), 8, &b);
    }
    if (is_good && b.leap_count > 0) {
        return err_set(e, RC_INVALID, "this time zone counts leap seconds");
    }
    if (!is_good || !block_fill(&b, a, z) ||
        (has_footer && !footer_read(str_sub(b.s, block_bytes(&b), b.s.n), z))) {
        return err_set(e, RC_INVALID, "not a time zone file, or a damaged one");
    }
    *out = z;
    return RC_OK;
}

const struct zone *zone_utc(void)
{
    static const int64_t zero[1];
    static const struct zone utc = {.offset_s = zero};

    return &utc;
}

struct zone_span zone_span_at(const struct zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->count; /* the number of changes at or before it */

    if (unix_s < TIME_MIN_S || unix_s > TIME_MAX_S) {
        unix_s = unix_s < 0 ? TIME_MIN_S : TIME_MAX_S;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at[middle] <= unix_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    int64_t from = low > 0 ? z->at[low - 1] : INT64_MIN;
    if (low < z->count || !z->has_rule) {
        return (struct zone_span){from, low < z->count ? z->at[low] : INT64_MAX, z->offset_s[low]};
    }
    struct zone_span span = zone_rule_span(&z->rule, unix_s);
    span.from = span.from > from ? span.from : from;
    return span;
}
