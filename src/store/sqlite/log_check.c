/* log_check.c: see log_check.h. The format is that of https://sqlite.org/fileformat2.html#walformat:
 *
 *   header (32 bytes) │ frame 1 │ frame 2 │ …        frame: page number, commit, salts, checksum (24 bytes), page
 *
 * Each checksum continues the one before it, and `commit` is not zero in the last frame of a transaction. SQLite reads up
 * to the first frame that does not fit and takes what follows for a write that the power cut off. With synchronous=FULL
 * that is true of the last transaction only: the first frame of the next one is written after a flush. Hence the proof
 * of damage: at or behind the bad frame ends a transaction, and behind that a frame goes on from its checksum. Such a
 * frame was written when the transaction, and with it the bad frame, had been flushed and acknowledged.
 *
 * What may stand behind a bad frame, and is not taken for a proof:
 * - frames of an earlier use of the log: other salts;
 * - the rest of the transaction that the cut interrupted: one commit, and nothing that continues it;
 * - frames of a transaction that was rolled back (it was too big for the cache, or the disk was full): they continue
 *   each other, but no commit;
 * - padding: where a write may damage its neighbours, SQLite repeats the last frame up to the end of the sector, and
 *   flushes only that far. So a repeated frame proves nothing, and a damaged repetition is no damage. */
#include "store/sqlite/log_check.h"

#include "base/arena.h"

#include <string.h>

#define HEADER_BYTES       32
#define FRAME_HEADER_BYTES 24
#define MAGIC              0x377f0682u /* | 1: checksums over big-endian words */
#define PAGE_MIN_BYTES     512
#define PAGE_MAX_BYTES     65536
#define SECTOR_BYTES       512 /* no disk tears less than that */
#define NATIVE_BIG         (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

struct sum {
    uint32_t a, b;
};

struct frame {
    uint32_t page_number, commit; /* commit: the database's pages afterwards, or 0 */
    unsigned char salts[8];
    struct sum sum;      /* as it stands there */
    unsigned char *head; /* the 24 bytes, and the page behind them */
    const unsigned char *page;
};

struct log {
    const struct log_bytes *bytes;
    size_t page_bytes;
    bool is_big;
    int64_t frames;
    unsigned char salts[8];
    unsigned char header[HEADER_BYTES];
    struct frame now, before; /* two in memory: the one that was read last, and the one before it */
};

/* ---- checksums */

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const struct log *l, const unsigned char *p)
{
    uint32_t v = big32(p);
    return l->is_big ? v : __builtin_bswap32(v);
}

static struct sum sum_over(const struct log *l, struct sum s, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        s.a += word(l, p + i) + s.b;
        s.b += word(l, p + i + 4) + s.a;
    }
    return s;
}

/* Back: the sum before these bytes, when `s` is the one behind them. */
static struct sum sum_without(const struct log *l, struct sum s, const unsigned char *p, size_t n)
{
    for (size_t i = n; i > 0; i -= 8) {
        s.b -= word(l, p + i - 4) + s.a;
        s.a -= word(l, p + i - 8) + s.b;
    }
    return s;
}

static bool sum_eq(struct sum x, struct sum y)
{
    return x.a == y.a && x.b == y.b;
}

static struct sum sum_at(const unsigned char *p)
{
    return (struct sum){big32(p), big32(p + 4)};
}

static struct sum frame_sum(const struct log *l, struct sum before, const struct frame *f)
{
    return sum_over(l, sum_over(l, before, f->head, 8), f->page, l->page_bytes);
}

/* The checksum that the frame before this one must have, going by this one. */
static struct sum sum_wanted(const struct log *l, const struct frame *f)
{
    return sum_without(l, sum_without(l, f->sum, f->page, l->page_bytes), f->head, 8);
}

/* ---- frames */

static int64_t frame_offset(const struct log *l, int64_t k) /* k from 1 */
{
    return HEADER_BYTES + (k - 1) * (int64_t)(FRAME_HEADER_BYTES + l->page_bytes);
}

/* What was l->now becomes l->before. */
static enum rc read_frame(struct log *l, int64_t k, struct err *e)
{
    struct frame spare = l->before, *f = &l->now;
    l->before = l->now;
    l->now = spare;
    enum rc rc =
        l->bytes->read(l->bytes->ctx, frame_offset(l, k), f->head, FRAME_HEADER_BYTES + l->page_bytes, e);
    f->page = f->head + FRAME_HEADER_BYTES;
    f->page_number = big32(f->head);
    f->commit = big32(f->head + 4);
    memcpy(f->salts, f->head + 8, sizeof f->salts);
    f->sum = sum_at(f->head + 16);
    return rc;
}

static bool is_page_size(uint32_t n)
{
    return n >= PAGE_MIN_BYTES && n <= PAGE_MAX_BYTES && (n & (n - 1)) == 0;
}

static void set_page_bytes(struct log *l, size_t page_bytes)
{
    l->page_bytes = page_bytes;
    l->frames = (l->bytes->n - HEADER_BYTES) / (int64_t)(FRAME_HEADER_BYTES + page_bytes);
    l->now.head = mem_alloc(FRAME_HEADER_BYTES + page_bytes);
    l->before.head = mem_alloc(FRAME_HEADER_BYTES + page_bytes);
}

static bool is_of(const struct frame *f, const unsigned char salts[8])
{
    return f->page_number != 0 && memcmp(f->salts, salts, sizeof f->salts) == 0;
}

static bool is_repeated(const struct frame *f, const struct frame *before)
{
    return f->commit && f->commit == before->commit && f->page_number == before->page_number;
}

/* May frame k, which l->now is and which is damaged, be padding? At least up to the end of the sector it is what the frame
 * before it is. */
static bool is_torn_padding(const struct log *l, int64_t k)
{
    size_t whole = SECTOR_BYTES - (size_t)frame_offset(l, k) % SECTOR_BYTES;
    return is_repeated(&l->now, &l->before) &&
           (whole <= FRAME_HEADER_BYTES ||
            memcmp(l->now.page, l->before.page, whole - FRAME_HEADER_BYTES) == 0);
}

/* ---- a bad frame, and what stands behind it */

/* Does frame k, which l->before is, end a transaction that l->now goes on behind? A cut may leave sectors of a frame that was
 * not flushed as they were. So `commit` is believed where the checksums vouch for it, or where it stands in one sector
 * with a checksum that l->now goes on from. (It could be computed from the checksums, too, but they spread a change so
 * little that a page which differs in a byte gives a number that could be.) */
static bool is_end(struct log *l, int64_t k, struct sum before)
{
    const struct frame *f = &l->before;
    struct sum wanted = sum_wanted(l, &l->now);
    bool is_in_one_sector = frame_offset(l, k) % SECTOR_BYTES <= SECTOR_BYTES - FRAME_HEADER_BYTES;
    bool is_sure = (is_in_one_sector && sum_eq(wanted, f->sum)) || sum_eq(wanted, frame_sum(l, before, f));
    return is_sure && f->commit && !is_repeated(&l->now, f);
}

/* Frame `bad`, which l->now is, does not continue `before`, the sum of the frame before it. */
static enum rc look_behind(struct log *l, int64_t bad, struct sum before, bool *is_damaged, struct err *e)
{
    bool is_padding = is_torn_padding(l, bad);
    for (int64_t k = bad; k < l->frames && !*is_damaged; k++) {
        struct sum sum = l->now.sum;
        enum rc rc = read_frame(l, k + 1, e);
        if (rc) {
            return rc;
        }
        *is_damaged = !is_padding && is_of(&l->now, l->salts) && is_end(l, k, before);
        is_padding = is_padding && is_repeated(&l->now, &l->before);
        before = sum;
    }
    return RC_OK;
}

static enum rc check_frames(struct log *l, struct sum sum, int64_t *keep_bytes, struct err *e)
{
    bool is_damaged = false;
    enum rc rc = RC_OK;
    for (int64_t k = 1; k <= l->frames; k++) {
        rc = read_frame(l, k, e);
        if (rc) {
            return rc;
        }
        if (is_of(&l->now, l->salts) && sum_eq(frame_sum(l, sum, &l->now), l->now.sum)) {
            sum = l->now.sum;
            continue;
        }
        rc = look_behind(l, k, sum, &is_damaged, e);
        if (!rc && is_damaged) {
            *keep_bytes = frame_offset(l, k);
            rc = err_set(e, RC_FATAL,
                         "frame %lld of its log, at byte %lld, is damaged, and transactions stand behind it",
                         (long long)k, (long long)*keep_bytes);
        }
        return rc;
    }
    return RC_OK;
}

/* ---- a bad header
 *
 * It is flushed before the first frame that goes with it. So either the log holds what the database has not, and the
 * header was damaged; or the power went while the log was begun anew, and the database has all that the old frames say. */

struct chain {           /* frames that continue each other */
    int64_t first, last; /* the last one that ends a transaction; 0: there is none */
    uint32_t pages;      /* of the database after it */
};

/* The first frame may have gone with the header: they share a sector. */
static enum rc find_chain(struct log *l, struct chain *c, struct err *e)
{
    struct sum said = sum_at(l->header + 24);
    struct sum counted = sum_over(l, (struct sum){0, 0}, l->header, 24);
    for (int64_t k = 1; k <= l->frames; k++) {
        enum rc rc = read_frame(l, k, e);
        if (rc) {
            return rc;
        }
        struct sum wanted = sum_wanted(l, &l->now);
        bool is_next =
            k == 1 ? sum_eq(wanted, said) || sum_eq(wanted, counted) : sum_eq(wanted, l->before.sum);
        if (!l->now.page_number || !is_next) {
            if (c->first || k > 2) {
                break;
            }
            continue;
        }
        c->first = c->first ? c->first : k;
        if (l->now.commit) {
            c->last = k;
            c->pages = l->now.commit;
        }
    }
    return RC_OK;
}

/* The newest image of each page, from the last frame back. */
static enum rc compare_pages(struct log *l, const struct chain *c, const struct log_bytes *database,
                             bool *is_same, struct err *e)
{
    int64_t there = database->n / (int64_t)l->page_bytes;
    unsigned char *seen = mem_alloc((size_t)there / 8 + 1), *page = mem_alloc(l->page_bytes);
    enum rc rc = RC_OK;
    *is_same = c->pages <= there;
    for (int64_t k = c->last; k >= c->first && *is_same && !rc; k--) {
        rc = read_frame(l, k, e);
        uint32_t i = l->now.page_number - 1;
        if (rc || i >= c->pages || (seen[i / 8] & 1u << i % 8)) {
            continue;
        }
        seen[i / 8] |= (unsigned char)(1u << i % 8);
        rc = database->read(database->ctx, (int64_t)i * (int64_t)l->page_bytes, page, l->page_bytes, e);
        *is_same = !rc && memcmp(page, l->now.page, l->page_bytes) == 0;
    }
    mem_free(seen);
    mem_free(page);
    return rc;
}

/* Without a header: what the database says of itself. 0: it is no database. */
static enum rc read_page_size(const struct log_bytes *database, uint32_t *out, struct err *e)
{
    unsigned char two[2];
    *out = 0;
    if (database->n < PAGE_MIN_BYTES) {
        return RC_OK;
    }
    enum rc rc = database->read(database->ctx, 16, two, sizeof two, e);
    uint32_t n = rc ? 0 : (uint32_t)two[0] << 8 | two[1];
    n = n == 1 ? PAGE_MAX_BYTES : n;
    *out = is_page_size(n) ? n : 0;
    return rc;
}

static enum rc check_headless(struct log *l, const struct log_bytes *database, int64_t *keep_bytes,
                              struct err *e)
{
    struct chain chain = {0};
    bool is_same = true;
    uint32_t page_bytes = 0;
    enum rc rc = read_page_size(database, &page_bytes, e);
    if (rc || !page_bytes) { /* not ours: db_open tells */
        return rc;
    }
    l->is_big = NATIVE_BIG;
    set_page_bytes(l, page_bytes);
    rc = find_chain(l, &chain, e);
    if (!rc && chain.last) {
        rc = compare_pages(l, &chain, database, &is_same, e);
    }
    if (!rc && !is_same) {
        *keep_bytes = 0;
        rc = err_set(e, RC_FATAL,
                     "the header of its log is damaged, and transactions stand behind it that the "
                     "database has not");
    }
    return rc;
}

/* ---- all of it */

/* As SQLite's recovery judges it; false: SQLite takes the log for an empty one. */
static bool read_header(struct log *l, struct sum *sum)
{
    const unsigned char *h = l->header;
    uint32_t magic = big32(h), page_bytes = big32(h + 8);
    l->is_big = magic & 1;
    *sum = sum_over(l, (struct sum){0, 0}, h, 24);
    if ((magic & ~1u) != MAGIC || !is_page_size(page_bytes) || !sum_eq(*sum, sum_at(h + 24))) {
        return false;
    }
    memcpy(l->salts, h + 16, sizeof l->salts);
    set_page_bytes(l, page_bytes);
    return true;
}

enum rc log_check(const struct log_bytes *log, const struct log_bytes *database, int64_t *keep_bytes,
                  struct err *e)
{
    struct log l = {.bytes = log};
    struct sum sum = {0, 0};
    if (log->n < HEADER_BYTES) {
        return RC_OK;
    }
    enum rc rc = log->read(log->ctx, 0, l.header, HEADER_BYTES, e);
    if (rc) {
        return rc;
    }
    if (read_header(&l, &sum)) {
        rc = check_frames(&l, sum, keep_bytes, e);
    } else {
        rc = check_headless(&l, database, keep_bytes, e);
    }
    mem_free(l.now.head);
    mem_free(l.before.head);
    return rc;
}
