/* base_id.c: identifiers and random bytes. */
#include "base/id.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOW 1700000000000

TEST(ids_of_one_generator_grow_also_when_the_clock_steps_back)
{
    static const int64_t steps[] = {0, 0, 5, 5, -1000, -1000, -1, 6, 7, 100000, 3, -86400000};
    struct id_generator g = {0};
    struct id before = id_next(&g, NOW);

    for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
        struct id id = id_next(&g, NOW + steps[k]);

        CHECK_TRUE(id_ordinal(id) > id_ordinal(before));
        CHECK_TRUE(memcmp(id.b, before.b, sizeof id.b) > 0);
        before = id;
    }
}

TEST(a_sequence_that_runs_over_borrows_from_the_next_millisecond)
{
    struct id_generator g = {.last_ordinal = ((int64_t)NOW << 21) | 0x1FFFFF};
    struct id id = id_next(&g, NOW);

    CHECK_INT(id_ordinal(id) >> 21, NOW + 1);
    CHECK_INT(id_ordinal(id_next(&g, NOW + 1)), id_ordinal(id) + 1);
}

TEST(a_generator_goes_on_behind_the_greatest_stored_ordinal)
{
    struct id_generator g = {.last_ordinal = (int64_t)(NOW + 5000) << 21};

    CHECK_INT(id_ordinal(id_next(&g, NOW)), ((int64_t)(NOW + 5000) << 21) + 1);
}

TEST(an_id_is_a_uuid_of_version_7_that_shows_its_millisecond)
{
    struct id_generator g = {0};
    struct id id = id_next(&g, NOW);
    struct id_text text = id_text(id);

    CHECK_STR(str_sub(str_from(text.s), 0, 15), STR("018bcfe5-6800-7"));
    CHECK_INT(strlen(text.s), ID_TEXT_BYTES);
    CHECK_INT(id.b[8] >> 6, 2);
    CHECK_INT(id_ordinal(id) >> 21, NOW);
}

TEST(an_id_is_made_again_from_its_ordinal_and_random_bits)
{
    struct id_generator g = {.last_ordinal = ((int64_t)NOW << 21) | 0x12345};

    for (int k = 0; k < 1000; k++) {
        struct id id = id_next(&g, NOW);

        CHECK_TRUE(id_random_bits(id) >= 0 && id_random_bits(id) < 1LL << 53);
        CHECK_TRUE(id_eq(id_from_parts(id_ordinal(id), id_random_bits(id)), id));
    }
    CHECK_TRUE(id_eq(id_from_parts(INT64_MAX, (1LL << 53) - 1),
                     id_from_parts(id_ordinal(id_from_parts(INT64_MAX, 0)), (1LL << 53) - 1)));
    CHECK_INT(id_ordinal(id_from_parts(INT64_MAX, 0)), INT64_MAX);
}

TEST(ordinals_are_positive_until_2109_and_from_any_clock)
{
    struct id_generator g = {0};

    CHECK_TRUE(id_ordinal(id_next(&g, -5)) > 0);
    CHECK_TRUE(id_ordinal(id_next(&g, 4398046511103)) > 0); /* 2^42 - 1: in May 2109 */
}

TEST(the_text_of_an_id_reads_back_in_either_case)
{
    struct id id, again;

    CHECK_TRUE(id_parse(STR("018bcfe5-6800-7184-ab0e-b057501192c2"), &id));
    CHECK_STR(str_from(id_text(id).s), STR("018bcfe5-6800-7184-ab0e-b057501192c2"));
    CHECK_TRUE(id_parse(STR("018BCFE5-6800-7184-AB0E-B057501192C2"), &again));
    CHECK_TRUE(id_eq(id, again));
    CHECK_FALSE(id_is_zero(id));
    CHECK_TRUE(id_is_zero((struct id){0}));
}

TEST(what_is_no_id_is_refused)
{
    static const char *const bad[] = {
        "",
        "018bcfe5-6800-7184-ab0e-b057501192c",
        "018bcfe5-6800-7184-ab0e-b057501192c23",
        "018bcfe568007184ab0eb057501192c2",
        "018bcfe5-6800-4184-ab0e-b057501192c2", /* version 4 */
        "018bcfe5-6800-7184-0b0e-b057501192c2", /* wrong variant */
        "018bcfe5-6800-7184-cb0e-b057501192c2", /* wrong variant */
        "018bcfe5-6800-7184-ab0e-b057501192cg",
        "018bcfe5_6800-7184-ab0e-b057501192c2",
        "{18bcfe5-6800-7184-ab0e-b057501192c}",
        "00000000-0000-0000-0000-000000000000",
    };
    struct id id = {{7}};

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        CHECK_FALSE(id_parse(str_from(bad[k]), &id));
    }
    CHECK_INT(id.b[0], 7);
}

TEST(random_bytes_do_not_repeat)
{
    uint64_t seen[500];

    for (size_t k = 0; k < 500; k++) {
        seen[k] = random_u64();
        for (size_t before = 0; before < k; before++) {
            CHECK_TRUE(seen[before] != seen[k]);
        }
    }
    CHECK_FALSE(id_eq(id_random(NOW), id_random(NOW)));
}

TEST(a_forked_child_gets_random_bytes_of_its_own)
{
    uint64_t child = 0, parent;
    int ends[2];

    random_u64(); /* the pool is filled before the fork */
    CHECK_INT(pipe(ends), 0);
    pid_t pid = fork();
    CHECK_TRUE(pid >= 0);
    if (pid == 0) {
        child = random_u64();
        _exit(write(ends[1], &child, sizeof child) == sizeof child ? 0 : 1);
    }
    parent = random_u64();
    CHECK_INT(read(ends[0], &child, sizeof child), sizeof child);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_TRUE(parent != child);
}

TEST(hex_goes_out_in_lower_case_and_comes_back_in_either)
{
    char text[9];
    uint8_t bytes[4] = {0};

    hex_encode("\x00\xAB\x7F\xFF", 4, text);
    CHECK_STR(str_from(text), STR("00ab7fff"));
    CHECK_TRUE(hex_decode(STR("00aB7Fff"), bytes, 4));
    CHECK_INT(memcmp(bytes, "\x00\xAB\x7F\xFF", 4), 0);
    CHECK_FALSE(hex_decode(STR("00ab7ff"), bytes, 4));
    CHECK_FALSE(hex_decode(STR("00ab7ffg"), bytes, 4));
    CHECK_FALSE(hex_decode(STR("00ab7fff00"), bytes, 4));
}
