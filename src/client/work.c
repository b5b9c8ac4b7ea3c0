/* work.c: the worker loop of libstint: claim one job, run it, with a thread that renews its lease meanwhile. All reports of a job go
 * through one lock, so that their numbers arrive in order. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/client.h"
#include "wire/wire.h"

#define WAIT_MS      20000
#define BACKOFF_MS   500
#define REPORT_TRIES 20 /* half a second apart: a restart of the server is survived */

struct stint_attempt {
    struct stint_client *client;
    struct id job;
    int64_t lease, lease_ms, n;
    pthread_mutex_t lock; /* one report at a time */
    pthread_mutex_t state_lock;
    pthread_cond_t wake;
    pthread_t heart;
    bool is_over, should_stop, has_ended; /* under state_lock */
};

static void sleep_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static int verdict_of(struct client_reply *reply, struct report_verdict *v, struct stint_error *e)
{
    struct arena *a = arena_new();
    struct json *root = NULL;
    struct err err = {0};
    int code = STINT_OK;
    if (json_parse(buf_str(&reply->body), a, &root, &err) || !json_get(root, STR("verdicts")) ||
        !json_get(root, STR("verdicts"))->first ||
        wire_report_verdict_read(json_get(root, STR("verdicts"))->first, v, &err)) {
        code = client_error(e, STINT_EUNKNOWN, "the server's verdict cannot be read");
    } else if (v->rc) {
        code = client_error_from(e, &v->e);
        if (e && v->e.code) {
            str_copy(e->type, sizeof(e->type), str_from(v->e.code));
        }
    }
    arena_free(a);
    return code;
}

static bool is_worth_repeating(int code)
{
    return code == STINT_EUNKNOWN || code == STINT_ECONNECT || code == STINT_EBUSY;
}

static void note_stop(struct stint_attempt *at)
{
    pthread_mutex_lock(&at->state_lock);
    at->should_stop = true;
    pthread_mutex_unlock(&at->state_lock);
}

/* Sends with the next n; the same n again as long as nobody answered: the server tells a repetition from a new report. */
static int send_report(struct stint_attempt *at, struct report *r, int tries, struct stint_error *e)
{
    struct buf body = BUF_LIMIT(16 << 20);
    struct report_verdict v = {0};
    int code = STINT_EUNKNOWN;

    pthread_mutex_lock(&at->lock);
    r->job = at->job;
    r->lease = at->lease;
    r->n = ++at->n;
    struct json_out w = json_writer(&body);
    json_array_begin(&w);
    wire_report_write(&w, r);
    json_array_end(&w);
    for (int i = 0; i < tries && is_worth_repeating(code); i++) {
        if (i) {
            sleep_ms(BACKOFF_MS);
        }
        struct client_request q = {.method = HTTP_POST, .path = STR("/v1/reports"), .body = buf_str(&body)};
        struct client_reply reply;
        code = client_request(at->client, &q, &reply, e);
        if (!code) {
            code = verdict_of(&reply, &v, e);
        }
        client_reply_dispose(&reply);
    }
    pthread_mutex_unlock(&at->lock);
    buf_dispose(&body);
    if (code == STINT_ELEASE_LOST || code == STINT_ENOTFOUND || (!code && v.cancel)) {
        note_stop(at);
    }
    return code;
}

static int report_simple(struct stint_attempt *at, struct report *r, struct stint_error *e)
{
    return send_report(at, r, 3, e);
}

static int report_end(struct stint_attempt *at, struct report *r, struct stint_error *e)
{
    pthread_mutex_lock(&at->state_lock);
    bool is_first = !at->has_ended;
    at->has_ended = true;
    pthread_mutex_unlock(&at->state_lock);
    if (!is_first) {
        return client_error(e, STINT_ECONFLICT, "the job was ended before");
    }
    return send_report(at, r, REPORT_TRIES, e);
}

bool stint_should_stop(struct stint_attempt *at)
{
    pthread_mutex_lock(&at->state_lock);
    bool answer = at->should_stop;
    pthread_mutex_unlock(&at->state_lock);
    return answer;
}

int stint_progress(struct stint_attempt *at, double progress, const char *message, struct stint_error *e)
{
    double p = progress < 0 ? 0 : (progress > 1 ? 1 : progress);
    struct report r = {.op = REPORT_PROGRESS,
                       .progress_permille = (int64_t)(p * 1000),
                       .progress_message = str_from(message),
                       .retry_after_ms = -1};
    return report_simple(at, &r, e);
}

static int send_event(struct stint_attempt *at, const struct report_event *ev, struct stint_error *e)
{
    struct report r = {
        .op = REPORT_PROGRESS, .progress_permille = -1, .events = ev, .event_count = 1, .retry_after_ms = -1};
    return report_simple(at, &r, e);
}

int stint_event(struct stint_attempt *at, const char *type, const char *data_json, struct stint_error *e)
{
    const struct report_event ev = {.type = str_from(type), .data = str_from(data_json)};
    return send_event(at, &ev, e);
}

int stint_root_event(struct stint_attempt *at, const char *type, const char *data_json, struct stint_error *e)
{
    const struct report_event ev = {.type = str_from(type), .data = str_from(data_json), .at_root = true};
    return send_event(at, &ev, e);
}

int stint_checkpoint(struct stint_attempt *at, const char *json, struct stint_error *e)
{
    struct report r = {
        .op = REPORT_PROGRESS, .progress_permille = -1, .checkpoint = str_from(json), .retry_after_ms = -1};
    return report_simple(at, &r, e);
}

static int upload(struct stint_attempt *at, const char *name, const char *media_type, struct str bytes,
                  const char *path, struct stint_error *e)
{
    char target[400];
    struct client_reply reply;
    str_print(target, sizeof(target), "/v1/jobs/%s/artifacts/%s?lease=%lld", id_text(at->job).s, name,
              (long long)at->lease);
    struct client_request r = {.method = HTTP_PUT,
                               .path = str_from(target),
                               .body = bytes,
                               .body_path = path,
                               .content_type = str_from(media_type),
                               .timeout_ms = 600000};
    int code = client_request(at->client, &r, &reply, e);
    client_reply_dispose(&reply);
    return code;
}

int stint_artifact(struct stint_attempt *at, const char *name, const char *media_type, const void *bytes,
                   size_t n, struct stint_error *e)
{
    return upload(at, name, media_type, (struct str){bytes, n}, NULL, e);
}

int stint_artifact_file(struct stint_attempt *at, const char *name, const char *media_type, const char *path,
                        struct stint_error *e)
{
    return upload(at, name, media_type, STR_NONE, path, e);
}

/* The specs live in `a`. */
static int read_children(const char *children_json, struct arena *a, struct report *r, struct stint_error *e)
{
    struct json *v = NULL;
    struct err err = {0};
    if (!children_json) {
        return STINT_OK;
    }
    if (json_parse(str_from(children_json), a, &v, &err) ||
        wire_children_read(v, a, &r->children, &r->child_count, &err)) {
        return client_error(e, STINT_EINVALID, "children: %s", err.text);
    }
    return STINT_OK;
}

static int report_children(struct stint_attempt *at, struct report *r, const char *children_json,
                           struct stint_error *e)
{
    struct arena *a = arena_new();
    int code = read_children(children_json, a, r, e);
    if (!code) {
        code = r->op == REPORT_PROGRESS ? send_report(at, r, REPORT_TRIES, e) : report_end(at, r, e);
    }
    arena_free(a);
    return code;
}

int stint_add_children(struct stint_attempt *at, const char *children_json, struct stint_error *e)
{
    struct report r = {.op = REPORT_PROGRESS, .progress_permille = -1, .retry_after_ms = -1};
    return report_children(at, &r, children_json, e);
}

int stint_complete_with(struct stint_attempt *at, const char *result_json, const char *children_json,
                        struct stint_error *e)
{
    struct report r = {.op = REPORT_COMPLETE,
                       .progress_permille = -1,
                       .result = str_from(result_json),
                       .retry_after_ms = -1};
    return report_children(at, &r, children_json, e);
}

int stint_park(struct stint_attempt *at, const char *children_json, const char *checkpoint_json,
               struct stint_error *e)
{
    struct report r = {.op = REPORT_WAIT,
                       .progress_permille = -1,
                       .checkpoint = str_from(checkpoint_json),
                       .retry_after_ms = -1};
    return report_children(at, &r, children_json, e);
}

int stint_complete(struct stint_attempt *at, const char *result_json, struct stint_error *e)
{
    return stint_complete_with(at, result_json, NULL, e);
}

int stint_fail(struct stint_attempt *at, const char *class_name, const char *code, const char *message,
               int64_t retry_after_ms, struct stint_error *e)
{
    struct report r = {.op = REPORT_FAIL, .progress_permille = -1, .retry_after_ms = retry_after_ms};
    r.error.code = str_from(code);
    r.error.message = str_from(message);
    if (!error_class_parse(str_from(class_name), &r.error.class)) {
        return client_error(e, STINT_EINVALID, "%s is not a class of errors", class_name);
    }
    return report_end(at, &r, e);
}

int stint_fail_pausing(struct stint_attempt *at, const char *pause_key, const char *code, const char *message,
                       int64_t retry_after_ms, struct stint_error *e)
{
    struct report r = {.op = REPORT_FAIL,
                       .progress_permille = -1,
                       .retry_after_ms = retry_after_ms,
                       .pause_key = str_from(pause_key)};
    r.error.class = ERROR_RATE_LIMITED;
    r.error.code = str_from(code);
    r.error.message = str_from(message);
    return report_end(at, &r, e);
}

/* ---- the lease ---- */

static void *heart_main(void *arg)
{
    struct stint_attempt *at = arg;
    pthread_mutex_lock(&at->state_lock);
    while (!at->is_over) {
        int64_t until_ms = clock_wall_ms() + at->lease_ms / 3;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
        (void)pthread_cond_timedwait(&at->wake, &at->state_lock, &until);
        if (!at->is_over && !at->has_ended) {
            struct report r = {.op = REPORT_HEARTBEAT, .progress_permille = -1, .retry_after_ms = -1};
            pthread_mutex_unlock(&at->state_lock);
            (void)send_report(at, &r, 1, NULL); /* a failure shows at the next report */
            pthread_mutex_lock(&at->state_lock);
        }
    }
    pthread_mutex_unlock(&at->state_lock);
    return NULL;
}

static void run_one(struct stint_client *c, const struct stint_kind *kind, const struct json *claimed)
{
    struct job j = {0};
    struct err err = {0};
    if (wire_job_read(claimed, &j, &err)) {
        return; /* its lease brings it back */
    }
    struct stint_attempt at = {.client = c,
                               .job = j.id,
                               .lease = j.lease,
                               .lease_ms = j.lease_ms ? j.lease_ms : JOB_LEASE_DEFAULT_MS};
    struct stint_job *shown = client_job_from(claimed);
    pthread_mutex_init(&at.lock, NULL);
    pthread_mutex_init(&at.state_lock, NULL);
    pthread_cond_init(&at.wake, NULL);
    bool has_heart = pthread_create(&at.heart, NULL, heart_main, &at) == 0;
    kind->run(kind->ctx, &at, shown);
    if (!at.has_ended) {
        (void)stint_fail(&at, "transient", "no_outcome", "the handler returned without ending the job", -1,
                         NULL);
    }
    pthread_mutex_lock(&at.state_lock);
    at.is_over = true;
    pthread_cond_signal(&at.wake);
    pthread_mutex_unlock(&at.state_lock);
    if (has_heart) {
        pthread_join(at.heart, NULL);
    }
    pthread_cond_destroy(&at.wake);
    pthread_mutex_destroy(&at.state_lock);
    pthread_mutex_destroy(&at.lock);
    stint_job_free(shown);
}

/* ---- claiming ---- */

static const struct stint_kind *kind_of(const struct stint_kind *kinds, size_t count,
                                        const struct json *claimed)
{
    const struct json *name = json_get(claimed, STR("kind"));
    for (size_t i = 0; name && i < count; i++) {
        if (str_eq(name->s, str_from(kinds[i].kind))) {
            return &kinds[i];
        }
    }
    return NULL;
}

#define NAMES_MAX 64

static void write_claim(struct buf *body, const struct stint_kind *kinds, size_t kind_count,
                        const struct stint_work_options *o, const char *worker)
{
    struct str queues[NAMES_MAX] = {STR("default")};
    struct str names[NAMES_MAX];
    struct wire_claim claim = {
        .worker = str_from(worker),
        .queues = queues,
        .kinds = names,
        .queue_count = 1,
        .max = 1,
        .wait_ms = o->wait_ms ? o->wait_ms : WAIT_MS,
        .lease_ms = o->lease_ms,
    };
    for (size_t i = 0; o->queues && o->queues[i] && i < NAMES_MAX; i++) {
        queues[i] = str_from(o->queues[i]);
        claim.queue_count = i + 1;
    }
    for (; claim.kind_count < kind_count && claim.kind_count < NAMES_MAX; claim.kind_count++) {
        names[claim.kind_count] = str_from(kinds[claim.kind_count].kind);
    }
    struct json_out w = json_writer(body);
    wire_claim_write(&w, &claim);
}

static void run_claimed(struct stint_client *c, const struct stint_kind *kinds, size_t kind_count,
                        struct str answer, int *done)
{
    struct arena *a = arena_new();
    struct json *root = NULL;
    if (json_parse_envelope(answer, a, &root, NULL) == RC_OK) {
        const struct json *jobs = json_get(root, STR("jobs"));
        for (const struct json *j = jobs ? jobs->first : NULL; j; j = j->next) {
            const struct stint_kind *kind = kind_of(kinds, kind_count, j);
            if (kind) {
                run_one(c, kind, j);
                (*done)++;
            }
        }
    }
    arena_free(a);
}

int stint_work(struct stint_client *c, const struct stint_kind *kinds, size_t kind_count,
               const struct stint_work_options *o, struct stint_error *e)
{
    static const struct stint_work_options plain = {0};
    struct buf body = BUF_LIMIT(64 << 10);
    char worker[128];
    int done = 0;
    int code = STINT_OK;

    o = o ? o : &plain;
    if (o->worker) {
        str_copy(worker, sizeof(worker), str_from(o->worker));
    } else {
        char host[65] = "host";
        (void)gethostname(host, sizeof(host) - 1);
        str_print(worker, sizeof(worker), "%s:%d", host, (int)getpid());
    }
    write_claim(&body, kinds, kind_count, o, worker);
    while (!(o->stop && *o->stop) && !(o->once && done)) {
        struct client_request r = {.method = HTTP_POST, .path = STR("/v1/claims"), .body = buf_str(&body)};
        struct client_reply reply;
        r.timeout_ms = CLIENT_CALL_MS + (o->wait_ms ? o->wait_ms : WAIT_MS);
        code = client_request(c, &r, &reply, e);
        if (!code && reply.status == 200) {
            run_claimed(c, kinds, kind_count, buf_str(&reply.body), &done);
        } else if (is_worth_repeating(code)) {
            sleep_ms(BACKOFF_MS);
            code = STINT_OK;
        }
        client_reply_dispose(&reply);
        if (code || (o->once && !done)) {
            break;
        }
    }
    buf_dispose(&body);
    return code;
}
