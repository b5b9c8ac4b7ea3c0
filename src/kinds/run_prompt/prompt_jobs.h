/* prompt_jobs.h: inside run_prompt/: what prompt_batch.c and prompt_jobs.c share. */
#ifndef STINT_KINDS_RUN_PROMPT_PROMPT_JOBS_H
#define STINT_KINDS_RUN_PROMPT_PROMPT_JOBS_H

#include "kinds/prompt_batch.h"

uint64_t prompt_batch_hash(struct str s);
/* The args of the i-th job. */
void prompt_batch_write_args(const struct prompt_batch *b, size_t i, struct json_out *w);

#endif
