/* store_steps.c: what a test of the store does: store_test.h from enqueue to artifacts, and queues. */
#include "store_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- enqueue and claim */

static struct job_spec with_defaults(struct job_spec spec)
{
    spec.kind = spec.kind.n ? spec.kind : STR("k");
    spec.args = spec.args.n ? spec.args : STR("{}");
    return spec;
}

struct enqueue_verdict enqueue_spec(struct store_test *s, struct job_spec spec)
{
    struct err err = {0};
    struct job_spec full = with_defaults(spec);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = &full;
    op.count = 1;
    enum rc rc = store_run(s->store, &op.op, &err);
    if (rc && (!op.verdicts || !op.verdicts[0].rc)) { /* refused as a whole: a full disk, a full queue */
        return (struct enqueue_verdict){.rc = rc, .e = err};
    }
    ck_assert_msg(rc == op.verdicts[0].rc, "one item: the operation says %s, its verdict %s", rc_name(rc),
                  rc_name(op.verdicts[0].rc));
    return op.verdicts[0];
}

struct id enqueue_new(struct store_test *s, struct job_spec spec, enum job_state expected)
{
    struct enqueue_verdict v = enqueue_spec(s, spec);
    VERDICT(v, RC_OK);
    CHECK_FALSE(v.duplicate);
    CHECK_STR(str_from(job_state_name(v.state)), str_from(job_state_name(expected)));
    return v.job;
}

struct claimed claim_wished(struct store_test *s, struct claim_wish wish)
{
    struct str queue = wish.queue.n ? wish.queue : STR("default");
    AN_OP(s, op, store_claim, STORE_CLAIM);
    op.tenant = s->tenant;
    op.worker = wish.worker.n ? wish.worker : STR("w");
    op.queues = &queue;
    op.queue_count = 1;
    op.kinds = &wish.kind;
    op.kind_count = wish.kind.n ? 1 : 0;
    op.max = wish.max;
    op.lease_ms = wish.lease_ms;
    run_op(s, &op.op);
    return (struct claimed){op.jobs, op.count};
}

struct job *claim_exactly_one(struct store_test *s, struct claim_wish wish)
{
    struct claimed c = claim_wished(s, wish);
    CHECK_INT(c.count, 1);
    return &c.jobs[0];
}

struct job *claim_new(struct store_test *s, struct job_spec spec)
{
    struct id id = enqueue_new(s, spec, JOB_QUEUED);
    struct job *job = claim_one(s, .queue = spec.queue, .kind = spec.kind);
    CHECK_ID(job->id, id);
    return job;
}

struct id finish_new(struct store_test *s, enum job_state state, struct job_spec spec)
{
    struct job *job = claim_new(s, spec);
    if (state == JOB_COMPLETED) {
        VERDICT(complete(s, job, 1, .result = STR("{\"r\":1}")), RC_OK);
    } else if (state == JOB_FAILED) {
        VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
    } else {
        VERDICT(cancel(s, job->id), RC_OK);
        VERDICT(fail(s, job, 1, ERROR_TRANSIENT), RC_OK);
    }
    CHECK_STATE(s, job->id, state);
    return job->id;
}

/* ---- report and act */

struct report_verdict report_one(struct store_test *s, struct report r)
{
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = &r;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0];
}

struct report_verdict say(struct store_test *s, const struct job *job, int64_t n, struct str type)
{
    struct report_event event = {type, STR("{}")};
    return progress(s, job, n, .events = &event, .event_count = 1);
}

static struct act_verdict act(struct store_test *s, enum job_action action, struct id id, bool of_batches)
{
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = action;
    op.of_batches = of_batches;
    op.ids = &id;
    op.count = 1;
    run_op(s, &op.op);
    CHECK_INT(op.verdict_count, 1);
    return op.verdicts[0];
}

struct act_verdict act_on(struct store_test *s, enum job_action action, struct id id)
{
    return act(s, action, id, false);
}

struct act_verdict act_on_batch(struct store_test *s, enum job_action action, struct id batch)
{
    return act(s, action, batch, true);
}

/* ---- artifacts */

enum rc stage_row(struct store_test *s, const struct job *job, struct str name, struct str bytes,
                  struct err *e)
{
    AN_OP(s, op, store_stage_artifact, STORE_STAGE_ARTIFACT);
    op.tenant = s->tenant;
    op.job = job->id;
    op.lease = job->lease;
    op.artifact = (struct artifact){
        .name = name, .media_type = STR("text/plain"), .size = (int64_t)bytes.n, .bytes = bytes};
    memset(op.artifact.sha256, (int)bytes.n, sizeof op.artifact.sha256);
    return store_run(s->store, &op.op, e);
}

enum rc stage_file(struct store_test *s, const struct job *job, struct str name, size_t n, char fill,
                   struct err *e)
{
    static int counter;
    char *bytes = mem_alloc(n);
    memset(bytes, fill, n);
    AN_OP(s, op, store_stage_artifact, STORE_STAGE_ARTIFACT);
    struct str path = arena_printf(s->a, "%s/upload-%d.tmp", store_files_dir(s->store), counter++);
    int fd = open(path.p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "cannot make %s", path.p);
    ck_assert_msg(write(fd, bytes, n) == (ssize_t)n && fsync(fd) == 0, "cannot write %s", path.p);
    close(fd);
    mem_free(bytes);
    op.tenant = s->tenant;
    op.job = job->id;
    op.lease = job->lease;
    op.artifact = (struct artifact){
        .name = name, .media_type = STR("application/octet-stream"), .size = (int64_t)n, .path = path};
    memset(op.artifact.sha256, fill, sizeof op.artifact.sha256);
    enum rc rc = store_run(s->store, &op.op, e);
    if (rc) {
        unlink(path.p); /* still ours */
    }
    return rc;
}

struct store_get_artifact artifact_of(struct store_test *s, struct id job, struct str name)
{
    struct err err = {0};
    AN_OP(s, op, store_get_artifact, STORE_GET_ARTIFACT);
    op.tenant = s->tenant;
    op.job = job;
    op.name = name;
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

size_t artifact_count_of(struct store_test *s, struct id job)
{
    AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
    op.tenant = s->tenant;
    op.job = job;
    run_op(s, &op.op);
    return op.count;
}

struct store_get_series series_of(struct store_test *s, struct str name, int64_t limit)
{
    struct err err = {0};
    AN_OP(s, op, store_get_series, STORE_GET_SERIES);
    op.tenant = s->tenant;
    op.name = name;
    op.limit = limit;
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

/* ---- queues */

struct queue_view *set_queue(struct store_test *s, struct str name, struct queue_settings settings)
{
    AN_OP(s, op, store_set_queue, STORE_SET_QUEUE);
    op.tenant = s->tenant;
    op.name = name;
    op.has_settings = true;
    op.settings = settings;
    op.pause = -1;
    run_op(s, &op.op);
    return op.queue;
}

static void set_pause(struct store_test *s, struct str name, int pause)
{
    AN_OP(s, op, store_set_queue, STORE_SET_QUEUE);
    op.tenant = s->tenant;
    op.name = name;
    op.pause = pause;
    run_op(s, &op.op);
    CHECK_INT(op.queue->is_paused, pause);
}

void pause_queue(struct store_test *s, struct str name)
{
    set_pause(s, name, 1);
}

void resume_queue(struct store_test *s, struct str name)
{
    set_pause(s, name, 0);
}
