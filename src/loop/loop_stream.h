/* loop_stream.h: bytes in and out of a socket or pipe on a loop, without blocking: TCP connections (loop_tcp.h), pipes
 * and socket pairs to child processes (loop_children.h). On the loop's thread only. */
#ifndef STINT_LOOP_LOOP_STREAM_H
#define STINT_LOOP_LOOP_STREAM_H

#include "loop/loop.h"

struct stream;

/* Why a stream ended by itself. */
enum stream_end {
    STREAM_EOF,   /* the other side sends no more (it may still read) */
    STREAM_BROKEN /* reset or another error: nothing can be read or written any more */
};

struct stream_handler {
    /* Bytes came. They live in a buffer shared by the whole loop, until this function returns. */
    void (*on_read)(void *ctx, struct str bytes);
    /* Called at most once; the owner still has to close. Only while reading, or for a write that failed later. */
    void (*on_end)(void *ctx, enum stream_end why);
    /* The write that answered RC_BUSY is done: everything is with the kernel. */
    void (*on_written)(void *ctx);
};

/* Takes ownership of fd (a pipe, or a Unix or TCP socket; made non-blocking). */
MUST_CHECK enum rc stream_open(struct loop *l, int fd, struct stream **out, struct err *e);
/* Must be set before reading or writing; may be changed at any time. */
void stream_set_handler(struct stream *s, const struct stream_handler *h, void *ctx);
void stream_read_start(struct stream *s); /* again is fine */
void stream_read_stop(
    struct stream *s); /* bytes then wait in the kernel; an end of the stream is not noticed */

/* Writes the pieces in order, with one system call where possible. RC_OK: all of it is with the kernel. RC_BUSY: the
 * rest is on its way; the bytes (not the array) must stay until on_written or stream_close. RC_FATAL: broken, close.
 * While one write is on its way no other may be started. At most 64 pieces. */
MUST_CHECK enum rc stream_write(struct stream *s, const struct str *pieces, size_t count);
size_t stream_unsent_bytes(const struct stream *s);
/* Of a TCP stream: the kernel takes no more than about so many bytes that it has not sent yet, so that a reader which does not keep up
 * shows here, by RC_BUSY, and not as megabytes in the kernel. Best effort: a system that cannot goes on as before. */
void stream_limit_unsent(struct stream *s, int bytes);
/* Sends end of file after what was written; reading goes on. */
void stream_shutdown(struct stream *s);
/* Closes at once and frees; no callback comes any more, unsent bytes are dropped and no longer looked at. NULL is fine. */
void stream_close(struct stream *s);
/* stream_close, by a reset where it is TCP: what the kernel still holds for the other side is thrown away with it. */
void stream_reset(struct stream *s);

#endif
