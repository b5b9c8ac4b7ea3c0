/* world_check.c: see world.h: what must be true of a store that was opened again. */
#include "base/buf.h"
#include "db/db.h"
#include "world.h"

#include <string.h>

/* ---- the check after a cut */

static bool run_read(struct world *w, struct store_op *op)
{
    struct err err = {0};
    enum rc rc = store_run(w->store, op, &err);
    if (rc) {
        world_violation(w, "%s after the cut: %s: %s", store_op_name(op->kind), rc_name(rc), err.text);
    }
    return !rc;
}

static int count_notes(struct world *w, struct cut_job *job, const struct job *seen)
{
    struct store_read_events op;
    int notes = 0;
    store_init(&op.op, sizeof op, STORE_READ_EVENTS, w->a);
    op.tenant = w->tenant;
    op.job_id = seen->id;
    op.limit = 1000;
    if (!run_read(w, &op.op)) {
        return -1;
    }
    for (size_t i = 0; i < op.count; i++) {
        if (op.events[i].seq != (int64_t)i + 1) {
            world_violation(w, "job %d: event %zu has seq %lld (J12)", job->tag, i,
                            (long long)op.events[i].seq);
        }
        int64_t number = 0;
        if (str_eq(op.events[i].type, STR("note")) &&
            (!str_to_i64(op.events[i].data, &number) || number != ++notes)) {
            world_violation(w, "job %d: note %lld where %d belongs", job->tag, (long long)number, notes);
        }
    }
    if ((int64_t)op.count != seen->last_seq) {
        world_violation(w, "job %d: %zu events, last_seq %lld", job->tag, op.count,
                        (long long)seen->last_seq);
    }
    return notes;
}

static bool has_artifact(struct world *w, const struct job *seen, struct str name, struct str expected)
{
    struct err err = {0};
    struct store_get_artifact op;
    store_init(&op.op, sizeof op, STORE_GET_ARTIFACT, w->a);
    op.tenant = w->tenant;
    op.job = seen->id;
    op.name = name;
    if (store_run(w->store, &op.op, &err)) {
        return false;
    }
    if (op.artifact.path.n) {
        struct buf bytes = BUF_LIMIT(1 << 20);
        bool is_good =
            buf_read_file(&bytes, op.artifact.path.p, &err) == RC_OK && bytes.n == WORLD_FILE_BYTES;
        buf_dispose(&bytes);
        return is_good;
    }
    return str_eq(op.artifact.bytes, expected);
}

/* The whole of a completion is there: result, small artifact, staged artifact. */
static void check_completed(struct world *w, struct cut_job *job, const struct job *seen, enum staged staged)
{
    struct str word = arena_printf(w->a, "%d", job->tag);
    if (!str_eq(seen->result, word)) {
        world_violation(w, "job %d: completed with the result \"%.*s\"", job->tag, STR_ARG(seen->result));
    }
    if (!has_artifact(w, seen, STR("small"), word)) {
        world_violation(w, "job %d: completed without its small artifact", job->tag);
    }
    bool has_big = has_artifact(w, seen, STR("big"), arena_printf(w->a, "big %d", job->tag));
    if (staged != STAGED_MAYBE && has_big != (staged == STAGED_YES)) {
        world_violation(w, "job %d: completed, an artifact was%s staged, and it is%s there", job->tag,
                        staged == STAGED_YES ? "" : " not", has_big ? "" : " not");
    }
}

static bool is_as(const struct job *seen, int notes, const struct known *k)
{
    int64_t checkpoint = 0;
    bool has_checkpoint = str_to_i64(seen->checkpoint, &checkpoint);
    bool is_final = job_state_is_final(k->state);
    return seen->state == k->state && seen->attempt == k->attempt && notes == k->notes &&
           seen->lease >= k->lease && (seen->state != JOB_PROCESSING || seen->lease == k->lease) &&
           (is_final || (has_checkpoint ? checkpoint : 0) == k->checkpoint);
}

static bool is_claimed_meanwhile(const struct job *seen, int notes, const struct known *k)
{
    return k->state == JOB_QUEUED && seen->state == JOB_PROCESSING && seen->lease > k->lease &&
           seen->attempt == k->attempt + 1 && notes == k->notes;
}

static void adopt(struct cut_job *job, const struct job *seen, const struct known *k)
{
    bool is_staging_unknown =
        job->is_in_doubt && job->now.staged != job->then.staged && seen->state == JOB_PROCESSING;
    job->now = *k;
    job->now.state = seen->state;
    job->now.lease = seen->lease;
    job->now.attempt = seen->attempt;
    if (is_staging_unknown) {
        job->now.staged = STAGED_MAYBE;
    }
    job->n += 10; /* past whatever went without an answer */
    job->id = seen->id;
    job->is_known = true;
    job->is_in_doubt = false;
}

static void check_job(struct world *w, struct cut_job *job, const struct job *seen)
{
    int notes = count_notes(w, job, seen);
    const struct known *as = NULL;
    if (is_as(seen, notes, &job->now)) {
        as = &job->now;
    } else if (job->is_in_doubt && is_as(seen, notes, &job->then)) {
        as = &job->then;
    } else if (w->is_claim_in_doubt && is_claimed_meanwhile(seen, notes, &job->now)) {
        as = &job->now;
    } else if (w->is_claim_in_doubt && job->is_in_doubt && is_claimed_meanwhile(seen, notes, &job->then)) {
        as = &job->then;
    }
    if (!as) {
        world_violation(w,
                        "job %d was acknowledged as %s, lease %lld, attempt %lld, %d notes, checkpoint %d "
                        "(doubt %d); found %s, "
                        "lease %lld, attempt %lld, %d notes, checkpoint %.*s (J1)",
                        job->tag, job_state_name(job->now.state), (long long)job->now.lease,
                        (long long)job->now.attempt, job->now.notes, job->now.checkpoint, job->is_in_doubt,
                        job_state_name(seen->state), (long long)seen->lease, (long long)seen->attempt, notes,
                        STR_ARG(seen->checkpoint));
        return;
    }
    if (seen->state == JOB_COMPLETED) {
        check_completed(w, job, seen, as->staged);
    }
    struct known copy = *as;
    adopt(job, seen, &copy);
}

static struct job *read_job(struct world *w, struct id id)
{
    struct err err = {0};
    struct store_get_job op;
    store_init(&op.op, sizeof op, STORE_GET_JOB, w->a);
    op.tenant = w->tenant;
    op.id = id;
    return store_run(w->store, &op.op, &err) ? NULL : op.job;
}

/* Marks what the list shows; returns how many jobs there are. */
static int64_t mark_listed(struct world *w, struct id *listed)
{
    int64_t cursor = 0, count = 0;
    do {
        struct store_list_jobs op;
        store_init(&op.op, sizeof op, STORE_LIST_JOBS, w->a);
        op.tenant = w->tenant;
        op.limit = 500;
        op.cursor = cursor;
        if (!run_read(w, &op.op)) {
            return count;
        }
        for (size_t i = 0; i < op.count; i++, count++) {
            int64_t tag = -1;
            struct str tags = op.jobs[i].tags; /* ["17"] */
            if (tags.n < 5 || !str_to_i64(str_sub(tags, 2, tags.n - 2), &tag) || tag < 0 ||
                tag >= w->job_count) {
                world_violation(w, "a job that nobody enqueued: %.*s", STR_ARG(tags));
                continue;
            }
            if (!id_is_zero(listed[tag])) {
                world_violation(w, "job %d is there twice (J7)", (int)tag);
            }
            listed[tag] = op.jobs[i].id;
        }
        cursor = op.next_cursor;
    } while (cursor);
    return count;
}

/* All or none of the jobs of an enqueue that had no answer. */
static void check_enqueue_is_whole(struct world *w, const struct id *listed, int at)
{
    for (int i = at; i < w->job_count && w->jobs[i].enqueued_by == w->jobs[at].enqueued_by; i++) {
        if (id_is_zero(listed[i]) != id_is_zero(listed[at])) {
            world_violation(w, "enqueue %d is there in part", w->jobs[at].enqueued_by);
        }
    }
}

static void check_stats(struct world *w, int64_t job_count)
{
    struct store_stats op;
    int64_t counts[JOB_STATES] = {0}, sum = 0;
    store_init(&op.op, sizeof op, STORE_STATS, w->a);
    op.tenant = w->tenant;
    if (!run_read(w, &op.op)) {
        return;
    }
    for (int i = 0; i < w->job_count; i++) {
        counts[w->jobs[i].now.state] += w->jobs[i].is_known ? 1 : 0;
    }
    for (int i = 0; i < JOB_STATES; i++) {
        sum += op.counts[i];
        if (op.counts[i] != counts[i]) {
            world_violation(w, "counted %lld jobs %s, there are %lld", (long long)op.counts[i],
                            job_state_name((enum job_state)i), (long long)counts[i]);
        }
    }
    if (sum != job_count) {
        world_violation(w, "the counts say %lld jobs, the list %lld", (long long)sum, (long long)job_count);
    }
}

static void check_integrity(struct world *w)
{
    struct db *db = NULL;
    struct db_stmt *q = NULL;
    struct err err = {0};
    struct db_options options = {.read_only = true, .vfs = POWERCUT_VFS, .busy_wait_ms = 1000};
    bool has_row = false;
    if (db_open(w->path, &options, &db, &err) || db_prepare(db, "PRAGMA integrity_check", &q, &err) ||
        db_step(q, &has_row, &err) || !has_row) {
        world_violation(w, "integrity_check: %s", err.text);
    } else if (!str_eq(db_str(q, 0), STR("ok"))) {
        world_violation(w, "integrity_check: %.*s", STR_ARG(db_str(q, 0)));
    }
    db_close(db);
}

void world_check(struct world *w)
{
    arena_reset(w->a);
    struct id *listed = arena_array(w->a, struct id, WORLD_JOBS_MAX);
    int64_t count = mark_listed(w, listed);
    for (int i = 0; i < w->job_count; i++) {
        struct cut_job *job = &w->jobs[i];
        if (!i || job[-1].enqueued_by != job->enqueued_by) {
            check_enqueue_is_whole(w, listed, i);
        }
        if (job->is_known && id_is_zero(listed[i])) {
            world_violation(w, "job %d was acknowledged and is gone (J1)", job->tag);
        } else if (job->is_refused && !id_is_zero(listed[i])) {
            world_violation(w, "job %d was refused and is there", job->tag);
        } else if (!id_is_zero(listed[i])) {
            struct job *seen = read_job(w, listed[i]);
            if (seen) {
                check_job(w, job, seen);
            } else {
                world_violation(w, "job %d is listed and cannot be read", job->tag);
            }
        }
    }
    w->is_claim_in_doubt = false;
    check_stats(w, count);
    check_integrity(w);
}
