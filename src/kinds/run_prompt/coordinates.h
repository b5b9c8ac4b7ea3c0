/* coordinates.h: which prompt, model and run a job of a batch is, by its unique key: as `stint batch run` makes it
 * (prompt_coordinate_parse), or as a schedule's matrix does: schedule:NAME:TICK:NUMBER, the run counting fastest, then the model. */
#ifndef STINT_KINDS_RUN_PROMPT_COORDINATES_H
#define STINT_KINDS_RUN_PROMPT_COORDINATES_H

#include "kinds/prompt_batch.h"

struct coordinates { /* all 0: of no schedule */
    const struct json **prompts, **models;
    size_t prompt_count, model_count;
    int64_t runs;
};

/* {"prompts": [id], "models": [{"provider", "id"}], "runs": n}. RC_INVALID: it is none. */
MUST_CHECK enum rc coordinates_read(const struct json *o, struct arena *a, struct coordinates *out,
                                    struct err *e);
/* False: the key says nothing of it. */
MUST_CHECK bool coordinates_find(const struct coordinates *c, struct str key, struct prompt_coordinate *out);
/* The tick in a schedule's key; "" = there is none in it. */
struct str coordinates_tick(struct str key);

#endif
