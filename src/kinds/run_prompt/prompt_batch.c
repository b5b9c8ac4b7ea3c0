/* prompt_batch.c: see kinds/prompt_batch.h. What one job may be asked is checked by prompt_args.c, on the first coordinate; what
 * makes a batch of it, here. */
#include "kinds/prompt_batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "kinds/run_prompt/placeholders.h"
#include "kinds/run_prompt/prompt_args.h"
#include "kinds/run_prompt/prompt_jobs.h"
#include "kinds/run_prompt/schema_sense.h"
#include "kinds/run_prompt/strict_schema.h"

#define NAME_MAX_BYTES   64
#define MODEL_MAX_BYTES  128
#define ARGS_MAX_BYTES   (1 << 20)
#define CHARS_OF_A_TOKEN 4

static const char *const members[] = {
    "name", "prompts",        "models", "runs",   "system", "schema", "schema_name", "entities", "paths",
    "code", "max_tokens_cap", "queue",  "budget", "cron",   "tz",     "catch_up",    NULL};
static const char *const prompt_members[] = {"id", "text", "vars", NULL};
static const char *const model_members[] = {"id", "provider", "params", NULL};
/* What is asked, beside prompts and models. Where names are looked for asks the model nothing. */
static const char *const asked_members[] = {"system", "schema", "schema_name",   "entities",
                                            "paths",  "code",   "max_tokens_cap"};
#define ASKED (sizeof asked_members / sizeof *asked_members)

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

uint64_t prompt_batch_hash(struct str s)
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
    uint64_t hash = prompt_batch_hash(buf_str(&text));
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
    rc = rc ? rc : prompt_params_check(out->params, e);
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
    struct prompt_budget budget;
    enum rc rc = prompt_budget_read(b->definition, &budget, e);
    b->max_calls = budget.calls;
    b->max_tokens = budget.tokens;
    b->max_usd = budget.usd;
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

/* Each prompt has its own variables, so that one which no text takes is a slip of somebody's. */
static enum rc check_vars(const struct prompt_item *p, struct str system_text, struct err *e)
{
    enum rc rc = placeholders_check(p->text->s, p->vars, e);
    rc = rc ? rc : placeholders_check(system_text, p->vars, e);
    for (const struct json *v = p->vars ? p->vars->first : NULL; v && !rc; v = v->next) {
        if (!placeholders_have(p->text->s, v->name) && !placeholders_have(system_text, v->name)) {
            rc = err_set_code(e, RC_INVALID, "invalid_input", "vars", "vars: nothing asks for {{%.*s}}",
                              STR_ARG(v->name));
        }
    }
    return rc;
}

static enum rc check_all_vars(const struct prompt_batch *b, struct err *e)
{
    const struct json *told = json_get(b->definition, STR("system"));
    bool is_needed = told && str_find(told->s, STR("{{"), 0) < told->s.n;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->prompt_count && !rc; i++) {
        rc = check_vars(&b->prompts[i], is_needed ? told->s : STR(""), e);
        rc = rc ? wrong_item(e, rc, "prompts", i) : RC_OK;
    }
    return rc;
}

/* As the worker will read them: so what is wrong with a schema or a name is told before there is a job. */
static enum rc check_args(const struct prompt_batch *b, struct arena *a, struct err *e)
{
    struct buf text = BUF_LIMIT(ARGS_MAX_BYTES);
    struct json_out w = json_writer(&text);
    struct prompt_args args;
    prompt_batch_write_args(b, 0, &w);
    enum rc rc = buf_check(&text, "what a job is asked", e);
    rc = rc ? rc : prompt_args_read(arena_str(a, buf_str(&text)), a, &args, e);
    buf_dispose(&text);
    if (rc || !args.schema) {
        return rc;
    }
    struct schema *schema = NULL;
    rc = schema_compile(args.schema, a, &schema, e);
    rc = rc ? rc : schema_check_sense(schema, e);
    return rc ? err_wrap(e, rc, "schema: at %s", e->field[0] ? e->field : "its root") : RC_OK;
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
    const struct json *asked[ASKED];
    enum rc rc = json_parse(text, a, &definition, e);
    b.definition = definition;
    rc = rc ? rc : read_head(&b, e);
    rc = rc ? rc : read_prompts(a, &b, e);
    rc = rc ? rc : read_models(a, &b, e);
    rc = rc ? rc : check_size(&b, e);
    rc = rc ? rc : check_all_vars(&b, e);
    rc = rc ? rc : check_args(&b, a, e);
    rc = rc ? rc : read_budget(&b, e);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < ASKED; i++) {
        bool is_asked = i < 3 || i == ASKED - 1;
        asked[i] = is_asked ? json_get(definition, str_from(asked_members[i])) : NULL;
    }
    b.hash = hash_values(asked, ASKED);
    *out = b;
    return RC_OK;
}

enum rc prompt_batch_check_names(const struct json *list, struct arena *a, struct err *e)
{
    struct entity *entities = NULL;
    size_t count = 0;
    enum rc rc = prompt_entities_read(list, a, &entities, &count, e);
    return rc ? rc : mentions_check(entities, count, e);
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
    struct str digits = arena_printf(a, "%08x", (unsigned)prompt_batch_hash(buf_str(&text)));
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
