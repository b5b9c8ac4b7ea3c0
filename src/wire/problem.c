/* problem.c: what a client may see of a failure, decided in this one table: word, rc, HTTP status, title. The first row of
 * an rc is its general one. Listed in docs/api.md, "Errors" (checked). */
#include "wire/wire.h"

#include <string.h>

#define URN "urn:stint:problem:"

static const struct wire_problem problems[] = {
    {"invalid", RC_INVALID, 422, "The request is not valid"},
    {"not_found", RC_NOT_FOUND, 404, "There is no such thing here"},
    {"forbidden", RC_DENIED, 403, "This key may not do that"},
    {"conflict", RC_CONFLICT, 409, "In conflict with what is there"},
    {"lease_lost", RC_LEASE_LOST, 409, "The lease is no longer held"},
    {"too_big", RC_TOO_BIG, 413, "Too big"},
    {"busy", RC_BUSY, 503, "Not now"},
    {"store_full", RC_FULL, 507, "No space left on the store's disk"},
    {"internal", RC_FATAL, 500, "The server failed"},
    {"malformed_json", RC_INVALID, 400, "The body is not JSON"},
    {"malformed_request", RC_INVALID, 400, "The request is malformed"},
    {"invalid_cursor", RC_INVALID, 400, "The cursor is not one of this list"},
    {"invalid_event_id", RC_INVALID, 400, "The last event id is not a number"},
    {"filter_required", RC_INVALID, 400, "A filter is required, or all=true"},
    {"unauthorized", RC_DENIED, 401, "A valid key is required"},
    {"request_loop", RC_DENIED, 403, "The request goes in a circle"},
    {"method_not_allowed", RC_INVALID, 405, "This method is not allowed here"},
    {"wrong_state", RC_CONFLICT, 409, "Its state does not allow this"},
    {"erased", RC_CONFLICT, 409, "The job was erased"},
    {"batch_closed", RC_CONFLICT, 409, "The batch takes no more jobs"},
    {"batch_full", RC_CONFLICT, 409, "The batch has no room for jobs that belong together"},
    {"schedule_changed", RC_CONFLICT, 409, "The schedule was changed in between"},
    {"queue_not_empty", RC_CONFLICT, 409, "The queue holds live jobs"},
    {"snoozed_too_often", RC_CONFLICT, 409, "The job was snoozed too often"},
    {"index_unreadable", RC_CONFLICT, 409, "The index cannot be read"},
    {"duplicate_key", RC_CONFLICT, 409, "Another live job holds the unique key"},
    {"idempotency_in_flight", RC_CONFLICT, 409, "The first request with this key is still running"},
    {"stale_report", RC_CONFLICT, 409, "An older report than the last one"},
    {"unsupported_media_type", RC_INVALID, 415, "The body's media type is not supported"},
    {"invalid_field", RC_INVALID, 422, "A member of the request is not valid"},
    {"unknown_field", RC_INVALID, 422, "A member of the request is not known"},
    {"not_supported", RC_INVALID, 422, "Not supported by this version"},
    {"never_fires", RC_INVALID, 422, "The schedule would never fire"},
    {"unknown_dependency", RC_INVALID, 422, "It depends on a job that is not there"},
    {"unknown_batch", RC_INVALID, 422, "There is no such batch"},
    {"dependency_cycle", RC_INVALID, 422, "Jobs depend on each other in a circle"},
    {"unknown_zone", RC_INVALID, 422, "There is no such time zone"},
    {"idempotency_mismatch", RC_INVALID, 422, "The idempotency key was used with another body"},
    {"queue_full", RC_BUSY, 429, "The queue is full"},
    {"too_many_limits", RC_BUSY, 429, "Too many limits"},
    {"too_many_schedules", RC_BUSY, 429, "Too many schedules"},
    {"too_many_streams", RC_BUSY, 429, "Too many open streams"},
    {"too_many_waiting", RC_BUSY, 503, "Too many claims are waiting"},
    {"draining", RC_BUSY, 503, "The server is shutting down"},
    {"store_unavailable", RC_BUSY, 503, "The database is away"},
    {"outcome_unknown", RC_BUSY, 503, "It may have happened or not"},
    {"store_error", RC_BUSY, 503, "The database failed at this"},
    {"query_timeout", RC_BUSY, 503, "The query took too long"},
};

#define PROBLEMS (sizeof problems / sizeof problems[0])

const struct wire_problem *wire_problem_of(enum rc rc, const char *code)
{
    if (code) {
        const struct wire_problem *p = wire_problem_named(str_from(code));
        if (p) {
            return p;
        }
    }
    for (size_t i = 0; i < PROBLEMS; i++) {
        if (problems[i].rc == rc) {
            return &problems[i];
        }
    }
    return wire_problem_of(RC_FATAL, NULL);
}

const struct wire_problem *wire_problem_named(struct str word)
{
    if (str_starts(word, STR(URN))) {
        word = str_sub(word, sizeof URN - 1, word.n);
    }
    for (size_t i = 0; i < PROBLEMS; i++) {
        if (str_eq(word, str_from(problems[i].code))) {
            return &problems[i];
        }
    }
    return NULL;
}

int wire_status(enum rc rc, const char *code)
{
    return rc == RC_OK ? 200 : wire_problem_of(rc, code)->status;
}

void wire_problem_members(struct json_out *w, const struct wire_problem *p, const struct err *e)
{
    char type[64];

    str_print(type, sizeof type, URN "%s", p->code);
    json_put_c(w, "type", type);
    json_put_c(w, "code", p->code);
    json_put_c(w, "title", p->title);
    json_put_int(w, "status", p->status);
    if (!e) {
        return;
    }
    /* The texts of a failing disk or store name paths and SQL: those are for the log. */
    if (e->text[0] && p->rc != RC_FATAL && p->rc != RC_FULL) {
        json_put_c(w, "detail", e->text);
    }
    if (e->field[0]) {
        char field[sizeof e->field + 1];
        str_print(field, sizeof field, e->field[0] == '/' || e->field[0] == '?' ? "%s" : "/%s", e->field);
        json_put_c(w, "field", field);
    }
}
