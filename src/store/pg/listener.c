/* listener.c: what others tell: see nodes.h. Lines that are not understood are of a newer release, or nobody's: passed over. */
#include "store/pg/nodes.h"

#include "store/pg/postgres.h"

#define WORDS_MAX 8

struct line {
    struct str words[WORDS_MAX];
    int count;
};

static struct line split(struct str text)
{
    struct line l = {.count = 0};
    while (text.n && l.count < WORDS_MAX) {
        l.words[l.count++] = str_cut(text, ' ', &text);
    }
    return l;
}

static void hear_queued(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    int64_t tenant = 0;
    (void)s;
    if (l->count == 4 && str_to_i64(l->words[1], &tenant)) {
        struct store_line *line = store_round_add_line(r);
        line->tenant = tenant;
        line->queue = arena_str(store_round_arena(r), l->words[2]);
        line->kind = arena_str(store_round_arena(r), l->words[3]);
    }
}

static void hear_due(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    int64_t due_at = 0;
    if (l->count == 2 && str_to_i64(l->words[1], &due_at) && due_at > 0) {
        r->next_due_at = due_hear(s, due_at);
    } else {
        s->nodes.look_at_ms = 0;
    }
}

static void hear_job(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    int64_t tenant = 0, state = 0, last_seq = 0;
    struct id id;
    (void)s;
    bool is_whole = l->count == WORDS_MAX && str_to_i64(l->words[1], &tenant) && id_parse(l->words[2], &id) &&
                    str_to_i64(l->words[3], &state) && state >= 0 && state < JOB_STATES &&
                    str_to_i64(l->words[4], &last_seq);
    struct str names = is_whole ? l->words[7] : STR_NONE;
    if (is_whole) {
        struct store_change *c = store_round_add(r);
        c->tenant = tenant;
        c->job = id;
        c->state = (enum job_state)state;
        c->last_seq = last_seq;
        c->state_changed = str_eq(l->words[5], STR("1"));
        c->cancel_asked = str_eq(l->words[6], STR("1"));
        c->is_foreign = true;
        c->queue = arena_str(store_round_arena(r), str_cut(names, '/', &names));
        c->kind = arena_str(store_round_arena(r), names);
    }
}

static void hear_keys(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    (void)s;
    (void)l;
    r->keys_changed = true;
}

static void hear_all(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    (void)l;
    s->nodes.look_at_ms = 0;
    r->has_gap = true;
}

/* What an application wishes is done by a tick. */
static void hear_wish(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    (void)l;
    nodes_see_wishes(s, r);
}

static void hear_nodes(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    (void)l;
    (void)r;
    s->nodes.beat_at_ms = 0;
    s->nodes.must_answer = true;
}

/* Whatever the sender did before it knew of our watchers is committed: now they read it. */
static void hear_aware(struct pg_engine *s, const struct line *l, struct store_round *r)
{
    (void)l;
    r->has_gap = r->has_gap || atomic_load(&s->nodes.is_watching);
}

static const struct {
    const char *word;
    void (*hear)(struct pg_engine *s, const struct line *l, struct store_round *r);
} news[] = {
    {"queued", hear_queued}, {"due", hear_due},   {"job", hear_job},     {"keys", hear_keys},
    {"all", hear_all},       {"wish", hear_wish}, {"nodes", hear_nodes}, {"aware", hear_aware},
};

void listener_hear(struct pg_engine *s, struct str payload, struct store_round *r)
{
    const struct id_text own = id_text(s->nodes.id);
    while (payload.n) {
        struct str text = str_cut(payload, '\n', &payload);
        struct line l = split(text);
        if (l.count == 2 && str_eq(l.words[0], STR("node")) && str_eq(l.words[1], str_from(own.s))) {
            return;
        }
        for (size_t i = 0; l.count && i < sizeof news / sizeof news[0]; i++) {
            if (str_eq(l.words[0], str_from(news[i].word))) {
                news[i].hear(s, &l, r);
            }
        }
    }
}
