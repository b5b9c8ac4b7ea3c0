/* chance.h: random tests of the store: how often they loop, and chance that can be repeated: STINT_SEED=n runs the same
 * again; the seed is printed. */
#ifndef STINT_TEST_STORE_CHANCE_H
#define STINT_TEST_STORE_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

/* How often a loop runs: the number that the variable holds, `small` under STINT_SMALL=1 (sanitizers), else `full`. */
int64_t repeat(const char *variable, int64_t full, int64_t small);

struct chance {
    uint64_t state;
};

struct chance chance_begin(const char *what);
uint64_t chance_next(struct chance *c);
int64_t chance_below(struct chance *c, int64_t n); /* 0 … n - 1 */
bool chance_percent(struct chance *c, int64_t percent);

#endif
