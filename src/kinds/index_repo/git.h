/* git.h: one repository read through the git program: resolve a ref, fetch one commit without history, list and read its
 * files. The repository is a stranger: no working tree is ever made, so no hook, filter, symlink or path trick of it can act;
 * git runs with an environment made from nothing and a private home folder.
 *
 * Failures carry a code that users see: invalid_input unsupported_protocol blocked_address redirected repo_not_found auth_failed ref_not_found too_large
 * not_a_repository empty_repository (permanent; RC_INVALID, RC_NOT_FOUND, RC_DENIED, RC_TOO_BIG) and dns connect timeout
 * http_429 http_5xx early_eof remote_corrupt git_failed (transient; RC_BUSY), disk_full (RC_FULL). No text holds the secret. */
#ifndef STINT_KINDS_INDEX_REPO_GIT_H
#define STINT_KINDS_INDEX_REPO_GIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/address.h"

struct git;

struct git_options {
    struct str
        repo; /* https://…, http://… (never with a secret), ssh://…, user@host:path, file://… or a path */
    struct str secret;                 /* token, or user:token; "" = none */
    struct str allow_paths;            /* folders below which local repositories may lie, one a line */
    const struct address_rules *rules; /* where it may be; NULL: on the public internet alone */
    const char *scratch;               /* a private folder */
    int64_t max_repo_bytes;
    int64_t timeout_ms; /* of each run of git */
    bool (*is_cancelled)(
        void *arg); /* asked a few times a second; true ends the run with RC_BUSY, code "cancelled" */
    void (*on_progress)(void *arg, int percent); /* of a fetch; NULL = untold */
    void *arg;
};

/* Checks the address and prepares the private folder. Everything lives in `a`. */
MUST_CHECK enum rc git_open(const struct git_options *o, struct arena *a, struct git **out, struct err *e);
void git_close(struct git *g); /* ends what still runs; NULL is fine */

/* Looks the host up, judges what it finds (net/address.h) and ties git to it: git connects to no other place, and follows no redirect.
 * To be called before what follows. */
MUST_CHECK enum rc git_look_up(struct git *g, struct err *e);

struct git_head {
    struct str commit;   /* hex; what the ref meant when it was asked */
    struct str ref_name; /* what to fetch: refs/heads/x, HEAD, or the commit itself */
};

/* A branch, a tag, a full ref name, HEAD or a commit id (40 or 64 hex digits). */
MUST_CHECK enum rc git_resolve(struct git *g, struct str ref, struct git_head *out, struct err *e);
/* Fetches the commit; afterwards h->commit is what came (a branch may have moved). */
MUST_CHECK enum rc git_fetch(struct git *g, struct git_head *h, struct err *e);

enum git_mode { GIT_FILE, GIT_SYMLINK, GIT_SUBMODULE };

struct git_entry {
    struct str path; /* bytes as they are, without a leading slash */
    struct str id;   /* hex */
    int64_t bytes;   /* -1 for a submodule */
    enum git_mode mode;
};

/* Every file of the commit in ascending order of path, at most `max`: RC_TOO_BIG, code too_large. */
MUST_CHECK enum rc git_list(struct git *g, struct str commit, size_t max, struct git_entry **out,
                            size_t *count, struct err *e);
/* The content of a blob, appended to `out`. RC_TOO_BIG over its limit. */
MUST_CHECK enum rc git_read(struct git *g, struct str id, struct buf *out, struct err *e);
/* True when a local repository has changes that are not in its commit; false for all others, and when in doubt. */
bool git_is_dirty(struct git *g);

/* The text of git's standard error as a code and an rc; `text` has no secret in it. For git.c and its tests. */
enum rc git_classify(struct str text, struct err *e);
/* Takes every appearance of `secret`, of its base64 and percent forms, and of user:password in addresses out of `text`. */
void git_redact(struct buf *text, struct str secret);
void git_base64(struct str bytes, struct buf *out);

#endif
