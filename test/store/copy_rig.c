/* copy_rig.c: see copy_rig.h. */
#include "copy_rig.h"

#include "base/buf.h"

#include <string.h>

const char *const copy_engines[COPY_ENGINES] = {"sqlite", "pg"};

const char *copy_target(const char *engine)
{
    static char path[600];
    static int number;
    if (strcmp(engine, "pg") == 0) {
        return another_pg_url();
    }
    char name[32];
    str_print(name, sizeof name, "copy-%d.db", number++);
    str_print(path, sizeof path, "sqlite:%s", test_path(name));
    return path;
}

/* ---- dump */

static void put_job(struct buf *b, const struct job *j)
{
    char retry[RETRY_TEXT_BYTES];
    buf_printf(b, "job %s %lld %.*s %.*s %s %d round %lld", id_text(j->id).s, (long long)j->tenant,
               STR_ARG(j->queue), STR_ARG(j->kind), job_state_name(j->state), (int)j->reason,
               (long long)j->round);
    const int64_t numbers[] = {j->priority,   j->timeout_ms,      j->deadline_at,
                               j->lost_max,   j->attempt,         j->lost,
                               j->snoozes,    j->waits,           j->lease,
                               j->lease_ms,   j->lease_until,     j->run_at,
                               j->created_at, j->started_at,      j->finished_at,
                               j->expires_at, j->last_seq,        j->progress_permille,
                               j->on_lost,    j->cancel_requested};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_printf(b, " %lld", (long long)numbers[i]);
    }
    const struct str texts[] = {j->args,       j->result,     j->checkpoint,
                                j->tags,       j->group,      j->worker,
                                j->limit_keys, j->unique_key, j->progress_message};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        buf_printf(b, " <%.*s>", STR_ARG(texts[i]));
    }
    size_t n = retry_print(&j->retry, retry, sizeof retry);
    buf_printf(b, " %.*s", (int)n, retry);
    buf_printf(b, " under %s of %s %d %d", id_text(j->parent).s, id_text(j->root).s, (int)j->on_cancel,
               j->cancelling);
    if (j->has_error) {
        buf_printf(b, " error %d %.*s|%.*s|%.*s", (int)j->error.class, STR_ARG(j->error.code),
                   STR_ARG(j->error.message), STR_ARG(j->error.stack));
    }
    buf_append_char(b, '\n');
}

static void put_artifact(struct buf *b, const struct artifact *a)
{
    char hex[2 * sizeof a->sha256 + 1];
    struct buf bytes = BUF_LIMIT(64 << 20);
    struct err err = {0}, *e = &err;
    if (a->path.n) {
        OK(buf_read_file(&bytes, a->path.p, e));
    } else {
        buf_append_str(&bytes, a->bytes);
    }
    hex_encode(a->sha256, sizeof a->sha256, hex);
    buf_printf(b, "artifact %s %.*s %.*s %s %lld %lld %016llx\n", id_text(a->job).s, STR_ARG(a->name),
               STR_ARG(a->media_type), hex, (long long)a->size, (long long)a->created_at,
               (unsigned long long)str_hash(buf_str(&bytes)));
    CHECK_INT(bytes.n, a->size);
    buf_dispose(&bytes);
}

static void put_children(struct store_test *s, struct buf *b, struct id job)
{
    AN_OP(s, op, store_list_children, STORE_LIST_CHILDREN);
    op.tenant = s->tenant;
    op.job_id = job;
    op.limit = 100;
    run_op(s, &op.op);
    const struct job_children *c = &op.counts;
    buf_printf(b, " children %lld %lld %lld %lld %lld:", (long long)c->open, (long long)c->completed,
               (long long)c->failed, (long long)c->cancelled, (long long)c->skipped);
    for (size_t i = 0; i < op.count; i++) {
        buf_printf(b, " %s", id_text(op.jobs[i].id).s);
    }
    buf_append_char(b, '\n');
}

static void put_belongings(struct store_test *s, struct buf *b, struct id job)
{
    put_children(s, b, job);
    struct store_read_events r = events_of(s, job, 0, 10000);
    for (size_t i = 0; i < r.count; i++) {
        buf_printf(b, " event %lld %lld %.*s %.*s\n", (long long)r.events[i].seq, (long long)r.events[i].at,
                   STR_ARG(r.events[i].type), STR_ARG(r.events[i].data));
    }
    AN_OP(s, op, store_list_artifacts, STORE_LIST_ARTIFACTS);
    op.tenant = s->tenant;
    op.job = job;
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        struct store_get_artifact got = artifact_of(s, job, op.artifacts[i].name);
        CHECK_INT(got.op.rc, RC_OK);
        got.artifact.job = job;
        put_artifact(b, &got.artifact);
    }
}

static void put_jobs(struct store_test *s, struct buf *b)
{
    int64_t cursor = 0;
    do {
        AN_OP(s, op, store_list_jobs, STORE_LIST_JOBS);
        op.tenant = s->tenant;
        op.cursor = cursor;
        op.limit = 500;
        run_op(s, &op.op);
        for (size_t i = 0; i < op.count; i++) {
            bool is_one_of_many = str_eq(op.jobs[i].queue, STR("many")); /* what a list shows will do */
            put_job(b, is_one_of_many ? &op.jobs[i] : job_of(s, op.jobs[i].id));
            if (!is_one_of_many) {
                put_belongings(s, b, op.jobs[i].id);
            }
        }
        cursor = op.next_cursor;
    } while (cursor);
}

static void put_series(struct store_test *s, struct buf *b)
{
    AN_OP(s, op, store_list_series, STORE_LIST_SERIES);
    op.tenant = s->tenant;
    op.prefix = op.after = STR("");
    op.limit = 1000;
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        struct store_get_series got = series_of(s, op.names[i], 100);
        buf_printf(b, "series %.*s\n", STR_ARG(op.names[i]));
        for (size_t n = 0; n < got.count; n++) {
            buf_printf(b, " entry %lld %.*s\n", (long long)got.entries[n].published_at,
                       STR_ARG(got.entries[n].result));
            put_artifact(b, &got.entries[n].artifact);
        }
    }
}

static void put_counts(struct buf *b, const char *what, const int64_t *counts)
{
    buf_printf(b, " %s", what);
    for (int i = 0; i < JOB_STATES; i++) {
        buf_printf(b, " %lld", (long long)counts[i]);
    }
}

static void put_queues(struct store_test *s, struct buf *b)
{
    AN_OP(s, op, store_list_queues, STORE_LIST_QUEUES);
    op.tenant = s->tenant;
    op.name = STR("");
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        const struct queue_view *v = &op.queues[i];
        const struct queue_settings *q = &v->settings;
        buf_printf(b, "queue %.*s %d %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld %.*s oldest %lld",
                   STR_ARG(v->name), v->is_paused, (long long)q->lease_ms, (long long)q->timeout_ms,
                   (long long)q->max_attempts, (long long)q->retry_base_ms, (long long)q->priority,
                   (long long)q->retain_completed_ms, (long long)q->retain_failed_ms,
                   (long long)q->retain_cancelled_ms, (long long)q->max_queued, (long long)q->age_step_ms,
                   STR_ARG(q->group_weights), (long long)v->oldest_queued_at);
        put_counts(b, "has", v->counts);
        buf_append_char(b, '\n');
    }
    struct store_stats st = stats_of(s);
    put_counts(b, "stats", st.counts);
    buf_printf(b, " %lld %lld %lld %lld %lld %lld\n", (long long)st.enqueued_total,
               (long long)st.completed_total, (long long)st.failed_total, (long long)st.cancelled_total,
               (long long)st.lost_total, (long long)st.retried_total);
    int64_t queued = 0; /* their order is the engine's */
    for (size_t i = 0; i < st.kind_count; i++) {
        queued += st.kinds[i].queued;
    }
    buf_printf(b, "queued by kind %lld of %zu kinds\n", (long long)queued, st.kind_count);
}

static void put_schedules(struct store_test *s, struct buf *b)
{
    AN_OP(s, op, store_list_schedules, STORE_LIST_SCHEDULES);
    op.tenant = s->tenant;
    op.name = op.after = STR("");
    op.limit = 1000;
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        const struct schedule *d = &op.schedules[i];
        buf_printf(b, "schedule %.*s %.*s %d %lld %lld %lld %s %d %lld %lld %lld %lld\n", STR_ARG(d->name),
                   STR_ARG(d->definition), d->is_paused, (long long)d->version, (long long)d->next_at,
                   (long long)d->last_tick, id_text(d->last_job).s, d->is_last_live, (long long)d->fired,
                   (long long)d->dropped, (long long)d->created_at, (long long)d->updated_at);
    }
}

static void put_limits(struct store_test *s, struct buf *b)
{
    AN_OP(s, op, store_list_limits, STORE_LIST_LIMITS);
    op.tenant = s->tenant;
    op.limit = 1000;
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        const struct limit *l = &op.limits[i];
        buf_printf(b,
                   "limit %.*s %d %lld %lld/%lld %lld, %lld used, full %lld, paused %lld, %d %lld cut %lld\n",
                   STR_ARG(l->key), l->is_set, (long long)l->rule.concurrency, (long long)l->rule.rate,
                   (long long)l->rule.period_ms, (long long)l->rule.burst, (long long)l->state.used,
                   (long long)l->state.full_at_us, (long long)l->state.paused_until, l->rule.is_adaptive,
                   (long long)l->state.cut_micro, (long long)l->state.cut_at);
    }
}

static void put_batches(struct store_test *s, struct buf *b)
{
    AN_OP(s, op, store_list_batches, STORE_LIST_BATCHES);
    op.tenant = s->tenant;
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        const struct batch *h = &op.batches[i];
        const struct job_children *c = &h->counts;
        buf_printf(b, "batch %s %.*s %.*s %lld %s %d %lld %lld %lld %lld %lld %lld %lld\n", id_text(h->id).s,
                   STR_ARG(h->name), STR_ARG(h->labels), (long long)h->max_jobs, batch_state_name(h->state),
                   h->is_cancelled, (long long)h->round, (long long)h->finished_at, (long long)c->open,
                   (long long)c->completed, (long long)c->failed, (long long)c->cancelled,
                   (long long)c->skipped);
        struct store_list_jobs jobs = list_of(s, (struct job_filter){.batch = h->id}, 100);
        for (size_t k = 0; k < jobs.count; k++) {
            CHECK_ID(jobs.jobs[k].batch, h->id);
            buf_printf(b, " member %s\n", id_text(jobs.jobs[k].id).s);
        }
        AN_OP(s, r, store_read_events, STORE_READ_EVENTS);
        r.tenant = s->tenant;
        r.job_id = h->id;
        r.of_batch = true;
        r.limit = 100;
        run_op(s, &r.op);
        for (size_t k = 0; k < r.count; k++) {
            buf_printf(b, " event %lld %lld %.*s %.*s\n", (long long)r.events[k].seq,
                       (long long)r.events[k].at, STR_ARG(r.events[k].type), STR_ARG(r.events[k].data));
        }
    }
}

struct str copy_dump(struct store_test *s)
{
    struct buf b = BUF_LIMIT(256 << 20);
    int64_t asked_as = s->tenant, last = 0;
    unsigned char secret[32];
    char hex[65];
    AN_OP(s, op, store_list_keys, STORE_LIST_KEYS);
    run_op(s, &op.op);
    for (size_t i = 0; i < op.count; i++) {
        const struct api_key *k = &op.keys[i];
        hex_encode(k->hash, sizeof k->hash, hex);
        buf_printf(&b, "key %.*s %lld %.*s %s %.*s %.*s %u <%.*s> %lld %lld %lld\n", STR_ARG(k->public_id),
                   (long long)k->tenant, STR_ARG(k->tenant_name), hex, STR_ARG(k->name), STR_ARG(k->last4),
                   k->scopes, STR_ARG(k->queues), (long long)k->created_at, (long long)k->expires_at,
                   (long long)k->revoked_at);
        last = k->tenant > last ? k->tenant : last;
    }
    for (s->tenant = 1; s->tenant <= last; s->tenant++) {
        buf_printf(&b, "tenant %lld\n", (long long)s->tenant);
        put_queues(s, &b);
        put_jobs(s, &b);
        put_series(s, &b);
        put_schedules(s, &b);
        put_limits(s, &b);
        put_batches(s, &b);
    }
    s->tenant = asked_as;
    store_secret(s->store, secret);
    hex_encode(secret, sizeof secret, hex);
    buf_printf(&b, "secret %s\n", hex);
    struct str text = arena_str(s->a, buf_str(&b));
    buf_dispose(&b);
    return text;
}

static struct str line_at(struct str text, size_t at)
{
    size_t from = at;
    while (from > 0 && text.p[from - 1] != '\n') {
        from--;
    }
    struct str line = str_sub(text, from, str_find_char(text, '\n', from));
    return line.n > 1500 ? str_sub(line, 0, 1500) : line;
}

void copy_check_same(struct str got, struct str want)
{
    size_t at = 0;
    while (at < got.n && at < want.n && got.p[at] == want.p[at]) {
        at++;
    }
    if (!str_eq(got, want)) {
        CHECK_STR(line_at(got, at), line_at(want, at));
    }
    CHECK_TRUE(str_eq(got, want));
}

/* ---- copies */

void copy_move(struct store_test *s, const char *url)
{
    store_close(s->store);
    s->store = NULL;
    str_copy(s->url, sizeof s->url, str_from(url));
}

void copy_and_open(struct store_test *s, const char *url)
{
    struct err err = {0}, *e = &err;
    struct copy_progress p;
    char from[sizeof s->url];
    str_copy(from, sizeof from, str_from(s->url));
    copy_move(s, url);
    OK(store_copy(from, s->url, NULL, &p, e));
    OK(store_open(&s->store, s->url, &s->options, e));
}

/* ---- worlds */

static void limits(struct store_test *s)
{
    AN_OP(s, op, store_set_limit, STORE_SET_LIMIT);
    op.tenant = s->tenant;
    op.key = STR("host:*");
    op.has_rule = true;
    op.rule = (struct limit_rule){.concurrency = 1, .rate = 5, .period_ms = HOUR, .burst = 5};
    op.pause_until = -1;
    run_op(s, &op.op);
    op.key = STR("slow");
    op.has_rule = false;
    op.pause_until = JOB_FOREVER_MS;
    run_op(s, &op.op);
    for (int i = 0; i < 3; i++) {
        a_queued_job(s, .queue = STR("crawl"), .group = i < 2 ? STR("A") : STR("B"),
                     .limit_keys = STR("[\"host:a\",{\"key\":\"host:b\",\"weight\":2}]"));
    }
    claim_one(s, .queue = STR("crawl"));
    op.key = STR("cut");
    op.has_rule = true;
    op.rule = (struct limit_rule){.concurrency = 9, .is_adaptive = true};
    op.pause_until = -1;
    run_op(s, &op.op);
    struct job *job = a_processing_job(s, .queue = STR("crawl"), .limit_keys = STR("[\"cut\"]"));
    struct job *other = a_processing_job(s, .queue = STR("crawl"), .limit_keys = STR("[\"cut\"]"));
    VERDICT(fail(s, job, 1, ERROR_RATE_LIMITED, .pause_key = op.key, .retry_after_ms = HOUR), RC_OK);
    VERDICT(complete(s, other, 1), RC_OK); /* and mends it: nobody locks the key until it is copied */
}

static void live_jobs(struct store_test *s)
{
    struct err err = {0}, *e = &err;
    char *args = mem_alloc(INT16_MAX);
    memset(args, 'x', INT16_MAX);
    args[0] = '"';
    args[INT16_MAX - 2] = '"';
    a_queued_job(s, .queue = STR("mail"), .kind = STR("send"), .tags = STR("[\"a\",\"b\"]"),
                 .group = STR("g"));
    a_queued_job(s, .queue = STR("mail"), .args = (struct str){args, INT16_MAX - 1}, .priority = -7,
                 .unique_key = STR("\xc3\xa9\n"));
    a_queued_job(s, .unique_key = STR("for ever"), .unique_for_ms = JOB_FOREVER_MS);
    a_queued_job(s, .unique_key = STR("an hour"), .unique_for_ms = HOUR, .on_lost = JOB_ON_LOST_FAIL,
                 .lost_max = 9);
    a_scheduled_job(s, HOUR, .deadline_ms = DAY, .retry = {.max_attempts = 5});
    limits(s);
    struct job *job = a_processing_job(s, .queue = STR("work"));
    VERDICT(say(s, job, 1, STR("note")), RC_OK);
    VERDICT(progress(s, job, 2, .checkpoint = STR("{\"at\":7}"), .progress_message = STR("half")), RC_OK);
    OK(stage_row(s, job, STR("small"), STR("some bytes"), e));
    OK(stage_file(s, job, STR("big"), 3000001, 'b', e));
    mem_free(args);
}

static void publish(struct store_test *s, struct str name, char fill)
{
    struct err err = {0}, *e = &err;
    struct report_publish to = {.artifact = STR("index"), .series = name, .keep = 2};
    struct job *job = a_processing_job(s, .queue = STR("index"));
    OK(stage_file(s, job, STR("index"), JOB_ARTIFACT_ROW_BYTES + 1 + fill, fill, e));
    OK(stage_row(s, job, STR("empty"), STR(""), e));
    VERDICT(say(s, job, 1, STR("note")), RC_OK);
    VERDICT(complete(s, job, 2, .result = STR("[1]"), .publish = &to, .publish_count = 1), RC_OK);
}

static void finished_jobs(struct store_test *s)
{
    set_queue(s, STR("kept"), settings_with(.retain_completed_ms = JOB_FOREVER_MS, .lease_ms = 5000));
    a_final_job(s, JOB_COMPLETED, .queue = STR("kept"));
    a_final_job(s, JOB_COMPLETED);
    a_final_job(s, JOB_FAILED, .unique_key = STR("again"));
    VERDICT(erase(s, a_final_job(s, JOB_CANCELLED)), RC_OK);
    VERDICT(retry(s, a_final_job(s, JOB_FAILED, .queue = STR("mail"), .kind = STR("twice"))), RC_OK);
    for (char fill = 'p'; fill < 's'; fill++) {
        publish(s, STR("repo:main"), fill);
        advance(s, 1000);
    }
}

static void queues(struct store_test *s)
{
    AN_OP(s, op, store_delete_queue, STORE_DELETE_QUEUE);
    pause_queue(s, STR("mail"));
    set_queue(s, STR("idle"),
              settings_with(.max_queued = 3, .priority = 5, .age_step_ms = 60000,
                            .group_weights = STR("{\"a*\":3}")));
    a_final_job(s, JOB_COMPLETED, .queue = STR("gone"));
    op.tenant = s->tenant;
    op.name = STR("gone");
    run_op(s, &op.op);
}

/* One of three has failed and one has ended, whose parent waits for the third; a tree that is being cancelled. */
static void families(struct store_test *s)
{
    const struct job_spec specs[] = {{.kind = STR("child")}, {.kind = STR("child")}, {.kind = STR("child")}};
    for (int i = 0; i < 2; i++) {
        struct str queue = i ? STR("tree") : STR("parents");
        struct job *job =
            a_processing_job(s, .queue = queue, .on_cancel = i ? JOB_ON_CANCEL_STOP : JOB_ON_CANCEL_RUN);
        VERDICT(report_one(s, a_report(job, 1, REPORT_WAIT, .children = specs, .child_count = 3)), RC_OK);
        VERDICT(complete(s, claim_one(s, .queue = queue, .kind = STR("child")), 1), RC_OK);
        VERDICT(fail(s, claim_one(s, .queue = queue, .kind = STR("child")), 1, ERROR_PERMANENT), RC_OK);
        if (i) {
            VERDICT(cancel(s, job->id), RC_OK); /* its children: by the next tick */
        }
    }
}

/* Two that depend on another: one of those has ended, and nobody has told it yet. */
static void links(struct store_test *s)
{
    static const struct str names[] = {{"a", 1}, {"b", 1}};
    struct job_spec specs[4];
    for (size_t i = 0; i < 2; i++) {
        specs[i] = (struct job_spec){
            .queue = STR("links"), .kind = STR("first"), .args = STR("{}"), .ref = names[i]};
        specs[i + 2] = (struct job_spec){.queue = STR("links"),
                                         .kind = STR("then"),
                                         .args = STR("{}"),
                                         .depends_on = &names[i],
                                         .depends_count = 1};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 4;
    run_op(s, &op.op);
    VERDICT(complete(s, claim_one(s, .queue = STR("links"), .kind = STR("first")), 1), RC_OK);
}

/* One that is open and full, one that is in its second round, one that nobody has told yet that all of it is done. */
static void batches(struct store_test *s)
{
    for (int i = 0; i < 3; i++) {
        struct str on = STR(" batch"), queue = arena_printf(s->a, "batch%d", i);
        const struct batch_plan plan = {
            .name = STR("b"), .labels = STR("{\"a\":\"b\"}"), .max_jobs = i ? 0 : 2, .is_closed = i > 0};
        struct job_spec specs[] = {{.plan = &plan, .ref = on},
                                   {.queue = queue, .kind = STR("k"), .args = STR("{}"), .joins_first = true},
                                   {.queue = queue, .kind = STR("k"), .args = STR("{}"), .joins_first = true},
                                   {.queue = queue,
                                    .kind = STR("f"),
                                    .args = STR("{}"),
                                    .depends_on = &on,
                                    .depends_count = 1,
                                    .is_finaliser = true}};
        AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
        op.tenant = s->tenant;
        op.specs = specs;
        op.count = 4;
        run_op(s, &op.op);
        for (int k = 0; i && k < 2; k++) {
            VERDICT(fail(s, claim_one(s, .queue = queue), 1, ERROR_PERMANENT), RC_OK);
        }
        if (i == 1) {
            (void)tick(s);
            VERDICT(retry(s, op.verdicts[1].job), RC_OK);
        }
    }
}

/* One that has fired, and one that is paused. */
static void schedules(struct store_test *s)
{
    static const struct str names[] = {{"daily", 5}, {"off", 3}};
    struct job_spec spec = {
        .kind = STR("k"), .args = STR("{}"), .unique_key = STR("daily/1"), .unique_for_ms = JOB_FOREVER_MS};
    int64_t now = store_now(s->store);
    for (int i = 0; i < 2; i++) {
        AN_OP(s, op, store_set_schedule, STORE_SET_SCHEDULE);
        op.tenant = s->tenant;
        op.name = names[i];
        op.definition = STR("{\"cron\":\"0 5 * * *\"}");
        op.pause = i;
        op.next_at = now + HOUR;
        run_op(s, &op.op);
    }
    AN_OP(s, fire, store_enqueue, STORE_ENQUEUE);
    const struct schedule_step step = {.name = names[0],
                                       .version = 1,
                                       .from = now + HOUR,
                                       .next_at = now + DAY,
                                       .last_tick = now + HOUR,
                                       .fired = 1};
    fire.tenant = s->tenant;
    fire.specs = &spec;
    fire.count = 1;
    fire.step = &step;
    run_op(s, &fire.op);
}

void copy_a_world(struct store_test *s)
{
    int64_t ours = s->tenant;
    for (int i = 0; i < 2; i++) {
        as_tenant(s, i ? s->foreign : ours);
        finished_jobs(s);
        live_jobs(s);
        queues(s);
        batches(s);
        families(s);
        links(s);
        schedules(s);
        struct id purged = a_final_job(s, JOB_COMPLETED, .queue = STR("purged"));
        VERDICT(purge(s, purged), RC_OK);
    }
    as_tenant(s, ours);
}

void copy_many_jobs(struct store_test *s, int count)
{
    struct job_spec specs[1000];
    for (int i = 0; i < 1000; i++) {
        specs[i] = (struct job_spec){.queue = STR("many"), .kind = STR("k"), .args = STR("{\"n\":1}")};
    }
    for (int n = 0; n < count; n += 1000) {
        AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
        op.tenant = s->tenant;
        op.specs = specs;
        op.count = 1000;
        run_op(s, &op.op);
    }
}
