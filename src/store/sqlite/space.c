/* space.c: what happens when the disk is full (J17). Beside the database lies a file of nothing, the ballast. The first
 * write that finds no room gives it up: from then on enqueues and artifacts are refused, and what ends jobs has the
 * ballast's room to go on. Once a second a look decides whether there is enough again. */
#include "store/sqlite/sqlite.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST_MIN_BYTES (1LL << 20)
#define BALLAST_MAX_BYTES (32LL << 20)
#define LOOK_EVERY_MS     1000

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

void space_prepare(struct writer *w)
{
    int64_t free_bytes = 0, total_bytes = 0;
    struct engine *s = w->engine;
    if (!s->ballast_path || !disk(s, &free_bytes, &total_bytes)) {
        return;
    }
    int64_t bytes = ballast_bytes(total_bytes);
    if (!make_ballast(s, bytes)) {
        log_warn("store.no_ballast", L_INT("bytes", bytes));
    }
}

void space_release(struct writer *w)
{
    if (w->is_refusing) {
        return;
    }
    log_error("store.full", L_C("path", w->engine->path));
    w->is_refusing = true;
    w->space_checked_at = store_now(&w->engine->base);
    if (w->engine->ballast_path) {
        (void)unlink(w->engine->ballast_path);
    }
    engine_set_health(w->engine, RC_FULL);
}

/* Room for the ballast and as much again, in free blocks of the disk and free pages of the database; the ballast itself
 * must come from the disk. */
static bool has_room(struct writer *w)
{
    int64_t free_bytes = 0, total_bytes = 0, pages = 0, page_bytes = 0;
    if (!disk(w->engine, &free_bytes, &total_bytes) ||
        db_query_int(w->db, "PRAGMA freelist_count", &pages, NULL) ||
        db_query_int(w->db, "PRAGMA page_size", &page_bytes, NULL)) {
        return false;
    }
    int64_t ballast = w->engine->ballast_path ? ballast_bytes(total_bytes) : 0;
    int64_t spare = ballast > BALLAST_MIN_BYTES ? ballast : BALLAST_MIN_BYTES;
    if (free_bytes < ballast || free_bytes - ballast + pages * page_bytes < spare) {
        return false;
    }
    return !ballast || make_ballast(w->engine, ballast);
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
        w->is_refusing = false;
        engine_set_health(w->engine, RC_OK);
    }
}
