/* keys.c: the API keys, in memory, so that no request waits for the store to know its caller. Filled when the queue opens,
 * and kept current by the operations that create and revoke keys, which come through here, or are told of
 * when another process has run them. */
#include <string.h>

#include "queue/parts.h"

#define ASK_EVERY_MS 1000

struct key_entry {
    struct table_node node;
    struct api_key key;
    struct arena *texts;
};

static struct key_entry *key_find(const struct queue *q, struct str public_id)
{
    struct table_node *n = table_first(&q->keys, table_hash_str(0, public_id));

    for (; n; n = table_next(n)) {
        struct key_entry *k = LOOP_OWNER(n, struct key_entry, node);

        if (str_eq(k->key.public_id, public_id)) {
            return k;
        }
    }
    return NULL;
}

static void key_forget(struct queue *q, struct key_entry *k)
{
    if (k) {
        table_remove(&q->keys, &k->node);
        arena_free(k->texts);
        mem_free(k);
    }
}

static void key_remember(struct queue *q, const struct api_key *key)
{
    struct key_entry *k = mem_alloc(sizeof *k);

    key_forget(q, key_find(q, key->public_id));
    k->texts = arena_new();
    k->key = *key;
    k->key.public_id = arena_str(k->texts, key->public_id);
    k->key.tenant_name = arena_str(k->texts, key->tenant_name);
    k->key.name = arena_str(k->texts, key->name);
    k->key.last4 = arena_str(k->texts, key->last4);
    k->key.queues = arena_str(k->texts, key->queues);
    table_add(&q->keys, &k->node, table_hash_str(0, key->public_id));
}

enum rc keys_load(struct queue *q, struct err *e)
{
    struct store_list_keys list;
    struct arena *a = arena_new();

    store_init(&list.op, sizeof list, STORE_LIST_KEYS, a);
    enum rc rc = store_run(q->store, &list.op, e);

    if (rc) {
        err_wrap(e, rc, "read the keys");
        goto out;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.keys[i].revoked_at == 0) {
            key_remember(q, &list.keys[i]);
        }
    }
out:
    arena_free(a);
    return rc;
}

/* ---- when another node has changed them. One read at a time; what is told meanwhile makes it be read again. What is revoked here
 * meanwhile makes its answer worth nothing: the reader may have looked before, and a key that is forgotten must not come back. */

static void on_read(struct store_op *op)
{
    struct queue *q = op->owner;
    struct keys_reading *r = &q->keys_reading;

    for (size_t i = 0; op->rc == RC_OK && !r->is_stale && i < r->list.count; i++) {
        const struct api_key *key = &r->list.keys[i];

        if (key->revoked_at == 0) {
            key_remember(q, key);
        } else { /* revoked ones stay in the list */
            key_forget(q, key_find(q, key->public_id));
        }
    }
    r->is_under_way = false;
    if (r->again || r->is_stale) {
        keys_read(q);
    }
}

void keys_read(struct queue *q)
{
    struct keys_reading *r = &q->keys_reading;

    r->again = r->is_under_way;
    if (r->is_under_way) {
        return;
    }
    r->is_under_way = true;
    r->is_stale = false;
    r->a = r->a ? r->a : arena_new();
    arena_reset(r->a);
    store_init(&r->list.op, sizeof r->list, STORE_LIST_KEYS, r->a);
    r->list.op.done = on_read;
    r->list.op.owner = q;
    submit(q, &r->list.op);
}

void keys_see(struct queue *q, const struct store_op *op)
{
    if (op->kind == STORE_CREATE_KEY) {
        key_remember(q, &LOOP_OWNER(op, struct store_create_key, op)->key);
    } else if (op->kind == STORE_REVOKE_KEY) {
        key_forget(q, key_find(q, LOOP_OWNER(op, struct store_revoke_key, op)->public_id));
        q->keys_reading.is_stale = true;
    }
}

/* Another process may have made it, and nobody can tell every store: where a pooler hides the news it would be unknown here
 * until the next beat. */
static void keys_ask(struct queue *q)
{
    struct keys_reading *r = &q->keys_reading;
    int64_t now = loop_now_ms(q->loop);

    if (!r->is_under_way && (!r->asked_at_ms || now - r->asked_at_ms >= ASK_EVERY_MS)) {
        r->asked_at_ms = now;
        keys_read(q);
    }
}

const struct api_key *queue_find_key(struct queue *q, struct str public_id)
{
    struct key_entry *k = key_find(q, public_id);

    if (!k) {
        keys_ask(q);
    }
    return k ? &k->key : NULL;
}

void keys_dispose(struct queue *q)
{
    for (struct table_node *n; (n = table_any(&q->keys));) {
        key_forget(q, LOOP_OWNER(n, struct key_entry, node));
    }
    table_dispose(&q->keys);
    arena_free(q->keys_reading.a);
}
