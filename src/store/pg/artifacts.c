/* artifacts.c: see artifacts.h. */
#include "store/pg/artifacts.h"

bool pg_artifacts_has(struct keeper *k, struct row *r, struct str name)
{
    (void)k;
    (void)r;
    (void)name;
    return false;
}

enum rc pg_artifacts_stage(struct keeper *k, struct row *r, const struct artifact *a, struct err *e)
{
    (void)k;
    (void)r;
    (void)a;
    return err_set(e, RC_DENIED, "artifacts are kept on SQLite only");
}

enum rc pg_artifacts_settle(struct keeper *k, struct row *r, bool publish, struct err *e)
{
    (void)k;
    (void)r;
    (void)publish;
    (void)e;
    return RC_OK;
}

enum rc pg_artifacts_publish(struct keeper *k, struct row *r, const struct report_publish *p,
                             struct str result, struct err *e)
{
    (void)k;
    (void)r;
    (void)p;
    (void)result;
    (void)e;
    return RC_OK;
}

enum rc pg_artifacts_remove(struct committer *w, struct pg_row *r, bool keep_series, struct err *e)
{
    (void)w;
    (void)r;
    (void)keep_series;
    (void)e;
    return RC_OK;
}

enum rc pg_artifacts_send(struct committer *w, struct err *e)
{
    (void)w;
    (void)e;
    return RC_OK;
}

void pg_artifacts_end_round(struct committer *w, bool is_committed)
{
    (void)w;
    (void)is_committed;
}
