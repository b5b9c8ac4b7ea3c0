/* listener.c: what others tell: see nodes.h. Lines that are not understood are of a newer release, or nobody's: passed over. */
#include "store/pg/nodes.h"

#include "store/pg/postgres.h"

#define WORDS_MAX      8
#define LATE_MS        60000
#define TRANSACTION_MS 10000 /* what an application queued in one that was longer is found by a full look */

struct news {
    struct str words[WORDS_MAX];
    int count;
};

static struct news split(struct str text)
{
    struct news l = {.count = 0};
    while (text.n && l.count < WORDS_MAX) {
        l.words[l.count++] = str_cut(text, ' ', &text);
    }
    return l;
}

static void hear_queued(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    int64_t tenant = 0, priority = 0, run_at = 0;
    if ((l->count != 4 && l->count != 6) || !str_to_i64(l->words[1], &tenant)) {
        return;
    }
    const struct line name = {.tenant = tenant, .queue = l->words[2], .kind = l->words[3]};
    if (l->count == 6 && str_to_i64(l->words[4], &priority) && str_to_i64(l->words[5], &run_at)) {
        heads_hear(&s->heads, &name, priority, run_at);
    } else {
        heads_hear_since(&s->heads, &name, store_now(&s->base) - TRANSACTION_MS);
    }
    lanes_hear(&s->lanes, tenant);
    struct store_line *line = store_round_add_line(r);
    line->tenant = tenant;
    line->queue = arena_str(store_round_arena(r), name.queue);
    line->kind = arena_str(store_round_arena(r), name.kind);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void hear_limit(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    char text[LIMIT_KEY_MAX_BYTES];
    struct str hex = l->words[2], key = {text, hex.n / 2};
    int64_t tenant = 0, now = store_now(&s->base);
    if (l->count != 3 || !str_to_i64(l->words[1], &tenant) || key.n > sizeof text) {
        return;
    }
    for (size_t i = 0; i < key.n; i++) {
        int high = digit(hex.p[2 * i]), low = digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return;
        }
        text[i] = (char)(high << 4 | low);
    }
    if (limit_key_is_pattern(key)) {
        lanes_forget_pattern(&s->lanes, tenant, key, now, r);
    } else {
        lanes_forget_key(&s->lanes, tenant, key, now, r);
    }
}

static void hear_due(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    int64_t due_at = 0;
    if (l->count == 2 && str_to_i64(l->words[1], &due_at) && due_at > 0) {
        r->next_due_at = due_note(&s->due, due_at);
        s->nodes.has_due = true;
    } else {
        s->nodes.look_at_ms = 0;
    }
}

static void hear_job(struct pg_engine *s, const struct news *l, struct store_round *r)
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

static void hear_keys(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    (void)s;
    (void)l;
    r->keys_changed = true;
}

static void hear_all(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    (void)l;
    s->nodes.look_at_ms = 0;
    r->has_gap = true;
}

/* What an application wishes is done by a tick. */
static void hear_wish(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    (void)l;
    nodes_see_wishes(s, r);
}

static void hear_nodes(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    (void)l;
    (void)r;
    s->nodes.beat_at_ms = 0;
    s->nodes.must_answer = true;
}

/* Whatever the sender did before it knew of our watchers is committed: now they read it. */
static void hear_aware(struct pg_engine *s, const struct news *l, struct store_round *r)
{
    (void)l;
    r->has_gap = r->has_gap || atomic_load(&s->nodes.is_watching);
}

/* Anybody may say what makes us only look; the rest is believed of a node. */
static const struct {
    const char *word;
    bool is_for_all;
    void (*hear)(struct pg_engine *s, const struct news *l, struct store_round *r);
} news[] = {
    {"queued", true, hear_queued}, {"due", true, hear_due},      {"wish", true, hear_wish},
    {"limit", true, hear_limit},   {"job", false, hear_job},     {"keys", false, hear_keys},
    {"all", false, hear_all},      {"nodes", false, hear_nodes}, {"aware", false, hear_aware},
};

enum speaker { SPEAKER_NOBODY, SPEAKER_NODE, SPEAKER_LATE, SPEAKER_SELF };

/* `TAG node ID TIME`, of the text behind the tag. What is late is perhaps said a second time by somebody else. */
static enum speaker speaker_of(struct pg_engine *s, struct str payload)
{
    const struct id_text own = id_text(s->nodes.id);
    struct str rest = payload, text = STR_NONE;
    struct news l = split(str_cut(rest, '\n', &rest));
    int64_t at = 0;
    char tag[24];
    if (l.count != 4 || !str_eq(l.words[1], STR("node")) || !str_to_i64(l.words[3], &at)) {
        return SPEAKER_NOBODY;
    }
    (void)str_cut(payload, ' ', &text);
    str_print(tag, sizeof tag, "%016llx", (unsigned long long)notify_tag(s, text));
    if (!str_eq(l.words[0], str_from(tag))) {
        return SPEAKER_NOBODY;
    }
    if (str_eq(l.words[2], str_from(own.s))) {
        return SPEAKER_SELF;
    }
    int64_t age = store_now(&s->base) - at;
    return age > LATE_MS || age < -LATE_MS ? SPEAKER_LATE : SPEAKER_NODE;
}

static void hear_line(struct pg_engine *s, const struct news *l, bool is_node, struct store_round *r)
{
    for (size_t i = 0; l->count && i < sizeof news / sizeof news[0]; i++) {
        if (str_eq(l->words[0], str_from(news[i].word)) && (is_node || news[i].is_for_all)) {
            news[i].hear(s, l, r);
        }
    }
}

void listener_hear(struct pg_engine *s, struct str payload, struct store_round *r)
{
    enum speaker speaker = speaker_of(s, payload);
    r->has_gap = r->has_gap || speaker == SPEAKER_LATE;
    while (payload.n && speaker != SPEAKER_SELF) {
        struct news l = split(str_cut(payload, '\n', &payload));
        hear_line(s, &l, speaker == SPEAKER_NODE, r);
    }
}
