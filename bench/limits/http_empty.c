/* http_empty.c: the machine's limit for HTTP: our own server with an empty application, on the port given (0 = any),
 * until SIGTERM. Prints the port. What a request costs beyond this is the engine's, not HTTP's. */
#include <signal.h>
#include <stdio.h>

#include "loop/loop.h"
#include "net/http_server.h"

static void on_request(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    (void)x;
}

static void on_body(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    http_respond(x, 200, STR("text/plain"), STR("ok"));
}

static void on_term(void *ctx, int signum)
{
    (void)signum;
    loop_stop(ctx);
}

int main(int argc, char **argv)
{
    struct loop *l = loop_new();
    struct http_server *s = NULL;
    int64_t port = 0;
    struct err e;

    if (argc > 1 && !str_to_i64(str_from(argv[1]), &port)) {
        return 2;
    }
    struct http_server_options o = {.port = (int)port, .app = {.on_request = on_request, .on_body = on_body}};
    if (http_server_start(l, &o, &s, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    printf("%d\n", http_server_port(s));
    fflush(stdout);
    loop_on_signal(l, SIGTERM, on_term, l);
    loop_run(l);
    http_server_free(s);
    loop_free(l);
    return 0;
}
