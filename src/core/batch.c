/* batch.c: see batch.h. */
#include "core/batch.h"

const char *batch_state_name(enum batch_state s)
{
    static const char *const names[] = {
        [BATCH_OPEN] = "open", [BATCH_CLOSED] = "closed", [BATCH_FINISHED] = "finished"};
    return names[s];
}

static enum rc bad(struct err *e, const char *field, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s %s", field, what);
}

enum rc batch_plan_check(const struct batch_plan *p, struct err *e)
{
    if (p->name.n > BATCH_NAME_MAX_BYTES || !str_is_utf8(p->name)) {
        return bad(e, "name", "must be a text of at most 128 bytes");
    }
    if (p->labels.n > BATCH_LABELS_MAX_BYTES) {
        return bad(e, "labels", "must be an object of at most 4096 bytes");
    }
    if (p->max_jobs < 0 || p->max_jobs > BATCH_JOBS_MAX) {
        return bad(e, "max_jobs", "must be from 1 to 1000000000");
    }
    return RC_OK;
}
