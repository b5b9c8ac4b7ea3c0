/* schedule.c: see schedule.h. */
#include "core/schedule.h"

#include "base/clock.h"
#include "base/json.h"

static const char *const catch_up_names[SCHEDULE_CATCH_UPS] = {
    [SCHEDULE_SKIP] = "skip", [SCHEDULE_RUN_ONCE] = "run_once", [SCHEDULE_RUN_ALL] = "run_all"};
static const char *const overlap_names[SCHEDULE_OVERLAPS] = {
    [SCHEDULE_ALLOW] = "allow",
    [SCHEDULE_OVERLAP_SKIP] = "skip",
    [SCHEDULE_CANCEL_PREVIOUS] = "cancel_previous",
};

static bool find_name(const char *const *names, int count, struct str name, int *out)
{
    for (int i = 0; i < count; i++) {
        if (str_eq(name, str_from(names[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *schedule_catch_up_name(enum schedule_catch_up c)
{
    return catch_up_names[c];
}

bool schedule_catch_up_parse(struct str name, enum schedule_catch_up *out)
{
    int i = 0;
    bool is_known = find_name(catch_up_names, SCHEDULE_CATCH_UPS, name, &i);

    *out = is_known ? (enum schedule_catch_up)i : *out;
    return is_known;
}

const char *schedule_overlap_name(enum schedule_overlap o)
{
    return overlap_names[o];
}

bool schedule_overlap_parse(struct str name, enum schedule_overlap *out)
{
    int i = 0;
    bool is_known = find_name(overlap_names, SCHEDULE_OVERLAPS, name, &i);

    *out = is_known ? (enum schedule_overlap)i : *out;
    return is_known;
}

static bool next_of_interval(const struct schedule_timing *t, int64_t after, int64_t *tick)
{
    int64_t since = after - t->start_at;
    int64_t n = since < 0 ? 0 : since / t->every_ms + 1;

    return !__builtin_mul_overflow(n, t->every_ms, tick) && !__builtin_add_overflow(*tick, t->start_at, tick);
}

bool schedule_next(const struct schedule_timing *t, int64_t after, int64_t *tick)
{
    int64_t found = 0;

    if (t->start_at && after < t->start_at) {
        after = t->start_at - 1;
    }
    bool is_found =
        t->every_ms ? next_of_interval(t, after, &found) : cron_next(&t->cron, t->zone, after, &found);
    if (!is_found || (t->end_at && found >= t->end_at)) {
        return false;
    }
    *tick = found;
    return true;
}

/* "There is a tick in (x, until]" is true up to the last tick and false from it on: so it can be halved. */
bool schedule_last(const struct schedule_timing *t, int64_t after, int64_t until, int64_t *tick)
{
    int64_t low = after, high = until, found;

    if (!schedule_next(t, after, &found) || found > until) {
        return false;
    }
    while (high - low > 1) { /* true at low, false at high */
        int64_t middle = low + (high - low) / 2;
        if (schedule_next(t, middle, &found) && found <= until) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *tick = high;
    return true;
}

void schedule_find_due(const struct schedule_timing *t, const struct schedule_catch_up_rule *rule,
                       int64_t next_at, int64_t now, struct schedule_due *out)
{
    int64_t late = now - SCHEDULE_GRACE_MS; /* ticks up to here were missed */
    int64_t oldest = now - rule->window_ms - 1;
    int64_t cursor = next_at - 1; /* decided up to here */
    int64_t tick;

    out->count = 0;
    if (next_at <= late && rule->what == SCHEDULE_RUN_ONCE) {
        cursor = cursor > oldest ? cursor : oldest;
        if (schedule_last(t, cursor, late, &tick)) {
            out->ticks[out->count++] = tick;
        }
    }
    if (next_at <= late) {
        int64_t from = rule->what == SCHEDULE_RUN_ALL && oldest < late ? oldest : late;
        cursor = cursor > from ? cursor : from;
    }
    bool has_next = schedule_next(t, cursor, &tick);
    while (has_next && tick <= now && out->count < SCHEDULE_ROUND_TICKS) {
        out->ticks[out->count++] = tick;
        has_next = schedule_next(t, tick, &tick);
    }
    out->next_at = has_next ? tick : 0;
}

int schedule_sort_out(struct schedule_due *due, enum schedule_overlap overlap, bool is_live)
{
    int first = 0, last = due->count;

    if (overlap == SCHEDULE_OVERLAP_SKIP) {
        last = is_live ? 0 : due->count < 1 ? due->count : 1; /* the first of them makes the others overlap */
    } else if (overlap == SCHEDULE_CANCEL_PREVIOUS && due->count > 1) {
        first = due->count - 1; /* the others would be cancelled at once */
    }
    for (int i = first; i < last; i++) {
        due->ticks[i - first] = due->ticks[i];
    }
    due->count = last - first;
    return due->count;
}

struct str schedule_tags(struct str tags, struct str name, struct arena *a)
{
    struct str rest = str_trim(str_sub(tags, 1, tags.n));
    bool is_empty = !tags.n || str_starts(rest, STR("]"));

    return arena_printf(a, "[\"schedule:%.*s\"%s%.*s", STR_ARG(name), is_empty ? "" : ",",
                        is_empty ? 1 : (int)rest.n, is_empty ? "]" : rest.p);
}

static enum rc check_members(const struct job_spec *s, struct err *e)
{
    const struct {
        bool is_there;
        const char *name, *why;
    } members[] = {{s->run_at, "run_at", "is what the schedule says itself"},
                   {s->unique_key.n, "unique_key", "is what the schedule says itself"},
                   {s->ref.n, "ref", "is not for schedules"},
                   {s->depends_count, "depends_on", "is not for schedules"},
                   {s->on_parent_failure, "on_parent_failure", "is not for schedules"}};
    enum rc rc = RC_OK;

    for (size_t i = 0; i < sizeof members / sizeof members[0] && !rc; i++) {
        if (members[i].is_there) {
            rc = err_set_code(e, RC_INVALID, "invalid_field", members[i].name, "%s %s", members[i].name,
                              members[i].why);
        }
    }
    return rc;
}

static void set_key(struct job_spec *s, struct str name, int64_t tick, struct arena *a)
{
    s->unique_key = arena_printf(a, JOB_TICK_KEYS "%.*s:%s", STR_ARG(name), time_text(tick).s);
    s->unique_for_ms = JOB_FOREVER_MS;
}

enum rc schedule_job(const struct schedule_plan *p, struct str name, int64_t tick, struct arena *a,
                     struct job_spec *out, struct err *e)
{
    struct job_spec s = p->job;

    enum rc rc = check_members(&s, e);

    if (rc) {
        return rc;
    }
    s.tags = schedule_tags(s.tags, name, a);
    if (tick) {
        s.run_at = tick + schedule_jitter_ms(name, tick, p->jitter_ms) + s.delay_ms;
        s.delay_ms = 0;
        set_key(&s, name, tick, a);
    }
    rc = job_spec_check(&s, e);
    if (!rc) {
        *out = s;
    }
    return rc;
}

/* ---- with a matrix */

static struct str print_filling(const struct schedule_plan *p, struct str name, int64_t tick, struct arena *a)
{
    struct buf text = BUF_LIMIT(SIZE_MAX);
    struct json_out w = json_writer(&text);

    json_object_begin(&w);
    json_put_str(&w, "schedule", name);
    json_put_int(&w, "tick", tick);
    json_put_raw(&w, "job", p->job_json);
    json_put_raw(&w, "matrix", p->matrix_json);
    json_object_end(&w);
    struct str out = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return out;
}

static struct str print_labels(struct str name, int64_t tick, struct arena *a)
{
    return tick ? arena_printf(a, "{\"schedule\":\"%.*s\",\"tick\":\"%s\"}", STR_ARG(name), time_text(tick).s)
                : arena_printf(a, "{\"schedule\":\"%.*s\"}", STR_ARG(name));
}

static struct batch_plan *plan_batch(const struct schedule_plan *p, struct str name, int64_t tick,
                                     struct arena *a)
{
    struct batch_filling *f = arena_alloc(a, sizeof *f);
    struct batch_plan *b = arena_alloc(a, sizeof *b);

    *f = (struct batch_filling){.job = p->job, .matrix = p->matrix, .schedule = name, .tick = tick};
    *b = (struct batch_plan){.name = name,
                             .labels = print_labels(name, tick, a),
                             .is_closed = true,
                             .filling = f,
                             .filling_text = print_filling(p, name, tick, a)};
    if (tick) {
        b->fill_at = tick + schedule_jitter_ms(name, tick, p->jitter_ms) + p->job.delay_ms;
    }
    return b;
}

static enum rc in_member(struct err *e, enum rc rc, const char *member)
{
    char field[sizeof e->field];

    if (rc && e) {
        str_print(field, sizeof field, "/%s/%s", member, e->field);
        str_copy(e->field, sizeof e->field, str_from(field));
    }
    return rc;
}

enum rc schedule_batch(const struct schedule_plan *p, struct str name, int64_t tick, struct arena *a,
                       struct schedule_jobs *out, struct err *e)
{
    static const struct str after_batch[] = {BATCH_REF};
    struct job_spec *specs = arena_array(a, struct job_spec, p->finally_count + 1);
    const struct batch_plan *b = plan_batch(p, name, tick, a);
    enum rc rc = check_members(&p->job, e);

    rc = in_member(e, rc ? rc : batch_filling_check(b->filling, e), "job");
    specs[0] = (struct job_spec){.plan = b, .ref = BATCH_REF};
    if (tick) {
        set_key(&specs[0], name, tick, a);
    }
    for (size_t i = 0; i < p->finally_count && !rc; i++) {
        struct job_spec *s = &specs[i + 1];
        *s = p->finally[i];
        s->tags = schedule_tags(s->tags, name, a);
        s->depends_on = after_batch;
        s->depends_count = 1;
        s->is_finaliser = true;
        rc = in_member(e, job_spec_check(s, e), "finally");
    }
    if (!rc) {
        *out = (struct schedule_jobs){specs, p->finally_count + 1};
    }
    return rc;
}

int64_t schedule_jitter_ms(struct str name, int64_t tick, int64_t max_ms)
{
    uint64_t h = str_hash(name) ^ (uint64_t)tick;

    if (max_ms <= 0) {
        return 0;
    }
    h = (h ^ h >> 30) * UINT64_C(0xBF58476D1CE4E5B9); /* neighbouring ticks share nothing (splitmix64) */
    h = (h ^ h >> 27) * UINT64_C(0x94D049BB133111EB);
    return (int64_t)((h ^ h >> 31) % ((uint64_t)max_ms + 1));
}
