/* texts.c: what a row has beside its numbers: long texts, the error, events; how it is shown and how it is erased. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/views.h"

enum rc body_put(struct writer *w, int64_t job, enum row_text which, struct str text, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_BODY_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        db_bind_int(q, 2, which);
        db_bind_str(q, 3, text);
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc body_delete(struct writer *w, int64_t job, enum row_text which, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_BODY_DELETE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        db_bind_int(q, 2, which);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc texts_set(struct keeper *k, struct row *r, enum row_text which, struct str text, struct err *e)
{
    static const struct {
        enum sql_query query;
        enum body_flag flag;
    } texts[] = {[ROW_ARGS] = {SQL_JOB_SET_ARGS, FLAG_ARGS},
                 [ROW_RESULT] = {SQL_JOB_SET_RESULT, FLAG_RESULT},
                 [ROW_CHECKPOINT] = {SQL_JOB_SET_CHECKPOINT, FLAG_CHECKPOINT}};
    struct writer *w = writer_of(k);
    int64_t job = sqlite_row_of(r)->ordinal;
    enum rc rc = RC_OK;
    bool is_inline = text.n <= INLINE_MAX_BYTES;
    if (!is_inline) {
        rc = body_put(w, job, which, text, e);
        r->flags |= texts[which].flag;
    } else if (r->flags & texts[which].flag) {
        rc = body_delete(w, job, which, e);
        r->flags &= ~(int64_t)texts[which].flag;
    }
    return rc ? rc : run_with_text(w->db, texts[which].query, job, is_inline && text.n ? text : STR_NONE, e);
}

enum rc texts_set_progress(struct keeper *k, struct row *r, struct str text, struct err *e)
{
    return run_with_text(writer_of(k)->db, SQL_JOB_SET_PROGRESS_MESSAGE, sqlite_row_of(r)->ordinal, text, e);
}

enum rc texts_set_error(struct keeper *k, struct row *r, const struct job_error *error, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_JOB_SET_ERROR, &q, e);
    if (!rc) {
        db_bind_int(q, 1, sqlite_row_of(r)->ordinal);
        db_bind_int(q, 2, error->class);
        db_bind_str(q, 3, error->code);
        db_bind_str(q, 4, error->message);
        db_bind_str(q, 5, error->stack);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc texts_add_event(struct keeper *k, struct row *r, const struct job_event_row *event, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_EVENT_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, sqlite_row_of(r)->ordinal);
        db_bind_int(q, 2, event->seq);
        db_bind_int(q, 3, event->at);
        db_bind_str(q, 4, event->type);
        db_bind_str(q, 5, event->data);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc texts_show(struct keeper *k, struct row *r, struct arena *a, struct job *out, struct err *e)
{
    struct viewer viewer = {writer_of(k)->engine, writer_of(k)->db, a, false};
    struct view view = {.job = out};
    return view_get_ordinal(&viewer, sqlite_row_of(r)->ordinal, &view, e);
}

enum rc texts_find_error(struct keeper *k, struct row *r, struct job_error *out, bool *has_error,
                         struct err *e)
{
    struct job j = {0};
    enum rc rc = texts_show(k, r, k->scratch, &j, e);
    *out = j.error;
    *has_error = j.has_error;
    return rc;
}

enum rc texts_erase(struct keeper *k, struct row *r, struct err *e)
{
    struct writer *w = writer_of(k);
    int64_t job = sqlite_row_of(r)->ordinal;
    struct db_stmt *q = NULL;
    enum rc rc = run_with_id(w->db, SQL_BODY_DELETE_ALL, job, e);
    if (!rc && r->flags & FLAG_EVENTS) {
        rc = run_with_id(w->db, SQL_EVENT_DELETE_ALL, job, e);
    }
    if (!rc && r->flags & (FLAG_ARTIFACTS | FLAG_STAGED)) {
        rc = artifacts_remove(w, job, false, e);
    }
    r->flags &=
        ~(int64_t)(FLAG_ARGS | FLAG_RESULT | FLAG_CHECKPOINT | FLAG_EVENTS | FLAG_ARTIFACTS | FLAG_STAGED);
    r->flags |= FLAG_ERASED;
    if (!rc) {
        rc = stmt(w->db, SQL_JOB_ERASE, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, job);
    db_bind_int(q, 2, r->flags);
    return db_run(q, e);
}
