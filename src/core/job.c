/* job.c: the names of what job.h lists, and the check of what an enqueue asks for. Pure. */
#include "core/job.h"

#include "base/json.h"
#include "core/limits.h"

#include <string.h>

#define RUN_AT_MAX_MS (253402300799999LL) /* the end of year 9999: later instants have no text */

static const char *const state_names[JOB_STATES] = {
    [JOB_BLOCKED] = "blocked",       [JOB_SCHEDULED] = "scheduled", [JOB_QUEUED] = "queued",
    [JOB_PROCESSING] = "processing", [JOB_COMPLETED] = "completed", [JOB_FAILED] = "failed",
    [JOB_CANCELLED] = "cancelled",   [JOB_SKIPPED] = "skipped",
};

static const char *const reason_names[JOB_REASONS] = {
    [JOB_REASON_NONE] = "",
    [JOB_REASON_ERROR] = "error",
    [JOB_REASON_TIMEOUT] = "timeout",
    [JOB_REASON_POISONED] = "poisoned",
    [JOB_REASON_PARENT_FAILED] = "parent_failed",
    [JOB_REASON_EXPIRED] = "expired",
    [JOB_REASON_OVERLAP] = "overlap",
    [JOB_REASON_CANCELLED] = "cancelled",
};

static const char *const on_lost_names[] = {[JOB_ON_LOST_RETRY] = "retry", [JOB_ON_LOST_FAIL] = "fail"};

static const char *const on_duplicate_names[] = {[JOB_ON_DUPLICATE_KEEP] = "keep",
                                                 [JOB_ON_DUPLICATE_REPLACE] = "replace",
                                                 [JOB_ON_DUPLICATE_REPLACE_ARGS] = "replace_args"};
static const char *const on_cancel_names[] = {[JOB_ON_CANCEL_STOP] = "stop", [JOB_ON_CANCEL_RUN] = "run"};

static const char *const on_parent_names[] = {
    [JOB_ON_PARENT_FAIL] = "fail", [JOB_ON_PARENT_SKIP] = "skip", [JOB_ON_PARENT_CONTINUE] = "continue"};

static bool find_name(const char *const *names, int count, struct str name, int *out)
{
    for (int i = 0; i < count; i++) {
        if (str_eq(str_from(names[i]), name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *job_state_name(enum job_state s)
{
    return state_names[s];
}

bool job_state_parse(struct str name, enum job_state *out)
{
    int i = 0;
    bool is_known = find_name(state_names, JOB_STATES, name, &i);
    if (is_known) {
        *out = (enum job_state)i;
    }
    return is_known;
}

bool job_state_is_final(enum job_state s)
{
    return s >= JOB_COMPLETED;
}

const char *job_reason_name(enum job_reason r)
{
    return reason_names[r];
}

const char *job_on_lost_name(enum job_on_lost o)
{
    return on_lost_names[o];
}

bool job_on_lost_parse(struct str name, enum job_on_lost *out)
{
    int i = 0;
    bool is_known = find_name(on_lost_names, 2, name, &i);
    if (is_known) {
        *out = (enum job_on_lost)i;
    }
    return is_known;
}

const char *job_on_duplicate_name(enum job_on_duplicate o)
{
    return on_duplicate_names[o];
}

bool job_on_duplicate_parse(struct str name, enum job_on_duplicate *out)
{
    int i = 0;
    bool is_known = find_name(on_duplicate_names, 3, name, &i);
    if (is_known) {
        *out = (enum job_on_duplicate)i;
    }
    return is_known;
}

const char *job_on_cancel_name(enum job_on_cancel o)
{
    return on_cancel_names[o];
}

bool job_on_cancel_parse(struct str name, enum job_on_cancel *out)
{
    int i = 0;
    bool is_known = find_name(on_cancel_names, 2, name, &i);
    if (is_known) {
        *out = (enum job_on_cancel)i;
    }
    return is_known;
}

const char *job_on_parent_name(enum job_on_parent o)
{
    return on_parent_names[o];
}

bool job_on_parent_parse(struct str name, enum job_on_parent *out)
{
    int i = 0;
    bool is_known = find_name(on_parent_names, 3, name, &i);
    if (is_known) {
        *out = (enum job_on_parent)i;
    }
    return is_known;
}

/* ---- the check */

static enum rc bad(struct err *e, const char *field, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s %s", field, what);
}

static enum rc check_name(struct str s, const char *field, struct err *e)
{
    if (!str_is_name(s)) {
        return bad(e, field, "must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -");
    }
    return RC_OK;
}

static enum rc check_key(struct str s, const char *field, struct err *e)
{
    if (s.n > JOB_KEY_MAX_BYTES) {
        return bad(e, field, "is longer than 256 bytes");
    }
    if (!str_is_text(s)) {
        return bad(e, field, "must be UTF-8 text without NUL");
    }
    return RC_OK;
}

static enum rc check_range(int64_t v, int64_t min, int64_t max, const char *field, struct err *e)
{
    if (v < min || v > max) {
        return err_set_code(e, RC_INVALID, "invalid_field", field, "%s must be from %lld to %lld", field,
                            (long long)min, (long long)max);
    }
    return RC_OK;
}

/* An array of at most JOB_TAGS_MAX texts that are good as keys. */
static enum rc check_list(struct str s, const char *field, struct err *e)
{
    if (!s.n) {
        return RC_OK;
    }
    if (s.n > (size_t)JOB_TAGS_MAX * (JOB_KEY_MAX_BYTES + 16) * 2) {
        return bad(e, field, "is too long");
    }
    struct arena *a = arena_new();
    struct json *list = NULL;
    enum rc rc = json_parse(s, a, &list, NULL);
    if (rc || list->type != JSON_ARRAY || list->count > JOB_TAGS_MAX) {
        rc = bad(e, field, "must be an array of at most 16 strings");
    }
    for (const struct json *i = rc ? NULL : list->first; i && !rc; i = i->next) {
        bool is_text = i->type == JSON_STRING && i->s.n;
        rc = is_text ? check_key(i->s, field, e) : bad(e, field, "must hold texts that are not empty");
    }
    arena_free(a);
    return rc;
}

static enum rc check_limits(struct str s, struct err *e)
{
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    if (!s.n) {
        return RC_OK;
    }
    struct arena *a = arena_new();
    enum rc rc = limits_read(s, a, uses, &count, e);
    arena_free(a);
    return rc;
}

static enum rc check_retry(const struct retry_policy *p, struct err *e)
{
    enum rc rc = check_range(p->max_attempts, 0, JOB_ATTEMPTS_MAX, "max_attempts", e);
    if (!rc) {
        rc = check_range(p->base_ms, 0, RETRY_DELAY_MAX_MS, "retry", e);
    }
    if (!rc) {
        rc = check_range(p->cap_ms, 0, RETRY_DELAY_MAX_MS, "retry", e);
    }
    if (!rc && p->backoff == BACKOFF_LIST && (p->list_count < 1 || p->list_count > RETRY_LIST_MAX)) {
        rc = bad(e, "retry", "needs a list of 1 to 16 delays");
    }
    for (int i = 0; i < p->list_count && !rc && p->backoff == BACKOFF_LIST; i++) {
        rc = check_range(p->list_ms[i], 0, RETRY_DELAY_MAX_MS, "retry", e);
    }
    return rc;
}

enum rc job_args_check(struct str args, struct err *e)
{
    if (args.n > JOB_ARGS_MAX_BYTES) {
        return err_set_code(e, RC_TOO_BIG, "args_too_big", "args",
                            "args are %zu bytes; at most %d are allowed", args.n, JOB_ARGS_MAX_BYTES);
    }
    return RC_OK;
}

static enum rc check_texts(const struct job_spec *s, struct err *e)
{
    enum rc rc = s->queue.n ? check_name(s->queue, "queue", e) : RC_OK;
    if (!rc) {
        rc = check_name(s->kind, "kind", e);
    }
    if (!rc) {
        rc = job_args_check(s->args, e);
    }
    if (!rc) {
        rc = check_key(s->unique_key, "unique_key", e);
    }
    if (!rc) {
        rc = check_key(s->group, "group", e);
    }
    if (!rc) {
        rc = check_list(s->tags, "tags", e);
    }
    return rc ? rc : check_limits(s->limit_keys, e);
}

/* What the names stand for: links.h. */
static enum rc check_depends(const struct job_spec *s, struct err *e)
{
    struct id id;
    enum rc rc = s->ref.n ? check_name(s->ref, "ref", e) : RC_OK;
    if (!rc && s->ref.n && id_parse(s->ref, &id)) {
        rc = bad(e, "ref", "must not look like a job's id");
    }
    if (!rc && s->depends_count > JOB_DEPENDS_MAX) {
        rc = bad(e, "depends_on", "has more than 1000 entries");
    }
    return rc;
}

enum rc job_spec_check(const struct job_spec *s, struct err *e)
{
    const struct {
        int64_t v, min, max;
        const char *field;
    } ranges[] = {
        {s->priority, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, "priority"},
        {s->run_at, 0, RUN_AT_MAX_MS, "run_at"},
        {s->delay_ms, 0, RETRY_DELAY_MAX_MS, "delay_s"},
        {s->timeout_ms, 0, JOB_TIMEOUT_MAX_MS, "timeout_s"},
        {s->deadline_ms, 0, RETRY_DELAY_MAX_MS, "deadline_s"},
        {s->lost_max, 0, JOB_ATTEMPTS_MAX, "lost_max"},
        {s->on_lost, JOB_ON_LOST_RETRY, JOB_ON_LOST_FAIL, "on_lost"},
        {s->on_cancel, JOB_ON_CANCEL_STOP, JOB_ON_CANCEL_RUN, "on_cancel"},
        {s->on_parent_failure, JOB_ON_PARENT_FAIL, JOB_ON_PARENT_CONTINUE, "on_parent_failure"},
        {s->on_duplicate, JOB_ON_DUPLICATE_KEEP, s->unique_key.n ? JOB_ON_DUPLICATE_REPLACE_ARGS : 0,
         "on_duplicate"},
        {s->unique_for_ms, 0, JOB_FOREVER_MS, "unique_for_s"},
    };
    enum rc rc = check_texts(s, e);
    if (!rc) {
        rc = check_depends(s, e);
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && !rc; i++) {
        rc = check_range(ranges[i].v, ranges[i].min, ranges[i].max, ranges[i].field, e);
    }
    return rc ? rc : check_retry(&s->retry, e);
}
