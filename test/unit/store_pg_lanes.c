/* Which lanes a claim looks at, where a node knows thousands of them. */
#include "store/pg/lanes.h"
#include "test.h"

#define NOW   1000000000
#define LANES 5000

static struct lane_name name_of(struct arena *a, int64_t n, struct str queue)
{
    return (struct lane_name){.tenant = 1,
                              .queue = queue,
                              .kind = STR("k"),
                              .group = STR(""),
                              .limits = arena_printf(a, "[\"host:%lld\"]", (long long)n)};
}

/* The lane n has stood since n; they come mixed. */
static void note_all(struct lanes *m, struct arena *a, struct str queue)
{
    for (int64_t i = 0; i < LANES; i++) {
        int64_t n = i * 2017 % LANES;
        const struct lane_name name = name_of(a, n, queue);
        lanes_note(m, &name, (struct lane_head){.run_at = n});
    }
}

static void set_key(struct lanes *m, struct arena *a, int64_t n, int64_t used, int64_t of)
{
    const struct limit l = {.tenant = 1,
                            .key = arena_printf(a, "host:%lld", (long long)n),
                            .rule = {.concurrency = of},
                            .state = {.used = used}};
    lanes_see_key(m, &l);
}

static struct lane_choice choose(struct lanes *m, struct arena *a, size_t wanted)
{
    const struct lane_filter f = {.tenant = 1, .wanted = wanted};
    struct lane_choice c;
    lanes_choose(m, &f, NULL, NOW, a, &c);
    return c;
}

static void check_lane(const struct lane_choice *c, size_t at, struct arena *a, int64_t n)
{
    CHECK_STR(c->lanes[at].name.limits, arena_printf(a, "[\"host:%lld\"]", (long long)n));
}

TEST(of_thousands_of_lanes_the_first_ones_are_chosen_in_order)
{
    struct lanes m;
    struct arena *a = arena_new();
    lanes_init(&m);
    note_all(&m, a, STR("q"));
    struct lane_choice c = choose(&m, a, 20);
    CHECK_INT(c.count, 20);
    CHECK_TRUE(c.has_more);
    for (size_t i = 0; i < c.count; i++) {
        check_lane(&c, i, a, (int64_t)i);
    }
    arena_free(a);
    lanes_dispose(&m);
}

TEST(lanes_whose_keys_have_no_room_are_passed_over_however_many)
{
    struct lanes m;
    struct arena *a = arena_new();
    lanes_init(&m);
    note_all(&m, a, STR("q"));
    for (int64_t n = 0; n < LANES - 3; n++) {
        set_key(&m, a, n, 1, 1);
    }
    struct lane_choice c = choose(&m, a, 20);
    CHECK_INT(c.count, 3);
    CHECK_FALSE(c.has_more);
    check_lane(&c, 0, a, LANES - 3);
    check_lane(&c, 2, a, LANES - 1);
    arena_free(a);
    lanes_dispose(&m);
}

TEST(each_queue_has_its_share_of_the_lanes_that_are_chosen)
{
    struct lanes m;
    struct arena *a = arena_new();
    lanes_init(&m);
    note_all(&m, a, STR("q"));
    note_all(&m, a, STR("r"));
    struct lane_choice c = choose(&m, a, 7);
    size_t of_q = 0;
    CHECK_INT(c.count, 14);
    for (size_t i = 0; i < c.count; i++) {
        of_q += str_eq(c.lanes[i].name.queue, STR("q"));
        check_lane(&c, i, a, (int64_t)(i % 7));
    }
    CHECK_INT(of_q, 7);
    arena_free(a);
    lanes_dispose(&m);
}

/* A heavy job that has waited until its key was full keeps it: the light ones behind it have no room, and those of other keys, far behind,
 * are found all the same. */
TEST(behind_lanes_that_are_kept_back_others_are_found)
{
    struct lanes m;
    struct arena *a = arena_new();
    lanes_init(&m);
    struct limit l = {.tenant = 1, .key = STR("k"), .rule = {.concurrency = 5}, .state = {.used = 5}};
    for (int64_t n = 0; n < 100; n++) {
        struct lane_name name = name_of(a, n, STR("q"));
        name.group = arena_printf(a, "g%lld", (long long)n);
        name.limits = n ? STR("[\"k\"]") : STR("[{\"key\":\"k\",\"weight\":5}]");
        lanes_note(&m, &name, (struct lane_head){.run_at = n});
    }
    const struct lane_name other = name_of(a, 100, STR("q"));
    lanes_note(&m, &other, (struct lane_head){.run_at = 100});
    lanes_see_key(&m, &l);
    (void)choose(&m, a, 4);
    l.state.used = 1;
    lanes_see_key(&m, &l);
    struct lane_choice c = choose(&m, a, 4);
    CHECK_INT(c.count, 1);
    check_lane(&c, 0, a, 100);
    arena_free(a);
    lanes_dispose(&m);
}
