/* bench_slow.c: readers of a stream that take one byte a second, on plain sockets with small buffers. */
#include "cmd/bench_slow.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

#define RECEIVE_BYTES 4096 /* what the kernel takes in for it, about */

/* Of "http://127.0.0.1:7420". */
static enum rc dial(struct str url, int *out, struct err *e)
{
    char host[256], port[16];
    size_t at = str_find(url, STR("://"), 0) + 3;
    size_t colon = url.n;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const int bytes = RECEIVE_BYTES;

    while (colon > at && url.p[colon - 1] != ':') {
        colon--;
    }
    str_copy(port, sizeof port, str_sub(url, colon, url.n));
    str_copy(host, sizeof host, str_sub(url, at, colon - 1));
    if (colon <= at || getaddrinfo(host, port, &hints, &found)) {
        return err_set(e, RC_INVALID,
                       "--slow needs a server by its address and port, as http://127.0.0.1:7420");
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0 &&
              connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!ok) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_from_errno(e, errno, "connect a slow reader");
    }
    *out = fd;
    return RC_OK;
}

enum rc slow_reader_open(struct slow_reader *r, struct str url, struct str path, const char *authorization,
                         struct err *e)
{
    char ask[1024];
    size_t n = str_print(ask, sizeof ask, "GET %.*s HTTP/1.1\r\nHost: bench\r\nAuthorization: %s\r\n\r\n",
                         STR_ARG(path), authorization);
    enum rc rc = dial(url, &r->fd, e);

    if (rc) {
        return rc;
    }
    if (write(r->fd, ask, n) != (ssize_t)n || fcntl(r->fd, F_SETFL, O_NONBLOCK)) {
        slow_reader_close(r);
        return err_from_errno(e, errno, "ask as a slow reader");
    }
    return RC_OK;
}

bool slow_reader_take_byte(struct slow_reader *r)
{
    int why = 0;
    socklen_t n = sizeof why;
    char byte;

    if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0 && why == 0) {
        ssize_t got = recv(r->fd, &byte, 1, 0);
        if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
            return true;
        }
    }
    slow_reader_close(r);
    return false;
}

void slow_reader_close(struct slow_reader *r)
{
    if (r->fd >= 0) {
        (void)close(r->fd);
    }
    r->fd = -1;
}
