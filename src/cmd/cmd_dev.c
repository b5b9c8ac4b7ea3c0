/* cmd_dev.c: everything for development in one command: a server, a supervisor of workers, and a key in a private file where every
 * other command finds it. It is a parent of ordinary processes (`stint serve --dev-file`, `stint work`) and can do nothing
 * that they cannot. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "client/config.h"
#include "cmd/command.h"
#include "cmd/term.h"
#include "loop/loop_children.h"

#define PROGRAM   "/proc/self/exe"
#define WORDS_MAX 160

#define COMMAND_PARENT "STINT_DEV_PID"

struct dev {
    const struct options *o;
    struct loop *loop;
    struct child *server, *worker;
    struct stream *log; /* of the server: its ready line is the signal to go on */
    struct buf line;
    bool is_ready, is_stopping;
    int code;
};

struct words {
    const char *v[WORDS_MAX];
    size_t count;
};

static void add(struct words *w, const char *word)
{
    if (w->count < WORDS_MAX - 1) {
        w->v[w->count++] = word;
        w->v[w->count] = NULL;
    }
}

static void add_option(struct words *w, const struct dev *d, const char *flag, const char *name)
{
    struct str value = options_str(d->o, name);
    if (value.n) {
        add(w, flag);
        add(w, value.p);
    }
}

static void add_list(struct words *w, const struct dev *d, const char *flag, const char *name)
{
    const struct str *list = NULL;
    size_t count = options_list(d->o, name, &list);
    for (size_t i = 0; i < count; i++) {
        add(w, flag);
        add(w, list[i].p);
    }
}

/* ---- the end: workers first, so that they can still report ---- */

static void stop_next(struct dev *d)
{
    d->is_stopping = true;
    if (d->worker) {
        child_kill_group(d->worker, SIGTERM);
    } else if (d->server) {
        child_kill_group(d->server, SIGTERM);
    } else {
        loop_stop(d->loop);
    }
}

static void on_signal(void *ctx, int signum)
{
    struct dev *d = ctx;
    bool is_second = d->is_stopping;
    (void)signum;
    stop_next(d);
    if (is_second && d->server) { /* impatient: both end now */
        child_kill_group(d->server, SIGTERM);
    }
}

static void on_server_exit(void *ctx, struct child *c, const struct child_exit *x)
{
    struct dev *d = ctx;
    (void)c;
    d->server = NULL;
    if (!d->is_stopping) { /* it has said why */
        d->code = x->status ? x->status : EXIT_FAILED;
    }
    stop_next(d);
}

static void on_worker_exit(void *ctx, struct child *c, const struct child_exit *x)
{
    struct dev *d = ctx;
    (void)c;
    d->worker = NULL;
    if (!d->is_stopping) {
        d->code = x->status ? x->status : EXIT_FAILED;
    }
    stop_next(d);
}

/* ---- the start ---- */

static enum rc start_worker(struct dev *d, struct err *e)
{
    struct client_config config;
    struct words w = {.count = 0};
    char folder[4096];
    enum rc rc = client_config_load_file(options_str(d->o, "dev-file").p, &config, e);
    if (rc) {
        return rc;
    }
    if (setenv("STINT_URL", config.url, 1) ||
        setenv("STINT_KEY", config.key, 1)) { /* not argv: that is public */
        return err_set(e, RC_FATAL, "no memory for the environment");
    }
    add(&w, PROGRAM);
    add(&w, "work");
    add_option(&w, d, "--slots", "slots");
    add_option(&w, d, "--scratch", "scratch");
    add_option(&w, d, "--providers", "providers");
    add_list(&w, d, "--queue", "queue");
    add_list(&w, d, "--exec", "exec");
    add_list(&w, d, "--allow-path", "allow-path");
    add_list(&w, d, "--allow-net", "allow-net");
    if (options_flag(d->o, "allow-no-robots")) {
        add(&w, "--allow-no-robots");
    }
    if (getcwd(folder, sizeof(folder))) { /* on one's own machine, what is below this folder is one's own */
        add(&w, "--allow-path");
        add(&w, folder);
    }
    struct child_options o = {
        .argv = w.v, .fds = {-1, 2, 2}, .fd_count = 3, .on_exit = on_worker_exit, .ctx = d};
    rc = child_start(d->loop, &o, &d->worker, e);
    if (!rc) {
        (void)printf("stint is ready at %s (key in %s). Ctrl-C stops it.\n", config.url,
                     options_str(d->o, "dev-file").p);
        (void)fflush(stdout);
    }
    return rc;
}

static void take_line(struct dev *d, struct str line)
{
    struct err e = {0};
    (void)!write(STDERR_FILENO, line.p, line.n);
    if (!d->is_ready && str_find(line, STR(" server.ready "), 0) < line.n) {
        d->is_ready = true;
        if (start_worker(d, &e)) {
            d->code = command_fail(d->o, EXIT_FAILED, "%s", e.text);
            stop_next(d);
        }
    }
}

static void on_log(void *ctx, struct str bytes)
{
    struct dev *d = ctx;
    buf_append_str(&d->line, bytes);
    for (;;) {
        struct str all = buf_str(&d->line);
        size_t end = str_find_char(all, '\n', 0);
        if (end >= all.n) {
            break;
        }
        take_line(d, str_sub(all, 0, end + 1));
        buf_drop_front(&d->line, end + 1);
    }
}

static void on_log_end(void *ctx, enum stream_end why)
{
    (void)ctx;
    (void)why; /* on_server_exit tells more */
}

static enum rc start_server(struct dev *d, struct err *e)
{
    static const struct stream_handler handler = {on_log, on_log_end, NULL};
    struct words w = {.count = 0};
    int ours = -1;
    int theirs = -1;
    add(&w, PROGRAM);
    add(&w, "serve");
    add_option(&w, d, "--store", "store");
    if (options_flag(d->o, "store-unsafe")) {
        add(&w, "--store-unsafe");
    }
    add_option(&w, d, "--listen", "listen");
    add_option(&w, d, "--dev-file", "dev-file");
    add_option(&w, d, "--log-level", "log-level");
    add_list(&w, d, "--allow-origin", "allow-origin");
    enum rc rc = child_socket_pair(&ours, &theirs, e);
    if (rc) {
        return rc;
    }
    struct child_options o = {
        .argv = w.v, .fds = {-1, 1, theirs}, .fd_count = 3, .on_exit = on_server_exit, .ctx = d};
    rc = child_start(d->loop, &o, &d->server, e);
    (void)close(theirs);
    if (rc) {
        (void)close(ours);
        return rc;
    }
    rc = stream_open(d->loop, ours, &d->log, e);
    if (!rc) {
        stream_set_handler(d->log, &handler, d);
        stream_read_start(d->log);
    }
    return rc;
}

/* The parts of dev are told whose they are, and end with it, however it ends. */
static void name_parent(void)
{
    char pid[24];
    str_print(pid, sizeof(pid), "%lld", (long long)getpid());
    (void)setenv(COMMAND_PARENT, pid, 1);
}

void command_end_with_parent(void)
{
    int64_t pid = 0;
    if (!str_to_i64(str_from(getenv(COMMAND_PARENT)), &pid)) {
        return;
    }
    (void)unsetenv(COMMAND_PARENT);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != pid) { /* it was faster */
        (void)raise(SIGTERM);
    }
}

int cmd_dev(const struct options *o)
{
    struct dev d = {.o = o, .loop = loop_new(), .line = BUF_LIMIT(64 << 10)};
    struct err e = {0};
    struct sigaction hangup;
    loop_on_signal(d.loop, SIGINT, on_signal, &d);
    loop_on_signal(d.loop, SIGTERM, on_signal, &d);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) { /* not under nohup */
        loop_on_signal(d.loop, SIGHUP, on_signal, &d);
    }
    name_parent();
    if (start_server(&d, &e)) {
        d.code = command_fail(o, EXIT_FAILED, "%s", e.text);
        stop_next(&d);
    }
    if (d.server) {
        loop_run(d.loop);
    }
    stream_close(d.log);
    loop_free(d.loop);
    buf_dispose(&d.line);
    return d.code;
}
