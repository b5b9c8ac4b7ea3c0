/* views.c: see views.h. */
#include "store/pg/views.h"

#include "store/pg/batch.h"

static struct str copy(struct arena *a, const struct pg_rows *r, size_t at, int column)
{
    struct str s = pg_str(r, at, column);
    return s.p ? arena_str(a, s) : STR_NONE;
}

int64_t view_ordinal(const struct pg_rows *r, size_t at)
{
    return id_ordinal(pg_uuid(r, at, 0));
}

static void read_numbers(const struct store *s, const struct pg_rows *r, size_t at, struct job *j)
{
    j->lease = pg_int(r, at, 8);
    j->lease_ms = pg_int(r, at, 9);
    j->lease_until = j->state == JOB_PROCESSING ? rules_lease_end(s, pg_int(r, at, 10), j->lease_ms) : 0;
    int64_t *const numbers[] = {&j->timeout_ms, &j->deadline_at, &j->attempt, &j->lost,
                                &j->lost_max,   &j->snoozes,     &j->waits,   &j->round};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = pg_int(r, at, 11 + (int)i);
    }
    j->reason = (enum job_reason)pg_int(r, at, 19);
    j->last_seq = pg_int(r, at, 20);
    j->progress_permille = pg_int(r, at, 21);
    j->started_at = pg_int(r, at, 22);
}

void pg_view_read(const struct store *s, const struct pg_rows *r, size_t at, struct arena *a, struct job *j,
                  int64_t *flags)
{
    int64_t bits = pg_int(r, at, 7);
    *j = (struct job){.id = pg_uuid(r, at, 0),
                      .tenant = pg_int(r, at, 1),
                      .state = (enum job_state)pg_int(r, at, 2),
                      .queue = copy(a, r, at, 3),
                      .kind = copy(a, r, at, 4),
                      .priority = pg_int(r, at, 5),
                      .run_at = pg_int(r, at, 6),
                      .on_lost = bits & FLAG_FAIL_ON_LOST ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY,
                      .on_cancel = bits & FLAG_RUN_ON_CANCEL ? JOB_ON_CANCEL_RUN : JOB_ON_CANCEL_STOP,
                      .on_parent_failure = bits & FLAG_SKIP_WITH_PARENT ? JOB_ON_PARENT_SKIP
                                           : bits & FLAG_RUN_ANYWAY     ? JOB_ON_PARENT_CONTINUE
                                                                        : JOB_ON_PARENT_FAIL,
                      .cancelling = bits & FLAG_LAST_TURN,
                      .cancel_requested = bits & FLAG_CANCEL};
    j->created_at = id_ordinal(j->id) >> 21;
    read_numbers(s, r, at, j);
    j->worker = copy(a, r, at, 23);
    j->progress_message = copy(a, r, at, 24);
    if (!retry_parse(pg_str(r, at, 25), &j->retry)) {
        j->retry = retry_default();
    }
    j->unique_key = copy(a, r, at, 26);
    j->tags = copy(a, r, at, 27);
    j->group = copy(a, r, at, 28);
    j->limit_keys = copy(a, r, at, 29);
    j->has_error = !pg_is_null(r, at, 30);
    j->error.class = (enum error_class)pg_int(r, at, 30);
    j->error.code = copy(a, r, at, 31);
    j->error.message = copy(a, r, at, 32);
    j->parent = pg_uuid(r, at, 33);
    j->root = pg_uuid(r, at, 34);
    *(bits & FLAG_FINALLY ? &j->finally_of : &j->batch) = pg_uuid(r, at, 35);
    if (flags) {
        *flags = bits;
    }
}

void view_read_long(const struct pg_rows *r, size_t at, int column, struct arena *a, struct job *j)
{
    j->error.stack = copy(a, r, at, column);
    j->checkpoint = copy(a, r, at, column + 1);
    j->args = copy(a, r, at, column + 2);
}

void view_read_end(const struct pg_rows *r, size_t at, int column, struct arena *a, struct job *j)
{
    j->finished_at = pg_int(r, at, column);
    j->expires_at = pg_int(r, at, column + 1);
    j->result = copy(a, r, at, column + 2);
}

static enum rc take_show(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct show *s = arg;
    if (!pg_count(rows)) {
        return err_set(e, RC_FATAL, "postgresql: a job of the round is not there at its end");
    }
    pg_view_read(&w->engine->base, rows, 0, s->a, s->out, NULL);
    view_read_long(rows, 0, VIEW_COLUMNS, s->a, s->out);
    return RC_OK;
}

enum rc views_send_shows(struct committer *w, struct err *e)
{
    enum rc rc = RC_OK;
    for (struct show *s = w->work.shows.first; s && !rc; s = s->next) {
        struct pg_query q = PG_QUERY(w->keeper.scratch);
        pg_bind_uuid(&q, &s->job);
        rc = batch_send(w, PG_SQL_JOB_VIEW, &q, take_show, s, e);
    }
    return rc;
}
