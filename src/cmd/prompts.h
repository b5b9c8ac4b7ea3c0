/* prompts.h: what the commands about batches of prompts share. */
#ifndef STINT_CMD_PROMPTS_H
#define STINT_CMD_PROMPTS_H

#include "cmd/remote.h"
#include "kinds/prompt_batch.h"

#define PROMPTS_REAL "blocked,scheduled,queued,processing,completed,failed" /* not given up */

struct prompts_definition { /* of a batch, as a file has it */
    struct prompt_batch b;
    struct str path, date, digits;
};

/* The command's first argument, checked; nothing is made. */
int prompts_define(struct remote *r, struct prompts_definition *out);
void prompts_tell_plan(struct remote *r, const struct prompts_definition *d);

/* A batch of prompts is named by its id, or as NAME (the newest day) or NAME:DATE; any other batch by its id. All of these give
 * EXIT_NOT_FOUND without a word when there is none. */
int prompts_find(struct remote *r, struct str ref, const struct json **batch);
/* By name; of this date and with these digits, unless empty. One that was given up before it had a job is none. */
int prompts_find_batch(struct remote *r, struct str name, struct str date, struct str digits,
                       const struct json **batch);
/* The entry of the newest finished report in its series, which outlives the job and the batch. */
int prompts_find_entry(struct remote *r, struct str ref, struct str *series, const struct json **entry);
/* The job of that entry. */
int prompts_completed_report(struct remote *r, struct str ref, const struct json **job);
/* A job that reports on the batch, completed if there is such a one, else in any state. */
int prompts_report_of_batch(struct remote *r, const struct json *batch, const struct json **job);
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
int prompts_answers(struct remote *r); /* responses, mentions */

/* Says why there is no report; EXIT_NOT_FOUND or what it is else. */
int prompts_tell_none(struct remote *r, struct str ref);
/* Prints the newest report on it as --format says. */
int prompts_report_of(struct remote *r, struct str ref);

#endif
