/* schedules.c: what schedules are due. A tick of the store gives them out, here is computed what they ask for (core/schedule.h),
 * and an enqueue brings the jobs, the end of the last one where that is wanted, and the next tick in one transaction. Whatever
 * happens between the two - this process dies, another node does the same, somebody changes the schedule - the store's step and
 * the unique keys of the ticks keep J10: what was not done is given out again, and what was done is refused. */
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/zoneinfo.h"
#include "queue/parts.h"

struct zone_kept {
    struct table_node node;
    struct str name;
    const struct zone *zone;
};

/* ---- when */

static enum rc find_zone(struct queue *q, struct str name, const struct zone **out, struct err *e)
{
    struct schedules *s = &q->schedules;
    const uint64_t hash = table_hash_str(0, name);
    struct buf bytes = BUF_LIMIT(ZONEINFO_MAX_BYTES);

    if (!name.n || str_eq(name, STR("UTC")) || str_eq(name, STR("Etc/UTC"))) {
        *out = zone_utc();
        return RC_OK;
    }
    for (struct table_node *n = table_first(&s->zones, hash); n; n = table_next(n)) {
        const struct zone_kept *z = LOOP_OWNER(n, struct zone_kept, node);
        if (str_eq(z->name, name)) {
            *out = z->zone;
            return RC_OK;
        }
    }
    s->zone_arena = s->zone_arena ? s->zone_arena : arena_new();
    enum rc rc = zoneinfo_read(ZONEINFO_FOLDER, name, &bytes, e);
    if (!rc && zone_parse(buf_str(&bytes), s->zone_arena, out, e)) {
        rc = err_set_code(e, RC_INVALID, "unknown_zone", "tz", "unknown zone: %.*s is not a time zone",
                          STR_ARG(name));
    }
    if (!rc) {
        struct zone_kept *z = arena_alloc(s->zone_arena, sizeof *z);
        z->name = arena_str(s->zone_arena, name);
        z->zone = *out;
        table_add(&s->zones, &z->node, hash);
    }
    buf_dispose(&bytes);
    return rc;
}

static enum rc at_member(enum rc rc, struct err *e)
{
    char field[sizeof e->field];

    if (rc && e && e->field[0] && e->field[0] != '/') {
        str_print(field, sizeof field, "/%s", e->field);
        memcpy(e->field, field, sizeof field);
    }
    return rc;
}

enum rc queue_schedule_timing(struct queue *q, const struct schedule_plan *p, struct schedule_timing *out,
                              struct err *e)
{
    struct schedule_timing t = {
        .every_ms = p->every_ms, .start_at = p->start_at, .end_at = p->end_at, .zone = zone_utc()};
    int64_t tick;
    enum rc rc = p->every_ms ? RC_OK : cron_parse(p->cron, &t.cron, e);

    if (!rc) {
        rc = find_zone(q, p->tz, &t.zone, e);
    }
    if (!rc && !schedule_next(&t, 0, &tick)) {
        rc = err_set_code(e, RC_INVALID, "never_fires", "end", "there is no tick between start and end");
    }
    if (!rc) {
        *out = t;
    }
    return at_member(rc, e);
}

/* ---- firing */

struct fire { /* one schedule */
    struct store_enqueue enqueue;
    struct schedule_step step;
    struct firing *of;
};

struct firing { /* what one tick gave out */
    struct queue *q;
    struct arena *a;
    size_t open;
    struct firing *next, *prev;
};

static void end_one(struct firing *f)
{
    struct schedules *s = &f->q->schedules;

    if (--f->open > 0) {
        return;
    }
    *(f->prev ? &f->prev->next : &s->firings) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    arena_free(f->a); /* f is in it */
}

static void note_failure(struct queue *q, struct str name, const struct err *e)
{
    q->metrics.schedule_failed++;
    log_warn("schedule.failed", L_STR("schedule", name), L_C("error", e->text));
}

static void on_enqueued(struct store_op *op)
{
    struct fire *fire = op->owner;
    struct queue *q = fire->of->q;

    if (!op->rc) {
        q->metrics.schedule_fired += fire->step.fired;
        q->metrics.schedule_dropped += fire->step.dropped;
        log_debug("schedule.fired", L_STR("schedule", fire->step.name), L_INT("ticks", fire->step.fired),
                  L_INT("dropped", fire->step.dropped), L_INT("next_at", fire->step.next_at));
    } else if (op->rc != RC_CONFLICT) { /* changed meanwhile, or another node was faster: all is well */
        note_failure(q, fire->step.name, &op->e); /* it will be given out again */
    }
    end_one(fire->of);
}

static enum rc make_specs(struct fire *fire, const struct schedule *s, const struct schedule_plan *p,
                          const struct schedule_due *due, struct err *e)
{
    struct arena *a = fire->of->a;
    struct schedule_jobs jobs = {arena_array(a, struct job_spec, (size_t)due->count + 1), (size_t)due->count};
    enum rc rc = RC_OK;

    if (p->matrix.count && due->count) {
        rc = schedule_batch(p, s->name, due->ticks[0], a, &jobs, e);
    }
    for (int i = 0; i < due->count && !rc && !p->matrix.count; i++) {
        rc = schedule_job(p, s->name, due->ticks[i], a, &jobs.specs[i], e);
    }
    store_init(&fire->enqueue.op, sizeof fire->enqueue, STORE_ENQUEUE, a);
    fire->enqueue.op.owner = fire;
    fire->enqueue.op.done = on_enqueued;
    fire->enqueue.tenant = s->tenant;
    fire->enqueue.specs = jobs.specs;
    fire->enqueue.count = jobs.count;
    fire->enqueue.step = &fire->step;
    return rc;
}

/* A batch at a time: the second of the ticks is due at once, then. */
static void leave_one(struct schedule_due *due)
{
    if (due->count > 1) {
        due->next_at = due->ticks[1];
        due->count = 1;
    }
}

static enum rc fire_one(struct firing *f, const struct schedule *s, int64_t now, struct err *e)
{
    struct schedule_plan p;
    struct schedule_timing t;
    struct schedule_due due;
    struct fire *fire = arena_alloc(f->a, sizeof *fire);
    enum rc rc = f->q->options.read_plan(s->definition, f->a, &p, e);

    if (!rc) {
        rc = queue_schedule_timing(f->q, &p, &t, e);
    }
    if (rc) {
        return rc;
    }
    schedule_find_due(&t, &p.catch_up, s->next_at, now, &due);
    int found = due.count;
    int sorted = schedule_sort_out(&due, p.overlap, s->is_last_live), fired = sorted;
    if (p.matrix.count) {
        leave_one(&due);
        fired = due.count;
    }
    fire->of = f;
    fire->step = (struct schedule_step){.name = s->name,
                                        .version = s->version,
                                        .from = s->next_at,
                                        .next_at = due.next_at,
                                        .last_tick = fired ? due.ticks[fired - 1] : 0,
                                        .fired = fired,
                                        .dropped = found - sorted};
    if (p.overlap == SCHEDULE_CANCEL_PREVIOUS && fired && s->is_last_live) {
        fire->step.cancel = s->last_job;
    }
    rc = make_specs(fire, s, &p, &due, e);
    if (!rc) {
        submit(f->q, &fire->enqueue.op);
        wakes_ride(f->q, &fire->enqueue);
    }
    return rc;
}

void schedules_fire(struct queue *q, const struct store_tick *op, struct arena *a)
{
    struct firing *f = arena_alloc(a, sizeof *f);

    *f = (struct firing){.q = q, .a = a, .open = 1, .next = q->schedules.firings};
    if (f->next) {
        f->next->prev = f;
    }
    q->schedules.firings = f;
    for (size_t i = 0; i < op->schedule_count; i++) {
        struct err e = {0};
        if (store_is_filling(&op->schedules[i])) {
            fillings_begin(q, &op->schedules[i]);
            continue;
        }
        f->open++;
        if (fire_one(f, &op->schedules[i], op->now, &e)) {
            note_failure(q, op->schedules[i].name, &e);
            end_one(f);
        }
    }
    end_one(f);
}

void schedules_dispose(struct queue *q)
{
    struct schedules *s = &q->schedules;

    for (struct firing *f = s->firings, *next = NULL; f; f = next) {
        next = f->next;
        arena_free(f->a);
    }
    table_dispose(&s->zones);
    arena_free(s->zone_arena);
}
