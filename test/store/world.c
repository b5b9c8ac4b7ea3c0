/* world.c: see world.h: the work. The check is in world_check.c. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void world_violation(struct world *w, const char *format, ...)
{
    if (w->violations++ == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(w->first, sizeof w->first, format, args);
        va_end(args);
    }
}

static int64_t still(void *ctx)
{
    (void)ctx;
    return TEST_BEGINS;
}

static void take_round(void *ctx, struct store_round *r)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (struct store_op *op = r->done; op; op = op->next) {
        w->done++;
    }
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
    store_round_free(r);
}

/* ---- open and close */

bool world_open(struct world *w)
{
    struct err err = {0};
    enum rc rc = store_open(&w->store, w->url, &w->options, &err);
    if (rc && !powercut_is_dark() && !powercut_failed()) {
        world_violation(w, "the store does not open: %s: %s", rc_name(rc), err.text);
    }
    w->is_fatal = w->is_fatal && rc;
    return !rc;
}

void world_close(struct world *w)
{
    store_close(w->store);
    w->store = NULL;
}

void world_new_disk(struct world *w)
{
    static int disks;
    powercut_format(chance_next(&w->chance));
    powercut_overwrite_is_safe(w->model != CUT_GARBAGE);
    str_print(w->path, sizeof w->path, "%s/cut-%d.db", test_dir(), disks++);
    str_print(w->url, sizeof w->url, "sqlite:%s", w->path);
    w->job_count = w->enqueues = 0;
    w->is_claim_in_doubt = false;
    w->is_fatal = false;
    if (world_open(w)) {
        struct err err = {0};
        struct store_create_key op;
        arena_reset(w->a);
        store_init(&op.op, sizeof op, STORE_CREATE_KEY, w->a);
        op.key =
            (struct api_key){.public_id = STR("abcd1234"), .tenant_name = STR("acme"), .scopes = SCOPE_ADMIN};
        ck_assert_msg(store_run(w->store, &op.op, &err) == RC_OK, "create_key: %s", err.text);
        w->tenant = op.key.tenant;
    }
}

struct world *world_new(const char *what)
{
    struct world *w = mem_alloc(sizeof *w);
    powercut_register();
    w->chance = chance_begin(what);
    w->a = arena_new();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->came, NULL);
    w->options = (struct store_options){
        .now = still, .on_round = take_round, .on_round_ctx = w, .vfs = POWERCUT_VFS, .readers = 1};
    return w;
}

void world_free(struct world *w)
{
    store_close(w->store);
    arena_free(w->a);
    mem_free(w);
}

/* ---- planning a round: operations on different jobs, so that each one's effect is known by itself */

static struct plan *plan_new(struct world *w, enum plan_kind kind, size_t size, enum store_op_kind op_kind)
{
    struct plan *p = &w->plans[w->plan_count++];
    memset(p, 0, sizeof *p);
    p->kind = kind;
    p->op = arena_alloc(w->a, size);
    store_init(p->op, size, op_kind, arena_new());
    return p;
}

static bool is_planned(const struct world *w, int job)
{
    for (int i = 0; i < w->plan_count; i++) {
        for (int j = 0; j < w->plans[i].count; j++) {
            if (w->plans[i].jobs[j] == job) {
                return true;
            }
        }
    }
    return false;
}

/* A job in this state that no other operation of the round is about; -1 = none. */
static int pick(struct world *w, enum job_state state)
{
    int start = w->job_count ? (int)chance_below(&w->chance, w->job_count) : 0;
    for (int i = 0; i < w->job_count; i++) {
        int at = (start + i) % w->job_count;
        if (w->jobs[at].is_known && w->jobs[at].now.state == state && !is_planned(w, at)) {
            return at;
        }
    }
    return -1;
}

static void plan_enqueue(struct world *w)
{
    int count = 1 + (int)chance_below(&w->chance, 4);
    if (w->job_count + count > WORLD_JOBS_MAX) {
        return;
    }
    struct plan *p = plan_new(w, PLAN_ENQUEUE, sizeof(struct store_enqueue), STORE_ENQUEUE);
    struct store_enqueue *op = (struct store_enqueue *)p->op;
    struct job_spec *specs = arena_array(w->a, struct job_spec, (size_t)count);
    w->enqueues++;
    for (int i = 0; i < count; i++) {
        struct cut_job *job = &w->jobs[w->job_count];
        *job = (struct cut_job){.tag = w->job_count, .enqueued_by = w->enqueues, .n = 1};
        job->now = job->then = (struct known){.state = JOB_QUEUED};
        specs[i] = (struct job_spec){.kind = STR("k"),
                                     .tags = arena_printf(w->a, "[\"%d\"]", job->tag),
                                     .args = arena_printf(w->a, "%d", job->tag),
                                     .retry = {.max_attempts = 1000},
                                     .unique_key = arena_printf(w->a, "u%d", job->tag)};
        p->jobs[p->count++] = w->job_count++;
    }
    op->tenant = w->tenant;
    op->specs = specs;
    op->count = (size_t)count;
}

static void plan_claim(struct world *w)
{
    static const struct str queue = {"default", 7};
    struct plan *p = plan_new(w, PLAN_CLAIM, sizeof(struct store_claim), STORE_CLAIM);
    struct store_claim *op = (struct store_claim *)p->op;
    op->tenant = w->tenant;
    op->worker = STR("w");
    op->queues = &queue;
    op->queue_count = 1;
    op->max = 1 + chance_below(&w->chance, WORLD_ITEMS_MAX);
    op->lease_ms = MINUTE;
}

static void word_report(struct world *w, struct cut_job *job, struct report *r, struct known *then)
{
    int64_t dice = chance_below(&w->chance, 10);
    struct report_event *note = arena_array(w->a, struct report_event, 1);
    struct report_artifact *small = arena_array(w->a, struct report_artifact, 1);
    struct str word = arena_printf(w->a, "%d", job->tag);

    *r = (struct report){.job = job->id,
                         .lease = job->now.lease,
                         .n = job->n,
                         .hash = job->n,
                         .progress_permille = -1,
                         .retry_after_ms = -1};
    *then = job->now;
    *note = (struct report_event){STR("note"), arena_printf(w->a, "%d", ++then->notes)};
    *small = (struct report_artifact){STR("small"), STR("text/plain"), word};
    r->events = note;
    r->event_count = 1;
    if (dice < 4) {
        r->op = REPORT_PROGRESS;
        r->progress_permille = then->notes;
        r->store_progress = true;
        then->checkpoint = then->notes;
        r->checkpoint = note->data;
    } else if (dice < 8) {
        r->op = REPORT_COMPLETE;
        r->result = word;
        r->artifacts = small;
        r->artifact_count = 1;
        then->state = JOB_COMPLETED;
    } else if (dice < 9) {
        r->op = REPORT_RELEASE;
        then->state = JOB_QUEUED;
        then->attempt--;
        then->staged = STAGED_NO;
    } else {
        r->op = REPORT_FAIL;
        r->error = (struct job_error){.class = ERROR_TRANSIENT, .message = STR("m")};
        r->retry_after_ms = 0;
        then->state = JOB_QUEUED;
        then->staged = STAGED_NO;
    }
}

static void plan_report(struct world *w)
{
    struct plan *p = plan_new(w, PLAN_REPORT, sizeof(struct store_report), STORE_REPORT);
    struct store_report *op = (struct store_report *)p->op;
    struct report *items = arena_array(w->a, struct report, WORLD_ITEMS_MAX);
    for (int i = 0; i < WORLD_ITEMS_MAX; i++) {
        int at = pick(w, JOB_PROCESSING);
        if (at < 0) {
            break;
        }
        word_report(w, &w->jobs[at], &items[i], &p->then[i]);
        p->jobs[p->count++] = at;
    }
    op->tenant = w->tenant;
    op->items = items;
    op->count = (size_t)p->count;
}

static void plan_cancel(struct world *w)
{
    int at = pick(w, JOB_QUEUED);
    if (at < 0) {
        return;
    }
    struct plan *p = plan_new(w, PLAN_CANCEL, sizeof(struct store_act), STORE_ACT);
    struct store_act *op = (struct store_act *)p->op;
    p->jobs[p->count++] = at;
    p->then[0] = w->jobs[at].now;
    p->then[0].state = JOB_CANCELLED;
    op->tenant = w->tenant;
    op->action = ACT_CANCEL;
    op->ids = &w->jobs[at].id;
    op->count = 1;
}

static void make_file(struct world *w, struct str path, int fill)
{
    char *bytes = arena_alloc(w->a, WORLD_FILE_BYTES);
    memset(bytes, fill, WORLD_FILE_BYTES);
    FILE *f = fopen(path.p, "wx");
    ck_assert_msg(f && fwrite(bytes, WORLD_FILE_BYTES, 1, f) == 1 && fclose(f) == 0, "cannot write %s",
                  path.p);
}

static void plan_stage(struct world *w)
{
    static int counter;
    int at = pick(w, JOB_PROCESSING);
    if (at < 0) {
        return;
    }
    struct plan *p = plan_new(w, PLAN_STAGE, sizeof(struct store_stage_artifact), STORE_STAGE_ARTIFACT);
    struct store_stage_artifact *op = (struct store_stage_artifact *)p->op;
    p->jobs[p->count++] = at;
    p->then[0] = w->jobs[at].now;
    p->then[0].staged = STAGED_YES;
    op->tenant = w->tenant;
    op->job = w->jobs[at].id;
    op->lease = w->jobs[at].now.lease;
    op->artifact = (struct artifact){.name = STR("big"), .media_type = STR("text/plain")};
    if (chance_percent(&w->chance, 30)) {
        op->artifact.size = WORLD_FILE_BYTES;
        op->artifact.path = arena_printf(w->a, "%s/cut-%d.tmp", store_files_dir(w->store), counter++);
        make_file(w, op->artifact.path, 'a' + w->jobs[at].tag % 26);
    } else {
        op->artifact.bytes = arena_printf(w->a, "big %d", w->jobs[at].tag);
        op->artifact.size = (int64_t)op->artifact.bytes.n;
    }
}

/* ---- what an answer means */

static void know_enqueued(struct world *w, const struct plan *p)
{
    const struct store_enqueue *op = (const struct store_enqueue *)p->op;
    for (int i = 0; i < p->count; i++) {
        struct cut_job *job = &w->jobs[p->jobs[i]];
        if (op->verdicts[i].rc || op->verdicts[i].duplicate) {
            world_violation(w, "job %d: enqueued with a fresh key, answered rc %d, duplicate %d", job->tag,
                            (int)op->verdicts[i].rc, op->verdicts[i].duplicate);
        }
        job->id = op->verdicts[i].job;
        job->is_known = true;
    }
}

static struct cut_job *find_job(struct world *w, struct id id)
{
    for (int i = 0; i < w->job_count; i++) {
        if (w->jobs[i].is_known && id_eq(w->jobs[i].id, id)) {
            return &w->jobs[i];
        }
    }
    return NULL;
}

static void know_claimed(struct world *w, const struct plan *p)
{
    const struct store_claim *op = (const struct store_claim *)p->op;
    for (size_t i = 0; i < op->count; i++) {
        struct cut_job *job = find_job(w, op->jobs[i].id);
        if (!job) {
            world_violation(w, "claimed a job that nobody enqueued");
            continue;
        }
        if (op->jobs[i].lease <= job->now.lease) {
            world_violation(w, "job %d: lease %lld after %lld (J4)", job->tag, (long long)op->jobs[i].lease,
                            (long long)job->now.lease);
        }
        if (op->jobs[i].attempt != job->now.attempt + 1) {
            world_violation(w, "job %d: attempt %lld after %lld", job->tag, (long long)op->jobs[i].attempt,
                            (long long)job->now.attempt);
        }
        job->now.state = JOB_PROCESSING;
        job->now.lease = op->jobs[i].lease;
        job->now.attempt = op->jobs[i].attempt;
        job->n = 1;
    }
}

static enum rc answer_of(const struct plan *p, int item)
{
    if (p->op->rc) {
        return p->op->rc;
    }
    switch (p->kind) {
    case PLAN_REPORT:
        return ((const struct store_report *)p->op)->verdicts[item].rc;
    case PLAN_CANCEL:
        return ((const struct store_act *)p->op)->verdicts[item].rc;
    default:
        return RC_OK;
    }
}

static void know_changed(struct world *w, const struct plan *p)
{
    for (int i = 0; i < p->count; i++) {
        struct cut_job *job = &w->jobs[p->jobs[i]];
        enum rc rc = answer_of(p, i);
        if (rc) {
            world_violation(w, "job %d in %s: a proper operation (%d) answered %s", job->tag,
                            job_state_name(job->now.state), (int)p->kind, rc_name(rc));
        } else {
            job->now = p->then[i];
            job->n++;
        }
    }
}

static void doubt(struct world *w, const struct plan *p)
{
    w->is_claim_in_doubt |= p->kind == PLAN_CLAIM;
    for (int i = 0; i < p->count && p->kind != PLAN_ENQUEUE; i++) {
        struct cut_job *job = &w->jobs[p->jobs[i]];
        job->is_in_doubt = true;
        job->then = p->then[i];
    }
}

/* An answer that is not RC_OK: certain refusal, or doubt. */
static void learn_failure(struct world *w, const struct plan *p, bool was_fatal)
{
    if (!powercut_is_dark() && !powercut_failed()) {
        world_violation(w, "%s answered %s on a good disk: %s", store_op_name(p->op->kind),
                        rc_name(p->op->rc), p->op->e.text);
    }
    if (p->op->rc ==
        RC_FULL) { /* enqueues and artifacts; others when there is not even the room that was kept for them */
        w->refused++;
        for (int i = 0; i < p->count && p->kind == PLAN_ENQUEUE; i++) {
            w->jobs[p->jobs[i]].is_refused = true;
        }
        return;
    }
    if (p->op->rc != RC_FATAL) {
        world_violation(w, "%s answered %s to a failing disk: %s", store_op_name(p->op->kind),
                        rc_name(p->op->rc), p->op->e.text);
    }
    w->is_fatal = true;
    if (!was_fatal) { /* after RC_FATAL nothing is tried any more */
        doubt(w, p);
    }
}

static void learn_success(struct world *w, const struct plan *p)
{
    if (w->is_fatal) {
        world_violation(w, "%s was acknowledged after RC_FATAL", store_op_name(p->op->kind));
    }
    w->acknowledged++;
    if (p->kind == PLAN_ENQUEUE) {
        know_enqueued(w, p);
    } else if (p->kind == PLAN_CLAIM) {
        know_claimed(w, p);
    } else {
        know_changed(w, p);
    }
}

/* In the order of submission, and successes first: when one operation of a round is in doubt, so are all. */
static void learn(struct world *w)
{
    bool was_fatal = w->is_fatal;
    for (int i = 0; i < w->plan_count; i++) {
        if (!w->plans[i].op->rc) {
            learn_success(w, &w->plans[i]);
        }
    }
    for (int i = 0; i < w->plan_count; i++) {
        if (w->plans[i].op->rc) {
            learn_failure(w, &w->plans[i], was_fatal);
        }
    }
}

void world_run_round(struct world *w)
{
    w->plan_count = 0;
    w->done = 0;
    arena_reset(w->a);
    int wanted = 1 + (int)chance_below(&w->chance, 4);
    plan_enqueue(w);
    for (int i = 0; i < wanted; i++) {
        int64_t dice = chance_below(&w->chance, 10);
        if (dice < 5) {
            plan_report(w);
        } else if (dice < 6) {
            plan_cancel(w);
        } else if (dice < 8) {
            plan_stage(w);
        }
    }
    plan_claim(w); /* last: it may take what the others gave back */
    for (int i = 0; i < w->plan_count; i++) {
        store_submit(w->store, w->plans[i].op);
    }
    pthread_mutex_lock(&w->lock);
    while (w->done < w->plan_count) {
        pthread_cond_wait(&w->came, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    learn(w);
    for (int i = 0; i < w->plan_count; i++) {
        arena_free(w->plans[i].op->a);
    }
}
