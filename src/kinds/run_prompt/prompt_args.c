/* prompt_args.c: see prompt_args.h. */
#include "kinds/run_prompt/prompt_args.h"

#include "base/buf.h"
#include "kinds/run_prompt/placeholders.h"
#include "kinds/run_prompt/schema.h"

#define MESSAGES_MAX_BYTES (1 << 20)
#define MAX_TOKENS_CAP     32768

static const char *const members[] = {
    "provider",    "model",    "prompt", "system", "messages",       "vars", "params", "schema",
    "schema_name", "entities", "paths",  "code",   "max_tokens_cap", "run",  "budget", NULL};
static const char *const budget_members[] = {"calls", "tokens", "usd", NULL};
static const char *const prompt_members[] = {"id", "text", "vars", NULL};
static const char *const model_members[] = {"id", "provider", "params", NULL};

static enum rc invalid(struct err *e, const char *field, const char *why)
{
    return err_set_code(e, RC_INVALID, "invalid_input", field, "%s: %s", field, why);
}

/* What a request has beside params, and where that is said. */
static const struct {
    const char *name, *why;
} not_params[] = {
    {"model", "stands beside params"},
    {"messages", "stands beside params, as prompt or messages"},
    {"system", "stands beside params"},
    {"response_format", "is made of the schema"},
    {"tools", "are not called: a schema says what an answer is like"},
    {"tool_choice", "is none: no tools are called"},
    {"stream", "is not done: an answer is read as a whole"},
    {"n", "is 1 in each job: runs asks several times"},
};

enum rc prompt_params_check(const struct json *params, struct err *e)
{
    static const char *const counts[] = {"max_tokens", "max_completion_tokens"};
    for (const struct json *p = params ? params->first : NULL; p; p = p->next) {
        for (size_t i = 0; i < sizeof not_params / sizeof *not_params; i++) {
            if (str_eq(p->name, str_from(not_params[i].name))) {
                return err_set_code(e, RC_INVALID, "invalid_input", "params", "params: %s %s",
                                    not_params[i].name, not_params[i].why);
            }
        }
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            if (str_eq(p->name, str_from(counts[i])) && (p->type != JSON_INT || p->i < 1)) {
                return err_set_code(e, RC_INVALID, "invalid_input", "params",
                                    "params: %s is a whole number above 0", counts[i]);
            }
        }
        if (!p->name.n || p->name.n > PROMPT_PARAM_MAX_BYTES) {
            return invalid(e, "params", "a name has 1 to 128 bytes");
        }
    }
    return RC_OK;
}

static enum rc check_messages(const struct json *list, struct err *e)
{
    if (list->type != JSON_ARRAY || !list->count) {
        return invalid(e, "messages", "an array of {role, content}");
    }
    for (const struct json *m = list->first; m; m = m->next) {
        const struct json *role = json_get(m, STR("role"));
        const struct json *content = json_get(m, STR("content"));
        if (!role || role->type != JSON_STRING || !content || content->type != JSON_STRING) {
            return invalid(e, "messages", "each has a role and a content, both texts");
        }
    }
    return RC_OK;
}

static enum rc write_message(struct str role, struct str content, const struct json *vars, struct arena *a,
                             struct json_out *w, struct err *e)
{
    struct str filled = STR_NONE;
    enum rc rc = placeholders_fill(content, vars, a, &filled, e);
    json_object_begin(w);
    json_put_str(w, "role", role);
    json_put_str(w, "content", filled);
    json_object_end(w);
    return rc;
}

static enum rc read_messages(const struct json *o, const struct json *vars, struct arena *a,
                             struct prompt_args *out, struct err *e)
{
    const struct json *list = json_get(o, STR("messages"));
    const struct json *prompt = json_get(o, STR("prompt"));
    prompt = prompt && prompt->type == JSON_OBJECT ? json_get(prompt, STR("text")) : prompt;
    if (!list == !prompt) {
        return invalid(e, "prompt", "either prompt or messages");
    }
    enum rc rc = list ? check_messages(list, e) : RC_OK;
    if (rc) {
        return rc;
    }
    if (prompt && (prompt->type != JSON_STRING || !prompt->s.n)) {
        return invalid(e, "prompt", "a text");
    }
    struct buf text = BUF_LIMIT(2 * MESSAGES_MAX_BYTES);
    struct json_out w = json_writer(&text);
    json_array_begin(&w);
    for (const struct json *m = list ? list->first : NULL; m && !rc; m = m->next) {
        rc = write_message(json_get(m, STR("role"))->s, json_get(m, STR("content"))->s, vars, a, &w, e);
    }
    rc = rc || !prompt ? rc : write_message(STR("user"), prompt->s, vars, a, &w, e);
    json_array_end(&w);
    rc = rc ? rc : buf_check(&text, "the prompt", e);
    out->messages = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return rc;
}

static enum rc read_object(const struct json *o, const char *name, const struct json **out, struct err *e)
{
    const struct json *v = json_get(o, str_from(name));
    if (v && v->type != JSON_NULL && v->type != JSON_OBJECT) {
        return invalid(e, name, "an object");
    }
    *out = v && v->type == JSON_OBJECT ? v : NULL;
    return RC_OK;
}

static enum rc read_schema(const struct json *o, struct arena *a, struct prompt_args *out, struct err *e)
{
    struct schema *unused = NULL;
    out->schema_name = STR("answer");
    enum rc rc = json_get_str(o, "schema_name", &out->schema_name, e);
    rc = rc ? rc : read_object(o, "schema", &out->schema, e);
    if (!rc && (out->schema_name.n > 64 || !str_is_name(out->schema_name) ||
                str_find_char(out->schema_name, '.', 0) < out->schema_name.n ||
                str_find_char(out->schema_name, ':', 0) < out->schema_name.n)) {
        return invalid(e, "schema_name", "at most 64 letters, digits, _ and -");
    }
    if (rc || !out->schema) {
        return rc;
    }
    rc = schema_compile(out->schema, a, &unused, e);
    return rc ? err_wrap(e, rc, "schema: at %s", e->field[0] ? e->field : "its root") : RC_OK;
}

static enum rc read_lists(const struct json *o, struct arena *a, struct prompt_args *out, struct err *e)
{
    struct entity *entities = NULL;
    size_t count = 0;
    out->entities = json_get(o, STR("entities"));
    out->paths = json_get(o, STR("paths"));
    for (const struct json *p = out->paths ? out->paths->first : NULL; p; p = p->next) {
        if (p->type != JSON_STRING || (p->s.n && p->s.p[0] != '/')) {
            return invalid(e, "paths", "JSON Pointers, such as /answer");
        }
    }
    if (out->paths && out->paths->type != JSON_ARRAY) {
        return invalid(e, "paths", "an array of JSON Pointers");
    }
    enum rc rc = out->entities ? prompt_entities_read(out->entities, a, &entities, &count, e) : RC_OK;
    return rc ? rc : mentions_check(entities, count, e);
}

/* prompt and model may be those of a definition (kinds/prompt_batch.h), as a matrix hands them out: what they hold beside a name is
 * as if it stood outside, and may not stand there too. */
static enum rc read_prompt_object(const struct json *o, const struct json **vars, struct prompt_args *out,
                                  struct err *e)
{
    const struct json *prompt = json_get(o, STR("prompt"));
    if (!prompt || prompt->type != JSON_OBJECT) {
        return RC_OK;
    }
    enum rc rc = json_only(prompt, prompt_members, e);
    rc = rc ? rc : json_get_str(prompt, "id", &out->prompt_id, e);
    if (!rc && json_get(prompt, STR("vars"))) {
        rc =
            *vars ? invalid(e, "vars", "stands in the prompt already") : read_object(prompt, "vars", vars, e);
    }
    return rc;
}

static enum rc read_model_object(const struct json *o, struct prompt_args *out, struct err *e)
{
    const struct json *model = json_get(o, STR("model"));
    if (!model || model->type != JSON_OBJECT) {
        return json_get_str(o, "model", &out->model, e);
    }
    enum rc rc = json_only(model, model_members, e);
    rc = rc ? rc : json_get_str(model, "id", &out->model, e);
    if (!rc && json_get(model, STR("provider"))) {
        rc = out->provider.n ? invalid(e, "provider", "stands in the model already")
                             : json_get_str(model, "provider", &out->provider, e);
    }
    if (!rc && json_get(model, STR("params"))) {
        rc = out->params ? invalid(e, "params", "stands in the model already")
                         : read_object(model, "params", &out->params, e);
    }
    return rc;
}

enum rc prompt_budget_read(const struct json *o, struct prompt_budget *out, struct err *e)
{
    const struct json *b = NULL;
    enum rc rc = read_object(o, "budget", &b, e);
    *out = (struct prompt_budget){0};
    if (rc || !b) {
        return rc;
    }
    rc = json_only(b, budget_members, e);
    rc = rc ? rc : json_get_int(b, "calls", 1, PROMPT_BUDGET_MAX, &out->calls, e);
    rc = rc ? rc : json_get_int(b, "tokens", 1, PROMPT_BUDGET_MAX, &out->tokens, e);
    rc = rc ? rc : json_get_real(b, "usd", 0, PROMPT_BUDGET_MAX, &out->usd, e);
    const struct json *usd = json_get(b, STR("usd"));
    if (!rc && usd && usd->type != JSON_NULL && out->usd <= 0) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", "usd", "usd is more than 0");
    }
    return rc ? err_wrap(e, rc, "budget") : RC_OK;
}

enum rc prompt_args_read(struct str text, struct arena *a, struct prompt_args *out, struct err *e)
{
    struct json *o = NULL;
    const struct json *vars = NULL;
    *out = (struct prompt_args){.max_tokens_cap = MAX_TOKENS_CAP};
    enum rc rc = json_parse(text, a, &o, e);
    rc = rc ? rc : json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "provider", &out->provider, e);
    rc = rc ? rc : json_get_int(o, "run", 1, INT32_MAX, &out->run, e);
    rc = rc ? rc : json_get_str(o, "system", &out->system_text, e);
    rc = rc ? rc : json_get_bool(o, "code", &out->with_code, e);
    rc = rc ? rc : json_get_int(o, "max_tokens_cap", 1, 1000000, &out->max_tokens_cap, e);
    rc = rc ? rc : read_object(o, "vars", &vars, e);
    rc = rc ? rc : read_object(o, "params", &out->params, e);
    rc = rc ? rc : read_prompt_object(o, &vars, out, e);
    rc = rc ? rc : read_model_object(o, out, e);
    rc = rc ? rc : prompt_params_check(out->params, e);
    rc = rc ? rc : read_schema(o, a, out, e);
    rc = rc ? rc : read_lists(o, a, out, e);
    rc = rc ? rc : prompt_budget_read(o, &out->budget, e);
    rc = rc ? rc : read_messages(o, vars, a, out, e);
    rc = rc ? rc : placeholders_fill(out->system_text, vars, a, &out->system_text, e);
    if (rc) {
        return rc;
    }
    if (!out->provider.n || !out->model.n) {
        return invalid(e, out->provider.n ? "model" : "provider", "is missing");
    }
    return RC_OK;
}

/* ---- entities */

static const char *const entity_members[] = {"name", "aliases", "domains", "not", "case_sensitive", NULL};

static enum rc read_texts(const struct json *o, const char *name, struct arena *a, const struct str **out,
                          size_t *count, struct err *e)
{
    const struct json *list = json_get(o, str_from(name));
    if (!list || list->type == JSON_NULL) {
        return RC_OK;
    }
    struct str *texts = arena_array(a, struct str, list->count + 1);
    for (const struct json *i = list->first; i; i = i->next) {
        if (i->type != JSON_STRING) {
            return invalid(e, "entities", "aliases, domains and not are arrays of texts");
        }
        texts[(*count)++] = i->s;
    }
    *out = texts;
    return list->type == JSON_ARRAY ? RC_OK
                                    : invalid(e, "entities", "aliases, domains and not are arrays of texts");
}

static enum rc read_entity(const struct json *o, struct arena *a, struct entity *out, struct err *e)
{
    if (o->type == JSON_STRING) { /* a name alone */
        out->name = o->s;
        return o->s.n ? RC_OK : invalid(e, "entities", "a name is empty");
    }
    if (o->type != JSON_OBJECT) {
        return invalid(e, "entities", "each is a text, or an object with a name");
    }
    enum rc rc = json_only(o, entity_members, e);
    rc = rc ? rc : json_get_str(o, "name", &out->name, e);
    rc = rc ? rc : json_get_bool(o, "case_sensitive", &out->is_case_sensitive, e);
    rc = rc ? rc : read_texts(o, "aliases", a, &out->forms, &out->form_count, e);
    rc = rc ? rc : read_texts(o, "domains", a, &out->domains, &out->domain_count, e);
    rc = rc ? rc : read_texts(o, "not", a, &out->not_in, &out->not_in_count, e);
    return rc || out->name.n ? rc : invalid(e, "entities", "each has a name");
}

enum rc prompt_entities_read(const struct json *list, struct arena *a, struct entity **out, size_t *count,
                             struct err *e)
{
    if (list->type != JSON_ARRAY || list->count > PROMPT_ENTITIES_MAX) {
        return invalid(e, "entities", "an array of at most 500");
    }
    struct entity *entities = arena_array(a, struct entity, list->count + 1);
    size_t n = 0;
    for (const struct json *i = list->first; i; i = i->next) {
        enum rc rc = read_entity(i, a, &entities[n++], e);
        if (rc) {
            return rc;
        }
    }
    *out = entities;
    *count = n;
    return RC_OK;
}
