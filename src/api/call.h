/* call.h: inside api/: one request on its way through a handler, and how handlers read it and answer it. A handler is
 * called when the body is there; it answers now, or submits an operation and answers in its `done`. Everything it needs
 * lives in the exchange's arena, which is gone with the answer. */
#ifndef STINT_API_CALL_H
#define STINT_API_CALL_H

#include "api/api.h"
#include "base/json.h"
#include "crypto/api_key.h"
#include "crypto/crypto.h"
#include "wire/put.h"
#include "wire/wire.h"

struct api_call;
struct streams;
struct index_queries;

/* What an exchange's context begins with: who is told when the client leaves. */
struct api_holder {
    void (*on_left)(struct api_holder *h, struct http_exchange *x);
    bool is_receiving; /* its body is still to come: nobody works on it, and nobody else would end it */
};

enum api_body {
    API_NO_BODY, /* what comes is not looked at */
    API_JSON,
    API_MAYBE_JSON, /* may be absent */
    API_EMPTY,      /* absent, or {} */
    API_JOBS,       /* JSON or NDJSON; handed over unparsed */
    API_UPLOAD,     /* the handler is called at the head and takes the body itself */
};

enum api_access {
    API_OPEN,         /* no key */
    API_KEY,          /* any key with the route's scope */
    API_KEY_OR_TOKEN, /* … or a stream token for this job */
    API_LOCAL_OR_KEY, /* open on loopback, else a key */
};

#define API_PARAMS_MAX 2

struct api_route {
    enum http_method method;
    const char *pattern;
    const char *operation; /* its operationId in openapi.json */
    unsigned scope;        /* enum key_scope bits: the key needs one of them; 0 = any key */
    enum api_access access;
    enum api_body body;
    size_t body_bytes; /* limit; 0 = the server's */
    const char *query; /* names of its query parameters, between blanks */
    unsigned flags;
    void (*handle)(struct api_call *c);
};

enum api_flags {
    API_JOB_IN_PATH = 1, /* the first parameter is a job's id: anything else is 404 */
    API_TENANT_WIDE = 2, /* a key that is limited to queues may not */
    API_NAMES_LEASES =
        4, /* what it asks for names leases: a key for all tenants needs no other word for whom it acts */
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

struct api {
    struct loop *loop;
    struct queue *queue;
    struct http_server *server;
    struct api_options options;
    struct buf scratch; /* answers are written here, one at a time */
    struct streams *streams;
    struct index_queries *index;
    struct crypto_key secret; /* of the store: signs cursors and stream tokens */
    struct api_key_memo keys_seen;
    bool draining;
};

#define API_NO_TENANT (-1)

struct api_call {
    struct api_holder holder; /* on_left may be set by a handler that waits */
    struct api *api;
    struct http_exchange *x;
    struct arena *a;
    const struct api_route *route;
    int64_t tenant;     /* API_NO_TENANT: the key is for all tenants, and acts for none of them yet */
    struct api_key key; /* a copy; tenant 0 and no scopes on open routes */
    struct str params[API_PARAMS_MAX];
    struct id job; /* with API_JOB_IN_PATH */
    struct json *json;
    void *state; /* the handler's own */
};

/* ---- routes.c ---- */
/* The route of this path and method (HEAD finds GET). Else NULL and `allow` gets the methods that the path has, "" for a
 * path that is unknown. Parameters are decoded into `a`. */
const struct api_route *api_route_find(enum http_method method, struct str path, struct arena *a,
                                       struct str *params, struct buf *allow);

/* ---- auth.c ---- */
/* Who is this? Fills c->key and c->tenant. Not RC_OK: answered already. */
MUST_CHECK bool api_authenticate(struct api_call *c);
/* Neither revoked nor expired meanwhile. */
bool api_key_still_good(struct api *api, struct str public_id);
/* For an answer that had to wait: false, and answered with 401, when the key is no longer good. */
bool api_still_authorized(struct api_call *c);
/* Is it a key of the tenant `default`, which sets what is the server's? */
bool api_is_operator(const struct api_call *c);
/* May a key that is limited to queues touch this one? */
bool api_queue_allowed(const struct api_key *key, struct str queue);
/* A list position as a text, bound to tenant, route and filter; 0 gives "". And back: false = not ours, answered. */
struct str api_cursor_text(struct api_call *c, struct str filter, int64_t cursor);
MUST_CHECK bool api_cursor_parse(struct api_call *c, struct str filter, struct str text, int64_t *cursor);
/* A token that opens the stream of one job until `expires_at` (store time), for those who can send no header. */
struct str api_stream_token(struct api_call *c, struct id job, int64_t expires_at);
void api_sha256(struct str bytes, unsigned char out[32]);

/* ---- leases.c: keys for all tenants ---- */
bool api_is_of_all(const struct api_call *c);
/* Goes on with c->tenant set, that of the lease that the request names; or it is answered. */
void api_under_lease(struct api_call *c, void (*then)(struct api_call *c));
/* Where they are, of those that claims of all tenants were given (store_find_leases). */
void api_find_leases(struct api_call *c, const struct lease_name *leases, size_t count,
                     void (*done)(struct store_op *op));
/* What is said of one that is not there. */
enum rc api_lease_lost(struct err *e);

/* ---- call.c: answers ---- */
/* Begins an answer of JSON. Write it in one go and send it with api_answer. */
struct json_out api_json(struct api_call *c);
void api_answer(struct api_call *c, int status);
/* The same as NDJSON, 200. Behind each value, which begins at `from`, comes api_end_line: what is kept as it came may have line breaks
 * between its values, and they become blanks. */
void api_answer_lines(struct api_call *c);
void api_end_line(struct buf *lines, size_t from);
/* The same, as application/problem+json. */
void api_answer_problem(struct api_call *c, int status);
/* No body: 204. */
void api_answer_empty(struct api_call *c);
/* The answer to a failure; e may be NULL. Sets what belongs to the status: WWW-Authenticate, Retry-After. */
void api_problem(struct api_call *c, enum rc rc, const struct err *e);
/* api_problem with a text. */
void api_fail(struct api_call *c, enum rc rc, const char *code, const char *field, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* True, and answered, when the operation failed. */
bool api_failed(struct api_call *c, const struct store_op *op);

/* ---- call.c: operations ---- */
/* An operation of this call in its arena: api_op(c, sizeof *op, STORE_…, done). Its owner is c. */
void *api_op(struct api_call *c, size_t size, enum store_op_kind kind, void (*done)(struct store_op *op));
void api_submit(struct api_call *c, struct store_op *op);

/* ---- waits.c: ?wait=, and then an answer */
struct api_wait { /* c->state meanwhile */
    struct queue_watch watch;
    struct loop_timer timer;
    struct api_call *c;
    void (*read)(struct api_call *c);
    bool is_watching;
    bool is_reading;  /* the store has the read */
    bool must_answer; /* whatever the next read says */
    bool ended;       /* news of a final state came during a read */
};
/* `read` submits a read of c->job, whose answer is given to api_wait_goes_on; again when there is news of its end. */
void api_wait_begin(struct api_call *c, bool of_batch, void (*read)(struct api_call *c));
/* False: answer now with what was read. True: it is not over and the call waits on, or is answered. */
MUST_CHECK bool api_wait_goes_on(struct api_call *c, const struct store_op *op, bool is_over);

/* ---- call.c: query parameters. False: it was wrong, and answered. Absent ones leave *to as it is. ---- */
MUST_CHECK bool api_query_int(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *to);
/* Of a name in the path: what is no text names nothing, and is answered 404. */
MUST_CHECK bool api_param_is_text(struct api_call *c, size_t i);
MUST_CHECK bool api_query_name(struct api_call *c, const char *name, struct str *to);
MUST_CHECK bool api_query_time(struct api_call *c, const char *name, int64_t *to);
MUST_CHECK bool api_query_bool(struct api_call *c, const char *name, bool *to);
MUST_CHECK bool api_query_states(struct api_call *c, const char *name, uint32_t *to);
/* state, queue, kind, tag, batch, since, until; `canonical` gets a text of it for the cursor. */
MUST_CHECK bool api_query_filter(struct api_call *c, struct job_filter *to, struct str *canonical);

/* ---- schedules.c: what changes of them need too ---- */
/* The answer, with the ticks that come next. */
void api_answer_schedule(struct api_call *c, const struct schedule *s, int status);
/* False, and answered: no schedule has that name, or could have it. */
MUST_CHECK bool api_schedule_name_is_good(struct api_call *c, bool creates);
/* Reads the one of the path; `done` finds it in its store_list_schedules, or RC_NOT_FOUND. */
void api_read_schedule(struct api_call *c, void (*done)(struct store_op *op));

/* ---- enqueue.c: what batches need too ---- */
/* The header, with the body's hash. False: it was wrong, and answered. */
MUST_CHECK bool api_read_idempotency_key(struct api_call *c, struct store_enqueue *op);

/* ---- jobs.c: … and the same ---- */
/* api_list_jobs, of this batch alone. */
void api_list_jobs_of(struct api_call *c, struct id batch);

/* ---- handlers, one file per resource ---- */
void api_enqueue(struct api_call *c);
void api_create_batch(struct api_call *c);
void api_list_batches(struct api_call *c);
void api_get_batch(struct api_call *c);
void api_list_batch_jobs(struct api_call *c);
void api_list_batch_results(struct api_call *c);
void api_read_batch_events(struct api_call *c);
void api_close_batch(struct api_call *c);
void api_cancel_batch(struct api_call *c);
void api_list_jobs(struct api_call *c);
void api_list_children(struct api_call *c);
void api_list_child_artifacts(struct api_call *c);
void api_get_job(struct api_call *c);
void api_patch_job(struct api_call *c);
void api_erase_job(struct api_call *c);
void api_cancel_job(struct api_call *c);
void api_retry_job(struct api_call *c);
void api_promote_job(struct api_call *c);
void api_cancel_jobs(struct api_call *c);
void api_retry_jobs(struct api_call *c);
void api_promote_jobs(struct api_call *c);
void api_list_dead(struct api_call *c);
void api_retry_dead(struct api_call *c);
void api_purge_dead(struct api_call *c);
void api_read_events(struct api_call *c);
void api_create_stream_token(struct api_call *c);
void api_read_feed(struct api_call *c);
void api_list_artifacts(struct api_call *c);
void api_get_artifact(struct api_call *c);
void api_put_artifact(struct api_call *c);          /* at the head … */
void api_put_artifact_received(struct api_call *c); /* … and when the body is written */
void api_list_series(struct api_call *c);
void api_get_series(struct api_call *c);
void api_get_series_content(struct api_call *c);
void api_claim(struct api_call *c);
void api_report(struct api_call *c);
void api_list_queues(struct api_call *c);
void api_get_queue(struct api_call *c);
void api_patch_queue(struct api_call *c);
void api_delete_queue(struct api_call *c);
void api_pause_queue(struct api_call *c);
void api_resume_queue(struct api_call *c);
void api_list_limits(struct api_call *c);
void api_get_limit(struct api_call *c);
void api_put_limit(struct api_call *c);
void api_delete_limit(struct api_call *c);
void api_pause_limit(struct api_call *c);
void api_resume_limit(struct api_call *c);
void api_list_schedules(struct api_call *c);
void api_get_schedule(struct api_call *c);
void api_put_schedule(struct api_call *c);
void api_patch_schedule(struct api_call *c);
void api_delete_schedule(struct api_call *c);
void api_run_schedule(struct api_call *c);
void api_pause_schedule(struct api_call *c);
void api_resume_schedule(struct api_call *c);
void api_list_workers(struct api_call *c);
void api_get_stats(struct api_call *c);
void api_list_keys(struct api_call *c);
void api_create_key(struct api_call *c);
void api_revoke_key(struct api_call *c);
void api_list_indexes(struct api_call *c);
void api_query_index(struct api_call *c); /* the last segment of its route is the query */
void api_get_livez(struct api_call *c);
void api_get_readyz(struct api_call *c);
void api_get_metrics(struct api_call *c);
void api_get_openapi(struct api_call *c);

#endif
