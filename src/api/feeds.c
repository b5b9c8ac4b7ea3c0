/* feeds.c: the live feed of a tenant: every change of every job of it, best effort: without numbers, and a reader that is
 * too slow is told how many it missed instead of being cut. */
#include "api/streams_private.h"

#define FEED_LAG_BYTES ((size_t)64 << 10)

struct feed {
    struct feed *next, *prev;
    struct streams *all;
    struct queue_feed source;
    struct stream *streams;
    int walks;
};

static void feed_maybe_free(struct feed *f)
{
    struct streams *all = f->all;

    if (f->streams || f->walks > 0) {
        return;
    }
    queue_feed_stop(all->api->queue, &f->source);
    *(f->prev ? &f->prev->next : &all->feeds) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    mem_free(f);
}

void feed_leave(struct stream *s)
{
    struct feed *f = s->feed;

    *(s->prev ? &s->prev->next : &f->streams) = s->next;
    if (s->next) {
        s->next->prev = s->prev;
    }
    s->feed = NULL;
    feed_maybe_free(f);
}

void feeds_free(struct streams *all)
{
    while (all->feeds) {
        feed_maybe_free(all->feeds);
    }
}

static struct http_chunk *encode(struct streams *all, const struct store_change *change)
{
    struct buf data = BUF_LIMIT(4096);
    struct json_out w = json_writer(&data);

    json_object_begin(&w);
    json_put_id(&w, "id", change->job);
    json_put_str(&w, "queue", change->queue);
    json_put_str(&w, "kind", change->kind);
    json_put_c(&w, "state", job_state_name(change->state));
    json_put_bool(&w, "state_changed", change->state_changed);
    json_put_int(&w, "last_seq", change->last_seq);
    json_object_end(&w);
    buf_clear(&all->text);
    wire_event_sse(&all->text, 0, STR("job"), buf_str(&data));
    buf_dispose(&data);
    return http_chunk_new(buf_str(&all->text));
}

static void tell_skipped(struct stream *s)
{
    char text[80];
    size_t n =
        str_print(text, sizeof text, "event: skipped\ndata: {\"count\":%lld}\n\n", (long long)s->skipped);

    if (stream_send_text(s, (struct str){text, n})) {
        s->skipped = 0;
    }
}

static void on_change(struct queue_feed *source, const struct store_change *change)
{
    struct feed *f = source->owner;
    struct http_chunk *chunk = encode(f->all, change);

    f->walks++;
    for (struct stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (http_stream_unsent_bytes(s->x) > FEED_LAG_BYTES) {
            s->skipped++;
            continue;
        }
        if (s->skipped > 0) {
            tell_skipped(s);
        }
        (void)stream_send(s, chunk);
    }
    f->walks--;
    http_chunk_unref(chunk);
    feed_maybe_free(f);
}

static struct feed *feed_get(struct streams *all, int64_t tenant)
{
    struct feed *f = all->feeds;

    while (f && f->source.tenant != tenant) {
        f = f->next;
    }
    if (!f) {
        f = mem_alloc(sizeof *f);
        f->all = all;
        f->source = (struct queue_feed){.tenant = tenant, .on_change = on_change, .owner = f};
        f->next = all->feeds;
        if (f->next) {
            f->next->prev = f;
        }
        all->feeds = f;
        queue_feed_start(all->api->queue, &f->source);
    }
    return f;
}

void streams_open_feed(struct api_call *c)
{
    struct stream *s = stream_new(c);

    if (!s) {
        return;
    }
    struct feed *f = feed_get(s->all, c->tenant);
    s->feed = f;
    s->next = f->streams;
    if (s->next) {
        s->next->prev = s;
    }
    f->streams = s;
    if (stream_begin(s)) {
        (void)stream_send_text(s, STR("retry: 1000\n\n"));
    }
}
