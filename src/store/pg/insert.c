/* insert.c: the new jobs of a round, in one statement. A column in which no job differs from the usual is an empty array:
 * its rows are NULL there, which is how the usual is stored. What all of them share travels once, behind the empty array. */
#include "store/pg/rows.h"

#include "store/pg/batch.h"

#include <stddef.h>

struct jobs_list {
    const struct new_job **items;
    size_t count;
    int64_t *numbers;  /* room for one column */
    struct str *texts; /* the same */
};

static void bind_column(struct pg_query *q, const struct jobs_list *l, int64_t usual)
{
    bool differ = false;
    for (size_t i = 0; i < l->count; i++) {
        differ |= l->numbers[i] != l->numbers[0];
    }
    pg_bind_ints(q, l->numbers, differ ? l->count : 0);
    pg_bind_int_or_null(q, !differ && l->numbers[0] != usual, l->numbers[0]);
}

static void bind_numbers(struct pg_query *q, const struct jobs_list *l, size_t offset, int64_t usual)
{
    for (size_t i = 0; i < l->count; i++) {
        l->numbers[i] = *(const int64_t *)((const char *)&l->items[i]->row + offset);
    }
    bind_column(q, l, usual);
}

/* Of names, which every job has. */
static void bind_names(struct pg_query *q, const struct jobs_list *l, size_t offset)
{
    bool differ = false;
    for (size_t i = 0; i < l->count; i++) {
        l->texts[i] = *(const struct str *)((const char *)&l->items[i]->row + offset);
        differ |= !str_eq(l->texts[i], l->texts[0]);
    }
    pg_bind_strs(q, l->texts, differ ? l->count : 0);
    pg_bind_str(q, differ ? STR_NONE : l->texts[0]);
}

static void bind_texts(struct pg_query *q, const struct jobs_list *l, bool is_spec, size_t offset)
{
    bool has_text = false;
    for (size_t i = 0; i < l->count; i++) {
        const char *from = is_spec ? (const char *)l->items[i]->spec : (const char *)&l->items[i]->row;
        const struct str *s = (const struct str *)(from + offset);
        l->texts[i] = s->n ? *s : STR_NONE;
        has_text |= s->n > 0;
    }
    pg_bind_strs(q, l->texts, has_text ? l->count : 0);
}

static void bind_kin(struct pg_query *q, const struct jobs_list *l, size_t offset)
{
    struct id *ids = arena_array(q->a, struct id, l->count);
    bool has_kin = false;
    for (size_t i = 0; i < l->count; i++) {
        ids[i] = *(const struct id *)((const char *)&l->items[i]->row + offset);
        has_kin |= !id_is_zero(ids[i]);
    }
    pg_bind_uuids(q, ids, has_kin ? l->count : 0);
}

/* Policies that are the default are not stored: so are most. */
static void bind_retries(struct pg_query *q, const struct jobs_list *l)
{
    char text[RETRY_TEXT_BYTES];
    struct retry_policy p = retry_default();
    struct str usual = {text, retry_print(&p, text, sizeof text)};
    bool has_text = false;
    for (size_t i = 0; i < l->count; i++) {
        struct str s = l->items[i]->row.retry;
        l->texts[i] = s.n && !str_eq(s, usual) ? s : STR_NONE;
        has_text |= l->texts[i].p != NULL;
    }
    pg_bind_strs(q, l->texts, has_text ? l->count : 0);
}

static void bind_places(struct pg_query *q, const struct jobs_list *l)
{
    struct id *ids = arena_array(q->a, struct id, l->count);
    for (size_t i = 0; i < l->count; i++) {
        ids[i] = l->items[i]->row.id;
    }
    pg_bind_uuids(q, ids, l->count);
    bind_numbers(q, l, offsetof(struct row, tenant), INT64_MIN);
    bind_names(q, l, offsetof(struct row, queue));
    bind_names(q, l, offsetof(struct row, kind));
    for (size_t i = 0; i < l->count; i++) {
        l->numbers[i] = l->items[i]->row.state;
    }
    bind_column(q, l, INT64_MIN);
}

static struct jobs_list list_of(struct committer *w, size_t until)
{
    struct arena *a = w->keeper.scratch;
    size_t count = until - w->work.jobs_sent, at = 0;
    struct jobs_list l = {.items = arena_array(a, const struct new_job *, count),
                          .numbers = arena_array(a, int64_t, count),
                          .texts = arena_array(a, struct str, count)};
    for (const struct new_job *j = w->work.jobs.first; j && at < until; j = j->next, at++) {
        if (at >= w->work.jobs_sent) {
            l.items[l.count++] = j;
        }
    }
    w->work.jobs_sent = until;
    return l;
}

enum rc inserts_send(struct committer *w, size_t until, struct err *e)
{
    if (until == w->work.jobs_sent) {
        return RC_OK;
    }
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct jobs_list l = list_of(w, until);
    bind_places(&q, &l);
    bind_numbers(&q, &l, offsetof(struct row, priority), INT64_MIN);
    bind_numbers(&q, &l, offsetof(struct row, run_at), INT64_MIN);
    bind_numbers(&q, &l, offsetof(struct row, due_at), 0);
    bind_numbers(&q, &l, offsetof(struct row, flags), INT64_MIN);
    bind_numbers(&q, &l, offsetof(struct row, lease), 0);
    bind_numbers(&q, &l, offsetof(struct row, timeout_ms), JOB_TIMEOUT_DEFAULT_MS);
    bind_numbers(&q, &l, offsetof(struct row, deadline_at), 0);
    bind_numbers(&q, &l, offsetof(struct row, lost_max), JOB_LOST_MAX_DEFAULT);
    bind_retries(&q, &l);
    bind_texts(&q, &l, false, offsetof(struct row, unique_key));
    bind_texts(&q, &l, true, offsetof(struct job_spec, tags));
    bind_texts(&q, &l, true, offsetof(struct job_spec, group));
    bind_texts(&q, &l, true, offsetof(struct job_spec, limit_keys));
    bind_texts(&q, &l, true, offsetof(struct job_spec, args));
    bind_kin(&q, &l, offsetof(struct row, parent));
    bind_kin(&q, &l, offsetof(struct row, root));
    bind_kin(&q, &l, offsetof(struct row, batch));
    return batch_send(w, PG_SQL_JOB_INSERT, &q, NULL, NULL, e);
}
