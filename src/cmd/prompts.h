/* prompts.h: what the commands about batches of prompts share. */
#ifndef STINT_CMD_PROMPTS_H
#define STINT_CMD_PROMPTS_H

#include "cmd/remote.h"

#define PROMPTS_REAL "blocked,scheduled,queued,processing,completed,failed" /* not given up */

/* A batch of prompts is named by its id, or as NAME or NAME:DATE (the newest); any other batch by its id.
 * The job that reports on it, newest first; `state` "" = in any. EXIT_NOT_FOUND without a word: there is none. */
int prompts_find_report(struct remote *r, struct str ref, struct str state, const struct json **job);
/* The id behind a reference; EXIT_NOT_FOUND after it was said that there is no such batch. */
int prompts_resolve(struct remote *r, struct str ref, struct str *id);

/* ---- the verbs: what they take are the command's arguments */
int prompts_run(struct remote *r);      /* run FILE */
int prompts_schedule(struct remote *r); /* schedule FILE */
/* status: of this batch, whose report this is. */
int prompts_status(struct remote *r, const struct json *batch, const struct json *report);
int prompts_report(struct remote *r);
int prompts_compare(struct remote *r);
int prompts_reextract(struct remote *r);

bool prompts_is_final(const struct json *job);
/* Prints the newest report on it as --format says. */
int prompts_report_of(struct remote *r, struct str ref);

#endif
