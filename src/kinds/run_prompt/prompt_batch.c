/* prompt_batch.c: see kinds/prompt_batch.h. What one job may be asked is checked by prompt_args.c, on the first coordinate; what
 * makes a batch of it, here. */
#include "kinds/prompt_batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "kinds/run_prompt/prompt_args.h"
#include "kinds/run_prompt/strict_schema.h"

#define NAME_MAX_BYTES   64
#define MODEL_MAX_BYTES  128
#define KEY_MAX_BYTES    256 /* of the server */
#define ARGS_MAX_BYTES   (1 << 20)
#define CHARS_OF_A_TOKEN 4
#define KEY_WORD         "batch"

static const char *const members[] = {
    "name", "prompts",        "models", "runs",   "system", "schema", "schema_name", "entities", "paths",
    "code", "max_tokens_cap", "queue",  "budget", "cron",   "tz",     "catch_up",    NULL};
static const char *const prompt_members[] = {"id", "text", "vars", NULL};
static const char *const model_members[] = {"id", "provider", "params", NULL};
static const char *const budget_members[] = {"calls", "tokens", "usd", NULL};
/* What every job gets as it stands. */
static const char *const shared[] = {"system", "schema", "schema_name",   "entities",
                                     "paths",  "code",   "max_tokens_cap"};
#define SHARED (sizeof shared / sizeof *shared)

static enum rc invalid(struct err *e, const char *field, const char *why)
{
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s: %s", field, why);
}

/* A part of a key: colons are between parts. */
static bool is_part(struct str s)
{
    return s.n <= NAME_MAX_BYTES && str_is_name(s) && str_find_char(s, ':', 0) == s.n;
}

/* ---- what is asked, as a number */

/* Without the blanks between values, so that a file that was only laid out anew asks the same. */
static void append_compact(struct buf *out, struct str raw)
{
    bool is_text = false;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (is_text && c == '\\' && i + 1 < raw.n) {
            buf_append_char(out, c);
            c = raw.p[++i];
        } else if (c == '"') {
            is_text = !is_text;
        }
        if (is_text || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) {
            buf_append_char(out, c);
        }
    }
}

static uint64_t hash_of(struct str s)
{
    static const unsigned char key[SIPHASH_KEY_BYTES] = "stint run-prompt";
    return siphash(key, s);
}

static uint64_t hash_values(const struct json *const *values, size_t count)
{
    struct buf text = BUF_LIMIT(2 * PROMPT_BATCH_MAX_BYTES);
    for (size_t i = 0; i < count; i++) {
        append_compact(&text, values[i] ? values[i]->raw : STR("null"));
        buf_append_char(&text, '\n');
    }
    uint64_t hash = hash_of(buf_str(&text));
    buf_dispose(&text);
    return hash;
}

/* ---- reading */

static enum rc wrong_item(struct err *e, enum rc rc, const char *list, size_t i)
{
    return err_wrap(e, rc, "/%s/%zu", list, i);
}

static enum rc read_object(const struct json *o, const char *name, const struct json **out, struct err *e)
{
    const struct json *v = json_get(o, str_from(name));
    *out = v && v->type == JSON_OBJECT ? v : NULL;
    return !v || v->type == JSON_NULL || v->type == JSON_OBJECT ? RC_OK : invalid(e, name, "an object");
}

static enum rc read_prompt(const struct json *o, struct prompt_item *out, struct err *e)
{
    enum rc rc = o->type == JSON_OBJECT ? json_only(o, prompt_members, e)
                                        : invalid(e, "prompts", "each is {id, text, vars}");
    rc = rc ? rc : json_get_str(o, "id", &out->id, e);
    rc = rc ? rc : read_object(o, "vars", &out->vars, e);
    if (rc) {
        return rc;
    }
    out->text = json_get(o, STR("text"));
    if (!out->text || out->text->type != JSON_STRING || !out->text->s.n) {
        return invalid(e, "text", "is missing, or no text");
    }
    const struct json *asked[] = {out->text, out->vars};
    out->hash = hash_values(asked, 2);
    return is_part(out->id) ? RC_OK : invalid(e, "id", "1 to 64 letters, digits, '.', '_' and '-'");
}

static int compare_ids(const void *one, const void *other)
{
    return str_compare((*(const struct prompt_item *const *)one)->id,
                       (*(const struct prompt_item *const *)other)->id);
}

static enum rc refuse_same_ids(const struct prompt_batch *b, struct arena *a, struct err *e)
{
    const struct prompt_item **sorted = arena_array(a, const struct prompt_item *, b->prompt_count);
    for (size_t i = 0; i < b->prompt_count; i++) {
        sorted[i] = &b->prompts[i];
    }
    qsort(sorted, b->prompt_count, sizeof *sorted, compare_ids);
    for (size_t i = 1; i < b->prompt_count; i++) {
        if (str_eq(sorted[i]->id, sorted[i - 1]->id)) {
            return err_set_code(e, RC_INVALID, "invalid_field", "prompts", "prompts: two have the id %.*s",
                                STR_ARG(sorted[i]->id));
        }
    }
    return RC_OK;
}

static enum rc read_prompts(struct arena *a, struct prompt_batch *b, struct err *e)
{
    const struct json *list = json_get(b->definition, STR("prompts"));
    if (!list || list->type != JSON_ARRAY || !list->count) {
        return err_set_code(e, RC_INVALID, "no_prompts", "prompts", "prompts: there is none");
    }
    if (list->count > PROMPT_BATCH_MAX_JOBS) {
        return err_set(e, RC_TOO_BIG, "prompts: more than %d", PROMPT_BATCH_MAX_JOBS);
    }
    b->prompts = arena_array(a, struct prompt_item, list->count);
    for (const struct json *i = list->first; i; i = i->next) {
        enum rc rc = read_prompt(i, &b->prompts[b->prompt_count++], e);
        if (rc) {
            return wrong_item(e, rc, "prompts", b->prompt_count - 1);
        }
    }
    return refuse_same_ids(b, a, e);
}

static enum rc read_model(const struct json *o, struct prompt_model *out, struct err *e)
{
    enum rc rc = o->type == JSON_OBJECT ? json_only(o, model_members, e)
                                        : invalid(e, "models", "each is {id, provider, params}");
    rc = rc ? rc : json_get_str(o, "id", &out->id, e);
    rc = rc ? rc : json_get_str(o, "provider", &out->provider, e);
    rc = rc ? rc : read_object(o, "params", &out->params, e);
    if (rc) {
        return rc;
    }
    out->hash = hash_values(&out->params, 1);
    if (!out->id.n || out->id.n > MODEL_MAX_BYTES) {
        return invalid(e, "id", "the model's name at the provider, at most 128 bytes");
    }
    return is_part(out->provider) ? RC_OK
                                  : invalid(e, "provider", "1 to 64 letters, digits, '.', '_' and '-'");
}

static enum rc read_models(struct arena *a, struct prompt_batch *b, struct err *e)
{
    const struct json *list = json_get(b->definition, STR("models"));
    if (!list || list->type != JSON_ARRAY || !list->count || list->count > PROMPT_BATCH_MAX_MODELS) {
        return invalid(e, "models", "an array of 1 to 200 models");
    }
    b->models = arena_array(a, struct prompt_model, list->count);
    for (const struct json *i = list->first; i; i = i->next) {
        struct prompt_model *m = &b->models[b->model_count++];
        enum rc rc = read_model(i, m, e);
        for (struct prompt_model *other = b->models; other < m && !rc; other++) {
            if (str_eq(other->id, m->id) && str_eq(other->provider, m->provider)) {
                rc = invalid(e, "id", "this model of this provider is there already");
            }
        }
        if (rc) {
            return wrong_item(e, rc, "models", b->model_count - 1);
        }
    }
    return RC_OK;
}

static enum rc check_size(const struct prompt_batch *b, struct err *e)
{
    size_t of_a_model = b->prompt_count * b->runs; /* neither is over 100,000 */
    if (of_a_model * b->model_count > PROMPT_BATCH_MAX_JOBS) {
        return err_set_code(e, RC_TOO_BIG, "too_many_jobs", "prompts",
                            "%zu prompts × %zu models × %zu runs are %zu jobs; a batch has at most %d",
                            b->prompt_count, b->model_count, b->runs, of_a_model * b->model_count,
                            PROMPT_BATCH_MAX_JOBS);
    }
    return RC_OK;
}

/* Calls and tokens are held against the least that the batch needs; what it took in the end stands in the report. */
static enum rc read_budget(struct prompt_batch *b, struct err *e)
{
    const struct json *o = NULL;
    enum rc rc = read_object(b->definition, "budget", &o, e);
    rc = rc || !o ? rc : json_only(o, budget_members, e);
    rc = rc ? rc : json_get_int(o, "calls", 1, INT64_MAX, &b->max_calls, e);
    rc = rc ? rc : json_get_int(o, "tokens", 1, INT64_MAX, &b->max_tokens, e);
    rc = rc ? rc : json_get_real(o, "usd", 0, 1e12, &b->max_usd, e);
    if (rc) {
        return rc;
    }
    if (b->max_calls && (int64_t)prompt_batch_jobs(b) > b->max_calls) {
        return err_set_code(e, RC_INVALID, "over_budget", "budget",
                            "budget: %zu jobs need more than %lld calls", prompt_batch_jobs(b),
                            (long long)b->max_calls);
    }
    if (b->max_tokens && prompt_batch_input_tokens(b) > b->max_tokens) {
        return err_set_code(e, RC_INVALID, "over_budget", "budget",
                            "budget: the prompts alone are about %lld tokens, more than %lld",
                            (long long)prompt_batch_input_tokens(b), (long long)b->max_tokens);
    }
    return RC_OK;
}

static void write_args(const struct prompt_batch *b, const struct prompt_item *p,
                       const struct prompt_model *m, struct json_out *w)
{
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
    for (size_t i = 0; i < SHARED; i++) {
        const struct json *v = json_get(b->definition, str_from(shared[i]));
        if (v && v->type != JSON_NULL) {
            json_put_raw(w, shared[i], v->raw);
        }
    }
    json_object_end(w);
}

/* As the worker will read them: so what is wrong with a schema or a name is told before there is a job. */
static enum rc check_args(const struct prompt_batch *b, struct arena *a, struct err *e)
{
    struct buf text = BUF_LIMIT(ARGS_MAX_BYTES);
    struct json_out w = json_writer(&text);
    struct prompt_args unused;
    write_args(b, &b->prompts[0], &b->models[0], &w);
    enum rc rc = buf_check(&text, "what a job is asked", e);
    rc = rc ? rc : prompt_args_read(arena_str(a, buf_str(&text)), a, &unused, e);
    buf_dispose(&text);
    return rc;
}

static enum rc read_head(struct prompt_batch *b, struct err *e)
{
    struct str unused = STR_NONE;
    struct str queue = STR_NONE;
    int64_t runs = 1;
    enum rc rc = json_only(b->definition, members, e);
    rc = rc ? rc : json_get_str(b->definition, "name", &b->name, e);
    rc = rc ? rc : json_get_int(b->definition, "runs", 1, PROMPT_BATCH_MAX_RUNS, &runs, e);
    rc = rc ? rc : json_get_str(b->definition, "queue", &queue, e);
    rc = rc ? rc : json_get_str(b->definition, "cron", &unused, e); /* of the schedule that it may become */
    rc = rc ? rc : json_get_str(b->definition, "tz", &unused, e);
    rc = rc ? rc : json_get_str(b->definition, "catch_up", &unused, e);
    b->runs = (size_t)runs;
    if (!rc && !is_part(b->name)) {
        return invalid(e, "name", "1 to 64 letters, digits, '.', '_' and '-'");
    }
    return rc || !queue.n || str_is_name(queue) ? rc : invalid(e, "queue", "the name of a queue");
}

enum rc prompt_batch_read(struct str text, struct arena *a, struct prompt_batch *out, struct err *e)
{
    struct prompt_batch b = {0};
    struct json *definition = NULL;
    const struct json *asked[SHARED];
    enum rc rc = json_parse(text, a, &definition, e);
    b.definition = definition;
    rc = rc ? rc : read_head(&b, e);
    rc = rc ? rc : read_prompts(a, &b, e);
    rc = rc ? rc : read_models(a, &b, e);
    rc = rc ? rc : check_size(&b, e);
    rc = rc ? rc : check_args(&b, a, e);
    rc = rc ? rc : read_budget(&b, e);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < SHARED; i++) { /* where names are looked for asks the model nothing */
        bool is_asked = i < 3 || i == SHARED - 1;
        asked[i] = is_asked ? json_get(definition, str_from(shared[i])) : NULL;
    }
    b.hash = hash_values(asked, SHARED);
    *out = b;
    return RC_OK;
}

/* ---- what it comes to */

size_t prompt_batch_jobs(const struct prompt_batch *b)
{
    return b->prompt_count * b->model_count * b->runs;
}

int64_t prompt_batch_input_tokens(const struct prompt_batch *b)
{
    const struct json *system_text = json_get(b->definition, STR("system"));
    const struct json *schema = json_get(b->definition, STR("schema"));
    size_t each = (system_text ? system_text->s.n : 0) + (schema ? schema->raw.n : 0);
    size_t bytes = 0;
    for (size_t i = 0; i < b->prompt_count; i++) {
        bytes += each + b->prompts[i].text->s.n + (b->prompts[i].vars ? b->prompts[i].vars->raw.n : 0);
    }
    return (int64_t)(bytes * b->model_count * b->runs / CHARS_OF_A_TOKEN);
}

struct str prompt_batch_digits(const struct prompt_batch *b, struct arena *a)
{
    struct buf text = BUF_LIMIT(64 << 20);
    buf_printf(&text, "%llx %zu\n", (unsigned long long)b->hash, b->runs);
    for (size_t i = 0; i < b->prompt_count; i++) {
        buf_printf(&text, "%.*s %llx\n", STR_ARG(b->prompts[i].id), (unsigned long long)b->prompts[i].hash);
    }
    for (size_t i = 0; i < b->model_count; i++) {
        const struct prompt_model *m = &b->models[i];
        buf_printf(&text, "%.*s/%.*s %llx\n", STR_ARG(m->provider), STR_ARG(m->id),
                   (unsigned long long)m->hash);
    }
    struct str digits = arena_printf(a, "%08x", (unsigned)hash_of(buf_str(&text)));
    buf_dispose(&text);
    return digits;
}

const char *prompt_batch_lint(const struct prompt_batch *b, struct arena *a, char place[96])
{
    const struct json *schema = json_get(b->definition, STR("schema"));
    if (!schema || schema->type == JSON_NULL) {
        return NULL;
    }
    struct strict_schema strict = strict_schema_make(schema, a);
    str_copy(place, 96, str_from(strict.place));
    return strict.rule;
}

bool prompt_date_is_good(struct str date)
{
    char text[32];
    int64_t unused = 0;
    str_print(text, sizeof text, "%.*sT00:00:00Z", (int)(date.n > 10 ? 10 : date.n), date.p);
    return date.n == 10 && time_parse(str_from(text), &unused);
}

/* ---- the jobs */

static size_t print_key(char to[KEY_MAX_BYTES + 1], const struct prompt_batch *b, size_t i, struct str date)
{
    char asked[64];
    const struct prompt_model *m = &b->models[i % b->model_count];
    const struct prompt_item *p = &b->prompts[i / b->model_count % b->prompt_count];
    str_print(asked, sizeof asked, "%llx %llx %llx", (unsigned long long)b->hash, (unsigned long long)p->hash,
              (unsigned long long)m->hash);
    struct buf key = BUF_LIMIT(4096);
    buf_printf(&key, KEY_WORD ":%.*s:%.*s:%.*s:%08x:%.*s/%.*s:%zu", STR_ARG(b->name), STR_ARG(date),
               STR_ARG(p->id), (unsigned)hash_of(str_from(asked)), STR_ARG(m->provider), STR_ARG(m->id),
               i / b->model_count / b->prompt_count + 1);
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

/* A provider that says "later" is left alone by all jobs of it (run_prompt.c). */
static void put_limits(struct str provider, struct json_out *w)
{
    char key[sizeof PROMPT_LIMIT_PREFIX + NAME_MAX_BYTES];
    str_print(key, sizeof key, PROMPT_LIMIT_PREFIX "%.*s", STR_ARG(provider));
    json_name(w, "limits");
    json_array_begin(w);
    json_c(w, key);
    json_array_end(w);
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
    put_limits(b->models[i % b->model_count].provider, w);
    json_name(w, "args");
    write_args(b, &b->prompts[i / b->model_count % b->prompt_count], &b->models[i % b->model_count], w);
    json_put_c(w, "unique_key", key);
    json_put_c(w, "unique_for_s", "forever");
    json_put_int(w, "max_attempts", 5);
    json_put_raw(w, "retry", STR("{\"base_s\":2,\"cap_s\":120}"));
    json_put_int(w, "timeout_s", 600);
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

void prompt_batch_write_report(const struct prompt_batch *b, struct str date, struct str batch,
                               struct json_out *w)
{
    static const char *const kept[] = {"entities", "paths", "code", "budget"};
    struct arena *a = arena_new();
    json_object_begin(w);
    json_put_c(w, "kind", "prompt-report");
    put_queue(b, w);
    json_name(w, "args");
    json_object_begin(w);
    json_put_str(w, "batch", batch);
    json_put_str(w, "name", b->name);
    json_put_str(w, "date", date);
    json_put_int(w, "expected", (int64_t)prompt_batch_jobs(b));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct json *v = json_get(b->definition, str_from(kept[i]));
        if (v && v->type != JSON_NULL) {
            json_put_raw(w, kept[i], v->raw);
        }
    }
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
    json_put_int(w, "timeout_s", 3600);
    json_object_end(w);
    arena_free(a);
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
