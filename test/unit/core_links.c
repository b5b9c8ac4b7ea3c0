/* Which jobs of one enqueue wait for which: names, ids, circles. */
#include "core/links.h"

#include "core/batch.h"
#include "test.h"

#include <string.h>

#define ON(...)                                                                                              \
    .depends_on = (const struct str[]){__VA_ARGS__},                                                         \
    .depends_count = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define SPEC(...) ((struct job_spec){.kind = STR("k"), __VA_ARGS__})

#define MANY 5000

TEST(names_become_items_and_ids_stay_ids)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0;
    struct job_spec specs[] = {SPEC(ON(STR("z"), STR("0199f3c8-7a10-7000-8000-000000000001"))),
                               SPEC(.ref = STR("a")), SPEC(.ref = STR("z"), ON(STR("a")))};
    OK(job_links_make(specs, 3, a, &l, &bad, e));
    CHECK_INT(l.count, 3);
    CHECK_INT(l.links[0].job, 0);
    CHECK_INT(l.links[0].item, 2);
    CHECK_INT(l.links[1].item, 3);
    CHECK_STR(str_from(id_text(l.links[1].on).s), STR("0199f3c8-7a10-7000-8000-000000000001"));
    CHECK_INT(l.links[2].job, 2);
    CHECK_INT(l.links[2].item, 1);
    CHECK_TRUE(l.is_awaited[1] && l.is_awaited[2] && !l.is_awaited[0]);
    arena_free(a);
}

TEST(without_names_there_is_nothing_to_do)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0;
    struct job_spec specs[] = {SPEC(), SPEC(.ref = STR("a"))};
    OK(job_links_make(specs, 2, a, &l, &bad, e));
    CHECK_INT(l.count, 0);
    CHECK_TRUE(!l.is_awaited);
    arena_free(a);
}

/* A chain of MANY, each behind the next; its end behind `last`. */
static struct job_spec *a_chain(struct arena *a, struct str last)
{
    struct job_spec *specs = arena_array(a, struct job_spec, MANY);
    struct str *refs = arena_array(a, struct str, MANY + 1);
    for (int i = 0; i < MANY; i++) {
        refs[i] = arena_printf(a, "r%d", i);
    }
    refs[MANY] = last;
    for (int i = 0; i < MANY; i++) {
        specs[i] = SPEC(.ref = refs[i], .depends_on = &refs[i + 1], .depends_count = last.n || i < MANY - 1);
    }
    return specs;
}

TEST(a_long_chain_is_no_circle_and_a_long_circle_is_told_in_part)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = MANY;
    OK(job_links_make(a_chain(a, STR_NONE), MANY, a, &l, &bad, e));
    CHECK_INT(l.count, MANY - 1);
    FAILS(job_links_make(a_chain(a, STR("r0")), MANY, a, &l, &bad, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("dependency_cycle"));
    CHECK_INT(bad, 0);
    CHECK_TRUE(strstr(e->text, "r0 -> r1 -> r2 -> ") != NULL);
    CHECK_TRUE(strstr(e->text, " -> ... -> r0") != NULL);
    arena_free(a);
}

TEST(a_circle_behind_a_way_in_is_told_without_the_way)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0;
    struct job_spec specs[] = {SPEC(ON(STR("a"))), SPEC(.ref = STR("a"), ON(STR("b"))),
                               SPEC(.ref = STR("b"), ON(STR("a")))};
    FAILS(job_links_make(specs, 3, a, &l, &bad, e), RC_INVALID);
    CHECK_INT(bad, 1);
    CHECK_STR(str_from(e->text), STR("depends_on goes in a circle: a -> b -> a"));
    arena_free(a);
}

TEST(a_job_of_a_batch_that_runs_behind_it_goes_in_a_circle)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0;
    const struct batch_plan plan = {0};
    struct job_spec specs[] = {{.plan = &plan, .ref = BATCH_REF},
                               SPEC(.joins_first = true),
                               SPEC(.ref = STR("a"), .joins_first = true, ON(STR("b"))),
                               SPEC(.ref = STR("b"), .joins_first = true, ON(STR("f"))),
                               SPEC(.ref = STR("f"), .is_finaliser = true, ON(BATCH_REF))};
    FAILS(job_links_make(specs, 5, a, &l, &bad, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("dependency_cycle"));
    CHECK_STR(str_from(e->text), STR("depends_on goes in a circle: the batch -> a -> b -> f -> the batch"));
    CHECK_INT(bad, 2);
    specs[2].ref = STR_NONE;
    specs[2].depends_on = specs[3].depends_on;
    FAILS(job_links_make(specs, 5, a, &l, &bad, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("depends_on goes in a circle: the batch -> #1 -> f -> the batch"));
    specs[2].depends_count = specs[3].depends_count = 0;
    OK(job_links_make(specs, 5, a, &l, &bad, e));
    arena_free(a);
}

TEST(jobs_with_one_unique_key_are_the_first_of_them)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0;
    struct job_spec circle[] = {SPEC(.unique_key = STR("u"), ON(STR("b"))),
                                SPEC(.ref = STR("b"), .unique_key = STR("u"))};
    FAILS(job_links_make(circle, 2, a, &l, &bad, e), RC_INVALID);
    CHECK_STR(str_from(e->text), STR("depends_on goes in a circle: #0 -> #0"));
    struct job_spec fine[] = {SPEC(.ref = STR("a"), .unique_key = STR("u")),
                              SPEC(.ref = STR("b"), .unique_key = STR("u"), ON(STR("a")))};
    OK(job_links_make(fine, 2, a, &l, &bad, e)); /* the second is a duplicate: it will not wait */
    arena_free(a);
}

TEST(too_many_names_in_one_call_are_refused)
{
    struct arena *a = arena_new();
    struct job_links l;
    size_t bad = 0, count = JOB_LINKS_MAX / JOB_DEPENDS_MAX + 1;
    struct str *on = arena_array(a, struct str, JOB_DEPENDS_MAX);
    struct job_spec *specs = arena_array(a, struct job_spec, count);
    for (size_t i = 0; i < JOB_DEPENDS_MAX; i++) {
        on[i] = STR("a");
    }
    for (size_t i = 0; i < count; i++) {
        specs[i] = SPEC(.depends_on = on, .depends_count = JOB_DEPENDS_MAX);
    }
    FAILS(job_links_make(specs, count, a, &l, &bad, e), RC_TOO_BIG);
    CHECK_INT(bad, count - 1);
    arena_free(a);
}
