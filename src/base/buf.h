/* buf.h: bytes that grow, owned by whoever declared the buf. Has a limit from the start, because its size is
 * usually chosen by a stranger. Going over the limit sets `overflowed`, drops the bytes and every later append:
 * write freely, check once at the end. */
#ifndef STINT_BASE_BUF_H
#define STINT_BASE_BUF_H

#include "base/str.h"

struct arena;

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflowed;
};

#define BUF_LIMIT(limit_bytes) ((struct buf){.max = (limit_bytes)})

char *buf_grow(struct buf *b, size_t n); /* the rare half of buf_reserve */

/* Room for n more bytes at b->p + b->n (the caller then raises b->n); NULL when over the limit. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    bool has_room = n <= b->cap - b->n && !b->overflowed && b->p;
    return has_room ? b->p + b->n : buf_grow(b, n);
}

static inline void buf_append(struct buf *b, const void *bytes, size_t n)
{
    char *to = n > 0 ? buf_reserve(b, n) : NULL;

    if (to) {
        memcpy(to, bytes, n);
        b->n += n;
    }
}

static inline void buf_append_str(struct buf *b, struct str s)
{
    buf_append(b, s.p, s.n);
}

static inline void buf_append_c(struct buf *b, const char *c_string)
{
    buf_append_str(b, str_from(c_string));
}

static inline void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_clear(struct buf *b);                /* empties, keeps the memory, forgets an overflow */
void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */

static inline struct str buf_str(const struct buf *b) /* borrowed until the next change of b */
{
    return (struct str){b->p, b->n};
}

const char *buf_c_str(struct buf *b); /* as buf_str, terminated; "" when empty */
MUST_CHECK enum rc buf_check(const struct buf *b, const char *what,
                             struct err *e); /* RC_TOO_BIG after an overflow */
void buf_dispose(struct buf *b);             /* frees; b may be used again */
/* Its bytes, terminated, which belong to the arena now, without a copy; b is empty. For what is large. */
struct str buf_give(struct buf *b, struct arena *a);
/* Reads the rest of fd, or a whole file. RC_TOO_BIG over b->max. */
MUST_CHECK enum rc buf_read_fd(struct buf *b, int fd, struct err *e);
MUST_CHECK enum rc buf_read_file(struct buf *b, const char *path, struct err *e);
/* Writes all of the text, however many writes that takes; `path` is for the error's text. RC_FULL: the disk is, and a part of it stands there. */
MUST_CHECK enum rc buf_write_fd(int fd, struct str text, const char *path, struct err *e);
/* A file that has this text and nothing else, for its owner alone. It is not flushed. */
MUST_CHECK enum rc buf_write_file(const char *path, struct str text, struct err *e);

#endif
