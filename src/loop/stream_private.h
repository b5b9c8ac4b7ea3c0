/* stream_private.h: the inside of a stream, for the files that make streams. */
#ifndef STINT_LOOP_STREAM_PRIVATE_H
#define STINT_LOOP_STREAM_PRIVATE_H

#include "loop/loop_private.h"
#include "loop/loop_stream.h"

struct stream {
    struct handle_owner owner; /* first: the libuv handle's data points here */
    struct loop *loop;
    const struct stream_handler *handler;
    void *ctx;
    uv_write_t *write; /* only while a write is on its way */
    bool is_reading, has_ended, is_closed;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

struct stream *stream_new_tcp(struct loop *l);

#endif
