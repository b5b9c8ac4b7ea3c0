/* loop_children.h: child processes on a loop: start, watch, kill with all their descendants. On the loop's thread. */
#ifndef STINT_LOOP_LOOP_CHILDREN_H
#define STINT_LOOP_LOOP_CHILDREN_H

#include <sys/resource.h>
#include <sys/types.h>

#include "loop/loop_stream.h"

#define CHILD_FDS_MAX 8

struct child;

struct child_exit {
    int status;          /* exit code; 0 when a signal ended it */
    int signal;          /* the signal that ended it; 0 when it exited */
    struct rusage usage; /* of the child and the descendants it waited for */
};

struct child_options {
    const char *const *argv; /* ends with NULL; argv[0] without a slash is searched on this process's PATH */
    const char *const *envp; /* ends with NULL; NULL = the environment of this process */
    const char *cwd;         /* NULL = ours */
    /* fds[i] becomes descriptor i of the child; -1 = /dev/null. Every other descriptor is closed in the child.
     * They stay open, and yours, in this process: close the child's ends after the start. */
    int fds[CHILD_FDS_MAX];
    int fd_count; /* at least 3 */
    /* Called exactly once, on the loop, after the process was reaped; `c` is freed after it returns. */
    void (*on_exit)(void *ctx, struct child *c, const struct child_exit *x);
    void *ctx;
};

/* Starts the process as leader of a process group (and nothing else of ours: default signals, empty mask).
 * RC_NOT_FOUND: no such program or folder. RC_DENIED: not executable. Errors of exec are told here, not by on_exit. */
MUST_CHECK enum rc child_start(struct loop *l, const struct child_options *o, struct child **out,
                               struct err *e);
/* Sends the signal to the whole group. Safe until on_exit; no effect on processes that left the group. */
void child_kill_group(struct child *c, int signum);
/* Forgets the child: on_exit is not called, the process is still reaped when it ends. */
void child_detach(struct child *c);

/* A connected pair of Unix stream sockets, both close-on-exec; `ours` non-blocking (give it to stream_open), `theirs`
 * blocking (put it into child_options.fds). */
MUST_CHECK enum rc child_socket_pair(int *ours, int *theirs, struct err *e);

#endif
