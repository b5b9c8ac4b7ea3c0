/* run_prompt.h: the kind `run-prompt`: one prompt to one model, its answer validated and searched for names. */
#ifndef STINT_KINDS_RUN_PROMPT_RUN_PROMPT_H
#define STINT_KINDS_RUN_PROMPT_RUN_PROMPT_H

#include "worker/handler.h"

extern const struct handler run_prompt_handler;

#endif
