/* batch_counts.c: how far watched batches are: their counts, read when somebody comes and once a second while anybody watches,
 * and told when they have changed. Not numbered: they are no part of the record. */
#include "api/streams_private.h"

#include "base/clock.h"

#include <string.h>

#define COUNTS_EVERY_MS 1000

struct counts_read {
    struct store_list_batches op;
    struct arena *a;
    struct hub *hub;
};

static void encode(struct streams *all, const struct batch *b)
{
    struct buf data = BUF_LIMIT((size_t)4 << 10);
    struct json_out w = json_writer(&data);

    wire_batch_progress_write(&w, b, store_now(queue_store(all->api->queue)));
    wire_event_sse(&all->text, 0, STR("progress"), buf_str(&data));
    buf_dispose(&data);
}

static bool is_told(const struct hub *h, const struct batch *b)
{
    return h->told_state == b->state && h->told_round == b->round && h->told_counts.open == b->counts.open &&
           h->told_counts.completed == b->counts.completed && h->told_counts.failed == b->counts.failed &&
           h->told_counts.cancelled == b->counts.cancelled && h->told_counts.skipped == b->counts.skipped;
}

/* To all when it is news, else to those who came since. */
static void tell(struct hub *h, const struct batch *b)
{
    bool is_news = !is_told(h, b);

    buf_clear(&h->all->text);
    encode(h->all, b);
    struct http_chunk *chunk = http_chunk_new(buf_str(&h->all->text));
    h->told_state = b->state;
    h->told_round = b->round;
    h->told_counts = b->counts;
    h->walks++;
    for (struct stream *s = h->streams, *next; s; s = next) {
        next = s->next;
        if (!s->call && !s->is_gone && !s->is_reading && (is_news || !s->has_counts)) {
            s->has_counts = true;
            (void)stream_send(s, chunk);
        }
    }
    h->walks--;
    http_chunk_unref(chunk);
}

static void on_read(struct store_op *op)
{
    struct counts_read *r = op->owner;
    struct hub *h = r->hub;

    h->is_counting = false;
    if (op->rc == RC_OK && r->op.batches[0].state != BATCH_FINISHED) { /* its last events say the rest */
        tell(h, &r->op.batches[0]);
    }
    arena_free(r->a);
    hub_maybe_free(h);
}

void hub_read_counts(struct hub *h)
{
    if (h->is_counting || !h->of_batch || !h->streams) {
        return;
    }
    struct arena *a = arena_new();
    struct counts_read *r = arena_alloc(a, sizeof *r);

    store_init(&r->op.op, sizeof r->op, STORE_LIST_BATCHES, a);
    r->a = a;
    r->hub = h;
    r->op.tenant = h->watch.tenant;
    r->op.id = h->watch.job;
    r->op.op.owner = r;
    r->op.op.done = on_read;
    h->is_counting = true;
    queue_submit(h->all->api->queue, &r->op.op);
}

static void on_second(struct loop_timer *t)
{
    struct streams *all = LOOP_OWNER(t, struct streams, counting);
    bool is_needed = false;

    for (size_t i = 0; i < all->hubs.slot_count; i++) {
        for (struct table_node *n = all->hubs.slots[i]; n; n = n->next) {
            struct hub *h = LOOP_OWNER(n, struct hub, node);
            is_needed |= h->of_batch;
            hub_read_counts(h);
        }
    }
    if (is_needed) {
        timer_start(all->api->loop, &all->counting, COUNTS_EVERY_MS);
    }
}

void hubs_count(struct streams *all)
{
    if (!timer_is_running(&all->counting)) {
        all->counting.run = on_second;
        timer_start(all->api->loop, &all->counting, COUNTS_EVERY_MS);
    }
}
