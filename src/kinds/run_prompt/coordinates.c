/* coordinates.c: see coordinates.h. */
#include "kinds/run_prompt/coordinates.h"

#define KEY_PREFIX "schedule:"

static enum rc read_list(const struct json *o, const char *name, struct arena *a, const struct json ***out,
                         size_t *count, struct err *e)
{
    const struct json *list = json_get(o, str_from(name));
    if (!list || list->type != JSON_ARRAY || !list->count) {
        return err_set_code(e, RC_INVALID, "invalid_input", "matrix", "matrix: %s is no list", name);
    }
    *out = arena_array(a, const struct json *, list->count);
    for (const struct json *i = list->first; i; i = i->next) {
        (*out)[(*count)++] = i;
    }
    return RC_OK;
}

enum rc coordinates_read(const struct json *o, struct arena *a, struct coordinates *out, struct err *e)
{
    static const char *const members[] = {"prompts", "models", "runs", NULL};
    struct coordinates c = {.runs = 1};
    enum rc rc = json_only(o, members, e);
    rc = rc ? rc : read_list(o, "prompts", a, &c.prompts, &c.prompt_count, e);
    rc = rc ? rc : read_list(o, "models", a, &c.models, &c.model_count, e);
    rc = rc ? rc : json_get_int(o, "runs", 1, PROMPT_BATCH_MAX_RUNS, &c.runs, e);
    if (!rc) {
        *out = c;
    }
    return rc;
}

/* "schedule:NAME:" and "TICK:NUMBER": a tick has colons of its own, a name of ours has none. */
static struct str behind_name(struct str key)
{
    struct str rest = STR_NONE;
    if (!str_starts(key, STR(KEY_PREFIX))) {
        return STR("");
    }
    (void)str_cut(str_sub(key, sizeof KEY_PREFIX - 1, key.n), ':', &rest);
    return rest;
}

static size_t last_colon(struct str s)
{
    size_t i = s.n;
    while (i > 0 && s.p[i - 1] != ':') {
        i--;
    }
    return i; /* behind it; 0: there is none */
}

struct str coordinates_tick(struct str key)
{
    struct str rest = behind_name(key);
    size_t colon = last_colon(rest);
    return colon ? str_sub(rest, 0, colon - 1) : STR("");
}

bool coordinates_find(const struct coordinates *c, struct str key, struct prompt_coordinate *out)
{
    struct str rest = behind_name(key);
    size_t colon = last_colon(rest);
    int64_t n = 0;
    if (!rest.n) {
        return prompt_coordinate_parse(key, out);
    }
    if (!colon || !str_to_i64(str_sub(rest, colon, rest.n), &n) || n < 0 ||
        n >= (int64_t)(c->prompt_count * c->model_count) * c->runs) {
        return false;
    }
    const struct json *model = c->models[n / c->runs % (int64_t)c->model_count];
    *out = (struct prompt_coordinate){.prompt = c->prompts[n / c->runs / (int64_t)c->model_count]->s,
                                      .provider = json_text(model, "provider"),
                                      .model = json_text(model, "id"),
                                      .run = n % c->runs + 1};
    return true;
}
