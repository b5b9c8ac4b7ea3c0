/* parse_process.c: start, ask, throw away. Runs inside a slot's child, which has no loop: plain blocking calls with a deadline. */
#include "worker/parse_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define HEADER_BYTES 4

static void put_length(unsigned char *to, size_t n)
{
    for (int i = 0; i < HEADER_BYTES; i++) {
        to[i] = (unsigned char)(n >> (8 * i));
    }
}

static size_t get_length(const unsigned char *from)
{
    size_t n = 0;
    for (int i = 0; i < HEADER_BYTES; i++) {
        n |= (size_t)from[i] << (8 * i);
    }
    return n;
}

static enum rc start(struct parse_process *p, const char *kind, struct err *e)
{
    int pair[2];
    char *const argv[] = {(char *)"stint", (char *)"parse-child", (char *)kind, NULL};
    char *const envp[] = {(char *)"LANG=C.UTF-8", NULL}; /* nothing of ours: no key, no secret */
    posix_spawn_file_actions_t files;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return err_from_errno(e, errno, "socketpair");
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pair[1], 0);
    posix_spawn_file_actions_adddup2(&files, pair[1], 1);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    int failed = posix_spawn(&p->pid, "/proc/self/exe", &files, NULL, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    close(pair[1]);
    if (failed) {
        close(pair[0]);
        p->pid = 0;
        return err_from_errno(e, failed, "start of the parse process");
    }
    p->fd = pair[0];
    return RC_OK;
}

void parse_process_stop(struct parse_process *p)
{
    if (!p->pid) {
        return;
    }
    (void)kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(p->fd);
    *p = (struct parse_process){0};
}

/* RC_BUSY: the deadline came first. */
static enum rc wait_for(int fd, short events, int64_t deadline_us, struct err *e)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_mono_us();
        struct pollfd p = {.fd = fd, .events = events};
        int n = left_us > 0 ? poll(&p, 1, (int)((left_us + 999) / 1000)) : 0;
        if (n == 0) {
            return err_set(e, RC_BUSY, "the parser ran out of time");
        }
        if (n > 0) {
            return RC_OK;
        }
        if (errno != EINTR) {
            return err_from_errno(e, errno, "poll");
        }
    }
}

static enum rc send_all(int fd, const void *bytes, size_t n, int64_t deadline_us, struct err *e)
{
    const char *p = bytes;
    while (n) {
        enum rc rc = wait_for(fd, POLLOUT, deadline_us, e);
        if (rc) {
            return rc;
        }
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (sent < 0) {
            return err_set(e, RC_FATAL, "the parse process died");
        }
        p += sent;
        n -= (size_t)sent;
    }
    return RC_OK;
}

static enum rc receive_all(int fd, void *bytes, size_t n, int64_t deadline_us, struct err *e)
{
    char *p = bytes;
    while (n) {
        enum rc rc = wait_for(fd, POLLIN, deadline_us, e);
        if (rc) {
            return rc;
        }
        ssize_t got = recv(fd, p, n, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got <= 0) {
            return err_set(e, RC_FATAL, "the parse process died");
        }
        p += got;
        n -= (size_t)got;
    }
    return RC_OK;
}

static enum rc exchange(int fd, struct str request, int64_t deadline_us, enum rc *verdict, struct buf *answer,
                        struct err *e)
{
    unsigned char head[HEADER_BYTES + 1];
    put_length(head, request.n);
    enum rc rc = send_all(fd, head, HEADER_BYTES, deadline_us, e);
    if (!rc) {
        rc = send_all(fd, request.p, request.n, deadline_us, e);
    }
    if (!rc) {
        rc = receive_all(fd, head, HEADER_BYTES + 1, deadline_us, e);
    }
    if (rc) {
        return rc;
    }
    size_t n = get_length(head);
    char *room = n <= PARSE_FRAME_MAX_BYTES ? buf_reserve(answer, n) : NULL;
    if (!room) {
        return err_set(e, RC_FATAL, "the parse process answered %zu bytes, over its limit", n);
    }
    rc = receive_all(fd, room, n, deadline_us, e);
    if (!rc) {
        answer->n += n;
        *verdict = head[HEADER_BYTES];
    }
    return rc;
}

enum rc parse_process_ask(struct parse_process *p, const char *kind, struct str request, int64_t timeout_ms,
                          struct buf *answer, struct err *e)
{
    enum rc verdict = RC_OK;
    if (request.n > PARSE_FRAME_MAX_BYTES) {
        return err_set(e, RC_TOO_BIG, "%zu bytes are over the parser's limit", request.n);
    }
    if (!p->pid) {
        enum rc rc = start(p, kind, e);
        if (rc) {
            return rc;
        }
    }
    size_t before = answer->n;
    enum rc rc = exchange(p->fd, request, clock_mono_us() + timeout_ms * 1000, &verdict, answer, e);
    if (rc) {
        parse_process_stop(p);
        return rc;
    }
    if (verdict) {
        err_set(e, verdict, "%.*s", (int)(answer->n - before), answer->p + before);
        answer->n = before;
    }
    return verdict;
}

/* ---- the process itself: blocking, no deadline of its own ---- */

static bool read_whole(void *bytes, size_t n)
{
    char *p = bytes;
    while (n) {
        ssize_t got = read(0, p, n);
        if (got <= 0) {
            return false;
        }
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool write_whole(const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t put = write(1, p, n);
        if (put <= 0) {
            return false;
        }
        p += put;
        n -= (size_t)put;
    }
    return true;
}

int parse_process_serve(enum rc (*parse)(struct str request, struct buf *answer, struct err *e))
{
    unsigned char head[HEADER_BYTES + 1];
    struct buf request = BUF_LIMIT(PARSE_FRAME_MAX_BYTES);
    struct buf answer = BUF_LIMIT(PARSE_FRAME_MAX_BYTES);

    while (read_whole(head, HEADER_BYTES)) {
        size_t n = get_length(head);
        buf_clear(&request);
        buf_clear(&answer);
        char *room = buf_reserve(&request, n);
        if (!room || !read_whole(room, n)) {
            break;
        }
        request.n = n;
        struct err err = {0};
        enum rc rc = parse(buf_str(&request), &answer, &err);
        if (!rc) {
            rc = buf_check(&answer, "the parser's answer", &err);
        }
        if (rc) {
            buf_clear(&answer);
            buf_append_c(&answer, err.text);
        }
        put_length(head, answer.n);
        head[HEADER_BYTES] = (unsigned char)rc;
        if (!write_whole(head, sizeof(head)) || !write_whole(answer.p, answer.n)) {
            break;
        }
    }
    buf_dispose(&request);
    buf_dispose(&answer);
    return 0;
}
