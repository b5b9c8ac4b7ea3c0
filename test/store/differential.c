/* differential.c: runs an engine beside the model and compares every answer, and now and then everything there is. The seed
 * is printed; STINT_SEED=n runs it again, STINT_OPS=n makes it longer (operations for each engine). What differs is shrunk
 * to a short sequence of operations. See differential.h. */
#include "differential.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_MAX_US 20000000
#define PLANTED_SEED  7 /* not every sequence shrinks well: the test of the test has its own */

/* ---- shrinking */

struct shrink {
    struct store_test *s;
    uint64_t seed;
    enum model_bug bug;
    enum store_op_kind differs_in;
    uint16_t places[STEPS + 1];
    int64_t steps;
    int64_t until_us;
};

static bool still_differs(struct shrink *k, bool is_loud)
{
    struct pair p;
    world_begin(&p, k->s, k->seed, k->bug);
    p.is_loud = is_loud;
    world_run(&p, k->places, k->steps);
    bool differs = p.has_differed && p.differs_in == k->differs_in;
    if (is_loud || (p.has_differed && !differs)) {
        printf("%s", buf_c_str(&p.difference));
    }
    world_end(&p);
    return differs;
}

static int kept(const struct shrink *k)
{
    int count = 0;
    for (int64_t i = 0; i < k->steps; i++) {
        count += k->places[i] != 0;
    }
    return count;
}

/* Leaves out `width` steps at a time that are not needed. */
static void leave_out_steps(struct shrink *k, int64_t width)
{
    uint16_t before[STEPS + 1];
    for (int64_t end = k->steps; end > 0 && clock_mono_us() < k->until_us; end -= width) {
        int64_t from = end > width ? end - width : 0;
        bool has_any = false;
        memcpy(before, k->places, sizeof before);
        for (int64_t i = from; i < end; i++) {
            has_any |= k->places[i] != 0;
            k->places[i] = 0;
        }
        if (has_any && !still_differs(k, false)) {
            memcpy(k->places, before, sizeof before);
        }
    }
}

static void leave_out_places(struct shrink *k)
{
    for (int64_t i = 0; i < k->steps; i++) {
        for (int at = 0; at < PLACES_MAX && k->places[i]; at++) {
            uint16_t before = k->places[i];
            k->places[i] = (uint16_t)(before & ~(1u << at));
            bool may_go = before != k->places[i] && k->places[i] && clock_mono_us() < k->until_us;
            if (!may_go || !still_differs(k, false)) {
                k->places[i] = before;
            }
        }
    }
}

/* Prints the short sequence; returns how many steps it has, 0 when it did not happen again. */
static int shrink(struct pair *found)
{
    struct shrink *k = mem_alloc(sizeof *k);
    *k = (struct shrink){.s = found->s,
                         .seed = found->seed,
                         .bug = found->m->bug,
                         .differs_in = found->differs_in,
                         .steps = found->step < STEPS ? found->step : STEPS,
                         .until_us = clock_mono_us() + SHRINK_MAX_US};
    for (int64_t i = 0; i < k->steps; i++) {
        k->places[i] = UINT16_MAX;
    }
    world_clean(found);
    int count = 0;
    if (still_differs(k, false)) {
        for (int64_t width = k->steps / 2; width > 0; width /= 2) {
            leave_out_steps(k, width);
        }
        leave_out_places(k);
        leave_out_steps(k, 1);
        printf("the shortest sequence that differs (%d steps):\n", kept(k));
        count = still_differs(k, true) ? kept(k) : 0;
    }
    mem_free(k);
    fflush(stdout);
    return count;
}

/* ---- the tests */

/* The same for each engine: drawn before the tests become processes. */
static int64_t seed_of_run;

__attribute__((constructor)) static void draw_seed(void)
{
    const char *told = getenv("STINT_SEED");
    if (!told || !str_to_i64(str_from(told), &seed_of_run)) {
        seed_of_run = (int64_t)(random_u64() >> 32);
    }
}

STORE_TEST_WITHIN(the_store_answers_like_the_model_to_any_sequence_of_operations, 100)
{
    int64_t wanted = is_server(s)    ? repeat("STINT_OPS", 12000, 3000)
                     : is_durable(s) ? repeat("STINT_OPS", 40000, 8000)
                                     : repeat("STINT_OPS", 170000, 12000);
    int64_t operations = 0, items = 0;
    printf("differential: STINT_SEED=%lld\n", (long long)seed_of_run);
    world_listen(s);
    for (int64_t i = 0; operations < wanted; i++) {
        struct pair p;
        world_begin(&p, s, (uint64_t)(seed_of_run + i), BUG_NONE);
        world_run(&p, NULL, STEPS);
        operations += p.operations;
        items += p.items;
        if (p.has_differed) {
            printf("%s", buf_c_str(&p.difference));
            fflush(stdout);
            (void)shrink(&p);
            ck_abort_msg("STINT_SEED=%lld: the engine and the model differ", (long long)p.seed);
        }
        world_end(&p);
    }
    printf("differential: %lld operations with %lld items\n", (long long)operations, (long long)items);
    CHECK_TRUE(operations >= wanted);
}

/* A test of the test: whatever mistake the model makes is seen, and told in a short sequence. */
STORE_TEST_WITHIN(each_mistake_that_is_planted_in_the_model_is_found, 60)
{
    int64_t tried = 0;
    world_listen(s);
    int bugs =
        is_durable(s) ? BUG_OLD_LEASE_COMPLETES + 1 : MODEL_BUGS; /* one is enough where a flush takes time */
    for (int bug = BUG_NONE + 1; bug < bugs; bug++, tried++) {
        struct pair p;
        world_begin(&p, s, PLANTED_SEED, (enum model_bug)bug);
        world_run(&p, NULL, STEPS);
        ck_assert_msg(p.has_differed, "the mistake %d was not seen", bug);
        if (bug == BUG_OLD_LEASE_COMPLETES) {
            int64_t steps = shrink(&p);
            CHECK_TRUE(steps > 0 && steps < 10);
        }
        world_end(&p);
    }
    CHECK_INT(tried, bugs - 1);
}
