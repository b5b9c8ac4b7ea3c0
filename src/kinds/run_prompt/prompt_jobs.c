/* prompt_jobs.c: a definition as jobs: those that ask, the one that reports, and both as a schedule that makes them at each tick. */
#include "kinds/run_prompt/prompt_jobs.h"

#include <assert.h>

#include "kinds/run_prompt/prompt_args.h"
#include "worker/handler.h"

#define NAME_MAX_BYTES   64
#define KEY_MAX_BYTES    256 /* of the server */
#define CHARS_OF_A_TOKEN 4
#define OUTPUT_GUESS     512
#define REPORT_S         3600
#define LOST_MAX         20 /* a worker that dies says nothing against a question */
#define KEY_WORD         "batch"

static size_t print_key(char to[KEY_MAX_BYTES + 1], const struct prompt_batch *b, size_t i, struct str date)
{
    char asked[64];
    const struct prompt_model *m = &b->models[i % b->model_count];
    const struct prompt_item *p = &b->prompts[i / b->model_count % b->prompt_count];
    str_print(asked, sizeof asked, "%llx %llx %llx", (unsigned long long)b->hash, (unsigned long long)p->hash,
              (unsigned long long)m->hash);
    struct buf key = BUF_LIMIT(4096);
    buf_printf(&key, KEY_WORD ":%.*s:%.*s:%.*s:%08x:%.*s/%.*s:%zu", STR_ARG(b->name), STR_ARG(date),
               STR_ARG(p->id), (unsigned)prompt_batch_hash(str_from(asked)), STR_ARG(m->provider),
               STR_ARG(m->id), i / b->model_count / b->prompt_count + 1);
    size_t n = key.n;
    str_copy(to, KEY_MAX_BYTES + 1, buf_str(&key));
    buf_dispose(&key);
    return n;
}

static void put_queue(const struct prompt_batch *b, struct json_out *w)
{
    const struct json *queue = json_get(b->definition, STR("queue"));
    if (queue && queue->s.n) {
        json_put_str(w, "queue", queue->s);
    }
}

/* ---- limit keys: a provider that says "later" is left alone by all jobs of it (run_prompt.c), and what it and the budget allow
 * is kept to (spending.c) */

static int64_t tokens_asked(const struct json *params)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};
    for (size_t i = 0; i < 2; i++) {
        const struct json *v = json_get(params, str_from(names[i]));
        if (v && v->type == JSON_INT && v->i > 0) {
            return v->i;
        }
    }
    return OUTPUT_GUESS;
}

/* Of one call. */
static int64_t guess_tokens(const struct prompt_batch *b, const struct prompt_item *p,
                            const struct prompt_model *m)
{
    const struct json *system_text = json_get(b->definition, STR("system"));
    const struct json *schema = json_get(b->definition, STR("schema"));
    size_t bytes = (system_text ? system_text->s.n : 0) + (schema ? schema->raw.n : 0) + p->text->s.n +
                   (p->vars ? p->vars->raw.n : 0);
    int64_t guess = (int64_t)(bytes / CHARS_OF_A_TOKEN) + tokens_asked(m->params);
    return guess < LIMIT_WEIGHT_MAX ? guess : LIMIT_WEIGHT_MAX;
}

static void put_weighed(const char *key, int64_t weight, struct json_out *w)
{
    json_object_begin(w);
    json_put_c(w, "key", key);
    json_put_int(w, "weight", weight);
    json_object_end(w);
}

/* day: of whose budget it is. */
static void put_limits(const struct prompt_batch *b, struct str provider, int64_t tokens, struct str day,
                       struct json_out *w)
{
    const struct {
        bool has;
        const char *sort;
    } budgets[] = {{b->max_calls, "calls"}, {b->max_tokens, "tokens"}, {b->max_usd > 0, "usd"}};
    char key[KEY_MAX_BYTES];
    json_name(w, "limits");
    json_array_begin(w);
    str_print(key, sizeof key, PROMPT_LIMIT_PREFIX "%.*s", STR_ARG(provider));
    json_c(w, key);
    str_print(key, sizeof key, PROMPT_TOKENS_PREFIX "%.*s", STR_ARG(provider));
    put_weighed(key, tokens, w);
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        str_print(key, sizeof key, PROMPT_BUDGET_PREFIX "%s:%.*s:%.*s", budgets[i].sort, STR_ARG(b->name),
                  STR_ARG(day));
        if (budgets[i].has) {
            json_c(w, key);
        }
    }
    json_array_end(w);
}

/* ---- a job */

static void put_shared_args(const struct prompt_batch *b, struct json_out *w)
{
    static const char *const shared[] = {"system", "schema", "schema_name",    "entities",
                                         "paths",  "code",   "max_tokens_cap", "budget"};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        const struct json *v = json_get(b->definition, str_from(shared[i]));
        if (v && v->type != JSON_NULL) {
            json_put_raw(w, shared[i], v->raw);
        }
    }
}

static const struct prompt_item *prompt_at(const struct prompt_batch *b, size_t i)
{
    return &b->prompts[i / b->model_count % b->prompt_count];
}

static const struct prompt_model *model_at(const struct prompt_batch *b, size_t i)
{
    return &b->models[i % b->model_count];
}

void prompt_batch_write_args(const struct prompt_batch *b, size_t i, struct json_out *w)
{
    const struct prompt_item *p = prompt_at(b, i);
    const struct prompt_model *m = model_at(b, i);
    json_object_begin(w);
    json_put_str(w, "provider", m->provider);
    json_put_str(w, "model", m->id);
    json_put_raw(w, "prompt", p->text->raw);
    if (p->vars) {
        json_put_raw(w, "vars", p->vars->raw);
    }
    if (m->params) {
        json_put_raw(w, "params", m->params->raw);
    }
    put_shared_args(b, w);
    json_object_end(w);
}

/* What all of them have. */
static void put_rules(struct json_out *w)
{
    json_put_int(w, "max_attempts", 5);
    json_put_int(w, "lost_max", LOST_MAX);
    json_put_raw(w, "retry", STR("{\"base_s\":2,\"cap_s\":120}"));
    json_put_int(w, "timeout_s", 600);
}

enum rc prompt_batch_write_job(const struct prompt_batch *b, size_t i, struct str date, struct str batch,
                               struct json_out *w, struct err *e)
{
    char key[KEY_MAX_BYTES + 1];
    if (print_key(key, b, i, date) > KEY_MAX_BYTES) {
        return err_set(e, RC_TOO_BIG, "the names make a key of more than %d bytes: %s…", KEY_MAX_BYTES, key);
    }
    json_object_begin(w);
    json_put_c(w, "kind", "run-prompt");
    put_queue(b, w);
    json_put_str(w, "batch", batch);
    put_limits(b, model_at(b, i)->provider, guess_tokens(b, prompt_at(b, i), model_at(b, i)), date, w);
    json_name(w, "args");
    prompt_batch_write_args(b, i, w);
    json_put_c(w, "unique_key", key);
    json_put_c(w, "unique_for_s", "forever");
    put_rules(w);
    json_object_end(w);
    return RC_OK;
}

/* A report is found by its tags: the newest of a name, that of a date, that of a batch. */
static void put_tags(const struct prompt_batch *b, struct str date, struct str batch, struct json_out *w)
{
    char tag[KEY_MAX_BYTES];
    struct arena *a = arena_new();
    const struct str ends[] = {STR_NONE, date, prompt_batch_digits(b, a)};
    size_t n = str_print(tag, sizeof tag, KEY_WORD ":%.*s", STR_ARG(b->name));
    json_name(w, "tags");
    json_array_begin(w);
    json_c(w, tag);
    for (size_t i = 1; i < sizeof ends / sizeof *ends; i++) {
        n += str_print(tag + n, sizeof tag - n, ":%.*s", STR_ARG(ends[i]));
        json_c(w, tag);
    }
    str_print(tag, sizeof tag, KEY_WORD ":%.*s", STR_ARG(batch));
    json_c(w, tag);
    json_array_end(w);
    arena_free(a);
}

/* What the report is about, beside which batch. */
static void put_report_args(const struct prompt_batch *b, struct json_out *w)
{
    static const char *const kept[] = {"entities", "paths", "schema", "code", "budget"};
    json_put_str(w, "name", b->name);
    json_put_int(w, "expected", (int64_t)prompt_batch_jobs(b));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct json *v = json_get(b->definition, str_from(kept[i]));
        if (v && v->type != JSON_NULL) {
            json_put_raw(w, kept[i], v->raw);
        }
    }
}

void prompt_batch_write_report(const struct prompt_batch *b, struct str date, struct str batch,
                               struct json_out *w)
{
    struct arena *a = arena_new();
    json_object_begin(w);
    json_put_c(w, "kind", "prompt-report");
    put_queue(b, w);
    json_name(w, "args");
    json_object_begin(w);
    json_put_str(w, "batch", batch);
    json_put_str(w, "date", date);
    put_report_args(b, w);
    json_object_end(w);
    json_name(w, "depends_on");
    json_array_begin(w);
    json_str(w, batch);
    json_array_end(w);
    json_put_c(w, "on_parent_failure", "continue"); /* of a cancelled batch, what there is */
    put_tags(b, date, batch, w);
    json_put_str(w, "unique_key",
                 arena_printf(a, KEY_WORD ":%.*s:%.*s:report:%.*s", STR_ARG(b->name), STR_ARG(date),
                              STR_ARG(prompt_batch_digits(b, a))));
    json_put_c(w, "unique_for_s", "forever");
    json_put_int(w, "timeout_s", REPORT_S);
    json_object_end(w);
    arena_free(a);
}

/* ---- as a schedule */

/* What a job of a tick may be guessed to take, whichever it is: its weight stands in the template. */
static int64_t guess_of_any(const struct prompt_batch *b)
{
    int64_t sum = 0;
    for (size_t i = 0; i < b->prompt_count; i++) {
        sum += guess_tokens(b, &b->prompts[i], &b->models[0]) - tokens_asked(b->models[0].params);
    }
    int64_t most = 0;
    for (size_t i = 0; i < b->model_count; i++) {
        int64_t asked = tokens_asked(b->models[i].params);
        most = asked > most ? asked : most;
    }
    assert(b->prompt_count > 0); /* prompt_batch_read */
    int64_t guess = sum / (int64_t)b->prompt_count + most;
    return guess < 1 ? 1 : guess < LIMIT_WEIGHT_MAX ? guess : LIMIT_WEIGHT_MAX;
}

static bool has_one_provider(const struct prompt_batch *b)
{
    bool is_one = true;
    for (size_t i = 1; i < b->model_count; i++) {
        is_one = is_one && str_eq(b->models[i].provider, b->models[0].provider);
    }
    return is_one;
}

static void put_template(const struct prompt_batch *b, struct json_out *w)
{
    struct str provider = has_one_provider(b) ? b->models[0].provider : STR("{model.provider}");
    json_name(w, "job");
    json_object_begin(w);
    json_put_c(w, "kind", "run-prompt");
    put_queue(b, w);
    put_limits(b, provider, guess_of_any(b), STR("{batch}"), w);
    json_name(w, "args");
    json_object_begin(w);
    put_shared_args(b, w);
    json_object_end(w);
    put_rules(w);
    json_object_end(w);
}

/* The last dimension runs fastest (coordinates.h). */
static void put_matrix(const struct prompt_batch *b, struct json_out *w)
{
    json_name(w, "matrix");
    json_object_begin(w);
    json_put_raw(w, "prompt", json_get(b->definition, STR("prompts"))->raw);
    json_put_raw(w, "model", json_get(b->definition, STR("models"))->raw);
    json_name(w, "run");
    json_array_begin(w);
    for (size_t i = 1; i <= b->runs; i++) {
        json_int(w, (int64_t)i);
    }
    json_array_end(w);
    json_object_end(w);
}

static void put_coordinates(const struct prompt_batch *b, struct json_out *w)
{
    json_name(w, "matrix");
    json_object_begin(w);
    json_name(w, "prompts");
    json_array_begin(w);
    for (size_t i = 0; i < b->prompt_count; i++) {
        json_str(w, b->prompts[i].id);
    }
    json_array_end(w);
    json_name(w, "models");
    json_array_begin(w);
    for (size_t i = 0; i < b->model_count; i++) {
        json_object_begin(w);
        json_put_str(w, "provider", b->models[i].provider);
        json_put_str(w, "id", b->models[i].id);
        json_object_end(w);
    }
    json_array_end(w);
    json_put_int(w, "runs", (int64_t)b->runs);
    json_object_end(w);
}

static void put_finally(const struct prompt_batch *b, struct json_out *w)
{
    char tag[KEY_MAX_BYTES];
    json_name(w, "finally");
    json_array_begin(w);
    json_object_begin(w);
    json_put_c(w, "kind", "prompt-report");
    put_queue(b, w);
    json_name(w, "args");
    json_object_begin(w);
    put_report_args(b, w);
    put_coordinates(b, w);
    json_object_end(w);
    json_name(w, "tags");
    json_array_begin(w);
    str_print(tag, sizeof tag, KEY_WORD ":%.*s", STR_ARG(b->name));
    json_c(w, tag);
    json_array_end(w);
    json_put_c(w, "on_parent_failure", "continue"); /* of a cancelled batch, what there is */
    json_put_int(w, "timeout_s", REPORT_S);
    json_object_end(w);
    json_array_end(w);
}

enum rc prompt_batch_write_schedule(const struct prompt_batch *b, struct json_out *w, struct err *e)
{
    static const char *const told[] = {"cron", "tz", "catch_up"};
    const struct json *cron = json_get(b->definition, STR("cron"));
    if (!cron || cron->type != JSON_STRING || !cron->s.n) {
        return err_set_code(e, RC_INVALID, "invalid_field", "cron", "cron: is missing: when does it run?");
    }
    if (prompt_batch_jobs(b) > PROMPT_BATCH_MAX_MIXED && !has_one_provider(b)) {
        return err_set_code(e, RC_TOO_BIG, "too_many_jobs", "models",
                            "models: of several providers a schedule asks at most %d jobs a tick, and these "
                            "are %zu: make a definition for each provider",
                            PROMPT_BATCH_MAX_MIXED, prompt_batch_jobs(b));
    }
    json_object_begin(w);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        const struct json *v = json_get(b->definition, str_from(told[i]));
        if (v && v->type != JSON_NULL) {
            json_put_raw(w, told[i], v->raw);
        }
    }
    put_template(b, w);
    put_matrix(b, w);
    put_finally(b, w);
    json_object_end(w);
    return RC_OK;
}

bool prompt_coordinate_parse(struct str key, struct prompt_coordinate *out)
{
    struct str rest = key;
    struct str word = str_cut(rest, ':', &rest);
    struct str name = str_cut(rest, ':', &rest);
    struct str date = str_cut(rest, ':', &rest);
    struct str prompt = str_cut(rest, ':', &rest);
    struct str digits = str_cut(rest, ':', &rest);
    struct str model = STR_NONE;
    struct str provider = str_cut(rest, '/', &model); /* a model may have slashes and colons in its name */
    size_t colon = model.n;
    while (colon > 0 && model.p[colon - 1] != ':') {
        colon--;
    }
    int64_t run = 0;
    if (!str_eq(word, STR(KEY_WORD)) || !name.n || !date.n || !prompt.n || digits.n != 8 || !provider.n ||
        colon < 2 || !str_to_i64(str_sub(model, colon, model.n), &run) || run < 1) {
        return false;
    }
    *out = (struct prompt_coordinate){prompt, provider, str_sub(model, 0, colon - 1), run};
    return true;
}
