/* insert.c: see insert.h. */
#include "store/sqlite/insert.h"

#include <string.h>

#define ROWS_MAX 256 /* more at once is no faster */
#define NUMBERS  16
#define TEXTS    6

struct new_jobs {
    struct db_feed feed;
    int64_t numbers[ROWS_MAX * NUMBERS];
    struct str texts[ROWS_MAX * TEXTS];
};

enum rc insert_open(struct writer *w, struct err *e)
{
    struct new_jobs *n = mem_alloc(sizeof *n);
    n->feed = (struct db_feed){
        .columns = "id, random, tenant, state, queue, kind, line, priority, run_at, due_at, flags, lease, "
                   "lease_ms, timeout_ms, deadline_at, lost_max, retry, unique_key, tags, fair_group, "
                   "limit_keys, args",
        .number_count = NUMBERS,
        .text_count = TEXTS,
        .numbers = n->numbers,
        .texts = n->texts};
    w->new_jobs = n;
    return db_add_feed(w->db, "new_job", &n->feed, e);
}

void insert_close(struct writer *w)
{
    mem_free(w->new_jobs);
}

void insert_forget(struct writer *w)
{
    w->new_jobs->feed.count = 0;
}

enum rc insert_flush(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    if (!w->new_jobs->feed.count) {
        return RC_OK;
    }
    enum rc rc = stmt(w->db, SQL_JOB_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, w->keeper.now);
        rc = db_run(q, e);
    }
    insert_forget(w);
    return rc;
}

static struct str or_null(struct str s)
{
    return s.n ? s : STR_NONE;
}

enum rc insert_add(struct writer *w, const struct sqlite_row *row, const struct job_spec *s, struct err *e)
{
    struct new_jobs *n = w->new_jobs;
    const struct row *r = &row->row;
    const int64_t numbers[NUMBERS] = {
        row->ordinal, row->random, r->tenant,   r->state,      row->queue->id,
        row->kind,    row->line,   r->priority, r->run_at,     rows_stored_time(w, r->due_at),
        r->flags,     r->lease,    r->lease_ms, r->timeout_ms, r->deadline_at,
        r->lost_max};
    const struct str texts[TEXTS] = {
        r->retry,          or_null(s->unique_key), or_null(s->tags),
        or_null(s->group), or_null(s->limit_keys), r->flags & FLAG_ARGS ? STR_NONE : or_null(s->args)};
    memcpy(n->numbers + n->feed.count * NUMBERS, numbers, sizeof numbers);
    memcpy(n->texts + n->feed.count * TEXTS, texts, sizeof texts);
    n->feed.count++;
    return n->feed.count == ROWS_MAX ? insert_flush(w, e) : RC_OK;
}
