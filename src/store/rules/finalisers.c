/* finalisers.c: jobs that run behind each round of a batch's life. In the first they are blocked by a link to the batch, as any job
 * that depends on another (links.c). A batch that begins another round links them to it anew, whatever they do meanwhile; the tick
 * that tells of its end then has each run again: at once when it has ended, behind its end when a worker has it.
 *
 * What waits for the end of a finaliser itself is a link too, of round 0: whoever ends one leaves a note of that
 * round, so that nothing is to be written into the row of a job that a worker has. A link that a later round has taken over
 * is told of by that. So a finaliser begins behind the last end of its batch, once, whatever dies in between (J15). */
#include "store/rules/rules.h"

#define LINK_OF_ROUND_0 0 /* rounds of lives begin with 1 */

/* ---- which they are: ids, a blank behind each */

enum rc rules_keep_finalisers(struct keeper *k, const struct store_enqueue *op, struct err *e)
{
    struct buf text = BUF_LIMIT(1 << 20);
    for (size_t i = 1; i < op->count; i++) {
        const struct enqueue_verdict *v = &op->verdicts[i];
        if (op->specs[i].is_finaliser && !v->rc && !v->duplicate && !v->dropped) {
            buf_append_c(&text, id_text(v->job).s);
            buf_append_char(&text, ' ');
        }
    }
    enum rc rc = buf_check(&text, "finalisers", e);
    if (!rc && text.n) {
        struct str kept = arena_str(k->scratch, buf_str(&text));
        rc = k->engine->put_finalisers(k, op->tenant, op->verdicts[0].job, kept, e);
    }
    buf_dispose(&text);
    return rc;
}

/* ---- a batch begins another round */

enum rc rules_link_finalisers(struct keeper *k, struct row *batch, struct err *e)
{
    struct str rest = STR_NONE;
    struct id job;
    enum rc rc = k->engine->find_finalisers(k, batch, &rest, e);
    while (!rc && rest.n && id_parse(str_cut(rest, ' ', &rest), &job)) {
        batch->flags |= FLAG_AWAITED;
        rc = k->engine->link(k, job, batch->id, batch->round + 1, e);
    }
    return rc;
}

/* ---- it has ended */

enum rc rules_finaliser_ended(struct keeper *k, const struct row *r, struct err *e)
{
    const struct note note = {
        .tenant = r->tenant, .job = r->batch, .what = NOTE_DONE, .from = LINK_OF_ROUND_0};
    return k->engine->leave_note(k, &note, e);
}

/* Of what it had from the round before it would think that it is its own. Its key is not held again: others may have it. */
static enum rc begin_again(struct keeper *k, struct row *r, enum job_state to, struct err *e)
{
    r->flags &= ~(int64_t)FLAG_HOLDS_KEY;
    enum rc rc = k->engine->set_text(k, r, ROW_RESULT, STR_NONE, e);
    rc = rc ? rc : k->engine->set_text(k, r, ROW_CHECKPOINT, STR_NONE, e);
    return rc ? rc : rules_begin_round(k, r, to, e);
}

/* One that somebody has cancelled or erased stays so; one that waits for a worker has to begin yet. */
enum rc rules_finalise_again(struct keeper *k, struct row *r, enum note_what what, struct err *e)
{
    enum job_state to = r->state;
    if ((what == NOTE_MISSED && !(r->flags & FLAG_RUN_ANYWAY)) || r->flags & FLAG_ERASED) {
        return RC_OK;
    }
    if (job_next_state(r->state, JOB_EV_AGAIN, &to)) {
        return begin_again(k, r, to, e);
    }
    bool is_live = !job_state_is_final(r->state);
    return is_live && row_has_begun(r) ? k->engine->link(k, r->id, r->batch, LINK_OF_ROUND_0, e) : RC_OK;
}
