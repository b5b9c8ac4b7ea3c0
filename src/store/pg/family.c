/* family.c: jobs that hang under another: tallies, appended as deltas like counts; and notes for ticks, which are rows of their
 * own, so that nobody who ends a job waits for its parent. See family.h. */
#include "store/pg/family.h"

#include "store/pg/batch.h"
#include "store/pg/reads.h"

#include "base/clock.h"
#include "base/fault.h"

#define NOTES_AT_ONCE 50
#define FIRST_LOOKED  8 /* of the tallies of a round: most are of few parents */
#define MARK_MS       20000
#define LIST_MAX      1000

static struct committer *of(struct keeper *k)
{
    return (struct committer *)k;
}

/* ---- tallies */

enum rc pg_family_tally(struct keeper *k, struct id owner, struct row *r, enum job_state state, int64_t n,
                        struct err *e)
{
    struct round_work *work = &of(k)->work;
    int64_t what = job_state_is_final(state) ? (int64_t)state : 0;
    struct tally_entry *t = work->tallies.first;
    (void)r;
    (void)e;
    for (int i = 0; t && i < FIRST_LOOKED && !(t->what == what && id_eq(t->owner, owner)); i++) {
        t = t->next;
    }
    if (!t || !(t->what == what && id_eq(t->owner, owner))) {
        t = arena_alloc(k->scratch, sizeof *t);
        *t = (struct tally_entry){.owner = owner, .what = what};
        FIFO_ADD(&work->tallies, t);
    }
    t->n += n;
    return RC_OK;
}

static void read_sums(const struct pg_rows *rows, struct job_children *out)
{
    *out = (struct job_children){.open = pg_int(rows, 0, 0),
                                 .completed = pg_int(rows, 0, 1),
                                 .failed = pg_int(rows, 0, 2),
                                 .cancelled = pg_int(rows, 0, 3),
                                 .skipped = pg_int(rows, 0, 4)};
}

/* What is stored, and what this round has changed. */
enum rc pg_family_count(struct keeper *k, struct row *r, struct job_children *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    int64_t *const counts[JOB_STATES] = {[0] = &out->open,
                                         [JOB_COMPLETED] = &out->completed,
                                         [JOB_FAILED] = &out->failed,
                                         [JOB_CANCELLED] = &out->cancelled,
                                         [JOB_SKIPPED] = &out->skipped};
    pg_bind_uuid(&q, &r->id);
    enum rc rc = round_ask(of(k), PG_SQL_TALLY_SUMS, &q, &rows, e);
    if (!rc) {
        read_sums(rows, out);
    }
    pg_rows_free(rows);
    for (const struct tally_entry *t = of(k)->work.tallies.first; t; t = t->next) {
        *counts[t->what] += id_eq(t->owner, r->id) ? t->n : 0;
    }
    return rc;
}

/* None found is the end: whoever is cancelled by then gets no more. */
enum rc pg_family_find_open(struct keeper *k, struct row *r, struct open_children *open, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuid(&q, &r->id);
    pg_bind_int(&q, (int64_t)open->room);
    enum rc rc =
        round_ask(of(k), r->flags & FLAG_BATCH ? PG_SQL_MEMBERS_OPEN : PG_SQL_CHILDREN_OPEN, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        open->ids[open->count++] = pg_uuid(rows, i, 0);
    }
    pg_rows_free(rows);
    open->more = open->count > 0;
    return rc || !open->count ? rc : pg_rows_load(of(k), open->ids, open->count, e);
}

/* ---- notes */

static struct str note_name(struct arena *a, const struct note *note)
{
    char *name = arena_alloc(a, sizeof note->job + 1);
    memcpy(name, &note->job, sizeof note->job);
    name[sizeof note->job] = (char)note->what;
    return (struct str){name, sizeof note->job + 1};
}

enum rc pg_family_leave_note(struct keeper *k, const struct note *note, struct err *e)
{
    struct round_work *work = &of(k)->work;
    struct str name = note_name(k->scratch, note);
    struct note_entry *n = map_get(&work->note_by_job, name);
    (void)e;
    if (n) { /* a later round's end is one of the earlier rounds too */
        n->note.from = note->from > n->note.from ? note->from : n->note.from;
        return RC_OK;
    }
    n = arena_alloc(k->scratch, sizeof *n);
    n->note = *note;
    FIFO_ADD(&work->notes, n);
    map_put(&work->note_by_job, name, n);
    work->is_timed = true;
    return RC_OK;
}

void pg_family_keep_note(struct keeper *k, struct id job)
{
    static const enum note_what whats[] = {NOTE_DONE, NOTE_MISSED};
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        const struct note note = {.job = job, .what = whats[i]};
        struct note_entry *n = map_get(&of(k)->work.note_by_job, note_name(k->scratch, &note));
        if (n) {
            n->is_seen_to = false;
        }
    }
}

static enum rc see_notes(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    w->work.wants_tick |= pg_affected(rows) > 0;
    return RC_OK;
}

static enum rc send_notes(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    size_t n = 0, room = w->work.notes.count;
    struct id *jobs = arena_array(a, struct id, room);
    int64_t *tenants = arena_array(a, int64_t, room), *whats = arena_array(a, int64_t, room),
            *rounds = arena_array(a, int64_t, room);
    for (const struct note_entry *i = w->work.notes.first; i; i = i->next) {
        if (!i->is_seen_to) {
            jobs[n] = i->note.job;
            tenants[n] = i->note.tenant;
            whats[n] = i->note.what;
            rounds[n++] = i->note.what >= NOTE_DONE ? i->note.from : 0;
        }
    }
    if (!n) {
        return RC_OK;
    }
    pg_bind_ints(&q, tenants, n);
    pg_bind_uuids(&q, jobs, n);
    pg_bind_ints(&q, whats, n);
    pg_bind_ints(&q, rounds, n);
    return batch_send(w, PG_SQL_NOTE_INSERT, &q, see_notes, NULL, e);
}

static enum rc send_tallies(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    size_t n = 0, room = w->work.tallies.count;
    struct id *owners = arena_array(a, struct id, room);
    int64_t *whats = arena_array(a, int64_t, room), *numbers = arena_array(a, int64_t, room);
    for (const struct tally_entry *t = w->work.tallies.first; t; t = t->next) {
        if (t->n) {
            owners[n] = t->owner;
            whats[n] = t->what;
            numbers[n++] = t->n;
        }
    }
    if (!n) {
        return RC_OK;
    }
    pg_bind_uuids(&q, owners, n);
    pg_bind_ints(&q, whats, n);
    pg_bind_ints(&q, numbers, n);
    care_note(w->engine, (int64_t)n);
    return batch_send(w, PG_SQL_TALLY_ADD, &q, NULL, NULL, e);
}

static enum rc send_removals(struct committer *w, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct id *owners = arena_array(w->keeper.scratch, struct id, w->work.rows.count + 1);
    size_t n = 0;
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (r->is_gone && r->row.flags & FLAG_PARENT) {
            owners[n++] = r->row.id;
        }
    }
    pg_bind_uuids(&q, owners, n);
    return n ? batch_send(w, PG_SQL_TALLY_DELETE, &q, NULL, NULL, e) : RC_OK;
}

/* Behind the rows: a note of a job that has ended in this round is none. */
enum rc pg_family_send(struct committer *w, struct err *e)
{
    enum rc rc = w->work.tallies.count ? send_tallies(w, e) : RC_OK;
    rc = rc ? rc : pg_links_send(w, e);
    if (!rc && w->work.is_shrinking) {
        rc = send_removals(w, e);
    }
    return rc || !w->work.notes.count ? rc : send_notes(w, e);
}

/* ---- taking notes */

/* Those behind the greatest that was taken a while ago: a foreign transaction that is open for an hour keeps the dead rows of all
 * that were taken meanwhile, and nobody should walk over them. A note whose round took longer is found by the node's beat. */
static int64_t notes_from(struct nodes *n)
{
    int64_t now_ms = clock_mono_us() / 1000;
    if (atomic_exchange(&n->must_look_for_notes, false)) {
        n->notes_from = n->notes_marked = 0;
    }
    if (now_ms - n->notes_marked_at_ms > MARK_MS) {
        n->notes_from = n->notes_marked;
        n->notes_marked = n->notes_seen;
        n->notes_marked_at_ms = now_ms;
    }
    return n->notes_from;
}

struct taken {
    struct note notes[NOTES_AT_ONCE];
    struct id ids[NOTES_AT_ONCE]; /* of their jobs */
    size_t count;
};

static void read_notes(struct nodes *n, const struct pg_rows *rows, struct taken *t)
{
    for (size_t i = 0; i < pg_count(rows); i++) {
        int64_t number = pg_int(rows, i, 0);
        n->notes_seen = number > n->notes_seen ? number : n->notes_seen;
        t->ids[i] = pg_uuid(rows, i, 2);
        t->notes[i] = (struct note){.tenant = pg_int(rows, i, 1),
                                    .job = t->ids[i],
                                    .what = (enum note_what)pg_int(rows, i, 3),
                                    .from = pg_int(rows, i, 4)};
    }
    t->count = pg_count(rows);
}

static enum rc take(struct committer *w, enum note_what what, int64_t from, int64_t limit, struct taken *t,
                    struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, what);
    pg_bind_int(&q, from);
    pg_bind_int(&q, limit < NOTES_AT_ONCE ? limit : NOTES_AT_ONCE);
    enum rc rc = round_ask(w, PG_SQL_NOTE_TAKE, &q, &rows, e);
    if (!rc) {
        read_notes(&w->engine->nodes, rows, t);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc see_to(struct committer *w, const struct taken *t, struct err *e)
{
    enum rc rc = t->count && t->notes[0].what >= NOTE_DONE ? pg_links_tell(w, t->notes, t->count, e) : RC_OK;
    for (size_t i = 0; i < t->count && !rc; i++) {
        struct pg_row *r = rows_find(w, t->ids[i]);
        if (FAULT("store.tick.note")) {
            return err_set(e, RC_BUSY, "fault: note");
        }
        if (r && !r->is_gone && t->notes[i].what < NOTE_DONE) {
            rc = rules_take_note(&w->keeper, &r->row, &t->notes[i], e);
        }
    }
    return rc;
}

static enum rc look_for_notes(struct committer *w, int64_t from, enum note_what *what, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, from);
    enum rc rc = round_ask(w, PG_SQL_NOTE_ANY, &q, &rows, e);
    *what = rc ? 0 : (enum note_what)pg_int(rows, 0, 0);
    pg_rows_free(rows);
    return rc;
}

/* Any node's: who left them may be gone. The statements that decide come after the locks on the jobs. */
enum rc pg_family_take_notes(struct committer *w, int64_t limit, bool *has_taken, struct err *e)
{
    struct taken t = {.count = 0};
    enum note_what what = 0;
    int64_t from = notes_from(&w->engine->nodes);
    *has_taken = false;
    w->work.had_wish = due_take_wish(&w->engine->due);
    enum rc rc = look_for_notes(w, from, &what, e);
    if (!rc && what) {
        rc = take(w, what, from, limit, &t, e);
    }
    if (!rc && t.count && what < NOTE_DONE) {
        rc = pg_rows_load(w, t.ids, t.count, e);
    }
    w->work.wants_tick |= *has_taken = t.count > 0; /* there may be more */
    return rc ? rc : see_to(w, &t, e);
}

/* ---- what a claim tells, and lists */

static struct str next_part(struct str *rest)
{
    int64_t n = 0;
    struct str number = str_cut(*rest, ':', rest);
    if (!str_to_i64(number, &n) || n < 0 || (size_t)n > rest->n) {
        n = 0;
    }
    struct str part = str_sub(*rest, 0, (size_t)n);
    *rest = str_sub(*rest, (size_t)n, rest->n);
    return part;
}

struct job_children *pg_family_read_children(struct str packed, struct arena *a)
{
    struct job_children *c = arena_alloc(a, sizeof *c);
    int64_t *const counts[] = {&c->open, &c->completed, &c->failed, &c->cancelled, &c->skipped};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)!str_to_i64(next_part(&packed), counts[i]);
    }
    c->failures = arena_array(a, struct job_failure, JOB_FAILURES_MAX);
    while (packed.n && c->failure_count < JOB_FAILURES_MAX) {
        struct job_failure *f = &c->failures[c->failure_count++];
        (void)!id_parse(next_part(&packed), &f->id);
        f->kind = arena_str(a, next_part(&packed));
        f->code = arena_str(a, next_part(&packed));
        f->message = arena_str(a, next_part(&packed));
    }
    return c;
}

/* Children that move from one table to the other are in one of them: a snapshot. */
static enum rc read_page(struct reader *r, struct store_list_children *op, int64_t limit, struct err *e)
{
    struct read_batch b = {0};
    const struct id from = id_from_parts(op->cursor, INT64_MAX & ((1LL << 53) - 1));
    struct pg_query *list = read_add(r, &b, PG_SQL_CHILDREN_LIST);
    pg_bind_uuid(list, &op->job_id);
    pg_bind_uuid(list, &from);
    pg_bind_int(list, limit + READ_SHARED_MAX);
    pg_bind_uuid(read_add(r, &b, PG_SQL_TALLY_SUMS), &op->job_id);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    size_t count = read_page_end(rows, (size_t)limit, &op->next_cursor);
    op->jobs = arena_array(op->op.a, struct job, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct job *j = &op->jobs[op->count++];
        pg_view_read(&r->engine->base, rows, i, op->op.a, j, NULL);
        view_read_end(rows, i, VIEW_COLUMNS, op->op.a, j);
    }
    read_sums(b.queries[1].rows, &op->counts);
    read_free(&b);
    return rc;
}

enum rc pg_child_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_children *op = (struct store_list_children *)base;
    struct view parent = {.job = arena_alloc(base->a, sizeof *parent.job)};
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    op->counts = (struct job_children){0};
    op->count = 0;
    op->next_cursor = 0;
    enum rc rc = pg_view_get(r, op->tenant, op->job_id, base->a, &parent, e);
    if (!rc && !parent.found) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    return rc ? rc : read_page(r, op, limit, e);
}
