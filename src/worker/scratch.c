/* scratch.c: folders that always go away. The lock, not the pid, tells whether an owner lives: pids come back. */
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOCK_SUFFIX ".lock"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (flag == FTW_DP || flag == FTW_DNR) {
        (void)rmdir(path);
    } else {
        (void)unlink(path);
    }
    return 0;
}

static int open_up(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (flag == FTW_D || flag == FTW_DNR) {
        (void)chmod(path, 0700); /* a job may have taken our own rights away */
    }
    return 0;
}

void scratch_remove(const char *path)
{
    (void)nftw(path, open_up, 16, FTW_PHYS);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Removes root and its lock file when nobody holds the lock. */
static void sweep_one(const char *base, const char *lock_name)
{
    char lock_path[SCRATCH_PATH_BYTES];
    char root[SCRATCH_PATH_BYTES];
    str_print(lock_path, sizeof(lock_path), "%s/%s", base, lock_name);
    int fd = open(lock_path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        str_copy(root, sizeof(root),
                 str_sub(str_from(lock_path), 0, strlen(lock_path) - strlen(LOCK_SUFFIX)));
        log_info("worker.scratch_swept", L_C("path", root));
        scratch_remove(root);
        (void)unlink(lock_path);
    }
    close(fd);
}

static void sweep(const char *base)
{
    DIR *d = opendir(base);
    if (!d) {
        return;
    }
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        if (str_ends(str_from(entry->d_name), STR(LOCK_SUFFIX))) {
            sweep_one(base, entry->d_name);
        }
    }
    closedir(d);
}

static void choose_base(char *to, size_t size, const char *base)
{
    const char *chosen = base ? base : getenv("STINT_SCRATCH");
    const char *temp = getenv("TMPDIR");
    if (chosen && *chosen) {
        str_copy(to, size, str_from(chosen));
    } else {
        str_print(to, size, "%s/stint-%u", temp && *temp ? temp : "/tmp", (unsigned)getuid());
    }
}

/* Only a folder that is ours alone will do: /tmp belongs to everybody. */
static enum rc check_base(const char *base, struct err *e)
{
    struct stat st;
    if (mkdir(base, 0700) && errno != EEXIST) {
        return err_from_errno(e, errno, base);
    }
    if (lstat(base, &st) || !S_ISDIR(st.st_mode) || st.st_uid != getuid()) {
        return err_set(e, RC_DENIED, "%s is not a folder of this user: give another with --scratch", base);
    }
    return RC_OK;
}

enum rc scratch_open(struct scratch *s, const char *base, struct err *e)
{
    char folder[SCRATCH_PATH_BYTES / 2];
    char real[PATH_MAX]; /* a child that has moved into one attempt's folder must find the next one's */
    char lock_path[SCRATCH_PATH_BYTES];
    char name[17];
    unsigned char random[8];

    choose_base(folder, sizeof(folder), base);
    enum rc rc = check_base(folder, e);
    if (rc) {
        return rc;
    }
    if (!realpath(folder, real) || strlen(real) >= sizeof(folder)) {
        return err_set(e, RC_INVALID, "%s: the path of the scratch folder is too long", folder);
    }
    str_copy(folder, sizeof(folder), str_from(real));
    sweep(folder);
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), name);
    str_print(s->root, sizeof(s->root), "%s/worker-%s", folder, name);
    str_print(lock_path, sizeof(lock_path), "%s/worker-%s" LOCK_SUFFIX, folder, name);
    s->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) || mkdir(s->root, 0700)) {
        return err_from_errno(e, errno, s->root);
    }
    return RC_OK;
}

void scratch_name(const struct scratch *s, struct str name, char *path, size_t size)
{
    str_print(path, size, "%s/%.*s", s->root, STR_ARG(name));
}

enum rc scratch_make(const struct scratch *s, struct str name, char *path, size_t size, struct err *e)
{
    scratch_name(s, name, path, size);
    if (mkdir(path, 0700)) {
        return err_from_errno(e, errno, path);
    }
    return RC_OK;
}

int scratch_open_file(const char *folder, struct str path)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (struct str rest = path; fd >= 0 && rest.p;) {
        char name[NAME_MAX + 1];
        struct str step = str_cut(rest, '/', &rest);
        int flags = rest.p ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        str_copy(name, sizeof(name), step);
        bool is_out = str_eq(step, STR("..")) || step.n > NAME_MAX;
        int next = is_out ? -1 : openat(fd, *name ? name : ".", flags | O_NOFOLLOW | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    return fd;
}

void scratch_close(struct scratch *s)
{
    char lock_path[SCRATCH_PATH_BYTES + sizeof(LOCK_SUFFIX)];
    scratch_remove(s->root);
    str_print(lock_path, sizeof(lock_path), "%s" LOCK_SUFFIX, s->root);
    (void)unlink(lock_path);
    close(s->lock_fd);
}
