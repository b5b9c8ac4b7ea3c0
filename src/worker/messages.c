/* messages.c: lines in, lines out. */
#include "worker/messages.h"

#include <errno.h>
#include <sys/socket.h>

bool message_next(const struct buf *in, struct str *line, size_t *used)
{
    struct str all = buf_str(in);
    size_t end = str_find_char(all, '\n', 0);
    if (end >= all.n) {
        return false;
    }
    *line = str_sub(all, 0, end);
    *used = end + 1;
    return true;
}

void message_end_line(struct buf *line)
{
    for (size_t i = 0; (i = str_find_char(buf_str(line), '\n', i)) < line->n;) {
        line->p[i] = ' ';
    }
    buf_append_char(line, '\n');
}

enum rc message_send(int fd, struct str line, struct err *e)
{
    while (line.n) {
        ssize_t n = send(fd, line.p, line.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set(e, RC_BUSY, "the supervisor is gone");
        }
        line = str_sub(line, (size_t)n, line.n);
    }
    return RC_OK;
}
