/* fill.c: batches that are filled from a matrix (store/rules/filling.c): a transaction of their own, however long, on a committer
 * that does nothing else (postgres.h, FILLER). What is not committed is hidden from everybody and holds nobody up; who dies
 * has made nothing, and the next begins anew. */
#include "store/pg/fill.h"

#include "store/pg/batch.h"
#include "store/pg/family.h"
#include "store/pg/rows.h"
#include "store/pg/unique.h"

#include "base/clock.h"

static struct committer *of(struct keeper *k)
{
    return (struct committer *)k;
}

enum rc fill_expect_keys(struct keeper *k, int64_t tenant, const struct job_spec *specs, size_t count,
                         struct err *e)
{
    struct key_entry *keys = arena_array(k->scratch, struct key_entry, count + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (specs[i].unique_key.n) {
            keys[n++] = (struct key_entry){.tenant = tenant, .key = specs[i].unique_key};
        }
    }
    if (!of(k)->has_key_race) {
        unique_assume_free(of(k), keys, n);
        return RC_OK;
    }
    return n ? unique_reserve(of(k), keys, n, e) : RC_OK;
}

enum rc fill_hide(struct keeper *k, struct row *r, int64_t *place, struct err *e)
{
    (void)k;
    (void)r;
    (void)place;
    (void)e;
    return RC_OK;
}

/* Keys that name a tick and a coordinate are new, as a rule: they are inserted with their jobs. If one is somebody's the transaction begins
 * anew, and asks before. */

/* The first job stays, for the claims that come: where the line begins (ready.c). */
static void forget_sent(struct round_work *work)
{
    struct new_job *first = work->jobs.first;
    work->keys.first = work->keys.last = NULL;
    work->keys.count = 0;
    map_clear(&work->key_by_name);
    if (first) {
        first->next = NULL;
        work->jobs.last = first;
        work->jobs.count = work->jobs_sent = 1;
    }
}

enum rc fill_flush(struct keeper *k, struct id batch, struct err *e)
{
    struct committer *w = of(k);
    int64_t flags = 0;
    enum rc rc = inserts_send(w, w->work.jobs.count, e);
    rc = rc ? rc : w->has_key_race ? unique_send(w, e) : unique_send_taken(w, e);
    rc = rc ? rc : batch_run(w, e);
    if (!rc) { /* each step has the time of an operation */
        w->until_us = clock_mono_us() + LINK_WAIT_MS * 1000;
        pg_set_deadline(w->link.c, w->until_us);
    }
    forget_sent(&w->work);
    rc = rc ? rc : pg_batch_find_flags(k, batch, &flags, e);
    if (!rc && flags & FLAG_CANCEL) { /* none of these jobs has been */
        return err_set_code(e, RC_BUSY, JOBS_CHANGED, NULL, "a batch was cancelled while it was filled");
    }
    return rc;
}

enum rc fill_reveal(struct keeper *k, struct row *r, int64_t place, int64_t n, struct err *e)
{
    const int64_t whats[] = {JOB_QUEUED, COUNT_TOTALS + TOTAL_ENQUEUED};
    (void)place;
    (void)e;
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        const struct count_entry c = {.tenant = r->tenant,
                                      .what = whats[i],
                                      .n = n,
                                      .queue = r->queue,
                                      .kind = whats[i] == JOB_QUEUED ? r->kind : STR("")};
        counts_add(of(k), &c);
    }
    counts_see_revival(of(k), r);
    of(k)->has_key_race = false;
    return RC_OK;
}
