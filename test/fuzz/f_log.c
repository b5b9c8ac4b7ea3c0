/* f_log.c: write-ahead logs that a stranger changed (J17). The bytes are looked at as they are; and they are the recipe of a
 * log as SQLite writes it, which is then damaged at one place: before its last transaction that is told, behind it never,
 * and a log that is whole is never called damaged. */
#include "store/sqlite/log_check.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"

#define PAGE_BYTES  512
#define FRAME_BYTES (24 + PAGE_BYTES)
#define FRAMES_MAX  32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc read_memory(void *ctx, int64_t at, void *to, size_t n, struct err *e)
{
    const struct str *s = ctx;
    assert(at >= 0 && (size_t)at + n <= s->n);
    (void)e;
    memcpy(to, s->p + at, n);
    return RC_OK;
}

static enum rc check(struct str log, struct str database, int64_t *keep_bytes)
{
    struct log_bytes l = {&log, (int64_t)log.n, read_memory};
    struct log_bytes d = {&database, (int64_t)database.n, read_memory};
    return log_check(&l, &d, keep_bytes, NULL);
}

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (unsigned char)(v >> (24 - 8 * i));
    }
}

/* Little-endian sums. */
static void add(uint32_t sum[2], const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint32_t w[2];
        for (int k = 0; k < 2; k++) {
            const unsigned char *q = p + i + 4 * k;
            w[k] = (uint32_t)q[3] << 24 | (uint32_t)q[2] << 16 | (uint32_t)q[1] << 8 | q[0];
        }
        sum[0] += w[0] + sum[1];
        sum[1] += w[1] + sum[0];
    }
}

/* Each byte of the recipe is a frame: its lowest bit ends a transaction. Returns where the last transaction begins. */
static size_t write_log(unsigned char *log, const uint8_t *recipe, size_t frames)
{
    static const char header[] = "\x37\x7f\x06\x82\x00\x2d\xe2\x18\x00\x00\x02\x00\x00\x00\x00\x01saltsalt";
    uint32_t sum[2] = {0, 0};
    size_t last = 0;
    memcpy(log, header, 24);
    add(sum, log, 24);
    put32(log + 24, sum[0]);
    put32(log + 28, sum[1]);
    for (size_t k = 0; k < frames; k++) {
        unsigned char *f = log + 32 + k * FRAME_BYTES;
        bool is_end = (recipe[k] & 1) || k == frames - 1;
        put32(f, 1 + (uint32_t)k); /* no page twice: nothing is taken for padding */
        put32(f + 4, is_end ? FRAMES_MAX : 0);
        memcpy(f + 8, "saltsalt", 8);
        memset(f + 24, recipe[k], PAGE_BYTES);
        f[24] = (unsigned char)k;
        add(sum, f, 8);
        add(sum, f + 24, PAGE_BYTES);
        put32(f + 16, sum[0]);
        put32(f + 20, sum[1]);
        last = is_end && k + 1 < frames ? k + 1 : last;
    }
    return 32 + last * FRAME_BYTES;
}

/* Does the frame with this byte end a transaction, or say that it does? */
static bool is_end(const unsigned char *log, size_t at)
{
    const unsigned char *f = log + at - (at - 32) % FRAME_BYTES;
    return f[4] | f[5] | f[6] | f[7];
}

static void check_made(const uint8_t *data, size_t size)
{
    static unsigned char log[32 + FRAMES_MAX * FRAME_BYTES];
    size_t frames = size - 4 < FRAMES_MAX ? size - 4 : FRAMES_MAX, n = 32 + frames * FRAME_BYTES;
    size_t last = write_log(log, data + 4, frames);
    size_t at = ((size_t)data[0] << 8 | data[1]) % n, cut = ((size_t)data[2] << 8 | data[3]) % n;
    static char pages[FRAMES_MAX * PAGE_BYTES];
    struct str bytes = {(const char *)log, n}, database = {pages, sizeof pages};
    int64_t keep_bytes = -1;

    memset(pages, 0xa5, sizeof pages); /* as no frame is */
    pages[16] = PAGE_BYTES >> 8;
    pages[17] = 0;
    assert(check(bytes, database, &keep_bytes) == RC_OK);
    assert(check(str_sub(bytes, 0, cut), database, &keep_bytes) == RC_OK && keep_bytes == -1);
    unsigned char was = log[at];
    log[at] = (unsigned char)(was ^ (data[3] | 1));
    bool is_told = check(bytes, database, &keep_bytes) == RC_FATAL;
    /* Where a frame's first bytes have another sector than the rest, they may be what a cut left (log_check.c). */
    bool is_split = at >= 32 && (at - (at - 32) % FRAME_BYTES) % 512 > 488;
    bool is_end_of_last_but_one = at >= 32 && (at - 32) / FRAME_BYTES == (last - 32) / FRAME_BYTES - 1;
    assert(at >= last || is_told || (is_end_of_last_but_one && (is_split || !is_end(log, at))));
    assert(at < last || !is_told || is_end(log, at));
    if (is_told) {
        assert(keep_bytes == (at < 32 ? 0 : (int64_t)(at - (at - 32) % FRAME_BYTES)));
        assert(check(str_sub(bytes, 0, (size_t)keep_bytes), database, &keep_bytes) == RC_OK);
    }
    log[at] = was;
    memset(log + last, data[2], n - last); /* the last transaction never came */
    assert(check(bytes, database, &keep_bytes) == RC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    int64_t keep_bytes = -1;
    enum rc rc = check(bytes, bytes, &keep_bytes);

    assert(rc == RC_OK ? keep_bytes == -1 : rc == RC_FATAL && keep_bytes >= 0 && keep_bytes < (int64_t)size);
    if (size > 4) {
        check_made(data, size);
    }
    return 0;
}
