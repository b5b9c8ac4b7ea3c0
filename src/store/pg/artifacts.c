/* artifacts.c: see artifacts.h. What is noted is sent by kind: within a round a job's artifacts are staged, then settled, published or
 * erased in the order of the notes, and may be gone again, never the other way round. */
#include "store/pg/artifacts.h"

#include "store/pg/batch.h"
#include "store/pg/blobs.h"

#include "base/log.h"

enum step { STEP_STAGE, STEP_SETTLE, STEP_SERIES, STEP_REMOVE, STEP_ERASE };

struct artifact_work {
    enum step step;
    struct id job;
    int64_t tenant, lease;    /* settle: lease 0: nothing is published */
    struct artifact artifact; /* stage; the name alone: series */
    struct str series, result;
    int64_t keep;
    bool is_replaced; /* staged again in the same round */
    struct artifact_work *next;
};

static struct committer *of(struct keeper *k)
{
    return (struct committer *)k;
}

static struct artifact_work *note(struct committer *w, enum step step, const struct row *r)
{
    struct artifact_work *n = arena_alloc(w->keeper.scratch, sizeof *n);
    n->step = step;
    n->job = r->id;
    n->tenant = r->tenant;
    n->lease = r->lease;
    FIFO_ADD(&w->work.artifacts, n);
    return n;
}

/* ---- files */

enum rc pg_artifacts_prepare(struct committer *w, const struct store_op *list, struct err *e)
{
    enum rc rc = RC_OK;
    for (const struct store_op *op = list; op && !rc; op = op->next) {
        const struct store_stage_artifact *stage = (const struct store_stage_artifact *)op;
        if (op->kind == STORE_STAGE_ARTIFACT && stage->artifact.path.n && !w->keeper.is_refusing &&
            rules_is_our_file(&w->keeper, &stage->artifact)) {
            rc = blob_upload(w, stage, e);
        }
    }
    return rc;
}

void pg_artifacts_end_round(struct committer *w, bool is_committed)
{
    struct err e = {0};
    for (const struct artifact_work *n = w->work.artifacts.first; n && is_committed; n = n->next) {
        if (n->step == STEP_STAGE && n->artifact.path.n) {
            const char *path = arena_c_str(w->keeper.scratch, n->artifact.path);
            if (cache_add(&w->engine->cache, path,
                          blob_name(w->keeper.scratch, n->tenant, n->artifact.sha256), &e)) {
                log_warn("store.cache", L_C("error", e.text)); /* it will be fetched when it is wanted */
            }
        }
    }
}

/* ---- notes */

static struct artifact_work *find_staged(struct committer *w, const struct row *r, struct str name)
{
    struct artifact_work *n = w->work.artifacts.first;
    while (n && !(n->step == STEP_STAGE && !n->is_replaced && id_eq(n->job, r->id) && n->lease == r->lease &&
                  str_eq(n->artifact.name, name))) {
        n = n->next;
    }
    return n;
}

bool pg_artifacts_has(struct keeper *k, struct row *r, struct str name)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    if (find_staged(of(k), r, name)) {
        return true;
    }
    pg_bind_uuid(&q, &r->id);
    pg_bind_str(&q, name);
    pg_bind_int(&q, r->lease);
    bool found = !round_ask(of(k), PG_SQL_ARTIFACT_HAS, &q, &rows, &of(k)->failure) && pg_count(rows);
    pg_rows_free(rows);
    return found;
}

enum rc pg_artifacts_stage(struct keeper *k, struct row *r, const struct artifact *a, struct err *e)
{
    struct artifact_work *old = find_staged(of(k), r, a->name);
    enum rc rc = a->path.n ? blob_hold(of(k), r->tenant, a, e) : RC_OK;
    if (rc) {
        return rc;
    }
    if (old) {
        old->is_replaced = true;
    }
    note(of(k), STEP_STAGE, r)->artifact = *a;
    return RC_OK;
}

enum rc pg_artifacts_settle(struct keeper *k, struct row *r, bool publish, struct err *e)
{
    struct artifact_work *n = note(of(k), STEP_SETTLE, r);
    (void)e;
    n->lease = publish ? r->lease : 0;
    return RC_OK;
}

enum rc pg_artifacts_publish(struct keeper *k, struct row *r, const struct report_publish *p,
                             struct str result, struct err *e)
{
    struct artifact_work *n = note(of(k), STEP_SERIES, r);
    (void)e;
    n->artifact.name = p->artifact;
    n->series = p->series;
    n->result = result.p ? result : STR("");
    n->keep = p->keep;
    return RC_OK;
}

static bool has_notes(const struct committer *w, struct id job)
{
    const struct artifact_work *n = w->work.artifacts.first;
    while (n && !id_eq(n->job, job)) {
        n = n->next;
    }
    return n != NULL;
}

enum rc pg_artifacts_remove(struct committer *w, struct pg_row *r, bool keep_series, struct err *e)
{
    (void)e;
    if ((r->row.flags | r->was.flags) & (FLAG_ARTIFACTS | FLAG_STAGED) || has_notes(w, r->row.id)) {
        note(w, keep_series ? STEP_REMOVE : STEP_ERASE, &r->row);
    }
    return RC_OK;
}

/* ---- sending: one array for each member of the notes of a step */

struct notes {
    const struct artifact_work **items;
    size_t count;
};

static void pick(struct committer *w, enum step step, struct notes *out)
{
    out->items = arena_array(w->keeper.scratch, const struct artifact_work *, w->work.artifacts.count + 1);
    out->count = 0;
    for (const struct artifact_work *n = w->work.artifacts.first; n; n = n->next) {
        if (n->step == step && !n->is_replaced) {
            out->items[out->count++] = n;
        }
    }
}

static void bind_jobs(struct pg_query *q, const struct notes *l)
{
    struct id *v = arena_array(q->a, struct id, l->count);
    for (size_t i = 0; i < l->count; i++) {
        v[i] = l->items[i]->job;
    }
    pg_bind_uuids(q, v, l->count);
}

#define MEMBER(type, item, offset) (*(const type *)((const char *)(item) + (offset)))

static void bind_numbers(struct pg_query *q, const struct notes *l, size_t offset)
{
    int64_t *v = arena_array(q->a, int64_t, l->count);
    for (size_t i = 0; i < l->count; i++) {
        v[i] = MEMBER(int64_t, l->items[i], offset);
    }
    pg_bind_ints(q, v, l->count);
}

static void bind_texts(struct pg_query *q, const struct notes *l, size_t offset)
{
    struct str *v = arena_array(q->a, struct str, l->count);
    for (size_t i = 0; i < l->count; i++) {
        struct str s = MEMBER(struct str, l->items[i], offset);
        v[i] = s.p ? s : STR("");
    }
    pg_bind_strs(q, v, l->count);
}

static void bind_same(struct pg_query *q, int64_t value, size_t count)
{
    int64_t *v = arena_array(q->a, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        v[i] = value;
    }
    pg_bind_ints(q, v, count);
}

static void bind_contents(struct pg_query *q, const struct notes *l)
{
    struct str *hashes = arena_array(q->a, struct str, l->count),
               *bytes = arena_array(q->a, struct str, l->count);
    for (size_t i = 0; i < l->count; i++) {
        const struct artifact *a = &l->items[i]->artifact;
        hashes[i] = (struct str){(const char *)a->sha256, sizeof a->sha256};
        bytes[i] = a->path.n ? STR_NONE : a->bytes.p ? a->bytes : STR("");
    }
    pg_bind_blobs(q, hashes, l->count);
    pg_bind_blobs(q, bytes, l->count);
}

#define OFFSET(member) offsetof(struct artifact_work, member)

static enum rc send_stage(struct committer *w, const struct notes *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_jobs(&q, l);
    bind_numbers(&q, l, OFFSET(tenant));
    bind_numbers(&q, l, OFFSET(lease));
    bind_numbers(&q, l, OFFSET(artifact.size));
    bind_same(&q, w->keeper.now, l->count);
    bind_texts(&q, l, OFFSET(artifact.name));
    bind_texts(&q, l, OFFSET(artifact.media_type));
    bind_contents(&q, l);
    return batch_send(w, PG_SQL_ARTIFACT_STAGE, &q, NULL, NULL, e);
}

/* When the row's artifacts go: with its history, and not while it lives. */
static int64_t drop_of(const struct pg_row *r)
{
    return job_state_is_final(r->row.state) ? r->counted : DROP_NEVER;
}

/* As the round leaves the rows: a last turn is settled before it ends. */
static void bind_drops(struct pg_query *q, struct committer *w, const struct notes *l)
{
    int64_t *drops = arena_array(q->a, int64_t, l->count);
    for (size_t i = 0; i < l->count; i++) {
        drops[i] = drop_of(rows_find(w, l->items[i]->job));
    }
    pg_bind_ints(q, drops, l->count);
}

static enum rc send_settle(struct committer *w, const struct notes *l, struct err *e)
{
    struct pg_query gone = PG_QUERY(w->keeper.scratch), old = PG_QUERY(w->keeper.scratch),
                    published = PG_QUERY(w->keeper.scratch);
    bind_jobs(&gone, l);
    bind_numbers(&gone, l, OFFSET(lease));
    bind_jobs(&old, l);
    bind_numbers(&old, l, OFFSET(lease));
    bind_jobs(&published, l);
    bind_numbers(&published, l, OFFSET(lease));
    bind_drops(&published, w, l);
    enum rc rc = batch_send(w, PG_SQL_ARTIFACT_SETTLE, &gone, NULL, NULL, e);
    rc = rc ? rc : batch_send(w, PG_SQL_ARTIFACT_STEP_BACK, &old, NULL, NULL, e);
    return rc ? rc : batch_send(w, PG_SQL_ARTIFACT_PUBLISH, &published, NULL, NULL, e);
}

/* How many of the series stay behind each publication, counted when all of the round are there: those that follow it push its
 * own back. */
static void bind_keeps(struct pg_query *q, const struct notes *l)
{
    int64_t *keeps = arena_array(q->a, int64_t, l->count);
    for (size_t i = 0; i < l->count; i++) {
        const struct artifact_work *n = l->items[i];
        keeps[i] = n->keep;
        for (size_t later = i + 1; later < l->count; later++) {
            const struct artifact_work *m = l->items[later];
            keeps[i] += m->tenant == n->tenant && str_eq(m->series, n->series);
        }
    }
    pg_bind_ints(q, keeps, l->count);
}

static enum rc send_series(struct committer *w, const struct notes *l, struct err *e)
{
    struct pg_query new = PG_QUERY(w->keeper.scratch), old = PG_QUERY(w->keeper.scratch);
    bind_jobs(&new, l);
    bind_texts(&new, l, OFFSET(artifact.name));
    bind_numbers(&new, l, OFFSET(tenant));
    bind_same(&new, w->keeper.now, l->count);
    bind_texts(&new, l, OFFSET(series));
    bind_texts(&new, l, OFFSET(result));
    bind_numbers(&old, l, OFFSET(tenant));
    bind_texts(&old, l, OFFSET(series));
    bind_keeps(&old, l);
    enum rc rc = batch_send(w, PG_SQL_SERIES_INSERT, &new, NULL, NULL, e);
    return rc ? rc : batch_send(w, PG_SQL_SERIES_TRIM, &old, NULL, NULL, e);
}

static enum rc send_remove(struct committer *w, const struct notes *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bind_jobs(&q, l);
    return batch_send(w, PG_SQL_ARTIFACT_REMOVE, &q, NULL, NULL, e);
}

static enum rc send_erase(struct committer *w, const struct notes *l, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch), again = PG_QUERY(w->keeper.scratch);
    bind_jobs(&q, l);
    bind_jobs(&again, l);
    enum rc rc = batch_send(w, PG_SQL_SERIES_ERASE, &q, NULL, NULL, e);
    return rc ? rc : batch_send(w, PG_SQL_ARTIFACT_ERASE, &again, NULL, NULL, e);
}

/* Has it had other lives, of which it may have artifacts, and does one begin or end now? */
static bool is_of_several(const struct pg_row *r)
{
    bool begins = r->drop_at && r->row.round != r->was.round;
    bool ends = r->row.round > 1 && job_state_is_final(r->row.state);
    return r->is_dirty && !r->is_gone && !r->is_erased && (begins || ends);
}

static enum rc send_keep(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct id *ids = arena_array(a, struct id, w->work.rows.count + 1);
    int64_t *drops = arena_array(a, int64_t, w->work.rows.count + 1);
    size_t n = 0;
    struct pg_query q = PG_QUERY(a);
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        if (is_of_several(r)) {
            ids[n] = r->row.id;
            drops[n++] = drop_of(r);
        }
    }
    pg_bind_uuids(&q, ids, n);
    pg_bind_ints(&q, drops, n);
    return n ? batch_send(w, PG_SQL_ARTIFACT_KEEP, &q, NULL, NULL, e) : RC_OK;
}

/* Of one kind. */
static enum rc send_notes(struct committer *w, const struct notes *l, struct err *e)
{
    static enum rc (*const send[])(struct committer * w, const struct notes *l,
                                   struct err *e) = {[STEP_STAGE] = send_stage,
                                                     [STEP_SETTLE] = send_settle,
                                                     [STEP_SERIES] = send_series,
                                                     [STEP_REMOVE] = send_remove,
                                                     [STEP_ERASE] = send_erase};
    return l->count ? send[l->items[0]->step](w, l, e) : RC_OK;
}

static enum rc send_kind(struct committer *w, enum step step, struct err *e)
{
    struct notes l;
    pick(w, step, &l);
    return send_notes(w, &l, e);
}

/* Publications and erasures as they came, those of one kind that follow each other at once: what is erased counts in its series until
 * then, and no longer. */
static enum rc send_in_order(struct committer *w, struct err *e)
{
    struct notes run = {arena_array(w->keeper.scratch, const struct artifact_work *, w->work.artifacts.count),
                        0};
    enum rc rc = RC_OK;
    for (const struct artifact_work *n = w->work.artifacts.first; n && !rc; n = n->next) {
        if (n->step != STEP_SERIES && n->step != STEP_ERASE) {
            continue;
        }
        if (run.count && run.items[0]->step != n->step) {
            rc = send_notes(w, &run, e);
            run.count = 0;
        }
        run.items[run.count++] = n;
    }
    return rc ? rc : send_notes(w, &run, e);
}

enum rc pg_artifacts_send(struct committer *w, struct err *e)
{
    enum rc rc = RC_OK;
    if (w->work.artifacts.first) {
        rc = send_kind(w, STEP_STAGE, e);
        rc = rc ? rc : send_kind(w, STEP_SETTLE, e);
        rc = rc ? rc : send_in_order(w, e);
        rc = rc ? rc : send_kind(w, STEP_REMOVE, e);
    }
    return rc ? rc : send_keep(w, e);
}
