/* base_memory.c: bufs and arenas. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "test.h"

TEST(a_buf_grows_up_to_its_limit_and_not_a_byte_further)
{
    struct buf b = BUF_LIMIT(1000);

    for (int k = 0; k < 1000; k++) {
        buf_append_char(&b, 'x');
    }
    OK(buf_check(&b, "text", e));
    CHECK_INT(b.n, 1000);
    CHECK_TRUE(b.cap <= 1000);
    buf_append_char(&b, 'y');
    FAILS(buf_check(&b, "text", e), RC_TOO_BIG);
    CHECK_STR(str_from(e->text), STR("text is over the limit of 1000 bytes"));
    CHECK_INT(b.n, 1000);
    buf_dispose(&b);
}

TEST(after_an_overflow_every_append_is_dropped_until_the_buf_is_cleared)
{
    struct buf b = BUF_LIMIT(4);

    buf_append_c(&b, "ab");
    buf_append_c(&b, "cde");
    buf_append_c(&b, "f");
    CHECK_STR(buf_str(&b), STR("ab"));
    CHECK_TRUE(b.overflowed);
    buf_clear(&b);
    buf_printf(&b, "%d", 1234);
    OK(buf_check(&b, "text", e));
    CHECK_STR(buf_str(&b), STR("1234"));
    buf_printf(&b, "%s", "");
    OK(buf_check(&b, "text", e));
    buf_dispose(&b);
    CHECK_INT(b.max, 4);
}

TEST(an_arena_takes_over_what_a_buf_has_grown)
{
    struct arena *a = arena_new();
    size_t before = arena_bytes(a);
    struct buf b = BUF_LIMIT(1 << 20);

    for (int k = 0; k < 100000; k++) {
        buf_append_char(&b, 'x');
    }
    struct str s = buf_give(&b, a);
    CHECK_INT(s.n, 100000);
    CHECK_TRUE(s.p[0] == 'x' && s.p[s.n - 1] == 'x' && s.p[s.n] == '\0');
    CHECK_TRUE(b.p == NULL && b.n == 0 && b.max == 1 << 20);
    CHECK_INT(buf_give(&b, a).n, 0);
    CHECK_TRUE(arena_bytes(a) > before + 100000);
    arena_reset(a);
    CHECK_INT(arena_bytes(a), before);
    arena_free(a);
}

TEST(an_empty_buf_is_an_empty_c_string)
{
    struct buf b = BUF_LIMIT(3);

    CHECK_STR(str_from(buf_c_str(&b)), STR(""));
    buf_append_c(&b, "abc");
    CHECK_STR(str_from(buf_c_str(&b)), STR("abc"));
    buf_dispose(&b);
}

TEST(a_huge_wish_overflows_instead_of_wrapping_round)
{
    struct buf b = BUF_LIMIT(SIZE_MAX - 1);

    buf_append_c(&b, "abc");
    CHECK_TRUE(buf_reserve(&b, SIZE_MAX - 2) == NULL);
    CHECK_TRUE(b.overflowed);
    buf_dispose(&b);
}

TEST(dropping_the_front_keeps_the_rest)
{
    struct buf b = BUF_LIMIT(100);

    buf_append_c(&b, "headbody");
    buf_drop_front(&b, 4);
    CHECK_STR(buf_str(&b), STR("body"));
    buf_drop_front(&b, 99);
    CHECK_INT(b.n, 0);
    buf_dispose(&b);
}

TEST(a_long_print_is_whole)
{
    struct buf b = BUF_LIMIT(4096);

    buf_printf(&b, "%01000d|", 7);
    buf_printf(&b, "%s", "end");
    CHECK_INT(b.n, 1004);
    CHECK_STR(str_sub(buf_str(&b), 998, 1004), STR("07|end"));
    buf_dispose(&b);
}

static void write_file(const char *path, size_t n)
{
    FILE *f = fopen(path, "w");

    CHECK_TRUE(f != NULL);
    for (size_t k = 0; k < n; k++) {
        CHECK_TRUE(fputc('a' + (int)(k % 26), f) != EOF);
    }
    CHECK_INT(fclose(f), 0);
}

TEST(a_file_of_exactly_the_limit_is_read_and_a_longer_one_is_too_big)
{
    struct buf b = BUF_LIMIT(100000);

    write_file(test_path("fits"), 100000);
    write_file(test_path("long"), 100001);
    OK(buf_read_file(&b, test_path("fits"), e));
    CHECK_INT(b.n, 100000);
    CHECK_INT(b.p[99999], 'a' + 99999 % 26);
    buf_clear(&b);
    buf_append_c(&b, "kept");
    FAILS(buf_read_file(&b, test_path("long"), e), RC_TOO_BIG);
    CHECK_STR(buf_str(&b), STR("kept"));
    FAILS(buf_read_file(&b, test_path("none"), e), RC_NOT_FOUND);
    buf_dispose(&b);
}

/* A disk that becomes full takes the first part of what is written, and says nothing of the rest until it is asked for that, too. */
TEST(what_a_disk_takes_only_in_part_is_an_error)
{
    struct rlimit few = {4096, 4096};
    struct buf b = BUF_LIMIT(100000);
    struct str text = {buf_reserve(&b, 10000), 10000};

    CHECK_TRUE(text.p != NULL);
    memset(b.p, 'x', 10000);
    OK(buf_write_file(test_path("whole"), text, e));
    CHECK_TRUE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &few), 0);
    errno = 0;
    CHECK_TRUE(buf_write_file(test_path("part"), text, e) != RC_OK);
    CHECK_TRUE(strstr(e->text, "part: ") != NULL);
    buf_clear(&b);
    OK(buf_read_file(&b, test_path("whole"), e));
    CHECK_INT(b.n, 10000);
    FAILS(buf_write_file("/dev/full", text, e), RC_FULL);
    buf_dispose(&b);
}

TEST(a_pipe_is_read_to_its_end)
{
    struct buf b = BUF_LIMIT(100);
    int ends[2];

    CHECK_INT(pipe(ends), 0);
    CHECK_INT(write(ends[1], "hello", 5), 5);
    close(ends[1]);
    OK(buf_read_fd(&b, ends[0], e));
    CHECK_STR(buf_str(&b), STR("hello"));
    close(ends[0]);
    buf_dispose(&b);
}

TEST(arena_memory_is_zeroed_and_aligned_also_after_a_reset)
{
    struct arena *a = arena_new();

    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 3000; n = n * 3 + 1) {
            unsigned char *p = arena_alloc(a, n);

            CHECK_INT((uintptr_t)p % 16, 0);
            for (size_t k = 0; k < n; k++) {
                CHECK_INT(p[k], 0);
                p[k] = 0xFF;
            }
            arena_str(a, STR("x")); /* puts the next one off the mark */
        }
        arena_reset(a);
    }
    arena_free(a);
}

TEST(a_great_allocation_does_not_waste_the_current_block)
{
    struct arena *a = arena_new();
    size_t before;

    char *first = arena_alloc(a, 16);
    memset(arena_alloc(a, 5 << 20), 1, 5 << 20);
    before = arena_bytes(a);
    char *second = arena_alloc(a, 16);
    CHECK_INT(second - first, 16);
    CHECK_INT(arena_bytes(a), before);
    arena_free(a);
}

TEST(a_reset_gives_back_all_but_one_block)
{
    struct arena *a = arena_new();
    size_t fresh = arena_bytes(a);

    for (int k = 0; k < 10000; k++) {
        arena_alloc(a, 100);
    }
    arena_alloc(a, 1 << 20);
    CHECK_TRUE(arena_bytes(a) > 2000000);
    arena_reset(a);
    CHECK_INT(arena_bytes(a), fresh);
    arena_free(a);
}

TEST(arena_text_is_a_terminated_copy)
{
    struct arena *a = arena_new();
    char source[] = "text";
    struct str copy = arena_str(a, (struct str){source, 4});

    source[0] = 'X';
    CHECK_STR(copy, STR("text"));
    CHECK_INT(copy.p[4], '\0');
    CHECK_STR(str_from(arena_c_str(a, STR_NONE)), STR(""));
    CHECK_STR(arena_printf(a, "%s-%d", "a", 5), STR("a-5"));
    struct str big = arena_printf(a, "%020000d", 1);
    CHECK_INT(big.n, 20000);
    CHECK_INT(big.p[19999], '1');
    CHECK_INT(big.p[20000], '\0');
    arena_free(a);
}

TEST(heap_memory_starts_zeroed_and_keeps_its_content_when_it_grows)
{
    char *p = mem_alloc(8);

    CHECK_INT(p[0] | p[7], 0);
    memcpy(p, "1234567", 8);
    p = mem_grow(p, 4096);
    CHECK_STR(str_from(p), STR("1234567"));
    mem_free(p);
    p = mem_c_str(STR("abc"));
    CHECK_STR(str_from(p), STR("abc"));
    mem_free(p);
}

TEST(an_arena_that_is_joined_stays_where_it_is)
{
    struct arena *a = arena_new();
    struct arena *b = arena_new();
    struct str mine = arena_printf(a, "%s", "mine");
    struct str small = arena_printf(b, "%s", "small");
    struct str big = arena_printf(b, "%0100000d", 7);
    const size_t bytes = arena_bytes(a) + arena_bytes(b);

    arena_join(a, b);
    CHECK_STR(mine, STR("mine"));
    CHECK_STR(small, STR("small"));
    CHECK_INT(big.p[99999], '7');
    CHECK_TRUE(arena_bytes(a) > 100000 && arena_bytes(a) < bytes);
    (void)arena_printf(a, "%0100000d", 8);
    arena_reset(a);
    CHECK_STR(arena_printf(a, "%s", "again"), STR("again"));
    arena_free(a);
}
