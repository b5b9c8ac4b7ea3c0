/* artifact.c: an artifact beside a running job. */
#include "store/rules/rules.h"

#include <sys/stat.h>

bool rules_is_our_file(const struct keeper *k, const struct artifact *a)
{
    struct str dir = str_from(store_files_dir(k->store));
    struct stat st;
    return str_starts(a->path, dir) && a->path.n > dir.n && a->path.p[dir.n] == '/' &&
           str_find(a->path, STR("/../"), 0) == a->path.n && lstat(a->path.p, &st) == 0 &&
           S_ISREG(st.st_mode) && st.st_size == a->size;
}

static bool refuse(const struct keeper *k, struct store_stage_artifact *op, const struct row *r)
{
    const struct artifact *a = &op->artifact;
    if (!r || r->flags & FLAG_BATCH) {
        store_answer(&op->op, RC_NOT_FOUND, NULL, "no such job");
    } else if (!store_queue_allowed(op->only_queues, r->queue)) {
        store_answer(&op->op, RC_DENIED, NULL, "this key is limited to other queues");
    } else if (r->state != JOB_PROCESSING || op->lease != r->lease ||
               rules_lease_end(k->store, r->lease_until, r->lease_ms) <= k->now) {
        store_answer(&op->op, RC_LEASE_LOST, "lease_lost", "the lease is over; the job is %s",
                     job_state_name(r->state));
    } else if (!str_is_name(a->name)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "the artifact needs a name");
    } else if (a->bytes.n > JOB_ARTIFACT_ROW_BYTES || a->size > JOB_ARTIFACT_MAX_BYTES) {
        store_answer(&op->op, RC_TOO_BIG, NULL, "the artifact is too big");
    } else if (a->path.n && !rules_is_our_file(k, a)) {
        store_answer(&op->op, RC_INVALID, NULL,
                     "the artifact's file is not a finished file of the files folder");
    } else {
        return false;
    }
    return true;
}

enum rc rules_stage_artifact(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_stage_artifact *op = (struct store_stage_artifact *)base;
    struct row *r = NULL;
    base->rc = RC_OK;
    if (k->is_refusing) {
        return store_answer(base, RC_FULL, NULL, "the store's disk is full");
    }
    enum rc rc = k->engine->load(k, op->tenant, op->job, &r, e);
    if (rc || refuse(k, op, r)) {
        return rc;
    }
    if (!op->artifact.path.n) {
        op->artifact.size = (int64_t)op->artifact.bytes.n;
    }
    r->flags |= FLAG_STAGED;
    rc = k->engine->stage_artifact(k, r, &op->artifact, e);
    return rc ? rc : k->engine->save(k, r, e);
}
