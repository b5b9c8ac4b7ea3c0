/* events.c: workers' events: new ones, and those that follow their job to history and back. */
#include "store/pg/rows.h"

#include "store/pg/batch.h"

static enum rc send_new(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    size_t n = 0, count = w->work.events.count;
    struct id *jobs = arena_array(a, struct id, count + 1);
    int64_t *seqs = arena_array(a, int64_t, count + 1), *ats = arena_array(a, int64_t, count + 1);
    struct str *types = arena_array(a, struct str, count + 1), *data = arena_array(a, struct str, count + 1);
    struct pg_query q = PG_QUERY(a);
    for (const struct event_entry *v = w->work.events.first; v; v = v->next) {
        jobs[n] = v->job;
        seqs[n] = v->event.seq;
        ats[n] = v->event.at;
        types[n] = v->event.type;
        data[n++] = v->event.data;
    }
    if (!n) {
        return RC_OK;
    }
    pg_bind_uuids(&q, jobs, n);
    pg_bind_ints(&q, seqs, n);
    pg_bind_ints(&q, ats, n);
    pg_bind_strs(&q, types, n);
    pg_bind_strs(&q, data, n);
    return batch_send(w, PG_SQL_EVENT_INSERT, &q, NULL, NULL, e);
}

/* ---- moves: events lie beside their job. Where it came from and where it is now says which. */

static bool is_final_now(const struct pg_row *r)
{
    return !r->is_gone && job_state_is_final(r->row.state);
}

static bool has_events(const struct pg_row *r)
{
    return r->had_events || (r->row.flags & FLAG_EVENTS);
}

/* It was in history, and a round of its life began: what it said since lies with the live ones. */
static bool has_lived_again(const struct pg_row *r)
{
    return r->drop_at && r->row.round != r->was.round;
}

/* From history to where new ones are added. */
static bool comes_back(const struct pg_row *r)
{
    return has_lived_again(r) && r->had_events && !r->is_gone && r->is_dirty;
}

static bool goes(const struct pg_row *r)
{
    return is_final_now(r) && !r->is_erased && has_events(r) && r->is_dirty &&
           (!r->drop_at || has_lived_again(r));
}

/* Live events of a job that ends without any. */
static bool is_dropped(const struct pg_row *r)
{
    return (!r->drop_at || has_lived_again(r)) && has_events(r) && (r->is_gone || r->is_erased);
}

static bool is_dropped_from_history(const struct pg_row *r)
{
    return r->drop_at && r->had_events && (r->is_gone || r->is_erased);
}

static enum rc send_moves(struct committer *w, enum pg_sql_query query, bool (*is_of)(const struct pg_row *r),
                          bool to_history, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct id *ids = arena_array(a, struct id, w->work.rows.count + 1);
    int64_t *drop_at = arena_array(a, int64_t, w->work.rows.count + 1);
    size_t n = 0;
    struct pg_query q = PG_QUERY(a);
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (is_of(r)) {
            ids[n] = r->row.id;
            drop_at[n++] = to_history ? r->counted : r->drop_at;
        }
    }
    if (!n) {
        return RC_OK;
    }
    pg_bind_uuids(&q, ids, n);
    if (query != PG_SQL_EVENT_DELETE) {
        pg_bind_ints(&q, drop_at, n);
    }
    return batch_send(w, query, &q, NULL, NULL, e);
}

enum rc events_send(struct committer *w, struct err *e)
{
    enum rc rc = send_moves(w, PG_SQL_EVENT_RESTORE, comes_back, false, e);
    if (!rc) {
        rc = send_new(w, e);
    }
    if (!rc) {
        rc = send_moves(w, PG_SQL_EVENT_FINISH, goes, true, e);
    }
    if (!rc) {
        rc = send_moves(w, PG_SQL_EVENT_DELETE, is_dropped, false, e);
    }
    return rc ? rc : send_moves(w, PG_SQL_EVENT_HISTORY_DELETE, is_dropped_from_history, false, e);
}
