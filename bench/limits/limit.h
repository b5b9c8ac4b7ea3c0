/* limit.h: what the programs share that measure what this machine can do at best: they print lines of JSON, and end the
 * process on any failure. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include "base/clock.h"

/* Ends the process: "what: why". */
__attribute__((noreturn)) static inline void limit_fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* The argument as a number above zero, or the end of the process. */
static inline int64_t limit_number(const char *text)
{
    int64_t n = 0;
    if (!text || !str_to_i64(str_from(text), &n) || n < 1) {
        limit_fail(text ? text : "argument", "not a number above zero");
    }
    return n;
}

#endif
