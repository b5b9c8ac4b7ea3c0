/* limits.c: see limits.h. */
#include "core/limits.h"

#include <string.h>

#include "base/json.h"

#define SLOT            1000000 /* in millionths */
#define ENTRY_MAX_BYTES (6 * LIMIT_KEY_MAX_BYTES + 64)

static enum rc bad(struct err *e, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", "limits", "limits %s", what);
}

/* ---- keys */

bool limit_key_is_pattern(struct str key)
{
    return key.n > 0 && key.p[key.n - 1] == '*';
}

bool limit_key_is_good(struct str key, bool may_be_pattern)
{
    if (key.n < 1 || key.n > LIMIT_KEY_MAX_BYTES || !str_is_utf8(key)) {
        return false;
    }
    for (size_t i = 0; i < key.n; i++) {
        if ((unsigned char)key.p[i] < ' ' || key.p[i] == 127) {
            return false;
        }
    }
    return may_be_pattern || !limit_key_is_pattern(key);
}

bool limit_key_may_have_rule(struct str key)
{
    return limit_key_is_good(key, true) && str_find_char(key, '*', 0) + 1 >= key.n;
}

bool limit_key_matches(struct str pattern, struct str key)
{
    return limit_key_is_pattern(pattern) && str_starts(key, str_sub(pattern, 0, pattern.n - 1));
}

/* ---- what a job names */

/* Of many, which it is that is wrong: counted from 0, as in pointers. */
static enum rc bad_entry(struct err *e, size_t at, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", "limits", "limits/%zu %s", at, what);
}

static enum rc read_use(const struct json *v, size_t at, struct limit_use *to, struct err *e)
{
    const struct json *key = v, *weight = NULL;
    if (v->type == JSON_OBJECT) {
        key = json_get(v, STR("key"));
        weight = json_get(v, STR("weight"));
        if (v->count != (size_t)(key != NULL) + (weight != NULL)) {
            return bad_entry(e, at, "must be a key, or an object of key and weight");
        }
    }
    if (!key || key->type != JSON_STRING || !limit_key_is_good(key->s, false)) {
        return bad_entry(e, at, "needs a key of 1 to 200 bytes of text that does not end in *");
    }
    if (weight && (weight->type != JSON_INT || weight->i < 1 || weight->i > LIMIT_WEIGHT_MAX)) {
        return bad_entry(e, at, "needs a weight from 1 to 1000000");
    }
    *to = (struct limit_use){key->s, weight ? weight->i : 1};
    return RC_OK;
}

/* Into its place among those before it. */
static enum rc sort_in(struct limit_use *uses, size_t at, struct err *e)
{
    struct limit_use use = uses[at];
    while (at > 0 && str_compare(uses[at - 1].key, use.key) > 0) {
        uses[at] = uses[at - 1];
        at--;
    }
    uses[at] = use;
    bool is_there = at > 0 && str_eq(uses[at - 1].key, use.key);
    return is_there ? err_set_code(e, RC_INVALID, "invalid_field", "limits", "limits names %.*s twice",
                                   STR_ARG(use.key))
                    : RC_OK;
}

enum rc limits_read(struct str json, struct arena *a, struct limit_use out[LIMITS_PER_JOB], size_t *count,
                    struct err *e)
{
    struct json *list = NULL;
    size_t n = 0;
    if (!json.n) {
        *count = 0;
        return RC_OK;
    }
    if (json.n > (size_t)LIMITS_PER_JOB * ENTRY_MAX_BYTES || json_parse(json, a, &list, NULL) ||
        list->type != JSON_ARRAY || list->count > LIMITS_PER_JOB) {
        return bad(e, "must be an array of at most 8 keys, or objects of key and weight");
    }
    enum rc rc = RC_OK;
    for (const struct json *v = list->first; v && !rc; v = v->next) {
        rc = read_use(v, n, &out[n], e);
        if (!rc) {
            rc = sort_in(out, n++, e);
        }
    }
    if (!rc) {
        *count = n;
    }
    return rc;
}

void limits_write(const struct limit_use *uses, size_t count, struct buf *out)
{
    struct json_out w = json_writer(out);
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++) {
        if (uses[i].weight == 1) {
            json_str(&w, uses[i].key);
            continue;
        }
        json_object_begin(&w);
        json_put_str(&w, "key", uses[i].key);
        json_put_int(&w, "weight", uses[i].weight);
        json_object_end(&w);
    }
    json_array_end(&w);
}

/* ---- rules */

enum rc limit_rule_check(const struct limit_rule *r, struct err *e)
{
    if (r->concurrency < 0 || r->concurrency > LIMIT_CONCURRENCY_MAX) {
        return err_set_code(e, RC_INVALID, "invalid_field", "concurrency", "concurrency must be from 1 to %d",
                            LIMIT_CONCURRENCY_MAX);
    }
    if (r->is_adaptive && !r->concurrency) {
        return err_set_code(e, RC_INVALID, "invalid_field", "adaptive", "adaptive goes with concurrency");
    }
    bool has_period = r->period_ms >= LIMIT_PERIOD_MIN_MS && r->period_ms <= LIMIT_PERIOD_MAX_MS;
    bool is_good = r->rate ? r->rate > 0 && r->rate <= LIMIT_RATE_MAX && has_period && r->burst > 0 &&
                                 r->burst <= LIMIT_RATE_MAX
                           : !r->period_ms && !r->burst;
    if (!is_good) {
        return err_set_code(e, RC_INVALID, "invalid_field", "rate",
                            "rate must be 1 to %d tokens in at most 31 days, and burst from 1 to as many",
                            LIMIT_RATE_MAX);
    }
    return RC_OK;
}

/* How long n tokens take to come back. Both factors are bounded, but their product is not. */
static int64_t refill_us(const struct limit_rule *r, int64_t n)
{
    __extension__ __int128 us = (__int128)n * r->period_ms * 1000 / r->rate;
    return us > INT64_MAX / 4 ? INT64_MAX / 4 : us < -(INT64_MAX / 4) ? -(INT64_MAX / 4) : (int64_t)us;
}

/* Of one wrong correction, or weight, a key must recover in a time that people live to see; and no sum may overflow. */
static int64_t overdraft_max_us(const struct limit_rule *r)
{
    int64_t all = refill_us(r, r->burst), least = LIMIT_OVERDRAFT_MS * 1000LL;
    return all > least ? all : least;
}

static int64_t debt_max_us(const struct limit_rule *r)
{
    return refill_us(r, r->burst) + overdraft_max_us(r);
}

static int64_t owed_us(const struct limit_rule *r, const struct limit_state *s, int64_t now)
{
    int64_t owed = s->full_at_us > now * 1000 ? s->full_at_us - now * 1000 : 0, most = debt_max_us(r);
    return owed < most ? owed : most;
}

int64_t limit_wait_tokens(const struct limit_rule *r, const struct limit_state *s, int64_t n, int64_t now)
{
    if (s->paused_until > now) {
        return s->paused_until;
    }
    if (!r->rate) {
        return 0;
    }
    int64_t wanted = n < r->burst ? n : r->burst;
    int64_t free_in_us = owed_us(r, s, now) + refill_us(r, wanted) - refill_us(r, r->burst);
    return free_in_us > 0 ? now + (free_in_us + 999) / 1000 : 0;
}

int64_t limit_tokens_left(const struct limit_rule *r, const struct limit_state *s, int64_t now)
{
    if (!r->rate) {
        return 0;
    }
    __extension__ __int128 spent =
        ((__int128)owed_us(r, s, now) * r->rate + r->period_ms * 1000 - 1) / r->period_ms / 1000;
    return r->burst - (int64_t)spent;
}

/* ---- slots */

static bool is_cut(const struct limit_rule *r, const struct limit_state *s, int64_t now)
{
    return r->is_adaptive && s->cut_micro && s->cut_micro < r->concurrency * SLOT &&
           now < s->cut_at + LIMIT_CUT_MS;
}

int64_t limit_slots(const struct limit_rule *r, const struct limit_state *s, int64_t now)
{
    return is_cut(r, s, now) ? s->cut_micro / SLOT : r->concurrency;
}

bool limit_cut(const struct limit_rule *r, struct limit_state *s, int64_t began_at, int64_t now)
{
    bool was_cut = is_cut(r, s, now);
    if (!r->is_adaptive || r->concurrency < 2 || (was_cut && began_at <= s->cut_at)) {
        return false;
    }
    int64_t half = (was_cut ? s->cut_micro : r->concurrency * SLOT) / 2;
    s->cut_micro = half > SLOT ? half : SLOT;
    s->cut_at = now;
    return true;
}

bool limit_mend(const struct limit_rule *r, struct limit_state *s, int64_t completed, int64_t now)
{
    bool has_changed = s->cut_micro && completed > 0;
    for (int64_t i = 0; i < completed && is_cut(r, s, now); i++) {
        s->cut_micro += (int64_t)SLOT * SLOT / s->cut_micro;
    }
    if (has_changed && !is_cut(r, s, now)) {
        s->cut_micro = s->cut_at = 0;
    }
    return has_changed;
}

/* Slots that a cut has taken are there again when it is forgotten. */
static int64_t wait_slots(const struct limit_rule *r, const struct limit_state *s, int64_t weight,
                          int64_t now)
{
    int64_t slots = limit_slots(r, s, now), wanted = weight < slots ? weight : slots;
    if (!slots || s->used + wanted <= slots) {
        return 0;
    }
    wanted = weight < r->concurrency ? weight : r->concurrency;
    return slots < r->concurrency && s->used + wanted <= r->concurrency ? s->cut_at + LIMIT_CUT_MS
                                                                        : LIMIT_WAIT_FOREVER;
}

int64_t limit_wait(const struct limit_rule *r, const struct limit_state *s, int64_t weight, int64_t now)
{
    if (s->paused_until > now) {
        return s->paused_until;
    }
    int64_t until = wait_slots(r, s, weight, now);
    return until ? until : limit_wait_tokens(r, s, weight, now);
}

void limit_spend(const struct limit_rule *r, struct limit_state *s, int64_t n, int64_t now)
{
    if (r->rate) {
        int64_t owed = owed_us(r, s, now) + refill_us(r, n), most = debt_max_us(r);
        s->full_at_us = owed > 0 ? now * 1000 + (owed < most ? owed : most) : 0;
    }
}

/* As long as the same tokens take by the other rule. All factors are bounded: 61 + 30 + 32 bits. */
static int64_t convert_us(const struct limit_rule *from, const struct limit_rule *to, int64_t us)
{
    __extension__ __int128 n = (__int128)us * from->rate * to->period_ms / from->period_ms / to->rate;
    return n > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)n;
}

void limit_rescale(const struct limit_rule *from, const struct limit_rule *to, struct limit_state *s,
                   int64_t now)
{
    bool is_same = from->rate == to->rate && from->period_ms == to->period_ms && from->burst == to->burst;
    if (is_same) {
        return;
    }
    int64_t owed = from->rate && to->rate ? owed_us(from, s, now) : 0;
    if (!owed) {
        s->full_at_us = 0;
        return;
    }
    int64_t overdraft = owed - refill_us(from, from->burst);
    overdraft = overdraft > 0 ? convert_us(from, to, overdraft) : 0;
    int64_t most = overdraft_max_us(to), same = convert_us(from, to, owed);
    int64_t room = refill_us(to, to->burst) + (overdraft < most ? overdraft : most);
    s->full_at_us = now * 1000 + (same < room ? same : room);
}

void limit_begin(const struct limit_rule *r, struct limit_state *s, int64_t weight, int64_t now)
{
    s->used += weight;
    limit_spend(r, s, weight, now);
}
