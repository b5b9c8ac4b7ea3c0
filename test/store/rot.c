/* Damage in the log that SQLite would take for its end (J17): what was acknowledged behind it must not vanish silently. The
 * log of a store at work is copied with the database, damaged, and looked at: by the check alone for every place, by
 * a server's way of opening for each kind of place. */
#include "store_test.h"

#include "base/buf.h"
#include "chance.h"
#include "store/sqlite/log_check.h"

#include <stdio.h>
#include <string.h>

#define JOBS         12
#define HEADER_BYTES 32
#define PAGE_BYTES   4096
#define FRAME_BYTES  (24 + PAGE_BYTES)

struct copy { /* of a store's two files, as kill -9 would leave them */
    struct buf database, log;
    size_t frames;
    size_t last_begins; /* the first frame, from 0, of the last transaction */
    size_t last_but_one_ends;
};

static unsigned char *frame(struct copy *c, size_t k)
{
    return (unsigned char *)c->log.p + HEADER_BYTES + k * FRAME_BYTES;
}

static bool is_commit(struct copy *c, size_t k)
{
    return memcmp(frame(c, k) + 4, "\0\0\0\0", 4) != 0;
}

static struct store *open_at(const char *path, enum rc *rc, struct err *e)
{
    struct store_options options = {.readers = 1};
    struct store *s = NULL;
    char url[600];
    str_print(url, sizeof url, "sqlite:%s", path);
    *rc = store_open(&s, url, &options, e);
    return s;
}

static int64_t make_tenant(struct store *s, struct arena *a)
{
    struct err err = {0}, *e = &err;
    struct store_create_key op;
    store_init(&op.op, sizeof op, STORE_CREATE_KEY, a);
    op.key =
        (struct api_key){.public_id = STR("abcd1234"), .tenant_name = STR("acme"), .scopes = SCOPE_ADMIN};
    OK(store_run(s, &op.op, e));
    return op.key.tenant;
}

/* Each a transaction, acknowledged. */
static void enqueue_jobs(struct store *s, struct arena *a, int64_t tenant, int jobs)
{
    struct err err = {0}, *e = &err;
    for (int i = 0; i < jobs; i++) {
        struct store_enqueue op;
        struct job_spec spec = {.queue = STR("default"), .kind = STR("k"), .args = STR("{}")};
        store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
        op.tenant = tenant;
        op.specs = &spec;
        op.count = 1;
        OK(store_run(s, &op.op, e));
    }
}

static int64_t queued_jobs(struct store *s, int64_t tenant)
{
    struct err err = {0}, *e = &err;
    struct arena *a = arena_new();
    struct store_stats op;
    store_init(&op.op, sizeof op, STORE_STATS, a);
    op.tenant = tenant;
    OK(store_run(s, &op.op, e));
    int64_t n = op.counts[JOB_QUEUED];
    arena_free(a);
    return n;
}

static int64_t tenant_of_copies;

static struct copy a_copy(void)
{
    struct err err = {0}, *e = &err;
    struct copy c = {BUF_LIMIT(64 << 20), BUF_LIMIT(64 << 20), 0, 0, 0};
    struct arena *a = arena_new();
    enum rc rc = RC_OK;
    struct store *s = open_at(test_path("live.db"), &rc, e);
    OK(rc);
    tenant_of_copies = make_tenant(s, a);
    enqueue_jobs(s, a, tenant_of_copies, JOBS);
    OK(buf_read_file(&c.database, test_path("live.db"), e));
    OK(buf_read_file(&c.log, test_path("live.db-wal"), e));
    store_close(s);
    arena_free(a);
    c.frames = (c.log.n - HEADER_BYTES) / FRAME_BYTES;
    for (size_t k = 0; k + 1 < c.frames; k++) {
        if (is_commit(&c, k)) {
            c.last_but_one_ends = k;
            c.last_begins = k + 1;
        }
    }
    CHECK_TRUE(c.last_begins > 2 * JOBS && is_commit(&c, c.frames - 1));
    return c;
}

static void copy_dispose(struct copy *c)
{
    buf_dispose(&c->database);
    buf_dispose(&c->log);
}

static enum rc read_memory(void *ctx, int64_t at, void *to, size_t bytes, struct err *e)
{
    (void)e;
    memcpy(to, ((struct buf *)ctx)->p + at, bytes);
    return RC_OK;
}

static enum rc check(struct copy *c, size_t log_bytes, int64_t *keep_bytes)
{
    struct log_bytes log = {&c->log, (int64_t)log_bytes, read_memory};
    struct log_bytes database = {&c->database, (int64_t)c->database.n, read_memory};
    return log_check(&log, &database, keep_bytes, NULL);
}

/* What no check can tell from a torn write: the last transaction; and the commit of the last but one, when nothing is left of
 * it, or a sector ends in the middle of that frame's header. */
static bool is_like_torn(struct copy *c, size_t at)
{
    size_t k = at < HEADER_BYTES ? 0 : (at - HEADER_BYTES) / FRAME_BYTES;
    size_t sector_at = (size_t)(frame(c, k) - (unsigned char *)c->log.p) % 512;
    return at >= HEADER_BYTES &&
           (k >= c->last_begins || (k == c->last_but_one_ends && (!is_commit(c, k) || sector_at > 512 - 24)));
}

/* Damages one byte, asks, and mends it. */
static bool flip(struct copy *c, size_t at, unsigned char mask)
{
    int64_t keep_bytes = -1;
    c->log.p[at] = (char)(c->log.p[at] ^ mask);
    bool must_be_told = !is_like_torn(c, at);
    enum rc rc = check(c, c->log.n, &keep_bytes);
    c->log.p[at] = (char)(c->log.p[at] ^ mask);
    ck_assert_msg(rc == RC_FATAL || !must_be_told, "byte %zu ^ %02x: %s", at, mask, rc_name(rc));
    if (rc == RC_FATAL) {
        CHECK_INT(keep_bytes, at < HEADER_BYTES ? 0 : (int64_t)(at - (at - HEADER_BYTES) % FRAME_BYTES));
    }
    return rc == RC_FATAL;
}

TEST(a_changed_byte_anywhere_before_the_last_transaction_of_the_log_is_told)
{
    struct copy c = a_copy();
    int64_t keep_bytes = -1, flips = 0, told = 0;
    OK(check(&c, c.log.n, &keep_bytes));
    for (size_t at = 0; at < c.log.n; at++, flips += 3) {
        size_t in_frame = at < HEADER_BYTES ? 0 : (at - HEADER_BYTES) % FRAME_BYTES;
        told += flip(&c, at, 0x01) + flip(&c, at, 0xff);
        told += flip(&c, at, c.log.p[at] ? (unsigned char)c.log.p[at] : 0x80); /* zero */
        at += in_frame < 24 ? 0 : in_frame + 200 < FRAME_BYTES ? 195 : FRAME_BYTES - 1 - in_frame;
    }
    printf("rot: %lld changed bytes in %zu frames, %zu of them in the last transaction: %lld told\n",
           (long long)flips, c.frames, c.frames - c.last_begins, (long long)told);
    CHECK_TRUE(flips > 3 * 24 * (int64_t)c.frames);
    copy_dispose(&c);
}

TEST(a_sector_of_zeros_before_the_last_transaction_of_the_log_is_told)
{
    struct copy c = a_copy();
    char kept[PAGE_BYTES];
    for (size_t size = 512; size <= PAGE_BYTES; size *= 8) {
        /* Behind it ends one more transaction that another one follows; the commit of the last but one would be that. */
        size_t end = HEADER_BYTES + c.last_but_one_ends * FRAME_BYTES;
        for (size_t at = 0; at + size <= end; at += size) {
            int64_t keep_bytes = -1;
            memcpy(kept, c.log.p + at, size);
            memset(c.log.p + at, 0, size);
            enum rc rc = check(&c, c.log.n, &keep_bytes);
            memcpy(c.log.p + at, kept, size);
            bool is_same = true;
            for (size_t i = 0; i < size; i++) {
                is_same = is_same && kept[i] == 0;
            }
            ck_assert_msg((rc == RC_FATAL) == !is_same, "%zu zeros at %zu: %s", size, at, rc_name(rc));
        }
    }
    copy_dispose(&c);
}

/* ---- no false alarm */

TEST(a_log_that_ends_anywhere_is_whole)
{
    struct copy c = a_copy();
    int64_t keep_bytes = -1;
    for (size_t n = 0; n < c.log.n; n += n < 8300 ? 1 : 509) {
        OK(check(&c, n, &keep_bytes));
    }
    copy_dispose(&c);
}

/* The frames of the interrupted transaction reach the disk in any order, whole or not. */
TEST(any_part_of_the_last_transaction_may_be_missing)
{
    struct copy c = a_copy();
    struct chance chance = chance_begin("rot_torn");
    size_t begins = HEADER_BYTES + c.last_begins * FRAME_BYTES, n = c.log.n - begins;
    char *kept = mem_alloc(n);
    memcpy(kept, c.log.p + begins, n);
    for (int i = 0; i < 2000; i++) {
        int64_t keep_bytes = -1;
        for (size_t at = 0; at < n; at++) {
            bool is_sector = (begins + at) % 512 == 0 || at == 0;
            int fate = is_sector ? (int)chance_below(&chance, 3) : 3;
            size_t size = 512 - (begins + at) % 512 < n - at ? 512 - (begins + at) % 512 : n - at;
            if (fate < 2) {
                memset(c.log.p + begins + at, fate ? (int)chance_below(&chance, 256) : 0, size);
            }
        }
        OK(check(&c, c.log.n, &keep_bytes));
        memcpy(c.log.p + begins, kept, n);
    }
    mem_free(kept);
    copy_dispose(&c);
}

/* As a checkpoint does. */
static void move_log_into_database(struct copy *c)
{
    const unsigned char *last = frame(c, c->frames - 1);
    size_t pages = (size_t)last[4] << 24 | (size_t)last[5] << 16 | (size_t)last[6] << 8 | last[7];
    while (c->database.n < pages * PAGE_BYTES) {
        buf_append(&c->database, last, 512);
    }
    for (size_t k = 0; k < c->frames; k++) {
        const unsigned char *f = frame(c, k);
        size_t page = (size_t)f[0] << 24 | (size_t)f[1] << 16 | (size_t)f[2] << 8 | f[3];
        memcpy(c->database.p + (page - 1) * PAGE_BYTES, f + 24, PAGE_BYTES);
    }
}

TEST(a_torn_header_over_a_log_that_the_database_has_is_no_damage)
{
    struct copy c = a_copy();
    int64_t keep_bytes = -1;
    char kept[512];
    memcpy(kept, c.log.p, sizeof kept);
    memset(c.log.p, 0x5a, sizeof kept);
    FAILS(check(&c, c.log.n, &keep_bytes), RC_FATAL);
    CHECK_INT(keep_bytes, 0);
    memcpy(c.log.p, kept, sizeof kept);
    move_log_into_database(&c);
    memset(c.log.p, 0x5a, sizeof kept);
    OK(check(&c, c.log.n, &keep_bytes));
    copy_dispose(&c);
}

/* ---- the store itself */

static void put(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f && fwrite(b->p, 1, b->n, f) == b->n && fclose(f) == 0, "%s", path);
}

static void is_untouched(const char *path, const struct buf *want)
{
    struct err err = {0}, *e = &err;
    struct buf found = BUF_LIMIT(64 << 20);
    OK(buf_read_file(&found, path, e));
    CHECK_TRUE(found.n == want->n && memcmp(found.p, want->p, found.n) == 0);
    buf_dispose(&found);
}

/* Opens the copy; -1: it was refused and nothing was touched; else how many jobs it has. */
static int64_t jobs_of(struct copy *c, struct err *e)
{
    enum rc rc = RC_OK;
    put(test_path("copy.db"), &c->database);
    put(test_path("copy.db-wal"), &c->log);
    struct store *s = open_at(test_path("copy.db"), &rc, e);
    if (rc) {
        FAILS(rc, RC_FATAL);
        is_untouched(test_path("copy.db"), &c->database);
        is_untouched(test_path("copy.db-wal"), &c->log);
        return -1;
    }
    int64_t jobs = queued_jobs(s, tenant_of_copies);
    store_close(s);
    return jobs;
}

TEST(a_store_with_a_damaged_log_is_refused_and_untouched_at_each_kind_of_place)
{
    struct copy c = a_copy();
    size_t middle = c.last_begins / 2;
    while (is_commit(&c, middle)) {
        middle++;
    }
    size_t commit = middle;
    while (!is_commit(&c, commit)) {
        commit++;
    }
    const struct {
        size_t at;
        int64_t jobs;
    } places[] = {
        {0, -1},                                                            /* the header's magic */
        {18, -1},                                                           /* its salts */
        {31, -1},                                                           /* its checksum */
        {(size_t)(frame(&c, middle) - (unsigned char *)c.log.p), -1},       /* the page number of a frame */
        {(size_t)(frame(&c, middle) - (unsigned char *)c.log.p) + 10, -1},  /* its salts */
        {(size_t)(frame(&c, middle) - (unsigned char *)c.log.p) + 20, -1},  /* its checksum */
        {(size_t)(frame(&c, middle) - (unsigned char *)c.log.p) + 999, -1}, /* its page */
        {(size_t)(frame(&c, commit) - (unsigned char *)c.log.p) + 7, -1},   /* the end of a transaction */
        {(size_t)(frame(&c, commit) - (unsigned char *)c.log.p) + 999, -1},
        {(size_t)(frame(&c, c.last_but_one_ends) - (unsigned char *)c.log.p) + 7, -1},
        {(size_t)(frame(&c, c.last_begins) - (unsigned char *)c.log.p) + 999, JOBS - 1}, /* as if torn */
        {(size_t)(frame(&c, c.frames - 1) - (unsigned char *)c.log.p) + 7, JOBS - 1},
        {c.log.n - 1, JOBS - 1},
    };
    CHECK_INT(jobs_of(&c, e), JOBS);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        c.log.p[places[i].at] ^= 0x55;
        int64_t jobs = jobs_of(&c, e);
        c.log.p[places[i].at] ^= 0x55;
        ck_assert_msg(jobs == places[i].jobs, "byte %zu: %lld jobs, %s", places[i].at, (long long)jobs,
                      e->text);
    }
    copy_dispose(&c);
}

TEST(the_refusal_names_the_place_and_what_to_do_and_that_works)
{
    struct copy c = a_copy();
    char want[80];
    size_t at = (size_t)(frame(&c, c.last_begins / 2) - (unsigned char *)c.log.p);
    c.log.p[at + 999] ^= 0x55;
    CHECK_INT(jobs_of(&c, e), -1);
    str_print(want, sizeof want, "truncate -s %zu %s", at, "/");
    ck_assert_msg(strstr(e->text, "damaged") && strstr(e->text, want) && strstr(e->text, "copy.db-wal"), "%s",
                  e->text);
    c.log.n = at;
    int64_t jobs = jobs_of(&c, e);
    CHECK_TRUE(jobs >= 1 && jobs < JOBS);
    copy_dispose(&c);
}
