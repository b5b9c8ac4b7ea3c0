/* chance.c: see chance.h. */
#include "chance.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

int64_t repeat(const char *variable, int64_t full, int64_t small)
{
    const char *told = getenv(variable);
    int64_t count = getenv("STINT_SMALL") ? small : full;
    if (told && !str_to_i64(str_from(told), &count)) {
        ck_abort_msg("%s is a number", variable);
    }
    return count;
}

struct chance chance_begin(const char *what)
{
    const char *told = getenv("STINT_SEED");
    int64_t seed = (int64_t)(random_u64() >> 1);
    if (told && !str_to_i64(str_from(told), &seed)) {
        ck_abort_msg("STINT_SEED is a number");
    }
    printf("%s: STINT_SEED=%lld\n", what, (long long)seed);
    fflush(stdout);
    return (struct chance){(uint64_t)seed};
}

uint64_t chance_next(struct chance *c)
{
    uint64_t x = c->state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

int64_t chance_below(struct chance *c, int64_t n)
{
    return (int64_t)(chance_next(c) % (uint64_t)n);
}

bool chance_percent(struct chance *c, int64_t percent)
{
    return chance_below(c, 100) < percent;
}
