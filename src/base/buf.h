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

void buf_append(struct buf *b, const void *bytes, size_t n);
void buf_append_str(struct buf *b, struct str s);
void buf_append_c(struct buf *b, const char *c_string);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes at b->p + b->n (the caller then raises b->n); NULL when over the limit. */
char *buf_reserve(struct buf *b, size_t n);
void buf_clear(struct buf *b);                /* empties, keeps the memory, forgets an overflow */
void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */
struct str buf_str(const struct buf *b);      /* borrowed until the next change of b */
const char *buf_c_str(struct buf *b);         /* as buf_str, terminated; "" when empty */
MUST_CHECK enum rc buf_check(const struct buf *b, const char *what,
                             struct err *e); /* RC_TOO_BIG after an overflow */
void buf_dispose(struct buf *b);             /* frees; b may be used again */
/* Its bytes, terminated, which belong to the arena now, without a copy; b is empty. For what is large. */
struct str buf_give(struct buf *b, struct arena *a);
/* Reads the rest of fd, or a whole file. RC_TOO_BIG over b->max. */
MUST_CHECK enum rc buf_read_fd(struct buf *b, int fd, struct err *e);
MUST_CHECK enum rc buf_read_file(struct buf *b, const char *path, struct err *e);

#endif
