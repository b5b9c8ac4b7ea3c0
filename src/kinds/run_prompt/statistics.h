/* statistics.h: what can be said of a rate that was seen in a few runs. */
#ifndef STINT_KINDS_RUN_PROMPT_STATISTICS_H
#define STINT_KINDS_RUN_PROMPT_STATISTICS_H

#include <stdint.h>

struct interval {
    double low, high;
};

/* The Wilson score interval at 95 % (E. B. Wilson, JASA 22, 1927) of `hits` in `runs`; {0, 1} without runs. */
struct interval wilson(int64_t hits, int64_t runs);

#endif
