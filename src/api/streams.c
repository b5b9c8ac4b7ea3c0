/* streams.c: the streams themselves: how many a key may have, their beginning and end, and one heartbeat for all of them. */
#include "api/streams_private.h"

#include <string.h>

#define HEARTBEAT_DEFAULT_MS 15000
#define PER_KEY_DEFAULT      100

struct streams *streams_new(struct api *api)
{
    struct streams *all = mem_alloc(sizeof *all);

    all->api = api;
    all->text = BUF_LIMIT((size_t)16 << 20);
    return all;
}

void streams_free(struct streams *all)
{
    if (!all) {
        return;
    }
    timer_stop(all->api->loop, &all->heartbeat);
    timer_stop(all->api->loop, &all->counting);
    hubs_free(all);
    feeds_free(all);
    for (struct key_use *k = all->keys, *next; k; k = next) {
        next = k->next;
        mem_free(k);
    }
    buf_dispose(&all->text);
    mem_free(all);
}

struct streams_counts streams_counts(const struct streams *all)
{
    return all->counts;
}

/* ---- keys ---- */

static struct key_use *key_use_get(struct streams *all, struct str public_id)
{
    struct key_use *k = all->keys;

    while (k && !str_eq(str_from(k->public_id), public_id)) {
        k = k->next;
    }
    if (!k) {
        k = mem_alloc(sizeof *k);
        str_copy(k->public_id, sizeof k->public_id, public_id);
        k->next = all->keys;
        all->keys = k;
    }
    return k;
}

static void key_use_drop(struct streams *all, struct key_use *key)
{
    struct key_use **at = &all->keys;

    if (--key->streams > 0) {
        return;
    }
    while (*at != key) {
        at = &(*at)->next;
    }
    *at = key->next;
    mem_free(key);
}

void streams_close_key(struct streams *all, struct str public_id)
{
    for (struct stream *s = all->first, *next; s; s = next) {
        next = s->all_next;
        if (str_eq(str_from(s->key->public_id), public_id) && !s->call && !s->is_gone) {
            stream_end(s);
        }
    }
}

/* ---- the heartbeat: keeps proxies from closing what is silent, and finds keys that have expired ---- */

static void end_expired(struct streams *all)
{
    for (struct key_use *k = all->keys, *next; k; k = next) {
        next = k->next;
        if (!api_key_still_good(all->api, str_from(k->public_id))) {
            /* The last of its streams frees k, and nothing else of the list. */
            streams_close_key(all, str_from(k->public_id));
        }
    }
}

static void start_heartbeat(struct streams *all)
{
    int64_t ms = all->api->options.event_heartbeat_ms;

    timer_start(all->api->loop, &all->heartbeat, ms > 0 ? ms : HEARTBEAT_DEFAULT_MS);
}

static void on_heartbeat(struct loop_timer *t)
{
    struct streams *all = LOOP_OWNER(t, struct streams, heartbeat);
    struct http_chunk *beat = http_chunk_new(STR(": \n\n"));

    end_expired(all);
    for (struct stream *s = all->first, *next; s; s = next) {
        next = s->all_next;
        if (!s->call && !s->is_gone && http_stream_unsent_bytes(s->x) == 0) {
            (void)stream_send(s, beat);
        }
    }
    http_chunk_unref(beat);
    if (all->first) {
        start_heartbeat(all);
    }
}

/* ---- a stream ---- */

struct stream *stream_new(struct api_call *c)
{
    struct streams *all = c->api->streams;
    int64_t most = c->api->options.streams_per_key > 0 ? c->api->options.streams_per_key : PER_KEY_DEFAULT;

    if (all->draining) {
        api_fail(c, RC_BUSY, "draining", NULL, "the server is shutting down");
        return NULL;
    }
    struct key_use *key = key_use_get(all, c->key.public_id);
    key->streams++;
    if (key->streams > most) {
        key_use_drop(all, key);
        api_fail(c, RC_BUSY, "too_many_streams", NULL, "this key has %lld open streams; more are not allowed",
                 (long long)most);
        return NULL;
    }
    struct stream *s = mem_alloc(sizeof *s);
    s->all = all;
    s->x = c->x;
    s->call = c;
    s->key = key;
    s->all_next = all->first;
    if (s->all_next) {
        s->all_next->all_prev = s;
    }
    all->first = s;
    all->counts.open++;
    if (!timer_is_running(&all->heartbeat)) {
        all->heartbeat.run = on_heartbeat;
        start_heartbeat(all);
    }
    return s;
}

void stream_free(struct stream *s)
{
    struct streams *all = s->all;

    if (s->hub) {
        hub_leave(s);
    } else if (s->feed) {
        feed_leave(s);
    }
    *(s->all_prev ? &s->all_prev->all_next : &all->first) = s->all_next;
    if (s->all_next) {
        s->all_next->all_prev = s->all_prev;
    }
    key_use_drop(all, s->key);
    all->counts.open--;
    if (!all->first) {
        timer_stop(all->api->loop, &all->heartbeat);
    }
    mem_free(s);
}

static void on_left(struct api_holder *h, struct http_exchange *x)
{
    struct stream *s = LOOP_OWNER(h, struct stream, holder);

    http_drop(x);
    if (s->is_reading) {
        s->is_gone = true; /* its read brings it back */
    } else {
        stream_free(s);
    }
}

bool stream_begin(struct stream *s)
{
    struct http_exchange *x = s->x;

    http_header(x, STR("Cache-Control"), STR("no-store"));
    http_header(x, STR("X-Accel-Buffering"), STR("no"));
    s->call = NULL;
    s->holder.on_left = on_left;
    http_set_context(x, s);
    if (!http_stream_begin(x, 200, STR("text/event-stream"))) {
        stream_free(s);
        return false;
    }
    return true;
}

bool stream_send(struct stream *s, struct http_chunk *chunk)
{
    s->all->counts.sent++;
    return http_stream_send(s->x, chunk);
}

bool stream_send_text(struct stream *s, struct str text)
{
    struct http_chunk *chunk = http_chunk_new(text);
    bool ok = stream_send(s, chunk);

    http_chunk_unref(chunk);
    return ok;
}

void stream_end(struct stream *s)
{
    http_set_context(s->x, NULL);
    http_stream_end(s->x);
    if (s->is_reading) {
        s->is_gone = true;
    } else {
        stream_free(s);
    }
}

void streams_on_sent(struct http_exchange *x)
{
    struct api_holder *h = http_context(x);

    if (h && h->on_left == on_left) {
        hub_stream_sent(LOOP_OWNER(h, struct stream, holder));
    }
}

void streams_drain(struct streams *all)
{
    struct http_chunk *last = http_chunk_new(STR("retry: 1000\nevent: draining\ndata: {}\n\n"));

    all->draining = true;
    for (struct stream *s = all->first, *next; s; s = next) {
        next = s->all_next;
        if (!s->call && !s->is_gone && stream_send(s, last)) {
            stream_end(s);
        }
    }
    http_chunk_unref(last);
}
