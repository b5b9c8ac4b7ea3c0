/* heads.c: see heads.h. */
#include "store/pg/heads.h"

#include "base/clock.h"
#include "store/ops.h"

#include <string.h>

#define LINES_MAX    20000
#define PRIORITY_MIN (-32768)
#define PRIORITY_MAX 32767
#define DEAR_US      5000 /* a look, apart from what it met */
#define MET_US       50   /* each of that: to read it and to lock it, on a slow machine */
#define DEAR_LOOKS   5    /* in a row: not the machine's mood */
#define COST_TIMES   20
#define LOOK_US      1000000
#define CROWDED_MAX  100
#define SLACK_MS     200 /* other nodes' clocks, and the time from a job's run_at to its commit */

/* ---- places */

static const struct place beginning = {INT64_MIN, {{0}}}, end = {INT64_MAX, {{0}}};

static int compare(struct place a, struct place b)
{
    return a.run_at != b.run_at ? (a.run_at < b.run_at ? -1 : 1) : memcmp(&a.id, &b.id, sizeof a.id);
}

static struct place first_of(struct place a, struct place b)
{
    return compare(a, b) <= 0 ? a : b;
}

/* ---- lines */

static struct str name_of(const struct line *l, char *out, size_t room)
{
    size_t n = sizeof l->tenant + 1 + l->queue.n + l->kind.n, at = sizeof l->tenant;
    if (n > room) {
        return STR_NONE;
    }
    memcpy(out, &l->tenant, sizeof l->tenant);
    const struct str parts[] = {l->queue, l->kind};
    for (int i = 0; i < 2; i++) {
        if (parts[i].n) {
            memcpy(out + at, parts[i].p, parts[i].n);
        }
        at += parts[i].n;
        if (i == 0) {
            out[at++] = 0; /* in no name */
        }
    }
    return (struct str){out, n};
}

#define NAME_ROOM 600

static struct line *find(const struct heads *h, const struct line *name)
{
    char room[NAME_ROOM];
    struct str key = name_of(name, room, sizeof room);
    return key.p ? map_get(&h->by_name, key) : NULL;
}

static void forget_all(struct heads *h)
{
    for (size_t i = 0; i < h->count; i++) {
        mem_free(h->lines[i]);
    }
    map_clear(&h->by_name);
    h->count = 0;
    h->has_holes = false;
}

static struct line *add(struct heads *h, const struct line *name)
{
    char room[NAME_ROOM];
    struct str key = name_of(name, room, sizeof room);
    struct line *l = mem_alloc(sizeof *l + key.n);
    char *text = (char *)(l + 1);
    memcpy(text, key.p, key.n);
    *l = (struct line){.tenant = name->tenant,
                       .queue = {text + sizeof l->tenant, name->queue.n},
                       .kind = {text + sizeof l->tenant + name->queue.n + 1, name->kind.n}};
    if (h->count == h->room) {
        h->room = h->room ? 2 * h->room : 64;
        h->lines = mem_grow(h->lines, h->room * sizeof(struct line *));
    }
    h->lines[h->count++] = l;
    map_put(&h->by_name, (struct str){text, key.n}, l);
    return l;
}

/* NULL: there are too many, and claims under way. */
static struct line *get(struct heads *h, const struct line *name)
{
    struct line *l = find(h, name);
    if (!l && sizeof l->tenant + 1 + name->queue.n + name->kind.n > NAME_ROOM) {
        return NULL; /* no such line can be */
    }
    if (!l && h->count >= LINES_MAX && !h->claims) {
        forget_all(h);
    }
    h->has_holes = h->has_holes || (!l && h->count >= LINES_MAX);
    return l || h->has_holes ? l : add(h, name);
}

void heads_init(struct heads *h)
{
    *h = (struct heads){.count = 0};
    pthread_mutex_init(&h->lock, NULL);
}

void heads_dispose(struct heads *h)
{
    forget_all(h);
    map_dispose(&h->by_name);
    mem_free(h->lines);
}

/* ---- heads */

/* The one of this priority; made, at the beginning, if there is room. */
static struct head *head_of(struct line *l, int64_t priority)
{
    int at = 0;
    while (at < l->head_count && l->heads[at].priority < priority) {
        at++;
    }
    if (at < l->head_count && l->heads[at].priority == priority) {
        return &l->heads[at];
    }
    if (l->head_count == HEADS_MAX) {
        return NULL;
    }
    memmove(&l->heads[at + 1], &l->heads[at], (size_t)(l->head_count - at) * sizeof l->heads[0]);
    l->heads[at] = (struct head){priority, beginning, end};
    l->head_count++;
    return &l->heads[at];
}

/* Nothing is before this place, but for what was noted while the claim ran: it may not have seen that. */
static void raise(struct head *head, struct place to)
{
    struct place at = first_of(to, head->noted);
    if (compare(head->at, at) < 0) {
        head->at = at;
    }
}

static void lower(struct head *head, struct place to)
{
    head->at = first_of(head->at, to);
    head->noted = first_of(head->noted, to);
}

static struct line *note_line(struct heads *h, const struct line *name)
{
    struct line *l = get(h, name);
    if (l) {
        l->may_hold = l->was_noted = true;
    }
    return l;
}

void heads_note(struct heads *h, const struct line *name, int64_t priority, struct place at)
{
    pthread_mutex_lock(&h->lock);
    struct line *l = note_line(h, name);
    struct head *head = l ? head_of(l, priority) : NULL;
    if (head) {
        lower(head, at);
    }
    pthread_mutex_unlock(&h->lock);
}

void heads_hear(struct heads *h, const struct line *name, int64_t priority, int64_t run_at)
{
    heads_note(h, name, priority, (struct place){run_at, beginning.id});
}

void heads_note_line(struct heads *h, const struct line *name)
{
    pthread_mutex_lock(&h->lock);
    (void)note_line(h, name);
    pthread_mutex_unlock(&h->lock);
}

void heads_hear_since(struct heads *h, const struct line *name, int64_t run_at)
{
    pthread_mutex_lock(&h->lock);
    struct line *l = note_line(h, name);
    for (int i = 0; l && i < l->head_count; i++) {
        lower(&l->heads[i], (struct place){run_at, beginning.id});
    }
    pthread_mutex_unlock(&h->lock);
}

/* ---- full looks */

static bool is_crowded(const struct line *l)
{
    return l->dear_looks >= DEAR_LOOKS;
}

static bool is_due(const struct line *l, int64_t now_us)
{
    int64_t wait_us = COST_TIMES * l->cost_us;
    if (!l->was_short && wait_us < LOOK_US) {
        wait_us = LOOK_US;
    }
    return now_us - l->looked_at_us >= wait_us;
}

static void note_look(const struct heads *h, struct line *l, const struct look *look)
{
    l->was_short = look->is_short;
    l->was_asked = true;
    if (look->is_full) {
        l->looked_at_us = clock_mono_us();
        l->cost_us = look->cost_us;
        l->was_asked = false;
        bool is_cheap = h->is_unhurried || look->cost_us < DEAR_US + MET_US * look->met;
        l->dear_looks = is_cheap ? 0 : look->is_apart || is_crowded(l) ? DEAR_LOOKS : l->dear_looks + 1;
    }
}

void heads_looked(struct heads *h, const struct line *name, const struct look *look)
{
    pthread_mutex_lock(&h->lock);
    struct line *l = get(h, name);
    if (l) {
        note_look(h, l, look);
    }
    pthread_mutex_unlock(&h->lock);
}

static const struct line *next(const struct heads *h, int64_t now_us)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct line *l = h->lines[i];
        if (l->was_asked && is_crowded(l) && is_due(l, now_us)) {
            return l;
        }
    }
    return NULL;
}

bool heads_want_looks(struct heads *h)
{
    pthread_mutex_lock(&h->lock);
    bool want = next(h, INT64_MAX) != NULL;
    pthread_mutex_unlock(&h->lock);
    return want;
}

bool heads_next(struct heads *h, struct arena *a, struct line *out)
{
    pthread_mutex_lock(&h->lock);
    const struct line *l = next(h, clock_mono_us());
    if (l) {
        *out = *l;
        out->queue = arena_str(a, l->queue);
        out->kind = arena_str(a, l->kind);
    }
    pthread_mutex_unlock(&h->lock);
    return l;
}

size_t heads_crowded(struct heads *h, int64_t tenant, struct arena *a, struct line **out)
{
    size_t count = 0;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->count; i++) {
        const struct line *l = h->lines[i];
        bool is_meant = l->tenant == tenant && l->kind.n && is_crowded(l) && count < CROWDED_MAX;
        if (is_meant && !*out) {
            *out = arena_array(a, struct line, CROWDED_MAX);
        }
        if (is_meant) {
            (*out)[count] = *l;
            (*out)[count].queue = arena_str(a, l->queue);
            (*out)[count++].kind = arena_str(a, l->kind);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return count;
}

/* ---- a claim */

static struct line *begin(struct heads *h, struct line *l)
{
    if (l->claims++ == 0) {
        l->was_noted = false;
        for (int i = 0; i < l->head_count; i++) {
            l->heads[i].noted = end;
        }
    }
    h->claims++;
    return l;
}

struct line *heads_begin(struct heads *h, const struct line *name)
{
    pthread_mutex_lock(&h->lock);
    struct line *l = get(h, name);
    if (l) {
        begin(h, l);
    }
    pthread_mutex_unlock(&h->lock);
    return l;
}

/* Of the tenant, or of its queue. */
static bool is_known(const struct heads *h, int64_t tenant, struct str queue)
{
    const struct line name = {.tenant = tenant, .queue = queue};
    const struct line *l = find(h, &name);
    return l && is_crowded(l);
}

bool heads_begin_all(struct heads *h, const struct line_filter *f, struct arena *a, struct line ***out,
                     size_t *count)
{
    pthread_mutex_lock(&h->lock);
    bool known = !h->has_holes && (f->queue_count || is_known(h, f->tenant, STR_NONE));
    for (size_t i = 0; i < f->queue_count && known; i++) {
        known = is_known(h, f->tenant, f->queues[i]);
    }
    *out = known ? arena_array(a, struct line *, h->count + 1) : NULL;
    *count = 0;
    for (size_t i = 0; i < h->count && known; i++) {
        struct line *l = h->lines[i];
        if (l->may_hold && l->tenant == f->tenant && ops_wants(l->queue, f->queues, f->queue_count) &&
            ops_wants(l->kind, f->kinds, f->kind_count)) {
            (*out)[(*count)++] = begin(h, l);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return known;
}

struct id heads_id(struct place p)
{
    static const struct id least = {.b[sizeof least.b - 1] = 1};
    return id_is_zero(p.id) ? least : p.id;
}

int heads_stretches(struct heads *h, const struct line *l, struct stretch *out, bool *is_full)
{
    int count = 0;
    pthread_mutex_lock(&h->lock);
    *is_full = !l || !is_crowded(l);
    struct stretch s = {PRIORITY_MIN, PRIORITY_MAX, beginning};
    for (int i = 0; !*is_full && i < l->head_count; i++) {
        s.up_to = l->heads[i].priority - 1;
        if (s.up_to >= s.priority) {
            out[count++] = s;
        }
        s = (struct stretch){l->heads[i].priority, PRIORITY_MAX, l->heads[i].at};
    }
    pthread_mutex_unlock(&h->lock);
    out[count++] = s;
    return count;
}

/* What comes from elsewhere may be a little older than what was seen. */
static struct place not_after(struct place at, int64_t now)
{
    return first_of(at, (struct place){now - SLACK_MS, beginning.id});
}

void heads_took(struct heads *h, struct line *l, int64_t priority, struct place at, const struct look *look)
{
    pthread_mutex_lock(&h->lock);
    struct head *head = head_of(l, priority);
    if (head && look->is_full && compare(at, head->at) < 0) {
        head->at = at; /* nobody had told of it, and there may be more */
    } else if (head) {
        raise(head, not_after(at, look->now));
    }
    pthread_mutex_unlock(&h->lock);
}

static struct place place_in(int64_t priority, const struct stretch *all, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        if (all[i].priority == priority) {
            return all[i].from;
        }
    }
    return beginning;
}

void heads_left(struct heads *h, struct line *l, const struct stretch *all, int count)
{
    pthread_mutex_lock(&h->lock);
    for (int i = 0; i < l->head_count; i++) {
        lower(&l->heads[i], place_in(l->heads[i].priority, all, count));
    }
    l->may_hold = l->was_noted = true;
    pthread_mutex_unlock(&h->lock);
}

static void note_empty(struct line *l, int64_t now)
{
    (void)head_of(l, 0); /* the usual one */
    for (int i = 0; i < l->head_count; i++) {
        raise(&l->heads[i], not_after(end, now));
    }
}

static void end_claim(struct heads *h, struct line *l, const struct look *look)
{
    if (look) {
        note_look(h, l, look);
    }
    l->claims--;
    h->claims--;
}

void heads_end(struct heads *h, struct line *l, const struct look *look)
{
    pthread_mutex_lock(&h->lock);
    if (look && look->is_short) {
        note_empty(l, look->now);
        l->may_hold = l->was_noted;
    }
    end_claim(h, l, look);
    pthread_mutex_unlock(&h->lock);
}

static bool is_unknown(const struct head *head)
{
    return head->at.run_at == beginning.run_at;
}

void heads_found(struct heads *h, struct line *l, int64_t priority, struct place at)
{
    pthread_mutex_lock(&h->lock);
    struct head *head = head_of(l, priority);
    l->may_hold = true;
    if (head && (is_unknown(head) || compare(at, head->at) < 0)) {
        head->at = first_of(at, head->noted);
    }
    pthread_mutex_unlock(&h->lock);
}

void heads_learned(struct heads *h, struct line *l, const struct look *look)
{
    pthread_mutex_lock(&h->lock);
    if (look) {
        (void)head_of(l, 0);
    }
    for (int i = 0; look && i < l->head_count; i++) {
        if (is_unknown(&l->heads[i])) {
            raise(&l->heads[i], not_after(end, look->now));
        }
    }
    end_claim(h, l, look);
    pthread_mutex_unlock(&h->lock);
}
