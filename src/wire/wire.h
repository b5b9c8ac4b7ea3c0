/* wire.h: the JSON shapes of the API, read and written here and nowhere else, by server and client alike. Reading is strict:
 * what is not in the shape is refused by name (fields.h). Nothing is copied: results borrow from the JSON text. */
#ifndef STINT_WIRE_WIRE_H
#define STINT_WIRE_WIRE_H

#include "core/batch.h"
#include "core/report.h"
#include "core/schedule.h"
#include "wire/fields.h"

#define WIRE_ITEMS_MAX  10000 /* of one bulk call */
#define WIRE_EVENTS_MAX 100   /* of one report */

/* What one request may hold: 500,000 values that are looked into, 4,000,000 with those that are only carried. */
struct json_budget wire_budget(void);

/* ---- problems: what a failure looks like. One table (problem.c): word, rc, HTTP status, title. ---- */
struct wire_problem {
    const char *code; /* the stable word: `lease_lost`; `type` on the wire is "urn:stint:problem:" and this */
    enum rc rc;
    int status;
    const char *title;
};

/* The row of e->code, else the general row of rc. Never NULL. */
const struct wire_problem *wire_problem_of(enum rc rc, const char *code);
/* The row of a word that came over the wire (with or without the urn), or NULL. */
const struct wire_problem *wire_problem_named(struct str word);
/* {"type","code","title","status","detail"?,"field"?} as members of the object that is open. e may be NULL. */
void wire_problem_members(struct json_out *w, const struct wire_problem *p, const struct err *e);

/* ---- jobs ---- */
enum wire_parts { WIRE_JOB_LIST = 0, WIRE_JOB_FULL = 1 /* args, result, stack */ };

void wire_job_write(struct json_out *w, const struct job *j, enum wire_parts parts);
/* For clients: reads what wire_job_write and wire_claimed_write wrote. Members it does not know are skipped. */
MUST_CHECK enum rc wire_job_read(const struct json *v, struct job *out, struct err *e);

MUST_CHECK enum rc wire_spec_read(const struct json *v, struct arena *a, struct job_spec *out, struct err *e);
void wire_spec_write(struct json_out *w, const struct job_spec *s);
/* The children of a report: specs that may also say `attach`. e->field begins with "/children". */
MUST_CHECK enum rc wire_children_read(const struct json *v, struct arena *a, const struct job_spec **out,
                                      size_t *count, struct err *e);

/* {"id","state","duplicate"?,"pruned"?}, {"dropped"} or {"status", problem…}. */
void wire_enqueue_verdict_write(struct json_out *w, const struct enqueue_verdict *v);
/* {"open","completed","failed","cancelled","skipped"} as members of the object that is open. */
void wire_children_members(struct json_out *w, const struct job_children *c);
void wire_act_verdict_write(struct json_out *w, const struct act_verdict *v);

/* ---- schedules ---- */
/* A definition: everything but whether cron, zone and job are good (queue_schedule_timing, schedule_job). */
MUST_CHECK enum rc wire_plan_read(const struct json *v, struct arena *a, struct schedule_plan *out,
                                  struct err *e);
/* The same, from text: as it is kept. */
MUST_CHECK enum rc wire_plan_parse(struct str text, struct arena *a, struct schedule_plan *out,
                                   struct err *e);
/* A definition with the members of `patch` in the place of its own; null takes one away. `out` lives in `a`. RC_INVALID: no object,
 * or an unknown member; the rest is for wire_plan_parse. */
MUST_CHECK enum rc wire_plan_merge(struct str definition, const struct json *patch, struct arena *a,
                                   struct str *out, struct err *e);
/* Its members, into the object that is open. */
void wire_plan_members(struct json_out *w, const struct schedule_plan *p);

/* ---- matrices: "matrix" of schedules and batches, and "finally" ---- */
#define WIRE_FINALLY_MAX SCHEDULE_FINALLY_MAX

/* e->field begins with /matrix. */
MUST_CHECK enum rc wire_matrix_read(const struct json *v, struct arena *a, struct matrix *out, struct err *e);
/* Jobs that wait for a batch, which they do not name. e->field begins with /finally. */
MUST_CHECK enum rc wire_finally_read(const struct json *v, struct arena *a, struct job_spec *out,
                                     struct err *e);
/* What a batch is filled with, as it is kept. */
MUST_CHECK enum rc wire_filling_parse(struct str text, struct arena *a, struct batch_filling *out,
                                      struct err *e);

/* ---- batches ---- */

/* POST /v1/batches as an enqueue: the first of the specs is the batch. */
struct wire_batch {
    struct batch_plan plan;
    struct job_spec *specs;
    size_t job_count, finally_count; /* of the specs behind the first, in this order */
    struct batch_filling filling;    /* with plan.filling */
};

MUST_CHECK enum rc wire_batch_read(const struct json *v, struct arena *a, struct wire_batch *out,
                                   struct err *e);
void wire_batch_write(struct json_out *w, const struct batch *b, int64_t now);
/* What a stream tells of it meanwhile. */
void wire_batch_progress_write(struct json_out *w, const struct batch *b, int64_t now);
/* {"class","code","message"} */
void wire_error_write(struct json_out *w, const struct job_error *error);
/* One line of its results: {"job","kind","state","result","error","finished_at"}. */
void wire_result_write(struct json_out *w, const struct job *j);

/* ---- claims ---- */
struct wire_claim {
    struct str worker;
    const struct str *queues, *kinds;
    size_t queue_count, kind_count;
    int64_t max, wait_ms, lease_ms;
};

MUST_CHECK enum rc wire_claim_read(const struct json *v, struct arena *a, struct wire_claim *out,
                                   struct err *e);
void wire_claim_write(struct json_out *w, const struct wire_claim *c);
/* One job of a claim's answer: what a worker needs: id, lease, args, checkpoint, attempt, timeout, what became of its
 * children. */
void wire_claimed_write(struct json_out *w, const struct job *j, struct str tenant);

/* ---- reports ---- */
MUST_CHECK enum rc wire_report_read(const struct json *v, struct arena *a, struct report *out, struct err *e);
void wire_report_write(struct json_out *w, const struct report *r);
/* {"job","status","state","cancel"?,"replayed"?,"lease_left_s"?,"run_at"?} and, when it failed, the problem's members. */
void wire_report_verdict_write(struct json_out *w, const struct report *r, const struct report_verdict *v);
/* For clients. v->e.code is a word of the table in problem.c. */
MUST_CHECK enum rc wire_report_verdict_read(const struct json *v, struct report_verdict *out, struct err *e);
/* The HTTP status of a verdict. */
int wire_status(enum rc rc, const char *code);

/* "type/subtype" of printable ASCII: safe as the value of a header. */
bool wire_is_media_type(struct str s);

/* ---- events ---- */
/* {"seq","at","type","data"} */
void wire_event_write(struct json_out *w, const struct job_event_row *ev);
/* One event of a text/event-stream; seq 0 = without an id. `data` is one JSON value; its line breaks become `data:` lines. */
void wire_event_sse(struct buf *out, int64_t seq, struct str type, struct str data);

#endif
