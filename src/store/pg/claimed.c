/* claimed.c: see claimed.h. Slots of a fixed number, found through chains by the random end of the id. */
#include "store/pg/claimed.h"

#include <string.h>

struct claimed_slot {
    struct row row;
    struct row_place place;
    uint32_t next; /* 1 + the next of its chain, or of the free ones */
    char names[CLAIMED_NAME_BYTES];
};

void claimed_init(struct claimed *m)
{
    *m = (struct claimed){.slots = mem_alloc(CLAIMED_MAX * sizeof *m->slots),
                          .buckets = mem_alloc(CLAIMED_MAX * sizeof *m->buckets)};
    pthread_mutex_init(&m->lock, NULL);
}

void claimed_dispose(struct claimed *m)
{
    mem_free(m->slots);
    mem_free(m->buckets);
    pthread_mutex_destroy(&m->lock);
}

static uint32_t *chain_of(struct claimed *m, const struct id *id)
{
    uint32_t random = 0;
    memcpy(&random, id->b + sizeof id->b - sizeof random, sizeof random);
    return &m->buckets[random % CLAIMED_MAX];
}

/* Takes it out of its chain; NULL: it is not there. */
static struct claimed_slot *unlink_slot(struct claimed *m, const struct id *id)
{
    for (uint32_t *at = chain_of(m, id); *at; at = &m->slots[*at - 1].next) {
        struct claimed_slot *s = &m->slots[*at - 1];
        if (id_eq(s->row.id, *id)) {
            *at = s->next;
            return s;
        }
    }
    return NULL;
}

static void release(struct claimed *m, struct claimed_slot *s)
{
    s->next = m->free;
    m->free = (uint32_t)(s - m->slots) + 1;
}

/* A free slot, else an unused one, else that whose turn it is to be forgotten. */
static struct claimed_slot *new_slot(struct claimed *m)
{
    if (!m->free && m->used == CLAIMED_MAX) {
        struct claimed_slot *old = &m->slots[m->oldest++ % CLAIMED_MAX];
        release(m, unlink_slot(m, &old->row.id));
    }
    if (!m->free) {
        return &m->slots[m->used++];
    }
    struct claimed_slot *s = &m->slots[m->free - 1];
    m->free = s->next;
    return s;
}

static void put(struct claimed *m, const struct claimed_entry *c)
{
    struct str queue = c->row.queue, kind = c->row.kind;
    if (queue.n + kind.n > CLAIMED_NAME_BYTES || c->row.retry.n || c->row.unique_key.n) {
        return;
    }
    struct claimed_slot *s = unlink_slot(m, &c->row.id);
    s = s ? s : new_slot(m);
    s->row = c->row;
    s->place = c->place;
    memcpy(s->names, queue.p, queue.n);
    memcpy(s->names + queue.n, kind.p, kind.n);
    s->row.queue = (struct str){s->names, queue.n};
    s->row.kind = (struct str){s->names + queue.n, kind.n};
    uint32_t *chain = chain_of(m, &c->row.id);
    s->next = *chain;
    *chain = (uint32_t)(s - m->slots) + 1;
}

void claimed_put(struct claimed *m, const struct claimed_entry *first)
{
    pthread_mutex_lock(&m->lock);
    for (const struct claimed_entry *c = first; c; c = c->next) {
        put(m, c);
    }
    pthread_mutex_unlock(&m->lock);
}

void claimed_take(struct committer *w, const struct id *ids, size_t count, bool is_wanted)
{
    struct claimed *m = &w->engine->claimed;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < count; i++) {
        struct claimed_slot *s = unlink_slot(m, &ids[i]);
        if (s && is_wanted) {
            rows_add_known(w, &s->row, &s->place);
        }
        if (s) {
            release(m, s);
        }
    }
    pthread_mutex_unlock(&m->lock);
}
