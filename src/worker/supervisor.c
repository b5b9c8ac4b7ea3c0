/* supervisor.c: claims for the free slots, the list of kinds, start and drain. A slot that becomes free is asked for at once, beside the
 * claims that are on their way; when all slots are busy one claim asks for no job and only hears which ones should stop. */
#include "worker/supervisor.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/wire.h"
#include "worker/attempt.h"
#include "worker/sandbox.h"

#define CLAIM_WAIT_MS     20000
#define CLAIM_BACKOFF_MS  250
#define CLAIM_BACKOFF_CAP 5000
#define DRAIN_MS          30000
#define LAST_CLAIM_MS     2000 /* what a server may take to say what it has given us when we stop */
#define STARTS_AT_ONCE    4    /* children */

extern char **environ;

static bool is_free(const struct slot *s)
{
    return !s->has_job && !s->is_cleaning;
}

/* Not one whose end is on its way to the server, and whose process is gone or with the next job. */
static bool is_running(const struct slot *s)
{
    return s->is_cleaning || (s->has_job && (s->process || !s->is_final_sent));
}

static int running_jobs(const struct supervisor *sup)
{
    int count = 0;
    for (int i = 0; i < sup->slot_count; i++) {
        count += is_running(&sup->slots[i]);
    }
    return count;
}

/* Those for which there is a process, and few without: many processes that start at once keep the machine from the jobs, and by the
 * time they would be there, those before them have done what they were meant for. */
static int slots_to_offer(const struct supervisor *sup)
{
    int free = 0, warm = 0, may_start = STARTS_AT_ONCE;
    for (int i = 0; i < sup->slot_count; i++) {
        const struct slot *s = &sup->slots[i];
        free += is_free(s);
        may_start -= s->process && s->process->is_starting;
    }
    for (const struct slot_process *p = sup->idle; p; p = p->next_idle) {
        warm++;
        may_start -= p->is_starting;
    }
    int room =
        sup->jobs_at_once - running_jobs(sup); /* below none while folders are tidied up beside new jobs */
    if (room <= 0) {
        return 0;
    }
    room = room < free ? room : free;
    int cold = room > warm ? room - warm : 0;
    may_start = may_start > 0 ? may_start : 0;
    return (room < warm ? room : warm) + (cold < may_start ? cold : may_start);
}

static struct slot *free_slot(struct supervisor *sup)
{
    for (int i = 0; i < sup->slot_count; i++) {
        if (is_free(&sup->slots[i])) {
            return &sup->slots[i];
        }
    }
    return NULL;
}

/* No job runs, and none is on its way. */
static bool is_idle(const struct supervisor *sup)
{
    for (size_t i = 0; i < CLAIMS_AT_ONCE; i++) {
        if (sup->claims[i].call && sup->claims[i].max) {
            return false;
        }
    }
    for (int i = 0; i < sup->slot_count; i++) {
        if (!is_free(&sup->slots[i])) {
            return false;
        }
    }
    return true;
}

static void stop(struct supervisor *sup, enum rc rc, const char *text)
{
    if (rc && !sup->rc) {
        sup->rc = err_set(&sup->err, rc, "%s", text);
    }
    loop_stop(sup->loop);
}

/* ---- claiming ---- */

static void claim_now(struct supervisor *sup);

static void write_claim(struct supervisor *sup, struct claim_call *call)
{
    struct str queues[WORKER_KINDS_MAX];
    struct str kinds[WORKER_KINDS_MAX];
    struct wire_claim c = {
        .worker = str_from(sup->name),
        .queues = queues,
        .kinds = kinds,
        .max = call->max,
        .wait_ms = sup->o->once ? sup->o->wait_ms : (sup->o->wait_ms ? sup->o->wait_ms : CLAIM_WAIT_MS),
        .lease_ms = sup->o->lease_ms,
    };
    for (const char *const *name = sup->o->queues; name && *name && c.queue_count < WORKER_KINDS_MAX;
         name++) {
        queues[c.queue_count++] = str_from(*name);
    }
    c.kind_count = supervisor_kinds(sup, kinds);
    if (!c.queue_count) {
        queues[c.queue_count++] = STR("default");
    }
    buf_clear(&call->body);
    call->body.max = 1 << 20;
    struct json_out w = json_writer(&call->body);
    wire_claim_write(&w, &c);
}

static void hand_out(struct supervisor *sup, const struct json *root)
{
    const struct json *jobs = json_get(root, STR("jobs"));
    const struct json *cancels = json_get(root, STR("cancel"));
    for (const struct json *j = jobs ? jobs->first : NULL; j; j = j->next) {
        struct slot *free = free_slot(sup);
        if (!free) {
            return; /* more than we asked for: their leases bring them back */
        }
        sup->has_claimed = true;
        slot_take(free, j);
    }
    for (const struct json *c = cancels ? cancels->first : NULL; c; c = c->next) {
        for (int i = 0; i < sup->slot_count; i++) {
            struct id id;
            if (id_parse(c->s, &id) && sup->slots[i].has_job && id_eq(id, sup->slots[i].job)) {
                slot_cancel(&sup->slots[i]);
            }
        }
    }
}

static void on_retry(struct loop_timer *t)
{
    claim_now(LOOP_OWNER(t, struct supervisor, retry));
}

static void claim_later(struct supervisor *sup, const char *why)
{
    int64_t wait_ms = (int64_t)CLAIM_BACKOFF_MS << (sup->failures < 5 ? sup->failures : 5);
    if (sup->is_draining || timer_is_running(&sup->retry)) {
        return; /* nothing is claimed any more, or another claim has failed with this one */
    }
    if (sup->failures++ == 0) {
        log_warn("worker.claim_failed", L_C("why", why));
    }
    sup->retry.run = on_retry;
    timer_start(sup->loop, &sup->retry, wait_ms < CLAIM_BACKOFF_CAP ? wait_ms : CLAIM_BACKOFF_CAP);
}

/* Only what stays as it is ends a worker: its key, its address, what it asks for. All else is somebody's bad moment. */
static bool is_for_good(int64_t status)
{
    return status >= 400 && status < 500 && status != 408 && status != 409 && status != 425 && status != 429;
}

static void on_odd_answer(struct supervisor *sup, const struct http_answer *got, const char *why)
{
    if (is_for_good(got->status) || sup->failures == 0) {
        log_error("worker.claim_refused", L_INT("status", got->status),
                  L_STR("answer", str_sub(got->body, 0, 300)));
    }
    if (is_for_good(got->status)) {
        stop(sup, RC_INVALID, "the server refused the claim");
    } else {
        claim_later(sup, why);
    }
}

static void on_jobs(struct supervisor *sup, const struct http_answer *got)
{
    struct arena *a = arena_new();
    struct json *root = NULL;
    struct err e;

    if (json_parse_envelope(got->body, a, &root, &e)) {
        on_odd_answer(sup, got, e.text);
    } else if (root->type != JSON_OBJECT) {
        on_odd_answer(sup, got, "the answer is no object");
    } else {
        sup->failures = 0;
        hand_out(sup, root);
        claim_now(sup);
    }
    arena_free(a);
}

static void stop_if_idle(struct supervisor *sup)
{
    if (is_idle(sup)) {
        loop_stop(sup->loop);
    }
}

static void on_claimed(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct claim_call *claim = ctx;
    struct supervisor *sup = claim->sup;
    (void)call;
    claim->call = NULL;
    if (sup->is_draining) {
        if (!got->rc &&
            got->status == 200) { /* given before the server heard that we stop: as good as running */
            on_jobs(sup, got);
        }
        stop_if_idle(sup);
    } else if (got->rc || got->status >= 500 || got->status == 429) {
        claim_later(sup, got->rc ? got->err->text : "the server is busy");
    } else if (got->status == 401 || got->status == 403) {
        stop(sup, RC_DENIED, "the server refused the key: it must have the scope `work`");
    } else if (got->status == 204 && http_answer_header(got, STR("Stint-Draining")).n) {
        claim_later(sup, "the server is draining");
    } else if (got->status == 204 && sup->o->once) {
        stop(sup, RC_NOT_FOUND, "no job to do");
    } else if (got->status == 204) {
        sup->failures = 0;
        claim_now(sup);
    } else if (got->status == 200) {
        on_jobs(sup, got);
    } else {
        on_odd_answer(sup, got, "no answer to a claim");
    }
}

static void cancel_claim(struct claim_call *claim)
{
    if (claim->call) {
        http_call_cancel(claim->call);
        claim->call = NULL;
    }
}

static void send_claim(struct supervisor *sup, struct claim_call *claim, int64_t max)
{
    claim->sup = sup;
    claim->max = max;
    write_claim(sup, claim);
    struct http_call_options o = {
        .method = HTTP_POST,
        .path = STR("/v1/claims"),
        .fields = sup->fields,
        .field_count = 2,
        .body = buf_str(&claim->body),
        .timeout_ms = CLAIM_WAIT_MS + 60000,
        .ctx = claim,
        .on_done = on_claimed,
    };
    claim->call = http_call_start(sup->http, &o);
}

/* What no claim asks for yet; a claim that only listens gives way, and when nothing is free one begins. */
static void claim_now(struct supervisor *sup)
{
    struct claim_call *unused = NULL;
    int64_t left = slots_to_offer(sup);
    bool is_asking = false;
    if (sup->is_draining || (sup->o->once && sup->has_claimed)) {
        return;
    }
    for (size_t i = 0; i < CLAIMS_AT_ONCE; i++) {
        struct claim_call *claim = &sup->claims[i];
        if (claim->call && !claim->max && left) {
            cancel_claim(claim);
        }
        is_asking = is_asking || claim->call;
        left -= claim->call ? claim->max : 0;
        unused = claim->call ? unused : claim;
    }
    if (unused && (left > 0 || !is_asking) && !(sup->o->once && is_asking)) {
        send_claim(sup, unused, sup->o->once ? 1 : left);
    }
}

void supervisor_claim(struct supervisor *sup)
{
    claim_now(sup);
}

void supervisor_slot_is_free(struct supervisor *sup)
{
    if (sup->is_draining || (sup->o->once && sup->has_claimed)) {
        stop_if_idle(sup);
    }
    supervisor_offer_more(sup);
}

void supervisor_offer_more(struct supervisor *sup)
{
    if (!timer_is_running(&sup->retry)) {
        claim_now(sup);
    }
}

/* ---- the end ---- */

static void on_drain_over(struct loop_timer *t)
{
    struct supervisor *sup = LOOP_OWNER(t, struct supervisor, drain);
    for (size_t i = 0; i < CLAIMS_AT_ONCE; i++) {
        cancel_claim(&sup->claims[i]);
    }
    for (int i = 0; i < sup->slot_count; i++) {
        if (sup->slots[i].has_job) {
            log_warn("worker.job_released", L_ID("job", sup->slots[i].job));
            slot_kill(&sup->slots[i], KILL_DRAIN);
        }
    }
    stop_if_idle(sup);
}

static void on_signal(void *ctx, int signum)
{
    struct supervisor *sup = ctx;
    if (sup->is_draining) {
        on_drain_over(&sup->drain); /* a second signal: no more waiting */
        return;
    }
    log_info("worker.draining", L_INT("signal", signum), L_INT("running", running_jobs(sup)));
    sup->is_draining = true;
    timer_stop(sup->loop, &sup->retry);
    for (size_t i = 0; i < CLAIMS_AT_ONCE; i++) {
        struct claim_call *claim = &sup->claims[i];
        if (!claim->call || !claim->max || !http_call_finish_soon(claim->call, LAST_CLAIM_MS)) {
            cancel_claim(claim);
        }
    }
    if (is_idle(sup)) {
        loop_stop(sup->loop);
        return;
    }
    sup->drain.run = on_drain_over;
    timer_start(sup->loop, &sup->drain, sup->o->drain_ms ? sup->o->drain_ms : DRAIN_MS);
}

/* ---- start ---- */

/* What commands of jobs are not told: keys, and where the store is when the server runs in this process (`stint dev`). */
static bool is_secret(struct str variable)
{
    static const char *const names[] = {
        "STINT_KEY=", "STINT_URL=", "STINT_STORE=", "STINT_STORE_LISTEN=", "PGPASSWORD="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_starts(variable, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static char **child_environment(void)
{
    size_t count = 0;
    size_t kept = 0;
    while (environ[count]) {
        count++;
    }
    char **list = mem_alloc((count + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        if (!is_secret(str_from(environ[i]))) {
            list[kept++] = environ[i];
        }
    }
    return list;
}

static void name_it(struct supervisor *sup)
{
    char host[65] = "";
    if (sup->o->name) {
        str_copy(sup->name, sizeof(sup->name), str_from(sup->o->name));
        return;
    }
    if (gethostname(host, sizeof(host) - 1)) {
        str_copy(host, sizeof(host), STR("host"));
    }
    str_print(sup->name, sizeof(sup->name), "%s:%d", host, (int)getpid());
}

static enum rc open_all(struct supervisor *sup, struct err *e)
{
    struct http_client_options http = {.url = str_from(sup->o->server.url)};

    enum rc rc = http_client_new(sup->loop, &http, &sup->http, e);
    if (!rc) {
        rc = scratch_open(&sup->scratch, sup->o->scratch_base, e);
    }
    if (rc) {
        return rc;
    }
    name_it(sup);
    str_print(sup->authorization, sizeof(sup->authorization), "Bearer %s", sup->o->server.key);
    sup->fields[0] = (struct http_field){STR("Authorization"), str_from(sup->authorization)};
    sup->fields[1] = (struct http_field){STR("Content-Type"), STR("application/json")};
    sup->envp = child_environment();
    sup->jobs_at_once = sup->o->once ? 1 : sup->o->slots ? sup->o->slots : (int)sysconf(_SC_NPROCESSORS_ONLN);
    sup->slot_count = SLOTS_PER_JOB * sup->jobs_at_once;
    sup->slots = mem_alloc((size_t)sup->slot_count * sizeof(*sup->slots));
    for (int i = 0; i < sup->slot_count; i++) {
        sup->slots[i] = (struct slot){.sup = sup, .fetch_fd = -1};
    }
    return RC_OK;
}

static void close_all(struct supervisor *sup)
{
    for (int i = 0; i < sup->slot_count; i++) {
        slot_dispose(&sup->slots[i]);
    }
    slot_processes_end(sup);
    http_client_free(sup->http);
    loop_free(sup->loop);
    if (sup->scratch.root[0]) {
        scratch_close(&sup->scratch);
    }
    for (size_t i = 0; i < CLAIMS_AT_ONCE; i++) {
        buf_dispose(&sup->claims[i].body);
    }
    arena_free(sup->limits_arena);
    mem_free(sup->slots);
    mem_free(sup->envp);
}

enum rc worker_run(const struct worker_options *o, struct err *e)
{
    struct supervisor sup = {.o = o, .loop = loop_new()};
    enum rc rc = open_all(&sup, e);
    rc = rc ? rc : supervisor_check_kinds(&sup, e);
    rc = rc ? rc : keep_limits_read(&sup, e);
    if (rc) {
        goto out;
    }
    loop_on_signal(sup.loop, SIGTERM, on_signal, &sup);
    loop_on_signal(sup.loop, SIGINT, on_signal, &sup);
    log_info("worker.started", L_C("name", sup.name), L_INT("slots", sup.jobs_at_once),
             L_C("server", o->server.url), L_C("sandbox", sandbox_level()));
    keep_limits_begin(&sup);
    loop_run(sup.loop);
    rc = sup.rc;
    if (rc && e) {
        *e = sup.err;
    }
    log_info("worker.stopped", L_C("name", sup.name));
out:
    close_all(&sup);
    return rc;
}
