/* copy_files.c: contents of big artifacts, in the folder of files. One is complete and flushed before the transaction that
 * names it commits; what a copy that ended early leaves behind is swept when the target is opened again. */
#include "store/sqlite/copy.h"

#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct copied_file {
    struct str name;
    struct copied_file *next;
};

static const char *path_of(const struct sqlite_end *c, struct str file, struct arena *a)
{
    return arena_printf(a, "%s/%.*s", c->s->files_dir, STR_ARG(file)).p;
}

enum rc sqlite_copy_read_file(struct sqlite_end *c, const struct file_span *span, struct arena *a,
                              struct str *out, struct err *e)
{
    char *to = arena_alloc(a, (size_t)span->bytes + 1);
    int64_t n = 0;
    int fd = open(path_of(c, span->name, a), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(e, errno, "artifact file");
    }
    while (n < span->bytes) {
        ssize_t got = pread(fd, to + n, (size_t)(span->bytes - n), span->offset + n);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            enum rc rc = got ? err_from_errno(e, errno, "artifact file")
                             : err_set(e, RC_FATAL, "artifact file: it is shorter than it was");
            close(fd);
            return rc;
        }
        n += got > 0 ? got : 0;
    }
    close(fd);
    *out = (struct str){to, (size_t)span->bytes};
    return RC_OK;
}

static enum rc begin_file(struct sqlite_end *c, struct err *e)
{
    struct copied_file *f = arena_alloc(c->a, sizeof *f);
    f->name = arena_printf(c->a, "a%016llx", (unsigned long long)random_u64());
    c->fd = open(path_of(c, f->name, c->a), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->fd < 0) {
        return err_from_errno(e, errno, "files folder");
    }
    *c->last_file = f;
    c->last_file = &f->next;
    return RC_OK;
}

static enum rc sync_folder(struct sqlite_end *c, struct err *e)
{
    int fd = open(c->s->files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_bad = fd < 0 || fsync(fd) != 0;
    if (fd >= 0) {
        close(fd);
    }
    return is_bad ? err_set(e, RC_FATAL, "files folder: the flush failed") : RC_OK;
}

static enum rc end_file(struct sqlite_end *c, struct err *e)
{
    bool is_bad = fsync(c->fd) != 0 || FAULT("store.files.fsync");
    close(c->fd);
    c->fd = -1;
    return is_bad ? err_set(e, RC_FATAL, "artifact file: the flush failed") : sync_folder(c, e);
}

enum rc sqlite_copy_write_part(struct copy_end *base, const struct copy_value *artifact, int64_t offset,
                               struct str bytes, struct err *e)
{
    struct sqlite_end *c = (struct sqlite_end *)base;
    (void)artifact;
    enum rc rc = offset == 0 ? begin_file(c, e) : RC_OK;
    if (rc) {
        return rc;
    }
    return bytes.n ? buf_write_fd(c->fd, bytes, "artifact file", e) : end_file(c, e);
}

struct str sqlite_copy_take_file(struct sqlite_end *c)
{
    struct copied_file *f = c->files;
    c->files = f->next;
    return f->name;
}
