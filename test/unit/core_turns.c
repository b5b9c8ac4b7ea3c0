/* core_turns.c: what groups weigh, and what waiting does to a priority. */
#include "test.h"

#include "core/turns.h"

static struct group_weights read(struct arena *a, const char *json)
{
    struct err err = {0}, *e = &err;
    struct group_weights w;
    OK(group_weights_read(str_from(json), a, &w, e));
    return w;
}

TEST(weights_print_the_same_however_they_came)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1000);
    struct group_weights w = read(a, "{ \"user\\u002d42\": 3, \"free-*\" : 1,\"\":2}");
    group_weights_write(&w, &text);
    CHECK_STR(buf_str(&text), STR("{\"\":2,\"free-*\":1,\"user-42\":3}"));
    buf_clear(&text);
    w = read(a, "{}");
    group_weights_write(&w, &text);
    CHECK_STR(buf_str(&text), STR(""));
    buf_dispose(&text);
    arena_free(a);
}

TEST(weights_that_are_none_are_refused_by_name)
{
    static const char *const bad[] = {
        "[]",           "{\"a\":0}",        "{\"a\":1001}",      "{\"a\":1.5}", "{\"a\":\"1\"}",
        "{\"a\":null}", "{\"a\\u0000\":1}", "{\"a\":1,\"a\":2}", "{",           "3"};
    struct arena *a = arena_new();
    struct group_weights w = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FAILS(group_weights_read(str_from(bad[i]), a, &w, e), RC_INVALID);
        CHECK_STR(str_from(e->field), STR("group_weights"));
    }
    struct buf many = BUF_LIMIT(10000);
    for (int i = 0; i <= GROUP_WEIGHTS_MAX; i++) {
        buf_printf(&many, "%s\"g%d\":1", i ? "," : "{", i);
    }
    buf_append_c(&many, "}");
    FAILS(group_weights_read(buf_str(&many), a, &w, e), RC_INVALID);
    buf_dispose(&many);
    arena_free(a);
}

TEST(a_groups_own_weight_holds_then_the_longest_beginning_then_one)
{
    struct arena *a = arena_new();
    struct group_weights w = read(a, "{\"user-*\":4,\"user-4*\":5,\"user-42\":6,\"x\":7}");
    CHECK_INT(group_weight_of(&w, STR("user-42")), 6);
    CHECK_INT(group_weight_of(&w, STR("user-41")), 5);
    CHECK_INT(group_weight_of(&w, STR("user-")), 4);
    CHECK_INT(group_weight_of(&w, STR("x1")), 1);
    CHECK_INT(group_weight_of(&w, STR("")), 1);
    w = read(a, "{\"*\":9}");
    CHECK_INT(group_weight_of(&w, STR("")), 9);
    arena_free(a);
}

/* Two groups that always have something, one turn after another. */
static int turns_of_first(int64_t first, int64_t second, int count)
{
    int64_t next[2] = {0, 0}, now = 0, weights[2] = {first, second};
    int given = 0;
    for (int i = 0; i < count; i++) {
        int g = turn_start(next[0], now) <= turn_start(next[1], now) ? 0 : 1;
        now = turn_start(next[g], now);
        next[g] = turn_end(now, weights[g]);
        given += g == 0;
    }
    return given;
}

TEST(groups_have_turns_as_they_weigh)
{
    CHECK_INT(turns_of_first(1, 1, 10), 5);
    CHECK_INT(turns_of_first(3, 1, 40), 30);
    CHECK_INT(turns_of_first(1, 16, 17000), 1000);
    CHECK_INT(turns_of_first(1000, 1, 10010), 10000);
}

TEST(waiting_betters_a_priority_by_whole_steps)
{
    CHECK_INT(priority_aged(3, 1000, 100, 1099), 3);
    CHECK_INT(priority_aged(3, 1000, 100, 1100), 2);
    CHECK_INT(priority_aged(3, 1000, 100, 2000), -7);
    CHECK_INT(priority_aged(3, 1000, 100, 10), 3); /* a clock that was set back */
    CHECK_INT(priority_aged(3, 1000, -1, 2000), 3);
    CHECK_INT(priority_aged(-32768, 0, 1000, INT64_C(1) << 50) < -32768, 1);
}
