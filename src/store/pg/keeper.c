/* keeper.c: what the rules ask and write, on PostgreSQL: rows of the round's memory, and notes of what is to be sent. */
#include "store/pg/keeper.h"

#include "store/pg/artifacts.h"
#include "store/pg/batch.h"
#include "store/pg/family.h"
#include "store/pg/fill.h"
#include "store/pg/limits.h"
#include "store/pg/rows.h"
#include "store/pg/schedules.h"
#include "store/pg/unique.h"

static struct committer *of(struct keeper *k)
{
    return (struct committer *)k;
}

static struct pg_row *row_of(struct row *r)
{
    return (struct pg_row *)r;
}

/* ---- asks */

static enum rc load(struct keeper *k, int64_t tenant, struct id id, struct row **out, struct err *e)
{
    struct committer *w = of(k);
    struct pg_row *r = rows_find(w, id);
    enum rc rc = RC_OK;
    if (!r && w->work.jobs.count > w->work.jobs_sent) { /* it may be of this round */
        rc = inserts_send(w, w->work.jobs.count, e);
        rc = rc ? rc : batch_run(w, e);
    }
    if (!r && !rc) {
        rc = pg_rows_load(w, &id, 1, e);
        r = rows_find(w, id);
    }
    if (r) {
        r->is_asked = true;
    }
    bool is_theirs = !rc && r && !r->is_gone && (!tenant || r->row.tenant == tenant);
    *out = is_theirs ? &r->row : NULL;
    return rc;
}

static enum rc make(struct keeper *k, int64_t tenant, struct str queue, struct str kind, struct row **out,
                    struct err *e)
{
    struct committer *w = of(k);
    struct arena *a = store_round_arena(k->round);
    const struct new_job *last = w->work.jobs.last;
    (void)e;
    struct new_job *j = arena_alloc(k->scratch, sizeof *j);
    bool is_as_last = last && last->row.tenant == tenant && str_eq(last->row.queue, queue);
    j->row.id = pg_engine_next_id(w->engine, k->now);
    j->row.tenant = tenant;
    j->row.queue = is_as_last ? last->row.queue : arena_str(a, queue);
    j->row.kind = is_as_last && str_eq(last->row.kind, kind) ? last->row.kind : arena_str(a, kind);
    j->row.settings = is_as_last ? last->row.settings : settings_of(&w->settings, tenant, queue);
    j->row.lease = w->engine->first_lease;
    *out = &j->row;
    return RC_OK;
}

static enum rc find_error(struct keeper *k, struct row *r, struct job_error *out, bool *has_error,
                          struct err *e)
{
    const struct pg_row *row = row_of(r);
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    if (row->texts & TEXT_ERROR) {
        *out = row->error;
        *has_error = true;
        return RC_OK;
    }
    pg_bind_uuid(&q, &r->id);
    enum rc rc = round_ask(of(k), PG_SQL_JOB_ERROR, &q, &rows, e);
    *has_error = !rc && pg_count(rows) && !pg_is_null(rows, 0, 0);
    if (*has_error) {
        *out = (struct job_error){.class = (enum error_class)pg_int(rows, 0, 0),
                                  .code = arena_str(k->scratch, pg_str(rows, 0, 1)),
                                  .message = arena_str(k->scratch, pg_str(rows, 0, 2))};
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc show(struct keeper *k, struct row *r, struct arena *a, struct job *out, struct err *e)
{
    struct show *s = arena_alloc(k->scratch, sizeof *s);
    (void)e;
    *s = (struct show){.job = r->id, .a = a, .out = out};
    FIFO_ADD(&of(k)->work.shows, s);
    return RC_OK;
}

/* ---- counts */

static struct count_entry count_of(const struct row *r, int64_t drop_at, int64_t n)
{
    bool is_final = job_state_is_final(r->state);
    return (struct count_entry){.tenant = r->tenant,
                                .what = r->state,
                                .drop_at = is_final ? drop_at : 0,
                                .n = n,
                                .queue = r->queue,
                                .kind = r->state == JOB_QUEUED ? r->kind : STR("")};
}

void counts_see_revival(struct committer *w, const struct row *r)
{
    const struct queue_entry *q = settings_find(&w->settings, r->tenant, r->queue);
    const struct count_entry c = {
        .tenant = r->tenant, .what = COUNT_REVIVALS, .n = 1, .queue = r->queue, .kind = STR("")};
    if (q && q->deleted_total >= 0) {
        counts_add(w, &c);
    }
}

/* Where the row will lie when it is final; a new job never is. */
static enum rc count_in(struct keeper *k, struct row *r, struct err *e)
{
    int64_t drop_at = job_state_is_final(r->state) ? partition_drop_at(r->finished_at, r->expires_at) : 0;
    struct count_entry c = count_of(r, drop_at, 1);
    (void)e;
    if (drop_at) {
        row_of(r)->counted = drop_at;
    }
    counts_add(of(k), &c);
    if (of(k)->settings.has_deleted && !drop_at) {
        counts_see_revival(of(k), r);
    }
    return RC_OK;
}

static void count_out(struct keeper *k, struct row *r)
{
    struct count_entry c = count_of(r, job_state_is_final(r->state) ? row_of(r)->counted : 0, -1);
    counts_add(of(k), &c);
}

static void count_total(struct keeper *k, struct row *r, enum queue_total total)
{
    const struct count_entry c = {.tenant = r->tenant,
                                  .what = COUNT_TOTALS + (int64_t)total,
                                  .n = 1,
                                  .queue = r->queue,
                                  .kind = STR("")};
    counts_add(of(k), &c);
}

static enum rc set_queue(struct keeper *k, struct row *r, struct str name, struct err *e)
{
    (void)e;
    r->queue = arena_str(store_round_arena(k->round), name);
    r->settings = settings_of(&of(k)->settings, r->tenant, name);
    return RC_OK;
}

/* ---- writes of a row: noted, and sent once (save.c) */

static void note_due(struct committer *w, const struct row *r)
{
    w->work.is_timed = true;
    if (r->due_at > 0 && !job_state_is_final(r->state)) {
        w->work.due_at = w->work.due_at && w->work.due_at < r->due_at ? w->work.due_at : r->due_at;
    }
}

static enum rc insert(struct keeper *k, struct row *r, const struct job_spec *s, struct err *e)
{
    struct new_job *j = (struct new_job *)r;
    (void)e;
    j->spec = s;
    if (r->flags & FLAG_LANED) { /* claims are told of it when its operation may be over */
        r->group = arena_str(store_round_arena(k->round), r->group);
        r->limits = arena_str(store_round_arena(k->round), r->limits);
    }
    FIFO_ADD(&of(k)->work.jobs, j);
    if (r->due_at > 0) {
        note_due(of(k), r);
    }
    return RC_OK;
}

static enum rc save(struct keeper *k, struct row *r, struct err *e)
{
    (void)e;
    row_of(r)->is_dirty = true;
    note_due(of(k), r);
    return RC_OK;
}

static enum rc save_finished(struct keeper *k, struct row *r, struct str result, struct err *e)
{
    row_of(r)->result = result.n ? result : STR_NONE;
    return save(k, r, e);
}

static void drop_texts(struct pg_row *r)
{
    r->args = r->checkpoint = r->progress_message = r->result = STR_NONE;
    r->error.code = r->error.message = r->error.stack = STR_NONE;
}

static enum rc erase(struct keeper *k, struct row *r, struct err *e)
{
    struct pg_row *row = row_of(r);
    enum rc rc = pg_artifacts_remove(of(k), row, false, e);
    row->is_erased = true;
    row->had_events |= (r->flags & FLAG_EVENTS) != 0; /* of this round too: they go with those before it */
    drop_texts(row);
    r->flags &= ~(int64_t)(FLAG_EVENTS | FLAG_ARTIFACTS | FLAG_STAGED);
    r->flags |= FLAG_ERASED;
    return rc;
}

static enum rc remove_row(struct keeper *k, struct row *r, struct err *e)
{
    struct pg_row *row = row_of(r);
    row->is_gone = of(k)->work.is_shrinking = true;
    return pg_artifacts_remove(of(k), row, true, e);
}

/* ---- writes of what a row has */

static enum rc set_text(struct keeper *k, struct row *r, enum row_text which, struct str text, struct err *e)
{
    struct pg_row *row = row_of(r);
    (void)k;
    (void)e;
    struct str kept = text.n ? text : STR_NONE;
    if (which == ROW_RESULT) {
        row->result = kept;
    } else if (which == ROW_ARGS) {
        row->args = kept;
        row->texts |= TEXT_ARGS;
    } else {
        row->checkpoint = kept;
        row->texts |= TEXT_CHECKPOINT;
    }
    return RC_OK;
}

static enum rc set_progress_message(struct keeper *k, struct row *r, struct str text, struct err *e)
{
    (void)k;
    (void)e;
    row_of(r)->progress_message = text;
    row_of(r)->texts |= TEXT_PROGRESS;
    return RC_OK;
}

static struct str copy_or_none(struct arena *a, struct str s)
{
    return s.p ? arena_str(a, s) : STR_NONE;
}

/* Copied: the rules make some of these texts on their own stack. */
static enum rc set_error(struct keeper *k, struct row *r, const struct job_error *error, struct err *e)
{
    struct pg_row *row = row_of(r);
    (void)e;
    row->error = (struct job_error){.class = error->class,
                                    .code = copy_or_none(k->scratch, error->code),
                                    .message = copy_or_none(k->scratch, error->message),
                                    .stack = copy_or_none(k->scratch, error->stack)};
    row->texts |= TEXT_ERROR;
    return RC_OK;
}

static enum rc add_event(struct keeper *k, struct row *r, const struct job_event_row *event, struct err *e)
{
    struct event_entry *n = arena_alloc(k->scratch, sizeof *n);
    (void)e;
    n->job = r->id;
    n->event = *event;
    FIFO_ADD(&of(k)->work.events, n);
    return RC_OK;
}

const struct keeper_engine pg_keeper = {
    .load = load,
    .make = make,
    .find_holder = unique_find_holder,
    .find_verdicts = unique_find_verdicts,
    .find_error = find_error,
    .has_artifact = pg_artifacts_has,
    .find_schedule = pg_schedule_find,
    .find_idle_schedule = pg_schedule_find_idle,
    .count_schedules = pg_schedule_count,
    .find_limit = pg_limits_find,
    .count_limits = pg_limits_count,
    .mend_limits = pg_limits_mend,
    .reserve = counts_reserve,
    .unreserve = counts_unreserve,
    .expect_room = counts_expect_room,
    .show = show,
    .count_children = pg_family_count,
    .batch_max = pg_batch_max,
    .find_finalisers = pg_batch_find_finalisers,
    .find_open_children = pg_family_find_open,
    .count_in = count_in,
    .count_out = count_out,
    .count_total = count_total,
    .set_queue = set_queue,
    .tally = pg_family_tally,
    .leave_note = pg_family_leave_note,
    .link = pg_links_add,
    .forget_links = pg_links_forget,
    .insert = insert,
    .save = save,
    .save_place = save,
    .save_renewed = save,
    .save_finished = save_finished,
    .erase = erase,
    .remove = remove_row,
    .set_text = set_text,
    .set_progress_message = set_progress_message,
    .set_error = set_error,
    .add_event = add_event,
    .stage_artifact = pg_artifacts_stage,
    .settle_artifacts = pg_artifacts_settle,
    .publish_artifact = pg_artifacts_publish,
    .put_batch = pg_batch_put,
    .put_finalisers = pg_batch_put_finalisers,
    .fills_at_once = true,
    .expect_keys = fill_expect_keys,
    .hide = fill_hide,
    .flush = fill_flush,
    .find_flags = pg_batch_find_flags,
    .reveal = fill_reveal,
    .put_limit = pg_limits_put,
    .put_schedule = pg_schedule_put,
    .remove_schedule = pg_schedule_remove,
    .hold_key = unique_hold,
    .release_key = unique_release,
    .keep_verdicts = unique_keep_verdicts,
};
