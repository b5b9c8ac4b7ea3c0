/* scripted_server.c: see scripted_server.h. */
#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static void serve_one(struct scripted *s, int fd)
{
    struct buf request = BUF_LIMIT(1 << 20);
    char bytes[4096];
    ssize_t n = 1;
    while (n > 0 && str_find(buf_str(&request), STR("\r\n\r\n"), 0) == request.n) {
        n = read(fd, bytes, sizeof bytes);
        buf_append(&request, bytes, n > 0 ? (size_t)n : 0);
    }
    buf_append_str(&s->seen, buf_str(&request));
    for (const struct script *line = s->script; line->path; line++) {
        struct buf wanted = BUF_LIMIT(1000);
        buf_printf(&wanted, " %s HTTP/1.1\r\n", line->path);
        bool is_it = str_find(buf_str(&request), buf_str(&wanted), 0) < request.n;
        buf_dispose(&wanted);
        if (is_it && line->answer && *line->answer) {
            (void)!send(fd, line->answer, line->bytes ? line->bytes : strlen(line->answer), MSG_NOSIGNAL);
        } else if (is_it && line->answer) {
            (void)!read(fd, bytes, sizeof bytes);
        }
    }
    buf_dispose(&request);
    close(fd);
}

static void *serve(void *arg)
{
    struct scripted *s = arg;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        serve_one(s, fd);
    }
}

void scripted_start(struct scripted *s, const struct script *script)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof in;
    *s = (struct scripted){.script = script, .seen = BUF_LIMIT(1 << 20)};
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(s->fd, (struct sockaddr *)&in, sizeof in), 0);
    CHECK_INT(listen(s->fd, 16), 0);
    CHECK_INT(getsockname(s->fd, (struct sockaddr *)&in, &bytes), 0);
    s->port = ntohs(in.sin_port);
    CHECK_INT(pthread_create(&s->thread, NULL, serve, s), 0);
}

void scripted_stop(struct scripted *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    buf_dispose(&s->seen);
}
