/* links.h: which jobs of one enqueue wait for which (depends_on): names become items, and what could never run is refused with
 * the way around. Pure. */
#ifndef STINT_CORE_LINKS_H
#define STINT_CORE_LINKS_H

#include "base/arena.h"
#include "core/job.h"

struct job_link {
    size_t job;   /* this item waits … */
    size_t item;  /* … for this one of the same enqueue, or, if it is their count, */
    struct id on; /* for this job */
};

struct job_links {
    struct job_link *links; /* in the order of the items that wait */
    size_t count;
    bool *is_awaited; /* of each item: another one of them waits for it; NULL with no links */
};

/* Items with the same unique_key are one job: the first. A batch waits for the jobs that join it. RC_INVALID: *bad is the item at fault. Codes: unknown_dependency
 * (nobody's ref and no id), dependency_cycle (the text names the way around), invalid_field. RC_TOO_BIG: more than
 * JOB_LINKS_MAX. What is in *out lives in `a`. */
MUST_CHECK enum rc job_links_make(const struct job_spec *specs, size_t count, struct arena *a,
                                  struct job_links *out, size_t *bad, struct err *e);

#endif
