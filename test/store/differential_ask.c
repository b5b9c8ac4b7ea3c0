/* differential_ask.c: asks an engine and the model, and compares. See differential.h. */
#include "differential.h"

#include <stdio.h>
#include <unistd.h>

#define AGAIN_MAX 500

/* ---- asking the engine: a few operations at once */

static void count_done(void *ctx, struct store_round *r)
{
    (void)ctx;
    for (struct store_op *op = r->done, *next = NULL; op; op = next) {
        struct pair *p = op->owner;
        next = op->next; /* before whoever asked goes on */
        pthread_mutex_lock(&p->lock);
        p->arrived++;
        pthread_cond_signal(&p->came);
        pthread_mutex_unlock(&p->lock);
    }
    store_round_free(r);
}

static struct store *second_node; /* a test is a process of its own */

static void open_node(struct store_test *s, struct store **out)
{
    struct err err = {0}, *e = &err;
    OK(store_open(out, s->url, &s->options, e));
}

void ask_end(void)
{
    store_close(second_node);
    second_node = NULL;
}

void ask_begin(struct store_test *s, int committers, int nodes)
{
    ask_end();
    store_close(s->store);
    s->options.on_round = count_done;
    s->options.committers = is_server(s) ? committers : 1;
    s->options.unhurried = true; /* the model knows nothing of the machine */
    open_node(s, &s->store);
    if (is_server(s) && nodes > 1) {
        open_node(s, &second_node);
    }
}

bool ask_has_nodes(void)
{
    return second_node != NULL;
}

bool ask_reopen(struct store_test *s)
{
    struct store **node = second_node ? &second_node : &s->store;
    store_close(*node);
    open_node(s, node);
    return node == &s->store;
}

/* A file is where the first one wants it. */
static struct store *whose_turn(struct pair *p, struct store_op *const *ops, int count)
{
    bool is_bound = !second_node || p->turns++ % 2 == 0;
    for (int i = 0; i < count; i++) {
        const struct store_stage_artifact *x = (const struct store_stage_artifact *)ops[i];
        is_bound = is_bound || (ops[i]->kind == STORE_STAGE_ARTIFACT && x->artifact.path.n);
    }
    return is_bound ? p->s->store : second_node;
}

static void submit(struct pair *p, struct store *node, struct store_op *first, int count)
{
    p->arrived = 0; /* nobody else knows of it before the next line */
    store_submit_list(node, first);
    pthread_mutex_lock(&p->lock);
    while (p->arrived < count) {
        pthread_cond_wait(&p->came, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

/* As a caller does who is told to come again: nothing has happened. On a busy machine transactions meet more often than the
 * engine tries. */
static void ask_again(struct pair *p, struct store *node, struct store_op *op)
{
    for (int i = 0; i < AGAIN_MAX && op->rc == RC_BUSY && !op->e.code; i++) {
        if (!i) {
            (void)printf("differential: asked again: %s\n", op->e.text);
        }
        op->next = NULL;
        submit(p, node, op, 1);
    }
}

/* Each has an arena of its own until the next asking: the store's threads write into several at once. */
void ask(struct pair *p, struct store_op *const *ops, int count)
{
    struct store *node = whose_turn(p, ops, count);
    for (int i = 0; i < count; i++) {
        if (p->arenas[i]) {
            arena_reset(p->arenas[i]);
        } else {
            p->arenas[i] = arena_new();
        }
        ops[i]->a = p->arenas[i];
        ops[i]->owner = p;
        ops[i]->next = i + 1 < count ? ops[i + 1] : NULL;
    }
    submit(p, node, ops[0], count);
    for (int i = 0; i < count; i++) {
        ask_again(p, node, ops[i]);
    }
}

struct job *ask_peek(void *pair, int64_t tenant, struct id id)
{
    struct pair *p = pair;
    struct store_get_job *op = arena_alloc(p->a, sizeof *op);
    store_init(&op->op, sizeof *op, STORE_GET_JOB, p->a);
    op->tenant = tenant;
    op->id = id;
    return store_run(p->s->store, &op->op, NULL) ? NULL : op->job;
}

const struct id *ask_members(void *pair, int64_t tenant, struct id batch, size_t *count)
{
    struct pair *p = pair;
    struct store_list_jobs *op = arena_alloc(p->a, sizeof *op);
    store_init(&op->op, sizeof *op, STORE_LIST_JOBS, p->a);
    op->tenant = tenant;
    op->filter.batch = batch;
    op->limit = 1000;
    *count = store_run(p->s->store, &op->op, NULL) ? 0 : op->count;
    struct id *ids = arena_array(p->a, struct id, *count + 1);
    for (size_t i = 0; i < *count; i++) { /* the newest comes first in lists */
        ids[*count - 1 - i] = op->jobs[i].id;
    }
    return ids;
}

/* ---- comparing */

static void say_question(struct pair *p, const struct store_op *op, struct buf *out)
{
    buf_printf(out, "step %lld, now=%lld: ", (long long)p->step, (long long)(p->m->now - TEST_BEGINS));
    question_print(p->m, op, out);
}

void compare_answers(struct pair *p, const struct store_op *got, const struct store_op *want)
{
    struct buf a = BUF_LIMIT(1 << 22), b = BUF_LIMIT(1 << 22), *out = &p->difference;
    answer_print(p->m, got, &a);
    answer_print(p->m, want, &b);
    if (!str_eq(buf_str(&a), buf_str(&b))) {
        p->has_differed = true;
        p->differs_in = got->kind;
        buf_printf(out, "seed %lld, world %d, ", (long long)p->run->seed, p->which);
        say_question(p, want, out);
        buf_printf(out, "the engine:%s\nthe model:%s\n", buf_c_str(&a), buf_c_str(&b));
    }
    buf_dispose(&a);
    buf_dispose(&b);
}

void compare(struct pair *p, const struct store_op *got, struct store_op *want)
{
    if (p->has_differed) {
        return; /* the first one counts */
    }
    if (p->is_loud) {
        struct buf question = BUF_LIMIT(1 << 16);
        say_question(p, want, &question);
        printf("  %s", buf_c_str(&question));
        buf_dispose(&question);
    }
    if (p->is_dumping) {
        p->dumped++;
    } else {
        p->operations++;
        p->items += answer_items(got);
    }
    model_run(p->m, want, got);
    compare_answers(p, got, want);
}

/* A refused file is ours still. */
static void remove_refused(const struct store_op *op)
{
    const struct store_stage_artifact *x = (const struct store_stage_artifact *)op;
    if (op->kind == STORE_STAGE_ARTIFACT && op->rc && x->artifact.path.n) {
        (void)unlink(x->artifact.path.p);
    }
}

void ask_both(struct pair *p, struct store_op **ops, int count)
{
    struct store_op *want[ASKED_MAX];
    for (int i = 0; i < count; i++) {
        want[i] = question_copy(ops[i], p->a);
    }
    ask(p, ops, count);
    for (int i = 0; i < count; i++) {
        remove_refused(ops[i]);
        compare(p, ops[i], want[i]);
    }
}

void ask_one(struct pair *p, struct store_op *op)
{
    ask_both(p, &op, 1);
}
