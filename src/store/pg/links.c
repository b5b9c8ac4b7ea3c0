/* links.c: which jobs depend on which: table link. See store/rules/links.c for what it means. */
#include "store/pg/batch.h"
#include "store/pg/family.h"

#define TOLD_AT_ONCE 200

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

/* ---- telling */

struct told {
    struct id *ended; /* in these rounds of their lives */
    int64_t *rounds;
    size_t ended_count;
    struct id jobs[TOLD_AT_ONCE];
    size_t count;
};

static enum rc find_jobs(struct committer *w, struct told *t, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuids(&q, t->ended, t->ended_count);
    pg_bind_ints(&q, t->rounds, t->ended_count);
    pg_bind_int(&q, TOLD_AT_ONCE);
    enum rc rc = round_ask(w, PG_SQL_LINK_JOBS, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        t->jobs[t->count++] = pg_uuid(rows, i, 0);
    }
    pg_rows_free(rows);
    return rc;
}

/* Behind the locks: what another node has told meanwhile is seen. */
static enum rc tell(struct committer *w, enum note_what what, const struct told *t, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuids(&q, t->ended, t->ended_count);
    pg_bind_ints(&q, t->rounds, t->ended_count);
    pg_bind_uuids(&q, t->jobs, t->count);
    enum rc rc = round_ask(w, PG_SQL_LINK_TAKE, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        struct pg_row *r = rows_find(w, pg_uuid(rows, i, 0));
        if (r && !r->is_gone) {
            rc = rules_dependency_ended(&w->keeper, &r->row, pg_uuid(rows, i, 1), what,
                                        pg_int(rows, i, 2) > 0, e);
        }
    }
    pg_rows_free(rows);
    return rc;
}

enum rc pg_links_tell(struct committer *w, const struct note *notes, size_t count, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct told t = {.ended = arena_array(a, struct id, count),
                     .rounds = arena_array(a, int64_t, count),
                     .ended_count = count};
    for (size_t i = 0; i < count; i++) {
        t.ended[i] = notes[i].job;
        t.rounds[i] = notes[i].from;
    }
    enum rc rc = find_jobs(w, &t, e);
    if (!rc && t.count) {
        rc = pg_rows_load(w, t.jobs, t.count, e);
    }
    if (!rc && t.count) {
        rc = tell(w, notes[0].what, &t, e);
    }
    for (size_t i = 0; i < count && !rc && t.count == TOLD_AT_ONCE; i++) {
        rc = pg_family_leave_note(&w->keeper, &notes[i], e);
    }
    return rc;
}
