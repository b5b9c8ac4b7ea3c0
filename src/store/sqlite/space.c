/* space.c: what happens when the disk is full (J17). Beside the database lies a file of nothing, the ballast. The first
 * write that finds no room gives it up: from then on enqueues and artifacts are refused, and what ends jobs has the
 * ballast's room to go on. Once a second a look decides whether there is enough again.
 *
 * A database never gives pages back to the disk, so room that was made by erasing jobs is room inside of it. Then the new
 * ballast may be smaller than it should, and enqueues must leave the rest as free pages: writer.reserve_pages. */
#include "store/sqlite/sqlite.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST_MIN_BYTES (1LL << 20)
#define BALLAST_MAX_BYTES (32LL << 20)
#define LOOK_EVERY_MS     (SPACE_LOOK_MS - 50) /* the committer's own looks must not come too early */
#define WAL_HARD_PAGES    8000
#define PAGE_BYTES        4096

static bool disk(const struct engine *s, int64_t *free_bytes, int64_t *total_bytes)
{
    struct statvfs v;
    if (statvfs(s->files_dir, &v) != 0) {
        return false;
    }
    *free_bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    *total_bytes = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
    return true;
}

/* An eighth of a small disk, 32 MiB of a big one. */
static int64_t ballast_bytes(int64_t total_bytes)
{
    int64_t want = total_bytes / 8;
    want = want < BALLAST_MIN_BYTES ? BALLAST_MIN_BYTES : want;
    return want > BALLAST_MAX_BYTES ? BALLAST_MAX_BYTES : want;
}

static bool make_ballast(const struct engine *s, int64_t bytes)
{
    int fd = open(s->ballast_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool is_made = posix_fallocate(fd, 0, bytes) == 0;
    close(fd);
    if (!is_made) {
        (void)unlink(s->ballast_path);
    }
    return is_made;
}

/* What stands in the log must fit into the ballast twice: a checkpoint on a full disk moves it into the database. */
static int64_t wal_hard_pages(int64_t ballast)
{
    int64_t fits = ballast / 2 / PAGE_BYTES;
    return fits < WAL_HARD_PAGES ? fits : WAL_HARD_PAGES;
}

void space_prepare(struct writer *w)
{
    int64_t free_bytes = 0, total_bytes = 0;
    struct engine *s = w->engine;
    w->wal_hard_pages = WAL_HARD_PAGES;
    if (!s->ballast_path || !disk(s, &free_bytes, &total_bytes)) {
        return;
    }
    (void)!db_checkpoint(w->db, true, NULL); /* what the last process left in the log is room, too */
    int64_t bytes = ballast_bytes(total_bytes);
    w->wal_hard_pages = wal_hard_pages(bytes);
    if (!make_ballast(s, bytes)) {
        log_warn("store.no_ballast", L_INT("bytes", bytes));
        space_release(w); /* the little that is left is for what ends jobs */
    }
}

void space_release(struct writer *w)
{
    if (w->keeper.is_refusing) {
        return;
    }
    log_error("store.full", L_C("path", w->engine->path));
    w->keeper.is_refusing = true;
    w->reserve_pages = 0;
    w->space_checked_at = store_now(&w->engine->base);
    if (w->engine->ballast_path) {
        (void)unlink(w->engine->ballast_path);
    }
    (void)!db_checkpoint(w->db, false, NULL); /* the database takes what it needs before others do */
    engine_set_health(w->engine, RC_FULL);
}

static bool free_page_bytes(struct writer *w, int64_t *out)
{
    int64_t pages = 0;
    if (db_query_int(w->db, "PRAGMA freelist_count", &pages, NULL)) {
        return false;
    }
    *out = pages * PAGE_BYTES;
    return true;
}

void space_watch(struct writer *w)
{
    int64_t bytes = 0;
    if (w->reserve_pages > 0 && !w->keeper.is_refusing && free_page_bytes(w, &bytes) &&
        bytes < w->reserve_pages * PAGE_BYTES) {
        space_release(w);
    }
}

/* Room for the ballast and as much again, in free blocks of the disk and free pages of the database. */
static bool has_room(struct writer *w)
{
    int64_t free_bytes = 0, total_bytes = 0, page_bytes = 0;
    if (!disk(w->engine, &free_bytes, &total_bytes) || !free_page_bytes(w, &page_bytes)) {
        return false;
    }
    int64_t ballast = w->engine->ballast_path ? ballast_bytes(total_bytes) : 0;
    int64_t spare = ballast > BALLAST_MIN_BYTES ? ballast : BALLAST_MIN_BYTES;
    if (free_bytes + page_bytes < ballast + spare) {
        return false;
    }
    int64_t bytes = free_bytes > ballast ? ballast : free_bytes / 2; /* the other half is for the log */
    w->reserve_pages = (ballast - bytes) / PAGE_BYTES;
    return !ballast || make_ballast(w->engine, bytes);
}

void space_look(struct writer *w)
{
    int64_t now = store_now(&w->engine->base);
    int64_t since = now - w->space_checked_at;
    if (since >= 0 && since < LOOK_EVERY_MS) {
        return;
    }
    w->space_checked_at = now;
    (void)!db_checkpoint(w->db, true, NULL); /* the log's own room counts too */
    if (has_room(w)) {
        log_info("store.room_again", L_C("path", w->engine->path));
        w->keeper.is_refusing = false;
        engine_set_health(w->engine, RC_OK);
    }
}
