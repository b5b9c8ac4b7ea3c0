/* main.c: the sub-commands of the program, one row each. Another one? Write cmd_NAME.c, declare its function in command.h,
 * add the row here, and describe it in docs/cli.md. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/term.h"

const struct command command_table[] = {
    {"dev", cmd_dev, "Server, workers and a key for development, in one", "",
     "store store-unsafe listen dev-file allow-origin slots scratch queue exec allow-path allow-net "
     "allow-no-robots providers "
     "log-level",
     NULL},
    {"serve", cmd_serve, "Runs the server", "",
     "store store-unsafe store-listen listen port-file dev-file drain log-level max-body max-connections "
     "max-waiting-claims "
     "max-streams allow-origin "
     "claim-wait "
     "event-heartbeat head-timeout body-timeout idle-timeout progress-every prune-every index-timeout",
     "SIGTERM or SIGINT: claims end, running requests and streams are finished, exit 0; a second one ends it "
     "at once.\n"},
    {"migrate", cmd_migrate, "Brings a store up to date, as a server does at its start", "",
     "store store-unsafe",
     "For people who let other rights change the schema than those that their servers have."},
    {"copy", cmd_copy, "Moves a whole store into a new one: from a file to PostgreSQL, or back", "",
     "from to store-unsafe",
     "No server may run on either. Ids, keys, leases and tokens stay good. What ends early, however, goes on "
     "when the\n"
     "same command is run again; no server starts on an unfinished copy. At the end all of it is read back "
     "and compared.\n"},
    {"keys", cmd_keys, "Makes, lists and revokes API keys", "create | ls | revoke ID",
     "store store-unsafe tenant name scopes queues expires url key json",
     "In a store that no server holds (--store), or through a server (--url, --key) with a key of scope "
     "admin.\n"
     "The key itself is printed once, by create, and cannot be shown again.\n"},
    {"enqueue", cmd_enqueue, "Enqueues a job", "KIND [ARGS]",
     "url key json queue group limit-key in-batch tag priority delay max-attempts timeout unique-key "
     "unique-for on-duplicate wait",
     "ARGS is one JSON value; - reads it from standard input. Prints the id; with --wait the result."},
    {"watch", cmd_watch, "Follows a job to its end", "ID", "url key json", NULL},
    {"ls", cmd_ls, "Lists jobs, newest first", "", "url key json state queue kind tag in-batch limit", NULL},
    {"show", cmd_show, "Shows all there is to know about a job", "ID", "url key json", NULL},
    {"cancel", cmd_cancel, "Cancels jobs", "ID...", "url key json", NULL},
    {"retry", cmd_retry, "Runs failed, cancelled or skipped jobs again", "ID...", "url key json", NULL},
    {"queues", cmd_queues, "Lists the queues; shows, changes, pauses or resumes one",
     "[show|set|pause|resume NAME]", "url key json age-step group-weight",
     "stint queues set mail --age-step 10m --group-weight user-42=3 --group-weight 'free-*=1'\n"},
    {"limit", cmd_limit, "Shows and changes limits of keys", "[list | set|show|pause|resume|delete KEY]",
     "url key json limit concurrency adaptive rate per burst for",
     "stint limit set provider:openai --concurrency 20 --rate 500 --per 1m\n"
     "KEY* is for all keys that begin so and have no limit of their own. set replaces the whole rule: what "
     "it does not name is without bound. A pause stays until it is resumed, or its time is over.\n"},
    {"schedule", cmd_schedule, "Shows and changes schedules",
     "[list | put NAME JSON | put NAME KIND [ARGS] | show|next|run|pause|resume|delete NAME]",
     "url key json limit cron tz every start end jitter overlap catch-up catch-up-window queue group "
     "limit-key tag priority "
     "delay "
     "max-attempts timeout",
     "stint schedule put nightly report '{\"full\":true}' --cron '30 2 * * MON-FRI' --tz Europe/Berlin\n"
     "makes a schedule, or replaces it: of jobs as `stint enqueue KIND [ARGS]` makes them. JSON is the "
     "whole\n"
     "definition, as PUT /v1/schedules/{name} takes it; - reads it, or ARGS, from standard input.\n"
     "next prints the coming ticks, --limit of them (at most 100); run prints the id of the job.\n"},
    {"batch", cmd_batch, "Shows, closes and cancels batches; runs batches of prompts, and reports on them",
     "[list | status|close|cancel BATCH | run|schedule FILE | report|responses|mentions BATCH | compare "
     "BATCH "
     "BATCH | reextract BATCH]",
     "url key json limit name label date providers dry-run wait format entity entities detach",
     "BATCH is an id; a batch of prompts is also called NAME, or NAME:DATE (else the newest of the name).\n"
     "run makes a batch of prompts x models x runs of a definition (docs/run-prompt.md); the same again for "
     "the\n"
     "same --date makes nothing twice. schedule has the server make it at each tick of the definition's "
     "cron.\n"
     "reextract looks for other names (--entities) in the answers, without "
     "a\n"
     "call; without it, it reports once more on what there is. responses prints each answer, mentions each "
     "name\n"
     "in one, with --entity of this name only, as --format jsonl or csv.\n"},
    {"stats", cmd_stats, "Counts jobs by state, and names kinds that no worker can do", "", "url key json",
     NULL},
    {"index", cmd_index, "Indexes a git repository and shows what was found", "REPO",
     "url key json ref include exclude force queue detach",
     "REPO is a URL or a path. Local paths need a worker with --allow-path."},
    {"sym", cmd_sym, "Finds symbols in an indexed repository", "[QUERY]",
     "url key json repo ref kind path limit", "QUERY is a name or a part of it; Base.run finds run in Base."},
    {"deps", cmd_deps, "Shows what a file imports, or who imports it", "FILE",
     "url key json repo ref reverse depth limit", NULL},
    {"outline", cmd_outline, "Lists the symbols of a file", "FILE", "url key json repo ref", NULL},
    {"cycles", cmd_cycles, "Lists files that import each other in a circle", "",
     "url key json repo ref limit", NULL},
    {"files", cmd_files, "Lists the files of an index, and why some were left out", "",
     "url key json repo ref status path limit", NULL},
    {"crawl", cmd_crawl, "Crawls a documentation site and keeps it as one Markdown document", "URL",
     "url key json depth max-pages scope sitemap include exclude concurrency max-tokens output queue "
     "detach",
     "stint crawl https://docs.example.org/ --depth 3 -o docs.md\n"
     "Each page is a job: what was asked for stays, also when servers and workers end in between."},
    {"md", cmd_md, "Turns a page of HTML into Markdown, without a server", "FILE|URL",
     "selector base remove json allow-net",
     "FILE is a path, or - for standard input. Without --base, links of a FILE stay relative."},
    {"work", cmd_work, "Does jobs: a supervisor with one process per slot", "",
     "url key queue kind exec slots once lease scratch allow-path allow-net allow-no-robots providers "
     "worker-name drain log-level",
     NULL},
    {"bench", cmd_bench, "Puts load on a server: enqueue, import, drain, latency, fanout or post", "WORKLOAD",
     "url key queue seconds jobs in-flight batch streams watched events slow", NULL},
    {"completion", cmd_completion, "Prints the completion script for bash", "", "",
     "Use it: source <(stint completion)"},
    {"version", cmd_version, "Prints the version", "", "json", NULL},
    {"help", cmd_help, "Explains a command", "[COMMAND]", "", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

/* Processes that the program starts of itself; not for people, so not in the help. */
static const struct command inner_table[] = {
    {"worker-child", cmd_worker_child, "", "", "", NULL},
    {"parse-child", cmd_parse_child, "", "KIND", "", NULL},
    {"index-query", cmd_index_query, "", "", "", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int command_fail(const struct options *o, enum exit_code code, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "stint %s: ", options_command(o)->name);
    term_put(stderr, str_from(text), "\n\t"); /* some of it a worker or a git server wrote */
    (void)putc('\n', stderr);
    return (int)code;
}

enum exit_code command_exit_code(enum rc rc)
{
    switch (rc) {
    case RC_OK:
        return EXIT_OK;
    case RC_INVALID:
    case RC_TOO_BIG:
        return EXIT_USAGE;
    case RC_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case RC_DENIED:
        return EXIT_DENIED;
    default:
        return EXIT_FAILED;
    }
}

/* ------------------------------------------------------------------ help */

static const struct command *command_find(struct str name)
{
    for (const struct command *c = command_table; c->name; c++) {
        if (str_eq(str_from(c->name), name)) {
            return c;
        }
    }
    for (const struct command *c = inner_table; c->name; c++) {
        if (str_eq(str_from(c->name), name)) {
            return c;
        }
    }
    return NULL;
}

static const char *next_command(const void *ctx, size_t i)
{
    (void)ctx;
    return command_table[i].name;
}

static int unknown_command(struct str name)
{
    const char *nearest = name_nearest(name, next_command, NULL);

    if (nearest) {
        (void)fprintf(stderr, "stint: unknown command '%.*s' (did you mean '%s'?)\n", STR_ARG(name), nearest);
    } else {
        (void)fprintf(stderr, "stint: unknown command '%.*s'; try: stint help\n", STR_ARG(name));
    }
    return EXIT_USAGE;
}

static void put(const struct buf *text)
{
    (void)fwrite(text->p, 1, text->n, stdout);
}

static int print_overview(void)
{
    (void)fputs("stint: durable background jobs\n\nUsage: stint COMMAND [OPTIONS]\n\n", stdout);
    for (const struct command *c = command_table; c->name; c++) {
        (void)printf("  %-12s %s\n", c->name, c->help);
    }
    (void)fputs("\n`stint help COMMAND` and `stint COMMAND --help` tell more.\n", stdout);
    return EXIT_OK;
}

static int print_help(const struct command *c)
{
    struct buf text = BUF_LIMIT(64 << 10);

    command_print_help(c, &text);
    put(&text);
    buf_dispose(&text);
    return EXIT_OK;
}

int cmd_help(const struct options *o)
{
    if (options_arg_count(o) == 0) {
        return print_overview();
    }
    const struct command *c = command_find(options_arg(o, 0));

    return c ? print_help(c) : unknown_command(options_arg(o, 0));
}

/* ------------------------------------------------------------------ main */

static int run(const struct command *c, int argc, const char *const *argv)
{
    struct options *o = NULL;
    struct err e = {0};

    if (options_parse(&o, c, argc, argv, &e)) {
        (void)fprintf(stderr, "stint %s: %s\n", c->name, e.text);
        return EXIT_USAGE;
    }
    const int code = options_wants_help(o) ? print_help(c) : c->run(o);

    options_free(o);
    if (fflush(stdout) != 0 && code == EXIT_OK && errno != EPIPE) {
        return EXIT_FAILED; /* a full disk behind a redirected output is no success; `| head` that has enough is one */
    }
    return code;
}

int main(int argc, char **words)
{
    const char *const *argv = (const char *const *)words;
    const struct str word = str_from(argc > 1 ? argv[1] : "");

    if (word.n == 0 || str_eq(word, STR("--help")) || str_eq(word, STR("-h"))) {
        (void)print_overview();
        return word.n == 0 ? EXIT_USAGE : EXIT_OK;
    }
    if (str_eq(word, STR("--version"))) {
        return run(command_find(STR("version")), 0, argv);
    }
    const struct command *c = command_find(word);

    return c ? run(c, argc - 2, argv + 2) : unknown_command(word);
}
