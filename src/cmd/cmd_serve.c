/* cmd_serve.c: stint serve: opens the store, listens, and runs until it is told to stop.
 *
 * The way down (J16): the first SIGTERM or SIGINT begins the drain: claims end, enqueues are refused, streams get their last
 * event, requests that run are answered; when the last connection has gone and the store has nothing left to do, exit 0. At
 * the end of --drain what is left is cut: nothing acknowledged is lost by that, the store has it. A second signal ends the
 * process at once. A store that is lost (J17) ends it with 1: nothing could be acknowledged any more. So does one that a newer
 * release has taken over, by a drain in which every write is refused. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/dev_key.h"
#include "wire/wire.h"

#define LEAVE_MS 2000

struct server {
    const struct options *o;
    struct loop *loop;
    struct queue *queue;
    struct api *api;
    struct loop_timer drain_over, leave;
    bool is_draining, is_api_gone;
    int exit_code;
};

/* ------------------------------------------------------------------ the way down */

static void on_idle(void *ctx)
{
    struct server *s = ctx;

    log_info("server.stopped", L_INT("exit", s->exit_code));
    loop_stop(s->loop);
}

static void on_api_gone(void *ctx)
{
    struct server *s = ctx;

    s->is_api_gone = true;
    queue_drain(s->queue, on_idle, s); /* what the last requests gave to the store is still to come */
}

static void on_drain_over(struct loop_timer *t)
{
    struct server *s = LOOP_OWNER(t, struct server, drain_over);

    log_warn("server.drain_cut", L_INT("in_flight", queue_metrics(s->queue).ops_in_flight));
    _exit(s->exit_code); /* connections are still open: the kernel closes them; the store needs no goodbye */
}

static void begin_drain(struct server *s, int signum)
{
    s->is_draining = true;
    log_info("server.draining", L_INT("signal", signum), L_INT("limit_ms", options_int(s->o, "drain")));
    timer_start(s->loop, &s->drain_over, options_int(s->o, "drain"));
    queue_drain(s->queue, NULL, NULL);
    api_drain(s->api, on_api_gone, s);
}

static void on_signal(void *ctx, int signum)
{
    struct server *s = ctx;

    if (s->is_draining) {
        log_warn("server.killed", L_INT("signal", signum));
        _exit(EXIT_FAILED);
    }
    begin_drain(s, signum);
}

static void on_leave(struct loop_timer *t)
{
    struct server *s = LOOP_OWNER(t, struct server, leave);

    if (!s->is_draining) {
        begin_drain(s, 0);
    }
}

/* The door stays open for a moment, so that who asks /readyz is told before nobody answers. */
static void on_over(void *ctx)
{
    struct server *s = ctx;

    s->exit_code = EXIT_FAILED;
    queue_drain(s->queue, NULL, NULL);
    timer_start(s->loop, &s->leave, LEAVE_MS);
}

static void on_fatal(void *ctx, const struct err *e)
{
    (void)ctx;
    log_error("server.fatal", L_C("error", e->text));
    _exit(EXIT_FAILED); /* J17: whoever waits for an answer must not get one */
}

/* ------------------------------------------------------------------ the way up */

/* "127.0.0.1:7420", "[::1]:0", "localhost:80" */
static enum rc parse_address(struct str text, struct str *host, int *port, struct err *e)
{
    size_t colon = text.n;
    int64_t number = -1;

    while (colon > 0 && text.p[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !str_to_i64(str_sub(text, colon, text.n), &number) || number < 0 || number > 65535) {
        return err_set(e, RC_INVALID, "--listen: '%.*s' is not HOST:PORT", STR_ARG(text));
    }
    *host = str_sub(text, 0, colon - 1);
    if (host->n > 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
        *host = str_sub(*host, 1, host->n - 1);
    }
    *port = (int)number;
    return RC_OK;
}

/* Written beside and renamed, so that who waits for the file never reads half of it. */
static enum rc write_file(const char *path, const char *text, struct err *e)
{
    char temp[4096];
    enum rc rc;

    str_print(temp, sizeof temp, "%s.%d", path, (int)getpid());
    const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        return err_from_errno(e, errno, temp);
    }
    rc = buf_write_fd(fd, str_from(text), temp, e);
    close(fd);
    if (!rc && rename(temp, path) != 0) {
        rc = err_from_errno(e, errno, path);
    }
    return rc;
}

static enum rc open_queue(struct server *s, struct err *e)
{
    const struct options *o = s->o;
    const struct queue_options qo = {.loop = s->loop,
                                     .store_url = options_str(o, "store").p,
                                     .store_unsafe = options_flag(o, "store-unsafe"),
                                     .listen_dsn = options_str(o, "store-listen").p,
                                     .prune_every_ms = options_int(o, "prune-every"),
                                     .claim_wait_max_ms = options_int(o, "claim-wait"),
                                     .max_waiting_claims = options_int(o, "max-waiting-claims"),
                                     .progress_every_ms = options_int(o, "progress-every"),
                                     .read_plan = wire_plan_parse,
                                     .read_filling = wire_filling_parse};
    enum rc rc = queue_open(&s->queue, &qo, e);

    if (rc) {
        return rc;
    }
    queue_on_fatal(s->queue, on_fatal, s);
    queue_on_over(s->queue, on_over, s);
    return RC_OK;
}

/* As a browser writes them (RFC 6454, 6.2): nothing else would ever match. */
static enum rc check_origins(const struct str *origins, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct str host = str_starts(origins[i], STR("https://"))  ? str_sub(origins[i], 8, origins[i].n)
                          : str_starts(origins[i], STR("http://")) ? str_sub(origins[i], 7, origins[i].n)
                                                                   : STR("");
        bool is_plain = host.n > 0;

        for (size_t k = 0; k < host.n; k++) {
            const char c = host.p[k];
            is_plain = is_plain && c > ' ' && c < 127 && !strchr("/\\?#@*,", c) && !(c >= 'A' && c <= 'Z');
        }
        if (!is_plain) {
            return err_set(e, RC_INVALID,
                           "--allow-origin: '%.*s' is not SCHEME://HOST[:PORT] in small letters, as "
                           "https://app.example.org",
                           STR_ARG(origins[i]));
        }
    }
    return RC_OK;
}

static enum rc start_api(struct server *s, struct err *e)
{
    const struct options *o = s->o;
    const struct str *origins = NULL;
    const size_t origin_count = options_list(o, "allow-origin", &origins);
    struct api_options ao = {.streams_per_key = options_int(o, "max-streams"),
                             .event_heartbeat_ms = options_int(o, "event-heartbeat"),
                             .index_query_ms = options_int(o, "index-timeout"),
                             .origins = origins,
                             .origin_count = origin_count,
                             .limits = {.body_bytes = (size_t)options_int(o, "max-body"),
                                        .connections = (size_t)options_int(o, "max-connections"),
                                        .head_ms = options_int(o, "head-timeout"),
                                        .body_ms = options_int(o, "body-timeout"),
                                        .idle_ms = options_int(o, "idle-timeout")}};
    enum rc rc = parse_address(options_str(o, "listen"), &ao.host, &ao.port, e);

    rc = rc ? rc : check_origins(origins, origin_count, e);
    return rc ? rc : api_start(s->loop, s->queue, &ao, &s->api, e);
}

static void print_url(const struct server *s, char *to, size_t size)
{
    struct str host = STR_NONE;
    int port = 0;

    if (parse_address(options_str(s->o, "listen"), &host, &port, NULL)) {
        return; /* not after it listens there */
    }
    const bool is_v6 = str_find_char(host, ':', 0) < host.n;

    str_print(to, size, "http://%s%.*s%s:%d", is_v6 ? "[" : "", STR_ARG(host), is_v6 ? "]" : "",
              api_port(s->api));
}

/* Only now may others be told: they may connect the moment they read it. */
static void tell_ready(void *ctx, enum rc rc, const struct err *e)
{
    struct server *s = ctx;
    const struct str port_file = options_str(s->o, "port-file");
    struct err why = *e;
    char url[300] = "", store[4096] = "";

    print_url(s, url, sizeof url);
    if (!rc && port_file.n > 0) {
        rc = write_file(port_file.p, url, &why);
    }
    if (rc) {
        s->exit_code = command_fail(s->o, EXIT_FAILED, "%s", why.text);
        loop_stop(s->loop);
        return;
    }
    mem_give_back(); /* what opening the store took: 0.6 MiB of an idle server's 15 */
    store_print_url(options_str(s->o, "store").p, store, sizeof store);
    log_info("server.ready", L_C("url", url), L_C("store", store), L_INT("pid", getpid()));
}

static void get_ready(struct server *s)
{
    struct err none = {0};
    char url[300] = "";

    if (!options_is_given(s->o, "dev-file")) {
        tell_ready(s, RC_OK, &none);
        return;
    }
    print_url(s, url, sizeof url);
    dev_key_provide(s->loop, s->queue, options_str(s->o, "dev-file").p, url, tell_ready, s);
}

static enum rc start(struct server *s, struct err *e)
{
    enum log_level level;

    if (!log_level_parse(options_str(s->o, "log-level"), &level)) {
        return err_set(e, RC_INVALID, "--log-level: debug, info, warn or error");
    }
    log_set_level(level);
    s->loop = loop_new();
    s->drain_over.run = on_drain_over;
    s->leave.run = on_leave;
    enum rc rc = open_queue(s, e);

    rc = rc ? rc : start_api(s, e);
    if (rc) {
        return rc;
    }
    loop_on_signal(s->loop, SIGTERM, on_signal, s);
    loop_on_signal(s->loop, SIGINT, on_signal, s);
    get_ready(s);
    return RC_OK;
}

int cmd_serve(const struct options *o)
{
    struct server s = {.o = o, .exit_code = EXIT_OK};
    struct err e = {0};
    command_end_with_parent();
    mem_keep_some();
    enum rc rc = start(&s, &e);

    if (!rc) {
        loop_run(s.loop);
    }
    api_stop(s.api);
    queue_close(s.queue);
    loop_free(s.loop);
    if (rc) {
        return command_fail(o, command_exit_code(rc), "%s", e.text);
    }
    return s.exit_code;
}
