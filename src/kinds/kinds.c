/* kinds.c: the built-in kinds of jobs. To add one: a folder with its handler, and a line here. */
#include "kinds/crawl_docs/crawl_docs.h"
#include "kinds/crawl_docs/page_job.h"
#include "kinds/exec/exec.h"
#include "kinds/index_repo/index_repo.h"
#include "kinds/run_prompt/prompt_report.h"
#include "kinds/run_prompt/run_prompt.h"

const struct handler *const handlers[] = {
    &exec_handler,
    &index_repo_handler,
    &run_prompt_handler,
    &prompt_report_handler,
    &crawl_docs_handler,
    &crawl_page_handler,
    NULL,
};
