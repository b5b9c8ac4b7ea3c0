/* end_event.c: the event that no engine stores: it is made from the row of a job that is final. */
#include "store/rules/rules.h"

#include "base/json.h"

#define DATA_MAX_BYTES (2 * JOB_ERROR_MAX_BYTES * 6)

struct job_event_row end_event(const struct job *j, struct arena *a)
{
    struct buf out = BUF_LIMIT(DATA_MAX_BYTES);
    struct json_out w = json_writer(&out);
    json_object_begin(&w);
    json_put_c(&w, "state", job_state_name(j->state));
    if (j->reason != JOB_REASON_NONE) {
        json_put_c(&w, "reason", job_reason_name(j->reason));
    } else {
        json_name(&w, "reason");
        json_null(&w);
    }
    json_put_int(&w, "attempt", j->attempt);
    if (j->has_error && j->state != JOB_COMPLETED) {
        json_name(&w, "error");
        json_object_begin(&w);
        json_put_c(&w, "class", error_class_name(j->error.class));
        json_put_str(&w, "code", j->error.code);
        json_put_str(&w, "message", j->error.message);
        json_object_end(&w);
    }
    json_object_end(&w);
    struct job_event_row row = {
        .seq = j->last_seq, .at = j->finished_at, .type = STR("end"), .data = arena_str(a, buf_str(&out))};
    buf_dispose(&out);
    return row;
}
