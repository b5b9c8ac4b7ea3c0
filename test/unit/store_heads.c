/* Where claims begin to look: what is remembered of lines, and what must not be passed over. */
#include "store/pg/heads.h"
#include "test.h"

#define NOW 1000000000

static const struct line mail = {.tenant = 1, .queue = {"mail", 4}, .kind = {"send", 4}};

static struct place at(int64_t run_at, uint8_t id)
{
    return (struct place){run_at, {.b[15] = id}};
}

/* Where the stretch that has this priority begins. */
static struct place begins(struct heads *h, int64_t priority)
{
    struct stretch all[STRETCHES_MAX];
    bool is_full = false;
    struct line *l = heads_begin(h, &mail);
    int n = heads_stretches(h, l, all, &is_full);
    heads_end(h, l, NULL);
    for (int i = 0; i < n; i++) {
        CHECK_TRUE(i == 0 ? all[i].priority == -32768 : all[i].priority == all[i - 1].up_to + 1);
        if (all[i].priority <= priority && priority <= all[i].up_to) {
            return all[i].priority == priority ? all[i].from : at(INT64_MIN, 0);
        }
    }
    return at(INT64_MAX, 0); /* it is in none: never */
}

/* Of a line that is crowded, so that claims do not look from its beginning. */
static const struct look full_look = {.is_full = true, .is_apart = true, .now = NOW, .cost_us = 900000},
                         look_from_head = {.now = NOW}, short_look = {.is_short = true, .now = NOW};

static void take(struct heads *h, int64_t priority, struct place place)
{
    struct line *l = heads_begin(h, &mail);
    heads_took(h, l, priority, place, &look_from_head);
    heads_end(h, l, &full_look);
}

#define CHECK_BEGINS(h, priority, run_at_) CHECK_INT(begins((h), (priority)).run_at, (run_at_))

TEST(a_claim_begins_where_the_last_one_ended)
{
    struct heads h;
    heads_init(&h);
    CHECK_BEGINS(&h, 0, INT64_MIN);
    take(&h, 0, at(500, 7));
    CHECK_BEGINS(&h, 0, 500);
    CHECK_INT(begins(&h, 0).id.b[15], 7);
    take(&h, 0, at(900, 1));
    take(&h, 0, at(800, 1)); /* not back: nobody has noted it */
    CHECK_BEGINS(&h, 0, 900);
    heads_dispose(&h);
}

TEST(each_priority_has_its_own_head_and_the_others_are_looked_at_whole)
{
    struct heads h;
    heads_init(&h);
    take(&h, 5, at(500, 1));
    take(&h, -32768, at(300, 1));
    take(&h, 32767, at(400, 1));
    CHECK_BEGINS(&h, 5, 500);
    CHECK_BEGINS(&h, -32768, 300);
    CHECK_BEGINS(&h, 32767, 400);
    CHECK_BEGINS(&h, 4, INT64_MIN);
    CHECK_BEGINS(&h, 6, INT64_MIN);
    for (int i = 10; i < 40; i++) {
        take(&h, i, at(i, 1)); /* more than are remembered */
    }
    CHECK_BEGINS(&h, 5, 500);
    CHECK_BEGINS(&h, 39, INT64_MIN);
    heads_dispose(&h);
}

TEST(what_is_made_ready_before_the_head_is_found)
{
    struct heads h;
    heads_init(&h);
    take(&h, 0, at(500, 5));
    heads_note(&h, &mail, 0, at(600, 1));
    CHECK_BEGINS(&h, 0, 500);
    heads_note(&h, &mail, 0, at(500, 4));
    CHECK_INT(begins(&h, 0).id.b[15], 4);
    heads_hear(&h, &mail, 0, 200);
    CHECK_BEGINS(&h, 0, 200);
    heads_hear_since(&h, &mail, 100);
    CHECK_BEGINS(&h, 0, 100);
    heads_dispose(&h);
}

TEST(a_head_is_not_raised_past_what_was_noted_while_the_claim_looked)
{
    struct heads h;
    heads_init(&h);
    take(&h, 0, at(500, 5));
    struct line *first = heads_begin(&h, &mail), *second = heads_begin(&h, &mail);
    heads_note(&h, &mail, 0, at(600, 1));
    heads_note(&h, &mail, 3, at(100, 1)); /* a priority that was new then */
    heads_took(&h, first, 0, at(700, 1), &look_from_head);
    heads_took(&h, first, 3, at(200, 1), &look_from_head);
    heads_end(&h, first, &short_look);
    CHECK_BEGINS(&h, 0, 600);
    CHECK_BEGINS(&h, 3, 100);
    heads_took(&h, second, 0, at(800, 1), &look_from_head); /* it has begun before the note, too */
    heads_end(&h, second, &short_look);
    CHECK_BEGINS(&h, 0, 600);
    take(&h, 0, at(900, 1));
    CHECK_BEGINS(&h, 0, 900);
    heads_dispose(&h);
}

TEST(a_claim_that_failed_has_seen_nothing)
{
    struct heads h;
    heads_init(&h);
    struct line *l = heads_begin(&h, &mail);
    heads_end(&h, l, NULL);
    CHECK_BEGINS(&h, 0, INT64_MIN);
    heads_dispose(&h);
}

TEST(what_a_claim_had_locked_and_did_not_give_is_found)
{
    struct heads h;
    heads_init(&h);
    take(&h, 0, at(500, 5));
    take(&h, 3, at(300, 5));
    struct line *first = heads_begin(&h, &mail), *second = heads_begin(&h, &mail);
    struct stretch all[] = {{0, 0, at(500, 5)}, {3, 3, at(300, 5)}, {3, 3, at(350, 1)}};
    heads_took(&h, second, 0, at(700, 1), &look_from_head); /* over what the first one has locked */
    heads_took(&h, second, 3, at(700, 1), &look_from_head);
    heads_end(&h, second, &look_from_head);
    heads_took(&h, first, 3, at(350, 1), &look_from_head);
    heads_left(&h, first, all, 3);
    heads_end(&h, first, &look_from_head);
    CHECK_BEGINS(&h, 0, 500);
    CHECK_BEGINS(&h, 3, 350);
    heads_dispose(&h);
}

TEST(a_full_look_that_meets_what_nobody_told_of_goes_back_to_it)
{
    struct heads h;
    heads_init(&h);
    take(&h, 0, at(500, 5));
    struct line *l = heads_begin(&h, &mail);
    heads_took(&h, l, 0, at(300, 1), &full_look);
    heads_end(&h, l, &full_look);
    CHECK_BEGINS(&h, 0, 300);
    heads_dispose(&h);
}

static bool is_looked_at_whole(struct heads *h, const struct look *look)
{
    struct stretch all[STRETCHES_MAX];
    bool is_full = false;
    struct line *l = heads_begin(h, &mail);
    (void)heads_stretches(h, l, all, &is_full);
    heads_end(h, l, look);
    return is_full;
}

TEST(a_line_is_crowded_when_looks_in_a_row_cost_more_than_what_they_met)
{
    struct heads h;
    const struct look many = {.is_full = true, .now = NOW, .cost_us = 30000, .met = 1000},
                      dear = {.is_full = true, .now = NOW, .cost_us = 30000, .met = 3};
    heads_init(&h);
    for (int i = 0; i < 20; i++) {
        CHECK_TRUE(is_looked_at_whole(&h, &many));
    }
    for (int i = 0; i < 4; i++) {
        CHECK_TRUE(is_looked_at_whole(&h, &dear));
    }
    CHECK_TRUE(is_looked_at_whole(&h, &many));
    for (int i = 0; i < 5; i++) {
        CHECK_TRUE(is_looked_at_whole(&h, &dear));
    }
    CHECK_FALSE(is_looked_at_whole(&h, &look_from_head));
    struct line *l = heads_begin(&h, &mail);
    heads_learned(&h, l, &many); /* the slow lane's: it is cheap again */
    CHECK_TRUE(is_looked_at_whole(&h, &many));
    heads_dispose(&h);
}

TEST(a_line_in_which_nothing_is_left_is_looked_at_from_a_little_before_now)
{
    struct heads h;
    heads_init(&h);
    take(&h, 3, at(500, 5));
    struct line *l = heads_begin(&h, &mail);
    heads_end(&h, l, &short_look);
    CHECK_TRUE(begins(&h, 3).run_at < NOW && begins(&h, 3).run_at > NOW - 1000);
    CHECK_TRUE(begins(&h, 0).run_at < NOW && begins(&h, 0).run_at > NOW - 1000);
    take(&h, 3, at(NOW, 1)); /* others' clocks may be a little behind */
    CHECK_TRUE(begins(&h, 3).run_at < NOW);
    heads_dispose(&h);
}

TEST(a_full_look_finds_what_nobody_told_of_and_learns_a_line)
{
    struct heads h;
    heads_init(&h);
    struct line *l = heads_begin(&h, &mail);
    heads_found(&h, l, 2, at(700, 1));
    heads_learned(&h, l, &full_look);
    CHECK_BEGINS(&h, 2, 700);
    CHECK_TRUE(begins(&h, 0).run_at > NOW - 1000); /* whatever is there is gone */
    take(&h, 2, at(800, 1));
    l = heads_begin(&h, &mail);
    heads_found(&h, l, 2, at(750, 1));
    heads_found(&h, l, 4, at(600, 1));
    heads_learned(&h, l, &full_look);
    CHECK_BEGINS(&h, 2, 750);
    CHECK_BEGINS(&h, 4, 600);
    heads_dispose(&h);
}

TEST(claims_leave_full_looks_of_a_crowded_line_to_the_slow_lane)
{
    struct heads h;
    struct arena *a = arena_new();
    struct line next;
    heads_init(&h);
    take(&h, 0, at(500, 5));
    CHECK_FALSE(heads_want_looks(&h)); /* nobody has claimed since */
    struct line *l = heads_begin(&h, &mail);
    heads_end(&h, l, &look_from_head);
    CHECK_TRUE(heads_want_looks(&h));
    CHECK_FALSE(heads_next(&h, a, &next)); /* after 20 times what the last one took */
    l = heads_begin(&h, &mail);
    heads_learned(&h, l, &(struct look){.is_full = true, .is_apart = true, .now = NOW, .cost_us = 10});
    l = heads_begin(&h, &mail);
    heads_end(&h, l, &look_from_head);
    CHECK_FALSE(heads_want_looks(&h)); /* claims look again */
    heads_dispose(&h);
    arena_free(a);
}

TEST(claims_that_name_no_kind_know_the_lines_that_may_hold_something)
{
    struct heads h;
    struct arena *a = arena_new();
    struct line **lines = NULL;
    size_t count = 0;
    const struct str queue = STR("mail");
    const struct line_filter f = {.tenant = 1, .queues = &queue, .queue_count = 1};
    heads_init(&h);
    CHECK_FALSE(heads_begin_all(&h, &f, a, &lines, &count)); /* it has to look itself first */
    const struct line whole = {.tenant = 1, .queue = queue};
    heads_looked(&h, &whole, &full_look);
    CHECK_TRUE(heads_begin_all(&h, &f, a, &lines, &count));
    CHECK_INT(count, 0);
    heads_note(&h, &mail, 0, at(500, 1));
    heads_note(&h, &(struct line){.tenant = 1, .queue = STR("other"), .kind = STR("send")}, 0, at(500, 1));
    heads_note(&h, &(struct line){.tenant = 2, .queue = queue, .kind = STR("send")}, 0, at(500, 1));
    CHECK_TRUE(heads_begin_all(&h, &f, a, &lines, &count));
    CHECK_INT(count, 1);
    CHECK_STR(lines[0]->kind, STR("send"));
    heads_end(&h, lines[0], &short_look);
    CHECK_TRUE(heads_begin_all(&h, &f, a, &lines, &count));
    CHECK_INT(count, 0);
    heads_dispose(&h);
    arena_free(a);
}
