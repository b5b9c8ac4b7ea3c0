/* parse_process.c: start, ask, throw away. Runs inside a slot's child, which has no loop: plain blocking calls with a deadline. */
#include "worker/parse_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define HEADER_BYTES 4
#define AHEAD_BYTES  ((size_t)16 << 10) /* read with a header: most frames need no second call */

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

/* Takes from the front of both what is on its way. */
static void drop_parts(struct iovec parts[2], size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t of_this = n < parts[i].iov_len ? n : parts[i].iov_len;
        parts[i].iov_base = (char *)parts[i].iov_base + of_this;
        parts[i].iov_len -= of_this;
        n -= of_this;
    }
}

/* Header and payload in one call: the other side wakes up once. */
static enum rc send_frame(int fd, struct str request, int64_t deadline_us, struct err *e)
{
    unsigned char head[HEADER_BYTES];
    struct iovec parts[] = {{head, sizeof head}, {(void *)(uintptr_t)request.p, request.n}};
    const struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    put_length(head, request.n);
    while (parts[0].iov_len + parts[1].iov_len) {
        ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            enum rc rc = wait_for(fd, POLLOUT, deadline_us, e);
            if (rc) {
                return rc;
            }
        } else if (sent < 0 && errno != EINTR) {
            return err_set(e, RC_FATAL, "the parse process died");
        }
        drop_parts(parts, sent > 0 ? (size_t)sent : 0);
    }
    return RC_OK;
}

/* What is there, at least a byte. */
static enum rc receive_some(int fd, struct iovec parts[2], int64_t deadline_us, size_t *got, struct err *e)
{
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    for (;;) {
        enum rc rc = wait_for(fd, POLLIN, deadline_us, e);
        if (rc) {
            return rc;
        }
        ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
        if (n > 0) {
            *got = (size_t)n;
            return RC_OK;
        }
        if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return err_set(e, RC_FATAL, "the parse process died");
        }
    }
}

static enum rc receive_all(int fd, struct iovec parts[2], size_t n, int64_t deadline_us, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t got = 0; n && !rc; n -= got < n ? got : n) {
        rc = receive_some(fd, parts, deadline_us, &got, e);
        drop_parts(parts, got);
    }
    return rc;
}

static enum rc receive_frame(int fd, int64_t deadline_us, enum rc *verdict, struct buf *answer, struct err *e)
{
    unsigned char head[HEADER_BYTES + 1];
    size_t ahead = answer->max - answer->n < AHEAD_BYTES ? answer->max - answer->n : AHEAD_BYTES;
    char *room = buf_reserve(answer, ahead);
    struct iovec parts[] = {{head, sizeof head}, {room, ahead}};
    enum rc rc = receive_all(fd, parts, sizeof head, deadline_us, e);
    if (rc) {
        return rc;
    }
    size_t n = get_length(head);
    size_t got = ahead - parts[1].iov_len;
    room = n >= got && n <= PARSE_FRAME_MAX_BYTES ? buf_reserve(answer, n)
                                                  : NULL; /* what has come moves with it */
    if (!room) {
        return err_set(e, RC_FATAL, "the parse process answered %zu bytes, over its limit", n);
    }
    struct iovec rest[] = {{room + got, n - got}, {NULL, 0}};
    rc = receive_all(fd, rest, n - got, deadline_us, e);
    if (!rc) {
        answer->n += n;
        *verdict = head[HEADER_BYTES];
    }
    return rc;
}

static enum rc exchange(int fd, struct str request, int64_t deadline_us, enum rc *verdict, struct buf *answer,
                        struct err *e)
{
    enum rc rc = send_frame(fd, request, deadline_us, e);
    return rc ? rc : receive_frame(fd, deadline_us, verdict, answer, e);
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

/* The next request; what has come behind it stays in `in`. */
static bool read_frame(struct buf *in, struct str *request)
{
    for (;;) {
        bool has_head = in->n >= HEADER_BYTES;
        size_t all = HEADER_BYTES + (has_head ? get_length((unsigned char *)in->p) : 0);
        if (has_head && in->n >= all) {
            *request = (struct str){in->p + HEADER_BYTES, all - HEADER_BYTES};
            return true;
        }
        size_t wanted = all - in->n > AHEAD_BYTES ? all - in->n : AHEAD_BYTES;
        char *room = buf_reserve(in, wanted);
        ssize_t got = room ? read(0, room, wanted) : 0;
        if (got <= 0) {
            return false;
        }
        in->n += (size_t)got;
    }
}

static bool write_frame(enum rc verdict, struct str answer)
{
    unsigned char head[HEADER_BYTES + 1];
    struct iovec parts[] = {{head, sizeof head}, {(void *)(uintptr_t)answer.p, answer.n}};
    put_length(head, answer.n);
    head[HEADER_BYTES] = (unsigned char)verdict;
    while (parts[0].iov_len + parts[1].iov_len) {
        ssize_t put = writev(1, parts, 2);
        if (put <= 0) {
            return false;
        }
        drop_parts(parts, (size_t)put);
    }
    return true;
}

int parse_process_serve(enum rc (*parse)(struct str request, struct buf *answer, struct err *e))
{
    struct buf in = BUF_LIMIT(HEADER_BYTES + PARSE_FRAME_MAX_BYTES + AHEAD_BYTES);
    struct buf answer = BUF_LIMIT(PARSE_FRAME_MAX_BYTES);
    struct str request;

    while (read_frame(&in, &request)) {
        struct err err = {0};
        buf_clear(&answer);
        enum rc rc = parse(request, &answer, &err);
        if (!rc) {
            rc = buf_check(&answer, "the parser's answer", &err);
        }
        if (rc) {
            buf_clear(&answer);
            buf_append_c(&answer, err.text);
        }
        if (!write_frame(rc, buf_str(&answer))) {
            break;
        }
        buf_drop_front(&in, HEADER_BYTES + request.n);
    }
    buf_dispose(&in);
    buf_dispose(&answer);
    return 0;
}
