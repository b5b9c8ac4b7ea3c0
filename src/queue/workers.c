/* workers.c: workers as they were last heard of, in order of that. Who was silent for ten minutes and holds nothing is
 * forgotten when the next new one comes: no timer, and no more memory than there were workers in ten minutes. */
#include <string.h>

#include "base/json.h"
#include "queue/parts.h"

#define FORGET_AFTER_MS ((int64_t)10 * 60 * 1000)
#define WORKERS_MAX     10000
#define LIST_MAX_BYTES  ((size_t)64 << 10) /* of declared names, as JSON */

struct worker *workers_find(struct queue *q, int64_t tenant, struct str name)
{
    struct table_node *n = table_first(&q->workers.by_name, table_hash_str(tenant, name));

    for (; n; n = table_next(n)) {
        struct worker *w = LOOP_OWNER(n, struct worker, node);

        if (w->view.tenant == tenant && str_eq(w->view.name, name)) {
            return w;
        }
    }
    return NULL;
}

static void unlink_worker(struct workers *all, struct worker *w)
{
    *(w->newer ? &w->newer->older : &all->newest) = w->older;
    *(w->older ? &w->older->newer : &all->oldest) = w->newer;
}

static void link_newest(struct workers *all, struct worker *w)
{
    w->newer = NULL;
    w->older = all->newest;
    *(w->older ? &w->older->newer : &all->oldest) = w;
    all->newest = w;
}

static void drop_declared(struct worker *w)
{
    mem_free((char *)w->view.queues.p);
    mem_free((char *)w->view.kinds.p);
    mem_free(w->kinds);
    mem_free(w->kinds_text);
}

static void worker_free(struct queue *q, struct worker *w)
{
    unlink_worker(&q->workers, w);
    table_remove(&q->workers.by_name, &w->node);
    drop_declared(w);
    mem_free((char *)w->view.name.p);
    mem_free(w);
}

/* Two at most for each new one: the table shrinks as fast as it can grow, and no call is long. */
static void forget_old(struct queue *q, int64_t now)
{
    for (int k = 0; k < 2; k++) {
        struct worker *w = q->workers.oldest;
        const bool is_idle = w && w->claim_count == 0 && w->job_count == 0;

        if (is_idle && (now - w->view.seen_at > FORGET_AFTER_MS || q->workers.by_name.count >= WORKERS_MAX)) {
            worker_free(q, w);
        } else if (w && !is_idle) {
            unlink_worker(&q->workers,
                          w); /* it may be silent for hours with a long lease: look at the next one */
            link_newest(&q->workers, w);
        }
    }
}

void workers_seen(struct queue *q, struct worker *w)
{
    w->view.seen_at = store_now(q->store);
    if (q->workers.newest != w) {
        unlink_worker(&q->workers, w);
        link_newest(&q->workers, w);
    }
}

struct worker *workers_touch(struct queue *q, int64_t tenant, struct str name)
{
    struct worker *w = workers_find(q, tenant, name);

    if (w) {
        workers_seen(q, w);
        return w;
    }
    const int64_t now = store_now(q->store);

    forget_old(q, now);
    w = mem_alloc(sizeof *w);
    w->view.name = (struct str){mem_c_str(name), name.n};
    w->view.tenant = tenant;
    w->view.seen_at = now;
    table_add(&q->workers.by_name, &w->node, table_hash_str(tenant, name));
    link_newest(&q->workers, w);
    return w;
}

/* ------------------------------------------------------------------ what it can do */

static struct str names_json(const struct str *names, size_t count)
{
    struct buf text = BUF_LIMIT(LIST_MAX_BYTES);
    struct json_out out = json_writer(&text);

    json_array_begin(&out);
    for (size_t i = 0; i < count; i++) {
        json_str(&out, names[i]);
    }
    json_array_end(&out);
    const struct str all = text.overflowed ? STR("[]") : buf_str(&text);
    const struct str copy = {mem_c_str(all), all.n};

    buf_dispose(&text);
    return copy;
}

static bool is_same_kinds(const struct worker *w, const struct store_claim *c)
{
    bool is_same = w->view.kinds.p && w->kind_count == c->kind_count;

    for (size_t i = 0; is_same && i < c->kind_count; i++) {
        is_same = str_eq(w->kinds[i], c->kinds[i]);
    }
    return is_same;
}

static void copy_kinds(struct worker *w, const struct store_claim *c)
{
    size_t bytes = 1;

    for (size_t i = 0; i < c->kind_count; i++) {
        bytes += c->kinds[i].n;
    }
    w->kinds_text = mem_alloc(bytes);
    w->kinds = mem_alloc((c->kind_count + 1) * sizeof *w->kinds);
    w->kind_count = c->kind_count;
    char *to = w->kinds_text;

    for (size_t i = 0; i < c->kind_count; i++) {
        memcpy(to, c->kinds[i].p, c->kinds[i].n);
        w->kinds[i] = (struct str){to, c->kinds[i].n};
        to += c->kinds[i].n;
    }
}

void workers_declare(struct worker *w, const struct store_claim *c)
{
    const struct str queues = names_json(c->queues, c->queue_count);

    if (is_same_kinds(w, c) && str_eq(queues, w->view.queues)) {
        mem_free((char *)queues.p);
        return; /* as with nearly every claim */
    }
    drop_declared(w);
    w->view.queues = queues;
    w->view.kinds = names_json(c->kinds, c->kind_count);
    copy_kinds(w, c);
}

/* ------------------------------------------------------------------ asking */

static int by_seen(const void *a, const void *b)
{
    const struct queue_worker *x = a, *y = b;

    return (x->seen_at < y->seen_at) - (x->seen_at > y->seen_at);
}

size_t queue_workers(struct queue *q, int64_t tenant, struct arena *a, struct queue_worker **out)
{
    size_t count = 0;
    struct queue_worker *all = arena_array(a, struct queue_worker, q->workers.by_name.count);

    for (struct worker *w = q->workers.newest; w; w = w->older) {
        if (w->view.tenant != tenant) {
            continue;
        }
        all[count] = w->view;
        all[count].is_waiting = w->claim_count > 0;
        all[count].name = arena_str(a, w->view.name);
        all[count].queues = arena_str(a, w->view.queues);
        all[count].kinds = arena_str(a, w->view.kinds);
        count++;
    }
    if (count > 1) {
        qsort(all, count, sizeof *all,
              by_seen); /* the list is nearly, not wholly, in that order: forget_old */
    }
    *out = all;
    return count;
}

static bool does_kind(const struct worker *w, struct str kind)
{
    for (size_t i = 0; i < w->kind_count; i++) {
        if (str_eq(w->kinds[i], kind)) {
            return true;
        }
    }
    return w->kind_count == 0;
}

bool queue_kind_has_worker(struct queue *q, int64_t tenant, struct str kind)
{
    const int64_t now = store_now(q->store);

    for (struct worker *w = q->workers.newest; w; w = w->older) {
        const bool is_live =
            w->claim_count > 0 || w->job_count > 0 || now - w->view.seen_at <= FORGET_AFTER_MS;

        if (is_live && (w->view.tenant == tenant || w->view.tenant == 0) && does_kind(w, kind)) {
            return true;
        }
    }
    return false;
}

void workers_dispose(struct queue *q)
{
    while (q->workers.newest) {
        worker_free(q, q->workers.newest);
    }
    table_dispose(&q->workers.by_name);
}
