/* hubs.c: one hub for each watched job: one watch and one read per news, and bounded reads for streams that are behind.
 *
 * A stream is in sync when it has everything up to hub->head. Rules that make each later event arrive once and in order (J12):
 * - the watch is started before the first read, so that what is stored after a read is always heard of;
 * - event n goes to streams with sent == n - 1 and to no other; whoever has less is reading, or waits to read on;
 * - what a stream read itself beyond the head, it does not get again. */
#include "api/streams_private.h"

#define PAGE_EVENTS    256
#define CATCH_UP_BYTES ((size_t)64 << 10) /* unsent in a stream: it reads on when that is gone */

/* A read of events for a hub or, while it is behind, for one stream; with an arena of its own, since a stream has none. */
struct events_read {
    struct store_read_events op;
    struct arena *a;
    struct hub *hub;       /* of a hub's own read; NULL when the hub went away meanwhile */
    struct stream *stream; /* of a stream's own read */
};

/* ---- life of a hub ---- */

static void on_news(struct queue_watch *w, const struct queue_news *news);

static struct hub *hub_get(struct streams *all, int64_t tenant, struct id job, bool of_batch)
{
    uint64_t hash = table_hash_id(job);

    for (struct table_node *n = table_first(&all->hubs, hash); n; n = table_next(n)) {
        struct hub *h = LOOP_OWNER(n, struct hub, node);
        if (id_eq(h->watch.job, job) && h->watch.tenant == tenant && h->of_batch == of_batch) {
            return h;
        }
    }
    struct hub *h = mem_alloc(sizeof *h);
    h->all = all;
    h->of_batch = of_batch;
    h->head = -1;
    h->state = JOB_STATES;
    h->watch = (struct queue_watch){
        .tenant = tenant, .job = job, .of_batch = of_batch, .on_news = on_news, .owner = h};
    table_add(&all->hubs, &h->node, hash);
    queue_watch_start(all->api->queue, &h->watch);
    all->counts.hubs++;
    if (of_batch) {
        hubs_count(all);
    }
    return h;
}

/* The read that is under way frees it, if there is one. */
void hub_maybe_free(struct hub *h)
{
    if (h->streams || h->walks > 0 || h->is_reading || h->is_counting) {
        return;
    }
    queue_watch_stop(h->all->api->queue, &h->watch);
    table_remove(&h->all->hubs, &h->node);
    h->all->counts.hubs--;
    mem_free(h);
}

static void hub_join(struct hub *h, struct stream *s)
{
    s->hub = h;
    s->prev = NULL;
    s->next = h->streams;
    if (s->next) {
        s->next->prev = s;
    }
    h->streams = s;
}

void hub_leave(struct stream *s)
{
    struct hub *h = s->hub;

    *(s->prev ? &s->prev->next : &h->streams) = s->next;
    if (s->next) {
        s->next->prev = s->prev;
    }
    s->hub = NULL;
    hub_maybe_free(h);
}

void hubs_free(struct streams *all)
{
    for (struct table_node *n; (n = table_any(&all->hubs));) {
        struct hub *h = LOOP_OWNER(n, struct hub, node);
        h->is_reading = h->is_counting = false;
        hub_maybe_free(h);
    }
    table_dispose(&all->hubs);
}

/* ---- reading ---- */

static void start_read(struct hub *h, struct stream *s, int64_t after, void (*done)(struct store_op *op))
{
    struct arena *a = arena_new();
    struct events_read *r = arena_alloc(a, sizeof *r);

    store_init(&r->op.op, sizeof r->op, STORE_READ_EVENTS, a);
    r->a = a;
    r->hub = s ? NULL : h;
    r->stream = s;
    r->op.tenant = h->watch.tenant;
    r->op.job_id = h->watch.job;
    r->op.of_batch = h->of_batch;
    r->op.after = after;
    r->op.limit = PAGE_EVENTS;
    r->op.op.owner = r;
    r->op.op.done = done;
    queue_submit(h->all->api->queue, &r->op.op);
}

static void hub_read(struct hub *h);

/* Everything that can be said of the job's end has been said: no reader needs to come again. */
static bool is_end(const struct job *job, const struct job_event_row *ev)
{
    return job_state_is_final(job->state) && ev->seq >= job->last_seq;
}

static void encode(struct streams *all, const struct job_event_row *ev)
{
    wire_event_sse(&all->text, ev->seq, ev->type, ev->data);
    all->counts.events++;
}

/* One event to all that have everything before it; the last one closes them. */
static void broadcast(struct hub *h, const struct job_event_row *ev, bool ends)
{
    buf_clear(&h->all->text);
    encode(h->all, ev);
    struct http_chunk *chunk = http_chunk_new(buf_str(&h->all->text));
    for (struct stream *s = h->streams, *next; s; s = next) {
        next = s->next;
        if (s->call || s->is_reading || s->is_full || s->is_gone || s->sent >= ev->seq) {
            continue;
        }
        bool has_gap = s->sent != ev->seq - 1; /* what is between was pruned: it comes again, and is told */
        if (!has_gap && stream_send(s, chunk)) {
            s->sent = ev->seq;
        }
        if (has_gap || ends) {
            stream_end(s);
        }
    }
    http_chunk_unref(chunk);
}

static void on_hub_read(struct store_op *op)
{
    struct events_read *r = op->owner;
    struct hub *h = r->hub;
    size_t count = op->rc == RC_OK ? r->op.count : 0;

    h->is_reading = false;
    h->walks++;
    for (size_t i = 0; i < count; i++) {
        const struct job_event_row *ev = &r->op.events[i];
        broadcast(h, ev, is_end(r->op.job, ev));
        h->head = ev->seq;
    }
    h->walks--;
    arena_free(r->a);
    /* Nothing came although something was known: an engine that fails, or events that are gone. The next news tries again. */
    if (count > 0 && h->streams && h->known > h->head) {
        hub_read(h);
    }
    hub_maybe_free(h);
}

static void hub_read(struct hub *h)
{
    if (h->is_reading || h->head < 0 || h->known <= h->head) {
        return;
    }
    h->is_reading = true;
    start_read(h, NULL, h->head, on_hub_read);
}

/* ---- news that have no number: the state, and progress that is not stored ---- */

static void tell_state(struct buf *to, enum job_state state)
{
    char data[64];

    str_print(data, sizeof data, "{\"state\":\"%s\"}", job_state_name(state));
    wire_event_sse(to, 0, STR("state"), str_from(data));
}

static void tell_progress(struct streams *all, int64_t permille, struct str message)
{
    struct buf data = BUF_LIMIT((size_t)64 << 10);
    struct json_out w = json_writer(&data);

    wire_progress_write(&w, permille, message);
    wire_event_sse(&all->text, 0, STR("progress"), buf_str(&data));
    buf_dispose(&data);
}

static void tell_live(struct hub *h)
{
    struct http_chunk *chunk = http_chunk_new(buf_str(&h->all->text));

    h->walks++;
    for (struct stream *s = h->streams, *next; s; s = next) {
        next = s->next;
        if (!s->call && !s->is_gone && !s->is_reading && s->sent >= h->head) {
            (void)stream_send(s, chunk);
        }
    }
    h->walks--;
    http_chunk_unref(chunk);
}

static void on_news(struct queue_watch *w, const struct queue_news *news)
{
    struct hub *h = w->owner;

    if (news->draining) {
        return; /* streams_drain does it for all */
    }
    buf_clear(&h->all->text);
    if (news->state != h->state && !job_state_is_final(news->state) && !h->of_batch) {
        tell_state(&h->all->text, news->state);
    }
    if (news->has_progress) {
        tell_progress(h->all, news->progress_permille, news->progress_message);
    }
    h->state = news->state;
    if (h->all->text.n > 0) {
        tell_live(h);
    }
    if (news->last_seq > h->known) {
        h->known = news->last_seq;
    }
    hub_read(h);
    hub_maybe_free(h);
}

/* ---- one stream: its beginning, and catching up ---- */

/* What a newcomer wants to know first: where the job stands. Not numbered: it is no part of the record. */
static void tell_snapshot(struct streams *all, const struct job *job)
{
    if (job_state_is_final(job->state) || !job->queue.n) { /* how far a batch is comes behind it */
        return;
    }
    tell_state(&all->text, job->state);
    if (job->progress_permille >= 0 || job->progress_message.n > 0) {
        tell_progress(all, job->progress_permille, job->progress_message);
    }
}

/* Its last event id is none of this stream: it gets the job as it is, and then what there is, from the start. */
static void tell_reset(struct streams *all, const struct store_read_events *r, int64_t to)
{
    struct buf data = BUF_LIMIT((size_t)1 << 20);
    struct json_out w = json_writer(&data);

    json_object_begin(&w);
    json_put_c(&w, "reason", r->after > r->last_seq ? "ahead" : "pruned");
    json_put_int(&w, "first_seq", r->first_seq);
    json_put_int(&w, "last_seq", r->last_seq);
    json_name(&w, "job");
    wire_job_write(&w, r->job, WIRE_JOB_LIST);
    json_object_end(&w);
    buf_printf(&all->text, "id: %lld\n", (long long)to);
    wire_event_sse(&all->text, 0, STR("reset"), buf_str(&data));
    buf_dispose(&data);
}

static void on_stream_read(struct store_op *op);

/* Behind: reads on. In sync: the hub does the rest. */
static void go_on(struct stream *s)
{
    struct hub *h = s->hub;

    if (h->head < 0) {
        h->head = s->sent;
    }
    if (s->sent >= h->head) {
        hub_read(h);
        return;
    }
    if (http_stream_unsent_bytes(s->x) > CATCH_UP_BYTES) {
        s->is_full = true;
        return;
    }
    s->is_reading = true;
    start_read(h, s, s->sent, on_stream_read);
}

void hub_stream_sent(struct stream *s)
{
    if (s->hub && s->is_full && !s->is_reading && !s->is_gone) {
        s->is_full = false;
        go_on(s);
    }
}

/* Writes a page to the stream. False: the stream has ended. */
static bool send_page(struct stream *s, const struct store_read_events *r)
{
    struct streams *all = s->all;
    bool ends = false;

    for (size_t i = 0; i < r->count; i++) {
        encode(all, &r->events[i]);
        s->sent = r->events[i].seq;
        ends = is_end(r->job, &r->events[i]);
    }
    if (all->text.n > 0 && !stream_send_text(s, buf_str(&all->text))) {
        return false;
    }
    if (ends) {
        stream_end(s);
        return false;
    }
    /* A full page: there is more that this stream has to read itself. */
    if (r->job->last_seq > s->hub->known) {
        s->hub->known = r->job->last_seq;
    }
    return true;
}

static void on_stream_read(struct store_op *op)
{
    struct events_read *r = op->owner;
    struct stream *s = r->stream;

    s->is_reading = false;
    if (s->is_gone) {
        stream_free(s);
    } else if (op->rc || r->op.count == 0 || r->op.events[0].seq != s->sent + 1) {
        stream_end(s); /* it comes again with its last id */
    } else {
        buf_clear(&s->all->text);
        if (send_page(s, &r->op)) {
            go_on(s);
        }
    }
    arena_free(r->a);
}

/* Does the reader have to start anew? */
static bool needs_reset(const struct store_read_events *r)
{
    return r->after > r->job->last_seq || (r->first_seq > r->after + 1 && r->after > 0);
}

static void refuse(struct stream *s, const struct store_op *op)
{
    struct api_call *c = s->call;

    c->holder.on_left = NULL;
    stream_free(s);
    api_problem(c, op->e.rc ? op->e.rc : op->rc, &op->e);
}

static void answer_nothing_left(struct stream *s)
{
    struct api_call *c = s->call;

    c->holder.on_left = NULL;
    stream_free(s);
    http_header(c->x, STR("Cache-Control"), STR("no-store"));
    api_answer_empty(c);
}

static void begin(struct stream *s, struct store_read_events *r)
{
    struct streams *all = s->all;

    if (!stream_begin(s)) {
        return;
    }
    s->hub->state = r->job->state;
    buf_clear(&all->text);
    buf_append_c(&all->text, "retry: 1000\n\n");
    if (needs_reset(r)) {
        s->sent = r->first_seq > 0 ? r->first_seq - 1 : 0;
        tell_reset(all, r, s->sent);
        /* What it asked for is not what it needs: its next read starts where it is now. */
        r->count = r->count > 0 && r->events[0].seq == s->sent + 1 ? r->count : 0;
    }
    tell_snapshot(all, r->job);
    if (send_page(s, r)) {
        /* Whatever it did not get in this page, it has to read: the hub's head may be at the end already. */
        if (s->hub->head < 0 && s->sent < s->hub->known) {
            s->hub->head = s->hub->known;
        }
        hub_read_counts(s->hub);
        go_on(s);
    }
}

static void on_first_read(struct store_op *op)
{
    struct events_read *r = op->owner;
    struct stream *s = r->stream;

    s->is_reading = false;
    if (s->is_gone) {
        stream_free(s);
    } else if (s->all->draining) {
        err_set_code(&op->e, RC_BUSY, "draining", NULL, "the server is shutting down");
        refuse(s, op);
    } else if (!api_key_still_good(s->all->api, s->call->key.public_id)) {
        err_set_code(&op->e, RC_DENIED, "unauthorized", NULL, "this key is not known");
        refuse(s, op);
    } else if (op->rc) {
        refuse(s, op);
    } else if (job_state_is_final(r->op.job->state) && r->op.after == r->op.job->last_seq) {
        answer_nothing_left(s);
    } else {
        begin(s, &r->op);
    }
    arena_free(r->a);
}

static void on_opener_left(struct api_holder *holder, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(holder, struct api_call, holder);
    struct stream *s = c->state;

    s->is_gone = true; /* the read brings it back */
    http_drop(x);
}

void streams_open_job(struct api_call *c, bool of_batch, int64_t after)
{
    struct stream *s = stream_new(c);

    if (!s) {
        return;
    }
    s->sent = after;
    c->state = s;
    c->holder.on_left = on_opener_left;
    hub_join(hub_get(s->all, c->tenant, c->job, of_batch), s);
    s->is_reading = true;
    start_read(s->hub, s, after, on_first_read);
}
