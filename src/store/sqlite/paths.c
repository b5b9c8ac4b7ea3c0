/* paths.c: see paths.h. */
#include "store/sqlite/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_joined(const char *a, const char *middle, const char *b)
{
    char text[PATH_MAX + 64];
    str_print(text, sizeof text, "%s%s%s", a, middle, b);
    return mem_c_str(str_from(text));
}

/* Makes the last folder of the path when it is missing, and makes sure that a power cut does not take it away again. */
static enum rc make_folder(const char *folder, struct err *e)
{
    char above[PATH_MAX + 8];
    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? RC_OK : err_from_errno(e, errno, folder);
    }
    str_print(above, sizeof above, "%s/..", folder);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        enum rc rc = err_from_errno(e, errno, above);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    close(fd);
    return RC_OK;
}

enum rc path_absolute(const char *path, bool is_to_look, char **out, struct err *e)
{
    char folder[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat link;
    if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) {
        if (!realpath(path, real)) {
            return err_from_errno(e, errno, path);
        }
        *out = path_joined(real, "", "");
        return RC_OK;
    }
    if (strlen(path) >= sizeof folder) {
        return err_set(e, RC_INVALID, "store: the path is too long");
    }
    str_copy(folder, sizeof folder, slash ? (struct str){path, (size_t)(slash - path) + 1} : STR("."));
    enum rc rc = slash && !is_to_look ? make_folder(folder, e) : RC_OK;
    if (rc) {
        return rc;
    }
    if (!realpath(folder, real)) {
        return err_from_errno(e, errno, folder);
    }
    *out = path_joined(real, "/", slash ? slash + 1 : path);
    return RC_OK;
}

enum rc path_lock(const char *path, int *out, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(e, errno, path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set_code(e, RC_BUSY, "store_in_use", NULL,
                            "another server holds this store (%s is locked)", path);
    }
    *out = fd;
    return RC_OK;
}

enum rc path_check(const struct engine *s, struct err *e)
{
    struct stat file, ballast;
    if (stat(s->path, &file) != 0 || !S_ISREG(file.st_mode)) {
        return RC_OK; /* not there yet; or db_open tells */
    }
    if (file.st_nlink > 1) { /* each name has a lock and a log of its own */
        return err_set(e, RC_INVALID,
                       "the file has another name too (a hard link): two servers could own it");
    }
    if (file.st_size == 0 && s->ballast_path && stat(s->ballast_path, &ballast) == 0) {
        return err_set(
            e, RC_FATAL,
            "the store is damaged: it is empty, but was not (remove %s to begin with an empty one)",
            s->ballast_path);
    }
    return RC_OK;
}

enum rc path_make(const struct engine *s, struct err *e)
{
    int fd = s->base.options.vfs ? -1 : open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (!s->base.options.vfs && errno != EEXIST) {
        return err_from_errno(e, errno, s->path);
    }
    return RC_OK;
}
