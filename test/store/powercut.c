/* Power cuts (J1, J3, J4): the world of world.h is worked on until the power goes, at a call nobody chose; then the store
 * is opened on what is left and compared with what was acknowledged. */
#include "world.h"

#include <stdio.h>

#define ROUNDS_MAX  40
#define CUTS_A_DISK 20

/* Works until the power goes, then opens what is left; now and then it goes again while opening. */
static void cut_once(struct world *w)
{
    powercut_arm(chance_below(&w->chance, 120), w->model);
    int64_t rounds = 1 + chance_below(&w->chance, ROUNDS_MAX); /* sometimes it goes while the store closes */
    for (int i = 0; i < rounds && !powercut_is_dark() && !w->violations; i++) {
        world_run_round(w);
    }
    world_close(w);
    powercut_restore();
    w->cuts++;
    while (chance_percent(&w->chance, 15)) {
        powercut_arm(chance_below(&w->chance, 20), w->model);
        if (world_open(w)) {
            world_close(w);
        }
        powercut_restore();
        w->cuts++;
        w->opens_cut++;
    }
    if (!w->violations && world_open(w)) {
        world_check(w);
    }
}

static void cut_many(struct world *w, int64_t cuts)
{
    while (w->cuts < cuts && !w->violations) {
        world_new_disk(w);
        for (int i = 0; i < CUTS_A_DISK && w->cuts < cuts && !w->violations; i++) {
            cut_once(w);
        }
        world_close(w);
    }
}

static void survive_cuts(const char *what, enum cut_model model, int64_t cuts)
{
    struct world *w = world_new(what);
    w->model = model;
    cut_many(w, cuts);
    printf("%s: %lld cuts (%lld while opening), %lld operations acknowledged\n", what, (long long)w->cuts,
           (long long)w->opens_cut, (long long)w->acknowledged);
    ck_assert_msg(!w->violations, "cut %lld: %s", (long long)w->cuts, w->first);
    CHECK_INT(w->cuts >= cuts, 1);
    CHECK_TRUE(w->acknowledged > cuts);
    world_free(w);
}

#define CUTS repeat("STINT_CUTS", 700, 60) /* of each model; STINT_CUTS=n for a night */

TEST_WITHIN(nothing_acknowledged_is_lost_when_unflushed_writes_are_dropped, 120)
{
    survive_cuts("cut_drop", CUT_DROP, CUTS);
}

TEST_WITHIN(nothing_acknowledged_is_lost_when_unflushed_writes_are_torn, 120)
{
    survive_cuts("cut_torn", CUT_TORN, CUTS);
}

TEST_WITHIN(nothing_acknowledged_is_lost_when_unflushed_writes_are_garbage, 120)
{
    survive_cuts("cut_garbage", CUT_GARBAGE, CUTS);
}

/* The checker is worth something: a store that flushes too seldom is caught within 50 cuts, under each model. */
TEST(a_store_that_flushes_too_seldom_is_caught)
{
    for (int model = 0; model < CUT_MODELS; model++) {
        struct world *w = world_new("cut_mutant");
        w->model = (enum cut_model)model;
        w->options.synchronous = "NORMAL";
        cut_many(w, 50);
        printf("the mutant was caught at cut %lld: %s\n", (long long)w->cuts, w->first);
        ck_assert_msg(w->violations > 0, "synchronous=NORMAL survived %lld cuts of model %d",
                      (long long)w->cuts, model);
        world_free(w);
    }
}
