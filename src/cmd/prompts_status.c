/* prompts_status.c: stint batch status of a batch of prompts: how far it is, what it waits for, and what came of it so far. The counts
 * are the batch's own; outcomes are read from its results, up to RESULTS_MAX of them. */
#include <stdio.h>

#include "base/clock.h"
#include "client/client.h"
#include "cmd/prompts.h"
#include "cmd/term.h"
#include "kinds/prompt_report.h"

#define PAGE        200
#define RESULTS_MAX 10000
#define OPEN_MAX    1000 /* jobs that are looked at one by one */
#define KEYS_MAX    16

struct key { /* a limit that its jobs name */
    struct str name;
    const struct json *limit;
    int64_t jobs; /* of those that do not run */
};

struct status {
    struct remote *r;
    const struct json *batch, *report;
    struct str id;
    int64_t open, ended, active, waiting;
    bool has_all_open, has_all_results;
    struct key keys[KEYS_MAX];
    size_t key_count;
    struct str queue;        /* of its jobs */
    bool has_worker;         /* that asks for them */
    const struct json *work; /* outcomes, calls, tokens, cost and models so far */
};

/* ---- what it waits for ---- */

static struct key *key_named(struct status *s, struct str name)
{
    size_t i = 0;
    while (i < s->key_count && !str_eq(s->keys[i].name, name)) {
        i++;
    }
    if (i == KEYS_MAX) {
        return NULL;
    }
    if (i == s->key_count) {
        s->keys[s->key_count++] = (struct key){.name = name};
    }
    return &s->keys[i];
}

static bool is_shut(const struct key *k)
{
    const struct json *slots = json_get(k->limit, STR("slots"));
    const struct json *tokens = json_get(k->limit, STR("tokens"));
    bool is_full = slots && slots->type == JSON_INT && number_of(k->limit, "used") >= slots->i;
    return number_of(k->limit, "paused") || is_full || (tokens && tokens->type == JSON_INT && tokens->i <= 0);
}

static bool is_blocked(const struct key *k)
{
    return number_of(k->limit, "paused") && !json_text(k->limit, "paused_until").n;
}

static int read_limits(struct status *s)
{
    for (size_t i = 0; i < s->key_count; i++) {
        struct stint_error e = {0};
        remote_path(s->r, "/v1/limits/");
        remote_segment(s->r, s->keys[i].name);
        int code = remote_try(s->r, "GET", STR_NONE, STR_NONE, &s->keys[i].limit, &e);
        if (code && code != STINT_ENOTFOUND) {
            return remote_fail(s->r, &e);
        }
    }
    return EXIT_OK;
}

static struct str name_of(const struct json *limit)
{
    return limit->type == JSON_STRING ? limit->s : json_text(limit, "key");
}

/* The server tells of what nobody asks for. */
static int read_workers(struct status *s)
{
    const struct json *stats = NULL;
    s->has_worker = true;
    int code =
        s->active || !s->queue.n ? EXIT_OK : remote_call(s->r, "GET", STR("/v1/stats"), STR_NONE, &stats);
    for (const struct json *k = first_of(stats, "queued"); k; k = k->next) {
        if (str_eq(json_text(k, "kind"), STR("run-prompt"))) {
            s->has_worker = number_of(k, "has_worker");
        }
    }
    return code;
}

static void count_job(struct status *s, const struct json *job)
{
    s->queue = json_text(job, "queue");
    if (str_eq(json_text(job, "state"), STR("processing"))) {
        s->active++;
        return;
    }
    for (const struct json *l = first_of(job, "limits"); l; l = l->next) {
        struct key *k = key_named(s, name_of(l));
        if (k) {
            k->jobs++;
        }
    }
}

static bool waits_for_limit(struct status *s, const struct json *job)
{
    bool waits = str_eq(json_text(json_get(job, STR("error")), "class"), STR("rate_limited"));
    for (const struct json *l = first_of(job, "limits"); l && !waits; l = l->next) {
        const struct key *k = key_named(s, name_of(l));
        waits = k && is_shut(k);
    }
    return waits && !str_eq(json_text(job, "state"), STR("processing"));
}

static int read_open(struct status *s)
{
    const struct json *answer = NULL;
    remote_path(s->r, "/v1/jobs?state=blocked,scheduled,queued,processing");
    remote_query(s->r, "batch", s->id);
    remote_query(s->r, "limit", arena_printf(s->r->a, "%d", OPEN_MAX));
    int code = remote_call(s->r, "GET", remote_target(s->r), STR_NONE, &answer);
    for (const struct json *j = code ? NULL : first_of(answer, "jobs"); j; j = j->next) {
        count_job(s, j);
    }
    s->has_all_open = !json_text(answer, "next_cursor").n;
    code = code ? code : read_limits(s);
    code = code ? code : read_workers(s);
    for (const struct json *j = code ? NULL : first_of(answer, "jobs"); j; j = j->next) {
        s->waiting += waits_for_limit(s, j);
    }
    return code;
}

/* ---- what came of it ---- */

static int read_page(struct status *s, struct prompt_progress *p, struct str *cursor, size_t *count)
{
    struct client_reply reply = {0};
    struct stint_error e = {0};
    struct client_request q = {.method = HTTP_GET};
    remote_path(s->r, "/v1/batches/%.*s/results?limit=%d", STR_ARG(s->id), PAGE);
    remote_query(s->r, "cursor", *cursor);
    q.path = remote_target(s->r);
    int code = client_request(s->r->client, &q, &reply, &e);
    *count += code ? 0 : prompt_progress_add(p, buf_str(&reply.body));
    *cursor = arena_str(s->r->a, str_from(reply.next_cursor));
    client_reply_dispose(&reply);
    return code ? remote_fail(s->r, &e) : EXIT_OK;
}

static int read_results(struct status *s)
{
    struct prompt_progress *p = prompt_progress_new(json_get(s->report, STR("args")), s->r->a);
    struct buf text = BUF_LIMIT(16 << 20);
    struct json_out w = json_writer(&text);
    struct json *work = NULL;
    struct str cursor = STR_NONE;
    size_t count = 0;
    int code = EXIT_OK;
    do {
        code = read_page(s, p, &cursor, &count);
    } while (!code && cursor.n && count < RESULTS_MAX);
    s->has_all_results = !cursor.n;
    json_object_begin(&w);
    prompt_progress_end(p, &w);
    json_object_end(&w);
    if (!code && json_parse(arena_str(s->r->a, buf_str(&text)), s->r->a, &work, NULL)) {
        code = command_fail(s->r->o, EXIT_FAILED, "the results are too many to be told");
    }
    buf_dispose(&text);
    s->work = work;
    return code;
}

/* ---- telling ---- */

static int64_t expected_of(const struct status *s)
{
    int64_t expected = number_of(json_get(s->report, STR("args")), "expected");
    return expected ? expected : s->open + s->ended;
}

static int64_t eta_ms(const struct status *s)
{
    int64_t ran_ms = clock_wall_ms() - time_of(s->batch, "created_at");
    return s->open && s->ended ? ran_ms / s->ended * s->open : 0;
}

static void put_limits(const struct status *s, struct json_out *w)
{
    json_name(w, "limits");
    json_array_begin(w);
    for (size_t i = 0; i < s->key_count; i++) {
        if (s->keys[i].limit) {
            json_raw(w, s->keys[i].limit->raw);
        }
    }
    json_array_end(w);
}

static bool has_blocked(const struct status *s)
{
    bool is = false;
    for (size_t i = 0; i < s->key_count; i++) {
        is |= s->keys[i].jobs && is_blocked(&s->keys[i]);
    }
    return is;
}

/* The batch, with a member `prompts` more. */
static void print_json(const struct status *s)
{
    struct buf text = BUF_LIMIT(32 << 20);
    struct json_out w = json_writer(&text);
    struct str inside = str_trim(str_sub(s->batch->raw, 1, s->batch->raw.n - 1));
    json_object_begin(&w);
    json_put_int(&w, "expected", expected_of(s));
    json_put_int(&w, "queued", s->open - s->active);
    json_put_int(&w, "active", s->active);
    json_put_int(&w, "waiting_rate_limit", s->waiting);
    json_put_bool(&w, "blocked", has_blocked(s));
    json_put_real(&w, "pct", expected_of(s) ? 100.0 * (double)s->ended / (double)expected_of(s) : 0);
    json_put_int(&w, "eta_s", eta_ms(s) / 1000);
    json_put_bool(&w, "complete", s->has_all_open && s->has_all_results);
    put_limits(s, &w);
    json_put_raw(&w, "so_far", s->work->raw);
    json_object_end(&w);
    (void)printf("{%.*s,\"prompts\":%.*s}\n", STR_ARG(inside), STR_ARG(buf_str(&text)));
    buf_dispose(&text);
}

static void print_limits(const struct status *s)
{
    for (size_t i = 0; i < s->key_count; i++) {
        const struct key *k = &s->keys[i];
        struct str until = json_text(k->limit, "paused_until");
        if (!k->jobs || !is_shut(k)) {
            continue;
        }
        const char *why = is_blocked(k)                   ? "until somebody resumes it"
                          : number_of(k->limit, "paused") ? "until"
                                                          : "until there is room";
        term_field(is_blocked(k) ? "blocked" : "waiting",
                   arena_printf(s->r->a, "%lld jobs for %.*s, %s%s%.*s", (long long)k->jobs, STR_ARG(k->name),
                                why, until.n ? " " : "", STR_ARG(until)));
    }
}

static void print_work(const struct status *s)
{
    static const char *const columns[] = {"provider",  "model",  "succeeded", "refused",  "invalid",
                                          "truncated", "failed", "tokens",    "cost_usd", NULL};
    static const char *const outcomes[] = {"succeeded", "refused", "invalid", "truncated", "failed"};
    struct term_table *t = term_table_new(columns);
    for (const struct json *m = first_of(s->work, "models"); m; m = m->next) {
        const struct json *tokens = json_get(m, STR("tokens")), *cost = json_get(m, STR("cost_usd"));
        term_cell(t, TERM_BOLD, json_text(m, "provider"));
        term_cell(t, TERM_PLAIN, json_text(m, "model"));
        for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
            term_cell_int(t, number_of(json_get(m, STR("outcomes")), outcomes[i]));
        }
        term_cell_int(t, number_of(tokens, "input") + number_of(tokens, "output"));
        term_cell(t, TERM_PLAIN, cost && cost->type != JSON_NULL ? cost->raw : STR(""));
    }
    term_table_end(t);
}

static void print_status(const struct status *s)
{
    int64_t expected = expected_of(s);
    struct arena *a = s->r->a;
    term_field("jobs", arena_printf(
                           a, "%lld of %lld (%lld %%), %lld active", (long long)s->ended, (long long)expected,
                           (long long)(expected ? 100 * s->ended / expected : 0), (long long)s->active));
    if (eta_ms(s)) {
        term_field("left", str_from(term_duration(eta_ms(s)).s));
    }
    print_limits(s);
    if (!s->has_worker) {
        bool is_default = str_eq(s->queue, STR("default"));
        term_field("waiting",
                   arena_printf(a, "for a worker: stint work --kind run-prompt --providers FILE%s%.*s",
                                is_default ? "" : " --queue ", STR_ARG(is_default ? STR("") : s->queue)));
    }
    if (!s->has_all_results) {
        term_field("of", arena_printf(a, "the first %d that ended:", RESULTS_MAX));
    }
    if (first_of(s->work, "models")) {
        (void)putchar('\n');
        print_work(s);
    }
}

int prompts_status(struct remote *r, const struct json *batch, const struct json *report)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", "skipped"};
    struct status s = {.r = r, .batch = batch, .report = report, .id = json_text(batch, "id")};
    const struct json *counts = json_get(batch, STR("counts"));
    s.open = number_of(counts, "open");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        s.ended += number_of(counts, ends[i]);
    }
    int code = read_open(&s);
    code = code ? code : read_results(&s);
    if (!code) {
        (options_flag(r->o, "json") ? print_json : print_status)(&s);
    }
    return code;
}
