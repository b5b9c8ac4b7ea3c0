/* family.c: what stands beside jobs that have kin: tables kin, tally, note. Most jobs have none, and cost nothing here. */
#include "store/sqlite/rows.h"
#include "store/sqlite/views.h"

#include "base/fault.h"

#define LIST_MAX      1000
#define LOOKED_AT     2000 /* children, for those that are to be cancelled */
#define COUNTS        5
#define NOTES_AT_ONCE 50

/* ---- kin */

enum rc family_read_kin(struct db *db, int64_t ordinal, struct id *parent, struct id *root, struct err *e)
{
    struct id both[] = {*parent, *root};
    enum rc rc = read_ids(db, SQL_KIN_GET, ordinal, both, 2, e);
    *parent = both[0];
    *root = both[1];
    return rc;
}

enum rc family_insert(struct writer *w, const struct sqlite_row *s, struct err *e)
{
    const struct row *r = &s->row;
    const int64_t numbers[] = {s->ordinal, id_ordinal(r->parent), id_random_bits(r->parent),
                               id_ordinal(r->root), id_random_bits(r->root)};
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_KIN_INSERT, &q, e);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    return db_run(q, e);
}

enum rc family_remove(struct writer *w, const struct sqlite_row *s, struct err *e)
{
    enum rc rc = RC_OK;
    if (s->row.flags & FLAG_CHILD) {
        rc = run_with_id(w->db, SQL_KIN_DELETE, s->ordinal, e);
    }
    if (!rc && s->row.flags & (FLAGS_OF_BATCH | FLAG_BATCH)) {
        rc = batch_remove(w, s, e);
    }
    return rc || !(s->row.flags & FLAG_PARENT) ? rc : run_with_id(w->db, SQL_TALLY_DELETE, s->ordinal, e);
}

/* ---- tally */

enum rc family_tally(struct keeper *k, struct id owner, struct row *r, enum job_state state, int64_t n,
                     struct err *e)
{
    struct writer *w = writer_of(k);
    struct db_stmt *q = NULL;
    int column = job_state_is_final(state) ? 3 + (int)(state - JOB_COMPLETED) : 2;
    enum rc rc = stmt(w->db, n > 0 && column == 2 ? SQL_TALLY_ADD : SQL_TALLY_CHANGE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(owner));
    for (int i = 2; i < 2 + COUNTS; i++) {
        db_bind_int(q, i, i == column ? n : 0);
    }
    rc = db_run(q, e);
    if (rc || state != JOB_FAILED || !id_eq(owner, r->parent)) {
        return rc;
    }
    rc = stmt(w->db, SQL_KIN_SET_FAILED, &q, e);
    if (!rc) {
        db_bind_int(q, 1, sqlite_row_of(r)->ordinal);
        db_bind_int(q, 2, n > 0);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc family_read_tally(struct db *db, int64_t ordinal, struct job_children *out, struct err *e)
{
    int64_t *const counts[COUNTS] = {&out->open, &out->completed, &out->failed, &out->cancelled,
                                     &out->skipped};
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(db, SQL_TALLY_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, ordinal);
    rc = db_step(q, &has_row, e);
    for (int i = 0; i < COUNTS && !rc && has_row; i++) {
        *counts[i] = db_int(q, i);
    }
    db_reset(q);
    return rc;
}

enum rc family_count(struct keeper *k, struct row *r, struct job_children *out, struct err *e)
{
    return family_read_tally(writer_of(k)->db, sqlite_row_of(r)->ordinal, out, e);
}

static enum rc read_failures(struct writer *w, int64_t ordinal, struct arena *a, struct job_children *c,
                             struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    c->failures = arena_array(a, struct job_failure, JOB_FAILURES_MAX);
    enum rc rc = stmt(w->db, SQL_KIN_FAILURES, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, ordinal);
    db_bind_int(q, 2, JOB_FAILURES_MAX);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        c->failures[c->failure_count++] =
            (struct job_failure){.id = id_from_parts(db_int(q, 0), db_int(q, 1)),
                                 .kind = names_get(&w->engine->words, db_int(q, 2)),
                                 .code = arena_str(a, db_str(q, 3)),
                                 .message = arena_str(a, db_str(q, 4))};
    }
    return rc;
}

enum rc family_read_children(struct writer *w, int64_t ordinal, struct arena *a, struct job_children **out,
                             struct err *e)
{
    struct job_children *c = arena_alloc(a, sizeof *c);
    enum rc rc = family_read_tally(w->db, ordinal, c, e);
    if (!rc && c->failed > 0) {
        rc = read_failures(w, ordinal, a, c, e);
    }
    *out = c;
    return rc;
}

/* Children get ascending ids, so that one walk meets all: also those that come while it goes on. */
enum rc family_find_open(struct keeper *k, struct row *r, struct open_children *open, struct err *e)
{
    int64_t seen = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(writer_of(k)->db, r->flags & FLAG_BATCH ? SQL_MEMBER_OPEN : SQL_KIN_OPEN, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, sqlite_row_of(r)->ordinal);
    db_bind_int(q, 2, open->from);
    db_bind_int(q, 3, LOOKED_AT);
    while (open->count < open->room && !(rc = db_step(q, &has_row, e)) && has_row) {
        open->from = db_int(q, 0);
        seen++;
        if (db_int(q, 2)) {
            open->ids[open->count++] = id_from_parts(open->from, db_int(q, 1));
        }
    }
    db_reset(q);
    open->more = seen == LOOKED_AT || open->count == open->room;
    return rc;
}

/* ---- notes */

enum rc family_leave_note(struct keeper *k, const struct note *note, struct err *e)
{
    struct writer *w = writer_of(k);
    struct db_stmt *q = NULL;
    struct job_children c = {0};
    if (note->what == NOTE_CHILDREN) { /* nobody else writes: whoever ends the last one leaves it */
        enum rc rc = family_read_tally(w->db, id_ordinal(note->job), &c, e);
        if (rc || c.open > 0) {
            return rc;
        }
    }
    enum rc rc = stmt(w->db, SQL_NOTE_INSERT, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {note->tenant, id_ordinal(note->job), id_random_bits(note->job), note->what,
                               note->from};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    w->has_notes = true;
    return db_run(q, e);
}

struct note_row {
    int64_t id;
    struct note note;
};

static enum rc take_note(struct writer *w, const struct note_row *n, struct err *e)
{
    const struct note *note = &n->note;
    struct row *r = NULL;
    bool is_whole = true;
    enum rc rc = note->what >= NOTE_DONE ? links_tell(w, note, &is_whole, e) : RC_OK;
    if (!rc && is_whole) {
        rc = run_with_id(w->db, SQL_NOTE_DELETE, n->id, e);
    }
    if (!rc && note->what < NOTE_DONE) {
        rc = rows_load(&w->keeper, note->tenant, note->job, &r, e);
    }
    if (!rc && FAULT("store.tick.note")) {
        return err_set(e, RC_BUSY, "fault: note");
    }
    return rc || !r ? rc : rules_take_note(&w->keeper, r, note, e);
}

static enum rc read_notes(struct writer *w, enum note_what what, size_t room, struct note_row *out,
                          size_t *count, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    *count = 0;
    enum rc rc = stmt(w->db, SQL_NOTE_LIST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, what);
    db_bind_int(q, 2, (int64_t)room);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        out[(*count)++] = (struct note_row){.id = db_int(q, 0),
                                            .note = {.tenant = db_int(q, 1),
                                                     .job = id_from_parts(db_int(q, 2), db_int(q, 3)),
                                                     .what = (enum note_what)db_int(q, 4),
                                                     .from = db_int(q, 5)}};
    }
    return rc;
}

/* Those that come first: the cancels, and parents last. What a job missed comes before what it did in a later life: whoever
 * depended on the first is told of its end. */
static enum rc take_some(struct writer *w, size_t room, size_t *taken, struct err *e)
{
    struct note_row notes[NOTES_AT_ONCE];
    static const enum note_what in_order[] = {NOTE_CANCEL, NOTE_MISSED, NOTE_DONE, NOTE_CHILDREN};
    size_t count = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof in_order / sizeof in_order[0] && !rc && !count; i++) {
        rc = read_notes(w, in_order[i], room, notes, &count, e);
    }
    w->has_notes = count > 0;
    for (size_t i = 0; i < count && !rc && !(i && keeper_is_over(&w->keeper)); i++) {
        rc = take_note(w, &notes[i], e);
    }
    *taken += count;
    return rc;
}

/* And what comes of them, as far as there is time: a chain of jobs that depend each on the one before leaves one note after the other. */
enum rc family_take_notes(struct writer *w, int64_t limit, bool *has_taken, struct err *e)
{
    size_t taken = 0;
    enum rc rc = RC_OK;
    do {
        size_t room = (size_t)limit - taken;
        rc = take_some(w, room < NOTES_AT_ONCE ? room : NOTES_AT_ONCE, &taken, e);
    } while (!rc && w->has_notes && taken < (size_t)limit && !keeper_is_over(&w->keeper));
    *has_taken = taken > 0;
    return rc;
}

enum rc family_look_for_notes(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_NOTE_ANY, &q, e);
    if (!rc) {
        rc = db_step(q, &w->has_notes, e);
        db_reset(q);
    }
    return rc;
}

/* ---- a list of them */

static enum rc read_page(struct reader *r, struct store_list_children *op, int64_t limit, struct err *e)
{
    struct viewer viewer = {r->engine, r->db, op->op.a, false};
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_KIN_LIST, &q, e);
    if (rc) {
        return rc;
    }
    op->jobs = arena_array(op->op.a, struct job, (size_t)limit + 1);
    db_bind_int(q, 1, id_ordinal(op->job_id));
    db_bind_int(q, 2, op->cursor);
    db_bind_int(q, 3, limit + 1); /* is there one behind the page? */
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct job *j = &op->jobs[op->count++];
        struct view view = {.job = j};
        view_read(&viewer, q, false, &view);
        rc = view_read_kin(&viewer, &view, e);
        if (rc) {
            db_reset(q);
            return rc;
        }
    }
    if ((int64_t)op->count > limit) {
        op->count = (size_t)limit;
        op->next_cursor = id_ordinal(op->jobs[limit - 1].id);
    }
    return rc;
}

enum rc child_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_children *op = (struct store_list_children *)base;
    struct viewer viewer = {r->engine, r->db, base->a, false};
    struct view parent = {.job = arena_alloc(base->a, sizeof *parent.job)};
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    op->counts = (struct job_children){0};
    op->count = 0;
    op->next_cursor = 0;
    enum rc rc = view_get(&viewer, op->tenant, op->job_id, &parent, e);
    if (!rc && !parent.found) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    if (!rc) {
        rc = family_read_tally(r->db, id_ordinal(op->job_id), &op->counts, e);
    }
    return rc ? rc : read_page(r, op, limit, e);
}
