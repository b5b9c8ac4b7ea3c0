/* world.h: a small store that is worked on with mixed operations while its disk misbehaves, and what must be true of it
 * afterwards (J1, J3, J4, J7, J12). Per job we hold what is known, and, when an operation on it went without an answer,
 * what it may have become. Nothing known may be lost, nothing may be half there, no lease number may come twice.
 *
 * The disk is that of powercut_vfs.h. Artifact files above JOB_ARTIFACT_ROW_BYTES live on the real file system, which
 * does not lose power here: of them only the order is checked (a file is in place before the row that names it). */
#ifndef STINT_TEST_WORLD_H
#define STINT_TEST_WORLD_H

#include "chance.h"
#include "powercut_vfs.h"
#include "store_test.h"

#include <pthread.h>

#define WORLD_JOBS_MAX   600
#define WORLD_OPS_MAX    8
#define WORLD_ITEMS_MAX  6
#define WORLD_FILE_BYTES (JOB_ARTIFACT_ROW_BYTES + 100)

enum staged { STAGED_NO, STAGED_YES, STAGED_MAYBE };

struct known { /* about one job */
    enum job_state state;
    int64_t lease, attempt;
    int notes;          /* events that we told */
    int checkpoint;     /* 0 = none */
    enum staged staged; /* does an artifact `big` wait for the completion? */
};

struct cut_job {
    int tag;
    struct id id;
    bool is_known;    /* acknowledged, or seen after a cut */
    bool is_in_doubt; /* an operation on it had no answer: it is as `now` or as `then` */
    struct known now, then;
    int64_t n; /* of the next report */
    int enqueued_by;
    bool is_refused; /* answered RC_FULL: it must not be there */
};

enum plan_kind { PLAN_ENQUEUE, PLAN_CLAIM, PLAN_REPORT, PLAN_CANCEL, PLAN_STAGE, PLAN_KINDS };

struct plan { /* one operation under way, and the jobs it is about */
    enum plan_kind kind;
    struct store_op *op;
    int jobs[WORLD_ITEMS_MAX];
    struct known then[WORLD_ITEMS_MAX];
    int count;
};

struct world {
    struct store *store;
    struct store_options options;
    char url[600], path[600];
    struct chance chance;
    enum cut_model model;
    struct cut_job jobs[WORLD_JOBS_MAX];
    int job_count, enqueues;
    int64_t tenant;
    struct plan plans[WORLD_OPS_MAX];
    int plan_count;
    bool is_claim_in_doubt;
    bool is_fatal;   /* the store said so: it may acknowledge nothing any more */
    int64_t refused; /* operations that a full disk refused */
    struct arena *a; /* of the round, or of the check */
    pthread_mutex_t lock;
    pthread_cond_t came;
    int done;
    int64_t acknowledged, cuts, opens_cut;
    int violations;
    char first[600];
};

/* The seed is printed under the name `what`. */
struct world *world_new(const char *what);
void world_free(struct world *w);
/* An empty disk with an open store on it. */
void world_new_disk(struct world *w);
/* False when the disk did not let it. A store that does not open although the disk is well is a violation. */
bool world_open(struct world *w);
void world_close(struct world *w);
/* A few operations at once; waits for their answers and learns from them. */
void world_run_round(struct world *w);
/* Compares the open store with what is known. */
void world_check(struct world *w);
/* Keeps the first one's text. */
void world_violation(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
