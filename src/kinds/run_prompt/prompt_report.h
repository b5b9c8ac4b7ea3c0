/* prompt_report.h: the kind `prompt-report`: what the jobs of a batch of prompts brought, as report.json, report.md, report.csv and
 * responses.jsonl. With `reextract` names are looked for anew in the answers that are kept, without a call. */
#ifndef STINT_KINDS_RUN_PROMPT_PROMPT_REPORT_H
#define STINT_KINDS_RUN_PROMPT_PROMPT_REPORT_H

#include "worker/handler.h"

extern const struct handler prompt_report_handler;

#endif
