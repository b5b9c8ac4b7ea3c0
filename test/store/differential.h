/* differential.h: random operations to an engine and to models (model.h), and what they are made of. A run is some worlds
 * side by side in one store: each has two tenants, a model and a thread, and lives through the same steps. A step of a world
 * is a few operations at once, each worded by a chance of its own, from the seed, the step and its place: so one world can be
 * repeated alone, with some of them left out. What happens to all (time, ticks, prunings) happens between steps. */
#ifndef STINT_TEST_DIFFERENTIAL_H
#define STINT_TEST_DIFFERENTIAL_H

#include "base/buf.h"
#include "chance.h"
#include "model.h"
#include "store_test.h"

#include <pthread.h>

#define PLACES_MAX 16  /* operations in a step */
#define ASKED_MAX  120 /* at once; a multiple of 3 */
#define WORLDS_MAX 8
#define STEPS      700 /* of a run; then new tenants begin */

struct run;

/* A world: the engine beside the model. */
struct pair {
    struct store_test *s;
    struct run *run;
    int which; /* of the run's */
    struct model *m;
    struct arena *a; /* of the step */
    uint64_t seed;
    int64_t step;
    struct chance c; /* of the operation that is being worded */
    int files;       /* that it made */
    int64_t turns;   /* of nodes */
    pthread_mutex_t lock;
    pthread_cond_t came;
    int arrived;                     /* answers; under the lock */
    struct arena *arenas[ASKED_MAX]; /* of what is asked */
    int64_t operations, items;       /* random ones; the reads of dumps are `dumped` */
    int64_t dumped;
    bool is_dumping;
    bool is_loud; /* prints every question */
    bool has_differed;
    enum store_op_kind differs_in;
    struct buf difference;
};

struct run {
    struct store_test *s;
    uint64_t seed;
    struct pair *pairs[WORLDS_MAX];
    int count;
    int64_t step, steps;
    const uint16_t *places; /* [i]: which operations of step i take part, one bit each; NULL = all of all */
    bool leaps[STEPS];      /* there were too many jobs */
    bool is_again;          /* with the leaps of another */
    bool is_over;
    pthread_barrier_t meeting;
};

/* ---- words: all by p->c, in p->a */

#define WORD_KINDS 3
#define WORD_NAMES 3 /* of artifacts */

extern const struct str word_kinds[WORD_KINDS], word_names[WORD_NAMES];

#define WORDED(var, type, op_kind)                                                                           \
    struct type *var = arena_alloc(p->a, sizeof *var);                                                       \
    store_init(&var->op, sizeof *var, op_kind, p->a)

int64_t word_below(struct pair *p, int64_t n);
bool word_percent(struct pair *p, int64_t n);
struct str word_one_of(struct pair *p, const struct str *list, size_t count);
struct str word_text(struct pair *p, const char *what, int64_t kinds_of_it);
struct str word_json(struct pair *p); /* now and then one that an engine may keep apart from the row */
struct str word_queue(struct pair *p);
/* A job and whom to ask as; now and then a stranger asks, or for what never was. */
struct id word_job_id(struct pair *p, int64_t *tenant);
int64_t word_lease(struct pair *p, const struct model_job *job);
struct store_op *word_enqueue(struct pair *p);
struct store_op *word_claim(struct pair *p);
struct store_op *word_report(struct pair *p);
struct store_op *word_stage(struct pair *p);

/* ---- … of limits (differential_limits.c) */

struct str word_limits(struct pair *p); /* of a job */
void word_limits_of_report(struct pair *p, const struct model_job *job, struct report *r);
struct store_op *word_limit(struct pair *p);
struct store_op *word_read_of_limits(struct pair *p, int64_t tenant);
/* Of a tenant, and those of the server that only this world names. */
void word_all_limits(struct pair *p, int64_t tenant, struct store_op **ops, int *count);

/* ---- … of batches (differential_batches.c) */

struct store_op *word_batch(struct pair *p);
struct store_op *word_fill(struct pair *p);
struct store_op *word_act_on_batches(struct pair *p);
struct id word_batch_id(struct pair *p, int64_t tenant);
struct store_op *word_read_of_batches(struct pair *p, int64_t tenant);
/* Everything of one of them. */
void word_all_of_batch(struct pair *p, const struct model_batch *b, struct store_op **ops, int *count);
struct job_spec word_spec(struct pair *p);

/* An operation that writes, one about jobs, one that names none, and one that reads, by p->c. */
struct store_op *word_write(struct pair *p);
struct store_op *word_write_of_jobs(struct pair *p);
struct store_op *word_write_of_none(struct pair *p);
struct store_op *word_read(struct pair *p);
struct job_filter word_filter(struct pair *p);
struct store_act *word_act_by_filter(struct pair *p);
int64_t word_tenant(struct pair *p);
/* A copy of an operation that nobody has run yet. */
struct store_op *question_copy(const struct store_op *op, struct arena *a);
/* How many things an answered one is about, each with an answer of its own. */
int64_t answer_items(const struct store_op *op);
/* May they run at once or in any order, where several committers keep only the order that store.h promises? `a` is the
 * earlier one of a list. */
bool question_may_join(const struct store_op *a, const struct store_op *b);

/* ---- asking (differential_ask.c) */

/* The store opens anew: answers come by rounds. On a database server: with so many committers (0: as usual), in so many nodes,
 * which take turns. */
void ask_begin(struct store_test *s, int committers, int nodes);
void ask_end(void); /* of the second node */
/* One of them closes and opens. True: that was all of the store. */
bool ask_reopen(struct store_test *s);
bool ask_has_nodes(void);
/* Asks the engine, all at once, and waits. */
void ask(struct pair *p, struct store_op *const *ops, int count);
/* And the model, and compares; only the first difference counts. */
void ask_both(struct pair *p, struct store_op **ops, int count);
void ask_one(struct pair *p, struct store_op *op);
/* The engine's view, where it had a choice: for the model. */
struct job *ask_peek(void *pair, int64_t tenant, struct id id);
const struct id *ask_members(void *pair, int64_t tenant, struct id batch, size_t *count);
void compare(struct pair *p, const struct store_op *got, struct store_op *want);
void compare_answers(struct pair *p, const struct store_op *got, const struct store_op *want);

/* ---- a world (differential_world.c) */

enum step {
    STEP_WRITES,
    STEP_WRITES_OF_JOBS,
    STEP_WRITES_OF_NONE,
    STEP_READS,
    STEP_LIST,
    STEP_ACT_BY_FILTER,
    STEP_OF_ALL, /* from here: of all worlds */
    STEP_CLOCK = STEP_OF_ALL,
    STEP_TICK,
    STEP_PRUNE,
    STEP_BACK,
    STEP_STALL,
    STEP_REOPEN,
};

struct pair *pair_new(struct run *r, int which, uint64_t seed, enum model_bug bug);
void pair_free(struct pair *p);
struct chance pair_chance(uint64_t seed, int64_t step, int place);
void pair_step(struct pair *p, enum step what, unsigned places);
/* Cancels what waits, or purges what is over: there is too much of it. */
void pair_thin(struct pair *p, enum job_action action);
/* Everything there is, or one of ten jobs. */
void pair_dump(struct pair *p, bool is_whole);
void pair_make_tenants(struct pair *p);
/* Cancels or purges all that is left. Nothing is compared. */
void pair_act_on_all(struct pair *p, enum job_action action);
void pair_drop_schedules(struct pair *p); /* the same */
void pair_cancel_batches(struct pair *p); /* the same */

/* ---- runs (differential_run.c) */

void run_begin(struct run *r, struct store_test *s, uint64_t seed, int worlds, enum model_bug bug);
/* One world of a run again, alone, in a store where nothing is left of it. */
void run_begin_again(struct run *r, const struct run *of, const struct pair *world);
/* Ends soon after the first difference. */
void run_go(struct run *r, const uint16_t *places, int64_t steps);
struct pair *run_difference(const struct run *r); /* NULL: there was none */
/* What is left of it in the store goes: ticks and prunings of the next one see nothing of it. Nothing is compared. */
void run_clean(struct run *r);
/* Cleans, and frees. */
void run_end(struct run *r);
void run_free(struct run *r); /* and leave the store as it is */

#endif
