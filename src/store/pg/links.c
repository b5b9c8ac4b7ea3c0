/* links.c: which jobs depend on which: table link. See store/rules/links.c for what it means. */
#include "store/pg/batch.h"
#include "store/pg/family.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_AT_ONCE 400

static void add(struct keeper *k, const struct link_entry *link)
{
    struct round_work *work = &((struct committer *)k)->work;
    struct link_entry *l = arena_alloc(k->scratch, sizeof *l);
    *l = *link;
    if (id_is_zero(link->on)) {
        FIFO_ADD(&work->cut_links, l);
    } else {
        FIFO_ADD(&work->links, l);
    }
}

enum rc pg_links_add(struct keeper *k, struct id job, struct id on, int64_t round, struct err *e)
{
    (void)e;
    add(k, &(struct link_entry){.job = job, .on = on, .round = round});
    return RC_OK;
}

enum rc pg_links_forget(struct keeper *k, struct row *r, struct err *e)
{
    (void)e;
    add(k, &(struct link_entry){.job = r->id});
    return RC_OK;
}

static enum rc send(struct committer *w, enum pg_sql_query query, const struct link_entry *first,
                    size_t count, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    struct id *jobs = arena_array(a, struct id, count + 1), *on = arena_array(a, struct id, count + 1);
    int64_t *rounds = arena_array(a, int64_t, count + 1);
    size_t n = 0;
    for (const struct link_entry *l = first; l; l = l->next, n++) {
        jobs[n] = l->job;
        on[n] = l->on;
        rounds[n] = l->round;
    }
    pg_bind_uuids(&q, jobs, n);
    if (query == PG_SQL_LINK_INSERT) {
        pg_bind_uuids(&q, on, n);
        pg_bind_ints(&q, rounds, n);
    }
    return n ? batch_send(w, query, &q, NULL, NULL, e) : RC_OK;
}

/* A job that is enqueued in a round may be cancelled in the same. */
enum rc pg_links_send(struct committer *w, struct err *e)
{
    const struct round_work *work = &w->work;
    enum rc rc = send(w, PG_SQL_LINK_INSERT, work->links.first, work->links.count, e);
    return rc ? rc : send(w, PG_SQL_LINK_DELETE, work->cut_links.first, work->cut_links.count, e);
}

/* ---- telling. Who ends with those on which it depends ends those behind it: as far as they are found before they are locked, all of them
 * are told in one round. */

struct bond {
    struct id on, job;
    int64_t round;
    bool is_cut;
    int64_t *left; /* of its job: on how many it depends still */
};

struct told {
    struct committer *w;
    struct id *jobs; /* to be locked; behind them those that have ended */
    struct bond *bonds;
    size_t count, bond_count;
};

static enum rc find_jobs(struct told *t, const struct note *notes, size_t count, struct err *e)
{
    struct arena *a = t->w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    struct id *ended = arena_array(a, struct id, count);
    int64_t *rounds = arena_array(a, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        ended[i] = notes[i].job;
        rounds[i] = notes[i].from;
    }
    pg_bind_uuids(&q, ended, count);
    pg_bind_ints(&q, rounds, count);
    pg_bind_int(&q, TOLD_AT_ONCE);
    pg_bind_bool(&q, notes[0].what == NOTE_MISSED);
    enum rc rc = round_ask(t->w, PG_SQL_LINK_JOBS, &q, &rows, e);
    t->jobs = arena_array(a, struct id, count + TOLD_AT_ONCE);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        t->jobs[t->count++] = pg_uuid(rows, i, 0);
    }
    memcpy(t->jobs + t->count, ended, count * sizeof *ended);
    pg_rows_free(rows);
    return rc;
}

static int by_job(const void *x, const void *y)
{
    const struct bond *a = x, *b = y;
    return memcmp(&a->job, &b->job, sizeof a->job);
}

static int by_on(const void *x, const void *y)
{
    const struct bond *a = x, *b = y;
    int d = memcmp(&a->on, &b->on, sizeof a->on);
    return d ? d : by_job(x, y);
}

/* Behind the locks: what another node has told meanwhile is seen. */
static enum rc find_bonds(struct told *t, size_t ended_count, struct err *e)
{
    struct arena *a = t->w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    pg_bind_uuids(&q, t->jobs, t->count);
    pg_bind_uuids(&q, t->jobs, t->count + ended_count);
    enum rc rc = round_ask(t->w, PG_SQL_LINK_AMONG, &q, &rows, e);
    size_t n = t->bond_count = rc ? 0 : pg_count(rows);
    int64_t *left = arena_array(a, int64_t, n + 1);
    t->bonds = arena_array(a, struct bond, n + 1);
    for (size_t i = 0; i < n; i++) {
        t->bonds[i] = (struct bond){.job = pg_uuid(rows, i, 0),
                                    .on = pg_uuid(rows, i, 1),
                                    .round = pg_int(rows, i, 2),
                                    .left = &left[i]};
        left[i] = pg_int(rows, i, 3);
    }
    pg_rows_free(rows);
    qsort(t->bonds, n, sizeof *t->bonds, by_job);
    for (size_t i = 1; i < n; i++) {
        struct bond *b = &t->bonds[i];
        b->left = id_eq(b->job, b[-1].job) ? b[-1].left : b->left;
    }
    qsort(t->bonds, n, sizeof *t->bonds, by_on);
    return rc;
}

static size_t first_on(const struct told *t, struct id on)
{
    size_t from = 0, until = t->bond_count;
    while (from < until) {
        size_t middle = (from + until) / 2;
        if (memcmp(&t->bonds[middle].on, &on, sizeof on) < 0) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from;
}

static enum rc tell(struct told *t, const struct note *note, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = first_on(t, note->job); i < t->bond_count && id_eq(t->bonds[i].on, note->job) && !rc;
         i++) {
        struct bond *b = &t->bonds[i];
        struct pg_row *r = rows_find(t->w, b->job);
        if (b->is_cut || b->round > note->from) {
            continue;
        }
        b->is_cut = true;
        --*b->left;
        if (r && !r->is_gone) {
            rc = rules_dependency_ended(&t->w->keeper, &r->row, note->job, note->what, *b->left > 0, e);
        }
    }
    return rc;
}

static bool is_of_ended(enum note_what what)
{
    return what == NOTE_DONE || what == NOTE_MISSED;
}

/* Also of those that have ended by it. */
static enum rc tell_all(struct told *t, const struct note *notes, size_t count, struct err *e)
{
    struct round_work *work = &t->w->work;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        rc = tell(t, &notes[i], e);
    }
    for (struct note_entry *n = work->notes.first; n && !rc; n = n->next) {
        rc = is_of_ended(n->note.what) ? tell(t, &n->note, e) : RC_OK;
    }
    return rc;
}

static enum rc cut(struct told *t, struct err *e)
{
    struct arena *a = t->w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    struct id *jobs = arena_array(a, struct id, t->bond_count + 1),
              *on = arena_array(a, struct id, t->bond_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < t->bond_count; i++) {
        if (t->bonds[i].is_cut) {
            jobs[count] = t->bonds[i].job;
            on[count++] = t->bonds[i].on;
        }
    }
    pg_bind_uuids(&q, jobs, count);
    pg_bind_uuids(&q, on, count);
    return count ? round_ask(t->w, PG_SQL_LINK_CUT, &q, NULL, e) : RC_OK;
}

/* Somebody may have joined behind one that has ended by this, and where there were more than could be locked some are not told: then
 * its note stays. */
static enum rc leave_rest(struct told *t, struct err *e)
{
    struct keeper *k = &t->w->keeper;
    struct round_work *work = &t->w->work;
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    struct id *ended = arena_array(k->scratch, struct id, work->notes.count + 1);
    int64_t *rounds = arena_array(k->scratch, int64_t, work->notes.count + 1);
    size_t count = 0;
    for (struct note_entry *n = work->notes.first; n; n = n->next) {
        if (is_of_ended(n->note.what)) {
            n->is_seen_to = true;
            ended[count] = n->note.job;
            rounds[count++] = n->note.from;
        }
    }
    if (!count) {
        return RC_OK;
    }
    pg_bind_uuids(&q, ended, count);
    pg_bind_ints(&q, rounds, count);
    enum rc rc = round_ask(t->w, PG_SQL_LINK_LEFT, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        pg_family_keep_note(k, pg_uuid(rows, i, 0));
    }
    pg_rows_free(rows);
    return rc;
}

enum rc pg_links_tell(struct committer *w, const struct note *notes, size_t count, struct err *e)
{
    struct told t = {.w = w};
    enum rc rc = find_jobs(&t, notes, count, e);
    if (rc || !t.count) {
        return rc;
    }
    rc = pg_rows_load(w, t.jobs, t.count, e);
    rc = rc ? rc : find_bonds(&t, count, e);
    rc = rc ? rc : tell_all(&t, notes, count, e);
    rc = rc ? rc : cut(&t, e);
    for (size_t i = 0; i < count && !rc && t.count == TOLD_AT_ONCE; i++) {
        rc = pg_family_leave_note(&w->keeper, &notes[i], e);
    }
    return rc ? rc : leave_rest(&t, e);
}
