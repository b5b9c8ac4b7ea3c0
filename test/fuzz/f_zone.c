/* f_zone.c: time zone files. What is accepted answers for every time, in spans that follow each other without a hole. */
#include "core/zone.h"

#include <assert.h>

#include "core/zone_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(struct zone_span s, int64_t at)
{
    assert(s.from <= at && at < s.until);
    assert(s.offset_s >= -ZONE_OFFSET_MAX_S && s.offset_s <= ZONE_OFFSET_MAX_S);
}

static void check_rule(struct str text)
{
    struct zone_rule r;

    if (zone_rule_parse(text, &r)) {
        for (int64_t at = 0; at < 4000000000; at += 86400 * 97) {
            check_span(zone_rule_span(&r, at), at);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct arena *a = arena_new();
    const struct zone *z = NULL;
    struct err e = {0};

    check_rule(bytes);
    if (zone_parse(bytes, a, &z, &e) == RC_OK) {
        int64_t at = -3000000000;
        for (int i = 0; i < 500 && at < 253402300799; i++) {
            struct zone_span s = zone_span_at(z, at);
            check_span(s, at);
            at = s.until;
        }
        check_span(zone_span_at(z, INT64_MIN + 1), -62135596800);
    } else {
        assert(e.rc == RC_INVALID && e.text[0]);
    }
    arena_free(a);
    return 0;
}
