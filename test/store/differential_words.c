/* differential_words.c: what the differential test asks: jobs, and what workers say. See differential.h. */
#include "differential.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct str queues[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"", 0}};
const struct str word_kinds[WORD_KINDS] = {{"x", 1}, {"y", 1}, {"z", 1}};
const struct str word_names[WORD_NAMES] = {{"r", 1}, {"s", 1}, {"t", 1}};
static const struct str tag_lists[] = {
    {"", 0}, {"", 0}, {"[\"red\"]", 7}, {"[\"red\",\"blue\"]", 14}, {"[\"blue\"]", 8}};

int64_t word_below(struct pair *p, int64_t n)
{
    return chance_below(&p->c, n);
}

bool word_percent(struct pair *p, int64_t n)
{
    return chance_percent(&p->c, n);
}

struct str word_one_of(struct pair *p, const struct str *list, size_t count)
{
    return list[word_below(p, (int64_t)count)];
}

struct str word_text(struct pair *p, const char *what, int64_t kinds_of_it)
{
    return arena_printf(p->a, "%s%lld", what, (long long)word_below(p, kinds_of_it));
}

/* A JSON text; now and then one that an engine may keep apart from the row. */
struct str word_json(struct pair *p)
{
    if (!word_percent(p, 4)) {
        return arena_printf(p->a, "{\"v\":%lld}", (long long)word_below(p, 1000));
    }
    size_t n = 1000 + (size_t)word_below(p, 3000);
    char *s = arena_alloc(p->a, n + 1);
    memset(s, 'a' + (int)word_below(p, 26), n);
    s[0] = s[n - 1] = '"';
    return (struct str){s, n};
}

int64_t word_tenant(struct pair *p)
{
    return p->m->tenants[word_percent(p, 10)];
}

struct str word_queue(struct pair *p)
{
    struct str name = word_one_of(p, queues, COUNT(queues));
    return name.n ? name : STR("default");
}

/* Mostly one that a worker holds, or a young one; NULL = there is none. */
static const struct model_job *any_job(struct pair *p)
{
    const struct model *m = p->m;
    int64_t dice = word_below(p, 100), at = m->count ? word_below(p, m->count) : 0;
    if (!m->count) {
        return NULL;
    }
    if (dice < 60) {
        for (int i = 0; i < m->count; i++) {
            const struct model_job *job = m->jobs[(at + i) % m->count];
            if (job->v.state == JOB_PROCESSING) {
                return job;
            }
        }
    }
    int64_t young = m->count < 60 ? m->count : 60;
    return m->jobs[dice < 85 ? m->count - 1 - at % young : at];
}

/* Its id and whom to ask as; now and then a stranger asks, or for what never was. */
struct id word_job_id(struct pair *p, int64_t *tenant)
{
    const struct model_job *job = any_job(p);
    *tenant = p->m->tenants[0];
    if (!job || word_percent(p, 2)) {
        return id_from_parts((p->m->now << 21) - 1 - word_below(p, 1000), 7);
    }
    *tenant = word_percent(p, 3) ? p->m->tenants[job->v.tenant == p->m->tenants[0]] : job->v.tenant;
    return job->v.id;
}

/* Mostly few; what is told of a round of many is another thing than what is told of one. */
static size_t any_size(struct pair *p, size_t least)
{
    int64_t dice = word_below(p, 100);
    int64_t most = dice < 40 ? 1 : dice < 70 ? 12 : dice < 90 ? 50 : 160;
    return most == 1 ? 1 : least + (size_t)word_below(p, most);
}

/* ---- enqueue */

static struct retry_policy any_retry(struct pair *p)
{
    struct retry_policy policies[] = {
        {0},
        {.max_attempts = 1 + word_below(p, 4)},
        {.max_attempts = 1 + word_below(p, 4),
         .backoff = BACKOFF_FIXED,
         .base_ms = word_below(p, 3) * 4 * SECOND},
        {.max_attempts = 3, .base_ms = 1 * SECOND, .cap_ms = 20 * SECOND},
        {.max_attempts = 4, .base_ms = 1 * SECOND, .cap_ms = 3 * SECOND, .no_jitter = true},
        {.max_attempts = 4, .backoff = BACKOFF_LIST, .list_ms = {0, SECOND, 5 * SECOND}, .list_count = 3}};
    return policies[word_below(p, (int64_t)COUNT(policies))];
}

struct job_spec word_spec(struct pair *p)
{
    struct job_spec s = {.queue = word_one_of(p, queues, COUNT(queues)),
                         .kind = word_one_of(p, word_kinds, WORD_KINDS),
                         .args = word_json(p),
                         .retry = any_retry(p),
                         .tags = word_one_of(p, tag_lists, COUNT(tag_lists)),
                         .priority = word_percent(p, 30) ? word_below(p, 5) - 2 : 0,
                         .timeout_ms = word_percent(p, 20) ? 30 * SECOND : 0,
                         .lost_max = word_percent(p, 50) ? 1 + word_below(p, 3) : 0,
                         .on_lost = word_percent(p, 10) ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY,
                         .on_cancel = word_percent(p, 40) ? JOB_ON_CANCEL_RUN : JOB_ON_CANCEL_STOP};
    if (word_percent(p, 25)) {
        s.unique_key = word_text(p, "k", 12);
        s.unique_for_ms = word_percent(p, 60)   ? 0
                          : word_percent(p, 10) ? JOB_FOREVER_MS
                                                : word_below(p, 60) * MINUTE;
        s.on_duplicate =
            word_percent(p, 60) ? JOB_ON_DUPLICATE_KEEP : (enum job_on_duplicate)(1 + word_below(p, 2));
    }
    if (word_percent(p, 20)) {
        s.delay_ms = word_below(p, 30) * SECOND;
    } else if (word_percent(p, 5)) {
        s.run_at = p->m->now + (word_below(p, 40) - 20) * SECOND;
    }
    if (word_percent(p, 2)) { /* one that is often empty, so that it can be deleted */
        s.queue = STR("e");
    }
    s.deadline_ms = word_percent(p, 12) ? (1 + word_below(p, 90)) * SECOND : 0;
    s.group = word_percent(p, 10) ? word_text(p, "g", 3) : STR_NONE;
    s.limit_keys = word_percent(p, 15) ? word_limits(p) : STR_NONE;
    if (word_percent(p, 2)) {
        s.kind = STR("no name");
    } else if (word_percent(p, 1)) {
        s.priority = JOB_PRIORITY_MAX + 1;
    }
    return s;
}

/* Mostly from where the schedule is, since nothing else is ever taken. */
static const struct schedule_step *any_step(struct pair *p, int64_t tenant, size_t count)
{
    struct schedule_step *step = arena_alloc(p->a, sizeof *step);
    struct str name = word_text(p, "schedule", 3);
    const struct model_schedule *s = model_schedule_find(p->m, tenant, name);
    int64_t from = s && word_percent(p, 90) ? s->is.next_at : p->m->now;
    *step = (struct schedule_step){.name = name,
                                   .version = s && word_percent(p, 95) ? s->is.version : 1,
                                   .from = from,
                                   .next_at = word_percent(p, 5) ? 0 : p->m->now + word_below(p, 20) * SECOND,
                                   .last_tick = count ? from : 0,
                                   .fired = (int64_t)count,
                                   .dropped = word_below(p, 2)};
    if (s && word_percent(p, 40)) {
        step->cancel = s->is.last_job; /* zero when it has none; by then it may be over, or gone */
    }
    return step;
}

/* A job that waits for this batch, or `other`. */
static struct id finaliser_of(const struct pair *p, struct id batch, struct id other)
{
    for (int i = 0; i < p->m->count && !id_is_zero(batch); i++) {
        if (id_eq(p->m->jobs[i]->v.finally_of, batch)) {
            return p->m->jobs[i]->v.id;
        }
    }
    return other;
}

/* Some depend on those before them, and on jobs that are there. */
static void add_links(struct pair *p, struct store_enqueue *op, struct job_spec *specs)
{
    for (size_t i = 0; i < op->count; i++) {
        size_t count = word_percent(p, 30) ? 1 + (size_t)word_below(p, 3) : 0;
        struct str *on = arena_array(p->a, struct str, count + 1);
        for (size_t k = 0; k < count; k++) {
            int64_t tenant = 0;
            struct id id = word_job_id(p, &tenant);
            if (word_percent(p, 5)) { /* a circle, while that one waits */
                id = finaliser_of(p, specs[i].batch, id);
            }
            on[k] = i && word_percent(p, 60) ? specs[word_below(p, (int64_t)i)].ref
                                             : arena_str(p->a, str_from(id_text(id).s));
        }
        specs[i].ref = arena_printf(p->a, "r%zu", i);
        specs[i].depends_on = on;
        specs[i].depends_count = count;
        specs[i].on_parent_failure = (enum job_on_parent)word_below(p, 3);
    }
}

struct store_op *word_enqueue(struct pair *p)
{
    WORDED(op, store_enqueue, STORE_ENQUEUE);
    size_t count = any_size(p, 0);
    struct job_spec *specs = arena_array(p->a, struct job_spec, count + 1);
    if (p->m->count + (int)count > MODEL_JOBS_MAX - 500) {
        count = 0;
    }
    op->tenant = word_tenant(p);
    bool is_of_batch = word_percent(p, 20);
    struct id batch = word_batch_id(p, op->tenant);
    for (size_t i = 0; i < count; i++) {
        specs[i] = word_spec(p);
        if (is_of_batch && word_percent(p, 90)) {
            specs[i].batch = batch;
        }
    }
    op->specs = specs;
    op->count = count;
    op->partial = word_percent(p, 50);
    if (word_percent(p, 25)) {
        op->partial = word_percent(p, 10);
        add_links(p, op, specs);
    }
    if (word_percent(p, 15)) {
        op->step = any_step(p, op->tenant, count);
    } else if (count &&
               word_percent(p,
                            15)) { /* the same body under the same key is rare enough to be said on purpose */
        int64_t which = word_below(p, 8);
        bool is_other_body = word_percent(p, 10);
        op->idempotency_key = arena_printf(p->a, "i%lld", (long long)which);
        op->body_hash[0] = (unsigned char)(is_other_body ? 200 : which + 1);
        op->count = 3;
        specs = arena_array(p->a, struct job_spec, 3);
        for (int64_t i = 0; i < 3; i++) {
            specs[i] = (struct job_spec){.kind = i == 1 && which < 3 ? STR("no name") : word_kinds[i],
                                         .unique_key = i == 2 ? STR("k1") : STR_NONE};
        }
        op->specs = specs;
        op->partial = true;
    }
    return &op->op;
}

/* ---- claim */

struct store_op *word_claim(struct pair *p)
{
    WORDED(op, store_claim, STORE_CLAIM);
    struct str *wanted = arena_array(p->a, struct str, COUNT(queues)),
               *kind = arena_array(p->a, struct str, WORD_KINDS);
    size_t first = (size_t)word_below(p, (int64_t)COUNT(queues));
    op->tenant = word_tenant(p);
    op->worker = word_text(p, "w", 4);
    op->max = (int64_t)any_size(p, 1);
    op->lease_ms = word_percent(p, 70) ? (1 + word_below(p, 20)) * SECOND : 0;
    op->queues = wanted;
    op->queue_count =
        word_percent(p, 50) ? 1 : (size_t)word_below(p, (int64_t)COUNT(queues) + 1); /* 0 = any */
    for (size_t i = 0; i < op->queue_count; i++) {
        struct str name = queues[(first + i) % COUNT(queues)];
        wanted[i] = name.n ? name : STR("default");
    }
    op->kinds = kind;
    op->kind_count = word_percent(p, 50) ? 0 : 1 + (size_t)word_below(p, 2);
    for (size_t i = 0; i < op->kind_count; i++) {
        kind[i] = word_kinds[i];
    }
    return &op->op;
}

/* ---- report */

static void fill_with_events(struct pair *p, struct report *r)
{
    struct report_event *events = arena_array(p->a, struct report_event, 3);
    r->event_count = (size_t)word_below(p, 4);
    for (size_t i = 0; i < r->event_count; i++) {
        events[i] = (struct report_event){word_percent(p, 97) ? word_text(p, "note", 3) : STR("no name"),
                                          word_json(p), word_percent(p, 30)};
    }
    r->events = events;
    r->checkpoint = word_percent(p, 30) ? word_json(p) : STR_NONE;
}

static void fill_with_artifacts(struct pair *p, struct report *r)
{
    struct report_artifact *artifacts = arena_array(p->a, struct report_artifact, 2);
    struct report_publish *publish = arena_array(p->a, struct report_publish, 2);
    r->artifact_count = (size_t)word_below(p, 3);
    for (size_t i = 0; i < r->artifact_count; i++) {
        artifacts[i] = (struct report_artifact){word_one_of(p, word_names, WORD_NAMES),
                                                STR("text/plain"),
                                                word_text(p, "bytes", 1000),
                                                {(unsigned char)word_below(p, 256)}};
    }
    r->publish_count = word_percent(p, 60) ? (size_t)word_below(p, 3) : 0;
    for (size_t i = 0; i < r->publish_count; i++) {
        publish[i] = (struct report_publish){word_one_of(p, word_names, WORD_NAMES), word_text(p, "s", 4),
                                             word_percent(p, 3) ? 0 : 1 + word_below(p, 3)};
        if (r->artifact_count && word_percent(p, 80)) {
            publish[i].artifact = artifacts[0].name;
        }
    }
    r->artifacts = artifacts;
    r->publish = publish;
}

static void fill_with_children(struct pair *p, struct report *r)
{
    size_t count = p->m->count < MODEL_JOBS_MAX - 500 ? 1 + (size_t)word_below(p, 4) : 0;
    struct job_spec *specs = arena_array(p->a, struct job_spec, count + 1);
    bool has_links = word_percent(p, 30);
    for (size_t i = 0; i < count; i++) {
        specs[i] = word_spec(p);
        specs[i].at_root = word_percent(p, 30);
        specs[i].ref = has_links ? arena_printf(p->a, "c%zu", i) : STR_NONE;
        if (has_links && i && word_percent(p, 60)) { /* on one before it */
            specs[i].depends_on = &specs[word_below(p, (int64_t)i)].ref;
            specs[i].depends_count = 1;
            specs[i].on_parent_failure = (enum job_on_parent)word_below(p, 3);
        }
    }
    r->children = specs;
    r->child_count = count;
}

int64_t word_lease(struct pair *p, const struct model_job *job)
{
    int64_t dice = word_below(p, 100);
    return job->v.lease + (dice < 90 ? 0 : dice < 95 ? -1 : dice < 98 ? 7 : -job->v.lease);
}

static struct report any_report(struct pair *p, const struct model_job *job)
{
    static const enum report_op ops[] = {REPORT_HEARTBEAT, REPORT_PROGRESS, REPORT_PROGRESS, REPORT_COMPLETE,
                                         REPORT_COMPLETE,  REPORT_FAIL,     REPORT_FAIL,     REPORT_SNOOZE,
                                         REPORT_RELEASE,   REPORT_WAIT,     REPORT_WAIT};
    int64_t dice = word_below(p, 100);
    struct report r = {.job = job->v.id,
                       .lease = word_lease(p, job),
                       .n = job->n + (dice < 75   ? 1
                                      : dice < 80 ? 5
                                      : dice < 95 ? 0
                                                  : -1),
                       .op = ops[word_below(p, (int64_t)COUNT(ops))],
                       .progress_permille = word_percent(p, 30) ? word_below(p, 1100) : -1,
                       .store_progress = word_percent(p, 50),
                       .lease_ms = word_percent(p, 20) ? word_below(p, 30) * SECOND : 0,
                       .result = word_percent(p, 70) ? word_json(p) : STR_NONE,
                       .retry_after_ms = word_percent(p, 20) ? word_below(p, 9) * SECOND : -1,
                       .delay_ms = word_below(p, 4) * SECOND,
                       .error = {.class = (enum error_class)word_below(p, 3),
                                 .code = word_text(p, "c", 3),
                                 .message = word_text(p, "m", 9),
                                 .stack = word_percent(p, 10) ? STR("at f") : STR_NONE}};
    r.hash = r.n == job->n && word_percent(p, 80) ? job->hash : 1 + word_below(p, 1 << 20);
    r.progress_message = word_percent(p, 50) ? word_text(p, "half ", 9) : STR_NONE;
    if (word_percent(p, 40)) {
        fill_with_events(p, &r);
    }
    if (word_percent(p, r.op == REPORT_WAIT ? 60 : 8)) {
        fill_with_children(p, &r);
    }
    if (word_percent(p, r.op == REPORT_COMPLETE ? 40 : 10)) {
        fill_with_artifacts(p, &r);
    }
    word_limits_of_report(p, job, &r);
    return r;
}

struct store_op *word_report(struct pair *p)
{
    WORDED(op, store_report, STORE_REPORT);
    size_t count = any_size(p, 1);
    struct report *items = arena_array(p->a, struct report, count);
    op->tenant = p->m->tenants[0];
    op->items = items;
    for (size_t i = 0; i < count; i++) {
        const struct model_job *job = any_job(p);
        if (job) {
            items[op->count++] = any_report(p, job);
            op->tenant = i == 0 && !word_percent(p, 3) ? job->v.tenant : op->tenant;
        }
    }
    op->only_queues = word_percent(p, 5) ? STR("[\"a\",\"default\"]") : STR_NONE;
    return &op->op;
}

/* A finished file where the store wants them, which holds its own name. */
static void put_into_file(struct pair *p, struct artifact *a)
{
    const char *folder = store_files_dir(p->s->store);
    struct str name = arena_printf(p->a, "upload-%d-%d.tmp", p->which, p->files++);
    a->path = arena_printf(p->a, "%s/%s", folder, name.p);
    a->size = (int64_t)name.n;
    a->bytes = STR_NONE;
    memcpy(a->sha256, name.p, name.n); /* other contents, another hash */
    FILE *f = fopen(a->path.p, "wx");
    ck_assert_msg(f && fwrite(name.p, name.n, 1, f) == 1 && fclose(f) == 0, "cannot write %s", a->path.p);
}

struct store_op *word_stage(struct pair *p)
{
    WORDED(op, store_stage_artifact, STORE_STAGE_ARTIFACT);
    op->job = word_job_id(p, &op->tenant);
    const struct model_job *job = model_find(p->m, op->tenant, op->job);
    op->lease = job ? word_lease(p, job) : 1;
    op->artifact = (struct artifact){.name = word_percent(p, 97) ? word_one_of(p, word_names, WORD_NAMES)
                                                                 : STR("no name"),
                                     .media_type = STR("text/plain"),
                                     .bytes = word_text(p, "staged", 1000)};
    op->artifact.size = (int64_t)op->artifact.bytes.n;
    op->artifact.sha256[0] = (unsigned char)word_below(p, 256);
    op->only_queues = word_percent(p, 5) ? STR("[\"a\"]") : STR_NONE;
    if (word_percent(p, 30) && *store_files_dir(p->s->store)) {
        put_into_file(p, &op->artifact);
    }
    return &op->op;
}
