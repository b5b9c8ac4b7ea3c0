/* health.c: what the operator's machines ask: is it alive, is it ready, how is it doing; and the description of the API. */
#include "api/streams.h"
#include "base/asset.h"

static void answer_status(struct api_call *c, const char *status)
{
    struct json_out w = api_json(c);

    json_object_begin(&w);
    json_put_c(&w, "status", status);
    json_object_end(&w);
    api_answer(c, 200);
}

static void answer_ready(struct api_call *c)
{
    struct json_out w = api_json(c);
    char note[STORE_NOTE_BYTES];

    json_object_begin(&w);
    json_put_c(&w, "status", "ready");
    if (store_note(queue_store(c->api->queue), note)) {
        json_put_c(&w, "note", note);
    }
    json_object_end(&w);
    api_answer(c, 200);
}

void api_get_livez(struct api_call *c)
{
    answer_status(c, "alive");
}

void api_get_readyz(struct api_call *c)
{
    struct store *store = queue_store(c->api->queue);
    enum rc health = store_health(store);
    char note[STORE_NOTE_BYTES];

    if (health == RC_FULL) {
        api_fail(c, RC_BUSY, NULL, NULL, "the store's disk is full: new jobs are refused");
    } else if (health == RC_BUSY && store_note(store, note)) {
        api_fail(c, RC_BUSY, "store_unavailable", NULL, "%s", note);
    } else if (health != RC_OK) {
        api_problem(c, RC_BUSY, NULL);
    } else if (c->api->draining || queue_is_draining(c->api->queue)) {
        api_fail(c, RC_BUSY, "draining", NULL, "the server is shutting down");
    } else {
        answer_ready(c);
    }
}

void api_get_openapi(struct api_call *c)
{
    http_header(c->x, STR("Cache-Control"), STR("public, max-age=300"));
    http_respond(c->x, 200, STR("application/json"), asset_get("src/api/openapi.json"));
}

/* ---- /metrics: Prometheus text format 0.0.4. Names are listed in docs/api.md, "Metrics". ---- */

static void metric(struct buf *b, const char *type, const char *name, int64_t value)
{
    buf_printf(b, "# TYPE %s %s\n%s %lld\n", name, type, name, (long long)value);
}

static void counter(struct buf *b, const char *name, int64_t value)
{
    metric(b, "counter", name, value);
}

static void gauge(struct buf *b, const char *name, int64_t value)
{
    metric(b, "gauge", name, value);
}

static void seconds(struct buf *b, const char *name, int64_t us)
{
    buf_printf(b, "# TYPE %s counter\n%s %lld.%06lld\n", name, name, (long long)(us / 1000000),
               (long long)(us % 1000000));
}

static void write_store(struct buf *b, const struct store_stats *stats)
{
    buf_append_c(b, "# TYPE stint_jobs gauge\n");
    for (int i = 0; i < JOB_STATES; i++) {
        buf_printf(b, "stint_jobs{state=\"%s\"} %lld\n", job_state_name((enum job_state)i),
                   (long long)stats->counts[i]);
    }
    counter(b, "stint_jobs_enqueued_total", stats->enqueued_total);
    counter(b, "stint_jobs_completed_total", stats->completed_total);
    counter(b, "stint_jobs_failed_total", stats->failed_total);
    counter(b, "stint_jobs_cancelled_total", stats->cancelled_total);
    counter(b, "stint_jobs_lost_total", stats->lost_total);
    counter(b, "stint_jobs_retried_total", stats->retried_total);
    gauge(b, "stint_limits_paused", stats->limits_paused);
}

static void write_store_size(struct buf *b, const struct store_stats *stats)
{
    gauge(b, "stint_store_bytes", stats->store_bytes);
    gauge(b, "stint_tenants", stats->tenants);
}

static void write_queue(struct buf *b, struct queue *q)
{
    struct queue_metrics m = queue_metrics(q);

    counter(b, "stint_rounds_total", m.rounds);
    counter(b, "stint_round_operations_total", m.operations);
    counter(b, "stint_round_jobs_total", m.jobs);
    counter(b, "stint_flushes_total", m.flushes);
    seconds(b, "stint_round_seconds_total", m.round_us);
    seconds(b, "stint_flush_seconds_total", m.flush_us);
    gauge(b, "stint_claims_waiting", m.waiting_claims);
    gauge(b, "stint_watches", m.watches);
    gauge(b, "stint_operations_in_flight", m.ops_in_flight);
    counter(b, "stint_schedule_ticks_fired_total", m.schedule_fired);
    counter(b, "stint_schedule_ticks_dropped_total", m.schedule_dropped);
    counter(b, "stint_schedules_failed_total", m.schedule_failed);
    gauge(b, "stint_draining", queue_is_draining(q));
}

static void write_http(struct buf *b, const struct api *api)
{
    struct http_server_counts h = http_server_counts(api->server);
    struct streams_counts s = streams_counts(api->streams);

    gauge(b, "stint_http_connections", h.connections);
    gauge(b, "stint_http_exchanges", h.exchanges);
    counter(b, "stint_http_accepted_total", h.accepted);
    counter(b, "stint_http_requests_total", h.requests);
    counter(b, "stint_http_refused_framing_total", h.refused_framing);
    counter(b, "stint_http_cut_slow_total", h.cut_slow);
    counter(b, "stint_http_timeouts_total", h.timeouts);
    gauge(b, "stint_streams", s.open);
    gauge(b, "stint_streamed_jobs", s.hubs);
    counter(b, "stint_stream_events_total", s.events);
    counter(b, "stint_stream_sent_total", s.sent);
}

/* A key sees the jobs of its tenant, and what the whole server does only when that is nobody else's doing (J13). */
static void on_stats(struct store_op *op)
{
    struct api_call *c = op->owner;
    const struct store_stats *stats = LOOP_OWNER(op, struct store_stats, op);
    struct buf *b = &c->api->scratch;

    if (api_failed(c, op)) {
        return;
    }
    buf_clear(b);
    buf_printf(b, "# TYPE stint_build_info gauge\nstint_build_info{version=\"%s\"} 1\n", STINT_VERSION);
    write_store(b, stats);
    if (!c->key.public_id.p || stats->tenants == 1) {
        write_store_size(b, stats);
        write_queue(b, c->api->queue);
        write_http(b, c->api);
    }
    http_respond(c->x, 200, STR("text/plain; version=0.0.4; charset=utf-8"), arena_str(c->a, buf_str(b)));
}

void api_get_metrics(struct api_call *c)
{
    struct store_stats *op = api_op(c, sizeof *op, STORE_STATS, on_stats);

    op->tenant = c->tenant; /* 0 without a key: of all */
    api_submit(c, &op->op);
}
