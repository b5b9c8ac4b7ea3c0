/* retry.c: see retry.h. The printed form of a policy: attempts, a letter for the backoff, its numbers, all with commas:
 * `3,e,60000,3600000`, `5,n,1000,60000` (no jitter), `3,f,1000`, `4,l,1000,5000,60000`. */
#include "core/retry.h"

#include <string.h>

static const char *const class_names[ERROR_CLASSES] = {
    [ERROR_TRANSIENT] = "transient", [ERROR_PERMANENT] = "permanent", [ERROR_RATE_LIMITED] = "rate_limited",
    [ERROR_TIMEOUT] = "timeout",     [ERROR_CRASH] = "crash",
};

const char *error_class_name(enum error_class c)
{
    return class_names[c];
}

bool error_class_parse(struct str name, enum error_class *out)
{
    for (int i = 0; i < ERROR_CLASSES; i++) {
        if (str_eq(str_from(class_names[i]), name)) {
            *out = (enum error_class)i;
            return true;
        }
    }
    return false;
}

struct retry_policy retry_default(void)
{
    return (struct retry_policy){.max_attempts = RETRY_MAX_ATTEMPTS_DEFAULT,
                                 .backoff = BACKOFF_EXPONENTIAL,
                                 .base_ms = RETRY_BASE_DEFAULT_MS,
                                 .cap_ms = RETRY_CAP_DEFAULT_MS};
}

void retry_fill(struct retry_policy *p, const struct retry_policy *defaults)
{
    if (!p->max_attempts) {
        p->max_attempts = defaults->max_attempts;
    }
    if (p->backoff != BACKOFF_EXPONENTIAL) {
        return;
    }
    bool is_unset = !p->base_ms && !p->cap_ms && !p->no_jitter;
    if (is_unset) { /* the defaults' kind of backoff too */
        int64_t max_attempts = p->max_attempts;
        *p = *defaults;
        p->max_attempts = max_attempts;
        return;
    }
    if (!p->base_ms) {
        p->base_ms = defaults->base_ms ? defaults->base_ms : RETRY_BASE_DEFAULT_MS;
    }
    if (!p->cap_ms) {
        p->cap_ms = p->base_ms > RETRY_CAP_DEFAULT_MS ? p->base_ms : RETRY_CAP_DEFAULT_MS;
    }
}

static int64_t exponential_ms(const struct retry_policy *p, int64_t attempt, uint64_t random)
{
    int64_t delay = p->base_ms < p->cap_ms ? p->base_ms : p->cap_ms;
    for (int64_t i = 1; i < attempt && delay < p->cap_ms && delay > 0; i++) {
        delay = delay > p->cap_ms / 2 ? p->cap_ms : delay * 2; /* never past the cap, so never an overflow */
    }
    if (p->no_jitter || delay <= 0) {
        return delay;
    }
    return (int64_t)(random % ((uint64_t)delay + 1));
}

int64_t retry_delay_ms(const struct retry_policy *p, int64_t attempt, uint64_t random)
{
    int64_t i = attempt - 1;
    switch (p->backoff) {
    case BACKOFF_FIXED:
        return p->base_ms;
    case BACKOFF_LIST:
        if (p->list_count < 1) {
            return 0;
        }
        return p->list_ms[i < 0 ? 0 : i < p->list_count ? i : p->list_count - 1];
    case BACKOFF_EXPONENTIAL:
        break;
    }
    return exponential_ms(p, attempt, random);
}

static bool is_default(const struct retry_policy *p)
{
    struct retry_policy d = retry_default();
    return p->max_attempts == d.max_attempts && p->backoff == d.backoff && p->base_ms == d.base_ms &&
           p->cap_ms == d.cap_ms && !p->no_jitter;
}

size_t retry_print(const struct retry_policy *p, char *to, size_t size)
{
    if (is_default(p)) {
        to[0] = '\0';
        return 0;
    }
    long long max = p->max_attempts;
    if (p->backoff == BACKOFF_FIXED) {
        return str_print(to, size, "%lld,f,%lld", max, (long long)p->base_ms);
    }
    if (p->backoff == BACKOFF_EXPONENTIAL) {
        return str_print(to, size, "%lld,%c,%lld,%lld", max, p->no_jitter ? 'n' : 'e', (long long)p->base_ms,
                         (long long)p->cap_ms);
    }
    size_t n = str_print(to, size, "%lld,l", max);
    for (int i = 0; i < p->list_count; i++) {
        n += str_print(to + n, size - n, ",%lld", (long long)p->list_ms[i]);
    }
    return n;
}

static bool parse_list(struct str rest, struct retry_policy *p)
{
    while (rest.n) {
        if (p->list_count == RETRY_LIST_MAX ||
            !str_to_i64(str_cut(rest, ',', &rest), &p->list_ms[p->list_count])) {
            return false;
        }
        p->list_count++;
    }
    return p->list_count > 0;
}

bool retry_parse(struct str text, struct retry_policy *out)
{
    if (!text.n) {
        *out = retry_default();
        return true;
    }
    struct retry_policy p = {0};
    struct str rest = STR_NONE;
    if (!str_to_i64(str_cut(text, ',', &rest), &p.max_attempts)) {
        return false;
    }
    struct str kind = str_cut(rest, ',', &rest);
    bool is_good = kind.n == 1;
    switch (is_good ? kind.p[0] : '?') {
    case 'f':
        p.backoff = BACKOFF_FIXED;
        is_good = str_to_i64(rest, &p.base_ms);
        break;
    case 'l':
        p.backoff = BACKOFF_LIST;
        is_good = parse_list(rest, &p);
        break;
    case 'n':
    case 'e':
        p.no_jitter = kind.p[0] == 'n';
        is_good = str_to_i64(str_cut(rest, ',', &rest), &p.base_ms) && str_to_i64(rest, &p.cap_ms);
        break;
    default:
        is_good = false;
    }
    if (is_good) {
        *out = p;
    }
    return is_good;
}
