/* differential.h: random operations to an engine and to the model (model.h), and what they are made of. A run is steps, a
 * step is a few operations at once, and each operation is worded by a chance of its own, from the seed, the step and its
 * place: so a run can be repeated with some of them left out. */
#ifndef STINT_TEST_DIFFERENTIAL_H
#define STINT_TEST_DIFFERENTIAL_H

#include "base/buf.h"
#include "model.h"
#include "store_test.h"

#define PLACES_MAX 16 /* operations in a step */

struct pair {
    struct store_test *s;
    struct model *m;
    struct arena *a; /* of the step */
    uint64_t seed;
    int64_t step;
    struct chance c; /* of the operation that is being worded */
    int64_t operations, items;
    bool is_loud; /* prints every question */
    bool has_differed;
    enum store_op_kind differs_in;
    struct buf difference;
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

/* An operation that writes, and one that reads, by p->c. */
struct store_op *word_write(struct pair *p);
struct store_op *word_read(struct pair *p);
struct job_filter word_filter(struct pair *p);
struct store_act *word_act_by_filter(struct pair *p);
int64_t word_tenant(struct pair *p);
/* A copy of an operation that nobody has run yet. */
struct store_op *question_copy(const struct store_op *op, struct arena *a);
/* How many things it is about. */
int64_t question_items(const struct store_op *op);

/* ---- worlds (differential_world.c) */

#define STEPS 1200 /* of a world; then two new tenants begin */

void world_begin(struct pair *p, struct store_test *s, uint64_t seed, enum model_bug bug);
/* places[i]: which operations of step i take part, one bit each; NULL = all of all. Ends at the first difference. */
void world_run(struct pair *p, const uint16_t *places, int64_t steps);
/* What is left of it in the store goes: ticks and prunings of the next one see nothing of it. Nothing is compared. */
void world_clean(struct pair *p);
/* Cleans, and frees the model. */
void world_end(struct pair *p);
/* Answers come by rounds; the store opens anew with it. */
void world_listen(struct store_test *s);

#endif
