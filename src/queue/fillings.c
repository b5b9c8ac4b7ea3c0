/* fillings.c: batches that are filled from a matrix. A tick of the store gives them out, and again while nobody ends them; here is
 * read what they are filled with, and the store is asked to go on until all jobs are there. Whatever dies meanwhile, what was
 * made is there once, and hidden, until the last is (store_fill). */
#include "base/log.h"
#include "queue/parts.h"

struct filling {
    struct store_fill op;
    struct queue *q;
    struct arena *own, *a; /* the second is of one operation */
    struct str name;
    int64_t tenant, jobs;
    const struct batch_filling *what; /* NULL: failure says why */
    struct str failure;
    struct filling *next, *prev;
};

static void unlink_it(struct filling *f)
{
    *(f->prev ? &f->prev->next : &f->q->fillings) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
}

static void free_it(struct filling *f)
{
    arena_free(f->a);
    arena_free(f->own); /* f is in it */
}

static void on_filled(struct store_op *op);

static void go_on(struct filling *f)
{
    arena_reset(f->a);
    store_init(&f->op.op, sizeof f->op, STORE_FILL, f->a);
    f->op.op.owner = f;
    f->op.op.done = on_filled;
    f->op.tenant = f->tenant;
    f->op.name = f->name;
    f->op.filling = f->what;
    f->op.failure = f->failure;
    submit(f->q, &f->op.op);
}

static void on_filled(struct store_op *op)
{
    struct filling *f = op->owner;
    struct str batch = str_sub(f->name, 1, f->name.n);

    f->jobs += op->rc ? 0 : f->op.jobs;
    if (!op->rc && f->op.more) {
        go_on(f);
        return;
    }
    if (!op->rc && !f->what) {
        log_warn("batch.failed", L_STR("batch", batch), L_STR("error", f->failure));
    } else if (!op->rc) {
        log_debug("batch.filled", L_STR("batch", batch), L_INT("jobs", f->jobs));
    } else if (op->rc !=
               RC_CONFLICT) { /* another node was faster: all is well. Else it will be given out again */
        log_warn("batch.delayed", L_STR("batch", batch), L_C("error", op->e.text));
    }
    unlink_it(f);
    free_it(f);
}

static bool is_under_way(const struct queue *q, const struct schedule *s)
{
    const struct filling *f = q->fillings;

    while (f && !(f->tenant == s->tenant && str_eq(f->name, s->name))) {
        f = f->next;
    }
    return f;
}

void fillings_begin(struct queue *q, const struct schedule *s)
{
    struct err e = {0};

    if (is_under_way(q, s)) {
        return;
    }
    struct arena *own = arena_new();
    struct filling *f = arena_alloc(own, sizeof *f);
    struct batch_filling *what = arena_alloc(own, sizeof *what);
    *f = (struct filling){.q = q,
                          .own = own,
                          .a = arena_new(),
                          .name = arena_str(own, s->name),
                          .tenant = s->tenant,
                          .what = what,
                          .failure = STR(""),
                          .next = q->fillings};
    if (q->options.read_filling(arena_str(own, s->definition), own, what, &e)) {
        f->what = NULL;
        f->failure = arena_str(own, str_from(e.text));
    }
    what->batch = str_sub(f->name, 1, f->name.n);
    if (f->next) {
        f->next->prev = f;
    }
    q->fillings = f;
    go_on(f);
}

void fillings_dispose(struct queue *q)
{
    for (struct filling *f = q->fillings, *next = NULL; f; f = next) {
        next = f->next;
        free_it(f);
    }
}
