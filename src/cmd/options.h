/* options.h: flags and variables from one table (options.c): a row is the flag --store, the variable STINT_STORE, the check
 * of its value, its line in the help, and (checked) its place in docs/config.md. The flag wins over the variable, the
 * variable over the default. One name means the same for every sub-command, which lists the names it takes. */
#ifndef STINT_CMD_OPTIONS_H
#define STINT_CMD_OPTIONS_H

#include "base/arena.h"
#include "base/buf.h"

enum option_type {
    OPT_FLAG,     /* --json, --json=false; the variable: 1, true, yes or 0, false, no */
    OPT_INT,      /* in [min, max] */
    OPT_DURATION, /* 30s, 15m, 1h30m; milliseconds in [min, max] */
    OPT_SIZE,     /* bytes, or 64k, 1m, 2g; in [min, max] */
    OPT_TEXT,
    OPT_LIST, /* may be given many times; the variable holds one per blank-separated word */
};

struct option {
    const char *name;
    enum option_type type;
    const char *value;    /* what stands for it in the help: PATH; NULL for flags */
    const char *fallback; /* NULL = none */
    int64_t min, max;
    const char *help;
};

extern const struct option option_table[]; /* ends with a row without a name */

/* A sub-command: one row of the table in main.c. */
struct options;
struct command {
    const char *name;
    int (*run)(const struct options *o); /* returns one of enum exit_code */
    const char *help;                    /* one line */
    const char *arguments;               /* "ID...", "" = none; brackets around all of it: may be left out */
    const char *options;                 /* names, blank-separated */
    const char *more;                    /* behind the options in its own help; NULL = nothing */
};

/* What the program's exit means; the same for every sub-command (docs/cli.md). */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,      /* it did not work; the text says why */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_UNREACHABLE = 3, /* no server at that address */
    EXIT_NOT_FOUND = 4,   /* no such job, queue, repository, … */
    EXIT_JOB_FAILED = 5,  /* the job that was waited for ended other than completed */
    EXIT_DENIED = 6,      /* the key is missing, wrong, or has not the scope */
    EXIT_INTERRUPTED = 130,
};

/* Parses what follows the sub-command's name. RC_INVALID: wrong; the text names the flag or the variable and, where one
 * is near, what may have been meant. The result borrows argv. */
MUST_CHECK enum rc options_parse(struct options **out, const struct command *c, int argc,
                                 const char *const *argv, struct err *e);
void options_free(struct options *o); /* NULL is fine */
const struct command *options_command(const struct options *o);

/* The value. Asking for an option that the sub-command does not list is a bug (assert). */
bool options_has(const struct options *o, const char *name);      /* flag, variable or default */
bool options_is_given(const struct options *o, const char *name); /* flag or variable: not the default */
bool options_flag(const struct options *o, const char *name);
int64_t options_int(const struct options *o, const char *name); /* int, duration, size; 0 without a value */
struct str options_str(const struct options *o, const char *name); /* STR_NONE without a value; terminated */
size_t options_list(const struct options *o, const char *name, const struct str **out);
size_t options_arg_count(const struct options *o);
struct str options_arg(const struct options *o, size_t i); /* terminated; STR_NONE when there are fewer */
bool options_wants_help(const struct options *o);

/* For help and completion. */
const struct option *option_find(struct str name); /* NULL = none */
bool command_takes(const struct command *c, struct str name);
void command_print_help(const struct command *c, struct buf *out);
/* The one of the names nearest to `word`, if it is near enough to have been meant; NULL otherwise. `next(ctx, i)` gives
 * the i-th name, NULL at the end. */
const char *name_nearest(struct str word, const char *(*next)(const void *ctx, size_t i), const void *ctx);

#endif
