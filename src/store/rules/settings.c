/* settings.c: what the settings of a queue mean. */
#include "core/turns.h"
#include "store/rules/rules.h"

#define DAY_MS 86400000LL

struct queue_settings settings_default(void)
{
    return (struct queue_settings){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, STR("")};
}

void settings_members(struct queue_settings *s, int64_t *out[QUEUE_SETTINGS])
{
    int64_t *all[QUEUE_SETTINGS] = {
        &s->lease_ms,   &s->timeout_ms,          &s->max_attempts,     &s->retry_base_ms,
        &s->priority,   &s->retain_completed_ms, &s->retain_failed_ms, &s->retain_cancelled_ms,
        &s->max_queued, &s->age_step_ms};
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
    if (from.group_weights.p) {
        to->group_weights = from.group_weights;
    }
}

static enum rc keep_weights(struct str *weights, struct arena *a, struct err *e)
{
    struct buf text = BUF_LIMIT(GROUP_WEIGHTS_ROOM);
    struct group_weights read;
    enum rc rc = group_weights_read(*weights, a, &read, e);
    if (!rc) {
        group_weights_write(&read, &text);
        *weights = text.n ? arena_str(a, buf_str(&text)) : STR("");
    }
    buf_dispose(&text);
    return rc;
}

bool settings_are_good(struct store_set_queue *op)
{
    struct store_op *base = &op->op;
    base->rc = RC_OK;
    if (!str_is_name(op->name)) {
        base->rc = err_set_code(&base->e, RC_INVALID, "invalid_field", NULL, "the queue's name is not valid");
    } else if (op->has_settings && op->settings.group_weights.n) {
        base->rc = keep_weights(&op->settings.group_weights, base->a, &base->e);
    }
    return base->rc == RC_OK;
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
