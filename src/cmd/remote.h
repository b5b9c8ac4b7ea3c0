/* remote.h: what the commands that talk to a server share: one client from --url and --key, one call, one way to fail. */
#ifndef STINT_CMD_REMOTE_H
#define STINT_CMD_REMOTE_H

#include "base/json.h"
#include "client/stint.h"
#include "cmd/command.h"

struct remote {
    const struct options *o;
    struct stint_client *client;
    struct arena *a; /* answers live here */
    struct buf path; /* for building one */
};

/* EXIT_OK, or the exit code after the reason was printed. remote_close afterwards, always. */
int remote_open(struct remote *r, const struct options *o);
void remote_close(struct remote *r);
/* Calls, with a body that is terminated, and parses the answer into *out (NULL when it has no body). Prints the reason and gives the exit code when it failed. */
int remote_call(struct remote *r, const char *method, struct str path, struct str body,
                const struct json **out);
/* The same for r->path, and without a word: *e says why not, and its code is returned. key: Idempotency-Key, "" = none. */
int remote_try(struct remote *r, const char *method, struct str body, struct str key, const struct json **out,
               struct stint_error *e);
/* "stint NAME: text", and the exit code that fits. */
int remote_fail(const struct remote *r, const struct stint_error *e);
/* Begins r->path anew. */
void remote_path(struct remote *r, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds "?name=value" or "&name=value", escaped; nothing when value is empty. */
void remote_query(struct remote *r, const char *name, struct str value);
void remote_segment(struct remote *r, struct str s); /* one escaped path segment */
struct str remote_target(struct remote *r);
/* Prints v's own bytes and a line end. */
void remote_print_json(const struct json *v);

/* spec.c: what commands send. */
/* What was given on the command line, with "-" what standard input holds, or the fallback. STR_NONE: it could not be read. */
struct str remote_text(const struct remote *r, struct str given, struct str fallback, struct err *e);
/* A job as the options have it, without its unique key: members of the object that is open. */
void remote_put_spec(struct json_out *w, const struct options *o, struct str kind, struct str args);
/* The option's value as a member, when it has one: text as it is, a duration in seconds, a list as an array of texts. */
void remote_put_text(struct json_out *w, const struct options *o, const char *option, const char *member);
void remote_put_seconds(struct json_out *w, const struct options *o, const char *option, const char *member);
void remote_put_list(struct json_out *w, const struct options *o, const char *option, const char *member);

/* Shorthands for reading answers. */
int64_t number_of(const struct json *o, const char *name);
bool remote_is_final(const struct json *job);            /* by its state */
int64_t time_of(const struct json *o, const char *name); /* RFC 3339; 0 = none */
const struct json *first_of(const struct json *o, const char *name);

/* watch_job.c: follows a job to its end with a progress bar (events as lines when is_verbose), then gives the exit code: EXIT_OK when it
 * completed, EXIT_JOB_FAILED otherwise (the reason is printed). *job may be NULL. */
int remote_follow(struct remote *r, struct str id, bool is_verbose, const struct json **job);

#endif
