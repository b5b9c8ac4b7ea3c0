/* notify.c: what this node tells the others: see nodes.h. Rounds write lines; the node's thread sends all that has gathered
 * while the last NOTIFY was under way, so that a thousand rounds a second are a few notifications. */
#include "store/pg/nodes.h"

#include "store/pg/postgres.h"

#include "base/siphash.h"

#define OUTBOX_BYTES   ((size_t)256 << 10) /* over it: `all` */
#define REPEAT_BYTES   8192                /* lines further back may come twice */
#define RUN_AT_STEP_MS 200                 /* so that lines repeat themselves */
#define PAYLOAD_BYTES  7900                /* PostgreSQL takes 7999 */

/* Under the lock. */
static bool is_repeated(const struct nodes *n, struct str line)
{
    struct str all = buf_str(&n->outbox);
    struct str near = str_sub(all, all.n > REPEAT_BYTES ? all.n - REPEAT_BYTES : 0, all.n);
    size_t at = str_find(near, line, 0);
    return at < near.n && (at == 0 || near.p[at - 1] == '\n');
}

static void add(struct nodes *n, struct str line, bool may_repeat)
{
    if (n->outbox.n + line.n > OUTBOX_BYTES) {
        buf_clear(&n->outbox);
        buf_append_c(&n->outbox, "all\n");
    } else if (may_repeat || !is_repeated(n, line)) {
        buf_append_str(&n->outbox, line);
    }
}

void notify_line(struct nodes *n, const char *line)
{
    pthread_mutex_lock(&n->lock);
    add(n, str_from(line), false);
    pthread_mutex_unlock(&n->lock);
}

static void add_change(struct nodes *n, const struct store_change *c, bool is_watched)
{
    char line[2 * JOB_NAME_MAX_BYTES + 160];
    if (c->became_queued && c->run_at) {
        str_print(line, sizeof line, "queued %lld %.*s %.*s %lld %lld\n", (long long)c->tenant,
                  STR_ARG(c->queue), STR_ARG(c->kind), (long long)c->priority,
                  (long long)(c->run_at - c->run_at % RUN_AT_STEP_MS));
        add(n, str_from(line), false);
    } else if (c->became_queued) {
        str_print(line, sizeof line, "queued %lld %.*s %.*s\n", (long long)c->tenant, STR_ARG(c->queue),
                  STR_ARG(c->kind));
        add(n, str_from(line), false);
    }
    if (is_watched || c->cancel_asked) {
        str_print(line, sizeof line, "job %lld %s %d %lld %d %d %.*s/%.*s\n", (long long)c->tenant,
                  id_text(c->job).s, (int)c->state, (long long)c->last_seq, c->state_changed, c->cancel_asked,
                  STR_ARG(c->queue), STR_ARG(c->kind));
        add(n, str_from(line), true);
    }
}

static void add_line(struct nodes *n, const struct store_line *l)
{
    char line[2 * JOB_NAME_MAX_BYTES + 64];
    str_print(line, sizeof line, "queued %lld %.*s %.*s\n", (long long)l->tenant, STR_ARG(l->queue),
              STR_ARG(l->kind));
    add(n, str_from(line), false);
}

/* The others need an instant only when it is before the one that they know of: at that one they look for themselves. */
static void add_due(struct nodes *n, int64_t due_at, int64_t now)
{
    if (due_at == 0) {
        n->announced_due_at = 0; /* they may find nothing at that one, and look no more */
    }
    bool is_known = n->announced_due_at > now && n->announced_due_at <= due_at;
    if (due_at > 0 && !is_known) {
        char line[40];
        str_print(line, sizeof line, "due %lld\n", (long long)due_at);
        add(n, str_from(line), false);
        n->announced_due_at = due_at;
    }
}

void notify_round(struct pg_engine *s, const struct store_round *r)
{
    struct nodes *n = &s->nodes;
    if (!atomic_load(&n->is_joined) || !atomic_load(&n->others_listen)) {
        return; /* who joins looks at everything first */
    }
    bool is_watched = atomic_load(&n->others_watch);
    pthread_mutex_lock(&n->lock);
    size_t before = n->outbox.n;
    for (size_t i = 0; i < r->change_count; i++) {
        add_change(n, &r->changes[i], is_watched);
    }
    for (size_t i = 0; i < r->line_count; i++) {
        add_line(n, &r->lines[i]);
    }
    add_due(n, r->next_due_at, store_now(&s->base));
    bool must_wake = n->outbox.n != before;
    pthread_mutex_unlock(&n->lock);
    if (must_wake) {
        nodes_wake(n);
    }
}

uint64_t notify_tag(const struct pg_engine *s, struct str text)
{
    return siphash(s->base.secret, text);
}

struct str notify_sign(const struct pg_engine *s, struct arena *a, struct str lines)
{
    const struct id_text id = id_text(s->nodes.id);
    struct str text = arena_printf(a, "node %s %lld\n%.*s", id.s,
                                   (long long)store_now((struct store *)&s->base), STR_ARG(lines));
    return arena_printf(a, "%016llx %.*s", (unsigned long long)notify_tag(s, text), STR_ARG(text));
}

/* Whole lines, as many as fit behind the sender's. */
static struct str cut_payload(const struct pg_engine *s, struct arena *a, struct str *rest)
{
    size_t room = PAYLOAD_BYTES - sizeof "0123456789abcdef node  -9223372036854775808" - ID_TEXT_BYTES,
           end = rest->n;
    if (end > room) {
        for (end = room; end > 1 && rest->p[end - 1] != '\n'; end--) {
        }
    }
    struct str lines = str_sub(*rest, 0, end);
    *rest = str_sub(*rest, end, rest->n);
    return notify_sign(s, a, lines);
}

enum rc notify_send(struct pg_engine *s, struct err *e)
{
    struct nodes *n = &s->nodes;
    struct pg_query q = PG_QUERY(n->scratch);
    pthread_mutex_lock(&n->lock);
    struct str rest = arena_str(n->scratch, buf_str(&n->outbox));
    buf_clear(&n->outbox);
    pthread_mutex_unlock(&n->lock);
    if (!rest.n) {
        return RC_OK;
    }
    size_t count = 0;
    struct str *payloads = arena_array(n->scratch, struct str, 2 * rest.n / PAYLOAD_BYTES + 2);
    while (rest.n) {
        payloads[count++] = cut_payload(s, n->scratch, &rest);
    }
    pg_bind_strs(&q, payloads, count);
    return pg_run(n->link.c, pg_sql(PG_SQL_NODE_NOTIFY), &q, NULL, e);
}
