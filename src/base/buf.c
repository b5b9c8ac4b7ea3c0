/* buf.c: see buf.h. The memory always has one byte more than `cap`, so that a terminator fits without growing. */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

#define FIRST_BYTES      ((size_t)256)
#define READ_CHUNK_BYTES ((size_t)64 << 10)

char *buf_grow(struct buf *b, size_t n)
{
    if (b->overflowed || n > b->max - b->n) {
        b->overflowed = true;
        return NULL;
    }
    size_t cap = b->cap > 0 ? b->cap : FIRST_BYTES;

    while (cap < b->n + n) {
        cap = cap <= b->max / 2 ? cap * 2 : b->max;
    }
    if (cap > b->max) {
        cap = b->max;
    }
    b->p = mem_grow(b->p, cap + 1);
    b->cap = cap;
    return b->p + b->n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    char small[256];
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);

    if (n > 0 && (size_t)n < sizeof small) {
        buf_append(b, small, (size_t)n);
    } else if (n > 0) {
        char *to = buf_reserve(b, (size_t)n);

        if (to) {
            vsnprintf(to, (size_t)n + 1, format, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
    va_end(args);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflowed = false;
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n > 0) {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
}

const char *buf_c_str(struct buf *b)
{
    if (!b->p) {
        return "";
    }
    b->p[b->n] = '\0';
    return b->p;
}

enum rc buf_check(const struct buf *b, const char *what, struct err *e)
{
    if (b->overflowed) {
        return err_set(e, RC_TOO_BIG, "%s is over the limit of %zu bytes", what, b->max);
    }
    return RC_OK;
}

void buf_dispose(struct buf *b)
{
    mem_free(b->p);
    *b = BUF_LIMIT(b->max);
}

struct str buf_give(struct buf *b, struct arena *a)
{
    struct str s = {mem_grow(b->p, b->n + 1), b->n};

    ((char *)(uintptr_t)s.p)[s.n] = '\0';
    arena_own(a, (void *)(uintptr_t)s.p, s.n + 1);
    *b = BUF_LIMIT(b->max);
    return s;
}

/* At the limit one more byte is asked for, to tell a file that ends here from one that goes on. */
static enum rc read_some(struct buf *b, int fd, size_t *got, struct err *e)
{
    char probe;
    size_t left = b->max - b->n;
    size_t want = left < READ_CHUNK_BYTES ? left : READ_CHUNK_BYTES;
    char *to = want > 0 ? buf_reserve(b, want) : &probe;

    if (!to) {
        return buf_check(b, "input", e);
    }
    for (;;) {
        ssize_t n = read(fd, to, want > 0 ? want : 1);

        if (n >= 0) {
            *got = (size_t)n;
            break;
        }
        if (errno != EINTR) {
            return err_from_errno(e, errno, "read");
        }
    }
    if (want == 0 && *got > 0) {
        return err_set(e, RC_TOO_BIG, "input is over the limit of %zu bytes", b->max);
    }
    b->n += *got;
    return RC_OK;
}

enum rc buf_read_fd(struct buf *b, int fd, struct err *e)
{
    size_t before = b->n;
    size_t got = 0;

    do {
        enum rc rc = read_some(b, fd, &got, e);

        if (rc) {
            b->n = before;
            return rc;
        }
    } while (got > 0);
    return RC_OK;
}

/* At once, and not copied again and again while it grows. Its size is a hint: what it is when it is read decides. */
static void make_room_for(struct buf *b, int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size + READ_CHUNK_BYTES < b->max - b->n) {
        (void)buf_reserve(b, (size_t)st.st_size + READ_CHUNK_BYTES);
    }
}

enum rc buf_read_file(struct buf *b, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_from_errno(e, errno, path);
    }
    make_room_for(b, fd);
    enum rc rc = buf_read_fd(b, fd, e);

    close(fd);
    if (rc) {
        err_wrap(e, rc, "%s", path);
    }
    return rc;
}

enum rc buf_write_fd(int fd, struct str text, const char *path, struct err *e)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            return err_from_errno(e, n ? errno : ENOSPC, path);
        }
        text = str_sub(text, n > 0 ? (size_t)n : 0, text.n);
    }
    return RC_OK;
}

enum rc buf_write_file(const char *path, struct str text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return err_from_errno(e, errno, path);
    }
    enum rc rc = buf_write_fd(fd, text, path, e);

    if (close(fd) && !rc) {
        rc = err_from_errno(e, errno, path);
    }
    return rc;
}
