/* git_private.h: what git.c and git_run.c share. */
#ifndef STINT_KINDS_INDEX_REPO_GIT_PRIVATE_H
#define STINT_KINDS_INDEX_REPO_GIT_PRIVATE_H

#include "kinds/index_repo/git.h"

#include <sys/types.h>

#define GIT_MAX_ENV 64

struct git {
    struct git_options o;
    struct arena *a;
    struct str url;        /* as git gets it */
    struct str local_path; /* of a local repository, else "" */
    struct str auth;       /* user:token, "" = none */
    struct str ssh_host;   /* host:port of a repository behind ssh, else "" */
    struct str pin;        /* what http is tied to: "host:port:address,…" */
    struct str ssh_address;
    bool is_looked_up;
    const char *git_dir; /* our bare repository */
    const char *home;
    char *env[GIT_MAX_ENV]; /* ends with NULL */
    size_t env_count;
    pid_t reader; /* cat-file --batch; 0 = not running */
    int reader_in, reader_out;
    struct buf reader_buf; /* what it said and nobody took yet */
};

/* Fills url, local_path and auth from the options, or refuses. */
MUST_CHECK enum rc git_open_address(struct git *g, struct err *e);
/* The place that git is tied to, of the address as it is now. */
MUST_CHECK enum rc git_find_place(struct git *g, struct err *e);
/* Follows the redirects that git did not follow, each judged; the address is then the one behind them. */
MUST_CHECK enum rc git_follow(struct git *g, struct err *e);
/* Runs git with these arguments (ends with NULL) to its end. Its standard output goes to `out` (NULL: dropped). RC_OK: it
 * exited with 0. Otherwise e tells why, redacted and classified. */
MUST_CHECK enum rc git_run(struct git *g, const char *const *argv, struct buf *out, struct err *e);
/* Starts git with pipes to its standard input and output. */
MUST_CHECK enum rc git_start(struct git *g, const char *const *argv, pid_t *pid, int *in, int *out,
                             struct err *e);
void git_stop(pid_t pid);

#endif
