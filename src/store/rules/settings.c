/* settings.c: what the settings of a queue mean. */
#include "store/rules/rules.h"

#define DAY_MS 86400000LL

struct queue_settings settings_default(void)
{
    return (struct queue_settings){-1, -1, -1, -1, -1, -1, -1, -1, -1};
}

void settings_members(struct queue_settings *s, int64_t *out[QUEUE_SETTINGS])
{
    int64_t *all[QUEUE_SETTINGS] = {
        &s->lease_ms,  &s->timeout_ms,          &s->max_attempts,     &s->retry_base_ms,
        &s->priority,  &s->retain_completed_ms, &s->retain_failed_ms, &s->retain_cancelled_ms,
        &s->max_queued};
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        out[i] = all[i];
    }
}

void settings_merge(struct queue_settings *to, struct queue_settings from)
{
    int64_t *t[QUEUE_SETTINGS], *f[QUEUE_SETTINGS];
    settings_members(to, t);
    settings_members(&from, f);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        if (*f[i] != -2) {
            *t[i] = *f[i];
        }
    }
}

int64_t settings_retention_ms(const struct queue_settings *s, enum job_state state)
{
    switch (state) {
    case JOB_COMPLETED:
        return s->retain_completed_ms >= 0 ? s->retain_completed_ms : 7 * DAY_MS;
    case JOB_FAILED:
        return s->retain_failed_ms >= 0 ? s->retain_failed_ms : 14 * DAY_MS;
    default:
        return s->retain_cancelled_ms >= 0 ? s->retain_cancelled_ms : 7 * DAY_MS;
    }
}
