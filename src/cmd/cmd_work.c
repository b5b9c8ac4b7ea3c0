/* cmd_work.c: the supervisor of workers, and the processes that it starts from this same program. */
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "net/address.h"
#include "net/url.h"
#include "worker/attempt.h"
#include "worker/worker.h"

#define LIST_MAX 64

static const char *const *names_of(const struct options *o, const char *option, const char **to)
{
    const struct str *list = NULL;
    size_t count = options_list(o, option, &list);
    for (size_t i = 0; i < count && i < LIST_MAX; i++) {
        to[i] = list[i].p;
    }
    to[count < LIST_MAX ? count : LIST_MAX] = NULL;
    return count ? to : NULL;
}

/* KIND=COMMAND, taken apart in a copy that lives in `a`. */
static enum rc read_execs(const struct options *o, struct arena *a, struct worker_options *w, struct err *e)
{
    const struct str *list = NULL;
    size_t count = options_list(o, "exec", &list);
    struct worker_exec *execs = arena_array(a, struct worker_exec, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct str command = STR_NONE;
        struct str kind = str_cut(list[i], '=', &command);
        if (!str_is_name(kind) || !command.n) {
            return err_set(e, RC_INVALID, "--exec %.*s: it is KIND=COMMAND", STR_ARG(list[i]));
        }
        execs[i] = (struct worker_exec){arena_c_str(a, kind), arena_c_str(a, command)};
    }
    w->execs = execs;
    w->exec_count = count;
    return RC_OK;
}

/* The lines of an option that may be given several times, one text: paths may hold blanks and colons. */
static struct worker_option join_lines(const struct options *o, const char *name, struct arena *a)
{
    const struct str *list = NULL;
    size_t count = options_list(o, name, &list);
    struct buf joined = BUF_LIMIT(64 << 10);
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&joined, list[i]);
        buf_append_char(&joined, '\n');
    }
    const struct worker_option option = {name, arena_c_str(a, buf_str(&joined))};
    buf_dispose(&joined);
    return option;
}

/* What a stranger's URL must not lead to although its network is allowed: the port of our own server. */
static struct worker_option own_port(const struct worker_options *w, struct arena *a)
{
    struct url url;
    bool is_url = url_parse(str_from(w->server.url), a, &url, NULL) == RC_OK;
    return (struct worker_option){"own-port", is_url ? arena_printf(a, "%d", url.port).p : ""};
}

/* What only handlers know the meaning of. The file's path is made absolute: they run in folders of their own. */
static enum rc read_handler_options(const struct options *o, struct arena *a, struct worker_options *w,
                                    struct err *e)
{
    struct address_rules rules = {.n = 0};
    struct worker_option *options = arena_array(a, struct worker_option, 5);
    const char *providers = options_str(o, "providers").p;
    options[0] = join_lines(o, "allow-path", a);
    options[1] = join_lines(o, "allow-net", a);
    options[2] = own_port(w, a);
    options[3] = (struct worker_option){"allow-no-robots", options_flag(o, "allow-no-robots") ? "1" : ""};
    w->options = options;
    w->option_count = 4;
    if (address_allow_all(&rules, str_from(options[1].value), e)) {
        return err_wrap(e, RC_INVALID, "--allow-net");
    }
    if (providers) {
        char *path = realpath(providers, NULL);
        if (!path) {
            return err_set(e, RC_INVALID, "--providers %s: there is no such file", providers);
        }
        options[w->option_count++] = (struct worker_option){"providers", arena_c_str(a, str_from(path))};
        free(path);
    }
    return RC_OK;
}

int cmd_work(const struct options *o)
{
    const char *queues[LIST_MAX + 1];
    const char *kinds[LIST_MAX + 1];
    struct arena *a = arena_new();
    struct err e = {0};
    struct worker_options w = {
        .queues = names_of(o, "queue", queues),
        .kinds = names_of(o, "kind", kinds),
        .slots = (int)options_int(o, "slots"),
        .name = options_str(o, "worker-name").p,
        .scratch_base = options_str(o, "scratch").p,
        .lease_ms = options_int(o, "lease"),
        .drain_ms = options_int(o, "drain"),
        .once = options_flag(o, "once"),
    };
    command_end_with_parent();
    enum rc rc = client_config_load(options_str(o, "url").p, options_str(o, "key").p, &w.server, &e);
    if (!rc) {
        rc = read_execs(o, a, &w, &e);
    }
    if (!rc) {
        rc = read_handler_options(o, a, &w, &e);
    }
    if (!rc) {
        rc = worker_run(&w, &e);
    }
    arena_free(a);
    return rc ? command_fail(o, command_exit_code(rc), "%s", e.text) : EXIT_OK;
}

int cmd_worker_child(const struct options *o)
{
    (void)o;
    return worker_child_main();
}

int cmd_parse_child(const struct options *o)
{
    return worker_parse_main(options_arg(o, 0).p);
}
