/* links.c: which jobs depend on which: table link. */
#include "store/sqlite/insert.h"

#define TOLD_AT_ONCE 200

enum rc links_add(struct keeper *k, struct id job, struct id on, int64_t round, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_LINK_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, id_ordinal(job));
        db_bind_int(q, 2, id_ordinal(on));
        db_bind_int(q, 3, id_random_bits(on));
        db_bind_int(q, 4, round);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc links_forget(struct keeper *k, struct row *r, struct err *e)
{
    return run_with_id(writer_of(k)->db, SQL_LINK_DELETE_ALL, sqlite_row_of(r)->ordinal, e);
}

enum rc links_read(struct db *db, struct arena *a, struct job *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(db, SQL_LINK_LIST, &q, e);
    if (rc) {
        return rc;
    }
    out->depends_on = arena_array(a, struct id, JOB_DEPENDS_SHOWN);
    db_bind_int(q, 1, id_ordinal(out->id));
    db_bind_int(q, 2, JOB_DEPENDS_SHOWN);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        out->depends_on[out->depends_count++] = id_from_parts(db_int(q, 0), db_int(q, 1));
    }
    return rc;
}

static enum rc has_any(struct writer *w, int64_t job, bool *out, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_LINK_ANY, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        rc = db_step(q, out, e);
        db_reset(q);
    }
    return rc;
}

static enum rc tell(struct writer *w, int64_t job, const struct note *note, struct err *e)
{
    struct db_stmt *q = NULL;
    struct row *r = NULL;
    bool has_more = false;
    enum rc rc = stmt(w->db, SQL_LINK_DELETE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        db_bind_int(q, 2, id_ordinal(note->job));
        rc = db_run(q, e);
    }
    if (!rc) {
        rc = has_any(w, job, &has_more, e);
    }
    if (!rc) {
        rc = rows_load_ordinal(w, job, &r, e);
    }
    return rc || !r ? rc : rules_dependency_ended(&w->keeper, r, note->job, note->what, has_more, e);
}

enum rc links_tell(struct writer *w, const struct note *note, bool *is_whole, struct err *e)
{
    int64_t jobs[TOLD_AT_ONCE];
    size_t count = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = insert_flush(w, e); /* they may be of this round */
    rc = rc ? rc : stmt(w->db, SQL_LINK_JOBS, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(note->job));
    db_bind_int(q, 2, note->from);
    db_bind_int(q, 3, TOLD_AT_ONCE);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        jobs[count++] = db_int(q, 0);
    }
    for (size_t i = 0; i < count && !rc; i++) {
        rc = tell(w, jobs[i], note, e);
    }
    *is_whole = count < TOLD_AT_ONCE;
    return rc;
}
