/* model.h: the store as a small pure thing in memory: arrays, the decisions of core/, no engine. The differential test
 * gives the same operations to both and compares every answer. Written from store.h alone. */
#ifndef STINT_TEST_MODEL_H
#define STINT_TEST_MODEL_H

#include "store_test.h"

#define MODEL_JOBS_MAX 8000
#define MODEL_QUEUES   3
#define MODEL_KINDS    2
#define MODEL_KEYS     12

struct model_job {
    struct id id;
    struct job_counters c;
    struct retry_policy retry;
    int queue, kind, key; /* key -1 = none */
    int64_t priority, timeout_ms, round;
    enum job_reason reason;
    int64_t lease;        /* the last number that was handed out */
    bool is_lease_raised; /* … and nothing under it is accepted any more */
    bool is_erased;       /* and cannot be retried: its args are gone */
    bool is_lost;         /* its lease ended, and nobody has claimed since: its result is still welcome */
    int64_t n, hash;      /* of the last accepted report under the lease; n 0 = none */
    struct report_verdict verdict;
};

struct model {
    struct model_job jobs[MODEL_JOBS_MAX];
    int count;
    int holder[MODEL_KEYS]; /* of a unique key; -1 = nobody */
    bool is_paused[MODEL_QUEUES];
};

extern const struct str model_queues[MODEL_QUEUES], model_kinds[MODEL_KINDS], model_keys[MODEL_KEYS];

void model_begin(struct model *m);
/* Each answers what the store must answer; ids, lease numbers and times come from the store's answer or the test. */
struct enqueue_verdict model_enqueue(struct model *m, const struct job_spec *spec, struct model_job as,
                                     int64_t now);
/* The job that a claim must get next, or NULL; model_claimed then hands it out. */
struct model_job *model_next(struct model *m, int queue, int kind);
void model_claimed(struct model_job *job, int64_t lease, int64_t lease_ms, int64_t now);
struct report_verdict model_report(struct model *m, struct model_job *job, const struct report *r,
                                   int64_t now);
struct act_verdict model_act(struct model *m, struct model_job *job, enum job_action action, int64_t now);
int64_t model_tick(struct model *m, int64_t now); /* how many jobs it changed */

#endif
