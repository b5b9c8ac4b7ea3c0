/* What a power cut may leave in a write-ahead log and is no damage (J17), frame by frame: the shapes that the power cuts of
 * test/store meet too seldom. The logs are made here; those of a store at work are damaged in test/store/rot.c. */
#include "store/sqlite/log_check.h"
#include "test.h"

#include <string.h>

#define PAGE_BYTES  4096
#define FRAME_BYTES (24 + PAGE_BYTES)
#define FRAMES_MAX  80
#define SPLIT       41 /* frames from 0: the header of this one lies in two sectors of 512 bytes */

static unsigned char bytes[32 + FRAMES_MAX * FRAME_BYTES];

struct made {
    uint32_t sum[2];
    int frames;
};

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (unsigned char)(v >> (24 - 8 * i));
    }
}

static void add(struct made *m, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        uint32_t w = (uint32_t)p[i + 3] << 24 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 1] << 8 | p[i];
        m->sum[i / 4 % 2] += w + m->sum[1 - i / 4 % 2];
    }
}

static unsigned char *frame(int k)
{
    return bytes + 32 + k * FRAME_BYTES;
}

static struct made begin(void)
{
    struct made m = {{0, 0}, 0};
    memcpy(bytes, "\x37\x7f\x06\x82\x00\x2d\xe2\x18\x00\x00\x10\x00\x00\x00\x00\x01saltsalt", 24);
    add(&m, bytes, 24);
    put32(bytes + 24, m.sum[0]);
    put32(bytes + 28, m.sum[1]);
    return m;
}

static void write_frame(struct made *m, uint32_t page, uint32_t commit)
{
    unsigned char *f = frame(m->frames++);
    put32(f, page);
    put32(f + 4, commit);
    memcpy(f + 8, "saltsalt", 8);
    memset(f + 24, (int)page, PAGE_BYTES);
    add(m, f, 8);
    add(m, f + 24, PAGE_BYTES);
    put32(f + 16, m->sum[0]);
    put32(f + 20, m->sum[1]);
}

static enum rc read_bytes(void *ctx, int64_t at, void *to, size_t n, struct err *e)
{
    (void)ctx;
    (void)e;
    memcpy(to, bytes + at, n);
    return RC_OK;
}

static enum rc check(const struct made *m, struct err *e)
{
    struct log_bytes log = {NULL, 32 + m->frames * FRAME_BYTES, read_bytes};
    struct log_bytes none = {NULL, 0, read_bytes};
    int64_t keep_bytes = -1;
    return log_check(&log, &none, &keep_bytes, e);
}

TEST(padding_behind_a_torn_transaction_proves_nothing_and_a_next_transaction_does)
{
    struct made m = begin();
    write_frame(&m, 1, 9);
    write_frame(&m, 2, 0);
    write_frame(&m, 3, 9);
    write_frame(&m, 3, 9); /* repeated up to the end of the sector */
    frame(1)[100] ^= 1;
    OK(check(&m, e));
    frame(1)[100] ^= 1;
    frame(2)[100] ^= 1;
    OK(check(&m, e));
    write_frame(&m, 4, 9);
    FAILS(check(&m, e), RC_FATAL);
}

TEST(padding_whose_end_was_not_flushed_is_no_damage_until_a_later_transaction_was)
{
    struct made m = begin();
    write_frame(&m, 1, 0);
    write_frame(&m, 3, 9);
    write_frame(&m, 3, 9);
    write_frame(&m, 4, 0); /* not flushed, as the end of the padding */
    write_frame(&m, 5, 9);
    memset(frame(2) + 2000, 0, 1000);
    OK(check(&m, e));
    write_frame(&m, 6, 9);
    FAILS(check(&m, e), RC_FATAL);
}

TEST(what_a_rolled_back_transaction_left_behind_a_shorter_one_is_no_damage)
{
    struct made m = begin(), kept = {{0}, 0};
    write_frame(&m, 1, 9);
    kept = m;
    for (uint32_t page = 2; page < 9; page++) {
        write_frame(&m, page, page == 8 ? 9 : 0); /* as if it had failed at its very end */
    }
    write_frame(&kept, 5, 0);
    write_frame(&kept, 6, 9);
    OK(check(&m, e));
}

/* A frame of an older log ended a transaction at this place; half of the header is still that one's. */
TEST(the_stale_half_of_a_header_ends_no_transaction)
{
    struct made m = begin();
    for (uint32_t page = 1; page <= SPLIT; page++) {
        write_frame(&m, page, 99);
    }
    CHECK_INT((frame(SPLIT) - bytes) % 512, 512 - 8);
    write_frame(&m, 70, 0);
    write_frame(&m, 71, 0);
    write_frame(&m, 72, 0);
    write_frame(&m, 73, 99);
    OK(check(&m, e));
    put32(frame(SPLIT) + 4, 99);
    memset(frame(SPLIT) + 1000, 0, 512);
    OK(check(&m, e));
    write_frame(&m, 74, 99);
    FAILS(check(&m, e), RC_FATAL);
}

TEST(frames_of_an_older_use_of_the_log_are_ignored)
{
    struct made m = begin();
    for (uint32_t page = 1; page < 20; page++) {
        write_frame(&m, page, page % 3 ? 0 : 30);
    }
    for (int k = 5; k < 19; k++) {
        memcpy(frame(k) + 8, "oldsalts", 8);
    }
    OK(check(&m, e));
}
