/* retry_after.h: how long a provider wants to be left alone, by the fields of its answer. */
#ifndef STINT_KINDS_RUN_PROMPT_RETRY_AFTER_H
#define STINT_KINDS_RUN_PROMPT_RETRY_AFTER_H

#include "net/fetch.h"

/* Milliseconds, at most 31 days; -1: it does not say. `retry-after-ms`, Retry-After (seconds, or a date), then the later of
 * `x-ratelimit-reset-requests` and `-tokens` ("1m30.951s", seconds, or a time), or of `anthropic-ratelimit-requests-reset` and `-tokens-reset` (a time). */
int64_t retry_after_read(const struct fetch_answer *answer);

#endif
