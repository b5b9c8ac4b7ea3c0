/* abilities.h: what models were found not to be able to do, kept as long as this process, a day at most: the next job need not find
 * out again. */
#ifndef STINT_KINDS_RUN_PROMPT_ABILITIES_H
#define STINT_KINDS_RUN_PROMPT_ABILITIES_H

#include "kinds/run_prompt/dialect.h"

/* The question as its model can take it. Names live in `a`. */
void abilities_recall(struct question *q, struct arena *a);
/* The question has become simpler: its model could not take more. */
void abilities_remember(const struct question *q);

#endif
