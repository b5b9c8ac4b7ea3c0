/* disk.c: how often a second this disk makes 4 KiB safe, one write and one fdatasync after the other.
 * usage: disk FILE append|recycle MILLISECONDS
 *   append    the file grows, as a fresh log does: each flush also writes the new size
 *   recycle   blocks written before are written again, as SQLite's write-ahead log does between two checkpoints */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "limit.h"

#define BLOCK       4096
#define RING_BLOCKS 4096
#define MAX_SYNCS   1000000

static char block[BLOCK];
static int64_t samples_us[MAX_SYNCS];

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x;
    int64_t b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void write_block(int fd, int64_t number)
{
    if (pwrite(fd, block, BLOCK, number * BLOCK) != BLOCK) {
        limit_fail("pwrite", "short or failed");
    }
}

static void flush(int fd)
{
    if (fdatasync(fd)) {
        limit_fail("fdatasync", "failed");
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        limit_fail("usage", "disk FILE append|recycle MILLISECONDS");
    }
    bool recycles = str_eq(str_from(argv[2]), STR("recycle"));
    int64_t run_us = limit_number(argv[3]) * 1000;
    int64_t count = 0;
    int fd = open(argv[1], O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        limit_fail(argv[1], "cannot be written");
    }
    memset(block, 'x', sizeof(block));
    for (int64_t i = 0; recycles && i < RING_BLOCKS; i++) {
        write_block(fd, i);
    }
    flush(fd);

    int64_t start_us = clock_mono_us();
    int64_t now_us = start_us;
    while (now_us - start_us < run_us && count < MAX_SYNCS) {
        int64_t before_us = now_us;
        write_block(fd, recycles ? count % RING_BLOCKS : count);
        flush(fd);
        now_us = clock_mono_us();
        samples_us[count++] = now_us - before_us;
    }
    qsort(samples_us, (size_t)count, sizeof(*samples_us), by_value);
    (void)printf("{\"rate\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
                 (double)count * 1e6 / (double)(now_us - start_us), (double)samples_us[count / 2] / 1000,
                 (double)samples_us[count * 99 / 100] / 1000);
    (void)close(fd);
    (void)unlink(argv[1]);
    return 0;
}
