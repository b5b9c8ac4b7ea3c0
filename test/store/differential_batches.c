/* differential_batches.c: what the differential test asks: batches, what joins them, and what is seen of them. See
 * differential.h. */
#include "differential.h"

#define JOBS_MAX 9 /* that one is made with */

/* Mostly one that still takes jobs, or has some; now and then what is none. */
struct id word_batch_id(struct pair *p, int64_t tenant)
{
    const struct model *m = p->m;
    int64_t at = m->batch_count ? word_below(p, m->batch_count) : 0;
    int64_t other = 0;
    if (!m->batch_count || word_percent(p, 2)) {
        return word_job_id(p, &other);
    }
    for (int i = 0; i < m->batch_count && word_percent(p, 95); i++) {
        const struct model_batch *b = &m->batches[(at + i) % m->batch_count];
        if (b->tenant == tenant && (b->is.state == BATCH_OPEN || word_percent(p, 15))) {
            return b->is.id;
        }
    }
    return m->batches[at].is.id;
}

/* Some wait for those before them; the last ones for the batch. */
static void add_links(struct pair *p, struct job_spec *specs, size_t members, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct str *on = arena_array(p->a, struct str, 1);
        bool is_last = i > members, waits = is_last || (i > 1 && word_percent(p, 15));
        specs[i].joins_first = !is_last;
        specs[i].is_finaliser = is_last && word_percent(p, 80);
        specs[i].ref = arena_printf(p->a, "r%zu", i);
        specs[i].depends_on = on;
        specs[i].depends_count = waits;
        specs[i].on_parent_failure = (enum job_on_parent)word_below(p, 3);
        *on = is_last || i == 1 ? BATCH_REF : specs[1 + word_below(p, (int64_t)i - 1)].ref;
    }
}

/* A matrix for one to fill. It is read again by those who fill it: in the model's arena. */
static const struct batch_filling *word_filling(struct pair *p)
{
    struct arena *a = p->m->a;
    size_t count = 1 + (size_t)word_below(p, JOBS_MAX);
    struct batch_filling *f = arena_alloc(a, sizeof *f);
    struct str *values = arena_array(a, struct str, count);
    struct job_spec s = word_spec(p);
    for (size_t i = 0; i < count; i++) {
        values[i] = arena_printf(a, "%zu", i);
    }
    f->job = (struct job_spec){.queue = arena_str(a, s.queue),
                               .kind = arena_str(a, s.kind),
                               .args = STR("{\"of\":\"all\"}"),
                               .tags = arena_str(a, s.tags),
                               .group = arena_str(a, s.group),
                               .limit_keys = arena_str(a, s.limit_keys),
                               .retry = s.retry,
                               .priority = s.priority,
                               .run_at = s.run_at,
                               .delay_ms = s.delay_ms,
                               .deadline_ms = s.deadline_ms,
                               .lost_max = s.lost_max,
                               .on_cancel = s.on_cancel,
                               .ref = word_percent(p, 2) ? STR("r") : STR_NONE};
    f->schedule = word_percent(p, 30) ? STR("nightly") : STR("");
    f->matrix =
        (struct matrix){.dimensions = {{STR("n"), values, count}, {STR("run"), values, 1 + count / 3}},
                        .dimension_count = 2,
                        .count = (int64_t)(count * (1 + count / 3))};
    return f;
}

struct store_op *word_batch(struct pair *p)
{
    WORDED(op, store_enqueue, STORE_ENQUEUE);
    bool has_room = p->m->count < MODEL_JOBS_MAX - 500 && p->m->batch_count < MODEL_BATCHES_MAX - PLACES_MAX;
    bool is_filled = has_room && word_percent(p, 40);
    size_t members = has_room && !is_filled ? (size_t)word_below(p, JOBS_MAX) : 0, count = 1 + members;
    count += has_room ? (size_t)word_below(p, 3) : 0;
    struct job_spec *specs = arena_array(p->a, struct job_spec, count);
    struct batch_plan *plan = arena_alloc(p->a, sizeof *plan);
    *plan = (struct batch_plan){.name = word_percent(p, 50) ? word_text(p, "night", 5) : STR_NONE,
                                .labels = word_percent(p, 30) ? STR("{\"day\":\"1\"}") : STR_NONE,
                                .max_jobs = word_percent(p, 40) ? 1 + word_below(p, 15) : 0,
                                .is_closed = word_percent(p, 40)};
    if (!has_room || word_percent(p, 2)) {
        plan->max_jobs = -1;
    }
    if (is_filled) {
        plan->filling = word_filling(p);
        plan->filling_text = STR("{}");
        plan->max_jobs = word_percent(p, 97) ? 0 : plan->max_jobs;
        plan->fill_at = word_percent(p, 20) ? p->m->now + word_below(p, 60) * SECOND : 0;
    }
    for (size_t i = 1; i < count; i++) {
        specs[i] = word_spec(p);
    }
    specs[0] = (struct job_spec){.plan = plan, .ref = BATCH_REF};
    add_links(p, specs, members, count);
    op->tenant = word_tenant(p);
    op->specs = specs;
    op->count = count;
    return &op->op;
}

/* Mostly one that is not filled yet. */
struct store_op *word_fill(struct pair *p)
{
    WORDED(op, store_fill, STORE_FILL);
    const struct model *m = p->m;
    int64_t first = m->batch_count ? word_below(p, m->batch_count) : 0;
    const struct model_batch *b = NULL;
    for (int i = 0; i < m->batch_count && !(b && b->filling); i++) {
        b = &m->batches[(first + i) % m->batch_count];
    }
    op->tenant = b && word_percent(p, 97) ? b->tenant : word_tenant(p);
    op->name = arena_printf(p->a, " %s", b ? id_text(b->is.id).s : MODEL_SOME_ID);
    op->filling = b && word_percent(p, 95) ? b->filling : NULL;
    op->failure = op->filling ? STR("") : STR("nobody can read it");
    return &op->op;
}

struct store_op *word_act_on_batches(struct pair *p)
{
    WORDED(op, store_act, STORE_ACT);
    struct id *ids = arena_array(p->a, struct id, 2);
    op->tenant = word_tenant(p);
    op->count = 1 + word_percent(p, 10);
    for (size_t i = 0; i < op->count; i++) {
        ids[i] = word_batch_id(p, op->tenant);
    }
    op->action = word_percent(p, 70) ? ACT_CLOSE : ACT_CANCEL;
    op->of_batches = true;
    op->ids = ids;
    return &op->op;
}

/* ---- reads */

static struct store_op *read_list(struct pair *p, int64_t tenant, struct id id, int64_t limit)
{
    WORDED(op, store_list_batches, STORE_LIST_BATCHES);
    op->tenant = tenant;
    op->id = id;
    op->limit = limit;
    return &op->op;
}

static struct store_op *read_results(struct pair *p, int64_t tenant, struct id id, int64_t limit)
{
    const struct model *m = p->m;
    WORDED(op, store_list_results, STORE_LIST_RESULTS);
    op->tenant = tenant;
    op->batch = id;
    op->limit = limit;
    op->cursor = m->count && limit < 100 && word_percent(p, 40)
                     ? id_ordinal(m->jobs[word_below(p, m->count)]->v.id)
                     : 0;
    return &op->op;
}

static struct store_op *read_stream(struct pair *p, int64_t tenant, struct id id, int64_t after,
                                    int64_t limit)
{
    WORDED(op, store_read_events, STORE_READ_EVENTS);
    op->tenant = tenant;
    op->job_id = id;
    op->of_batch = true;
    op->after = after;
    op->limit = limit;
    return &op->op;
}

struct store_op *word_read_of_batches(struct pair *p, int64_t tenant)
{
    struct id id = word_batch_id(p, tenant);
    switch (word_below(p, 4)) {
    case 0:
        return read_list(p, tenant, (struct id){{0}}, 1 + word_below(p, 5));
    case 1:
        return read_list(p, tenant, id, 1);
    case 2:
        return read_results(p, tenant, id, 1 + word_below(p, 6));
    default:
        return read_stream(p, tenant, id, word_below(p, 3), 1 + word_below(p, 9));
    }
}

void word_all_of_batch(struct pair *p, const struct model_batch *b, struct store_op **ops, int *count)
{
    ops[(*count)++] = read_list(p, b->tenant, b->is.id, 1);
    ops[(*count)++] = read_results(p, b->tenant, b->is.id, 1000);
    ops[(*count)++] = read_stream(p, b->tenant, b->is.id, 0, 1000);
}
