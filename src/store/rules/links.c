/* links.c: jobs that depend on others (depends_on). Who ends a job on which others depend leaves a note, once, however many
 * they are; ticks tell those, some at a time, each under the lock of its row (family.c says why). An enqueue locks the jobs
 * that it depends on: so each of them either ends behind it, and sees the links, or has ended, and the enqueue leaves the note.
 * So a link is told of once or, by a note too many, of nothing. */
#include "store/rules/rules.h"

/* Of the lives of a job: behind all that it had. */
#define ROUND_OF_THE_GONE INT64_MAX

static enum rc leave_note(struct keeper *k, int64_t tenant, struct id job, enum job_state state,
                          int64_t round, struct err *e)
{
    const struct note note = {.tenant = tenant,
                              .job = job,
                              .what = state == JOB_COMPLETED ? NOTE_DONE : NOTE_MISSED,
                              .from = round};
    return k->engine->leave_note(k, &note, e);
}

enum rc rules_ended(struct keeper *k, struct row *r, struct err *e)
{
    r->flags &= ~(int64_t)FLAG_AWAITED;
    return leave_note(k, r->tenant, r->id, r->state, r->round, e);
}

/* ---- enqueue */

static enum rc refuse(struct enqueue_verdict *v, size_t *bad, const struct err *why)
{
    v->rc = why->rc;
    v->e = *why;
    ++*bad;
    return RC_OK;
}

/* The batch that must end before this job can; zeros: none that is known from here. */
static struct id batch_before(const struct row *r)
{
    bool is_finaliser = r->flags & FLAG_FINALLY && r->flags & FLAG_DEPENDS;
    bool waits = r->state == JOB_BLOCKED && (r->flags & FLAG_BATCH || is_finaliser);
    return !waits ? (struct id){0} : is_finaliser ? r->batch : r->id;
}

/* A job that joins a batch and runs behind it. By way of others nobody looks: they may be any number. */
static bool is_circle(const struct job_spec *s, const struct row *on, struct err *why)
{
    struct id batch = batch_before(on);
    if (id_is_zero(s->batch) || !id_eq(s->batch, batch)) {
        return false;
    }
    bool is_direct = id_eq(on->id, batch);
    char way[48] = "";
    if (!is_direct) {
        str_print(way, sizeof way, "job %s -> ", id_text(on->id).s);
    }
    err_set_code(why, RC_INVALID, "dependency_cycle", "depends_on",
                 "depends_on goes in a circle: the job -> %sits batch %s -> the job", way, id_text(batch).s);
    return true;
}

enum rc rules_check_links(struct keeper *k, struct store_enqueue *op, struct job_links *out, size_t *bad,
                          struct err *e)
{
    struct err why = {0};
    size_t item = 0;
    if (job_links_make(op->specs, op->count, k->scratch, out, &item, &why)) {
        return refuse(&op->verdicts[item], bad, &why);
    }
    enum rc rc = RC_OK;
    for (size_t i = 0; i < out->count && !rc; i++) {
        const struct job_link *l = &out->links[i];
        struct enqueue_verdict *v = &op->verdicts[l->job];
        struct row *on = NULL;
        if (l->item < op->count || v->rc) {
            continue;
        }
        rc = k->engine->load(k, op->tenant, l->on, &on, e);
        if (!rc && !on) {
            err_set_code(&why, RC_INVALID, "unknown_dependency", "depends_on",
                         "depends_on: there is no job %s", id_text(l->on).s);
            rc = refuse(v, bad, &why);
        } else if (!rc && is_circle(&op->specs[l->job], on, &why)) {
            rc = refuse(v, bad, &why);
        }
    }
    return rc;
}

/* Each other's alone: what a report names is locked before it is read. */
enum rc rules_check_child_links(struct keeper *k, const struct report *in, struct job_links *out, size_t *bad,
                                struct err *e)
{
    enum rc rc = job_links_make(in->children, in->child_count, k->scratch, out, bad, e);
    for (size_t i = 0; i < out->count && !rc; i++) {
        if (out->links[i].item == in->child_count) {
            *bad = out->links[i].job;
            rc = err_set_code(e, RC_INVALID, "unknown_dependency", "depends_on",
                              "depends_on: %s is the ref of no child in this report",
                              id_text(out->links[i].on).s);
        }
    }
    return rc;
}

/* On a job that was there before: it hears that somebody depends on it, or has ended already. What is gone, its
 * key being held still, counts as completed: nobody knows any more what it came to. */
static enum rc link_to_old(struct keeper *k, const struct added *jobs, struct id job, struct id on,
                           struct err *e)
{
    struct row *r = NULL;
    enum rc rc = rules_load_beside(k, jobs->adder, jobs->tenant, on, &r, e);
    int64_t round = !rc && r ? r->round : ROUND_OF_THE_GONE;
    if (!rc) {
        rc = k->engine->link(k, job, on, round, e);
    }
    if (rc || !r || job_state_is_final(r->state)) {
        return rc ? rc : leave_note(k, jobs->tenant, on, r ? r->state : JOB_COMPLETED, round, e);
    }
    if (r->flags & FLAG_AWAITED) {
        return RC_OK;
    }
    r->flags |= FLAG_AWAITED;
    return k->engine->save(k, r, e);
}

enum rc rules_link(struct keeper *k, const struct added *jobs, const struct job_links *l, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < l->count && !rc; i++) {
        const struct job_link *link = &l->links[i];
        const struct enqueue_verdict *v = &jobs->verdicts[link->job];
        bool is_new = link->item < jobs->count && !jobs->verdicts[link->item].duplicate;
        struct id on = link->item < jobs->count ? jobs->verdicts[link->item].job : link->on;
        if (v->rc || v->duplicate || v->dropped) { /* that one depends on what it depended on */
            continue;
        }
        rc = is_new ? k->engine->link(k, v->job, on, 1, e) : link_to_old(k, jobs, v->job, on, e);
    }
    return rc;
}

/* ---- told by a tick */

static enum rc end_with_parent(struct keeper *k, struct row *r, struct id on, struct err *e)
{
    char text[80];
    bool is_skipped = r->flags & FLAG_SKIP_WITH_PARENT;
    enum rc rc = RC_OK;
    if (!is_skipped) {
        str_print(text, sizeof text, "job %s was not completed", id_text(on).s);
        const struct job_error error = {
            .class = ERROR_PERMANENT, .code = STR("parent_failed"), .message = str_from(text)};
        rc = row_set_error(k, r, &error, e);
    }
    enum job_state to = JOB_FAILED;
    if (!rc && !job_next_state(r->state, is_skipped ? JOB_EV_SKIP : JOB_EV_PARENT_FAILED, &to)) {
        rc = err_set(e, RC_FATAL, "a blocked job cannot end with its parent");
    }
    if (!rc) {
        rc = row_finish(k, r, to, JOB_REASON_PARENT_FAILED, e);
    }
    return rc ? rc : k->engine->save(k, r, e);
}

/* What time has done to a job goes before: it is done as soon as this tick has told everybody. */
enum rc rules_dependency_ended(struct keeper *k, struct row *r, struct id on, enum note_what what,
                               bool has_more, struct err *e)
{
    bool is_over = r->deadline_at && r->deadline_at <= k->now;
    bool is_finaliser = r->flags & FLAG_FINALLY && id_eq(r->batch, on);
    if (is_finaliser && !(r->state == JOB_BLOCKED && r->flags & FLAG_DEPENDS)) {
        return rules_finalise_again(k, r, what, e);
    }
    if (r->state != JOB_BLOCKED || !(r->flags & FLAG_DEPENDS) || is_over) {
        return RC_OK;
    }
    if (what == NOTE_MISSED && !(r->flags & FLAG_RUN_ANYWAY)) {
        return end_with_parent(k, r, on, e);
    }
    if (is_finaliser) { /* a link that the next round has just made stays */
        r->flags &= ~(int64_t)FLAG_DEPENDS;
    }
    return has_more ? RC_OK : rules_unblock(k, r, e);
}
