/* cache.c: see cache.h. Its files are big (small contents never come here), so there are a few thousand at most, and a list
 * is quick enough. */
#include "store/pg/cache.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAYS_US 10000000LL /* whoever was given a path has so long to open it */

struct cached_file {
    struct cached_file *next;
    char *name;
    int64_t bytes, used_at_us;
};

static char *path_in(const char *dir, struct str name)
{
    size_t size = str_from(dir).n + name.n + 2;
    char *path = mem_alloc(size);
    str_print(path, size, "%s/%.*s", dir, STR_ARG(name));
    return path;
}

static void unlink_in(const char *dir, struct str name)
{
    char *path = path_in(dir, name);
    (void)unlink(path); /* what stays goes at the next start */
    mem_free(path);
}

enum rc cache_open(struct file_cache *c, const char *dir, int64_t limit_bytes, struct err *e)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return err_from_errno(e, errno, dir);
    }
    DIR *d = opendir(dir);
    if (!d) {
        return err_from_errno(e, errno, dir);
    }
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        if (f->d_name[0] != '.') {
            unlink_in(dir, str_from(f->d_name));
        }
    }
    closedir(d);
    *c = (struct file_cache){.dir = mem_c_str(str_from(dir)), .limit_bytes = limit_bytes};
    pthread_mutex_init(&c->lock, NULL);
    return RC_OK;
}

static void forget(struct file_cache *c, struct cached_file **at)
{
    struct cached_file *f = *at;
    *at = f->next;
    c->bytes -= f->bytes;
    mem_free(f->name);
    mem_free(f);
}

void cache_close(struct file_cache *c)
{
    if (!c->dir) {
        return;
    }
    while (c->first) {
        forget(c, &c->first);
    }
    pthread_mutex_destroy(&c->lock);
    mem_free(c->dir);
    c->dir = NULL;
}

static struct cached_file **find(struct file_cache *c, struct str name)
{
    struct cached_file **at = &c->first;
    while (*at && !str_eq(str_from((*at)->name), name)) {
        at = &(*at)->next;
    }
    return at;
}

static void move_to_front(struct file_cache *c, struct cached_file **at)
{
    struct cached_file *f = *at;
    *at = f->next;
    f->next = c->first;
    c->first = f;
    f->used_at_us = clock_mono_us();
}

struct str cache_find(struct file_cache *c, struct str name, struct arena *a)
{
    struct str path = STR_NONE;
    pthread_mutex_lock(&c->lock);
    struct cached_file **at = find(c, name);
    if (*at) {
        move_to_front(c, at);
        path = arena_printf(a, "%s/%.*s", c->dir, STR_ARG(name));
        if (access(path.p, R_OK) != 0) { /* somebody has tidied up */
            forget(c, &c->first);
            path = STR_NONE;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return path;
}

/* The list is in the order of use: behind the first that is too much, all are. */
static void make_room(struct file_cache *c)
{
    int64_t sum = 0, now_us = clock_mono_us();
    struct cached_file **at = &c->first;
    while (*at) {
        sum += (*at)->bytes;
        if (sum > c->limit_bytes && now_us - (*at)->used_at_us > STAYS_US) {
            unlink_in(c->dir, str_from((*at)->name));
            forget(c, at);
        } else {
            at = &(*at)->next;
        }
    }
}

enum rc cache_add(struct file_cache *c, const char *path, struct str name, struct err *e)
{
    struct stat st;
    char *to = path_in(c->dir, name);
    enum rc rc = RC_OK;
    pthread_mutex_lock(&c->lock);
    struct cached_file **at = find(c, name);
    if (stat(path, &st) != 0 || rename(path, to) != 0) {
        rc = err_from_errno(e, errno, to);
    } else if (*at) {
        move_to_front(c, at);
    } else {
        struct cached_file *f = mem_alloc(sizeof *f);
        f->name = mem_c_str(name);
        f->bytes = st.st_size;
        c->bytes += f->bytes;
        *at = f;
        move_to_front(c, at);
        make_room(c);
    }
    pthread_mutex_unlock(&c->lock);
    mem_free(to);
    return rc;
}

void cache_remove(struct file_cache *c, struct str name)
{
    pthread_mutex_lock(&c->lock);
    struct cached_file **at = find(c, name);
    if (*at) {
        unlink_in(c->dir, name);
        forget(c, at);
    }
    pthread_mutex_unlock(&c->lock);
}
