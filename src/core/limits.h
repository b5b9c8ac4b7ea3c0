/* limits.h: how many jobs of a key may run at once, and how many may begin in a time. Pure: no clock, no store.
 *
 * A key is a name that jobs choose (`provider:openai`, `host:docs.example.org`). Its slots are taken while a lease lives; its
 * tokens are spent when a job is handed out, or when a running job takes some. Tokens come back at an even rate, and up to `burst` of
 * them pile up (GCRA): all that is kept is the instant at which none would be owed, full_at_us.
 *
 * What weighs more than a key can ever give waits until nothing is used, or the tokens are all there. Then it takes what it weighs:
 * tokens beyond those that are there are owed, so that over time no more are spent than come back.
 *
 * The slots of an adaptive rule are as many as those behind the key bear (AIMD): when it refuses they are cut by half, and each job
 * that completes gives back its part of one, so that the slots in force are one more when about as many jobs have completed. */
#ifndef STINT_CORE_LIMITS_H
#define STINT_CORE_LIMITS_H

#include "base/arena.h"
#include "base/buf.h"

#define LIMITS_PER_JOB        8
#define LIMIT_KEY_MAX_BYTES   200
#define LIMIT_WEIGHT_MAX      1000000
#define LIMIT_CONCURRENCY_MAX 1000000
#define LIMIT_RATE_MAX        1000000000
#define LIMIT_PERIOD_MIN_MS   1
#define LIMIT_PERIOD_MAX_MS   (31LL * 86400000)
#define LIMIT_OVERDRAFT_MS    3600000
#define LIMIT_CUT_MS          (24LL * 3600000) /* then a cut is forgotten */
#define LIMIT_SERVER_PREFIX   "server:"        /* keys that begin so are the same for all tenants */
#define LIMIT_WAIT_FOREVER    INT64_MAX

struct limit_use { /* a key that a job names */
    struct str key;
    int64_t weight;
};

struct limit_rule { /* 0: no bound of that sort */
    int64_t concurrency;
    int64_t rate, period_ms, burst; /* rate tokens each period; burst is set when rate is */
    bool is_adaptive;               /* concurrency is the most; goes with one */
};

struct limit_state {
    int64_t used;       /* weight of the live leases */
    int64_t full_at_us; /* unix microseconds; in the past: all tokens are there */
    int64_t
        paused_until;  /* unix milliseconds; 0 or past: not; LIMIT_WAIT_FOREVER: until somebody resumes it */
    int64_t cut_micro; /* millionths of slots that are in force since they were cut; 0: they are not */
    int64_t cut_at;    /* when they were last, unix milliseconds */
};

/* The JSON array of a job: keys, or {"key", "weight"}. Sorted by key afterwards, none twice; texts live in `a` or in the text.
 * "" is none. RC_INVALID, field `limits`. */
MUST_CHECK enum rc limits_read(struct str json, struct arena *a, struct limit_use out[LIMITS_PER_JOB],
                               size_t *count, struct err *e);
/* The same array as stores keep it: equal sets give equal text. */
void limits_write(const struct limit_use *uses, size_t count, struct buf *out);
/* Is it a key that jobs may name; or, may_be_pattern, the beginning of some with a `*` behind it? */
bool limit_key_is_good(struct str key, bool may_be_pattern);
bool limit_key_is_pattern(struct str key);
/* A key, or a pattern whose one `*` is its end: elsewhere it would stand for itself, which nobody means who writes it. */
bool limit_key_may_have_rule(struct str key);
/* Does the pattern speak of the key? */
bool limit_key_matches(struct str pattern, struct str key);
/* RC_INVALID with e->field: `concurrency`, `rate`, `adaptive`. */
MUST_CHECK enum rc limit_rule_check(const struct limit_rule *rule, struct err *e);

/* 0: so much may begin now. Else when to ask again, unix milliseconds; LIMIT_WAIT_FOREVER: when a slot is free again, or
 * somebody resumes the key. */
int64_t limit_wait(const struct limit_rule *rule, const struct limit_state *s, int64_t weight, int64_t now);
/* It begins: the slot is used and the tokens are spent. */
void limit_begin(const struct limit_rule *rule, struct limit_state *s, int64_t weight, int64_t now);
/* As limit_wait, of tokens alone: for what runs already. */
int64_t limit_wait_tokens(const struct limit_rule *rule, const struct limit_state *s, int64_t n, int64_t now);
/* Whole tokens that could be had now, if nothing forbade it; below 0: so many are owed before there is one; 0 without a rate. */
int64_t limit_tokens_left(const struct limit_rule *rule, const struct limit_state *s, int64_t now);
/* n more tokens are spent, or, n < 0, fewer than was thought. Beyond an empty bucket at most as much again is owed, or what comes back
 * in LIMIT_OVERDRAFT_MS. */
void limit_spend(const struct limit_rule *rule, struct limit_state *s, int64_t n, int64_t now);
/* How many slots there are now; 0: without bound. */
int64_t limit_slots(const struct limit_rule *rule, const struct limit_state *s, int64_t now);
/* A job that began at `began_at` was refused: half of the slots are left, and one at least. Not again for those that began before the
 * last cut: they are of the same burst. false: all is as it was. */
bool limit_cut(const struct limit_rule *rule, struct limit_state *s, int64_t began_at, int64_t now);
/* So many jobs of the key have completed. false: all is as it was. */
bool limit_mend(const struct limit_rule *rule, struct limit_state *s, int64_t completed, int64_t now);
/* `to` holds instead of `from`: tokens that are owed stay so, and come back as `to` says; without a rate nothing is owed. A smaller
 * burst overdraws nobody who was not. */
void limit_rescale(const struct limit_rule *from, const struct limit_rule *to, struct limit_state *s,
                   int64_t now);

#endif
