/* differential.c: runs an engine beside the model and compares every answer, and now and then everything there is. The seed
 * is printed; STINT_SEED=n runs it again, STINT_ITEMS=n makes it longer (for each engine). What differs is shrunk
 * to a short sequence of operations. See differential.h. */
#include "differential.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_MAX_US 20000000
#define PLANTED_SEED  5 /* not every sequence shrinks well: the test of the test has its own */

/* ---- shrinking */

/* Whoever looks for the cause wants to know which jobs they are. */
static void tell_states(struct pair *p)
{
    for (int i = 0; i < p->m->count; i++) {
        const struct job *want = &p->m->jobs[i]->v, *got = ask_peek(p, want->tenant, want->id);
        if (got && got->state != want->state) {
            printf("world %d, job #%d (%s): %s, and %s in the model; it depends on %zu: %s\n", p->which, i,
                   id_text(want->id).s, job_state_name(got->state), job_state_name(want->state),
                   got->depends_count, got->has_error ? got->error.message.p : "");
        }
    }
}

struct shrink {
    const struct run *of;
    const struct pair *world;
    enum store_op_kind differs_in;
    uint16_t places[STEPS + 1];
    int64_t steps;
    int64_t until_us;
};

static bool still_differs(struct shrink *k, bool is_loud)
{
    struct run r;
    run_begin_again(&r, k->of, k->world);
    r.pairs[0]->is_loud = is_loud;
    run_go(&r, k->places, k->steps);
    struct pair *p = run_difference(&r);
    bool differs = p && p->differs_in == k->differs_in;
    if (p && (is_loud || !differs)) {
        printf("%s", buf_c_str(&p->difference));
        tell_states(p);
    }
    run_end(&r);
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

static bool finds_world(struct shrink *k, const struct pair *found)
{
    bool is_found = still_differs(k, false);
    for (int i = 0; i < k->of->count && !is_found; i++) { /* what is of all does not tell whose it is */
        k->world = k->of->pairs[i];
        is_found = k->world != found && still_differs(k, false);
    }
    return is_found;
}

/* Prints the short sequence; returns how many steps it has, 0 when it did not happen again. */
static int shrink(struct run *r, const struct pair *found, int64_t max_us)
{
    struct shrink *k = mem_alloc(sizeof *k);
    *k = (struct shrink){.of = r,
                         .world = found,
                         .differs_in = found->differs_in,
                         .steps = found->step < STEPS ? found->step + 1 : STEPS,
                         .until_us = clock_mono_us() + max_us};
    for (int64_t i = 0; i < k->steps; i++) {
        k->places[i] = UINT16_MAX;
    }
    run_clean(r);
    int count = 0;
    if (finds_world(k, found)) {
        for (int64_t width = k->steps / 2; width > 0; width /= 2) {
            leave_out_steps(k, width);
        }
        leave_out_places(k);
        leave_out_steps(k, 1);
        printf("the shortest sequence that differs (%d steps):\n", kept(k));
        count = still_differs(k, true) ? kept(k) : 0;
    } else {
        printf("none of the worlds differs alone\n");
    }
    mem_free(k);
    fflush(stdout);
    return count;
}

/* ---- the tests */

#define WORLDS 4 /* as many as a server has committers */

/* The same for each engine: drawn before the tests become processes. */
static int64_t seed_of_run;

__attribute__((constructor)) static void draw_seed(void)
{
    const char *told = getenv("STINT_SEED");
    if (!told || !str_to_i64(str_from(told), &seed_of_run)) {
        seed_of_run = (int64_t)(random_u64() >> 32);
    }
}

struct driven {
    int64_t operations, items, dumped;
};

static void drive(struct store_test *s, uint64_t seed, int64_t steps, struct driven *sum)
{
    struct run r;
    run_begin(&r, s, seed, WORLDS, BUG_NONE);
    run_go(&r, NULL, steps);
    for (int i = 0; i < r.count; i++) {
        sum->operations += r.pairs[i]->operations;
        sum->items += r.pairs[i]->items;
        sum->dumped += r.pairs[i]->dumped;
    }
    struct pair *p = run_difference(&r);
    if (p) {
        printf("%s", buf_c_str(&p->difference));
        tell_states(p);
        fflush(stdout);
        (void)shrink(&r, p, SHRINK_MAX_US);
        ck_abort_msg("STINT_SEED=%lld: the engine and the model differ", (long long)seed);
    }
    run_end(&r);
}

STORE_TEST_WITHIN(the_store_answers_like_the_model_to_any_sequence_of_operations, 200)
{
    int64_t wanted = repeat("STINT_ITEMS", 200000, 20000), steps = wanted < 200000 ? STEPS / 6 : STEPS;
    struct driven sum = {0};
    printf("differential: STINT_SEED=%lld\n", (long long)seed_of_run);
    for (int64_t i = 0; i < 2 || sum.items < wanted; i++) {
        bool is_plain = i % 2 == 1; /* one committer of one node: every order is told from every other */
        ask_begin(s, is_plain ? 1 : 0, is_plain ? 1 : 2);
        drive(s, (uint64_t)(seed_of_run + i), steps, &sum);
    }
    ask_end();
    printf("differential: %lld operations with %lld items, and %lld reads of what is there\n",
           (long long)sum.operations, (long long)sum.items, (long long)sum.dumped);
    CHECK_TRUE(sum.items >= wanted);
}

/* A test of the test: whatever mistake the model makes is seen, and told in a short sequence. */
STORE_TEST(each_mistake_that_is_planted_in_the_model_is_found)
{
    int64_t tried = 0;
    ask_begin(s, 1, 1); /* what is left out must change nothing else */
    int bugs =
        is_durable(s) ? BUG_OLD_LEASE_COMPLETES + 1 : MODEL_BUGS; /* one is enough where a flush takes time */
    for (int bug = BUG_NONE + 1; bug < bugs; bug++, tried++) {
        struct run r;
        run_begin(&r, s, PLANTED_SEED, WORLDS, (enum model_bug)bug);
        run_go(&r, NULL, STEPS);
        struct pair *p = run_difference(&r);
        ck_assert_msg(p, "the mistake %d was not seen", bug);
        if (bug == BUG_OLD_LEASE_COMPLETES) {
            int64_t steps = shrink(&r, p, SHRINK_MAX_US * repeat("STINT_PATIENCE", 1, 1));
            ck_assert_msg(steps > 0 && steps < 10, "%lld steps", (long long)steps);
        }
        run_end(&r);
    }
    CHECK_INT(tried, bugs - 1);
}
