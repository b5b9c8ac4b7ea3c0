/* retry.h: how long to wait before the next attempt, and which failures get one. Pure. */
#ifndef STINT_CORE_RETRY_H
#define STINT_CORE_RETRY_H

#include "base/str.h"

enum error_class {
    ERROR_TRANSIENT,    /* retry with backoff */
    ERROR_PERMANENT,    /* no retry */
    ERROR_RATE_LIMITED, /* retry after N, no attempt used */
    ERROR_TIMEOUT,      /* as transient; the server's clock ended it */
    ERROR_CRASH,        /* as transient; the worker died */
    ERROR_CLASSES,
};

enum backoff_kind { BACKOFF_EXPONENTIAL, BACKOFF_FIXED, BACKOFF_LIST };

#define RETRY_LIST_MAX             16
#define RETRY_MAX_ATTEMPTS_DEFAULT 3
#define RETRY_BASE_DEFAULT_MS      60000
#define RETRY_CAP_DEFAULT_MS       3600000
#define RETRY_DELAY_MAX_MS         (3650LL * 86400000) /* of any delay that a stranger chooses */
#define RETRY_TEXT_BYTES           400                 /* room for retry_print */

struct retry_policy {
    int64_t max_attempts; /* 0 in a spec = default */
    enum backoff_kind backoff;
    int64_t base_ms;                 /* first delay (exponential, fixed) */
    int64_t cap_ms;                  /* exponential: never longer */
    bool no_jitter;                  /* exponential: full jitter unless set */
    int64_t list_ms[RETRY_LIST_MAX]; /* list: delay before attempt 2, 3, …; the last one repeats */
    int list_count;
};

const char *error_class_name(enum error_class c);
MUST_CHECK bool error_class_parse(struct str name, enum error_class *out);

/* Of a job for which nobody says otherwise: three attempts, an exponential backoff from 60 s to 1 h with full jitter. */
struct retry_policy retry_default(void);
/* Gives the members of p that say nothing (attempts 0; an exponential backoff with no number) those of `defaults`. */
void retry_fill(struct retry_policy *p, const struct retry_policy *defaults);
/* The delay before the attempt that follows `attempt` failures (attempt >= 1), `random` uniform over 64 bits.
 * Exponential: base * 2^(attempt-1), at most cap, then full jitter: uniform in [0, that]; never overflows. */
int64_t retry_delay_ms(const struct retry_policy *p, int64_t attempt, uint64_t random);
/* A policy as a compact text for the store's row ("" = the default) and back. */
size_t retry_print(const struct retry_policy *p, char *to, size_t size);
MUST_CHECK bool retry_parse(struct str text, struct retry_policy *out);

#endif
