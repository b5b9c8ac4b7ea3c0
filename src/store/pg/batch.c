/* batch.c: see batch.h. */
#include "store/pg/batch.h"

struct answer {
    enum rc (*take)(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e);
    void *arg;
    struct answer *next;
};

static struct answer *expect(struct committer *w)
{
    struct answer *a = arena_alloc(w->keeper.scratch, sizeof *a);
    *w->last_answer = a;
    w->last_answer = &a->next;
    return a;
}

enum rc batch_send(struct committer *w, enum pg_sql_query query, const struct pg_query *q,
                   enum rc (*take)(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e),
                   void *arg, struct err *e)
{
    enum rc rc = pg_send(w->link.c, pg_sql(query), q, e);
    if (!rc) {
        struct answer *a = expect(w);
        a->take = take;
        a->arg = arg;
    }
    return rc;
}

enum rc batch_send_text(struct committer *w, const char *sql, struct err *e)
{
    enum rc rc = pg_send(w->link.c, sql, NULL, e);
    if (!rc) {
        expect(w);
    }
    return rc;
}

static enum rc take_commit(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)rows;
    (void)arg;
    (void)e;
    w->is_committed = true;
    return RC_OK;
}

enum rc batch_send_commit(struct committer *w, struct err *e)
{
    enum rc rc = pg_send(w->link.c, "COMMIT", NULL, e);
    if (!rc) {
        expect(w)->take = take_commit;
    }
    return rc;
}

void batch_forget(struct committer *w)
{
    w->answers = NULL;
    w->last_answer = &w->answers;
}

enum rc batch_run(struct committer *w, struct err *e)
{
    struct answer *a = w->answers;
    batch_forget(w);
    enum rc rc = pg_sync(w->link.c, e);
    for (; a && !rc; a = a->next) {
        struct pg_rows *rows = NULL;
        rc = pg_next(w->link.c, a->take ? &rows : NULL, e);
        if (!rc && a->take) {
            rc = a->take(w, rows, a->arg, e);
        }
        pg_rows_free(rows);
    }
    return rc;
}
