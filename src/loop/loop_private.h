/* loop_private.h: what the files of this folder share. Nobody else includes it. */
#ifndef STINT_LOOP_LOOP_PRIVATE_H
#define STINT_LOOP_LOOP_PRIVATE_H

#include <stdatomic.h>
#include <uv.h>

#include "loop/loop.h"

#define LOOP_READ_BYTES  (64 * 1024)
#define LOOP_SIGNALS_MAX 16

struct child;

/* What every libuv handle's data points to, so that loop_free can close handles whose owners forgot them. */
struct handle_owner {
    void (*close)(struct handle_owner *o);
};

struct loop_signal {
    uv_signal_t uv;
    void (*run)(void *ctx, int signum);
    void *ctx;
    bool is_open;
};

struct loop {
    uv_loop_t uv;
    uv_timer_t timer;
    uv_async_t wake;
    uv_prepare_t before_sleep;
    uv_check_t after_sleep;

    struct loop_timer **heap; /* binary heap by due_at_ms; heap[0] is the earliest */
    size_t heap_count, heap_cap;
    int64_t armed_at_ms; /* what `timer` waits for; LOOP_NEVER when stopped */

    _Atomic(struct loop_task *) posted; /* newest first */
    struct loop_task *later, **later_end;
    _Atomic int64_t skipped_ms;
    _Atomic bool is_stopping;

    struct loop_signal signals[LOOP_SIGNALS_MAX];
    struct child *children;
    char *read_bytes; /* LOOP_READ_BYTES, lent to every stream in turn */
};

#define LOOP_NEVER INT64_MAX

/* Text of a libuv error into e, with the nearest rc. */
enum rc loop_uv_error(struct err *e, int uv_error, const char *what);

/* Frees what is known of children; they go on running. For loop_free. */
void children_forget(struct loop *l);

#endif
